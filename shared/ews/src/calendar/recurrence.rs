//! Rules of series (recurrence page): one pattern, one range.

use jiff::civil::{Date, Weekday};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::write::WriteError;
use crate::error::Unreadable;
use crate::time::parse_date;
use crate::xml::{Element, Xml, XmlWriter};
use crate::zone::{parse_weekday, weekday_name};

/// Largest number of occurrences that a series is bounded by: what Outlook takes.
pub(super) const COUNT_MAX: u32 = 999;

/// Largest interval, in the pattern's own unit: documented for days (dailyrecurrence page); for
/// the others, the sister protocol has the same (MS-ASCAL 2.2.2.25).
pub(super) const INTERVAL_MAX: u32 = 999;

/// Months of a year.
const YEAR: u32 = 12;

/// First day on which a rule may begin (exchange-ews.md 7).
const FIRST_DAY: Date = jiff::civil::date(1601, 4, 1);

/// A rule on the wire, before it is known to make sense.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WireRecurrence {
    pattern: Option<PatternKind>,
    interval: Option<u32>,
    days: WeekdaySet,
    index: Option<WeekIndex>,
    day: Option<u8>,
    month: Option<u8>,
    first_day: Option<Weekday>,
    range: Option<RangeKind>,
    end: Option<Date>,
    count: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PatternKind {
    Daily,
    Weekly,
    AbsoluteMonthly,
    RelativeMonthly,
    AbsoluteYearly,
    RelativeYearly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeKind {
    NoEnd,
    EndDate,
    Numbered,
}

impl WireRecurrence {
    pub(crate) fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Unreadable> {
        let mut rule = Self::default();
        while let Some(part) = xml.child(element.level)? {
            match part.name() {
                "DailyRecurrence" => rule.pattern = Some(PatternKind::Daily),
                "WeeklyRecurrence" => rule.pattern = Some(PatternKind::Weekly),
                "AbsoluteMonthlyRecurrence" => rule.pattern = Some(PatternKind::AbsoluteMonthly),
                "RelativeMonthlyRecurrence" => rule.pattern = Some(PatternKind::RelativeMonthly),
                "AbsoluteYearlyRecurrence" => rule.pattern = Some(PatternKind::AbsoluteYearly),
                "RelativeYearlyRecurrence" => rule.pattern = Some(PatternKind::RelativeYearly),
                "NoEndRecurrence" => rule.range = Some(RangeKind::NoEnd),
                "EndDateRecurrence" => rule.range = Some(RangeKind::EndDate),
                "NumberedRecurrence" => rule.range = Some(RangeKind::Numbered),
                _ => continue,
            }
            rule.read_members(xml, &part)?;
        }
        Ok(rule)
    }

    fn read_members(&mut self, xml: &mut Xml<'_>, part: &Element<'_>) -> Result<(), Unreadable> {
        while let Some(member) = xml.child(part.level)? {
            match member.name() {
                "Interval" => self.interval = xml.parsed(&member)?,
                "DaysOfWeek" => self.days = parse_days(&xml.text(&member)?),
                "DayOfWeekIndex" => self.index = parse_index(&xml.word(&member)?),
                "DayOfMonth" => self.day = xml.parsed(&member)?,
                "Month" => self.month = parse_month(&xml.word(&member)?),
                "FirstDayOfWeek" => self.first_day = parse_weekday(&xml.word(&member)?),
                "EndDate" => self.end = parse_date(&xml.text(&member)?),
                "NumberOfOccurrences" => self.count = xml.parsed(&member)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The rule of a series that starts on `first`; none if something is missing.
    ///
    /// EWS has no interval of years, so every n-th year is written as every 12n-th month; it is
    /// read back as years.
    pub(crate) fn to_model(&self, first: Date) -> Option<Recurrence> {
        let interval = self.interval.unwrap_or(1);
        let start_month = first.month().unsigned_abs();
        let years = (interval > YEAR && interval.is_multiple_of(YEAR)).then_some(interval / YEAR);
        let pattern = match self.pattern? {
            PatternKind::Daily => Pattern::Daily { interval },
            PatternKind::Weekly => Pattern::Weekly {
                interval,
                days: if self.days.is_empty() {
                    WeekdaySet::EMPTY.with(first.weekday())
                } else {
                    self.days
                },
                // The schema's own default: only then it leaves the element out.
                first_day: self.first_day.unwrap_or(Weekday::Sunday),
            },
            PatternKind::AbsoluteMonthly => match years {
                Some(interval) => {
                    Pattern::AbsoluteYearly { interval, month: start_month, day: self.day? }
                }
                None => Pattern::AbsoluteMonthly { interval, day: self.day? },
            },
            PatternKind::RelativeMonthly => match years {
                Some(interval) => Pattern::RelativeYearly {
                    interval,
                    month: start_month,
                    index: self.index?,
                    days: self.days,
                },
                None => Pattern::RelativeMonthly { interval, index: self.index?, days: self.days },
            },
            PatternKind::AbsoluteYearly => {
                Pattern::AbsoluteYearly { interval: 1, month: self.month?, day: self.day? }
            }
            PatternKind::RelativeYearly => Pattern::RelativeYearly {
                interval: 1,
                month: self.month?,
                index: self.index?,
                days: self.days,
            },
        };
        let range = match self.range? {
            RangeKind::NoEnd => Range::NoEnd,
            RangeKind::EndDate => Range::Until(self.end?),
            RangeKind::Numbered => Range::Count(self.count?),
        };
        Some(Recurrence { pattern, range })
    }
}

/// Checks that EWS can hold a rule that begins on `first`.
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
    let (interval, days) = match rule.pattern {
        Pattern::Daily { interval }
        | Pattern::Weekly { interval, .. }
        | Pattern::AbsoluteMonthly { interval, .. } => (interval, None),
        Pattern::RelativeMonthly { interval, days, .. } => (interval, Some(days)),
        Pattern::AbsoluteYearly { interval, .. } => (written_months(interval), None),
        Pattern::RelativeYearly { interval, days, .. } => (written_months(interval), Some(days)),
    };
    if interval > INTERVAL_MAX {
        return Err(WriteError::Interval);
    }
    match days {
        Some(days) if relative_day(days).is_none() => Err(WriteError::Weekdays),
        Some(_) | None => Ok(()),
    }
}

/// The interval that a rule of years is written with: none for one year, else months.
const fn written_months(years: u32) -> u32 {
    if years == 1 { 1 } else { years.saturating_mul(YEAR) }
}

/// Writes a rule that was checked. A rule of every n-th year begins with a match, so that every
/// 12n-th month from there on is the same.
pub(super) fn write(rule: &Recurrence, first: Date, xml: &mut XmlWriter) {
    xml.element("t:Recurrence", &[], |xml| {
        write_pattern(&rule.pattern, xml);
        let start = first.to_string();
        match rule.range {
            Range::NoEnd => xml.element("t:NoEndRecurrence", &[], |xml| {
                xml.text("t:StartDate", &start);
            }),
            Range::Until(end) => xml.element("t:EndDateRecurrence", &[], |xml| {
                xml.text("t:StartDate", &start);
                xml.text("t:EndDate", &end.to_string());
            }),
            Range::Count(count) => xml.element("t:NumberedRecurrence", &[], |xml| {
                xml.text("t:StartDate", &start);
                xml.text("t:NumberOfOccurrences", &count.to_string());
            }),
        }
    });
}

fn write_pattern(pattern: &Pattern, xml: &mut XmlWriter) {
    match *pattern {
        Pattern::Daily { interval } => xml.element("t:DailyRecurrence", &[], |xml| {
            number("t:Interval", interval, xml);
        }),
        Pattern::Weekly { interval, days, first_day } => {
            xml.element("t:WeeklyRecurrence", &[], |xml| {
                number("t:Interval", interval, xml);
                let names: Vec<_> = days.iter().map(weekday_name).collect();
                xml.text("t:DaysOfWeek", &names.join(" "));
                xml.text("t:FirstDayOfWeek", weekday_name(first_day));
            });
        }
        Pattern::AbsoluteMonthly { interval, day } => absolute_monthly(interval, day, xml),
        Pattern::RelativeMonthly { interval, index, days } => {
            relative_monthly(interval, index, days, xml);
        }
        Pattern::AbsoluteYearly { interval: 1, month, day } => {
            xml.element("t:AbsoluteYearlyRecurrence", &[], |xml| {
                number("t:DayOfMonth", u32::from(day), xml);
                xml.text("t:Month", month_name(month));
            });
        }
        Pattern::AbsoluteYearly { interval, day, .. } => {
            absolute_monthly(written_months(interval), day, xml);
        }
        Pattern::RelativeYearly { interval: 1, month, index, days } => {
            xml.element("t:RelativeYearlyRecurrence", &[], |xml| {
                relative(index, days, xml);
                xml.text("t:Month", month_name(month));
            });
        }
        Pattern::RelativeYearly { interval, index, days, .. } => {
            relative_monthly(written_months(interval), index, days, xml);
        }
    }
}

fn absolute_monthly(interval: u32, day: u8, xml: &mut XmlWriter) {
    xml.element("t:AbsoluteMonthlyRecurrence", &[], |xml| {
        number("t:Interval", interval, xml);
        number("t:DayOfMonth", u32::from(day), xml);
    });
}

fn relative_monthly(interval: u32, index: WeekIndex, days: WeekdaySet, xml: &mut XmlWriter) {
    xml.element("t:RelativeMonthlyRecurrence", &[], |xml| {
        number("t:Interval", interval, xml);
        relative(index, days, xml);
    });
}

fn relative(index: WeekIndex, days: WeekdaySet, xml: &mut XmlWriter) {
    xml.text("t:DaysOfWeek", relative_day(days).unwrap_or("Day"));
    xml.text("t:DayOfWeekIndex", index_name(index));
}

fn number(name: &str, value: u32, xml: &mut XmlWriter) {
    xml.text(name, &value.to_string());
}

/// The one word that a relative rule has for its days; none for sets that EWS has no word for.
fn relative_day(days: WeekdaySet) -> Option<&'static str> {
    match days {
        WeekdaySet::ALL => Some("Day"),
        WeekdaySet::WEEKDAYS => Some("Weekday"),
        WeekdaySet::WEEKEND => Some("WeekendDay"),
        _ if days.len() == 1 => days.iter().next().map(weekday_name),
        _ => None,
    }
}

fn parse_days(words: &str) -> WeekdaySet {
    words
        .split_ascii_whitespace()
        .map(|word| match word {
            "Day" => WeekdaySet::ALL,
            "Weekday" => WeekdaySet::WEEKDAYS,
            "WeekendDay" => WeekdaySet::WEEKEND,
            _ => parse_weekday(word).into_iter().collect(),
        })
        .flat_map(WeekdaySet::iter)
        .collect()
}

fn parse_index(word: &str) -> Option<WeekIndex> {
    Some(match word {
        "First" => WeekIndex::First,
        "Second" => WeekIndex::Second,
        "Third" => WeekIndex::Third,
        "Fourth" => WeekIndex::Fourth,
        "Last" => WeekIndex::Last,
        _ => return None,
    })
}

const fn index_name(index: WeekIndex) -> &'static str {
    match index {
        WeekIndex::First => "First",
        WeekIndex::Second => "Second",
        WeekIndex::Third => "Third",
        WeekIndex::Fourth => "Fourth",
        WeekIndex::Last => "Last",
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn parse_month(word: &str) -> Option<u8> {
    (1u8..).zip(MONTHS).find(|(_, name)| *name == word).map(|(month, _)| month)
}

/// The name of a month that was checked to be one.
fn month_name(month: u8) -> &'static str {
    (1u8..).zip(MONTHS).find(|(number, _)| *number == month).map_or("January", |(_, name)| name)
}
