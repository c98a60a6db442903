//! The race table: a person changes the item after each single request of a run, while a write of
//! several requests goes on. Then the mailbox runs until it is quiet: both sides have to be equal,
//! and what the person did is seen on both.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::{Value, json};
use tidemark_scenarios::executor::Step;
use tidemark_scenarios::ports::EffectKind;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::Snapshot;
use tidemark_simulator::store::Change;

use super::crash::{picture, series};

const ALEX: &str = "alex@tidemark.example";

/// What a person does, and whether it shows in the series.
struct Deed {
    name: &'static str,
    act: fn(&Stage, &Snapshot),
    shows: fn(&Value) -> bool,
}

/// The last occurrence: the business system says nothing of it.
fn last() -> jiff::civil::DateTime {
    date(2027, 4, 13).at(18, 0, 0, 0)
}

/// One that the business system changes.
fn exam() -> jiff::civil::DateTime {
    date(2027, 3, 30).at(18, 0, 0, 0)
}

const DEEDS: [Deed; 8] = [
    Deed {
        name: "takes an occurrence out",
        act: |stage, item| {
            let _ = stage.simulator.user(ALEX).cancel_occurrence(item.item, last());
        },
        shows: |item| item["recurrenceOverrides"]["2027-04-13T18:00:00"]["excluded"] == true,
    },
    Deed {
        name: "renames an occurrence",
        act: |stage, item| {
            let changes = [Change::Subject("Party".to_owned())];
            let _ = stage.simulator.user(ALEX).except_occurrence(item.item, last(), &changes);
        },
        shows: |item| item["recurrenceOverrides"]["2027-04-13T18:00:00"]["title"] == "Party",
    },
    Deed {
        name: "takes out an occurrence of ours",
        act: |stage, item| {
            let _ = stage.simulator.user(ALEX).cancel_occurrence(item.item, exam());
        },
        shows: |_| true,
    },
    Deed {
        name: "places an occurrence of ours",
        act: |stage, item| {
            let changes = [Change::Location(Some("Hall".to_owned()))];
            let _ = stage.simulator.user(ALEX).except_occurrence(item.item, exam(), &changes);
        },
        shows: |_| true,
    },
    Deed {
        name: "files the series",
        act: |stage, item| change(stage, item, Change::Categories(BTreeSet::from(["mine".into()]))),
        shows: |item| item["keywords"]["mine"] == true,
    },
    Deed {
        name: "renames the series",
        act: |stage, item| change(stage, item, Change::Subject("Their course".to_owned())),
        shows: |_| true,
    },
    Deed {
        name: "moves the series",
        act: |stage, item| {
            let first = item.event.schedule.instants(&tidemark_model::Zone::utc()).0;
            let later = first + SignedDuration::from_mins(30);
            let end = later + SignedDuration::from_hours(1);
            let changes = [Change::Start(later), Change::End(end)];
            let _ = stage.simulator.user(ALEX).update(item.item, &changes);
        },
        shows: |_| true,
    },
    Deed {
        name: "deletes the series",
        act: |stage, item| {
            let _ = stage.simulator.user(ALEX).delete(item.item);
        },
        shows: |_| true,
    },
];

/// A deed that comes too late, or does not fit, changes nothing.
fn change(stage: &Stage, item: &Snapshot, change: Change) {
    let _ = stage.simulator.user(ALEX).update(item.item, &[change]);
}

/// Runs alex's mailbox once, and lets a person act after so many requests. Whether there was an item
/// to change; none when the run makes fewer requests.
fn race(stage: &mut Stage, requests: usize, deed: &Deed) -> Option<bool> {
    let (service, scope) = (stage.service.clone(), stage.scope(ALEX));
    let deadline = tidemark_transport::Clock::now(&stage.clock) + SignedDuration::from_secs(60);
    stage.effects.plan(None);
    let task = stage.executor.spawn(async move {
        let _ = service.sync(&scope, deadline).await;
    });
    let mut acted = None;
    while stage.executor.is_alive(task) {
        if stage.executor.step() == Step::Idle {
            let at = stage.executor.next_moment().expect("everything waits for nothing");
            stage.clock.advance_to(at);
        }
        let made = stage.effects.seen().iter().filter(|kind| **kind == EffectKind::Http).count();
        if acted.is_none() && made >= requests {
            let calendar = stage.calendar(ALEX);
            if let Some(item) = calendar.first() {
                (deed.act)(stage, item);
            }
            acted = Some(!calendar.is_empty());
        }
    }
    acted
}

fn check(prepare: fn(&mut Stage), act: fn(&mut Stage)) {
    for deed in &DEEDS {
        let mut requests = 0;
        loop {
            let mut stage = Stage::new(Setting::default());
            prepare(&mut stage);
            stage.sync(ALEX);
            act(&mut stage);
            stage.raise(ALEX);
            requests += 1;
            let Some(acted) = race(&mut stage, requests, deed) else { break };
            let what = format!("a person {} after request {requests}", deed.name);
            stage.clock.advance(SignedDuration::from_secs(1));
            stage.recover(ALEX);
            stage.recover(ALEX);
            let picture = picture(&mut stage, &what);
            assert_eq!((picture.mails.len(), picture.holds), (0, 0), "{what}: {picture:?}");
            let [item] = picture.business.as_slice() else {
                assert_eq!(deed.name, "deletes the series", "{what}: {picture:?}");
                continue;
            };
            assert!(!acted || (deed.shows)(item), "{what}: {item:#}");
        }
        assert!(requests > 5, "so few requests cannot be all: {requests}");
    }
}

fn the_series(stage: &mut Stage) {
    stage.put(ALEX, "erp-1", series());
}

#[test]
fn beside_the_create_of_a_series() {
    check(|_| {}, the_series);
}

#[test]
fn beside_an_update_of_a_series_and_its_occurrences() {
    check(the_series, |stage| {
        let overrides = json!({
            "2027-03-30T18:00:00": { "title": "Second exam" },
            "2027-03-16T18:00:00": { "excluded": true },
        });
        let patch = json!({ "title": "Evening course", "recurrenceOverrides": overrides });
        stage.patch(ALEX, "erp-1", patch);
    });
}

#[test]
fn beside_a_change_of_the_times_of_a_series() {
    check(the_series, |stage| {
        stage.patch(ALEX, "erp-1", json!({ "duration": "PT2H" }));
    });
}

#[test]
fn beside_an_occurrence_that_is_taken_out() {
    check(the_series, |stage| {
        let overrides = json!({ "2027-03-30T18:00:00": { "excluded": true, "title": null } });
        stage.patch(ALEX, "erp-1", json!({ "recurrenceOverrides": overrides }));
    });
}
