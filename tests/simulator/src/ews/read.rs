//! Item elements of requests, broken down to single property changes.

use roxmltree::Node;
use tidemark_model::{AttendeeRole, Body, BodyFormat, Privacy, ShowAs};

use super::error::EwsError;
use super::node::Read;
use super::recurrence::read_recurrence;
use super::time::WireTime;
use super::zones::{read_meeting_zone, read_zone};
use crate::store::{Change, Contact, ExtendedName, Importance, People, PropertyKey, PropertySet};

/// Which zones give times without offset their meaning (exchange-ews.md 7).
#[derive(Default, Clone)]
pub(crate) struct Zones {
    /// `StartTimeZone` of the same item or update, else its `MeetingTimeZone`.
    pub(crate) start: Option<String>,
    /// `EndTimeZone` of the same item or update.
    pub(crate) end: Option<String>,
    /// `TimeZoneContext` of the request.
    pub(crate) context: Option<String>,
}

impl Zones {
    /// The zones of a request part: the first of each kind below `node`.
    pub(crate) fn within(node: Node<'_, '_>, context: Option<&str>) -> Result<Self, EwsError> {
        let named = |name| node.below(name).map(read_zone).transpose();
        let meeting = node.below("MeetingTimeZone").map(read_meeting_zone).transpose()?;
        Ok(Self {
            start: named("StartTimeZone")?.or(meeting),
            end: named("EndTimeZone")?,
            context: context.map(str::to_owned),
        })
    }

    fn of_start(&self) -> &str {
        self.start.as_deref().or(self.context.as_deref()).unwrap_or("UTC")
    }

    fn of_end(&self) -> &str {
        self.end.as_deref().or(self.context.as_deref()).unwrap_or("UTC")
    }
}

/// All changes that a whole item element stands for, in the order in which Exchange applies them.
pub(crate) fn read_item(
    item: Node<'_, '_>,
    context: Option<&str>,
) -> Result<Vec<Change>, EwsError> {
    let zones = Zones::within(item, context)?;
    let mut changes = Vec::new();
    if item.name() == "CalendarItem" {
        // The zone of a new item is StartTimeZone, else TimeZoneContext, else UTC.
        let zone = zones.of_start().to_owned();
        let end = zones.end.clone().unwrap_or_else(|| zone.clone());
        changes.push(Change::StartZone(zone));
        changes.push(Change::EndZone(end));
    }
    for element in item.elements() {
        changes.extend(read_property(element, &zones)?);
    }
    Ok(changes)
}

/// The change that one property element stands for; none for what the server keeps to itself.
pub(crate) fn read_property(node: Node<'_, '_>, zones: &Zones) -> Result<Option<Change>, EwsError> {
    let text = node.inner();
    Ok(Some(match node.name() {
        "Subject" => Change::Subject(text.to_owned()),
        "Body" => Change::Body(read_body(node)),
        "Sensitivity" => Change::Sensitivity(read_sensitivity(text)?),
        "Categories" => {
            Change::Categories(node.elements().map(|name| name.inner().to_owned()).collect())
        }
        "Importance" => Change::Importance(read_importance(text)?),
        "ReminderIsSet" => Change::ReminderSet(read_flag(text)?),
        "ReminderMinutesBeforeStart" => Change::ReminderMinutes(
            text.trim()
                .parse()
                .map_err(|_| EwsError::schema("ReminderMinutesBeforeStart is no number"))?,
        ),
        "ExtendedProperty" => return read_extended(node),
        "UID" => Change::Uid(text.to_owned()),
        "Start" => Change::Start(WireTime::read(text)?.instant(zones.of_start())),
        "End" => Change::End(WireTime::read(text)?.instant(
            if zones.end.is_none() && zones.start.is_some() && zones.context.is_none() {
                zones.of_start()
            } else {
                zones.of_end()
            },
        )),
        "IsAllDayEvent" => Change::AllDay(read_flag(text)?),
        "LegacyFreeBusyStatus" => Change::ShowAs(read_show_as(text)?),
        "Location" => Change::Location(some_text(text)),
        "IsResponseRequested" => Change::ResponseRequested(read_flag(text)?),
        "AllowNewTimeProposal" => Change::AllowNewTimeProposal(read_flag(text)?),
        "RequiredAttendees" => attendees(AttendeeRole::Required, node, false),
        "OptionalAttendees" => attendees(AttendeeRole::Optional, node, false),
        "Resources" => attendees(AttendeeRole::Resource, node, false),
        "Recurrence" => Change::Recurrence(Some(read_recurrence(node)?)),
        "StartTimeZone" => Change::StartZone(read_zone(node)?),
        "MeetingTimeZone" => Change::StartZone(read_meeting_zone(node)?),
        "EndTimeZone" => Change::EndZone(read_zone(node)?),
        "IsRead" => Change::Read(read_flag(text)?),
        "ToRecipients" => Change::To(node.elements().map(read_mailbox).collect()),
        "ItemClass"
        | "Culture"
        | "IsDraft"
        | "ConferenceType"
        | "CcRecipients"
        | "BccRecipients"
        | "From"
        | "Sender"
        | "ReplyTo"
        | "ReminderDueBy"
        | "MimeContent"
        | "IsReadReceiptRequested"
        | "IsDeliveryReceiptRequested"
        | "EnhancedLocation"
        | "MeetingWorkspaceUrl"
        | "NetShowUrl"
        | "IsOnlineMeeting" => {
            return Ok(None);
        }
        _ => {
            return Err(EwsError::new(
                "ErrorInvalidPropertySet",
                "Set action is invalid for property.",
            ));
        }
    }))
}

/// The change that takes a property away.
pub(crate) fn read_clearing(field: Node<'_, '_>) -> Result<Option<Change>, EwsError> {
    if field.name() == "ExtendedFieldURI" {
        return Ok(super::mapi::change(read_extended_name(field)?, None));
    }
    let uri = field.attribute("FieldURI").unwrap_or_default();
    let nobody = || People::Replace(Vec::new());
    Ok(Some(match uri {
        "item:Subject" => Change::Subject(String::new()),
        "item:Body" => Change::Body(None),
        "item:Categories" => Change::Categories(std::collections::BTreeSet::new()),
        "item:ReminderMinutesBeforeStart" | "item:ReminderIsSet" => Change::ReminderSet(false),
        "item:Sensitivity" => Change::Sensitivity(Privacy::Public),
        "item:Importance" => Change::Importance(Importance::Normal),
        "calendar:Location" => Change::Location(None),
        "calendar:Recurrence" => Change::Recurrence(None),
        "calendar:RequiredAttendees" => Change::Attendees(AttendeeRole::Required, nobody()),
        "calendar:OptionalAttendees" => Change::Attendees(AttendeeRole::Optional, nobody()),
        "calendar:Resources" => Change::Attendees(AttendeeRole::Resource, nobody()),
        "calendar:MeetingWorkspaceUrl"
        | "calendar:NetShowUrl"
        | "calendar:ConferenceType"
        | "calendar:MeetingTimeZone"
        | "calendar:EnhancedLocation" => return Ok(None),
        _ => {
            return Err(EwsError::new(
                "ErrorInvalidPropertyDelete",
                "Delete action is invalid for property.",
            ));
        }
    }))
}

/// The change that adds to a property; only for texts and lists that allow it.
pub(crate) fn read_append(node: Node<'_, '_>) -> Result<Change, EwsError> {
    Ok(match node.name() {
        "Body" => Change::AppendBody(node.inner().to_owned()),
        "RequiredAttendees" => attendees(AttendeeRole::Required, node, true),
        "OptionalAttendees" => attendees(AttendeeRole::Optional, node, true),
        "Resources" => attendees(AttendeeRole::Resource, node, true),
        _ => {
            return Err(EwsError::new(
                "ErrorInvalidPropertyAppend",
                "Append action is invalid for property.",
            ));
        }
    })
}

/// Reads how an extended property is named.
pub(crate) fn read_extended_name(node: Node<'_, '_>) -> Result<ExtendedName, EwsError> {
    let invalid = || {
        EwsError::new(
            "ErrorInvalidExtendedProperty",
            "Extended property attribute combination is invalid.",
        )
    };
    let number = |text: &str| {
        let text = text.trim();
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => text.parse(),
        }
        .map_err(|_| invalid())
    };
    let set = node
        .attribute("PropertySetId")
        .map(|guid| PropertySet::Guid(guid.to_ascii_lowercase()))
        .or_else(|| {
            node.attribute("DistinguishedPropertySetId")
                .map(|word| PropertySet::Distinguished(word.to_owned()))
        });
    let key = match (
        node.attribute("PropertyTag"),
        node.attribute("PropertyName"),
        node.attribute("PropertyId"),
    ) {
        (Some(tag), None, None) if set.is_none() => PropertyKey::Tag(number(tag)?),
        (None, Some(name), None) if set.is_some() => PropertyKey::Name(name.to_owned()),
        (None, None, Some(id)) if set.is_some() => PropertyKey::Id(number(id)?),
        _ => return Err(invalid()),
    };
    Ok(ExtendedName {
        set,
        key,
        property_type: node.attribute("PropertyType").ok_or_else(invalid)?.to_owned(),
    })
}

fn read_extended(node: Node<'_, '_>) -> Result<Option<Change>, EwsError> {
    let uri = node
        .child("ExtendedFieldURI")
        .ok_or_else(|| EwsError::schema("ExtendedFieldURI is missing"))?;
    let values = match (node.child("Value"), node.child("Values")) {
        (Some(value), None) => vec![value.inner().to_owned()],
        (None, Some(values)) => values.elements().map(|value| value.inner().to_owned()).collect(),
        _ => {
            return Err(EwsError::schema("an extended property has one Value or Values"));
        }
    };
    Ok(super::mapi::change(read_extended_name(uri)?, Some(values)))
}

fn attendees(role: AttendeeRole, node: Node<'_, '_>, append: bool) -> Change {
    let people = node
        .elements()
        .filter_map(|attendee| attendee.child("Mailbox"))
        .map(read_mailbox)
        .collect();
    let people = if append { People::Append(people) } else { People::Replace(people) };
    Change::Attendees(role, people)
}

fn read_mailbox(node: Node<'_, '_>) -> Contact {
    Contact {
        address: node.child_text("EmailAddress").unwrap_or_default().trim().to_owned(),
        name: node.child_text("Name").unwrap_or_default().to_owned(),
    }
}

/// Reads a body; an empty one counts as none.
pub(crate) fn read_body(node: Node<'_, '_>) -> Option<Body> {
    let format = match node.attribute("BodyType") {
        Some("HTML") => BodyFormat::Html,
        _ => BodyFormat::Text,
    };
    some_text(node.inner()).map(|content| Body { format, content })
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn read_flag(text: &str) -> Result<bool, EwsError> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(EwsError::schema("a boolean cannot be read")),
    }
}

fn read_sensitivity(text: &str) -> Result<Privacy, EwsError> {
    match text.trim() {
        "Normal" => Ok(Privacy::Public),
        "Personal" => Ok(Privacy::Personal),
        "Private" => Ok(Privacy::Private),
        "Confidential" => Ok(Privacy::Confidential),
        _ => Err(EwsError::schema("Sensitivity has no such value")),
    }
}

fn read_importance(text: &str) -> Result<Importance, EwsError> {
    match text.trim() {
        "Low" => Ok(Importance::Low),
        "Normal" => Ok(Importance::Normal),
        "High" => Ok(Importance::High),
        _ => Err(EwsError::schema("Importance has no such value")),
    }
}

fn read_show_as(text: &str) -> Result<ShowAs, EwsError> {
    match text.trim() {
        "Free" => Ok(ShowAs::Free),
        "Tentative" => Ok(ShowAs::Tentative),
        "Busy" | "NoData" => Ok(ShowAs::Busy),
        "OOF" => Ok(ShowAs::Oof),
        "WorkingElsewhere" => Ok(ShowAs::WorkingElsewhere),
        _ => Err(EwsError::schema("LegacyFreeBusyStatus has no such value")),
    }
}
