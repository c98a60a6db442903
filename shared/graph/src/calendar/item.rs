//! `event` as an answer has it (event, outlookitem pages).
//!
//! Members that are not known are left out, and so are words that are not; a member of another type
//! than the documented one fails its event, not its neighbours. [`read_item`](super::read_item)
//! decides what is missing.

use core::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tidemark_model::Attachment;

use super::attendee::{WireAttendee, WireRecipient, WireStatus};
use super::bounds::{ATTENDEES_MAX, EVENT_BYTES_MAX, OCCURRENCES_MAX, PARTS_MAX};
use super::part::{
    WireAttachment, WireBody, WireImportance, WireLocation, WireOnlineMeeting, WireProperty,
    WireSensitivity, WireShowAs, WireTime, attachments_of,
};
use super::read::DamagedEvent;
use super::recurrence::WireRecurrence;
use super::stamp::is_stamp;

/// An event in one version. Its `Debug` shows lengths: ids hold the names of mailboxes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRef {
    /// Opaque, case-sensitive.
    pub id: String,
    /// `changeKey`, where the server gave one.
    pub change_key: Option<String>,
}

impl EventRef {
    /// The entity tag for `If-Match`: `W/"changeKey"` (exchange-graph.md 9.4).
    pub fn etag(&self) -> Option<String> {
        self.change_key.as_deref().map(|key| format!("W/\"{key}\""))
    }

    /// The change key in an entity tag; none if it has another form.
    pub fn change_key_of(etag: &str) -> Option<&str> {
        let quoted = etag.trim();
        let quoted = quoted.strip_prefix("W/").unwrap_or(quoted);
        let key = quoted.strip_prefix('"')?.strip_suffix('"')?;
        (!key.is_empty()).then_some(key)
    }
}

impl fmt::Debug for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.change_key.as_ref().map(String::len);
        write!(f, "EventRef({} bytes, change key {key:?})", self.id.len())
    }
}

/// A member of an answer: one that is not there says nothing, `null` says that it is empty.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The answer does not have it.
    #[default]
    Unread,
    /// It is `null`.
    Null,
    /// It has a value.
    Set(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unread | Self::Null => None,
        }
    }

    /// Whether the answer has it, be it `null`.
    pub const fn is_read(&self) -> bool {
        !matches!(self, Self::Unread)
    }
}

impl<T> Field<Vec<T>> {
    pub(super) fn list(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Set))
    }
}

/// Reads `null` as the default.
pub(super) fn null_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What an event is to its series (event page, `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// It has no series.
    SingleInstance,
    /// An occurrence as the rule has it.
    Occurrence,
    /// An occurrence that differs.
    Exception,
    /// The series itself.
    SeriesMaster,
    /// A word that is not known.
    #[serde(other)]
    Unrecognised,
}

/// An event on the wire. `Debug` shows its kind only.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventItem {
    /// `id`
    pub id: String,
    /// `changeKey`
    pub change_key: Option<String>,
    /// `@odata.etag`
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    /// `type`
    #[serde(rename = "type")]
    pub kind: Option<EventKind>,
    /// `seriesMasterId`, of occurrences and exceptions.
    pub series_master_id: Option<String>,
    /// `iCalUId`; of an occurrence it is another one than that of its series.
    #[serde(rename = "iCalUId")]
    pub ical_uid: Option<String>,
    /// `uid`: the same for a whole series; beta only, as of 2026-08.
    pub uid: Option<String>,
    /// `transactionId`, if it was created with one.
    pub transaction_id: Option<String>,
    /// `subject`
    #[serde(default)]
    pub subject: Field<String>,
    /// `body`
    #[serde(default)]
    pub body: Field<WireBody>,
    /// `start`
    pub start: Option<WireTime>,
    /// `end`
    pub end: Option<WireTime>,
    /// `originalStartTimeZone`
    pub original_start_time_zone: Option<String>,
    /// `originalEndTimeZone`
    pub original_end_time_zone: Option<String>,
    /// `originalStart` of an occurrence or exception, in UTC.
    pub original_start: Option<String>,
    /// `occurrenceId` of an occurrence or exception; beta only, as of 2026-08.
    pub occurrence_id: Option<String>,
    /// `isAllDay`
    pub is_all_day: Option<bool>,
    /// `location`
    pub location: Option<WireLocation>,
    /// `locations`
    #[serde(default)]
    pub locations: Field<Vec<WireLocation>>,
    /// `showAs`
    pub show_as: Option<WireShowAs>,
    /// `sensitivity`
    #[serde(default)]
    pub sensitivity: Field<WireSensitivity>,
    /// `importance`
    pub importance: Option<WireImportance>,
    /// `categories`
    #[serde(default)]
    pub categories: Field<Vec<String>>,
    /// `isReminderOn`
    pub is_reminder_on: Option<bool>,
    /// `reminderMinutesBeforeStart`
    pub reminder_minutes_before_start: Option<i64>,
    /// `isCancelled`
    pub is_cancelled: Option<bool>,
    /// `isOrganizer`
    pub is_organizer: Option<bool>,
    /// `organizer`
    pub organizer: Option<WireRecipient>,
    /// `attendees`
    #[serde(default)]
    pub attendees: Field<Vec<WireAttendee>>,
    /// `responseStatus`: the owner's own answer.
    pub response_status: Option<WireStatus>,
    /// `hideAttendees`
    pub hide_attendees: Option<bool>,
    /// `allowNewTimeProposals`
    pub allow_new_time_proposals: Option<bool>,
    /// `isOnlineMeeting`
    pub is_online_meeting: Option<bool>,
    /// `onlineMeeting`
    pub online_meeting: Option<WireOnlineMeeting>,
    /// `onlineMeetingUrl`, the older form.
    pub online_meeting_url: Option<String>,
    /// `recurrence` of a series.
    pub(super) recurrence: Option<WireRecurrence>,
    /// `cancelledOccurrences` of a series: `OID.master.date`.
    #[serde(default)]
    pub cancelled_occurrences: Field<Vec<String>>,
    /// `exceptionOccurrences` of a series.
    #[serde(default)]
    pub exception_occurrences: Field<Vec<Self>>,
    /// Where further exceptions stand, if not all of them are here.
    #[serde(rename = "exceptionOccurrences@odata.nextLink")]
    pub exceptions_next: Option<String>,
    /// `hasAttachments`
    pub has_attachments: Option<bool>,
    /// `attachments`, if they were asked for.
    #[serde(default)]
    pub attachments: Field<Vec<WireAttachment>>,
    /// `singleValueExtendedProperties`, if they were asked for.
    #[serde(default)]
    pub single_value_extended_properties: Field<Vec<WireProperty>>,
    /// `createdDateTime`
    pub created_date_time: Option<String>,
    /// `lastModifiedDateTime`
    pub last_modified_date_time: Option<String>,
}

impl fmt::Debug for EventItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventItem")
            .field("id_bytes", &self.id.len())
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What is asked for of every event, for `$select`: everything that the model has a place for.
pub const SELECT: &str = "id,changeKey,type,seriesMasterId,iCalUId,transactionId,subject,body,\
    start,end,originalStartTimeZone,originalEndTimeZone,originalStart,isAllDay,location,locations,\
    showAs,sensitivity,importance,categories,isReminderOn,reminderMinutesBeforeStart,isCancelled,\
    isOrganizer,organizer,attendees,responseStatus,isOnlineMeeting,onlineMeeting,onlineMeetingUrl,\
    recurrence,hasAttachments,createdDateTime,lastModifiedDateTime";

/// What is asked for besides of a series, in a GET of its master by id; the exceptions come with
/// the selected properties of the master (event-get page, expanding a series master).
pub const SELECT_SERIES: &str = "cancelledOccurrences,exceptionOccurrences";

/// The clause of `$expand` that brings the exceptions of a series.
pub const EXPAND_SERIES: &str = "exceptionOccurrences";

/// The `$select` of attachments: everything but their contents.
pub const SELECT_ATTACHMENTS: &str = "id,name,contentType,size,isInline";

impl EventItem {
    /// Reads one event.
    ///
    /// # Errors
    /// [`DamagedEvent`] if it is too large, no JSON, or has a member of another type.
    pub fn read(json: &[u8]) -> Result<Self, DamagedEvent> {
        let item = read_bounded::<Self>(json);
        let damaged = |reason| DamagedEvent { id: read_id(json), reason };
        let item = item.map_err(damaged)?;
        match item.excess() {
            Some(reason) => Err(DamagedEvent { id: Some(item.id), reason }),
            None => Ok(item),
        }
    }

    /// Reads one event out of a page.
    ///
    /// # Errors
    /// As [`EventItem::read`].
    pub fn read_raw(json: &RawValue) -> Result<Self, DamagedEvent> {
        Self::read(json.get().as_bytes())
    }

    /// Which event, in which version.
    pub fn reference(&self) -> EventRef {
        let of_etag = || self.etag.as_deref().and_then(EventRef::change_key_of).map(str::to_owned);
        let change_key = self.change_key.clone().filter(|key| !key.is_empty()).or_else(of_etag);
        EventRef { id: self.id.clone(), change_key }
    }

    /// What it is to its series, also where only its members tell.
    pub fn kind(&self) -> EventKind {
        match self.kind {
            Some(kind) if kind != EventKind::Unrecognised => kind,
            Some(_) | None if self.recurrence.is_some() => EventKind::SeriesMaster,
            Some(_) | None if self.series_master_id.is_some() => EventKind::Occurrence,
            Some(_) | None => EventKind::SingleInstance,
        }
    }

    /// The text of our stamp, if it was asked for and is there.
    pub fn stamp(&self) -> Option<&str> {
        let properties = self.single_value_extended_properties.list();
        let stamp = properties.iter().find(|p| p.id.as_deref().is_some_and(is_stamp));
        stamp.and_then(|stamp| stamp.value.as_deref()).filter(|text| !text.is_empty())
    }

    /// Which list is longer than anything real.
    fn excess(&self) -> Option<&'static str> {
        let lists = [
            (self.attendees.list().len(), ATTENDEES_MAX, "it has too many attendees"),
            (self.categories.list().len(), PARTS_MAX, "it has too many categories"),
            (self.locations.list().len(), PARTS_MAX, "it has too many locations"),
            (self.attachments.list().len(), PARTS_MAX, "it has too many attachments"),
            (
                self.single_value_extended_properties.list().len(),
                PARTS_MAX,
                "it has too many extended properties",
            ),
            (
                self.cancelled_occurrences.list().len(),
                OCCURRENCES_MAX,
                "it has too many cancelled occurrences",
            ),
            (
                self.exception_occurrences.list().len(),
                OCCURRENCES_MAX,
                "it has too many exceptions",
            ),
        ];
        let own = lists.into_iter().find(|(count, max, _)| count > max).map(|(_, _, what)| what);
        own.or_else(|| self.exception_occurrences.list().iter().find_map(Self::excess))
    }
}

/// The message of the JSON reader may hold content, so it is not passed on.
fn read_bounded<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, &'static str> {
    if json.len() > EVENT_BYTES_MAX {
        return Err("it is too large");
    }
    serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "a member is missing or of another type",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "it is no JSON",
    })
}

fn read_id(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Identified {
        id: String,
    }
    read_bounded::<Identified>(json).ok().map(|identified| identified.id)
}

/// Reads the answer to `GET .../events/{id}/attachments`, which is asked where
/// [`ReadItem::attachments_unread`](super::ReadItem::attachments_unread) says so.
///
/// # Errors
/// [`DamagedEvent`] if it is no list of attachments, or too long.
pub fn read_attachments(json: &[u8]) -> Result<Vec<Attachment>, DamagedEvent> {
    #[derive(Deserialize)]
    struct Page {
        value: Vec<WireAttachment>,
    }
    let damaged = |reason| DamagedEvent { id: None, reason };
    let page = read_bounded::<Page>(json).map_err(damaged)?;
    if page.value.len() > PARTS_MAX {
        return Err(damaged("it has too many attachments"));
    }
    Ok(attachments_of(&page.value))
}
