//! Subscriptions and what they hear.

use serde_json::{Value, json};

use super::{Bench, ELLIS, IMMUTABLE, Reply, reply, text, visit};
use crate::callback::{Callback, CallbackKind};
use crate::fault::{FaultKind, FaultPlan, FaultRule};
use crate::simulator::SimStep;

const URL: &str = "https://hooks.tidemark.example/notify?c=7f3a";
const LIFECYCLE: &str = "https://hooks.tidemark.example/lifecycle";

fn wanted() -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": URL,
        "lifecycleNotificationUrl": LIFECYCLE,
        "resource": format!("/users/{ELLIS}/events"),
        "expirationDateTime": "2026-03-07T08:00:00Z",
        "clientState": "secret-state",
    })
}

/// The token of a handshake, as a listener decodes it.
fn token_of(call: &Callback) -> String {
    assert_eq!(call.kind, CallbackKind::Handshake);
    assert!(call.body.is_empty());
    let (_, token) = call.url.split_once("validationToken=").unwrap();
    crate::graph::decoded(token)
}

impl Bench {
    fn subscribe_with(&self, body: &Value, answer: impl Fn(&Callback) -> (u16, String)) -> Reply {
        let request = self.graph_request("POST", "subscriptions", &[IMMUTABLE], Some(body));
        match self.simulator.begin(&request) {
            SimStep::Done(outcome) => reply(outcome),
            SimStep::Waiting(number, calls) => {
                for call in &calls {
                    let (status, body) = answer(call);
                    self.simulator.callback_answered(call.id, status, body.as_bytes());
                }
                reply(self.simulator.finish(number))
            }
        }
    }

    fn subscribe(&self, body: &Value) -> Reply {
        self.subscribe_with(body, |call| (200, token_of(call)))
    }

    fn calls(&self) -> Vec<Callback> {
        self.simulator.due_callbacks(self.simulator.now())
    }

    /// Takes what is due and answers 202; gives the notifications.
    fn hear(&self) -> Vec<Value> {
        let calls = self.calls();
        for call in &calls {
            self.simulator.callback_answered(call.id, 202, b"");
        }
        notes(&calls)
    }
}

fn notes(calls: &[Callback]) -> Vec<Value> {
    calls
        .iter()
        .flat_map(|call| {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            body["value"].as_array().unwrap().clone()
        })
        .collect()
}

fn kinds(of: &[Value]) -> Vec<String> {
    of.iter().map(|note| text(note, "changeType")).collect()
}

#[test]
fn a_listener_proves_itself_inside_of_the_request() {
    let bench = Bench::new();
    let made = bench.subscribe(&wanted());
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["clientState"], "secret-state");
    let id = text(&made.body, "id");
    let read = bench.get(&format!("subscriptions/{id}")).ok();
    assert_eq!(read["clientState"], Value::Null);
    assert_eq!(read["lifecycleNotificationUrl"], LIFECYCLE);
    let twice = bench.subscribe(&wanted());
    assert_eq!(twice.status, 409);
    let message = text(&twice.body["error"], "message");
    assert!(message.contains(&format!("Subscription Id {id} already exists")), "{message}");
    let mut other = wanted();
    other["changeType"] = json!("deleted");
    let refused = bench.subscribe_with(&other, |call| (200, format!("{} ", token_of(call))));
    assert_eq!(refused.code(), (400, "ValidationError"));
    let one_url = |call: &Callback| {
        if call.url.starts_with(LIFECYCLE) { (0, String::new()) } else { (200, token_of(call)) }
    };
    assert_eq!(bench.subscribe_with(&other, one_url).status, 400);
    // Who cannot ask listeners gets no subscription.
    assert_eq!(bench.post("subscriptions", &other).status, 400);
    assert_eq!(bench.graph("DELETE", &format!("subscriptions/{id}"), &[], None).status, 204);
    assert_eq!(bench.subscribe(&wanted()).status, 201);
}

#[test]
fn what_a_subscription_may_not_be() {
    let bench = Bench::new();
    let with = |name: &str, value: Value| {
        let mut body = wanted();
        body[name] = value;
        bench.subscribe(&body).status
    };
    assert_eq!(with("expirationDateTime", json!("2026-03-08T08:00:01Z")), 400);
    assert_eq!(with("expirationDateTime", json!("2026-03-01T07:00:00Z")), 400);
    assert_eq!(with("notificationUrl", json!("http://hooks.tidemark.example/")), 400);
    assert_eq!(with("clientState", json!("x".repeat(129))), 400);
    assert_eq!(with("changeType", json!("moved")), 400);
    assert_eq!(with("resource", json!(format!("/users/{ELLIS}/todo"))), 400);
    assert_eq!(with("resource", json!("/users/nobody@tidemark.example/events")), 404);
    let outside = json!({ "address": "outside@tidemark.example", "inScope": false });
    bench.control("POST", "mailboxes", &outside);
    assert_eq!(with("resource", json!("/users/outside@tidemark.example/events")), 403);
    let mut short = wanted();
    short["expirationDateTime"] = json!("2026-03-01T08:01:00Z");
    let raised = bench.subscribe(&short).ok();
    assert_eq!(raised["expirationDateTime"], "2026-03-01T08:45:00Z");
}

#[test]
fn a_change_is_told_with_its_lasting_id() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    let id = bench.create(&visit());
    let heard = bench.hear();
    assert_eq!(kinds(&heard), ["created"]);
    let note = &heard[0];
    assert_eq!(note["clientState"], "secret-state");
    assert_eq!(note["tenantId"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(note["resourceData"]["id"], id.as_str());
    assert!(text(note, "resource").starts_with("Users/") && text(note, "resource").ends_with(&id));
    assert_eq!(note["resourceData"]["@odata.etag"], bench.event(&id)["@odata.etag"]);
    // The server completes a new event a moment later.
    assert_eq!(bench.hear().len(), 0);
    bench.advance(1);
    assert_eq!(kinds(&bench.hear()), ["updated"]);
    let path = format!("users/{ELLIS}/events/{id}");
    bench.patch(&path, &json!({ "subject": "A" })).ok();
    bench.patch(&path, &json!({ "subject": "B" })).ok();
    assert_eq!(kinds(&bench.hear()), ["updated"], "changes are folded");
    bench.graph("DELETE", &path, &[IMMUTABLE], None).ok();
    let heard = bench.hear();
    assert_eq!(kinds(&heard), ["deleted"]);
    assert!(heard[0]["resourceData"].get("@odata.etag").is_none());
    assert_eq!(heard[0]["resourceData"]["id"], id.as_str());
}

#[test]
fn what_outlook_does_is_told_too() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    let body = json!({ "subject": "Call", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z" });
    bench.control("POST", &format!("mailboxes/{ELLIS}/appointments"), &body);
    assert_eq!(kinds(&bench.hear()), ["created"]);
}

#[test]
fn a_silent_listener_is_asked_again_for_four_hours() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    bench.create(&visit());
    let mut waits = Vec::new();
    let mut at = bench.simulator.now();
    for _ in 0..40 {
        let now = bench.simulator.now();
        let created: Vec<_> =
            bench.calls().into_iter().filter(|call| call.body.contains("\"created\"")).collect();
        for call in &created {
            waits.push(at.duration_until(now).as_secs());
            at = now;
            bench.simulator.callback_answered(call.id, 503, b"");
        }
        let Some(next) = bench.simulator.next_due() else { break };
        bench.advance((now.duration_until(next).as_secs()).max(1));
        if now.duration_until(next).as_hours() > 24 {
            break;
        }
    }
    assert_eq!(waits[..4], [0, 10, 20, 40]);
    let total: i64 = waits.iter().sum();
    assert!(total <= 4 * 3_600 && total > 3_600, "{total}");
}

#[test]
fn what_was_lost_is_told_as_missed() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    bench.create(&visit());
    // A host that lets everybody wait is not told anything for a while.
    let calls = bench.calls();
    bench.advance(11);
    for call in &calls {
        bench.simulator.callback_answered(call.id, 202, b"");
    }
    assert!(bench.calls().is_empty());
    bench.advance(10);
    assert!(bench.calls().is_empty(), "dropped, not only delayed");
    bench.advance(600);
    let heard = bench.hear();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["lifecycleEvent"], "missed");
    assert_eq!(heard[0]["clientState"], "secret-state");
    bench.create(&visit());
    assert_eq!(kinds(&bench.hear()), ["created"]);
}

#[test]
fn grants_have_to_be_proved_again() {
    let mut bench = Bench::new();
    let id = text(&bench.subscribe(&wanted()).ok(), "id");
    bench.advance(24 * 3_600);
    bench.renew_token();
    assert_eq!(bench.hear()[0]["lifecycleEvent"], "reauthorizationRequired");
    assert!(bench.hear().is_empty(), "once is enough");
    bench.advance(3_600);
    bench.renew_token();
    bench.create(&visit());
    assert!(bench.hear().is_empty(), "paused");
    let again = bench.graph("POST", &format!("subscriptions/{id}/reauthorize"), &[], None);
    assert_eq!(again.status, 204);
    bench.advance(1);
    assert_eq!(kinds(&bench.hear()), ["created", "updated"]);
    let longer = json!({ "expirationDateTime": "2026-03-09T08:00:00Z" });
    let renewed = bench.patch(&format!("subscriptions/{id}"), &longer).ok();
    assert_eq!(renewed["expirationDateTime"], "2026-03-09T08:00:00Z");
    bench.advance(7 * 24 * 3_600);
    bench.renew_token();
    assert_eq!(bench.patch(&format!("subscriptions/{id}"), &longer).status, 404);
}

#[test]
fn lifecycle_events_come_when_asked_for() {
    let bench = Bench::new();
    let id = text(&bench.subscribe(&wanted()).ok(), "id");
    bench.control("POST", "graph/lifecycle", &json!({ "event": "missed" }));
    assert_eq!(bench.hear()[0]["lifecycleEvent"], "missed");
    let removed = json!({ "event": "subscriptionRemoved", "subscription": id });
    bench.control("POST", "graph/lifecycle", &removed);
    assert_eq!(bench.hear()[0]["subscriptionId"], id.as_str());
    assert_eq!(bench.get(&format!("subscriptions/{id}")).status, 404);
}

#[test]
fn notifications_are_dropped_doubled_and_late_by_the_plan() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    let faults = |kind| {
        bench.simulator.set_faults(FaultPlan::new(1, vec![FaultRule::times(kind, 1)]));
    };
    faults(FaultKind::NotificationDropped);
    bench.create(&visit());
    assert!(bench.hear().is_empty());
    bench.advance(1);
    bench.hear();
    faults(FaultKind::NotificationDoubled);
    bench.create(&visit());
    assert_eq!(kinds(&bench.hear()), ["created", "created"]);
    bench.advance(1);
    bench.hear();
    faults(FaultKind::NotificationDelayed);
    bench.create(&visit());
    assert!(bench.hear().is_empty());
    bench.advance(1);
    assert_eq!(kinds(&bench.hear()), ["updated", "created"]);
}

#[test]
fn a_mailbox_takes_a_thousand_subscriptions() {
    let bench = Bench::new();
    let calendars = format!("users/{ELLIS}/calendars");
    let mut status = 0;
    for number in 0..=1_000 {
        let name = json!({ "name": format!("Calendar {number}") });
        let id = text(&bench.post(&calendars, &name).ok(), "id");
        let mut body = wanted();
        body["resource"] = json!(format!("{calendars}/{id}/events"));
        status = bench.subscribe(&body).status;
        if status != 201 {
            assert_eq!(number, 1_000);
        }
    }
    assert_eq!(status, 403);
}
