//! Time zones in requests (timezonedefinition page).

use jiff::SignedDuration;
use tidemark_model::{YearlyMoment, Zone, ZoneRules};

use super::{CUSTOM, weekday_name};
use crate::xml::XmlWriter;

/// A zone in the form in which it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WrittenZone {
    /// By its Windows id.
    Windows(&'static str),
    /// Windows has no id for it.
    Rules(ZoneRules),
}

/// What the one group of transitions is called.
const GROUP: &str = "0";
const STANDARD: &str = "Standard";
const DAYLIGHT: &str = "Daylight";

impl WrittenZone {
    pub(crate) const UTC: Self = Self::Windows("UTC");

    /// None if EWS cannot hold the zone; `year` is the one whose rules count where Windows has no
    /// id for it.
    pub(crate) fn of(zone: &Zone, year: i16) -> Option<Self> {
        match zone.windows_id() {
            Some(id) => Some(Self::Windows(id)),
            None => zone.rules_for_year(year).map(Self::Rules),
        }
    }

    /// Writes it as an element such as `t:StartTimeZone`. The name of a custom zone is what it is
    /// known by when it is read again.
    pub(crate) fn write(&self, element: &str, xml: &mut XmlWriter) {
        let rules = match self {
            Self::Windows(id) => return xml.empty(element, &[("Id", id)]),
            Self::Rules(rules) => rules,
        };
        xml.element(element, &[("Id", CUSTOM), ("Name", &rules.name)], |xml| {
            xml.element("t:Periods", &[], |xml| {
                write_period(STANDARD, rules.standard_offset_seconds, xml);
                if let Some(daylight) = &rules.daylight {
                    write_period(DAYLIGHT, daylight.offset_seconds, xml);
                }
            });
            xml.element("t:TransitionsGroups", &[], |xml| {
                xml.element("t:TransitionsGroup", &[("Id", GROUP)], |xml| match &rules.daylight {
                    Some(daylight) => {
                        write_moment(DAYLIGHT, &daylight.begins, xml);
                        write_moment(STANDARD, &daylight.ends, xml);
                    }
                    None => write_transition("Period", STANDARD, xml),
                });
            });
            xml.element("t:Transitions", &[], |xml| write_transition("Group", GROUP, xml));
        });
    }
}

fn write_period(name: &str, offset_seconds: i32, xml: &mut XmlWriter) {
    // The bias is what has to be added to local time to get UTC.
    let bias = SignedDuration::from_secs(-i64::from(offset_seconds)).to_string();
    xml.empty("t:Period", &[("Bias", &bias), ("Name", name), ("Id", name)]);
}

fn write_to(kind: &str, to: &str, xml: &mut XmlWriter) {
    xml.element("t:To", &[("Kind", kind)], |xml| xml.push_text(to));
}

fn write_transition(kind: &str, to: &str, xml: &mut XmlWriter) {
    xml.element("t:Transition", &[], |xml| write_to(kind, to, xml));
}

fn write_moment(to: &str, moment: &YearlyMoment, xml: &mut XmlWriter) {
    xml.element("t:RecurringDayTransition", &[], |xml| {
        write_to("Period", to, xml);
        let offset = SignedDuration::from_secs(i64::from(moment.time_seconds));
        xml.text("t:TimeOffset", &offset.to_string());
        xml.text("t:Month", &moment.month.to_string());
        xml.text("t:DayOfWeek", weekday_name(moment.weekday));
        // The last one of a month is the fifth here and the one before the first there.
        let occurrence = if moment.occurrence == 5 { -1 } else { moment.occurrence };
        xml.text("t:Occurrence", &occurrence.to_string());
    });
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;
    use tidemark_model::DaylightRules;

    use super::*;
    use crate::xml::{Level, Xml};
    use crate::zone::ZoneDefinition;

    fn echoed(zone: &Zone) -> Option<Zone> {
        let mut xml = XmlWriter::default();
        WrittenZone::of(zone, 2026).expect("writable").write("t:StartTimeZone", &mut xml);
        let mut reader = Xml::new(xml.as_str());
        let element = reader.child(Level::DOCUMENT).expect("XML").expect("an element");
        let definition = ZoneDefinition::read(&mut reader, &element).expect("XML");
        definition.zone_at("2026-03-02T08:00:00Z".parse().expect("a time"), None)
    }

    #[test]
    fn zones_come_back_by_id_by_name_or_by_rules() {
        let moment = |month, occurrence| YearlyMoment {
            month,
            occurrence,
            weekday: Weekday::Sunday,
            time_seconds: 7200,
        };
        let own = |name: &str, daylight| {
            Zone::Rules(ZoneRules {
                name: name.to_owned(),
                standard_offset_seconds: 5 * 3600 + 600,
                daylight,
            })
        };
        let summer = DaylightRules {
            offset_seconds: 6 * 3600 + 600,
            begins: moment(3, 2),
            ends: moment(11, 5),
        };
        let named = |name| Zone::parse(name).expect("a zone");
        for zone in [
            named("Europe/Berlin"),
            // Neither is in the table of Windows ids.
            named("Antarctica/Troll"),
            named("America/Coyhaique"),
            own("Ours <&>", Some(summer)),
            own(CUSTOM, None),
        ] {
            assert_eq!(echoed(&zone), Some(zone));
        }
    }
}
