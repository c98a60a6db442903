//! What a mailbox costs: requests, units and time, added up (N9).
//!
//! A mailbox has a meter that only rises. It stands in the item of its marks, which every hint and
//! every run writes anyway, so that metering costs no write of its own. Once a day the run that
//! finds a new day notes the reading in a row of its own: what a month cost is the difference
//! between two readings.
//!
//! A function says where a unit of work begins and ends ([`Records::begin_unit`]). What the unit has
//! used until a mailbox's meter is written is that mailbox's. What it uses afterwards, and what units
//! use that are for all mailboxes or for none, is shared: a process keeps it and adds it, every
//! [`SHARED_EVERY`], to the day's shared row, which all mailboxes of the deployment have equal parts
//! in. A process that ends takes with it what it has not written: a quarter of an hour of shared work
//! at most. Where nobody says where units begin, a process writes what it has used with its next hint
//! or run, whosesoever that is.

use core::fmt;
use core::num::NonZeroU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ids::MailboxScope;
use super::ledger::LEDGER_SECONDS;
use super::row::{Row, RowBuilder, later};
use super::{Records, keys};
use crate::consumption::Consumption;
use crate::table::{EXPIRES, Order, Span, StoreError, UpdateAction, Value, Write};

/// Most readings that are read at once.
pub const READINGS_MAX: usize = 400;
/// How long a process keeps what is shared before it writes it down.
pub const SHARED_EVERY: SignedDuration = SignedDuration::from_mins(15);
/// The day of the last reading, counted from 1970.
pub(crate) const READ_ON: &str = "u_day";
/// When a reading was taken.
const READ_AT: &str = "at";

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
    /// When the first run of that day began; of readings before this was noted the day's beginning.
    pub at: Timestamp,
    /// What it showed when the first run of that day began.
    pub total: Usage,
}

/// What a process uses beside the table and its requests: the time of the unit of work that it is at.
pub trait Gauge: Send + Sync {
    /// What was used since it was last asked.
    fn take(&self) -> Usage;
}

/// Whom a unit of work is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// The mailbox whose meter is written in it, if one is.
    Mailbox,
    /// All mailboxes of the deployment together, whichever of them are written in it.
    Everybody,
}

/// What this process has used and not yet written.
#[derive(Default)]
pub(crate) struct Meter {
    unwritten: Mutex<Unwritten>,
    gauge: OnceLock<Arc<dyn Gauge>>,
}

#[derive(Debug, Default)]
struct Unwritten {
    usage: Usage,
    /// What the table had consumed when it was last asked.
    consumed: Consumption,
    /// What is to be shared.
    shared: Usage,
    /// Whether the unit that is under way is for everybody.
    is_everybodys: bool,
    /// When what is shared was last written, or first looked at.
    shared_since: Option<Timestamp>,
}

impl Meter {
    fn lock(&self) -> std::sync::MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, usage: Usage) {
        let mut unwritten = self.lock();
        unwritten.usage = unwritten.usage.plus(usage);
    }

    /// Everything since it was last taken, for a mailbox's meter.
    fn take(&self, consumed: Consumption) -> Usage {
        let gauged = self.gauge.get().map(|gauge| gauge.take()).unwrap_or_default();
        let mut unwritten = self.lock();
        let used = unwritten.take(consumed).plus(gauged);
        if unwritten.is_everybodys {
            unwritten.shared = unwritten.shared.plus(used);
            return Usage::default();
        }
        used
    }

    /// Puts everything since it was last taken with what is shared.
    fn share(&self, consumed: Consumption, is_everybodys: bool) {
        let gauged = self.gauge.get().map(|gauge| gauge.take()).unwrap_or_default();
        let mut unwritten = self.lock();
        let used = unwritten.take(consumed).plus(gauged);
        unwritten.shared = unwritten.shared.plus(used);
        unwritten.is_everybodys = is_everybodys;
    }

    /// What is to be added to the shared row now, if its time has come.
    fn take_shared(&self, now: Timestamp) -> Option<Usage> {
        let mut unwritten = self.lock();
        let since = *unwritten.shared_since.get_or_insert(now);
        if now.duration_since(since) < SHARED_EVERY || unwritten.shared == Usage::default() {
            return None;
        }
        unwritten.shared_since = Some(now);
        Some(core::mem::take(&mut unwritten.shared))
    }

    fn return_shared(&self, usage: Usage) {
        let mut unwritten = self.lock();
        unwritten.shared = unwritten.shared.plus(usage);
    }
}

impl Unwritten {
    fn take(&mut self, consumed: Consumption) -> Usage {
        let table = consumed.since(self.consumed);
        self.consumed = consumed;
        core::mem::take(&mut self.usage).plus(Usage {
            read_halves: table.read_halves,
            write_halves: table.write_halves,
            ..Usage::default()
        })
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("unwritten", &self.unwritten)
            .field("gauged", &self.gauge.get().is_some())
            .finish()
    }
}

impl Records {
    /// Notes what was used beside the table, for the meter that is written next.
    pub fn meter(&self, usage: Usage) {
        self.meter.add(usage);
    }

    /// Asks this gauge too whenever a meter is written. The first one stays.
    pub fn gauge_by(&self, gauge: Arc<dyn Gauge>) {
        let _the_first_stays = self.meter.gauge.set(gauge);
    }

    /// Says that a unit of work begins. Units do not overlap: a function does one at a time.
    pub fn begin_unit(&self, payer: Payer) {
        self.meter.share(self.table.consumed(), payer == Payer::Everybody);
    }

    /// Says that the unit is over: what it has used since a mailbox's meter was written is shared.
    pub fn end_unit(&self) {
        self.meter.share(self.table.consumed(), false);
    }

    /// Writes down what is shared, every [`SHARED_EVERY`]. What could not be written is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn write_shared(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(usage) = self.meter.take_shared(now) else {
            return Ok(());
        };
        let expires = later(now, LEDGER_SECONDS).as_second();
        let mut actions: Vec<_> = usage.adding().collect();
        actions.push(UpdateAction::Set(EXPIRES.to_owned(), Value::Number(expires)));
        let day = now.to_zoned(TimeZone::UTC).date();
        let written = self.update(keys::shared_usage(day), actions, None).await;
        if written.is_err() {
            self.meter.return_shared(usage);
        }
        written.map(|_| ())
    }

    /// What all mailboxes of the deployment shared on the days from `since` on, at most
    /// [`READINGS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn shared_usage(&self, since: Date) -> Result<Usage, StoreError> {
        let span = Span::Between(since.to_string(), Date::MAX.to_string());
        let order = Order::Ascending;
        let page = self.table.query(keys::SHARED, &span, None, order, READINGS_MAX).await?;
        let mut total = Usage::default();
        for item in &page.items {
            total = total.plus(Usage::read(Row::new(item)?)?);
        }
        Ok(total)
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
        let row = RowBuilder::new(key).moment(READ_AT, now).expires(later(now, LEDGER_SECONDS));
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
    let day: Date = day.ok_or(StoreError::Corrupt("a reading has no day"))?;
    let row = Row::new(item)?;
    let begins = day.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
    let begins = begins.map_err(|_| StoreError::Corrupt("a reading's day is out of range"))?;
    Ok(Reading { day, at: row.moment(READ_AT)?.unwrap_or(begins), total: Usage::read(row)? })
}
