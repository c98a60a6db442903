//! From the model to the wire: what differs between two states of an event.

use serde_json::{Map, Value, json};
use tidemark_model::{Event, Property, PropertyValue};

use super::attendee::write_attendees;
use super::join;
use super::recurrence;
use super::times::Times;
use super::write::{
    SeriesStart, WriteContext, WriteError, busy_word, check, filled, importance_word,
    sensitivity_word, to_json, write_body, write_location, write_stamp,
};

/// The body of `PATCH .../events/{id}`: only what differs. `Debug` shows the names of its members.
#[derive(Clone, PartialEq, Default)]
pub struct EventChanges {
    members: Map<String, Value>,
}

impl core::fmt::Debug for EventChanges {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.members.keys()).finish()
    }
}

impl EventChanges {
    /// Whether nothing differs, so that nothing has to be sent.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The names of the members that are written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The members, by name.
    pub const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(&self.members)
    }

    /// Writes our stamp too, on an event that has none, or another one.
    #[must_use]
    pub fn with_stamp(mut self, text: &str) -> Self {
        self.set("singleValueExtendedProperties", write_stamp(text));
        self
    }

    fn set(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    fn set_times(&mut self, times: Times) {
        // A start without an end may lie behind it; times are one unit.
        self.set("start", times.start);
        self.set("end", times.end);
        self.set("isAllDay", json!(times.all_day));
    }
}

/// What has to be written so that an event that says `current` says `target`; empty if nothing.
///
/// Overrides are not looked at: they belong to the instances, see [`occurrence_changes`] and
/// [`plan_update`](super::plan_update). Neither is what cannot be written: UID, cancellation,
/// organiser, answers. A body keeps what leads into the online meeting of `current`.
///
/// # Errors
/// [`WriteError`] if something that differs cannot be held by Graph.
pub fn changes(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
) -> Result<EventChanges, WriteError> {
    let mut found = EventChanges::default();
    own_changes(current, target, &mut found)?;
    if sensitivity_word(current.privacy) != sensitivity_word(target.privacy) {
        found.set("sensitivity", json!(sensitivity_word(target.privacy)));
    }
    if !same(current, target, Property::Schedule) {
        schedule_changes(current, target, context, &mut found)?;
    }
    Ok(found)
}

/// The same for one occurrence: `current` and `target` are what it says and shall say, rule and
/// overrides laid aside. The sensitivity of an occurrence is that of its series.
///
/// # Errors
/// [`WriteError`] if something that differs cannot be held by Graph.
pub fn occurrence_changes(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
) -> Result<EventChanges, WriteError> {
    let mut found = EventChanges::default();
    own_changes(current, target, &mut found)?;
    let as_single = |event: &Event| PropertyValue::Schedule(event.schedule.clone(), None);
    if !as_single(current).same(&as_single(target)) {
        found.set_times(Times::of(&target.schedule, false, context)?);
    }
    Ok(found)
}

fn same(current: &Event, target: &Event, property: Property) -> bool {
    current.value(property).same(&target.value(property))
}

/// What a series and its occurrences have alike.
fn own_changes(
    current: &Event,
    target: &Event,
    found: &mut EventChanges,
) -> Result<(), WriteError> {
    check(target)?;
    if !same(current, target, Property::Title) {
        found.set("subject", json!(filled(target.title.as_ref()).unwrap_or_default()));
    }
    if !same(current, target, Property::Body) {
        body_changes(current, target, found)?;
    }
    if !same(current, target, Property::Categories) {
        found.set("categories", json!(target.categories));
    }
    if importance_word(current.priority) != importance_word(target.priority) {
        found.set("importance", json!(importance_word(target.priority)));
    }
    if !same(current, target, Property::Reminder) {
        found.set("isReminderOn", json!(target.reminder_minutes.is_some()));
        if let Some(minutes) = target.reminder_minutes {
            found.set("reminderMinutesBeforeStart", json!(minutes));
        }
    }
    if busy_word(current) != busy_word(target) {
        found.set("showAs", json!(busy_word(target)));
    }
    if !same(current, target, Property::Location) {
        found.set("location", write_location(filled(target.location.as_ref())));
    }
    if !same(current, target, Property::Attendees) {
        found.set("attendees", write_attendees(&target.attendees));
    }
    Ok(())
}

/// A body is compared with what will be written: the text of a target that lacks the way into the
/// online meeting differs for ever from what the server holds.
fn body_changes(
    current: &Event,
    target: &Event,
    found: &mut EventChanges,
) -> Result<(), WriteError> {
    let kept = join::keep(current, target.body.as_ref())?;
    let held = PropertyValue::Body(current.body.clone());
    if !held.same(&PropertyValue::Body(kept.clone())) {
        found.set("body", write_body(kept.as_ref()));
    }
    Ok(())
}

/// Times and rule are one unit. Writing them makes Exchange drop all exceptions of a series
/// (exchange-graph.md 10.3).
fn schedule_changes(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
    found: &mut EventChanges,
) -> Result<(), WriteError> {
    let series = SeriesStart::of(target)?;
    let schedule = series.as_ref().map_or(&target.schedule, |series| &series.schedule);
    let times = Times::of(schedule, series.is_some(), context)?;
    match &target.recurrence {
        Some(rule) => {
            let first = schedule.start().date();
            found.set("recurrence", recurrence::write(rule, first, times.zone_id));
        }
        None if current.recurrence.is_some() => found.set("recurrence", Value::Null),
        None => {}
    }
    found.set_times(times);
    Ok(())
}
