//! From the wire to the model.

use core::fmt;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use tidemark_model::{
    Attendee, Body, BodyFormat, CopyRole, Event, EventStatus, OnlineMeeting, Participation,
    Privacy, ShowAs, Zone,
};

use super::attendee::{WireRecipient, WireResponse, attendees_of};
use super::converted;
use super::item::{EventItem, EventKind, EventRef};
use super::part::{
    WireBody, WireBodyType, WireImportance, WireSensitivity, WireShowAs, attachments_of,
};
use super::times;

/// What has to be known of a mailbox to read its appointments.
#[derive(Clone)]
pub struct ReadContext {
    /// The zone of items that name none, and of those whose Windows id is also this zone's.
    pub zone: Zone,
    /// Two-letter country, which chooses between the zones of one Windows id.
    pub territory: Option<String>,
    /// SMTP address of the owner in lower case, if known.
    pub owner: Option<String>,
}

impl ReadContext {
    /// A mailbox of which only the zone is known.
    pub const fn in_zone(zone: Zone) -> Self {
        Self { zone, territory: None, owner: None }
    }
}

impl fmt::Debug for ReadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadContext")
            .field("zone", &self.zone)
            .field("territory", &self.territory)
            .finish_non_exhaustive()
    }
}

/// Something of an event that the model has no place for, or that had to be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadWarning {
    /// Its zone is none that is known, such as `tzone://Microsoft/Custom`, whose rules Graph does
    /// not tell; instants are right, civil times are in the mailbox's zone.
    UnknownZone,
    /// It is a whole-day event that does not begin or end at midnight; the nearest one was taken.
    AllDayOffMidnight,
    /// Somebody on it has neither address nor name, and is missing.
    AttendeeWithoutAddress,
    /// The rule of its series knows no such occurrence; it was left out.
    OccurrenceOffRule,
    /// It is longer than Exchange allows, or ends before it begins; its end was moved.
    EndMoved,
}

/// An event of which something is wrong that cannot be overlooked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event cannot be read: {reason}")]
pub struct DamagedEvent {
    /// Which event, if that much could be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Shows the length of the id: ids hold the names of mailboxes.
impl fmt::Debug for DamagedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DamagedEvent")
            .field("id_bytes", &self.id.as_ref().map(String::len))
            .field("reason", &self.reason)
            .finish()
    }
}

/// An event that was read; of a series, the master or one exception alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadItem {
    /// Which event, in which version.
    pub reference: EventRef,
    /// What it is to its series.
    pub kind: EventKind,
    /// Of an occurrence or exception: the id of its series.
    pub series: Option<String>,
    /// What it says. A master has no overrides yet: see [`assemble_series`](super::assemble_series).
    pub event: Event,
    /// The text of our stamp, if it carries one: see [`stamp::parse`](super::stamp::parse). It has
    /// to be asked for, see [`stamp::EXPAND`](super::stamp::EXPAND).
    pub stamp: Option<String>,
    /// What it was created with, if anything.
    pub transaction_id: Option<String>,
    /// Whose copy it is.
    pub role: CopyRole,
    /// Of a master: the original dates of the occurrences that were taken out.
    pub cancelled: Vec<Date>,
    /// Of an occurrence or exception: when the rule begins it.
    pub original_start: Option<Timestamp>,
    /// Of an occurrence or exception: the date on which the rule begins it, where the server tells.
    pub original_date: Option<Date>,
    /// The zone that the event is bound to, also where it is a whole day.
    pub zone: Zone,
    /// Whether it has attachments that did not come with it:
    /// [`read_attachments`](super::read_attachments) brings them.
    pub attachments_unread: bool,
    /// What could not be kept as it was.
    pub warnings: Vec<ReadWarning>,
}

/// Reads an event.
///
/// # Errors
/// [`DamagedEvent`] if it came without the properties of [`SELECT`](super::item::SELECT), has no
/// times, or is a series whose rule cannot be understood: without them it would be written back as
/// something else.
pub fn read_item(item: &EventItem, context: &ReadContext) -> Result<ReadItem, DamagedEvent> {
    let damaged = |reason| DamagedEvent { id: Some(item.id.clone()), reason };
    if let Some(reason) = lacks(item) {
        return Err(damaged(reason));
    }
    let mut warnings = Vec::new();
    let (schedule, zone) = times::read(item, context, &mut warnings).map_err(damaged)?;
    let kind = item.kind();
    let recurrence = match (kind, &item.recurrence) {
        (EventKind::SeriesMaster, Some(wire)) => {
            let rule = wire.to_model(schedule.start().date());
            let rule = rule.filter(|rule| rule.validate().is_ok());
            Some(rule.ok_or_else(|| damaged("the rule of its series cannot be understood"))?)
        }
        (EventKind::SeriesMaster, None) => return Err(damaged("it is a series without a rule")),
        _ => None,
    };
    let organizer = item.organizer.as_ref().and_then(WireRecipient::person);
    let organizer_key = organizer.as_ref().map(|person| person.address.as_str());
    let attendees = attendees_of(item.attendees.list(), organizer_key, &mut warnings);
    let role = role(item, &attendees, organizer_key, context.owner.as_deref());
    let mut event = Event::new(schedule);
    fill(&mut event, item, role);
    event.recurrence = recurrence;
    event.organizer = organizer.filter(|_| role != CopyRole::Appointment);
    event.attendees = attendees;
    let is_instance = matches!(kind, EventKind::Occurrence | EventKind::Exception);
    let cancelled = item.cancelled_occurrences.list().iter().map(|id| date_of_occurrence(id));
    let cancelled: Option<Vec<Date>> = cancelled.collect();
    Ok(ReadItem {
        reference: item.reference(),
        kind,
        series: item.series_master_id.clone().filter(|_| is_instance),
        event,
        stamp: item.stamp().map(str::to_owned),
        transaction_id: item.transaction_id.clone().filter(|id| !id.is_empty()),
        role,
        cancelled: cancelled.ok_or_else(|| damaged("a cancelled occurrence has no date"))?,
        original_start: timestamp(item.original_start.as_ref()).filter(|_| is_instance),
        original_date: item.occurrence_id.as_deref().and_then(date_of_occurrence),
        zone,
        attachments_unread: item.has_attachments == Some(true) && !item.attachments.is_read(),
        warnings,
    })
}

/// What an event came without that would be taken for cleared: lists of changes hold occurrences
/// with nothing but their times (event-delta page).
fn lacks(item: &EventItem) -> Option<&'static str> {
    let parts = [
        (item.subject.is_read(), "it came without its subject"),
        (item.body.is_read(), "it came without its body"),
        (item.sensitivity.is_read(), "it came without its sensitivity"),
        (item.categories.is_read(), "it came without its categories"),
        (item.attendees.is_read(), "it came without its attendees"),
    ];
    parts.into_iter().find(|(is_read, _)| !is_read).map(|(_, reason)| reason)
}

/// The properties that stand for themselves.
fn fill(event: &mut Event, item: &EventItem, role: CopyRole) {
    event.uid = uid(item);
    event.title = item.subject.value().filter(|subject| !subject.is_empty()).cloned();
    event.location = location(item);
    event.body = item.body.value().and_then(body);
    event.show_as = match item.show_as {
        Some(WireShowAs::Free) => ShowAs::Free,
        Some(WireShowAs::Tentative) => ShowAs::Tentative,
        Some(WireShowAs::Oof) => ShowAs::Oof,
        Some(WireShowAs::WorkingElsewhere) => ShowAs::WorkingElsewhere,
        Some(WireShowAs::Busy | WireShowAs::Unknown) | None => ShowAs::Busy,
    };
    event.privacy = match item.sensitivity.value() {
        Some(WireSensitivity::Normal) | None => Privacy::Public,
        Some(WireSensitivity::Personal) => Privacy::Personal,
        Some(WireSensitivity::Confidential) => Privacy::Confidential,
        Some(WireSensitivity::Private | WireSensitivity::Unrecognised) => Privacy::Private,
    };
    event.priority = match item.importance {
        Some(WireImportance::High) => 1,
        Some(WireImportance::Low) => 9,
        Some(WireImportance::Normal | WireImportance::Unrecognised) | None => 0,
    };
    event.categories = item.categories.list().iter().cloned().collect();
    // A reminder after the start cannot be had.
    event.reminder_minutes = item
        .is_reminder_on
        .filter(|set| *set)
        .map(|_| item.reminder_minutes_before_start.unwrap_or(0).max(0))
        .and_then(|minutes| u32::try_from(minutes).ok());
    event.status = status(item, event.show_as, role);
    event.my_participation = (role == CopyRole::Attendee).then(|| {
        let answer = own_response(item).map(WireResponse::participation);
        answer.unwrap_or(Participation::NeedsAction)
    });
    let join_url = item.online_meeting.as_ref().and_then(|meeting| meeting.join_url.clone());
    let join_url = join_url.or_else(|| item.online_meeting_url.clone());
    let join_url = join_url.filter(|url| !url.is_empty());
    event.online_meeting = join_url.map(|join_url| OnlineMeeting { join_url });
    event.attachments = attachments_of(item.attachments.list());
    event.created = timestamp(item.created_date_time.as_ref());
    event.updated = timestamp(item.last_modified_date_time.as_ref());
}

/// What Exchange's own UIDs begin with (MS-OXOCAL 2.2.1.27).
const OWN_UID: &str = "040000008200E00074C5B7101A82E008";
/// The hexadecimal digits that hold the date of an occurrence.
const UID_DATE: core::ops::Range<usize> = 32..40;

/// The UID of an event, for an occurrence the one of its series as far as it can be told: Exchange's
/// own ones hold the date of the occurrence (exchange-graph.md 10.1).
fn uid(item: &EventItem) -> Option<String> {
    let whole = item.uid.clone().filter(|uid| !uid.is_empty());
    if whole.is_some() {
        return whole;
    }
    let mut uid = item.ical_uid.clone().filter(|uid| !uid.is_empty())?;
    let is_instance = matches!(item.kind(), EventKind::Occurrence | EventKind::Exception);
    let is_own = uid.is_ascii()
        && uid.len() >= UID_DATE.end
        && uid.get(..OWN_UID.len()).is_some_and(|head| head.eq_ignore_ascii_case(OWN_UID));
    if is_instance && is_own {
        uid.replace_range(UID_DATE, "00000000");
    }
    Some(uid)
}

/// The name of the place; where only the places have names, all of these.
fn location(item: &EventItem) -> Option<String> {
    let name = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let main = item.location.as_ref().and_then(|location| name(&location.display_name));
    main.or_else(|| {
        let places = item.locations.list().iter();
        let names: Vec<_> = places.filter_map(|place| name(&place.display_name)).collect();
        (!names.is_empty()).then(|| names.join("; "))
    })
}

fn body(body: &WireBody) -> Option<Body> {
    let content = body.content.clone().filter(|content| !content.is_empty())?;
    let text = |content| Body { format: BodyFormat::Text, content };
    let found = match body.content_type {
        Some(WireBodyType::Html) => match converted::text_of(&content) {
            Some(written) => text(written),
            None => Body { format: BodyFormat::Html, content },
        },
        Some(WireBodyType::Text | WireBodyType::Unrecognised) | None => text(content),
    };
    Some(found).filter(|body| !body.content.is_empty())
}

fn timestamp(text: Option<&String>) -> Option<Timestamp> {
    text.and_then(|text| text.trim().parse().ok())
}

/// The original date in an occurrence identifier: `OID.master.date` (exchange-graph.md 10.1).
fn date_of_occurrence(id: &str) -> Option<Date> {
    id.trim().rsplit('.').next()?.parse().ok()
}

fn own_response(item: &EventItem) -> Option<WireResponse> {
    item.response_status.and_then(|status| status.response)
}

/// Tentative time says that the event is tentative, but not in an attendee's copy: there it means
/// that the owner has not answered (mapping.md 3.4).
fn status(item: &EventItem, show_as: ShowAs, role: CopyRole) -> EventStatus {
    if item.is_cancelled == Some(true) {
        EventStatus::Cancelled
    } else if show_as == ShowAs::Tentative && role != CopyRole::Attendee {
        EventStatus::Tentative
    } else {
        EventStatus::Confirmed
    }
}

/// Whose copy it is. Where nothing says it, the copy counts as an attendee's, which is not written
/// to, unless its organiser is the owner or unknown.
fn role(
    item: &EventItem,
    attendees: &BTreeMap<String, Attendee>,
    organizer: Option<&str>,
    owner: Option<&str>,
) -> CopyRole {
    let organizes = item.is_organizer.unwrap_or_else(|| match own_response(item) {
        Some(WireResponse::Organizer) => true,
        Some(
            WireResponse::TentativelyAccepted
            | WireResponse::Accepted
            | WireResponse::Declined
            | WireResponse::NotResponded,
        ) => false,
        Some(WireResponse::None | WireResponse::Unrecognised) | None => {
            organizer.is_none() || organizer == owner
        }
    });
    match (organizes, attendees.is_empty()) {
        (true, true) => CopyRole::Appointment,
        (true, false) => CopyRole::Organizer,
        // Even if nobody else is shown: attendees may be hidden from each other.
        (false, _) => CopyRole::Attendee,
    }
}
