//! What changes that bring content are believed by.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tidemark_graph::notification::EncryptedContent;
use tidemark_store::StoreError;
use tidemark_store::records::{ConnectionId, ConnectionRow};

/// For whom a call has to be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// The application's client id.
    pub client: String,
    /// The tenant that the change names.
    pub tenant: String,
}

/// Proves calls, and opens the content that they bring.
#[async_trait]
pub trait ContentProof: Send + Sync {
    /// Whether the cloud of a connection made a call, for all of `recipients`. `tokens` are the
    /// validation tokens that came with it.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be told now: the call has to come again.
    async fn is_proven(
        &self,
        through: &ConnectionRow,
        tokens: &[String],
        recipients: &BTreeSet<Recipient>,
    ) -> Result<bool, StoreError>;

    /// Opens content; none if it is not for us or was changed on the way.
    ///
    /// # Errors
    /// [`StoreError`] when our keys cannot be read now.
    async fn open(
        &self,
        connection: ConnectionId,
        content: &EncryptedContent,
    ) -> Result<Option<Vec<u8>>, StoreError>;
}
