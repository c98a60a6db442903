//! Rows of events: the model's fields under names that stay.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{
    Attachment, Attendee, AttendeeRole, Body, Event, OccurrencePatch, OnlineMeeting, Override,
    Participation, Person, RecurrenceId,
};

use super::LoadError;
use super::times::{RuleRow, ScheduleRow};
use crate::words::{
    BODY_FORMAT, PARTICIPATION, SENSITIVITY, SHOW_AS, STATUS, Word, read_word, write_word,
};

const ROLES: [Word<AttendeeRole>; 3] = [
    ("required", AttendeeRole::Required),
    ("optional", AttendeeRole::Optional),
    ("resource", AttendeeRole::Resource),
];

/// The value of a stored word.
pub(super) fn load_word<T: Copy>(
    table: &[Word<T>],
    word: &str,
    what: &'static str,
) -> Result<T, LoadError> {
    read_word(table, word).ok_or(LoadError::Invalid(what))
}

#[derive(Serialize, Deserialize)]
pub(super) struct EventRow {
    uid: Option<String>,
    title: Option<String>,
    body: Option<BodyRow>,
    schedule: ScheduleRow,
    rule: Option<RuleRow>,
    overrides: BTreeMap<jiff::civil::DateTime, OverrideRow>,
    location: Option<String>,
    show_as: String,
    privacy: String,
    priority: u8,
    categories: BTreeSet<String>,
    reminder_minutes: Option<u32>,
    status: String,
    organizer: Option<PersonRow>,
    attendees: BTreeMap<String, AttendeeRow>,
    my_participation: Option<String>,
    join_url: Option<String>,
    attachments: Vec<AttachmentRow>,
    sequence: u32,
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct BodyRow {
    format: String,
    content: String,
}

#[derive(Serialize, Deserialize)]
struct PersonRow {
    address: String,
    name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct AttendeeRow {
    name: Option<String>,
    role: String,
    answer: String,
}

#[derive(Serialize, Deserialize)]
struct AttachmentRow {
    id: String,
    name: String,
    content_type: Option<String>,
    size_bytes: Option<u64>,
    inline: bool,
}

/// A change to something that may also be cleared.
#[derive(Serialize, Deserialize)]
struct Change<T> {
    to: Option<T>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OverrideRow {
    Excluded,
    Changed(Box<PatchRow>),
}

#[derive(Serialize, Deserialize)]
struct PatchRow {
    title: Option<Change<String>>,
    body: Option<Change<BodyRow>>,
    schedule: Option<ScheduleRow>,
    location: Option<Change<String>>,
    show_as: Option<String>,
    reminder_minutes: Option<Change<u32>>,
    categories: Option<BTreeSet<String>>,
    attendees: Option<BTreeMap<String, AttendeeRow>>,
    priority: Option<u8>,
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            uid: event.uid.clone(),
            title: event.title.clone(),
            body: event.body.as_ref().map(BodyRow::from),
            schedule: ScheduleRow::from(&event.schedule),
            rule: event.recurrence.as_ref().map(RuleRow::from),
            overrides: event
                .overrides
                .iter()
                .map(|(id, change)| (id.start(), OverrideRow::from(change)))
                .collect(),
            location: event.location.clone(),
            show_as: write_word(&SHOW_AS, &event.show_as).to_owned(),
            privacy: write_word(&SENSITIVITY, &event.privacy).to_owned(),
            priority: event.priority,
            categories: event.categories.clone(),
            reminder_minutes: event.reminder_minutes,
            status: write_word(&STATUS, &event.status).to_owned(),
            organizer: event.organizer.as_ref().map(|person| PersonRow {
                address: person.address.clone(),
                name: person.name.clone(),
            }),
            attendees: store_attendees(&event.attendees),
            my_participation: event.my_participation.map(store_answer),
            join_url: event.online_meeting.as_ref().map(|meeting| meeting.join_url.clone()),
            attachments: event.attachments.iter().map(AttachmentRow::from).collect(),
            sequence: event.sequence,
            created: event.created,
            updated: event.updated,
        }
    }
}

impl EventRow {
    pub(super) fn into_event(self) -> Result<Event, LoadError> {
        let overrides = self
            .overrides
            .into_iter()
            .map(|(start, change)| Ok((RecurrenceId::new(start), change.into_override()?)))
            .collect::<Result<_, LoadError>>()?;
        Ok(Event {
            uid: self.uid,
            title: self.title,
            body: self.body.map(BodyRow::into_body).transpose()?,
            schedule: self.schedule.into_schedule()?,
            recurrence: self.rule.map(RuleRow::into_rule).transpose()?,
            overrides,
            location: self.location,
            show_as: load_word(&SHOW_AS, &self.show_as, "busy status")?,
            privacy: load_word(&SENSITIVITY, &self.privacy, "sensitivity")?,
            priority: self.priority,
            categories: self.categories,
            reminder_minutes: self.reminder_minutes,
            status: load_word(&STATUS, &self.status, "status")?,
            organizer: self.organizer.map(|row| Person { address: row.address, name: row.name }),
            attendees: load_attendees(self.attendees)?,
            my_participation: self.my_participation.as_deref().map(load_answer).transpose()?,
            online_meeting: self.join_url.map(|join_url| OnlineMeeting { join_url }),
            attachments: self.attachments.into_iter().map(Attachment::from).collect(),
            sequence: self.sequence,
            created: self.created,
            updated: self.updated,
        })
    }
}

fn store_answer(answer: Participation) -> String {
    write_word(&PARTICIPATION, &answer).to_owned()
}

fn load_answer(word: &str) -> Result<Participation, LoadError> {
    load_word(&PARTICIPATION, word, "answer")
}

fn store_attendees(attendees: &BTreeMap<String, Attendee>) -> BTreeMap<String, AttendeeRow> {
    let row = |attendee: &Attendee| AttendeeRow {
        name: attendee.name.clone(),
        role: write_word(&ROLES, &attendee.role).to_owned(),
        answer: store_answer(attendee.participation),
    };
    attendees.iter().map(|(address, attendee)| (address.clone(), row(attendee))).collect()
}

fn load_attendees(
    rows: BTreeMap<String, AttendeeRow>,
) -> Result<BTreeMap<String, Attendee>, LoadError> {
    let attendee = |row: AttendeeRow| {
        Ok(Attendee {
            name: row.name,
            role: load_word(&ROLES, &row.role, "role")?,
            participation: load_answer(&row.answer)?,
        })
    };
    rows.into_iter().map(|(address, row)| Ok((address, attendee(row)?))).collect()
}

impl From<&Body> for BodyRow {
    fn from(body: &Body) -> Self {
        Self {
            format: write_word(&BODY_FORMAT, &body.format).to_owned(),
            content: body.content.clone(),
        }
    }
}

impl BodyRow {
    fn into_body(self) -> Result<Body, LoadError> {
        Ok(Body {
            format: load_word(&BODY_FORMAT, &self.format, "body format")?,
            content: self.content,
        })
    }
}

impl From<&Attachment> for AttachmentRow {
    fn from(attachment: &Attachment) -> Self {
        Self {
            id: attachment.id.clone(),
            name: attachment.name.clone(),
            content_type: attachment.content_type.clone(),
            size_bytes: attachment.size_bytes,
            inline: attachment.inline,
        }
    }
}

impl From<AttachmentRow> for Attachment {
    fn from(row: AttachmentRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            content_type: row.content_type,
            size_bytes: row.size_bytes,
            inline: row.inline,
        }
    }
}

impl From<&Override> for OverrideRow {
    fn from(change: &Override) -> Self {
        match change {
            Override::Excluded => Self::Excluded,
            Override::Changed(patch) => Self::Changed(Box::new(PatchRow {
                title: patch.title.clone().map(|to| Change { to }),
                body: patch.body.as_ref().map(|to| Change { to: to.as_ref().map(BodyRow::from) }),
                schedule: patch.schedule.as_ref().map(ScheduleRow::from),
                location: patch.location.clone().map(|to| Change { to }),
                show_as: patch.show_as.map(|value| write_word(&SHOW_AS, &value).to_owned()),
                reminder_minutes: patch.reminder_minutes.map(|to| Change { to }),
                categories: patch.categories.clone(),
                attendees: patch.attendees.as_ref().map(store_attendees),
                priority: patch.priority,
            })),
        }
    }
}

impl OverrideRow {
    fn into_override(self) -> Result<Override, LoadError> {
        let row = match self {
            Self::Excluded => return Ok(Override::Excluded),
            Self::Changed(row) => *row,
        };
        let body = match row.body {
            None => None,
            Some(change) => Some(change.to.map(BodyRow::into_body).transpose()?),
        };
        let show_as =
            row.show_as.map(|word| load_word(&SHOW_AS, &word, "busy status")).transpose()?;
        Ok(Override::Changed(Box::new(OccurrencePatch {
            title: row.title.map(|change| change.to),
            body,
            schedule: row.schedule.map(ScheduleRow::into_schedule).transpose()?,
            location: row.location.map(|change| change.to),
            show_as,
            reminder_minutes: row.reminder_minutes.map(|change| change.to),
            categories: row.categories,
            attendees: row.attendees.map(load_attendees).transpose()?,
            priority: row.priority,
        })))
    }
}
