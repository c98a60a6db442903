//! From the model to the wire: new items.

use tidemark_model::{
    AttendeeRole, Body, BodyFormat, Event, EventStatus, Privacy, Property, RecurrenceError,
    Schedule, ShowAs, Zone,
};

use super::attendee::{ROLES, write_attendees};
use super::recurrence;
use super::times::Times;
use crate::stamp::STAMP;
use crate::xml::XmlWriter;

/// Longest reminder, in minutes (reminderminutesbeforestart page).
pub const REMINDER_MINUTES_MAX: u32 = 2_629_800;

/// What has to be known of a mailbox to write into its calendar.
#[derive(Debug, Clone, Copy)]
pub struct WriteContext<'a> {
    /// The zone that whole days and floating times are bound to.
    pub zone: &'a Zone,
}

/// Something that EWS cannot hold. The text says how it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A series in a zone that Windows does not have, and that no yearly rules say.
    #[error("Exchange has no such time zone for a series; choose one that Windows knows")]
    Zone,
    /// A set of weekdays that EWS has no word for.
    #[error(
        "Exchange takes one weekday, Monday to Friday, Saturday and Sunday, or every day for the \
         n-th day of a month; choose one of these, or make several series"
    )]
    Weekdays,
    /// An interval that is too large.
    #[error(
        "the interval is too large for Exchange; choose one of at most 999 days, weeks or months"
    )]
    Interval,
    /// More occurrences than Exchange counts.
    #[error("Exchange counts at most 999 occurrences; give the day of the last one instead")]
    Count,
    /// A rule that is none, or has no occurrence.
    #[error("{0}; correct the rule")]
    Rule(RecurrenceError),
    /// A series before the calendar of Exchange begins.
    #[error("series cannot begin before 1 April 1601; choose a later start")]
    TooEarly,
    /// A reminder that is too early.
    #[error("reminders come at most 2,629,800 minutes before the start; choose a shorter time")]
    Reminder,
    /// Somebody without an address.
    #[error("an attendee has no mail address; add it or leave the attendee out")]
    Address,
}

impl WriteError {
    /// The property that it is about.
    pub const fn property(&self) -> Property {
        match self {
            Self::Zone
            | Self::Weekdays
            | Self::Interval
            | Self::Count
            | Self::Rule(_)
            | Self::TooEarly => Property::Schedule,
            Self::Reminder => Property::Reminder,
            Self::Address => Property::Attendees,
        }
    }
}

/// A `CalendarItem` that EWS can hold, ready to be created.
#[derive(Clone)]
pub struct NewItem {
    xml: XmlWriter,
}

impl core::fmt::Debug for NewItem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NewItem({} bytes)", self.xml.as_str().len())
    }
}

impl NewItem {
    /// The item of an event, without its overrides: those are written to the occurrences of the
    /// series once it is there. `stamp` is the text of [`stamp::format`](crate::stamp::format).
    ///
    /// # Errors
    /// [`WriteError`] names what EWS cannot hold.
    pub fn of(
        event: &Event,
        stamp: Option<&str>,
        context: WriteContext<'_>,
    ) -> Result<Self, WriteError> {
        check(event)?;
        let series = SeriesStart::of(event)?;
        let schedule = series.as_ref().map_or(&event.schedule, |series| &series.schedule);
        let times = Times::of(schedule, series.is_some(), context)?;
        let mut xml = XmlWriter::default();
        xml.element("t:CalendarItem", &[], |xml| {
            write_item_part(event, stamp, xml);
            xml.text_if("t:UID", filled(event.uid.as_ref()));
            xml.text("t:Start", &times.start);
            xml.text("t:End", &times.end);
            xml.boolean("t:IsAllDayEvent", times.all_day);
            xml.text("t:LegacyFreeBusyStatus", busy_word(event));
            xml.text_if("t:Location", filled(event.location.as_ref()));
            for role in ROLES {
                write_attendees(&event.attendees, role, xml);
            }
            if let (Some(rule), Some(series)) = (&event.recurrence, &series) {
                recurrence::write(rule, series.schedule.start().date(), xml);
            }
            write_zones(&times, xml);
        });
        Ok(Self { xml })
    }

    pub(crate) fn write(&self, xml: &mut XmlWriter) {
        xml.push_part(&self.xml);
    }
}

/// A series from its first occurrence on: Exchange begins a series there, the model may begin it
/// earlier, at an event that does not match the rule.
pub(super) struct SeriesStart {
    pub(super) schedule: Schedule,
}

impl SeriesStart {
    /// None for a single event.
    pub(super) fn of(event: &Event) -> Result<Option<Self>, WriteError> {
        let Some(rule) = &event.recurrence else {
            return Ok(None);
        };
        let start = event.schedule.start();
        recurrence::check(rule, start.date())?;
        let first = rule.starts(start).next();
        let first = first.ok_or(WriteError::Rule(RecurrenceError::NoOccurrence))?;
        let schedule = event.schedule.moved_to(first.start());
        Ok(Some(Self { schedule }))
    }
}

/// What is refused whatever is written of an event.
pub(super) fn check(event: &Event) -> Result<(), WriteError> {
    if event.reminder_minutes.is_some_and(|minutes| minutes > REMINDER_MINUTES_MAX) {
        return Err(WriteError::Reminder);
    }
    if event.attendees.keys().any(|address| address.trim().is_empty()) {
        return Err(WriteError::Address);
    }
    Ok(())
}

/// The part of every item, in the order of the schema.
fn write_item_part(event: &Event, stamp: Option<&str>, xml: &mut XmlWriter) {
    xml.text_if("t:Subject", filled(event.title.as_ref()));
    xml.text("t:Sensitivity", sensitivity_word(event.privacy));
    if let Some(body) = &event.body {
        write_body(body, xml);
    }
    if !event.categories.is_empty() {
        write_categories(event, xml);
    }
    xml.text("t:Importance", importance_word(event.priority));
    xml.boolean("t:ReminderIsSet", event.reminder_minutes.is_some());
    let minutes = event.reminder_minutes.map(|minutes| minutes.to_string());
    xml.text_if("t:ReminderMinutesBeforeStart", minutes.as_deref());
    if let Some(stamp) = stamp {
        xml.element("t:ExtendedProperty", &[], |xml| {
            STAMP.write(xml);
            xml.text("t:Value", stamp);
        });
    }
}

pub(super) fn write_body(body: &Body, xml: &mut XmlWriter) {
    let kind = match body.format {
        BodyFormat::Text => "Text",
        BodyFormat::Html => "HTML",
    };
    xml.element("t:Body", &[("BodyType", kind)], |xml| xml.push_text(&body.content));
}

pub(super) fn write_categories(event: &Event, xml: &mut XmlWriter) {
    xml.element("t:Categories", &[], |xml| {
        for category in &event.categories {
            xml.text("t:String", category);
        }
    });
}

pub(super) fn write_zones(times: &Times, xml: &mut XmlWriter) {
    times.start_zone.write("t:StartTimeZone", xml);
    times.end_zone.write("t:EndTimeZone", xml);
}

/// Text that says anything: empty text counts as none.
pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// Tentative is a busy status in Exchange; an event that is tentative and would block time says so.
pub(super) const fn busy_word(event: &Event) -> &'static str {
    match (event.show_as, event.status) {
        (ShowAs::Busy, EventStatus::Tentative) | (ShowAs::Tentative, _) => "Tentative",
        (ShowAs::Busy, EventStatus::Confirmed | EventStatus::Cancelled) => "Busy",
        (ShowAs::Free, _) => "Free",
        (ShowAs::Oof, _) => "OOF",
        (ShowAs::WorkingElsewhere, _) => "WorkingElsewhere",
    }
}

pub(super) const fn sensitivity_word(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::Public => "Normal",
        Privacy::Personal => "Personal",
        Privacy::Private => "Private",
        Privacy::Confidential => "Confidential",
    }
}

/// The three levels of Exchange in the ranges of iCalendar (RFC 5545 3.8.1.9).
pub(super) const fn importance_word(priority: u8) -> &'static str {
    match priority {
        1..=4 => "High",
        6..=9 => "Low",
        _ => "Normal",
    }
}

/// Whether anybody of a role is on an event.
pub(super) fn has_role(event: &Event, role: AttendeeRole) -> bool {
    event.attendees.values().any(|attendee| attendee.role == role)
}
