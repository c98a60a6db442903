use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_service::{Engine, Exchange, Options, World};
use tidemark_store::StoreError;
use tidemark_store::memory::{Faults, MemoryQueue, MemorySecrets, MemoryTable, Operation};
use tidemark_store::records::{ConnectionRow, Keyring, MailboxRow, Records};
use tidemark_transport::{
    Clock, Entropy, HttpPort, HttpRequest, HttpResponse, SystemClock, SystemEntropy, TransportError,
};

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");

/// Nothing in these tests gets as far as a mailbox or an endpoint.
struct Nowhere;

#[async_trait]
impl Exchange for Nowhere {
    async fn open(
        &self,
        _: &tidemark_model::OrganisationId,
        _: &ConnectionRow,
        _: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        panic!("no mailbox is opened");
    }
}

#[async_trait]
impl HttpPort for Nowhere {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        panic!("nothing is sent");
    }
}

fn service(table: MemoryTable) -> Service {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let random = Arc::clone(&entropy);
    let fill = Arc::new(move |buffer: &mut [u8]| random.fill(buffer));
    let keyring = Keyring::new(&[7; 32], fill).unwrap();
    let queue_clock = Arc::clone(&clock);
    let queue =
        MemoryQueue::new(Arc::new(move || queue_clock.now()), SignedDuration::from_secs(120));
    Service {
        records: Arc::new(Records::new(Arc::new(table), Arc::new(keyring))),
        queue: Arc::new(queue),
        secrets: Arc::new(MemorySecrets::new()),
        exchange: Arc::new(Nowhere),
        webhooks: Arc::new(Nowhere),
        planner: Arc::new(Engine),
        world: World::new(clock, entropy),
        options: Options::default(),
    }
}

#[test]
fn whatever_a_schedule_sends_starts_the_minute() {
    serde_json::from_str::<Schedule>(SCHEDULED).unwrap();
    serde_json::from_str::<Schedule>("{}").unwrap();
}

#[tokio::test]
async fn a_minute_without_organisations_does_nothing() {
    let summary = handle(&service(MemoryTable::new())).await;
    assert_eq!(
        serde_json::to_value(summary).unwrap(),
        serde_json::json!({
            "sent": 0, "raised": 0, "renewed": 0, "delivered": 0, "errors": 0, "out_of_time": false
        })
    );
}

#[tokio::test]
async fn what_the_store_does_not_answer_is_counted() {
    let faults: Faults = Box::new(|_: &Operation<'_>| Some(StoreError::Throttled.into()));
    let summary = handle(&service(MemoryTable::with_faults(faults))).await;
    assert!(summary.errors > 0);
}
