//! The end of an organisation, and its start from a backup (P11, issue 5).

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::border::{Administration as _, Refusal, RestoreView, ShutdownView};
use tidemark_simulator::NewAppointment;
use tidemark_store::memory::MemoryTable;

const ALEX: &str = "alex@tidemark.example";
const WIRES: [Wire; 2] = [Wire::Ews, Wire::Graph];

fn appointment(title: &str, day: u8) -> NewAppointment {
    NewAppointment {
        subject: title.to_owned(),
        start: format!("2027-03-{day:02}T09:00:00").parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    }
}

fn shut_down(stage: &mut Stage) -> ShutdownView {
    let (service, caller) = (stage.service.clone(), stage.caller());
    stage.run(async move { service.shut_down(&caller, None).await }).unwrap()
}

fn restored(stage: &mut Stage) -> RestoreView {
    let (service, caller) = (stage.service.clone(), stage.caller());
    stage.run(async move { service.restored(&caller, None).await }).unwrap()
}

#[test]
fn p11_a_shutdown_ends_the_subscriptions_and_exchange_falls_silent() {
    for wire in WIRES {
        let people = vec![ALEX.to_owned()];
        let mut stage = Stage::new(Setting { wire, people, ..Setting::default() });
        stage.sync(ALEX);
        stage.subscribe(ALEX);
        let view = shut_down(&mut stage);
        assert_eq!((view.mailboxes, view.failed, view.next), (1, 0, None), "{wire:?}");
        // Graph is told at once; Exchange Server is told when it calls next.
        let (ended, waiting) = if matches!(wire, Wire::Graph) { (1, 0) } else { (0, 1) };
        assert_eq!((view.ended, view.waiting), (ended, waiting), "{wire:?}");
        assert_eq!(view.over.is_some(), waiting > 0);

        stage.simulator.user(ALEX).create(&appointment("Afterwards", 3)).unwrap();
        stage.tick(SignedDuration::from_mins(30));
        let view = shut_down(&mut stage);
        assert_eq!((view.waiting, view.failed, view.over), (0, 0, None), "{wire:?}");
        let now = tidemark_transport::Clock::now(&stage.clock);
        assert!(stage.simulator.due_callbacks(now).is_empty(), "{wire:?}: nobody is called");
        let (events, _) = stage.feed(None);
        let told = events.iter().any(|event| event["data"]["item"]["title"] == "Afterwards");
        assert!(!told, "{wire:?}: nothing is synced");
    }
}

/// What the business system makes, with a UID of its own.
fn of_the_system(when: &str, day: u8) -> Value {
    json!({
        "title": format!("Made by the system {when}"), "uid": format!("{when}@erp.example"),
        "start": format!("2027-03-0{day}T10:00:00"), "timeZone": "Etc/UTC", "duration": "PT1H",
    })
}

/// Both sides go on after the backup: people and the business system make, change and delete.
fn go_on(stage: &mut Stage) {
    let exchange = stage.simulator.user(ALEX);
    exchange.create(&appointment("Made in Outlook since", 5)).unwrap();
    stage.put(ALEX, "since", of_the_system("since", 6));
    stage.patch(ALEX, "before", json!({"title": "Changed since"}));
    stage.sync(ALEX);
}

#[test]
fn a_table_that_was_set_back_converges_without_a_double_a_loss_or_a_mail() {
    for wire in WIRES {
        let table = MemoryTable::new();
        let people = vec![ALEX.to_owned()];
        let setting =
            Setting { wire, people, table: Arc::new(table.clone()), ..Setting::default() };
        let mut stage = Stage::new(setting);
        stage.simulator.user(ALEX).create(&appointment("Made in Outlook before", 2)).unwrap();
        stage.put(ALEX, "before", of_the_system("before", 4));
        stage.sync(ALEX);
        stage.subscribe(ALEX);
        let backup = table.items();
        let (_, old) = stage.changes(None).unwrap();
        go_on(&mut stage);
        let (_, consumer) = stage.changes(Some(&old)).unwrap();
        let before: Vec<_> = titles(&stage);
        assert_eq!(before.len(), 4, "{before:?}");

        table.restore(&backup);
        // The consumer has read what the feed does not know any more.
        let refused = stage.changes(Some(&consumer)).unwrap_err();
        assert_eq!(refused, Refusal::CursorExpired, "{wire:?}");
        let view = restored(&mut stage);
        assert_eq!((view.mailboxes, view.retired, view.next), (1, 1, None), "{wire:?}");
        for cursor in [&old, &consumer] {
            assert_eq!(stage.changes(Some(cursor)).unwrap_err(), Refusal::CursorExpired);
        }
        let (none, fresh) = stage.changes(None).unwrap();
        assert!(none.is_empty(), "who begins anew reads the items first");
        stage.tick(SignedDuration::from_mins(10));

        assert_eq!(titles(&stage), before, "{wire:?}: nothing was made, lost or undone");
        assert!(stage.mails().is_empty(), "{wire:?}");
        let shown: Vec<_> =
            stage.items(ALEX).iter().map(|view| view.item["title"].clone()).collect();
        for title in &before {
            let count = shown.iter().filter(|shown| *shown == title.as_str()).count();
            assert_eq!(count, 1, "{wire:?}: {title} in {shown:?}");
        }
        let (changes, _) = stage.changes(Some(&fresh)).unwrap();
        assert!(!changes.is_empty(), "{wire:?}: what changed since is told");
        // The business system sends again what it had sent since.
        stage.put(
            ALEX,
            "since",
            json!({
                "title": "Made by the system since", "uid": "since@erp.example",
                "start": "2027-03-06T10:00:00", "timeZone": "Etc/UTC", "duration": "PT1H",
            }),
        );
        stage.tick(SignedDuration::from_mins(5));
        assert_eq!(titles(&stage), before, "{wire:?}: it is the item that is there");
        assert!(stage.mails().is_empty(), "{wire:?}");
    }
}

fn titles(stage: &Stage) -> Vec<String> {
    let mut titles: Vec<String> =
        stage.calendar(ALEX).iter().filter_map(|item| item.event.title.clone()).collect();
    titles.sort();
    titles
}
