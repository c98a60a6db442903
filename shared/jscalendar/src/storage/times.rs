//! Rows of times, zones and rules.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use tidemark_model::zone::{DaylightRules, YearlyMoment};
use tidemark_model::{
    Pattern, Range, Recurrence, Schedule, WeekIndex, WeekdaySet, Zone, ZoneRules,
};

use super::LoadError;
use super::row::load_word;
use crate::words::{WEEKDAYS, Word, write_word};

const INDEXES: [Word<WeekIndex>; 5] = [
    ("first", WeekIndex::First),
    ("second", WeekIndex::Second),
    ("third", WeekIndex::Third),
    ("fourth", WeekIndex::Fourth),
    ("last", WeekIndex::Last),
];

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ScheduleRow {
    AllDay { start: Date, end: Date },
    Timed { start: DateTime, zone: Box<ZoneRow>, seconds: i64, end_zone: Option<Box<ZoneRow>> },
    Floating { start: DateTime, seconds: i64 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ZoneRow {
    Iana(String),
    Rules { name: String, standard_seconds: i32, daylight: Option<DaylightRow> },
}

#[derive(Serialize, Deserialize)]
pub(super) struct DaylightRow {
    seconds: i32,
    begins: MomentRow,
    ends: MomentRow,
}

#[derive(Serialize, Deserialize)]
struct MomentRow {
    month: i8,
    occurrence: i8,
    weekday: String,
    time_seconds: i32,
}

impl From<&Schedule> for ScheduleRow {
    fn from(schedule: &Schedule) -> Self {
        match schedule {
            Schedule::AllDay(days) => Self::AllDay { start: days.start(), end: days.end() },
            Schedule::Timed(timed) => Self::Timed {
                start: timed.start(),
                zone: Box::new(ZoneRow::from(timed.zone())),
                seconds: timed.duration().as_secs(),
                end_zone: timed.end_zone().map(|zone| Box::new(ZoneRow::from(zone))),
            },
            Schedule::Floating(floating) => {
                Self::Floating { start: floating.start(), seconds: floating.duration().as_secs() }
            }
        }
    }
}

impl ScheduleRow {
    pub(super) fn into_schedule(self) -> Result<Schedule, LoadError> {
        match self {
            Self::AllDay { start, end } => Schedule::all_day(start, end),
            Self::Timed { start, zone, seconds, end_zone } => Schedule::timed(
                start,
                zone.into_zone()?,
                SignedDuration::from_secs(seconds),
                end_zone.map(|zone| zone.into_zone()).transpose()?,
            ),
            Self::Floating { start, seconds } => {
                Schedule::floating(start, SignedDuration::from_secs(seconds))
            }
        }
        .map_err(|_| LoadError::Invalid("schedule"))
    }
}

impl From<&Zone> for ZoneRow {
    fn from(zone: &Zone) -> Self {
        match zone {
            Zone::Iana(name) => Self::Iana(name.as_str().to_owned()),
            Zone::Rules(rules) => Self::Rules {
                name: rules.name.clone(),
                standard_seconds: rules.standard_offset_seconds,
                daylight: rules.daylight.as_ref().map(|daylight| DaylightRow {
                    seconds: daylight.offset_seconds,
                    begins: MomentRow::from(&daylight.begins),
                    ends: MomentRow::from(&daylight.ends),
                }),
            },
        }
    }
}

impl ZoneRow {
    fn into_zone(self) -> Result<Zone, LoadError> {
        match self {
            Self::Iana(name) => Zone::parse(&name).map_err(|_| LoadError::Invalid("time zone")),
            Self::Rules { name, standard_seconds, daylight } => Ok(Zone::Rules(ZoneRules {
                name,
                standard_offset_seconds: standard_seconds,
                daylight: daylight.map(DaylightRow::into_rules).transpose()?,
            })),
        }
    }
}

impl DaylightRow {
    fn into_rules(self) -> Result<DaylightRules, LoadError> {
        Ok(DaylightRules {
            offset_seconds: self.seconds,
            begins: self.begins.into_moment()?,
            ends: self.ends.into_moment()?,
        })
    }
}

impl From<&YearlyMoment> for MomentRow {
    fn from(moment: &YearlyMoment) -> Self {
        Self {
            month: moment.month,
            occurrence: moment.occurrence,
            weekday: write_word(&WEEKDAYS, &moment.weekday).to_owned(),
            time_seconds: moment.time_seconds,
        }
    }
}

impl MomentRow {
    fn into_moment(self) -> Result<YearlyMoment, LoadError> {
        Ok(YearlyMoment {
            month: self.month,
            occurrence: self.occurrence,
            weekday: load_word(&WEEKDAYS, &self.weekday, "weekday")?,
            time_seconds: self.time_seconds,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RuleRow {
    pattern: PatternRow,
    interval: u32,
    range: RangeRow,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PatternRow {
    Daily,
    Weekly { days: Vec<String>, first_day: String },
    AbsoluteMonthly { day: u8 },
    RelativeMonthly { index: String, days: Vec<String> },
    AbsoluteYearly { month: u8, day: u8 },
    RelativeYearly { month: u8, index: String, days: Vec<String> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RangeRow {
    NoEnd,
    Until(Date),
    Count(u32),
}

fn store_days(days: WeekdaySet) -> Vec<String> {
    days.iter().map(|day| write_word(&WEEKDAYS, &day).to_owned()).collect()
}

fn load_days(words: &[String]) -> Result<WeekdaySet, LoadError> {
    words.iter().map(|word| load_word(&WEEKDAYS, word, "weekday")).collect()
}

fn store_index(index: WeekIndex) -> String {
    write_word(&INDEXES, &index).to_owned()
}

fn load_index(word: &str) -> Result<WeekIndex, LoadError> {
    load_word(&INDEXES, word, "week index")
}

impl From<&Recurrence> for RuleRow {
    fn from(rule: &Recurrence) -> Self {
        let (interval, pattern) = match &rule.pattern {
            Pattern::Daily { interval } => (*interval, PatternRow::Daily),
            Pattern::Weekly { interval, days, first_day } => (
                *interval,
                PatternRow::Weekly {
                    days: store_days(*days),
                    first_day: write_word(&WEEKDAYS, first_day).to_owned(),
                },
            ),
            Pattern::AbsoluteMonthly { interval, day } => {
                (*interval, PatternRow::AbsoluteMonthly { day: *day })
            }
            Pattern::RelativeMonthly { interval, index, days } => (
                *interval,
                PatternRow::RelativeMonthly { index: store_index(*index), days: store_days(*days) },
            ),
            Pattern::AbsoluteYearly { interval, month, day } => {
                (*interval, PatternRow::AbsoluteYearly { month: *month, day: *day })
            }
            Pattern::RelativeYearly { interval, month, index, days } => (
                *interval,
                PatternRow::RelativeYearly {
                    month: *month,
                    index: store_index(*index),
                    days: store_days(*days),
                },
            ),
        };
        let range = match rule.range {
            Range::NoEnd => RangeRow::NoEnd,
            Range::Until(date) => RangeRow::Until(date),
            Range::Count(count) => RangeRow::Count(count),
        };
        Self { pattern, interval, range }
    }
}

impl RuleRow {
    pub(super) fn into_rule(self) -> Result<Recurrence, LoadError> {
        let interval = self.interval;
        let pattern = match self.pattern {
            PatternRow::Daily => Pattern::Daily { interval },
            PatternRow::Weekly { days, first_day } => Pattern::Weekly {
                interval,
                days: load_days(&days)?,
                first_day: load_word(&WEEKDAYS, &first_day, "weekday")?,
            },
            PatternRow::AbsoluteMonthly { day } => Pattern::AbsoluteMonthly { interval, day },
            PatternRow::RelativeMonthly { index, days } => Pattern::RelativeMonthly {
                interval,
                index: load_index(&index)?,
                days: load_days(&days)?,
            },
            PatternRow::AbsoluteYearly { month, day } => {
                Pattern::AbsoluteYearly { interval, month, day }
            }
            PatternRow::RelativeYearly { month, index, days } => Pattern::RelativeYearly {
                interval,
                month,
                index: load_index(&index)?,
                days: load_days(&days)?,
            },
        };
        let range = match self.range {
            RangeRow::NoEnd => Range::NoEnd,
            RangeRow::Until(date) => Range::Until(date),
            RangeRow::Count(count) => Range::Count(count),
        };
        Ok(Recurrence { pattern, range })
    }
}
