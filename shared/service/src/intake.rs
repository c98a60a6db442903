//! Intake of push notifications: a caller that anybody may be, believed no more than that a mailbox
//! may have changed.
//!
//! The key in the URL is found by its digest with a consistent read. A notification is written down
//! before it is answered: the calendar's mark is raised, then the watermark is stored. Whatever fails
//! is answered as failed, and Exchange calls again; raising twice does no harm.

mod graph;
mod notification;
mod proof;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use tidemark_ews::notification::PushReply;
use tidemark_store::StoreError;
use tidemark_store::records::{BindError, Collection, Document, SaveError, SubscriptionRow};

use self::notification::{Notification, read_notification};
pub use self::proof::Proofs;
pub(crate) use self::proof::secret_of;
use crate::Service;
use crate::border::{NOTIFICATION_BYTES_MAX, PushAnswer, PushIntake};

/// Length of a key: 32 bytes in base64url without padding. Nothing else is looked up.
pub(crate) const KEY_CHARACTERS: usize = 43;
/// How old the stored moment of the last call may be before it is written again: an overwhelmed
/// mailbox calls often, and renewal counts in minutes.
const HEARD_SAVED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How often the row is written again when somebody else was faster. Only the news that a
/// subscription is gone needs it, which Exchange tells once.
const ATTEMPTS_MAX: usize = 24;

/// Why a notification is not taken.
enum Declined {
    Unknown,
    Refused,
    Failed(StoreError),
    Retired,
}

impl From<StoreError> for Declined {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<BindError> for Declined {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Unknown => Self::Unknown,
            BindError::OtherSubscription => Self::Refused,
            BindError::Store(error) => Self::Failed(error),
        }
    }
}

#[async_trait]
impl PushIntake for Service {
    async fn ews_push(&self, key: &str, body: &[u8]) -> PushAnswer {
        match self.take_push(key, body).await {
            Ok(()) => PushAnswer::Taken(PushReply::Ok.to_bytes()),
            Err(Declined::Retired) => PushAnswer::Unsubscribe(PushReply::Unsubscribe.to_bytes()),
            Err(Declined::Unknown) => PushAnswer::Unknown,
            Err(Declined::Refused) => PushAnswer::Refused,
            Err(Declined::Failed(error)) => {
                tracing::warn!(%error, "a notification could not be written down");
                PushAnswer::Failed
            }
        }
    }
}

impl Service {
    async fn take_push(&self, key: &str, body: &[u8]) -> Result<(), Declined> {
        let found = self.subscription_of_key(key).await?;
        if body.len() > NOTIFICATION_BYTES_MAX {
            return Err(Declined::Refused);
        }
        let news = read_notification(body).map_err(|_| Declined::Refused)?;
        if found.value.retired {
            return Err(Declined::Retired);
        }
        let bound = match &news.subscription_id {
            Some(id) => self.records.bind_subscription(&found.value.key_digest, id).await?,
            // Only the news that a subscription is gone comes without its id.
            None if news.is_error => found,
            None => return Err(Declined::Refused),
        };
        let missed = match (&bound.value.watermark, &news.previous_watermark) {
            (Some(stored), Some(previous)) => stored != previous,
            _ => false,
        };
        if news.hints || news.is_error || missed {
            self.raise(&bound.value.scope(), &Collection::calendar()).await?;
        }
        self.note_call(bound, &news).await
    }

    /// The subscription that a key was given out for. The digest of what was found is compared in
    /// constant time, so that an answer's time tells nothing about keys that are nearly right.
    async fn subscription_of_key(&self, key: &str) -> Result<Document<SubscriptionRow>, Declined> {
        if key.len() != KEY_CHARACTERS {
            return Err(Declined::Unknown);
        }
        let digest = SubscriptionRow::digest(key);
        match self.records.subscription_of_digest(&digest).await? {
            Some(found)
                if bool::from(found.value.key_digest.as_bytes().ct_eq(digest.as_bytes())) =>
            {
                Ok(found)
            }
            _ => Err(Declined::Unknown),
        }
    }

    /// Stores the watermark and that Exchange called.
    async fn note_call(
        &self,
        current: Document<SubscriptionRow>,
        news: &Notification,
    ) -> Result<(), Declined> {
        let now = self.world.now();
        let row = &current.value;
        self.note_heard(row, news.last_watermark.as_deref(), now).await?;
        if !news.is_error {
            return Ok(());
        }
        // It is gone: renewal makes a successor when it next looks.
        self.change_subscription(&row.key_digest, |row| row.renew_at = row.renew_at.min(now)).await
    }

    /// Stores that somebody called, unless that stands there from a moment ago, and how far was told.
    async fn note_heard(
        &self,
        row: &SubscriptionRow,
        watermark: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Declined> {
        let lately =
            row.last_heard.is_some_and(|heard| now.duration_since(heard) < HEARD_SAVED_EVERY);
        let heard = (!lately).then_some(now);
        let moved = watermark.filter(|watermark| row.watermark.as_deref() != Some(*watermark));
        if heard.is_none() && moved.is_none() {
            return Ok(());
        }
        match self.records.note_heard(&row.key_digest, heard, moved).await? {
            None => Err(Declined::Unknown),
            Some(found) if found.value.retired => Err(Declined::Retired),
            Some(_) => Ok(()),
        }
    }

    /// Stores what became of a subscription, over whatever somebody else stored meanwhile.
    async fn change_subscription(
        &self,
        digest: &str,
        change: impl Fn(&mut SubscriptionRow),
    ) -> Result<(), Declined> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.records.subscription_of_digest(digest).await?;
            let found = found.ok_or(Declined::Unknown)?;
            if found.value.retired {
                return Err(Declined::Retired);
            }
            let mut changed = found.value.clone();
            change(&mut changed);
            if changed == found.value {
                return Ok(());
            }
            match self.records.save_subscription(&changed, found.revision).await {
                Ok(_) => return Ok(()),
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

#[cfg(test)]
mod tests;
