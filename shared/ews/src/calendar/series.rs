//! A series as one event: the master with what differs from its rule.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidemark_model::{Event, OccurrencePatch, Override, Recurrence, RecurrenceId, Schedule, Zone};

use super::read::{ReadItem, ReadWarning};
use crate::id::ItemId;

/// An exception, as its master names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifiedOccurrence {
    /// The exception's own id; its change key is that of the series.
    pub id: ItemId,
    /// When the rule begins it.
    pub original_start: Timestamp,
    /// When it begins now.
    pub start: Option<Timestamp>,
    /// When it ends now.
    pub end: Option<Timestamp>,
}

/// A series put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The master with its overrides.
    pub event: Event,
    /// The ids of its exceptions, to write to them.
    pub exceptions: BTreeMap<RecurrenceId, ItemId>,
    /// What could not be kept as it was, of the master and of its exceptions.
    pub warnings: Vec<ReadWarning>,
}

/// Puts a master and its exceptions together. Exceptions that the master does not name and that do
/// not say when their rule begins them are left out, and so are those that the rule knows no
/// occurrence for; so are those that the master names but that are not among `exceptions`: the
/// caller has to read them all, and to compare how many came out.
///
/// A single event comes back as it is.
pub fn assemble_series(master: ReadItem, exceptions: Vec<ReadItem>) -> Series {
    let ReadItem { mut event, modified, deleted, zone, mut warnings, .. } = master;
    let mut ids = BTreeMap::new();
    let Some(rule) = event.recurrence.clone() else {
        return Series { event, exceptions: ids, warnings };
    };
    for start in deleted {
        match identify(start, &event.schedule, &rule, &zone) {
            Some(id) => drop(event.overrides.insert(id, Override::Excluded)),
            None => warnings.push(ReadWarning::OccurrenceOffRule),
        }
    }
    for exception in exceptions {
        let named = modified.iter().find(|entry| entry.id.id == exception.id.id);
        let original = named.map(|entry| entry.original_start);
        let original = original.or(exception.original_start);
        let id = original.and_then(|start| identify(start, &event.schedule, &rule, &zone));
        let Some(id) = id else {
            warnings.push(ReadWarning::OccurrenceOffRule);
            continue;
        };
        warnings.extend(exception.warnings);
        let occurrence = with_answers_of(&event, in_zone_of(&event, exception.event));
        let patch = OccurrencePatch::between(&event, id, &occurrence);
        ids.insert(id, exception.id);
        if !patch.is_empty() {
            event.overrides.insert(id, Override::Changed(Box::new(patch)));
        }
    }
    Series { event, exceptions: ids, warnings }
}

/// An exception with its times in the zone of the series, if its own is the same class of zones:
/// otherwise it would differ by the name of its zone alone.
fn in_zone_of(series: &Event, mut exception: Event) -> Event {
    if let (Schedule::Timed(own), Some(zone)) = (&exception.schedule, series.schedule.zone())
        && own.zone() != zone
        && own.zone().same_class(zone)
    {
        let start = own.zone().to_instant(own.start());
        let end_zone = own.end_zone().cloned();
        let moved = Schedule::timed(zone.to_civil(start), zone.clone(), own.duration(), end_zone);
        if let Ok(moved) = moved {
            exception.schedule = moved;
        }
    }
    exception
}

/// An exception with the answers of the series if the same people are on it: each occurrence
/// collects answers of its own, which are no difference.
fn with_answers_of(series: &Event, mut exception: Event) -> Event {
    let roles = |event: &Event| -> Vec<_> {
        let people = event.attendees.iter();
        people.map(|(address, attendee)| (address.clone(), attendee.role)).collect()
    };
    if roles(series) == roles(&exception) {
        exception.attendees.clone_from(&series.attendees);
    }
    exception
}

/// Which occurrence a rule begins at an instant: the one that begins then, else the one on that day,
/// of which there is at most one. None if there is neither.
fn identify(
    start: Timestamp,
    schedule: &Schedule,
    rule: &Recurrence,
    zone: &Zone,
) -> Option<RecurrenceId> {
    let civil = schedule.zone().unwrap_or(zone).to_civil(start);
    let first = schedule.start();
    let id = match schedule {
        Schedule::AllDay(_) => RecurrenceId::of_date(civil.date()),
        Schedule::Timed(_) | Schedule::Floating(_) => RecurrenceId::new(civil),
    };
    if rule.is_occurrence(first, id) {
        return Some(id);
    }
    // Whoever has the day has the occurrence: a clock that was changed does not matter.
    let near = rule.starts_from(first, civil.date()).next();
    near.filter(|near| near.start().date() == civil.date())
}
