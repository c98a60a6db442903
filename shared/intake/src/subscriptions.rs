//! The subscriptions that callers name: found by what only they were told, and written down.

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use tidemark_store::StoreError;
use tidemark_store::records::{BindError, Document, SaveError, SubscriptionRow};

use crate::{Intake, KEY_CHARACTERS};

/// How old the stored moment of the last call may be before it is written again: an overwhelmed
/// mailbox calls often, and renewal counts in minutes.
const HEARD_SAVED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// The same for a subscription that has no heartbeat: nothing counts on it.
const HEARD_SAVED_EVERY_WITHOUT: SignedDuration = SignedDuration::from_mins(15);
/// How often the row is written again when somebody else was faster. Only the news that a
/// subscription is gone needs it, which Exchange tells once.
const ATTEMPTS_MAX: usize = 24;

/// Why a notification is not taken.
pub(crate) enum Declined {
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

impl Intake {
    /// The subscription that a key was given out for. The digest of what was found is compared in
    /// constant time, so that an answer's time tells nothing about keys that are nearly right.
    pub(crate) async fn subscription_of_key(
        &self,
        key: &str,
    ) -> Result<Document<SubscriptionRow>, Declined> {
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

    /// Stores that somebody called, unless that stands there from a moment ago, and how far was told.
    pub(crate) async fn note_heard(
        &self,
        row: &SubscriptionRow,
        watermark: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Declined> {
        let every = match row.expires_at {
            Some(_) => HEARD_SAVED_EVERY_WITHOUT,
            None => HEARD_SAVED_EVERY,
        };
        let lately = row.last_heard.is_some_and(|heard| now.duration_since(heard) < every);
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
    pub(crate) async fn change_subscription(
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
