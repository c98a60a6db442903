//! The minute schedule: whatever was forgotten, lost or has waited its time is taken up here.
//!
//! Nothing else in the product may be the only one to wake a mailbox or an endpoint. Everything is
//! bounded per minute; what is left over is found again in the next one, since all of it is read off
//! the state. Errors of one mailbox do not keep the others waiting.

use jiff::{SignedDuration, Timestamp};
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, ConnectionRow, MailboxRow, MailboxScope, MailboxState, Notifications, SHARDS,
};

use crate::Service;
use crate::renew::{Renewal, has_trouble, is_pushing};

/// Most mailboxes of one index shard that are sent per minute.
const DUE_PER_SHARD_MAX: usize = 250;
/// Mailboxes that are read at a time.
const PAGE_MAILBOXES: usize = 100;
/// Most mailboxes that are raised per minute because nothing was heard of them.
const RAISED_MAX: u64 = 2000;
/// Most subscriptions that are asked for per minute: each is a request to Exchange.
const RENEWALS_MAX: u64 = 100;
/// Minutes between two looks at a mailbox's subscription. Half of the shortest heartbeat that is
/// sensible, and less than the time in which Exchange gives a subscription up.
const RENEWAL_EVERY_MINUTES: i64 = 5;
/// How late the visible time of the last sync may be written.
const LAST_SYNCED_LAG: SignedDuration = SignedDuration::from_mins(1);
/// Minutes of a day: how often left-over chunks of a mailbox are looked for.
const DAY_MINUTES: i64 = 24 * 60;
/// Most mailboxes per minute whose left-over chunks are looked for.
const TIDIED_MAX: u64 = 20;

/// What a minute's sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Mailboxes that were due and sent.
    pub sent: u64,
    /// Mailboxes that were raised because nothing was heard of them.
    pub raised: u64,
    /// Subscriptions that were made.
    pub renewed: u64,
    /// Subscriptions that could not be made or prolonged.
    pub renewals_failed: u64,
    /// Mailboxes among those that were looked at that show an error.
    pub failing: u64,
    /// Entries that endpoints have taken.
    pub delivered: u64,
    /// Left-over chunks that were removed.
    pub tidied: u64,
    /// What did not work; each is in the log, and found again in the next minute.
    pub errors: u64,
    /// Whether the run's time was up before everything was looked at.
    pub out_of_time: bool,
}

/// One sweep under way.
struct Sweep<'a> {
    service: &'a Service,
    now: Timestamp,
    deadline: Timestamp,
    report: SweepReport,
    looked_for_chunks: u64,
    asked: u64,
    /// Mailboxes whose subscription is looked at when everything else is done.
    renewals: Vec<MailboxScope>,
}

impl Service {
    /// What is done every minute: sends the mailboxes that are due, raises those of which nothing
    /// was heard for [`crate::Options::sweep_every`], renews subscriptions, delivers to endpoints.
    /// Ends within [`crate::Options::run_budget`].
    pub async fn minute(&self) -> SweepReport {
        let mut sweep = self.begin_sweep();
        sweep.send_due().await;
        let organisations = self.records.organisations().await;
        let Some(mut organisations) = sweep.checked(organisations) else {
            return sweep.report;
        };
        // A minute that does not reach all of them begins with another one each time.
        if let Ok(count @ 1..) = i64::try_from(organisations.len()) {
            let first = usize::try_from(minute_of(sweep.now).rem_euclid(count)).unwrap_or(0);
            organisations.rotate_left(first);
        }
        // What needs nobody else comes first: a slow endpoint or Exchange costs only those after it.
        for organisation in &organisations {
            sweep.mailboxes(organisation, Look::Minute).await;
        }
        sweep.deliver(&organisations).await;
        sweep.renew_listed().await;
        sweep.report
    }

    /// What a process does that has all of the work to itself and was started again: every mailbox
    /// is swept once, whatever its marks say, and its subscription is looked at.
    pub async fn start_up(&self) -> SweepReport {
        let mut sweep = self.begin_sweep();
        // Nobody else does it: it takes as long as it takes.
        sweep.deadline = Timestamp::MAX;
        let organisations = self.records.organisations().await;
        for organisation in sweep.checked(organisations).unwrap_or_default() {
            sweep.mailboxes(&organisation, Look::StartUp).await;
        }
        sweep.renew_listed().await;
        sweep.report
    }

    fn begin_sweep(&self) -> Sweep<'_> {
        let now = self.world.now();
        Sweep {
            service: self,
            now,
            deadline: now.saturating_add(self.options.run_budget).unwrap_or(Timestamp::MAX),
            report: SweepReport::default(),
            looked_for_chunks: 0,
            asked: 0,
            renewals: Vec::new(),
        }
    }

    /// Sends a mailbox with an id that no message had, so that none is dropped as a duplicate.
    async fn send_afresh(&self, scope: &MailboxScope, hinted: u64) -> Result<(), StoreError> {
        let id = format!("{}#{}", scope.mailbox, self.world.uuid());
        self.intake().send(scope, id).await?;
        self.records.record_enqueued(scope, hinted, self.world.now()).await
    }
}

/// Why mailboxes are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Minute,
    StartUp,
}

impl Sweep<'_> {
    /// Counts and logs an error.
    fn checked<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::warn!(%error, "a part of the sweep did not work");
                self.report.errors = self.report.errors.saturating_add(1);
                None
            }
        }
    }

    fn is_out_of_time(&mut self) -> bool {
        let is_out = self.service.world.now() >= self.deadline;
        self.report.out_of_time |= is_out;
        is_out
    }

    /// Sends what is due, whatever `enqueued` says: a lost message strands nobody.
    async fn send_due(&mut self) {
        for shard in 0..SHARDS {
            let due = self.service.records.dirty_due(shard, self.now, DUE_PER_SHARD_MAX).await;
            for due in self.checked(due).unwrap_or_default() {
                if self.is_out_of_time() {
                    return;
                }
                let sent = self.service.send_afresh(&due.scope, due.marks.hinted).await;
                if self.checked(sent).is_some() {
                    self.report.sent = self.report.sent.saturating_add(1);
                }
            }
        }
    }

    async fn mailboxes(&mut self, organisation: &OrganisationId, look: Look) {
        let connections = self.service.records.connections(organisation).await;
        let Some(connections) = self.checked(connections) else {
            return;
        };
        let is_on = self.service.is_switched_on(organisation).await;
        let Some(is_on) = self.checked(is_on) else {
            return;
        };
        let mut after = None;
        while !self.is_out_of_time() {
            let records = &self.service.records;
            let page = records.mailboxes(organisation, after, PAGE_MAILBOXES).await;
            let Some(page) = self.checked(page) else {
                return;
            };
            for found in &page.mailboxes {
                let row = &found.value;
                let scope = MailboxScope { organisation: organisation.clone(), mailbox: row.id };
                let connection = connections
                    .iter()
                    .map(|connection| &connection.value)
                    .find(|connection| is_on && connection.id == row.connection);
                if self.is_out_of_time() {
                    return;
                }
                self.mailbox(&scope, row, connection, look).await;
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    async fn mailbox(
        &mut self,
        scope: &MailboxScope,
        row: &MailboxRow,
        connection: Option<&ConnectionRow>,
        look: Look,
    ) {
        let is_used = connection.is_some_and(|it| it.enabled && it.appointments);
        if look == Look::StartUp || self.is_renewal_due(row, connection) {
            self.renewals.push(scope.clone());
        }
        if row.is_on() && is_used {
            self.report.failing += u64::from(!row.troubles.is_empty());
            let polled = connection.is_some_and(|it| it.notifications == Notifications::Poll);
            let raised = match look {
                Look::StartUp => self.raise_afresh(scope).await,
                Look::Minute => self.raise_if_silent(scope, row, polled).await,
            };
            self.checked(raised);
        }
        if look == Look::Minute && is_turn(row.id, self.now, DAY_MINUTES) {
            let tidied = self.tidy(scope).await;
            self.checked(tidied);
        }
    }

    /// A mailbox that nobody has subscribed yet is looked at every minute, others when it is their
    /// turn.
    fn is_renewal_due(&self, row: &MailboxRow, connection: Option<&ConnectionRow>) -> bool {
        let is_new = row.enabled
            && row.state == MailboxState::New
            && connection.is_some_and(is_pushing)
            && !has_trouble(row);
        is_new || is_turn(row.id, self.now, RENEWAL_EVERY_MINUTES)
    }

    /// Delivers in at most half of the time that is left, and leaves the rest to renewal.
    async fn deliver(&mut self, organisations: &[OrganisationId]) {
        let now = self.service.world.now();
        let half = self.deadline.duration_since(now) / 2;
        let deadline = now.saturating_add(half).unwrap_or(self.deadline);
        let woken = self.service.deliveries().wake_all(organisations, deadline).await;
        self.report.delivered = self.report.delivered.saturating_add(woken.delivered);
        for (_, error) in woken.failures {
            self.checked::<()>(Err(error));
        }
    }

    async fn renew_listed(&mut self) {
        for scope in core::mem::take(&mut self.renewals) {
            let is_enough = self.asked >= RENEWALS_MAX && self.deadline != Timestamp::MAX;
            if is_enough || self.is_out_of_time() {
                return;
            }
            let renewed = self.renew(&scope).await;
            self.checked(renewed);
        }
    }

    async fn renew(&mut self, scope: &MailboxScope) -> Result<(), StoreError> {
        match self.service.renew_mailbox(scope).await? {
            Renewal::Renewed => {
                self.asked = self.asked.saturating_add(1);
                self.report.renewed = self.report.renewed.saturating_add(1);
            }
            Renewal::Failed(_) => {
                self.asked = self.asked.saturating_add(1);
                self.report.renewals_failed = self.report.renewals_failed.saturating_add(1);
            }
            Renewal::Alive | Renewal::NotWanted | Renewal::Waits(_) => {}
        }
        Ok(())
    }

    /// Raises a mailbox that was not synced since its last turn. One that is dirty is not raised
    /// again: its due time stands in the index.
    async fn raise_if_silent(
        &mut self,
        scope: &MailboxScope,
        row: &MailboxRow,
        polled: bool,
    ) -> Result<(), StoreError> {
        let period = if polled { 1 } else { minutes(self.service.options.sweep_every) };
        let since = last_turn(row.id, self.now, period);
        let is_fresh = row
            .last_synced
            .is_some_and(|at| at.as_second() + LAST_SYNCED_LAG.as_secs() > since.as_second());
        if (is_fresh && !polled) || self.report.raised >= RAISED_MAX {
            return Ok(());
        }
        if self.service.records.marks(scope).await?.is_dirty() {
            return Ok(());
        }
        self.service.raise(scope, &Collection::calendar()).await?;
        self.report.raised = self.report.raised.saturating_add(1);
        Ok(())
    }

    async fn raise_afresh(&mut self, scope: &MailboxScope) -> Result<(), StoreError> {
        let service = self.service;
        let marks =
            service.records.raise(scope, &Collection::calendar(), service.world.now()).await?;
        service.send_afresh(scope, marks.hinted).await?;
        self.report.raised = self.report.raised.saturating_add(1);
        Ok(())
    }

    async fn tidy(&mut self, scope: &MailboxScope) -> Result<(), StoreError> {
        if self.looked_for_chunks >= TIDIED_MAX {
            return Ok(());
        }
        self.looked_for_chunks = self.looked_for_chunks.saturating_add(1);
        let removed = self.service.records.remove_orphaned_chunks(scope, self.now).await?;
        let removed = u64::try_from(removed).unwrap_or(u64::MAX);
        self.report.tidied = self.report.tidied.saturating_add(removed);
        Ok(())
    }
}

/// Minutes since 1970.
fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// At least one.
fn minutes(duration: SignedDuration) -> i64 {
    (duration.as_secs() / 60).max(1)
}

/// Which minute of a period is a mailbox's. The end of a UUIDv7 is random, so that mailboxes spread.
fn place_of(mailbox: MailboxId, period: i64) -> i64 {
    let [.., a, b, c, d] = *mailbox.uuid().as_bytes();
    i64::from(u32::from_be_bytes([a, b, c, d])) % period.max(1)
}

/// Whether this minute is a mailbox's own.
fn is_turn(mailbox: MailboxId, now: Timestamp, period: i64) -> bool {
    minute_of(now).rem_euclid(period.max(1)) == place_of(mailbox, period)
}

/// The beginning of the last minute, this one included, that was a mailbox's own.
fn last_turn(mailbox: MailboxId, now: Timestamp, period: i64) -> Timestamp {
    let period = period.max(1);
    let since = (minute_of(now) - place_of(mailbox, period)).rem_euclid(period);
    Timestamp::from_second((minute_of(now) - since) * 60).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
