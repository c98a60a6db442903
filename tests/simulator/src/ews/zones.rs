//! Time zone definitions: ids, names and, where asked, rules.

use jiff::civil::{DateTime, Time, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use roxmltree::Node;

use super::Reply;
use super::node::Read;
use super::recurrence::day_name;
use super::xml::Xml;
use crate::windows_zone;

/// The year whose rules stand for a zone.
const RULE_YEAR: i16 = 2026;

/// GetServerTimeZones: the zones asked for, or all.
pub(super) fn server_time_zones(request: Node<'_, '_>) -> Vec<Reply> {
    let full = request.attribute("ReturnFullTimeZoneData") == Some("true")
        || request.attribute("ReturnFullTimeZoneData") == Some("True")
        || request.attribute("ReturnFullTimeZoneData") == Some("1");
    let asked: Vec<_> = match request.child("Ids") {
        Some(ids) => ids.elements().map(|id| id.inner().trim().to_owned()).collect(),
        None => windows_zone::ids().map(str::to_owned).collect(),
    };
    let mut xml = Xml::default();
    xml.open("m:TimeZoneDefinitions", &[]);
    for id in asked.iter().filter(|id| windows_zone::iana(id).is_some()) {
        write_zone(&mut xml, "t:TimeZoneDefinition", id, full);
    }
    xml.close("m:TimeZoneDefinitions");
    vec![Ok(xml)]
}

/// Writes a zone definition under a tag.
pub(super) fn write_zone(xml: &mut Xml, tag: &str, id: &str, full: bool) {
    let zone = windows_zone::zone(id);
    let (standard, daylight) = rules(&zone);
    let name = format!("({}) {id}", offset_name(standard.offset));
    if !full {
        xml.empty(tag, &[("Id", id), ("Name", &name)]);
        return;
    }
    xml.open(tag, &[("Id", id), ("Name", &name)]);
    xml.open("t:Periods", &[]);
    write_period(xml, id, "Standard", standard.offset);
    if let Some(daylight) = &daylight {
        write_period(xml, id, "Daylight", daylight.offset);
    }
    xml.close("t:Periods");
    xml.open("t:TransitionsGroups", &[]);
    xml.open("t:TransitionsGroup", &[("Id", "0")]);
    if let (Some(begins), Some(daylight)) = (&standard.begins, &daylight) {
        write_yearly(xml, id, "Standard", *begins);
        if let Some(begins) = daylight.begins {
            write_yearly(xml, id, "Daylight", begins);
        }
    } else {
        xml.open("t:Transition", &[]);
        xml.leaf_with("t:To", &[("Kind", "Period")], &period_id(id, "Standard"));
        xml.close("t:Transition");
    }
    xml.close("t:TransitionsGroup");
    xml.close("t:TransitionsGroups");
    xml.open("t:Transitions", &[]);
    xml.open("t:Transition", &[]);
    xml.leaf_with("t:To", &[("Kind", "Group")], "0");
    xml.close("t:Transition");
    xml.close("t:Transitions");
    xml.close(tag);
}

/// One of the two halves of a zone's year.
struct Half {
    offset: Offset,
    /// When it begins, in the civil time that it ends.
    begins: Option<DateTime>,
}

/// Standard time, and daylight saving time if the zone has it in [`RULE_YEAR`].
fn rules(zone: &TimeZone) -> (Half, Option<Half>) {
    let from = civil_utc(RULE_YEAR);
    let until = civil_utc(RULE_YEAR.saturating_add(1));
    let mut halves: Vec<Half> = Vec::new();
    let mut before = zone.to_offset(from);
    for transition in zone.following(from).take_while(|next| next.timestamp() < until) {
        let begins = before.to_datetime(transition.timestamp());
        halves.push(Half { offset: transition.offset(), begins: Some(begins) });
        before = transition.offset();
    }
    halves.sort_by_key(|half| half.offset);
    let mut halves = halves.into_iter();
    match (halves.next(), halves.next()) {
        (Some(standard), Some(daylight)) if standard.offset != daylight.offset => {
            (standard, Some(daylight))
        }
        _ => (Half { offset: zone.to_offset(from), begins: None }, None),
    }
}

fn civil_utc(year: i16) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(date(year, 1, 1).to_datetime(Time::midnight()))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn period_id(id: &str, half: &str) -> String {
    format!("trule:Microsoft/Registry/{id}/1-{half}")
}

fn write_period(xml: &mut Xml, id: &str, half: &str, offset: Offset) {
    // A bias is what has to be added to local time to get UTC: the offset with its sign turned.
    let bias = SignedDuration::from_secs(-i64::from(offset.seconds()));
    let minutes = bias.as_mins();
    let sign = if minutes < 0 { "-" } else { "" };
    let minutes = minutes.unsigned_abs();
    let text = format!("{sign}PT{}H{}M", minutes / 60, minutes % 60);
    xml.empty("t:Period", &[("Bias", &text), ("Name", half), ("Id", &period_id(id, half))]);
}

fn write_yearly(xml: &mut Xml, id: &str, half: &str, begins: DateTime) {
    let day = begins.date();
    let last = i32::from(day.day()) + 7 > i32::from(day.days_in_month());
    let occurrence = if last { -1 } else { i32::from((day.day() + 6) / 7) };
    xml.open("t:RecurringDayTransition", &[]);
    xml.leaf_with("t:To", &[("Kind", "Period")], &period_id(id, half));
    xml.leaf("t:TimeOffset", &format!("PT{}H{}M", begins.hour(), begins.minute()));
    xml.leaf("t:Month", &day.month().to_string());
    xml.leaf("t:DayOfWeek", day_name(day.weekday()));
    xml.leaf("t:Occurrence", &occurrence.to_string());
    xml.close("t:RecurringDayTransition");
}

fn offset_name(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    if minutes == 0 {
        return "UTC".to_owned();
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
