//! Series: rules, moved and cancelled occurrences.

use std::collections::BTreeMap;

use jiff::civil::{Weekday, date};
use tidemark_mailbox::{Disposition, Mailbox};
use tidemark_model::{
    Event, MailMode, OccurrencePatch, Override, Pattern, Range, Recurrence, RecurrenceId, Schedule,
    WeekIndex, WeekdaySet,
};

use crate::bench::{ALEX, Always, Bench, assert_same, at, create, event, hour, read};

fn rule(pattern: Pattern, range: Range) -> Recurrence {
    Recurrence { pattern, range }
}

fn daily(count: u32) -> Recurrence {
    rule(Pattern::Daily { interval: 1 }, Range::Count(count))
}

fn id(day: i8) -> RecurrenceId {
    RecurrenceId::new(at(3, day, 9))
}

fn titled(title: &str) -> Override {
    changed(OccurrencePatch { title: Some(Some(title.to_owned())), ..OccurrencePatch::default() })
}

fn moved(hour_of_day: i8, day: i8) -> Override {
    changed(OccurrencePatch {
        schedule: Some(hour(at(3, day, hour_of_day), "Europe/Berlin")),
        ..OccurrencePatch::default()
    })
}

fn changed(patch: OccurrencePatch) -> Override {
    Override::Changed(Box::new(patch))
}

/// Ten days over the change of offset at the end of March, one moved, one renamed, one called off.
fn series() -> Event {
    let mut event = event("Daily", hour(at(3, 25, 9), "Europe/Berlin"));
    event.recurrence = Some(daily(7));
    event.overrides = BTreeMap::from([
        (id(26), Override::Excluded),
        (id(27), titled("Renamed")),
        (id(30), moved(14, 30)),
    ]);
    event
}

#[tokio::test]
async fn the_coming_days_hold_a_series_once_and_nothing_beyond_them() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let weekly = create(&mailbox, &series(), 1).await;
    let single = create(&mailbox, &event("Soon", hour(at(3, 27, 8), "Europe/Berlin")), 2).await;
    create(&mailbox, &event("Before", hour(at(3, 24, 22), "Europe/Berlin")), 3).await;
    create(&mailbox, &event("After", hour(at(4, 9, 0), "Europe/Berlin")), 4).await;
    let start = "2026-03-24T23:00:00Z".parse().expect("a time");
    let end = "2026-04-08T22:00:00Z".parse().expect("a time");
    let look = mailbox.first_look(start, end).await.expect("a look");
    assert_eq!(look.soon, [weekly, single]);
    assert_eq!(look.total, Some(4));
}

#[tokio::test]
async fn a_series_comes_back_with_all_that_differs_from_its_rule() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &series(), 1).await;
    let found = read(&mailbox, &made).await;
    assert_same(&found.event, &series());
    assert_eq!(found.event.overrides, series().overrides);
    assert_eq!(found.reference, made);
    let exceptions: Vec<_> = found.exceptions.keys().copied().collect();
    assert_eq!(exceptions, [id(27), id(30)]);
}

#[tokio::test]
async fn every_rule_comes_back() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let thursday = WeekdaySet::EMPTY.with(Weekday::Thursday);
    let patterns = [
        Pattern::Daily { interval: 3 },
        Pattern::Weekly {
            interval: 2,
            days: thursday.with(Weekday::Sunday),
            first_day: Weekday::Monday,
        },
        Pattern::AbsoluteMonthly { interval: 1, day: 31 },
        Pattern::RelativeMonthly { interval: 3, index: WeekIndex::Second, days: thursday },
        Pattern::AbsoluteYearly { interval: 2, month: 3, day: 12 },
        Pattern::RelativeYearly {
            interval: 1,
            month: 3,
            index: WeekIndex::Last,
            days: WeekdaySet::WEEKDAYS,
        },
    ];
    let ranges = [Range::NoEnd, Range::Until(date(2031, 1, 1)), Range::Count(4)];
    for (number, pattern) in (1..).zip(patterns) {
        for range in ranges.clone() {
            let mut series = event("Series", hour(at(3, 12, 9), "Europe/Berlin"));
            series.recurrence = Some(rule(pattern.clone(), range));
            // EWS starts a series on its first occurrence.
            let first = series.recurrence.as_ref().and_then(|rule| rule.nth_start(at(3, 12, 9), 1));
            series.schedule = series.schedule.moved_to(first.expect("an occurrence").start());
            let made = create(&mailbox, &series, number).await;
            assert_same(&read(&mailbox, &made).await.event, &series);
        }
    }
}

#[tokio::test]
async fn a_rule_that_exchange_has_no_pattern_for_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut series = event("Series", hour(at(3, 12, 9), "Europe/Berlin"));
    let days = WeekdaySet::EMPTY.with(Weekday::Tuesday).with(Weekday::Thursday);
    let pattern = Pattern::RelativeMonthly { interval: 1, index: WeekIndex::First, days };
    series.recurrence = Some(rule(pattern, Range::NoEnd));
    let refused = mailbox.create(&series, &crate::bench::stamp(1), MailMode::Silent, &Always).await;
    assert_eq!(refused.expect_err("refused").disposition, Disposition::Reject);
    assert!(mailbox.changes(None, 10).await.expect("a page").changes.is_empty());
}

#[tokio::test]
async fn whole_day_series_keep_their_days() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let days = Schedule::all_day(date(2026, 3, 27), date(2026, 3, 28)).expect("a day");
    let mut series = event("Duty", days);
    series.recurrence = Some(rule(Pattern::Daily { interval: 2 }, Range::Count(5)));
    let (second, third) = (date(2026, 3, 29), date(2026, 3, 31));
    let longer = Schedule::all_day(third, date(2026, 4, 2)).expect("days");
    let patch = OccurrencePatch { schedule: Some(longer), ..OccurrencePatch::default() };
    series.overrides = BTreeMap::from([
        (RecurrenceId::of_date(second), Override::Excluded),
        (RecurrenceId::of_date(third), changed(patch)),
    ]);
    let made = create(&mailbox, &series, 1).await;
    let found = read(&mailbox, &made).await;
    assert_same(&found.event, &series);
    assert_eq!(found.event.overrides, series.overrides);
}

#[tokio::test]
async fn occurrences_change_without_the_others() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &series(), 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.overrides.insert(id(27), titled("Renamed again"));
    target.overrides.insert(id(28), Override::Excluded);
    target.overrides.insert(id(29), moved(7, 29));
    target.overrides.insert(id(30), Override::Excluded);
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let found = read(&mailbox, &written.expect("written")).await;
    assert_same(&found.event, &target);
    assert_eq!(found.event.overrides, target.overrides);
}

#[tokio::test]
async fn a_moved_occurrence_returns_to_its_rule() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &series(), 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.overrides.remove(&id(30));
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let found = read(&mailbox, &written.expect("written")).await;
    assert_same(&found.event, &target);
    assert!(!found.event.overrides.contains_key(&id(30)));
}

#[tokio::test]
async fn a_called_off_occurrence_comes_back() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &series(), 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.overrides.remove(&id(26));
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let found = read(&mailbox, &written.expect("written")).await;
    assert_same(&found.event, &target);
    assert_eq!(found.event.overrides, target.overrides);
}

#[tokio::test]
async fn a_series_at_another_time_keeps_what_differs_from_it() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &series(), 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.schedule = hour(at(3, 25, 11), "Europe/Berlin");
    target.recurrence = Some(daily(9));
    let later = |day| RecurrenceId::new(at(3, day, 11));
    target.overrides = BTreeMap::from([
        (later(26), Override::Excluded),
        (later(27), titled("Renamed")),
        (later(30), moved(14, 30)),
    ]);
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let found = read(&mailbox, &written.expect("written")).await;
    assert_same(&found.event, &target);
    assert_eq!(found.event.overrides, target.overrides);
}

#[tokio::test]
async fn a_single_event_becomes_a_series_and_back() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &event("Visit", hour(at(3, 25, 9), "Europe/Berlin")), 1).await;
    let current = read(&mailbox, &made).await;
    let mut target = current.event.clone();
    target.recurrence = Some(daily(4));
    target.overrides = BTreeMap::from([(id(26), titled("Second"))]);
    let written = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    let current = read(&mailbox, &written.expect("written")).await;
    assert_same(&current.event, &target);
    let mut single = current.event.clone();
    single.recurrence = None;
    single.overrides.clear();
    let written = mailbox.update(&current, &single, MailMode::Silent, &Always).await;
    let found = read(&mailbox, &written.expect("written")).await;
    assert_same(&found.event, &single);
    assert!(found.event.recurrence.is_none() && found.event.overrides.is_empty());
}

#[tokio::test]
async fn a_series_is_deleted_whole() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let made = create(&mailbox, &series(), 1).await;
    let deleted = mailbox.delete(&made, MailMode::Silent, &Always).await;
    assert_eq!(deleted, Ok(()));
    let items = mailbox.read(&[made.id]).await.expect("an answer");
    let error = items[0].as_ref().expect_err("moved away");
    assert_eq!(error.disposition, Disposition::Gone);
}
