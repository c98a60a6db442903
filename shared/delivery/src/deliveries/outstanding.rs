//! What an endpoint has still to get, and the order in which it gets it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tidemark_model::LinkId;
use tidemark_store::records::RetryRow;

type Place = (u8, u64);

/// Entries that are taken up and not delivered. The first of each item stands before the others.
#[derive(Default)]
pub(super) struct Outstanding {
    rows: BTreeMap<Place, RetryRow>,
    /// The places of each item, which all lie in its mailbox's shard.
    items: BTreeMap<LinkId, BTreeSet<Place>>,
    /// Rows as they are stored.
    stored: BTreeMap<Place, RetryRow>,
    unsaved: BTreeSet<Place>,
}

impl Outstanding {
    /// What is stored.
    pub(super) fn new(stored: Vec<RetryRow>) -> Self {
        let mut outstanding = Self::default();
        for row in stored {
            outstanding.stored.insert(place(&row), row.clone());
            outstanding.add(row);
        }
        outstanding.unsaved.clear();
        outstanding
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many rows differ from what is stored, at least.
    pub(super) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    pub(super) fn add(&mut self, row: RetryRow) {
        let place = place(&row);
        self.items.entry(row.link).or_default().insert(place);
        self.change(row);
    }

    /// Another time or count for a row.
    pub(super) fn change(&mut self, row: RetryRow) {
        self.unsaved.insert(place(&row));
        self.rows.insert(place(&row), row);
    }

    /// The row is delivered, or can never be.
    pub(super) fn finish(&mut self, row: &RetryRow) {
        let place = place(row);
        self.rows.remove(&place);
        self.unsaved.insert(place);
        if let Some(places) = self.items.get_mut(&row.link) {
            places.remove(&place);
            if places.is_empty() {
                self.items.remove(&row.link);
            }
        }
    }

    /// All rows count as never tried.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        for (place, row) in &mut self.rows {
            self.unsaved.insert(*place);
            row.attempts = 0;
            row.first_tried = now;
            row.next_at = now;
        }
    }

    /// The row to try next, among those that no earlier one of their item stands before. What was
    /// tried before goes first: an endpoint that is down is probed with the same few entries.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<RetryRow> {
        self.firsts()
            .filter(|row| row.next_at <= now)
            .min_by_key(|row| (row.attempts == 0, row.next_at, place(row)))
            .cloned()
    }

    /// The row of this place, if it is due and none stands before it.
    pub(super) fn if_due(&self, shard: u8, number: u64, now: Timestamp) -> Option<RetryRow> {
        let row = self.rows.get(&(shard, number))?;
        let first = self.items.get(&row.link)?.first()?;
        (*first == place(row) && row.next_at <= now).then(|| row.clone())
    }

    /// When the next one is due.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        self.firsts().map(|row| row.next_at).min()
    }

    /// Rows to put and rows to delete.
    pub(super) fn changes(&self) -> (Vec<RetryRow>, Vec<Place>) {
        let mut changed = Vec::new();
        let mut done = Vec::new();
        for place in &self.unsaved {
            match (self.rows.get(place), self.stored.get(place)) {
                (Some(row), Some(stored)) if row == stored => {}
                (Some(row), _) => changed.push(row.clone()),
                (None, Some(_)) => done.push(*place),
                (None, None) => {}
            }
        }
        (changed, done)
    }

    /// The changes are stored.
    pub(super) fn saved(&mut self) {
        for place in core::mem::take(&mut self.unsaved) {
            match self.rows.get(&place) {
                Some(row) => self.stored.insert(place, row.clone()),
                None => self.stored.remove(&place),
            };
        }
    }

    fn firsts(&self) -> impl Iterator<Item = &RetryRow> {
        self.items.values().filter_map(|places| self.rows.get(places.first()?))
    }
}

fn place(row: &RetryRow) -> Place {
    (row.shard, row.number)
}
