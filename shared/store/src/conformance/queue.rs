//! What every work queue has to do that can be received from here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{Outcome, ensure};
use crate::memory::{Clock, MemoryQueue};
use crate::queue::{Message, Queue, Received};
use crate::table::StoreError;

/// The visibility time-out that the cases reckon with.
pub const VISIBILITY: SignedDuration = SignedDuration::from_secs(120);

/// A queue that can be received from.
#[async_trait]
pub trait WorkQueue: Queue {
    /// Takes up to `max` messages.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn receive(&self, now: Timestamp, max: usize) -> Result<Vec<Received>, StoreError>;

    /// Finishes a message.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn finish(&self, receipt: &str) -> Result<bool, StoreError>;

    /// Lets a message be taken again from `at` on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn hide_until(&self, receipt: &str, at: Timestamp) -> Result<bool, StoreError>;
}

#[async_trait]
impl WorkQueue for MemoryQueue {
    async fn receive(&self, now: Timestamp, max: usize) -> Result<Vec<Received>, StoreError> {
        Ok(MemoryQueue::receive(self, now, max))
    }

    async fn finish(&self, receipt: &str) -> Result<bool, StoreError> {
        Ok(MemoryQueue::finish(self, receipt))
    }

    async fn hide_until(&self, receipt: &str, at: Timestamp) -> Result<bool, StoreError> {
        Ok(MemoryQueue::hide_until(self, receipt, at))
    }
}

/// A clock that stands until it is moved.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    second: Arc<AtomicI64>,
}

impl ManualClock {
    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.second.load(Ordering::SeqCst)).unwrap_or_default()
    }

    /// Moves it on.
    pub fn advance(&self, seconds: i64) {
        self.second.fetch_add(seconds, Ordering::SeqCst);
    }

    /// It, as queues take it.
    pub fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A behaviour that is named and can be checked.
#[derive(Clone, Copy)]
pub struct Case {
    /// Says the behaviour.
    pub name: &'static str,
    run: for<'a> fn(&'a dyn WorkQueue, &'a ManualClock) -> Running<'a>,
}

/// Checks one behaviour on an empty queue that has this clock and [`VISIBILITY`].
///
/// # Errors
/// [`Failure`](super::Failure).
pub async fn run(queue: &dyn WorkQueue, clock: &ManualClock, case: &Case) -> Outcome {
    (case.run)(queue, clock).await
}

macro_rules! cases {
    ($($name:ident,)*) => {
        /// All cases.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            run: |queue, clock| Box::pin($name(queue, clock)),
        }),*];
    };
}

cases! {
    an_empty_queue_gives_nothing,
    a_group_is_first_in_first_out_and_one_in_flight,
    groups_do_not_wait_for_each_other,
    a_message_not_finished_in_time_comes_again_first,
    a_late_receipt_counts_for_nothing,
    a_hidden_message_comes_when_its_time_is_up,
    an_id_counts_for_five_minutes,
    an_id_counts_after_its_message_is_finished,
    what_sqs_refuses_is_refused,
}

fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.to_owned(),
        deduplication_id: id.to_owned(),
        body: format!("{group} {id}"),
    }
}

async fn bodies(
    queue: &dyn WorkQueue,
    clock: &ManualClock,
    max: usize,
) -> Result<Vec<String>, StoreError> {
    let received = queue.receive(clock.now(), max).await?;
    Ok(received.into_iter().map(|message| message.body).collect())
}

async fn take(queue: &dyn WorkQueue, clock: &ManualClock) -> Result<Received, StoreError> {
    let received = queue.receive(clock.now(), 1).await?;
    let first = received.into_iter().next();
    first.ok_or(StoreError::Corrupt("no message where one is due"))
}

async fn an_empty_queue_gives_nothing(queue: &dyn WorkQueue, clock: &ManualClock) -> Outcome {
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    ensure!(!queue.finish("1:1").await?);
    ensure!(!queue.finish("nonsense").await?);
    Ok(())
}

async fn a_group_is_first_in_first_out_and_one_in_flight(
    queue: &dyn WorkQueue,
    clock: &ManualClock,
) -> Outcome {
    for id in ["2", "1", "3"] {
        queue.send(message("g", id)).await?;
    }
    for body in ["g 2", "g 1", "g 3"] {
        let taken = take(queue, clock).await?;
        ensure!(taken.body == body && taken.group == "g" && taken.deliveries == 1);
        ensure!(queue.receive(clock.now(), 10).await?.is_empty());
        ensure!(queue.finish(&taken.receipt).await?);
    }
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    Ok(())
}

async fn groups_do_not_wait_for_each_other(queue: &dyn WorkQueue, clock: &ManualClock) -> Outcome {
    for (group, id) in [("g", "1"), ("g", "2"), ("h", "3"), ("i", "4")] {
        queue.send(message(group, id)).await?;
    }
    ensure!(bodies(queue, clock, 2).await? == ["g 1", "h 3"]);
    ensure!(bodies(queue, clock, 10).await? == ["i 4"]);
    Ok(())
}

async fn a_message_not_finished_in_time_comes_again_first(
    queue: &dyn WorkQueue,
    clock: &ManualClock,
) -> Outcome {
    queue.send(message("g", "1")).await?;
    queue.send(message("g", "2")).await?;
    take(queue, clock).await?;
    clock.advance(119);
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    clock.advance(1);
    let again = take(queue, clock).await?;
    ensure!(again.body == "g 1" && again.deliveries == 2);
    Ok(())
}

async fn a_late_receipt_counts_for_nothing(queue: &dyn WorkQueue, clock: &ManualClock) -> Outcome {
    queue.send(message("g", "1")).await?;
    let late = take(queue, clock).await?;
    clock.advance(120);
    let current = take(queue, clock).await?;
    ensure!(!queue.finish(&late.receipt).await?);
    ensure!(!queue.hide_until(&late.receipt, clock.now()).await?);
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    ensure!(queue.finish(&current.receipt).await?);
    ensure!(!queue.finish(&current.receipt).await?);
    Ok(())
}

async fn a_hidden_message_comes_when_its_time_is_up(
    queue: &dyn WorkQueue,
    clock: &ManualClock,
) -> Outcome {
    queue.send(message("g", "1")).await?;
    queue.send(message("g", "2")).await?;
    let taken = take(queue, clock).await?;
    let at = clock.now().saturating_add(SignedDuration::from_secs(150)).unwrap_or_default();
    ensure!(queue.hide_until(&taken.receipt, at).await?);
    clock.advance(149);
    // Later than its visibility would have ended, and nothing of its group passes it.
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    clock.advance(1);
    let again = take(queue, clock).await?;
    ensure!(again.body == "g 1" && again.deliveries == 2);
    ensure!(queue.hide_until(&again.receipt, clock.now()).await?);
    let at_once = take(queue, clock).await?;
    ensure!(at_once.body == "g 1" && at_once.deliveries == 3);
    Ok(())
}

async fn an_id_counts_for_five_minutes(queue: &dyn WorkQueue, clock: &ManualClock) -> Outcome {
    queue.send(message("g", "1")).await?;
    clock.advance(299);
    queue.send(message("h", "1")).await?;
    ensure!(bodies(queue, clock, 10).await? == ["g 1"]);
    // From the first sight on: the message that was dropped does not prolong it.
    clock.advance(1);
    queue.send(message("h", "1")).await?;
    ensure!(bodies(queue, clock, 10).await? == ["h 1"]);
    Ok(())
}

async fn an_id_counts_after_its_message_is_finished(
    queue: &dyn WorkQueue,
    clock: &ManualClock,
) -> Outcome {
    queue.send(message("g", "1")).await?;
    let taken = take(queue, clock).await?;
    ensure!(queue.finish(&taken.receipt).await?);
    queue.send(message("g", "1")).await?;
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    Ok(())
}

async fn what_sqs_refuses_is_refused(queue: &dyn WorkQueue, clock: &ManualClock) -> Outcome {
    let long = "x".repeat(129);
    for (group, id) in [("", "1"), ("g", ""), ("g h", "1"), ("g", "ü"), (&long, "1")] {
        ensure!(queue.send(message(group, id)).await.is_err());
    }
    let empty = Message { body: String::new(), ..message("g", "1") };
    ensure!(queue.send(empty).await.is_err());
    ensure!(queue.receive(clock.now(), 10).await?.is_empty());
    Ok(())
}
