//! What it takes to bring an event with its occurrences where it shall be.
//!
//! Exceptions are written with `PATCH`, occurrences are taken out with `DELETE`, each on the id of
//! its instance: `GET .../events/{master}/instances?startDateTime=..&endDateTime=..` tells it for
//! those that are no exceptions yet.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use tidemark_model::{Event, EventStatus, Override, Property, RecurrenceId};

use super::changes::{EventChanges, changes, occurrence_changes};
use super::write::{NewEvent, WriteContext, WriteError};

/// Hours before and after its start in which an instance is looked for: whole days of any zone are
/// among them.
const WINDOW_HOURS: i64 = 36;

/// The writes that make an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    /// The event or master.
    pub event: NewEvent,
    /// What is written then, in this order.
    pub occurrences: Vec<OccurrenceWrite>,
}

/// The writes that change an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// What is written to the event or master; it may be nothing.
    pub event: EventChanges,
    /// Whether that write discards all exceptions of the series, so that their ids are void and
    /// all instances are where the rule puts them.
    pub resets_occurrences: bool,
    /// What is written then, in this order.
    pub occurrences: Vec<OccurrenceWrite>,
}

impl Update {
    /// Whether nothing has to be written at all.
    pub fn is_empty(&self) -> bool {
        self.event.is_empty() && self.occurrences.is_empty()
    }
}

/// A write to one instance of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct OccurrenceWrite {
    /// Which occurrence.
    pub id: RecurrenceId,
    /// Where to look for its instance, unless it is an exception whose id is known. More than one
    /// instance may lie there:
    /// [`EventItem::occurrence_of`](super::EventItem::occurrence_of) tells which is which.
    pub from: Timestamp,
    /// The end of that window.
    pub until: Timestamp,
    /// What is done.
    pub action: OccurrenceAction,
}

/// What is done to an instance.
#[derive(Debug, Clone, PartialEq)]
pub enum OccurrenceAction {
    /// `DELETE`: it takes place no more. Everybody on it is told.
    Cancel,
    /// `PATCH` with these members.
    Change(EventChanges),
}

/// The writes that make an event with all its overrides.
///
/// # Errors
/// [`WriteError`] names what Graph cannot hold; then nothing of it is written.
pub fn plan_create(
    event: &Event,
    stamp: Option<&str>,
    transaction_id: Option<&str>,
    context: WriteContext<'_>,
) -> Result<Creation, WriteError> {
    let made = NewEvent::of(event, stamp, transaction_id, context)?;
    let mut plain = event.clone();
    plain.overrides.clear();
    Ok(Creation { event: made, occurrences: occurrence_writes(&plain, event, context)? })
}

/// The writes that bring an event from `current` to `target`, in which only what differs is named.
///
/// Writing times or rule discards all exceptions on the server (exchange-graph.md 10.3), so all of
/// the target's are written again then. That is also the only way to bring a cancelled occurrence
/// back, so the rule is written for it, though it may be the same. An occurrence that returns to
/// its rule is written with the properties of the series.
///
/// # Errors
/// [`WriteError`] names what Graph cannot hold; then nothing of it is written.
pub fn plan_update(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
) -> Result<Update, WriteError> {
    let mut known = current.clone();
    if target.recurrence.is_some() && brings_back(current, target) {
        // Not to know of the rule is what makes it differ, and so be written.
        known.recurrence = None;
    }
    let resets_occurrences = target.recurrence.is_some() && !same_times(&known, target);
    let event = changes(&known, target, context)?;
    let mut before = target.clone();
    if resets_occurrences {
        before.overrides.clear();
    } else {
        before.overrides.clone_from(&current.overrides);
    }
    let occurrences = occurrence_writes(&before, target, context)?;
    Ok(Update { event, resets_occurrences, occurrences })
}

/// Whether an occurrence that was taken out shall take place again.
fn brings_back(current: &Event, target: &Event) -> bool {
    current.overrides.iter().any(|(id, change)| {
        *change == Override::Excluded && target.overrides.get(id) != Some(&Override::Excluded)
    })
}

/// Whether Exchange holds times and rule of both as the same: only otherwise they are written.
fn same_times(current: &Event, target: &Event) -> bool {
    current.value(Property::Schedule).same(&target.value(Property::Schedule))
}

/// The writes that bring the occurrences of a series from `before` to `target`, which differ in
/// their overrides alone: first those that are taken out, then those that change.
fn occurrence_writes(
    before: &Event,
    target: &Event,
    context: WriteContext<'_>,
) -> Result<Vec<OccurrenceWrite>, WriteError> {
    let Some(rule) = &target.recurrence else {
        return Ok(Vec::new());
    };
    let first = target.schedule.start();
    let (mut cancelled, mut changed) = (Vec::new(), Vec::new());
    let ids = before.overrides.keys().chain(target.overrides.keys());
    let ids: std::collections::BTreeSet<RecurrenceId> = ids.copied().collect();
    for id in ids {
        let change = target.overrides.get(&id);
        if before.overrides.get(&id) == change {
            continue;
        }
        if !rule.is_occurrence(first, id) {
            if change.is_some() {
                return Err(WriteError::NoSuchOccurrence(id));
            }
            continue;
        }
        if change == Some(&Override::Excluded) {
            cancelled.push(write_of(target, id, OccurrenceAction::Cancel, context));
            continue;
        }
        let found = occurrence_changes(&occurrence(before, id), &occurrence(target, id), context)?;
        if !found.is_empty() {
            changed.push(write_of(target, id, OccurrenceAction::Change(found), context));
        }
    }
    cancelled.append(&mut changed);
    Ok(cancelled)
}

fn write_of(
    series: &Event,
    id: RecurrenceId,
    action: OccurrenceAction,
    context: WriteContext<'_>,
) -> OccurrenceWrite {
    let (start, _) = series.schedule.moved_to(id.start()).instants(context.zone);
    let margin = WINDOW_HOURS.hours();
    let from = start.saturating_sub(margin).unwrap_or(start);
    let until = start.saturating_add(margin).unwrap_or(start);
    OccurrenceWrite { id, from, until, action }
}

/// One occurrence as an event of its own: the series with its override laid over it.
pub(super) fn occurrence(series: &Event, id: RecurrenceId) -> Event {
    let mut event = series.clone();
    event.recurrence = None;
    event.overrides = BTreeMap::new();
    event.schedule = series.schedule.moved_to(id.start());
    if let Some(Override::Changed(patch)) = series.overrides.get(&id) {
        patch.apply_to(&mut event);
        // A busy status of its own is not that of a series that may not take place.
        if patch.show_as.is_some() && event.status == EventStatus::Tentative {
            event.status = EventStatus::Confirmed;
        }
    }
    event
}
