//! Tests of series.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Body, BodyFormat, Event, Instance, ShowAs};
use crate::recurrence::{OccurrencePatch, Override, Pattern, Range, Recurrence, RecurrenceId};
use crate::schedule::Schedule;
use crate::zone::Zone;

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").expect("a zone")
}

fn at_nine(day: Date) -> Schedule {
    let start = day.at(9, 0, 0, 0);
    Schedule::timed(start, berlin(), SignedDuration::from_hours(1), None).expect("legal times")
}

fn id(day: Date) -> RecurrenceId {
    RecurrenceId::new(day.at(9, 0, 0, 0))
}

/// Every day at nine in Berlin, from 27 March 2026, over the change to daylight saving time.
fn daily(range: Range) -> Event {
    let mut event = Event::new(at_nine(date(2026, 3, 27)));
    event.title = Some("Stand-up".to_owned());
    event.recurrence = Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range });
    event
}

fn moved_to(day: Date) -> Override {
    Override::Changed(Box::new(OccurrencePatch {
        schedule: Some(at_nine(day)),
        ..OccurrencePatch::default()
    }))
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn days(found: &[Instance]) -> Vec<i8> {
    found.iter().map(|found| found.event.schedule.start().day()).collect()
}

#[test]
fn an_occurrence_is_the_series_with_its_override() {
    let mut event = daily(Range::Count(5));
    event.overrides.insert(id(date(2026, 3, 28)), Override::Excluded);
    let patch = OccurrencePatch {
        title: Some(None),
        show_as: Some(ShowAs::Free),
        ..OccurrencePatch::default()
    };
    let change = Override::Changed(Box::new(patch));
    event.overrides.insert(id(date(2026, 3, 29)), change);
    assert_eq!(event.occurrence(id(date(2026, 3, 28))), None);
    assert_eq!(event.occurrence(id(date(2026, 4, 1))), None);
    let changed = event.occurrence(id(date(2026, 3, 29))).expect("an occurrence");
    assert_eq!((changed.title, changed.show_as), (None, ShowAs::Free));
    assert_eq!(changed.recurrence, None);
    assert!(changed.overrides.is_empty());
    let plain = event.occurrence(id(date(2026, 3, 31))).expect("an occurrence");
    assert_eq!(plain.title.as_deref(), Some("Stand-up"));
    assert_eq!(plain.schedule, at_nine(date(2026, 3, 31)));
}

#[test]
fn instances_follow_the_clock_and_the_exceptions() {
    let mut event = daily(Range::NoEnd);
    event.overrides.insert(id(date(2026, 3, 28)), Override::Excluded);
    event.overrides.insert(id(date(2026, 3, 30)), moved_to(date(2026, 4, 20)));
    event.overrides.insert(id(date(2026, 4, 25)), moved_to(date(2026, 3, 29)));
    let from = instant("2026-03-27T00:00:00Z");
    let until = instant("2026-04-01T07:00:00Z");
    let found = event.instances(from, until, &Zone::utc(), 100);
    assert_eq!(days(&found), [27, 29, 29, 31]);
    let starts: Vec<_> = found
        .iter()
        .map(|found| found.event.schedule.instants(&Zone::utc()).0.to_string())
        .collect();
    assert_eq!(starts.first().map(String::as_str), Some("2026-03-27T08:00:00Z"));
    assert_eq!(starts.last().map(String::as_str), Some("2026-03-31T07:00:00Z"));
    assert_eq!(days(&event.instances(from, until, &Zone::utc(), 2)), [27, 29]);
    let late = instant("2026-04-20T07:59:59Z");
    let later = instant("2026-04-20T08:00:00Z");
    assert_eq!(event.instances(late, later, &Zone::utc(), 9).len(), 2);
    assert_eq!(event.instances(later, later, &Zone::utc(), 9).len(), 0);
}

#[test]
fn single_and_whole_day_events_have_instances() {
    let single = Event::new(at_nine(date(2026, 3, 27)));
    let hour = instant("2026-03-27T08:00:00Z")..instant("2026-03-27T09:00:00Z");
    assert_eq!(single.instances(hour.start, hour.end, &Zone::utc(), 9).len(), 1);
    assert_eq!(single.instances(hour.end, Timestamp::MAX, &Zone::utc(), 9).len(), 0);
    assert_eq!(single.instances(hour.start, hour.end, &Zone::utc(), 0).len(), 0);
    let day = Schedule::all_day(date(2026, 3, 27), date(2026, 3, 28)).expect("a day");
    let found = Event::new(day).instances(
        instant("2026-03-26T23:00:00Z"),
        instant("2026-03-26T23:00:01Z"),
        &berlin(),
        9,
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn the_last_end_heeds_what_was_moved_or_taken_out() {
    let end = |event: &Event| event.last_end(&Zone::utc()).map(|end| end.to_string());
    assert_eq!(end(&daily(Range::NoEnd)), None);
    let mut event = daily(Range::Count(3));
    assert_eq!(end(&event).as_deref(), Some("2026-03-29T08:00:00Z"));
    event.overrides.insert(id(date(2026, 3, 29)), Override::Excluded);
    assert_eq!(end(&event).as_deref(), Some("2026-03-28T09:00:00Z"));
    event.overrides.insert(id(date(2026, 3, 27)), moved_to(date(2026, 5, 1)));
    assert_eq!(end(&event).as_deref(), Some("2026-05-01T08:00:00Z"));
}

proptest! {
    #[test]
    fn between_and_apply_are_inverses(
        title in proptest::option::of("[a-z]{0,4}"),
        html in proptest::option::of("[a-z<>]{0,6}"),
        day in 1i8..28,
        show_as in any::<bool>(),
        reminder in proptest::option::of(0u32..60),
        categories in proptest::collection::btree_set("[a-c]", 0..3),
        priority in 0u8..=9,
    ) {
        let series = daily(Range::NoEnd);
        let id = id(date(2026, 4, 10));
        let plain = series.occurrence(id).expect("an occurrence");
        let mut wanted = plain.clone();
        wanted.title = title;
        wanted.body = html.map(|content| Body { format: BodyFormat::Html, content });
        wanted.schedule = at_nine(date(2026, 4, day));
        wanted.show_as = if show_as { ShowAs::Busy } else { ShowAs::Oof };
        wanted.reminder_minutes = reminder;
        wanted.categories = categories.into_iter().collect::<BTreeSet<_>>();
        wanted.priority = priority;
        let patch = OccurrencePatch::between(&series, id, &wanted);
        let mut patched = plain.clone();
        patch.apply_to(&mut patched);
        prop_assert!(patched == wanted);
        prop_assert_eq!(patch.is_empty(), wanted == plain);
        let mut with_patch = series.clone();
        with_patch.overrides.insert(id, Override::Changed(Box::new(patch)));
        prop_assert!(with_patch.occurrence(id) == Some(wanted));
    }

    #[test]
    fn a_window_holds_what_a_walk_finds(
        from in 0i64..60, length in 0i64..20,
        excluded in proptest::collection::btree_set(0i64..60, 0..5),
        moved in proptest::collection::btree_map(0i64..60, 0i64..60, 0..5),
    ) {
        let mut event = daily(Range::Count(50));
        let day = |days: i64| date(2026, 3, 27) + jiff::Span::new().days(days);
        for (at, to) in moved {
            event.overrides.insert(id(day(at)), moved_to(day(to)));
        }
        for at in excluded {
            event.overrides.insert(id(day(at)), Override::Excluded);
        }
        let start = instant("2026-03-27T08:30:00Z");
        let hours = |days: i64| SignedDuration::from_hours(days * 24);
        let (from, until) = (start + hours(from), start + hours(from + length));
        let mut walked: Vec<_> = (0..60)
            .filter_map(|at| {
                let occurrence = event.occurrence(id(day(at)))?;
                let (start, end) = occurrence.schedule.instants(&Zone::utc());
                (start < until && end > from).then_some((start, id(day(at))))
            })
            .collect();
        walked.sort_unstable();
        let found: Vec<_> = event
            .instances(from, until, &Zone::utc(), 100)
            .into_iter()
            .map(|found| {
                let start = found.event.schedule.instants(&Zone::utc()).0;
                (start, found.recurrence_id.expect("of a series"))
            })
            .collect();
        prop_assert_eq!(found, walked);
    }
}
