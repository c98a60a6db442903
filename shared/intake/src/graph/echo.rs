//! Notifications of what is known: our own changes come back, and Graph mostly tells a new item twice.
//!
//! A notification names an item and its version. If our link of the item stands at that version, a run
//! has read or written it and has committed what followed: there is nothing that another run would
//! find. The cursor does not move by this: whatever this should miss is among the changes that the
//! next run reads, and a change of the version is another notification.
//! Source: learn.microsoft.com/graph, "change-notifications-delivery-webhooks" (`resourceData` with
//! `@odata.etag`); an event's tag is `W/"` and its `changeKey`.

use std::collections::BTreeSet;

use tidemark_graph::notification::{ChangeType, ItemNews};
use tidemark_store::StoreError;
use tidemark_store::records::MailboxScope;

use super::Said;
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
        Ok(true)
    }
}

/// Which item is said to have got which version; none for what says nothing of the kind.
fn version_of(news: &ItemNews) -> Option<(&str, &str)> {
    match news.change {
        ChangeType::Updated => {}
        // The changes mention nothing that came and went between two readings: until they are read
        // again after an item was created, nobody would learn that it was deleted.
        ChangeType::Created | ChangeType::Deleted | ChangeType::Unrecognised => return None,
    }
    let tag = news.etag.as_deref()?;
    let version = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    Some((news.item.as_deref()?, version)).filter(|_| !version.is_empty())
}
