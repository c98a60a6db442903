//! Zones that have no IANA name are defined in the item (RFC 8984 4.7).

use jiff::civil::{Date, Time};
use serde_json::{Value, json};
use tidemark_model::zone::YearlyMoment;
use tidemark_model::{Zone, ZoneRules};

use super::Members;
use crate::words::{WEEKDAYS, write_word};

/// The zones that an item had to define so far.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    custom: Vec<ZoneRules>,
}

impl Zones {
    /// The id that names `zone` in the item.
    pub(crate) fn id_of(&mut self, zone: &Zone) -> String {
        match zone {
            Zone::Iana(name) => name.as_str().to_owned(),
            Zone::Rules(rules) => {
                let known = self.custom.iter().position(|other| other == rules);
                let index = known.unwrap_or(self.custom.len());
                if known.is_none() {
                    self.custom.push(rules.clone());
                }
                custom_id(index)
            }
        }
    }

    /// Writes `timeZones`, if any zone had to be defined.
    pub(crate) fn put_definitions(&self, item: &mut Members) {
        if self.custom.is_empty() {
            return;
        }
        let zones = self
            .custom
            .iter()
            .enumerate()
            .map(|(index, rules)| (custom_id(index), write_zone(rules)))
            .collect();
        item.insert("timeZones".to_owned(), Value::Object(zones));
    }
}

fn custom_id(index: usize) -> String {
    format!("/tidemark/{}", index + 1)
}

fn write_zone(rules: &ZoneRules) -> Value {
    let standard = rules.standard_offset_seconds;
    let mut zone = Members::new();
    zone.insert("@type".to_owned(), json!("TimeZone"));
    zone.insert("tzId".to_owned(), json!(rules.name));
    let Some(daylight) = &rules.daylight else {
        let rule = write_rule(standard, standard, None);
        zone.insert("standard".to_owned(), json!([rule]));
        return Value::Object(zone);
    };
    let summer = daylight.offset_seconds;
    let ends = write_rule(summer, standard, Some(&daylight.ends));
    let begins = write_rule(standard, summer, Some(&daylight.begins));
    zone.insert("standard".to_owned(), json!([ends]));
    zone.insert("daylight".to_owned(), json!([begins]));
    Value::Object(zone)
}

/// Year that the written rules start in: any would do, they hold for all years.
const FIRST_YEAR: i16 = 1970;

fn write_rule(from: i32, to: i32, moment: Option<&YearlyMoment>) -> Value {
    let mut rule = Members::new();
    rule.insert("@type".to_owned(), json!("TimeZoneRule"));
    rule.insert("offsetFrom".to_owned(), json!(write_offset(from)));
    rule.insert("offsetTo".to_owned(), json!(write_offset(to)));
    let january = Date::constant(FIRST_YEAR, 1, 1);
    let Some(moment) = moment else {
        let start = january.to_datetime(Time::midnight());
        rule.insert("start".to_owned(), json!(start.to_string()));
        return Value::Object(rule);
    };
    let nth = if moment.occurrence >= 5 { -1 } else { moment.occurrence };
    let date = Date::new(FIRST_YEAR, moment.month, 1)
        .and_then(|first| first.nth_weekday_of_month(nth, moment.weekday))
        .unwrap_or(january);
    let start = date
        .to_datetime(Time::midnight())
        .saturating_add(jiff::SignedDuration::from_secs(i64::from(moment.time_seconds)));
    let yearly = json!({
        "@type": "RecurrenceRule",
        "frequency": "yearly",
        "byMonth": [moment.month.to_string()],
        "byDay": [{
            "@type": "NDay",
            "day": write_word(&WEEKDAYS, &moment.weekday),
            "nthOfPeriod": nth,
        }],
    });
    rule.insert("start".to_owned(), json!(start.to_string()));
    rule.insert("recurrenceRules".to_owned(), json!([yearly]));
    Value::Object(rule)
}

/// An offset as iCalendar writes it: `+0530`, with seconds only where there are any.
fn write_offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let (hours, minutes, rest) = (total / 3_600, total / 60 % 60, total % 60);
    if rest == 0 {
        format!("{sign}{hours:02}{minutes:02}")
    } else {
        format!("{sign}{hours:02}{minutes:02}{rest:02}")
    }
}
