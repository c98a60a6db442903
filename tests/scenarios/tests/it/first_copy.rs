//! The first copy: visible progress, and nothing lost between its two passes.

use serde_json::Value;
use tidemark_scenarios::ports::{EffectKind, Interruption};
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_simulator::NewAppointment;
use tidemark_simulator::store::ItemNumber;

const ALEX: &str = "alex@tidemark.example";

fn create(stage: &Stage, title: String, start: &str) -> ItemNumber {
    let new = NewAppointment {
        subject: title,
        start: start.parse().unwrap(),
        duration: jiff::SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    stage.simulator.user(ALEX).create(&new).unwrap()
}

fn told(stage: &mut Stage, kind: &str) -> Vec<String> {
    let (events, _) = stage.feed(None);
    let is_it = |event: &&Value| event["type"] == kind;
    let title = |event: &Value| event["data"]["item"]["title"].as_str().map(str::to_owned);
    events.iter().filter(is_it).map(|event| title(event).unwrap_or_default()).collect()
}

/// Stops a first run before its request with this number, the first being 0.
fn stop_before_request(stage: &mut Stage, make: fn() -> Stage, number: usize) {
    let mut rehearsal = make();
    rehearsal.raise(ALEX);
    rehearsal.effects.plan(None);
    rehearsal.attempt(ALEX);
    let effects = rehearsal.effects.seen();
    let requests = effects.iter().enumerate().filter(|(_, kind)| **kind == EffectKind::Http);
    let (place, _) = requests.clone().nth(number).unwrap();
    stage.raise(ALEX);
    stage.effects.plan(Some((place, Interruption::StopBefore)));
    stage.attempt(ALEX);
    assert!(stage.effects.is_stopped());
    stage.effects.plan(None);
}

fn large() -> Stage {
    let stage = Stage::new(Setting::default());
    for number in 0..205 {
        create(&stage, format!("Old {number}"), "2026-11-02T09:00:00");
    }
    for number in 0..12 {
        create(&stage, format!("Soon {number}"), "2027-03-03T09:00:00");
    }
    stage
}

/// GetFolder, FindItem, two GetItem of the coming days, SyncFolderItems, then the history in tens.
#[test]
fn a6_progress_is_visible_while_the_first_copy_is_made() {
    let seen: Vec<(u64, String)> = [2, 4, 15]
        .into_iter()
        .map(|request| {
            let mut stage = large();
            stop_before_request(&mut stage, large, request);
            let shown = stage.shown_mailbox(ALEX);
            assert_eq!(shown["state"], "copying", "{shown:#}");
            assert_eq!(shown["firstCopy"]["total"], 217, "{shown:#}");
            let text = shown["firstCopy"]["text"].as_str().unwrap().to_owned();
            (shown["firstCopy"]["items"].as_u64().unwrap(), text)
        })
        .collect();
    let coming = "Today and the next 14 days are copied first: ";
    assert_eq!(seen[0], (0, format!("{coming}0 items so far, of about 217 in all.")));
    assert_eq!(seen[1], (12, format!("{coming}12 items so far, of about 217 in all.")));
    let left = "Everything that is left is copied: ";
    assert_eq!(seen[2], (100, format!("{left}100 items so far, of about 217 in all.")));

    let mut stage = large();
    stop_before_request(&mut stage, large, 15);
    stage.recover(ALEX);
    let created = told(&mut stage, "tidemark.appointment.created");
    assert_eq!(created.len(), 217);
    assert!(created.iter().take(12).all(|title| title.starts_with("Soon")), "{created:?}");
    let shown = stage.shown_mailbox(ALEX);
    assert_eq!(shown["firstCopy"]["phase"], "done", "{shown:#}");
}

fn small() -> Stage {
    let stage = Stage::new(Setting::default());
    create(&stage, "Soon".to_owned(), "2027-03-03T09:00:00");
    create(&stage, "Old".to_owned(), "2026-11-02T09:00:00");
    stage
}

/// The changes from the beginning never mention what was deleted before they were first asked for.
#[test]
fn a6_what_is_deleted_between_the_coming_days_and_the_rest_is_told_as_deleted() {
    let mut stage = small();
    stop_before_request(&mut stage, small, 3);
    assert_eq!(told(&mut stage, "tidemark.appointment.created"), ["Soon"]);
    let soon = stage.appointment(ALEX, "Soon").item;
    stage.simulator.user(ALEX).delete(soon).unwrap();
    stage.recover(ALEX);
    assert_eq!(told(&mut stage, "tidemark.appointment.created"), ["Soon", "Old"]);
    assert_eq!(told(&mut stage, "tidemark.appointment.deleted").len(), 1);
    stage.assert_at_rest();
}
