//! One item: decided, carried out, and made ready to be committed.

mod settle;

pub(crate) use settle::CANNOT_BE_SILENT;

use std::collections::BTreeSet;

use tidemark_engine::{
    Base, Braked, BusinessOperation, Decision, ExchangeAction, ExchangeView, LinkView, MailRule,
    MailboxFacts, PlanInput, Profile, Side, StampView, Unfinished, charge, guard_loop,
};
use tidemark_mailbox::{Disposition, MailboxError, RemoteEvent, RemoteId, Stamp};
use tidemark_model::{Event, MailMode, Property, PropertyValue};
use tidemark_store::records::{
    Brake, HoldRow, IntentId, IntentRow, ItemCommit, LeaseLost, LinkRow, LinkState, PendingRow,
    WriteKind,
};

use super::decided::{is_discarded, is_of_copy, is_released};
use super::effect::{self, Written};
use super::mail;
use super::run::Run;
use super::stop::Stop;
use super::wish::{self, Wishes};
use crate::content::{ContentError, decode_base, decode_flips, decode_write, encode_write};

/// How often an item is planned again in one run because somebody else was faster.
const ATTEMPTS_MAX: usize = 4;

/// What was seen of an item in Exchange.
#[derive(Debug)]
pub(super) enum Seen {
    /// It is linked to nothing there and was not looked for.
    NotLooked,
    /// It is there.
    Present(Box<RemoteEvent>, StampView),
    /// Asked for by its id, it does not exist.
    Gone,
    /// It is there and cannot be read.
    Hidden,
}

/// An item under work.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) link: LinkRow,
    pub(super) seen: Seen,
    pub(super) pending: Vec<PendingRow>,
    /// Writes of this item that were begun and not seen to end, the latest last.
    pub(super) intents: Vec<IntentRow>,
}

impl Work {
    /// The latest write that was begun and not seen to end. Deletes and answers leave no parts. The
    /// create that made the linked item has ended, and with it whatever was begun before: they stay
    /// open only for what they made to be found.
    fn unfinished(&self) -> Result<Option<Unfinished>, ContentError> {
        let made_it = |intent: &IntentRow| {
            intent.kind == WriteKind::Create && self.link.attempt == Some(intent.intent)
        };
        let is_linked = self.link.state == LinkState::Linked;
        let ended = self.intents.iter().rposition(made_it).filter(|_| is_linked);
        let begun = self.intents.iter().skip(ended.map_or(0, |last| last + 1));
        let mut targets = begun.filter_map(|intent| intent.target.as_deref());
        targets.next_back().map(decode_write).transpose()
    }
}

/// A decision that was carried out.
struct Done {
    decision: Decision,
    wishes: Wishes,
    written: Option<Written>,
    intent: Option<IntentRow>,
    /// What Exchange refused to do for this item, now and later.
    refused: Option<MailboxError>,
}

/// Why a decision was not carried out.
enum Failure {
    /// Exchange refused it, or a part of it; with the intent that was recorded before.
    Exchange(MailboxError, Option<Box<IntentRow>>),
    Braked(Braked),
    Stop(Stop),
}

impl From<LeaseLost> for Failure {
    fn from(error: LeaseLost) -> Self {
        Self::Stop(error.into())
    }
}

impl Run<'_> {
    /// Decides about an item and carries it out. What comes back is to be committed.
    ///
    /// # Errors
    /// [`Stop`] when the run has to end; nothing of this item is committed then.
    pub(super) async fn deal_with(&mut self, mut work: Work) -> Result<ItemCommit, Stop> {
        self.report.items += 1;
        let hold = self.hold_on(&work).cloned();
        let discarded = |hold: &&HoldRow| is_discarded(hold) && !is_of_copy(hold);
        if let Some(hold) = hold.as_ref().filter(discarded) {
            return self.discard(&work, hold);
        }
        let twin = self.twin(&work).await?;
        let before = (self.report.writes, self.report.events);
        for _ in 0..ATTEMPTS_MAX {
            let base = base_of(&work.link)?;
            let known = known_to_business(base.as_ref(), &work);
            let wishes = wish::read_wishes(&work.pending, known, work.link.revision);
            let profile = self.profile_under(hold.as_ref());
            let decision = self.decide(&work, base.as_ref(), &wishes, &profile, twin.as_ref())?;
            let decision = self.guard(&work, hold.as_ref(), decision);
            match self.perform(&work, decision, wishes).await {
                Ok(done) => {
                    let commit = self.settle(&work, base.as_ref(), &done, hold);
                    let is_unchanged = before == (self.report.writes, self.report.events);
                    self.report.unchanged += u64::from(is_unchanged);
                    return commit;
                }
                Err(Failure::Exchange(error, intent)) => match error.disposition {
                    // Gone may be one occurrence of the series that was written to.
                    Disposition::Conflict | Disposition::Gone => {
                        work.seen = self.look_again(&work).await?;
                        // Some of its requests may have been carried out.
                        work.intents.extend(intent.map(|intent| *intent));
                    }
                    _ => return Err(Stop::of_mailbox(error, self.now())),
                },
                Err(Failure::Braked(braked)) => return Err(Stop::Braked(braked)),
                Err(Failure::Stop(stop)) => return Err(stop),
            }
        }
        // Somebody keeps changing it. The next run tries again; nothing is lost meanwhile.
        Err(Stop::OutOfTime)
    }

    /// A person decided that what waits is not to be done.
    fn discard(&mut self, work: &Work, hold: &HoldRow) -> Result<ItemCommit, Stop> {
        let base = base_of(&work.link)?;
        let mut commit = ItemCommit { released: vec![hold.id], ..ItemCommit::default() };
        for row in work.pending.iter().filter(|row| hold.pending.contains(&row.number)) {
            let text = "A person decided that it is not to be done.";
            self.refuse(work, base.as_ref(), "discarded", text, &mut commit);
            commit.pending.push(row.reference());
        }
        // What was asked for since then is none of what the person decided about.
        self.more_pending |= commit.pending.len() < work.pending.len();
        self.drop_hold(hold);
        Ok(commit)
    }

    /// The rules for an item: a person's decision about a hold replaces the mail rule.
    fn profile_under(&self, hold: Option<&HoldRow>) -> Profile {
        let mut profile = self.profile.clone();
        match hold.and_then(|hold| hold.decision.as_deref()) {
            Some("send") => profile.mail = MailRule::Released,
            Some("without-attendees") => profile.mail = MailRule::WithoutAttendees,
            _ => {}
        }
        profile
    }

    /// What a late create of ours is compared with where nothing is remembered of the item, since it
    /// is private: the item as the first create made it. A copy that is equal to it holds nothing of
    /// a person's.
    async fn twin(&self, work: &Work) -> Result<Option<Unfinished>, Stop> {
        let (Seen::Present(_, StampView::Late), LinkState::Private { .. }, Some(id)) =
            (&work.seen, work.link.state, &work.link.remote_id)
        else {
            return Ok(None);
        };
        let now = self.now();
        let seen = self.look(&RemoteId::new(id.as_str()), StampView::Ours).await;
        match seen.map_err(|error| Stop::of_mailbox(error, now))? {
            Seen::Present(remote, _) => Ok(Some(Unfinished::create(remote.event))),
            Seen::NotLooked | Seen::Gone | Seen::Hidden => Ok(None),
        }
    }

    fn decide(
        &self,
        work: &Work,
        base: Option<&Base>,
        wishes: &Wishes,
        profile: &Profile,
        twin: Option<&Unfinished>,
    ) -> Result<Decision, Stop> {
        let link = match (&work.link.state, base) {
            (LinkState::Linked, Some(base)) => LinkView::Linked(base),
            (LinkState::Private { born_in_exchange, announced }, _) => {
                LinkView::Private { born: side(*born_in_exchange), announced: *announced }
            }
            (LinkState::Deleted { in_exchange, at, .. }, _) => {
                LinkView::Tombstone { by: side(*in_exchange), at: *at }
            }
            (LinkState::New | LinkState::Linked, _) => LinkView::New,
        };
        let exchange = match &work.seen {
            Seen::NotLooked => ExchangeView::NotLooked,
            Seen::Gone => ExchangeView::Gone,
            Seen::Hidden => ExchangeView::Hidden,
            Seen::Present(remote, stamped) => {
                ExchangeView::Present { event: &remote.event, role: remote.role, stamped: *stamped }
            }
        };
        let unfinished = work.unfinished()?;
        let numbers = work.pending.iter().map(|row| row.number);
        let facts = MailboxFacts {
            employees: self.employees(base, wishes),
            first_copy: mail::is_of_first_copy(&self.row.value, numbers),
            ..self.facts.clone()
        };
        Ok(self.service.planner.plan(&PlanInput {
            link,
            exchange,
            business: &wishes.changes,
            profile,
            mailbox: &facts,
            unfinished: unfinished.as_ref().or(twin),
            now: self.now(),
        }))
    }

    /// Holds a write that would go on with a fight (E21), unless a person has let it through.
    fn guard(&self, work: &Work, hold: Option<&HoldRow>, decision: Decision) -> Decision {
        if hold.is_some_and(is_released) {
            return decision;
        }
        guard_loop(decision, &decode_flips(work.link.flips.as_deref()), self.now())
    }

    /// The people on an item that belong to the organisation (E5), the mailbox's owner apart.
    fn employees(&self, base: Option<&Base>, wishes: &Wishes) -> BTreeSet<String> {
        let mut people: BTreeSet<String> =
            base.iter().flat_map(|base| base.business.attendees.keys().cloned()).collect();
        for change in &wishes.changes {
            if let BusinessOperation::Upsert(patch) = &change.change
                && let Some(PropertyValue::Attendees(attendees)) = patch.get(Property::Attendees)
            {
                people.extend(attendees.keys().cloned());
            }
        }
        people.retain(|address| {
            let domain = address.rsplit_once('@').map(|(_, domain)| domain);
            domain.is_some_and(|domain| self.domains.contains(domain))
                && !self.facts.addresses.contains(address)
        });
        people
    }

    /// Carries a decision out. An intent stands in the store before anything is written that could
    /// be doubled, mail somebody, or be left half done.
    async fn perform(
        &mut self,
        work: &Work,
        decision: Decision,
        wishes: Wishes,
    ) -> Result<Done, Failure> {
        let now = self.now();
        let brake = charge(self.brake, decision.cost, self.profile.budgets, now)
            .map_err(Failure::Braked)?;
        let mut done = Done { decision, wishes, written: None, intent: None, refused: None };
        if !done.decision.exchange.writes() {
            self.brake = brake;
            return Ok(done);
        }
        let stamp = Stamp {
            link: work.link.link,
            intent: self.service.world.uuid(),
            epoch: self.lease.epoch(),
        };
        let current = match &work.seen {
            Seen::Present(remote, _) => Some(&**remote),
            Seen::NotLooked | Seen::Gone | Seen::Hidden => None,
        };
        if needs_intent(&done.decision, current) {
            let intent = self.intent_for(work, &done.decision, &stamp, current)?;
            let cost = Brake {
                hour: brake.hour,
                deletes: done.decision.cost.deletes,
                mails: done.decision.cost.mails,
            };
            let cost = cost.is_spent().then_some(cost);
            self.service
                .records
                .record_intent(&self.scope, &self.lease, &intent, cost, now)
                .await?;
            done.intent = Some(intent);
        }
        self.brake = brake;
        self.report.writes += 1;
        let written =
            effect::carry_out(&*self.mailbox, &done.decision, current, &stamp, &self.permit).await;
        match written {
            Ok(written) => done.written = written,
            Err(error) if error.disposition == Disposition::Reject && is_of_item(&error) => {
                done.refused = Some(error);
            }
            Err(error) => return Err(Failure::Exchange(error, done.intent.map(Box::new))),
        }
        Ok(done)
    }

    fn intent_for(
        &self,
        work: &Work,
        decision: &Decision,
        stamp: &Stamp,
        current: Option<&RemoteEvent>,
    ) -> Result<IntentRow, Failure> {
        let (kind, target) = match &decision.exchange {
            ExchangeAction::Create { target, .. } => (WriteKind::Create, Some(&**target)),
            ExchangeAction::Update { target, .. } => (WriteKind::Update, Some(&**target)),
            ExchangeAction::Respond { .. } => (WriteKind::Respond, None),
            ExchangeAction::Delete { .. } => (WriteKind::Delete, None),
            ExchangeAction::None | ExchangeAction::Hold { .. } => (WriteKind::Update, None),
        };
        let mut intent = IntentRow::new(
            IntentId::new(stamp.intent),
            work.link.link,
            kind,
            &self.lease,
            self.now(),
        );
        intent.remote_id = current.map(|remote| remote.reference.id.as_str().to_owned());
        intent.pending = work.pending.iter().map(|row| row.number).collect();
        intent.mail = match decision.exchange.mail() {
            MailMode::Silent => None,
            MailMode::All => Some("all".to_owned()),
            MailMode::Changed => Some("changed".to_owned()),
        };
        let Some(target) = target else {
            return Ok(intent);
        };
        intent.target = self.target_of(work, target, current).map(Some).map_err(Failure::Stop)?;
        Ok(intent)
    }

    /// What an intent keeps of its write. One that carries on a cut-off write keeps what was seen
    /// before the first, so that our own half is not taken for a person's change.
    fn target_of(
        &self,
        work: &Work,
        target: &Event,
        current: Option<&RemoteEvent>,
    ) -> Result<Vec<u8>, Stop> {
        let write = match (work.unfinished()?, current) {
            (Some(before), Some(remote)) => {
                before.carried_on(&remote.event, target.clone(), &self.facts.zone)
            }
            (_, Some(remote)) => Unfinished::update(remote.event.clone(), target.clone()),
            (_, None) => Unfinished::create(target.clone()),
        };
        Ok(encode_write(&write)?)
    }

    /// Reads an item again after somebody else was faster.
    async fn look_again(&self, work: &Work) -> Result<Seen, Stop> {
        let (Seen::Present(remote, stamped), now) = (&work.seen, self.now()) else {
            return Ok(Seen::Gone);
        };
        self.look(&remote.reference.id, *stamped).await.map_err(|e| Stop::of_mailbox(e, now))
    }

    /// Asks for an item by its id.
    pub(super) async fn look(
        &self,
        id: &RemoteId,
        stamped: StampView,
    ) -> Result<Seen, MailboxError> {
        match effect::read_one(&*self.mailbox, id).await {
            Ok(remote) => Ok(Seen::Present(Box::new(remote), stamped)),
            Err(error) => match error.disposition {
                Disposition::Gone => Ok(Seen::Gone),
                Disposition::Quarantine => Ok(Seen::Hidden),
                _ => Err(error),
            },
        }
    }
}

/// What a change of the business system is read against. Where no common state is kept, since the
/// item is private or was never paired, it is the item itself: it is read, not shown.
fn known_to_business<'a>(base: Option<&'a Base>, work: &'a Work) -> Option<&'a Event> {
    match (base, &work.seen) {
        (Some(base), _) => Some(&base.business),
        (None, Seen::Present(remote, _)) => Some(&remote.event),
        (None, Seen::NotLooked | Seen::Gone | Seen::Hidden) => None,
    }
}

/// A refusal that is about this item alone, so that its neighbours go on.
fn is_of_item(error: &MailboxError) -> bool {
    error.scope == tidemark_mailbox::Scope::Item
}

/// The last common state that a link remembers.
pub(super) fn base_of(link: &LinkRow) -> Result<Option<Base>, Stop> {
    match (link.state, &link.base_exchange) {
        (LinkState::Linked, Some(bytes)) => Ok(Some(decode_base(bytes)?)),
        _ => Ok(None),
    }
}

fn side(in_exchange: bool) -> Side {
    if in_exchange { Side::Exchange } else { Side::Business }
}

/// Whether a write has to be written down before: creates, writes that mail, and writes of several
/// requests. One silent request can simply be made again.
fn needs_intent(decision: &Decision, current: Option<&RemoteEvent>) -> bool {
    let mails = decision.exchange.mail() != MailMode::Silent;
    match &decision.exchange {
        ExchangeAction::None | ExchangeAction::Hold { .. } => false,
        ExchangeAction::Create { .. } | ExchangeAction::Respond { .. } => true,
        ExchangeAction::Delete { .. } => mails || decision.cost.deletes > 0,
        ExchangeAction::Update { target, .. } => {
            let series = target.recurrence.is_some()
                || current.is_some_and(|remote| remote.event.recurrence.is_some());
            mails || series
        }
    }
}
