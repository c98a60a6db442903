//! People on an event (attendee, recipient, emailaddress and responsestatus pages).

use core::fmt;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tidemark_model::{Attendee, AttendeeRole, Participation, Person};

use super::item::null_default;
use super::read::ReadWarning;

/// `emailAddress`. `Debug` shows neither name nor address.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
pub struct WireEmailAddress {
    /// `name`
    pub name: Option<String>,
    /// `address`: SMTP, or one inside of the organisation (`/O=...`).
    pub address: Option<String>,
}

impl fmt::Debug for WireEmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireEmailAddress(..)")
    }
}

/// `recipient`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireRecipient {
    /// `emailAddress`
    #[serde(default, deserialize_with = "null_default")]
    pub email_address: WireEmailAddress,
}

/// `attendee`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireAttendee {
    /// `emailAddress`
    #[serde(default, deserialize_with = "null_default")]
    pub email_address: WireEmailAddress,
    /// `type`
    #[serde(rename = "type")]
    pub kind: Option<WireAttendeeType>,
    /// `status`
    pub status: Option<WireStatus>,
}

/// `attendeeType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireAttendeeType {
    /// `required`
    Required,
    /// `optional`
    Optional,
    /// `resource`
    Resource,
    /// A word that is not known; it is read as required.
    #[serde(other)]
    Unrecognised,
}

/// `responseStatus`, without its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct WireStatus {
    /// `response`
    pub response: Option<WireResponse>,
}

/// `responseType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireResponse {
    /// `none`
    None,
    /// `organizer`
    Organizer,
    /// `tentativelyAccepted`
    TentativelyAccepted,
    /// `accepted`
    Accepted,
    /// `declined`
    Declined,
    /// `notResponded`
    NotResponded,
    /// A word that is not known; it is read as no answer.
    #[serde(other)]
    Unrecognised,
}

impl WireResponse {
    pub(super) const fn participation(self) -> Participation {
        match self {
            Self::None | Self::NotResponded | Self::Unrecognised => Participation::NeedsAction,
            Self::Organizer | Self::Accepted => Participation::Accepted,
            Self::TentativelyAccepted => Participation::Tentative,
            Self::Declined => Participation::Declined,
        }
    }
}

impl WireEmailAddress {
    /// The key of a person: the address in lower case.
    fn key(&self) -> Option<String> {
        let address = self.address.as_deref()?.trim();
        (!address.is_empty()).then(|| address.to_lowercase())
    }

    /// The name in place of the address, in the form of one.
    fn name_key(&self) -> Option<String> {
        let name = self.name.as_deref()?.trim();
        (!name.is_empty()).then(|| name.to_lowercase())
    }

    fn filled_name(&self) -> Option<String> {
        self.name.clone().filter(|name| !name.is_empty())
    }
}

impl WireRecipient {
    pub(super) fn person(&self) -> Option<Person> {
        let address = self.email_address.key()?;
        Some(Person { address, name: self.email_address.filled_name() })
    }
}

/// The people by address. Who stands there twice has the first role; the organiser is no attendee.
/// Who has no address goes by the name, since a list that is written back without somebody would
/// take them off; who has neither is left out.
pub(super) fn attendees_of(
    list: &[WireAttendee],
    organizer: Option<&str>,
    warnings: &mut Vec<ReadWarning>,
) -> BTreeMap<String, Attendee> {
    let mut people = BTreeMap::new();
    for attendee in list {
        let who = &attendee.email_address;
        let Some(key) = who.key().or_else(|| who.name_key()) else {
            warnings.push(ReadWarning::AttendeeWithoutAddress);
            continue;
        };
        let response = attendee.status.and_then(|status| status.response);
        if organizer == Some(key.as_str()) || response == Some(WireResponse::Organizer) {
            continue;
        }
        let answer = response.map(WireResponse::participation);
        people.entry(key).or_insert_with(|| Attendee {
            name: who.filled_name(),
            role: match attendee.kind {
                Some(WireAttendeeType::Optional) => AttendeeRole::Optional,
                Some(WireAttendeeType::Resource) => AttendeeRole::Resource,
                Some(WireAttendeeType::Required | WireAttendeeType::Unrecognised) | None => {
                    AttendeeRole::Required
                }
            },
            participation: answer.unwrap_or(Participation::NeedsAction),
        });
    }
    people
}

/// The whole list: Graph replaces collections as a whole (event-update page). Answers are the
/// server's.
pub(super) fn write_attendees(attendees: &BTreeMap<String, Attendee>) -> Value {
    attendees
        .iter()
        .map(|(address, attendee)| {
            let kind = match attendee.role {
                AttendeeRole::Required => "required",
                AttendeeRole::Optional => "optional",
                AttendeeRole::Resource => "resource",
            };
            json!({ "emailAddress": write_address(address, attendee.name.as_deref()), "type": kind })
        })
        .collect()
}

fn write_address(address: &str, name: Option<&str>) -> Value {
    match name.filter(|name| !name.is_empty()) {
        // It was read without an address.
        Some(name) if name.trim().to_lowercase() == address && !address.contains('@') => {
            json!({ "name": name })
        }
        Some(name) => json!({ "name": name, "address": address }),
        None => json!({ "address": address }),
    }
}
