//! N2: a mailbox goes on over Graph in place. Nothing is doubled, lost, mailed or made anew, whatever
//! both sides do meanwhile and wherever a run stops.

mod detected;
mod withdrawn;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::ports::{EffectKind, Interruption};
use tidemark_scenarios::stage::{Attempt, SECOND_CONNECTION, Setting, Stage};
use tidemark_service::RunEnd;
use tidemark_service::border::{HoldChoice, Refusal};
use tidemark_simulator::store::Change;
use tidemark_simulator::{FaultKind, NewAppointment};

use tidemark_model::{Body, BodyFormat, Participation, Privacy, ShowAs};

use super::crash::picture;

const ALEX: &str = "alex@tidemark.example";
const BLAKE: &str = "blake@tidemark.example";

/// How the mailbox comes to be reached another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is in Exchange Online already: its ids are translated.
    InPlace,
    /// It is migrated from a server: all its ids are new.
    Migrated,
}

fn new_appointment(subject: &str, start: &str) -> NewAppointment {
    NewAppointment {
        subject: subject.to_owned(),
        start: start.parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: Some(format!("What there is to say about {subject}.")),
        location: Some("Room 1".to_owned()),
        recurrence: None,
        attendees: Vec::new(),
    }
}

/// The start of the appointment with this number: three a day from March on.
fn start_of(number: usize) -> String {
    let day: jiff::civil::Date = "2027-03-02".parse().unwrap();
    let day = day.saturating_add(jiff::ToSpan::days(i64::try_from(number / 3).unwrap()));
    format!("{day}T{:02}:00:00", 8 + 3 * (number % 3))
}

fn item(title: &str, start: &str) -> Value {
    json!({
        "title": title, "start": start, "timeZone": "Europe/Berlin", "duration": "PT45M",
        "description": format!("Of the ERP: {title}"), "keywords": { "Customer": true },
    })
}

fn series(title: &str, number: usize) -> Value {
    let hour = 8 + number % 10;
    json!({
        "title": title, "start": format!("2027-03-16T{hour:02}:00:00"), "timeZone": "Europe/Berlin",
        "duration": "PT30M",
        "recurrenceRules": [{ "@type": "RecurrenceRule", "frequency": "weekly", "count": 5 }],
        "recurrenceOverrides": {
            format!("2027-03-23T{hour:02}:00:00"): { "start": format!("2027-03-24T{hour:02}:30:00") },
            format!("2027-03-30T{hour:02}:00:00"): { "title": format!("{title}, exam") },
            format!("2027-04-06T{hour:02}:00:00"): { "excluded": true },
        },
    })
}

/// A mailbox whose appointments come from both sides, everything agreed on.
fn agreed(way: Way, singles: usize, with_series: usize) -> Stage {
    let mut stage = Stage::new(Setting::default());
    if way == Way::Migrated {
        stage.control("PATCH", &format!("mailboxes/{ALEX}"), r#"{"onPremises":true}"#);
    }
    for number in 0..singles {
        if number % 2 == 0 {
            let new = new_appointment(&format!("Visit {number}"), &start_of(number));
            stage.simulator.user(ALEX).create(&new).unwrap();
        } else {
            let new = item(&format!("Review {number}"), &start_of(number));
            stage.put(ALEX, &format!("erp-{number}"), new);
        }
    }
    for number in 0..with_series {
        stage.put(ALEX, &format!("course-{number}"), series(&format!("Course {number}"), number));
    }
    stage.sync(ALEX);
    stage.connect(Wire::Graph);
    stage
}

/// Asks for the move, and migrates the mailbox if it is on a server.
fn begin(stage: &mut Stage, way: Way) {
    stage.try_move(ALEX).unwrap();
    if way == Way::Migrated {
        stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    }
}

/// Titles by the id that the business system knows.
fn known(stage: &mut Stage) -> BTreeMap<String, String> {
    let items = stage.items(ALEX);
    let title = |item: &Value| item["title"].as_str().unwrap_or_default().to_owned();
    items.iter().map(|it| (it.id.clone(), title(&it.item))).collect()
}

/// How many items there are in Exchange by title.
fn held(stage: &Stage) -> BTreeMap<String, usize> {
    let mut titles = BTreeMap::new();
    for one in stage.calendar(ALEX) {
        *titles.entry(one.event.title.unwrap_or_default()).or_insert(0) += 1;
    }
    titles
}

/// The events about items since a cursor, as type and title.
fn news(events: &[Value]) -> Vec<String> {
    let told = events.iter().filter(|event| event["data"]["id"].is_string());
    let line = |event: &Value| {
        let title = event["data"]["item"]["title"].as_str().unwrap_or("gone").to_owned();
        format!("{} {title}", event["type"].as_str().unwrap())
    };
    let mut lines: Vec<String> = told.map(line).collect();
    lines.sort();
    lines
}

fn moved(events: &[Value]) -> Vec<Value> {
    let is_it = |event: &&Value| event["type"] == "tidemark.mailbox.moved";
    events.iter().filter(is_it).cloned().collect()
}

fn quiet_move(way: Way) {
    let mut stage = agreed(way, 9, 3);
    let (before, cursor) = stage.feed(None);
    assert!(!before.is_empty());
    let (ids, calendar, before) = (known(&mut stage), held(&stage), writes(&stage));
    begin(&mut stage, way);
    stage.sync(ALEX);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(news(&events), Vec::<String>::new());
    let told = moved(&events);
    assert_eq!(told.len(), 1, "{events:#?}");
    assert_eq!((known(&mut stage), held(&stage)), (ids, calendar));
    assert_eq!(writes(&stage), before, "nothing is written");
    assert!(stage.mails().is_empty());
    let view = stage.shown_move(ALEX);
    assert_eq!((view.phase, view.items.left), ("done", 0), "{view:?}");
    let items = view.items;
    let found = (items.translated, items.by_stamp, items.by_uid);
    match way {
        Way::InPlace => assert_eq!(found, (12, 0, 0), "{view:?}"),
        Way::Migrated => assert_eq!(found, (0, 7, 5), "{view:?}"),
    }
    stage.assert_at_rest();
    // Changes are noticed over the new connection.
    let visit = stage.appointment(ALEX, "Visit 0").item;
    stage.simulator.user(ALEX).update(visit, &[Change::Location(None)]).unwrap();
    stage.patch(ALEX, "erp-1", json!({ "title": "Renamed" }));
    stage.sync(ALEX);
    let (events, _) = stage.feed(None);
    let events = events.iter().rev().take(2).cloned().collect::<Vec<_>>();
    let lines = ["tidemark.appointment.applied Renamed", "tidemark.appointment.updated Visit 0"];
    assert_eq!(news(&events), lines);
    assert_eq!(writes(&stage), before + 1, "the change of the business system, and nothing else");
}

#[test]
fn n2_in_place_nothing_is_told_or_written() {
    quiet_move(Way::InPlace);
}

#[test]
fn n2_migrated_nothing_is_told_or_written() {
    quiet_move(Way::Migrated);
}

/// How many requests there were whose name is such.
fn count(stage: &Stage, is_such: impl Fn(&str) -> bool) -> u64 {
    let requests = stage.requests();
    let counted = requests.as_object().unwrap().iter();
    counted.filter(|(name, _)| is_such(name)).filter_map(|(_, count)| count.as_u64()).sum()
}

/// Requests so far that could have changed an item, over either protocol.
fn writes(stage: &Stage) -> u64 {
    let over_graph = |name: &str| {
        let changes = ["POST ", "PATCH ", "DELETE "].iter().any(|method| name.starts_with(method));
        changes && name.contains("/events")
    };
    stage.writes() + count(stage, over_graph)
}

/// The number that Accept 3 names, while both sides keep changing: before, during and after.
fn busy_move(way: Way) {
    let mut stage = agreed(way, 460, 40);
    stage.subscribe(ALEX);
    let (_, cursor) = stage.feed(None);
    let (ids, calendar) = (known(&mut stage), held(&stage));
    assert_eq!((ids.len(), stage.calendar(ALEX).len()), (500, 500));
    let is_create = |name: &str| {
        name == "CreateItem" || (name.starts_with("POST ") && name.ends_with("/events"))
    };
    let creates = |stage: &Stage| count(stage, is_create);
    let created = creates(&stage);
    let mut expected = BTreeSet::new();
    let mut change = |stage: &mut Stage, number: usize| {
        let visit = stage.appointment(ALEX, &format!("Visit {number}")).item;
        let place = Change::Location(Some(format!("Room of {number}")));
        stage.simulator.user(ALEX).update(visit, &[place]).unwrap();
        expected.insert(format!("tidemark.appointment.updated Visit {number}"));
        let other = number + 1;
        let title = format!("Review {other}, again");
        stage.patch(ALEX, &format!("erp-{other}"), json!({ "title": title }));
        expected.insert(format!("tidemark.appointment.applied {title}"));
    };
    change(&mut stage, 0);
    stage.try_move(ALEX).unwrap();
    change(&mut stage, 2);
    if way == Way::Migrated {
        stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    }
    change(&mut stage, 4);
    let mut runs = 0;
    while stage.shown_move(ALEX).phase != "done" {
        stage.attempt(ALEX);
        // What is asked of the mailbox goes on while it moves.
        change(&mut stage, 100 + 2 * runs);
        stage.clock.advance(SignedDuration::from_secs(30));
        stage.raise(ALEX);
        runs += 1;
        assert!(runs < 50, "{:?}", stage.shown_move(ALEX));
    }
    stage.recover(ALEX);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(news(&events), expected.into_iter().collect::<Vec<_>>());
    assert_eq!(moved(&events).len(), 1);
    assert_eq!(creates(&stage), created, "nothing is created");
    stage.put(ALEX, "erp-new", item("Brand new", "2027-09-01T10:00:00"));
    stage.sync(ALEX);
    assert_eq!(creates(&stage), created + 1, "what is created is counted");
    stage.delete(ALEX, "erp-new");
    stage.sync(ALEX);
    let after = known(&mut stage);
    assert_eq!(after.keys().collect::<Vec<_>>(), ids.keys().collect::<Vec<_>>());
    assert_eq!(held(&stage).len(), calendar.len());
    assert!(stage.mails().is_empty());
    assert!(stage.holds().is_empty());
    stage.assert_at_rest();
}

#[test]
fn n2_five_hundred_in_place_while_both_sides_change() {
    busy_move(Way::InPlace);
}

#[test]
fn n2_five_hundred_migrated_while_both_sides_change() {
    busy_move(Way::Migrated);
}

/// Requests to Exchange that the move of 500 items takes, from the switch to its end.
fn requests_of_move(way: Way) -> usize {
    let mut stage = agreed(way, 460, 40);
    switch(&mut stage, way);
    stage.effects.plan(None);
    stage.sync(ALEX);
    let items = stage.shown_move(ALEX).items;
    assert_eq!(items.translated + items.by_stamp + items.by_uid, 500, "{items:?}");
    stage.effects.seen().iter().filter(|kind| **kind == EffectKind::Http).count()
}

/// Twenty searches go in one batch, and twenty reads: one by one, 500 migrated items took 1,586 requests.
#[test]
fn n2_items_are_looked_for_in_batches() {
    let (in_place, migrated) = (requests_of_move(Way::InPlace), requests_of_move(Way::Migrated));
    assert!(in_place <= 80 && migrated <= 130, "{in_place} in place, {migrated} migrated");
}

/// Runs until the new connection is in use.
fn switch(stage: &mut Stage, way: Way) {
    begin(stage, way);
    stage.raise(ALEX);
    stage.attempt(ALEX);
    assert_eq!(stage.shown_move(ALEX).phase, "linking");
}

#[test]
fn n2_what_people_delete_meanwhile_is_told_only_with_proof() {
    for way in [Way::InPlace, Way::Migrated] {
        let mut stage = agreed(way, 5, 0);
        let (_, cursor) = stage.feed(None);
        switch(&mut stage, way);
        let visit = stage.appointment(ALEX, "Visit 0").item;
        stage.simulator.user(ALEX).delete(visit).unwrap();
        stage.sync(ALEX);
        let (events, after) = stage.feed(Some(cursor));
        let gone = ["tidemark.appointment.deleted gone"];
        if way == Way::InPlace {
            assert_eq!(news(&events), gone, "it is asked for by its translated id");
            continue;
        }
        // Nothing can be asked for by its id: a person has to say that it is gone.
        assert_eq!(news(&events), Vec::<String>::new());
        let holds = stage.holds();
        assert_eq!((holds.len(), holds[0].why.as_str()), (1, "move-missing"));
        assert_eq!(holds[0].choices, [HoldChoice::Gone]);
        assert_eq!(stage.shown_move(ALEX).items.missing, 1);
        stage.try_decide(HoldChoice::Discard).unwrap_err();
        stage.decide(HoldChoice::Gone);
        stage.sync(ALEX);
        let (events, _) = stage.feed(Some(after));
        assert_eq!(news(&events), gone);
        assert!(stage.holds().is_empty());
        stage.assert_at_rest();
    }
}

#[test]
fn n2_what_the_business_system_deletes_meanwhile_needs_no_decision() {
    let mut stage = agreed(Way::Migrated, 3, 0);
    switch(&mut stage, Way::Migrated);
    let review = stage.appointment(ALEX, "Review 1").item;
    stage.simulator.user(ALEX).delete(review).unwrap();
    stage.delete(ALEX, "erp-1");
    stage.sync(ALEX);
    assert!(stage.holds().is_empty());
    assert!(!known(&mut stage).contains_key("erp-1"));
    stage.assert_at_rest();
}

/// A visit and its copy, which have one UID: after a migration nobody can tell which is which.
fn twins() -> (Stage, Vec<String>) {
    let mut stage = agreed(Way::Migrated, 1, 0);
    let visit = stage.appointment(ALEX, "Visit 0").item;
    stage.simulator.user(ALEX).copy(visit).unwrap();
    stage.sync(ALEX);
    let ids: Vec<String> = known(&mut stage).into_keys().collect();
    assert_eq!(ids.len(), 2);
    (stage, ids)
}

#[test]
fn n2_twins_are_held_and_paired_by_a_person() {
    let (mut stage, ids) = twins();
    let (_, cursor) = stage.feed(None);
    switch(&mut stage, Way::Migrated);
    stage.patch(ALEX, &ids[0], json!({ "keywords": { "Mine": true } }));
    stage.sync(ALEX);
    let (events, after) = stage.feed(Some(cursor));
    assert_eq!(news(&events), ["tidemark.appointment.held Visit 0"], "told once, none is new");
    let holds = stage.holds();
    assert_eq!(holds.len(), 2);
    assert!(holds.iter().all(|hold| hold.why == "move-ambiguous"));
    assert_eq!(stage.shown_move(ALEX).items.ambiguous, 2);
    // Whatever happens to one of them, it stays nobody's.
    let one = stage.calendar(ALEX)[1].item;
    let place = Change::Location(Some("Room 2".to_owned()));
    stage.simulator.user(ALEX).update(one, &[place]).unwrap();
    stage.sync(ALEX);
    let (events, after) = stage.feed(Some(after));
    assert_eq!(news(&events), Vec::<String>::new());

    stage.decide(HoldChoice::Pair);
    stage.sync(ALEX);
    assert!(stage.holds().is_empty());
    let (events, _) = stage.feed(Some(after));
    let expected = ["tidemark.appointment.applied Visit 0", "tidemark.appointment.updated Visit 0"];
    assert_eq!(news(&events), expected);
    assert_eq!(known(&mut stage).into_keys().collect::<Vec<_>>(), ids);
    assert_eq!(stage.calendar(ALEX).len(), 2);
    stage.assert_at_rest();
}

#[test]
fn n2_a_copy_that_is_deleted_in_outlook_settles_the_rest() {
    let mut stage = agreed(Way::Migrated, 1, 0);
    switch(&mut stage, Way::Migrated);
    let (_, cursor) = stage.feed(None);
    let visit = stage.appointment(ALEX, "Visit 0").item;
    let copy = stage.simulator.user(ALEX).copy(visit).unwrap();
    stage.sync(ALEX);
    assert_eq!(stage.holds().len(), 1);
    stage.simulator.user(ALEX).delete(copy).unwrap();
    stage.sync(ALEX);
    assert!(stage.holds().is_empty());
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(news(&events), Vec::<String>::new());
    let items = stage.shown_move(ALEX).items;
    assert_eq!((items.by_uid, items.ambiguous), (1, 0));
    stage.assert_at_rest();
}

#[test]
fn n2_a_mailbox_that_is_not_in_the_cloud_stays_where_it_is_until_it_is() {
    let mut stage = agreed(Way::Migrated, 2, 0);
    stage.try_move(ALEX).unwrap();
    stage.put(ALEX, "erp-7", item("Later", "2027-04-01T10:00:00"));
    stage.sync(ALEX);
    let view = stage.shown_move(ALEX);
    assert_eq!(view.phase, "asked");
    assert!(view.text.contains("MailboxNotEnabledForRESTAPI"), "{view:?}");
    assert_eq!(held(&stage)["Later"], 1, "it goes on over EWS");
    stage.control("POST", &format!("mailboxes/{ALEX}/migrate"), "{}");
    stage.sync(ALEX);
    assert_eq!(stage.shown_move(ALEX).phase, "done");
    assert_eq!(held(&stage).values().sum::<usize>(), 3);
    stage.assert_at_rest();
    // A second request is for a connection that the mailbox has left.
    let Err(Refusal::Invalid(problems)) = stage.try_move(ALEX) else { panic!("it is refused") };
    assert_eq!(problems[0].pointer, "/mailboxes/0");
}

/// A mailbox with one item of each kind, which moves while both sides change.
fn small(way: Way) -> Stage {
    let mut stage = agreed(way, 2, 1);
    begin(&mut stage, way);
    let visit = stage.appointment(ALEX, "Visit 0").item;
    let place = Change::Location(Some("Room 2".to_owned()));
    stage.simulator.user(ALEX).update(visit, &[place]).unwrap();
    stage.patch(ALEX, "erp-1", json!({ "title": "Renamed" }));
    stage.put(ALEX, "erp-9", item("New", "2027-04-01T10:00:00"));
    stage.raise(ALEX);
    stage
}

/// Runs until nothing is left to do. A worker that is stopped on the way is followed by another. Says
/// which effects there were until then.
fn settle(stage: &mut Stage) -> Vec<EffectKind> {
    for _ in 0..50 {
        match stage.attempt(ALEX) {
            Attempt::Stopped => break,
            Attempt::Failed(_) => stage.clock.advance(SignedDuration::from_secs(61)),
            Attempt::Ended(report) => match report.end {
                RunEnd::Synced | RunEnd::Off => break,
                RunEnd::Continues => {}
                RunEnd::Waits(at) | RunEnd::Held(at) => stage.clock.advance_to(at),
            },
        }
    }
    let effects = stage.effects.seen();
    // What follows is nobody's to interrupt.
    stage.effects.plan(None);
    stage.clock.advance(SignedDuration::from_secs(1));
    stage.recover(ALEX);
    stage.recover(ALEX);
    effects
}

/// The crash table of a move: each effect of all its runs is interrupted.
fn crash_table(way: Way) {
    let seen = |stage: &mut Stage, what: &str| {
        let view = stage.shown_move(ALEX);
        assert_eq!(view.phase, "done", "{what}: {view:?}");
        let told = stage.feed(None).0;
        assert_eq!(moved(&told).len(), 1, "{what}");
        (picture(stage, what), view.items, known(stage))
    };
    let mut stage = small(way);
    stage.effects.plan(None);
    let effects = settle(&mut stage);
    let undisturbed = seen(&mut stage, "undisturbed");
    assert_eq!(undisturbed.0.mails.len() + undisturbed.0.holds, 0, "{undisturbed:?}");
    let ids = undisturbed.2.keys().filter(|id| id.starts_with("erp") || id.starts_with("course"));
    assert_eq!(ids.count(), 3);
    for (number, kind) in effects.iter().enumerate() {
        let cut = |kind| Interruption::Http(kind);
        // A read of the table leaves nothing behind: whoever stops there has stopped before the next
        // effect.
        let interruptions = match kind {
            EffectKind::TableRead => Vec::new(),
            EffectKind::TableWrite => vec![Interruption::StopBefore, Interruption::StopAfter],
            EffectKind::Http if number % 2 == 0 => {
                vec![Interruption::StopAfter, cut(FaultKind::CutAfter)]
            }
            EffectKind::Http => vec![Interruption::StopAfter, cut(FaultKind::Unavailable)],
        };
        for interruption in interruptions {
            let what = format!("effect {number} of {}, {kind:?}: {interruption:?}", effects.len());
            let mut stage = small(way);
            stage.effects.plan(Some((number, interruption)));
            settle(&mut stage);
            stage.effects.plan(None);
            let after = seen(&mut stage, &what);
            assert_eq!(after.0, undisturbed.0, "{what}");
            assert_eq!(after.2.len(), undisturbed.2.len(), "{what}");
        }
    }
}

#[test]
fn n2_a_move_in_place_is_stopped_anywhere() {
    crash_table(Way::InPlace);
}

#[test]
fn n2_a_move_of_a_migrated_mailbox_is_stopped_anywhere() {
    crash_table(Way::Migrated);
}

/// One item of each kind that the two protocols show in their own ways.
fn varied(stage: &mut Stage) {
    let user = stage.simulator.user(ALEX);
    let make = |title: &str, day: u32, changes: &[Change]| {
        let new = new_appointment(title, &format!("2027-03-{day:02}T10:00:00"));
        let made = user.create(&new).unwrap();
        user.update(made, changes).unwrap();
        made
    };
    let html = "<html><head><style>p{color:red}</style></head><body><p>Bring <b>both</b> files.</p>\
        <p>Thanks &amp; regards</p></body></html>";
    let body = Body { format: BodyFormat::Html, content: html.to_owned() };
    make("Formatted", 2, &[Change::Body(Some(body))]);
    let kinds = BTreeSet::from(["Red".to_owned(), "Blue, dark".to_owned()]);
    make("Filed", 3, &[Change::Categories(kinds), Change::ShowAs(ShowAs::Oof)]);
    make("Reminding", 4, &[Change::ReminderSet(true), Change::ReminderMinutes(45)]);
    make("Silent", 5, &[Change::ReminderSet(false), Change::Location(None), Change::Body(None)]);
    make("Elsewhere", 6, &[Change::ShowAs(ShowAs::WorkingElsewhere)]);
    make("Private", 8, &[Change::Sensitivity(Privacy::Private)]);
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let days = [
        Change::Start(at("2027-03-09T23:00:00Z")),
        Change::End(at("2027-03-11T23:00:00Z")),
        Change::AllDay(true),
    ];
    make("Fair", 10, &days);
    let mut meeting = new_appointment("Board", "2027-03-12T10:00:00");
    meeting.attendees = vec![BLAKE.to_owned(), "guest@elsewhere.example".to_owned()];
    user.create(&meeting).unwrap();
    let mut invitation = new_appointment("Invitation", "2027-03-15T10:00:00");
    invitation.attendees = vec![ALEX.to_owned()];
    stage.simulator.user(BLAKE).create(&invitation).unwrap();
    let mut answered = new_appointment("Answered", "2027-03-16T10:00:00");
    answered.attendees = vec![ALEX.to_owned()];
    stage.simulator.user(BLAKE).create(&answered).unwrap();
    let answered = stage.appointment(ALEX, "Answered").item;
    stage.simulator.user(ALEX).respond(answered, Participation::Accepted).unwrap();
    let board = stage.appointment(BLAKE, "Board").item;
    stage.simulator.user(BLAKE).respond(board, Participation::Tentative).unwrap();
    stage.put(ALEX, "course", series("Course", 3));
    let mut floating = item("Anywhere", "2027-03-18T09:00:00");
    floating["timeZone"] = Value::Null;
    floating["priority"] = json!(3);
    stage.put(ALEX, "floating", floating);
    let mut abroad = item("Abroad", "2027-03-19T09:00:00");
    abroad["timeZone"] = json!("America/New_York");
    stage.put(ALEX, "abroad", abroad);
}

#[test]
fn n2_whatever_an_item_says_it_moves_without_news() {
    for way in [Way::InPlace, Way::Migrated] {
        let mut stage = Stage::new(Setting::default());
        if way == Way::Migrated {
            stage.control("PATCH", &format!("mailboxes/{ALEX}"), r#"{"onPremises":true}"#);
        }
        varied(&mut stage);
        stage.sync(ALEX);
        stage.sync(ALEX);
        stage.connect(Wire::Graph);
        let (_, cursor) = stage.feed(None);
        let (ids, before, mails) = (known(&mut stage), writes(&stage), stage.mails().len());
        begin(&mut stage, way);
        stage.sync(ALEX);
        stage.sync(ALEX);
        let (events, _) = stage.feed(Some(cursor));
        assert_eq!(news(&events), Vec::<String>::new(), "{way:?}");
        assert_eq!(known(&mut stage), ids);
        assert_eq!((writes(&stage), stage.mails().len()), (before, mails), "{way:?}");
        let view = stage.shown_move(ALEX);
        assert_eq!((view.phase, view.items.ambiguous + view.items.missing), ("done", 0));
        stage.assert_at_rest();
    }
}
