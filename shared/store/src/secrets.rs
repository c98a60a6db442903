//! Secrets by name.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::table::StoreError;

/// Secrets by name: read their current version, write a new one.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The current value; none if there is no such secret.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError>;

    /// Writes a new current value, creating the secret if need be.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put(&self, name: &str, value: SecretString) -> Result<(), StoreError>;
}
