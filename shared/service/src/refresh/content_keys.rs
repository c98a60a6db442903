//! The certificates that the content of notifications is encrypted for: made where a connection wants
//! them, and replaced well before their end. Renewal of subscriptions takes a new one up by itself.

use tidemark_identity::{NotificationKeys, NotificationKeysError};
use tidemark_store::StoreError;
use tidemark_store::records::{ConnectionRow, GraphAccess};

use super::Refresher;
use tidemark_proofs::secret_of;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentKeysError {
    #[error(transparent)]
    Keys(#[from] NotificationKeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refresher {
    /// Sees to it that a connection whose notifications are to bring content has a certificate with
    /// enough time left. Keys that cannot be read are made anew: what was encrypted for them is lost,
    /// and only a hint.
    pub(super) async fn keep_content_keys(
        &self,
        row: &ConnectionRow,
        access: &GraphAccess,
    ) -> Result<(), ContentKeysError> {
        if !access.rich_notifications {
            return Ok(());
        }
        let (secrets, name) = (self.tokens.secrets(), secret_of(row.id));
        let (now, id) = (self.world.now(), self.world.uuid());
        let known = match secrets.get(&name).await? {
            Some(kept) => NotificationKeys::from_secret(&kept)
                .inspect_err(|error| {
                    tracing::error!(connection.id = %row.id, error = %error, "{error}");
                })
                .ok(),
            None => None,
        };
        let keys = match known {
            None => NotificationKeys::make(id, now)?,
            Some(mut keys) => {
                if !keys.rotate(id, now)? {
                    return Ok(());
                }
                keys
            }
        };
        secrets.put(&name, keys.to_secret()?).await?;
        tracing::info!(connection.id = %row.id, "certificate for notifications made or replaced");
        Ok(())
    }
}
