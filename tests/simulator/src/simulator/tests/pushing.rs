//! Push subscriptions: what is posted, and what its answers do.

use super::*;

const OK: &[u8] = b"<E><SubscriptionStatus>OK</SubscriptionStatus></E>";

fn subscribe(bench: &Bench, minutes: u32) -> String {
    let body = bench.ok(
        ALEX,
        &format!(
            "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>\
             <t:DistinguishedFolderId Id=\"calendar\"/></t:FolderIds><t:EventTypes>\
             <t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType>\
             </t:EventTypes><t:StatusFrequency>{minutes}</t:StatusFrequency>\
             <t:URL>http://127.0.0.1:9/hook</t:URL></m:PushSubscriptionRequest></m:Subscribe>"
        ),
    );
    text_of(&body, "SubscriptionId")
}

#[test]
fn push_begins_with_a_status_tells_of_changes_and_beats() {
    let bench = Bench::new();
    let id = subscribe(&bench, 1);
    let first = bench.simulator.due_callbacks(bench.clock.now()).remove(0);
    assert_eq!(
        (text_of(&first.body, "SubscriptionId"), count(&first.body, "StatusEvent")),
        (id, 1)
    );
    assert!(bench.simulator.due_callbacks(bench.clock.now()).is_empty(), "one call at a time");
    bench.simulator.callback_answered(first.id, 200, OK);
    bench.create(VISIT);
    let told = bench.simulator.due_callbacks(bench.clock.now()).remove(0);
    assert_eq!((count(&told.body, "CreatedEvent"), count(&told.body, "ModifiedEvent")), (1, 1));
    assert_eq!(text_of(&told.body, "PreviousWatermark"), text_of(&first.body, "Watermark"));
    bench.simulator.callback_answered(told.id, 200, OK);
    let due = bench.simulator.next_due().unwrap();
    assert_eq!(bench.clock.now().duration_until(due), SignedDuration::from_mins(1));
}

#[test]
fn failed_callbacks_come_again_after_30_60_and_so_on_while_that_is_within_the_period() {
    let bench = Bench::new();
    subscribe(&bench, 30);
    let mut waits = Vec::new();
    while let Some(due) = bench.simulator.next_due() {
        let wait = bench.clock.now().duration_until(due);
        waits.push(wait.as_secs());
        bench.clock.advance(wait);
        let call = bench.simulator.due_callbacks(bench.clock.now()).remove(0);
        bench.simulator.callback_answered(call.id, 500, b"");
    }
    assert_eq!(waits, [0, 30, 60, 120, 240, 480, 960]);
}

#[test]
fn an_unsubscribe_answer_ends_a_push_subscription() {
    let bench = Bench::new();
    subscribe(&bench, 1);
    let call = bench.simulator.due_callbacks(bench.clock.now()).remove(0);
    let answer = b"<E><SubscriptionStatus>Unsubscribe</SubscriptionStatus></E>";
    bench.simulator.callback_answered(call.id, 200, answer);
    assert_eq!(bench.simulator.next_due(), None);
}
