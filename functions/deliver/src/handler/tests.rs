use std::sync::Arc;

use tidemark_platform::Environment;
use tidemark_service::rehearsal::service_on;
use tidemark_store::memory::MemoryTable;
use tidemark_store::records::OrganisationRow;
use tidemark_world::SystemClock;

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");
const ONE: &str = include_str!("../../tests/fixtures/one-endpoint.json");

fn later(deliveries: &Deliveries) -> Timestamp {
    deliveries.world.now() + SignedDuration::from_secs(60)
}

fn frame() -> Frame {
    Frame::writing(&Environment::default(), Arc::new(SystemClock), Box::new(|_| {}))
}

#[tokio::test]
async fn a_schedule_looks_at_every_organisation() {
    let deliveries = service_on(MemoryTable::new()).deliveries();
    let row = OrganisationRow {
        id: OrganisationId::parse("contoso").unwrap(),
        enabled: true,
        name: "Contoso".to_owned(),
        allowed_networks: Vec::new(),
        domains: Vec::new(),
        cap_cents_per_month: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    deliveries.records.save_organisation(&row, None).await.unwrap();
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

#[test]
fn a_round_stops_in_time_for_its_function() {
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    assert_eq!(deadline(at(1000), at(1060)), at(1055));
    assert_eq!(deadline(at(1000), at(1008)), at(1006));
}
