//! People on an appointment.

use core::fmt;
use std::collections::BTreeMap;

use tidemark_model::{Attendee, AttendeeRole, Participation, Person};

use super::item::within;
use super::read::ReadWarning;
use crate::bounds::ATTENDEES_MAX;
use crate::error::{Flaw, Unreadable};
use crate::xml::{Element, Xml, XmlWriter};

/// `Mailbox` (emailaddress type). `Debug` shows neither name nor address.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WireMailbox {
    /// `Name`
    pub name: Option<String>,
    /// `EmailAddress`
    pub address: Option<String>,
    /// `RoutingType`: `SMTP`, or `EX` for an address inside of the organisation.
    pub routing: Option<String>,
}

impl fmt::Debug for WireMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireMailbox(..)")
    }
}

/// `Attendee`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAttendee {
    /// `Mailbox`
    pub mailbox: WireMailbox,
    /// `ResponseType`
    pub response: Option<WireResponse>,
}

/// An answer to an invitation (responsetype page).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireResponse {
    /// `Unknown`
    Unknown,
    /// `Organizer`
    Organizer,
    /// `Tentative`
    Tentative,
    /// `Accept`
    Accept,
    /// `Decline`
    Decline,
    /// `NoResponseReceived`
    NoResponseReceived,
}

impl WireResponse {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "Unknown" => Self::Unknown,
            "Organizer" => Self::Organizer,
            "Tentative" => Self::Tentative,
            "Accept" => Self::Accept,
            "Decline" => Self::Decline,
            "NoResponseReceived" => Self::NoResponseReceived,
            _ => return None,
        })
    }

    pub(crate) const fn participation(self) -> Participation {
        match self {
            Self::Unknown | Self::NoResponseReceived => Participation::NeedsAction,
            Self::Organizer | Self::Accept => Participation::Accepted,
            Self::Tentative => Participation::Tentative,
            Self::Decline => Participation::Declined,
        }
    }
}

impl WireMailbox {
    pub(crate) fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Unreadable> {
        let mut mailbox = Self::default();
        while let Some(part) = xml.child(element.level)? {
            match part.name() {
                "Name" => mailbox.name = xml.filled(&part)?,
                "EmailAddress" => mailbox.address = xml.filled(&part)?,
                "RoutingType" => mailbox.routing = xml.filled(&part)?,
                _ => {}
            }
        }
        Ok(mailbox)
    }

    /// The key of a person: the address in lower case. An address inside of the organisation
    /// (`/O=...`) is one too: it stays the same, and can be written back as it is.
    pub(crate) fn key(&self) -> Option<String> {
        let address = self.address.as_deref()?.trim();
        let address = strip_scheme(address);
        (!address.is_empty()).then(|| address.to_lowercase())
    }

    /// The name in place of the address, in the form of one.
    fn name_key(&self) -> Option<String> {
        let name = self.name.as_deref()?.trim();
        (!name.is_empty()).then(|| name.to_lowercase())
    }

    pub(super) fn person(&self) -> Option<Person> {
        Some(Person { address: self.key()?, name: self.name.clone() })
    }
}

fn strip_scheme(address: &str) -> &str {
    match address.split_at_checked(5) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("smtp:") => rest,
        Some(_) | None => address,
    }
}

pub(super) fn read_attendees(
    xml: &mut Xml<'_>,
    list: &Element<'_>,
) -> Result<Vec<WireAttendee>, Flaw> {
    let mut attendees = Vec::new();
    while let Some(entry) = xml.child(list.level)? {
        within(&attendees, ATTENDEES_MAX, "too many attendees")?;
        let mut mailbox = None;
        let mut response = None;
        while let Some(part) = xml.child(entry.level)? {
            match part.name() {
                "Mailbox" => mailbox = Some(WireMailbox::read(xml, &part)?),
                "ResponseType" => response = WireResponse::parse(&xml.word(&part)?),
                _ => {}
            }
        }
        if let Some(mailbox) = mailbox {
            attendees.push(WireAttendee { mailbox, response });
        }
    }
    Ok(attendees)
}

/// The people of all three lists by address. Who stands in two lists has the first role; the
/// organiser is no attendee. Who has no address goes by the name, since a list that is written back
/// without somebody would take them off; who has neither is left out.
pub(super) fn attendees_of(
    lists: [(&[WireAttendee], AttendeeRole); 3],
    organizer: Option<&str>,
    warnings: &mut Vec<ReadWarning>,
) -> BTreeMap<String, Attendee> {
    let mut people = BTreeMap::new();
    for (list, role) in lists {
        for WireAttendee { mailbox, response } in list {
            let Some(key) = mailbox.key().or_else(|| mailbox.name_key()) else {
                warnings.push(ReadWarning::AttendeeWithoutAddress);
                continue;
            };
            if organizer == Some(key.as_str()) || *response == Some(WireResponse::Organizer) {
                continue;
            }
            let answer = response.map(WireResponse::participation);
            people.entry(key).or_insert_with(|| Attendee {
                name: mailbox.name.clone(),
                role,
                participation: answer.unwrap_or(Participation::NeedsAction),
            });
        }
    }
    people
}

/// The element of a role and its name in requests.
pub(super) const fn list_of(role: AttendeeRole) -> (&'static str, &'static str) {
    match role {
        AttendeeRole::Required => ("t:RequiredAttendees", "calendar:RequiredAttendees"),
        AttendeeRole::Optional => ("t:OptionalAttendees", "calendar:OptionalAttendees"),
        AttendeeRole::Resource => ("t:Resources", "calendar:Resources"),
    }
}

/// The roles in the order of the schema.
pub(super) const ROLES: [AttendeeRole; 3] =
    [AttendeeRole::Required, AttendeeRole::Optional, AttendeeRole::Resource];

/// Writes the people of one role. An empty list is not written: the schema has none.
pub(super) fn write_attendees(
    attendees: &BTreeMap<String, Attendee>,
    role: AttendeeRole,
    xml: &mut XmlWriter,
) {
    let mut people = attendees.iter().filter(|(_, attendee)| attendee.role == role).peekable();
    if people.peek().is_none() {
        return;
    }
    xml.element(list_of(role).0, &[], |xml| {
        for (address, attendee) in people {
            xml.element("t:Attendee", &[], |xml| {
                xml.element("t:Mailbox", &[], |xml| {
                    let name = attendee.name.as_deref().filter(|name| !name.is_empty());
                    xml.text_if("t:Name", name);
                    xml.text("t:EmailAddress", address);
                    if is_internal(address) {
                        xml.text("t:RoutingType", "EX");
                    }
                });
            });
        }
    });
}

/// Whether an address is one inside of an Exchange organisation rather than SMTP.
fn is_internal(address: &str) -> bool {
    address.starts_with("/o=") || address.starts_with("/O=")
}
