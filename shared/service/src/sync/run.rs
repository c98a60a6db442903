//! The course of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_engine::{BrakeState, MailboxFacts, Profile, StampView};
use tidemark_mailbox::{Disposition, Mailbox, MailboxError, RemoteId};
use tidemark_model::{Kind, LinkId, Zone};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, Commit, CommitError, CursorRow, Document, HoldId, HoldRow, IntentRef, IntentRow,
    ItemCommit, Lease, LeaseHeld, LinkRow, MailboxRow, MailboxScope, MailboxState, MoveRow,
    PendingRow, StartedAt, Usage, WriteKind,
};

use super::aside::{self, Aside};
use super::decided::is_of_copy;
use super::ending::BROKEN_WAIT;
use super::item::{Seen, Work};
use super::lease::{LeasePermit, REQUEST_TIMEOUT};
use super::mail;
use super::named::Names;
use super::stop::Stop;
use crate::profile::Rules;
use crate::service::Service;

/// How much longer a lease lasts than a run may take: the slowest request that the run can have
/// begun, and the margin that writes keep.
const LEASE_OVER: SignedDuration = SignedDuration::from_secs(REQUEST_TIMEOUT.as_secs() + 20);
/// Waiting changes that one run takes up. More of them continue in the next run.
const PENDING_MAX: usize = 500;
/// Waiting changes of one item that one commit carries out; more of them continue in the next run.
pub(super) const PENDING_PER_ITEM_MAX: usize = 16;
/// Intents that can be open at once: one per item, settled before new ones are recorded.
const INTENTS_MAX: usize = 500;

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
    /// Items that were as both sides know them: echoes of our own writes, and what a look through the
    /// mailbox finds unchanged.
    pub unchanged: u64,
    /// What was put before a person.
    pub holds: u64,
    /// Requests to Exchange.
    pub exchange_requests: u64,
    /// Whether the mailbox or its connection is left with an error that somebody has to see to.
    pub failing: bool,
    /// How Exchange was reached, if it was: `ews` or `graph`.
    pub protocol: Option<&'static str>,
}

impl RunReport {
    /// A run that did nothing yet.
    const fn of(end: RunEnd) -> Self {
        Self {
            end,
            items: 0,
            writes: 0,
            events: 0,
            unchanged: 0,
            holds: 0,
            exchange_requests: 0,
            failing: false,
            protocol: None,
        }
    }
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
    /// Writes that were begun and whose item could not be seen in this run yet, by item.
    pub(super) unseen: BTreeMap<LinkId, Vec<IntentRow>>,
    /// What waits for a person, by item.
    pub(super) holds: BTreeMap<LinkId, HoldRow>,
    /// Second copies that wait for a person, by the item that they are copies of.
    pub(super) copies: BTreeMap<LinkId, HoldRow>,
    /// Brakes that a person has released since the last run.
    pub(super) released: Vec<HoldId>,
    /// The present compare run: items that it saw carry it.
    pub(super) generation: u64,
    /// Whether a change waits on for an item that could not be seen now.
    pub(super) waits_on: bool,
    /// Items that we created, or told of before the cursor had moved, and that were not seen among the
    /// changes yet, by their server's id.
    pub(super) created: BTreeMap<String, Created>,
    /// What the cursor is to say before items of the present page are committed apart from it.
    pub(super) noted: Option<CursorRow>,
    /// Whether that was written.
    pub(super) is_noted: bool,
    /// The commit of the last page, which the end of the run joins.
    pub(super) closing: Option<Commit>,
    /// What notifications named.
    pub(super) names: Names,
    /// Items that could not be read, to be tried again.
    pub(super) aside: Vec<Aside>,
    /// Whether an item carries a stamp that we did not make (E21).
    pub(super) foreign: bool,
    pub(super) report: RunReport,
    /// The last move of the mailbox, done or not.
    pub(super) movement: Option<MoveRow>,
    /// Why the connection that the mailbox is to leave cannot be used.
    pub(super) lost: Option<MailboxError>,
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
        let report = RunReport::of;
        let now = self.world.now();
        let Some(row) = self.records.mailbox(scope).await? else {
            return Ok(report(RunEnd::Off));
        };
        let stop_at = deadline.min(now + self.options.run_budget);
        let ttl = stop_at.duration_since(now) + LEASE_OVER;
        let owner = self.world.uuid().to_string();
        let (lease, started) = match self.records.begin_run(scope, &owner, now, ttl).await {
            Ok(begun) => begun,
            Err(LeaseHeld::Held { until }) => return Ok(report(RunEnd::Held(until))),
            Err(LeaseHeld::Store(error)) => return Err(error),
        };
        match Box::pin(self.prepare(scope, row, &lease, &started, stop_at)).await {
            Ok(Some(run)) => Box::pin(run.conduct()).await,
            Ok(None) => {
                // Switched off. What was asked for waits until it is switched on again.
                self.end(scope, &lease, &started).await?;
                Ok(report(RunEnd::Off))
            }
            Err(Stop::Broken(error) | Stop::WaitUntil(_, error)) => {
                let at = now + BROKEN_WAIT;
                self.report_trouble(scope, &lease, &error).await?;
                self.wait(scope, &lease, at).await?;
                let failing = !matches!(error.disposition, Disposition::RetryAfter(_));
                Ok(RunReport { failing, ..report(RunEnd::Waits(at)) })
            }
            Err(Stop::Store(error)) => Err(error),
            Err(_) => Ok(report(RunEnd::Held(lease.until()))),
        }
    }

    /// Gathers what a run needs. None when the mailbox, its connection or its
    /// organisation is switched off.
    async fn prepare(
        &self,
        scope: &MailboxScope,
        row: Document<MailboxRow>,
        lease: &Lease,
        started: &StartedAt,
        deadline: Timestamp,
    ) -> Result<Option<Run<'_>>, Stop> {
        let organisation = &scope.organisation;
        let settings = self.records.organisation(organisation).await?;
        if settings.as_ref().is_some_and(|settings| !settings.value.enabled) {
            return Ok(None);
        }
        let cap = settings.as_ref().and_then(|it| it.value.cap_cents_per_month.as_deref());
        let row = self.keep_to_cap(scope, &row.value, cap, started).await.unwrap_or(row);
        let movement = self.records.mailbox_move(scope).await?;
        let row = self.follow_switch(scope, row, movement.as_ref()).await?;
        let holds = self.records.holds(scope).await?;
        let is_released =
            || holds.iter().any(|hold| hold.link.is_none() && hold.decision.is_some());
        if !row.value.enabled || (row.value.paused.is_some() && !is_released()) {
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
        let domains = settings.map(|it| it.value.domains.into_iter().collect()).unwrap_or_default();
        let brake = self.records.brake(scope).await?;
        let Some(way) = self.way_to(scope, &row.value, movement.as_ref()).await? else {
            return Ok(None);
        };
        let mailbox = way.mailbox;
        let (copies, holds): (Vec<_>, Vec<_>) = holds.into_iter().partition(is_of_copy);
        let now = self.world.now();
        let zone = row.value.time_zone.as_deref().and_then(|name| Zone::parse(name).ok());
        Ok(Some(Run {
            service: self,
            scope: scope.clone(),
            profile: rules.profile(now),
            facts: MailboxFacts {
                addresses: row.value.addresses(),
                employees: BTreeSet::new(),
                zone: zone.unwrap_or_else(Zone::utc),
                first_copy: row.value.state != MailboxState::Synced,
                mailing: mail::mailing(mailbox.capabilities()),
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
            unseen: BTreeMap::new(),
            released: holds
                .iter()
                .filter(|hold| hold.link.is_none() && hold.decision.is_some())
                .map(|hold| hold.id)
                .collect(),
            holds: holds.into_iter().filter_map(|hold| Some((hold.link?, hold))).collect(),
            copies: copies.into_iter().filter_map(|hold| Some((hold.link?, hold))).collect(),
            generation: 0,
            waits_on: false,
            created: BTreeMap::new(),
            noted: None,
            is_noted: false,
            closing: None,
            names: Names::of(&started.marks.named),
            aside: Vec::new(),
            foreign: false,
            report: RunReport { protocol: way.protocol, ..RunReport::of(RunEnd::Continues) },
            movement,
            lost: way.lost,
        }))
    }
}

impl Run<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.service.world.now()
    }

    /// Stops a run whose time is used up.
    pub(super) fn check_time(&self) -> Result<(), Stop> {
        if self.now() < self.deadline { Ok(()) } else { Err(Stop::OutOfTime) }
    }

    /// Runs to the end or to where it has to stop, and sees to the next run.
    async fn conduct(mut self) -> Result<RunReport, StoreError> {
        let worked = match self.lost.take() {
            None => Box::pin(self.work_through()).await,
            Some(error) => Err(Stop::Broken(error)),
        };
        let left = self.leave(worked).await;
        self.meter();
        let stop = match left {
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

    /// Notes what the run asked of Exchange; nothing is asked of it any more.
    fn meter(&mut self) {
        let traffic = self.mailbox.traffic();
        self.report.exchange_requests = traffic.requests;
        self.service.records.meter(Usage {
            exchange_requests: traffic.requests,
            sent_bytes: traffic.sent_bytes,
            ..Usage::default()
        });
    }

    async fn work_through(&mut self) -> Result<(), Stop> {
        self.release_brake().await?;
        let pending = self.service.records.pending(&self.scope, 0, PENDING_MAX).await?;
        self.more_pending = pending.len() >= PENDING_MAX;
        let mut order = Vec::new();
        for row in pending {
            let link = self.service.records.resolve_link(&self.scope, row.link).await?;
            if !order.contains(&link) {
                order.push(link);
            }
            let waiting = self.pending.entry(link).or_default();
            if waiting.len() < PENDING_PER_ITEM_MAX {
                waiting.push(row);
            } else {
                self.more_pending = true;
            }
        }
        let cursor = self.service.records.cursor(&self.scope, &self.collection).await?;
        self.generation = cursor.generation;
        let progress = aside::decode(cursor.progress.as_ref());
        self.aside = progress.aside;
        self.names.go_on(progress.compares);
        for id in progress.told {
            self.created.insert(id, Created::default());
        }
        let mut begun: BTreeMap<LinkId, Vec<IntentRow>> = BTreeMap::new();
        for intent in self.service.records.intents(&self.scope, INTENTS_MAX).await? {
            begun.entry(intent.link).or_default().push(intent);
        }
        self.link_over(&mut begun).await?;
        self.settle_decided(&mut begun).await?;
        for (link, mut intents) in begun {
            self.check_time()?;
            intents.sort_by_key(|intent| (intent.epoch, intent.recorded_at, intent.intent));
            self.take_up(link, intents).await?;
        }
        for link in order {
            self.check_time()?;
            if self.pending.contains_key(&link) {
                self.take_up(link, Vec::new()).await?;
            }
        }
        self.carry_decisions().await?;
        self.read_changes(cursor).await?;
        if self.more_pending || self.movement.is_some() {
            // The run has something left to do after its last page.
            self.close().await?;
        }
        self.finish_move().await?;
        if self.more_pending { Err(Stop::OutOfTime) } else { Ok(()) }
    }

    /// Deals with an item that a change waits for, or a write that a predecessor did not see end.
    pub(super) async fn take_up(
        &mut self,
        link: LinkId,
        intents: Vec<IntentRow>,
    ) -> Result<(), Stop> {
        let row = self.service.records.link(&self.scope, link).await?;
        if let Some(row) = row.as_ref().filter(|row| row.is_unplaced()) {
            return self.take_up_unplaced(row.clone(), intents).await;
        }
        let link = row.unwrap_or_else(|| LinkRow::new(link, Kind::Appointment, self.now()));
        let pending = self.pending.remove(&link.link).unwrap_or_default();
        let begun = intents.iter().any(|intent| intent.kind == WriteKind::Create);
        let seen = self.find(&link, begun).await?;
        self.note_met(link.remote_id.as_deref(), &seen);
        let commit = match self.joined(&link, seen, &pending).await? {
            Joined::Here(seen) => self.deal_with(Work { link, seen, pending, intents }).await?,
            Joined::Other(other, seen) => {
                // The item was here before under another id: both ids mean it from now on.
                let redirect = (link.link, other.link);
                let mut commit =
                    self.deal_with(Work { link: *other, seen, pending, intents }).await?;
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
        let seen = match &link.remote_id {
            Some(id) => {
                self.look(&RemoteId::new(id.as_str()), StampView::Ours).await.map_err(stop)?
            }
            None => Seen::NotLooked,
        };
        // Only a create that was begun and not seen to end can have left an item elsewhere.
        if !begun || !matches!(seen, Seen::NotLooked | Seen::Gone) {
            return Ok(seen);
        }
        let found = self.mailbox.find_by_stamp(link.link).await.map_err(stop)?;
        match found.first() {
            Some(reference) => self.look(&reference.id, StampView::Ours).await.map_err(stop),
            None => Ok(seen),
        }
    }

    /// Commits the last page by itself.
    async fn close(&mut self) -> Result<(), Stop> {
        match self.closing.take() {
            Some(commit) => self.carry(commit).await,
            None => Ok(()),
        }
    }

    /// Commits what belongs to items, if there is any, without a cursor.
    pub(super) async fn commit(&mut self, items: Vec<ItemCommit>) -> Result<(), Stop> {
        if items.is_empty() {
            return Ok(());
        }
        self.write_note().await?;
        let commit = self.commit_of(items);
        self.carry(commit).await
    }

    /// A commit of what belongs to items.
    pub(super) fn commit_of(&mut self, items: Vec<ItemCommit>) -> Commit {
        let mut commit = Commit::new(self.scope.clone(), self.lease.clone());
        for item in items {
            for hold in &item.holds {
                self.report.holds += 1;
                self.note_hold(hold);
            }
            commit = commit.item(item);
        }
        commit
    }

    pub(super) async fn carry(&self, commit: Commit) -> Result<(), Stop> {
        match self.service.records.commit(&commit, self.now()).await {
            Ok(_) => Ok(()),
            Err(CommitError::LeaseLost) => Err(Stop::LeaseLost),
            // Somebody wrote the link without the lease, which only an administrator's act does.
            Err(CommitError::RevisionMoved { .. } | CommitError::MoveChanged) => {
                Err(Stop::OutOfTime)
            }
            Err(CommitError::Store(error)) => Err(Stop::Store(error)),
        }
    }
}

/// An item that we know of before it was seen among the changes.
#[derive(Default)]
pub(super) struct Created {
    /// Our own attempts that made it.
    pub(super) intents: Vec<IntentRef>,
    /// Whether it was seen among the changes.
    pub(super) seen: bool,
    /// Whether it was met since the reading began, otherwise than among the changes.
    pub(super) is_new: bool,
}

/// Whether a new item of the business system is one that was here before.
pub(super) enum Joined {
    /// It is the item that it says it is.
    Here(Seen),
    /// It is the item of another link.
    Other(Box<LinkRow>, Seen),
}
