use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_service::{Engine, Exchange, Options, World};
use tidemark_store::memory::{MemoryQueue, MemorySecrets, MemoryTable};
use tidemark_store::records::{ConnectionRow, Keyring, MailboxRow, OrganisationRow, Records};
use tidemark_transport::{
    Clock, Entropy, HttpPort, HttpRequest, HttpResponse, SystemClock, SystemEntropy, TransportError,
};

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");
const ONE: &str = include_str!("../../tests/fixtures/one-endpoint.json");

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

fn later(service: &Service) -> Timestamp {
    service.world.now() + SignedDuration::from_secs(60)
}

#[tokio::test]
async fn a_schedule_looks_at_every_organisation() {
    let service = service(MemoryTable::new());
    let row = OrganisationRow {
        id: OrganisationId::parse("contoso").unwrap(),
        name: "Contoso".to_owned(),
        allowed_networks: Vec::new(),
        domains: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    service.records.save_organisation(&row, None).await.unwrap();
    let event: Event = serde_json::from_str(SCHEDULED).unwrap();
    let summary = handle(&service, event, later(&service)).await.unwrap();
    assert_eq!(summary, Summary { organisations: 1, delivered: 0, failed: 0 });
}

#[tokio::test]
async fn an_endpoint_that_is_gone_has_nothing_to_get() {
    let service = service(MemoryTable::new());
    let event: Event = serde_json::from_str(ONE).unwrap();
    let summary = handle(&service, event, later(&service)).await.unwrap();
    assert_eq!(summary, Summary { organisations: 1, delivered: 0, failed: 0 });
}

#[tokio::test]
async fn what_names_no_endpoint_is_refused() {
    let service = service(MemoryTable::new());
    for text in [
        r#"{"organisation": "With Space"}"#,
        r#"{"organisation": "contoso", "endpoint": "none"}"#,
        r#"{"endpoint": "019aacb0-0000-7000-8000-000000000002"}"#,
    ] {
        let event: Event = serde_json::from_str(text).unwrap();
        let refused = handle(&service, event, later(&service)).await;
        assert!(matches!(refused, Err(DeliverError::Event(_))), "{text}");
    }
}

#[test]
fn a_round_stops_in_time_for_its_function() {
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    assert_eq!(deadline(at(1000), 1_060_000), at(1055));
    assert_eq!(deadline(at(1000), 1_008_000), at(1006));
}
