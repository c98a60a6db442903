//! Zones by their rules: what they mean, and which IANA zone they are.

use std::sync::OnceLock;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{IanaZone, Zone, windows};

/// First year whose offsets have to agree for rules to be an IANA zone.
const MATCH_FIRST_YEAR: i16 = 2025;
/// Last year whose offsets have to agree.
const MATCH_LAST_YEAR: i16 = 2032;
/// Windows writes a change at midnight as the last moment of the day before, so the two sources
/// may differ by this much.
const MATCH_TOLERANCE_SECONDS: i64 = 1;

/// A zone by its rules, as Exchange gives custom zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRules {
    /// What the server calls it; no meaning to us.
    pub name: String,
    /// Offset from UTC outside daylight saving time, in seconds east.
    pub standard_offset_seconds: i32,
    /// Daylight saving time, if the zone has it.
    pub daylight: Option<DaylightRules>,
}

/// Yearly daylight saving time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaylightRules {
    /// Offset from UTC in daylight saving time, in seconds east.
    pub offset_seconds: i32,
    /// When it begins, in standard civil time.
    pub begins: YearlyMoment,
    /// When it ends, in daylight civil time.
    pub ends: YearlyMoment,
}

/// A moment that returns every year: the n-th weekday of a month at a time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearlyMoment {
    /// Month, 1 to 12.
    pub month: i8,
    /// 1 to 4, or 5 for the last.
    pub occurrence: i8,
    /// Day of the week.
    pub weekday: Weekday,
    /// Seconds after midnight.
    pub time_seconds: i32,
}

impl ZoneRules {
    /// The offset in force at an instant, in seconds east of UTC.
    pub fn offset_seconds_at(&self, at: Timestamp) -> i32 {
        let standard = self.standard_offset_seconds;
        let Some(daylight) = &self.daylight else {
            return standard;
        };
        let year = shifted(at, standard).year();
        let (Some(begins), Some(ends)) = (
            daylight.begins.instant(year, standard),
            daylight.ends.instant(year, daylight.offset_seconds),
        ) else {
            return standard;
        };
        // South of the equator daylight saving time runs over the turn of the year.
        let in_daylight =
            if begins <= ends { begins <= at && at < ends } else { begins <= at || at < ends };
        if in_daylight { daylight.offset_seconds } else { standard }
    }

    pub(super) fn to_instant(&self, at: DateTime) -> Timestamp {
        let standard = self.standard_offset_seconds;
        let daylight = self.daylight.as_ref().map_or(standard, |daylight| daylight.offset_seconds);
        let candidates = [standard, daylight].map(|offset| (unshifted(at, offset), offset));
        candidates
            .into_iter()
            .filter(|(instant, offset)| self.offset_seconds_at(*instant) == *offset)
            .map(|(instant, _)| instant)
            .min()
            // In a gap neither holds. The offset before it is the smaller one, so that the later
            // candidate is the one moved forward by the gap.
            .or_else(|| candidates.into_iter().map(|(instant, _)| instant).max())
            .unwrap_or(Timestamp::MIN)
    }

    pub(super) fn to_civil(&self, at: Timestamp) -> DateTime {
        shifted(at, self.offset_seconds_at(at))
    }

    /// Whether both mean the same, whatever they are called.
    pub fn same_rules(&self, other: &Self) -> bool {
        self.standard_offset_seconds == other.standard_offset_seconds
            && self.daylight == other.daylight
    }

    /// The changes of offset from the first to the last year of comparison.
    fn course(&self) -> Course {
        let mut changes = Vec::new();
        if let Some(daylight) = &self.daylight {
            let standard = self.standard_offset_seconds;
            for year in MATCH_FIRST_YEAR..=MATCH_LAST_YEAR {
                let begins = daylight.begins.instant(year, standard);
                let ends = daylight.ends.instant(year, daylight.offset_seconds);
                changes.extend(begins.map(|at| (at, daylight.offset_seconds)));
                changes.extend(ends.map(|at| (at, standard)));
            }
            changes.sort();
        }
        Course { initial: self.offset_seconds_at(match_start()), changes }
    }
}

impl YearlyMoment {
    /// The civil moment in a year; none where the fields are out of range.
    pub fn civil(&self, year: i16) -> Option<DateTime> {
        let nth = if self.occurrence == 5 { -1 } else { self.occurrence };
        let date =
            Date::new(year, self.month, 1).ok()?.nth_weekday_of_month(nth, self.weekday).ok()?;
        date.to_datetime(Time::midnight())
            .checked_add(SignedDuration::from_secs(i64::from(self.time_seconds)))
            .ok()
    }

    fn instant(&self, year: i16, offset_seconds: i32) -> Option<Timestamp> {
        self.civil(year).map(|at| unshifted(at, offset_seconds))
    }

    /// The rule that gives this civil moment in its year; the last of its kind in the month is
    /// called the last.
    fn of(at: DateTime) -> Self {
        let date = at.date();
        let occurrence =
            if date.day() + 7 > date.days_in_month() { 5 } else { (date.day() - 1) / 7 + 1 };
        let time = at.time();
        Self {
            month: date.month(),
            occurrence,
            weekday: date.weekday(),
            time_seconds: i32::from(time.hour()) * 3600
                + i32::from(time.minute()) * 60
                + i32::from(time.second()),
        }
    }
}

/// How the offset of a zone runs over the years of comparison.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    initial: i32,
    changes: Vec<(Timestamp, i32)>,
}

impl Course {
    fn of_zone(zone: &TimeZone) -> Self {
        let start = match_start();
        let end = year_start(MATCH_LAST_YEAR.saturating_add(1));
        Self { initial: zone.to_offset(start).seconds(), changes: offset_changes(zone, start, end) }
    }

    fn agrees(&self, other: &Self) -> bool {
        self.initial == other.initial
            && self.changes.len() == other.changes.len()
            && self.changes.iter().zip(&other.changes).all(|((at, to), (other_at, other_to))| {
                to == other_to
                    && (at.as_second() - other_at.as_second()).abs() <= MATCH_TOLERANCE_SECONDS
            })
    }
}

/// The IANA zone with the same offsets over the years of comparison: UTC where there is none,
/// else the zone that the rules are named after, else the first default of the table.
pub(super) fn iana_zone_of(rules: &ZoneRules) -> Option<Zone> {
    let constant = rules
        .daylight
        .as_ref()
        .is_none_or(|daylight| daylight.offset_seconds == rules.standard_offset_seconds);
    if constant && rules.standard_offset_seconds == 0 {
        return Some(Zone::utc());
    }
    let course = rules.course();
    named_zone(&rules.name, &course).or_else(|| {
        let (iana, _) = candidates().iter().find(|(_, candidate)| candidate.agrees(&course))?;
        Some(Zone::Iana(IanaZone((*iana).to_owned())))
    })
}

/// The zone that the rules are named after, if its offsets are these.
fn named_zone(name: &str, course: &Course) -> Option<Zone> {
    let named = Zone::from_windows(name, None).or_else(|_| Zone::parse(name)).ok()?;
    match &named {
        Zone::Iana(iana) => Course::of_zone(&iana.time_zone()).agrees(course).then_some(named),
        Zone::Rules(_) => None,
    }
}

/// The default zone of every Windows id, with its course.
fn candidates() -> &'static [(&'static str, Course)] {
    static CANDIDATES: OnceLock<Vec<(&'static str, Course)>> = OnceLock::new();
    CANDIDATES.get_or_init(|| {
        windows::defaults()
            .filter_map(|(_, iana)| Some((iana, Course::of_zone(&TimeZone::get(iana).ok()?))))
            .collect()
    })
}

/// The rules that an IANA zone follows in one year. The larger offset counts as daylight saving
/// time. None where the year has other than no or two changes of offset.
pub(super) fn rules_of_year(name: &str, zone: &TimeZone, year: i16) -> Option<ZoneRules> {
    let start = year_start(year);
    let initial = zone.to_offset(start).seconds();
    let changes = offset_changes(zone, start, year_start(year.checked_add(1)?));
    let (standard_offset_seconds, daylight) = match changes.as_slice() {
        [] => (initial, None),
        [(first, middle), (second, last)] if *last == initial => {
            let first = YearlyMoment::of(shifted(*first, initial));
            let second = YearlyMoment::of(shifted(*second, *middle));
            let (standard, offset_seconds, begins, ends) = if initial < *middle {
                (initial, *middle, first, second)
            } else {
                (*middle, initial, second, first)
            };
            let daylight = DaylightRules { offset_seconds, begins, ends };
            (standard, Some(daylight))
        }
        _ => return None,
    };
    Some(ZoneRules { name: name.to_owned(), standard_offset_seconds, daylight })
}

fn offset_changes(zone: &TimeZone, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, i32)> {
    let mut offset = zone.to_offset(start).seconds();
    let mut changes = Vec::new();
    for transition in zone.following(start) {
        if transition.timestamp() >= end {
            break;
        }
        let next = transition.offset().seconds();
        // Some transitions change only the abbreviation.
        if next != offset {
            changes.push((transition.timestamp(), next));
            offset = next;
        }
    }
    changes
}

fn match_start() -> Timestamp {
    year_start(MATCH_FIRST_YEAR)
}

fn year_start(year: i16) -> Timestamp {
    Date::new(year, 1, 1)
        .ok()
        .and_then(|date| TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok())
        .unwrap_or(Timestamp::MAX)
}

fn shifted(at: Timestamp, offset_seconds: i32) -> DateTime {
    let offset = SignedDuration::from_secs(i64::from(offset_seconds));
    TimeZone::UTC.to_datetime(at.saturating_add(offset).unwrap_or(at))
}

fn unshifted(at: DateTime, offset_seconds: i32) -> Timestamp {
    let offset = SignedDuration::from_secs(i64::from(offset_seconds));
    TimeZone::UTC
        .to_timestamp(at)
        .ok()
        .and_then(|instant| instant.checked_sub(offset).ok())
        .unwrap_or(Timestamp::MIN)
}
