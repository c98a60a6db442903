//! `patternedRecurrence` both ways (exchange-graph.md 10.3).

use jiff::civil::{Date, Weekday};
use serde_json::{Map, Value, json};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::GraphError;

/// Longest interval: Exchange keeps at most 999 days, weeks or months.
const INTERVAL_MAX: u64 = 999;

const DAYS: [(&str, Weekday); 7] = [
    ("sunday", Weekday::Sunday),
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
];

const INDEXES: [(&str, WeekIndex); 5] = [
    ("first", WeekIndex::First),
    ("second", WeekIndex::Second),
    ("third", WeekIndex::Third),
    ("fourth", WeekIndex::Fourth),
    ("last", WeekIndex::Last),
];

fn invalid(what: &str) -> GraphError {
    GraphError::property(format!("The recurrence is not valid: {what}."))
}

/// Reads a rule and its start date.
///
/// # Errors
/// When it has not the form or misses what its type needs.
pub(super) fn read(value: &Value) -> Result<(Recurrence, Date), GraphError> {
    let part = |name: &str| {
        value.get(name).and_then(Value::as_object).ok_or_else(|| invalid(&format!("no {name}")))
    };
    let pattern = read_pattern(part("pattern")?)?;
    let range = part("range")?;
    let start = date(range, "startDate")?;
    let range = match text(range, "type")? {
        "noEnd" => Range::NoEnd,
        "endDate" => Range::Until(date(range, "endDate")?),
        "numbered" => {
            let count = number(range, "numberOfOccurrences")?.filter(|count| *count > 0);
            let count = count.and_then(|count| u32::try_from(count).ok());
            Range::Count(count.ok_or_else(|| invalid("numberOfOccurrences is missing"))?)
        }
        _ => return Err(invalid("the type of the range is not known")),
    };
    if let Range::Until(end) = range
        && end < start
    {
        return Err(invalid("endDate lies before startDate"));
    }
    Ok((Recurrence { pattern, range }, start))
}

fn read_pattern(of: &Map<String, Value>) -> Result<Pattern, GraphError> {
    let interval = number(of, "interval")?
        .filter(|interval| (1..=INTERVAL_MAX).contains(interval))
        .and_then(|interval| u32::try_from(interval).ok())
        .ok_or_else(|| invalid("interval is missing or out of range"))?;
    let index = || match of.get("index") {
        None | Some(Value::Null) => Ok(WeekIndex::First),
        Some(word) => named(&INDEXES, word).ok_or_else(|| invalid("index is not known")),
    };
    let month = || small(of, "month", 12);
    let day = || small(of, "dayOfMonth", 31);
    Ok(match text(of, "type")? {
        "daily" => Pattern::Daily { interval },
        "weekly" => {
            let first_day = match of.get("firstDayOfWeek") {
                None | Some(Value::Null) => Weekday::Sunday,
                Some(word) => {
                    named(&DAYS, word).ok_or_else(|| invalid("firstDayOfWeek is not known"))?
                }
            };
            Pattern::Weekly { interval, days: days(of)?, first_day }
        }
        "absoluteMonthly" => Pattern::AbsoluteMonthly { interval, day: day()? },
        "relativeMonthly" => {
            Pattern::RelativeMonthly { interval, index: index()?, days: days(of)? }
        }
        "absoluteYearly" => Pattern::AbsoluteYearly { interval, month: month()?, day: day()? },
        "relativeYearly" => {
            Pattern::RelativeYearly { interval, month: month()?, index: index()?, days: days(of)? }
        }
        _ => return Err(invalid("the type of the pattern is not known")),
    })
}

fn text<'a>(of: &'a Map<String, Value>, name: &str) -> Result<&'a str, GraphError> {
    of.get(name).and_then(Value::as_str).ok_or_else(|| invalid(&format!("{name} is missing")))
}

fn number(of: &Map<String, Value>, name: &str) -> Result<Option<u64>, GraphError> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(Some).ok_or_else(|| invalid(&format!("{name} is no number")))
        }
    }
}

fn small(of: &Map<String, Value>, name: &str, max: u64) -> Result<u8, GraphError> {
    number(of, name)?
        .filter(|value| (1..=max).contains(value))
        .and_then(|value| u8::try_from(value).ok())
        .ok_or_else(|| invalid(&format!("{name} is missing or out of range")))
}

fn date(of: &Map<String, Value>, name: &str) -> Result<Date, GraphError> {
    text(of, name)?.parse().map_err(|_| invalid(&format!("{name} is no date")))
}

fn named<T: Copy>(table: &[(&str, T)], word: &Value) -> Option<T> {
    let word = word.as_str()?;
    table.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value)
}

fn days(of: &Map<String, Value>) -> Result<WeekdaySet, GraphError> {
    let list = of.get("daysOfWeek").and_then(Value::as_array).filter(|list| !list.is_empty());
    list.ok_or_else(|| invalid("daysOfWeek is missing"))?
        .iter()
        .try_fold(WeekdaySet::EMPTY, |set, word| {
            Ok(set.with(named(&DAYS, word).ok_or_else(|| invalid("a day is not known"))?))
        })
}

/// Writes a rule; what its type does not use comes with the dummies that Graph fills in.
pub(super) fn write(rule: &Recurrence, start: Date, zone: &str) -> Value {
    let mut pattern = json!({
        "type": "daily", "interval": 1, "month": 0, "dayOfMonth": 0, "daysOfWeek": [],
        "firstDayOfWeek": "sunday", "index": "first",
    });
    let mut put = |name: &str, value: Value| {
        if let Some(members) = pattern.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    let (word, every) = match &rule.pattern {
        Pattern::Daily { interval } => ("daily", interval),
        Pattern::Weekly { interval, days, first_day } => {
            put("daysOfWeek", write_days(*days));
            put("firstDayOfWeek", word_of(&DAYS, *first_day).into());
            ("weekly", interval)
        }
        Pattern::AbsoluteMonthly { interval, day } => {
            put("dayOfMonth", (*day).into());
            ("absoluteMonthly", interval)
        }
        Pattern::RelativeMonthly { interval, index, days } => {
            put("daysOfWeek", write_days(*days));
            put("index", word_of(&INDEXES, *index).into());
            ("relativeMonthly", interval)
        }
        Pattern::AbsoluteYearly { interval, month, day } => {
            put("month", (*month).into());
            put("dayOfMonth", (*day).into());
            ("absoluteYearly", interval)
        }
        Pattern::RelativeYearly { interval, month, index, days } => {
            put("month", (*month).into());
            put("daysOfWeek", write_days(*days));
            put("index", word_of(&INDEXES, *index).into());
            ("relativeYearly", interval)
        }
    };
    put("type", word.into());
    put("interval", (*every).into());
    let (kind, end, count) = match rule.range {
        Range::NoEnd => ("noEnd", None, 0),
        Range::Until(end) => ("endDate", Some(end), 0),
        Range::Count(count) => ("numbered", None, count),
    };
    json!({
        "pattern": pattern,
        "range": {
            "type": kind,
            "startDate": start.to_string(),
            "endDate": end.map_or_else(|| "0001-01-01".to_owned(), |end| end.to_string()),
            "recurrenceTimeZone": zone,
            "numberOfOccurrences": count,
        },
    })
}

fn write_days(days: WeekdaySet) -> Value {
    let list = DAYS.iter().filter(|(_, day)| days.contains(*day)).map(|(name, _)| *name);
    list.collect::<Vec<_>>().into()
}

fn word_of<T: Copy + PartialEq>(table: &'static [(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, one)| *one == value).map_or("", |(name, _)| name)
}
