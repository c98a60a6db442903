//! The properties of a calendar item that are not times.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidemark_model::{
    Attachment, Attendee, AttendeeRole, Body, BodyFormat, CopyRole, Event, EventStatus,
    OnlineMeeting, Participation, Person, Privacy, Schedule, ShowAs,
};

use super::tree::Node;

/// Bit of `AppointmentState`: it came as an invitation.
const RECEIVED: u32 = 2;

/// Reads everything but times, rule and exceptions, and whose copy it is.
pub(super) fn read(item: &Node, schedule: Schedule) -> (Event, CopyRole) {
    let mut event = Event::new(schedule);
    event.uid = text(item, "UID");
    event.title = text(item, "Subject");
    event.body = item.child("Body").and_then(read_body);
    event.location = text(item, "Location");
    event.show_as = read_show_as(item.text_of("LegacyFreeBusyStatus"));
    event.privacy = read_privacy(item.text_of("Sensitivity"));
    event.priority = read_priority(item.text_of("Importance"));
    let categories = item.child("Categories").into_iter().flat_map(Node::children);
    event.categories = categories
        .map(|category| category.text().trim().to_owned())
        .filter(|category| !category.is_empty())
        .collect();
    event.reminder_minutes = read_reminder(item);
    event.organizer = item.at(&["Organizer", "Mailbox"]).and_then(read_person);
    event.attendees = read_attendees(item);
    event.online_meeting =
        text(item, "JoinOnlineMeetingUrl").map(|join_url| OnlineMeeting { join_url });
    let attachments = item.child("Attachments").into_iter().flat_map(Node::children);
    event.attachments = attachments.filter_map(read_attachment).collect();
    event.sequence = number(item, "AppointmentSequenceNumber").unwrap_or_default();
    event.created = instant(item, "DateTimeCreated");
    event.updated = instant(item, "LastModifiedTime");
    let role = read_role(item, &event);
    event.status = read_status(item, &event, role);
    if role == CopyRole::Attendee {
        event.my_participation = Some(read_answer(item.text_of("MyResponseType")));
    }
    (event, role)
}

fn text(item: &Node, name: &str) -> Option<String> {
    let text = item.child(name)?.text();
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(item: &Node, name: &str) -> Option<u32> {
    item.text_of(name)?.parse().ok()
}

fn instant(item: &Node, name: &str) -> Option<Timestamp> {
    item.text_of(name)?.parse().ok()
}

fn read_body(body: &Node) -> Option<Body> {
    let format = match body.attribute("BodyType") {
        Some("HTML") => BodyFormat::Html,
        Some(_) | None => BodyFormat::Text,
    };
    let content = body.text().to_owned();
    (!content.is_empty()).then_some(Body { format, content })
}

/// What is unknown counts as busy: too much blocked time is the smaller harm (mapping.md 3.1).
fn read_show_as(word: Option<&str>) -> ShowAs {
    match word {
        Some("Free") => ShowAs::Free,
        Some("Tentative") => ShowAs::Tentative,
        Some("OOF") => ShowAs::Oof,
        Some("WorkingElsewhere") => ShowAs::WorkingElsewhere,
        Some(_) | None => ShowAs::Busy,
    }
}

/// What is unknown counts as private: too little shown is the smaller harm (mapping.md 3.2).
fn read_privacy(word: Option<&str>) -> Privacy {
    match word {
        Some("Normal") | None => Privacy::Public,
        Some("Personal") => Privacy::Personal,
        Some("Confidential") => Privacy::Confidential,
        Some(_) => Privacy::Private,
    }
}

fn read_priority(word: Option<&str>) -> u8 {
    match word {
        Some("High") => 1,
        Some("Low") => 9,
        Some(_) | None => 0,
    }
}

fn read_reminder(item: &Node) -> Option<u32> {
    if item.text_of("ReminderIsSet") != Some("true") {
        return None;
    }
    Some(number(item, "ReminderMinutesBeforeStart").unwrap_or_default())
}

fn read_person(mailbox: &Node) -> Option<Person> {
    Some(Person {
        address: mailbox.text_of("EmailAddress")?.to_lowercase(),
        name: text(mailbox, "Name"),
    })
}

fn read_attendees(item: &Node) -> BTreeMap<String, Attendee> {
    let lists = [
        ("Resources", AttendeeRole::Resource),
        ("OptionalAttendees", AttendeeRole::Optional),
        ("RequiredAttendees", AttendeeRole::Required),
    ];
    let mut attendees = BTreeMap::new();
    for (name, role) in lists {
        for attendee in item.child(name).into_iter().flat_map(Node::children) {
            let Some(mailbox) = attendee.child("Mailbox") else { continue };
            let name = text(mailbox, "Name");
            // Somebody without an address must not be lost: the list would be written without them.
            let address = text(mailbox, "EmailAddress").or_else(|| name.clone());
            let Some(address) = address else { continue };
            let participation = read_answer(attendee.text_of("ResponseType"));
            let attendee = Attendee { name, role, participation };
            attendees.insert(address.trim().to_lowercase(), attendee);
        }
    }
    attendees
}

fn read_answer(word: Option<&str>) -> Participation {
    match word {
        Some("Accept" | "Organizer") => Participation::Accepted,
        Some("Tentative") => Participation::Tentative,
        Some("Decline") => Participation::Declined,
        Some(_) | None => Participation::NeedsAction,
    }
}

/// Whose copy it is: an invitation is an attendee's, anything else with people on it the
/// organiser's.
fn read_role(item: &Node, event: &Event) -> CopyRole {
    let state = number(item, "AppointmentState");
    let received = match state {
        Some(state) => state & RECEIVED != 0,
        None => matches!(
            item.text_of("MyResponseType"),
            Some("Accept" | "Tentative" | "Decline" | "NoResponseReceived")
        ),
    };
    if received {
        CopyRole::Attendee
    } else if event.is_meeting() {
        CopyRole::Organizer
    } else {
        CopyRole::Appointment
    }
}

/// A tentative time of one's own is a tentative event; in an attendee's copy it only means that
/// there is no answer yet (mapping.md 3.4).
fn read_status(item: &Node, event: &Event, role: CopyRole) -> EventStatus {
    if item.text_of("IsCancelled") == Some("true") {
        EventStatus::Cancelled
    } else if event.show_as == ShowAs::Tentative && role != CopyRole::Attendee {
        EventStatus::Tentative
    } else {
        EventStatus::Confirmed
    }
}

fn read_attachment(attachment: &Node) -> Option<Attachment> {
    let id = attachment.child("AttachmentId")?.attribute("Id")?;
    Some(Attachment {
        id: id.to_owned(),
        name: text(attachment, "Name").unwrap_or_default(),
        content_type: text(attachment, "ContentType"),
        size_bytes: attachment.text_of("Size").and_then(|size| size.parse().ok()),
        inline: attachment.text_of("IsInline") == Some("true"),
    })
}
