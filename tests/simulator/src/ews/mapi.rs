//! MAPI properties that are another name for what an item holds anyway (MS-OXPROPS).
//!
//! Clients that grew up with MAPI read and write these as extended properties. Everything else
//! under that name is kept as it was written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use tidemark_model::{Body, BodyFormat, Privacy, ShowAs};

use super::time::show;
use crate::store::{
    Appointment, Change, ExtendedName, ExtendedValues, Importance, Item, MyResponse, PropertyKey,
    PropertySet,
};

/// Property sets by GUID and by EWS's word for them (distinguishedpropertysettype).
const SETS: [(&str, &str); 4] = [
    ("00062002-0000-0000-c000-000000000046", "Appointment"),
    ("00062008-0000-0000-c000-000000000046", "Common"),
    ("00020329-0000-0000-c000-000000000046", "PublicStrings"),
    ("6ed8da90-450b-101b-98da-00aa003f1305", "Meeting"),
];

/// The properties that stand for something else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    MessageClass,
    Importance,
    Sensitivity,
    Subject,
    Body,
    Created,
    Modified,
    Received,
    ArticleNumber,
    Start,
    End,
    BusyStatus,
    Location,
    DurationMinutes,
    AllDay,
    StateFlags,
    Sequence,
    Recurring,
    ReminderSet,
    ReminderMinutes,
    Private,
    Keywords,
    CleanGlobalObjectId,
}

fn known(name: &ExtendedName) -> Option<Known> {
    let set = match &name.set {
        None => None,
        Some(PropertySet::Distinguished(word)) => Some(word.as_str()),
        Some(PropertySet::Guid(guid)) => {
            Some(SETS.iter().find(|(known, _)| known == guid).map(|(_, word)| *word)?)
        }
    };
    Some(match (set, &name.key) {
        (None, PropertyKey::Tag(0x001a)) => Known::MessageClass,
        (None, PropertyKey::Tag(0x0017)) => Known::Importance,
        (None, PropertyKey::Tag(0x0036)) => Known::Sensitivity,
        (None, PropertyKey::Tag(0x0037)) => Known::Subject,
        (None, PropertyKey::Tag(0x1000)) => Known::Body,
        (None, PropertyKey::Tag(0x3007)) => Known::Created,
        (None, PropertyKey::Tag(0x3008)) => Known::Modified,
        (None, PropertyKey::Tag(0x0e06)) => Known::Received,
        (None, PropertyKey::Tag(0x0e23)) => Known::ArticleNumber,
        (None, PropertyKey::Tag(0x0060)) | (Some("Appointment"), PropertyKey::Id(0x820d)) => {
            Known::Start
        }
        (None, PropertyKey::Tag(0x0061)) | (Some("Appointment"), PropertyKey::Id(0x820e)) => {
            Known::End
        }
        (Some("Appointment"), PropertyKey::Id(0x8201)) => Known::Sequence,
        (Some("Appointment"), PropertyKey::Id(0x8205)) => Known::BusyStatus,
        (Some("Appointment"), PropertyKey::Id(0x8208)) => Known::Location,
        (Some("Appointment"), PropertyKey::Id(0x8213)) => Known::DurationMinutes,
        (Some("Appointment"), PropertyKey::Id(0x8215)) => Known::AllDay,
        (Some("Appointment"), PropertyKey::Id(0x8217)) => Known::StateFlags,
        (Some("Appointment"), PropertyKey::Id(0x8223)) => Known::Recurring,
        (Some("Common"), PropertyKey::Id(0x8501)) => Known::ReminderMinutes,
        (Some("Common"), PropertyKey::Id(0x8503)) => Known::ReminderSet,
        (Some("Common"), PropertyKey::Id(0x8506)) => Known::Private,
        (Some("PublicStrings"), PropertyKey::Name(key)) if key == "Keywords" => Known::Keywords,
        (Some("Meeting"), PropertyKey::Id(0x23)) => Known::CleanGlobalObjectId,
        _ => return None,
    })
}

/// What setting an extended property means: a change of what the item holds, or the property
/// itself. None for what the server keeps to itself, or for a value that it cannot read.
pub(super) fn change(name: ExtendedName, values: Option<ExtendedValues>) -> Option<Change> {
    let Some(known) = known(&name) else {
        return Some(Change::Extended(name, values));
    };
    let values = values.unwrap_or_default();
    let first = values.first().map(String::as_str).unwrap_or_default();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let flag = matches!(first.trim(), "true" | "1");
    Some(match known {
        Known::Subject => Change::Subject(first.to_owned()),
        Known::Body => {
            Change::Body(some(first).map(|content| Body { format: BodyFormat::Text, content }))
        }
        Known::Location => Change::Location(some(first)),
        Known::Keywords => Change::Categories(values.into_iter().collect()),
        Known::Importance => Change::Importance(match first.trim() {
            "0" => Importance::Low,
            "2" => Importance::High,
            _ => Importance::Normal,
        }),
        Known::Sensitivity => Change::Sensitivity(match first.trim() {
            "1" => Privacy::Personal,
            "2" => Privacy::Private,
            "3" => Privacy::Confidential,
            _ => Privacy::Public,
        }),
        Known::BusyStatus => Change::ShowAs(match first.trim() {
            "0" => ShowAs::Free,
            "1" => ShowAs::Tentative,
            "3" => ShowAs::Oof,
            "4" => ShowAs::WorkingElsewhere,
            _ => ShowAs::Busy,
        }),
        Known::AllDay => Change::AllDay(flag),
        Known::ReminderSet => Change::ReminderSet(flag),
        Known::ReminderMinutes => Change::ReminderMinutes(first.trim().parse().ok()?),
        Known::MessageClass
        | Known::Created
        | Known::Modified
        | Known::Received
        | Known::ArticleNumber
        | Known::Start
        | Known::End
        | Known::DurationMinutes
        | Known::StateFlags
        | Known::Sequence
        | Known::Recurring
        | Known::Private
        | Known::CleanGlobalObjectId => return None,
    })
}

/// The values of those of the asked properties that an item has; `seen` is the appointment that
/// is shown, which an occurrence of a series differs in.
pub(super) fn values(
    item: &Item,
    seen: Option<&Appointment>,
    asked: &[ExtendedName],
) -> BTreeMap<ExtendedName, ExtendedValues> {
    asked.iter().filter_map(|name| Some((name.clone(), value(item, seen, name)?))).collect()
}

/// The values of one extended property.
pub(super) fn value(
    item: &Item,
    seen: Option<&Appointment>,
    name: &ExtendedName,
) -> Option<ExtendedValues> {
    let Some(known) = known(name) else {
        let own = seen.map_or_else(|| item.extended(), |seen| &seen.extended);
        return own.get(name).cloned();
    };
    if let Some(seen) = seen
        && let Some(values) = of_appointment(known, seen)
    {
        return Some(values);
    }
    let text = match known {
        Known::Created | Known::Received => show(item.created, None),
        Known::Modified => show(item.modified, None),
        // Numbers rise in the order in which items come into a folder, as IMAP wants its UIDs.
        Known::ArticleNumber => item.number.to_string(),
        Known::Subject => item.subject().to_owned(),
        Known::Body => plain(item.message()?.body.as_ref()?),
        Known::Importance => importance(item.message()?.importance),
        Known::Sensitivity => sensitivity(item.message()?.sensitivity),
        Known::Private => flag(item.message()?.sensitivity == Privacy::Private),
        Known::Keywords => {
            return categories(&item.message()?.categories);
        }
        Known::MessageClass => super::show_message::class_of(&item.message()?.kind).to_owned(),
        _ => return None,
    };
    Some(vec![text])
}

fn of_appointment(known: Known, seen: &Appointment) -> Option<ExtendedValues> {
    let text = match known {
        Known::MessageClass => "IPM.Appointment".to_owned(),
        Known::Importance => importance(seen.importance),
        Known::Sensitivity => sensitivity(seen.sensitivity),
        Known::Private => flag(seen.sensitivity == Privacy::Private),
        Known::Subject => seen.subject.clone(),
        Known::Body => plain(seen.body.as_ref()?),
        Known::Start => show(seen.start, None),
        Known::End => show(seen.end, None),
        Known::Sequence => seen.sequence.to_string(),
        Known::BusyStatus => match seen.show_as {
            ShowAs::Free => 0,
            ShowAs::Tentative => 1,
            ShowAs::Busy => 2,
            ShowAs::Oof => 3,
            ShowAs::WorkingElsewhere => 4,
        }
        .to_string(),
        Known::Location => seen.location.clone()?,
        Known::DurationMinutes => seen.duration().as_mins().to_string(),
        Known::AllDay => flag(seen.all_day),
        Known::StateFlags => state_flags(seen).to_string(),
        Known::Recurring => flag(seen.recurrence.is_some()),
        Known::ReminderSet => flag(seen.reminder_set),
        Known::ReminderMinutes => seen.reminder_minutes.to_string(),
        Known::Keywords => return categories(&seen.categories),
        Known::CleanGlobalObjectId => STANDARD.encode(global_object_id(&seen.uid)),
        Known::Created | Known::Modified | Known::Received | Known::ArticleNumber => return None,
    };
    Some(vec![text])
}

/// PidLidAppointmentStateFlags: 1 a meeting, 2 received, 4 called off (MS-OXOCAL 2.2.1.10).
pub(super) fn state_flags(of: &Appointment) -> u32 {
    let state = match of.my_response {
        MyResponse::Unknown => 0,
        MyResponse::Organizer => 1,
        MyResponse::Attendee(_) => 3,
    };
    if of.cancelled { state | 4 } else { state }
}

fn flag(value: bool) -> String {
    if value { "true" } else { "false" }.to_owned()
}

fn plain(body: &Body) -> String {
    match body.format {
        BodyFormat::Html => super::html::to_text(&body.content),
        BodyFormat::Text => body.content.clone(),
    }
}

fn categories(of: &std::collections::BTreeSet<String>) -> Option<ExtendedValues> {
    (!of.is_empty()).then(|| of.iter().cloned().collect())
}

fn importance(of: Importance) -> String {
    match of {
        Importance::Low => 0,
        Importance::Normal => 1,
        Importance::High => 2,
    }
    .to_string()
}

fn sensitivity(of: Privacy) -> String {
    match of {
        Privacy::Public => 0,
        Privacy::Personal => 1,
        Privacy::Private => 2,
        Privacy::Confidential => 3,
    }
    .to_string()
}

/// The global object id that the store keeps for a UID (MS-OXCICAL 2.1.3.1.1.20.26): Outlook's own
/// are its bytes in hexadecimal, with the date of an occurrence at 16 to 19; others are wrapped.
fn global_object_id(uid: &str) -> Vec<u8> {
    const BEGIN: [u8; 16] = 0x0400_0000_8200_E000_74C5_B710_1A82_E008_u128.to_be_bytes();
    let own: Option<Vec<u8>> = (0..uid.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(uid.get(at..at + 2)?, 16).ok())
        .collect();
    let rest = own.as_ref().and_then(|own| own.strip_prefix(&BEGIN)?.get(4..));
    let mut id = [BEGIN.as_slice(), &[0; 4]].concat();
    if let Some(rest) = rest {
        id.extend_from_slice(rest);
    } else {
        let content = format!("vCal-Uid\u{1}\0\0\0{uid}\0");
        // Neither a time of creation nor what is reserved behind it.
        id.extend_from_slice(&[0; 16]);
        id.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
        id.extend(content.into_bytes());
    }
    id
}
