//! `CalendarItem` as an answer has it (calendaritem page).
//!
//! Reading it fails only with the document, or where a list is longer than anything real: what
//! cannot be understood is left out, and [`read_item`](super::read_item) decides what is missing.

use core::fmt;
use std::borrow::Cow;

use tidemark_model::{Privacy, ShowAs};

use super::attendee::{WireAttendee, WireMailbox, WireResponse, read_attendees};
use super::recurrence::WireRecurrence;
use crate::bounds::{OCCURRENCES_MAX, PARTS_MAX};
use crate::error::Flaw;
use crate::id::ItemId;
use crate::property::{PropertyPath, Shape};
use crate::stamp::STAMP;
use crate::summary::{CalendarItemType, read_stamp};
use crate::time::EwsTime;
use crate::xml::{Element, Xml};
use crate::zone::ZoneDefinition;

/// What is asked for of an appointment: everything that the model has a place for.
const FIELDS: [&str; 38] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Body",
    "item:Attachments",
    "item:Categories",
    "item:Importance",
    "item:DateTimeCreated",
    "item:LastModifiedTime",
    "item:ReminderIsSet",
    "item:ReminderMinutesBeforeStart",
    "calendar:UID",
    "calendar:RecurrenceId",
    "calendar:Start",
    "calendar:End",
    "calendar:OriginalStart",
    "calendar:StartWallClock",
    "calendar:EndWallClock",
    "calendar:StartTimeZoneId",
    "calendar:EndTimeZoneId",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:Location",
    "calendar:IsMeeting",
    "calendar:IsCancelled",
    "calendar:CalendarItemType",
    "calendar:MyResponseType",
    "calendar:Organizer",
    "calendar:RequiredAttendees",
    "calendar:OptionalAttendees",
    "calendar:Resources",
    "calendar:AppointmentSequenceNumber",
    "calendar:AppointmentState",
    "calendar:Recurrence",
    "calendar:ModifiedOccurrences",
    "calendar:DeletedOccurrences",
    "calendar:StartTimeZone",
    "calendar:EndTimeZone",
    "calendar:JoinOnlineMeetingUrl",
];

/// An appointment on the wire. `Debug` shows its kind only.
#[derive(Clone, PartialEq, Default)]
pub struct CalendarItem {
    /// Which item, in which version.
    pub id: Option<ItemId>,
    /// `Subject`
    pub subject: Option<String>,
    /// `Sensitivity`; an unknown word is read as private, which hides rather than shows.
    pub sensitivity: Option<Privacy>,
    /// `Body`
    pub body: Option<WireBody>,
    /// `Attachments`
    pub attachments: Vec<WireAttachment>,
    /// `Categories`
    pub categories: Vec<String>,
    /// `Importance`
    pub importance: Option<Importance>,
    /// `DateTimeCreated`
    pub created: Option<EwsTime>,
    /// `LastModifiedTime`
    pub modified: Option<EwsTime>,
    /// `ReminderIsSet`
    pub reminder_is_set: Option<bool>,
    /// `ReminderMinutesBeforeStart`
    pub reminder_minutes: Option<i64>,
    /// The text of our stamp.
    pub stamp: Option<String>,
    /// `UID`
    pub uid: Option<String>,
    /// `RecurrenceId`: the original start of an occurrence.
    pub recurrence_id: Option<EwsTime>,
    /// `Start`
    pub start: Option<EwsTime>,
    /// `End`
    pub end: Option<EwsTime>,
    /// `OriginalStart` of an occurrence.
    pub original_start: Option<EwsTime>,
    /// `StartWallClock`: the start in `StartTimeZoneId`, without a zone in its meaning.
    pub start_wall_clock: Option<EwsTime>,
    /// `EndWallClock`
    pub end_wall_clock: Option<EwsTime>,
    /// `StartTimeZoneId`
    pub start_zone_id: Option<String>,
    /// `EndTimeZoneId`
    pub end_zone_id: Option<String>,
    /// `IsAllDayEvent`
    pub all_day: Option<bool>,
    /// `LegacyFreeBusyStatus`; `NoData` and unknown words are read as busy.
    pub show_as: Option<ShowAs>,
    /// `Location`
    pub location: Option<String>,
    /// `IsMeeting`
    pub is_meeting: Option<bool>,
    /// `IsCancelled`
    pub is_cancelled: Option<bool>,
    /// `CalendarItemType`
    pub item_type: Option<CalendarItemType>,
    /// `MyResponseType`
    pub my_response: Option<WireResponse>,
    /// `Organizer`
    pub organizer: Option<WireMailbox>,
    /// `RequiredAttendees`
    pub required: Vec<WireAttendee>,
    /// `OptionalAttendees`
    pub optional: Vec<WireAttendee>,
    /// `Resources`
    pub resources: Vec<WireAttendee>,
    /// `AppointmentSequenceNumber`
    pub sequence: Option<u32>,
    /// `AppointmentState`: 1 meeting, 2 received, 4 cancelled.
    pub state: Option<u32>,
    /// `Recurrence`
    pub(crate) recurrence: Option<WireRecurrence>,
    /// `ModifiedOccurrences`
    pub modified_occurrences: Vec<WireOccurrence>,
    /// `DeletedOccurrences`: their original starts.
    pub deleted_occurrences: Vec<EwsTime>,
    /// `StartTimeZone`
    pub start_zone: Option<ZoneDefinition>,
    /// `EndTimeZone`
    pub end_zone: Option<ZoneDefinition>,
    /// `JoinOnlineMeetingUrl`
    pub join_url: Option<String>,
}

impl fmt::Debug for CalendarItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CalendarItem")
            .field("id", &self.id)
            .field("item_type", &self.item_type)
            .finish_non_exhaustive()
    }
}

/// `Body`
#[derive(Clone, PartialEq, Eq)]
pub struct WireBody {
    /// Whether it is HTML rather than text.
    pub html: bool,
    /// Its text.
    pub content: String,
}

/// `FileAttachment`, `ItemAttachment` or `ReferenceAttachment`, without its content.
#[derive(Clone, PartialEq, Eq)]
pub struct WireAttachment {
    /// `AttachmentId`
    pub id: String,
    /// `Name`
    pub name: String,
    /// `ContentType`
    pub content_type: Option<String>,
    /// `Size`, in bytes.
    pub size_bytes: Option<u64>,
    /// `IsInline`
    pub inline: bool,
}

/// An entry of `ModifiedOccurrences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireOccurrence {
    /// The exception's own id.
    pub id: ItemId,
    /// When it begins now.
    pub start: Option<EwsTime>,
    /// When it ends now.
    pub end: Option<EwsTime>,
    /// When the rule begins it.
    pub original_start: EwsTime,
}

/// `Importance`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// `Low`
    Low,
    /// `Normal`
    Normal,
    /// `High`
    High,
}

impl CalendarItem {
    /// The shape that asks for everything in it.
    pub fn shape() -> Shape {
        let fields = FIELDS.into_iter().map(PropertyPath::Field);
        Shape { properties: fields.chain([PropertyPath::Extended(STAMP)]).collect(), body: true }
    }

    pub(crate) fn read(
        xml: &mut Xml<'_>,
        element: &Element<'_>,
    ) -> Result<Self, (Option<ItemId>, Flaw)> {
        let mut item = Self::default();
        match item.read_parts(xml, element) {
            Ok(()) => Ok(item),
            Err(flaw) => Err((item.id, flaw)),
        }
    }

    fn read_parts(&mut self, xml: &mut Xml<'_>, element: &Element<'_>) -> Result<(), Flaw> {
        while let Some(part) = xml.child(element.level)? {
            let known = self.read_item_part(xml, &part)? || self.read_time_part(xml, &part)?;
            if !known {
                self.read_calendar_part(xml, &part)?;
            }
        }
        Ok(())
    }

    /// What every item has. Says whether the element was one of these.
    fn read_item_part(&mut self, xml: &mut Xml<'_>, part: &Element<'_>) -> Result<bool, Flaw> {
        match part.name() {
            "ItemId" => self.id = ItemId::read(part),
            "Subject" => self.subject = xml.filled(part)?,
            "Sensitivity" => self.sensitivity = Some(privacy(&xml.word(part)?)),
            "Body" => {
                let html = part.attribute("BodyType").as_deref() == Some("HTML");
                let content = xml.text(part)?.into_owned();
                self.body = Some(WireBody { html, content });
            }
            "Attachments" => self.attachments = read_attachments(xml, part)?,
            "Categories" => self.categories = read_strings(xml, part)?,
            "Importance" => self.importance = importance(&xml.word(part)?),
            "DateTimeCreated" => self.created = EwsTime::parse(&xml.text(part)?),
            "LastModifiedTime" => self.modified = EwsTime::parse(&xml.text(part)?),
            "ReminderIsSet" => self.reminder_is_set = xml.boolean(part)?,
            "ReminderMinutesBeforeStart" => self.reminder_minutes = xml.parsed(part)?,
            "ExtendedProperty" => {
                if let Some(stamp) = read_stamp(xml, part)? {
                    self.stamp = Some(stamp);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Times and zones. Says whether the element was one of these.
    fn read_time_part(&mut self, xml: &mut Xml<'_>, part: &Element<'_>) -> Result<bool, Flaw> {
        match part.name() {
            "RecurrenceId" => self.recurrence_id = EwsTime::parse(&xml.text(part)?),
            "Start" => self.start = EwsTime::parse(&xml.text(part)?),
            "End" => self.end = EwsTime::parse(&xml.text(part)?),
            "OriginalStart" => self.original_start = EwsTime::parse(&xml.text(part)?),
            "StartWallClock" => self.start_wall_clock = EwsTime::parse(&xml.text(part)?),
            "EndWallClock" => self.end_wall_clock = EwsTime::parse(&xml.text(part)?),
            "StartTimeZoneId" => self.start_zone_id = xml.filled(part)?,
            "EndTimeZoneId" => self.end_zone_id = xml.filled(part)?,
            "StartTimeZone" => self.start_zone = Some(ZoneDefinition::read(xml, part)?),
            "EndTimeZone" => self.end_zone = Some(ZoneDefinition::read(xml, part)?),
            "IsAllDayEvent" => self.all_day = xml.boolean(part)?,
            "Recurrence" => self.recurrence = Some(WireRecurrence::read(xml, part)?),
            "ModifiedOccurrences" => self.modified_occurrences = read_modified(xml, part)?,
            "DeletedOccurrences" => self.deleted_occurrences = read_deleted(xml, part)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_calendar_part(&mut self, xml: &mut Xml<'_>, part: &Element<'_>) -> Result<(), Flaw> {
        match part.name() {
            "UID" => self.uid = xml.filled(part)?,
            "LegacyFreeBusyStatus" => self.show_as = Some(show_as(&xml.word(part)?)),
            "Location" => self.location = xml.filled(part)?,
            "IsMeeting" => self.is_meeting = xml.boolean(part)?,
            "IsCancelled" => self.is_cancelled = xml.boolean(part)?,
            "CalendarItemType" => self.item_type = CalendarItemType::parse(&xml.word(part)?),
            "MyResponseType" => self.my_response = WireResponse::parse(&xml.word(part)?),
            "Organizer" => {
                while let Some(mailbox) = xml.child(part.level)? {
                    self.organizer = Some(WireMailbox::read(xml, &mailbox)?);
                }
            }
            "RequiredAttendees" => self.required = read_attendees(xml, part)?,
            "OptionalAttendees" => self.optional = read_attendees(xml, part)?,
            "Resources" => self.resources = read_attendees(xml, part)?,
            "AppointmentSequenceNumber" => self.sequence = xml.parsed(part)?,
            "AppointmentState" => self.state = xml.parsed(part)?,
            "JoinOnlineMeetingUrl" => self.join_url = xml.filled(part)?,
            _ => {}
        }
        Ok(())
    }
}

fn privacy(word: &str) -> Privacy {
    match word {
        "Normal" => Privacy::Public,
        "Personal" => Privacy::Personal,
        "Confidential" => Privacy::Confidential,
        _ => Privacy::Private,
    }
}

fn show_as(word: &str) -> ShowAs {
    match word {
        "Free" => ShowAs::Free,
        "Tentative" => ShowAs::Tentative,
        "OOF" => ShowAs::Oof,
        "WorkingElsewhere" => ShowAs::WorkingElsewhere,
        _ => ShowAs::Busy,
    }
}

fn importance(word: &str) -> Option<Importance> {
    match word {
        "Low" => Some(Importance::Low),
        "Normal" => Some(Importance::Normal),
        "High" => Some(Importance::High),
        _ => None,
    }
}

/// Refuses a list of an item that is longer than anything real; the item fails, not its neighbours.
pub(super) fn within<T>(list: &[T], max: usize, what: &'static str) -> Result<(), Flaw> {
    if list.len() < max { Ok(()) } else { Err(Flaw::Content(what)) }
}

fn read_strings(xml: &mut Xml<'_>, list: &Element<'_>) -> Result<Vec<String>, Flaw> {
    let mut strings = Vec::new();
    while let Some(entry) = xml.child(list.level)? {
        within(&strings, PARTS_MAX, "too many categories")?;
        strings.push(xml.text(&entry)?.into_owned());
    }
    Ok(strings)
}

fn read_attachments(xml: &mut Xml<'_>, list: &Element<'_>) -> Result<Vec<WireAttachment>, Flaw> {
    let mut attachments = Vec::new();
    while let Some(entry) = xml.child(list.level)? {
        within(&attachments, PARTS_MAX, "too many attachments")?;
        let mut id = None;
        let (mut name, mut content_type) = (None, None);
        let (mut size_bytes, mut inline) = (None, None);
        while let Some(part) = xml.child(entry.level)? {
            match part.name() {
                "AttachmentId" => id = part.attribute("Id").map(Cow::into_owned),
                "Name" => name = xml.filled(&part)?,
                "ContentType" => content_type = xml.filled(&part)?,
                "Size" => size_bytes = xml.parsed(&part)?,
                "IsInline" => inline = xml.boolean(&part)?,
                _ => {}
            }
        }
        if let Some(id) = id {
            attachments.push(WireAttachment {
                id,
                name: name.unwrap_or_default(),
                content_type,
                size_bytes,
                inline: inline.unwrap_or_default(),
            });
        }
    }
    Ok(attachments)
}

fn read_modified(xml: &mut Xml<'_>, list: &Element<'_>) -> Result<Vec<WireOccurrence>, Flaw> {
    let mut occurrences = Vec::new();
    while let Some(entry) = xml.child(list.level)? {
        within(&occurrences, OCCURRENCES_MAX, "too many modified occurrences")?;
        let mut id = None;
        let (mut start, mut end, mut original_start) = (None, None, None);
        while let Some(part) = xml.child(entry.level)? {
            match part.name() {
                "ItemId" => id = ItemId::read(&part),
                "Start" => start = EwsTime::parse(&xml.text(&part)?),
                "End" => end = EwsTime::parse(&xml.text(&part)?),
                "OriginalStart" => original_start = EwsTime::parse(&xml.text(&part)?),
                _ => {}
            }
        }
        // An exception that is left out would look like one that was taken back.
        let (Some(id), Some(original_start)) = (id, original_start) else {
            return Err(Flaw::Content("a modified occurrence has no id or original start"));
        };
        occurrences.push(WireOccurrence { id, start, end, original_start });
    }
    Ok(occurrences)
}

fn read_deleted(xml: &mut Xml<'_>, list: &Element<'_>) -> Result<Vec<EwsTime>, Flaw> {
    let mut starts = Vec::new();
    while let Some(entry) = xml.child(list.level)? {
        while let Some(part) = xml.child(entry.level)? {
            if part.name() == "Start" {
                within(&starts, OCCURRENCES_MAX, "too many deleted occurrences")?;
                let start = EwsTime::parse(&xml.text(&part)?);
                starts.push(start.ok_or(Flaw::Content("a deleted occurrence has no start"))?);
            }
        }
    }
    Ok(starts)
}
