//! N9: what a mailbox costs, measured over a simulated day and held to what the documentation says.

use jiff::SignedDuration;
use serde_json::json;
use tidemark_scenarios::bill::Bill;
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::cost::{Amount, PriceList, Usage};
use tidemark_simulator::NewAppointment;
use tidemark_transport::Clock as _;

const DAY_MINUTES: u32 = 24 * 60;
/// Minutes until the first copies are made and what follows them has happened.
const SETTLING_MINUTES: u32 = 90;
/// How far the measurement may be from what the documentation says, in parts of a hundred.
const TOLERANCE: f64 = 5.0;
/// Changes of a mailbox in a day, and the cents of a month that docs/price.md tells for them.
const TOLD: (u32, f64) = (20, 8.28);

const NAMES: [&str; 20] = [
    "alex", "blake", "casey", "devon", "ellis", "frankie", "gray", "harper", "indigo", "jamie",
    "kendall", "logan", "morgan", "noel", "oakley", "parker", "quinn", "riley", "sage", "taylor",
];

/// What 20 mailboxes use in a day over Graph with so many changes each: half of them made by people,
/// half by the business system.
fn day_of(people: &[String], changes: u32) -> Usage {
    let setting = Setting { wire: Wire::Graph, people: people.to_vec(), ..Setting::default() };
    let mut stage = Stage::new(setting);
    for person in people {
        stage.subscribe(person);
    }
    let mut bill = Bill::of(stage, Wire::Graph);
    bill.pass(SETTLING_MINUTES, |_, _| {});
    let before = bill.total(people);
    let every = DAY_MINUTES / changes;
    bill.pass(DAY_MINUTES, |stage, minute| {
        for (number, person) in people.iter().enumerate() {
            // Each mailbox has minutes of its own.
            let place = minute + u32::try_from(number).unwrap() * 7;
            if place.is_multiple_of(every) {
                change(stage, person, minute, (place / every).is_multiple_of(2));
            }
        }
    });
    bill.total(people).since(before)
}

fn change(stage: &mut Stage, person: &str, minute: u32, by_person: bool) {
    let start = stage.clock.now() + SignedDuration::from_hours(48);
    let start = start.strftime("%Y-%m-%dT%H:%M:00").to_string();
    if by_person {
        let new = NewAppointment {
            subject: format!("Visit {minute}"),
            start: start.parse().unwrap(),
            duration: SignedDuration::from_hours(1),
            body: Some("Bring the drawings, please.".to_owned()),
            location: Some("Muster".to_owned()),
            recurrence: None,
            attendees: Vec::new(),
        };
        stage.simulator.user(person).create(&new).unwrap();
        return;
    }
    let item = json!({
        "title": format!("Boiler {minute}"),
        "description": "The customer waits at the gate.",
        "start": start,
        "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    });
    stage.put(person, &format!("erp-{minute}"), item);
}

#[test]
fn n9_a_mailbox_costs_what_the_documentation_says() {
    let people: Vec<String> = NAMES.map(|name| format!("{name}@tidemark.example")).into();
    let (changes, told) = TOLD;
    let used = day_of(&people, changes);
    let parts = PriceList::embedded().unwrap().price(&used);
    let mailboxes = u64::try_from(people.len()).unwrap();
    let month = |amount: Amount| amount.scaled(mailboxes, 30).cents();
    let cents = month(parts.iter().map(|part| part.amount).sum());
    let shown: Vec<_> = parts.iter().map(|part| (part.what, month(part.amount))).collect();
    println!("{changes} changes a day: {cents} cents a month: {shown:?}");
    let away = (cents - told).abs() / told * 100.0;
    assert!(away <= TOLERANCE, "docs/price.md tells {told} cents, measured {cents}: {shown:?}");
}
