use tidemark_store::records::{Cloud, CredentialKind, GraphAccess, GraphCredential, Protocol};

use super::*;
use crate::testing::{Stage, connection_id, error, organisation, scope};

/// A stage whose connection speaks Graph.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    speak_graph(&stage).await;
    stage
}

async fn speak_graph(stage: &Stage) {
    let records = &stage.service.records;
    let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    let row = ConnectionRow {
        protocol: Protocol::Graph(GraphAccess {
            tenant: "00000000-0000-4000-8000-000000000001".to_owned(),
            client: "00000000-0000-4000-8000-000000000002".to_owned(),
            cloud: Cloud::Global,
            credentials: vec![GraphCredential {
                kind: CredentialKind::Secret { secret_name: "graph".to_owned() },
                expires_at: None,
                made_at: None,
            }],
            application_object: None,
            renews: false,
            rich_notifications: false,
        }),
        ..found.value
    };
    records.save_connection(&organisation(), &row, Some(found.revision)).await.unwrap();
}

async fn renew(stage: &Stage) -> Renewal {
    stage.service.renew_mailbox(&scope(1)).await.unwrap()
}

async fn only(stage: &Stage) -> SubscriptionRow {
    let rows = stage.subscriptions(&scope(1)).await;
    let [row] = rows.try_into().unwrap();
    row
}

fn gone() -> MailboxError {
    MailboxError { disposition: Disposition::Gone, ..error("ResourceNotFound") }
}

#[tokio::test]
async fn a_subscription_is_asked_for_with_its_state_and_for_six_days() {
    let stage = stage().await;
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    assert_eq!(stage.exchange.urls(), ["https://hooks.example.com/graph/notify"]);
    let row = only(&stage).await;
    let state = stage.exchange.client_state().unwrap();
    assert_eq!(row.key_digest, SubscriptionRow::digest(&state));
    assert_eq!(row.expires_at, Some(stage.service.world.now() + LIFE));
    let wait = row.renew_at.duration_since(row.created_at);
    assert!((57..=72).contains(&wait.as_hours()), "{wait}");
    assert_eq!(stage.hinted(&scope(1)).await, 1);
    // It has no heartbeats: silence is no sign of death.
    stage.clock.advance(SignedDuration::from_hours(50));
    assert_eq!(renew(&stage).await, Renewal::Alive);
}

#[tokio::test]
async fn it_is_prolonged_at_half_of_its_life() {
    let stage = stage().await;
    renew(&stage).await;
    stage.clock.advance(SignedDuration::from_hours(72));
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    let until = stage.service.world.now() + LIFE;
    assert_eq!(stage.exchange.renewed(), [("subscription 1".to_owned(), until)]);
    let row = only(&stage).await;
    assert_eq!((row.expires_at, row.retired), (Some(until), false));
    assert!(row.renew_at > stage.service.world.now());
    assert_eq!(renew(&stage).await, Renewal::Alive);
    // Nothing was missed, so nothing is read.
    assert_eq!((stage.exchange.urls().len(), stage.hinted(&scope(1)).await), (1, 1));
}

#[tokio::test]
async fn one_that_is_gone_gets_a_successor_and_the_gap_is_read() {
    let stage = stage().await;
    renew(&stage).await;
    stage.clock.advance(SignedDuration::from_hours(72));
    stage.exchange.refuse(Some(gone()));
    // Making a new one is refused too in this moment; the old one counts until it ends.
    assert!(matches!(renew(&stage).await, Renewal::Failed(_)));
    stage.exchange.refuse(None);
    stage.exchange.lose("subscription 1");
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    let rows = stage.subscriptions(&scope(1)).await;
    let live: Vec<_> = rows.iter().filter(|row| !row.retired).collect();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].subscription_id.as_deref(), Some("subscription 3"));
    assert_eq!(stage.hinted(&scope(1)).await, 2);
}

#[tokio::test]
async fn a_renewal_that_fails_is_shown_when_two_days_are_left() {
    let stage = stage().await;
    renew(&stage).await;
    stage.exchange.refuse(Some(error("Forbidden")));
    stage.clock.advance(SignedDuration::from_hours(72));
    assert!(matches!(renew(&stage).await, Renewal::Failed(_)));
    assert_eq!(stage.mailbox(&scope(1)).await.troubles, []);
    stage.clock.advance(SignedDuration::from_hours(25));
    assert!(matches!(renew(&stage).await, Renewal::Failed(_)));
    let [trouble] = stage.mailbox(&scope(1)).await.troubles.try_into().unwrap();
    assert_eq!(trouble.code, "subscription-Forbidden");
    stage.exchange.refuse(None);
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    assert_eq!(stage.mailbox(&scope(1)).await.troubles, []);
}

#[tokio::test]
async fn what_is_not_wanted_is_ended_by_a_request() {
    let stage = stage().await;
    renew(&stage).await;
    let records = &stage.service.records;
    records.change_mailbox(&scope(1), |row| row.enabled = false).await.unwrap();
    assert_eq!(renew(&stage).await, Renewal::NotWanted);
    stage.exchange.refuse(Some(error("Forbidden")));
    assert_eq!(renew(&stage).await, Renewal::NotWanted);
    assert!(only(&stage).await.retired);
    stage.exchange.refuse(None);
    assert_eq!(renew(&stage).await, Renewal::NotWanted);
    assert_eq!(stage.exchange.ended(), ["subscription 1"]);
    assert_eq!(stage.subscriptions(&scope(1)).await, []);
}

#[tokio::test]
async fn a_connection_that_changes_its_protocol_gets_a_subscription_of_the_new_one() {
    let stage = Stage::new().await;
    renew(&stage).await;
    speak_graph(&stage).await;
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    let rows = stage.subscriptions(&scope(1)).await;
    let live: Vec<_> = rows.iter().filter(|row| !row.retired).collect();
    assert_eq!(live.len(), 1);
    assert!(live[0].expires_at.is_some());
    assert_eq!(rows.len(), 2);
}
