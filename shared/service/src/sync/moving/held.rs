//! Items that a move could not find again for certain: held, shown, and decided by a person.
//!
//! What may be the item of such a link is nobody's until then: it is not told as new. What people do
//! meanwhile counts: if they delete a copy, or the item turns up, the link is settled by itself.

use tidemark_business::{Origin, Verb};
use tidemark_engine::StampView;
use tidemark_mailbox::{RemoteEvent, RemoteId};
use tidemark_model::LinkId;
use tidemark_store::records::{
    Counter, FoundBy, HistoryEntry, HoldId, HoldRow, IntentRow, ItemCommit, LinkRow, LinkWrite,
};

use super::gathered::Gathered;
use super::linking::{Begun, Waiting};
use super::place::Placement;
use crate::sync::item::{Seen, Work, base_of};
use crate::sync::news;
use crate::sync::run::Run;
use crate::sync::stop::Stop;

/// The stable word of a hold of an item of which several copies were found.
pub(crate) const MOVE_AMBIGUOUS: &str = "move-ambiguous";
/// The stable word of a hold of an item of which nothing was found.
pub(crate) const MOVE_MISSING: &str = "move-missing";
/// The word of the decision to take the first copy.
pub(crate) const PAIR: &str = "pair";
/// The word of the decision that the item is gone.
pub(crate) const GONE: &str = "gone";

const AMBIGUOUS_TEXT: &str = "After the move of the mailbox several appointments may be this one. Delete \
     what is too much in Outlook, or choose `pair`: the first becomes this one, the others become \
     appointments of their own. Nothing is created or deleted until then.";
const MISSING_TEXT: &str = "After the move of the mailbox this appointment was not found in it, neither \
     by stamp nor by UID nor by content. If it is gone, choose `gone`: it is told as deleted. If it \
     turns up in the calendar, it is linked by itself.";

impl Run<'_> {
    pub(super) async fn hold_ambiguous(
        &mut self,
        waiting: Waiting,
        candidates: Vec<RemoteId>,
    ) -> Result<(), Stop> {
        self.hold_link(waiting, FoundBy::Ambiguous, &candidates).await
    }

    pub(super) async fn hold_missing(&mut self, waiting: Waiting) -> Result<(), Stop> {
        self.hold_link(waiting, FoundBy::Missing, &[]).await
    }

    /// Keeps a link without an item, with a hold that a person decides. What waits for it waits on.
    async fn hold_link(
        &mut self,
        waiting: Waiting,
        how: FoundBy,
        candidates: &[RemoteId],
    ) -> Result<(), Stop> {
        let (why, text) = match how {
            FoundBy::Ambiguous => (MOVE_AMBIGUOUS, AMBIGUOUS_TEXT),
            _ => (MOVE_MISSING, MISSING_TEXT),
        };
        if !waiting.intents.is_empty() {
            self.unseen.insert(waiting.link.link, waiting.intents.clone());
        }
        let Waiting { mut link, pending, .. } = waiting;
        let id = link.link;
        let before = self.holds.get(&id).cloned();
        let what = write_candidates(candidates);
        let numbers: Vec<u64> = pending.iter().map(|row| row.number).collect();
        if let Some(hold) = &before
            && (hold.why == why && hold.what == what && hold.pending == numbers)
            && hold.decision.is_none()
            && link.is_unplaced()
        {
            return Ok(());
        }
        let known = before.as_ref().filter(|hold| is_of_move(hold));
        let hold = HoldRow {
            id: HoldId::new(self.service.world.uuid()),
            link: Some(id),
            why: why.to_owned(),
            text: text.to_owned(),
            people: 0,
            what,
            pending: numbers,
            since: known.map_or_else(|| self.now(), |hold| hold.since),
            decision: None,
        };
        link.remote_id = None;
        link.change_key = None;
        link.moves = self.moves();
        link.found_by = Some(how);
        let mut commit = ItemCommit { holds: vec![hold.clone()], ..ItemCommit::default() };
        commit.released.extend(before.as_ref().map(|hold| hold.id));
        if known.is_none() {
            self.tell_state("hold.created", text, Some(id), &mut commit);
            commit.statistics.add(Counter::Held, 1);
            commit.history.push(HistoryEntry {
                link: id,
                at: self.now(),
                actor: "tidemark".to_owned(),
                decision: format!("held {why}"),
                reason: text.to_owned(),
                revision: link.revision + 1,
            });
        }
        let told = known.map(|hold| hold.pending.clone()).unwrap_or_default();
        self.tell_held(&link, &pending, &told, text, &mut commit)?;
        commit.links.push(LinkWrite::Put(Box::new(link)));
        self.commit(vec![commit]).await?;
        self.holds.insert(id, hold);
        Ok(())
    }

    /// Tells the business system once that its change waits.
    fn tell_held(
        &self,
        link: &LinkRow,
        pending: &[tidemark_store::records::PendingRow],
        told: &[u64],
        text: &str,
        commit: &mut ItemCommit,
    ) -> Result<(), Stop> {
        let base = base_of(link)?;
        for row in pending.iter().filter(|row| !told.contains(&row.number)) {
            let work = Work {
                link: link.clone(),
                seen: Seen::Hidden,
                pending: vec![row.clone()],
                intents: Vec::new(),
            };
            let subject = self.subject(&work, None);
            let (id, now) = (self.service.world.uuid(), self.now());
            let (verb, origin) = (Verb::Held, Origin::Business);
            let reason = text.to_owned();
            let event = news::event(&subject, verb, origin, reason, base.as_ref(), id, now);
            self.publish(&work, vec![event], commit);
        }
        Ok(())
    }

    /// A change waits for an item that a move has not found, or a write of it was begun: it is looked
    /// for once more.
    pub(in crate::sync) async fn take_up_unplaced(
        &mut self,
        link: LinkRow,
        intents: Vec<IntentRow>,
    ) -> Result<(), Stop> {
        let mut begun = Begun::from([(link.link, intents)]);
        let waiting = self.waiting(link, &mut begun, None).await?;
        self.look_for(waiting).await
    }

    /// Carries out what people decided about items that a move has not found.
    pub(in crate::sync) async fn settle_decided(&mut self, begun: &mut Begun) -> Result<(), Stop> {
        let decided: Vec<(LinkId, HoldRow)> = self
            .holds
            .iter()
            .filter(|(_, hold)| is_of_move(hold) && hold.decision.is_some())
            .map(|(link, hold)| (*link, hold.clone()))
            .collect();
        for (id, hold) in decided {
            self.check_time()?;
            let link = self.service.records.link(&self.scope, id).await?;
            let Some(link) = link.filter(LinkRow::is_unplaced) else {
                self.holds.remove(&id);
                let released = vec![hold.id];
                self.commit(vec![ItemCommit { released, ..ItemCommit::default() }]).await?;
                continue;
            };
            let waiting = self.waiting(link, begun, None).await?;
            match hold.decision.as_deref() {
                Some(PAIR) => Box::pin(self.pair(waiting, &hold)).await?,
                Some(GONE) => self.link_gone(waiting).await?,
                _ => self.look_for(waiting).await?,
            }
            self.holds.remove(&id);
        }
        Ok(())
    }

    /// Takes the first copy that is still there, and deals with the others as what they are: new.
    async fn pair(&mut self, waiting: Waiting, hold: &HoldRow) -> Result<(), Stop> {
        let mut copies = Vec::new();
        for id in read_candidates(hold) {
            let free = self.service.records.link_of_remote(&self.scope, id.as_str()).await?;
            if free.is_none()
                && let Some(remote) = self.read_copy(&id).await?
            {
                copies.push(remote);
            }
        }
        let mut copies = copies.into_iter();
        let Some(first) = copies.next() else {
            return self.look_for(waiting).await;
        };
        self.link_to(waiting, first, FoundBy::Person).await?;
        for other in copies {
            self.read_again(other).await?;
        }
        Ok(())
    }

    async fn read_copy(&self, id: &RemoteId) -> Result<Option<RemoteEvent>, Stop> {
        let now = self.now();
        let seen = self.look(id, StampView::None).await;
        match seen.map_err(|error| Stop::of_mailbox(error, now))? {
            Seen::Present(remote, _) => Ok(Some(*remote)),
            Seen::NotLooked | Seen::Gone | Seen::Hidden => Ok(None),
        }
    }

    /// An item that no link has. If it may be the item of a link that a move has not found, that link
    /// is looked at again. What comes back is nobody's and to be dealt with as always.
    pub(in crate::sync) async fn claim(
        &mut self,
        remote: RemoteEvent,
    ) -> Result<Option<RemoteEvent>, Stop> {
        if self.movement.is_none() {
            return Ok(Some(remote));
        }
        for link in self.claimants(&remote).await? {
            let id = link.link;
            match self.place(&link, &Gathered::default()).await? {
                Placement::Found(found, how) => {
                    let is_it = found.reference.id == remote.reference.id;
                    let waiting = self.waiting(link, &mut Begun::new(), None).await?;
                    let intents = self.unseen.remove(&id).unwrap_or_default();
                    self.link_to(Waiting { intents, ..waiting }, *found, how).await?;
                    self.holds.remove(&id);
                    if is_it {
                        return Ok(None);
                    }
                }
                Placement::Ambiguous(candidates) => {
                    let is_one = candidates.contains(&remote.reference.id);
                    let waiting = self.waiting(link, &mut Begun::new(), None).await?;
                    self.hold_ambiguous(waiting, candidates).await?;
                    if is_one {
                        return Ok(None);
                    }
                }
                Placement::Unread(..) | Placement::Missing => {}
            }
        }
        Ok(Some(remote))
    }

    /// The links without an item that this one may belong to.
    async fn claimants(&self, remote: &RemoteEvent) -> Result<Vec<LinkRow>, Stop> {
        let mut ids: Vec<LinkId> = self.holders_of(&remote.reference.id);
        ids.extend(remote.stamp.map(|stamp| stamp.link));
        let mut found = Vec::new();
        if let Some(uid) = &remote.event.uid {
            found = self.service.records.links_of_uid(&self.scope, uid).await?;
        }
        for id in ids {
            if !found.iter().any(|link| link.link == id) {
                found.extend(self.service.records.link(&self.scope, id).await?);
            }
        }
        found.retain(LinkRow::is_unplaced);
        Ok(found)
    }

    /// The links that wait for a person to say whether this item is theirs.
    fn holders_of(&self, id: &RemoteId) -> Vec<LinkId> {
        let holds = self.holds.iter().filter(|(_, hold)| hold.why == MOVE_AMBIGUOUS);
        holds
            .filter(|(_, hold)| read_candidates(hold).contains(id))
            .map(|(link, _)| *link)
            .collect()
    }

    /// An item that no link has left the calendar: those that waited for it look again.
    pub(in crate::sync) async fn candidate_left(&mut self, id: &RemoteId) -> Result<(), Stop> {
        for holder in self.holders_of(id) {
            let link = self.service.records.link(&self.scope, holder).await?;
            if let Some(link) = link.filter(LinkRow::is_unplaced) {
                let intents = self.unseen.remove(&holder).unwrap_or_default();
                self.take_up_unplaced(link, intents).await?;
            }
        }
        Ok(())
    }
}

/// Whether a hold is about an item that a move has not found.
fn is_of_move(hold: &HoldRow) -> bool {
    hold.why == MOVE_AMBIGUOUS || hold.why == MOVE_MISSING
}

fn write_candidates(candidates: &[RemoteId]) -> Option<Vec<u8>> {
    if candidates.is_empty() {
        return None;
    }
    let ids: Vec<&str> = candidates.iter().map(RemoteId::as_str).collect();
    serde_json::to_vec(&ids).ok()
}

fn read_candidates(hold: &HoldRow) -> Vec<RemoteId> {
    let ids: Option<Vec<String>> =
        hold.what.as_deref().and_then(|what| serde_json::from_slice(what).ok());
    ids.unwrap_or_default().into_iter().map(RemoteId::new).collect()
}
