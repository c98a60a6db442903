//! Webhook endpoints, and how far each has got in the feed.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{LinkId, OrganisationId, SystemId};

use super::activity::ActivityRow;
use super::feed::{FeedCursor, FeedError};
use super::ids::EndpointId;
use super::row::{Document, REVISION, Row, RowBuilder};
use super::settings::{SaveError, unmoved};
use super::{Records, ids, keys};
use crate::table::{DUE_AT, DUE_SHARD, StoreError, Value, Write};

/// Most entries that an endpoint may have outstanding: they are changed in one transaction.
pub const RETRIES_MAX: usize = 90;

/// A webhook endpoint. `Debug` shows neither URL nor secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRow {
    /// Which one.
    pub id: EndpointId,
    /// The business system that it belongs to.
    #[serde(with = "ids::system")]
    pub system: SystemId,
    /// Where deliveries go.
    pub url: String,
    /// Name of the secret with its signing key.
    pub secret_name: String,
    /// Why deliveries are paused; none when they are not.
    pub paused: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

impl fmt::Debug for EndpointRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointRow")
            .field("id", &self.id)
            .field("system", &self.system)
            .field("paused", &self.paused.is_some())
            .finish_non_exhaustive()
    }
}

/// How far an endpoint has got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryState {
    /// Everything up to here was delivered or is among the retries.
    pub cursor: FeedCursor,
    /// Failures in a row.
    pub failures: u32,
    /// Since when every delivery failed.
    pub failing_since: Option<Timestamp>,
    /// When somebody has to look; none while nothing is outstanding.
    pub due_at: Option<Timestamp>,
}

/// An entry whose delivery is tried again. Later entries of the same item wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRow {
    /// Shard of the entry.
    pub shard: u8,
    /// Its number.
    pub number: u64,
    /// Its item.
    #[serde(with = "ids::link")]
    pub link: LinkId,
    /// How often it failed; 0 for one that only waits for an earlier one of its item.
    pub attempts: u32,
    /// When it was first tried.
    pub first_tried: Timestamp,
    /// When it is tried again.
    pub next_at: Timestamp,
}

/// An endpoint that somebody has to look after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEndpoint {
    /// Its organisation.
    pub organisation: OrganisationId,
    /// Which one.
    pub endpoint: EndpointId,
}

#[derive(Serialize, Deserialize)]
struct DeliveryDocument {
    cursor: String,
    failures: u32,
    failing_since: Option<Timestamp>,
}

impl Records {
    /// An endpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn endpoint(
        &self,
        organisation: &OrganisationId,
        id: EndpointId,
    ) -> Result<Option<Document<EndpointRow>>, StoreError> {
        self.document(&keys::endpoint(organisation, id)).await
    }

    /// An organisation's endpoints.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn endpoints(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<Document<EndpointRow>>, StoreError> {
        self.list_documents(&keys::settings_partition(organisation), keys::ENDPOINTS).await
    }

    /// Saves an endpoint over the revision that was read; none for a new one.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save_endpoint(
        &self,
        organisation: &OrganisationId,
        row: &EndpointRow,
        revision: Option<u64>,
    ) -> Result<u64, SaveError> {
        self.save_document(keys::endpoint(organisation, row.id), row, revision).await
    }

    /// Removes an endpoint with all that it still had to get, and notes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_endpoint(
        &self,
        organisation: &OrganisationId,
        id: EndpointId,
        note: &ActivityRow,
    ) -> Result<(), StoreError> {
        let delete = |key| Write::Delete { key, condition: None };
        let item = self.activity_item(organisation, note)?;
        let noted = Write::Put { item, condition: None };
        self.transact(vec![delete(keys::endpoint(organisation, id)), noted]).await?;
        self.table.write(delete(keys::delivery(organisation, id))).await?;
        for retry in self.retries(organisation, id).await? {
            let key = keys::retry(organisation, id, retry.shard, retry.number);
            self.table.write(delete(key)).await?;
        }
        Ok(())
    }

    /// How far an endpoint has got; none before the first [`Records::save_delivery`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery(
        &self,
        organisation: &OrganisationId,
        id: EndpointId,
    ) -> Result<Option<Document<DeliveryState>>, StoreError> {
        let Some(item) = self.table.get(&keys::delivery(organisation, id)).await? else {
            return Ok(None);
        };
        let row = Row::new(&item)?;
        let document: DeliveryDocument = row.document()?;
        let cursor = FeedCursor::decode(&document.cursor).map_err(|error| match error {
            FeedError::Store(error) => error,
            FeedError::Gone | FeedError::InvalidCursor => {
                StoreError::Corrupt("an endpoint's cursor does not have its form")
            }
        })?;
        Ok(Some(Document {
            value: DeliveryState {
                cursor,
                failures: document.failures,
                failing_since: document.failing_since,
                due_at: row.moment(DUE_AT)?,
            },
            revision: row.count(REVISION)?,
        }))
    }

    /// Saves how far an endpoint has got, with the retries that are new or moved and those that are
    /// done, in one transaction over the revision that was read.
    ///
    /// # Errors
    /// [`SaveError`]: [`SaveError::RevisionMoved`] when another worker was at it.
    pub async fn save_delivery(
        &self,
        organisation: &OrganisationId,
        id: EndpointId,
        state: &DeliveryState,
        revision: Option<u64>,
        retries: &[RetryRow],
        done: &[(u8, u64)],
    ) -> Result<u64, SaveError> {
        let next = revision.unwrap_or(0).saturating_add(1);
        let document = DeliveryDocument {
            cursor: state.cursor.encode(),
            failures: state.failures,
            failing_since: state.failing_since,
        };
        let mut row = RowBuilder::new(keys::delivery(organisation, id))
            .document(&document)?
            .number(REVISION, next);
        if let Some(due_at) = state.due_at {
            row = row
                .moment(DUE_AT, due_at)
                .value(DUE_SHARD, Value::Text(keys::DELIVER_SHARD.to_owned()));
        }
        let mut writes = vec![Write::Put { item: row.build(), condition: Some(unmoved(revision)) }];
        for retry in retries {
            let key = keys::retry(organisation, id, retry.shard, retry.number);
            let item = RowBuilder::new(key).document(retry)?.build();
            writes.push(Write::Put { item, condition: None });
        }
        for (shard, number) in done {
            let key = keys::retry(organisation, id, *shard, *number);
            writes.push(Write::Delete { key, condition: None });
        }
        match self.transact(writes).await {
            Ok(()) => Ok(next),
            Err(StoreError::ConditionFailed { .. }) => Err(SaveError::RevisionMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// What an endpoint still has to get, by shard and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retries(
        &self,
        organisation: &OrganisationId,
        id: EndpointId,
    ) -> Result<Vec<RetryRow>, StoreError> {
        let partition = keys::delivery_partition(organisation, id);
        let items = self.list_items(&partition, keys::RETRIES).await?;
        items.iter().map(|item| Row::new(item)?.document()).collect()
    }

    /// Endpoints that are due, the earliest first. The index may lag behind: whoever delivers reads
    /// the state again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_endpoints(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueEndpoint>, StoreError> {
        let entries = self.table.due(keys::DELIVER_SHARD, now.as_millisecond(), limit).await?;
        entries
            .iter()
            .map(|entry| {
                let (organisation, endpoint) = keys::read_delivery(&entry.key.partition)
                    .ok_or(StoreError::Corrupt("an entry of the index is no endpoint"))?;
                Ok(DueEndpoint { organisation, endpoint })
            })
            .collect()
    }
}
