//! Time zones: by their Windows id, and by their rules where that says nothing.

use jiff::SignedDuration;
use jiff::civil::Weekday;
use tidemark_model::{DaylightRules, YearlyMoment, Zone, ZoneRules};

use super::tree::Node;
use super::xml::XmlWriter;

/// What Exchange calls a zone by rules of its own.
const CUSTOM: &str = "tzone://Microsoft/Custom";

/// Reads a `StartTimeZone` or `EndTimeZone`. None if neither its id nor its rules say anything.
pub(super) fn read(definition: &Node) -> Option<Zone> {
    let id = definition.attribute("Id").unwrap_or_default();
    Zone::from_windows(id, None)
        .ok()
        .or_else(|| Some(Zone::from_rules(read_rules(definition, id)?)))
}

/// Writes a zone under a name such as `t:StartTimeZone`; `year` is the one whose rules count where
/// Windows has no id for it. None if EWS cannot hold the zone at all.
pub(super) fn write(xml: &mut XmlWriter, name: &str, zone: &Zone, year: i16) -> Option<()> {
    match zone.windows_id() {
        Some(id) => xml.empty(name, &[("Id", id)]),
        None => write_rules(xml, name, &zone.rules_for_year(year)?),
    }
    Some(())
}

/// Whether [`write`] can write it.
pub(super) fn is_writable(zone: &Zone, year: i16) -> bool {
    zone.windows_id().is_some() || zone.rules_for_year(year).is_some()
}

fn write_rules(xml: &mut XmlWriter, name: &str, rules: &ZoneRules) {
    xml.element(name, &[("Id", CUSTOM), ("Name", &rules.name)], |xml| {
        xml.element("t:Periods", &[], |xml| {
            write_period(xml, "Standard", rules.standard_offset_seconds);
            if let Some(daylight) = &rules.daylight {
                write_period(xml, "Daylight", daylight.offset_seconds);
            }
        });
        xml.element("t:TransitionsGroups", &[], |xml| {
            xml.element("t:TransitionsGroup", &[("Id", "0")], |xml| match &rules.daylight {
                Some(daylight) => {
                    write_moment(xml, "Daylight", &daylight.begins);
                    write_moment(xml, "Standard", &daylight.ends);
                }
                None => write_transition(xml, "Period", "Standard"),
            });
        });
        xml.element("t:Transitions", &[], |xml| {
            write_transition(xml, "Group", "0");
        });
    });
}

fn write_period(xml: &mut XmlWriter, name: &str, offset_seconds: i32) {
    // The bias is what has to be added to local time to get UTC.
    let bias = SignedDuration::from_secs(-i64::from(offset_seconds)).to_string();
    xml.empty("t:Period", &[("Bias", &bias), ("Name", name), ("Id", name)]);
}

fn write_transition(xml: &mut XmlWriter, kind: &str, to: &str) {
    xml.element("t:Transition", &[], |xml| {
        xml.element("t:To", &[("Kind", kind)], |xml| xml.text(to));
    });
}

fn write_moment(xml: &mut XmlWriter, to: &str, moment: &YearlyMoment) {
    xml.element("t:RecurringDayTransition", &[], |xml| {
        xml.element("t:To", &[("Kind", "Period")], |xml| xml.text(to));
        let offset = SignedDuration::from_secs(i64::from(moment.time_seconds));
        xml.leaf("t:TimeOffset", &offset.to_string());
        xml.leaf("t:Month", &moment.month.to_string());
        xml.leaf("t:DayOfWeek", weekday_name(moment.weekday));
        let occurrence = if moment.occurrence == 5 { -1 } else { moment.occurrence };
        xml.leaf("t:Occurrence", &occurrence.to_string());
    });
}

/// The rules of the last group of transitions, which is the one in force from now on.
fn read_rules(definition: &Node, name: &str) -> Option<ZoneRules> {
    let group = current_group(definition)?;
    let mut standard = None;
    let mut daylight = None;
    let mut ends = None;
    for transition in group.children() {
        let target = transition.child("To")?.text().trim();
        let period = definition.child("Periods")?.children();
        let period =
            period.filter(|period| period.attribute("Id") == Some(target)).collect::<Vec<_>>();
        let period = period.first()?;
        let offset = offset_of(period)?;
        let moment = read_moment(transition);
        let is_daylight =
            period.attribute("Name").is_some_and(|name| name.eq_ignore_ascii_case("Daylight"));
        if is_daylight {
            daylight = Some((offset, moment?));
        } else {
            standard = Some(offset);
            ends = moment;
        }
    }
    let daylight = match (daylight, ends) {
        (Some((offset_seconds, begins)), Some(ends)) => {
            Some(DaylightRules { offset_seconds, begins, ends })
        }
        (None, _) => None,
        (Some(_), None) => return None,
    };
    Some(ZoneRules { name: name.to_owned(), standard_offset_seconds: standard?, daylight })
}

fn current_group(definition: &Node) -> Option<&Node> {
    let groups = definition.child("TransitionsGroups")?;
    let last = definition
        .child("Transitions")
        .into_iter()
        .flat_map(Node::children)
        .filter_map(|transition| transition.child("To"))
        .last()?;
    let id = last.text().trim();
    groups.children().find(|group| group.attribute("Id") == Some(id))
}

fn offset_of(period: &Node) -> Option<i32> {
    let bias = period.attribute("Bias")?.parse::<SignedDuration>().ok()?;
    i32::try_from(bias.as_secs().checked_neg()?)
        .ok()
        .filter(|offset| (-OFFSET_SECONDS_MAX..=OFFSET_SECONDS_MAX).contains(offset))
}

/// Largest offset from UTC that a zone may have, in seconds: that of the calendar library.
const OFFSET_SECONDS_MAX: i32 = 25 * 3600;

fn read_moment(transition: &Node) -> Option<YearlyMoment> {
    let time = transition.text_of("TimeOffset")?;
    let time = time.parse::<SignedDuration>().ok()?;
    let occurrence: i8 = transition.text_of("Occurrence")?.parse().ok()?;
    Some(YearlyMoment {
        month: transition.text_of("Month")?.parse().ok()?,
        occurrence: if occurrence == -1 { 5 } else { occurrence },
        weekday: read_weekday(transition.text_of("DayOfWeek")?)?,
        time_seconds: i32::try_from(time.as_secs()).ok()?,
    })
}

/// A weekday as EWS calls it.
pub(super) const fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// The weekday that EWS calls so.
pub(super) fn read_weekday(name: &str) -> Option<Weekday> {
    Weekday::Monday.cycle_forward().take(7).find(|day| weekday_name(*day) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(zone: &Zone) -> Option<Zone> {
        let mut xml = XmlWriter::new();
        xml.element("z", &[("xmlns:t", "t")], |xml| {
            write(xml, "t:StartTimeZone", zone, 2026).expect("writable");
        });
        let tree = Node::parse(&xml.into_bytes()).expect("XML");
        read(tree.child("StartTimeZone")?)
    }

    #[test]
    fn zones_come_back_by_id_or_by_rules() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        assert_eq!(round(&berlin), Some(berlin));
        let moment = |month, occurrence| YearlyMoment {
            month,
            occurrence,
            weekday: Weekday::Sunday,
            time_seconds: 7200,
        };
        let rules = Zone::Rules(ZoneRules {
            name: CUSTOM.to_owned(),
            standard_offset_seconds: 5 * 3600 + 600,
            daylight: Some(DaylightRules {
                offset_seconds: 6 * 3600 + 600,
                begins: moment(3, 2),
                ends: moment(11, 5),
            }),
        });
        assert_eq!(round(&rules), Some(rules));
    }

    #[test]
    fn custom_rules_of_a_known_zone_are_that_zone() {
        let definition = "<z Id='tzone://Microsoft/Custom'><Periods>\
            <Period Bias='-PT60M' Name='Standard' Id='s'/><Period Bias='-PT120M' Name='Daylight' Id='d'/>\
            </Periods><TransitionsGroups><TransitionsGroup Id='0'>\
            <RecurringDayTransition><To Kind='Period'>d</To><TimeOffset>PT2H</TimeOffset><Month>3</Month>\
            <DayOfWeek>Sunday</DayOfWeek><Occurrence>-1</Occurrence></RecurringDayTransition>\
            <RecurringDayTransition><To Kind='Period'>s</To><TimeOffset>PT3H</TimeOffset><Month>10</Month>\
            <DayOfWeek>Sunday</DayOfWeek><Occurrence>-1</Occurrence></RecurringDayTransition>\
            </TransitionsGroup></TransitionsGroups><Transitions>\
            <Transition><To Kind='Group'>0</To></Transition></Transitions></z>";
        let tree = Node::parse(definition.as_bytes()).expect("XML");
        let zone = read(&tree).expect("a zone");
        // Several zones have these offsets, and nothing names one of them.
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let summer = jiff::civil::date(2026, 7, 1).at(9, 0, 0, 0);
        assert!(zone.windows_id().is_some(), "{zone:?}");
        assert_eq!(zone.to_instant(summer), berlin.to_instant(summer));
    }

    #[test]
    fn what_says_nothing_is_no_zone() {
        for text in ["<z/>", "<z Id='tzone://Microsoft/Custom'/>", "<z Id='Nowhere'><Periods/></z>"]
        {
            assert_eq!(read(&Node::parse(text.as_bytes()).expect("XML")), None);
        }
    }
}
