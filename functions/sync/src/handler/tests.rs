use std::sync::{Arc, Mutex};

use serde_json::Value;
use tidemark_model::{MailboxId, SystemId};
use tidemark_platform::Environment;
use tidemark_service::rehearsal::service_on;
use tidemark_store::StoreError;
use tidemark_store::memory::{Faults, MemoryTable, Operation};
use tidemark_store::records::{ConnectionId, FirstSync, MailboxRow, MailboxState};
use tidemark_world::SystemClock;

use super::*;

const EVENT: &str = include_str!("../../tests/fixtures/sqs-fifo.json");

fn event() -> SqsEvent {
    serde_json::from_str(EVENT).unwrap()
}

fn failed(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

/// The frame of a function on Lambda, and the lines that it writes.
fn frame() -> (Frame, Arc<Mutex<Vec<Value>>>) {
    let variables =
        [("AWS_LAMBDA_FUNCTION_NAME", "acme-sync"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")];
    let variables: Environment =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let write = Box::new(move |line: &str| {
        kept.lock().unwrap().push(serde_json::from_str(line).unwrap());
    });
    (Frame::writing(&variables, Arc::new(SystemClock), write), lines)
}

fn call(trace: Option<&str>) -> Call {
    let trace = trace.map(str::to_owned);
    Call { request_id: "r1".to_owned(), trace, ends_at: Timestamp::MAX }
}

async fn handled(service: &Service, event: SqsEvent) -> SqsBatchResponse {
    handle(service, event, &call(None), &frame().0).await.unwrap()
}

const ID: &str = "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5";

#[tokio::test]
async fn a_message_for_a_mailbox_that_is_gone_is_done_with() {
    let service = service_on(MemoryTable::new());
    let response = handled(&service, event()).await;
    assert!(failed(&response).is_empty());
}

#[tokio::test]
async fn the_call_fails_when_the_store_does() {
    let faults: Faults = Box::new(|_: &Operation<'_>| Some(StoreError::Throttled.into()));
    let service = service_on(MemoryTable::with_faults(faults));
    let error = handle(&service, event(), &call(None), &frame().0).await.unwrap_err();
    assert_eq!(error.to_string(), "the run did not work; the log says why");
}

#[tokio::test]
async fn what_is_done_of_a_batch_does_not_come_again_because_the_store_failed_behind_it() {
    let asked = Mutex::new(false);
    let faults: Faults = Box::new(move |_: &Operation<'_>| {
        let was_asked = std::mem::replace(&mut *asked.lock().unwrap(), true);
        was_asked.then(|| StoreError::Throttled.into())
    });
    let service = service_on(MemoryTable::with_faults(faults));
    let mut event = event();
    let mut behind = event.records[0].clone();
    behind.message_id = Some("behind".to_owned());
    event.records.push(behind);
    assert_eq!(failed(&handled(&service, event).await), ["behind"]);
}

#[tokio::test]
async fn what_is_not_ours_goes_the_way_to_the_dead_letters() {
    let service = service_on(MemoryTable::new());
    let mut event = event();
    event.records[0].body = Some("{\"type\":\"sync\",\"v\":2}".to_owned());
    let response = handled(&service, event).await;
    assert_eq!(failed(&response), [ID]);
}

#[tokio::test]
async fn nothing_passes_a_message_that_failed_in_its_group() {
    let service = service_on(MemoryTable::new());
    let mut event = event();
    let good = event.records[0].clone();
    event.records[0].body = None;
    let mut same_group = good.clone();
    same_group.message_id = Some("behind".to_owned());
    let mut other_group = good;
    other_group.message_id = Some("beside".to_owned());
    other_group.attributes.insert(GROUP.to_owned(), "other".to_owned());
    event.records.extend([same_group, other_group]);
    let response = handled(&service, event).await;
    assert_eq!(failed(&response), [ID, "behind"]);
}

#[tokio::test]
async fn a_mailbox_that_somebody_holds_is_run_again_later() {
    let service = service_on(MemoryTable::new());
    let scope = SyncTask::read(event().records[0].body.as_deref().unwrap()).unwrap();
    let row = mailbox(scope.mailbox);
    service.records.save_mailbox(&scope.organisation, &row, None).await.unwrap();
    let (now, ttl) = (service.world.now(), SignedDuration::from_mins(1));
    let lease = service.records.take_lease(&scope, "somebody", now, ttl).await.unwrap();
    let response = handled(&service, event()).await;
    assert_eq!(failed(&response), [ID]);

    // Switched off meanwhile, and free: the message is done with.
    service.records.release_lease(&scope, &lease).await.unwrap();
    let response = handled(&service, event()).await;
    assert!(failed(&response).is_empty());
}

fn mailbox(id: MailboxId) -> MailboxRow {
    MailboxRow {
        id,
        address: "alex@contoso.example".to_owned(),
        aliases: BTreeSet::new(),
        connection: ConnectionId::new(id.uuid()),
        profile: None,
        system: SystemId::parse("erp").unwrap(),
        enabled: false,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: None,
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn a_run_that_panics_fails_the_call_under_the_trace_of_its_message() {
    const SENT_TRACE: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad";
    let (frame, lines) = frame();
    let (seen, looks) = (Arc::new(Mutex::new(None)), frame.clone());
    let kept = Arc::clone(&seen);
    let faults: Faults = Box::new(move |_: &Operation<'_>| {
        *kept.lock().unwrap() = looks.trace();
        panic!("the table breaks")
    });
    let service = service_on(MemoryTable::with_faults(faults));
    let mut event = event();
    event.records[0].attributes.insert(TRACE.to_owned(), SENT_TRACE.to_owned());
    let trace = Some("Root=1-00000000-000000000000000000000000");
    assert!(handle(&service, event, &call(trace), &frame).await.is_err());
    assert_eq!(seen.lock().unwrap().as_deref(), Some(SENT_TRACE));
    assert_eq!(lines.lock().unwrap()[0]["outcome"], "panicked");
}

#[tokio::test]
async fn n9_a_run_is_metered_on_its_mailbox() {
    let service = service_on(MemoryTable::new());
    let scope = SyncTask::read(event().records[0].body.as_deref().unwrap()).unwrap();
    let row = mailbox(scope.mailbox);
    service.records.save_mailbox(&scope.organisation, &row, None).await.unwrap();
    let (frame, lines) = frame();
    frame.meter(&service.records);
    handle(&service, event(), &call(None), &frame).await.unwrap();
    handle(&service, event(), &call(None), &frame).await.unwrap();
    let usage = service.records.usage(&scope).await.unwrap();
    assert_eq!((usage.invocations, usage.queue_requests), (2, 4));
    let (milliseconds, rest) = (usage.compute_mb_ms / 512, usage.compute_mb_ms % 512);
    assert!(milliseconds >= 2 && rest == 0, "{usage:?}");

    let lines = lines.lock().unwrap();
    let line = &lines[0];
    assert_eq!((&line["end"], &line["outcome"]), (&"off".into(), &"done".into()));
    assert_eq!(line["mailbox.id"], scope.mailbox.to_string());
    let names: Vec<_> = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["SyncFailures", "ItemsWritten", "ChangesTold", "SyncSeconds"]);
    assert!(!line.to_string().contains("alex@"));
}
