//! Links: the pairing of one item in Exchange with one item of the business system.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{BusinessKey, Kind, LinkId};

use super::Records;
use super::content::{CHUNK_MISSING, ChunkRef, chunks_of};
use super::crypto::DataKey;
use super::ids::MailboxScope;
use super::moves::FoundBy;
use super::row::{REVISION, Row};
use super::{ids, keys};
use crate::table::{Item, Order, Span, StoreError};

pub(crate) const BASE_EXCHANGE: &str = "base_exchange";
pub(crate) const BASE_BUSINESS: &str = "base_business";
pub(crate) const LINK: &str = "link";

/// Most links of a page.
const PAGE_ITEMS_MAX: usize = 200;
/// Most links with one UID that are looked at: the same meeting a few times over.
const SAME_UID_MAX: usize = 25;
/// How often a link is read whose chunks are moved meanwhile.
const READS_MAX: usize = 3;
/// How many redirects are followed.
const REDIRECTS_MAX: usize = 8;

/// What stands between the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LinkState {
    /// Nothing was agreed on yet.
    New,
    /// Both sides have the item.
    Linked,
    /// The item is private: no content of it is kept.
    Private {
        /// Whether it was made in Exchange.
        born_in_exchange: bool,
        /// Whether the business system knows that it exists.
        announced: bool,
    },
    /// The item was deleted; the mark is kept.
    Deleted {
        /// Whether it was deleted in Exchange.
        in_exchange: bool,
        /// When that was noticed.
        at: Timestamp,
        /// Until when the mark is kept.
        until: Timestamp,
    },
}

/// A link. `Debug` shows no content and no id of either side.
#[derive(Clone)]
pub struct LinkRow {
    /// Which one.
    pub link: LinkId,
    /// What kind of item.
    pub kind: Kind,
    /// What stands between the two sides.
    pub state: LinkState,
    /// The business system's own id; none for an item born in Exchange.
    pub business_key: Option<BusinessKey>,
    /// The server's id.
    pub remote_id: Option<String>,
    /// The server's version of what was last read.
    pub change_key: Option<String>,
    /// iCalendar UID.
    pub uid: Option<String>,
    /// The last common state as Exchange holds it, or both states in one: the caller encodes.
    pub base_exchange: Option<Vec<u8>>,
    /// The last common state as the business system holds it; none when it is the same.
    pub base_business: Option<Vec<u8>>,
    /// Fingerprint of the mapped fields as last read from Exchange.
    pub fingerprint: Option<String>,
    /// Intent of the attempt that made the linked item, as its stamp says.
    pub attempt: Option<ids::IntentId>,
    /// A word of the caller's for whose copy of a meeting it is.
    pub role: Option<String>,
    /// How often the caller's loop breaker counted, in the caller's form.
    pub flips: Option<String>,
    /// In which compare run it was last seen.
    pub generation: u64,
    /// How many moves of its mailbox the server's id has come through. One that has come through fewer
    /// than there were means nothing to the present server.
    pub moves: u32,
    /// How the item was found again in the last of them; none for one that came to be afterwards.
    pub found_by: Option<FoundBy>,
    /// When the business system last learned of it or changed it.
    pub updated_at: Timestamp,
    /// Counts the commits of this link; 0 for one that is not stored yet. The commit raises it.
    pub revision: u64,
    pub(crate) origin: Origin,
}

/// What of a link stands in the table, so that a commit can clear it away.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    pub(crate) remote_id: Option<String>,
    pub(crate) uid: Option<String>,
    pub(crate) chunks: Vec<ChunkRef>,
}

/// The part of a link that is no content.
#[derive(Serialize, Deserialize)]
pub(crate) struct LinkDocument {
    #[serde(with = "ids::kind")]
    kind: Kind,
    #[serde(flatten)]
    state: LinkState,
    #[serde(with = "ids::some_business_key")]
    business_key: Option<BusinessKey>,
    remote_id: Option<String>,
    change_key: Option<String>,
    uid: Option<String>,
    fingerprint: Option<String>,
    attempt: Option<ids::IntentId>,
    role: Option<String>,
    flips: Option<String>,
    generation: u64,
    #[serde(default, skip_serializing_if = "is_none_yet")]
    moves: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found_by: Option<FoundBy>,
    updated_at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_none_yet(moves: &u32) -> bool {
    *moves == 0
}

/// A page of links.
#[derive(Debug, Clone)]
pub struct LinkPage {
    /// The links, by id.
    pub links: Vec<LinkRow>,
    /// After which one to go on; none when nothing is left.
    pub next: Option<LinkId>,
}

impl LinkRow {
    /// A link that is not stored yet.
    pub fn new(link: LinkId, kind: Kind, now: Timestamp) -> Self {
        Self {
            link,
            kind,
            state: LinkState::New,
            business_key: None,
            remote_id: None,
            change_key: None,
            uid: None,
            base_exchange: None,
            base_business: None,
            fingerprint: None,
            attempt: None,
            role: None,
            flips: None,
            generation: 0,
            moves: 0,
            found_by: None,
            updated_at: now,
            revision: 0,
            origin: Origin::default(),
        }
    }

    /// Takes all content away: what is left says only that there is an item.
    pub fn purge(&mut self) {
        self.base_exchange = None;
        self.base_business = None;
        self.fingerprint = None;
    }

    pub(crate) fn document(&self) -> LinkDocument {
        LinkDocument {
            kind: self.kind,
            state: self.state,
            business_key: self.business_key.clone(),
            remote_id: self.remote_id.clone(),
            change_key: self.change_key.clone(),
            uid: self.uid.clone(),
            fingerprint: self.fingerprint.clone(),
            attempt: self.attempt,
            role: self.role.clone(),
            flips: self.flips.clone(),
            generation: self.generation,
            moves: self.moves,
            found_by: self.found_by,
            updated_at: self.updated_at,
        }
    }
}

impl fmt::Debug for LinkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkRow")
            .field("link", &self.link)
            .field("state", &self.state)
            .field("remote", &self.remote_id.is_some())
            .field("base_exchange_bytes", &self.base_exchange.as_ref().map(Vec::len))
            .field("base_business_bytes", &self.base_business.as_ref().map(Vec::len))
            .field("revision", &self.revision)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// What the content of a link is tied to.
pub(crate) fn context(scope: &MailboxScope, link: LinkId, name: &str) -> String {
    format!("{}#LINK#{link}#{name}", keys::mailbox_partition(scope))
}

impl Records {
    /// A link by its id. Does not follow redirects.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn link(
        &self,
        scope: &MailboxScope,
        link: LinkId,
    ) -> Result<Option<LinkRow>, StoreError> {
        let place = keys::link(scope, link);
        let mut last = Ok(None);
        for _ in 0..READS_MAX {
            let Some(item) = self.table.get(&place).await? else {
                return Ok(None);
            };
            let key = self.existing_data_key(scope).await?;
            last = self.read_link(scope, key.as_ref(), &item).await.map(Some);
            // A commit in between took the chunks away; the row says by now where they are.
            if !matches!(last, Err(StoreError::Corrupt(CHUNK_MISSING))) {
                break;
            }
        }
        last
    }

    /// The link of an item in Exchange.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn link_of_remote(
        &self,
        scope: &MailboxScope,
        remote_id: &str,
    ) -> Result<Option<LinkRow>, StoreError> {
        let Some(item) = self.table.get(&keys::remote(scope, remote_id)).await? else {
            return Ok(None);
        };
        let link = read_link_id(Row::new(&item)?.text(LINK)?)?;
        self.link(scope, link).await
    }

    /// The version in which an item of Exchange was last dealt with; none for an item that is not linked
    /// under this id. No content is read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn version_of_remote(
        &self,
        scope: &MailboxScope,
        remote_id: &str,
    ) -> Result<Option<String>, StoreError> {
        let Some(item) = self.table.get(&keys::remote(scope, remote_id)).await? else {
            return Ok(None);
        };
        let link = read_link_id(Row::new(&item)?.text(LINK)?)?;
        let Some(item) = self.table.get(&keys::link(scope, link)).await? else {
            return Ok(None);
        };
        let document: LinkDocument = Row::new(&item)?.document()?;
        Ok(document.change_key.filter(|_| document.remote_id.as_deref() == Some(remote_id)))
    }

    /// The links with this iCalendar UID: a meeting may stand in a mailbox more than once. At most
    /// 25.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn links_of_uid(
        &self,
        scope: &MailboxScope,
        uid: &str,
    ) -> Result<Vec<LinkRow>, StoreError> {
        let page = self.page(scope, &keys::uid_prefix(uid), None, SAME_UID_MAX).await?;
        let mut links = Vec::new();
        for item in page.items {
            let link = read_link_id(Row::new(&item)?.text(LINK)?)?;
            links.extend(self.link(scope, link).await?);
        }
        Ok(links)
    }

    /// The link that an id leads to: itself, or the one that it became.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resolve_link(
        &self,
        scope: &MailboxScope,
        link: LinkId,
    ) -> Result<LinkId, StoreError> {
        let mut at = link;
        for _ in 0..REDIRECTS_MAX {
            match self.table.get(&keys::redirect(scope, at)).await? {
                None => return Ok(at),
                Some(item) => at = read_link_id(Row::new(&item)?.text(LINK)?)?,
            }
        }
        Err(StoreError::Corrupt("redirects of links go in a circle"))
    }

    /// Links of a mailbox by id, at most 200 at a time, those that were deleted among them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn links(
        &self,
        scope: &MailboxScope,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<LinkPage, StoreError> {
        let after = after.map(|link| keys::link(scope, link).sort);
        let page = self
            .table
            .query(
                &keys::mailbox_partition(scope),
                &Span::Prefix(keys::LINKS.to_owned()),
                after.as_deref(),
                Order::Ascending,
                limit.clamp(1, PAGE_ITEMS_MAX),
            )
            .await?;
        let mut links = Vec::new();
        if !page.items.is_empty() {
            let key = self.existing_data_key(scope).await?;
            for item in &page.items {
                links.push(self.read_link(scope, key.as_ref(), item).await?);
            }
        }
        let next = page.next.as_deref().map(read_link_sort).transpose()?;
        Ok(LinkPage { links, next })
    }

    async fn read_link(
        &self,
        scope: &MailboxScope,
        key: Option<&DataKey>,
        item: &Item,
    ) -> Result<LinkRow, StoreError> {
        let link = read_link_sort(&item.key.sort)?;
        let row = Row::new(item)?;
        let document: LinkDocument = row.document()?;
        let content = |name: &'static str| async move {
            self.load_content(scope, key, row, name, &context(scope, link, name)).await
        };
        Ok(LinkRow {
            link,
            kind: document.kind,
            state: document.state,
            business_key: document.business_key,
            change_key: document.change_key,
            base_exchange: content(BASE_EXCHANGE).await?,
            base_business: content(BASE_BUSINESS).await?,
            fingerprint: document.fingerprint,
            attempt: document.attempt,
            role: document.role,
            flips: document.flips,
            generation: document.generation,
            moves: document.moves,
            found_by: document.found_by,
            updated_at: document.updated_at,
            revision: row.count(REVISION)?,
            origin: Origin {
                remote_id: document.remote_id.clone(),
                uid: document.uid.clone(),
                chunks: chunks_of(item)?,
            },
            remote_id: document.remote_id,
            uid: document.uid,
        })
    }
}

fn read_link_sort(sort: &str) -> Result<LinkId, StoreError> {
    read_link_id(sort.strip_prefix(keys::LINKS).unwrap_or_default())
}

pub(crate) fn read_link_id(text: &str) -> Result<LinkId, StoreError> {
    LinkId::parse(text).map_err(|_| StoreError::Corrupt("a link id has no id's form"))
}
