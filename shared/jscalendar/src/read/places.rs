//! Locations: Exchange holds one line of text.

use serde_json::{Map, Value};

use super::members::{Given, Source, check_type};
use super::{expect_map, expect_text, text};
use crate::limits::LOCATIONS_MAX;
use crate::problem::{Findings, Pointer};

/// Reads `locations`: the main one's name. The others are listed as ignored.
pub(crate) fn read_location(
    source: &Source<'_>,
    findings: &mut Findings,
) -> Option<Option<String>> {
    let at = source.at.member("locations");
    let map = match source.get("locations") {
        Given::Absent => return None,
        Given::Null => return Some(None),
        Given::Value(value) => expect_map(value, &at, LOCATIONS_MAX, findings)?,
    };
    let main = match source.get("mainLocationId") {
        Given::Value(Value::String(key)) => Some(key.as_str()),
        Given::Absent | Given::Null | Given::Value(_) => None,
    };
    let mut named: Vec<(&String, &str)> = Vec::new();
    for (key, value) in map {
        let place_at = at.member(key);
        let Some(place) = expect_map(value, &place_at, usize::MAX, findings) else {
            continue;
        };
        check_type(place, "Location", &place_at, findings);
        list_details(place, &place_at, findings);
        match place.get("name") {
            None | Some(Value::Null) => {}
            Some(name) => {
                let name = expect_text(name, &place_at.member("name"), findings)?;
                named.push((key, name));
            }
        }
    }
    // Where somebody lands is not where the thing takes place, unless no other place is named.
    let rank = |key: &str| {
        let arrives =
            map.get(key).and_then(|place| place.get("relativeTo")).and_then(Value::as_str)
                == Some("end");
        let preferred = source.prefers("locations", key);
        (main != Some(key), !preferred, arrives)
    };
    let chosen = named.iter().min_by_key(|(key, _)| rank(key)).map(|(key, _)| key.as_str());
    let mut location = None;
    for (key, name) in named {
        let place_at = at.member(key);
        if chosen == Some(key.as_str()) {
            location = text::read_line(name, &place_at.member("name"), findings)?;
        } else {
            findings.ignore(&place_at);
        }
    }
    Some(location)
}

/// Lists what Exchange's line of text cannot hold.
fn list_details(place: &Map<String, Value>, at: &Pointer, findings: &mut Findings) {
    for (member, value) in place {
        let ends_elsewhere = member == "timeZone" && place.get("relativeTo").is_some();
        let carried = matches!(member.as_str(), "@type" | "name" | "relativeTo") || ends_elsewhere;
        if !carried && !value.is_null() {
            findings.ignore(&at.member(member));
        }
    }
}
