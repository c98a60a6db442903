//! A mailbox is removed: its content can be read no more at once, and by and by nothing is left of it.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use tidemark_scenarios::stage::{Setting, Stage, mailbox_id};
use tidemark_service::border::Administration as _;
use tidemark_store::Table;
use tidemark_store::memory::MemoryTable;
use tidemark_store::records::CLEARED_WITHIN;

use super::{ALEX, new_appointment};

const BLAKE: &str = "blake@tidemark.example";

/// A stage whose table can be looked into.
fn stage() -> (Stage, Arc<MemoryTable>) {
    let table = Arc::new(MemoryTable::new());
    let kept: Arc<dyn Table> = table.clone();
    (Stage::new(Setting { table: kept, ..Setting::default() }), table)
}

/// Everything that mentions a person's mailbox, by id or by address, as the partition and sort key.
fn rows_about(table: &MemoryTable, person: &str) -> Vec<(String, String)> {
    let id = mailbox_id(person).to_string();
    let items = table.items().into_iter().filter(|item| {
        let text = format!("{:?} {:?}", item.key, item.attributes);
        text.contains(&id) || text.contains(person)
    });
    items.map(|item| (item.key.partition, item.key.sort)).collect()
}

/// A mailbox with all that a mailbox can have.
fn fill(stage: &mut Stage, person: &str) {
    for number in 0..30 {
        let new = new_appointment(&format!("Visit {number}"));
        stage.simulator.user(person).create(&new).unwrap();
    }
    stage.sync(person);
    let item = |title: &str| {
        json!({
            "title": title, "start": "2027-03-20T10:00:00", "timeZone": "Europe/Berlin",
            "duration": "PT1H",
        })
    };
    let mut long = item("Long");
    long["description"] = json!("Words and words. ".repeat(20_000));
    stage.put(person, "erp-1", long);
    let mut held = item("Kick-off");
    held["participants"] = json!({ "guest@elsewhere.example": {
        "@type": "Participant", "roles": { "attendee": true },
        "sendTo": { "imip": "mailto:guest@elsewhere.example" }
    } });
    stage.put(person, "erp-2", held);
    stage.subscribe(person);
    stage.sync(person);
}

fn minutes(stage: &mut Stage, count: u32) {
    for _ in 0..count {
        stage.clock.advance(SignedDuration::from_mins(1));
        let service = stage.service.clone();
        let report = stage.run(async move { service.minute().await });
        assert_eq!(report.errors, 0, "{report:?}");
    }
}

#[test]
fn nothing_is_left_of_a_removed_mailbox_but_the_receipt() {
    let (mut stage, table) = stage();
    fill(&mut stage, ALEX);
    fill(&mut stage, BLAKE);
    let before = rows_about(&table, BLAKE).len();
    assert_eq!(stage.holds().len(), 2);
    assert!(rows_about(&table, ALEX).len() > 100, "there is much to delete");

    let (service, caller) = (stage.service.clone(), stage.caller());
    stage.run(async move { service.remove_mailbox(&caller, ALEX).await }).unwrap();
    minutes(&mut stage, 5);
    let in_its_partition = |rows: Vec<(String, String)>| {
        let own = rows.into_iter().filter(|(partition, _)| partition.starts_with("M#"));
        own.map(|(_, sort)| sort).collect::<Vec<_>>()
    };
    let left = in_its_partition(rows_about(&table, ALEX));
    assert!(left.iter().all(|sort| sort.starts_with("SUBSCRIPTION#")), "{left:?}");
    assert_eq!(stage.holds().len(), 1, "its hold went with it");

    // Whoever calls or knocks later leaves nothing behind.
    stage.raise(ALEX);
    stage.clock.advance(CLEARED_WITHIN);
    minutes(&mut stage, 5);
    let left = in_its_partition(rows_about(&table, ALEX));
    assert_eq!(left, Vec::<String>::new());
    let elsewhere = rows_about(&table, ALEX);
    let is_expected = |(partition, _): &(String, String)| {
        partition.starts_with("F#") || partition.starts_with("V#")
    };
    assert!(elsewhere.iter().all(is_expected), "{elsewhere:?}");

    // The entries of the feed, of which only the envelope could be read, end with their time.
    stage.clock.advance(SignedDuration::from_hours(31 * 24));
    table.sweep_expired(tidemark_transport::Clock::now(&stage.clock));
    let receipt = rows_about(&table, ALEX);
    assert_eq!(receipt.len(), 1, "{receipt:?}");
    assert!(receipt[0].0.starts_with("V#"), "{receipt:?}");
    let actions: Vec<String> = stage.activity().into_iter().map(|it| it.action).collect();
    assert_eq!(actions, ["mailbox-removed"]);
    // Its neighbour has everything it had, but what has an end of its own.
    assert!(rows_about(&table, BLAKE).len() * 2 > before);
    assert_eq!(stage.items(BLAKE).len(), 31);
}
