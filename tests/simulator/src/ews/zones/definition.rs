//! Zones of requests: by a Windows id, or by their rules (timezonedefinition, meetingtimezone).

use jiff::civil::{Date, Time};
use jiff::{Span, SpanRelativeTo};
use roxmltree::Node;

use super::super::error::EwsError;
use super::super::node::Read;
use super::super::recurrence::{month_number, nth_word, weekday};
use crate::windows_zone::{self, YearlyDay, YearlyMoment, YearlyRules};

/// What Exchange calls a zone that is none of Windows' own.
const CUSTOM_ID: &str = "tzone://Microsoft/Custom";

fn unknown() -> EwsError {
    EwsError::new("ErrorTimeZone", "The time zone is not known to this server.")
}

/// Reads a zone definition to the store's name of it: a Windows id, or rules.
///
/// Of several groups of transitions the last one counts, which is the one in force from the
/// latest date on: the store keeps one year of rules for a zone.
pub(crate) fn read_zone(node: Node<'_, '_>) -> Result<String, EwsError> {
    let id = node.attribute("Id").unwrap_or_default();
    if let Some(known) = named(id) {
        return Ok(known);
    }
    let periods = node.child("Periods").ok_or_else(unknown)?;
    let rules = if let Some(group) = last_group(node) {
        rules_of_group(group, periods)?
    } else {
        let only = periods.child("Period").ok_or_else(unknown)?;
        YearlyRules { standard: offset_of(only)?, daylight: None }
    };
    let id = if id.is_empty() { CUSTOM_ID } else { id };
    let name = node.attribute("Name").unwrap_or(id);
    windows_zone::custom(id, name, &rules).ok_or_else(unknown)
}

/// Reads `MeetingTimeZone`, the form of Exchange 2007.
pub(crate) fn read_meeting_zone(node: Node<'_, '_>) -> Result<String, EwsError> {
    let name = node.attribute("TimeZoneName").unwrap_or_default();
    if let Some(known) = named(name) {
        return Ok(known);
    }
    let base = duration_seconds(node.child_text("BaseOffset").ok_or_else(unknown)?)?;
    // Offsets of the halves come on top of the base, and all are what UTC is ahead.
    let half = |name| -> Result<Option<(i32, Option<YearlyMoment>)>, EwsError> {
        let Some(half) = node.child(name) else {
            return Ok(None);
        };
        let change = duration_seconds(half.child_text("Offset").ok_or_else(unknown)?)?;
        Ok(Some((0_i32.saturating_sub(base).saturating_sub(change), meeting_moment(half)?)))
    };
    let rules = match (half("Standard")?, half("Daylight")?) {
        (Some((standard, Some(ends))), Some((daylight, Some(begins)))) => {
            YearlyRules { standard, daylight: Some((daylight, begins, ends)) }
        }
        (Some((standard, _)), _) => YearlyRules { standard, daylight: None },
        (None, _) => YearlyRules { standard: 0_i32.saturating_sub(base), daylight: None },
    };
    let name = if name.is_empty() { CUSTOM_ID } else { name };
    windows_zone::custom(name, name, &rules).ok_or_else(unknown)
}

/// Reads the zone of GetUserAvailability: biases in minutes, that of a half on top of the zone's.
pub(crate) fn read_bias_zone(node: Node<'_, '_>) -> Result<String, EwsError> {
    let number = |node: Node<'_, '_>, name: &str| {
        let text = node.child_text(name);
        text.and_then(|text| text.trim().parse::<i32>().ok())
            .ok_or_else(|| EwsError::schema("a number of the time zone is missing"))
    };
    let base = number(node, "Bias")?;
    let half = |name: &str| -> Result<(i32, Option<YearlyMoment>), EwsError> {
        let half = node.child(name).ok_or_else(|| EwsError::schema("the time zone has halves"))?;
        let bias = base.saturating_add(number(half, "Bias")?);
        let offset = 0_i32.saturating_sub(bias).saturating_mul(60);
        let small = |name| i8::try_from(number(half, name)?).map_err(|_| unknown());
        let month = small("Month")?;
        if month == 0 {
            return Ok((offset, None));
        }
        let day = weekday(half.child_text("DayOfWeek").unwrap_or_default())?;
        let seconds = seconds_of_day(half.child_text("Time").unwrap_or_default())?;
        let day = YearlyDay::Nth(small("DayOrder")?, day);
        Ok((offset, Some(YearlyMoment { month, day, seconds })))
    };
    let (standard, ends) = half("StandardTime")?;
    let (daylight, begins) = half("DaylightTime")?;
    // Clients that mean UTC send halves that do not differ.
    let daylight = begins
        .zip(ends)
        .filter(|_| daylight != standard)
        .map(|(begins, ends)| (daylight, begins, ends));
    let rules = YearlyRules { standard, daylight };
    windows_zone::custom(CUSTOM_ID, CUSTOM_ID, &rules).ok_or_else(unknown)
}

/// A zone that its name alone tells.
fn named(id: &str) -> Option<String> {
    if id.eq_ignore_ascii_case("tzone://Microsoft/Utc") {
        return Some("UTC".to_owned());
    }
    windows_zone::iana(id).map(|_| id.to_owned())
}

fn last_group<'a, 'input: 'a>(definition: Node<'a, 'input>) -> Option<Node<'a, 'input>> {
    let groups = definition.child("TransitionsGroups")?;
    let wanted = definition.child("Transitions").and_then(|transitions| {
        transitions
            .elements()
            .filter_map(|transition| transition.child("To"))
            .filter(|to| to.attribute("Kind") == Some("Group"))
            .last()
    });
    match wanted {
        Some(to) => {
            groups.elements().find(|group| group.attribute("Id") == Some(to.inner().trim()))
        }
        None => groups.elements().last(),
    }
}

fn rules_of_group(group: Node<'_, '_>, periods: Node<'_, '_>) -> Result<YearlyRules, EwsError> {
    let mut halves = Vec::new();
    for transition in group.elements() {
        let to = transition.child_text("To").unwrap_or_default().trim();
        let period = periods
            .elements()
            .find(|period| period.attribute("Id") == Some(to))
            .ok_or_else(unknown)?;
        halves.push((offset_of(period)?, transition_moment(transition)?));
    }
    halves.sort_by_key(|(offset, _)| *offset);
    match halves.as_slice() {
        [(standard, Some(ends)), (daylight, Some(begins))] if standard < daylight => {
            Ok(YearlyRules {
                standard: *standard,
                daylight: Some((*daylight, begins.clone(), ends.clone())),
            })
        }
        [(standard, _)] => Ok(YearlyRules { standard: *standard, daylight: None }),
        _ => Err(unknown()),
    }
}

/// The offset of a period: its bias with the sign turned.
fn offset_of(period: Node<'_, '_>) -> Result<i32, EwsError> {
    let bias = duration_seconds(period.attribute("Bias").ok_or_else(unknown)?)?;
    Ok(0_i32.saturating_sub(bias))
}

/// When a transition takes place every year; none for one that holds always.
fn transition_moment(node: Node<'_, '_>) -> Result<Option<YearlyMoment>, EwsError> {
    let number = |name| {
        node.child_text(name).and_then(|text| text.trim().parse::<i8>().ok()).ok_or_else(unknown)
    };
    let day = match node.name() {
        "Transition" => return Ok(None),
        "RecurringDayTransition" => {
            let occurrence = match number("Occurrence")? {
                -1 | 5 => 5,
                nth @ 1..=4 => nth,
                _ => return Err(unknown()),
            };
            YearlyDay::Nth(occurrence, weekday(node.child_text("DayOfWeek").unwrap_or_default())?)
        }
        "RecurringDateTransition" => YearlyDay::Date(number("Day")?),
        _ => return Err(unknown()),
    };
    let seconds = duration_seconds(node.child_text("TimeOffset").ok_or_else(unknown)?)?;
    Ok(Some(YearlyMoment { month: number("Month")?, day, seconds }))
}

/// When a half of `MeetingTimeZone` begins; none for one that holds always.
fn meeting_moment(half: Node<'_, '_>) -> Result<Option<YearlyMoment>, EwsError> {
    let (month, day) = if let Some(rule) = half.child("RelativeYearlyRecurrence") {
        let nth = nth_word(rule.child_text("DayOfWeekIndex").unwrap_or_default())?;
        let day = weekday(rule.child_text("DaysOfWeek").unwrap_or_default())?;
        let month = month_number(rule.child_text("Month").unwrap_or_default())?;
        (month, YearlyDay::Nth(nth, day))
    } else if let Some(at) = half.child_text("AbsoluteDate") {
        let at: Date = at.trim().get(..10).unwrap_or_default().parse().map_err(|_| unknown())?;
        (at.month(), YearlyDay::Date(at.day()))
    } else {
        return Ok(None);
    };
    let seconds = seconds_of_day(half.child_text("Time").unwrap_or_default())?;
    Ok(Some(YearlyMoment { month, day, seconds }))
}

/// Seconds after midnight of an `xs:time`; an offset behind it has no meaning here.
fn seconds_of_day(text: &str) -> Result<i32, EwsError> {
    let time: Time = text.trim().get(..8).and_then(|text| text.parse().ok()).ok_or_else(unknown)?;
    let seconds = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60;
    Ok(seconds + i32::from(time.second()))
}

/// Seconds of an `xs:duration` without months and years.
fn duration_seconds(text: &str) -> Result<i32, EwsError> {
    let span: Span =
        text.trim().parse().map_err(|_| EwsError::schema("a duration cannot be read"))?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|length| i32::try_from(length.as_secs()).ok())
        .ok_or_else(|| EwsError::schema("a duration is out of range"))
}
