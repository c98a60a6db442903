//! What holds the connector back, and what it says then.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_jscalendar::{BODY_BYTES_MAX, TEXT_UNITS_MAX};
use tidemark_mailbox::ews::BasicUser;
use tidemark_model::{Body, BodyFormat, SystemId};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::border::{Caller, Guards, HoldChoice, ItemChangeRequest, Refusal, Role};
use tidemark_simulator::NewAppointment;
use tidemark_simulator::store::Change;
use tidemark_store::records::MailboxState;

const ALEX: &str = "alex@tidemark.example";
const BLAKE: &str = "blake@tidemark.example";
const WIRES: [Wire; 2] = [Wire::Ews, Wire::Graph];

fn appointment(subject: &str) -> NewAppointment {
    NewAppointment {
        subject: subject.to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    }
}

fn item(title: &str) -> Value {
    json!({
        "title": title, "start": "2027-03-03T14:00:00", "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    })
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn w15_a_domain_with_a_forward_slash_is_refused_with_the_mend() {
    let Err(error) = BasicUser::parse("CONTOSO/alex") else { panic!("it is not refused") };
    assert!(error.to_string().contains("DOMAIN\\user"), "{error}");
    assert!(BasicUser::parse("CONTOSO\\alex").is_ok());
}

#[test]
fn w19_the_ids_of_two_business_systems_do_not_meet() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    stage.put(ALEX, "42", item("Of the ERP"));
    stage.sync(ALEX);
    let other = Caller {
        organisation: stage.organisation.clone(),
        system: Some(SystemId::parse("crm").expect("a valid id")),
        role: Role::Integrator,
        key_id: "crm".to_owned(),
    };
    // Whatever the other system may do in this mailbox, it does not reach this system's item.
    let delete = ItemChangeRequest::Delete;
    let answer = stage.ask_as(&other, ALEX, "42", delete, Guards::default());
    assert!(matches!(answer, Ok(_) | Err(Refusal::NotFound { .. } | Refusal::Forbidden(_))));
    stage.sync(ALEX);
    assert_eq!(stage.item(ALEX, "42").expect("it is there").item["title"], "Of the ERP");
    assert_eq!(stage.calendar(ALEX).len(), 1);
}

#[test]
fn n7_an_event_is_a_cloud_event() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    stage.put(ALEX, "erp/1 ä", item("Review"));
    stage.sync(ALEX);
    let (events, _) = stage.feed(None);
    let event = events.iter().find(|it| it["type"] == "tidemark.appointment.applied");
    let event = event.expect("it is told").as_object().expect("an object");
    let names: Vec<&str> = event.keys().map(String::as_str).collect();
    let wanted =
        ["data", "datacontenttype", "id", "source", "specversion", "subject", "time", "type"];
    assert_eq!(names, wanted);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "urn:tidemark:demo");
    assert_eq!(event["datacontenttype"], "application/json");
    let subject = "mailboxes/alex@tidemark.example/appointments/erp%2F1%20%C3%A4";
    assert_eq!(event["subject"], subject);
    assert_eq!(event["time"], "2027-03-01T07:00:00Z");
    assert_eq!(event["data"]["id"], "erp/1 ä");
    assert_eq!(event["data"]["origin"], "business");
    assert_eq!(event["data"]["item"]["@type"], "Event");
    let ids: std::collections::BTreeSet<_> =
        events.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), events.len(), "every event has an id of its own");
}

#[test]
fn n11_the_51st_delete_pauses_that_mailbox_alone() {
    let mut stage = Stage::new(Setting::default());
    let mut made = Vec::new();
    for number in 0..51 {
        let user = stage.simulator.user(ALEX);
        made.push(user.create(&appointment(&format!("Number {number}"))).expect("it fits"));
    }
    stage.sync(ALEX);
    stage.sync(BLAKE);
    let (events, cursor) = stage.feed(None);
    assert_eq!(count(&events, "tidemark.appointment.created"), 51);
    for item in made {
        stage.simulator.user(ALEX).delete(item).expect("it is there");
    }
    stage.sync(ALEX);
    let (events, cursor) = stage.feed(Some(cursor));
    assert_eq!(count(&events, "tidemark.appointment.deleted"), 50);
    assert_eq!(count(&events, "tidemark.hold.created"), 1);
    let holds = stage.holds();
    assert_eq!(holds.len(), 1, "{holds:#?}");
    assert_eq!((holds[0].why.as_str(), &holds[0].item), ("brake-deletes", &None));
    assert!(stage.mailbox(ALEX).paused.is_some());
    // The neighbour goes on.
    stage.simulator.user(BLAKE).create(&appointment("Elsewhere")).expect("it fits");
    stage.sync(BLAKE);
    let (events, cursor) = stage.feed(Some(cursor));
    assert_eq!(count(&events, "tidemark.appointment.created"), 1);
    // Nothing happens in the paused one, until somebody releases it.
    stage.clock.advance(SignedDuration::from_hours(3));
    stage.sync(ALEX);
    let (events, cursor) = stage.feed(Some(cursor));
    assert_eq!(events, Vec::<Value>::new());
    stage.decide(HoldChoice::Send);
    stage.sync(ALEX);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(count(&events, "tidemark.appointment.deleted"), 1, "{events:#?}");
    assert_eq!(stage.holds(), []);
    stage.assert_at_rest();
}

#[test]
fn n11_the_brake_holds_deletes_of_the_business_system_too() {
    let rules = json!({ "deletesPerHour": 3 });
    let mut stage = Stage::new(Setting { rules, ..Setting::default() });
    stage.sync(ALEX);
    for number in 0..5 {
        stage.put(ALEX, &format!("erp-{number}"), item("Review"));
    }
    stage.sync(ALEX);
    for number in 0..5 {
        stage.delete(ALEX, &format!("erp-{number}"));
    }
    stage.sync(ALEX);
    assert_eq!(stage.calendar(ALEX).len(), 2, "three were deleted");
    assert_eq!(stage.holds().len(), 1);
    assert_eq!(stage.pending(ALEX).len(), 2, "what is not done waits");
    stage.decide(HoldChoice::Send);
    stage.sync(ALEX);
    assert_eq!(stage.calendar(ALEX).len(), 0);
    assert_eq!(stage.holds(), []);
    stage.assert_at_rest();
}

/// The same kind of mark with another id in it: ids come first.
fn other_hand(mark: &str) -> String {
    format!("0a0a0a0a{}", &mark[8..])
}

#[test]
fn e21_a_second_connector_is_reported_and_not_fought_with() {
    WIRES.into_iter().for_each(is_reported_and_not_fought_with);
}

fn is_reported_and_not_fought_with(wire: Wire) {
    let mut stage = Stage::new(Setting { wire, ..Setting::default() });
    stage.sync(ALEX);
    // What the other connector writes looks like ours, and says what we never said.
    stage.put(ALEX, "erp-1", item("Ours"));
    stage.sync(ALEX);
    let ours = stage.appointment(ALEX, "Ours").extended;
    assert!(!ours.is_empty(), "our items are marked");
    let foreign: std::collections::BTreeMap<_, _> = ours
        .into_iter()
        .map(|(name, values)| (name, values.iter().map(|it| other_hand(it)).collect::<Vec<_>>()))
        .collect();
    let user = stage.simulator.user(ALEX);
    let number = user.create(&appointment("Of the other connector")).expect("it fits");
    let marks: Vec<Change> = foreign
        .iter()
        .map(|(name, values)| Change::Extended(name.clone(), Some(values.clone())))
        .collect();
    user.update(number, &marks).expect("it fits");
    stage.sync(ALEX);
    let codes: Vec<String> =
        stage.mailbox(ALEX).troubles.into_iter().map(|trouble| trouble.code).collect();
    assert_eq!(codes, ["second-connector"]);
    let (events, _) = stage.feed(None);
    assert_eq!(count(&events, "tidemark.appointment.created"), 1, "it is synced all the same");
    let kept = stage.appointment(ALEX, "Of the other connector").extended;
    assert_eq!(kept, foreign, "its marks are left alone");
}

#[test]
fn n20_a_mailbox_that_fails_is_told_once_and_clears_by_itself() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    let (_, cursor) = stage.feed(None);
    stage.set_account("blake@tidemark.example");
    stage.simulator.user(ALEX).create(&appointment("Visit")).expect("it fits");
    for _ in 0..3 {
        stage.raise(ALEX);
        stage.attempt(ALEX);
        stage.clock.advance(SignedDuration::from_mins(10));
    }
    let (events, cursor) = stage.feed(Some(cursor));
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["type"], "tidemark.mailbox.failed");
    let troubles = stage.mailbox(ALEX).troubles;
    assert_eq!(troubles.len(), 1, "{troubles:#?}");
    assert!(!troubles[0].cause.is_empty());
    stage.set_account("svc@tidemark.example");
    stage.sync(ALEX);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(count(&events, "tidemark.appointment.created"), 1);
    assert!(stage.mailbox(ALEX).troubles.is_empty());
}

#[test]
fn w4_a_connection_or_mailbox_that_is_off_keeps_what_waits() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    stage.put(ALEX, "erp-1", item("Review"));
    stage.set_mailbox(ALEX, |row| row.enabled = false);
    stage.simulator.user(ALEX).create(&appointment("Visit")).expect("it fits");
    stage.sync(ALEX);
    assert_eq!(stage.calendar(ALEX).len(), 1);
    assert_eq!(stage.pending(ALEX).len(), 1);
    stage.set_mailbox(ALEX, |row| row.enabled = true);
    stage.sync(ALEX);
    assert_eq!(stage.calendar(ALEX).len(), 2);
    assert_eq!(stage.pending(ALEX).len(), 0);
}

#[test]
fn n1_a_busy_mailbox_continues_where_it_stopped() {
    let mut stage = Stage::new(Setting::default());
    for number in 0..130 {
        let user = stage.simulator.user(ALEX);
        user.create(&appointment(&format!("Number {number}"))).expect("it fits");
    }
    // A page is committed before the worker is stopped; the successor does not begin again.
    stage.raise(ALEX);
    stage.effects.plan(None);
    stage.attempt(ALEX);
    let effects = stage.effects.seen().len();
    let mut stage = Stage::new(Setting::default());
    for number in 0..130 {
        let user = stage.simulator.user(ALEX);
        user.create(&appointment(&format!("Number {number}"))).expect("it fits");
    }
    stage.raise(ALEX);
    let stop = tidemark_scenarios::ports::Interruption::StopBefore;
    stage.effects.plan(Some((effects * 9 / 10, stop)));
    stage.attempt(ALEX);
    stage.effects.plan(None);
    stage.recover(ALEX);
    assert!(stage.effects.seen().len() < effects, "it began again");
    let (events, _) = stage.feed(None);
    assert_eq!(count(&events, "tidemark.appointment.created"), 130);
}

#[test]
fn a6_the_first_copy_shows_how_far_it_is_and_when_it_is_done() {
    let mut stage = Stage::new(Setting::default());
    for number in 0..12 {
        let user = stage.simulator.user(ALEX);
        user.create(&appointment(&format!("Number {number}"))).expect("it fits");
    }
    assert_eq!(stage.mailbox(ALEX).state, MailboxState::New);
    stage.sync(ALEX);
    let row = stage.mailbox(ALEX);
    assert_eq!(row.state, MailboxState::Synced);
    assert_eq!((row.first_sync.done, row.first_sync.total), (12, Some(12)));
    assert!(row.last_synced.is_some());
    let (events, _) = stage.feed(None);
    assert_eq!(count(&events, "tidemark.firstsync.done"), 1);
}

#[test]
fn n19_address_alias_and_id_name_the_same_mailbox() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    stage.set_mailbox(ALEX, |row| {
        row.aliases.insert("a.lex@tidemark.example".to_owned());
    });
    let id = stage.mailbox_name(ALEX);
    for (number, name) in
        ["ALEX@Tidemark.Example", "a.lex@tidemark.example", &id].iter().enumerate()
    {
        let change = ItemChangeRequest::Put(item(&format!("Number {number}")));
        let key = format!("erp-{number}");
        stage.ask(name, &key, change, Guards::default()).expect("it is the same mailbox");
    }
    stage.sync(ALEX);
    assert_eq!(stage.calendar(ALEX).len(), 3);
}

#[test]
fn n19_a_mailbox_that_is_renamed_keeps_its_links() {
    WIRES.into_iter().for_each(keeps_its_links);
}

fn keeps_its_links(wire: Wire) {
    const RENAMED: &str = "alex.married@tidemark.example";
    let mut stage = Stage::new(Setting { wire, ..Setting::default() });
    stage.simulator.user(ALEX).create(&appointment("Born in Exchange")).expect("it fits");
    stage.sync(ALEX);
    stage.put(ALEX, "erp-1", item("Of the ERP"));
    stage.sync(ALEX);
    let (events, cursor) = stage.feed(None);
    let created = events.iter().find(|it| it["type"] == "tidemark.appointment.created");
    let born = created.expect("it is told")["data"]["id"].as_str().expect("an id").to_owned();
    let mailbox = stage.mailbox_name(ALEX);
    let links: Vec<_> = stage.items(ALEX).into_iter().map(|view| view.id).collect();
    assert_eq!(links.len(), 2);

    // An administrator renames the mailbox in Exchange, and here. The old address stays an alias.
    stage.simulator.user(ALEX).rename(RENAMED).expect("nobody has it");
    stage.set_mailbox(ALEX, |row| {
        row.aliases.insert(core::mem::replace(&mut row.address, RENAMED.to_owned()));
    });
    stage.sync(ALEX);
    let (events, cursor) = stage.feed(Some(cursor));
    assert_eq!(events, Vec::<Value>::new(), "a name is no news of an item");

    // Both names and the id mean it; its items are what they were, on both sides.
    for (name, title) in [(RENAMED, "One"), (ALEX, "Two"), (&*mailbox, "Three")] {
        stage.patch(name, "erp-1", json!({ "title": title }));
        stage.sync(ALEX);
        assert_eq!(stage.item(RENAMED, "erp-1").expect("it is there").item["title"], title);
    }
    let number = stage.appointment(RENAMED, "Born in Exchange").item;
    let renamed = [Change::Subject("Still known".to_owned())];
    stage.simulator.user(RENAMED).update(number, &renamed).expect("it is there");
    stage.sync(ALEX);
    assert_eq!(stage.mailbox_name(ALEX), mailbox);
    assert_eq!(stage.items(RENAMED).into_iter().map(|view| view.id).collect::<Vec<_>>(), links);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(count(&events, "tidemark.appointment.applied"), 3, "{events:#?}");
    assert_eq!(count(&events, "tidemark.appointment.updated"), 1, "{events:#?}");
    assert_eq!(events.len(), 4, "{events:#?}");
    let updated = events.last().expect("four");
    assert_eq!(updated["data"]["id"], *born);
    assert_eq!(updated["data"]["mailboxId"], *mailbox);
    assert_eq!(updated["data"]["mailbox"], RENAMED);
    assert_eq!(updated["subject"], format!("mailboxes/{RENAMED}/appointments/{born}"));
    stage.assert_at_rest();
}

#[test]
fn e23_the_longest_texts_are_carried_whole_and_longer_ones_refused() {
    WIRES.into_iter().for_each(are_carried_whole_or_refused);
}

fn are_carried_whole_or_refused(wire: Wire) {
    let mut stage = Stage::new(Setting { wire, ..Setting::default() });
    stage.sync(ALEX);
    // Exchange counts UTF-16 units: a character outside the basic plane takes two of its 255.
    let title = format!("{}{}", "\u{1f5d3}".repeat(100), "t".repeat(TEXT_UNITS_MAX - 200));
    let place = "p".repeat(TEXT_UNITS_MAX);
    let words = "w".repeat(BODY_BYTES_MAX);
    let mut longest = item(&title);
    longest["description"] = words.clone().into();
    longest["locations"] = json!({ "1": { "@type": "Location", "name": place } });
    stage.put(ALEX, "erp-1", longest.clone());
    stage.sync(ALEX);
    let there = &stage.calendar(ALEX)[0].event;
    assert_eq!(there.title.as_deref(), Some(&*title), "{wire:?}");
    assert_eq!(there.location.as_deref(), Some(&*place));
    assert_eq!(there.body.as_ref().map(|body| body.content.trim_end()), Some(&*words));
    let told = stage.item(ALEX, "erp-1").expect("it is there").item;
    assert_eq!(
        (&told["title"], &told["description"]),
        (&longest["title"], &longest["description"])
    );

    // One more is refused by name, with the mend; nothing is cut, and nothing is written.
    let writes = stage.writes();
    let by_one = [
        ("/title", json!({ "title": format!("{title}t") })),
        ("/description", json!({ "description": format!("{words}w") })),
        ("/locations/1/name", json!({ "locations": { "1": { "name": format!("{place}p") } } })),
    ];
    for (pointer, patch) in by_one {
        let patch = ItemChangeRequest::Patch(patch);
        let answer = stage.ask(ALEX, "erp-1", patch, Guards::default());
        let Err(Refusal::Invalid(problems)) = answer else { panic!("{pointer}: {answer:?}") };
        assert!(problems.iter().any(|it| it.pointer == pointer), "{pointer}: {problems:?}");
        assert!(problems.iter().all(|it| it.mend.contains("at most")), "{problems:?}");
    }
    stage.sync(ALEX);
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.item(ALEX, "erp-1").expect("it is there").item, told);

    // What somebody writes in Outlook has no such bound: it is told whole, and never written back cut.
    let text = "o".repeat(BODY_BYTES_MAX + 1000);
    let number = stage.calendar(ALEX)[0].item;
    let body = Body { format: BodyFormat::Text, content: text.clone() };
    stage.simulator.user(ALEX).update(number, &[Change::Body(Some(body))]).expect("it fits");
    stage.sync(ALEX);
    assert_eq!(stage.item(ALEX, "erp-1").expect("it is there").item["description"], text);
    stage.patch(ALEX, "erp-1", json!({ "title": "Renamed" }));
    stage.sync(ALEX);
    let there = &stage.calendar(ALEX)[0].event;
    assert_eq!(there.title.as_deref(), Some("Renamed"));
    assert_eq!(there.body.as_ref().map(|body| body.content.trim_end()), Some(&*text));
    stage.assert_at_rest();
}
