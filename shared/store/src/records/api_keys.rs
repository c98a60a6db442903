//! API keys: kept as hashes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{OrganisationId, SystemId};

use super::Records;
use super::ids::ApiKeyId;
use super::row::RowBuilder;
use super::{ids, keys};
use crate::table::{StoreError, Write};

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Settings and everything else.
    Administrator,
    /// Looks after the running of it.
    Operator,
    /// Reads and writes items for a business system.
    Integrator,
}

/// An API key, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRow {
    /// Which one, as people name it.
    pub id: ApiKeyId,
    /// The organisation whose key it is.
    #[serde(with = "ids::organisation")]
    pub organisation: OrganisationId,
    /// What people call it.
    pub label: String,
    /// What it allows.
    pub roles: Vec<Role>,
    /// The business system that it speaks for.
    #[serde(with = "ids::some_system")]
    pub system: Option<SystemId>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; none for ever.
    pub expires_at: Option<Timestamp>,
}

/// The listing knows the hash, so that a key can be revoked by its id.
#[derive(Serialize, Deserialize)]
struct Listing {
    digest: String,
    key: ApiKeyRow,
}

impl Records {
    /// Stores a key by its hash. The key itself is kept nowhere.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_api_key(&self, key: &str, row: &ApiKeyRow) -> Result<(), StoreError> {
        let digest = keys::digest(key.as_bytes());
        let listing = Listing { digest: digest.clone(), key: row.clone() };
        let put = |item| Write::Put { item, condition: None };
        self.transact(vec![
            put(RowBuilder::new(keys::api_key(&digest)).document(row)?.build()),
            put(RowBuilder::new(keys::api_key_listing(&row.organisation, row.id))
                .document(&listing)?
                .build()),
        ])
        .await
    }

    /// Whose key it is; none when it is unknown, revoked or over. The look-up is by hash, which
    /// whoever does not know the key cannot steer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn api_key(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        let item = self.table.get(&keys::api_key(&keys::digest(key.as_bytes()))).await?;
        let row: Option<ApiKeyRow> =
            item.map(|item| super::row::Row::new(&item)?.document()).transpose()?;
        Ok(row.filter(|row| row.expires_at.is_none_or(|end| now < end)))
    }

    /// An organisation's keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn api_keys(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        let partition = keys::settings_partition(organisation);
        let items = self.list_items(&partition, keys::API_KEYS).await?;
        items
            .iter()
            .map(|item| Ok(super::row::Row::new(item)?.document::<Listing>()?.key))
            .collect()
    }

    /// Revokes a key. Says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_api_key(
        &self,
        organisation: &OrganisationId,
        id: ApiKeyId,
    ) -> Result<bool, StoreError> {
        let listing = keys::api_key_listing(organisation, id);
        let Some(item) = self.table.get(&listing).await? else {
            return Ok(false);
        };
        let Listing { digest, .. } = super::row::Row::new(&item)?.document()?;
        let delete = |key| Write::Delete { key, condition: None };
        self.transact(vec![delete(keys::api_key(&digest)), delete(listing)]).await?;
        Ok(true)
    }
}
