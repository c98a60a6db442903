//! A series as one event: the master with what differs from its rule.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use tidemark_model::{
    CopyRole, Event, OccurrencePatch, Override, Recurrence, RecurrenceId, Schedule, Zone,
};

use super::item::{EventItem, EventKind, EventRef};
use super::read::{DamagedEvent, ReadContext, ReadItem, ReadWarning, read_item};
use super::times;

/// A single event, or a series put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The event or master, in which version.
    pub reference: EventRef,
    /// What it says, a master with its overrides.
    pub event: Event,
    /// The text of our stamp, if it carries one.
    pub stamp: Option<String>,
    /// Whose copy it is.
    pub role: CopyRole,
    /// The exceptions of a series, to write to them.
    pub exceptions: BTreeMap<RecurrenceId, EventRef>,
    /// Whether the event has attachments that did not come with it.
    pub attachments_unread: bool,
    /// What could not be kept as it was, of the master and of its exceptions.
    pub warnings: Vec<ReadWarning>,
}

/// Reads a single event, or a series out of the answer to one GET of its master with
/// [`SELECT_SERIES`](super::item::SELECT_SERIES) and [`EXPAND_SERIES`](super::item::EXPAND_SERIES).
///
/// # Errors
/// [`DamagedEvent`] as [`read_item`], if it is an occurrence or exception, or if a series came
/// without its exceptions or without its cancelled occurrences: each that is missing would look as
/// if it had been returned to the rule.
pub fn read_event(item: &EventItem, context: &ReadContext) -> Result<Series, DamagedEvent> {
    let damaged = |reason| DamagedEvent { id: Some(item.id.clone()), reason };
    let master = read_item(item, context)?;
    match master.kind {
        EventKind::Occurrence | EventKind::Exception => {
            return Err(damaged("it is a part of a series"));
        }
        EventKind::SingleInstance | EventKind::Unrecognised => {}
        EventKind::SeriesMaster => {
            if !item.cancelled_occurrences.is_read() {
                return Err(damaged("it came without its cancelled occurrences"));
            }
            if !item.exception_occurrences.is_read() || item.exceptions_next.is_some() {
                return Err(damaged("it came without all of its exceptions"));
            }
        }
    }
    let exceptions = item.exception_occurrences.list().iter();
    let exceptions: Vec<_> =
        exceptions.map(|exception| read_item(exception, context)).collect::<Result<_, _>>()?;
    Ok(assemble_series(master, exceptions))
}

/// Puts a master and its exceptions together. Exceptions that do not say when their rule begins
/// them are left out, and so are those that the rule knows no occurrence for: the caller has to
/// bring them all, and to compare how many came out.
///
/// A single event comes back as it is.
pub fn assemble_series(master: ReadItem, exceptions: Vec<ReadItem>) -> Series {
    let ReadItem {
        reference,
        mut event,
        stamp,
        role,
        cancelled,
        zone,
        attachments_unread,
        mut warnings,
        ..
    } = master;
    let mut references = BTreeMap::new();
    if let Some(rule) = event.recurrence.clone() {
        for date in cancelled {
            match on_date(date, &event.schedule, &rule) {
                Some(id) => drop(event.overrides.insert(id, Override::Excluded)),
                None => warnings.push(ReadWarning::OccurrenceOffRule),
            }
        }
        for exception in exceptions {
            let Some(id) = identify(&exception, &event.schedule, &rule, &zone) else {
                warnings.push(ReadWarning::OccurrenceOffRule);
                continue;
            };
            warnings.extend(exception.warnings);
            let occurrence = with_answers_of(&event, in_zone_of(&event, exception.event));
            let patch = OccurrencePatch::between(&event, id, &occurrence);
            references.insert(id, exception.reference);
            if !patch.is_empty() {
                event.overrides.insert(id, Override::Changed(Box::new(patch)));
            }
        }
    }
    Series { reference, event, stamp, role, exceptions: references, attachments_unread, warnings }
}

impl EventItem {
    /// Which occurrence of a series an entry of `GET .../events/{master}/instances` is, by its
    /// original start, else by its start. None if the rule knows no such occurrence.
    ///
    /// Only `type`, `start`, `end`, `isAllDay`, `originalStart` and `originalStartTimeZone` are
    /// looked at.
    pub fn occurrence_of(&self, series: &Event, context: &ReadContext) -> Option<RecurrenceId> {
        let rule = series.recurrence.as_ref()?;
        let original = self.original_start.as_deref().and_then(|text| text.trim().parse().ok());
        if let Some(start) = original {
            let zone = times::own_zone(self, context, &mut Vec::new());
            return at_instant(start, &series.schedule, rule, &zone);
        }
        if self.kind() == EventKind::Exception {
            // Where it is now says nothing of where it was.
            return None;
        }
        let (schedule, zone) = times::read(self, context, &mut Vec::new()).ok()?;
        match schedule {
            Schedule::AllDay(days) => on_date(days.start(), &series.schedule, rule),
            Schedule::Timed(_) | Schedule::Floating(_) => {
                let (start, _) = schedule.instants(&zone);
                at_instant(start, &series.schedule, rule, &zone)
            }
        }
    }
}

/// An exception with its times in the zones of the series where these are other names of its own:
/// otherwise it would differ by the name of a zone alone.
///
/// An end in UTC is one of them: the end of the whole series is written so where its first one has
/// no other word ([`Times::of`](super::times::Times::of)).
fn in_zone_of(series: &Event, mut exception: Event) -> Event {
    if let (Schedule::Timed(own), Schedule::Timed(of_series)) =
        (&exception.schedule, &series.schedule)
        && own.zone().same_class(of_series.zone())
    {
        let zone = of_series.zone();
        let start = own.zone().to_instant(own.start());
        let end_zone = own.end_zone().filter(|end_zone| **end_zone != Zone::utc());
        let end_zone =
            end_zone.or_else(|| of_series.end_zone().filter(|_| own.end_zone().is_some()));
        let end_zone = end_zone.cloned();
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

/// Which occurrence an exception is, by the instant at which the rule begins it, else by its date.
fn identify(
    exception: &ReadItem,
    schedule: &Schedule,
    rule: &Recurrence,
    zone: &Zone,
) -> Option<RecurrenceId> {
    let by_start = exception.original_start;
    let by_start = by_start.and_then(|start| at_instant(start, schedule, rule, zone));
    by_start.or_else(|| on_date(exception.original_date?, schedule, rule))
}

/// Which occurrence a rule begins at an instant: the one that begins then, else the one on that day,
/// of which there is at most one. None if there is neither.
fn at_instant(
    start: Timestamp,
    schedule: &Schedule,
    rule: &Recurrence,
    zone: &Zone,
) -> Option<RecurrenceId> {
    if matches!(schedule, Schedule::AllDay(_)) {
        return on_date(times::date_of_midnight(start, zone), schedule, rule);
    }
    let civil = schedule.zone().unwrap_or(zone).to_civil(start);
    let id = RecurrenceId::new(civil);
    if rule.is_occurrence(schedule.start(), id) {
        return Some(id);
    }
    // Whoever has the day has the occurrence: a clock that was changed does not matter.
    on_date(civil.date(), schedule, rule)
}

/// The occurrence that a rule begins on a date.
fn on_date(date: Date, schedule: &Schedule, rule: &Recurrence) -> Option<RecurrenceId> {
    let near = rule.starts_from(schedule.start(), date).next();
    near.filter(|near| near.start().date() == date)
}
