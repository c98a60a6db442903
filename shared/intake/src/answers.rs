//! What the functions that Exchange calls see of intake, and what they answer.

use async_trait::async_trait;

/// Largest notification that is read. Exchange's own are a few KB.
pub const NOTIFICATION_BYTES_MAX: usize = 1024 * 1024;

/// What Exchange is answered for a push notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAnswer {
    /// Written down; 200 with this SOAP body.
    Taken(Vec<u8>),
    /// The subscription was retired; 200 with this SOAP body, which ends it.
    Unsubscribe(Vec<u8>),
    /// Nobody gave out this address.
    Unknown,
    /// No notification, or not of the subscription that the address belongs to.
    Refused,
    /// It could not be written down: Exchange is to try again.
    Failed,
}

/// The use case behind the address that Exchange posts to.
#[async_trait]
pub trait PushIntake: Send + Sync {
    /// Writes down that a mailbox has changed. `key` is the secret part of the address, `body` the
    /// notification as it came, at most [`NOTIFICATION_BYTES_MAX`].
    async fn ews_push(&self, key: &str, body: &[u8]) -> PushAnswer;
}

/// Largest body of Graph notifications that is read: one of Graph's has up to some hundred entries
/// of 1 KB.
pub const GRAPH_NOTIFICATION_BYTES_MAX: usize = tidemark_graph::bounds::NOTIFICATION_BYTES_MAX;

/// What Graph is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphAnswer {
    /// Written down, as far as it was ours.
    Taken,
    /// It is no notification.
    Refused,
    /// It could not be written down: Graph is to try again.
    Failed,
}

/// What became of a call of Graph's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphReceipt {
    /// The answer.
    pub answer: GraphAnswer,
    /// Entries that it had.
    pub entries: usize,
    /// Entries that were ours and are written down.
    pub taken: usize,
    /// What was refused: entries that are not ours, not proven or not new, or the whole call.
    pub refused: usize,
}

/// The use case behind the addresses that Graph posts to.
#[async_trait]
pub trait GraphIntake: Send + Sync {
    /// Writes down which mailboxes have changed, and what became of subscriptions. `body` is as it
    /// came, at most [`GRAPH_NOTIFICATION_BYTES_MAX`]. What is refused is counted and queues nothing.
    async fn graph_push(&self, body: &[u8]) -> GraphReceipt;
}
