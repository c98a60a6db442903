//! From the model to the wire: new events.

use serde_json::{Map, Value, json};
use tidemark_model::{
    Body, BodyFormat, Event, EventStatus, Privacy, Property, RecurrenceError, RecurrenceId,
    Schedule, ShowAs, Zone,
};

use super::attendee::write_attendees;
use super::recurrence;
use super::stamp;
use super::times::Times;

/// Longest reminder, in minutes: that of the store, as over EWS (mapping.md 3.6).
pub const REMINDER_MINUTES_MAX: u32 = 2_629_800;

/// What has to be known of a mailbox to write into its calendar.
#[derive(Debug, Clone, Copy)]
pub struct WriteContext<'a> {
    /// The zone that whole days and floating times are bound to.
    pub zone: &'a Zone,
}

/// Something that Graph cannot hold. The text says how it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A series in a zone that Windows does not have.
    #[error("Exchange Online has no such time zone for a series; choose one that Windows knows")]
    Zone,
    /// An interval that is too large.
    #[error(
        "the interval is too large for Exchange; choose one of at most 999 days, weeks or months, \
         or 83 years"
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
    /// Something is said of an occurrence that the rule does not give.
    #[error("the rule of the series has no such occurrence; correct it or leave it out")]
    NoSuchOccurrence(RecurrenceId),
    /// A reminder that is too early.
    #[error("reminders come at most 2,629,800 minutes before the start; choose a shorter time")]
    Reminder,
    /// Somebody without an address.
    #[error("an attendee has no mail address; add it or leave the attendee out")]
    Address,
    /// The part of the body that leads into an online meeting cannot be told from the rest, and
    /// without it the meeting would no longer be online (event-update page).
    #[error(
        "the text holds the way into an online meeting, which cannot be told from the rest of it; \
         change the text in Outlook"
    )]
    JoinBlock,
}

impl WriteError {
    /// The property that it is about.
    pub const fn property(&self) -> Property {
        match self {
            Self::Zone | Self::Interval | Self::Count | Self::Rule(_) | Self::TooEarly => {
                Property::Schedule
            }
            Self::NoSuchOccurrence(id) => Property::Override(*id),
            Self::Reminder => Property::Reminder,
            Self::Address => Property::Attendees,
            Self::JoinBlock => Property::Body,
        }
    }
}

/// The body of `POST .../events`: an event that Graph can hold. Everybody on it is invited at once.
#[derive(Clone, PartialEq)]
pub struct NewEvent {
    members: Map<String, Value>,
}

impl core::fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.members.keys()).finish()
    }
}

impl NewEvent {
    /// The body for an event, without its overrides: those are written to the instances of the
    /// series once it is there, see [`plan_create`](super::plan_create).
    ///
    /// `stamp` is the text of [`stamp::format`]. With the same `transaction_id`, Graph makes the
    /// event only once.
    ///
    /// # Errors
    /// [`WriteError`] names what Graph cannot hold.
    pub fn of(
        event: &Event,
        stamp: Option<&str>,
        transaction_id: Option<&str>,
        context: WriteContext<'_>,
    ) -> Result<Self, WriteError> {
        check(event)?;
        let series = SeriesStart::of(event)?;
        let schedule = series.as_ref().map_or(&event.schedule, |series| &series.schedule);
        let times = Times::of(schedule, series.is_some(), context)?;
        let mut members = Map::new();
        let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        set("subject", json!(filled(event.title.as_ref()).unwrap_or_default()));
        if let Some(body) = &event.body {
            set("body", write_body(Some(body)));
        }
        if let Some(location) = filled(event.location.as_ref()) {
            set("location", write_location(Some(location)));
        }
        set("showAs", json!(busy_word(event)));
        set("sensitivity", json!(sensitivity_word(event.privacy)));
        set("importance", json!(importance_word(event.priority)));
        if !event.categories.is_empty() {
            set("categories", json!(event.categories));
        }
        // Without it, the mailbox's default reminder would be taken.
        set("isReminderOn", json!(event.reminder_minutes.is_some()));
        if let Some(minutes) = event.reminder_minutes {
            set("reminderMinutesBeforeStart", json!(minutes));
        }
        if !event.attendees.is_empty() {
            set("attendees", write_attendees(&event.attendees));
        }
        if let (Some(rule), Some(series)) = (&event.recurrence, &series) {
            let first = series.schedule.start().date();
            set("recurrence", recurrence::write(rule, first, times.zone_id));
        }
        if let Some(id) = transaction_id {
            set("transactionId", json!(id));
        }
        if let Some(stamp) = stamp {
            set("singleValueExtendedProperties", write_stamp(stamp));
        }
        set("start", times.start);
        set("end", times.end);
        set("isAllDay", json!(times.all_day));
        Ok(Self { members })
    }

    /// The members, by name.
    pub const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(&self.members)
    }
}

pub(super) fn to_json(members: &Map<String, Value>) -> Vec<u8> {
    // Maps of values always serialise.
    serde_json::to_vec(members).unwrap_or_default()
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

/// A body; empty text clears it.
pub(super) fn write_body(body: Option<&Body>) -> Value {
    let (kind, content) = match body {
        Some(Body { format: BodyFormat::Html, content }) => ("html", content.as_str()),
        Some(Body { format: BodyFormat::Text, content }) => ("text", content.as_str()),
        None => ("text", ""),
    };
    json!({ "contentType": kind, "content": content })
}

/// A place by its name; empty text clears it. All `locations` are replaced by it (event page).
pub(super) fn write_location(name: Option<&str>) -> Value {
    json!({ "displayName": name.unwrap_or_default() })
}

pub(super) fn write_stamp(text: &str) -> Value {
    json!([{ "id": stamp::PROPERTY, "value": text }])
}

/// Text that says anything: empty text counts as none.
pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// Tentative is a busy status in Exchange; an event that is tentative and would block time says so.
pub(super) const fn busy_word(event: &Event) -> &'static str {
    match (event.show_as, event.status) {
        (ShowAs::Busy, EventStatus::Tentative) | (ShowAs::Tentative, _) => "tentative",
        (ShowAs::Busy, EventStatus::Confirmed | EventStatus::Cancelled) => "busy",
        (ShowAs::Free, _) => "free",
        (ShowAs::Oof, _) => "oof",
        (ShowAs::WorkingElsewhere, _) => "workingElsewhere",
    }
}

pub(super) const fn sensitivity_word(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::Public => "normal",
        Privacy::Personal => "personal",
        Privacy::Private => "private",
        Privacy::Confidential => "confidential",
    }
}

/// The three levels of Exchange in the ranges of iCalendar (RFC 5545 3.8.1.9).
pub(super) const fn importance_word(priority: u8) -> &'static str {
    match priority {
        1..=4 => "high",
        6..=9 => "low",
        _ => "normal",
    }
}
