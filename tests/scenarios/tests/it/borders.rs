//! The borders of a connection, waking it by hand, a second organisation, and the hostile Exchange.

use serde_json::{Value, json};
use tidemark_mailbox::ews::EwsUrl;
use tidemark_scenarios::second::SecondOrganisation;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::Border as _;
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule, NewAppointment};

const ALEX: &str = "alex@tidemark.example";

fn appointment(subject: &str) -> NewAppointment {
    NewAppointment {
        subject: subject.to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: jiff::SignedDuration::from_hours(1),
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

fn titles(events: &[Value], kind: &str) -> Vec<String> {
    let is_it = |event: &&Value| event["type"] == format!("tidemark.appointment.{kind}");
    let title = |event: &Value| event["data"]["item"]["title"].as_str().map(str::to_owned);
    events.iter().filter(is_it).filter_map(title).collect()
}

#[test]
fn w11_e8_the_url_is_typed_by_hand_and_plain_http_ends_at_this_machine() {
    for fine in [
        "https://mail.contoso.example/EWS/Exchange.asmx",
        "https://10.0.0.7:4443/ews/exchange.asmx",
        "http://127.0.0.1:8481/EWS/Exchange.asmx",
    ] {
        assert!(EwsUrl::parse(fine).is_ok(), "{fine}");
    }
    for refused in [
        "http://mail.contoso.example/EWS/Exchange.asmx",
        "http://127.0.0.1.contoso.example/EWS/Exchange.asmx",
        "mail.contoso.example",
        "ftp://mail.contoso.example/EWS/Exchange.asmx",
    ] {
        let Err(error) = EwsUrl::parse(refused) else { panic!("{refused} is not refused") };
        assert!(error.to_string().contains("https"), "{refused}: {error}");
    }
}

#[test]
fn n20_sync_now_finds_what_no_notification_told() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    stage.work();
    let (_, cursor) = stage.feed(None);
    stage.simulator.user(ALEX).create(&appointment("Visit")).unwrap();
    assert_eq!(stage.work(), 0, "nobody has told of it");
    let (service, caller) = (stage.service.clone(), stage.caller());
    stage.run(async move { service.sync_now(&caller, "ALEX@Tidemark.example").await }).unwrap();
    assert_eq!(stage.work(), 1);
    let (events, _) = stage.feed(Some(cursor));
    assert_eq!(titles(&events, "created"), ["Visit"]);
}

/// What a calendar and the feed look like after a history with faults.
fn history(seed: u64) -> (Vec<Value>, Vec<String>, Value) {
    let mut stage = Stage::new(Setting { seed, ..Setting::default() });
    let kinds = [
        FaultKind::ServerBusy,
        FaultKind::Transient,
        FaultKind::CutAfter,
        FaultKind::CutBefore,
        FaultKind::SyncStateLost,
        FaultKind::NotificationDropped,
        FaultKind::NotificationDoubled,
    ];
    let rules = kinds.into_iter().map(|kind| FaultRule::per_mille(kind, 150)).collect();
    stage.simulator.set_faults(FaultPlan::new(seed, rules));
    stage.subscribe(ALEX);
    for number in 0..6 {
        stage.simulator.user(ALEX).create(&appointment(&format!("Number {number}"))).unwrap();
        stage.put(ALEX, &format!("erp-{number}"), item(&format!("Of the ERP {number}")));
        stage.tick(jiff::SignedDuration::from_mins(20));
    }
    let fired = stage.control("GET", "faults", "");
    stage.simulator.set_faults(FaultPlan::default());
    stage.tick(jiff::SignedDuration::from_hours(2));
    let (events, _) = stage.feed(None);
    let kinds = events.iter().map(|event| event["type"].to_string()).collect();
    (stage.written_calendar(ALEX), kinds, fired)
}

#[test]
fn n8_a_hostile_exchange_replays_from_its_seed() {
    let first = history(7);
    assert!(first.2["fired"].as_u64().unwrap() > 5, "{}", first.2);
    assert_eq!(first.0.len(), 12, "nothing is lost and nothing doubled");
    assert_eq!(first, history(7));
    assert_ne!(first.2, history(8).2, "another seed, other faults");
}

#[test]
fn e21_two_organisations_on_one_mailbox_tell_and_do_not_fight() {
    let mut stage = Stage::new(Setting::default());
    stage.sync(ALEX);
    let other = SecondOrganisation::join(&mut stage, "other", ALEX);
    other.sync(&mut stage);

    // Each writes an item; the other one sees it as a person's.
    stage.put(ALEX, "erp-1", item("Of the first"));
    stage.sync(ALEX);
    other.put(&mut stage, "crm-1", item("Of the second"));
    other.sync(&mut stage);
    stage.sync(ALEX);
    other.sync(&mut stage);
    let (events, _) = stage.feed(None);
    assert_eq!(titles(&events, "created"), ["Of the second"], "{events:#?}");
    assert_eq!(titles(&other.feed(&mut stage), "created"), ["Of the first"]);

    // Both say so, in words that name the mend.
    for row in [stage.mailbox(ALEX), other.mailbox(&mut stage)] {
        let [trouble] = row.troubles.as_slice() else { panic!("{:#?}", row.troubles) };
        assert_eq!(trouble.code, "second-connector");
        assert!(trouble.cause.contains("another Tidemark"), "{}", trouble.cause);
        assert!(trouble.mend.contains("Switch the other one off"), "{}", trouble.mend);
    }

    // A change goes once through both and comes to rest: nobody writes it back.
    stage.patch(ALEX, "erp-1", json!({ "title": "Moved" }));
    stage.sync(ALEX);
    other.sync(&mut stage);
    let writes = stage.writes();
    for _ in 0..3 {
        stage.sync(ALEX);
        other.sync(&mut stage);
    }
    assert_eq!(stage.writes(), writes, "somebody writes again and again");
    assert_eq!(stage.calendar(ALEX).len(), 2);
    assert_eq!(titles(&other.feed(&mut stage), "updated"), ["Moved"]);
    stage.assert_at_rest();
}
