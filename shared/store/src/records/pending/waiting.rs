//! How many changes of items wait, without their contents.

use std::collections::BTreeMap;

use tidemark_model::LinkId;

use super::NUMBER;
use crate::records::ids::MailboxScope;
use crate::records::links::read_link_id;
use crate::records::row::Row;
use crate::records::{Records, keys};
use crate::table::{Order, Span, StoreError};

/// Rows of one query.
const PAGE_ITEMS: usize = 500;

/// The changes of one item that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// How many there are.
    pub changes: usize,
    /// The number of the last one.
    pub last: u64,
}

impl Records {
    /// What waits for the items from `first` to `last`, both included, in the order of a listing of
    /// links. Items for which nothing waits are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_of_links(
        &self,
        scope: &MailboxScope,
        first: LinkId,
        last: LinkId,
    ) -> Result<BTreeMap<LinkId, Waiting>, StoreError> {
        let partition = keys::mailbox_partition(scope);
        let span = Span::Between(
            keys::pending_of_link(scope, first, 0).sort,
            keys::pending_of_link(scope, last, u64::MAX).sort,
        );
        let mut found: BTreeMap<LinkId, Waiting> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .table
                .query(&partition, &span, after.as_deref(), Order::Ascending, PAGE_ITEMS)
                .await?;
            for index in &page.items {
                let waiting = found.entry(read_link(&index.key.sort)?).or_default();
                waiting.changes = waiting.changes.saturating_add(1);
                waiting.last = waiting.last.max(Row::new(index)?.count(NUMBER)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}

fn read_link(sort: &str) -> Result<LinkId, StoreError> {
    let rest = sort.strip_prefix(keys::WAITS).unwrap_or_default();
    read_link_id(rest.split_once('#').map_or("", |(link, _)| link))
}
