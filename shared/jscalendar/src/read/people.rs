//! Participants, by address.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidemark_model::{Attendee, AttendeeRole, Participation};

use super::members::{Given, Source, check_type};
use super::{expect_map, expect_text, read_enumerated, text};
use crate::limits::PARTICIPANTS_MAX;
use crate::problem::{Findings, Pointer};
use crate::words::{PARTICIPATION, read_word};

/// Longest mail address in bytes (RFC 5321 4.5.3.1.3, less the angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;

/// Reads `tidemark:participationStatus`: how the owner of the mailbox answers.
pub(crate) fn read_own_answer(
    source: &Source<'_>,
    findings: &mut Findings,
) -> Option<Option<Participation>> {
    let name = "tidemark:participationStatus";
    match source.get(name) {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Value(_) => {
            let fallback = Participation::NeedsAction;
            read_enumerated(source, name, &PARTICIPATION, fallback, findings).map(Some)
        }
    }
}

/// Reads `participants`: everybody but the organiser, who is whoever owns the mailbox and cannot be
/// set. An organiser who already stands among the attendees stays there.
pub(crate) fn read_attendees(
    source: &Source<'_>,
    known: Option<&BTreeMap<String, Attendee>>,
    findings: &mut Findings,
) -> Option<BTreeMap<String, Attendee>> {
    let at = source.at.member("participants");
    let map = match source.get("participants") {
        Given::Absent => return None,
        Given::Null => return Some(BTreeMap::new()),
        Given::Value(value) => expect_map(value, &at, PARTICIPANTS_MAX, findings)?,
    };
    let mut attendees = BTreeMap::new();
    for (key, value) in map {
        let at = at.member(key);
        let Some(person) = expect_map(value, &at, usize::MAX, findings) else {
            continue;
        };
        check_type(person, "Participant", &at, findings);
        let Some((address, attendee, owner)) = read_participant(person, &at, findings) else {
            continue;
        };
        let stays = known.is_some_and(|known| known.contains_key(&address));
        if owner && !stays {
            continue;
        }
        if attendees.insert(address, attendee).is_some() {
            findings.refuse(
                &at,
                "two participants have the same address",
                "name every address once",
            );
        }
    }
    Some(attendees)
}

fn read_participant(
    person: &Map<String, Value>,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<(String, Attendee, bool)> {
    list_details(person, at, findings);
    let address = read_address(person, at, findings);
    let name = match person.get("name") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let at = at.member("name");
            text::read_line(expect_text(value, &at, findings)?, &at, findings)?
        }
    };
    let roles = read_roles(person, at, findings);
    let has = |role: &str| roles.contains(&role);
    let kind = person.get("kind").and_then(Value::as_str);
    let role = if matches!(kind, Some("resource" | "location")) {
        AttendeeRole::Resource
    } else if has("optional") || has("informational") {
        AttendeeRole::Optional
    } else {
        AttendeeRole::Required
    };
    // Words that are not known here mean no answer (RFC 8984 4.4.6).
    let participation = person
        .get("participationStatus")
        .and_then(Value::as_str)
        .and_then(|word| read_word(&PARTICIPATION, word))
        .unwrap_or(Participation::NeedsAction);
    let attendee = Attendee { name, role, participation };
    Some((address?, attendee, has("owner")))
}

/// The address out of `sendTo` (RFC 8984), `calendarAddress` (its successor) or `email`.
fn read_address(
    person: &Map<String, Value>,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<String> {
    let text = |name: &str| person.get(name).and_then(Value::as_str);
    let imip = person.get("sendTo").and_then(|methods| methods.get("imip")).and_then(Value::as_str);
    let address =
        imip.or_else(|| text("calendarAddress")).or_else(|| text("email")).and_then(parse_address);
    if address.is_none() {
        findings.refuse(
            at,
            "a participant has no mail address",
            "give sendTo.imip (or calendarAddress) as a mailto: address",
        );
    }
    address
}

/// Reads `mailto:` and a bare address; lower case, since that is how Exchange compares them.
fn parse_address(text: &str) -> Option<String> {
    let bare = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => decode_percent(text.get(7..)?)?,
        Some(_) | None => text.to_owned(),
    };
    let (local, domain) = bare.rsplit_once('@')?;
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>,;:\\\"()[]".contains(c);
    let fits = !local.is_empty()
        && !domain.is_empty()
        && bare.len() <= ADDRESS_BYTES_MAX
        && local.chars().all(|c| plain(c) && c != '@')
        && domain.chars().all(plain);
    fits.then(|| bare.to_lowercase())
}

/// Undoes the escapes of a `mailto:` address (RFC 6068 2).
fn decode_percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn read_roles<'a>(
    person: &'a Map<String, Value>,
    at: &Pointer,
    findings: &mut Findings,
) -> Vec<&'a str> {
    match person.get("roles") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(roles)) => roles
            .iter()
            .filter(|(_, value)| **value == Value::Bool(true))
            .map(|(role, _)| role.as_str())
            .collect(),
        Some(_) => {
            findings.refuse(
                &at.member("roles"),
                "must be an object",
                "write it like {\"attendee\": true}",
            );
            Vec::new()
        }
    }
}

/// Members of a participant that Exchange holds, or that follow from those.
const CARRIED: [&str; 9] = [
    "@type",
    "name",
    "email",
    "sendTo",
    "calendarAddress",
    "roles",
    "kind",
    "participationStatus",
    "expectReply",
];

fn list_details(person: &Map<String, Value>, at: &Pointer, findings: &mut Findings) {
    for (member, value) in person {
        if !CARRIED.contains(&member.as_str()) && !value.is_null() {
            findings.ignore(&at.member(member));
        }
    }
}
