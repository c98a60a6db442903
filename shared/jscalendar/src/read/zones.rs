//! Time zones: IANA names, and zones that the item defines itself (RFC 8984 4.7).

use jiff::civil::Time;
use serde_json::{Map, Value};
use tidemark_model::zone::{DaylightRules, YearlyMoment};
use tidemark_model::{Zone, ZoneRules};

use super::expect_text;
use super::members::{Given, Source};
use super::schedule::read_local;
use super::text::fits_line;
use crate::problem::{Findings, Pointer};
use crate::words::{WEEKDAYS, read_word};

/// Reads a zone member; the inner `None` is no zone.
pub(crate) fn read_zone(
    source: &Source<'_>,
    name: &str,
    definitions: Option<&Map<String, Value>>,
    findings: &mut Findings,
) -> Option<Option<Zone>> {
    let at = source.at.member(name);
    let id = match source.get(name) {
        Given::Absent => return None,
        Given::Null => return Some(None),
        Given::Value(value) => expect_text(value, &at, findings)?,
    };
    read_zone_id(id, definitions, &at, findings).map(Some)
}

/// The zone of an id.
pub(crate) fn read_zone_id(
    id: &str,
    definitions: Option<&Map<String, Value>>,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<Zone> {
    if !id.starts_with('/') {
        let zone = Zone::parse(id).ok();
        if zone.is_none() {
            findings.refuse(
                at,
                "is no IANA time zone",
                "use a name like \"Europe/Berlin\", or null for a floating time",
            );
        }
        return zone;
    }
    let rules =
        definitions.and_then(|zones| zones.get(id)).and_then(Value::as_object).and_then(read_rules);
    if rules.is_none() {
        findings.refuse(
            at,
            "names a zone that timeZones does not define by one standard rule and at most one daylight rule",
            "use an IANA name, or define the zone by yearly rules",
        );
    }
    rules.map(Zone::Rules)
}

fn read_rules(zone: &Map<String, Value>) -> Option<ZoneRules> {
    let name = zone.get("tzId").and_then(Value::as_str)?;
    let standard = only_rule(zone, "standard")??;
    let daylight = match only_rule(zone, "daylight")? {
        None => None,
        Some(rule) => Some(DaylightRules {
            offset_seconds: read_offset(rule, "offsetTo")?,
            begins: read_moment(rule)?,
            ends: read_moment(standard)?,
        }),
    };
    fits_line(name).then_some(())?;
    Some(ZoneRules {
        name: name.to_owned(),
        standard_offset_seconds: read_offset(standard, "offsetTo")?,
        daylight,
    })
}

/// The one rule of a list; the inner `None` if the list is empty or missing.
fn only_rule<'a>(zone: &'a Map<String, Value>, name: &str) -> Option<Option<&'a Value>> {
    match zone.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Array(rules)) if rules.len() <= 1 => Some(rules.first()),
        Some(_) => None,
    }
}

/// Reads `+HHMM`, `+HH:MM` and either with seconds.
fn read_offset(rule: &Value, name: &str) -> Option<i32> {
    let text = rule.get(name)?.as_str()?;
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits.replace(':', "")),
        ("-", digits) => (-1, digits.replace(':', "")),
        _ => return None,
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part =
        |from: usize| digits.get(from..from + 2).map_or(Some(0), |two| two.parse::<i32>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    (hours < 24 && minutes < 60 && seconds < 60)
        .then_some(sign * (hours * 3_600 + minutes * 60 + seconds))
}

fn read_moment(rule: &Value) -> Option<YearlyMoment> {
    let start = read_local(rule.get("start")?.as_str()?)?;
    let Some([yearly]) = rule.get("recurrenceRules")?.as_array().map(Vec::as_slice) else {
        return None;
    };
    if yearly.get("frequency")?.as_str()? != "yearly" {
        return None;
    }
    let Some([month]) = yearly.get("byMonth")?.as_array().map(Vec::as_slice) else {
        return None;
    };
    let Some([day]) = yearly.get("byDay")?.as_array().map(Vec::as_slice) else {
        return None;
    };
    let month = month.as_str()?.parse::<i8>().ok()?;
    let occurrence = match day.get("nthOfPeriod")?.as_i64()? {
        -1 => 5,
        nth @ 1..=4 => i8::try_from(nth).ok()?,
        _ => return None,
    };
    let midnight = start.date().to_datetime(Time::midnight());
    let seconds = start.duration_since(midnight).as_secs();
    (1..=12).contains(&month).then_some(YearlyMoment {
        month,
        occurrence,
        weekday: read_word(&WEEKDAYS, day.get("day")?.as_str()?)?,
        time_seconds: i32::try_from(seconds).ok()?,
    })
}
