use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use tidemark_model::{LinkId, MailboxId, SystemId};
use tidemark_platform::{Called, Environment};
use tidemark_service::Service;
use tidemark_service::rehearsal::{service_on, shared_by};
use tidemark_store::memory::MemoryTable;
use tidemark_store::records::{
    Commit, ConnectionId, DeliveryState, EndpointRow, FeedEntry, FirstSync, ItemCommit, MailboxRow,
    MailboxScope, MailboxState, OrganisationRow, Payer,
};
use tidemark_transport::{HttpPort, HttpRequest, HttpResponse, TransportError};
use tidemark_world::SystemClock;
use uuid::Uuid;

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");
const ONE: &str = include_str!("../../tests/fixtures/one-endpoint.json");

fn later(deliveries: &Deliveries) -> Timestamp {
    deliveries.world.now() + SignedDuration::from_secs(60)
}

fn frame() -> Frame {
    let variables =
        [("AWS_LAMBDA_FUNCTION_NAME", "acme-deliver"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")];
    let variables: Environment =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    Frame::writing(&variables, Arc::new(SystemClock), Box::new(|_| {}))
}

fn organisation() -> OrganisationRow {
    OrganisationRow {
        id: OrganisationId::parse("contoso").unwrap(),
        enabled: true,
        name: "Contoso".to_owned(),
        allowed_networks: Vec::new(),
        domains: Vec::new(),
        cap_cents_per_month: None,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

/// Takes every delivery, and counts them.
#[derive(Default)]
struct Taker(AtomicU64);

#[async_trait]
impl HttpPort for Taker {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(HttpResponse { status: 204, headers: http::HeaderMap::new(), body: Bytes::new() })
    }
}

fn mailbox(id: MailboxId) -> MailboxRow {
    MailboxRow {
        id,
        address: "alex@contoso.example".to_owned(),
        aliases: BTreeSet::new(),
        connection: ConnectionId::new(Uuid::nil()),
        profile: None,
        system: SystemId::parse("crm").unwrap(),
        enabled: true,
        state: MailboxState::Synced,
        troubles: Vec::new(),
        time_zone: None,
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

/// An endpoint of an organisation, and one entry of a mailbox that it has not got yet.
async fn something_to_deliver(service: &Service) -> MailboxScope {
    let (records, organisation) = (&service.records, organisation());
    let scope = MailboxScope {
        organisation: organisation.id.clone(),
        mailbox: MailboxId::new(Uuid::from_u128(1)),
    };
    records.save_organisation(&organisation, None).await.unwrap();
    records.save_mailbox(&scope.organisation, &mailbox(scope.mailbox), None).await.unwrap();
    let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    service.secrets.put("hook", secret).await.unwrap();
    let (id, system) = (EndpointId::new(Uuid::from_u128(9)), SystemId::parse("crm").unwrap());
    let row = EndpointRow {
        id,
        system: system.clone(),
        url: "https://crm.example.com/hook".to_owned(),
        secret_name: "hook".to_owned(),
        paused: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    let start = DeliveryState::default();
    records.save_delivery(&scope.organisation, id, &start, None, &[], &[]).await.unwrap();
    records.save_endpoint(&scope.organisation, &row, None).await.unwrap();
    let (now, ttl) = (service.world.now(), SignedDuration::from_secs(60));
    let lease = records.take_lease(&scope, "test", now, ttl).await.unwrap();
    let link = LinkId::new(Uuid::from_u128(2));
    let entry = FeedEntry { id: Uuid::from_u128(3), link, system, event: b"{}".to_vec() };
    let item = ItemCommit { feed: vec![entry], ..ItemCommit::default() };
    records.commit(&Commit::new(scope.clone(), lease).item(item), now).await.unwrap();
    scope
}

/// A call that no mailbox pays for.
fn unit() -> Called<'static> {
    Called {
        request_id: "r1",
        trace: None,
        ends_at: Timestamp::MAX,
        payer: Payer::Everybody,
        queue_requests: 0,
    }
}

#[tokio::test]
async fn n9_deliveries_are_metered_on_all_mailboxes_together() {
    let service = service_on(MemoryTable::new());
    let scope = something_to_deliver(&service).await;
    let taker = Arc::new(Taker::default());
    let deliveries = Deliveries { webhooks: taker.clone(), ..service.deliveries() };
    let (frame, records) = (frame(), &service.records);
    frame.meter(records);
    // What was used before the first unit goes to it, so it is the second one that tells what none takes.
    shared_by(records, 1, frame.run(unit(), async {})).await.0.unwrap();
    let (_, idle) = shared_by(records, 2, frame.run(unit(), async {})).await;
    let own = records.usage(&scope).await.unwrap();
    let event: Event = serde_json::from_str(SCHEDULED).unwrap();
    let work = handle(&deliveries, event, later(&deliveries), &frame);
    let (summary, shared) = Box::pin(shared_by(records, 3, frame.run(unit(), work))).await;
    assert_eq!((summary.unwrap().unwrap().delivered, taker.0.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(records.usage(&scope).await.unwrap(), own, "the mailbox pays for none of it");
    assert_eq!((shared.invocations, shared.queue_requests), (1, 0));
    assert!(shared.read_halves > idle.read_halves, "endpoints and feed are read: {shared:?}");
    assert!(shared.write_halves > idle.write_halves, "how far the endpoint is: {shared:?}");
    assert!(shared.compute_mb_ms >= 256, "{shared:?}");
}

#[tokio::test]
async fn a_schedule_looks_at_every_organisation() {
    let deliveries = service_on(MemoryTable::new()).deliveries();
    deliveries.records.save_organisation(&organisation(), None).await.unwrap();
    let event: Event = serde_json::from_str(SCHEDULED).unwrap();
    let summary = handle(&deliveries, event, later(&deliveries), &frame()).await.unwrap();
    assert_eq!(summary, Summary { organisations: 1, delivered: 0, failed: 0 });
}

#[tokio::test]
async fn an_endpoint_that_is_gone_has_nothing_to_get() {
    let deliveries = service_on(MemoryTable::new()).deliveries();
    let event: Event = serde_json::from_str(ONE).unwrap();
    let summary = handle(&deliveries, event, later(&deliveries), &frame()).await.unwrap();
    assert_eq!(summary, Summary { organisations: 1, delivered: 0, failed: 0 });
}

#[tokio::test]
async fn what_names_no_endpoint_is_refused() {
    let deliveries = service_on(MemoryTable::new()).deliveries();
    for text in [
        r#"{"organisation": "With Space"}"#,
        r#"{"organisation": "contoso", "endpoint": "none"}"#,
        r#"{"endpoint": "019aacb0-0000-7000-8000-000000000002"}"#,
    ] {
        let event: Event = serde_json::from_str(text).unwrap();
        let refused = handle(&deliveries, event, later(&deliveries), &frame()).await;
        assert!(matches!(refused, Err(DeliverError::Event(_))), "{text}");
    }
}
