//! What a mailbox costs: requests, units and time, added up (N9).
//!
//! A mailbox has a meter that only rises. It stands in the item of its marks, which every hint and
//! every run writes anyway, so that metering costs no write of its own. Once a day the run that
//! finds a new day notes the reading in a row of its own: what a month cost is the difference
//! between two readings.
//!
//! What an invocation takes is known only when it is over. So a process keeps what it has used and
//! writes it with its next hint or run, whosesoever that is: the sum is right, and over many
//! invocations so is each mailbox's share. A process that ends takes its last invocation with it.

use core::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::ids::MailboxScope;
use super::ledger::LEDGER_SECONDS;
use super::row::{Row, RowBuilder, later};
use super::{Records, keys};
use crate::consumption::Consumption;
use crate::table::{Order, Span, StoreError, UpdateAction, Write};

/// Most readings that are read at once.
pub const READINGS_MAX: usize = 400;
/// The day of the last reading, counted from 1970.
pub(crate) const READ_ON: &str = "u_day";

macro_rules! usage {
    ($($(#[$doc:meta])* $field:ident = $attribute:literal,)*) => {
        /// What was used, in the units that are billed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Usage {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Usage {
            /// Both together.
            #[must_use]
            pub const fn plus(self, other: Self) -> Self {
                Self { $($field: self.$field.saturating_add(other.$field),)* }
            }

            /// What came since `earlier`, a reading of the same meter.
            #[must_use]
            pub const fn since(self, earlier: Self) -> Self {
                Self { $($field: self.$field.saturating_sub(earlier.$field),)* }
            }

            fn parts(self) -> impl Iterator<Item = (&'static str, NonZeroU64)> {
                let parts = [$(($attribute, self.$field),)*];
                parts.into_iter().filter_map(|(name, count)| Some((name, NonZeroU64::new(count)?)))
            }

            pub(crate) fn read(row: Row<'_>) -> Result<Self, StoreError> {
                Ok(Self { $($field: row.count($attribute)?,)* })
            }
        }
    };
}

usage! {
    /// Halves of DynamoDB's read request units.
    read_halves = "u_read",
    /// Halves of DynamoDB's write request units.
    write_halves = "u_write",
    /// Requests to SQS: sent, received and deleted each count.
    queue_requests = "u_queue",
    /// Invocations of a function.
    invocations = "u_invoke",
    /// Time of functions times their memory, in MB times milliseconds.
    compute_mb_ms = "u_compute",
    /// Requests to Exchange.
    exchange_requests = "u_calls",
    /// Bytes sent to Exchange.
    sent_bytes = "u_sent",
}

impl Usage {
    /// Adds to a mailbox's meter what is not nothing.
    pub(crate) fn adding(self) -> impl Iterator<Item = UpdateAction> {
        self.parts().map(|(name, count)| {
            UpdateAction::Add(name.to_owned(), i64::try_from(count.get()).unwrap_or(i64::MAX))
        })
    }
}

/// What a mailbox's meter showed on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Which day, in UTC.
    pub day: Date,
    /// What it showed when the first run of that day began.
    pub total: Usage,
}

/// What this process has used and not yet written to a mailbox's meter.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Unwritten>);

#[derive(Debug, Default)]
struct Unwritten {
    usage: Usage,
    /// What the table had consumed when it was last asked.
    consumed: Consumption,
}

impl Meter {
    fn add(&self, usage: Usage) {
        let mut unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.usage = unwritten.usage.plus(usage);
    }

    /// Everything since it was last taken.
    fn take(&self, consumed: Consumption) -> Usage {
        let mut unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = consumed.since(unwritten.consumed);
        unwritten.consumed = consumed;
        let usage = core::mem::take(&mut unwritten.usage);
        usage.plus(Usage {
            read_halves: table.read_halves,
            write_halves: table.write_halves,
            ..Usage::default()
        })
    }
}

impl Records {
    /// Notes what was used beside the table, for the meter that is written next.
    pub fn meter(&self, usage: Usage) {
        self.meter.add(usage);
    }

    /// What is to be written to a meter now.
    pub(crate) fn take_usage(&self) -> Usage {
        self.meter.take(self.table.consumed())
    }

    /// What a mailbox's meter shows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn usage(&self, scope: &MailboxScope) -> Result<Usage, StoreError> {
        match self.table.get(&keys::state(scope)).await? {
            Some(item) => Usage::read(Row::new(&item)?),
            None => Ok(Usage::default()),
        }
    }

    /// Readings of a mailbox's meter from `since` on, the earliest first; at most
    /// [`READINGS_MAX`]. A day on which nothing ran has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn readings(
        &self,
        scope: &MailboxScope,
        since: Date,
    ) -> Result<Vec<Reading>, StoreError> {
        let partition = keys::mailbox_partition(scope);
        let span = Span::Between(keys::reading_of(since), keys::reading_of(Date::MAX));
        let order = Order::Ascending;
        let page = self.table.query(&partition, &span, None, order, READINGS_MAX).await?;
        page.items.iter().map(read_reading).collect()
    }

    /// Notes what a meter shows on a new day.
    pub(crate) async fn note_reading(
        &self,
        scope: &MailboxScope,
        total: Usage,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let day = now.to_zoned(TimeZone::UTC).date();
        let key = keys::reading(scope, day);
        let row = RowBuilder::new(key).expires(later(now, LEDGER_SECONDS));
        let row = total.parts().fold(row, |row, (name, count)| row.number(name, count.get()));
        self.table.write(Write::Put { item: row.build(), condition: None }).await.map(|_| ())
    }
}

/// The day that a moment lies in, counted from 1970 in UTC.
pub(crate) fn day_number(at: Timestamp) -> i64 {
    at.as_second().div_euclid(24 * 3600)
}

fn read_reading(item: &crate::table::Item) -> Result<Reading, StoreError> {
    let day = item.key.sort.strip_prefix(keys::READINGS).and_then(|day| day.parse().ok());
    let day = day.ok_or(StoreError::Corrupt("a reading has no day"))?;
    Ok(Reading { day, total: Usage::read(Row::new(item)?)? })
}
