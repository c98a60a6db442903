//! What people decide about what waits, where no waiting change brings it up again.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::border::HoldChoice;
use tidemark_simulator::NewAppointment;
use tidemark_simulator::store::Change;

const ALEX: &str = "alex@tidemark.example";
const WIRES: [Wire; 2] = [Wire::Ews, Wire::Graph];

fn stage(wire: Wire, rules: Value) -> Stage {
    let mut stage = Stage::new(Setting { wire, rules, ..Setting::default() });
    stage.sync(ALEX);
    stage
}

fn item(title: &str) -> Value {
    json!({
        "title": title, "start": "2027-03-03T14:00:00", "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    })
}

fn titles(stage: &Stage) -> Vec<String> {
    let mut titles: Vec<_> =
        stage.calendar(ALEX).into_iter().filter_map(|it| it.event.title).collect();
    titles.sort_unstable();
    titles
}

fn rename(stage: &Stage, from: &str, to: &str) {
    let number = stage.appointment(ALEX, from).item;
    let changes = [Change::Subject(to.to_owned())];
    stage.simulator.user(ALEX).update(number, &changes).expect("it is there");
}

/// The business system and somebody at Outlook rename an item by turns, until that is a fight.
fn fight(stage: &mut Stage) {
    stage.put(ALEX, "erp-1", item("Theirs 0"));
    stage.sync(ALEX);
    for round in 1..=3 {
        stage.patch(ALEX, "erp-1", json!({ "title": format!("Ours {round}") }));
        stage.sync(ALEX);
        rename(stage, &format!("Ours {round}"), &format!("Theirs {round}"));
        stage.sync(ALEX);
    }
    assert_eq!(stage.holds(), []);
    stage.patch(ALEX, "erp-1", json!({ "title": "Ours at last" }));
    stage.sync(ALEX);
    let holds = stage.holds();
    assert_eq!(holds.iter().map(|hold| hold.why.as_str()).collect::<Vec<_>>(), ["loop"]);
    assert_eq!(titles(stage), ["Theirs 3"]);
}

#[test]
fn e21_a_fight_that_a_person_lets_through_is_carried_out() {
    for wire in WIRES {
        let mut stage = stage(wire, json!({}));
        fight(&mut stage);
        stage.decide(HoldChoice::Send);
        stage.sync(ALEX);
        assert_eq!(stage.holds(), [], "{wire:?}");
        assert_eq!(titles(&stage), ["Ours at last"]);
        assert_eq!(stage.pending(ALEX), []);
        // Counting begins anew: the next change is no fight.
        rename(&stage, "Ours at last", "Theirs again");
        stage.sync(ALEX);
        stage.patch(ALEX, "erp-1", json!({ "title": "Ours again" }));
        stage.sync(ALEX);
        assert_eq!((stage.holds(), titles(&stage)), (vec![], vec!["Ours again".to_owned()]));
        stage.assert_at_rest();
    }
}

#[test]
fn e21_a_fight_that_a_person_calls_off_is_over() {
    for wire in WIRES {
        let mut stage = stage(wire, json!({}));
        fight(&mut stage);
        stage.decide(HoldChoice::Discard);
        stage.sync(ALEX);
        assert_eq!((stage.holds(), titles(&stage)), (vec![], vec!["Theirs 3".to_owned()]));
        assert_eq!(stage.pending(ALEX), []);
        let (events, _) = stage.feed(None);
        let refused = |it: &&Value| it["type"] == "tidemark.appointment.refused";
        assert_eq!(events.iter().filter(refused).count(), 1, "{wire:?}");
        stage.assert_at_rest();
    }
}

#[test]
fn what_a_person_calls_off_takes_nothing_else_with_it() {
    for wire in WIRES {
        let mut stage = stage(wire, json!({}));
        fight(&mut stage);
        // Asked for after the person looked.
        stage.patch(ALEX, "erp-1", json!({ "description": "Bring the drafts" }));
        stage.decide(HoldChoice::Discard);
        stage.sync(ALEX);
        assert_eq!(titles(&stage), ["Theirs 3"], "{wire:?}");
        let written = stage.item(ALEX, "erp-1").expect("it is there").item;
        assert_eq!(written["description"], "Bring the drafts");
        assert_eq!(stage.pending(ALEX), []);
        stage.assert_at_rest();
    }
}

/// An item of ours, and beside it what another attempt at the same create left behind, which somebody
/// has edited since.
fn with_second_copy(wire: Wire) -> Stage {
    let mut stage = stage(wire, json!({}));
    stage.put(ALEX, "erp-1", item("Ours"));
    stage.sync(ALEX);
    let copy = NewAppointment {
        subject: "Edited copy".to_owned(),
        start: "2027-03-03T14:00:00".parse().expect("a time"),
        duration: SignedDuration::from_mins(45),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    let marks: Vec<Change> = stage
        .appointment(ALEX, "Ours")
        .extended
        .into_iter()
        .map(|(name, values)| {
            let values = values.iter().map(|stamp| other_attempt(stamp)).collect();
            Change::Extended(name, Some(values))
        })
        .collect();
    assert!(!marks.is_empty(), "our items are marked");
    let user = stage.simulator.user(ALEX);
    let number = user.create(&copy).expect("it fits");
    user.update(number, &marks).expect("it fits");
    stage.sync(ALEX);
    let holds = stage.holds();
    let seen: Vec<_> = holds.iter().map(|it| (it.why.as_str(), it.item.as_deref())).collect();
    assert_eq!(seen, [("late-copy-changed", Some("erp-1"))], "{wire:?}");
    stage
}

/// The stamp of another attempt at the same create: the id of the intent is its second part.
fn other_attempt(stamp: &str) -> String {
    let mut parts: Vec<String> = stamp.split(';').map(str::to_owned).collect();
    parts[1].replace_range(..8, "0a0a0a0a");
    parts.join(";")
}

#[test]
fn a_second_copy_is_removed_when_a_person_says_so() {
    for wire in WIRES {
        let mut stage = with_second_copy(wire);
        assert_eq!(titles(&stage), ["Edited copy", "Ours"]);
        stage.decide(HoldChoice::Send);
        stage.sync(ALEX);
        assert_eq!((stage.holds(), titles(&stage)), (vec![], vec!["Ours".to_owned()]), "{wire:?}");
        assert!(stage.item(ALEX, "erp-1").is_ok(), "the item itself is left alone");
        assert_eq!(stage.mails(), Vec::<Value>::new());
        stage.assert_at_rest();
    }
}

#[test]
fn a_second_copy_is_kept_as_an_item_of_its_own_when_a_person_says_so() {
    for wire in WIRES {
        let mut stage = with_second_copy(wire);
        let (_, cursor) = stage.feed(None);
        stage.decide(HoldChoice::Discard);
        stage.sync(ALEX);
        assert_eq!(stage.holds(), [], "{wire:?}");
        assert_eq!(titles(&stage), ["Edited copy", "Ours"]);
        let (events, cursor) = stage.feed(Some(cursor));
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!(event["type"], "tidemark.appointment.created");
        assert_eq!(event["data"]["item"]["title"], "Edited copy");
        // From now on it is nobody's copy.
        rename(&stage, "Edited copy", "Renamed");
        stage.sync(ALEX);
        let (events, _) = stage.feed(Some(cursor));
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!(event["type"], "tidemark.appointment.updated");
        assert_eq!(stage.holds(), []);
        stage.assert_at_rest();
    }
}

#[test]
fn a_change_of_the_item_is_no_decision_about_its_copy() {
    for wire in WIRES {
        let mut stage = with_second_copy(wire);
        let held = stage.holds();
        stage.patch(ALEX, "erp-1", json!({ "title": "Changed" }));
        stage.sync(ALEX);
        rename(&stage, "Changed", "Changed twice");
        stage.sync(ALEX);
        assert_eq!(stage.holds(), held, "{wire:?}");
        // A person was faster than the decision.
        let copy = stage.appointment(ALEX, "Edited copy").item;
        stage.decide(HoldChoice::Send);
        stage.simulator.user(ALEX).delete(copy).expect("it is there");
        stage.sync(ALEX);
        assert_eq!((stage.holds(), titles(&stage)), (vec![], vec!["Changed twice".to_owned()]));
        stage.assert_at_rest();
    }
}

#[test]
fn what_exchange_refuses_leaves_no_leave_to_mail_behind() {
    for wire in WIRES {
        let mut stage = stage(wire, json!({}));
        let mut meeting = item("Meeting");
        meeting["recurrenceRules"] =
            json!([{ "@type": "RecurrenceRule", "frequency": "daily", "count": 5 }]);
        meeting["participants"] = json!({ "guest@elsewhere.example": {
            "@type": "Participant", "roles": { "attendee": true },
            "sendTo": { "imip": "mailto:guest@elsewhere.example" },
        }});
        stage.put(ALEX, "erp-1", meeting);
        stage.sync(ALEX);
        stage.decide(HoldChoice::Send);
        stage.sync(ALEX);
        let invited = stage.mails();
        assert_eq!(stage.holds(), []);

        // Exchange lets no occurrence pass its neighbour.
        let crossing = json!({ "2027-03-04T14:00:00": { "start": "2027-03-06T15:00:00" } });
        stage.patch(ALEX, "erp-1", json!({ "recurrenceOverrides": crossing }));
        stage.sync(ALEX);
        assert_eq!(stage.holds().len(), 1, "{wire:?}");
        stage.decide(HoldChoice::Send);
        stage.sync(ALEX);
        assert_eq!((stage.holds(), stage.pending(ALEX)), (vec![], vec![]), "{wire:?}");
        let (events, _) = stage.feed(None);
        assert_eq!(events.last().expect("it is told")["type"], "tidemark.appointment.refused");

        stage.patch(ALEX, "erp-1", json!({ "title": "Renamed" }));
        stage.sync(ALEX);
        assert_eq!(stage.holds().len(), 1, "nobody has decided about this one");
        assert_eq!(stage.mails(), invited);
    }
}
