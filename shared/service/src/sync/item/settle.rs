//! What a decision that was carried out leaves behind: one commit.

use jiff::SignedDuration;
use tidemark_business::{CloudEvent, StateChange, Verb};
use tidemark_engine::{
    Base, Decision, ExchangeAction, HoldWhy, LinkAfter, News, RefusalCode, Side, StampView, Verdict,
};
use tidemark_mailbox::RemoteEvent;
use tidemark_model::{CopyRole, MailMode};
use tidemark_store::records::{
    Brake, Counter, FeedEntry, HistoryEntry, HoldId, HoldRow, IntentId, IntentRow, ItemCommit,
    LinkRow, LinkState, LinkWrite, MailEntry, WriteKind,
};

use super::super::decided::{LATE_COPY_CHANGED, LATE_COPY_MAILS, is_released};
use super::super::effect::Written;
use super::super::news::{self, Subject};
use super::super::run::Run;
use super::super::stop::Stop;
use super::super::wish;
use super::{Done, Seen, Work};
use crate::content::{decode_flips, encode_base, encode_flips};

/// How long the mark of a deleted item is kept, so that a late change of it is understood.
const TOMBSTONE: SignedDuration = SignedDuration::from_hours(24 * 30);

impl Run<'_> {
    /// Turns what was done into what is remembered and told.
    pub(super) fn settle(
        &mut self,
        work: &Work,
        base: Option<&Base>,
        done: &Done,
        hold: Option<HoldRow>,
    ) -> Result<ItemCommit, Stop> {
        let mut commit = ItemCommit::default();
        if done.refused.is_some() {
            let begun = work.intents.iter().chain(&done.intent);
            commit.intents.extend(begun.map(IntentRow::reference));
            self.settle_refusal(work, base, done, &mut commit);
            // What a person let through is over, too: leave to mail does not pass on to what comes next.
            self.release(hold, &mut commit);
            return Ok(commit);
        }
        let decision = &done.decision;
        let read_back = match &done.written {
            Some(Written::Item(remote)) => Some(&remote.event),
            Some(Written::Overtaken(_) | Written::Unread(_) | Written::Removed) | None => None,
        };
        let settled = tidemark_engine::settle(decision, read_back, &self.facts.zone);
        let after = settled.link;
        let mut link = work.link.clone();
        if hold.as_ref().is_some_and(is_released) {
            // A person let it through, so counting begins anew.
            link.flips = None;
        }
        self.count_flips(&mut link, decision);
        let changed = self.remember(&mut link, &after, work, done)?;
        if settled.overtaken {
            // Exchange mentions the item after the cursor, since we wrote to it: it is read again.
            link.change_key = None;
        }
        if let Some(Written::Unread(reference)) = &done.written {
            self.leave_aside(&reference.id, "written-and-unreadable");
        }
        self.close_intents(work, done, &link, &mut commit);
        let shown = match &after {
            LinkAfter::Linked(base) => Some(&**base),
            LinkAfter::Unchanged => base,
            LinkAfter::Private { .. } | LinkAfter::Tombstone { .. } => None,
        };
        let waits = self.keep_hold(work, decision, hold, &mut commit);
        if !waits {
            self.tell(work, shown, done, &mut commit);
        }
        self.tell_unreadable(work, shown, done, &mut commit);
        // A change without an outcome waits on: what it is about could not be seen now.
        let settled = |number: u64| {
            let outcome = decision.outcomes.iter().find(|outcome| outcome.number == number);
            let unreadable = done.wishes.unreadable.iter().any(|(other, _)| *other == number);
            unreadable || outcome.is_some_and(|outcome| outcome.verdict != Verdict::Held)
        };
        commit.pending = work
            .pending
            .iter()
            .filter(|row| settled(row.number))
            .map(tidemark_store::records::PendingRow::reference)
            .collect();
        let left = work.pending.len() > commit.pending.len();
        self.waits_on |= left && !matches!(decision.exchange, ExchangeAction::Hold { .. });
        self.account(work, done, &mut commit);
        if changed {
            commit.links.push(LinkWrite::Put(Box::new(link)));
        }
        Ok(commit)
    }

    /// Removes the intents of an item. Those of a create stay open until the item was seen among the
    /// changes: if somebody deletes it before, Exchange never mentions it, and only a look by its id
    /// tells. Where the item could not be seen, nothing is known of how its writes ended: they stay
    /// open, so that nobody creates a second item or takes our own half for a person's change.
    fn close_intents(&mut self, work: &Work, done: &Done, link: &LinkRow, commit: &mut ItemCommit) {
        if matches!(work.seen, Seen::Hidden) && !work.intents.is_empty() {
            self.unseen.insert(work.link.link, work.intents.clone());
            self.waits_on = true;
            return;
        }
        let stands = matches!(link.state, LinkState::Linked | LinkState::Private { .. });
        for intent in work.intents.iter().chain(&done.intent) {
            match &link.remote_id {
                Some(id) if stands && intent.kind == WriteKind::Create => {
                    let created = self.created.entry(id.clone()).or_default();
                    created.intents.push(intent.reference());
                    created.is_new = true;
                }
                _ => commit.intents.push(intent.reference()),
            }
        }
    }

    /// Writes into the link what the decision says to remember. Says whether that is anything new.
    fn remember(
        &self,
        link: &mut LinkRow,
        after: &LinkAfter,
        work: &Work,
        done: &Done,
    ) -> Result<bool, Stop> {
        let seen = match (&done.written, &work.seen) {
            (Some(Written::Item(remote)), _) => Some(&**remote),
            (_, Seen::Present(remote, stamped)) if *stamped != StampView::Late => Some(&**remote),
            _ => None,
        };
        match after {
            LinkAfter::Unchanged => {
                // A compare has to note that it saw the item.
                let noted =
                    link.revision > 0 && seen.is_some() && link.generation < self.generation;
                link.generation = link.generation.max(self.generation);
                return Ok(noted);
            }
            LinkAfter::Linked(base) => {
                link.state = LinkState::Linked;
                link.base_exchange = Some(encode_base(base)?);
                link.base_business = None;
                link.fingerprint = Some(base.exchange.fingerprint().to_string());
                link.uid.clone_from(&base.exchange.uid);
            }
            LinkAfter::Private { born, announced } => {
                link.purge();
                link.flips = None;
                let born_in_exchange = *born == Side::Exchange;
                link.state = LinkState::Private { born_in_exchange, announced: *announced };
            }
            LinkAfter::Tombstone { by, at } => {
                link.purge();
                link.remote_id = None;
                link.change_key = None;
                link.attempt = None;
                let until = at.saturating_add(TOMBSTONE).unwrap_or(*at);
                let in_exchange = *by == Side::Exchange;
                link.state = LinkState::Deleted { in_exchange, at: *at, until };
            }
        }
        if !matches!(after, LinkAfter::Tombstone { .. }) {
            identify(link, seen, done);
            link.moves = self.moves();
        }
        link.updated_at = self.now();
        link.generation = self.generation;
        if link.business_key.is_none() {
            link.business_key = work.pending.iter().find_map(|row| row.business_key.clone());
        }
        Ok(true)
    }

    fn count_flips(&self, link: &mut LinkRow, decision: &Decision) {
        let now = self.now();
        let mut flips = decode_flips(link.flips.as_deref());
        for property in &decision.written {
            flips.record(*property, Side::Business, now);
        }
        if let Some(News::Updated { properties }) = &decision.business {
            for property in properties {
                flips.record(*property, Side::Exchange, now);
            }
        }
        link.flips = encode_flips(&flips);
    }

    /// Keeps, renews or removes the hold of an item. Says whether it waits as it waited before, so
    /// that nobody is told twice.
    fn keep_hold(
        &mut self,
        work: &Work,
        decision: &Decision,
        hold: Option<HoldRow>,
        commit: &mut ItemCommit,
    ) -> bool {
        let ExchangeAction::Hold { why, .. } = &decision.exchange else {
            self.release(hold, commit);
            return false;
        };
        let numbers: Vec<u64> = work.pending.iter().map(|row| row.number).collect();
        let (why, people) = (hold_word(*why), decision.forecast.count());
        // One that was decided, or shows what is true no more, is shown again.
        let as_before = |hold: &HoldRow| {
            let told = hold.why == why && hold.people == people;
            told && hold.pending == numbers && hold.decision.is_none()
        };
        if hold.as_ref().is_some_and(as_before) {
            return true;
        }
        let row = HoldRow {
            id: HoldId::new(self.service.world.uuid()),
            link: Some(work.link.link),
            why: why.to_owned(),
            text: news::sentence(&decision.reasons),
            people,
            what: None,
            pending: numbers,
            since: self.now(),
            decision: None,
        };
        self.release(hold, commit);
        self.tell_state("hold.created", &row.text, Some(work.link.link), commit);
        commit.holds.push(row);
        commit.statistics.add(Counter::Held, 1);
        false
    }

    /// Puts the news of a decision into the feed and the reasons into the history.
    fn tell(&self, work: &Work, shown: Option<&Base>, done: &Done, commit: &mut ItemCommit) {
        let decision = &done.decision;
        let subject = self.subject(work, done.written.as_ref());
        let new_id = || self.service.world.uuid();
        let events = news::events(&subject, decision, shown, self.now(), new_id);
        self.publish(work, events, commit);
        if decision.is_quiet() {
            return;
        }
        let actor = if !decision.outcomes.is_empty() {
            "business"
        } else if decision.business.is_some() || decision.exchange == ExchangeAction::None {
            "exchange"
        } else {
            "tidemark"
        };
        commit.history.push(HistoryEntry {
            link: work.link.link,
            at: self.now(),
            actor: actor.to_owned(),
            decision: decision.explain(),
            reason: news::sentence(&decision.reasons),
            revision: work.link.revision + 1,
        });
    }

    /// Refuses the changes that cannot be read against the item as it is.
    fn tell_unreadable(
        &self,
        work: &Work,
        shown: Option<&Base>,
        done: &Done,
        commit: &mut ItemCommit,
    ) {
        // A patch that no longer has anything to be read against is wrong for one reason only.
        let deleted = matches!(work.link.state, LinkState::Deleted { in_exchange: true, .. });
        let deleted = deleted.then_some(RefusalCode::DeletedInExchange);
        for (_, problems) in &done.wishes.unreadable {
            match deleted {
                Some(code) => self.refuse(work, shown, code.as_str(), code.sentence(), commit),
                None => self.refuse(work, shown, "invalid", &wish::describe(problems), commit),
            }
        }
    }

    /// Exchange refused the write for this item: what was asked for is refused, with its reason.
    fn settle_refusal(
        &self,
        work: &Work,
        base: Option<&Base>,
        done: &Done,
        commit: &mut ItemCommit,
    ) {
        let Some(error) = &done.refused else { return };
        let text = format!("Exchange refused it: {}", error.text);
        for _ in &work.pending {
            self.refuse(work, base, &error.code, &text, commit);
        }
        commit.pending =
            work.pending.iter().map(tidemark_store::records::PendingRow::reference).collect();
    }

    /// Tells that one change is refused.
    pub(in super::super) fn refuse(
        &self,
        work: &Work,
        shown: Option<&Base>,
        code: &str,
        text: &str,
        commit: &mut ItemCommit,
    ) {
        let subject = self.subject(work, None);
        let id = self.service.world.uuid();
        let event = news::event(
            &subject,
            Verb::Refused,
            tidemark_business::Origin::Business,
            text.to_owned(),
            shown,
            id,
            self.now(),
        );
        self.publish(work, vec![event], commit);
        commit.statistics.add(Counter::Refused, 1);
        commit.history.push(HistoryEntry {
            link: work.link.link,
            at: self.now(),
            actor: "business".to_owned(),
            decision: format!("refused {code}"),
            reason: text.to_owned(),
            revision: work.link.revision,
        });
    }

    pub(in super::super) fn publish(
        &self,
        work: &Work,
        events: Vec<CloudEvent>,
        commit: &mut ItemCommit,
    ) {
        commit.statistics.add(Counter::Told, u64::try_from(events.len()).unwrap_or(0));
        commit.feed.extend(events.into_iter().map(|event| FeedEntry {
            id: event.id(),
            link: work.link.link,
            system: self.row.value.system.clone(),
            event: event.to_json(),
        }));
    }

    /// Tells that the state of the mailbox changed (N20).
    pub(in super::super) fn tell_state(
        &self,
        name: &'static str,
        reason: &str,
        link: Option<tidemark_model::LinkId>,
        commit: &mut ItemCommit,
    ) {
        let change = StateChange {
            name,
            mailbox_address: self.row.value.address.clone(),
            mailbox_id: self.scope.mailbox.to_string(),
            reason: reason.to_owned(),
            details: serde_json::json!({}),
        };
        let id = self.service.world.uuid();
        let event = CloudEvent::of_state(&self.scope.organisation, id, self.now(), &change);
        commit.feed.push(FeedEntry {
            id,
            // News of the mailbox as a whole belongs to no item; a fresh id keeps it apart.
            link: link.unwrap_or_else(|| tidemark_model::LinkId::new(id)),
            system: self.row.value.system.clone(),
            event: event.to_json(),
        });
    }

    /// Whose news it is. Whose copy of a meeting it is (N16) says what was just written, else what was
    /// seen, else what is remembered.
    pub(in super::super) fn subject(&self, work: &Work, written: Option<&Written>) -> Subject<'_> {
        let role = match (written, &work.seen) {
            (Some(Written::Item(remote)), _) | (_, Seen::Present(remote, _)) => Some(remote.role),
            (_, Seen::NotLooked | Seen::Gone | Seen::Hidden) => {
                work.link.role.as_deref().and_then(role_of)
            }
        };
        let key = work
            .link
            .business_key
            .clone()
            .or_else(|| work.pending.iter().find_map(|row| row.business_key.clone()));
        Subject {
            organisation: &self.scope.organisation,
            mailbox_address: &self.row.value.address,
            mailbox_id: self.scope.mailbox.to_string(),
            id: key.map_or_else(|| work.link.link.to_string(), |key| key.as_str().to_owned()),
            role,
        }
    }

    /// Counts what was done, and accounts for the mails that it caused (N10) and for what the brake
    /// allows (N11).
    fn account(&mut self, work: &Work, done: &Done, commit: &mut ItemCommit) {
        let decision = &done.decision;
        commit.statistics.add(Counter::Read, 1);
        let counter = match &decision.exchange {
            ExchangeAction::Create { .. } => Some(Counter::CreatedInExchange),
            ExchangeAction::Update { .. } | ExchangeAction::Respond { .. } => {
                Some(Counter::UpdatedInExchange)
            }
            ExchangeAction::Delete { .. } => Some(Counter::DeletedInExchange),
            ExchangeAction::None | ExchangeAction::Hold { .. } => None,
        };
        if let Some(counter) = counter {
            commit.statistics.add(counter, 1);
        }
        let conflicts =
            decision.outcomes.iter().filter(|o| matches!(o.verdict, Verdict::Conflict { .. }));
        commit.statistics.add(Counter::Conflicts, u64::try_from(conflicts.count()).unwrap_or(0));
        if decision.exchange.mail() != MailMode::Silent {
            commit.statistics.add(Counter::Mailed, u64::from(decision.forecast.count()));
            commit.mails.push(MailEntry {
                link: work.link.link,
                intent: done.intent.as_ref().map(|intent| intent.intent),
                recipients: decision.forecast.recipients().map(str::to_owned).collect(),
                what: decision.exchange.code().to_owned(),
                at: self.now(),
            });
        }
        let cost = Brake {
            hour: self.brake.hour,
            deletes: decision.cost.deletes,
            mails: decision.cost.mails,
        };
        commit.brake = (done.intent.is_none() && cost.is_spent()).then_some(cost);
        self.report.events += u64::try_from(commit.feed.len()).unwrap_or(0);
    }
}

/// Notes which item in Exchange, in which version, the link stands for.
fn identify(link: &mut LinkRow, seen: Option<&RemoteEvent>, done: &Done) {
    if let Some(remote) = seen {
        link.remote_id = Some(remote.reference.id.as_str().to_owned());
        link.change_key = Some(remote.reference.change_key.as_str().to_owned());
        link.attempt = remote.stamp.map(|stamp| IntentId::new(stamp.intent));
        link.role = Some(role_word(remote.role).to_owned());
    }
    if let Some(Written::Overtaken(reference) | Written::Unread(reference)) = &done.written {
        link.remote_id = Some(reference.id.as_str().to_owned());
        // Without its version the item is read again as soon as it can be.
        let read = matches!(done.written, Some(Written::Overtaken(_)));
        link.change_key = read.then(|| reference.change_key.as_str().to_owned());
        if let (ExchangeAction::Create { .. }, Some(intent)) =
            (&done.decision.exchange, &done.intent)
        {
            link.attempt = Some(intent.intent);
        }
    }
}

/// The stable word of a hold of what cannot be done silently.
pub(crate) const CANNOT_BE_SILENT: &str = "cannot-be-silent";

/// The stable word of a hold.
const fn hold_word(why: HoldWhy) -> &'static str {
    match why {
        HoldWhy::WouldMail => "would-mail",
        HoldWhy::CannotBeSilent => CANNOT_BE_SILENT,
        HoldWhy::Loop => "loop",
        HoldWhy::LateCopyChanged => LATE_COPY_CHANGED,
        HoldWhy::LateCopyMails => LATE_COPY_MAILS,
    }
}

const fn role_word(role: CopyRole) -> &'static str {
    match role {
        CopyRole::Appointment => "appointment",
        CopyRole::Organizer => "organizer",
        CopyRole::Attendee => "attendee",
    }
}

fn role_of(word: &str) -> Option<CopyRole> {
    [CopyRole::Appointment, CopyRole::Organizer, CopyRole::Attendee]
        .into_iter()
        .find(|role| role_word(*role) == word)
}
