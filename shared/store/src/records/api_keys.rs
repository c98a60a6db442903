//! API keys: kept as hashes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{OrganisationId, SystemId};

use super::Records;
use super::administration::ApiKeyDigest;
use super::ids::ApiKeyId;
use super::row::RowBuilder;
use super::{ids, keys};
use crate::table::{Condition, Item, StoreError, Value, Write};

/// Name of a listing's attribute with the hash of the key, for conditions.
const DIGEST: &str = "digest";

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
        let put = |item| Write::Put { item, condition: None };
        self.transact(vec![
            put(RowBuilder::new(keys::api_key(&digest)).document(row)?.build()),
            put(listing(row, &digest)?),
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

    /// One of an organisation's keys by its id, with the hash that it is known by.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn listed_api_key(
        &self,
        organisation: &OrganisationId,
        id: ApiKeyId,
    ) -> Result<Option<(ApiKeyRow, ApiKeyDigest)>, StoreError> {
        let item = self.table.get(&keys::api_key_listing(organisation, id)).await?;
        item.map(|item| {
            let Listing { digest, key } = super::row::Row::new(&item)?.document()?;
            Ok((key, ApiKeyDigest(digest)))
        })
        .transpose()
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

/// Puts a key that nobody has yet, in the place of the one before if there is one.
pub(crate) fn replacing(
    key: &str,
    row: &ApiKeyRow,
    before: Option<&ApiKeyDigest>,
) -> Result<Vec<Write>, StoreError> {
    let digest = keys::digest(key.as_bytes());
    let known = RowBuilder::new(keys::api_key(&digest)).document(row)?.build();
    let mut writes = vec![
        Write::Put { item: known, condition: Some(Condition::Absent) },
        Write::Put { item: listing(row, &digest)?, condition: Some(listed_as(before)) },
    ];
    if let Some(ApiKeyDigest(before)) = before {
        writes.push(Write::Delete { key: keys::api_key(before), condition: None });
    }
    Ok(writes)
}

/// Takes a key away that is still the one that was read.
pub(crate) fn ending(row: &ApiKeyRow, digest: &ApiKeyDigest) -> Vec<Write> {
    let listing = keys::api_key_listing(&row.organisation, row.id);
    vec![
        Write::Delete { key: listing, condition: Some(listed_as(Some(digest))) },
        Write::Delete { key: keys::api_key(&digest.0), condition: None },
    ]
}

fn listing(row: &ApiKeyRow, digest: &str) -> Result<Item, StoreError> {
    let document = Listing { digest: digest.to_owned(), key: row.clone() };
    let place = keys::api_key_listing(&row.organisation, row.id);
    Ok(RowBuilder::new(place).document(&document)?.text(DIGEST, digest).build())
}

/// The listing as it was read. One that an older version wrote has its hash in the document only;
/// such a key is listed anew under another id or revoked, never replaced by two at once.
fn listed_as(before: Option<&ApiKeyDigest>) -> Condition {
    match before {
        None => Condition::Absent,
        Some(ApiKeyDigest(digest)) => Condition::Any(vec![
            Condition::Equals(DIGEST.to_owned(), Value::Text(digest.clone())),
            Condition::All(vec![Condition::Exists, Condition::Lacks(DIGEST.to_owned())]),
        ]),
    }
}
