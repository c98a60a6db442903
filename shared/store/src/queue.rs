//! The work queue: first in, first out within a group, one message of a group in flight at a time.

use async_trait::async_trait;

use crate::table::StoreError;

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Messages of one group are handled one after the other.
    pub group: String,
    /// A message with an id that was sent within the last five minutes is dropped.
    pub deduplication_id: String,
    /// What it says.
    pub body: String,
}

/// A message that was taken. It becomes visible again unless it is finished in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What it says.
    pub body: String,
    /// Its group.
    pub group: String,
    /// To finish it with.
    pub receipt: String,
    /// How often it was taken, this time included.
    pub deliveries: u32,
}

/// Sending. On AWS, receiving is Lambda's.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends a message; it is stored when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it may not have been stored.
    async fn send(&self, message: Message) -> Result<(), StoreError>;
}
