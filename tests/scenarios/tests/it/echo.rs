//! What comes back from Graph of our own new items: it starts no run once the changes have told of
//! them, and nobody relies on it for what happens to them afterwards.

use jiff::SignedDuration;
use serde_json::json;
use tidemark_scenarios::stage::Stage;
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule};

use super::beyond::{ALEX, settle, watched};

/// The business system makes an item; how many runs that takes.
fn runs_of_a_new_item(stage: &mut Stage) -> u64 {
    let before = stage.marks(ALEX).epoch;
    let item = json!({
        "title": "Audit", "start": "2027-03-05T09:00:00", "timeZone": "Europe/Berlin",
        "duration": "PT1H",
    });
    stage.put(ALEX, "audit", item);
    // It is made, and then notified.
    settle(stage);
    settle(stage);
    stage.marks(ALEX).epoch - before
}

/// A person deletes the item, and no notification tells so: the next sweep has to find it.
fn assert_deletion_is_found(stage: &mut Stage) {
    let silence = FaultRule::per_mille(FaultKind::NotificationDropped, 1000);
    stage.simulator.set_faults(FaultPlan::new(1, vec![silence]));
    let number = stage.appointment(ALEX, "Audit").item;
    stage.simulator.user(ALEX).delete(number).unwrap();
    stage.tick(SignedDuration::from_mins(61));
    let (events, _) = stage.feed(None);
    let deleted =
        events.iter().filter(|event| event["type"].as_str().unwrap().ends_with("deleted"));
    assert_eq!(deleted.count(), 1);
    stage.assert_at_rest();
}

#[test]
fn n9_our_own_new_item_is_one_run_when_the_changes_tell_of_it_at_once() {
    let mut stage = watched();
    assert_eq!(runs_of_a_new_item(&mut stage), 1);
    assert_deletion_is_found(&mut stage);
}

#[test]
fn w1_our_own_new_item_is_read_again_when_the_changes_do_not_tell_of_it_yet() {
    let mut stage = watched();
    let late = FaultRule::times(FaultKind::ChangesDelayed, 1);
    stage.simulator.set_faults(FaultPlan::new(1, vec![late]));
    assert_eq!(runs_of_a_new_item(&mut stage), 2);
    assert_deletion_is_found(&mut stage);
}
