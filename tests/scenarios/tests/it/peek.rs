//! Silent mailboxes over Graph are asked together whether anything has come to them, and run only if so.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{PEOPLE, SECOND_CONNECTION, Setting, Stage};
use tidemark_service::SweepReport;
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule, NewAppointment};
use tidemark_store::records::{ConnectionId, Notifications};
use tidemark_transport::Clock as _;

use super::price::NAMES;

const BATCH: &str = "POST $batch";
const DELTA: &str = "GET users/{id}/calendarView/delta";
/// The first hour looks at everybody each minute.
const SETTLING_MINUTES: i64 = 90;

fn settled(people: Vec<String>) -> Stage {
    let mut stage = Stage::new(Setting { wire: Wire::Graph, people, ..Setting::default() });
    stage.tick(SignedDuration::from_mins(SETTLING_MINUTES));
    stage
}

/// The same, with connections that are asked each minute.
fn polled(people: Vec<String>) -> Stage {
    let mut stage = Stage::new(Setting { wire: Wire::Graph, people, ..Setting::default() });
    poll(&mut stage);
    stage.tick(SignedDuration::from_mins(5));
    stage
}

fn poll(stage: &mut Stage) {
    let (records, organisation) = (stage.service.records.clone(), stage.organisation.clone());
    stage.run(async move {
        for mut found in records.connections(&organisation).await.expect("read") {
            found.value.notifications = Notifications::Poll;
            let revision = Some(found.revision);
            records.save_connection(&organisation, &found.value, revision).await.expect("saved");
        }
    });
}

fn people() -> Vec<String> {
    PEOPLE.map(str::to_owned).into()
}

fn visit(stage: &Stage, person: &str, title: &str) {
    let start = stage.clock.now() + SignedDuration::from_hours(48);
    let new = NewAppointment {
        subject: title.to_owned(),
        start: start.strftime("%Y-%m-%dT%H:%M:00").to_string().parse().expect("a time"),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    stage.simulator.user(person).create(&new).expect("made");
}

fn count(stage: &Stage, operation: &str) -> u64 {
    stage.requests()[operation].as_u64().unwrap_or(0)
}

/// How many runs each had: every one takes a lease.
fn runs(stage: &mut Stage, people: &[String]) -> Vec<u64> {
    people.iter().map(|person| stage.marks(person).epoch).collect()
}

/// A minute's sweep and what it leads to.
fn minute(stage: &mut Stage) -> SweepReport {
    stage.clock.advance_to(stage.clock.now() + SignedDuration::from_mins(1));
    stage.notify();
    let service = stage.service.clone();
    let report = stage.run(async move { service.minute().await });
    stage.work();
    report
}

#[test]
fn silent_mailboxes_are_asked_and_not_run() {
    let people = people();
    let mut stage = settled(people.clone());
    visit(&stage, &people[0], "Boiler");
    stage.tick(SignedDuration::from_mins(61));
    let (before, runs_before) = (count(&stage, DELTA), runs(&mut stage, &people));
    let (mut peeked, mut raised) = (0, 0);
    for _ in 0..3 * 60 {
        let report = minute(&mut stage);
        peeked += report.peeked;
        raised += report.raised;
    }
    assert_eq!((peeked, raised), (9, 0));
    assert_eq!(count(&stage, DELTA) - before, 9, "each once an hour");
    assert_eq!(runs(&mut stage, &people), runs_before);
    // Nobody takes them for stale.
    for person in &people {
        let marks = stage.marks(person);
        let synced = marks.synced_at.expect("it was synced");
        assert!(stage.clock.now().duration_since(synced) <= SignedDuration::from_hours(1));
        assert!(!marks.is_dirty() && marks.due_at.is_none());
    }
}

#[test]
fn each_is_run_whole_once_a_day() {
    let people = people();
    let mut stage = settled(people.clone());
    let mut moved = runs(&mut stage, &people);
    for _ in 0..3 {
        stage.tick(SignedDuration::from_hours(24));
        let now = runs(&mut stage, &people);
        for (before, now) in moved.iter().zip(&now) {
            assert!((1..=2).contains(&(now - before)), "{} runs in a day", now - before);
        }
        moved = now;
    }
}

#[test]
fn a_change_that_was_not_notified_is_found_by_asking() {
    let people = people();
    let mut stage = settled(people.clone());
    stage.tick(SignedDuration::from_hours(1));
    let before = runs(&mut stage, &people);
    let dropped = FaultRule::per_mille(FaultKind::NotificationDropped, 1000);
    stage.simulator.set_faults(FaultPlan::new(1, vec![dropped]));
    visit(&stage, &people[1], "Boiler");
    stage.tick(SignedDuration::from_hours(1));
    assert_eq!(stage.items(&people[1]).len(), 1);
    let after = runs(&mut stage, &people);
    assert_eq!((after[0], after[2]), (before[0], before[2]), "the others are not run");
    assert!(after[1] > before[1]);
}

#[test]
fn forty_five_mailboxes_make_three_requests() {
    let named = NAMES.map(str::to_owned).into_iter();
    let names = named.chain((20..45).map(|number| format!("person{number}")));
    let people: Vec<_> = names.map(|name| format!("{name}@tidemark.example")).collect();
    let mut stage = polled(people.clone());
    let before = (count(&stage, BATCH), count(&stage, DELTA));
    let runs_before = runs(&mut stage, &people);
    let report = minute(&mut stage);
    assert_eq!((report.peeked, report.raised), (45, 0));
    let after = (count(&stage, BATCH), count(&stage, DELTA));
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 45));
    assert_eq!(runs(&mut stage, &people), runs_before);
}

#[test]
fn two_connections_are_never_mixed() {
    let people = people();
    let mut stage =
        Stage::new(Setting { wire: Wire::Graph, people: people.clone(), ..Setting::default() });
    stage.connect(Wire::Graph);
    stage.set_mailbox(&people[2], |row| row.connection = ConnectionId::new(SECOND_CONNECTION));
    poll(&mut stage);
    stage.tick(SignedDuration::from_mins(5));
    let before = count(&stage, BATCH);
    assert_eq!(minute(&mut stage).peeked, 3);
    assert_eq!(count(&stage, BATCH) - before, 2);
}

/// What happens to one mailbox costs the others nothing, has it run, and is over afterwards.
fn falls_back(
    what: &str,
    happens: impl FnOnce(&mut Stage, &str),
    ends: impl FnOnce(&mut Stage, &str),
) {
    let people = people();
    let mut stage = polled(people.clone());
    let before = runs(&mut stage, &people);
    happens(&mut stage, &people[0]);
    let report = minute(&mut stage);
    assert_eq!((report.peeked, report.raised), (2, 1), "{what}");
    let after = runs(&mut stage, &people);
    let run = before.iter().zip(&after).filter(|(before, after)| after > before).count();
    assert_eq!(run, 1, "{what}: one is run, and the others are not");
    ends(&mut stage, &people[0]);
    visit(&stage, &people[0], "Boiler");
    stage.tick(SignedDuration::from_mins(90));
    assert_eq!(stage.items(&people[0]).len(), 1, "{what}");
    assert_eq!(minute(&mut stage).peeked, 3, "{what}");
}

#[test]
fn a_mailbox_that_does_not_answer_so_is_run() {
    let nothing = |_: &mut Stage, _: &str| {};
    let forget = |stage: &mut Stage, person: &str| {
        stage.control("POST", &format!("mailboxes/{person}/forget-states"), "");
    };
    falls_back("410", forget, nothing);
    let on_premises = |is: bool| {
        move |stage: &mut Stage, person: &str| {
            let body = format!(r#"{{"onPremises":{is}}}"#);
            stage.control("PATCH", &format!("mailboxes/{person}"), &body);
        }
    };
    falls_back("gone", on_premises(true), on_premises(false));
    let no_longer = |stage: &mut Stage, _: &str| stage.simulator.set_faults(FaultPlan::default());
    let cut = |stage: &mut Stage, _: &str| {
        let rule = FaultRule {
            operation: Some(DELTA.to_owned()),
            ..FaultRule::times(FaultKind::Transient, 1)
        };
        stage.simulator.set_faults(FaultPlan::new(1, vec![rule]));
    };
    falls_back("500", cut, no_longer);
}

#[test]
fn a_throttled_batch_is_not_sent_again_and_everybody_is_run_later() {
    let people = people();
    let mut stage = polled(people.clone());
    let before = (count(&stage, BATCH), count(&stage, DELTA));
    let rule = FaultRule {
        operation: Some(BATCH.to_owned()),
        ..FaultRule::times(FaultKind::ServerBusy, 1)
    };
    stage.simulator.set_faults(FaultPlan { back_off_ms: 30_000, ..FaultPlan::new(1, vec![rule]) });
    let report = minute(&mut stage);
    assert_eq!((report.peeked, report.raised), (0, 3));
    let after = (count(&stage, BATCH), count(&stage, DELTA));
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0), "nothing is sent into the wait");
    stage.tick(SignedDuration::from_mins(90));
    assert_eq!(minute(&mut stage).peeked, 3);
    let codes: BTreeSet<_> = people
        .iter()
        .flat_map(|person| stage.mailbox(person).troubles)
        .map(|trouble| trouble.code)
        .collect();
    assert_eq!(codes, BTreeSet::new());
}

#[test]
fn a_polled_mailbox_is_run_whole_every_hour() {
    let people = people();
    let mut stage = polled(people.clone());
    let before = runs(&mut stage, &people);
    stage.tick(SignedDuration::from_hours(5));
    for (before, after) in before.iter().zip(runs(&mut stage, &people)) {
        assert!((4..=6).contains(&(after - before)), "{} runs in five hours", after - before);
    }
}

#[test]
fn a_mailbox_that_somebody_works_on_is_not_asked() {
    let people = people();
    let mut stage = polled(people.clone());
    let scope = stage.scope(&people[0]);
    let service = stage.service.clone();
    stage.run(async move {
        let now = service.world.now();
        let ttl = SignedDuration::from_mins(30);
        service.records.take_lease(&scope, "somebody", now, ttl).await.expect("free");
    });
    let report = minute(&mut stage);
    assert_eq!((report.peeked, report.raised), (2, 1), "somebody is at work there");
}
