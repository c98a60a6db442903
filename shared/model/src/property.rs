//! Properties as merge sees them: each is compared, owned and carried on its own.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Attendee, Body, Event, EventStatus, Participation, Privacy, ShowAs};
use crate::recurrence::{Override, Recurrence, RecurrenceId};
use crate::schedule::Schedule;

pub(crate) mod same;

/// The name of a property that merges as one unit.
///
/// Times and rule are one unit; every override is a unit of its own, so that two sides may change
/// different occurrences without a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// Subject.
    Title,
    /// Description with its format.
    Body,
    /// Start, end, zones, whole-day flag and rule.
    Schedule,
    /// What became of one occurrence.
    Override(RecurrenceId),
    /// Place.
    Location,
    /// Busy status.
    ShowAs,
    /// Sensitivity.
    Privacy,
    /// Priority.
    Priority,
    /// Categories.
    Categories,
    /// Reminder.
    Reminder,
    /// Confirmed, tentative, cancelled.
    Status,
    /// The people invited, without their answers.
    Attendees,
    /// The owner's own answer.
    MyParticipation,
}

impl Property {
    /// The JSCalendar member (or our own) that people know this property by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Body => "description",
            Self::Schedule => "start",
            Self::Override(_) => "recurrenceOverrides",
            Self::Location => "locations",
            Self::ShowAs => "freeBusyStatus",
            Self::Privacy => "privacy",
            Self::Priority => "priority",
            Self::Categories => "keywords",
            Self::Reminder => "alerts",
            Self::Status => "status",
            Self::Attendees => "participants",
            Self::MyParticipation => "participationStatus",
        }
    }
}

/// A property with its value.
#[derive(Clone, PartialEq, Eq)]
pub enum PropertyValue {
    /// Subject; `None` clears.
    Title(Option<String>),
    /// Description; `None` clears.
    Body(Option<Body>),
    /// Times and rule. Cannot be cleared.
    Schedule(Schedule, Option<Recurrence>),
    /// One occurrence; `None` returns it to the rule.
    Override(RecurrenceId, Option<Override>),
    /// Place; `None` clears.
    Location(Option<String>),
    /// Busy status.
    ShowAs(ShowAs),
    /// Sensitivity.
    Privacy(Privacy),
    /// Priority.
    Priority(u8),
    /// Categories; empty clears.
    Categories(BTreeSet<String>),
    /// Reminder in minutes before the start; `None` clears.
    Reminder(Option<u32>),
    /// State.
    Status(EventStatus),
    /// Attendees; empty clears. Answers in it are not written.
    Attendees(BTreeMap<String, Attendee>),
    /// The owner's answer.
    MyParticipation(Option<Participation>),
}

impl PropertyValue {
    /// Which property this is a value of.
    pub const fn property(&self) -> Property {
        match self {
            Self::Title(_) => Property::Title,
            Self::Body(_) => Property::Body,
            Self::Schedule(..) => Property::Schedule,
            Self::Override(id, _) => Property::Override(*id),
            Self::Location(_) => Property::Location,
            Self::ShowAs(_) => Property::ShowAs,
            Self::Privacy(_) => Property::Privacy,
            Self::Priority(_) => Property::Priority,
            Self::Categories(_) => Property::Categories,
            Self::Reminder(_) => Property::Reminder,
            Self::Status(_) => Property::Status,
            Self::Attendees(_) => Property::Attendees,
            Self::MyParticipation(_) => Property::MyParticipation,
        }
    }
}

/// Shows which property, never its value.
impl fmt::Debug for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PropertyValue({:?})", self.property())
    }
}

/// What one side has to say: only the properties that it has an opinion on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPatch {
    /// iCalendar UID, if given; it is fixed once the item exists.
    pub uid: Option<String>,
    /// Whether the overrides given are all there are: every other one returns to the rule.
    pub overrides_complete: bool,
    values: BTreeMap<Property, PropertyValue>,
}

impl EventPatch {
    /// No opinion at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces an opinion.
    pub fn set(&mut self, value: PropertyValue) {
        self.values.insert(value.property(), value);
    }

    /// The opinion on a property, if there is one.
    pub fn get(&self, property: Property) -> Option<&PropertyValue> {
        self.values.get(&property)
    }

    /// All opinions, in the order of [`Property`].
    pub fn values(&self) -> impl Iterator<Item = &PropertyValue> {
        self.values.values()
    }

    /// Whether there is no opinion.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.uid.is_none() && !self.overrides_complete
    }
}

impl Event {
    /// Every property that this event has a value for: the fixed ones, and one per override.
    pub fn properties(&self) -> Vec<Property> {
        let fixed = [
            Property::Title,
            Property::Body,
            Property::Schedule,
            Property::Location,
            Property::ShowAs,
            Property::Privacy,
            Property::Priority,
            Property::Categories,
            Property::Reminder,
            Property::Status,
            Property::Attendees,
            Property::MyParticipation,
        ];
        fixed.into_iter().chain(self.overrides.keys().map(|id| Property::Override(*id))).collect()
    }

    /// The value of one property.
    pub fn value(&self, property: Property) -> PropertyValue {
        match property {
            Property::Title => PropertyValue::Title(self.title.clone()),
            Property::Body => PropertyValue::Body(self.body.clone()),
            Property::Schedule => {
                PropertyValue::Schedule(self.schedule.clone(), self.recurrence.clone())
            }
            Property::Override(id) => PropertyValue::Override(id, self.overrides.get(&id).cloned()),
            Property::Location => PropertyValue::Location(self.location.clone()),
            Property::ShowAs => PropertyValue::ShowAs(self.show_as),
            Property::Privacy => PropertyValue::Privacy(self.privacy),
            Property::Priority => PropertyValue::Priority(self.priority),
            Property::Categories => PropertyValue::Categories(self.categories.clone()),
            Property::Reminder => PropertyValue::Reminder(self.reminder_minutes),
            Property::Status => PropertyValue::Status(self.status),
            Property::Attendees => PropertyValue::Attendees(self.attendees.clone()),
            Property::MyParticipation => PropertyValue::MyParticipation(self.my_participation),
        }
    }

    /// Replaces the value of one property.
    pub fn apply(&mut self, value: PropertyValue) {
        match value {
            PropertyValue::Title(title) => self.title = title,
            PropertyValue::Body(body) => self.body = body,
            PropertyValue::Schedule(schedule, recurrence) => {
                self.schedule = schedule;
                self.recurrence = recurrence;
            }
            PropertyValue::Override(id, Some(change)) => {
                self.overrides.insert(id, change);
            }
            PropertyValue::Override(id, None) => {
                self.overrides.remove(&id);
            }
            PropertyValue::Location(location) => self.location = location,
            PropertyValue::ShowAs(show_as) => self.show_as = show_as,
            PropertyValue::Privacy(privacy) => self.privacy = privacy,
            PropertyValue::Priority(priority) => self.priority = priority,
            PropertyValue::Categories(categories) => self.categories = categories,
            PropertyValue::Reminder(minutes) => self.reminder_minutes = minutes,
            PropertyValue::Status(status) => self.status = status,
            PropertyValue::Attendees(attendees) => self.attendees = attendees,
            PropertyValue::MyParticipation(answer) => self.my_participation = answer,
        }
    }

    /// Replaces every property that the patch has an opinion on.
    pub fn apply_patch(&mut self, patch: &EventPatch) {
        if let Some(uid) = &patch.uid {
            self.uid = Some(uid.clone());
        }
        if patch.overrides_complete {
            self.overrides.clear();
        }
        for value in patch.values() {
            self.apply(value.clone());
        }
    }
}
