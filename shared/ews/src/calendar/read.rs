//! From the wire to the model.

use core::fmt;
use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use tidemark_model::{
    Attachment, Attendee, AttendeeRole, Body, BodyFormat, CopyRole, Event, EventStatus,
    OnlineMeeting, Participation, Schedule, ShowAs, Zone,
};

use super::attendee::{WireMailbox, WireResponse, attendees_of};
use super::item::{CalendarItem, Importance};
use super::series::ModifiedOccurrence;
use super::times;
use crate::error::DamagedItem;
use crate::id::ItemId;
use crate::summary::CalendarItemType;
use crate::time::EwsTime;

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

/// Something of an item that the model has no place for, or that had to be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadWarning {
    /// Its zone is none that is known; instants are right, civil times are in the mailbox's zone.
    UnknownZone,
    /// It is a whole-day item that does not begin or end at midnight; the nearest one was taken.
    AllDayOffMidnight,
    /// Somebody on it has neither address nor name, and is missing.
    AttendeeWithoutAddress,
    /// The rule of its series knows no such occurrence; it was left out.
    OccurrenceOffRule,
    /// It is longer than Exchange allows, or ends before it begins; its end was moved.
    EndMoved,
}

/// An appointment that was read; of a series, the master or one exception alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadItem {
    /// Which item, in which version.
    pub id: ItemId,
    /// What it is to its series.
    pub item_type: CalendarItemType,
    /// What it says. A master has no overrides yet: see [`assemble_series`](super::assemble_series).
    pub event: Event,
    /// The text of our stamp, if it carries one: see [`stamp::parse`](crate::stamp::parse).
    pub stamp: Option<String>,
    /// Whose copy it is.
    pub role: CopyRole,
    /// Of a master: its exceptions.
    pub modified: Vec<ModifiedOccurrence>,
    /// Of a master: the original starts of the occurrences that were taken out.
    pub deleted: Vec<Timestamp>,
    /// Of an occurrence or exception: when the rule begins it.
    pub original_start: Option<Timestamp>,
    /// The zone that the item is bound to, also where its event is a whole day.
    pub zone: Zone,
    /// What could not be kept as it was.
    pub warnings: Vec<ReadWarning>,
}

/// Reads an appointment.
///
/// # Errors
/// [`DamagedItem`] if it has no id or times, or is a series whose rule cannot be understood: without
/// them it would be written back as something else.
pub fn read_item(item: &CalendarItem, context: &ReadContext) -> Result<ReadItem, DamagedItem> {
    let damaged = |reason| DamagedItem { id: item.id.clone(), reason };
    let id = item.id.clone().ok_or_else(|| damaged("it has no id"))?;
    let mut warnings = Vec::new();
    let (schedule, zone) = times::read(item, context, &mut warnings).map_err(damaged)?;
    let item_type = item.item_type.unwrap_or(CalendarItemType::Single);
    let recurrence = match (item_type, &item.recurrence) {
        (CalendarItemType::RecurringMaster, Some(wire)) => {
            let rule = wire.to_model(schedule.start().date());
            let rule = rule.filter(|rule| rule.validate().is_ok());
            Some(rule.ok_or_else(|| damaged("the rule of its series cannot be understood"))?)
        }
        (CalendarItemType::RecurringMaster, None) => {
            return Err(damaged("it is a series without a rule"));
        }
        _ => None,
    };
    let organizer = item.organizer.as_ref().and_then(WireMailbox::person);
    let organizer_key = organizer.as_ref().map(|person| person.address.as_str());
    let attendees = people(item, organizer_key, &mut warnings);
    let role = role(item, &attendees, organizer_key, context.owner.as_deref());
    let instant = |time: &EwsTime| time.instant(&zone);
    let mut event = Event::new(schedule);
    fill(&mut event, item, role);
    event.recurrence = recurrence;
    event.organizer = organizer.filter(|_| role != CopyRole::Appointment);
    event.attendees = attendees;
    event.created = item.created.as_ref().map(instant);
    event.updated = item.modified.as_ref().map(instant);
    let modified = item.modified_occurrences.iter();
    Ok(ReadItem {
        id,
        item_type,
        event,
        stamp: item.stamp.clone(),
        role,
        modified: modified
            .map(|occurrence| ModifiedOccurrence {
                id: occurrence.id.clone(),
                original_start: instant(&occurrence.original_start),
                start: occurrence.start.as_ref().map(instant),
                end: occurrence.end.as_ref().map(instant),
            })
            .collect(),
        deleted: item.deleted_occurrences.iter().map(instant).collect(),
        original_start: match item_type {
            CalendarItemType::Occurrence | CalendarItemType::Exception => {
                let time = item.original_start.as_ref().or(item.recurrence_id.as_ref());
                time.map(instant)
            }
            CalendarItemType::Single | CalendarItemType::RecurringMaster => None,
        },
        zone,
        warnings,
    })
}

/// The properties that stand for themselves.
fn fill(event: &mut Event, item: &CalendarItem, role: CopyRole) {
    event.uid.clone_from(&item.uid);
    event.title.clone_from(&item.subject);
    event.location.clone_from(&item.location);
    event.body = item.body.as_ref().filter(|body| !body.content.is_empty()).map(|body| Body {
        format: if body.html { BodyFormat::Html } else { BodyFormat::Text },
        content: body.content.clone(),
    });
    event.show_as = item.show_as.unwrap_or(ShowAs::Busy);
    if let Some(privacy) = item.sensitivity {
        event.privacy = privacy;
    }
    event.priority = match item.importance {
        Some(Importance::High) => 1,
        Some(Importance::Low) => 9,
        Some(Importance::Normal) | None => 0,
    };
    event.categories = item.categories.iter().cloned().collect();
    // A reminder after the start cannot be had.
    event.reminder_minutes = item
        .reminder_is_set
        .filter(|set| *set)
        .map(|_| item.reminder_minutes.unwrap_or(0).max(0))
        .and_then(|minutes| u32::try_from(minutes).ok());
    event.status = status(item, event.show_as, role);
    event.my_participation = (role == CopyRole::Attendee).then(|| {
        let answer = item.my_response.map(WireResponse::participation);
        answer.unwrap_or(Participation::NeedsAction)
    });
    event.online_meeting = item.join_url.clone().map(|join_url| OnlineMeeting { join_url });
    let attachments = item.attachments.iter().map(|attachment| Attachment {
        id: attachment.id.clone(),
        name: attachment.name.clone(),
        content_type: attachment.content_type.clone(),
        size_bytes: attachment.size_bytes,
        inline: attachment.inline,
    });
    event.attachments = attachments.collect();
    event.sequence = item.sequence.unwrap_or(0);
}

/// Tentative time says that the event is tentative, but not in an attendee's copy: there it means
/// that the owner has not answered (mapping.md 3.4).
fn status(item: &CalendarItem, show_as: ShowAs, role: CopyRole) -> EventStatus {
    if item.is_cancelled == Some(true) || has_state(item, STATE_CANCELLED) {
        EventStatus::Cancelled
    } else if show_as == ShowAs::Tentative && role != CopyRole::Attendee {
        EventStatus::Tentative
    } else {
        EventStatus::Confirmed
    }
}

fn people(
    item: &CalendarItem,
    organizer: Option<&str>,
    warnings: &mut Vec<ReadWarning>,
) -> BTreeMap<String, Attendee> {
    let lists = [
        (item.required.as_slice(), AttendeeRole::Required),
        (item.optional.as_slice(), AttendeeRole::Optional),
        (item.resources.as_slice(), AttendeeRole::Resource),
    ];
    attendees_of(lists, organizer, warnings)
}

/// Bits of `AppointmentState` (appointmentstate page).
const STATE_MEETING: u32 = 1;
const STATE_RECEIVED: u32 = 2;
const STATE_CANCELLED: u32 = 4;

fn has_state(item: &CalendarItem, bit: u32) -> bool {
    item.state.is_some_and(|state| state & bit != 0)
}

/// Whose copy it is. Where nothing says it, the copy counts as an attendee's, which is not written
/// to, unless its organiser is the owner or unknown.
fn role(
    item: &CalendarItem,
    attendees: &BTreeMap<String, Attendee>,
    organizer: Option<&str>,
    owner: Option<&str>,
) -> CopyRole {
    let is_meeting = item.is_meeting == Some(true)
        || has_state(item, STATE_MEETING | STATE_RECEIVED)
        || !attendees.is_empty();
    if !is_meeting {
        return CopyRole::Appointment;
    }
    if has_state(item, STATE_RECEIVED) {
        return CopyRole::Attendee;
    }
    match item.my_response {
        Some(WireResponse::Organizer) => CopyRole::Organizer,
        Some(
            WireResponse::Tentative
            | WireResponse::Accept
            | WireResponse::Decline
            | WireResponse::NoResponseReceived,
        ) => CopyRole::Attendee,
        Some(WireResponse::Unknown) | None => {
            let own = match (organizer, owner) {
                (None, _) => true,
                (Some(organizer), Some(owner)) => organizer == owner,
                (Some(_), None) => false,
            };
            // The state is known and does not say that it was received.
            if own || item.state.is_some() { CopyRole::Organizer } else { CopyRole::Attendee }
        }
    }
}

/// Five years, which is as long as anything may last.
pub(super) fn latest_end(start: Timestamp) -> Timestamp {
    let hours = i64::from(tidemark_model::schedule::DURATION_DAYS_MAX).saturating_mul(24);
    start.saturating_add(hours.hours()).unwrap_or(start)
}

/// A schedule, or the reason why there is none.
pub(super) type Read = Result<(Schedule, Zone), &'static str>;
