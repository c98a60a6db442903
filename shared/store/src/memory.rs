//! The deterministic memory store: the same traits as on AWS, held to the same conformance suite.
//!
//! It is exact where DynamoDB is exact (conditions, updates, transactions, limits, paging) and
//! stricter where DynamoDB is vague (the index never lags and orders ties by key). Nothing here
//! reads a clock or draws randomness, so a simulation that uses it replays.

mod condition;
mod fault;
mod queue;
mod secrets;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

pub use fault::{Fault, Faults, Operation};
pub use queue::{Clock, Fifo, FifoEntry, MemoryQueue};
pub use secrets::MemorySecrets;
pub use tally::Partition;

use self::tally::{Billed, Tally};
use crate::consumption::{Consumption, Rate, read_halves, write_halves};
use crate::limits;
use crate::table::{
    Condition, DUE_AT, DUE_SHARD, DueEntry, EXPIRES, Item, Key, Order, Page, Span, StoreError,
    TRANSACTION_BYTES_MAX, Table, Value, Write,
};

type Attributes = BTreeMap<String, Value>;

/// Most bytes of a page of a query. Source: DynamoDB developer guide, "Query".
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// The table in memory. Clones are handles to the same table.
///
/// Expired items stay until [`MemoryTable::sweep_expired`], as they may on DynamoDB: whoever reads
/// has to look at [`EXPIRES`].
#[derive(Clone, Default)]
pub struct MemoryTable {
    state: Arc<Mutex<State>>,
    faults: Arc<Mutex<Option<Faults>>>,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct State {
    partitions: BTreeMap<String, BTreeMap<String, Attributes>>,
    due: BTreeMap<String, BTreeSet<(i64, Key)>>,
}

/// What a write does once it is known to be allowed.
enum Effect {
    Keep,
    Store(Key, Attributes),
    Drop(Key),
}

impl MemoryTable {
    /// An empty table.
    pub fn new() -> MemoryTable {
        MemoryTable::default()
    }

    /// An empty table that asks `faults` before every operation.
    pub fn with_faults(faults: Faults) -> MemoryTable {
        let table = MemoryTable::new();
        table.set_faults(Some(faults));
        table
    }

    /// From now on asks `faults` before every operation, or nobody. `faults` must not use the
    /// table itself.
    pub fn set_faults(&self, faults: Option<Faults>) {
        *lock(&self.faults) = faults;
    }

    /// From now on adds up what each partition key consumes, from nothing.
    pub fn tally_partitions(&self) {
        self.tally.begin();
    }

    /// What each partition key consumed since [`MemoryTable::tally_partitions`].
    pub fn partitions(&self) -> BTreeMap<Partition, Consumption> {
        self.tally.partitions()
    }

    /// Drops items whose [`EXPIRES`] (seconds since 1970) lies before `now`, as DynamoDB's time to
    /// live does some day. Returns how many.
    pub fn sweep_expired(&self, now: Timestamp) -> usize {
        let mut state = lock(&self.state);
        let expired: Vec<Key> = state
            .items()
            .filter(|item| match item.attributes.get(EXPIRES) {
                Some(Value::Number(second)) => *second < now.as_second(),
                _ => false,
            })
            .map(|item| item.key)
            .collect();
        let count = expired.len();
        for key in expired {
            state.perform(Effect::Drop(key));
        }
        count
    }

    /// Every item, by rising key: for assertions at the end of a simulation.
    pub fn items(&self) -> Vec<Item> {
        lock(&self.state).items().collect()
    }

    /// Puts the table back to what [`MemoryTable::items`] showed at an earlier moment.
    pub fn restore(&self, items: &[Item]) {
        let mut state = lock(&self.state);
        *state = State::default();
        for item in items {
            state.perform(Effect::Store(item.key.clone(), item.attributes.clone()));
        }
    }

    fn faulted<T>(
        &self,
        operation: &Operation<'_>,
        perform: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let fault = lock(&self.faults).as_mut().and_then(|faults| faults(operation));
        match fault {
            None => perform(&mut lock(&self.state)),
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::After(error)) => perform(&mut lock(&self.state)).and(Err(error)),
        }
    }
}

/// A panic elsewhere cannot leave the state half-changed, since all of a write is computed before
/// any of it is stored; so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        limits::check_key(key)?;
        self.faulted(&Operation::Get(key), |state| {
            let halves = read_halves(state.bytes(key), Rate::Whole);
            self.tally.add_read(Billed::Table(&key.partition), halves);
            Ok(state.item(key))
        })
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        limits::check_together(keys)?;
        self.faulted(&Operation::GetTogether(keys), |state| {
            let distinct: BTreeSet<&Key> = keys.iter().collect();
            for key in distinct {
                let halves = read_halves(state.bytes(key), Rate::Double);
                self.tally.add_read(Billed::Table(&key.partition), halves);
            }
            Ok(keys.iter().map(|key| state.item(key)).collect())
        })
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        limits::check_together(keys)?;
        self.faulted(&Operation::Glance(keys), |state| {
            let distinct: BTreeSet<&Key> = keys.iter().collect();
            for key in distinct {
                let halves = read_halves(state.bytes(key), Rate::Half);
                self.tally.add_read(Billed::Table(&key.partition), halves);
            }
            Ok(keys.iter().map(|key| state.item(key)).collect())
        })
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.faulted(&Operation::Query { partition, span }, |state| {
            let page = state.query(partition, span, after, order, limit);
            let bytes =
                page.items.iter().map(|item| limits::item_bytes(&item.key, &item.attributes));
            let halves = read_halves(bytes.sum(), Rate::Whole);
            self.tally.add_read(Billed::Table(partition), halves);
            Ok(page)
        })
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.faulted(&Operation::Due { shard, until_ms }, |state| {
            let entries = state.due.get(shard).into_iter().flatten();
            let entries: Vec<_> = entries
                .take_while(|(due_at_ms, _)| *due_at_ms <= until_ms)
                .take(limit)
                .map(|(due_at_ms, key)| DueEntry { key: key.clone(), due_at_ms: *due_at_ms })
                .collect();
            let bytes = entries.iter().map(|entry| index_bytes(shard, entry.due_at_ms, &entry.key));
            let halves = read_halves(bytes.sum(), Rate::Half);
            self.tally.add_read(Billed::Index(shard), halves);
            Ok(entries)
        })
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        limits::check_write(&write)?;
        self.faulted(&Operation::Write(&write), |state| {
            let decided = state.decide_all(slice::from_ref(&write));
            state.bill(&self.tally, slice::from_ref(&write), &decided, Rate::Whole);
            let mut after = None;
            for effect in decided? {
                after = effect.item();
                state.perform(effect);
            }
            Ok(after)
        })
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        limits::check_transaction(&writes)?;
        self.faulted(&Operation::Transact(&writes), |state| {
            let decided = state.decide_all(&writes);
            state.bill(&self.tally, &writes, &decided, Rate::Double);
            for effect in decided? {
                state.perform(effect);
            }
            Ok(())
        })
    }

    fn consumed(&self) -> Consumption {
        self.tally.total()
    }
}

impl State {
    fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.partitions.iter().flat_map(|(partition, items)| {
            items.iter().map(move |(sort, attributes)| build_item(partition, sort, attributes))
        })
    }

    fn attributes(&self, key: &Key) -> Option<&Attributes> {
        self.partitions.get(&key.partition)?.get(&key.sort)
    }

    fn item(&self, key: &Key) -> Option<Item> {
        self.attributes(key).map(|attributes| build_item(&key.partition, &key.sort, attributes))
    }

    /// All conditions are looked at before anything changes, and each write sees the state from
    /// before the transaction: no item appears twice, so there is no other state to see.
    fn decide_all(&self, writes: &[Write]) -> Result<Vec<Effect>, StoreError> {
        let effects = writes
            .iter()
            .enumerate()
            .map(|(index, write)| self.decide(index, write))
            .collect::<Result<Vec<_>, _>>()?;
        if effects.iter().map(Effect::bytes).sum::<usize>() > TRANSACTION_BYTES_MAX {
            return Err(limits::TRANSACTION_TOO_LARGE);
        }
        Ok(effects)
    }

    /// Bytes of the item that stands there; none for one that is not there.
    fn bytes(&self, key: &Key) -> usize {
        self.attributes(key).map_or(0, |attributes| limits::item_bytes(key, attributes))
    }

    /// Bills writes before any of them happens: each by the larger of what is there before and after,
    /// and what moves in the index once more, at the rate of a single write. Refused ones are billed as
    /// well. Source: DynamoDB developer guide, "Capacity unit consumption for writes" and "Provisioned
    /// throughput considerations for global secondary indexes".
    fn bill(
        &self,
        tally: &Tally,
        writes: &[Write],
        decided: &Result<Vec<Effect>, StoreError>,
        rate: Rate,
    ) {
        let Ok(effects) = decided else {
            for key in writes.iter().map(limits::write_key) {
                let halves = write_halves(self.bytes(key), rate);
                tally.add_write(Billed::Table(&key.partition), halves);
            }
            return;
        };
        for (write, effect) in writes.iter().zip(effects) {
            let key = limits::write_key(write);
            let halves = write_halves(self.bytes(key).max(effect.bytes()), rate);
            tally.add_write(Billed::Table(&key.partition), halves);
            let before = self.attributes(key).and_then(due);
            let after = match effect {
                Effect::Store(_, attributes) => due(attributes),
                Effect::Drop(_) => None,
                Effect::Keep => before,
            };
            let is_moved = before != after;
            for (shard, due_at_ms) in [before, after].into_iter().flatten().filter(|_| is_moved) {
                let halves = write_halves(index_bytes(shard, due_at_ms, key), Rate::Whole);
                tally.add_write(Billed::Index(shard), halves);
            }
        }
    }

    fn decide(&self, index: usize, write: &Write) -> Result<Effect, StoreError> {
        let key = limits::write_key(write);
        let existing = self.attributes(key);
        let require = |condition: Option<&Condition>| match condition {
            Some(condition) if !condition::holds(condition, existing) => {
                Err(StoreError::ConditionFailed { index, existing: self.item(key).map(Box::new) })
            }
            _ => Ok(()),
        };
        match write {
            Write::Put { item, condition } => {
                require(condition.as_ref())?;
                Ok(Effect::Store(item.key.clone(), item.attributes.clone()))
            }
            Write::Update { actions, condition, .. } => {
                require(condition.as_ref())?;
                let mut attributes = existing.cloned().unwrap_or_default();
                condition::apply_actions(actions, &mut attributes)?;
                limits::check_size(key, &attributes)?;
                Ok(Effect::Store(key.clone(), attributes))
            }
            Write::Delete { condition, .. } => {
                require(condition.as_ref())?;
                Ok(Effect::Drop(key.clone()))
            }
            Write::Check { condition, .. } => {
                require(Some(condition))?;
                Ok(Effect::Keep)
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Keep => {}
            Effect::Drop(key) => self.remove(&key),
            Effect::Store(key, attributes) => {
                self.remove(&key);
                if let Some((shard, due_at_ms)) = due(&attributes) {
                    let entries = self.due.entry(shard.to_owned()).or_default();
                    entries.insert((due_at_ms, key.clone()));
                }
                let items = self.partitions.entry(key.partition).or_default();
                items.insert(key.sort, attributes);
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        let Some(items) = self.partitions.get_mut(&key.partition) else {
            return;
        };
        let removed = items.remove(&key.sort);
        if items.is_empty() {
            self.partitions.remove(&key.partition);
        }
        let Some((shard, due_at_ms)) = removed.as_ref().and_then(due) else {
            return;
        };
        if let Some(entries) = self.due.get_mut(shard) {
            entries.remove(&(due_at_ms, key.clone()));
            if entries.is_empty() {
                self.due.remove(shard);
            }
        }
    }

    /// Like DynamoDB, a page that is full names where to go on even if nothing is left there.
    fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Page {
        let selected = self.partitions.get(partition).into_iter();
        let selected = selected.flat_map(|items| select(items, span));
        let mut selected: Vec<_> = selected
            .filter(|(sort, _)| match (after, order) {
                (None, _) => true,
                (Some(after), Order::Ascending) => sort.as_str() > after,
                (Some(after), Order::Descending) => sort.as_str() < after,
            })
            .collect();
        if order == Order::Descending {
            selected.reverse();
        }
        let mut page = Page { items: Vec::new(), next: None };
        let mut bytes = 0;
        for (sort, attributes) in selected {
            let item = build_item(partition, sort, attributes);
            bytes += limits::item_bytes(&item.key, attributes);
            page.items.push(item);
            if page.items.len() >= limit.max(1) || bytes >= PAGE_BYTES_MAX {
                page.next = Some(sort.clone());
                break;
            }
        }
        page
    }
}

impl Effect {
    fn item(&self) -> Option<Item> {
        match self {
            Effect::Keep | Effect::Drop(_) => None,
            Effect::Store(key, attributes) => {
                Some(build_item(&key.partition, &key.sort, attributes))
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Effect::Keep | Effect::Drop(_) => 0,
            Effect::Store(key, attributes) => limits::item_bytes(key, attributes),
        }
    }
}

fn select<'a>(
    items: &'a BTreeMap<String, Attributes>,
    span: &'a Span,
) -> impl Iterator<Item = (&'a String, &'a Attributes)> {
    let first = match span {
        Span::Prefix(prefix) => prefix,
        Span::Between(first, _) => first,
    };
    items.range::<str, _>((Bound::Included(first.as_str()), Bound::Unbounded)).take_while(
        move |(sort, _)| match span {
            Span::Prefix(prefix) => sort.starts_with(prefix),
            Span::Between(_, last) => *sort <= last,
        },
    )
}

/// Bytes of an entry of the index, which projects keys only.
fn index_bytes(shard: &str, due_at_ms: i64, key: &Key) -> usize {
    let attributes = BTreeMap::from([
        (DUE_SHARD.to_owned(), Value::Text(shard.to_owned())),
        (DUE_AT.to_owned(), Value::Number(due_at_ms)),
    ]);
    limits::item_bytes(key, &attributes)
}

fn due(attributes: &Attributes) -> Option<(&str, i64)> {
    match (attributes.get(DUE_SHARD)?, attributes.get(DUE_AT)?) {
        (Value::Text(shard), Value::Number(due_at_ms)) => Some((shard, *due_at_ms)),
        _ => None,
    }
}

fn build_item(partition: &str, sort: &str, attributes: &Attributes) -> Item {
    Item {
        key: Key { partition: partition.to_owned(), sort: sort.to_owned() },
        attributes: attributes.clone(),
    }
}
