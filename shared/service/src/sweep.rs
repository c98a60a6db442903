//! The minute schedule: whatever was forgotten, lost or has waited its time is taken up here.
//!
//! Nothing else in the product may be the only one to wake a mailbox or an endpoint. Everything is
//! bounded per minute; what is left over is found again in the next one, since all of it is read off
//! the state. Errors of one mailbox do not keep the others waiting.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, ConnectionRow, DUE_SHARDS, Document, MailboxRow, MailboxScope, MailboxState,
    Notifications, Protocol, SHARDS, Watch, Watched,
};

use crate::renew::{Renewal, has_trouble, is_pushing};
use crate::{Delivering, Service};

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
/// Minutes after its turn in which a mailbox that was not swept then is found again. Each of them
/// reads its marks.
const CATCH_UP_MINUTES: i64 = 5;
/// Minutes between two sweeps of a mailbox whose changes Exchange does not push although it should.
const UNPUSHED_EVERY_MINUTES: i64 = 15;
/// Minutes in which all mailboxes of an organisation are looked at after its settings changed.
const WIDE_MINUTES: i64 = 10;
/// The same before its first sweep that knows of the list of those to look at: their turns come once.
const FIRST_WIDE_MINUTES: i64 = 60;
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
    /// Mailboxes whose subscription is looked at when everything else is done.
    renewals: Vec<Looked>,
}

/// A mailbox whose subscription is looked at.
struct Looked {
    scope: MailboxScope,
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
    /// It has its turn.
    Turn,
}

impl Service {
    /// What is done every minute: sends the mailboxes that are due, raises those of which nothing
    /// was heard for [`crate::Options::sweep_every`], renews subscriptions, delivers to endpoints
    /// unless somebody else does ([`crate::Options::delivering`]). Ends within [`crate::Options::run_budget`].
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

    async fn mailboxes(&mut self, organisation: &OrganisationId, look: Look) {
        let connections = self.service.records.connections(organisation).await;
        let Some(connections) = self.checked(connections) else {
            return;
        };
        let is_on = self.service.is_switched_on(organisation).await;
        let Some(is_on) = self.checked(is_on) else {
            return;
        };
        let settings = state_of(&connections, is_on);
        let connections: Vec<_> = connections.into_iter().map(|found| found.value).collect();
        let connections = if is_on { connections } else { Vec::new() };
        let watch = match look {
            Look::StartUp => None,
            Look::Minute if connections.iter().any(needs_looks) => None,
            Look::Minute => {
                let watch = self.watch_list(organisation, settings).await;
                let Some(watch) = self.checked(watch) else {
                    return;
                };
                watch
            }
        };
        match watch {
            None => self.all_mailboxes(organisation, &connections, look).await,
            Some(watch) => self.some_mailboxes(organisation, &connections, watch).await,
        }
    }

    /// Which mailboxes of an organisation are to be looked at; none where all of them are.
    async fn watch_list(
        &self,
        organisation: &OrganisationId,
        settings: String,
    ) -> Result<Option<Watch>, StoreError> {
        let records = &self.service.records;
        let watch = records.watch_list(organisation).await?;
        if watch.settings.as_ref() != Some(&settings) {
            let is_first = watch.settings.is_none();
            let wide = if is_first { FIRST_WIDE_MINUTES } else { WIDE_MINUTES };
            let until = self.now.saturating_add(SignedDuration::from_mins(wide));
            let until = until.unwrap_or(Timestamp::MAX).max(watch.wide_until.unwrap_or(self.now));
            records.note_swept(organisation, &settings, until).await?;
            return Ok(None);
        }
        Ok(Some(watch).filter(|watch| watch.wide_until.is_none_or(|until| until <= self.now)))
    }

    /// Those that are listed, and those that have their turn.
    async fn some_mailboxes(
        &mut self,
        organisation: &OrganisationId,
        connections: &[ConnectionRow],
        watch: Watch,
    ) {
        let ids = self.service.records.mailbox_ids(organisation).await;
        let ids = self.checked(ids).unwrap_or_default();
        let period = minutes(self.service.options.sweep_every);
        let is_turn = |id: &MailboxId| is_turn(*id, self.now, period);
        let mut looked: BTreeMap<_, _> =
            ids.into_iter().filter(is_turn).map(|id| (id, Why::Turn)).collect();
        for watched in watch.mailboxes {
            looked.insert(watched.mailbox, Why::Listed(watched));
        }
        for (mailbox, why) in looked {
            if self.is_out_of_time() {
                return;
            }
            let scope = MailboxScope { organisation: organisation.clone(), mailbox };
            let row = self.service.records.mailbox(&scope).await;
            match (self.checked(row), why) {
                (Some(Some(row)), why) => {
                    self.mailbox(&scope, &row.value, connections, why).await;
                }
                (Some(None), Why::Listed(watched)) => {
                    let unlisted = self.service.records.unwatch(organisation, watched).await;
                    self.checked(unlisted);
                }
                (Some(None) | None, _) => {}
            }
        }
    }

    async fn all_mailboxes(
        &mut self,
        organisation: &OrganisationId,
        connections: &[ConnectionRow],
        look: Look,
    ) {
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
                if self.is_out_of_time() {
                    return;
                }
                self.mailbox(&scope, row, connections, Why::All(look)).await;
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
        connections: &[ConnectionRow],
        why: Why,
    ) {
        let connection = connections.iter().find(|connection| connection.id == row.connection);
        let is_used = connection.is_some_and(|it| it.enabled && it.appointments);
        let calm = match why {
            Why::Listed(watched) if row.is_calm() || !(row.is_on() && is_used) => Some(watched),
            Why::All(_) | Why::Listed(_) | Why::Turn => None,
        };
        let is_looked_at = matches!(why, Why::All(Look::StartUp) | Why::Turn) || calm.is_some();
        if is_looked_at || self.is_renewal_due(row, connection) {
            self.renewals.push(Looked { scope: scope.clone(), calm });
        }
        if row.is_on() && is_used {
            self.report.failing += u64::from(!row.troubles.is_empty());
            let raised = match why {
                Why::All(Look::StartUp) => self.raise_afresh(scope).await,
                Why::All(Look::Minute) | Why::Listed(_) | Why::Turn => {
                    self.raise_if_silent(scope, row, connection).await
                }
            };
            self.checked(raised);
        }
        let is_minute = !matches!(why, Why::All(Look::StartUp));
        if is_minute && is_turn(row.id, self.now, DAY_MINUTES) {
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
        is_new || is_turn(row.id, self.now, RENEWAL_EVERY_MINUTES)
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
        for Looked { scope, calm } in core::mem::take(&mut self.renewals) {
            let is_enough = self.asked >= RENEWALS_MAX && self.deadline != Timestamp::MAX;
            if is_enough || self.is_out_of_time() {
                return;
            }
            let renewed = self.renew(&scope).await;
            if self.checked(renewed).is_some()
                && let Some(watched) = calm
            {
                // Where renewal found something wrong, it is listed anew and stays.
                let unlisted = self.service.records.unwatch(&scope.organisation, watched).await;
                self.checked(unlisted);
            }
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
        connection: Option<&ConnectionRow>,
    ) -> Result<(), StoreError> {
        let polled = connection.is_some_and(|it| it.notifications == Notifications::Poll);
        let period = if polled {
            1
        } else if has_trouble(row) {
            UNPUSHED_EVERY_MINUTES.min(minutes(self.service.options.sweep_every))
        } else {
            minutes(self.service.options.sweep_every)
        };
        let since = last_turn(row.id, self.now, period);
        let ago = minute_of(self.now) - minute_of(since);
        if (row.last_synced.is_some() && ago > CATCH_UP_MINUTES) || self.report.raised >= RAISED_MAX
        {
            return Ok(());
        }
        let marks = self.service.records.marks(scope).await?;
        let is_fresh = marks.synced_at.max(row.last_synced).is_some_and(|at| at >= since);
        if marks.is_dirty() || (is_fresh && !polled) {
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

/// Whether the mailboxes of a connection have to be looked at all the time: those that are polled, and
/// those whose push shows that it is alive by its heartbeats alone.
fn needs_looks(connection: &ConnectionRow) -> bool {
    let is_ews = matches!(connection.protocol, Protocol::Ews(_));
    connection.enabled && (is_ews || connection.notifications == Notifications::Poll)
}

/// What changes whenever somebody changes the connections, or switches the organisation.
fn state_of(connections: &[Document<ConnectionRow>], is_on: bool) -> String {
    let connections = connections.iter();
    let revisions = connections.map(|found| format!("{}:{}", found.value.id, found.revision));
    format!("{}|{}", u8::from(is_on), revisions.collect::<Vec<_>>().join(","))
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
