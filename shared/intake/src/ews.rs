//! Intake of push notifications: a caller that anybody may be, believed no more than that a mailbox
//! may have changed.
//!
//! The key in the URL is found by its digest with a consistent read. A notification is written down
//! before it is answered: the calendar's mark is raised, then the watermark is stored. Whatever fails
//! is answered as failed, and Exchange calls again; raising twice does no harm.

mod notification;

use async_trait::async_trait;
use tidemark_ews::notification::PushReply;
use tidemark_store::records::{Collection, Document, SubscriptionRow};

use self::notification::{Notification, read_notification};
use crate::subscriptions::Declined;
use crate::{Intake, NOTIFICATION_BYTES_MAX, PushAnswer, PushIntake};

#[async_trait]
impl PushIntake for Intake {
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

impl Intake {
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
            Some(id) if found.value.subscription_id.as_ref() == Some(id) => found,
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
}
