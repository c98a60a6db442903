//! Items that hints named, kept with the marks until a run has dealt with them.
//!
//! Most changes are found by reading on from the cursor. Where a server follows less than it notifies
//! of, the id in the notification is all that leads to a change, so it must not be lost between the
//! notification and the run: it is written in the same update that raises the mark, and taken out in
//! the write that raises `synced`. Each id is an attribute of the marks' item that counts how often it
//! was named, so that naming it again during a run is told apart from what the run took up.

use std::collections::{BTreeMap, BTreeSet};

use super::row::Row;
use crate::table::{StoreError, UpdateAction};

/// Most items that are kept by name for a mailbox. Each adds its id to an item that every hint and
/// every commit writes, and a batch of requests reads half of them. Where more are named than this, all
/// names are dropped and [`Named::is_incomplete`] says so.
pub const NAMED_ITEMS_MAX: usize = 40;
/// Longest id, in bytes, that is kept. Graph's have about 150.
pub const NAMED_ID_BYTES_MAX: usize = 512;

/// Counts how often one item was named.
const ITEM_PREFIX: &str = "named_";
/// Counts how often something changed that is not kept by name.
const UNNAMED: &str = "unnamed";

/// What a hint says beyond that its collection is dirty. `Debug` shows no ids.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hint {
    /// The server's ids of items that may have changed.
    pub items: BTreeSet<String>,
    /// Whether others may have changed that it cannot name.
    pub incomplete: bool,
}

/// What hints named that no run has dealt with yet. `Debug` shows no ids.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Named {
    items: BTreeMap<String, u64>,
    unnamed: u64,
}

impl core::fmt::Debug for Hint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Hint({} items, incomplete: {})", self.items.len(), self.incomplete)
    }
}

impl core::fmt::Debug for Named {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Named({} items, incomplete: {})", self.items.len(), self.is_incomplete())
    }
}

impl Hint {
    /// How the marks' item changes by it.
    pub(crate) fn actions(&self) -> Vec<UpdateAction> {
        let is_kept = |id: &&String| !id.is_empty() && id.len() <= NAMED_ID_BYTES_MAX;
        let fits = self.items.len() <= NAMED_ITEMS_MAX;
        let kept = self.items.iter().filter(|id| fits && is_kept(id));
        let name = |id: &String| UpdateAction::Add(format!("{ITEM_PREFIX}{id}"), 1);
        let mut actions: Vec<UpdateAction> = kept.map(name).collect();
        if self.incomplete || actions.len() < self.items.len() {
            actions.push(UpdateAction::Add(UNNAMED.to_owned(), 1));
        }
        actions
    }
}

impl Named {
    /// The server's ids of items that may have changed.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(String::as_str)
    }

    /// Whether something may have changed that is not among [`Named::items`]: more was named than is
    /// kept, or notifications were lost.
    pub const fn is_incomplete(&self) -> bool {
        self.unnamed > 0
    }

    /// Counts what is not among [`Named::items`].
    pub const fn unnamed(&self) -> u64 {
        self.unnamed
    }

    pub(crate) fn read(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { items: row.counters(ITEM_PREFIX)?, unnamed: row.count(UNNAMED)? })
    }

    /// Whether more is named than is kept.
    pub(crate) fn overflows(&self) -> bool {
        self.items.len() > NAMED_ITEMS_MAX
    }

    /// Drops all names, and notes that something is not named.
    pub(crate) fn dropping(&self) -> Vec<UpdateAction> {
        let mut actions = self.removing(None);
        actions.retain(|action| *action != UpdateAction::Remove(UNNAMED.to_owned()));
        actions.push(UpdateAction::Add(UNNAMED.to_owned(), 1));
        actions
    }

    /// Takes out what a run has dealt with. `later` is what stands there where a hint came in since it
    /// started: what was named again since then stays.
    pub(crate) fn removing(&self, later: Option<&Self>) -> Vec<UpdateAction> {
        let same =
            |id: &String, count: &u64| later.is_none_or(|later| later.items.get(id) == Some(count));
        let dealt_with = self.items.iter().filter(|(id, count)| same(id, count));
        let remove = |(id, _): (&String, &u64)| UpdateAction::Remove(format!("{ITEM_PREFIX}{id}"));
        let mut actions: Vec<UpdateAction> = dealt_with.map(remove).collect();
        if self.unnamed > 0 && later.is_none_or(|later| later.unnamed == self.unnamed) {
            actions.push(UpdateAction::Remove(UNNAMED.to_owned()));
        }
        actions
    }
}
