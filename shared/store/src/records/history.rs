//! The explained decisions about an item (N5).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::LinkId;

use super::content::unexpired;
use super::ids::MailboxScope;
use super::row::Row;
use super::{Records, ids, keys};
use crate::table::StoreError;

/// How long an entry is kept.
pub(crate) const HISTORY_SECONDS: i64 = 400 * 24 * 3600;
/// Most entries of a page.
const PAGE_ITEMS_MAX: usize = 200;

/// One decision about an item, without content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Of which item.
    #[serde(with = "ids::link")]
    pub link: LinkId,
    /// When.
    pub at: Timestamp,
    /// Who caused it: `exchange`, `business` or `tidemark`.
    pub actor: String,
    /// What was decided, in stable words.
    pub decision: String,
    /// Why, for people.
    pub reason: String,
    /// The revision of the item afterwards.
    pub revision: u64,
}

/// A place in the history of an item: the one after which a page goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryCursor(String);

impl HistoryCursor {
    /// Reads a place as a page gave it; none where no page can have given it.
    pub fn parse(text: &str) -> Option<Self> {
        // Moment, epoch, place within the commit, a random part: `keys::history` writes them.
        const WIDTHS: [(usize, usize); 4] = [(16, 19), (20, 20), (6, 10), (8, 8)];
        let mut parts = text.split('#');
        for (index, (least, most)) in WIDTHS.into_iter().enumerate() {
            let part = parts.next()?;
            let is_random = index == WIDTHS.len() - 1;
            let fits =
                |byte: u8| byte.is_ascii_digit() || (is_random && matches!(byte, b'a'..=b'f'));
            if !(least..=most).contains(&part.len()) || !part.bytes().all(fits) {
                return None;
            }
        }
        parts.next().is_none().then(|| Self(text.to_owned()))
    }

    /// The text that [`HistoryCursor::parse`] reads.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A page of history.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The entries, the newest last.
    pub entries: Vec<HistoryEntry>,
    /// After which to go on; none when nothing is left.
    pub next: Option<HistoryCursor>,
}

impl Records {
    /// The history of an item, the newest last, at most 200 entries at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(
        &self,
        scope: &MailboxScope,
        link: LinkId,
        after: Option<&HistoryCursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<HistoryPage, StoreError> {
        let prefix = keys::history_prefix(link);
        // What the caller hands back names a place within this item's history, and no other.
        let after = after.map(|place| format!("{prefix}{}", place.as_str()));
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let page = self.page(scope, &prefix, after.as_deref(), limit).await?;
        let entries = unexpired(page.items, now)
            .map(|item| Row::new(&item)?.document())
            .collect::<Result<_, StoreError>>()?;
        let next = page.next.and_then(|sort| HistoryCursor::parse(sort.strip_prefix(&prefix)?));
        Ok(HistoryPage { entries, next })
    }
}
