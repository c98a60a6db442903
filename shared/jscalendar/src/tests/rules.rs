//! Rules, row by row of what Exchange holds.

use jiff::civil::Weekday::{Monday, Sunday, Thursday, Tuesday};
use jiff::civil::date;
use serde_json::{Value, json};
use tidemark_model::{Pattern, Range, WeekIndex, WeekdaySet};

use super::{read_new, refused, with};

fn pattern(start: &str, rule: &Value) -> Pattern {
    read_new(&with(&json!({ "start": start, "recurrenceRules": [rule] })))
        .recurrence
        .unwrap()
        .pattern
}

fn days(names: &[&str]) -> Value {
    names.iter().map(|day| json!({ "day": day })).collect()
}

#[test]
fn held_rules_become_their_pattern() {
    let monthly = |interval, day| Pattern::AbsoluteMonthly { interval, day };
    let week = ["mo", "tu", "we", "th", "fr"];
    for (start, rule, expected) in [
        (
            "2026-03-02T09:00:00",
            json!({ "frequency": "daily", "interval": 3 }),
            Pattern::Daily { interval: 3 },
        ),
        (
            "2026-03-02T09:00:00",
            json!({ "frequency": "daily", "byDay": days(&week) }),
            Pattern::Weekly { interval: 1, days: WeekdaySet::WEEKDAYS, first_day: Monday },
        ),
        (
            "2026-03-03T09:00:00",
            json!({ "frequency": "weekly", "interval": 2, "byDay": days(&["tu", "su"]), "firstDayOfWeek": "su" }),
            Pattern::Weekly {
                interval: 2,
                days: [Tuesday, Sunday].into_iter().collect(),
                first_day: Sunday,
            },
        ),
        ("2026-03-02T09:00:00", json!({ "frequency": "monthly" }), monthly(1, 2)),
        (
            "2026-03-31T09:00:00",
            json!({ "frequency": "monthly", "byMonthDay": [-1] }),
            monthly(1, 31),
        ),
        (
            "2026-03-30T09:00:00",
            json!({ "frequency": "monthly", "byMonthDay": [30], "skip": "backward" }),
            monthly(1, 30),
        ),
        (
            "2026-03-12T09:00:00",
            json!({ "frequency": "monthly", "interval": 3, "byDay": [{ "day": "th", "nthOfPeriod": 2 }] }),
            Pattern::RelativeMonthly {
                interval: 3,
                index: WeekIndex::Second,
                days: WeekdaySet::EMPTY.with(Thursday),
            },
        ),
        (
            "2026-04-01T09:00:00",
            json!({ "frequency": "monthly", "byDay": days(&week), "bySetPosition": [1] }),
            Pattern::RelativeMonthly {
                interval: 1,
                index: WeekIndex::First,
                days: WeekdaySet::WEEKDAYS,
            },
        ),
        (
            "2026-03-07T09:00:00",
            json!({ "frequency": "monthly", "byDay": days(&["sa", "su"]), "bySetPosition": [2] }),
            Pattern::RelativeMonthly {
                interval: 1,
                index: WeekIndex::Second,
                days: WeekdaySet::WEEKEND,
            },
        ),
        (
            "2026-03-07T09:00:00",
            json!({ "frequency": "monthly", "byDay": days(&["mo", "tu", "we", "th", "fr", "sa", "su"]), "bySetPosition": [7] }),
            monthly(1, 7),
        ),
        (
            "2026-03-15T09:00:00",
            json!({ "frequency": "yearly", "interval": 2, "byMonth": ["3"], "byMonthDay": [15] }),
            Pattern::AbsoluteYearly { interval: 2, month: 3, day: 15 },
        ),
        (
            "2024-02-29T09:00:00",
            json!({ "frequency": "yearly", "byMonth": ["2"], "byMonthDay": [-1] }),
            Pattern::AbsoluteYearly { interval: 1, month: 2, day: 29 },
        ),
        (
            "2026-11-26T09:00:00",
            json!({ "frequency": "yearly", "byMonth": ["11"], "byDay": [{ "day": "th", "nthOfPeriod": 4 }] }),
            Pattern::RelativeYearly {
                interval: 1,
                month: 11,
                index: WeekIndex::Fourth,
                days: WeekdaySet::EMPTY.with(Thursday),
            },
        ),
        (
            "2026-01-10T09:00:00",
            json!({ "frequency": "yearly", "byMonth": ["1", "4", "7", "10"] }),
            monthly(3, 10),
        ),
        (
            "2026-03-15T09:00:00",
            json!({ "frequency": "monthly", "byMonth": ["3"], "byMonthDay": [15] }),
            Pattern::AbsoluteYearly { interval: 1, month: 3, day: 15 },
        ),
    ] {
        assert_eq!(pattern(start, &rule), expected, "{rule}");
    }
}

#[test]
fn rules_that_exchange_lacks_are_refused_at_their_member() {
    for (rule, member) in [
        (json!({}), "/frequency"),
        (json!({ "frequency": "hourly" }), "/frequency"),
        (json!({ "frequency": "daily", "@type": "Rule" }), "/@type"),
        (json!({ "frequency": "daily", "interval": 0 }), "/interval"),
        (json!({ "frequency": "daily", "count": 0 }), "/count"),
        (json!({ "frequency": "daily", "count": 5_000_000 }), "/count"),
        (json!({ "frequency": "daily", "count": 5_000_000_000_u64 }), "/count"),
        (json!({ "frequency": "daily", "count": 2, "until": "2026-03-09T09:00:00" }), "/until"),
        (json!({ "frequency": "daily", "until": "2026-03-02" }), "/until"),
        (json!({ "frequency": "daily", "until": "2026-03-02T08:59:59" }), "/until"),
        (json!({ "frequency": "daily", "rscale": "hebrew" }), "/rscale"),
        (json!({ "frequency": "daily", "byHour": [9] }), "/byHour"),
        (json!({ "frequency": "daily", "interval": 2, "byDay": days(&["mo"]) }), "/byDay"),
        (json!({ "frequency": "daily", "byMonth": ["3"] }), "/byMonth"),
        (json!({ "frequency": "weekly", "byDay": [{ "day": "mo", "nthOfPeriod": 1 }] }), "/byDay"),
        (json!({ "frequency": "weekly", "byDay": ["mo"] }), "/byDay"),
        (json!({ "frequency": "weekly", "byDay": days(&["tu"]) }), ""),
        (json!({ "frequency": "monthly", "byDay": [{ "day": "mo", "nthOfPeriod": 5 }] }), "/byDay"),
        (
            json!({ "frequency": "monthly", "byDay": [{ "day": "mo", "nthOfPeriod": -2 }] }),
            "/byDay",
        ),
        (json!({ "frequency": "monthly", "byDay": days(&["mo"]) }), "/byDay"),
        (
            json!({ "frequency": "monthly", "byDay": days(&["mo", "we"]), "bySetPosition": [1] }),
            "/byDay",
        ),
        (
            json!({ "frequency": "monthly", "byDay": days(&["mo"]), "bySetPosition": [1, 2] }),
            "/bySetPosition",
        ),
        (
            json!({ "frequency": "monthly", "byDay": days(&["mo"]), "bySetPosition": [5] }),
            "/bySetPosition",
        ),
        (json!({ "frequency": "monthly", "byMonthDay": [2, 9] }), "/byMonthDay"),
        (json!({ "frequency": "monthly", "byMonthDay": [2], "byDay": days(&["mo"]) }), "/byDay"),
        (json!({ "frequency": "monthly", "byMonthDay": [-2] }), "/byMonthDay"),
        (json!({ "frequency": "monthly", "byMonthDay": [31] }), "/skip"),
        (json!({ "frequency": "monthly", "byMonthDay": [31], "skip": "forward" }), "/skip"),
        (
            json!({ "frequency": "monthly", "byMonthDay": [2], "bySetPosition": [2] }),
            "/bySetPosition",
        ),
        (json!({ "frequency": "monthly", "interval": 2, "byMonth": ["3"] }), "/byMonth"),
        (json!({ "frequency": "yearly", "byMonth": ["3", "5"] }), "/byMonth"),
        (json!({ "frequency": "yearly", "byMonth": [3] }), "/byMonth"),
        (json!({ "frequency": "yearly", "byMonth": ["2"], "byMonthDay": [29] }), "/skip"),
        (json!({ "frequency": "yearly", "byDay": [{ "day": "mo", "nthOfPeriod": 1 }] }), "/byDay"),
        (
            json!({ "frequency": "yearly", "byMonth": ["3", "9"], "byDay": days(&["mo"]), "bySetPosition": [1] }),
            "/bySetPosition",
        ),
        (json!({ "frequency": "yearly", "byWeekNo": [10] }), "/byWeekNo"),
        (json!({ "frequency": "yearly", "byYearDay": [61] }), "/byYearDay"),
    ] {
        let extra = json!({ "recurrenceRules": [rule] });
        assert_eq!(refused(&extra), [format!("/recurrenceRules/0{member}")], "{rule}");
    }
    let daily = json!({ "frequency": "daily" });
    assert_eq!(refused(&json!({ "recurrenceRules": [daily, daily] })), ["/recurrenceRules"]);
    assert_eq!(refused(&json!({ "recurrenceRules": daily })), ["/recurrenceRules"]);
    assert_eq!(
        refused(&json!({ "recurrenceRules": [daily], "recurrenceRule": daily })),
        ["/recurrenceRule"]
    );
    assert_eq!(
        refused(&json!({ "excludedRecurrenceRules": [daily] })),
        ["/excludedRecurrenceRules"]
    );
}

#[test]
fn until_counts_the_day_only_if_its_occurrence_does() {
    for (until, last) in [
        ("2026-03-10T09:00:00", date(2026, 3, 10)),
        ("2026-03-10T08:59:59", date(2026, 3, 9)),
        ("2026-03-10T23:59:59", date(2026, 3, 10)),
    ] {
        let rule = json!({ "frequency": "daily", "until": until });
        let event = read_new(&with(&json!({ "recurrenceRule": rule })));
        assert_eq!(event.recurrence.unwrap().range, Range::Until(last), "{until}");
    }
}
