//! The product, composed of its ports.

use std::sync::Arc;

use jiff::SignedDuration;
use tidemark_model::Kind;
use tidemark_store::records::{Collection, MailboxScope, Marks, Records, message_id};
use tidemark_store::{Message, Queue, Secrets, StoreError};
use tidemark_transport::HttpPort;

use crate::ports::{Exchange, Planner};
use crate::world::World;

/// How the product behaves, apart from what organisations set for themselves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where Exchange reaches us: `https://hooks.example.com`, without a slash at the end. Push
    /// subscriptions post to `{callback_url}/ews/{key}`.
    pub callback_url: String,
    /// How long a run may take before it stops and continues in a new one.
    pub run_budget: SignedDuration,
    /// How long the feed, the history and finished changes are kept.
    pub retention: SignedDuration,
    /// How often a mailbox is looked at although nothing was heard (N1).
    pub sweep_every: SignedDuration,
    /// Heartbeat of push subscriptions, in minutes; also Exchange's retry budget.
    pub push_status_minutes: u16,
    /// How often a waiting poll of the feed looks.
    pub poll_every: SignedDuration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            callback_url: String::new(),
            run_budget: SignedDuration::from_secs(45),
            retention: SignedDuration::from_hours(24 * 30),
            sweep_every: SignedDuration::from_hours(1),
            push_status_minutes: 5,
            poll_every: SignedDuration::from_millis(250),
        }
    }
}

/// Everything that the use cases work with.
#[derive(Clone)]
pub struct Service {
    /// What is kept.
    pub records: Arc<Records>,
    /// Work that waits.
    pub queue: Arc<dyn Queue>,
    /// Secrets by name.
    pub secrets: Arc<dyn Secrets>,
    /// The way to mailboxes.
    pub exchange: Arc<dyn Exchange>,
    /// The way to webhook endpoints.
    pub webhooks: Arc<dyn HttpPort>,
    /// Who decides.
    pub planner: Arc<dyn Planner>,
    /// Time and randomness.
    pub world: World,
    /// How it behaves.
    pub options: Options,
}

/// The collection that items of a kind are read from.
pub(crate) fn collection_of(kind: Kind) -> Collection {
    match kind {
        Kind::Appointment => Collection::calendar(),
    }
}

impl Service {
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
        let marks = self.records.raise(scope, collection, self.world.now()).await?;
        self.send_if_needed(scope, &marks).await
    }

    /// Sends a message for raised marks unless one is on its way that no run has taken up.
    pub(crate) async fn send_if_needed(
        &self,
        scope: &MailboxScope,
        marks: &Marks,
    ) -> Result<(), StoreError> {
        if !marks.needs_message() {
            return Ok(());
        }
        self.send(scope, message_id(scope, marks.hinted)).await?;
        self.records.record_enqueued(scope, marks.hinted, self.world.now()).await
    }

    /// Sends the message that starts a run.
    pub(crate) async fn send(
        &self,
        scope: &MailboxScope,
        deduplication_id: String,
    ) -> Result<(), StoreError> {
        let task = SyncTask { organisation: scope.organisation.as_str(), mailbox: scope.mailbox };
        let message = Message { group: task.group(), deduplication_id, body: task.to_json() };
        self.queue.send(message).await
    }
}

/// What a message on the queue asks for. Version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncTask<'a> {
    organisation: &'a str,
    mailbox: tidemark_model::MailboxId,
}

impl SyncTask<'_> {
    fn group(&self) -> String {
        self.mailbox.to_string()
    }

    fn to_json(self) -> String {
        serde_json::json!({
            "type": "sync",
            "v": 1,
            "organisation": self.organisation,
            "mailbox": self.mailbox.to_string(),
        })
        .to_string()
    }

    /// Reads a message's body. None when it is not ours or of a version that is not known.
    pub fn read(body: &str) -> Option<MailboxScope> {
        let value: serde_json::Value = serde_json::from_str(body).ok()?;
        let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
        if text("type") != Some("sync") || value.get("v")?.as_u64() != Some(1) {
            return None;
        }
        Some(MailboxScope {
            organisation: tidemark_model::OrganisationId::parse(text("organisation")?).ok()?,
            mailbox: tidemark_model::MailboxId::parse(text("mailbox")?).ok()?,
        })
    }
}
