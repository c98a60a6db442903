//! Alerts: Exchange holds one, so many minutes before the start.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tidemark_model::{Schedule, Zone};

use super::members::{Given, Source, check_type};
use super::{Series, expect_map};
use crate::duration::read_signed_duration;
use crate::limits::{ALERT_MINUTES_MAX, LOCATIONS_MAX};
use crate::problem::{Findings, Pointer};
use crate::write::EXCHANGE_ID;

/// Reads `alerts`: of those that are shown before the start, the one that comes last. The others
/// are listed as ignored.
pub(crate) fn read_reminder(
    source: &Source<'_>,
    series: &Series,
    findings: &mut Findings,
) -> Option<Option<u32>> {
    let at = source.at.member("alerts");
    let map = match source.get("alerts") {
        Given::Absent => return None,
        Given::Null => return Some(None),
        Given::Value(value) => expect_map(value, &at, LOCATIONS_MAX, findings)?,
    };
    let mut usable: Vec<(&String, u32)> = Vec::new();
    for (key, value) in map {
        let alert_at = at.member(key);
        let Some(alert) = expect_map(value, &alert_at, usize::MAX, findings) else {
            continue;
        };
        check_type(alert, "Alert", &alert_at, findings);
        match read_alert(alert, &alert_at, series, findings) {
            Some(minutes) => usable.push((key, minutes)),
            None => findings.ignore(&alert_at),
        }
    }
    let chosen = usable
        .iter()
        .min_by_key(|(key, minutes)| {
            (!source.prefers("alerts", key), *minutes, *key != EXCHANGE_ID)
        })
        .map(|(key, _)| key.as_str());
    let mut reminder = None;
    for (key, minutes) in usable {
        if chosen == Some(key.as_str()) {
            reminder = Some(minutes);
        } else {
            findings.ignore(&at.member(key));
        }
    }
    Some(reminder)
}

/// Minutes before the start, if the alert is one that Exchange can hold.
fn read_alert(
    alert: &Map<String, Value>,
    at: &Pointer,
    series: &Series,
    findings: &mut Findings,
) -> Option<u32> {
    if alert.get("action").is_some_and(|action| action.as_str() != Some("display")) {
        return None;
    }
    let at = at.member("trigger");
    let Some(Value::Object(trigger)) = alert.get("trigger") else {
        findings.refuse(&at, "must be an object", "use an OffsetTrigger or an AbsoluteTrigger");
        return None;
    };
    let seconds = match trigger.get("@type").and_then(Value::as_str) {
        Some("OffsetTrigger") => before_by_offset(trigger, &at, series, findings),
        Some("AbsoluteTrigger") => before_by_instant(trigger, &at, series, findings),
        None if trigger.contains_key("offset") => before_by_offset(trigger, &at, series, findings),
        None if trigger.contains_key("when") => before_by_instant(trigger, &at, series, findings),
        // An unknown trigger is kept by others and means nothing to us (RFC 8984 4.5.2).
        Some(_) | None => None,
    }?;
    let minutes = u32::try_from(seconds.checked_div(60)?).ok()?;
    (seconds >= 0 && minutes <= ALERT_MINUTES_MAX).then_some(minutes)
}

fn before_by_offset(
    trigger: &Map<String, Value>,
    at: &Pointer,
    series: &Series,
    findings: &mut Findings,
) -> Option<i64> {
    let offset = trigger.get("offset").and_then(Value::as_str).and_then(read_signed_duration);
    let Some(offset) = offset else {
        findings.refuse(
            &at.member("offset"),
            "must be a signed duration",
            "write it like \"-PT15M\"",
        );
        return None;
    };
    let before = offset.checked_neg()?;
    match trigger.get("relativeTo").and_then(Value::as_str) {
        None | Some("start") => Some(before),
        Some("end") => before.checked_sub(length_seconds(series.schedule.as_ref()?)),
        Some(_) => None,
    }
}

fn before_by_instant(
    trigger: &Map<String, Value>,
    at: &Pointer,
    series: &Series,
    findings: &mut Findings,
) -> Option<i64> {
    let when = trigger
        .get("when")
        .and_then(Value::as_str)
        .filter(|text| text.ends_with('Z'))
        .and_then(|text| text.parse::<Timestamp>().ok());
    let Some(when) = when else {
        findings.refuse(
            &at.member("when"),
            "must be a UTC date-time",
            "write it like \"2026-03-02T08:45:00Z\"",
        );
        return None;
    };
    // A fixed instant warns of one occurrence only, and a floating start is at no instant.
    match (&series.schedule, &series.rule) {
        (Some(schedule @ Schedule::Timed(_)), Some(None)) => {
            let (start, _) = schedule.instants(&Zone::utc());
            Some(start.duration_since(when).as_secs())
        }
        _ => None,
    }
}

fn length_seconds(schedule: &Schedule) -> i64 {
    let (start, end) = schedule.instants(&Zone::utc());
    end.duration_since(start).as_secs()
}
