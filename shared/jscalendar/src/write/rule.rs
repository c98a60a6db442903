//! Recurrence rules.

use jiff::civil::{Time, Weekday};
use serde_json::{Value, json};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

use super::{Members, Version};
use crate::month::shortest;
use crate::words::{WEEKDAYS, write_word};

/// Writes the rule, if there is one.
pub(crate) fn put_rule(item: &mut Members, rule: Option<&Recurrence>, version: Version) {
    let Some(rule) = rule else {
        return;
    };
    let rule = write_rule(rule);
    match version {
        Version::Rfc8984 => item.insert("recurrenceRules".to_owned(), json!([rule])),
        Version::Bis => item.insert("recurrenceRule".to_owned(), rule),
    };
}

fn write_rule(rule: &Recurrence) -> Value {
    let mut members = Members::new();
    members.insert("@type".to_owned(), json!("RecurrenceRule"));
    let interval = match &rule.pattern {
        Pattern::Daily { interval } => {
            put(&mut members, "frequency", json!("daily"));
            interval
        }
        Pattern::Weekly { interval, days, first_day } => {
            put(&mut members, "frequency", json!("weekly"));
            put(&mut members, "byDay", write_days(*days, None));
            if *first_day != Weekday::Monday {
                let day = write_word(&WEEKDAYS, first_day);
                put(&mut members, "firstDayOfWeek", json!(day));
            }
            interval
        }
        Pattern::AbsoluteMonthly { interval, day } => {
            put(&mut members, "frequency", json!("monthly"));
            put_day_of_any_month(&mut members, *day);
            interval
        }
        Pattern::RelativeMonthly { interval, index, days } => {
            put(&mut members, "frequency", json!("monthly"));
            put_relative(&mut members, *index, *days);
            interval
        }
        Pattern::AbsoluteYearly { interval, month, day } => {
            put(&mut members, "frequency", json!("yearly"));
            put(&mut members, "byMonth", json!([month.to_string()]));
            // What a month lacks in some years or in all falls to its last day.
            let written = if *day > shortest(*month) { json!([-1]) } else { json!([day]) };
            put(&mut members, "byMonthDay", written);
            interval
        }
        Pattern::RelativeYearly { interval, month, index, days } => {
            put(&mut members, "frequency", json!("yearly"));
            put(&mut members, "byMonth", json!([month.to_string()]));
            put_relative(&mut members, *index, *days);
            interval
        }
    };
    if *interval != 1 {
        put(&mut members, "interval", json!(interval));
    }
    match rule.range {
        Range::NoEnd => {}
        Range::Count(count) => put(&mut members, "count", json!(count)),
        // The whole of the last date counts, whatever the time of day.
        Range::Until(date) => {
            let until = date.to_datetime(Time::constant(23, 59, 59, 0));
            put(&mut members, "until", json!(until.to_string()));
        }
    }
    Value::Object(members)
}

fn put(members: &mut Members, name: &str, value: Value) {
    members.insert(name.to_owned(), value);
}

/// A day of the month. The 31st is the last day of every month; the 29th and 30th move to the last
/// day of a month that lacks them, which the standard calls skipping backward.
fn put_day_of_any_month(members: &mut Members, day: u8) {
    if day >= 31 {
        put(members, "byMonthDay", json!([-1]));
        return;
    }
    put(members, "byMonthDay", json!([day]));
    if day > 28 {
        put(members, "rscale", json!("gregorian"));
        put(members, "skip", json!("backward"));
    }
}

fn put_relative(members: &mut Members, index: WeekIndex, days: WeekdaySet) {
    let position = match index {
        WeekIndex::First => 1,
        WeekIndex::Second => 2,
        WeekIndex::Third => 3,
        WeekIndex::Fourth => 4,
        WeekIndex::Last => -1,
    };
    if days.len() == 1 {
        put(members, "byDay", write_days(days, Some(position)));
    } else {
        put(members, "byDay", write_days(days, None));
        put(members, "bySetPosition", json!([position]));
    }
}

fn write_days(days: WeekdaySet, nth: Option<i8>) -> Value {
    let days = days.iter().map(|day| {
        let mut member = Members::new();
        member.insert("@type".to_owned(), json!("NDay"));
        member.insert("day".to_owned(), json!(write_word(&WEEKDAYS, &day)));
        if let Some(nth) = nth {
            member.insert("nthOfPeriod".to_owned(), json!(nth));
        }
        Value::Object(member)
    });
    Value::Array(days.collect())
}
