//! The records of the mailbox store, in Exchange's terms.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use tidemark_model::{Attachment, AttendeeRole, Body, Participation, Privacy, Recurrence, ShowAs};

/// Number of a mailbox in its store.
pub type MailboxNumber = u32;
/// Number of a folder in its mailbox; it never changes.
pub type FolderNumber = u64;
/// Number of an item in its store; a move gives another one.
pub type ItemNumber = u64;
/// Position in the one sequence of all changes of a store.
pub type ChangeNumber = u64;

/// How important the sender finds an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Low.
    Low,
    /// Normal.
    Normal,
    /// High.
    High,
}

/// The owner's own answer to a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MyResponse {
    /// Not a meeting.
    Unknown,
    /// The owner organises it.
    Organizer,
    /// As an attendee.
    Attendee(Participation),
}

/// Somebody on a meeting.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitee {
    /// SMTP address as it was given.
    pub address: String,
    /// Display name.
    pub name: Option<String>,
    /// Part.
    pub role: AttendeeRole,
    /// Answer, as this copy knows it.
    pub response: Participation,
    /// When the answer came.
    pub answered: Option<Timestamp>,
}

/// A person who organises or sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// SMTP address.
    pub address: String,
    /// Display name.
    pub name: String,
}

/// How an extended property is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExtendedName {
    /// Property set, or none for a tagged property.
    pub set: Option<PropertySet>,
    /// What names it in the set.
    pub key: PropertyKey,
    /// Exchange's word for the type, such as `String` or `StringArray`.
    pub property_type: String,
}

/// The set that a named property belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertySet {
    /// By GUID, lower case.
    Guid(String),
    /// By Exchange's word, such as `Appointment`.
    Distinguished(String),
}

/// What names a property.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PropertyKey {
    /// A string name.
    Name(String),
    /// A number in the set.
    Id(u32),
    /// A MAPI tag.
    Tag(u32),
}

/// The values of an extended property: one, or several of an array type.
pub type ExtendedValues = Vec<String>;

/// What differs in one occurrence of a series; `None` inherits.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Exception {
    /// Start and end.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Whole days.
    pub all_day: Option<bool>,
    /// Subject.
    pub subject: Option<String>,
    /// Body.
    pub body: Option<Option<Body>>,
    /// Place.
    pub location: Option<Option<String>>,
    /// Busy status.
    pub show_as: Option<ShowAs>,
    /// Importance.
    pub importance: Option<Importance>,
    /// Categories.
    pub categories: Option<BTreeSet<String>>,
    /// Whether it reminds.
    pub reminder_set: Option<bool>,
    /// Minutes before the start.
    pub reminder_minutes: Option<u32>,
    /// People.
    pub attendees: Option<Vec<Invitee>>,
    /// The owner's answer.
    pub my_response: Option<MyResponse>,
    /// Called off by the organiser, on an attendee's copy.
    pub cancelled: bool,
    /// Extended properties of the exception alone; `None` takes one away.
    pub extended: BTreeMap<ExtendedName, Option<ExtendedValues>>,
}

/// What became of an occurrence.
#[derive(Clone, PartialEq, Eq)]
pub enum OccurrenceState {
    /// Taken out.
    Deleted,
    /// Differs.
    Modified(Box<Exception>),
}

/// An appointment or meeting; a series is one record.
#[derive(Clone, PartialEq, Eq)]
pub struct Appointment {
    /// iCalendar UID.
    pub uid: String,
    /// Subject.
    pub subject: String,
    /// Description.
    pub body: Option<Body>,
    /// Start; of the first occurrence in a series.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// Windows id of the zone of the start; drives the rule.
    pub start_zone: String,
    /// Windows id of the zone of the end.
    pub end_zone: String,
    /// Whole days in [`Appointment::start_zone`].
    pub all_day: bool,
    /// Rule.
    pub recurrence: Option<Recurrence>,
    /// Occurrences that differ, by original civil start in the start zone.
    pub occurrences: BTreeMap<DateTime, OccurrenceState>,
    /// Place.
    pub location: Option<String>,
    /// Busy status.
    pub show_as: ShowAs,
    /// Sensitivity.
    pub sensitivity: Privacy,
    /// Importance.
    pub importance: Importance,
    /// Categories.
    pub categories: BTreeSet<String>,
    /// Whether it reminds.
    pub reminder_set: bool,
    /// Minutes before the start, kept while it does not remind.
    pub reminder_minutes: u32,
    /// People besides the organiser.
    pub attendees: Vec<Invitee>,
    /// Who organises.
    pub organizer: Contact,
    /// The owner's answer.
    pub my_response: MyResponse,
    /// Called off by the organiser, on an attendee's copy.
    pub cancelled: bool,
    /// Whether invitations went out.
    pub request_sent: bool,
    /// Revision of the meeting.
    pub sequence: u32,
    /// Whether answers are asked for.
    pub response_requested: bool,
    /// Whether attendees may propose another time.
    pub allow_new_time_proposal: bool,
    /// Extended properties.
    pub extended: BTreeMap<ExtendedName, ExtendedValues>,
    /// Names and sizes of what is attached.
    pub attachments: Vec<Attachment>,
}

/// What a message is.
#[derive(Clone, PartialEq, Eq)]
pub enum MessageKind {
    /// An ordinary one.
    Note,
    /// An invitation or its update.
    Request(MeetingNotice),
    /// An answer to an invitation.
    Response(MeetingNotice, Participation),
    /// A call-off.
    Cancellation(MeetingNotice),
}

/// The meeting that a message is about.
#[derive(Clone, PartialEq, Eq)]
pub struct MeetingNotice {
    /// UID of the meeting.
    pub uid: String,
    /// Original start of the one occurrence meant, if it is one.
    pub occurrence: Option<Timestamp>,
    /// Start.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// Place.
    pub location: Option<String>,
    /// The item in the receiver's calendar.
    pub appointment: Option<ItemNumber>,
    /// Revision that it speaks of.
    pub sequence: u32,
}

/// A message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: MessageKind,
    /// Subject.
    pub subject: String,
    /// Text.
    pub body: Option<Body>,
    /// Sender.
    pub from: Option<Contact>,
    /// Receivers.
    pub to: Vec<Contact>,
    /// Internet message id.
    pub message_id: String,
    /// Whether it was read.
    pub read: bool,
    /// Whether it was never sent.
    pub draft: bool,
    /// Categories.
    pub categories: BTreeSet<String>,
    /// Importance.
    pub importance: Importance,
    /// Sensitivity.
    pub sensitivity: Privacy,
    /// Extended properties.
    pub extended: BTreeMap<ExtendedName, ExtendedValues>,
}

/// What an item holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// An appointment, meeting or series.
    Appointment(Box<Appointment>),
    /// A message of any kind.
    Message(Box<Message>),
}

/// An item in a folder.
#[derive(Clone)]
pub struct Item {
    /// Its number; it lives and dies with its place in this folder.
    pub number: ItemNumber,
    /// Where it lies.
    pub folder: FolderNumber,
    /// When it was made; a move keeps it.
    pub created: Timestamp,
    /// Last change.
    pub modified: Timestamp,
    /// Display name of who changed it last.
    pub modified_by: String,
    /// Last change in the sequence; the change key.
    pub changed: ChangeNumber,
    /// When it came into the folder, in the sequence.
    pub entered: ChangeNumber,
    /// Last change of each property, by its store name: AutoResolve looks here.
    pub property_changes: BTreeMap<String, ChangeNumber>,
    /// What it holds.
    pub content: Content,
}

impl Item {
    /// The appointment in it.
    pub fn appointment(&self) -> Option<&Appointment> {
        match &self.content {
            Content::Appointment(appointment) => Some(appointment),
            Content::Message(_) => None,
        }
    }

    /// The appointment in it, to change.
    pub fn appointment_mut(&mut self) -> Option<&mut Appointment> {
        match &mut self.content {
            Content::Appointment(appointment) => Some(appointment),
            Content::Message(_) => None,
        }
    }

    /// The message in it.
    pub fn message(&self) -> Option<&Message> {
        match &self.content {
            Content::Message(message) => Some(message),
            Content::Appointment(_) => None,
        }
    }

    /// Its extended properties.
    pub fn extended(&self) -> &BTreeMap<ExtendedName, ExtendedValues> {
        match &self.content {
            Content::Appointment(appointment) => &appointment.extended,
            Content::Message(message) => &message.extended,
        }
    }

    /// Its subject.
    pub fn subject(&self) -> &str {
        match &self.content {
            Content::Appointment(appointment) => &appointment.subject,
            Content::Message(message) => &message.subject,
        }
    }
}
