//! What is left of a mailbox after its removal, until nothing is.
//!
//! The removal itself is one transaction: settings, state, addresses and the data key go, so that no
//! content can be read any more. Everything else is too much for one transaction, and is deleted by
//! and by. A row beside the mailbox's own says that there is something left to do.

use jiff::{SignedDuration, Timestamp};
use tidemark_model::{MailboxId, OrganisationId};

use super::ids::MailboxScope;
use super::row::{Row, RowBuilder};
use super::{Records, keys};
use crate::table::{Key, Order, Span, StoreError, UpdateAction, Value, Write};

/// How long the rows of a removed mailbox may be there at most, as long as the minute schedule runs and
/// keeps up. Its subscriptions stay until then: if Exchange calls for one, it is told to end it. So does
/// whatever somebody who was under way wrote after the removal.
pub const CLEARED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Rows that are read at a time.
const PAGE_ITEMS: usize = 100;

const AT: &str = "removed_at";
const CLEARED: &str = "cleared";

/// A mailbox that was removed, and of which rows may be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedMailbox {
    scope: MailboxScope,
    at: Timestamp,
    is_cleared: bool,
}

impl RemovedMailbox {
    /// Whether something is to be done about it now: it was not cleared yet, or it is time to look for
    /// the last time.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.is_cleared || self.is_over(now)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) >= CLEARED_WITHIN
    }
}

impl Records {
    /// The removed mailboxes of an organisation of which rows may be left, in the order of their ids,
    /// after one of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn removed_mailboxes(
        &self,
        organisation: &OrganisationId,
        after: Option<&RemovedMailbox>,
    ) -> Result<Vec<RemovedMailbox>, StoreError> {
        let partition = keys::removed_partition(organisation);
        let after = after.map(|removed| removed.scope.mailbox.to_string());
        let span = Span::Prefix(String::new());
        let order = Order::Ascending;
        let page = self.table.query(&partition, &span, after.as_deref(), order, PAGE_ITEMS).await?;
        let read = |item: &crate::table::Item| {
            let mailbox = MailboxId::parse(&item.key.sort)
                .map_err(|_| StoreError::Corrupt("a mailbox id has no id's form"))?;
            Ok(RemovedMailbox {
                scope: MailboxScope { organisation: organisation.clone(), mailbox },
                at: Row::new(item)?.moment(AT)?.unwrap_or(Timestamp::MIN),
                is_cleared: item.attributes.contains_key(CLEARED),
            })
        };
        page.items.iter().map(read).collect()
    }

    /// Deletes what is left of a removed mailbox, at most about `limit` rows. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`]; what was deleted until then is.
    pub async fn clear_removed(
        &self,
        removed: &RemovedMailbox,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let RemovedMailbox { scope, .. } = removed;
        let is_over = removed.is_over(now);
        let partition = keys::mailbox_partition(scope);
        let span = Span::Prefix(String::new());
        let (mut deleted, mut after): (usize, Option<String>) = (0, None);
        loop {
            let (from, order) = (after.as_deref(), Order::Ascending);
            let page = self.table.query(&partition, &span, from, order, PAGE_ITEMS).await?;
            for item in page.items {
                if !is_over && item.key.sort.starts_with(keys::SUBSCRIPTIONS) {
                    continue;
                }
                for key in with_listings(scope, item.key) {
                    self.table.write(Write::Delete { key, condition: None }).await?;
                }
                deleted += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
            if deleted >= limit {
                return Ok(deleted);
            }
        }
        let key = keys::removed(scope);
        if is_over {
            self.table.write(Write::Delete { key, condition: None }).await?;
        } else {
            let set = UpdateAction::Set(CLEARED.to_owned(), Value::Flag(true));
            self.update(key, vec![set], None).await?;
        }
        Ok(deleted)
    }
}

/// The row that says that a mailbox was removed.
pub(crate) fn removed_row(scope: &MailboxScope, at: Timestamp) -> Write {
    let item = RowBuilder::new(keys::removed(scope)).moment(AT, at).build();
    Write::Put { item, condition: None }
}

/// A row of a mailbox, after the rows elsewhere that only lead to it.
fn with_listings(scope: &MailboxScope, key: Key) -> Vec<Key> {
    let elsewhere = if let Some(hold) = key.sort.strip_prefix(keys::HOLDS) {
        Some(keys::hold_listing_of(&scope.organisation, hold))
    } else {
        key.sort.strip_prefix(keys::SUBSCRIPTIONS).map(keys::subscription)
    };
    elsewhere.into_iter().chain([key]).collect()
}
