//! The work queue in the table.
//!
//! All messages are held in memory too, since one process has the table to itself: taking one needs
//! no query. A change is written to the table first and happens in memory after that, so what
//! memory says was stored is stored. What was written under an unclear answer comes up at the next
//! start at the latest; the receiver has to bear a message twice in any case.
//!
//! Rows, all in partition `queue`: `message#{sequence}` holds a message (`group`, `body`,
//! `deliveries`, `hidden_until` in milliseconds since 1970 while it is in flight);
//! `seen#{deduplication id}` holds when an id was seen first (`at`, milliseconds since 1970).

mod row;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tidemark_store::memory::{Clock, Fifo, FifoEntry};
use tidemark_store::{
    Condition, Item, Message, Order, Queue, Received, Span, StoreError, Table, UpdateAction, Value,
    Write,
};
use tokio::sync::{Mutex, Notify};

const PAGE_ITEMS_MAX: usize = 1000;

/// The work queue in the table. Clones are handles to the same queue.
#[derive(Clone)]
pub struct LocalQueue {
    shared: Arc<Shared>,
}

struct Shared {
    table: Arc<dyn Table>,
    clock: Clock,
    fifo: Mutex<Fifo>,
    changed: Notify,
}

impl LocalQueue {
    /// The queue as it stands in the table. There must be one only. A message that was taken and
    /// not finished is visible again after `visibility`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(
        table: Arc<dyn Table>,
        clock: Clock,
        visibility: SignedDuration,
    ) -> Result<LocalQueue, StoreError> {
        let mut fifo = Fifo::new(visibility);
        for item in read_rows(&*table, row::MESSAGE).await? {
            fifo.insert(row::read_message(&item)?);
        }
        for item in read_rows(&*table, row::SEEN).await? {
            let (id, at) = row::read_seen(&item)?;
            fifo.restore_seen(id, at);
        }
        Ok(LocalQueue {
            shared: Arc::new(Shared {
                table,
                clock,
                fifo: Mutex::new(fifo),
                changed: Notify::new(),
            }),
        })
    }

    /// Takes up to `max` messages, the oldest first, at most one of a group.
    ///
    /// # Errors
    /// [`StoreError`]; what was taken until then becomes visible again in time.
    pub async fn receive(&self, now: Timestamp, max: usize) -> Result<Vec<Received>, StoreError> {
        let mut fifo = self.shared.fifo.lock().await;
        let mut received = Vec::new();
        for sequence in fifo.visible(now, max) {
            let Some(taken) = fifo.taken(sequence, now) else {
                continue;
            };
            self.update(&taken).await?;
            received.extend(fifo.take(sequence, now).map(FifoEntry::received));
        }
        Ok(received)
    }

    /// Finishes a message: it is gone. False if it had become visible again and was taken anew or
    /// finished, so that this receipt no longer counts.
    ///
    /// # Errors
    /// [`StoreError`]; then the message may come again.
    pub async fn finish(&self, receipt: &str) -> Result<bool, StoreError> {
        let mut fifo = self.shared.fifo.lock().await;
        let Some(sequence) = fifo.find(receipt) else {
            return Ok(false);
        };
        let delete = Write::Delete { key: row::message_key(sequence), condition: None };
        self.shared.table.write(delete).await?;
        fifo.remove(sequence);
        // The next message of its group can be taken now.
        self.shared.changed.notify_one();
        Ok(true)
    }

    /// Lets a message that was taken be taken again from `at` on, whenever its visibility would have
    /// ended: later messages of its group wait behind it until then. False as with
    /// [`LocalQueue::finish`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hide_until(&self, receipt: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut fifo = self.shared.fifo.lock().await;
        let Some(sequence) = fifo.find(receipt) else {
            return Ok(false);
        };
        self.hide(&mut fifo, sequence, Some(at)).await?;
        Ok(true)
    }

    /// Lets every message be taken at once: for the start, when whoever had taken one is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn make_all_visible(&self) -> Result<(), StoreError> {
        let mut fifo = self.shared.fifo.lock().await;
        for sequence in fifo.in_flight() {
            self.hide(&mut fifo, sequence, None).await?;
        }
        Ok(())
    }

    /// Ends when there may be something to take since the last call of this: a message was sent,
    /// finished or hidden for another time. For one waiter. Visibility that runs out does not end it: see
    /// [`LocalQueue::next_visible_at`].
    pub async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// When the next message in flight becomes visible by itself; none when none is in flight.
    pub async fn next_visible_at(&self) -> Option<Timestamp> {
        self.shared.fifo.lock().await.next_visible_at()
    }

    /// How many messages there are, those in flight included.
    pub async fn len(&self) -> usize {
        self.shared.fifo.lock().await.len()
    }

    /// Whether there is no message at all.
    pub async fn is_empty(&self) -> bool {
        self.len().await == 0
    }

    async fn hide(
        &self,
        fifo: &mut Fifo,
        sequence: u64,
        until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let name = row::HIDDEN_UNTIL.to_owned();
        let action = match until {
            Some(at) => UpdateAction::Set(name, Value::Number(at.as_millisecond())),
            None => UpdateAction::Remove(name),
        };
        let update = Write::Update {
            key: row::message_key(sequence),
            actions: vec![action],
            condition: Some(Condition::Exists),
        };
        self.shared.table.write(update).await?;
        fifo.hide(sequence, until);
        self.shared.changed.notify_one();
        Ok(())
    }

    async fn update(&self, taken: &FifoEntry) -> Result<(), StoreError> {
        let mut actions = vec![UpdateAction::Set(
            row::DELIVERIES.to_owned(),
            Value::Number(i64::from(taken.deliveries)),
        )];
        actions.extend(taken.hidden_until.map(|until| {
            UpdateAction::Set(row::HIDDEN_UNTIL.to_owned(), Value::Number(until.as_millisecond()))
        }));
        let update = Write::Update {
            key: row::message_key(taken.sequence),
            actions,
            condition: Some(Condition::Exists),
        };
        self.shared.table.write(update).await?;
        Ok(())
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let now = (self.shared.clock)();
        let mut fifo = self.shared.fifo.lock().await;
        fifo.check(&message)?;
        if fifo.was_seen(&message.deduplication_id, now) {
            return Ok(());
        }
        let id = message.deduplication_id.clone();
        let entry = FifoEntry::new(fifo.allocate(), message);
        let writes = vec![
            Write::Put { item: row::build_message(&entry), condition: Some(Condition::Absent) },
            Write::Put { item: row::build_seen(&id, now), condition: None },
        ];
        self.shared.table.transact(writes).await?;
        fifo.remember(&id, now);
        fifo.insert(entry);
        self.shared.changed.notify_one();
        Ok(())
    }
}

async fn read_rows(table: &dyn Table, prefix: &str) -> Result<Vec<Item>, StoreError> {
    let span = Span::Prefix(prefix.to_owned());
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = table
            .query(row::PARTITION, &span, after.as_deref(), Order::Ascending, PAGE_ITEMS_MAX)
            .await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(items);
        }
    }
}
