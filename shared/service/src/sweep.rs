//! The minute schedule: whatever was forgotten, lost or has waited its time is taken up here.
//!
//! Nothing else in the product may be the only one to wake a mailbox or an endpoint. Everything is
//! bounded per minute; what is left over is found again in the next one, since all of it is read off
//! the state. Errors of one mailbox do not keep the others waiting.

mod peek;
mod turns;
mod whom;

use jiff::Timestamp;
use tidemark_model::OrganisationId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, ConnectionRow, DUE_SHARDS, MailboxRow, MailboxScope, MailboxState, Notifications,
    SHARDS, Watched,
};

pub use self::turns::Reached;
use self::turns::{last_turn, minute_of, minutes};
use crate::cost::cap;
use crate::renew::{Renewal, has_trouble, is_pushing};
use crate::{Delivering, Service};

/// Most mailboxes of one index shard that are sent per minute.
const DUE_PER_SHARD_MAX: usize = 250;
/// Most mailboxes that are raised per minute because nothing was heard of them.
const RAISED_MAX: u64 = 2000;
/// Most subscriptions that are asked for per minute: each is a request to Exchange.
const RENEWALS_MAX: u64 = 100;
/// Minutes between two looks at a mailbox's subscription over EWS. Half of the shortest heartbeat that is
/// sensible, and less than the time in which Exchange gives a subscription up.
const RENEWAL_EVERY_MINUTES: i64 = 5;
/// Minutes after its turn in which a mailbox that was not swept then is found again, beside those in
/// which no sweep came to its end. Each of them reads its marks. No less than
/// [`RENEWAL_EVERY_MINUTES`]: so long may it take from a turn of its own to the next look at it.
const CATCH_UP_MINUTES: i64 = 5;
/// Minutes of a day: how often left-over chunks of a mailbox are looked for.
const DAY_MINUTES: i64 = 24 * 60;
/// Most mailboxes per minute whose left-over chunks are looked for.
const TIDIED_MAX: u64 = 20;

/// Most rows of removed mailboxes that are deleted per minute.
const CLEARED_MAX: usize = 500;

/// What a minute's sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Mailboxes that were due and sent.
    pub sent: u64,
    /// Mailboxes that were raised because nothing was heard of them.
    pub raised: u64,
    /// Mailboxes of which nothing was heard, and which were seen to have nothing new.
    pub peeked: u64,
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
    /// Rows of removed mailboxes that were deleted.
    pub cleared: u64,
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
    /// For how many minutes before this one the present organisation was not swept to the end.
    late: i64,
    /// Mailboxes of the present organisation that are asked whether anything has come to them.
    silent: peek::Waiting,
    /// Requests that asked so.
    peeks: u64,
    /// Mailboxes whose subscription is looked at when everything else is done.
    renewals: Vec<Looked>,
}

/// A mailbox whose subscription is looked at.
struct Looked {
    scope: MailboxScope,
    /// What was read of it; nothing where its connection is not known or its organisation is off.
    read: Option<(MailboxRow, ConnectionRow)>,
    /// How it stood on the list of those to look at, if it can be taken off.
    calm: Option<Watched>,
}

/// How a mailbox came to be looked at.
#[derive(Clone, Copy)]
enum Why {
    /// All of the organisation's are.
    All(Look),
    /// It stood on the list of those to look at soon.
    Listed(Watched),
    /// It has its turn, once in so many minutes.
    Turn(i64),
}

impl Service {
    /// What is done every minute: sends the mailboxes that are due, raises those of which nothing
    /// was heard for [`crate::Options::sweep_every`], renews subscriptions, delivers to endpoints
    /// unless somebody else does ([`crate::Options::delivering`]). Ends within [`crate::Options::run_budget`].
    pub async fn minute(&self) -> SweepReport {
        self.minute_until(Timestamp::MAX).await
    }

    /// The same, and no longer than until `latest`.
    pub async fn minute_until(&self, latest: Timestamp) -> SweepReport {
        let mut sweep = self.begin_sweep();
        sweep.deadline = sweep.deadline.min(latest);
        sweep.send_due().await;
        let organisations = self.records.organisations().await;
        let Some(mut organisations) = sweep.checked(organisations) else {
            return sweep.report;
        };
        self.reached.keep_only(&organisations);
        // A minute that does not reach all of them begins with another one each time.
        if let Ok(count @ 1..) = i64::try_from(organisations.len()) {
            let first = usize::try_from(minute_of(sweep.now).rem_euclid(count)).unwrap_or(0);
            organisations.rotate_left(first);
        }
        // What needs nobody else comes first: a slow endpoint or Exchange costs only those after it.
        for organisation in &organisations {
            sweep.mailboxes(organisation, Look::Minute).await;
            sweep.clear_removed(organisation).await;
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
            late: 0,
            silent: peek::Waiting::new(),
            peeks: 0,
            renewals: Vec::new(),
        }
    }

    /// How often mailboxes are swept, in minutes.
    pub(crate) fn sweep_minutes(&self) -> i64 {
        minutes(self.options.sweep_every)
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
        // Those that nobody puts a mailbox into any more are asked in turn.
        let older = u8::try_from(minute_of(self.now).rem_euclid(i64::from(SHARDS - DUE_SHARDS)));
        let older = DUE_SHARDS.saturating_add(older.unwrap_or(0));
        for shard in (0..DUE_SHARDS).chain([older]) {
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

    async fn mailbox(
        &mut self,
        scope: &MailboxScope,
        row: &MailboxRow,
        connections: &[ConnectionRow],
        why: Why,
    ) {
        let connection = connections.iter().find(|connection| connection.id == row.connection);
        let is_used = connection.is_some_and(|it| it.enabled && it.appointments);
        let calm = match why {
            Why::Listed(watched) if row.is_calm() || !(row.is_on() && is_used) => Some(watched),
            Why::All(_) | Why::Listed(_) | Why::Turn(_) => None,
        };
        let is_looked_at = matches!(why, Why::All(Look::StartUp) | Why::Turn(_)) || calm.is_some();
        if is_looked_at || self.is_renewal_due(row, connection) {
            let read = connection.map(|connection| (row.clone(), connection.clone()));
            self.renewals.push(Looked { scope: scope.clone(), read, calm });
        }
        if row.is_on() && is_used {
            self.report.failing += u64::from(!row.troubles.is_empty());
            let raised = match why {
                Why::All(Look::StartUp) => self.raise_afresh(scope).await,
                Why::All(Look::Minute) | Why::Listed(_) | Why::Turn(_) => {
                    self.raise_if_silent(scope, row, connection).await
                }
            };
            self.checked(raised);
        }
        let is_day = match why {
            Why::All(Look::StartUp) => false,
            Why::All(Look::Minute) | Why::Listed(_) => self.had_turn(row, DAY_MINUTES, 1),
            Why::Turn(period) => self.had_turn(row, DAY_MINUTES, period),
        };
        if is_day {
            let tidied = self.tidy(scope).await;
            self.checked(tidied);
        }
    }

    /// Deletes what is left of removed mailboxes.
    async fn clear_removed(&mut self, organisation: &OrganisationId) {
        let (records, now) = (&self.service.records, self.now);
        let mut last = None;
        loop {
            let page = records.removed_mailboxes(organisation, last.as_ref()).await;
            let Some(page) = self.checked(page).filter(|page| !page.is_empty()) else {
                return;
            };
            for removed in page.iter().filter(|removed| removed.is_due(now)) {
                let done = usize::try_from(self.report.cleared).unwrap_or(usize::MAX);
                let left = CLEARED_MAX.saturating_sub(done);
                if left == 0 || self.is_out_of_time() {
                    return;
                }
                let cleared = records.clear_removed(removed, left, now).await;
                let cleared = self.checked(cleared).unwrap_or_default();
                let cleared = u64::try_from(cleared).unwrap_or(u64::MAX);
                self.report.cleared = self.report.cleared.saturating_add(cleared);
            }
            last = page.into_iter().last();
        }
    }

    /// A mailbox that nobody has subscribed yet is looked at every minute, others when it is their
    /// turn.
    fn is_renewal_due(&self, row: &MailboxRow, connection: Option<&ConnectionRow>) -> bool {
        let is_new = row.enabled
            && row.state == MailboxState::New
            && connection.is_some_and(is_pushing)
            && !has_trouble(row);
        is_new || self.had_turn(row, RENEWAL_EVERY_MINUTES, 1)
    }

    /// Whether a mailbox had its turn of a period since it was looked at last, if that is done every so
    /// many minutes.
    fn had_turn(&self, row: &MailboxRow, period: i64, every: i64) -> bool {
        let ago = minute_of(self.now) - minute_of(last_turn(row.id, self.now, period));
        ago < every.saturating_add(self.late)
    }

    /// Delivers in at most half of the time that is left, and leaves the rest to renewal.
    async fn deliver(&mut self, organisations: &[OrganisationId]) {
        if self.service.options.delivering == Delivering::Elsewhere {
            return;
        }
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
        for Looked { scope, read, calm } in core::mem::take(&mut self.renewals) {
            let is_enough = self.asked >= RENEWALS_MAX && self.deadline != Timestamp::MAX;
            if is_enough || self.is_out_of_time() {
                return;
            }
            let renewed = match &read {
                Some((row, connection)) => self.service.renew_read(&scope, row, connection).await,
                None => self.service.renew_mailbox(&scope).await,
            };
            let renewed = renewed.map(|renewal| self.note_renewal(&renewal));
            if self.checked(renewed).is_some()
                && let Some(watched) = calm
            {
                // Where renewal found something wrong, it is listed anew and stays.
                let unlisted = self.service.records.unwatch(&scope.organisation, watched).await;
                self.checked(unlisted);
            }
        }
    }

    fn note_renewal(&mut self, renewal: &Renewal) {
        let counted = match renewal {
            Renewal::Renewed => &mut self.report.renewed,
            Renewal::Failed(_) => &mut self.report.renewals_failed,
            Renewal::Alive | Renewal::NotWanted | Renewal::Waits(_) => return,
        };
        *counted = counted.saturating_add(1);
        self.asked = self.asked.saturating_add(1);
    }

    /// Raises a mailbox that was not synced since its last turn, or asks it whether there is anything to
    /// sync. One that is dirty is not raised again: its due time stands in the index.
    async fn raise_if_silent(
        &mut self,
        scope: &MailboxScope,
        row: &MailboxRow,
        connection: Option<&ConnectionRow>,
    ) -> Result<(), StoreError> {
        let polled = connection.is_some_and(|it| it.notifications == Notifications::Poll);
        let period = cap::sweep_minutes(row, connection, self.service.sweep_minutes());
        let since = last_turn(row.id, self.now, period);
        let ago = minute_of(self.now) - minute_of(since);
        let is_past = ago > CATCH_UP_MINUTES.saturating_add(self.late);
        if (row.last_synced.is_some() && is_past) || self.report.raised >= RAISED_MAX {
            return Ok(());
        }
        let marks = self.service.records.marks(scope).await?;
        let is_fresh = marks.synced_at.max(row.last_synced).is_some_and(|at| at >= since);
        if marks.is_dirty() || (is_fresh && !polled) {
            return Ok(());
        }
        if let Some(connection) = connection
            && self.take_to_peek(scope, row, connection, &marks, period).await?
        {
            return Ok(());
        }
        self.raise_silent(scope).await
    }

    async fn raise_silent(&mut self, scope: &MailboxScope) -> Result<(), StoreError> {
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

#[cfg(test)]
mod tests;
