//! Months that lack the day of a rule, and counts: what a bounded rule means here must be what the
//! series in Exchange means.

use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidemark_model::{Event, Override, Property, PropertyValue, Range, RecurrenceId};

use super::{merged, pointers, read_new, refused, with};
use crate::{OVERRIDES_MAX, WriteOptions, read_event_patch, write_event};

fn series(start: &str, rule: &Value) -> Event {
    read_new(&with(&json!({ "start": start, "recurrenceRules": [rule] })))
}

/// The dates that are left once what is excluded is taken out.
fn dates(event: &Event) -> Vec<String> {
    kept(event).take(20).map(|date| date.to_string()).collect()
}

fn kept(event: &Event) -> impl Iterator<Item = Date> {
    event
        .recurrence
        .as_ref()
        .unwrap()
        .starts(event.schedule.start())
        .filter(|id| event.overrides.get(id) != Some(&Override::Excluded))
        .map(|id| id.start().date())
}

fn range(event: &Event) -> Range {
    event.recurrence.as_ref().unwrap().range.clone()
}

#[test]
fn a_count_leaves_out_the_months_that_lack_the_day() {
    // The dates are python-dateutil's for the same RRULE.
    for (start, rule, held, expected) in [
        (
            "2026-01-31T09:00:00",
            json!({ "frequency": "monthly", "byMonthDay": [31], "count": 5 }),
            8,
            vec!["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31"],
        ),
        (
            "2026-01-31T09:00:00",
            json!({ "frequency": "monthly", "count": 1 }),
            1,
            vec!["2026-01-31"],
        ),
        (
            "2027-11-30T09:00:00",
            json!({ "frequency": "monthly", "count": 4 }),
            5,
            vec!["2027-11-30", "2027-12-30", "2028-01-30", "2028-03-30"],
        ),
        (
            "2027-12-29T09:00:00",
            json!({ "frequency": "monthly", "byMonthDay": [29], "count": 4 }),
            4,
            vec!["2027-12-29", "2028-01-29", "2028-02-29", "2028-03-29"],
        ),
        (
            "2026-10-31T09:00:00",
            json!({ "frequency": "monthly", "interval": 3, "count": 3 }),
            4,
            vec!["2026-10-31", "2027-01-31", "2027-07-31"],
        ),
        (
            "2024-02-29T09:00:00",
            json!({ "frequency": "yearly", "count": 3 }),
            9,
            vec!["2024-02-29", "2028-02-29", "2032-02-29"],
        ),
        (
            "2096-02-29T09:00:00",
            json!({ "frequency": "yearly", "byMonth": ["2"], "byMonthDay": [29], "interval": 4, "count": 2 }),
            3,
            vec!["2096-02-29", "2104-02-29"],
        ),
        (
            // Every month of the year's quarters, of which April has no 31st.
            "2026-01-31T09:00:00",
            json!({ "frequency": "yearly", "byMonth": ["1", "4", "7", "10"], "byMonthDay": [31], "count": 4 }),
            5,
            vec!["2026-01-31", "2026-07-31", "2026-10-31", "2027-01-31"],
        ),
    ] {
        let event = series(start, &rule);
        assert_eq!(range(&event), Range::Count(held), "{rule}");
        assert_eq!(dates(&event), expected, "{rule}");
    }
}

#[test]
fn an_end_date_leaves_out_the_months_that_lack_the_day() {
    let rule =
        json!({ "frequency": "monthly", "byMonthDay": [31], "until": "2026-06-30T09:00:00" });
    let event = series("2026-01-31T09:00:00", &rule);
    assert_eq!(range(&event), Range::Until(date(2026, 6, 30)));
    assert_eq!(dates(&event), ["2026-01-31", "2026-03-31", "2026-05-31"]);
    assert_eq!(event.overrides.len(), 3, "February, April and June");
}

#[test]
fn months_that_never_lack_the_day_need_no_end() {
    for (start, rule) in [
        ("2026-01-31T09:00:00", json!({ "frequency": "monthly", "interval": 12 })),
        ("2026-01-31T09:00:00", json!({ "frequency": "yearly", "byMonth": ["1", "7"] })),
        // August, December and April.
        (
            "2026-08-30T09:00:00",
            json!({ "frequency": "monthly", "interval": 4, "byMonthDay": [30] }),
        ),
        (
            "2026-01-31T09:00:00",
            json!({ "frequency": "monthly", "byMonthDay": [31], "skip": "backward" }),
        ),
        ("2026-01-31T09:00:00", json!({ "frequency": "monthly", "byMonthDay": [-1] })),
    ] {
        let item = with(&json!({ "start": start, "recurrenceRules": [rule] }));
        assert!(read_new(&item).overrides.is_empty(), "{rule}");
    }
}

#[test]
fn the_first_date_must_be_one_that_is_not_left_out() {
    let rule = json!({ "frequency": "monthly", "byMonthDay": [31], "count": 3 });
    let extra = json!({ "start": "2026-02-28T09:00:00", "recurrenceRules": [rule] });
    assert_eq!(refused(&extra), ["/recurrenceRules/0"]);
}

#[test]
fn a_position_that_a_month_lacks_is_not_skipped_to() {
    let week: Vec<Value> = ["mo", "tu", "we", "th", "fr", "sa", "su"]
        .iter()
        .map(|day| json!({ "day": day }))
        .collect();
    let mut rule = json!({
        "frequency": "monthly", "byDay": week, "bySetPosition": [31], "skip": "backward",
    });
    let extra = json!({ "start": "2026-01-31T09:00:00", "recurrenceRules": [rule] });
    assert_eq!(refused(&extra), ["/recurrenceRules/0/bySetPosition"]);
    rule["count"] = json!(3);
    let event = series("2026-01-31T09:00:00", &rule);
    assert_eq!(dates(&event), ["2026-01-31", "2026-03-31", "2026-05-31"]);
}

#[test]
fn great_counts_become_the_date_that_they_end_on() {
    let daily = |count: u32| json!({ "frequency": "daily", "count": count });
    assert_eq!(range(&series("2026-03-02T09:00:00", &daily(999))), Range::Count(999));
    let event = series("2026-03-02T09:00:00", &daily(1_000));
    assert_eq!(range(&event), Range::Until(date(2028, 11, 25)));
    assert_eq!(kept(&event).count(), 1_000);
    // 600 months with a 31st lie in 1,028 of all months: too many for a count there.
    let rule = json!({ "frequency": "monthly", "count": 600 });
    let event = series("2026-01-31T09:00:00", &rule);
    assert_eq!(range(&event), Range::Until(date(2111, 8, 31)));
    assert_eq!(kept(&event).count(), 600);
}

#[test]
fn more_left_out_than_overrides_are_allowed_is_refused() {
    let rule = json!({ "frequency": "monthly", "until": "9999-12-31T09:00:00" });
    let extra = json!({ "start": "2026-01-31T09:00:00", "recurrenceRules": [rule] });
    assert_eq!(refused(&extra), ["/recurrenceRules/0/skip"]);
    // 1,000 are allowed, given ones and those left out together.
    let rule = json!({ "frequency": "monthly", "count": 1_400 });
    let mut extra = json!({ "start": "2026-01-31T09:00:00", "recurrenceRules": [rule] });
    let event = read_new(&with(&extra));
    let free = OVERRIDES_MAX - event.overrides.len();
    assert!(free < 10, "the test needs a rule that leaves out nearly as many as are allowed");
    let titled: serde_json::Map<String, Value> = kept(&event)
        .take(free + 1)
        .map(|date| (format!("{date}T09:00:00"), json!({ "title": "Other" })))
        .collect();
    extra["recurrenceOverrides"] = Value::Object(titled);
    assert_eq!(refused(&extra), ["/recurrenceOverrides"]);
}

#[test]
fn what_is_put_on_a_date_that_the_rule_leaves_out_stands_there() {
    let rule = json!({ "frequency": "monthly", "byMonthDay": [31], "count": 3 });
    let event = read_new(&with(&json!({
        "start": "2026-01-31T09:00:00",
        "recurrenceRules": [rule],
        "recurrenceOverrides": {
            "2026-02-28T09:00:00": {},
            "2026-03-31T09:00:00": { "excluded": true },
            "2026-04-30T09:00:00": { "title": "Extra" },
        },
    })));
    assert_eq!(dates(&event), ["2026-01-31", "2026-02-28", "2026-04-30", "2026-05-31"]);
    // Without a word about overrides, what is changed stays, and the rest follows the rule.
    let item = with(&json!({ "start": "2026-01-31T09:00:00", "recurrenceRules": [rule] }));
    let mut after = event.clone();
    after.apply_patch(&read_event_patch(&item, Some(&event)).unwrap().patch);
    assert_eq!(dates(&after), ["2026-01-31", "2026-04-30", "2026-05-31"]);
    // With null, there are no others.
    let mut item = item;
    item["recurrenceOverrides"] = Value::Null;
    after.apply_patch(&read_event_patch(&item, Some(&event)).unwrap().patch);
    assert_eq!(dates(&after), ["2026-01-31", "2026-03-31", "2026-05-31"]);
}

#[test]
fn merge_patches_leave_out_too() {
    let current = read_new(&with(&json!({
        "start": "2026-01-31T09:00:00",
        "recurrenceRules": [{ "frequency": "monthly", "byMonthDay": [-1], "count": 4 }],
        "recurrenceOverrides": {
            "2026-02-28T09:00:00": { "title": "Short month" },
            "2026-04-30T09:00:00": { "title": "Short month" },
        },
    })));
    let rule = json!({ "frequency": "monthly", "byMonthDay": [31], "count": 2 });
    let after = merged(&json!({ "recurrenceRules": [rule] }), &current);
    assert_eq!(dates(&after), ["2026-01-31", "2026-02-28", "2026-03-31"]);
    let patch = json!({
        "recurrenceRules": [rule],
        "recurrenceOverrides": { "2026-02-28T09:00:00": null },
    });
    let after = merged(&patch, &current);
    assert_eq!(dates(&after), ["2026-01-31", "2026-03-31"]);
}

#[test]
fn an_override_of_a_date_that_no_rule_gives_is_refused() {
    let item = with(&json!({
        "start": "2026-01-31T09:00:00",
        "recurrenceRules": [{ "frequency": "monthly", "count": 2 }],
        "recurrenceOverrides": { "2026-02-27T09:00:00": {} },
    }));
    assert_eq!(
        pointers(read_event_patch(&item, None)),
        ["/recurrenceOverrides/2026-02-27T09:00:00"]
    );
}

/// What the standard gives, month by month: the day, wherever there is such a date.
fn by_hand(first: Date, months: u16, count: usize) -> Vec<Date> {
    (0..96_000)
        .step_by(usize::from(months))
        .map(|distance| i32::from(first.month()) - 1 + distance)
        .filter_map(|month| {
            let year = first.year() + i16::try_from(month / 12).unwrap();
            Date::new(year, i8::try_from(month % 12 + 1).unwrap(), first.day()).ok()
        })
        .take(count)
        .collect()
}

proptest! {
    #[test]
    fn bounded_rules_mean_here_what_they_mean_there(
        (year, month) in (2020..2030i16, 1..=12i8),
        day in 29..=31i8,
        months in prop_oneof![1..=13u16, Just(24), Just(48)],
        count in 1..30usize,
        by_date in any::<bool>(),
        yearly in any::<bool>(),
    ) {
        let Ok(first) = Date::new(year, month, day) else {
            return Ok(());
        };
        let start = first.at(9, 0, 0, 0);
        let (frequency, interval, months) =
            if yearly { ("yearly", months, months * 12) } else { ("monthly", months, months) };
        let expected = by_hand(first, months, count);
        prop_assert_eq!(expected.len(), count);
        let mut rule = json!({ "frequency": frequency, "interval": interval });
        if by_date {
            rule["until"] = json!(expected.last().unwrap().at(9, 0, 0, 0).to_string());
        } else {
            rule["count"] = json!(count);
        }
        let event = series(&start.to_string(), &rule);
        prop_assert_eq!(kept(&event).collect::<Vec<_>>(), expected);
        // What is told of it means the same.
        let told = read_new(&write_event(&event, &WriteOptions::default()));
        prop_assert!(told == event);
    }
}

#[test]
fn a_rule_without_months_that_lack_the_day_excludes_nothing() {
    let rule = json!({ "frequency": "monthly", "byMonthDay": [28], "count": 30 });
    let item = with(&json!({ "start": "2026-01-28T09:00:00", "recurrenceRules": [rule] }));
    let patch = read_event_patch(&item, None).unwrap().patch;
    let id = RecurrenceId::new(date(2026, 2, 28).at(9, 0, 0, 0));
    assert!(patch.get(Property::Override(id)).is_none());
    assert!(!patch.values().any(|value| matches!(value, PropertyValue::Override(..))));
}
