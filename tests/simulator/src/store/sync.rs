//! What changed in a folder since a cursor.

use super::{ChangeNumber, FolderNumber, ItemNumber, MailboxNumber, Store, StoreError};

/// How far a client has read a folder. Protocols wrap it into their own opaque states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncCursor {
    /// In the middle of the first copy, newest first.
    Initial {
        /// The last change when the first copy began.
        snapshot: ChangeNumber,
        /// The oldest item that was given.
        below: ItemNumber,
    },
    /// Everything up to this change was given.
    Since(ChangeNumber),
}

/// One change in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncChange {
    /// An item that the client cannot know yet.
    Create(ItemNumber),
    /// An item that the client was given before.
    Update(ItemNumber),
    /// An item that is no longer there.
    Delete(ItemNumber),
}

/// A page of changes.
pub struct SyncPage {
    /// The changes, in the order in which to give them.
    pub changes: Vec<SyncChange>,
    /// Where the next page begins.
    pub cursor: SyncCursor,
    /// Whether nothing is left.
    pub last: bool,
}

impl Store {
    /// The next page of a folder; without a cursor the first copy, newest first.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn sync_items(
        &self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        cursor: Option<SyncCursor>,
        max: usize,
    ) -> Result<SyncPage, StoreError> {
        self.mailbox(mailbox)?.folder(folder)?;
        match cursor {
            None => self.first_copy(mailbox, folder, self.change, ItemNumber::MAX, max),
            Some(SyncCursor::Initial { snapshot, below }) => {
                self.first_copy(mailbox, folder, snapshot, below, max)
            }
            Some(SyncCursor::Since(since)) => self.changes_since(mailbox, folder, since, max),
        }
    }

    fn first_copy(
        &self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        snapshot: ChangeNumber,
        below: ItemNumber,
        max: usize,
    ) -> Result<SyncPage, StoreError> {
        let mut left = self
            .mailbox(mailbox)?
            .items
            .range(..below)
            .rev()
            .map(|(_, item)| item)
            .filter(|item| item.folder == folder && item.entered <= snapshot)
            .map(|item| item.number);
        let page: Vec<_> = left.by_ref().take(max).collect();
        let last = left.next().is_none();
        let cursor = match page.last() {
            Some(oldest) if !last => SyncCursor::Initial { snapshot, below: *oldest },
            _ => SyncCursor::Since(snapshot),
        };
        Ok(SyncPage { changes: page.into_iter().map(SyncChange::Create).collect(), cursor, last })
    }

    fn changes_since(
        &self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        since: ChangeNumber,
        max: usize,
    ) -> Result<SyncPage, StoreError> {
        let owner = self.mailbox(mailbox)?;
        let mut all: Vec<(ChangeNumber, SyncChange)> = owner
            .items_in(folder)
            .filter(|item| item.changed > since)
            .map(|item| {
                let known = item.entered <= since;
                let change = if known { SyncChange::Update } else { SyncChange::Create };
                (item.changed, change(item.number))
            })
            .collect();
        // An item that came and went since is never mentioned.
        all.extend(
            owner
                .folder(folder)?
                .tombstones
                .iter()
                .filter(|gone| gone.changed > since && gone.entered <= since)
                .map(|gone| (gone.changed, SyncChange::Delete(gone.item))),
        );
        all.sort_by_key(|(change, _)| *change);
        let last = all.len() <= max;
        all.truncate(max);
        let reached =
            if last { self.change } else { all.last().map_or(since, |(change, _)| *change) };
        Ok(SyncPage {
            changes: all.into_iter().map(|(_, change)| change).collect(),
            cursor: SyncCursor::Since(reached),
            last,
        })
    }
}
