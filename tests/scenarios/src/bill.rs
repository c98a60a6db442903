//! What a fleet of mailboxes costs on AWS: a stage whose work is done by functions that are billed.
//!
//! The functions' durations are reckoned, not taken: 300 ms for a request to Graph, 100 ms for one to
//! EWS, and what a request to DynamoDB takes within a region. Everything else is counted by the
//! product's own meter: the table's units by DynamoDB's rules, the queue's requests, the invocations.
//! The business system is a customer of the API like any other: what it writes and each time that it
//! pulls the feed is a call of the api function.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;
use tidemark_model::OrganisationId;
use tidemark_service::SyncTask;
use tidemark_service::border::Border as _;
use tidemark_service::cost::Usage;
use tidemark_store::records::{ApiKeyId, ApiKeyRow, Role};
use tidemark_transport::Clock as _;
use uuid::Uuid;

use crate::callbacks;
use crate::exchange::Wire;
use crate::ports::{EffectKind, Spent};
use crate::stage::Stage;

/// Megabytes of the function that syncs, and of the others; as the template has them.
const SYNC_MB: u64 = 256;
const API_MB: u64 = 512;
const OTHERS_MB: u64 = 256;
/// Milliseconds of a request to DynamoDB.
const TABLE_MS: u64 = 5;
/// The business system's key.
const KEY: &str = "the-key-that-the-business-system-is-billed-by";
/// Milliseconds that an invocation takes beside its requests.
const OVERHEAD_MS: u64 = 2;

/// A stage, and what its functions cost apart from the mailboxes' own meters.
pub struct Bill {
    /// The world.
    pub stage: Stage,
    exchange_ms: u64,
    /// Where the business system of each organisation goes on pulling.
    pulled: BTreeMap<OrganisationId, String>,
}

impl Bill {
    /// Bills a stage whose mailboxes are reached over `wire`.
    pub fn of(stage: Stage, wire: Wire) -> Self {
        let exchange_ms = match wire {
            Wire::Ews => 100,
            Wire::Graph => 300,
        };
        let mut bill = Self { stage, exchange_ms, pulled: BTreeMap::new() };
        bill.give_key();
        bill
    }

    /// The business system's key, which every call looks up.
    fn give_key(&mut self) {
        let row = ApiKeyRow {
            id: ApiKeyId::new(Uuid::from_u128(1)),
            organisation: self.stage.organisation.clone(),
            label: "bill".to_owned(),
            roles: vec![Role::Integrator],
            system: Some(self.stage.system.clone()),
            created_at: self.stage.clock.now(),
            expires_at: None,
        };
        let records = Arc::clone(&self.stage.service.records);
        let saved = self.stage.run(async move { records.save_api_key(KEY, &row).await });
        saved.expect("the store answers");
    }

    /// Lets minutes pass. `act` is what people and the business system do at the beginning of each.
    ///
    /// # Panics
    /// When the store fails, or the queue does not become empty.
    pub fn pass(&mut self, minutes: u32, mut act: impl FnMut(&mut Self, u32)) {
        for minute in 0..minutes {
            let next = self.stage.clock.now() + SignedDuration::from_mins(1);
            self.stage.clock.advance_to(next);
            act(self, minute);
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

    /// The business system puts an item.
    ///
    /// # Panics
    /// When the API refuses it.
    pub fn put(&mut self, person: &str, id: &str, item: Value) {
        self.stage.effects.plan(None);
        self.sign_in();
        self.stage.put(person, id, item);
        self.invoked(API_MB, 0);
    }

    /// It asks the feed of the stage's organisation what is new.
    ///
    /// # Panics
    /// When the feed cannot be read.
    pub fn pull(&mut self) {
        self.stage.effects.plan(None);
        self.sign_in();
        let organisation = self.stage.organisation.clone();
        let after = self.pulled.get(&organisation).map(String::as_str);
        let (_, cursor) = self.stage.changes(after).expect("the feed can be read");
        self.pulled.insert(organisation, cursor);
        self.invoked(API_MB, 0);
    }

    fn sign_in(&mut self) {
        let service = self.stage.service.clone();
        let caller = self.stage.run(async move { service.authenticate(KEY).await });
        assert_eq!(caller.map(|caller| caller.system), Ok(Some(self.stage.system.clone())));
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
