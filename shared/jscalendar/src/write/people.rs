//! Participants, by lower-case address.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidemark_model::{Attendee, AttendeeRole, Event, Person};

use super::{Members, Version};
use crate::words::{PARTICIPATION, write_word};

/// Writes `participants` and who organises.
pub(crate) fn put_people(item: &mut Members, event: &Event, version: Version) {
    let people = write_people(&event.attendees, event.organizer.as_ref(), version);
    if !people.is_empty() {
        item.insert("participants".to_owned(), Value::Object(people));
    }
    if let Some(organizer) = &event.organizer {
        let address = mailto(&organizer.address);
        match version {
            Version::Rfc8984 => {
                item.insert("replyTo".to_owned(), json!({ "imip": address }));
            }
            Version::Bis => {
                item.insert("organizerCalendarAddress".to_owned(), json!(address));
            }
        }
    }
}

/// The map of everybody, the organiser with the role `owner`.
pub(crate) fn write_people(
    attendees: &BTreeMap<String, Attendee>,
    organizer: Option<&Person>,
    version: Version,
) -> Members {
    let mut people = Members::new();
    if let Some(organizer) = organizer
        && !attendees.contains_key(&organizer.address)
    {
        let mut person = write_person(&organizer.address, organizer.name.as_deref(), version);
        person.insert("roles".to_owned(), json!({ "owner": true }));
        person.insert("participationStatus".to_owned(), json!("accepted"));
        people.insert(organizer.address.clone(), Value::Object(person));
    }
    for (address, attendee) in attendees {
        let owner = organizer.is_some_and(|organizer| organizer.address == *address);
        let person = write_attendee(address, attendee, owner, version);
        people.insert(address.clone(), Value::Object(person));
    }
    people
}

fn write_attendee(address: &str, attendee: &Attendee, owner: bool, version: Version) -> Members {
    let mut person = write_person(address, attendee.name.as_deref(), version);
    let mut roles = Members::new();
    roles.insert("attendee".to_owned(), json!(true));
    if owner {
        roles.insert("owner".to_owned(), json!(true));
    }
    match attendee.role {
        AttendeeRole::Required => {}
        AttendeeRole::Optional => {
            roles.insert("optional".to_owned(), json!(true));
        }
        AttendeeRole::Resource => {
            person.insert("kind".to_owned(), json!("resource"));
        }
    }
    person.insert("roles".to_owned(), Value::Object(roles));
    let answer = write_word(&PARTICIPATION, &attendee.participation);
    person.insert("participationStatus".to_owned(), json!(answer));
    person
}

fn write_person(address: &str, name: Option<&str>, version: Version) -> Members {
    let mut person = Members::new();
    person.insert("@type".to_owned(), json!("Participant"));
    if let Some(name) = name {
        person.insert("name".to_owned(), json!(name));
    }
    match version {
        Version::Rfc8984 => {
            person.insert("sendTo".to_owned(), json!({ "imip": mailto(address) }));
        }
        Version::Bis => {
            person.insert("calendarAddress".to_owned(), json!(mailto(address)));
        }
    }
    person
}

/// A `mailto:` address, with the characters escaped that would end it (RFC 6068 2).
fn mailto(address: &str) -> String {
    let escaped =
        address.replace('%', "%25").replace('?', "%3F").replace('&', "%26").replace('#', "%23");
    format!("mailto:{escaped}")
}
