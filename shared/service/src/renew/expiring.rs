//! Subscriptions that expire, as Graph's do: prolonged at half of their life, made anew when they are
//! gone, and ended when nobody wants them.

use jiff::{SignedDuration, Timestamp};
use tidemark_mailbox::{Disposition, MailboxError};
use tidemark_store::StoreError;
use tidemark_store::records::{
    ConnectionRow, Document, MailboxRow, MailboxScope, SaveError, SubscriptionRow,
};

use super::{JITTER_PER_MILLE, Renewal};
use crate::Service;

/// How long a subscription is asked to live. Graph allows those of events just under 7 days (page
/// "subscription resource type", maximum lifetimes).
pub(super) const LIFE: SignedDuration = SignedDuration::from_hours(6 * 24);
/// The same where notifications bring content: Graph allows just under a day.
pub(super) const CONTENT_LIFE: SignedDuration = SignedDuration::from_hours(23);
/// When what is left of a subscription that cannot be prolonged becomes a trouble that is shown.
const SHOWN_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// The same where it lives for a day only.
const CONTENT_SHOWN_WITHIN: SignedDuration = SignedDuration::from_hours(6);
/// How often the row is written again when a notification was faster.
const ATTEMPTS_MAX: usize = 8;

impl Service {
    /// When a subscription that is made or prolonged now ends, and when it is to be prolonged: at
    /// half of its life, or up to a fifth of that earlier.
    pub(super) fn expiry(&self, now: Timestamp, has_content: bool) -> (Timestamp, Timestamp) {
        let per_mille = i64::from(u32::from_be_bytes(self.world.random()) % JITTER_PER_MILLE);
        let life = if has_content { CONTENT_LIFE } else { LIFE };
        let half = life.as_secs() / 2;
        let wait = SignedDuration::from_secs(half - half * per_mille / 1000);
        let after = |span| now.saturating_add(span).unwrap_or(Timestamp::MAX);
        (after(life), after(wait))
    }

    /// Prolongs a subscription whose time to be renewed has come. None when it is gone, so that a new
    /// one has to be made.
    pub(super) async fn prolong(
        &self,
        scope: &MailboxScope,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
        alive: &Document<SubscriptionRow>,
    ) -> Result<Option<Renewal>, StoreError> {
        let now = self.world.now();
        let Some(id) = alive.value.subscription_id.as_deref() else {
            return Ok(Some(Renewal::Alive));
        };
        let has_content = alive.value.certificate_id.is_some();
        let (expires_at, renew_at) = self.expiry(now, has_content);
        let renewed = match self.exchange.open(&scope.organisation, connection, mailbox).await {
            Ok(port) => port.renew(id, expires_at).await,
            Err(error) => Err(error),
        };
        match renewed {
            Ok(confirmed) => {
                let expires_at = confirmed.expires_at.unwrap_or(expires_at);
                self.note_prolonged(alive.clone(), expires_at, renew_at).await?;
                self.clear_trouble(scope).await?;
                Ok(Some(Renewal::Renewed))
            }
            Err(MailboxError { disposition: Disposition::Gone, .. }) => Ok(None),
            Err(error) => {
                // It is tried again every few minutes, and there are days left for that.
                let ends = alive.value.expires_at.unwrap_or(now);
                let within = if has_content { CONTENT_SHOWN_WITHIN } else { SHOWN_WITHIN };
                if ends.duration_since(now) < within {
                    self.note_unsubscribed(scope, &error).await?;
                }
                Ok(Some(Renewal::Failed(error)))
            }
        }
    }

    /// Stores the end that Graph gave instead of the one that was asked for.
    pub(super) async fn note_expiry(
        &self,
        bound: Document<SubscriptionRow>,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let renew_at = bound.value.renew_at.min(expires_at);
        self.note_prolonged(bound, expires_at, renew_at).await
    }

    async fn note_prolonged(
        &self,
        mut current: Document<SubscriptionRow>,
        expires_at: Timestamp,
        renew_at: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let row =
                SubscriptionRow { expires_at: Some(expires_at), renew_at, ..current.value.clone() };
            match self.records.save_subscription(&row, current.revision).await {
                Ok(_) => return Ok(()),
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
            let found = self.records.subscription_of_digest(&row.key_digest).await?;
            let Some(found) = found.filter(|found| !found.value.retired) else {
                return Ok(());
            };
            current = found;
        }
        Err(StoreError::Conflict)
    }

    /// Ends a subscription that nobody wants any more. False when that has to be tried again.
    pub(super) async fn end_subscription(
        &self,
        scope: &MailboxScope,
        row: &SubscriptionRow,
    ) -> Result<bool, StoreError> {
        let Some(id) = row.subscription_id.as_deref() else {
            // Its first notification would have bound it. Without one it ends by itself.
            return Ok(false);
        };
        let connection = self.records.connection(&scope.organisation, row.connection).await?;
        let mailbox = self.records.mailbox(scope).await?;
        let (Some(connection), Some(mailbox)) = (connection, mailbox) else {
            return Ok(false);
        };
        let ended = match self
            .exchange
            .open(&scope.organisation, &connection.value, &mailbox.value)
            .await
        {
            Ok(port) => port.unsubscribe(id).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => Ok(true),
            Err(error) => {
                tracing::info!(mailbox = %scope.mailbox, code = %error.code, "subscription not ended");
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;
