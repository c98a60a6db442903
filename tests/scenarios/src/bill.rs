//! What a fleet of mailboxes costs on AWS: a stage whose work is done by functions that are billed.
//!
//! The functions' durations are reckoned, not taken: 300 ms for a request to Graph, 100 ms for one to
//! EWS, and what a request to DynamoDB takes within a region. Everything else is counted by the
//! product's own meter: the table's units by DynamoDB's rules, the queue's requests, the invocations.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use tidemark_service::SyncTask;
use tidemark_service::cost::Usage;
use tidemark_transport::Clock as _;

use crate::callbacks;
use crate::exchange::Wire;
use crate::ports::{EffectKind, Spent};
use crate::stage::Stage;

/// Megabytes of the function that syncs, and of the others; as the template has them.
const SYNC_MB: u64 = 256;
const OTHERS_MB: u64 = 256;
/// Milliseconds of a request to DynamoDB.
const TABLE_MS: u64 = 5;
/// Milliseconds that an invocation takes beside its requests.
const OVERHEAD_MS: u64 = 2;

/// A stage, and what its functions cost apart from the mailboxes' own meters.
pub struct Bill {
    /// The world.
    pub stage: Stage,
    exchange_ms: u64,
}

impl Bill {
    /// Bills a stage whose mailboxes are reached over `wire`.
    pub fn of(stage: Stage, wire: Wire) -> Self {
        let exchange_ms = match wire {
            Wire::Ews => 100,
            Wire::Graph => 300,
        };
        Self { stage, exchange_ms }
    }

    /// Lets minutes pass. `act` is what people and the business system do at the beginning of each.
    ///
    /// # Panics
    /// When the store fails, or the queue does not become empty.
    pub fn pass(&mut self, minutes: u32, mut act: impl FnMut(&mut Stage, u32)) {
        for minute in 0..minutes {
            let next = self.stage.clock.now() + SignedDuration::from_mins(1);
            self.stage.clock.advance_to(next);
            act(&mut self.stage, minute);
            self.notify();
            self.work();
            let service = self.stage.service.clone();
            self.stage.effects.plan(None);
            self.stage.run(async move { service.minute().await });
            self.invoked(OTHERS_MB, 0);
            self.notify();
            self.work();
        }
    }

    /// What all mailboxes' meters show together, by what is not zero.
    ///
    /// # Panics
    /// When the store fails.
    pub fn total(&mut self, people: &[String]) -> Usage {
        let mut total = Usage::default();
        for person in people {
            let (service, scope) = (self.stage.service.clone(), self.stage.scope(person));
            let usage = self.stage.run(async move { service.records.usage(&scope).await });
            total = total.plus(usage.expect("the store answers"));
        }
        total
    }

    /// Prints what was asked of the table since it was itemised, the dearest first: halves of units,
    /// for each of so many changes.
    pub fn show_items(&self, changes: u64) {
        let mut items: Vec<_> = self.stage.effects.items().into_iter().collect();
        // A unit written costs five times one that is read.
        let weight = |spent: &Spent| spent.consumed.read_halves + 5 * spent.consumed.write_halves;
        items.sort_by_key(|(_, spent)| core::cmp::Reverse(weight(spent)));
        for (what, spent) in items {
            let Spent { requests, consumed } = spent;
            println!(
                "{requests:>8} requests {:>8} read {:>8} written, of {changes} changes: {what}",
                consumed.read_halves, consumed.write_halves
            );
        }
    }

    fn notify(&mut self) {
        for callback in self.stage.simulator.due_callbacks(self.stage.clock.now()) {
            let (service, id) = (self.stage.service.clone(), callback.id);
            self.stage.effects.plan(None);
            let (status, body) =
                self.stage.run(async move { callbacks::take(&service, &callback).await });
            self.invoked(OTHERS_MB, 0);
            self.stage.simulator.callback_answered(id, status, &body);
        }
    }

    fn work(&mut self) {
        let mut runs: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let now = self.stage.clock.now();
            let Some(message) = self.stage.queue.receive(now, 1).into_iter().next() else {
                return;
            };
            let count = runs.entry(message.body.clone()).or_default();
            *count += 1;
            assert!(*count < 50, "a mailbox does not come to rest");
            let scope = SyncTask::read(&message.body).expect("a message of ours");
            let service = self.stage.service.clone();
            let deadline = now + SignedDuration::from_secs(60);
            self.stage.effects.plan(None);
            let ended = self.stage.run(async move { service.sync(&scope, deadline).await });
            // Received and deleted.
            self.invoked(SYNC_MB, 2);
            ended.expect("the store answers");
            self.stage.queue.finish(&message.receipt);
        }
    }

    /// Bills an invocation by what it did since the effects were counted anew.
    fn invoked(&mut self, megabytes: u64, queue_requests: u64) {
        let duration = self.stage.effects.seen().iter().fold(OVERHEAD_MS, |sum, kind| {
            sum + match kind {
                EffectKind::Http => self.exchange_ms,
                EffectKind::TableRead | EffectKind::TableWrite => TABLE_MS,
            }
        });
        self.stage.service.records.meter(Usage {
            invocations: 1,
            queue_requests,
            compute_mb_ms: megabytes * duration,
            ..Usage::default()
        });
    }
}
