//! What administrators changed (W7): who, what, before, after, when. A row is written in the same
//! transaction as the change that it tells of.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidemark_model::OrganisationId;

use super::Records;
use super::history::{HISTORY_SECONDS, HistoryCursor};
use super::keys::{self, Place};
use super::row::{Row, RowBuilder, is_expired, later};
use crate::table::{Item, Order, Span, StoreError};

/// Most entries of a page.
const PAGE_ITEMS_MAX: usize = 200;

/// One change of settings. It holds no secret. `Debug` shows no value: there are addresses in them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRow {
    /// When.
    pub at: Timestamp,
    /// Who: the id of an API key, or a word for a part of the product.
    pub by: String,
    /// What was done, in a stable word such as `mailbox-added`.
    pub action: String,
    /// To what: the kind of thing and its id, such as `mailbox/0190…`.
    pub subject: String,
    /// The settings before; none where there were none.
    pub before: Option<Value>,
    /// The settings afterwards; none where nothing is left.
    pub after: Option<Value>,
}

impl fmt::Debug for ActivityRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityRow")
            .field("at", &self.at)
            .field("by", &self.by)
            .field("action", &self.action)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// A page of the activity.
#[derive(Debug, Clone)]
pub struct ActivityPage {
    /// The entries, the newest first.
    pub entries: Vec<ActivityRow>,
    /// After which to go on; none when nothing is left.
    pub next: Option<HistoryCursor>,
}

impl Records {
    /// What was changed in an organisation, the newest first, at most 200 entries at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn activity(
        &self,
        organisation: &OrganisationId,
        after: Option<&HistoryCursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<ActivityPage, StoreError> {
        let partition = keys::activity_partition(organisation);
        let span = Span::Prefix(String::new());
        let after = after.map(HistoryCursor::as_str);
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let page = self.table.query(&partition, &span, after, Order::Descending, limit).await?;
        let entries = page
            .items
            .iter()
            .filter(|item| !is_expired(item, now))
            .map(|item| Row::new(item)?.document())
            .collect::<Result<_, StoreError>>()?;
        Ok(ActivityPage { entries, next: page.next.as_deref().and_then(HistoryCursor::parse) })
    }

    /// The row of a change, to be put in its transaction.
    pub(crate) fn activity_item(
        &self,
        organisation: &OrganisationId,
        row: &ActivityRow,
    ) -> Result<Item, StoreError> {
        let mut nonce = [0; 4];
        self.keyring.fill(&mut nonce);
        let place = Place { sequence: 0, nonce: u32::from_be_bytes(nonce) };
        let key = keys::activity(organisation, row.at.as_millisecond(), place);
        Ok(RowBuilder::new(key).document(row)?.expires(later(row.at, HISTORY_SECONDS)).build())
    }
}
