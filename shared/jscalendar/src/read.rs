//! Reading: from a JSCalendar item to the properties that it has an opinion on.

mod alerts;
mod members;
mod overrides;
mod people;
mod places;
mod rule;
mod schedule;
mod state;
mod text;
mod zones;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tidemark_model::{Event, EventPatch, PropertyValue, Recurrence, Schedule};

use crate::limits::LEVELS_MAX;
use crate::problem::{Findings, Pointer, Problem};
use members::{Given, Source};
use schedule::Times;

/// How a value that is to be checked will be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// As an item: [`read_event_patch`].
    Put,
    /// As an RFC 7386 patch of one: [`read_merge_patch`](crate::read_merge_patch).
    Patch,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The properties that the item has an opinion on.
    pub patch: EventPatch,
    /// RFC 6901 pointers of members that are legal but not carried, without values, at most
    /// [`IGNORED_MAX`](crate::IGNORED_MAX).
    pub ignored: Vec<String>,
}

/// What an item is read against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Current<'a> {
    /// There is none yet: the standard's defaults hold.
    New,
    /// It exists: what is absent comes from it.
    Known(&'a Event),
    /// There may be one, but it cannot be looked at now.
    Unknown,
}

impl<'a> Current<'a> {
    pub(crate) const fn event(self) -> Option<&'a Event> {
        match self {
            Self::Known(event) => Some(event),
            Self::New | Self::Unknown => None,
        }
    }
}

/// Reads an item that was put: against `current` if it exists, as a new one if not.
///
/// Start, zone, duration, whole-day flag and rule are one property: if any of them is given, the
/// missing ones come from `current`, or are the standard's defaults. `recurrenceOverrides`, if
/// given, are all that there are.
///
/// # Errors
/// Everything that is wrong with it, at most [`PROBLEMS_MAX`](crate::PROBLEMS_MAX).
pub fn read_event_patch(value: &Value, current: Option<&Event>) -> Result<Reading, Vec<Problem>> {
    let current = current.map_or(Current::New, Current::Known);
    let mut findings = Findings::default();
    let patch = read_checked(value, current, None, &mut findings);
    finish(patch, findings)
}

/// Says what is wrong with a value whatever the current item is, so that a caller can be answered
/// at once. What passes may still be refused when it is read against the current item.
///
/// # Errors
/// Everything that is wrong with it, at most [`PROBLEMS_MAX`](crate::PROBLEMS_MAX).
pub fn check_patch(value: &Value, mode: ReadMode) -> Result<(), Vec<Problem>> {
    let mut findings = Findings::default();
    match (mode, value) {
        (ReadMode::Patch, Value::Object(patch)) if fits_depth(value) => {
            let whole = members::without_partial_members(patch, &mut findings);
            read_members(&whole, Current::Unknown, None, &mut findings);
        }
        (ReadMode::Put | ReadMode::Patch, _) => {
            read_checked(value, Current::Unknown, None, &mut findings);
        }
    }
    findings.finish().map(|_| ())
}

/// Closes a reading.
pub(crate) fn finish(patch: EventPatch, findings: Findings) -> Result<Reading, Vec<Problem>> {
    findings.finish().map(|ignored| Reading { patch, ignored })
}

/// Reads a whole value after checking its form.
pub(crate) fn read_checked(
    value: &Value,
    current: Current<'_>,
    preferred: Option<&Map<String, Value>>,
    findings: &mut Findings,
) -> EventPatch {
    let root = Pointer::default();
    if !fits_depth(value) {
        findings.refuse(
            &root,
            "objects and arrays are nested too deeply",
            format!("use at most {LEVELS_MAX} levels"),
        );
        return EventPatch::new();
    }
    let Value::Object(item) = value else {
        findings.refuse(&root, "must be an object", "send one JSCalendar Event");
        return EventPatch::new();
    };
    read_members(item, current, preferred, findings)
}

fn read_members(
    item: &Map<String, Value>,
    current: Current<'_>,
    preferred: Option<&Map<String, Value>>,
    findings: &mut Findings,
) -> EventPatch {
    let source = Source::new(item, Pointer::default(), preferred);
    members::check_type(item, "Event", &source.at, findings);
    members::list_ignored(&source, current, findings);
    let mut patch = EventPatch::new();
    patch.uid = members::read_uid(&source, current, findings);

    let read = schedule::read_schedule(&source, current, findings);
    let series = Series::resolve(read.as_ref(), current);
    let omitted = match read {
        Some(times) => {
            patch.set(PropertyValue::Schedule(times.schedule, times.rule));
            times.omitted
        }
        None => BTreeSet::new(),
    };
    read_contents(&source, current, &series, &mut patch, findings);
    if let Some(answer) = people::read_own_answer(&source, findings) {
        patch.set(PropertyValue::MyParticipation(answer));
    }
    if let Some(privacy) = state::read_privacy(&source, current.event(), findings) {
        patch.set(PropertyValue::Privacy(privacy));
    }
    let status = state::read_status(&source, findings);
    if let Some(status) = status {
        patch.set(PropertyValue::Status(status));
    }
    let seen = current.event().map(|event| (event.show_as, event.status));
    if let Some(show_as) = state::read_show_as(&source, status, seen, findings) {
        patch.set(PropertyValue::ShowAs(show_as));
    }
    if let Some(changes) = overrides::read_overrides(&source, current, &series, &omitted, findings)
    {
        patch.overrides_complete = changes.complete;
        for (id, change) in changes.by_id {
            patch.set(PropertyValue::Override(id, change));
        }
    }
    patch
}

/// Reads the properties that an item and an override have in common and that need no other.
fn read_contents(
    source: &Source<'_>,
    current: Current<'_>,
    series: &Series,
    patch: &mut EventPatch,
    findings: &mut Findings,
) {
    if let Some(title) = text::read_title(source, findings) {
        patch.set(PropertyValue::Title(title));
    }
    let old_body = current.event().and_then(|event| event.body.as_ref());
    if let Some(body) = text::read_body(source, old_body, findings) {
        patch.set(PropertyValue::Body(body));
    }
    if let Some(location) = places::read_location(source, findings) {
        patch.set(PropertyValue::Location(location));
    }
    if let Some(keywords) = text::read_keywords(source, findings) {
        patch.set(PropertyValue::Categories(keywords));
    }
    if let Some(priority) = state::read_priority(source, findings) {
        patch.set(PropertyValue::Priority(priority));
    }
    if let Some(reminder) = alerts::read_reminder(source, series, findings) {
        patch.set(PropertyValue::Reminder(reminder));
    }
    let known = current.event().map(|event| &event.attendees);
    if let Some(attendees) = people::read_attendees(source, known, findings) {
        patch.set(PropertyValue::Attendees(attendees));
    }
}

/// The times that hold after the reading, as far as they are known.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Times of the item or of its first occurrence.
    pub(crate) schedule: Option<Schedule>,
    /// The rule; the outer `None` means that it is not known whether there is one.
    pub(crate) rule: Option<Option<Recurrence>>,
}

impl Series {
    fn resolve(read: Option<&Times>, current: Current<'_>) -> Self {
        match (read, current.event()) {
            (Some(times), _) => {
                Self { schedule: Some(times.schedule.clone()), rule: Some(times.rule.clone()) }
            }
            (None, Some(event)) => Self {
                schedule: Some(event.schedule.clone()),
                rule: Some(event.recurrence.clone()),
            },
            (None, None) => Self { schedule: None, rule: None },
        }
    }
}

/// Whether nesting stays within [`LEVELS_MAX`]; without recursion, since it guards recursion.
pub(crate) fn fits_depth(value: &Value) -> bool {
    let mut open: Vec<(&Value, usize)> = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        let children: Vec<&Value> = match value {
            Value::Object(members) => members.values().collect(),
            Value::Array(elements) => elements.iter().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => continue,
        };
        if level > LEVELS_MAX {
            return false;
        }
        open.extend(children.into_iter().map(|child| (child, level + 1)));
    }
    true
}

/// Whether `item` has any of the members `names`.
pub(crate) fn mentions(item: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().any(|name| item.contains_key(*name))
}

/// Reads a text member that must be a string, if it is one.
pub(crate) fn expect_text<'a>(
    value: &'a Value,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<&'a str> {
    let text = value.as_str();
    if text.is_none() {
        findings.refuse(at, "must be a string", "send a JSON string");
    }
    text
}

/// Reads a member that must be an object with at most `most` entries.
pub(crate) fn expect_map<'a>(
    value: &'a Value,
    at: &Pointer,
    most: usize,
    findings: &mut Findings,
) -> Option<&'a Map<String, Value>> {
    let Value::Object(map) = value else {
        findings.refuse(at, "must be an object", "send a JSON object, or null to clear it");
        return None;
    };
    if map.len() > most {
        findings.refuse(at, "has too many entries", format!("send at most {most}"));
        return None;
    }
    Some(map)
}

/// Reads a word of an enumeration; `null` gives `cleared`.
pub(crate) fn read_enumerated<T: Copy>(
    source: &Source<'_>,
    name: &str,
    table: &[crate::words::Word<T>],
    cleared: T,
    findings: &mut Findings,
) -> Option<T> {
    let at = source.at.member(name);
    match source.get(name) {
        Given::Absent => None,
        Given::Null => Some(cleared),
        Given::Value(value) => {
            let text = expect_text(value, &at, findings)?;
            let read = crate::words::read_word(table, text);
            if read.is_none() {
                findings.refuse(&at, "is not a known value", crate::words::list_words(table));
            }
            read
        }
    }
}
