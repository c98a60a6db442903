//! The cap on what a mailbox costs (N9): one that is above it is swept more rarely.
//!
//! Once a day, where the day's reading of its meter is taken, what the mailbox itself used in the last
//! [`WINDOW_DAYS`] is compared with the cap of its organisation. Above it the time between two sweeps is
//! doubled, at most to [`SWEEP_MINUTES_MAX`] and one step a day; below [`BACK_BELOW_PERCENT`] of it a
//! step is taken back. Nothing else depends on it: what Exchange tells is synced at once as ever.
//! Neither does the mailbox's part of what all share count, which no sweep of its own changes.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tidemark_store::StoreError;
use tidemark_store::records::{
    ConnectionRow, Document, MailboxRow, MailboxScope, Notifications, StartedAt, Usage,
};

use super::{Amount, PriceList, picodollars};
use crate::renew::has_trouble;
use crate::service::Service;

/// Highest cap, in cents.
pub(crate) const CENTS_MAX: u32 = 100_000;
/// Most decimal places of a cap.
pub(crate) const PLACES_MAX: usize = 4;
/// Days that are looked back at: a week has all of its days.
const WINDOW_DAYS: i64 = 7;
/// The least that has to be known.
const WINDOW_MIN: SignedDuration = SignedDuration::from_hours(24);
/// What it is scaled to.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far below the cap a mailbox has to be until a step is taken back, so that it does not swing.
const BACK_BELOW_PERCENT: u64 = 80;
/// Most steps: an hour becomes eight.
const DOUBLINGS_MAX: u8 = 3;
/// The longest time between two sweeps that a cap makes, in minutes.
const SWEEP_MINUTES_MAX: i64 = 8 * 60;
/// Minutes between two sweeps of a mailbox whose changes Exchange does not push although it should.
const UNPUSHED_EVERY_MINUTES: i64 = 15;

/// A cap in cents as it is set; none for what is no cap.
pub(crate) fn read(text: &str) -> Option<Amount> {
    let places = text.split_once('.').map(|(_, fraction)| fraction.len());
    if places.is_some_and(|places| places == 0 || places > PLACES_MAX) {
        return None;
    }
    let cap = Amount { picodollars: picodollars(text)? / 100 };
    (cap > Amount::default() && cap <= Amount::from_cents(CENTS_MAX)).then_some(cap)
}

/// Minutes between two sweeps of a mailbox, where `every` is how often mailboxes are swept. The cap
/// counts only where sweeps are not all that there is: push works, and nothing is wrong.
pub(crate) fn sweep_minutes(
    row: &MailboxRow,
    connection: Option<&ConnectionRow>,
    every: i64,
) -> i64 {
    if connection.is_some_and(|it| it.notifications == Notifications::Poll) {
        1
    } else if has_trouble(row) {
        UNPUSHED_EVERY_MINUTES.min(every)
    } else if row.is_calm() {
        lengthened(every, row.sweep_doublings)
    } else {
        every
    }
}

/// A whole multiple of `every`, so that a turn of the longer period is one of the shorter.
fn lengthened(every: i64, doublings: u8) -> i64 {
    let periods = (0..=doublings.min(DOUBLINGS_MAX)).map(|it| every.saturating_mul(1 << it));
    periods.take_while(|period| *period <= SWEEP_MINUTES_MAX).last().unwrap_or(every)
}

/// One step a day at most.
fn stepped(doublings: u8, used: Amount, cap: Amount) -> u8 {
    if used > cap {
        doublings.saturating_add(1).min(DOUBLINGS_MAX)
    } else if used < cap.scaled(100, BACK_BELOW_PERCENT) {
        doublings.saturating_sub(1)
    } else {
        doublings
    }
}

impl Service {
    /// Holds a mailbox against the cap, if this is the first run of its day. What does not work is
    /// tried again tomorrow: a run must not end by it. Returns the row where it was changed.
    pub(crate) async fn keep_to_cap(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
        cap: Option<&str>,
        started: &StartedAt,
    ) -> Option<Document<MailboxRow>> {
        if !started.is_first_of_day || (cap.is_none() && row.sweep_doublings == 0) {
            return None;
        }
        let stepped = self.step(scope, row, cap, started.marks.usage).await;
        stepped.unwrap_or_else(|error| {
            tracing::warn!(%error, mailbox.id = %scope.mailbox, "the mailbox was not held against the cap");
            None
        })
    }

    async fn step(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
        cap: Option<&str>,
        total: Usage,
    ) -> Result<Option<Document<MailboxRow>>, StoreError> {
        let doublings = match cap.and_then(read) {
            None => 0,
            Some(cap) => match self.own_month(scope, total).await? {
                Some(used) => stepped(row.sweep_doublings, used, cap),
                None => row.sweep_doublings,
            },
        };
        if doublings == row.sweep_doublings {
            return Ok(None);
        }
        self.records.change_mailbox(scope, |row| row.sweep_doublings = doublings).await?;
        let minutes = |doublings| lengthened(self.sweep_minutes(), doublings);
        tracing::info!(
            mailbox.id = %scope.mailbox,
            sweep.minutes = minutes(doublings),
            sweep.minutes_before = minutes(row.sweep_doublings),
            "the cap changes how often the mailbox is swept"
        );
        self.records.mailbox(scope).await
    }

    /// What a mailbox itself used in the last days, in 30 days; none before a whole day is known.
    pub(crate) async fn own_month(
        &self,
        scope: &MailboxScope,
        total: Usage,
    ) -> Result<Option<Amount>, StoreError> {
        let now = self.world.now();
        let today = now.to_zoned(TimeZone::UTC).date();
        let since = today.checked_sub(WINDOW_DAYS.days()).unwrap_or(today);
        let readings = self.records.readings(scope, since).await?;
        let first = readings.first().map(|reading| (reading.at, total.since(reading.total)));
        Ok(first.and_then(|(at, used)| month_of(&used, at, now)))
    }
}

/// What was used between two moments, in 30 days.
fn month_of(used: &Usage, from: Timestamp, until: Timestamp) -> Option<Amount> {
    let time = until.duration_since(from);
    let list = PriceList::embedded()
        .inspect_err(|error| tracing::error!(%error, "the price list cannot be read"))
        .ok()
        .filter(|_| time >= WINDOW_MIN)?;
    let cost: Amount = list.price(used).iter().map(|part| part.amount).sum();
    let seconds = |duration: SignedDuration| u64::try_from(duration.as_secs()).unwrap_or(0);
    Some(cost.scaled(seconds(time), seconds(MONTH)))
}

#[cfg(test)]
mod tests;
