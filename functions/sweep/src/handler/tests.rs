use tidemark_service::rehearsal::service_on;
use tidemark_store::StoreError;
use tidemark_store::memory::{Faults, MemoryTable, Operation};

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");

#[test]
fn whatever_a_schedule_sends_starts_the_minute() {
    serde_json::from_str::<Schedule>(SCHEDULED).unwrap();
    serde_json::from_str::<Schedule>("{}").unwrap();
}

#[tokio::test]
async fn a_minute_without_organisations_does_nothing() {
    let summary = handle(&service_on(MemoryTable::new())).await;
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
    let summary = handle(&service_on(MemoryTable::with_faults(faults))).await;
    assert!(summary.errors > 0);
}
