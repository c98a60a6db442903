//! The queue in the table.

use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use tidemark_store::conformance::queue::{CASES, ManualClock, VISIBILITY, WorkQueue, run};
use tidemark_store::memory::{Fault, MemoryTable};
use tidemark_store::{Message, Queue, Received, StoreError};

use super::Directory;
use crate::store::open_memory;
use crate::{EmbeddedStore, LocalQueue};

#[async_trait]
impl WorkQueue for LocalQueue {
    async fn receive(&self, now: Timestamp, max: usize) -> Result<Vec<Received>, StoreError> {
        LocalQueue::receive(self, now, max).await
    }

    async fn finish(&self, receipt: &str) -> Result<bool, StoreError> {
        LocalQueue::finish(self, receipt).await
    }

    async fn hide_until(&self, receipt: &str, at: Timestamp) -> Result<bool, StoreError> {
        LocalQueue::hide_until(self, receipt, at).await
    }
}

fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.to_owned(),
        deduplication_id: id.to_owned(),
        body: format!("{group} {id}"),
    }
}

#[tokio::test]
async fn the_queue_conforms() {
    for case in CASES {
        let table = Arc::new(open_memory().await.unwrap());
        let clock = ManualClock::default();
        let queue = LocalQueue::load(table, clock.as_clock(), VISIBILITY);
        let queue = queue.await.unwrap();
        if let Err(failure) = run(&queue, &clock, case).await {
            panic!("{}: {failure}", case.name);
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_messages_their_order_deliveries_and_ids() {
    let directory = Directory::new("queue-restart");
    let clock = ManualClock::default();
    clock.advance(1_000_000);
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let queue = store.queue(clock.as_clock(), VISIBILITY).await.unwrap();
    for id in ["1", "2"] {
        queue.send(message("g", id)).await.unwrap();
    }
    assert_eq!(queue.receive(clock.now(), 1).await.unwrap().len(), 1);
    drop((queue, store));

    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let queue = store.queue(clock.as_clock(), VISIBILITY).await.unwrap();
    queue.send(message("g", "1")).await.unwrap();
    assert_eq!(queue.len().await, 2);
    assert!(queue.receive(clock.now(), 9).await.unwrap().is_empty());
    queue.make_all_visible().await.unwrap();
    let again = queue.receive(clock.now(), 9).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].body, "g 1");
    assert_eq!(again[0].deliveries, 2);
    assert!(queue.finish(&again[0].receipt).await.unwrap());
    queue.send(message("g", "3")).await.unwrap();
    let next = queue.receive(clock.now(), 9).await.unwrap();
    assert_eq!(next[0].body, "g 2");
}

#[tokio::test]
async fn a_send_wakes_whoever_waits() {
    let clock = ManualClock::default();
    let table = Arc::new(MemoryTable::new());
    let queue = LocalQueue::load(table, clock.as_clock(), VISIBILITY);
    let queue = queue.await.unwrap();
    let send = queue.send(message("g", "1"));
    let ((), sent) = tokio::join!(queue.changed(), send);
    sent.unwrap();
    assert_eq!(queue.next_visible_at().await, None);
    queue.receive(clock.now(), 1).await.unwrap();
    assert_eq!(queue.next_visible_at().await, Some(clock.now() + VISIBILITY));
}

#[tokio::test]
async fn a_send_with_an_unclear_answer_can_be_repeated_and_is_lost_in_neither_case() {
    type Unclear = fn(StoreError) -> Fault;
    let ways: [(Unclear, usize); 2] = [(Fault::Before, 1), (Fault::After, 2)];
    for (unclear, after_restart) in ways {
        let clock = ManualClock::default();
        let table = MemoryTable::new();
        let shared = Arc::new(table.clone());
        let queue = LocalQueue::load(shared.clone(), clock.as_clock(), VISIBILITY);
        let queue = queue.await.unwrap();
        let lost = StoreError::Unavailable("lost".to_owned());
        table.set_faults(Some(Box::new(move |_| Some(unclear(lost.clone())))));
        assert!(queue.send(message("g", "1")).await.is_err());
        table.set_faults(None);
        queue.send(message("g", "1")).await.unwrap();
        assert_eq!(queue.len().await, 1);
        let queue = LocalQueue::load(shared, clock.as_clock(), VISIBILITY);
        assert_eq!(queue.await.unwrap().len().await, after_restart);
    }
}
