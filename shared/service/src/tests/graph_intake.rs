//! Intake of what Graph posts.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_intake::{GraphAnswer, GraphIntake as _};
use tidemark_store::memory::Operation;
use tidemark_store::records::{ConnectionId, MailboxScope, SubscriptionRow};
use uuid::Uuid;

use crate::testing::{Stage, scope};

const STATE: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
const OTHER: &str = "ABCDEFGHIJKLMNOPQabcdefghijklmnopqrstuvwxyz";

/// A stage with a subscription of mailbox 1 whose client state is [`STATE`], and one of mailbox 2.
async fn subscribed() -> (Stage, MailboxScope, MailboxScope) {
    let stage = Stage::new().await;
    for (number, state) in [(1, STATE), (2, OTHER)] {
        let scope = scope(number);
        let now = stage.service.world.now();
        let row = SubscriptionRow {
            key_digest: SubscriptionRow::digest(state),
            organisation: scope.organisation.clone(),
            mailbox: scope.mailbox,
            connection: ConnectionId::new(Uuid::from_u128(1)),
            subscription_id: None,
            watermark: None,
            status_minutes: 0,
            expires_at: Some(now + SignedDuration::from_hours(144)),
            certificate_id: None,
            created_at: now,
            last_heard: None,
            retired: false,
            renew_at: now + SignedDuration::from_hours(72),
        };
        stage.service.records.create_subscription(&row).await.unwrap();
    }
    (stage, scope(1), scope(2))
}

fn change(subscription: &str, state: &str) -> Value {
    json!({
        "id": "lsgTZMr9KwAAA", "subscriptionId": subscription, "clientState": state,
        "subscriptionExpirationDateTime": "2026-11-28T22:00:00Z", "changeType": "updated",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        "resource": "Users/8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a/Events/AAkALg=",
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.Event", "@odata.etag": "W/\"DwAAABYA\"",
            "@odata.id": "Users/8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a/Events/AAkALg=",
            "id": "AAkALg="
        }
    })
}

fn lifecycle(event: &str) -> Value {
    json!({
        "subscriptionId": "s1", "clientState": STATE, "lifecycleEvent": event,
        "subscriptionExpirationDateTime": "2027-03-08T09:00:00Z",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95"
    })
}

async fn push(stage: &Stage, entries: Vec<Value>) -> GraphAnswer {
    stage.service.graph_push(json!({ "value": entries }).to_string().as_bytes()).await.answer
}

async fn row(stage: &Stage, scope: &MailboxScope) -> SubscriptionRow {
    stage.subscriptions(scope).await.into_iter().next().unwrap()
}

#[tokio::test]
async fn one_call_raises_each_mailbox_once_and_binds_the_subscriptions() {
    let (stage, one, two) = subscribed().await;
    let entries = vec![
        change("s1", STATE),
        change("s1", STATE),
        change("s2", OTHER),
        json!({ "subscriptionId": 7 }),
        json!("nonsense"),
    ];
    assert_eq!(push(&stage, entries).await, GraphAnswer::Taken);
    assert_eq!((stage.hinted(&one).await, stage.hinted(&two).await), (1, 1));
    assert_eq!(row(&stage, &one).await.subscription_id.as_deref(), Some("s1"));
    assert_eq!(row(&stage, &two).await.subscription_id.as_deref(), Some("s2"));
    assert_eq!(row(&stage, &one).await.last_heard, Some(stage.service.world.now()));
}

#[tokio::test]
async fn what_is_not_ours_queues_nothing_and_is_answered_like_all_else() {
    let (stage, one, two) = subscribed().await;
    assert_eq!(push(&stage, vec![change("s1", STATE)]).await, GraphAnswer::Taken);
    let forged = [
        change("s1", "unknown"),
        change("s1", &STATE.replace('a', "b")),
        change("another", STATE),
        json!({ "subscriptionId": "s1", "changeType": "updated", "clientState": null }),
        json!({ "subscriptionId": "s1", "changeType": "updated" }),
    ];
    for entry in forged {
        assert_eq!(push(&stage, vec![entry]).await, GraphAnswer::Taken);
    }
    assert_eq!(push(&stage, Vec::new()).await, GraphAnswer::Taken);
    assert_eq!((stage.hinted(&one).await, stage.hinted(&two).await), (1, 0));
    for body in [b"".as_slice(), b"[]", b"{\"value\":5}", b"<x/>"] {
        assert_eq!(stage.service.graph_push(body).await.answer, GraphAnswer::Refused, "{body:?}");
    }
}

#[tokio::test]
async fn a_retired_subscription_raises_nothing() {
    let (stage, one, _) = subscribed().await;
    stage.service.records.retire_subscription(&SubscriptionRow::digest(STATE)).await.unwrap();
    assert_eq!(push(&stage, vec![change("s1", STATE)]).await, GraphAnswer::Taken);
    assert_eq!(stage.hinted(&one).await, 0);
}

#[tokio::test]
async fn lifecycle_events_have_the_subscription_looked_at() {
    let now = |stage: &Stage| stage.service.world.now();
    let (stage, one, _) = subscribed().await;
    push(&stage, vec![lifecycle("missed")]).await;
    assert_eq!(stage.hinted(&one).await, 1);
    assert!(row(&stage, &one).await.renew_at > now(&stage));

    push(&stage, vec![lifecycle("reauthorizationRequired")]).await;
    let after = row(&stage, &one).await;
    assert_eq!((stage.hinted(&one).await, after.renew_at), (1, now(&stage)));
    assert!(after.expires_at > Some(now(&stage)));

    push(&stage, vec![lifecycle("subscriptionRemoved")]).await;
    assert_eq!(stage.hinted(&one).await, 2);
    assert_eq!(row(&stage, &one).await.expires_at, Some(now(&stage)));
}

#[tokio::test]
async fn what_a_change_names_is_kept_for_the_run() {
    let (stage, one, two) = subscribed().await;
    let mut other = change("s1", STATE);
    other["resourceData"]["id"] = json!("AAkALg_");
    push(&stage, vec![change("s1", STATE), change("s1", STATE), other]).await;
    let marks = stage.service.records.marks(&one).await.unwrap();
    assert_eq!(marks.named.items().collect::<Vec<_>>(), ["AAkALg=", "AAkALg_"]);
    assert!(!marks.named.is_incomplete());

    // Where notifications were lost, names were too.
    push(&stage, vec![lifecycle("missed")]).await;
    assert!(stage.service.records.marks(&one).await.unwrap().named.is_incomplete());
    let mut nameless = change("s2", OTHER);
    nameless["resourceData"] = json!(null);
    nameless["resource"] = json!("Users/8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a");
    push(&stage, vec![nameless]).await;
    assert!(stage.service.records.marks(&two).await.unwrap().named.is_incomplete());
}

#[tokio::test]
async fn what_cannot_be_written_down_is_asked_for_again() {
    let (stage, one, two) = subscribed().await;
    stage.fail(|operation| matches!(operation, Operation::Write(_) | Operation::Transact(_)));
    let entries = vec![change("s1", STATE), change("s2", OTHER)];
    assert_eq!(push(&stage, entries.clone()).await, GraphAnswer::Failed);
    stage.mend();
    assert_eq!(push(&stage, entries).await, GraphAnswer::Taken);
    assert_eq!((stage.hinted(&one).await, stage.hinted(&two).await), (1, 1));
}
