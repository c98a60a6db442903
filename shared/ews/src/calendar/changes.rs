//! From the model to the wire: what differs between two states of an item.

use std::collections::BTreeSet;

use tidemark_model::{Event, Property};

use super::attendee::{ROLES, list_of, write_attendees};
use super::recurrence;
use super::times::Times;
use super::write::{
    SeriesStart, WriteContext, WriteError, busy_word, check, filled, has_role, importance_word,
    sensitivity_word, write_body, write_categories,
};
use crate::property::PropertyPath;
use crate::stamp::STAMP;
use crate::xml::XmlWriter;

/// One property of an item to be written: `SetItemField` or `DeleteItemField`.
#[derive(Clone)]
pub struct FieldChange {
    path: PropertyPath,
    /// The property's element; none clears it.
    value: Option<XmlWriter>,
}

impl core::fmt::Debug for FieldChange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let verb = if self.value.is_some() { "Set" } else { "Clear" };
        write!(f, "{verb}({:?})", self.path)
    }
}

impl FieldChange {
    fn set(field: &'static str, write: impl FnOnce(&mut XmlWriter)) -> Self {
        let mut xml = XmlWriter::default();
        write(&mut xml);
        Self { path: PropertyPath::Field(field), value: Some(xml) }
    }

    const fn clear(field: &'static str) -> Self {
        Self { path: PropertyPath::Field(field), value: None }
    }

    /// Sets or clears a property that is one element of text.
    fn text(field: &'static str, element: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => Self::set(field, |xml| xml.text(element, text)),
            None => Self::clear(field),
        }
    }

    /// Writes our stamp on an item that has none, or another one.
    pub fn stamp(text: &str) -> Self {
        let mut xml = XmlWriter::default();
        xml.element("t:ExtendedProperty", &[], |xml| {
            STAMP.write(xml);
            xml.text("t:Value", text);
        });
        Self { path: PropertyPath::Extended(STAMP), value: Some(xml) }
    }

    /// The property's name in the schema; none for our stamp.
    pub const fn field(&self) -> Option<&'static str> {
        match self.path {
            PropertyPath::Field(field) => Some(field),
            PropertyPath::Extended(_) => None,
        }
    }

    /// Whether it clears the property.
    pub const fn clears(&self) -> bool {
        self.value.is_none()
    }

    pub(crate) fn write(&self, xml: &mut XmlWriter) {
        match &self.value {
            Some(value) => xml.element("t:SetItemField", &[], |xml| {
                self.path.write(xml);
                xml.element("t:CalendarItem", &[], |xml| xml.push_part(value));
            }),
            None => xml.element("t:DeleteItemField", &[], |xml| self.path.write(xml)),
        }
    }
}

/// What has to be written so that an item that says `current` says `target`; empty if nothing.
///
/// Overrides are not looked at: they belong to the occurrences, see [`occurrence_changes`]. Neither
/// is what cannot be written: UID, cancellation, organiser, answers.
///
/// # Errors
/// [`WriteError`] if something that differs cannot be held by EWS.
pub fn changes(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
) -> Result<Vec<FieldChange>, WriteError> {
    let mut found = Vec::new();
    own_changes(current, target, &mut found)?;
    if sensitivity_word(current.privacy) != sensitivity_word(target.privacy) {
        let word = sensitivity_word(target.privacy);
        found.push(FieldChange::text("item:Sensitivity", "t:Sensitivity", Some(word)));
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
/// [`WriteError`] if something that differs cannot be held by EWS.
pub fn occurrence_changes(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
) -> Result<Vec<FieldChange>, WriteError> {
    let mut found = Vec::new();
    own_changes(current, target, &mut found)?;
    let as_single = |event: &Event| {
        let mut event = event.clone();
        event.recurrence = None;
        event
    };
    let (current, target) = (as_single(current), as_single(target));
    if !same(&current, &target, Property::Schedule) {
        let times = Times::of(&target.schedule, false, context)?;
        found.extend(time_changes(&times));
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
    found: &mut Vec<FieldChange>,
) -> Result<(), WriteError> {
    check(target)?;
    if !same(current, target, Property::Title) {
        let title = filled(target.title.as_ref());
        found.push(FieldChange::text("item:Subject", "t:Subject", title));
    }
    if !same(current, target, Property::Body) {
        found.push(match &target.body {
            Some(body) => FieldChange::set("item:Body", |xml| write_body(body, xml)),
            None => FieldChange::clear("item:Body"),
        });
    }
    if !same(current, target, Property::Categories) {
        found.push(if target.categories.is_empty() {
            FieldChange::clear("item:Categories")
        } else {
            FieldChange::set("item:Categories", |xml| write_categories(target, xml))
        });
    }
    if importance_word(current.priority) != importance_word(target.priority) {
        let word = importance_word(target.priority);
        found.push(FieldChange::text("item:Importance", "t:Importance", Some(word)));
    }
    if !same(current, target, Property::Reminder) {
        reminder_changes(target.reminder_minutes, found);
    }
    if busy_word(current) != busy_word(target) {
        let (field, element) = ("calendar:LegacyFreeBusyStatus", "t:LegacyFreeBusyStatus");
        found.push(FieldChange::text(field, element, Some(busy_word(target))));
    }
    if !same(current, target, Property::Location) {
        let location = filled(target.location.as_ref());
        found.push(FieldChange::text("calendar:Location", "t:Location", location));
    }
    attendee_changes(current, target, found);
    Ok(())
}

fn reminder_changes(minutes: Option<u32>, found: &mut Vec<FieldChange>) {
    found.push(FieldChange::set("item:ReminderIsSet", |xml| {
        xml.boolean("t:ReminderIsSet", minutes.is_some());
    }));
    if let Some(minutes) = minutes {
        let (field, element) = ("item:ReminderMinutesBeforeStart", "t:ReminderMinutesBeforeStart");
        found.push(FieldChange::text(field, element, Some(&minutes.to_string())));
    }
}

/// Each list is written whole, and only if somebody was added to it or taken off it.
fn attendee_changes(current: &Event, target: &Event, found: &mut Vec<FieldChange>) {
    for role in ROLES {
        let addresses = |event: &Event| -> BTreeSet<String> {
            let people = event.attendees.iter();
            people
                .filter(|(_, attendee)| attendee.role == role)
                .map(|(address, _)| address.trim().to_lowercase())
                .collect()
        };
        if addresses(current) == addresses(target) {
            continue;
        }
        let field = list_of(role).1;
        found.push(if has_role(target, role) {
            FieldChange::set(field, |xml| write_attendees(&target.attendees, role, xml))
        } else {
            FieldChange::clear(field)
        });
    }
}

/// Times and rule are one unit. Writing them makes Exchange drop all exceptions of a series.
fn schedule_changes(
    current: &Event,
    target: &Event,
    context: WriteContext<'_>,
    found: &mut Vec<FieldChange>,
) -> Result<(), WriteError> {
    let series = SeriesStart::of(target)?;
    let schedule = series.as_ref().map_or(&target.schedule, |series| &series.schedule);
    let times = Times::of(schedule, series.is_some(), context)?;
    found.extend(time_changes(&times));
    match &target.recurrence {
        Some(rule) => found.push(FieldChange::set("calendar:Recurrence", |xml| {
            recurrence::write(rule, schedule.start().date(), xml);
        })),
        None if current.recurrence.is_some() => {
            found.push(FieldChange::clear("calendar:Recurrence"));
        }
        None => {}
    }
    Ok(())
}

/// Start without end can fail or change the duration, and times without zones take the zone that
/// the item had: all of them are written together.
fn time_changes(times: &Times) -> [FieldChange; 5] {
    [
        FieldChange::text("calendar:Start", "t:Start", Some(&times.start)),
        FieldChange::text("calendar:End", "t:End", Some(&times.end)),
        FieldChange::set("calendar:IsAllDayEvent", |xml| {
            xml.boolean("t:IsAllDayEvent", times.all_day);
        }),
        FieldChange::set("calendar:StartTimeZone", |xml| {
            times.start_zone.write("t:StartTimeZone", xml);
        }),
        FieldChange::set("calendar:EndTimeZone", |xml| {
            times.end_zone.write("t:EndTimeZone", xml);
        }),
    ]
}
