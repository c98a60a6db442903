//! Time zone definitions: ids, names and rules, both ways.

mod definition;

use jiff::SignedDuration;
use roxmltree::Node;

pub(crate) use definition::{read_bias_zone, read_meeting_zone, read_zone};

use super::Reply;
use super::node::Read;
use super::recurrence::day_name;
use super::xml::Xml;
use crate::windows_zone::{self, YearlyDay, YearlyMoment, YearlyRules};

/// GetServerTimeZones: the zones asked for, or all.
pub(super) fn server_time_zones(request: Node<'_, '_>) -> Vec<Reply> {
    let full = request
        .attribute("ReturnFullTimeZoneData")
        .is_some_and(|flag| matches!(flag, "true" | "True" | "1"));
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

/// Writes a zone under a tag, with its rules if `full`. A zone that came by its rules always
/// carries them: its id alone says nothing.
pub(super) fn write_zone(xml: &mut Xml, tag: &str, zone: &str, full: bool) {
    let rules = YearlyRules::of(&windows_zone::zone(zone));
    let named;
    let (id, name, full) = if let Some((id, name)) = windows_zone::custom_names(zone) {
        (id, name, true)
    } else {
        named = format!("({}) {zone}", offset_name(rules.standard));
        (zone, named.as_str(), full)
    };
    if !full {
        xml.empty(tag, &[("Id", id), ("Name", name)]);
        return;
    }
    xml.open(tag, &[("Id", id), ("Name", name)]);
    xml.open("t:Periods", &[]);
    write_period(xml, id, "Standard", rules.standard);
    if let Some((daylight, _, _)) = &rules.daylight {
        write_period(xml, id, "Daylight", *daylight);
    }
    xml.close("t:Periods");
    xml.open("t:TransitionsGroups", &[]);
    xml.open("t:TransitionsGroup", &[("Id", "0")]);
    if let Some((_, begins, ends)) = &rules.daylight {
        write_yearly(xml, id, "Standard", ends);
        write_yearly(xml, id, "Daylight", begins);
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

fn period_id(id: &str, half: &str) -> String {
    format!("trule:Microsoft/Registry/{id}/1-{half}")
}

fn write_period(xml: &mut Xml, id: &str, half: &str, offset_seconds: i32) {
    // A bias is what has to be added to local time to get UTC: the offset with its sign turned.
    let bias = SignedDuration::from_secs(-i64::from(offset_seconds));
    let minutes = bias.as_mins();
    let sign = if minutes < 0 { "-" } else { "" };
    let minutes = minutes.unsigned_abs();
    let text = format!("{sign}PT{}H{}M", minutes / 60, minutes % 60);
    xml.empty("t:Period", &[("Bias", &text), ("Name", half), ("Id", &period_id(id, half))]);
}

fn write_yearly(xml: &mut Xml, id: &str, half: &str, moment: &YearlyMoment) {
    let tag = match moment.day {
        YearlyDay::Nth(..) => "t:RecurringDayTransition",
        YearlyDay::Date(_) => "t:RecurringDateTransition",
    };
    xml.open(tag, &[]);
    xml.leaf_with("t:To", &[("Kind", "Period")], &period_id(id, half));
    let (hours, minutes) = (moment.seconds / 3600, moment.seconds / 60 % 60);
    xml.leaf("t:TimeOffset", &format!("PT{hours}H{minutes}M"));
    xml.leaf("t:Month", &moment.month.to_string());
    match moment.day {
        YearlyDay::Nth(nth, weekday) => {
            xml.leaf("t:DayOfWeek", day_name(weekday));
            // The last one of a month is the fifth here and the one before the first there.
            xml.leaf("t:Occurrence", &(if nth == 5 { -1 } else { nth }).to_string());
        }
        YearlyDay::Date(day) => xml.leaf("t:Day", &day.to_string()),
    }
    xml.close(tag);
}

fn offset_name(seconds: i32) -> String {
    let minutes = seconds / 60;
    if minutes == 0 {
        return "UTC".to_owned();
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
