//! The move of a mailbox from one connection to another (N2): what was asked for, and how far it is.
//!
//! The row is written by the run that holds the lease, in one transaction with what it tells of. Only
//! the asking and the withdrawing come from elsewhere. Each write is over the revision that was read, so
//! that a run and an administrator who meet do not undo each other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::LinkId;

use super::content::CHUNK_MISSING;
use super::ids::{ConnectionId, MailboxScope};
use super::row::{Document, REVISION, RowBuilder};
use super::settings::{SaveError, read_document, unmoved};
use super::{ActivityRow, LinkRow, LinkState, Records, ids, keys};
use crate::table::{Item, StoreError, Write};

/// Links that are looked at in one go when they are counted.
const PAGE_ITEMS: usize = 200;

/// What a move is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MovePhase {
    /// It was asked for. Runs go on over the old connection until the new one answers and what was
    /// begun over the old one is settled.
    Asked,
    /// The new connection is in use, and each link is given the id that its item has there.
    Linking,
    /// Every link was looked at, and the calendar is compared from the beginning.
    Comparing,
    /// All of it is done.
    Done,
    /// It was withdrawn before the new connection was in use: nothing of it was begun.
    Withdrawn,
}

/// How an item was found again after a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// The server translated its id.
    Translation,
    /// By our stamp on it.
    Stamp,
    /// By its iCalendar UID, and its start where several have that.
    Uid,
    /// By what it says.
    Content,
    /// A person said which one it is.
    Person,
    /// Several may be it: a person has to say which.
    Ambiguous,
    /// Nothing may be it: a person has to say whether it is gone.
    Missing,
}

/// A move of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRow {
    /// Counts the moves of the mailbox; the first is 1. One that was withdrawn leaves its number to the
    /// next: no link came through it.
    pub number: u32,
    /// The connection that it leaves.
    pub from: ConnectionId,
    /// The connection that it goes on over.
    pub to: ConnectionId,
    /// What it is at.
    pub phase: MovePhase,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Since when the new connection is in use.
    pub switched_at: Option<Timestamp>,
    /// When it was done, or withdrawn.
    pub finished_at: Option<Timestamp>,
    /// Why it waits, in words; none while it goes on.
    pub waits_for: Option<String>,
    /// The last link that was given its new id, while that is done.
    #[serde(with = "ids::some_link")]
    pub after: Option<LinkId>,
    /// Whether an item was there by its translated id: both connections lead to one mailbox then, so
    /// that an item which is not there by its own is gone.
    pub same_mailbox: bool,
    /// Why ids are not translated, as the server said it; none while they are.
    pub untranslated: Option<String>,
    /// The revision that was read; 0 for a row that is not kept yet.
    #[serde(skip)]
    pub revision: u64,
}

impl MoveRow {
    /// Whether there is anything left to do.
    pub fn is_under_way(&self) -> bool {
        !matches!(self.phase, MovePhase::Done | MovePhase::Withdrawn)
    }

    /// How many moves an id has come through that the server in use says.
    pub fn moves_made(&self) -> u32 {
        match self.phase {
            MovePhase::Asked | MovePhase::Withdrawn => self.number.saturating_sub(1),
            MovePhase::Linking | MovePhase::Comparing | MovePhase::Done => self.number,
        }
    }
}

/// How the items of a mailbox were found again in its last move, counted from the links as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MoveTally {
    /// Translated by the server.
    pub translated: u64,
    /// Found by our stamp.
    pub by_stamp: u64,
    /// Found by UID and start.
    pub by_uid: u64,
    /// Found by what they say.
    pub by_content: u64,
    /// Named by a person.
    pub by_person: u64,
    /// Several may be it; held.
    pub ambiguous: u64,
    /// Nothing may be it; held.
    pub missing: u64,
    /// Not looked at yet.
    pub left: u64,
}

impl LinkRow {
    /// Whether the item is there, as far as is known, but under an id that is not known: a move has
    /// not found it again.
    pub fn is_unplaced(&self) -> bool {
        let living = matches!(self.state, LinkState::Linked | LinkState::Private { .. });
        living && self.remote_id.is_none()
    }
}

impl Records {
    /// The last move of a mailbox, done or not; none if it never moved.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mailbox_move(&self, scope: &MailboxScope) -> Result<Option<MoveRow>, StoreError> {
        let found = self.document(&keys::movement(scope)).await?;
        Ok(found.map(|Document { value, revision }| MoveRow { revision, ..value }))
    }

    /// The last moves of several mailboxes, in their order; none for those that never moved.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mailbox_moves(
        &self,
        scopes: &[MailboxScope],
    ) -> Result<Vec<Option<MoveRow>>, StoreError> {
        if scopes.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> = scopes.iter().map(keys::movement).collect();
        let found = self.table.get_together(&wanted).await?;
        let read = |item: Option<Item>| {
            let found = item.as_ref().map(read_document).transpose()?;
            Ok(found.map(|Document { value, revision }| MoveRow { revision, ..value }))
        };
        found.into_iter().map(read).collect()
    }

    /// Writes down that a mailbox is to move, or that it is not to any more, over the revision of the
    /// row; and what is noted of it.
    ///
    /// # Errors
    /// [`SaveError::RevisionMoved`] when somebody asked or withdrew in the same moment, or a run took
    /// the move further.
    pub async fn ask_move(
        &self,
        scope: &MailboxScope,
        row: &MoveRow,
        note: &ActivityRow,
    ) -> Result<(), SaveError> {
        let writes = vec![move_write(scope, row)?];
        self.transact_noted(&scope.organisation, writes, note).await
    }

    /// Counts how the items of a mailbox were found in the move with this number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_tally(
        &self,
        scope: &MailboxScope,
        number: u32,
    ) -> Result<MoveTally, StoreError> {
        let mut tally = MoveTally::default();
        let mut after = None;
        loop {
            let page = match self.links(scope, after, PAGE_ITEMS).await {
                // A commit in between took the chunks of one of them away.
                Err(StoreError::Corrupt(CHUNK_MISSING)) => return Err(StoreError::Conflict),
                page => page?,
            };
            for link in &page.links {
                tally.count(link, number);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(tally),
            }
        }
    }
}

impl MoveTally {
    fn count(&mut self, link: &LinkRow, number: u32) {
        if !matches!(link.state, LinkState::Linked | LinkState::Private { .. }) {
            return;
        }
        let counter = match link.found_by.filter(|_| link.moves == number) {
            Some(FoundBy::Translation) => &mut self.translated,
            Some(FoundBy::Stamp) => &mut self.by_stamp,
            Some(FoundBy::Uid) => &mut self.by_uid,
            Some(FoundBy::Content) => &mut self.by_content,
            Some(FoundBy::Person) => &mut self.by_person,
            // A person said that it is gone, and the business system had it made anew.
            Some(FoundBy::Ambiguous | FoundBy::Missing) if !link.is_unplaced() => return,
            Some(FoundBy::Ambiguous) => &mut self.ambiguous,
            Some(FoundBy::Missing) => &mut self.missing,
            None if link.moves < number => &mut self.left,
            // It came to be after the move.
            None => return,
        };
        *counter = counter.saturating_add(1);
    }
}

/// The row as it is written, over the revision that was read.
pub(crate) fn move_write(scope: &MailboxScope, row: &MoveRow) -> Result<Write, StoreError> {
    let next = row.revision.saturating_add(1);
    let item = RowBuilder::new(keys::movement(scope)).document(row)?.number(REVISION, next).build();
    let before = (row.revision > 0).then_some(row.revision);
    Ok(Write::Put { item, condition: Some(unmoved(before)) })
}
