//! Single property changes, as every protocol breaks its writes down to.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tidemark_model::{AttendeeRole, Body, Participation, Privacy, Recurrence, ShowAs};

use super::{
    Appointment, Contact, ExtendedName, ExtendedValues, Importance, Invitee, Message, StoreError,
};
use crate::windows_zone::{to_civil, to_instant};

/// Longest reminder: five years (exchange-ews.md 7).
const REMINDER_MINUTES_MAX: u32 = 2_629_800;
/// Longest appointment: five years (ErrorCalendarDurationIsTooLong).
const DURATION_MAX: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);
/// Longest subject that Exchange keeps (PidTagSubject).
const SUBJECT_CHARS_MAX: usize = 255;

/// One property of an item, with what it shall become.
#[derive(Clone)]
pub enum Change {
    /// Subject; cut at 255 characters.
    Subject(String),
    /// Description.
    Body(Option<Body>),
    /// Text to add to the description.
    AppendBody(String),
    /// Start.
    Start(Timestamp),
    /// End.
    End(Timestamp),
    /// Windows id of the zone of the start.
    StartZone(String),
    /// Windows id of the zone of the end.
    EndZone(String),
    /// Whole days.
    AllDay(bool),
    /// Place.
    Location(Option<String>),
    /// Busy status.
    ShowAs(ShowAs),
    /// Sensitivity.
    Sensitivity(Privacy),
    /// Importance.
    Importance(Importance),
    /// Categories.
    Categories(BTreeSet<String>),
    /// Whether it reminds.
    ReminderSet(bool),
    /// Minutes before the start.
    ReminderMinutes(u32),
    /// Rule with its start date.
    Recurrence(Option<(Recurrence, Date)>),
    /// People of one part.
    Attendees(AttendeeRole, People),
    /// An extended property; `None` takes it away.
    Extended(ExtendedName, Option<ExtendedValues>),
    /// iCalendar UID, only while the item is made.
    Uid(String),
    /// Whether answers are asked for.
    ResponseRequested(bool),
    /// Whether attendees may propose another time.
    AllowNewTimeProposal(bool),
    /// Whether a message was read.
    Read(bool),
    /// Receivers of a message.
    To(Vec<Contact>),
}

/// What becomes of a list of people.
#[derive(Clone)]
pub enum People {
    /// These instead.
    Replace(Vec<Contact>),
    /// These too.
    Append(Vec<Contact>),
}

impl Change {
    /// The property's name in the store: what AutoResolve compares by.
    pub fn property(&self) -> String {
        let name = match self {
            Self::Subject(_) => "subject",
            Self::Body(_) | Self::AppendBody(_) => "body",
            Self::Start(_) => "start",
            Self::End(_) => "end",
            Self::StartZone(_) => "startZone",
            Self::EndZone(_) => "endZone",
            Self::AllDay(_) => "allDay",
            Self::Location(_) => "location",
            Self::ShowAs(_) => "showAs",
            Self::Sensitivity(_) => "sensitivity",
            Self::Importance(_) => "importance",
            Self::Categories(_) => "categories",
            Self::ReminderSet(_) => "reminderSet",
            Self::ReminderMinutes(_) => "reminderMinutes",
            Self::Recurrence(_) => "recurrence",
            Self::Attendees(AttendeeRole::Required, _) => "required",
            Self::Attendees(AttendeeRole::Optional, _) => "optional",
            Self::Attendees(AttendeeRole::Resource, _) => "resources",
            Self::Extended(name, _) => return format!("extended/{name:?}"),
            Self::Uid(_) => "uid",
            Self::ResponseRequested(_) => "responseRequested",
            Self::AllowNewTimeProposal(_) => "allowNewTimeProposal",
            Self::Read(_) => "read",
            Self::To(_) => "to",
        };
        name.to_owned()
    }
}

/// What is being written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A new item.
    Create,
    /// A single item or a series.
    Update,
    /// One occurrence of a series.
    Occurrence,
}

/// Applies changes in order to an appointment, then brings it into the form that Exchange keeps.
pub(super) fn to_appointment(
    onto: &mut Appointment,
    changes: &[Change],
    stage: Stage,
) -> Result<(), StoreError> {
    let before = (onto.start, onto.end, onto.all_day, onto.start_zone.clone());
    let mut rule_written = false;
    let mut rule_date = None;
    for change in changes {
        if let Change::Recurrence(rule) = change {
            if stage == Stage::Occurrence {
                return Err(StoreError::NotSettable);
            }
            rule_written = true;
            rule_date = rule.as_ref().map(|(_, date)| *date);
            onto.recurrence = rule.as_ref().map(|(rule, _)| rule.clone());
        } else {
            one_property(onto, change, stage)?;
        }
    }
    if onto.all_day {
        widen_to_days(onto);
    }
    check_times(onto)?;
    if stage == Stage::Occurrence {
        return Ok(());
    }
    let after = (onto.start, onto.end, onto.all_day, onto.start_zone.clone());
    if rule_written || before != after {
        // Changing the rule or the times of a series discards its exceptions (exchange-ews.md 7).
        onto.occurrences.clear();
    }
    if onto.recurrence.is_some() && (rule_written || before != after) {
        align_to_rule(onto, rule_date)?;
        onto.check_series()?;
    }
    Ok(())
}

fn one_property(onto: &mut Appointment, change: &Change, stage: Stage) -> Result<(), StoreError> {
    match change {
        Change::Subject(subject) => {
            onto.subject = subject.chars().take(SUBJECT_CHARS_MAX).collect();
        }
        Change::Body(body) => onto.body.clone_from(body),
        Change::AppendBody(text) => append_body(&mut onto.body, text),
        Change::Start(start) => onto.start = *start,
        Change::End(end) => onto.end = *end,
        Change::StartZone(zone) => onto.start_zone.clone_from(zone),
        Change::EndZone(zone) => onto.end_zone.clone_from(zone),
        Change::AllDay(all_day) => onto.all_day = *all_day,
        Change::Location(location) => onto.location.clone_from(location),
        Change::ShowAs(show_as) => onto.show_as = *show_as,
        // An exception has no sensitivity of its own: one that is set is not used
        // (MS-OXOCAL 2.2.10.2).
        Change::Sensitivity(_) if stage == Stage::Occurrence => {}
        Change::Sensitivity(sensitivity) => onto.sensitivity = *sensitivity,
        Change::Importance(importance) => onto.importance = *importance,
        Change::Categories(categories) => onto.categories.clone_from(categories),
        Change::ReminderSet(set) => onto.reminder_set = *set,
        Change::ReminderMinutes(minutes) if *minutes > REMINDER_MINUTES_MAX => {
            return Err(StoreError::InvalidValue);
        }
        Change::ReminderMinutes(minutes) => onto.reminder_minutes = *minutes,
        Change::Attendees(role, people) => write_people(&mut onto.attendees, *role, people),
        Change::Extended(name, Some(values)) => {
            onto.extended.insert(name.clone(), values.clone());
        }
        Change::Extended(name, None) => {
            onto.extended.remove(name);
        }
        Change::Uid(uid) if stage == Stage::Create => onto.uid.clone_from(uid),
        Change::ResponseRequested(asked) => onto.response_requested = *asked,
        Change::AllowNewTimeProposal(allowed) => onto.allow_new_time_proposal = *allowed,
        Change::Uid(_) | Change::Read(_) | Change::To(_) | Change::Recurrence(_) => {
            return Err(StoreError::NotSettable);
        }
    }
    Ok(())
}

/// Applies changes in order to a message.
pub(super) fn to_message(onto: &mut Message, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            Change::Subject(subject) => {
                onto.subject = subject.chars().take(SUBJECT_CHARS_MAX).collect();
            }
            Change::Body(body) => onto.body.clone_from(body),
            Change::AppendBody(text) => append_body(&mut onto.body, text),
            Change::Sensitivity(sensitivity) => onto.sensitivity = *sensitivity,
            Change::Importance(importance) => onto.importance = *importance,
            Change::Categories(categories) => onto.categories.clone_from(categories),
            Change::Extended(name, Some(values)) => {
                onto.extended.insert(name.clone(), values.clone());
            }
            Change::Extended(name, None) => {
                onto.extended.remove(name);
            }
            Change::Read(read) => onto.read = *read,
            Change::To(to) if onto.draft => onto.to.clone_from(to),
            _ => return Err(StoreError::NotSettable),
        }
    }
    Ok(())
}

fn append_body(body: &mut Option<Body>, text: &str) {
    match body {
        Some(body) => body.content.push_str(text),
        None => {
            *body =
                Some(Body { format: tidemark_model::BodyFormat::Text, content: text.to_owned() });
        }
    }
}

/// Replaces or extends the people of one part; who stays keeps the answer that was given.
fn write_people(attendees: &mut Vec<Invitee>, role: AttendeeRole, people: &People) {
    let before = attendees.clone();
    let added = match people {
        People::Replace(added) => {
            attendees.retain(|invitee| invitee.role != role);
            added
        }
        People::Append(added) => added,
    };
    for contact in added {
        let known =
            before.iter().find(|invitee| invitee.address.eq_ignore_ascii_case(&contact.address));
        let here = attendees.iter().any(|invitee| {
            invitee.role == role && invitee.address.eq_ignore_ascii_case(&contact.address)
        });
        if here {
            continue;
        }
        attendees.push(Invitee {
            address: contact.address.clone(),
            name: (!contact.name.is_empty()).then(|| contact.name.clone()),
            role,
            response: known.map_or(Participation::NeedsAction, |invitee| invitee.response),
            answered: known.and_then(|invitee| invitee.answered),
        });
    }
}

/// Exchange moves the start of a whole-day item back and its end forward to midnight in the
/// item's zone (exchange-ews.md 7).
fn widen_to_days(onto: &mut Appointment) {
    let midnight = |at: DateTime| at.date().to_datetime(Time::midnight());
    let start = midnight(to_civil(&onto.start_zone, onto.start));
    let asked_end = to_civil(&onto.start_zone, onto.end);
    let mut end = midnight(asked_end);
    if end < asked_end || end <= start {
        end = end.saturating_add(1.day());
    }
    if end <= start {
        // Left alone for the check that follows: the end lies before the start.
        return;
    }
    onto.start = to_instant(&onto.start_zone, start);
    onto.end = to_instant(&onto.start_zone, end);
}

fn check_times(of: &Appointment) -> Result<(), StoreError> {
    if of.end < of.start {
        return Err(StoreError::EndBeforeStart);
    }
    if of.duration() > DURATION_MAX {
        return Err(StoreError::TooLong);
    }
    Ok(())
}

/// Moves the times of a series to the first day that its rule names, from the rule's own start
/// date on if it came with one.
fn align_to_rule(onto: &mut Appointment, rule_date: Option<Date>) -> Result<(), StoreError> {
    let Some(rule) = onto.recurrence.clone() else {
        return Ok(());
    };
    let civil = onto.civil_start();
    let first = super::first_days(&rule, rule_date.unwrap_or(civil.date()), 1)
        .first()
        .copied()
        .ok_or(StoreError::NoOccurrence)?;
    if first != civil.date() {
        let (start, end) = onto.regular_times(first.to_datetime(civil.time()));
        onto.start = start;
        onto.end = end;
    }
    Ok(())
}
