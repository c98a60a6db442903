//! Intake of push notifications: a caller that anybody may be, believed no more than that a mailbox
//! may have changed.
//!
//! The key in the URL is found by its digest with a consistent read. A notification is written down
//! before it is answered: the calendar's mark is raised, then the watermark is stored. Whatever fails
//! is answered as failed, and Exchange calls again; raising twice does no harm.

mod graph;
mod notification;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use tidemark_ews::notification::PushReply;
use tidemark_store::StoreError;
use tidemark_store::records::{BindError, Collection, Document, SaveError, SubscriptionRow};

use self::notification::{Notification, read_notification};
use crate::Service;
use crate::border::{NOTIFICATION_BYTES_MAX, PushAnswer, PushIntake};

/// Length of a key: 32 bytes in base64url without padding. Nothing else is looked up.
pub(crate) const KEY_CHARACTERS: usize = 43;
/// How old the stored moment of the last call may be before it is written again: an overwhelmed
/// mailbox calls often, and renewal counts in minutes.
const HEARD_SAVED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How often the row is written again when another call was faster.
const ATTEMPTS_MAX: usize = 8;

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
        // The moment of the call, once for all attempts to store it.
        let now = self.world.now();
        self.change_subscription(bound, |row| noted(row, &news, now)).await
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

    /// Stores what a call tells of its subscription: the watermark, that somebody called.
    async fn change_subscription(
        &self,
        mut current: Document<SubscriptionRow>,
        change: impl Fn(&SubscriptionRow) -> SubscriptionRow,
    ) -> Result<(), Declined> {
        for _ in 0..ATTEMPTS_MAX {
            let noted = change(&current.value);
            if noted == current.value {
                return Ok(());
            }
            match self.records.save_subscription(&noted, current.revision).await {
                Ok(_) => return Ok(()),
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
            let digest = &current.value.key_digest;
            current = match self.records.subscription_of_digest(digest).await? {
                None => return Err(Declined::Unknown),
                Some(found) if found.value.retired => return Err(Declined::Retired),
                Some(found) => found,
            };
        }
        Err(StoreError::Conflict.into())
    }
}

/// The row after a call.
fn noted(row: &SubscriptionRow, news: &Notification, now: Timestamp) -> SubscriptionRow {
    let heard_lately =
        row.last_heard.is_some_and(|heard| now.duration_since(heard) < HEARD_SAVED_EVERY);
    let mut noted = row.clone();
    if !heard_lately {
        noted.last_heard = Some(now);
    }
    if let Some(watermark) = &news.last_watermark {
        noted.watermark = Some(watermark.clone());
    }
    if news.is_error {
        // It is gone: renewal makes a successor when it next looks.
        noted.renew_at = row.renew_at.min(now);
    }
    noted
}

#[cfg(test)]
mod tests;
