//! What a notification does: the collection is marked as dirty, and the mailbox's sync is woken.
//!
//! The functions that anybody may call are made of this alone. They reach no mailbox, hold no key to
//! contents and send nothing but the message that starts a run.

mod answers;
mod content;
mod ews;
mod graph;
mod subscriptions;
mod task;

use std::sync::Arc;

use tidemark_store::records::{Collection, Hint, MailboxScope, Marks, Records, Usage, message_id};
use tidemark_store::{Message, Queue, StoreError};
use tidemark_world::World;

pub use answers::{
    GRAPH_NOTIFICATION_BYTES_MAX, GraphAnswer, GraphIntake, GraphReceipt, NOTIFICATION_BYTES_MAX,
    PushAnswer, PushIntake,
};
pub use content::{ContentProof, Recipient};
pub use task::SyncTask;

/// Length of a subscription's key: 32 bytes in base64url without padding. Nothing else is looked up.
pub const KEY_CHARACTERS: usize = 43;

/// What intake works with.
#[derive(Clone)]
pub struct Intake {
    /// What is kept. No content is read or written: the records need no master key.
    pub records: Arc<Records>,
    /// Work that waits.
    pub queue: Arc<dyn Queue>,
    /// Time.
    pub world: World,
    /// What notifications with content are believed by; without it none is.
    pub proof: Option<Arc<dyn ContentProof>>,
}

impl Intake {
    /// Notes that a collection is dirty and wakes its sync: the one way in that every hint, sweep
    /// and change of the business system takes.
    ///
    /// # Errors
    /// [`StoreError`]: whoever was to be answered must be told to try again.
    pub async fn raise(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
    ) -> Result<(), StoreError> {
        self.raise_about(scope, collection, &Hint::default()).await
    }

    /// As [`Intake::raise`], and keeps which items the hint names.
    ///
    /// # Errors
    /// As [`Intake::raise`].
    pub async fn raise_about(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
        hint: &Hint,
    ) -> Result<(), StoreError> {
        let marks = self.records.raise_about(scope, collection, hint, self.world.now()).await?;
        self.send_if_needed(scope, &marks).await
    }

    /// Sends a message for raised marks unless one is on its way that no run has taken up.
    ///
    /// # Errors
    /// [`StoreError`] when the message may not have been sent.
    pub async fn send_if_needed(
        &self,
        scope: &MailboxScope,
        marks: &Marks,
    ) -> Result<(), StoreError> {
        if !marks.needs_message() {
            return Ok(());
        }
        self.send(scope, message_id(scope, marks.hinted)).await?;
        self.records.record_sent(scope, marks.hinted).await
    }

    /// Sends the message that starts a run.
    ///
    /// # Errors
    /// [`StoreError`] when it may not have been sent.
    pub async fn send(
        &self,
        scope: &MailboxScope,
        deduplication_id: String,
    ) -> Result<(), StoreError> {
        let task = SyncTask::of(scope);
        let message = Message { group: task.group(), deduplication_id, body: task.to_json() };
        self.records.meter(Usage { queue_requests: 1, ..Usage::default() });
        self.queue.send(message).await
    }
}
