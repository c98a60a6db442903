//! What the table in memory consumes, in all and by partition key.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock;
use crate::consumption::{Consumed, Consumption};

/// A partition key: what DynamoDB keeps in one place as long as it can, at most 1,000 write and 3,000
/// read units a second. Source: DynamoDB developer guide, "Best practices for designing and using
/// partition keys effectively".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partition {
    /// Of the table.
    Table(String),
    /// Of its sparse index: the shard.
    Index(String),
}

/// Whose consumption it is.
#[derive(Clone, Copy)]
pub(super) enum Billed<'a> {
    Table(&'a str),
    Index(&'a str),
}

impl From<Billed<'_>> for Partition {
    fn from(billed: Billed<'_>) -> Self {
        match billed {
            Billed::Table(key) => Self::Table(key.to_owned()),
            Billed::Index(shard) => Self::Index(shard.to_owned()),
        }
    }
}

/// Adds up what is consumed; by partition key only when somebody asked for it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    consumed: Consumed,
    partitions: Mutex<Option<BTreeMap<Partition, Consumption>>>,
}

impl Tally {
    pub(super) fn begin(&self) {
        *lock(&self.partitions) = Some(BTreeMap::new());
    }

    pub(super) fn partitions(&self) -> BTreeMap<Partition, Consumption> {
        lock(&self.partitions).clone().unwrap_or_default()
    }

    pub(super) fn total(&self) -> Consumption {
        self.consumed.total()
    }

    pub(super) fn add_read(&self, billed: Billed<'_>, halves: u64) {
        self.consumed.add_read(halves);
        self.note(billed, Consumption { read_halves: halves, write_halves: 0 });
    }

    pub(super) fn add_write(&self, billed: Billed<'_>, halves: u64) {
        self.consumed.add_write(halves);
        self.note(billed, Consumption { read_halves: 0, write_halves: halves });
    }

    fn note(&self, billed: Billed<'_>, more: Consumption) {
        if let Some(partitions) = lock(&self.partitions).as_mut() {
            let so_far = partitions.entry(billed.into()).or_default();
            so_far.read_halves = so_far.read_halves.saturating_add(more.read_halves);
            so_far.write_halves = so_far.write_halves.saturating_add(more.write_halves);
        }
    }
}

#[cfg(test)]
mod tests;
