//! Whatever is sent, reading ends, and ends in an answer within its bounds.

use jiff::civil::date;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Number, Value, json};
use tidemark_model::Event;

use super::{base, read_new, refused, shapes, with};
use crate::{
    IGNORED_MAX, OVERRIDES_MAX, PROBLEMS_MAX, Problem, ReadMode, Reading, check_patch,
    read_event_patch, read_merge_patch, write_event,
};

/// Names that some reader looks for, at any level.
const NAMES: [&str; 52] = [
    "@type",
    "uid",
    "title",
    "description",
    "descriptionContentType",
    "start",
    "timeZone",
    "timeZones",
    "endTimeZone",
    "duration",
    "showWithoutTime",
    "recurrenceRules",
    "recurrenceRule",
    "excludedRecurrenceRules",
    "recurrenceOverrides",
    "status",
    "freeBusyStatus",
    "privacy",
    "priority",
    "keywords",
    "locations",
    "mainLocationId",
    "alerts",
    "participants",
    "tidemark:showAs",
    "tidemark:sensitivity",
    "tidemark:participationStatus",
    "virtualLocations",
    "frequency",
    "interval",
    "byDay",
    "byMonthDay",
    "byMonth",
    "bySetPosition",
    "firstDayOfWeek",
    "skip",
    "rscale",
    "count",
    "until",
    "day",
    "nthOfPeriod",
    "excluded",
    "email",
    "roles",
    "sendTo",
    "trigger",
    "offset",
    "relativeTo",
    "standard",
    "2026-03-09T09:00:00",
    "alerts/a/trigger",
    "participants/~1/",
];

/// Texts that some reader takes, or nearly takes.
const TEXTS: [&str; 40] = [
    "",
    "Event",
    "RecurrenceRule",
    "2026-03-02T09:00:00",
    "2026-01-31T00:00:00",
    "9999-12-31T23:59:59",
    "0000-01-01T00:00:00",
    "-009999-01-01T00:00:00",
    "2026-02-30T09:00:00",
    "2026-03-02T09:00:60",
    "2026-03-02T09:00:00.5",
    "2026-03-02T09:00:00Z",
    "Europe/Berlin",
    "Etc/UTC",
    "/own",
    "Mars/Olympus",
    "PT1H",
    "P1D",
    "P999999999999W",
    "-PT15M",
    "PT",
    "P1825DT23H",
    "PT99999999999999999999S",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "mo",
    "su",
    "2",
    "12",
    "omit",
    "backward",
    "forward",
    "a@example.org",
    "mailto:a@example.org",
    "\u{0}",
    "\u{1F600}",
    "busy",
    "tentative",
];

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        4 => (-32..=40i64).prop_map(Number::from),
        1 => any::<i64>().prop_map(Number::from),
        1 => any::<u64>().prop_map(Number::from),
        1 => (0..5_000_000u32).prop_map(Number::from),
        1 => any::<f64>().prop_map(|number| Number::from_f64(number).unwrap_or_else(|| 0.into())),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => select(&NAMES[..]).prop_map(str::to_owned),
        1 => select(&TEXTS[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => number().prop_map(Value::Number),
        4 => select(&TEXTS[..]).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(Value::Array),
            3 => object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    btree_map(name(), inner, 0..8).prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// A rule whose members mostly have the right type.
fn rule() -> impl Strategy<Value = Value> {
    let word = |words: &'static [&'static str]| select(words).prop_map(Value::from);
    let list = |inner: BoxedStrategy<Value>| vec(inner, 0..3).prop_map(Value::Array).boxed();
    let small = number().prop_map(Value::Number).boxed();
    let n_day = (word(&TEXTS[27..29]), prop::option::of(-5..=5i64))
        .prop_map(|(day, nth)| json!({ "day": day, "nthOfPeriod": nth }))
        .boxed();
    let member = prop_oneof![
        small.clone().prop_map(|value| ("interval", value)),
        small.clone().prop_map(|value| ("count", value)),
        word(&TEXTS[3..9]).prop_map(|value| ("until", value)),
        list(small.clone()).prop_map(|value| ("byMonthDay", value)),
        list(small).prop_map(|value| ("bySetPosition", value)),
        list(n_day).prop_map(|value| ("byDay", value)),
        list(word(&TEXTS[29..31]).boxed()).prop_map(|value| ("byMonth", value)),
        word(&TEXTS[31..34]).prop_map(|value| ("skip", value)),
        word(&TEXTS[27..29]).prop_map(|value| ("firstDayOfWeek", value)),
    ];
    (word(&TEXTS[23..27]), vec(member, 0..4)).prop_map(|(frequency, members)| {
        let mut rule = json!({ "frequency": frequency });
        for (name, value) in members {
            rule[name] = value;
        }
        rule
    })
}

fn check_problems(problems: &[Problem]) -> Result<(), TestCaseError> {
    prop_assert!((1..=PROBLEMS_MAX).contains(&problems.len()));
    for problem in problems {
        prop_assert!(problem.pointer.is_empty() || problem.pointer.starts_with('/'));
        prop_assert!(!problem.rule.is_empty() && !problem.mend.is_empty());
    }
    Ok(())
}

/// What was accepted can be applied, written and read again.
fn check_reading(
    read: Result<Reading, Vec<Problem>>,
    current: &Event,
) -> Result<(), TestCaseError> {
    let reading = match read {
        Ok(reading) => reading,
        Err(problems) => return check_problems(&problems),
    };
    prop_assert!(reading.ignored.len() <= IGNORED_MAX);
    let mut after = current.clone();
    after.apply_patch(&reading.patch);
    prop_assert!(after.overrides.len() <= OVERRIDES_MAX + current.overrides.len());
    write_event(&after, &crate::WriteOptions::default());
    Ok(())
}

fn check_everything(value: &Value, current: &Event) -> Result<(), TestCaseError> {
    for mode in [ReadMode::Put, ReadMode::Patch] {
        if let Err(problems) = check_patch(value, mode) {
            check_problems(&problems)?;
        }
    }
    check_reading(read_event_patch(value, None), current)?;
    check_reading(read_event_patch(value, Some(current)), current)?;
    check_reading(read_merge_patch(value, current), current)
}

/// What the early check refuses is refused against every item.
fn check_is_no_stricter(value: &Value, current: &Event) -> Result<(), TestCaseError> {
    if check_patch(value, ReadMode::Put).is_err() {
        prop_assert!(read_event_patch(value, Some(current)).is_err(), "{value}");
        prop_assert!(read_event_patch(value, None).is_err(), "{value}");
    }
    if check_patch(value, ReadMode::Patch).is_err() {
        prop_assert!(read_merge_patch(value, current).is_err(), "{value}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_value_makes_reading_panic(value in value(), current in shapes::event()) {
        check_everything(&value, &current)?;
    }

    #[test]
    fn no_member_makes_reading_panic(
        members in object(value()),
        rule in prop::option::of(rule()),
        current in shapes::event(),
    ) {
        let mut item = with(&members);
        if let Some(rule) = rule {
            item["recurrenceRules"] = json!([rule]);
        }
        check_everything(&item, &current)?;
        check_is_no_stricter(&item, &current)?;
    }

    #[test]
    fn no_damage_to_a_written_item_makes_reading_panic(
        event in shapes::event(),
        place in any::<prop::sample::Index>(),
        value in prop_oneof![value(), rule()],
    ) {
        let mut item = write_event(&event, &crate::WriteOptions::default());
        let places = places(&item);
        let at: &String = place.get(&places);
        *item.pointer_mut(at).unwrap() = value;
        check_everything(&item, &event)?;
        check_is_no_stricter(&item, &event)?;
    }
}

/// Pointers to everything in an item, itself included.
fn places(item: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut next = 0;
    while let Some(at) = found.get(next).cloned() {
        let token = |name: &str| name.replace('~', "~0").replace('/', "~1");
        match item.pointer(&at).unwrap() {
            Value::Object(members) => {
                found.extend(members.keys().map(|name| format!("{at}/{}", token(name))));
            }
            Value::Array(elements) => {
                found.extend((0..elements.len()).map(|index| format!("{at}/{index}")));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        next += 1;
    }
    found
}

/// These would take hours if dates were looked for one by one, or members copied once per path.
#[test]
fn great_items_are_read_at_once() {
    let far = date(9999, 12, 31).at(9, 0, 0, 0).to_string();
    let overrides: Map<String, Value> = (0..OVERRIDES_MAX)
        .map(|index| (format!("{}-03-02T09:00:00", 3_000 + index), json!({ "priority": 1 })))
        .collect();
    for (rule, accepted) in [
        (json!({ "frequency": "daily", "until": far }), true),
        (json!({ "frequency": "daily", "count": 2_900_000 }), true),
        (json!({ "frequency": "yearly", "until": far }), true),
        // Most of the overrides lie on other days than its Mondays.
        (json!({ "frequency": "weekly", "interval": 999, "count": u32::MAX }), false),
    ] {
        let item = with(&json!({ "recurrenceRules": [rule], "recurrenceOverrides": overrides }));
        assert_eq!(read_event_patch(&item, None).is_ok(), accepted, "{rule}");
    }
    for (bound, member) in [("count", "count"), ("until", "skip")] {
        let mut rule = json!({ "frequency": "monthly", "byMonthDay": [29] });
        rule[bound] = if bound == "count" { json!(u32::MAX) } else { json!(far) };
        let extra = json!({ "start": "2026-01-29T09:00:00", "recurrenceRules": [rule] });
        assert_eq!(refused(&extra), [format!("/recurrenceRules/0/{member}")]);
    }
    let people: Map<String, Value> = (0..500)
        .map(|index| (format!("p{index}"), json!({ "email": format!("{index}@example.org") })))
        .collect();
    let paths: Map<String, Value> = (0..10_000)
        .map(|index| (format!("participants/p{}/x{index}", index % 500), json!(1)))
        .collect();
    let item = with(&json!({
        "participants": people,
        "recurrenceRules": [{ "frequency": "daily" }],
        "recurrenceOverrides": { "2026-03-02T09:00:00": paths },
    }));
    assert!(read_event_patch(&item, None).is_ok());
    assert!(read_merge_patch(&item, &read_new(&base())).is_ok());
}
