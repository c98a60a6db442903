//! How much of a mailbox waits on the business system's side, and since when.

use jiff::Timestamp;
use serde::Deserialize;

use super::ids::MailboxScope;
use super::row::Row;
use super::{Records, keys};
use crate::table::{Order, Span, StoreError};

/// Most changes that are counted.
const COUNTED_MAX: usize = 500;

/// The waiting changes of a mailbox, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Changes that were accepted and not dealt with, as many as were counted.
    pub changes: u64,
    /// Whether there are more than were counted.
    pub more: bool,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
}

/// What is read of a waiting change.
#[derive(Deserialize)]
struct AcceptedAt {
    accepted_at: Timestamp,
}

impl Records {
    /// How many changes of a mailbox wait, counted up to `limit` and at most 500, and since when.
    /// Reads no content.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlog(&self, scope: &MailboxScope, limit: usize) -> Result<Backlog, StoreError> {
        let span = Span::Between(keys::pending_sort(1), keys::pending_sort(u64::MAX));
        let partition = keys::mailbox_partition(scope);
        let limit = limit.clamp(1, COUNTED_MAX);
        let mut backlog = Backlog::default();
        let mut from: Option<String> = None;
        let mut left = limit;
        while left > 0 {
            let page = self
                .table
                .query(&partition, &span, from.as_deref(), Order::Ascending, left)
                .await?;
            if let (None, Some(first)) = (backlog.oldest, page.items.first()) {
                let document: AcceptedAt = Row::new(first)?.document()?;
                backlog.oldest = Some(document.accepted_at);
            }
            left = left.saturating_sub(page.items.len());
            let count = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
            backlog.changes = backlog.changes.saturating_add(count);
            from = page.next;
            backlog.more = from.is_some();
            if from.is_none() {
                break;
            }
        }
        Ok(backlog)
    }
}
