//! Deliveries to webhook endpoints.

use jiff::SignedDuration;
use tidemark_business::{SigningSecret, sign};
use tidemark_delivery::{BATCH, DeliveryEnd, DeliveryReport, TIMEOUT};
use tidemark_model::{LinkId, SystemId};
use tidemark_store::records::{
    Commit, DeliveryState, EndpointId, EndpointRow, FeedCursor, FeedEntry, ItemCommit, RETRIES_MAX,
    Records, SaveError as Save,
};
use uuid::Uuid;

use crate::testing::{Reply, Stage, organisation, scope, system};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn id() -> EndpointId {
    EndpointId::new(Uuid::from_u128(9))
}

fn entry(number: u128, link: u128, text: &str) -> FeedEntry {
    FeedEntry {
        id: Uuid::from_u128(number),
        link: LinkId::new(Uuid::from_u128(link)),
        system: system(),
        event: text.as_bytes().to_vec(),
    }
}

/// A stage with an endpoint that begins at the present.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.put_secret("hook", SECRET).await;
    let row = EndpointRow {
        id: id(),
        system: system(),
        url: "https://erp.example.com/hook".to_owned(),
        secret_name: "hook".to_owned(),
        paused: None,
        created_at: stage.service.world.now(),
    };
    let records = &stage.service.records;
    let start = DeliveryState::default();
    records.save_delivery(&organisation(), id(), &start, None, &[], &[]).await.unwrap();
    records.save_endpoint(&organisation(), &row, None).await.unwrap();
    stage
}

async fn put(stage: &Stage, entries: Vec<FeedEntry>) {
    let records = &stage.service.records;
    let now = stage.service.world.now();
    let ttl = SignedDuration::from_secs(60);
    let lease = records.take_lease(&scope(1), "test", now, ttl).await.unwrap();
    let item = ItemCommit { feed: entries, ..ItemCommit::default() };
    records.commit(&Commit::new(scope(1), lease.clone()).item(item), now).await.unwrap();
    records.release_lease(&scope(1), &lease).await.unwrap();
}

async fn deliver(stage: &Stage) -> DeliveryReport {
    let deadline = stage.service.world.now() + SignedDuration::from_mins(10);
    stage.service.deliveries().deliver_due(&organisation(), id(), deadline).await.unwrap()
}

async fn state(records: &Records) -> DeliveryState {
    records.delivery(&organisation(), id()).await.unwrap().unwrap().value
}

async fn paused(stage: &Stage) -> Option<String> {
    let found = stage.service.records.endpoint(&organisation(), id()).await.unwrap();
    found.unwrap().value.paused
}

async fn resume(stage: &Stage) {
    let records = &stage.service.records;
    let found = records.endpoint(&organisation(), id()).await.unwrap().unwrap();
    let row = EndpointRow { paused: None, ..found.value };
    records.save_endpoint(&organisation(), &row, Some(found.revision)).await.unwrap();
}

#[tokio::test]
async fn a_delivery_is_a_signed_cloud_event() {
    let stage = stage().await;
    put(&stage, vec![entry(1, 1, "{\"a\":1}")]).await;
    let report = deliver(&stage).await;
    assert_eq!((report.end, report.delivered), (DeliveryEnd::UpToDate, 1));
    let [request] = stage.webhooks.take().try_into().unwrap();
    assert_eq!(request.url, "https://erp.example.com/hook");
    assert_eq!(request.timeout, TIMEOUT);
    assert_eq!(request.answer_bytes_max, 64 * 1024);
    let header = |name: &str| request.headers.get(name).unwrap().to_str().unwrap().to_owned();
    let now = stage.service.world.now();
    let event = Uuid::from_u128(1).to_string();
    assert_eq!(header("content-type"), "application/cloudevents+json");
    assert_eq!(header("webhook-id"), event);
    assert_eq!(header("webhook-timestamp"), now.as_second().to_string());
    let secret = SigningSecret::parse(SECRET).unwrap();
    assert_eq!(header("webhook-signature"), sign(&[secret], &event, now, b"{\"a\":1}"));
    // It is not delivered again.
    assert_eq!(deliver(&stage).await.delivered, 0);
    assert!(stage.webhooks.take().is_empty());
}

#[tokio::test]
async fn two_secrets_sign_while_they_are_rotated() {
    let stage = stage().await;
    let other = SigningSecret::new([5; 32]).reveal();
    stage.put_secret("hook", &format!("{SECRET} {other}")).await;
    put(&stage, vec![entry(1, 1, "a")]).await;
    deliver(&stage).await;
    let [request] = stage.webhooks.take().try_into().unwrap();
    let signature = request.headers.get("webhook-signature").unwrap().to_str().unwrap();
    assert_eq!(signature.split(' ').count(), 2);
}

#[tokio::test]
async fn a_failure_holds_back_its_own_item_and_no_other() {
    let stage = stage().await;
    let entries = [(1, 1, "a1"), (2, 2, "b1"), (3, 1, "a2"), (4, 2, "b2")];
    let entries = entries.into_iter().map(|(n, link, text)| entry(n, link, text)).collect();
    put(&stage, entries).await;
    stage.webhooks.script([Reply::Status(500)]);
    let report = deliver(&stage).await;
    assert_eq!((report.delivered, report.failed), (2, 1));
    assert_eq!(stage.webhooks.take_bodies(), ["a1", "b1", "b2"]);
    let retries = stage.service.records.retries(&organisation(), id()).await.unwrap();
    let attempts: Vec<_> = retries.iter().map(|row| (row.number, row.attempts)).collect();
    assert_eq!(attempts, [(1, 1), (3, 0)]);
    // A new entry of the item waits as well.
    put(&stage, vec![entry(5, 1, "a3"), entry(6, 3, "c1")]).await;
    deliver(&stage).await;
    assert_eq!(stage.webhooks.take_bodies(), ["c1"]);
    stage.clock.advance(SignedDuration::from_secs(6));
    let report = deliver(&stage).await;
    assert_eq!(report.end, DeliveryEnd::UpToDate);
    assert_eq!(stage.webhooks.take_bodies(), ["a1", "a2", "a3"]);
    assert_eq!(stage.service.records.retries(&organisation(), id()).await.unwrap(), []);
    assert_eq!(state(&stage.service.records).await.due_at, None);
}

#[tokio::test]
async fn waits_grow_and_after_three_days_the_endpoint_is_paused() {
    let stage = stage().await;
    put(&stage, vec![entry(1, 1, "a")]).await;
    stage.webhooks.script(vec![Reply::TimesOut; 200]);
    let begin = stage.service.world.now();
    let mut waits = Vec::new();
    while deliver(&stage).await.end != DeliveryEnd::Paused {
        let now = stage.service.world.now();
        let due = state(&stage.service.records).await.due_at.unwrap();
        waits.push((due - now).total(jiff::Unit::Second).unwrap());
        stage.clock.advance(due.duration_since(now));
        assert!(waits.len() < 200, "it never gives up");
    }
    for (wait, middle) in waits.iter().zip([5.0, 30.0, 120.0, 600.0, 3600.0, 3600.0]) {
        assert!((middle * 0.79..=middle * 1.21).contains(wait), "{wait} for {middle}");
    }
    let lasted = stage.service.world.now().duration_since(begin);
    assert!(lasted >= SignedDuration::from_hours(72), "{lasted}");
    assert!(lasted < SignedDuration::from_hours(75), "{lasted}");
    assert!(paused(&stage).await.unwrap().contains("three days"));
    // Resumed, it gets what it has missed, and has its three days again.
    resume(&stage).await;
    stage.webhooks.take();
    let deadline = stage.service.world.now() + SignedDuration::from_mins(10);
    stage.service.deliveries().wake(&organisation(), deadline).await.unwrap();
    assert_eq!(stage.webhooks.take_bodies(), ["a"]);
    assert_eq!(paused(&stage).await, None);
}

#[tokio::test]
async fn gone_pauses_at_once_and_nothing_is_lost() {
    let stage = stage().await;
    put(&stage, vec![entry(1, 1, "a"), entry(2, 2, "b")]).await;
    stage.webhooks.script([Reply::Status(410)]);
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Paused);
    assert!(paused(&stage).await.unwrap().contains("410 Gone"));
    assert_eq!(stage.webhooks.take_bodies(), ["a"]);
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Paused);
    assert!(stage.webhooks.take().is_empty());
    resume(&stage).await;
    let deadline = stage.service.world.now() + SignedDuration::from_mins(10);
    assert_eq!(stage.service.deliveries().wake(&organisation(), deadline).await.unwrap(), 2);
    assert_eq!(stage.webhooks.take_bodies(), ["a", "b"]);
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let stage = stage().await;
    put(&stage, vec![entry(1, 1, "a")]).await;
    stage.webhooks.script([Reply::RetryAfter(503, "900")]);
    deliver(&stage).await;
    let due = state(&stage.service.records).await.due_at.unwrap();
    assert_eq!(due.duration_since(stage.service.world.now()), SignedDuration::from_mins(15));
}

#[tokio::test]
async fn an_endpoint_that_is_down_rests() {
    let stage = stage().await;
    let entries = (1..=10).map(|n| entry(n, n, &n.to_string())).collect();
    put(&stage, entries).await;
    stage.webhooks.script(vec![Reply::TimesOut; 4]);
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Failing);
    assert_eq!(stage.webhooks.take().len(), 3);
    // News does not wake it before its time.
    put(&stage, vec![entry(11, 11, "11")]).await;
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Failing);
    let deadline = stage.service.world.now() + SignedDuration::from_mins(10);
    assert_eq!(stage.service.deliveries().wake(&organisation(), deadline).await.unwrap(), 0);
    assert!(stage.webhooks.take().is_empty());
    // Then it is probed with one, and rests again.
    stage.clock.advance(SignedDuration::from_secs(7));
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Failing);
    assert_eq!(stage.webhooks.take().len(), 1);
    stage.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(deliver(&stage).await.delivered, 11);
    let mut bodies = stage.webhooks.take_bodies();
    bodies.sort_by_key(|body| body.parse::<u32>().unwrap());
    let all: Vec<_> = (1..=11).map(|n| n.to_string()).collect();
    assert_eq!(bodies, all);
}

#[tokio::test]
async fn only_the_systems_own_entries_go_out_and_erased_ones_do_not() {
    let stage = stage().await;
    let foreign = FeedEntry { system: SystemId::parse("other").unwrap(), ..entry(1, 1, "foreign") };
    put(&stage, vec![foreign, entry(2, 2, "erased"), entry(3, 3, "own")]).await;
    let shard = tidemark_store::records::shard_of(scope(1).mailbox);
    stage.service.records.erase_feed_entry(&organisation(), shard, 2).await.unwrap();
    assert_eq!(deliver(&stage).await.delivered, 1);
    assert_eq!(stage.webhooks.take_bodies(), ["own"]);
}

#[tokio::test]
async fn an_entry_that_is_erased_while_it_waits_lets_the_next_go() {
    let stage = stage().await;
    put(&stage, vec![entry(1, 1, "a1"), entry(2, 1, "a2")]).await;
    stage.webhooks.script([Reply::Status(500)]);
    deliver(&stage).await;
    stage.webhooks.take();
    let shard = tidemark_store::records::shard_of(scope(1).mailbox);
    stage.service.records.erase_feed_entry(&organisation(), shard, 1).await.unwrap();
    stage.clock.advance(SignedDuration::from_secs(7));
    deliver(&stage).await;
    assert_eq!(stage.webhooks.take_bodies(), ["a2"]);
}

#[tokio::test]
async fn a_worker_whose_time_is_up_leaves_the_rest_to_the_next() {
    let stage = stage().await;
    put(&stage, (1..=5).map(|n| entry(n, n, &n.to_string())).collect()).await;
    let clock = stage.clock.clone();
    // Each delivery takes eight seconds.
    stage.webhooks.meanwhile(Box::new(move |_| clock.advance(SignedDuration::from_secs(8))));
    let deadline = stage.service.world.now() + SignedDuration::from_secs(20);
    let report =
        stage.service.deliveries().deliver_due(&organisation(), id(), deadline).await.unwrap();
    assert_eq!((report.end, report.delivered), (DeliveryEnd::OutOfTime, 2));
    assert_eq!(stage.webhooks.take_bodies(), ["1", "2"]);
    deliver(&stage).await;
    assert_eq!(stage.webhooks.take_bodies(), ["3", "4", "5"]);
}

#[tokio::test]
async fn a_worker_without_time_for_a_request_stops_no_other_one() {
    let stage = stage().await;
    put(&stage, (1..=25).map(|n| entry(n, n, &n.to_string())).collect()).await;
    deliver(&stage).await;
    let before = stage.service.records.delivery(&organisation(), id()).await.unwrap().unwrap();
    put(&stage, vec![entry(26, 26, "26")]).await;
    let deadline = stage.service.world.now() + SignedDuration::from_secs(9);
    let report =
        stage.service.deliveries().deliver_due(&organisation(), id(), deadline).await.unwrap();
    assert_eq!((report.end, report.delivered), (DeliveryEnd::OutOfTime, 0));
    let after = stage.service.records.delivery(&organisation(), id()).await.unwrap().unwrap();
    assert_eq!(after.revision, before.revision);
}

#[tokio::test]
async fn a_worker_that_was_cut_off_repeats_at_most_a_batch() {
    let stage = stage().await;
    let entries = (1..=30).map(|n| entry(n, n, &n.to_string())).collect();
    put(&stage, entries).await;
    // The first batch is written down, the next is not.
    let saves = std::sync::atomic::AtomicUsize::new(0);
    stage.fail(move |operation| {
        matches!(operation, tidemark_store::memory::Operation::Transact(_))
            && saves.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 2
    });
    let deadline = stage.service.world.now() + SignedDuration::from_mins(10);
    assert!(stage.service.deliveries().deliver_due(&organisation(), id(), deadline).await.is_err());
    stage.mend();
    assert_eq!(stage.webhooks.take().len(), 30);
    assert_eq!(deliver(&stage).await.delivered, 10);
    let bodies = stage.webhooks.take_bodies();
    assert_eq!(bodies.first().map(String::as_str), Some("21"));
}

#[tokio::test]
async fn who_finds_the_revision_moved_stops() {
    let stage = stage().await;
    put(&stage, (1..=45).map(|n| entry(n, n, &n.to_string())).collect()).await;
    let records = std::sync::Arc::clone(&stage.service.records);
    let mut calls = 0;
    // Another worker writes while the first request is under way. Memory answers at once, so that
    // the future is ready when it is first asked.
    stage.webhooks.meanwhile(Box::new(move |_| {
        calls += 1;
        if calls == 1 {
            let takes_over = async {
                let found = records.delivery(&organisation(), id()).await.unwrap().unwrap();
                let saved: Result<u64, Save> = records
                    .save_delivery(
                        &organisation(),
                        id(),
                        &found.value,
                        Some(found.revision),
                        &[],
                        &[],
                    )
                    .await;
                saved.unwrap();
            };
            let mut takes_over = Box::pin(takes_over);
            let mut context = core::task::Context::from_waker(core::task::Waker::noop());
            assert!(takes_over.as_mut().poll(&mut context).is_ready());
        }
    }));
    let report = deliver(&stage).await;
    assert_eq!(report.end, DeliveryEnd::Superseded);
    // No more than the batch that was under way.
    assert_eq!(stage.webhooks.take().len(), BATCH);
    assert_eq!(state(&stage.service.records).await.cursor, FeedCursor::default());
}

#[tokio::test]
async fn a_cursor_older_than_retention_goes_on_at_the_present() {
    let stage = stage().await;
    put(&stage, vec![entry(1, 1, "old")]).await;
    stage.clock.advance(SignedDuration::from_hours(24 * 31));
    put(&stage, vec![entry(2, 2, "young")]).await;
    let report = deliver(&stage).await;
    assert!(report.skipped_to_present);
    assert_eq!(stage.webhooks.take_bodies(), Vec::<String>::new());
    put(&stage, vec![entry(3, 3, "new")]).await;
    assert!(!deliver(&stage).await.skipped_to_present);
    assert_eq!(stage.webhooks.take_bodies(), ["new"]);
}

#[tokio::test]
async fn without_a_secret_it_is_paused_and_nothing_goes_out_unsigned() {
    let stage = stage().await;
    stage.put_secret("hook", "no secret").await;
    put(&stage, vec![entry(1, 1, "a")]).await;
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Paused);
    assert!(paused(&stage).await.unwrap().contains("signing secret"));
    assert!(stage.webhooks.take().is_empty());
}

#[tokio::test]
async fn no_more_is_taken_up_than_one_transaction_holds() {
    let stage = stage().await;
    for page in 0..8_u128 {
        // All of one item, whose first entry is refused.
        let entries = (1..=20).map(|n| entry(page * 20 + n, 1, "x")).collect();
        put(&stage, entries).await;
    }
    stage.webhooks.script([Reply::Status(400)]);
    assert_eq!(deliver(&stage).await.end, DeliveryEnd::Failing);
    let retries = stage.service.records.retries(&organisation(), id()).await.unwrap();
    assert_eq!(retries.len(), RETRIES_MAX);
    stage.clock.advance(SignedDuration::from_secs(7));
    assert_eq!(deliver(&stage).await.delivered, 160);
}

/// Takes everything at once, but for one host, which never answers.
#[derive(Default)]
struct OneIsSlow(std::sync::Mutex<Vec<String>>);

#[async_trait::async_trait]
impl tidemark_transport::HttpPort for OneIsSlow {
    async fn send(
        &self,
        request: tidemark_transport::HttpRequest,
    ) -> Result<tidemark_transport::HttpResponse, tidemark_transport::TransportError> {
        self.0.lock().unwrap().push(request.url.clone());
        if request.url.contains("slow") {
            core::future::pending::<()>().await;
        }
        Ok(tidemark_transport::HttpResponse {
            status: 204,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
        })
    }
}

#[tokio::test]
async fn a_slow_endpoint_keeps_no_other_one_waiting() {
    let mut stage = stage().await;
    let port = std::sync::Arc::new(OneIsSlow::default());
    stage.service.webhooks = port.clone();
    let records = &stage.service.records;
    // Its id comes before the other's.
    let slow = EndpointRow {
        id: EndpointId::new(Uuid::from_u128(1)),
        system: system(),
        url: "https://slow.example.com/hook".to_owned(),
        secret_name: "hook".to_owned(),
        paused: None,
        created_at: stage.service.world.now(),
    };
    let start = DeliveryState::default();
    records.save_delivery(&organisation(), slow.id, &start, None, &[], &[]).await.unwrap();
    records.save_endpoint(&organisation(), &slow, None).await.unwrap();
    put(&stage, vec![entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 2, "c")]).await;

    let deadline = stage.service.world.now() + SignedDuration::from_mins(10);
    let organisation = organisation();
    let deliveries = stage.service.deliveries();
    let mut woken = Box::pin(deliveries.wake(&organisation, deadline));
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    assert!(woken.as_mut().poll(&mut context).is_pending(), "the slow one is under way");
    let asked = port.0.lock().unwrap().clone();
    let to = |host: &str| asked.iter().filter(|url| url.contains(host)).count();
    assert_eq!((to("slow"), to("erp")), (1, 3), "{asked:?}");
}
