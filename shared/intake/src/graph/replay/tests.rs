use tidemark_graph::notification::read_notifications;
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_store::records::ConnectionId;
use uuid::Uuid;

use super::*;

const NOW: &str = "2026-11-23T10:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn call(body: &Value) -> Option<Call> {
    Call::of(&read_notifications(body.to_string().as_bytes()).unwrap().entries)
}

fn change(id: Option<&str>, etag: Option<&str>) -> Value {
    json!({
        "id": id, "subscriptionId": "s", "clientState": "state", "changeType": "updated",
        "tenantId": "t", "resource": "Users/u/Events/e",
        "resourceData": { "@odata.etag": etag, "id": "e" },
    })
}

fn lifecycle(event: &str, ends: &str) -> Value {
    json!({
        "subscriptionId": "s", "clientState": "state", "lifecycleEvent": event,
        "subscriptionExpirationDateTime": ends, "tenantId": "t",
    })
}

#[test]
fn the_same_in_another_order_with_other_tokens_is_the_same_call() {
    let (one, two) = (change(Some("1"), None), change(None, Some("W/\"2\"")));
    let first = call(&json!({ "value": [one, two], "validationTokens": ["a.b.c"] })).unwrap();
    let again = call(&json!({ "value": [two, one, two], "validationTokens": ["d.e.f"] })).unwrap();
    assert_eq!(first.digested(), again.digested());
    assert_eq!(first.known_until(now()).duration_since(now()), CHANGES_KEPT);
    for other in [
        change(Some("3"), None),
        change(Some("1"), Some("W/\"1\"")),
        lifecycle("subscriptionRemoved", "2026-11-28T22:00:00Z"),
    ] {
        let other = call(&json!({ "value": [other, two] })).unwrap();
        assert_ne!(first.digested(), other.digested());
    }
    assert!(call(&json!({ "value": [one, change(None, None)] })).is_none(), "nothing comes once");
    let missed = lifecycle("missed", "2026-11-28T22:00:00Z");
    assert!(call(&json!({ "value": [missed] })).is_none(), "a second loss looks like the first");
}

#[test]
fn events_are_told_apart_by_their_end_and_for_ten_minutes() {
    let body = |ends| json!({ "value": [lifecycle("reauthorizationRequired", ends)] });
    let first = call(&body("2026-11-28T22:00:00Z")).unwrap();
    let same = call(&body("2026-11-28T22:00:00.000Z")).unwrap();
    assert_eq!(first.digested(), same.digested());
    assert_ne!(first.digested(), call(&body("2026-11-29T22:00:00Z")).unwrap().digested());
    assert_eq!(first.known_until(now()).duration_since(now()), EVENTS_KEPT);
}

#[test]
fn an_event_is_over_when_what_it_asks_for_was_done() {
    let row = |expires_at: Option<&str>| SubscriptionRow {
        key_digest: String::new(),
        organisation: OrganisationId::parse("acme").unwrap(),
        mailbox: MailboxId::parse("01890000-0000-7000-8000-000000000001").unwrap(),
        connection: ConnectionId::new(Uuid::from_u128(1)),
        subscription_id: Some("s".to_owned()),
        watermark: None,
        status_minutes: 0,
        expires_at: expires_at.map(|at| at.parse().unwrap()),
        certificate_id: None,
        created_at: now(),
        last_heard: None,
        retired: false,
        renew_at: now(),
    };
    use LifecycleEvent::{Missed, ReauthorizationRequired, SubscriptionRemoved, Unrecognised};
    let is_over = |event, told: Option<&str>, known| {
        let life = Life { event, ends: told.map(|at| at.parse().unwrap()) };
        life.is_over(&row(known), now())
    };
    let (early, late) = (Some("2026-11-25T00:00:00Z"), Some("2026-11-29T00:00:00Z"));
    for event in [ReauthorizationRequired, Unrecognised] {
        assert!(is_over(event, early, late));
        assert!(!is_over(event, late, late));
        assert!(!is_over(event, late, early), "somebody else prolonged it");
        assert!(!is_over(event, None, late));
        assert!(!is_over(event, early, None));
    }
    assert!(is_over(SubscriptionRemoved, late, Some(NOW)));
    assert!(!is_over(SubscriptionRemoved, early, late));
    assert!(!is_over(Missed, early, late), "nothing says that it was dealt with");
}
