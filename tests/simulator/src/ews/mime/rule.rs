//! RRULE both ways (MS-OXCICAL 2.1.3.2).

use jiff::civil::{Date, Weekday};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::time::{day_word, nth_day, utc};
use crate::store::{Appointment, week};
use crate::windows_zone;

/// A rule as RRULE; the zone and the time of day of its last day are the series'.
pub(super) fn show(rule: &Recurrence, series: &Appointment) -> String {
    let (frequency, interval, days) = match &rule.pattern {
        Pattern::Daily { interval } => ("DAILY", *interval, String::new()),
        Pattern::Weekly { interval, days, first_day } => {
            let text = format!(";BYDAY={};WKST={}", list(*days), day_word(*first_day));
            ("WEEKLY", *interval, text)
        }
        Pattern::AbsoluteMonthly { interval, day } => {
            ("MONTHLY", *interval, format!(";BYMONTHDAY={}", day_of_month(*day)))
        }
        Pattern::RelativeMonthly { interval, index, days } => {
            ("MONTHLY", *interval, relative(*index, *days))
        }
        Pattern::AbsoluteYearly { interval, month, day } => {
            let text = format!(";BYMONTHDAY={};BYMONTH={month}", day_of_month(*day));
            ("YEARLY", *interval, text)
        }
        Pattern::RelativeYearly { interval, month, index, days } => {
            ("YEARLY", *interval, format!("{};BYMONTH={month}", relative(*index, *days)))
        }
    };
    let range = match rule.range {
        Range::NoEnd => String::new(),
        Range::Count(count) => format!(";COUNT={count}"),
        Range::Until(last) if series.all_day => format!(";UNTIL={}", last.strftime("%Y%m%d")),
        Range::Until(last) => {
            let at = last.to_datetime(series.civil_start().time());
            format!(";UNTIL={}", utc(windows_zone::to_instant(&series.start_zone, at)))
        }
    };
    format!("FREQ={frequency}{range};INTERVAL={interval}{days}")
}

/// Exchange's 31st is the last day of every month.
fn day_of_month(day: u8) -> String {
    if day == 31 { "-1".to_owned() } else { day.to_string() }
}

fn list(days: WeekdaySet) -> String {
    let words: Vec<_> = week().filter(|day| days.contains(*day)).map(day_word).collect();
    words.join(",")
}

fn relative(index: WeekIndex, days: WeekdaySet) -> String {
    let nth = match index {
        WeekIndex::First => 1,
        WeekIndex::Second => 2,
        WeekIndex::Third => 3,
        WeekIndex::Fourth => 4,
        WeekIndex::Last => -1,
    };
    if days.len() == 1 {
        format!(";BYDAY={nth}{}", list(days))
    } else {
        format!(";BYDAY={};BYSETPOS={nth}", list(days))
    }
}

/// The parts of an RRULE, upper case.
struct Parts(Vec<(String, String)>);

impl Parts {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }
}

/// Reads an RRULE of a series that starts on `first`; `until_day` gives the day of an UNTIL.
/// None for a rule that Exchange has no pattern for.
pub(super) fn read(
    text: &str,
    first: Date,
    until_day: impl Fn(&str) -> Option<Date>,
) -> Option<Recurrence> {
    let upper = text.trim().to_ascii_uppercase();
    let parts = Parts(
        upper
            .split(';')
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    );
    let range = match (parts.get("COUNT"), parts.get("UNTIL")) {
        (Some(count), _) => Range::Count(count.parse().ok().filter(|count| *count > 0)?),
        (None, Some(until)) => Range::Until(until_day(until)?),
        (None, None) => Range::NoEnd,
    };
    let pattern = read_pattern(&parts, first)?;
    Some(Recurrence { pattern, range })
}

fn read_pattern(parts: &Parts, first: Date) -> Option<Pattern> {
    let interval = match parts.get("INTERVAL") {
        Some(_) => parts.number("INTERVAL").filter(|interval| *interval > 0)?,
        None => 1,
    };
    if ["BYYEARDAY", "BYWEEKNO", "BYHOUR", "BYMINUTE", "BYSECOND"]
        .iter()
        .any(|name| parts.get(name).is_some())
    {
        return None;
    }
    let month = match parts.get("BYMONTH") {
        Some(_) => parts.number("BYMONTH").filter(|month| (1..=12).contains(month))?,
        None => u8::try_from(first.month()).ok()?,
    };
    Some(match (parts.get("FREQ")?, parts.get("BYDAY")) {
        ("DAILY", None) => Pattern::Daily { interval },
        // Days of the week in a daily rule make it a weekly one.
        ("DAILY", Some(days)) if interval == 1 => weekly(parts, 1, days)?,
        ("WEEKLY", Some(days)) => weekly(parts, interval, days)?,
        ("WEEKLY", None) => weekly(parts, interval, day_word(first.weekday()))?,
        ("MONTHLY", Some(days)) => {
            let (index, days) = read_relative(parts, days)?;
            Pattern::RelativeMonthly { interval, index, days }
        }
        ("MONTHLY", None) => {
            Pattern::AbsoluteMonthly { interval, day: read_day_of_month(parts, first)? }
        }
        ("YEARLY", Some(days)) => {
            let (index, days) = read_relative(parts, days)?;
            Pattern::RelativeYearly { interval, month, index, days }
        }
        ("YEARLY", None) => {
            Pattern::AbsoluteYearly { interval, month, day: read_day_of_month(parts, first)? }
        }
        _ => return None,
    })
}

fn weekly(parts: &Parts, interval: u32, days: &str) -> Option<Pattern> {
    let mut set = WeekdaySet::EMPTY;
    for day in days.split(',') {
        match nth_day(day)? {
            (0, day) => set = set.with(day),
            _ => return None,
        }
    }
    let first_day = match parts.get("WKST") {
        Some(day) => nth_day(day)?.1,
        None => Weekday::Monday,
    };
    Some(Pattern::Weekly { interval, days: set, first_day })
}

fn read_relative(parts: &Parts, days: &str) -> Option<(WeekIndex, WeekdaySet)> {
    let mut set = WeekdaySet::EMPTY;
    let mut numbers = Vec::new();
    for day in days.split(',') {
        let (nth, day) = nth_day(day)?;
        set = set.with(day);
        numbers.push(nth);
    }
    let nth = match (numbers.as_slice(), parts.number::<i8>("BYSETPOS")) {
        ([nth], None) => *nth,
        (numbers, Some(nth)) if numbers.iter().all(|number| *number == 0) => nth,
        _ => return None,
    };
    let index = match nth {
        1 => WeekIndex::First,
        2 => WeekIndex::Second,
        3 => WeekIndex::Third,
        4 => WeekIndex::Fourth,
        -1 => WeekIndex::Last,
        _ => return None,
    };
    Some((index, set))
}

fn read_day_of_month(parts: &Parts, first: Date) -> Option<u8> {
    match parts.get("BYMONTHDAY") {
        None => u8::try_from(first.day()).ok(),
        Some("-1") => Some(31),
        Some(_) => parts.number("BYMONTHDAY").filter(|day| (1..=31).contains(day)),
    }
}
