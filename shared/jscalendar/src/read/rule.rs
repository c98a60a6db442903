//! Recurrence rules: what Exchange can hold is brought into its six patterns, the rest is refused.

mod pattern;
mod range;
mod raw;

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use serde_json::Value;
use tidemark_model::{Recurrence, RecurrenceError, RecurrenceId};

use super::members::{Given, Source};
use crate::problem::{Findings, Pointer};
use pattern::Unheld;
pub(crate) use raw::RawRule;

/// Reads the members that hold rules; the inner `None` is no rule.
pub(crate) fn read_rule_members(
    source: &Source<'_>,
    findings: &mut Findings,
) -> Option<Option<(RawRule, Pointer)>> {
    let excluded = source.get("excludedRecurrenceRules");
    if let Given::Value(value) = excluded
        && value.as_array().is_none_or(|rules| !rules.is_empty())
    {
        findings.refuse(
            &source.at.member("excludedRecurrenceRules"),
            "exclusion rules are not held by Exchange",
            "exclude dates one by one in recurrenceOverrides: {\"excluded\": true}",
        );
    }
    let many = source.at.member("recurrenceRules");
    let one = source.at.member("recurrenceRule");
    match (source.get("recurrenceRules"), source.get("recurrenceRule")) {
        (Given::Absent, Given::Absent) => None,
        (Given::Value(_), Given::Value(_)) => {
            findings.refuse(
                &one,
                "stands beside recurrenceRules",
                "give either recurrenceRules or recurrenceRule",
            );
            None
        }
        (Given::Absent | Given::Null, Given::Value(value)) => {
            read_one(value, one, findings).map(Some)
        }
        (Given::Value(value), Given::Absent | Given::Null) => match value {
            Value::Array(rules) => match rules.as_slice() {
                [] => Some(None),
                [rule] => read_one(rule, many.element(0), findings).map(Some),
                _ => {
                    findings.refuse(
                        &many,
                        "Exchange holds one rule per series",
                        "split it into several series",
                    );
                    None
                }
            },
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => {
                findings.refuse(&many, "must be an array", "send an array with one rule");
                None
            }
        },
        (Given::Absent | Given::Null, Given::Absent | Given::Null) => Some(None),
    }
}

fn read_one(value: &Value, at: Pointer, findings: &mut Findings) -> Option<(RawRule, Pointer)> {
    raw::read_raw(value, &at, findings).map(|raw| (raw, at))
}

/// A rule as Exchange holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) rule: Recurrence,
    /// Occurrences that `rule` gives and the rule that was sent does not: they have to be excluded.
    pub(crate) omitted: BTreeSet<RecurrenceId>,
}

/// The rule for a series that starts at `start`.
pub(crate) fn resolve(
    raw: &RawRule,
    start: DateTime,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<Held> {
    let held = pattern::normalise(raw, start.date())
        .and_then(|pattern| range::hold(raw, pattern, start))
        .and_then(|held| match held.rule.validate_from(start) {
            Ok(()) => Ok(held),
            Err(error) => Err(invalid(error)),
        });
    match held {
        Ok(held) if held.gives(start) => Some(held),
        Ok(_) => {
            findings.refuse(
                at,
                "start is not a date that the rule gives",
                "move start to the first date of the rule, and send an odd first date as an item of its own",
            );
            None
        }
        Err(Unheld(member, rule, mend)) => {
            findings.refuse(&at.member(member), rule, mend);
            None
        }
    }
}

impl Held {
    fn gives(&self, start: DateTime) -> bool {
        starts_with(&self.rule, start) && !self.omitted.contains(&RecurrenceId::new(start))
    }
}

/// Whether a series with this rule can start at `start`.
pub(crate) fn starts_with(rule: &Recurrence, start: DateTime) -> bool {
    rule.is_occurrence(start, RecurrenceId::new(start))
}

/// What the model refuses, in the words of the members that were sent.
fn invalid(error: RecurrenceError) -> Unheld {
    match error {
        RecurrenceError::Interval => {
            Unheld("interval", "is out of range", "use a smaller interval, of 1 at least")
        }
        RecurrenceError::Day => {
            Unheld("byMonthDay", "names no day of a month", "use 1 to 31, or -1 for the last day")
        }
        RecurrenceError::Month => Unheld("byMonth", "names no month", "use \"1\" to \"12\""),
        RecurrenceError::NoDays => Unheld("byDay", "names no day", "give at least one day"),
        RecurrenceError::Count => Unheld("count", "is zero", "use 1 or more"),
        RecurrenceError::NoOccurrence => Unheld(
            "until",
            "lies before the first occurrence",
            "use the last occurrence's start or later",
        ),
    }
}
