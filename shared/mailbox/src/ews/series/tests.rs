use jiff::SignedDuration;
use jiff::civil::{DateTime, datetime};
use tidemark_model::{OccurrencePatch, Pattern, Range, Recurrence, Schedule, Zone};

use super::*;

fn start(day: i8) -> DateTime {
    datetime(2026, 3, day, 9, 0, 0, 0)
}

fn id(day: i8) -> RecurrenceId {
    RecurrenceId::new(start(day))
}

fn timed(at: DateTime) -> Schedule {
    Schedule::timed(at, Zone::utc(), SignedDuration::from_hours(1), None).expect("a schedule")
}

fn series(overrides: &[(i8, Override)]) -> Event {
    let mut event = Event::new(timed(start(2)));
    event.title = Some("series".to_owned());
    event.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(10) });
    event.overrides = overrides.iter().map(|(day, change)| (id(*day), change.clone())).collect();
    event
}

fn titled(title: &str) -> Override {
    Override::Changed(Box::new(OccurrencePatch {
        title: Some(Some(title.to_owned())),
        ..OccurrencePatch::default()
    }))
}

#[test]
fn equal_overrides_need_nothing() {
    let event = series(&[(3, Override::Excluded), (4, titled("four"))]);
    assert_eq!(plan_overrides(&event, &event), OverridePlan::default());
}

#[test]
fn only_what_differs_is_written() {
    let current = series(&[(3, titled("three")), (4, titled("four")), (5, titled("five"))]);
    let target = series(&[(3, Override::Excluded), (4, titled("four")), (6, titled("six"))]);
    let expected = OverridePlan {
        rewrite_rule: false,
        exclude: vec![id(3)],
        // The fifth returns to its rule.
        change: vec![id(5), id(6)],
    };
    assert_eq!(plan_overrides(&current, &target), expected);
}

#[test]
fn a_deleted_occurrence_comes_back_only_with_the_whole_rule() {
    let current = series(&[(3, Override::Excluded), (4, titled("four"))]);
    for target in
        [series(&[(4, titled("four"))]), series(&[(3, titled("back")), (4, titled("four"))])]
    {
        let plan = plan_overrides(&current, &target);
        assert!(plan.rewrite_rule);
        assert!(plan.change.contains(&id(4)), "the rule took it away");
        assert!(plan.exclude.is_empty());
    }
}

#[test]
fn another_time_or_rule_makes_every_override_written_again() {
    let overrides = [(3, Override::Excluded), (4, titled("four"))];
    let current = series(&overrides);
    let mut moved = series(&overrides);
    moved.schedule = timed(datetime(2026, 3, 2, 10, 0, 0, 0));
    let mut longer = series(&overrides);
    longer.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::NoEnd });
    let mut single = current.clone();
    single.recurrence = None;
    single.overrides.clear();
    for (current, target) in [(&current, &moved), (&current, &longer), (&single, &current)] {
        let plan = plan_overrides(current, target);
        assert_eq!((plan.exclude, plan.change), (vec![id(3)], vec![id(4)]));
        assert!(!plan.rewrite_rule, "it is written anyway");
    }
}

#[test]
fn what_is_no_series_any_more_has_no_occurrences() {
    let mut target = series(&[]);
    target.recurrence = None;
    let current = series(&[(3, Override::Excluded)]);
    assert_eq!(plan_overrides(&current, &target), OverridePlan::default());
}

#[test]
fn an_occurrence_is_the_series_with_its_override_on_it() {
    let moved = OccurrencePatch {
        title: Some(None),
        schedule: Some(timed(datetime(2026, 3, 4, 15, 0, 0, 0))),
        location: Some(Some("Room 1".to_owned())),
        ..OccurrencePatch::default()
    };
    let series = series(&[(4, Override::Changed(Box::new(moved)))]);
    let plain = occurrence(&series, id(3));
    assert_eq!(plain.title.as_deref(), Some("series"));
    assert_eq!(plain.schedule, timed(start(3)));
    assert!(plain.recurrence.is_none() && plain.overrides.is_empty());
    let changed = occurrence(&series, id(4));
    assert_eq!(changed.title, None);
    assert_eq!(changed.location.as_deref(), Some("Room 1"));
    assert_eq!(changed.schedule.start(), datetime(2026, 3, 4, 15, 0, 0, 0));
}
