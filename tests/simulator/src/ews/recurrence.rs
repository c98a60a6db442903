//! Rules on the wire: exactly one pattern followed by exactly one range.

use jiff::civil::{Date, Weekday};
use roxmltree::Node;
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::error::EwsError;
use super::node::Read;
use super::time::{read_date, show_date};
use super::xml::Xml;
use crate::store::week;

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

/// Reads a `Recurrence` with the start date of its range.
pub(crate) fn read_recurrence(node: Node<'_, '_>) -> Result<(Recurrence, Date), EwsError> {
    let missing = || EwsError::schema("Recurrence has one pattern and one range");
    let mut parts = node.elements();
    let pattern = read_pattern(parts.next().ok_or_else(missing)?)?;
    let range = parts.next().ok_or_else(missing)?;
    if parts.next().is_some() {
        return Err(missing());
    }
    let start = read_date(range.child_text("StartDate").ok_or_else(missing)?)?;
    let range = match range.name() {
        "NoEndRecurrence" => Range::NoEnd,
        "EndDateRecurrence" => {
            Range::Until(read_date(range.child_text("EndDate").ok_or_else(missing)?)?)
        }
        "NumberedRecurrence" => Range::Count(number(range, "NumberOfOccurrences")?),
        _ => return Err(missing()),
    };
    Ok((Recurrence { pattern, range }, start))
}

fn read_pattern(node: Node<'_, '_>) -> Result<Pattern, EwsError> {
    Ok(match node.name() {
        "DailyRecurrence" => Pattern::Daily { interval: number(node, "Interval")? },
        "WeeklyRecurrence" => Pattern::Weekly {
            interval: number(node, "Interval")?,
            days: read_days(node)?,
            first_day: match node.child_text("FirstDayOfWeek") {
                Some(day) => weekday(day)?,
                None => Weekday::Sunday,
            },
        },
        "AbsoluteMonthlyRecurrence" => Pattern::AbsoluteMonthly {
            interval: number(node, "Interval")?,
            day: day_of_month(node)?,
        },
        "RelativeMonthlyRecurrence" => Pattern::RelativeMonthly {
            interval: number(node, "Interval")?,
            index: read_index(node)?,
            days: read_days(node)?,
        },
        "AbsoluteYearlyRecurrence" => Pattern::AbsoluteYearly {
            interval: 1,
            month: read_month(node)?,
            day: day_of_month(node)?,
        },
        "RelativeYearlyRecurrence" => Pattern::RelativeYearly {
            interval: 1,
            month: read_month(node)?,
            index: read_index(node)?,
            days: read_days(node)?,
        },
        _ => {
            return Err(EwsError::new(
                "ErrorUnsupportedRecurrence",
                "The recurrence pattern is not for this item.",
            ));
        }
    })
}

fn number(node: Node<'_, '_>, name: &str) -> Result<u32, EwsError> {
    node.child_text(name)
        .and_then(|text| text.trim().parse().ok())
        .filter(|number| (1..=999).contains(number))
        .ok_or_else(|| EwsError::schema("a number of a recurrence is missing or out of range"))
}

fn day_of_month(node: Node<'_, '_>) -> Result<u8, EwsError> {
    let day = number(node, "DayOfMonth")?;
    u8::try_from(day)
        .ok()
        .filter(|day| *day <= 31)
        .ok_or_else(|| EwsError::schema("DayOfMonth is out of range"))
}

fn read_month(node: Node<'_, '_>) -> Result<u8, EwsError> {
    let month = month_number(node.child_text("Month").unwrap_or_default())?;
    u8::try_from(month).map_err(|_| EwsError::schema("Month has no such value"))
}

/// The number of a month, 1 to 12, by Exchange's word for it.
pub(crate) fn month_number(word: &str) -> Result<i8, EwsError> {
    MONTHS
        .iter()
        .position(|month| *month == word.trim())
        .and_then(|at| i8::try_from(at.saturating_add(1)).ok())
        .ok_or_else(|| EwsError::schema("Month has no such value"))
}

/// The number of a `DayOfWeekIndex`: 1 to 4, or 5 for the last.
pub(crate) fn nth_word(word: &str) -> Result<i8, EwsError> {
    match word.trim() {
        "First" => Ok(1),
        "Second" => Ok(2),
        "Third" => Ok(3),
        "Fourth" => Ok(4),
        "Last" => Ok(5),
        _ => Err(EwsError::schema("DayOfWeekIndex has no such value")),
    }
}

fn read_index(node: Node<'_, '_>) -> Result<WeekIndex, EwsError> {
    Ok(match nth_word(node.child_text("DayOfWeekIndex").unwrap_or_default())? {
        1 => WeekIndex::First,
        2 => WeekIndex::Second,
        3 => WeekIndex::Third,
        4 => WeekIndex::Fourth,
        _ => WeekIndex::Last,
    })
}

fn read_days(node: Node<'_, '_>) -> Result<WeekdaySet, EwsError> {
    let mut days = WeekdaySet::EMPTY;
    for word in node.child_text("DaysOfWeek").unwrap_or_default().split_whitespace() {
        match word {
            "Day" => return Ok(WeekdaySet::ALL),
            "Weekday" => return Ok(WeekdaySet::WEEKDAYS),
            "WeekendDay" => return Ok(WeekdaySet::WEEKEND),
            _ => days = days.with(weekday(word)?),
        }
    }
    if days.is_empty() {
        return Err(EwsError::schema("DaysOfWeek is empty"));
    }
    Ok(days)
}

/// A weekday by Exchange's word for it.
pub(crate) fn weekday(word: &str) -> Result<Weekday, EwsError> {
    week()
        .find(|day| day_name(*day) == word.trim())
        .ok_or_else(|| EwsError::schema("a day of the week has no such value"))
}

/// Exchange's word for a weekday.
pub(crate) const fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Sunday => "Sunday",
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
    }
}

/// Writes a `Recurrence`; `start` is the first day, `zone` the one whose offset the dates carry.
pub(crate) fn write_recurrence(xml: &mut Xml, rule: &Recurrence, start: Date, zone: &str) {
    xml.open("t:Recurrence", &[]);
    write_pattern(xml, &rule.pattern);
    let from = show_date(start, zone);
    match rule.range {
        Range::NoEnd => {
            xml.open("t:NoEndRecurrence", &[]);
            xml.leaf("t:StartDate", &from);
            xml.close("t:NoEndRecurrence");
        }
        Range::Until(last) => {
            xml.open("t:EndDateRecurrence", &[]);
            xml.leaf("t:StartDate", &from);
            xml.leaf("t:EndDate", &show_date(last, zone));
            xml.close("t:EndDateRecurrence");
        }
        Range::Count(count) => {
            xml.open("t:NumberedRecurrence", &[]);
            xml.leaf("t:StartDate", &from);
            xml.leaf("t:NumberOfOccurrences", &count.to_string());
            xml.close("t:NumberedRecurrence");
        }
    }
    xml.close("t:Recurrence");
}

fn write_pattern(xml: &mut Xml, pattern: &Pattern) {
    match pattern {
        Pattern::Daily { interval } => {
            xml.open("t:DailyRecurrence", &[]);
            xml.leaf("t:Interval", &interval.to_string());
            xml.close("t:DailyRecurrence");
        }
        Pattern::Weekly { interval, days, first_day } => {
            xml.open("t:WeeklyRecurrence", &[]);
            xml.leaf("t:Interval", &interval.to_string());
            let list: Vec<_> = week().filter(|day| days.contains(*day)).map(day_name).collect();
            xml.leaf("t:DaysOfWeek", &list.join(" "));
            xml.leaf("t:FirstDayOfWeek", day_name(*first_day));
            xml.close("t:WeeklyRecurrence");
        }
        // Yearly patterns have no interval in EWS: every n years is every 12n months.
        Pattern::AbsoluteYearly { interval: 1, month, day } => {
            xml.open("t:AbsoluteYearlyRecurrence", &[]);
            xml.leaf("t:DayOfMonth", &day.to_string());
            xml.leaf("t:Month", month_name(*month));
            xml.close("t:AbsoluteYearlyRecurrence");
        }
        Pattern::AbsoluteYearly { interval, day, .. } => {
            write_absolute_monthly(xml, interval.saturating_mul(12), *day);
        }
        Pattern::AbsoluteMonthly { interval, day } => write_absolute_monthly(xml, *interval, *day),
        Pattern::RelativeYearly { interval: 1, month, index, days } => {
            xml.open("t:RelativeYearlyRecurrence", &[]);
            xml.leaf("t:DaysOfWeek", days_word(*days));
            xml.leaf("t:DayOfWeekIndex", index_name(*index));
            xml.leaf("t:Month", month_name(*month));
            xml.close("t:RelativeYearlyRecurrence");
        }
        Pattern::RelativeYearly { interval, index, days, .. } => {
            write_relative_monthly(xml, interval.saturating_mul(12), *index, *days);
        }
        Pattern::RelativeMonthly { interval, index, days } => {
            write_relative_monthly(xml, *interval, *index, *days);
        }
    }
}

fn write_absolute_monthly(xml: &mut Xml, interval: u32, day: u8) {
    xml.open("t:AbsoluteMonthlyRecurrence", &[]);
    xml.leaf("t:Interval", &interval.to_string());
    xml.leaf("t:DayOfMonth", &day.to_string());
    xml.close("t:AbsoluteMonthlyRecurrence");
}

fn write_relative_monthly(xml: &mut Xml, interval: u32, index: WeekIndex, days: WeekdaySet) {
    xml.open("t:RelativeMonthlyRecurrence", &[]);
    xml.leaf("t:Interval", &interval.to_string());
    xml.leaf("t:DaysOfWeek", days_word(days));
    xml.leaf("t:DayOfWeekIndex", index_name(index));
    xml.close("t:RelativeMonthlyRecurrence");
}

/// The one word for a set of days in relative patterns.
fn days_word(days: WeekdaySet) -> &'static str {
    if days == WeekdaySet::ALL {
        "Day"
    } else if days == WeekdaySet::WEEKDAYS {
        "Weekday"
    } else if days == WeekdaySet::WEEKEND {
        "WeekendDay"
    } else {
        days.iter().next().map_or("Day", day_name)
    }
}

fn month_name(month: u8) -> &'static str {
    usize::from(month).checked_sub(1).and_then(|at| MONTHS.get(at)).copied().unwrap_or("January")
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
