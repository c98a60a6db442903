//! The counts of the day, which stand with the marks until the day turns.
//!
//! Every transaction of a run writes the marks anyway, so that counting costs no write of its own. The
//! first one that counts something on another day moves what stands there to the row of its day, in
//! itself: the row rises by what the marks lose, or nothing happens. Transactions follow each other by
//! the token that each of them leaves ([`Standing`]), so that what one read of the counts is what it
//! moves. A version that does not know this adds to the row itself: both are added up.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Counter, LEDGER_SECONDS, Statistics, attribute, expires, signed};
use crate::records::ids::MailboxScope;
use crate::records::keys;
use crate::records::lease::TOKEN;
use crate::records::row::{Row, later};
use crate::table::{Item, StoreError, UpdateAction, Value, Write};

/// The day of the counts that stand with the marks, in UTC.
const COUNTED_ON: &str = "n_day";

/// Counts that stand with the marks, and of which day they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    day: Option<Date>,
    counts: Statistics,
}

/// What a commit stands on: what the one before it left in the marks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// Its token; none before the first.
    pub(crate) token: Option<String>,
    /// The counts. None but commits write them.
    pub(crate) tally: Tally,
}

impl Standing {
    pub(crate) fn read(state: Option<&Item>) -> Result<Self, StoreError> {
        let Some(item) = state else {
            return Ok(Self::default());
        };
        let token = Row::new(item)?.optional_text(TOKEN)?.map(str::to_owned);
        Ok(Self { token, tally: Tally::read(item)? })
    }
}

impl Tally {
    pub(crate) fn read(state: &Item) -> Result<Self, StoreError> {
        let row = Row::new(state)?;
        let day = row.optional_text(COUNTED_ON)?.map(str::parse).transpose();
        let day = day.map_err(|_| StoreError::Corrupt("counts have no day"))?;
        Ok(Self { day, counts: Statistics::read(row)? })
    }

    /// The counts, if they are of that day.
    pub(crate) fn on(&self, day: Date) -> Option<&Statistics> {
        (self.day == Some(day)).then_some(&self.counts)
    }

    /// What stands there once `more` was counted.
    pub(crate) fn with(&self, more: &Statistics, now: Timestamp) -> Self {
        if more.is_empty() {
            return self.clone();
        }
        let day = day_of(now);
        let mut counts = self.on(day).cloned().unwrap_or_default();
        counts.merge(more);
        Self { day: Some(day), counts }
    }

    /// What changes in the marks when `more` is counted.
    pub(crate) fn counting(&self, more: &Statistics, now: Timestamp) -> Vec<UpdateAction> {
        let day = day_of(now);
        let counted = more.0.iter().filter(|(_, count)| **count > 0);
        if more.is_empty() {
            return Vec::new();
        }
        if self.day == Some(day) {
            return counted
                .map(|(counter, count)| UpdateAction::Add(attribute(*counter), signed(*count)))
                .collect();
        }
        let over = self.counts.0.keys().filter(|counter| more.get(**counter) == 0);
        let day = Value::Text(day.to_string());
        core::iter::once(UpdateAction::Set(COUNTED_ON.to_owned(), day))
            .chain(over.map(|counter| UpdateAction::Remove(attribute(*counter))))
            .chain(counted.map(|(counter, count)| {
                UpdateAction::Set(attribute(*counter), Value::Number(signed(*count)))
            }))
            .collect()
    }

    /// What moves the counts of a day that is over to its row, when `more` is counted.
    pub(crate) fn moving(
        &self,
        scope: &MailboxScope,
        more: &Statistics,
        now: Timestamp,
    ) -> Option<Write> {
        let day = self.day.filter(|day| *day != day_of(now))?;
        if more.is_empty() || self.counts.is_empty() {
            return None;
        }
        let mut actions = vec![expires(later(now, LEDGER_SECONDS))];
        for (counter, count) in &self.counts.0 {
            actions.push(UpdateAction::Add(attribute(*counter), signed(*count)));
        }
        let key = keys::day(scope, &day.to_string());
        Some(Write::Update { key, actions, condition: None })
    }
}

impl Statistics {
    /// The counts of a row.
    pub(crate) fn read(row: Row<'_>) -> Result<Self, StoreError> {
        let mut statistics = Self::default();
        for counter in Counter::ALL {
            let count = row.count(&attribute(counter))?;
            if count > 0 {
                statistics.add(counter, count);
            }
        }
        Ok(statistics)
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
