//! The course of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_business::{CloudEvent, StateChange};
use tidemark_engine::{BrakeState, Braked, BrakedWhat, MailboxFacts, Profile, StampView};
use tidemark_mailbox::{Disposition, Mailbox, MailboxError, RemoteId};
use tidemark_model::{Kind, LinkId, Zone};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, Commit, CommitError, Document, FeedEntry, FirstSync, HoldId, HoldRow, IntentRow,
    ItemCommit, Lease, LeaseHeld, LeaseLost, LinkRow, MailboxRow, MailboxScope, MailboxState,
    PendingRow, StartedAt, Trouble,
};

use super::item::{Seen, Work};
use super::lease::{LeasePermit, REQUEST_TIMEOUT};
use super::stop::Stop;
use crate::profile::Rules;
use crate::service::Service;

/// How much longer a lease lasts than a run may take: the slowest request that the run can have
/// begun, and the margin that writes keep.
const LEASE_OVER: SignedDuration = SignedDuration::from_secs(REQUEST_TIMEOUT.as_secs() + 20);
/// Waiting changes that one run takes up. More of them continue in the next run.
const PENDING_MAX: usize = 500;
/// Intents that can be open at once: one per item, settled before new ones are recorded.
const INTENTS_MAX: usize = 500;
/// How long a broken connection rests before it is tried again.
const BROKEN_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// How long a mailbox rests whose brake is on, before somebody looks whether it was released.
const BRAKE_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// The trouble of a mailbox that another connector works on as well (E21).
const SECOND_CONNECTOR: &str = "second-connector";
/// How old the visible time of the last sync may get before it is written again.
const LAST_SYNCED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything up to the run's start is dealt with.
    Synced,
    /// There is more to do: a message for the next run was sent.
    Continues,
    /// The next run comes at this time.
    Waits(Timestamp),
    /// Somebody else is at this mailbox, until this time at most.
    Held(Timestamp),
    /// The mailbox is switched off or unknown: there is nothing to run.
    Off,
}

/// What a run did, for logs and metrics. Holds no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunReport {
    /// How it ended.
    pub end: RunEnd,
    /// Items that were looked at.
    pub items: u64,
    /// Writes to Exchange.
    pub writes: u64,
    /// Events told to the business system.
    pub events: u64,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) service: &'a Service,
    pub(super) scope: MailboxScope,
    pub(super) row: Document<MailboxRow>,
    pub(super) profile: Profile,
    pub(super) facts: MailboxFacts,
    /// Domains of the organisation's people, lower case.
    pub(super) domains: BTreeSet<String>,
    pub(super) mailbox: Arc<dyn Mailbox>,
    pub(super) collection: Collection,
    pub(super) lease: Lease,
    pub(super) started: StartedAt,
    pub(super) permit: LeasePermit,
    pub(super) deadline: Timestamp,
    pub(super) brake: BrakeState,
    /// Waiting changes of the business system by item; what was dealt with is taken out.
    pub(super) pending: BTreeMap<LinkId, Vec<PendingRow>>,
    /// Whether more changes wait than this run took up.
    pub(super) more_pending: bool,
    /// What waits for a person, by item.
    pub(super) holds: BTreeMap<LinkId, HoldRow>,
    /// The present compare run: items that it saw carry it.
    pub(super) generation: u64,
    /// Whether an item carries a stamp that we did not make (E21).
    pub(super) foreign: bool,
    pub(super) report: RunReport,
}

impl Service {
    /// Syncs a mailbox once. `deadline` is when the process that runs this ends.
    ///
    /// # Errors
    /// [`StoreError`] when our own store does not answer: the message has to come again.
    pub async fn sync(
        &self,
        scope: &MailboxScope,
        deadline: Timestamp,
    ) -> Result<RunReport, StoreError> {
        let report = |end| RunReport {
            end,
            items: 0,
            writes: 0,
            events: 0,
        };
        let now = self.world.now();
        let Some(row) = self.records.mailbox(scope).await? else {
            return Ok(report(RunEnd::Off));
        };
        let stop_at = deadline.min(now + self.options.run_budget);
        let ttl = stop_at.duration_since(now) + LEASE_OVER;
        let owner = self.world.uuid().to_string();
        let lease = match self.records.take_lease(scope, &owner, now, ttl).await {
            Ok(lease) => lease,
            Err(LeaseHeld::Held { until }) => return Ok(report(RunEnd::Held(until))),
            Err(LeaseHeld::Store(error)) => return Err(error),
        };
        let started = match self.records.start(scope, &lease, now).await {
            Ok(started) => started,
            Err(LeaseLost::Lost) => return Ok(report(RunEnd::Held(lease.until()))),
            Err(LeaseLost::Store(error)) => return Err(error),
        };
        match self.prepare(scope, row, &lease, &started, stop_at).await {
            Ok(Some(run)) => run.conduct().await,
            Ok(None) => {
                // Switched off. What was asked for waits until it is switched on again.
                self.end(scope, &lease, &started).await?;
                Ok(report(RunEnd::Off))
            }
            Err(Stop::Broken(error) | Stop::WaitUntil(_, error)) => {
                let at = now + BROKEN_WAIT;
                self.note_trouble(scope, &lease, &error).await?;
                self.wait(scope, &lease, at).await?;
                Ok(report(RunEnd::Waits(at)))
            }
            Err(Stop::Store(error)) => Err(error),
            Err(_) => Ok(report(RunEnd::Held(lease.until()))),
        }
    }

    /// Gathers what a run needs. None when the mailbox or its connection is switched off.
    async fn prepare(
        &self,
        scope: &MailboxScope,
        row: Document<MailboxRow>,
        lease: &Lease,
        started: &StartedAt,
        deadline: Timestamp,
    ) -> Result<Option<Run<'_>>, Stop> {
        let organisation = &scope.organisation;
        let connection = self
            .records
            .connection(organisation, row.value.connection)
            .await?;
        let Some(connection) = connection.filter(|it| it.value.enabled && it.value.appointments)
        else {
            return Ok(None);
        };
        if !row.value.enabled || row.value.paused.is_some() {
            return Ok(None);
        }
        let rules = match &row.value.profile {
            Some(name) => self.records.profile(organisation, name).await?,
            None => None,
        };
        let rules: Rules = match rules {
            Some(rules) => serde_json::from_value(rules.value.rules)
                .map_err(|_| StoreError::Corrupt("a profile's rules cannot be read"))?,
            None => Rules::default(),
        };
        let settings = self.records.organisation(organisation).await?;
        let domains = settings
            .map(|it| it.value.domains.into_iter().collect())
            .unwrap_or_default();
        let brake = self.records.brake(scope).await?;
        let holds = self.records.holds(scope).await?;
        let mailbox = self
            .exchange
            .open(&connection.value, &row.value)
            .await
            .map_err(Stop::Broken)?;
        let now = self.world.now();
        let zone = row
            .value
            .time_zone
            .as_deref()
            .and_then(|name| Zone::parse(name).ok());
        Ok(Some(Run {
            service: self,
            scope: scope.clone(),
            profile: rules.profile(now),
            facts: MailboxFacts {
                addresses: row.value.addresses(),
                employees: BTreeSet::new(),
                zone: zone.unwrap_or_else(Zone::utc),
                first_copy: row.value.state != MailboxState::Synced,
            },
            row,
            domains,
            mailbox,
            collection: Collection::calendar(),
            lease: lease.clone(),
            started: started.clone(),
            permit: LeasePermit::new(self.world.clock(), lease.until()),
            deadline,
            brake: brake.map_or_else(BrakeState::default, |spent| BrakeState {
                hour: spent.hour,
                deletes: spent.deletes,
                mails: spent.mails,
            }),
            pending: BTreeMap::new(),
            more_pending: false,
            holds: holds
                .into_iter()
                .filter_map(|hold| Some((hold.link?, hold)))
                .collect(),
            generation: 0,
            foreign: false,
            report: RunReport {
                end: RunEnd::Continues,
                items: 0,
                writes: 0,
                events: 0,
            },
        }))
    }

    async fn end(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        started: &StartedAt,
    ) -> Result<(), StoreError> {
        match self.records.finish(scope, lease, started, None).await {
            Ok(()) | Err(LeaseLost::Lost) => self.records.release_lease(scope, lease).await,
            Err(LeaseLost::Store(error)) => Err(error),
        }
    }

    async fn wait(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        match self.records.wait_until(scope, lease, at).await {
            Ok(()) | Err(LeaseLost::Lost) => self.records.release_lease(scope, lease).await,
            Err(LeaseLost::Store(error)) => Err(error),
        }
    }

    /// Shows on the mailbox what is wrong with it, and tells the business system (N20). A trouble
    /// that stands there already stays, and nobody is told twice.
    async fn note_trouble(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        error: &MailboxError,
    ) -> Result<(), StoreError> {
        let Some(mut row) = self.records.mailbox(scope).await? else {
            return Ok(());
        };
        if row
            .value
            .troubles
            .iter()
            .any(|trouble| trouble.code == error.code)
        {
            return Ok(());
        }
        let now = self.world.now();
        if !matches!(error.disposition, Disposition::RetryAfter(_)) {
            let change = StateChange {
                name: "mailbox.failed",
                mailbox_address: row.value.address.clone(),
                mailbox_id: scope.mailbox.to_string(),
                reason: error.text.clone(),
                details: serde_json::json!({ "code": error.code }),
            };
            let id = self.world.uuid();
            let event = CloudEvent::of_state(&scope.organisation, id, now, &change);
            let entry = FeedEntry {
                id,
                link: LinkId::new(id),
                system: row.value.system.clone(),
                event: event.to_json(),
            };
            let item = ItemCommit {
                feed: vec![entry],
                ..ItemCommit::default()
            };
            let commit = Commit::new(scope.clone(), lease.clone()).item(item);
            match self.records.commit(&commit, now).await {
                Ok(_) => {}
                Err(CommitError::Store(error)) => return Err(error),
                // Whoever has the mailbox now meets the same trouble and tells it.
                Err(CommitError::LeaseLost | CommitError::RevisionMoved { .. }) => return Ok(()),
            }
        }
        row.value.troubles.push(Trouble {
            code: error.code.clone(),
            cause: error.text.clone(),
            mend: String::new(),
            since: now,
        });
        self.save_row(scope, row).await
    }

    async fn save_row(
        &self,
        scope: &MailboxScope,
        row: Document<MailboxRow>,
    ) -> Result<(), StoreError> {
        use tidemark_store::records::{AddressTaken, SaveError};
        let saved = self
            .records
            .save_mailbox(&scope.organisation, &row.value, Some(row.revision))
            .await;
        match saved {
            Err(AddressTaken::Save(SaveError::Store(error))) => Err(error),
            // An administrator saved it meanwhile: what is visible is written by the next run.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl Run<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.service.world.now()
    }

    /// Stops a run whose time is used up.
    pub(super) fn check_time(&self) -> Result<(), Stop> {
        if self.now() < self.deadline {
            Ok(())
        } else {
            Err(Stop::OutOfTime)
        }
    }

    /// Runs to the end or to where it has to stop, and sees to the next run.
    async fn conduct(mut self) -> Result<RunReport, StoreError> {
        let stop = match self.work_through().await {
            Ok(()) => match self.finish().await {
                Ok(()) => {
                    self.report.end = RunEnd::Synced;
                    return Ok(self.report);
                }
                Err(stop) => stop,
            },
            Err(stop) => stop,
        };
        self.stop(stop).await
    }

    async fn work_through(&mut self) -> Result<(), Stop> {
        let pending = self
            .service
            .records
            .pending(&self.scope, 0, PENDING_MAX)
            .await?;
        self.more_pending = pending.len() >= PENDING_MAX;
        let mut order = Vec::new();
        for row in pending {
            let link = self
                .service
                .records
                .resolve_link(&self.scope, row.link)
                .await?;
            if !order.contains(&link) {
                order.push(link);
            }
            self.pending.entry(link).or_default().push(row);
        }
        let cursor = self
            .service
            .records
            .cursor(&self.scope, &self.collection)
            .await?;
        self.generation = cursor.generation;
        for intent in self
            .service
            .records
            .intents(&self.scope, INTENTS_MAX)
            .await?
        {
            self.check_time()?;
            self.take_up(intent.link, Some(intent)).await?;
        }
        for link in order {
            self.check_time()?;
            if self.pending.contains_key(&link) {
                self.take_up(link, Vec::new()).await?;
            }
        }
        self.read_changes(cursor).await?;
        if self.more_pending {
            Err(Stop::OutOfTime)
        } else {
            Ok(())
        }
    }

    /// Deals with an item that a change waits for, or a write that a predecessor did not see end.
    async fn take_up(&mut self, link: LinkId, intents: Vec<IntentRow>) -> Result<(), Stop> {
        let row = self.service.records.link(&self.scope, link).await?;
        let link = row.unwrap_or_else(|| LinkRow::new(link, Kind::Appointment, self.now()));
        let pending = self.pending.remove(&link.link).unwrap_or_default();
        let seen = self.find(&link, !intents.is_empty()).await?;
        let commit = match self.joined(&link, seen, &pending).await? {
            Joined::Here(seen) => {
                self.deal_with(Work {
                    link,
                    seen,
                    pending,
                    intent,
                })
                .await?
            }
            Joined::Other(other, seen) => {
                // The item was here before under another id: both ids mean it from now on.
                let redirect = (link.link, other.link);
                let mut commit = self
                    .deal_with(Work {
                        link: *other,
                        seen,
                        pending,
                        intent,
                    })
                    .await?;
                commit.redirects.push(redirect);
                commit
            }
        };
        self.commit(vec![commit]).await
    }

    /// Looks for an item in Exchange: by its id, or by the stamp that a create of ours carries.
    async fn find(&self, link: &LinkRow, begun: bool) -> Result<Seen, Stop> {
        let now = self.now();
        let stop = |error| Stop::of_mailbox(error, now);
        if let Some(id) = &link.remote_id {
            return self
                .look(&RemoteId::new(id.as_str()), StampView::Ours)
                .await
                .map_err(stop);
        }
        // Nothing stands in Exchange unless a create was begun and not seen to end.
        if !begun {
            return Ok(Seen::NotLooked);
        }
        let found = self.mailbox.find_by_stamp(link.link).await.map_err(stop)?;
        match found.first() {
            Some(reference) => self
                .look(&reference.id, StampView::Ours)
                .await
                .map_err(stop),
            None => Ok(Seen::NotLooked),
        }
    }

    /// Commits what belongs to items, without a cursor.
    pub(super) async fn commit(&mut self, items: Vec<ItemCommit>) -> Result<(), Stop> {
        let mut commit = Commit::new(self.scope.clone(), self.lease.clone());
        for item in items {
            for hold in &item.holds {
                if let Some(link) = hold.link {
                    self.holds.insert(link, hold.clone());
                }
            }
            commit = commit.item(item);
        }
        self.carry(commit).await
    }

    pub(super) async fn carry(&self, commit: Commit) -> Result<(), Stop> {
        match self.service.records.commit(&commit, self.now()).await {
            Ok(_) => Ok(()),
            Err(CommitError::LeaseLost) => Err(Stop::LeaseLost),
            // Somebody wrote the link without the lease, which only an administrator's act does.
            Err(CommitError::RevisionMoved { .. }) => Err(Stop::OutOfTime),
            Err(CommitError::Store(error)) => Err(Stop::Store(error)),
        }
    }

    /// Notes that everything up to the start is dealt with, and gives the lease back.
    async fn finish(&mut self) -> Result<(), Stop> {
        let first = self.row.value.state != MailboxState::Synced;
        let mut commit = Commit::new(self.scope.clone(), self.lease.clone());
        if first {
            let mut item = ItemCommit::default();
            let text = "Everything that was in the mailbox has been copied.";
            self.tell_state("firstsync.done", text, None, &mut item);
            commit = commit.item(item);
        }
        self.carry(commit.synced(self.started.clone(), None))
            .await?;
        self.show_success(first).await?;
        self.service
            .records
            .release_lease(&self.scope, &self.lease)
            .await?;
        Ok(())
    }

    /// Shows on the mailbox that it is synced; rarely, since it costs a write.
    async fn show_success(&mut self, first: bool) -> Result<(), Stop> {
        let now = self.now();
        let row = &self.row.value;
        let fresh = row
            .last_synced
            .is_some_and(|last| now.duration_since(last) < LAST_SYNCED_EVERY);
        if !first && fresh && row.troubles.is_empty() && !self.foreign {
            return Ok(());
        }
        let Some(mut row) = self.service.records.mailbox(&self.scope).await? else {
            return Ok(());
        };
        row.value.state = MailboxState::Synced;
        // Troubles of the subscription are cleared by whoever renews it.
        row.value
            .troubles
            .retain(|trouble| trouble.code.starts_with("subscription"));
        row.value.last_synced = Some(now);
        if first {
            let done = row.value.first_sync.done + self.report.items;
            row.value.first_sync = FirstSync {
                done,
                total: Some(done),
            };
        }
        Ok(self.service.save_row(&self.scope, row).await?)
    }

    /// Sees to the next run after this one had to stop.
    async fn stop(mut self, stop: Stop) -> Result<RunReport, StoreError> {
        let (service, scope, lease) = (self.service, self.scope.clone(), self.lease.clone());
        tracing::debug!(mailbox.id = %scope.mailbox, stop = ?stop, "the run stops early");
        match stop {
            Stop::Store(error) => return Err(error),
            Stop::LeaseLost => self.report.end = RunEnd::Held(lease.until()),
            Stop::OutOfTime | Stop::CursorLost => {
                self.show_progress().await?;
                service.records.release_lease(&scope, &lease).await?;
                // A continuation is a hint of our own, under the rule of all hints.
                service.raise(&scope, &self.collection).await?;
                self.report.end = RunEnd::Continues;
            }
            Stop::Unclear => {
                // The lease runs out by itself: until then the write may still arrive.
                match service
                    .records
                    .wait_until(&scope, &lease, lease.until())
                    .await
                {
                    Ok(()) | Err(LeaseLost::Lost) => {}
                    Err(LeaseLost::Store(error)) => return Err(error),
                }
                self.report.end = RunEnd::Waits(lease.until());
            }
            Stop::WaitUntil(at, error) => {
                service.note_trouble(&scope, &lease, &error).await?;
                service.wait(&scope, &lease, at).await?;
                self.report.end = RunEnd::Waits(at);
            }
            Stop::Broken(error) => {
                let at = self.now() + BROKEN_WAIT;
                service.note_trouble(&scope, &lease, &error).await?;
                service.wait(&scope, &lease, at).await?;
                self.report.end = RunEnd::Waits(at);
            }
            Stop::Braked(braked) => {
                let at = self.now() + BRAKE_WAIT;
                self.brake_on(braked).await?;
                service.wait(&scope, &lease, at).await?;
                self.report.end = RunEnd::Waits(at);
            }
        }
        Ok(self.report)
    }

    /// Shows how far the first copy has come.
    async fn show_progress(&mut self) -> Result<(), StoreError> {
        if self.row.value.state == MailboxState::Synced {
            return Ok(());
        }
        let Some(mut row) = self.service.records.mailbox(&self.scope).await? else {
            return Ok(());
        };
        row.value.state = MailboxState::FirstSync;
        row.value.first_sync.done += self.report.items;
        self.service.save_row(&self.scope, row).await
    }

    /// Pauses the mailbox, with a hold that a person releases.
    async fn brake_on(&mut self, braked: Braked) -> Result<(), StoreError> {
        let why = match braked.what {
            BrakedWhat::Deletes => "brake-deletes",
            BrakedWhat::Mails => "brake-mails",
        };
        let holds = self.service.records.holds(&self.scope).await?;
        if holds
            .iter()
            .any(|hold| hold.link.is_none() && hold.why == why)
        {
            return Ok(());
        }
        let text = format!(
            "More than {} in one hour: the mailbox pauses. Release it if this is meant.",
            match braked.what {
                BrakedWhat::Deletes => format!("{} deletes", braked.budget),
                BrakedWhat::Mails => format!("{} people mailed", braked.budget),
            }
        );
        let mut item = ItemCommit::default();
        self.tell_state("hold.created", &text, None, &mut item);
        item.holds.push(HoldRow {
            id: HoldId::new(self.service.world.uuid()),
            link: None,
            why: why.to_owned(),
            text: text.clone(),
            people: 0,
            what: None,
            pending: Vec::new(),
            since: self.now(),
            decision: None,
        });
        match self.commit(vec![item]).await {
            Ok(()) => {}
            Err(Stop::Store(error)) => return Err(error),
            Err(_) => return Ok(()),
        }
        let Some(mut row) = self.service.records.mailbox(&self.scope).await? else {
            return Ok(());
        };
        row.value.paused = Some(text);
        self.service.save_row(&self.scope, row).await
    }
}

/// Whether a new item of the business system is one that was here before.
pub(super) enum Joined {
    /// It is the item that it says it is.
    Here(Seen),
    /// It is the item of another link.
    Other(Box<LinkRow>, Seen),
}
