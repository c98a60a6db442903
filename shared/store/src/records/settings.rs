//! Settings: organisations, business systems, connections, profiles.

use core::fmt;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemark_model::{OrganisationId, SystemId};

use super::Records;
use super::fence::Fence;
use super::ids::ConnectionId;
use super::mailboxes::Trouble;
use super::protocol::{EwsAccess, GraphAccess, Protocol};
use super::row::{Document, REVISION, Row, RowBuilder, number};
use super::{ids, keys};
use crate::table::{Condition, Item, Key, Order, Span, StoreError};

/// Most rows of a page of settings.
const PAGE_ITEMS: usize = 100;
/// Most settings of one kind that are listed: beyond that an organisation is not set up by hand.
const LISTED_MAX: usize = 1000;

/// Why a document was not saved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SaveError {
    /// Somebody saved it in the meantime: read it again.
    #[error("somebody else saved it in the meantime")]
    RevisionMoved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationRow {
    /// Which one.
    #[serde(with = "ids::organisation")]
    pub id: OrganisationId,
    /// What people call it.
    pub name: String,
    /// Whether anything is synced for it. What is set stays while it is off (W1).
    #[serde(default = "switched_on")]
    pub enabled: bool,
    /// Private networks (CIDR) that its webhooks may reach.
    pub allowed_networks: Vec<String>,
    /// Domains whose addresses are its employees', lower case.
    pub domains: Vec<String>,
    /// What a mailbox may cost in 30 days, in US cents as a decimal; none without a cap (N9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_cents_per_month: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A business system: owner of API keys, links and item ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRow {
    /// Which one.
    #[serde(with = "ids::system")]
    pub id: SystemId,
    /// What people call it.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// How changes in Exchange are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notifications {
    /// Exchange calls our URL.
    Push,
    /// Asked for every minute.
    Poll,
}

/// A connection to an Exchange. `Debug` shows no account, no tenant and no URL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// Which one.
    pub id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// How Exchange is spoken to, and as whom.
    #[serde(flatten)]
    pub protocol: Protocol,
    /// Certificates of authorities (PEM) that are trusted besides the public ones.
    pub extra_ca_pem: Option<String>,
    /// SHA-256 of the server's certificate, hexadecimal, that a person has confirmed.
    pub confirmed_fingerprint: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Whether appointments are synced.
    pub appointments: bool,
    /// How changes are noticed.
    pub notifications: Notifications,
    /// The version that the server said last.
    pub server_version: Option<String>,
    /// Until when the server asked us to wait.
    pub wait_until: Option<Timestamp>,
    /// What is wrong with it now.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
    /// What keeps it out of mailboxes that are none of its business.
    #[serde(default)]
    pub fence: Fence,
    /// Since when.
    pub created_at: Timestamp,
}

impl ConnectionRow {
    /// How it is reached over EWS; none when it speaks another protocol.
    pub fn ews(&self) -> Option<&EwsAccess> {
        match &self.protocol {
            Protocol::Ews(access) => Some(access),
            Protocol::Graph(_) => None,
        }
    }

    /// How it is reached over Graph; none when it speaks another protocol.
    pub fn graph(&self) -> Option<&GraphAccess> {
        match &self.protocol {
            Protocol::Ews(_) => None,
            Protocol::Graph(access) => Some(access),
        }
    }

    /// How it reaches Exchange, for logs: `ews` or `graph`.
    pub const fn protocol_word(&self) -> &'static str {
        match &self.protocol {
            Protocol::Ews(_) => "ews",
            Protocol::Graph(_) => "graph",
        }
    }
}

impl fmt::Debug for ConnectionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionRow")
            .field("id", &self.id)
            .field("protocol", &self.protocol)
            .field("enabled", &self.enabled)
            .field("notifications", &self.notifications)
            .field("troubles", &self.troubles.len())
            .finish_non_exhaustive()
    }
}

/// Rules by which mailboxes are synced, in the form that the caller gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRow {
    /// What people call it; unique within the organisation.
    pub name: String,
    /// The rules.
    pub rules: serde_json::Value,
    /// Since when.
    pub created_at: Timestamp,
}

impl Records {
    /// All organisations, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn organisations(&self) -> Result<Vec<OrganisationId>, StoreError> {
        let items = self.list_items(keys::ORGANISATIONS, "").await?;
        items
            .iter()
            .map(|item| {
                OrganisationId::parse(&item.key.sort)
                    .map_err(|_| StoreError::Corrupt("an organisation's id has no id's form"))
            })
            .collect()
    }

    /// An organisation's settings.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn organisation(
        &self,
        id: &OrganisationId,
    ) -> Result<Option<Document<OrganisationRow>>, StoreError> {
        self.document(&keys::organisation(id)).await
    }

    /// Saves an organisation's settings over the revision that was read; none for a new one.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save_organisation(
        &self,
        row: &OrganisationRow,
        revision: Option<u64>,
    ) -> Result<u64, SaveError> {
        // The listing first: one that names nothing is harmless, one that is missing is not.
        self.put(RowBuilder::new(keys::organisation_listing(&row.id)).build(), None).await?;
        self.save_document(keys::organisation(&row.id), row, revision).await
    }

    /// A business system.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn system(
        &self,
        organisation: &OrganisationId,
        id: &SystemId,
    ) -> Result<Option<Document<SystemRow>>, StoreError> {
        self.document(&keys::system(organisation, id)).await
    }

    /// Saves a business system over the revision that was read; none for a new one.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save_system(
        &self,
        organisation: &OrganisationId,
        row: &SystemRow,
        revision: Option<u64>,
    ) -> Result<u64, SaveError> {
        self.save_document(keys::system(organisation, &row.id), row, revision).await
    }

    /// An organisation's business systems.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn systems(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<Document<SystemRow>>, StoreError> {
        self.list_documents(&keys::settings_partition(organisation), keys::SYSTEMS).await
    }

    /// A connection.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connection(
        &self,
        organisation: &OrganisationId,
        id: ConnectionId,
    ) -> Result<Option<Document<ConnectionRow>>, StoreError> {
        self.document(&keys::connection(organisation, id)).await
    }

    /// Saves a connection over the revision that was read; none for a new one.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save_connection(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
        revision: Option<u64>,
    ) -> Result<u64, SaveError> {
        self.save_document(keys::connection(organisation, row.id), row, revision).await
    }

    /// An organisation's connections.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connections(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<Document<ConnectionRow>>, StoreError> {
        self.list_documents(&keys::connections_partition(organisation), keys::CONNECTIONS).await
    }

    /// A profile by its name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn profile(
        &self,
        organisation: &OrganisationId,
        name: &str,
    ) -> Result<Option<Document<ProfileRow>>, StoreError> {
        self.document(&keys::profile(organisation, name)).await
    }

    /// Saves a profile over the revision that was read; none for a new one.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save_profile(
        &self,
        organisation: &OrganisationId,
        row: &ProfileRow,
        revision: Option<u64>,
    ) -> Result<u64, SaveError> {
        self.save_document(keys::profile(organisation, &row.name), row, revision).await
    }

    /// An organisation's profiles.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn profiles(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<Document<ProfileRow>>, StoreError> {
        self.list_documents(&keys::profiles_partition(organisation), keys::PROFILES).await
    }

    pub(crate) async fn document<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<Document<T>>, StoreError> {
        self.table.get(key).await?.as_ref().map(read_document).transpose()
    }

    /// Puts a document on the condition that its revision is still the one that was read. Returns
    /// the new one.
    pub(crate) async fn save_document<T: Serialize>(
        &self,
        key: Key,
        value: &T,
        revision: Option<u64>,
    ) -> Result<u64, SaveError> {
        let next = revision.unwrap_or(0).saturating_add(1);
        let row = RowBuilder::new(key).document(value)?.number(REVISION, next).build();
        match self.put(row, Some(unmoved(revision))).await {
            Ok(()) => Ok(next),
            Err(StoreError::ConditionFailed { .. }) => Err(SaveError::RevisionMoved),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn list_documents<T: DeserializeOwned>(
        &self,
        partition: &str,
        prefix: &str,
    ) -> Result<Vec<Document<T>>, StoreError> {
        self.list_items(partition, prefix).await?.iter().map(read_document).collect()
    }

    pub(crate) async fn list_items(
        &self,
        partition: &str,
        prefix: &str,
    ) -> Result<Vec<Item>, StoreError> {
        let span = Span::Prefix(prefix.to_owned());
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        while items.len() < LISTED_MAX {
            let page = self
                .table
                .query(partition, &span, after.as_deref(), Order::Ascending, PAGE_ITEMS)
                .await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(items)
    }
}

/// Rows of before the switch are on.
const fn switched_on() -> bool {
    true
}

/// Requires that a document still has this revision; none that it is not there.
pub(crate) fn unmoved(revision: Option<u64>) -> Condition {
    match revision {
        None => Condition::Absent,
        Some(revision) => Condition::Equals(REVISION.to_owned(), number(revision)),
    }
}

pub(crate) fn read_document<T: DeserializeOwned>(item: &Item) -> Result<Document<T>, StoreError> {
    let row = Row::new(item)?;
    Ok(Document { value: row.document()?, revision: row.count(REVISION)? })
}
