//! The appointment: JSCalendar's `Event`, narrowed to what a mailbox can hold.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::recurrence::{Override, Recurrence, RecurrenceId};
use crate::schedule::Schedule;

pub use self::series::Instance;

mod series;
#[cfg(test)]
mod tests;

/// An appointment or meeting; a series is one event with a rule and overrides.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// iCalendar UID: the same in all copies of a meeting and in all occurrences of a series.
    pub uid: Option<String>,
    /// Subject. Empty text counts as none.
    pub title: Option<String>,
    /// Description.
    pub body: Option<Body>,
    /// When it takes place; for a series, its first occurrence.
    pub schedule: Schedule,
    /// The rule of a series.
    pub recurrence: Option<Recurrence>,
    /// What differs from the rule, by original start.
    pub overrides: BTreeMap<RecurrenceId, Override>,
    /// Where it takes place.
    pub location: Option<String>,
    /// How its time counts in free/busy.
    pub show_as: ShowAs,
    /// Who may see it.
    pub privacy: Privacy,
    /// iCalendar priority: 0 none, 1 highest, 9 lowest.
    pub priority: u8,
    /// Outlook categories, JSCalendar keywords.
    pub categories: BTreeSet<String>,
    /// The one reminder that Exchange has, in minutes before the start.
    pub reminder_minutes: Option<u32>,
    /// Confirmed, tentative or cancelled.
    pub status: EventStatus,
    /// The organiser of a meeting. Read-only in Exchange: whoever owns the mailbox organises.
    pub organizer: Option<Person>,
    /// Whom it concerns besides the organiser, by lower-case address.
    pub attendees: BTreeMap<String, Attendee>,
    /// How the owner of the mailbox answered, on an attendee's copy.
    pub my_participation: Option<Participation>,
    /// The online meeting that hangs on it. Read-only.
    pub online_meeting: Option<OnlineMeeting>,
    /// What is attached: names and sizes, not contents. Read-only.
    pub attachments: Vec<Attachment>,
    /// Revision of the meeting as its organiser counts. Read-only.
    pub sequence: u32,
    /// When it was made. Read-only, no content.
    pub created: Option<Timestamp>,
    /// When it was last touched. Read-only, no content.
    pub updated: Option<Timestamp>,
}

impl Event {
    /// An event with nothing but its time.
    pub fn new(schedule: Schedule) -> Self {
        Self {
            uid: None,
            title: None,
            body: None,
            schedule,
            recurrence: None,
            overrides: BTreeMap::new(),
            location: None,
            show_as: ShowAs::Busy,
            privacy: Privacy::Public,
            priority: 0,
            categories: BTreeSet::new(),
            reminder_minutes: None,
            status: EventStatus::Confirmed,
            organizer: None,
            attendees: BTreeMap::new(),
            my_participation: None,
            online_meeting: None,
            attachments: Vec::new(),
            sequence: 0,
            created: None,
            updated: None,
        }
    }

    /// Whether it has people other than the mailbox's owner on it.
    pub fn is_meeting(&self) -> bool {
        !self.attendees.is_empty()
    }
}

/// Shows the shape, never the content: events reach error messages and test output.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("title_bytes", &self.title.as_ref().map(String::len))
            .field("body", &self.body)
            .field("schedule", &self.schedule)
            .field("recurrence", &self.recurrence)
            .field("overrides", &self.overrides)
            .field("location_bytes", &self.location.as_ref().map(String::len))
            .field("show_as", &self.show_as)
            .field("privacy", &self.privacy)
            .field("priority", &self.priority)
            .field("categories", &self.categories.len())
            .field("reminder_minutes", &self.reminder_minutes)
            .field("status", &self.status)
            .field("attendees", &self.attendees.len())
            .field("my_participation", &self.my_participation)
            .field("attachments", &self.attachments.len())
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// A description with its format.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Plain or HTML.
    pub format: BodyFormat,
    /// The text itself.
    pub content: String,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?}, {} bytes)", self.format, self.content.len())
    }
}

/// Format of a [`Body`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyFormat {
    /// `text/plain`
    Text,
    /// `text/html`
    Html,
}

/// How an event's time counts. Exchange's `NoData` is read as busy and never written back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShowAs {
    /// Does not block time.
    Free,
    /// Blocks time, but may change.
    Tentative,
    /// Blocks time.
    Busy,
    /// Away.
    Oof,
    /// At work in another place; does not block time.
    WorkingElsewhere,
}

/// Who may see an event: Exchange's sensitivity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// Everybody who may see the calendar.
    Public,
    /// A label only; details stay visible.
    Personal,
    /// Details are hidden from others.
    Private,
    /// Details are hidden from others, and the label says so.
    Confidential,
}

impl Privacy {
    /// Whether details have to be kept from others (E3, P5). `Personal` is a label only.
    pub const fn hides_details(self) -> bool {
        matches!(self, Self::Private | Self::Confidential)
    }
}

/// State of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventStatus {
    /// It takes place.
    Confirmed,
    /// It may take place.
    Tentative,
    /// It does not take place.
    Cancelled,
}

/// A person with a mail address. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// SMTP address, lower case.
    pub address: String,
    /// Display name.
    pub name: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(..)")
    }
}

/// Somebody or something invited; its address is the key in [`Event::attendees`].
#[derive(Clone, PartialEq, Eq)]
pub struct Attendee {
    /// Display name.
    pub name: Option<String>,
    /// Required, optional or a resource.
    pub role: AttendeeRole,
    /// The answer, as the organiser's copy knows it. Read-only.
    pub participation: Participation,
}

impl fmt::Debug for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attendee({:?}, {:?})", self.role, self.participation)
    }
}

/// Part that an attendee plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttendeeRole {
    /// Must be there.
    Required,
    /// May be there.
    Optional,
    /// A room or a piece of equipment.
    Resource,
}

/// An answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Participation {
    /// No answer yet.
    NeedsAction,
    /// Will come.
    Accepted,
    /// May come.
    Tentative,
    /// Will not come.
    Declined,
}

/// The online meeting of an event.
#[derive(Clone, PartialEq, Eq)]
pub struct OnlineMeeting {
    /// Where to join.
    pub join_url: String,
}

impl fmt::Debug for OnlineMeeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnlineMeeting(..)")
    }
}

/// What is known of an attachment without its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Exchange's id of it, opaque.
    pub id: String,
    /// File name.
    pub name: String,
    /// Media type.
    pub content_type: Option<String>,
    /// Size in bytes.
    pub size_bytes: Option<u64>,
    /// Whether it is part of the HTML body.
    pub inline: bool,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({:?} bytes, inline {})", self.size_bytes, self.inline)
    }
}
