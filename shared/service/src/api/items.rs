//! Items: which one a caller means, and how much of it the business system may know.

mod change;
mod read;

use tidemark_engine::Base;
use tidemark_jscalendar::Problem;
use tidemark_model::{BusinessKey, Kind, LinkId};
use tidemark_store::records::{LinkRow, LinkState, MailboxScope, PendingRow};

use super::access::FoundMailbox;
use crate::border::{ItemVersion, Refusal};
use crate::content::decode_base;
use crate::service::Service;

/// An item that a caller named.
struct FoundItem {
    link: LinkId,
    /// None for an item that was born in Exchange.
    key: Option<BusinessKey>,
    row: Option<LinkRow>,
}

/// What the business system may know of an item.
enum Known {
    /// Nothing: there is none, or it was never announced.
    Nothing,
    /// All of it, in this version.
    Shown { base: Box<Base>, revision: u64 },
    /// That it exists.
    Private,
    /// That it was deleted.
    Deleted { in_exchange: bool },
}

impl Known {
    /// What may be known of a link.
    fn of(row: Option<&LinkRow>, now: jiff::Timestamp) -> Result<Self, Refusal> {
        let Some(row) = row else {
            return Ok(Self::Nothing);
        };
        Ok(match (row.state, &row.base_exchange) {
            (LinkState::Linked, Some(bytes)) => {
                let base = decode_base(bytes).map_err(|_| Refusal::Internal)?;
                if base.announced {
                    Self::Shown { base: Box::new(base), revision: row.revision }
                } else {
                    Self::Nothing
                }
            }
            (LinkState::Private { announced: true, .. }, _) => Self::Private,
            (LinkState::Deleted { in_exchange, until, .. }, _) if now < until => {
                Self::Deleted { in_exchange }
            }
            (
                LinkState::New
                | LinkState::Linked
                | LinkState::Private { .. }
                | LinkState::Deleted { .. },
                _,
            ) => Self::Nothing,
        })
    }
}

/// The version of an item of which these changes wait.
fn version_of(revision: u64, last_waiting: Option<u64>) -> ItemVersion {
    match last_waiting {
        None => ItemVersion::Settled(revision),
        Some(last) => ItemVersion::Waiting { revision, last },
    }
}

impl Service {
    /// Which item an id in a path means: one of ours, or the business system's own.
    async fn find_item(
        &self,
        found: &FoundMailbox,
        kind: Kind,
        id: &str,
    ) -> Result<FoundItem, Refusal> {
        let scope = &found.scope;
        if let Ok(link) = LinkId::parse(id) {
            let link = self.records.resolve_link(scope, link).await?;
            let row = self.records.link(scope, link).await?;
            if let Some(row) = row.filter(|row| row.kind == kind) {
                let key = row.business_key.clone();
                return Ok(FoundItem { link, key, row: Some(row) });
            }
        }
        let key = BusinessKey::parse(id).map_err(|error| {
            Refusal::Invalid(vec![Problem {
                pointer: "id".to_owned(),
                rule: error.to_string(),
                mend: "name the item by an id of that form".to_owned(),
            }])
        })?;
        let own = LinkId::of_business_key(&found.row.system, scope.mailbox, kind, &key);
        let link = self.records.resolve_link(scope, own).await?;
        let row = self.records.link(scope, link).await?;
        Ok(FoundItem { link, key: Some(key), row })
    }

    /// The same, with the changes that wait for it.
    async fn find_with_waiting(
        &self,
        found: &FoundMailbox,
        kind: Kind,
        id: &str,
    ) -> Result<(FoundItem, Vec<PendingRow>), Refusal> {
        let item = self.find_item(found, kind, id).await?;
        let waiting = self.records.pending_of_link(&found.scope, item.link).await?;
        if item.row.is_some() || !waiting.is_empty() {
            return Ok((item, waiting));
        }
        // A run may have brought it into being between the two reads: it moves what waits into the
        // link in one transaction, so that a second look finds it.
        Ok((self.find_item(found, kind, id).await?, waiting))
    }

    /// The id that the business system knows an item by.
    pub(super) async fn id_of(
        &self,
        scope: &MailboxScope,
        link: LinkId,
    ) -> Result<String, Refusal> {
        let row = self.records.link(scope, link).await?;
        let mut key = row.and_then(|row| row.business_key);
        if key.is_none() {
            let waiting = self.records.pending_of_link(scope, link).await?;
            key = waiting.into_iter().find_map(|row| row.business_key);
        }
        Ok(key.map_or_else(|| link.to_string(), |key| key.as_str().to_owned()))
    }
}
