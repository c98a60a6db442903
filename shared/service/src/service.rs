//! The product, composed of its ports.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use tidemark_delivery::Deliveries;
use tidemark_intake::{ContentProof, GraphIntake, GraphReceipt, Intake, PushAnswer, PushIntake};
use tidemark_model::Kind;
use tidemark_proofs::Proofs;
use tidemark_store::records::{Collection, MailboxScope, Records};
use tidemark_store::{Queue, Secrets, StoreError};
use tidemark_transport::HttpPort;
use tidemark_world::World;

use crate::ports::{Exchange, Planner};
use crate::sweep::Reached;

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
    /// The addresses that Exchange and webhooks are called from, for whoever keeps a firewall (W13);
    /// empty where they are not fixed.
    pub egress_addresses: Vec<IpAddr>,
    /// Who delivers what endpoints have not got yet.
    pub delivering: Delivering,
}

/// Who delivers to webhook endpoints what nobody was woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivering {
    /// The minute's work does, among the rest.
    #[default]
    InTheMinute,
    /// Somebody else does every minute, and the minute's work has no right to the endpoints' secrets.
    Elsewhere,
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
            egress_addresses: Vec::new(),
            delivering: Delivering::default(),
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
    /// Up to where the minute schedule of this process came.
    pub reached: Reached,
}

/// The collection that items of a kind are read from.
pub(crate) fn collection_of(kind: Kind) -> Collection {
    match kind {
        Kind::Appointment => Collection::calendar(),
    }
}

impl Service {
    /// The part of the product that notes what is to be looked at.
    pub fn intake(&self) -> Intake {
        Intake {
            records: Arc::clone(&self.records),
            queue: Arc::clone(&self.queue),
            world: self.world.clone(),
            proof: self.proof(),
        }
    }

    /// As [`Intake::raise`], for those who have a reason of their own to look at a mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
    ) -> Result<(), StoreError> {
        self.intake().raise(scope, collection).await
    }

    fn proof(&self) -> Option<Arc<dyn ContentProof>> {
        let proofs: Arc<Proofs> = Arc::clone(self.exchange.proofs()?);
        Some(proofs)
    }

    /// The part of the product that delivers to webhook endpoints.
    pub fn deliveries(&self) -> Deliveries {
        Deliveries {
            records: Arc::clone(&self.records),
            secrets: Arc::clone(&self.secrets),
            webhooks: Arc::clone(&self.webhooks),
            world: self.world.clone(),
        }
    }
}

/// Where everything runs in one process, that process is called by Exchange too.
#[async_trait]
impl PushIntake for Service {
    async fn ews_push(&self, key: &str, body: &[u8]) -> PushAnswer {
        self.intake().ews_push(key, body).await
    }
}

#[async_trait]
impl GraphIntake for Service {
    async fn graph_push(&self, body: &[u8]) -> GraphReceipt {
        self.intake().graph_push(body).await
    }
}
