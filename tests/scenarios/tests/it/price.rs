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
/// Set to show what the table was asked for.
const ITEMISED: &str = "TIDEMARK_PRICE_ITEMS";
/// Set to another number of changes a day than the one that is told, to see what that costs.
const CHANGES: &str = "TIDEMARK_PRICE_CHANGES";
/// Set to `ews` to see what that costs over Exchange Web Services with push.
const WIRE: &str = "TIDEMARK_PRICE_WIRE";
/// Changes of a mailbox in a day, and the cents of a month that docs/price.md tells for them.
const TOLD: (u32, f64) = (20, 3.02);

pub(super) const NAMES: [&str; 20] = [
    "alex", "blake", "casey", "devon", "ellis", "frankie", "gray", "harper", "indigo", "jamie",
    "kendall", "logan", "morgan", "noel", "oakley", "parker", "quinn", "riley", "sage", "taylor",
];

/// What 20 mailboxes use in a day with so many changes each: half of them made by people, half by the
/// business system.
fn day_of(people: &[String], wire: Wire, changes: u32) -> Usage {
    let setting = Setting { wire, people: people.to_vec(), ..Setting::default() };
    let mut stage = Stage::new(setting);
    for person in people {
        stage.subscribe(person);
    }
    let mut bill = Bill::of(stage, wire);
    bill.pass(SETTLING_MINUTES, |_, _| {});
    let before = bill.total(people);
    let every = DAY_MINUTES.checked_div(changes).unwrap_or(DAY_MINUTES + 1);
    if std::env::var_os(ITEMISED).is_some() {
        bill.stage.effects.itemise();
    }
    bill.pass(DAY_MINUTES, |bill, minute| {
        bill.pull();
        for (number, person) in people.iter().enumerate() {
            // Each mailbox has minutes of its own.
            let place = minute + u32::try_from(number).unwrap() * 7;
            if changes > 0 && place.is_multiple_of(every) {
                change(bill, person, minute, (place / every).is_multiple_of(2));
            }
        }
    });
    let used = bill.total(people).since(before);
    bill.show_items(u64::from(changes) * u64::try_from(people.len()).unwrap());
    used
}

fn change(bill: &mut Bill, person: &str, minute: u32, by_person: bool) {
    let start = bill.stage.clock.now() + SignedDuration::from_hours(48);
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
        bill.stage.simulator.user(person).create(&new).unwrap();
        return;
    }
    let item = json!({
        "title": format!("Boiler {minute}"),
        "description": "The customer waits at the gate.",
        "start": start,
        "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    });
    bill.put(person, &format!("erp-{minute}"), item);
}

/// What is reckoned instead of what the documentation tells, if anything else is.
#[expect(clippy::disallowed_methods, reason = "what is reckoned is said by the environment")]
fn asked() -> Option<(Wire, u32)> {
    let changes = std::env::var(CHANGES).ok().map(|text| text.parse().unwrap());
    let wire = match std::env::var(WIRE).as_deref() {
        Ok("ews") => Some(Wire::Ews),
        Ok(other) => panic!("{WIRE} is {other}, and should be ews or not be set"),
        Err(_) => None,
    };
    let is_other = changes.is_some() || wire.is_some();
    is_other.then(|| (wire.unwrap_or(Wire::Graph), changes.unwrap_or(TOLD.0)))
}

#[test]
fn n9_a_mailbox_costs_what_the_documentation_says() {
    let people: Vec<String> = NAMES.map(|name| format!("{name}@tidemark.example")).into();
    let (changes, told) = TOLD;
    let (wire, changes) = asked().unwrap_or((Wire::Graph, changes));
    let used = day_of(&people, wire, changes);
    let parts = PriceList::embedded().unwrap().price(&used);
    let mailboxes = u64::try_from(people.len()).unwrap();
    let month = |amount: Amount| amount.scaled(mailboxes, 30).cents();
    let cents = month(parts.iter().map(|part| part.amount).sum());
    let shown: Vec<_> = parts.iter().map(|part| (part.what, month(part.amount))).collect();
    println!("{changes} changes a day: {cents} cents a month: {shown:?}");
    if asked().is_some() {
        return;
    }
    let away = (cents - told).abs() / told * 100.0;
    assert!(away <= TOLERANCE, "docs/price.md tells {told} cents, measured {cents}: {shown:?}");
}

/// Requests to the queue that a run takes: sent, received and deleted.
const QUEUE_REQUESTS_OF_A_RUN: u64 = 3;

#[test]
fn n9_an_echo_starts_no_run_and_hides_nothing() {
    let people = vec!["alex@tidemark.example".to_owned()];
    let setting = Setting { wire: Wire::Graph, people: people.clone(), ..Setting::default() };
    let mut stage = Stage::new(setting);
    stage.subscribe(&people[0]);
    let mut bill = Bill::of(stage, Wire::Graph);
    // Until just after the mailbox's turn, so that no sweep comes in between.
    bill.pass(SETTLING_MINUTES, |_, _| {});
    let mut runs_of = |by_person: bool| {
        let before = bill.total(&people);
        bill.pass(5, |bill, minute| {
            if minute == 0 {
                change(bill, &people[0], minute, by_person);
            }
        });
        bill.total(&people).since(before).queue_requests / QUEUE_REQUESTS_OF_A_RUN
    };
    // Our own create is told twice, as created and as updated. The run that made it has moved the cursor
    // past it, so that both are known.
    assert_eq!(runs_of(false), 1);
    // What a person makes is told twice as well, and has one run.
    assert_eq!(runs_of(true), 1);
}
