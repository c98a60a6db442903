//! Push subscriptions, found by the secret that Exchange calls with: in EWS the key in the URL, in
//! Graph the client state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{MailboxId, OrganisationId};

use super::ids::{ConnectionId, MailboxScope};
use super::row::{DOCUMENT, Document, REVISION, Row, RowBuilder};
use super::settings::{SaveError, read_document, unmoved};
use super::{Records, ids, keys};
use crate::table::{Condition, Item, StoreError, UpdateAction, Value, Write};

/// When Exchange last called, noted beside the document.
const HEARD: &str = "heard";
/// Exchange's mark of what it last told, noted beside the document.
const WATERMARK: &str = "watermark";

/// A push subscription. The key itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRow {
    /// Hexadecimal SHA-256 of the secret that Exchange calls with.
    pub key_digest: String,
    /// The organisation.
    #[serde(with = "ids::organisation")]
    pub organisation: OrganisationId,
    /// The mailbox that it is about.
    #[serde(with = "ids::mailbox")]
    pub mailbox: MailboxId,
    /// How the mailbox is reached.
    pub connection: ConnectionId,
    /// Exchange's id of it; none until the first use binds it.
    pub subscription_id: Option<String>,
    /// Exchange's mark of what it last told.
    pub watermark: Option<String>,
    /// Minutes between heartbeats; 0 for a protocol that has none.
    pub status_minutes: u16,
    /// When it ends unless it is renewed; none for a protocol whose subscriptions last as long as
    /// they are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Our name of the certificate that its notifications are encrypted for; none for one whose
    /// notifications bring no content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When Exchange last called.
    pub last_heard: Option<Timestamp>,
    /// Whether Exchange is to be told to end it.
    pub retired: bool,
    /// When a successor is to be made.
    pub renew_at: Timestamp,
}

/// Why an id was not bound.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BindError {
    /// There is no subscription with this key.
    #[error("there is no subscription with this key")]
    Unknown,
    /// Another id came first.
    #[error("the key belongs to another subscription")]
    OtherSubscription,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SubscriptionRow {
    /// The mailbox that it is about.
    pub fn scope(&self) -> MailboxScope {
        MailboxScope { organisation: self.organisation.clone(), mailbox: self.mailbox }
    }

    /// The digest under which a key is kept.
    pub fn digest(key: &str) -> String {
        keys::digest(key.as_bytes())
    }
}

impl Records {
    /// Stores a new subscription, before Exchange is asked for it.
    ///
    /// # Errors
    /// [`SaveError::RevisionMoved`] when the key is in use.
    pub async fn create_subscription(&self, row: &SubscriptionRow) -> Result<(), SaveError> {
        let scope = row.scope();
        let document = RowBuilder::new(keys::subscription(&row.key_digest))
            .document(row)?
            .number(REVISION, 1)
            .build();
        let listing = RowBuilder::new(keys::subscription_listing(&scope, &row.key_digest)).build();
        let writes = vec![
            Write::Put { item: document, condition: Some(unmoved(None)) },
            Write::Put { item: listing, condition: None },
        ];
        match self.transact(writes).await {
            Ok(()) => Ok(()),
            Err(StoreError::ConditionFailed { .. }) => Err(SaveError::RevisionMoved),
            Err(error) => Err(error.into()),
        }
    }

    /// The subscription of a key, read consistently; none when there is none. Whoever asks compares
    /// [`SubscriptionRow::key_digest`] with the key's own in constant time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn subscription(
        &self,
        key: &str,
    ) -> Result<Option<Document<SubscriptionRow>>, StoreError> {
        self.subscription_of_digest(&SubscriptionRow::digest(key)).await
    }

    /// The same by the digest of the key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn subscription_of_digest(
        &self,
        digest: &str,
    ) -> Result<Option<Document<SubscriptionRow>>, StoreError> {
        let item = self.table.get(&keys::subscription(digest)).await?;
        item.as_ref().map(read_subscription).transpose()
    }

    /// Notes that Exchange called, and how far it has told. It is one update that requires nothing
    /// but the row, so that calls that come at the same time do not stand in each other's way: which
    /// of them is noted last does not matter, since an older watermark costs one sync too many at
    /// most. Returns the row as it is then; none when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_heard(
        &self,
        digest: &str,
        heard: Option<Timestamp>,
        watermark: Option<&str>,
    ) -> Result<Option<Document<SubscriptionRow>>, StoreError> {
        let set = |name: &str, value| UpdateAction::Set(name.to_owned(), value);
        let mut actions = Vec::with_capacity(2);
        actions.extend(heard.map(|at| set(HEARD, Value::Number(at.as_millisecond()))));
        actions.extend(watermark.map(|text| set(WATERMARK, Value::Text(text.to_owned()))));
        if actions.is_empty() {
            return self.subscription_of_digest(digest).await;
        }
        let exists = Condition::Has(DOCUMENT.to_owned());
        let written = self.update(keys::subscription(digest), actions, Some(exists)).await;
        super::marks::ignore_condition(written)?.as_ref().map(read_subscription).transpose()
    }

    /// Notes where the events begin, as the answer to Subscribe said it, unless a call was faster:
    /// that one has told more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_first_watermark(
        &self,
        digest: &str,
        watermark: &str,
    ) -> Result<(), StoreError> {
        let value = Value::Text(watermark.to_owned());
        let actions = vec![UpdateAction::SetIfAbsent(WATERMARK.to_owned(), value)];
        let exists = Condition::Has(DOCUMENT.to_owned());
        let written = self.update(keys::subscription(digest), actions, Some(exists)).await;
        super::marks::ignore_condition(written).map(|_| ())
    }

    /// Binds Exchange's id at the first use of the key: the first push may be faster than the
    /// answer to Subscribe. The same id again is fine.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind_subscription(
        &self,
        digest: &str,
        subscription_id: &str,
    ) -> Result<Document<SubscriptionRow>, BindError> {
        for _ in 0..super::marks::ATTEMPTS_MAX {
            let found = self.subscription_of_digest(digest).await?.ok_or(BindError::Unknown)?;
            match &found.value.subscription_id {
                Some(bound) if bound == subscription_id => return Ok(found),
                Some(_) => return Err(BindError::OtherSubscription),
                None => {}
            }
            let value = SubscriptionRow {
                subscription_id: Some(subscription_id.to_owned()),
                ..found.value
            };
            match self.save_subscription(&value, found.revision).await {
                Ok(revision) => return Ok(Document { value, revision }),
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Saves a subscription over the revision that was read.
    ///
    /// # Errors
    /// [`SaveError`].
    pub async fn save_subscription(
        &self,
        row: &SubscriptionRow,
        revision: u64,
    ) -> Result<u64, SaveError> {
        self.save_document(keys::subscription(&row.key_digest), row, Some(revision)).await
    }

    /// Retires a subscription: Exchange is told to end it when it next calls. One that is unknown
    /// is left alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retire_subscription(&self, digest: &str) -> Result<(), StoreError> {
        for _ in 0..super::marks::ATTEMPTS_MAX {
            let Some(found) = self.subscription_of_digest(digest).await? else {
                return Ok(());
            };
            if found.value.retired {
                return Ok(());
            }
            let value = SubscriptionRow { retired: true, ..found.value };
            match self.save_subscription(&value, found.revision).await {
                Ok(_) => return Ok(()),
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Removes a subscription that Exchange has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_subscription(&self, row: &SubscriptionRow) -> Result<(), StoreError> {
        let delete = |key| Write::Delete { key, condition: None };
        let listing = keys::subscription_listing(&row.scope(), &row.key_digest);
        self.transact(vec![delete(keys::subscription(&row.key_digest)), delete(listing)]).await
    }

    /// The subscriptions of a mailbox, retired ones among them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn subscriptions(
        &self,
        scope: &MailboxScope,
    ) -> Result<Vec<Document<SubscriptionRow>>, StoreError> {
        let partition = keys::mailbox_partition(scope);
        let listed = self.list_items(&partition, keys::SUBSCRIPTIONS).await?;
        let mut found = Vec::new();
        for listing in &listed {
            Row::new(listing)?;
            let digest = listing.key.sort.strip_prefix(keys::SUBSCRIPTIONS).unwrap_or_default();
            if let Some(item) = self.table.get(&keys::subscription(digest)).await? {
                found.push(read_subscription(&item)?);
            }
        }
        Ok(found)
    }
}

/// A subscription with what calls have noted since it was saved. A save takes that into the document
/// and leaves it out beside it.
fn read_subscription(item: &Item) -> Result<Document<SubscriptionRow>, StoreError> {
    let mut found: Document<SubscriptionRow> = read_document(item)?;
    let row = Row::new(item)?;
    if let Some(heard) = row.moment(HEARD)? {
        found.value.last_heard = Some(heard);
    }
    if let Some(watermark) = row.optional_text(WATERMARK)? {
        found.value.watermark = Some(watermark.to_owned());
    }
    Ok(found)
}
