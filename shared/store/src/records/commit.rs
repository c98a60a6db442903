//! The commit of a run: what belongs to one item is one transaction, several items share one as far
//! as it reaches, and every transaction requires that the lease is still ours.
//!
//! Every transaction writes a fresh token into the mailbox's state on the condition that the token
//! is the one before. So commits follow each other, an unclear answer is resolved by reading the
//! token, and an attempt that arrives late finds the token moved and does nothing.

mod prepare;
mod transact;

use core::fmt;

use jiff::Timestamp;
use tidemark_model::LinkId;

use super::Records;
use super::cursors::CursorRow;
use super::feed::FeedEntry;
use super::history::HistoryEntry;
use super::holds::HoldRow;
use super::ids::{Collection, HoldId, IntentId, MailboxScope};
use super::intents::IntentRow;
use super::lease::Lease;
use super::ledger::{Brake, MailEntry, Statistics};
use super::links::LinkRow;
use super::marks::StartedAt;
use super::moves::MoveRow;
use super::pending::PendingRef;
use crate::table::StoreError;

/// Why a commit stopped. Transactions before the one that failed stand.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Somebody else has the mailbox now; the run must not write any more.
    #[error("another run took the mailbox over")]
    LeaseLost,
    /// The mailbox's move is not as it was read: an administrator withdrew it.
    #[error("the mailbox's move is not in the revision that was read")]
    MoveChanged,
    /// The link is not as it was read.
    #[error("the link {link} is not in the revision that was read")]
    RevisionMoved {
        /// Which link.
        link: LinkId,
    },
    /// The store failed. [`StoreError::TooLarge`]: what belongs to one item is more than a
    /// transaction takes.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What becomes of a link. The row is the one that was loaded, changed; it is in the table in the
/// revision after its own once the commit is done, and has to be loaded again to be committed again.
#[derive(Debug, Clone)]
pub enum LinkWrite {
    /// It is put.
    Put(Box<LinkRow>),
    /// It is deleted, with what leads to it.
    Delete(Box<LinkRow>),
}

/// All that belongs to one item: it is committed together or not at all.
#[derive(Debug, Clone, Default)]
pub struct ItemCommit {
    /// Links that change; more than one where items were joined.
    pub links: Vec<LinkWrite>,
    /// Links that become another one.
    pub redirects: Vec<(LinkId, LinkId)>,
    /// Waiting changes that are dealt with: [`super::PendingRow::reference`].
    pub pending: Vec<PendingRef>,
    /// Intents that are dealt with.
    pub intents: Vec<IntentRef>,
    /// Entries of the feed, in their order.
    pub feed: Vec<FeedEntry>,
    /// Explained decisions, in their order.
    pub history: Vec<HistoryEntry>,
    /// What is to be counted.
    pub statistics: Statistics,
    /// Mails to account for.
    pub mails: Vec<MailEntry>,
    /// What the brake is to be charged with, unless an intent charged it.
    pub brake: Option<Brake>,
    /// Holds that are put.
    pub holds: Vec<HoldRow>,
    /// Holds that are removed.
    pub released: Vec<HoldId>,
    /// How far the mailbox's move has come.
    pub movement: Option<MoveRow>,
}

/// An intent that a commit removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRef {
    link: LinkId,
    intent: IntentId,
    chunks: Vec<super::content::ChunkRef>,
}

impl IntentRow {
    /// What a commit has to name to remove it.
    pub fn reference(&self) -> IntentRef {
        IntentRef { link: self.link, intent: self.intent, chunks: self.chunks.clone() }
    }
}

/// What a run commits: items in order, then the cursor, then `synced`.
#[derive(Clone)]
pub struct Commit {
    scope: MailboxScope,
    lease: Lease,
    items: Vec<ItemCommit>,
    cursor: Option<(Collection, CursorRow)>,
    noted: Option<(Collection, CursorRow)>,
    synced: Option<(StartedAt, Option<Timestamp>)>,
    releases: bool,
}

impl Commit {
    /// An empty commit under a lease.
    pub fn new(scope: MailboxScope, lease: Lease) -> Self {
        Self {
            scope,
            lease,
            items: Vec::new(),
            cursor: None,
            noted: None,
            synced: None,
            releases: false,
        }
    }

    /// Adds what belongs to one item.
    #[must_use]
    pub fn item(mut self, item: ItemCommit) -> Self {
        self.items.push(item);
        self
    }

    /// Moves the cursor of a collection once all items are committed. The row is the one that was
    /// read, with [`CursorRow::at`] the new place.
    #[must_use]
    pub fn cursor(mut self, collection: Collection, cursor: CursorRow) -> Self {
        self.cursor = Some((collection, cursor));
        self
    }

    /// What the cursor is to say before anything else is committed, should all of it take more than
    /// one transaction.
    #[must_use]
    pub fn noting(mut self, collection: Collection, noted: CursorRow) -> Self {
        self.noted = Some((collection, noted));
        self
    }

    /// Gives the lease back in the last transaction, and writes the meter with it. Only after
    /// [`Commit::synced`], and only when nothing is left that the lease has to cover.
    #[must_use]
    pub const fn release(mut self) -> Self {
        self.releases = true;
        self
    }

    /// Notes last that all hints of this start were dealt with. `wait` is when somebody has to look
    /// even if nothing happens.
    #[must_use]
    pub fn synced(mut self, started: StartedAt, wait: Option<Timestamp>) -> Self {
        self.synced = Some((started, wait));
        self
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.cursor.is_none() && self.synced.is_none()
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("scope", &self.scope)
            .field("items", &self.items.len())
            .field("cursor", &self.cursor.is_some())
            .field("synced", &self.synced.is_some())
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Carries a commit out. Returns in how many transactions.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit(&self, commit: &Commit, now: Timestamp) -> Result<usize, CommitError> {
        let key = self.data_key(&commit.scope).await?;
        let batches = self.prepare(commit, &key, now).await?;
        let count = batches.len();
        for batch in batches {
            let standing = self.carry_batch(commit, batch, now).await?;
            commit.lease.stand_on(standing);
        }
        Ok(count)
    }
}
