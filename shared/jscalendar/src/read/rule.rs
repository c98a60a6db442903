//! Recurrence rules: what Exchange can hold is brought into its six patterns, the rest is refused.

mod pattern;
mod raw;

use jiff::civil::{Date, DateTime};
use serde_json::Value;
use tidemark_model::{Range, Recurrence};

use super::members::{Given, Source};
use crate::occurrence::gives;
use crate::problem::{Findings, Pointer};
use raw::RawRange;
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

/// The rule for a series that starts at `start`.
pub(crate) fn resolve(
    raw: &RawRule,
    start: DateTime,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<Recurrence> {
    let pattern = pattern::normalise(raw, start.date(), at, findings)?;
    let range = match raw.range {
        RawRange::NoEnd => Range::NoEnd,
        RawRange::Count(count) => Range::Count(count),
        RawRange::Until(until) => Range::Until(last_date(until, start, at, findings)?),
    };
    let rule = Recurrence { pattern, range };
    if !starts_with(&rule, start) {
        findings.refuse(
            at,
            "start is not a date that the rule gives",
            "move start to the first date of the rule, and send an odd first date as an item of its own",
        );
        return None;
    }
    Some(rule)
}

/// Whether the rule gives the date that the series starts on.
pub(crate) fn starts_with(rule: &Recurrence, start: DateTime) -> bool {
    gives(&rule.pattern, start.date(), start.date())
}

/// The last date that `until`, which is inclusive, allows: an occurrence later on that day than it
/// no longer counts.
fn last_date(
    until: DateTime,
    start: DateTime,
    at: &Pointer,
    findings: &mut Findings,
) -> Option<Date> {
    let last = if until.time() < start.time() {
        until.date().yesterday().ok()
    } else {
        Some(until.date())
    };
    let last = last.filter(|last| *last >= start.date());
    if last.is_none() {
        findings.refuse(
            &at.member("until"),
            "lies before the start",
            "use the last occurrence's start or later",
        );
    }
    last
}
