//! Rules of series (patternedrecurrence, recurrencepattern, recurrencerange pages): one pattern,
//! one range.

use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use serde_json::{Value, json};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::item::null_default;
use super::times::filled;
use super::write::WriteError;

/// Largest number of occurrences that a series is bounded by: what Outlook takes, as over EWS.
pub(super) const COUNT_MAX: u32 = 999;

/// Largest interval, in the pattern's own unit, as over EWS: the store behind both is the same.
/// Years count as twelve months, which is how the store keeps them (exchange-graph.md 10.3).
pub(super) const INTERVAL_MAX: u32 = 999;

/// Months of a year.
const YEAR: u32 = 12;

/// First day on which a rule may begin (mapping.md 4.8).
const FIRST_DAY: Date = jiff::civil::date(1601, 4, 1);

/// `patternedRecurrence`, before it is known to make sense.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct WireRecurrence {
    pattern: Option<WirePattern>,
    range: Option<WireRange>,
}

/// `recurrencePattern`. Answers fill the members that a pattern does not need with dummies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePattern {
    #[serde(rename = "type")]
    kind: Option<WirePatternKind>,
    interval: Option<i64>,
    #[serde(default, deserialize_with = "null_default")]
    days_of_week: Vec<WireDay>,
    index: Option<WireIndex>,
    day_of_month: Option<i64>,
    month: Option<i64>,
    first_day_of_week: Option<WireDay>,
}

/// `recurrenceRange`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRange {
    #[serde(rename = "type")]
    kind: Option<WireRangeKind>,
    end_date: Option<String>,
    number_of_occurrences: Option<i64>,
    recurrence_time_zone: Option<String>,
}

/// `recurrencePatternType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WirePatternKind {
    Daily,
    Weekly,
    AbsoluteMonthly,
    RelativeMonthly,
    AbsoluteYearly,
    RelativeYearly,
    #[serde(other)]
    Unrecognised,
}

/// `recurrenceRangeType`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WireRangeKind {
    EndDate,
    NoEnd,
    Numbered,
    #[serde(other)]
    Unrecognised,
}

/// `weekIndex`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WireIndex {
    First,
    Second,
    Third,
    Fourth,
    Last,
    #[serde(other)]
    Unrecognised,
}

/// `dayOfWeek`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WireDay {
    Sunday,
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    #[serde(other)]
    Unrecognised,
}

impl WireDay {
    const fn weekday(self) -> Option<Weekday> {
        Some(match self {
            Self::Sunday => Weekday::Sunday,
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Unrecognised => return None,
        })
    }
}

impl WireRecurrence {
    /// The zone in which the rule runs, by name, if it says one.
    pub(super) fn zone_id(&self) -> Option<&str> {
        filled(self.range.as_ref()?.recurrence_time_zone.as_deref())
    }

    /// The rule of a series that starts on `first`; none if something is missing.
    pub(super) fn to_model(&self, first: Date) -> Option<Recurrence> {
        let pattern = self.pattern.as_ref()?.to_model(first)?;
        let range = self.range.as_ref()?;
        let range = match range.kind? {
            WireRangeKind::NoEnd => Range::NoEnd,
            WireRangeKind::EndDate => Range::Until(range.end_date.as_deref()?.parse().ok()?),
            WireRangeKind::Numbered => {
                Range::Count(u32::try_from(range.number_of_occurrences?).ok()?)
            }
            WireRangeKind::Unrecognised => return None,
        };
        Some(Recurrence { pattern, range })
    }
}

impl WirePattern {
    fn to_model(&self, first: Date) -> Option<Pattern> {
        let interval = u32::try_from(self.interval.unwrap_or(1)).ok()?;
        let day = || u8::try_from(self.day_of_month?).ok();
        let month = || u8::try_from(self.month?).ok();
        Some(match self.kind? {
            WirePatternKind::Daily => Pattern::Daily { interval },
            WirePatternKind::Weekly => {
                let days = self.days()?;
                Pattern::Weekly {
                    interval,
                    days: if days.is_empty() {
                        WeekdaySet::EMPTY.with(first.weekday())
                    } else {
                        days
                    },
                    // The documented default.
                    first_day: match self.first_day_of_week {
                        Some(day) => day.weekday()?,
                        None => Weekday::Sunday,
                    },
                }
            }
            WirePatternKind::AbsoluteMonthly => Pattern::AbsoluteMonthly { interval, day: day()? },
            WirePatternKind::RelativeMonthly => {
                Pattern::RelativeMonthly { interval, index: self.index()?, days: self.days()? }
            }
            WirePatternKind::AbsoluteYearly => {
                Pattern::AbsoluteYearly { interval, month: month()?, day: day()? }
            }
            WirePatternKind::RelativeYearly => Pattern::RelativeYearly {
                interval,
                month: month()?,
                index: self.index()?,
                days: self.days()?,
            },
            WirePatternKind::Unrecognised => return None,
        })
    }

    /// The days; none if one of them is not known, as the rule would be another one without it.
    fn days(&self) -> Option<WeekdaySet> {
        self.days_of_week.iter().map(|day| day.weekday()).collect()
    }

    fn index(&self) -> Option<WeekIndex> {
        Some(match self.index {
            // The documented default.
            Some(WireIndex::First) | None => WeekIndex::First,
            Some(WireIndex::Second) => WeekIndex::Second,
            Some(WireIndex::Third) => WeekIndex::Third,
            Some(WireIndex::Fourth) => WeekIndex::Fourth,
            Some(WireIndex::Last) => WeekIndex::Last,
            Some(WireIndex::Unrecognised) => return None,
        })
    }
}

/// Checks that Graph can hold a rule that begins on `first`.
pub(super) fn check(rule: &Recurrence, first: Date) -> Result<(), WriteError> {
    rule.validate().map_err(WriteError::Rule)?;
    if first < FIRST_DAY {
        return Err(WriteError::TooEarly);
    }
    if let Range::Count(count) = rule.range
        && count > COUNT_MAX
    {
        return Err(WriteError::Count);
    }
    let interval = match rule.pattern {
        Pattern::Daily { interval }
        | Pattern::Weekly { interval, .. }
        | Pattern::AbsoluteMonthly { interval, .. }
        | Pattern::RelativeMonthly { interval, .. } => interval,
        Pattern::AbsoluteYearly { interval, .. } | Pattern::RelativeYearly { interval, .. } => {
            interval.saturating_mul(YEAR)
        }
    };
    if interval > INTERVAL_MAX { Err(WriteError::Interval) } else { Ok(()) }
}

/// Writes a rule that was checked. Only members that its type needs are sent: others may be refused
/// (exchange-graph.md 10.3).
pub(super) fn write(rule: &Recurrence, first: Date, zone_id: &str) -> Value {
    let start = first.to_string();
    let range = match rule.range {
        Range::NoEnd => json!({
            "type": "noEnd", "startDate": start, "recurrenceTimeZone": zone_id,
        }),
        Range::Until(end) => json!({
            "type": "endDate", "startDate": start, "endDate": end.to_string(),
            "recurrenceTimeZone": zone_id,
        }),
        Range::Count(count) => json!({
            "type": "numbered", "startDate": start, "numberOfOccurrences": count,
            "recurrenceTimeZone": zone_id,
        }),
    };
    json!({ "pattern": write_pattern(&rule.pattern), "range": range })
}

fn write_pattern(pattern: &Pattern) -> Value {
    match *pattern {
        Pattern::Daily { interval } => json!({ "type": "daily", "interval": interval }),
        Pattern::Weekly { interval, days, first_day } => json!({
            "type": "weekly", "interval": interval, "daysOfWeek": day_names(days),
            "firstDayOfWeek": day_name(first_day),
        }),
        Pattern::AbsoluteMonthly { interval, day } => json!({
            "type": "absoluteMonthly", "interval": interval, "dayOfMonth": day,
        }),
        Pattern::RelativeMonthly { interval, index, days } => json!({
            "type": "relativeMonthly", "interval": interval, "daysOfWeek": day_names(days),
            "index": index_name(index),
        }),
        Pattern::AbsoluteYearly { interval, month, day } => json!({
            "type": "absoluteYearly", "interval": interval, "dayOfMonth": day, "month": month,
        }),
        Pattern::RelativeYearly { interval, month, index, days } => json!({
            "type": "relativeYearly", "interval": interval, "daysOfWeek": day_names(days),
            "index": index_name(index), "month": month,
        }),
    }
}

fn day_names(days: WeekdaySet) -> Vec<&'static str> {
    days.iter().map(day_name).collect()
}

const fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

const fn index_name(index: WeekIndex) -> &'static str {
    match index {
        WeekIndex::First => "first",
        WeekIndex::Second => "second",
        WeekIndex::Third => "third",
        WeekIndex::Fourth => "fourth",
        WeekIndex::Last => "last",
    }
}
