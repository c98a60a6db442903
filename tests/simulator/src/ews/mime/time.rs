//! Times and zones in iCalendar (RFC 5545, 3.3.4, 3.3.5 and 3.6.5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::Offset;

use super::component::{Component, Property};
use super::writer::Lines;
use crate::windows_zone::{self, YearlyDay, YearlyMoment, YearlyRules};

/// The words of weekdays, Monday first.
const DAY_WORDS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

/// A value of DTSTART and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moment {
    /// A day.
    Day(Date),
    /// With `Z`.
    Utc(Timestamp),
    /// Civil time in a zone of the store.
    Zoned(DateTime, String),
    /// Civil time without a zone.
    Floating(DateTime),
}

impl Moment {
    /// The civil time and its zone; `own` stands for the zone that is not said.
    pub(super) fn civil(&self, own: &str) -> (DateTime, String) {
        match self {
            Self::Day(day) => (day.to_datetime(Time::midnight()), own.to_owned()),
            Self::Utc(at) => (windows_zone::to_civil("UTC", *at), "UTC".to_owned()),
            Self::Zoned(at, zone) => (*at, zone.clone()),
            Self::Floating(at) => (*at, own.to_owned()),
        }
    }

    /// The instant; `own` is the zone of what says none.
    pub(super) fn instant(&self, own: &str) -> Timestamp {
        let (at, zone) = self.civil(own);
        windows_zone::to_instant(&zone, at)
    }

    /// Whether it is a local time at midnight.
    pub(super) fn is_midnight(&self) -> bool {
        match self {
            Self::Day(_) => true,
            Self::Utc(_) => false,
            Self::Zoned(at, _) | Self::Floating(at) => at.time() == Time::midnight(),
        }
    }
}

/// The zones that a VCALENDAR defines, by their TZID.
pub(super) struct Zones(BTreeMap<String, String>);

impl Zones {
    /// Reads the VTIMEZONEs. A TZID that is a Windows id is that zone; others are their rules.
    pub(super) fn read(calendar: &Component) -> Self {
        let zones = calendar.children("VTIMEZONE").filter_map(|zone| {
            let id = zone.property("TZID")?.text();
            let name = match windows_zone::iana(&id) {
                Some(_) => id.clone(),
                None => windows_zone::custom(&id, &id, &read_rules(zone)?)?,
            };
            Some((id, name))
        });
        Self(zones.collect())
    }

    /// Every moment in the list of values of a line; none if one cannot be read.
    pub(super) fn moments(&self, property: &Property) -> Option<Vec<Moment>> {
        let zone = property.parameter("TZID").and_then(|id| self.named(id));
        property.value.split(',').map(|value| read_moment(value.trim(), zone.as_deref())).collect()
    }

    /// The moment of a line; none if it cannot be read.
    pub(super) fn moment(&self, property: &Property) -> Option<Moment> {
        self.moments(property)?.into_iter().next()
    }

    fn named(&self, id: &str) -> Option<String> {
        let windows = || windows_zone::iana(id).map(|_| id.to_owned());
        self.0.get(id).cloned().or_else(windows)
    }
}

fn read_moment(value: &str, zone: Option<&str>) -> Option<Moment> {
    if let Ok(day) = Date::strptime("%Y%m%d", value) {
        return Some(Moment::Day(day));
    }
    let civil = |text: &str| DateTime::strptime("%Y%m%dT%H%M%S", text).ok();
    if let Some(utc) = value.strip_suffix('Z') {
        return Some(Moment::Utc(windows_zone::to_instant("UTC", civil(utc)?)));
    }
    let at = civil(value)?;
    Some(match zone {
        Some(zone) => Moment::Zoned(at, zone.to_owned()),
        None => Moment::Floating(at),
    })
}

/// The rules of a VTIMEZONE: of several the ones that began last.
fn read_rules(zone: &Component) -> Option<YearlyRules> {
    let latest = |name| {
        zone.children(name).max_by(|one, other| one.word("DTSTART").cmp(&other.word("DTSTART")))
    };
    let standard = latest("STANDARD")?;
    let offset = read_offset(&standard.word("TZOFFSETTO"))?;
    let daylight = latest("DAYLIGHT").and_then(|daylight| {
        let ends = yearly(standard)?;
        Some((read_offset(&daylight.word("TZOFFSETTO"))?, yearly(daylight)?, ends))
    });
    Some(YearlyRules { standard: offset, daylight })
}

/// When a half of a VTIMEZONE begins every year; none if it began once.
fn yearly(half: &Component) -> Option<YearlyMoment> {
    let start = DateTime::strptime("%Y%m%dT%H%M%S", half.word("DTSTART")).ok()?;
    let rule = half.word("RRULE");
    let part = |name: &str| {
        rule.split(';').filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name)
    };
    let (_, frequency) = part("FREQ")?;
    if frequency != "YEARLY" || part("UNTIL").is_some() {
        return None;
    }
    let month = match part("BYMONTH") {
        Some((_, month)) => month.parse().ok()?,
        None => start.month(),
    };
    let day = match part("BYDAY") {
        Some((_, day)) => {
            let (nth, weekday) = nth_day(day)?;
            YearlyDay::Nth(if nth == -1 { 5 } else { nth }, weekday)
        }
        None => YearlyDay::Date(start.day()),
    };
    let seconds = i32::from(start.hour()) * 3600 + i32::from(start.minute()) * 60;
    Some(YearlyMoment { month, day, seconds: seconds + i32::from(start.second()) })
}

fn read_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("-", digits) => (-1, digits),
        ("+", digits) => (1, digits),
        _ => return None,
    };
    let part = |from: usize| digits.get(from..from + 2)?.parse::<i32>().ok();
    let seconds = part(0)? * 3600 + part(2)? * 60 + part(4).unwrap_or(0);
    Some(sign * seconds)
}

/// A BYDAY part with its number; 0 without one.
pub(super) fn nth_day(text: &str) -> Option<(i8, Weekday)> {
    let at = text.len().checked_sub(2)?;
    let (nth, word) = text.split_at_checked(at)?;
    let weekday = DAY_WORDS.iter().find(|(name, _)| *name == word).map(|(_, day)| *day)?;
    let nth = if nth.is_empty() { 0 } else { nth.parse().ok()? };
    Some((nth, weekday))
}

/// The word of a weekday.
pub(super) fn day_word(day: Weekday) -> &'static str {
    DAY_WORDS.iter().find(|(_, known)| *known == day).map_or("MO", |(word, _)| word)
}

/// The TZID of a zone of the store.
pub(super) fn tzid(zone: &str) -> &str {
    windows_zone::custom_names(zone)
        .map_or(zone, |(id, name)| if name.is_empty() { id } else { name })
}

/// A line with a time: a day, or civil time in a zone.
pub(super) fn write_time(lines: &mut Lines, name: &str, at: Timestamp, zone: &str, day: bool) {
    let civil = windows_zone::to_civil(zone, at);
    if day {
        lines.raw(&format!("{name};VALUE=DATE"), &civil.strftime("%Y%m%d").to_string());
    } else {
        let name = format!("{name};TZID={}", super::writer::parameter(tzid(zone)));
        lines.raw(&name, &civil.strftime("%Y%m%dT%H%M%S").to_string());
    }
}

/// An instant in UTC.
pub(super) fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Writes a VTIMEZONE. Exchange lets its rules begin with the calendar, in 1601.
pub(super) fn write_zone(lines: &mut Lines, zone: &str) {
    let rules = YearlyRules::of(&windows_zone::zone(zone));
    lines.raw("BEGIN", "VTIMEZONE");
    lines.text("TZID", tzid(zone));
    match &rules.daylight {
        None => write_half(lines, "STANDARD", rules.standard, rules.standard, None),
        Some((daylight, begins, ends)) => {
            write_half(lines, "STANDARD", *daylight, rules.standard, Some(ends));
            write_half(lines, "DAYLIGHT", rules.standard, *daylight, Some(begins));
        }
    }
    lines.raw("END", "VTIMEZONE");
}

fn write_half(lines: &mut Lines, name: &str, from: i32, to: i32, begins: Option<&YearlyMoment>) {
    let offset = |seconds| {
        let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC).to_string();
        let digits = offset.replace(':', "");
        format!("{digits:0<5}")
    };
    let seconds = begins.map_or(0, |begins| begins.seconds);
    let time = format!("{:02}{:02}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    lines.raw("BEGIN", name);
    lines.raw("DTSTART", &format!("16010101T{time}"));
    lines.raw("TZOFFSETFROM", &offset(from));
    lines.raw("TZOFFSETTO", &offset(to));
    if let Some(begins) = begins {
        let month = begins.month;
        let rule = match begins.day {
            YearlyDay::Nth(nth, weekday) => {
                let nth = if nth == 5 { -1 } else { nth };
                format!("FREQ=YEARLY;INTERVAL=1;BYDAY={nth}{};BYMONTH={month}", day_word(weekday))
            }
            YearlyDay::Date(day) => {
                format!("FREQ=YEARLY;INTERVAL=1;BYMONTHDAY={day};BYMONTH={month}")
            }
        };
        lines.raw("RRULE", &rule);
    }
    lines.raw("END", name);
}
