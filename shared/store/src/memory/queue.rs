//! The first-in-first-out rules, and a queue in memory that obeys them.

mod fifo;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

pub use fifo::{Fifo, FifoEntry};

use super::lock;
use crate::queue::{Message, Queue, Received};
use crate::table::StoreError;

/// Where a queue gets the time from: sending carries none.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The work queue in memory. Clones are handles to the same queue.
#[derive(Clone)]
pub struct MemoryQueue {
    fifo: Arc<Mutex<Fifo>>,
    clock: Clock,
}

impl MemoryQueue {
    /// An empty queue. A message that was taken and not finished is visible again after
    /// `visibility`.
    pub fn new(clock: Clock, visibility: SignedDuration) -> MemoryQueue {
        MemoryQueue { fifo: Arc::new(Mutex::new(Fifo::new(visibility))), clock }
    }

    /// Takes up to `max` messages, the oldest first, at most one of a group.
    pub fn receive(&self, now: Timestamp, max: usize) -> Vec<Received> {
        let mut fifo = lock(&self.fifo);
        let sequences = fifo.visible(now, max);
        sequences
            .into_iter()
            .filter_map(|sequence| fifo.take(sequence, now))
            .map(FifoEntry::received)
            .collect()
    }

    /// Finishes a message: it is gone. False if it had become visible again and was taken anew or
    /// finished, so that this receipt no longer counts.
    pub fn finish(&self, receipt: &str) -> bool {
        let mut fifo = lock(&self.fifo);
        match fifo.find(receipt) {
            Some(sequence) => fifo.remove(sequence),
            None => false,
        }
    }

    /// Lets a message that was taken be taken again from `at` on. False as with
    /// [`MemoryQueue::finish`].
    pub fn hide_until(&self, receipt: &str, at: Timestamp) -> bool {
        let mut fifo = lock(&self.fifo);
        match fifo.find(receipt) {
            Some(sequence) => fifo.hide(sequence, Some(at)),
            None => false,
        }
    }

    /// How many messages there are, those in flight included.
    pub fn len(&self) -> usize {
        lock(&self.fifo).len()
    }

    /// Whether there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let now = (self.clock)();
        let mut fifo = lock(&self.fifo);
        fifo.check(&message)?;
        if fifo.remember(&message.deduplication_id, now) {
            let sequence = fifo.allocate();
            fifo.insert(FifoEntry::new(sequence, message));
        }
        Ok(())
    }
}
