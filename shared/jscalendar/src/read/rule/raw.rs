//! A recurrence rule as it is written (RFC 8984 4.3.3), member by member.

use jiff::civil::{DateTime, Weekday};
use serde_json::{Map, Value};

use crate::limits::INTERVAL_MAX;
use crate::problem::{Findings, Pointer};
use crate::read::members::check_type;
use crate::read::schedule::read_local;
use crate::words::{WEEKDAYS, Word, list_words, read_word};

/// Frequencies that Exchange repeats by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// What becomes of a day that a month lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    Omit,
    Backward,
    Forward,
}

/// How long the rule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawRange {
    NoEnd,
    Count(u32),
    Until(DateTime),
}

/// A rule with its words understood, but not yet brought into a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRule {
    pub(crate) frequency: Frequency,
    pub(crate) interval: u32,
    pub(crate) by_day: Vec<(Weekday, Option<i64>)>,
    pub(crate) by_month_day: Vec<i64>,
    pub(crate) by_month: Vec<u8>,
    pub(crate) by_set_position: Vec<i64>,
    pub(crate) first_day: Weekday,
    pub(crate) skip: Skip,
    pub(crate) range: RawRange,
}

const FREQUENCIES: [Word<Frequency>; 4] = [
    ("daily", Frequency::Daily),
    ("weekly", Frequency::Weekly),
    ("monthly", Frequency::Monthly),
    ("yearly", Frequency::Yearly),
];

const SKIPS: [Word<Skip>; 3] =
    [("omit", Skip::Omit), ("backward", Skip::Backward), ("forward", Skip::Forward)];

/// Members that no pattern of Exchange has.
const UNHELD: [&str; 5] = ["byYearDay", "byWeekNo", "byHour", "byMinute", "bySecond"];

/// Most elements of a list in a rule: every day of a month, from both ends.
const LIST_MAX: usize = 62;

/// Reads one rule.
pub(crate) fn read_raw(value: &Value, at: &Pointer, findings: &mut Findings) -> Option<RawRule> {
    let Value::Object(rule) = value else {
        findings.refuse(at, "must be an object", "send a RecurrenceRule");
        return None;
    };
    let mut own = Findings::default();
    check_type(rule, "RecurrenceRule", at, &mut own);
    refuse_unheld(rule, at, &mut own);
    let mut reader = Reader { rule, at, findings: &mut own };
    let frequency = reader.word("frequency", &FREQUENCIES);
    if frequency.is_none() && !rule.contains_key("frequency") {
        reader.refuse("frequency", "is required", list_words(&FREQUENCIES));
    }
    let raw = RawRule {
        frequency: frequency.unwrap_or(Frequency::Daily),
        interval: reader.number("interval", INTERVAL_MAX).unwrap_or(1),
        by_day: reader.list("byDay", "an array of NDay objects like {\"day\": \"mo\"}", n_day),
        by_month_day: reader.list("byMonthDay", "days of the month from 1 to 31, or -1", month_day),
        by_month: reader.list("byMonth", "months as strings from \"1\" to \"12\"", month),
        by_set_position: reader.list("bySetPosition", "whole numbers", Value::as_i64),
        first_day: reader.word("firstDayOfWeek", &WEEKDAYS).unwrap_or(Weekday::Monday),
        skip: reader.word("skip", &SKIPS).unwrap_or(Skip::Omit),
        range: reader.range(),
    };
    let failed = own.has_problems();
    findings.absorb(own);
    (!failed).then_some(raw)
}

fn refuse_unheld(rule: &Map<String, Value>, at: &Pointer, findings: &mut Findings) {
    for name in UNHELD {
        let given = rule.get(name).is_some_and(|value| {
            !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
        });
        if given {
            findings.refuse(
                &at.member(name),
                "no pattern of Exchange has this member",
                "use byDay, byMonthDay, byMonth and bySetPosition, or split it into several series",
            );
        }
    }
    let rscale = rule.get("rscale").filter(|value| !value.is_null());
    if rscale.is_some_and(|value| {
        value.as_str().is_none_or(|name| !name.eq_ignore_ascii_case("gregorian"))
    }) {
        findings.refuse(
            &at.member("rscale"),
            "only the Gregorian calendar is held",
            "use \"gregorian\", or leave it out",
        );
    }
}

fn n_day(value: &Value) -> Option<(Weekday, Option<i64>)> {
    let object = value.as_object()?;
    let day = read_word(&WEEKDAYS, object.get("day")?.as_str()?)?;
    match object.get("nthOfPeriod") {
        None | Some(Value::Null) => Some((day, None)),
        Some(nth) => nth.as_i64().filter(|nth| *nth != 0).map(|nth| (day, Some(nth))),
    }
}

fn month_day(value: &Value) -> Option<i64> {
    value.as_i64().filter(|day| (1..=31).contains(day) || (-31..=-1).contains(day))
}

fn month(value: &Value) -> Option<u8> {
    let number = value.as_str()?.parse::<u8>().ok()?;
    (1..=12).contains(&number).then_some(number)
}

struct Reader<'a> {
    rule: &'a Map<String, Value>,
    at: &'a Pointer,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn refuse(&mut self, name: &str, rule: &str, mend: impl Into<String>) {
        self.findings.refuse(&self.at.member(name), rule, mend);
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.rule.get(name).filter(|value| !value.is_null())
    }

    fn word<T: Copy>(&mut self, name: &str, table: &[Word<T>]) -> Option<T> {
        let value = self.given(name)?;
        let read = value.as_str().and_then(|word| read_word(table, word));
        if read.is_none() {
            self.refuse(name, "is not a value that Exchange holds", list_words(table));
        }
        read
    }

    fn number(&mut self, name: &str, most: u32) -> Option<u32> {
        let value = self.given(name)?;
        let read = value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (1..=most).contains(number));
        if read.is_none() {
            self.refuse(name, "is out of range", format!("use a whole number from 1 to {most}"));
        }
        read
    }

    fn list<T: PartialEq>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.given(name) else {
            return Vec::new();
        };
        let elements = value.as_array().filter(|list| list.len() <= LIST_MAX);
        let all: Option<Vec<T>> = elements.and_then(|list| list.iter().map(read).collect());
        let Some(all) = all else {
            self.refuse(name, "is not a list that can be read", format!("send {expected}"));
            return Vec::new();
        };
        let mut distinct: Vec<T> = Vec::with_capacity(all.len());
        for element in all {
            if !distinct.contains(&element) {
                distinct.push(element);
            }
        }
        distinct
    }

    fn range(&mut self) -> RawRange {
        let until = self.given("until").cloned();
        match (self.number("count", u32::MAX), until) {
            (None, None) => RawRange::NoEnd,
            (Some(count), None) => RawRange::Count(count),
            (None, Some(until)) => {
                let read = until.as_str().and_then(read_local);
                if read.is_none() {
                    self.refuse(
                        "until",
                        "must be a local date-time in the zone of the start",
                        "write it like \"2026-06-24T09:00:00\"",
                    );
                }
                read.map_or(RawRange::NoEnd, RawRange::Until)
            }
            (Some(_), Some(_)) => {
                self.refuse("until", "stands beside count", "give either count or until");
                RawRange::NoEnd
            }
        }
    }
}
