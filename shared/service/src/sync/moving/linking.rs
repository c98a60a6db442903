//! Gives each link the id that its item has over the new connection.
//!
//! The server translates the ids where it can. That an id was translated proves nothing: the item is
//! read by it. What cannot be found that way is looked for ([`super::place`]). Each item is committed
//! for itself with all that is known of it by then, so that nothing is told and nothing written but
//! what really changed meanwhile.

use std::collections::BTreeMap;

use tidemark_engine::StampView;
use tidemark_mailbox::{Disposition, MailboxError, RemoteEvent, RemoteId};
use tidemark_model::LinkId;
use tidemark_store::records::{
    FoundBy, HistoryEntry, IntentRow, ItemCommit, LinkRow, LinkState, LinkWrite, MovePhase,
    PendingOperation, PendingRow, WriteKind,
};

use super::crossing;
use super::gathered::{GATHERED_LINKS, Gathered};
use super::place::Placement;
use crate::content::encode_base;
use crate::sync::item::{Seen, Work, base_of};
use crate::sync::run::{PENDING_PER_ITEM_MAX, Run};
use crate::sync::stop::Stop;

/// Links that are taken up at once, and so ids that are translated at once.
const PAGE_LINKS: usize = 200;

/// Writes that were begun, by item.
pub(in crate::sync) type Begun = BTreeMap<LinkId, Vec<IntentRow>>;

/// A link that has no id yet over the new connection, with all that waits for its item.
pub(super) struct Waiting {
    pub(super) link: LinkRow,
    pub(super) pending: Vec<PendingRow>,
    pub(super) intents: Vec<IntentRow>,
    /// Its translated id, where the item is not there by it.
    pub(super) vacant: Option<RemoteId>,
}

impl Waiting {
    /// Whether we are about to take the item away ourselves, or have begun to.
    fn is_deleted_by_us(&self) -> bool {
        self.intents.iter().any(|intent| intent.kind == WriteKind::Delete)
            || self.pending.iter().any(|row| row.operation == PendingOperation::Delete)
    }

    /// Whether nobody would miss the link: its item is private, the business system never heard of it,
    /// and so nothing is remembered that it could be found by.
    fn is_untold(&self) -> bool {
        let untold = matches!(self.link.state, LinkState::Private { announced: false, .. });
        untold && self.pending.is_empty() && self.intents.is_empty()
    }
}

impl Run<'_> {
    /// Links everything over. Writes that were begun are taken out of `begun` with their items.
    pub(in crate::sync) async fn link_over(&mut self, begun: &mut Begun) -> Result<(), Stop> {
        loop {
            let Some(mut movement) = self.movement.clone() else { return Ok(()) };
            if movement.phase != MovePhase::Linking {
                return Ok(());
            }
            self.check_time()?;
            let records = &self.service.records;
            let page = records.links(&self.scope, movement.after, PAGE_LINKS).await?;
            let is_old = |link: &LinkRow| {
                let living = matches!(link.state, LinkState::Linked | LinkState::Private { .. });
                living && link.remote_id.is_some() && link.moves < movement.number
            };
            let old: Vec<LinkRow> = page.links.into_iter().filter(is_old).collect();
            self.link_page(old, begun).await?;
            // What was translated on the way stands in the row by now.
            movement = self.movement.clone().unwrap_or(movement);
            movement.after = page.next;
            if page.next.is_none() {
                movement.phase = MovePhase::Comparing;
            }
            self.note_movement(movement, ItemCommit::default()).await?;
        }
    }

    async fn link_page(&mut self, old: Vec<LinkRow>, begun: &mut Begun) -> Result<(), Stop> {
        let ids: Vec<RemoteId> = old
            .iter()
            .map(|link| RemoteId::new(link.remote_id.as_deref().unwrap_or_default()))
            .collect();
        let translated = self.translate(&ids).await?;
        let mut unplaced = Vec::new();
        let batch = self.mailbox.capabilities().read_items_max.max(1);
        let mut rest: Vec<(LinkRow, RemoteId)> = Vec::new();
        for (link, id) in old.into_iter().zip(translated) {
            match id {
                Some(id) => rest.push((link, id)),
                None => unplaced.push(self.waiting(link, begun, None).await?),
            }
        }
        for block in rest.chunks(batch) {
            self.check_time()?;
            let ids: Vec<RemoteId> = block.iter().map(|(_, id)| id.clone()).collect();
            let now = self.now();
            let read = self.mailbox.read(&ids).await;
            let read = read.map_err(|error| Stop::of_mailbox(error, now))?;
            for ((link, id), item) in block.iter().zip(read) {
                let waiting = self.waiting(link.clone(), begun, None).await?;
                match item {
                    Ok(remote) => {
                        self.prove_same_mailbox().await?;
                        self.link_to(waiting, remote, FoundBy::Translation).await?;
                    }
                    Err(error) => match error.disposition {
                        Disposition::Gone => {
                            unplaced.push(Waiting { vacant: Some(id.clone()), ..waiting });
                        }
                        Disposition::Quarantine | Disposition::Reject => {
                            self.link_unread(waiting, id, FoundBy::Translation).await?;
                        }
                        _ => return Err(Stop::of_mailbox(error, now)),
                    },
                }
            }
        }
        while !unplaced.is_empty() {
            self.check_time()?;
            let rest = unplaced.split_off(unplaced.len().min(GATHERED_LINKS));
            let gathered = self.gather(&unplaced).await?;
            for waiting in core::mem::replace(&mut unplaced, rest) {
                self.check_time()?;
                self.look_among(waiting, &gathered).await?;
            }
        }
        Ok(())
    }

    /// The new ids of old ones. Where the server does not translate at all, the items are looked for
    /// instead, and the move says why.
    async fn translate(&mut self, ids: &[RemoteId]) -> Result<Vec<Option<RemoteId>>, Stop> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now();
        match self.mailbox.translate(ids).await {
            Ok(translated) => Ok(translated),
            Err(error) if is_no_obstacle(&error) => {
                tracing::warn!(
                    mailbox.id = %self.scope.mailbox, code = %error.code,
                    "ids are not translated: {}", error.code
                );
                if let Some(movement) = &mut self.movement {
                    movement.untranslated = Some(format!("{}: {}", error.code, error.text));
                }
                Ok(ids.iter().map(|_| None).collect())
            }
            Err(error) => Err(Stop::of_mailbox(error, now)),
        }
    }

    /// An item was there by its translated id, so both connections lead to the same mailbox.
    async fn prove_same_mailbox(&mut self) -> Result<(), Stop> {
        match &mut self.movement {
            Some(movement) if !movement.same_mailbox => {
                movement.same_mailbox = true;
                let movement = movement.clone();
                self.note_movement(movement, ItemCommit::default()).await
            }
            _ => Ok(()),
        }
    }

    /// A link with the changes that wait for its item and the writes that were begun.
    pub(super) async fn waiting(
        &mut self,
        link: LinkRow,
        begun: &mut Begun,
        vacant: Option<RemoteId>,
    ) -> Result<Waiting, Stop> {
        let mut pending = self.pending.remove(&link.link).unwrap_or_default();
        if pending.is_empty() {
            pending = self.service.records.pending_of_link(&self.scope, link.link).await?;
            pending.truncate(PENDING_PER_ITEM_MAX);
        }
        let mut intents = begun.remove(&link.link).unwrap_or_default();
        intents.sort_by_key(|intent| (intent.epoch, intent.recorded_at, intent.intent));
        Ok(Waiting { link, pending, intents, vacant })
    }

    /// Looks for an item, and deals with what is found; with nothing or too much, a person has to.
    pub(super) async fn look_for(&mut self, waiting: Waiting) -> Result<(), Stop> {
        self.look_among(waiting, &Gathered::default()).await
    }

    /// The same, with what was asked for beforehand.
    async fn look_among(&mut self, waiting: Waiting, gathered: &Gathered) -> Result<(), Stop> {
        match self.place(&waiting.link, gathered).await? {
            Placement::Found(remote, how) => self.link_to(waiting, *remote, how).await,
            Placement::Unread(id, how) => self.link_unread(waiting, &id, how).await,
            Placement::Ambiguous(_) | Placement::Missing if waiting.is_untold() => {
                // Whatever is there is met by the compare as the private item that it is.
                let links = vec![LinkWrite::Delete(Box::new(waiting.link))];
                self.commit(vec![ItemCommit { links, ..ItemCommit::default() }]).await
            }
            Placement::Ambiguous(candidates) => self.hold_ambiguous(waiting, candidates).await,
            Placement::Missing if waiting.is_deleted_by_us() => self.link_gone(waiting).await,
            Placement::Missing => {
                let proven = self.movement.as_ref().is_some_and(|it| it.same_mailbox);
                match waiting.vacant.clone().filter(|_| proven) {
                    // Asked for by its id in the mailbox that it was in, it is gone.
                    Some(id) => self.link_vacant(waiting, &id).await,
                    None => self.hold_missing(waiting).await,
                }
            }
        }
    }

    /// Links an item, and deals with what changed on either side meanwhile.
    pub(super) async fn link_to(
        &mut self,
        waiting: Waiting,
        remote: RemoteEvent,
        how: FoundBy,
    ) -> Result<(), Stop> {
        let Waiting { link, pending, intents, .. } = waiting;
        let mut link = self.under_new_id(link, &remote.reference.id, how);
        let mut shown = None;
        if let Some(mut base) = base_of(&link)? {
            crossing::take_form(&mut base, &remote.event);
            link.base_exchange = Some(encode_base(&base)?);
            shown = Some(base);
        }
        let seen = Seen::Present(Box::new(remote.clone()), StampView::Ours);
        let before = link.clone();
        let mut commit = self.deal_with(Work { link, seen, pending, intents }).await?;
        let written = commit.links.iter_mut().find_map(|write| match write {
            LinkWrite::Put(row) if row.link == before.link => Some(&mut **row),
            LinkWrite::Put(_) | LinkWrite::Delete(_) => None,
        });
        let unchanged =
            written.as_ref().is_none_or(|row| row.base_exchange == before.base_exchange);
        if unchanged {
            let mut link = before;
            link.generation = self.generation;
            // Equal in all that counts: from now on the item is compared with how it is shown here. Where
            // it is not, since what waits for it is held, it is read again without its version.
            match shown {
                Some(base) if !crossing::is_same(&base.exchange, &remote.event) => {}
                Some(mut base) => {
                    base.exchange = remote.event;
                    link.fingerprint = Some(base.exchange.fingerprint().to_string());
                    link.base_exchange = Some(encode_base(&base)?);
                    link.change_key = Some(remote.reference.change_key.as_str().to_owned());
                }
                None => link.change_key = Some(remote.reference.change_key.as_str().to_owned()),
            }
            match written {
                Some(row) => *row = link,
                None => commit.links.push(LinkWrite::Put(Box::new(link))),
            }
        }
        self.commit_linked(commit, how).await
    }

    /// Links an item that cannot be read now: the compare reads it, and leaves it aside if need be.
    async fn link_unread(
        &mut self,
        waiting: Waiting,
        id: &RemoteId,
        how: FoundBy,
    ) -> Result<(), Stop> {
        self.keep_intents(&waiting);
        let link = self.under_new_id(waiting.link, id, how);
        let links = vec![LinkWrite::Put(Box::new(link))];
        self.commit_linked(ItemCommit { links, ..ItemCommit::default() }, how).await
    }

    /// Links an item that is gone: the compare asks for it by its id, and deals with that as always.
    async fn link_vacant(&mut self, waiting: Waiting, id: &RemoteId) -> Result<(), Stop> {
        self.link_unread(waiting, id, FoundBy::Translation).await
    }

    /// An item that we were to delete, or that a person says is gone, is gone.
    pub(super) async fn link_gone(&mut self, waiting: Waiting) -> Result<(), Stop> {
        let Waiting { mut link, pending, intents, .. } = waiting;
        link.remote_id = None;
        link.moves = self.moves();
        let commit = self.deal_with(Work { link, seen: Seen::Gone, pending, intents }).await?;
        self.commit(vec![commit]).await
    }

    /// Writes that were begun wait until the item can be seen.
    pub(super) fn keep_intents(&mut self, waiting: &Waiting) {
        if !waiting.intents.is_empty() {
            self.unseen.insert(waiting.link.link, waiting.intents.clone());
            self.waits_on = true;
        }
    }

    pub(super) fn under_new_id(&self, mut link: LinkRow, id: &RemoteId, how: FoundBy) -> LinkRow {
        link.remote_id = Some(id.as_str().to_owned());
        link.change_key = None;
        link.moves = self.moves();
        link.found_by = Some(how);
        link
    }

    /// Commits an item under its new id, with a line in its history.
    async fn commit_linked(&mut self, mut commit: ItemCommit, how: FoundBy) -> Result<(), Stop> {
        let row = commit.links.iter().find_map(|write| match write {
            LinkWrite::Put(row) => Some(row),
            LinkWrite::Delete(_) => None,
        });
        if let Some(row) = row {
            let entry = HistoryEntry {
                link: row.link,
                at: self.now(),
                actor: "tidemark".to_owned(),
                decision: format!("moved {}", word(how)),
                reason: sentence(how).to_owned(),
                revision: row.revision + 1,
            };
            commit.history.insert(0, entry);
        }
        self.commit(vec![commit]).await
    }
}

/// The stable word of how an item was found.
const fn word(how: FoundBy) -> &'static str {
    match how {
        FoundBy::Translation => "translated",
        FoundBy::Stamp => "by-stamp",
        FoundBy::Uid => "by-uid",
        FoundBy::Content => "by-content",
        FoundBy::Person => "by-person",
        FoundBy::Ambiguous => "ambiguous",
        FoundBy::Missing => "missing",
    }
}

const fn sentence(how: FoundBy) -> &'static str {
    match how {
        FoundBy::Translation => {
            "The mailbox moved to another connection; the server translated the id."
        }
        FoundBy::Stamp => {
            "The mailbox moved to another connection; the item was found by our stamp on it."
        }
        FoundBy::Uid => {
            "The mailbox moved to another connection; the item was found by its UID and start."
        }
        FoundBy::Content => {
            "The mailbox moved to another connection; the item was found by what it says."
        }
        FoundBy::Person => {
            "The mailbox moved to another connection; a person said which item it is."
        }
        FoundBy::Ambiguous | FoundBy::Missing => {
            "The mailbox moved to another connection; a person has to say which item it is."
        }
    }
}

/// Whether a move can do without translated ids: the server does not offer it, or refuses it.
fn is_no_obstacle(error: &MailboxError) -> bool {
    match error.disposition {
        Disposition::Reject | Disposition::Gone | Disposition::Quarantine => true,
        // A role that the application lacks. One whose token is refused altogether is refused again
        // by the next request.
        Disposition::Authorize
        | Disposition::Resync
        | Disposition::Conflict
        | Disposition::RetryAfter(_)
        | Disposition::Unclear
        | Disposition::OutOfTime => false,
    }
}
