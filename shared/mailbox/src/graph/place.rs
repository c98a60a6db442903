//! Whether an item that can be read is in the calendar.
//!
//! An immutable id lives as long as its item stays in the mailbox, Deleted Items included
//! (outlook-immutable-id page), and an event does not say in which folder it is. So an item that is
//! asked for by itself, without having been listed just now, is looked for where it takes place: a
//! calendar view lists what is in the calendar and nothing else (calendarview-list page).

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{Timestamp, ToSpan};
use tidemark_graph::bounds::WINDOW_DAYS_MAX;
use tidemark_graph::events::build_calendar_view;

use super::changes::PAGE_ITEMS_MAX;
use super::{GraphMailbox, fault};
use crate::error::MailboxError;
use crate::port::{Change, ItemRead, RemoteEvent, RemoteId};

/// Hours around the start of an item in which it is looked for: whole days of any zone overlap them.
const AROUND_HOURS: i64 = 24;

/// Most items that are remembered to be in the calendar. Beyond that all are forgotten: what is not
/// remembered costs a request more when it is asked for by itself.
const LISTED_MAX: usize = 10_000;

/// Items that are known to be in the calendar: those of the last page of changes, and those that were
/// written or found by a search of it since.
#[derive(Default)]
pub(super) struct Listed(Mutex<HashSet<RemoteId>>);

impl core::fmt::Debug for Listed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Listed({})", self.lock().len())
    }
}

impl Listed {
    fn lock(&self) -> MutexGuard<'_, HashSet<RemoteId>> {
        // Items are added and removed in one step each, so a panic elsewhere leaves none in half.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces all by what a page of changes lists.
    pub(super) fn replace(&self, changes: &[Change]) {
        let listed = changes.iter().filter_map(|change| match change {
            Change::Touched(reference) => Some(reference.id.clone()),
            Change::Removed(_) => None,
        });
        *self.lock() = listed.collect();
    }

    /// Adds what was written or found.
    pub(super) fn add(&self, id: &RemoteId) {
        let mut listed = self.lock();
        if listed.len() >= LISTED_MAX {
            listed.clear();
        }
        listed.insert(id.clone());
    }

    fn has(&self, id: &RemoteId) -> bool {
        self.lock().contains(id)
    }
}

impl GraphMailbox {
    /// Reads items; one that is asked for by itself has to be in the calendar.
    pub(super) async fn read_items(&self, ids: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        let found = self.fetch_items(ids).await?;
        if let ([id], [Ok(event)]) = (ids, found.as_slice())
            && !self.listed.has(id)
            && !self.takes_place(event).await?
        {
            return Ok(vec![Err(fault::elsewhere())]);
        }
        Ok(found)
    }

    /// Reads items of which nothing but their ids is known; each has to be in the calendar.
    pub(super) async fn read_items_named(
        &self,
        ids: &[RemoteId],
    ) -> Result<Vec<ItemRead>, MailboxError> {
        let mut found = self.fetch_items_named(ids).await?;
        let (mut places, mut requests) = (Vec::new(), Vec::new());
        for (place, item) in found.iter().enumerate() {
            if let Ok(event) = item
                && !self.listed.has(&event.reference.id)
                && let Some((from, until)) = self.around(event)
            {
                places.push(place);
                let user = &self.session.endpoint.user;
                requests.push(build_calendar_view(user, from, until, PAGE_ITEMS_MAX));
            }
        }
        for (place, answer) in places.into_iter().zip(self.fetch_each(requests).await?) {
            let Some(slot) = found.get_mut(place) else { continue };
            let shown = match (&*slot, answer) {
                (Ok(event), Ok(body)) => {
                    let shown = self.view_on(&body).await?;
                    shown.iter().any(|shown| shown.id == event.reference.id)
                }
                (Ok(_), Err(error)) => {
                    *slot = Err(error);
                    continue;
                }
                (Err(_), _) => continue,
            };
            if !shown {
                *slot = Err(fault::elsewhere());
            }
        }
        Ok(found)
    }

    /// Whether the calendar shows an item where it says that it takes place. A series none of whose
    /// occurrences is left is shown nowhere, and counts as there.
    async fn takes_place(&self, item: &RemoteEvent) -> Result<bool, MailboxError> {
        let Some((from, until)) = self.around(item) else { return Ok(true) };
        let view = self.view(from, until).await?;
        Ok(view.iter().any(|shown| shown.id == item.reference.id))
    }

    /// The days in which an item is looked for. None for a series none of whose occurrences is left.
    fn around(&self, item: &RemoteEvent) -> Option<(Timestamp, Timestamp)> {
        let zone = &self.session.endpoint.zone;
        let (first, _) = item.event.schedule.instants(zone);
        let last = first.saturating_add((WINDOW_DAYS_MAX * 24).hours()).unwrap_or(first);
        let shown = item.event.instances(first, last, zone, 1).into_iter().next();
        let start = match (&item.event.recurrence, shown) {
            (None, _) => first,
            (Some(_), Some(shown)) => shown.event.schedule.instants(zone).0,
            (Some(_), None) => return None,
        };
        let margin = AROUND_HOURS.hours();
        let from = start.saturating_sub(margin).unwrap_or(start);
        let until = start.saturating_add(margin).unwrap_or(start);
        Some((from, until))
    }
}
