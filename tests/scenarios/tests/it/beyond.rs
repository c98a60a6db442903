//! Appointments beyond the window of a Graph delta: nothing tells of them but the notification, by
//! their id. They reach the business system with the run that the notification starts.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde_json::json;
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::ports::{EffectKind, Interruption};
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::NewAppointment;
use tidemark_simulator::store::{Change, ItemNumber};
use tidemark_store::records::NAMED_ITEMS_MAX;

pub(super) const ALEX: &str = "alex@tidemark.example";
/// The stage's clock begins on 2027-03-01: 500 days later, and 60 days before.
const FAR: &str = "2028-07-13T09:00:00";
const PAST: &str = "2026-12-31T09:00:00";
/// Within the window.
const SOON: &str = "2027-03-05T09:00:00";

/// A stage over Graph whose first copy is done and that is told of changes.
pub(super) fn watched() -> Stage {
    let mut stage = Stage::new(Setting { wire: Wire::Graph, ..Setting::default() });
    stage.sync(ALEX);
    stage.subscribe(ALEX);
    settle(&mut stage);
    stage
}

/// Lets notifications come and runs end.
pub(super) fn settle(stage: &mut Stage) {
    stage.tick(SignedDuration::from_secs(20));
}

fn create(stage: &Stage, title: &str, start: &str) -> ItemNumber {
    let new = NewAppointment {
        subject: title.to_owned(),
        start: start.parse::<DateTime>().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    stage.simulator.user(ALEX).create(&new).unwrap()
}

/// How often each kind of event was told of each title since the begin; what is deleted has none, so
/// it goes by the title that its item had.
fn told(stage: &mut Stage) -> BTreeMap<(String, String), usize> {
    let (events, _) = stage.feed(None);
    let mut titles = BTreeMap::new();
    let mut told = BTreeMap::new();
    for event in events {
        let id = event["data"]["id"].to_string();
        if let Some(title) = event["data"]["item"]["title"].as_str() {
            titles.insert(id.clone(), title.to_owned());
        }
        let kind = event["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let title = titles.get(&id).cloned().unwrap_or_default();
        *told.entry((kind, title)).or_default() += 1;
    }
    told
}

fn count(stage: &mut Stage, kind: &str, title: &str) -> usize {
    told(stage).get(&(kind.to_owned(), title.to_owned())).copied().unwrap_or(0)
}

#[test]
fn w1_what_graph_notifies_beyond_its_window_is_told_with_the_next_run() {
    for start in [FAR, PAST] {
        let mut stage = watched();
        let before = told(&mut stage);
        let item = create(&stage, "Visit", start);
        settle(&mut stage);
        assert_eq!(count(&mut stage, "created", "Visit"), 1, "{start}");

        let renamed = Change::Subject("Longer visit".to_owned());
        stage.simulator.user(ALEX).update(item, &[renamed]).unwrap();
        settle(&mut stage);
        assert_eq!(count(&mut stage, "updated", "Longer visit"), 1, "{start}");

        stage.simulator.user(ALEX).delete(item).unwrap();
        settle(&mut stage);
        assert_eq!(count(&mut stage, "deleted", "Longer visit"), 1, "{start}");
        assert_eq!(told(&mut stage).len(), before.len() + 3, "and nothing else");
        stage.assert_at_rest();
    }
}

#[test]
fn w1_the_business_systems_own_item_beyond_the_window_is_no_news_until_a_person_changes_it() {
    let mut stage = watched();
    let item = json!({
        "title": "Audit", "start": FAR, "timeZone": "Europe/Berlin", "duration": "PT1H",
    });
    stage.put(ALEX, "audit", item);
    settle(&mut stage);
    settle(&mut stage);
    assert_eq!(count(&mut stage, "applied", "Audit"), 1);
    let calm = told(&mut stage);
    settle(&mut stage);
    assert_eq!(told(&mut stage), calm, "no echo");

    let number = stage.appointment(ALEX, "Audit").item;
    stage.simulator.user(ALEX).delete(number).unwrap();
    settle(&mut stage);
    assert_eq!(count(&mut stage, "deleted", "Audit"), 1);
}

#[test]
fn w1_what_the_changes_tell_is_not_asked_for_by_its_name() {
    let mut stage = watched();
    let item = create(&stage, "Visit", SOON);
    settle(&mut stage);
    let mut costs = Vec::new();
    for (title, notified) in [("Second visit", false), ("Third visit", true)] {
        let renamed = Change::Subject(title.to_owned());
        stage.simulator.user(ALEX).update(item, &[renamed]).unwrap();
        stage.clock.advance(SignedDuration::from_secs(20));
        if notified {
            stage.notify();
            assert_eq!(stage.marks(ALEX).named.items().count(), 1);
        }
        stage.effects.plan(None);
        stage.raise(ALEX);
        stage.attempt(ALEX);
        let requests = stage.effects.seen().into_iter().filter(|it| *it == EffectKind::Http);
        costs.push(requests.count());
        assert_eq!(count(&mut stage, "updated", title), 1);
        // The notification that came late or not at all.
        settle(&mut stage);
    }
    assert_eq!(costs[0], costs[1], "requests without and with a name");
    assert_eq!(stage.marks(ALEX).named.items().count(), 0);
}

#[test]
fn w1_a_crash_loses_nothing_that_was_named() {
    let staged = || {
        let mut stage = watched();
        let gone = create(&stage, "Old visit", FAR);
        settle(&mut stage);
        stage.simulator.user(ALEX).delete(gone).unwrap();
        create(&stage, "New visit", PAST);
        stage.clock.advance(SignedDuration::from_secs(20));
        stage.notify();
        stage
    };
    let mut stage = staged();
    stage.effects.plan(None);
    stage.attempt(ALEX);
    let effects = stage.effects.seen().len();
    assert!(effects > 10, "so little cannot be all: {effects}");
    for number in 0..effects {
        for interruption in [Interruption::StopBefore, Interruption::StopAfter] {
            let mut stage = staged();
            stage.effects.plan(Some((number, interruption.clone())));
            stage.attempt(ALEX);
            stage.effects.plan(None);
            stage.recover(ALEX);
            let of = |stage: &mut Stage, kind, title| count(stage, kind, title);
            let seen =
                (of(&mut stage, "created", "New visit"), of(&mut stage, "deleted", "Old visit"));
            assert_eq!(seen, (1, 1), "stopped at effect {number}: {interruption:?}");
            assert_eq!(stage.marks(ALEX).named.items().count(), 0);
        }
    }
}

#[test]
fn w1_more_than_can_be_named_is_found_by_a_compare_with_the_first_run_a_day_later() {
    let mut stage = watched();
    for number in 0..=NAMED_ITEMS_MAX {
        create(&stage, &format!("Visit {number}"), FAR);
    }
    settle(&mut stage);
    let found = |stage: &mut Stage| {
        let told = told(stage);
        told.keys().filter(|(kind, title)| kind == "created" && title.starts_with("Visit")).count()
    };
    assert_eq!(found(&mut stage), 0, "the names were dropped, and the first copy was just now");
    stage.clock.advance(SignedDuration::from_hours(24));
    stage.sync(ALEX);
    assert_eq!(found(&mut stage), NAMED_ITEMS_MAX + 1);
    assert_eq!(stage.marks(ALEX).due_at, None, "and that is all");
}
