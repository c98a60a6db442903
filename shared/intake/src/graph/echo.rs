//! Notifications of what is known: our own changes come back, and Graph mostly tells a new item twice.
//!
//! A notification names an item and its version. If our link of the item stands at that version, a run
//! has read or written it and has committed what followed: there is nothing that another run would
//! find. The cursor does not move by this: whatever this should miss is among the changes that the
//! next run reads, and a change of the version is another notification.
//!
//! Of a new item that is not enough. The changes mention nothing that came and went between two readings:
//! until they have told of it, nobody would learn that it was deleted. A run reads them after its own
//! creates, and what they have not told by then the cursor keeps. So it is known only once the mailbox is
//! at rest and its cursor keeps nothing.
//! Source: learn.microsoft.com/graph, "change-notifications-delivery-webhooks" (`resourceData` with
//! `@odata.etag`); an event's tag is `W/"` and its `changeKey`.

use std::collections::BTreeSet;

use tidemark_graph::notification::{ChangeType, ItemNews};
use tidemark_store::StoreError;
use tidemark_store::records::{Collection, MailboxScope};

use super::{Change, Said};
use crate::Intake;

/// Most items of one sender and call that are looked up: more than that are no echo.
const LOOKED_UP_MAX: usize = 10;

impl Intake {
    /// Whether all that is said is known already.
    pub(super) async fn is_known(
        &self,
        scope: &MailboxScope,
        said: &Said,
    ) -> Result<bool, StoreError> {
        let versions: Option<BTreeSet<_>> =
            said.changes.iter().map(|change| version_of(&change.news)).collect();
        let Some(versions) = versions.filter(|all| (1..=LOOKED_UP_MAX).contains(&all.len())) else {
            return Ok(false);
        };
        if !said.events.is_empty() {
            return Ok(false);
        }
        for (item, version) in versions {
            if self.records.version_of_remote(scope, item).await?.as_deref() != Some(version) {
                return Ok(false);
            }
        }
        let is_new = |change: &Change| matches!(change.news.change, ChangeType::Created);
        Ok(!said.changes.iter().any(is_new) || self.is_read_out(scope).await?)
    }

    /// Whether the last run has read all changes to their end and keeps nothing for the next one. The marks
    /// are read before the cursor, which a run that ends writes with them.
    async fn is_read_out(&self, scope: &MailboxScope) -> Result<bool, StoreError> {
        let marks = self.records.marks(scope).await?;
        if marks.is_dirty() || marks.is_held(self.world.now()) {
            return Ok(false);
        }
        self.records.is_read_out(scope, &Collection::calendar()).await
    }
}

/// Which item is said to have got which version; none for what says nothing of the kind.
fn version_of(news: &ItemNews) -> Option<(&str, &str)> {
    match news.change {
        ChangeType::Created | ChangeType::Updated => {}
        ChangeType::Deleted | ChangeType::Unrecognised => return None,
    }
    let tag = news.etag.as_deref()?;
    let version = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    Some((news.item.as_deref()?, version)).filter(|_| !version.is_empty())
}
