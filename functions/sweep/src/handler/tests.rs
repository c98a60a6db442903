use std::sync::Arc;

use tidemark_model::{MailboxId, OrganisationId};
use tidemark_platform::{Called, Environment};
use tidemark_service::rehearsal::service_on;
use tidemark_store::StoreError;
use tidemark_store::memory::{Faults, MemoryTable, Operation};
use tidemark_store::records::{Collection, MailboxScope, Payer, SHARED_EVERY};
use tidemark_world::SystemClock;

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");

fn frame() -> Frame {
    let variables =
        [("AWS_LAMBDA_FUNCTION_NAME", "acme-sweep"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")];
    let variables: Environment =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    Frame::writing(&variables, Arc::new(SystemClock), Box::new(|_| {}))
}

fn scope() -> MailboxScope {
    MailboxScope {
        organisation: OrganisationId::parse("contoso").unwrap(),
        mailbox: MailboxId::parse("019aacb0-0000-7000-8000-000000000001").unwrap(),
    }
}

#[test]
fn whatever_a_schedule_sends_starts_the_minute() {
    serde_json::from_str::<Schedule>(SCHEDULED).unwrap();
    serde_json::from_str::<Schedule>("{}").unwrap();
}

#[tokio::test]
async fn a_minute_without_organisations_does_nothing() {
    let summary = handle(&service_on(MemoryTable::new()), Timestamp::MAX, &frame()).await;
    assert_eq!(
        serde_json::to_value(summary).unwrap(),
        serde_json::json!({
            "sent": 0, "raised": 0, "renewed": 0, "errors": 0, "out_of_time": false
        })
    );
}

#[tokio::test]
async fn what_the_store_does_not_answer_is_counted() {
    let faults: Faults = Box::new(|_: &Operation<'_>| Some(StoreError::Throttled.into()));
    let summary =
        handle(&service_on(MemoryTable::with_faults(faults)), Timestamp::MAX, &frame()).await;
    assert!(summary.errors > 0);
}

#[tokio::test]
async fn the_minute_ends_before_its_function_does() {
    let service = service_on(MemoryTable::new());
    let scope = scope();
    let now = service.world.now();
    service.records.raise(&scope, &Collection::calendar(), now - SHARED_EVERY).await.unwrap();
    let summary = handle(&service, now, &frame()).await;
    assert_eq!((summary.sent, summary.out_of_time), (0, true));
    let summary = handle(&service, Timestamp::MAX, &frame()).await;
    assert_eq!((summary.sent, summary.out_of_time), (1, false));
}

#[tokio::test]
async fn n9_the_minute_is_metered_on_all_mailboxes_together() {
    let service = service_on(MemoryTable::new());
    let scope = scope();
    let now = service.world.now();
    // Due, so that the minute writes its marks.
    service.records.raise(&scope, &Collection::calendar(), now - SHARED_EVERY).await.unwrap();
    let own = service.records.usage(&scope).await.unwrap();
    let frame = frame();
    frame.meter(&service.records);
    let unit = Called {
        request_id: "r1",
        trace: None,
        ends_at: Timestamp::MAX,
        payer: Payer::Everybody,
        queue_requests: 0,
    };
    let summary = frame.run(unit, handle(&service, Timestamp::MAX, &frame)).await.unwrap();
    assert_eq!(summary.sent, 1);
    assert_eq!(service.records.usage(&scope).await.unwrap(), own);
    service.records.write_shared(Timestamp::MAX).await.unwrap();
    let shared = service.records.shared_usage(jiff::civil::Date::MIN).await.unwrap();
    assert_eq!((shared.invocations, shared.queue_requests), (1, 1));
    assert!(shared.compute_mb_ms >= 256 && shared.write_halves > 0, "{shared:?}");
}
