use std::sync::{Arc, Mutex};

use tidemark_store::memory::Operation;

use super::*;
use crate::testing::{Stage, connection_id, error, organisation, scope};
use tidemark_intake::{PushAnswer, PushIntake as _};

/// The subscriptions that are not retired.
async fn live(stage: &Stage) -> Vec<SubscriptionRow> {
    let rows = stage.subscriptions(&scope(1)).await;
    rows.into_iter().filter(|row| !row.retired).collect()
}

async fn renew(stage: &Stage) -> Renewal {
    stage.service.renew_mailbox(&scope(1)).await.unwrap()
}

#[tokio::test]
async fn a_new_mailbox_is_subscribed_once_and_synced_for_the_gap() {
    let stage = Stage::new().await;
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    let [row] = live(&stage).await.try_into().unwrap();
    let key = stage.exchange.last_key();
    assert_eq!(stage.exchange.urls(), [format!("https://hooks.example.com/ews/{key}")]);
    assert_eq!(key.len(), tidemark_intake::KEY_CHARACTERS);
    assert_eq!(row.key_digest, SubscriptionRow::digest(&key));
    assert_eq!(row.subscription_id.as_deref(), Some("subscription 1"));
    assert_eq!(row.watermark.as_deref(), Some("w0"));
    let life = row.renew_at.duration_since(row.created_at);
    assert!((19..=24).contains(&life.as_hours()), "{life}");
    assert_eq!(stage.hinted(&scope(1)).await, 1);
    assert_eq!(stage.mailbox(&scope(1)).await.state, MailboxState::Subscribed);
    // Looking again changes nothing.
    assert_eq!(renew(&stage).await, Renewal::Alive);
    assert_eq!((stage.exchange.urls().len(), stage.hinted(&scope(1)).await), (1, 1));
}

#[tokio::test]
async fn the_row_stands_before_exchange_is_asked() {
    let stage = Stage::new().await;
    let seen = Arc::new(Mutex::new(None));
    let (service, answer) = (stage.service.clone(), Arc::clone(&seen));
    stage.exchange.early(Box::new(move |url| {
        let key = url.rsplit('/').next().unwrap();
        let body = b"<e:Envelope xmlns:e=\"e\"><e:Body><SendNotification><ResponseMessages>\
            <SendNotificationResponseMessage ResponseClass=\"Success\"><ResponseCode>NoError\
            </ResponseCode><Notification><SubscriptionId>subscription 1</SubscriptionId>\
            <PreviousWatermark>w0</PreviousWatermark><StatusEvent><Watermark>w5</Watermark>\
            </StatusEvent></Notification></SendNotificationResponseMessage></ResponseMessages>\
            </SendNotification></e:Body></e:Envelope>";
        let mut push = Box::pin(service.ews_push(key, body));
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        if let core::task::Poll::Ready(pushed) = push.as_mut().poll(&mut context) {
            *answer.lock().unwrap() = Some(pushed);
        }
    }));
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    assert!(matches!(seen.lock().unwrap().take(), Some(PushAnswer::Taken(_))));
    let [row] = live(&stage).await.try_into().unwrap();
    // The call's watermark is later than that of the answer.
    assert_eq!(row.watermark.as_deref(), Some("w5"));
}

#[tokio::test]
async fn nothing_is_asked_while_the_row_cannot_be_stored() {
    let stage = Stage::new().await;
    stage.fail(|operation| matches!(operation, Operation::Transact(_)));
    assert!(stage.service.renew_mailbox(&scope(1)).await.is_err());
    assert_eq!(stage.exchange.urls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_silent_subscription_gets_a_successor() {
    let stage = Stage::new().await;
    renew(&stage).await;
    let first = live(&stage).await.remove(0);
    stage.clock.advance(SignedDuration::from_secs(599));
    assert_eq!(renew(&stage).await, Renewal::Alive);
    stage.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    let [second] = live(&stage).await.try_into().unwrap();
    assert_ne!(second.key_digest, first.key_digest);
    assert_eq!(stage.hinted(&scope(1)).await, 2);
    // The old one is still known, so that its next call is told to end it, and forgotten later.
    assert_eq!(stage.subscriptions(&scope(1)).await.len(), 2);
    stage.clock.advance(SignedDuration::from_mins(21));
    renew(&stage).await;
    let rows = stage.subscriptions(&scope(1)).await;
    assert!(!rows.iter().any(|row| row.key_digest == first.key_digest));
}

#[tokio::test]
async fn one_that_is_heard_lives_until_its_time() {
    let stage = Stage::new().await;
    renew(&stage).await;
    let records = &stage.service.records;
    for _ in 0..24 * 20 {
        stage.clock.advance(SignedDuration::from_mins(5));
        let [row] = live(&stage).await.try_into().unwrap();
        if row.renew_at <= stage.service.world.now() {
            break;
        }
        let found = records.subscription_of_digest(&row.key_digest).await.unwrap().unwrap();
        let heard = SubscriptionRow { last_heard: Some(stage.service.world.now()), ..row };
        records.save_subscription(&heard, found.revision).await.unwrap();
        assert_eq!(renew(&stage).await, Renewal::Alive);
    }
    assert_eq!(renew(&stage).await, Renewal::Renewed);
}

#[tokio::test]
async fn one_that_was_never_bound_is_not_waited_for() {
    let stage = Stage::new().await;
    // Cut off between the row and the answer.
    let row = stage.service.new_row(&scope(1), &stage_connection(&stage).await, "key", None);
    stage.service.records.create_subscription(&row).await.unwrap();
    assert_eq!(renew(&stage).await, Renewal::Alive);
    stage.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    assert_eq!(live(&stage).await.len(), 1);
}

async fn stage_connection(stage: &Stage) -> ConnectionRow {
    let records = &stage.service.records;
    records.connection(&organisation(), connection_id()).await.unwrap().unwrap().value
}

async fn change_connection(stage: &Stage, change: impl FnOnce(&mut ConnectionRow)) {
    let records = &stage.service.records;
    let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    let mut row = found.value;
    change(&mut row);
    records.save_connection(&organisation(), &row, Some(found.revision)).await.unwrap();
}

#[tokio::test]
async fn what_is_switched_off_is_retired() {
    let off: [fn(&mut ConnectionRow); 3] = [
        |row| row.enabled = false,
        |row| row.appointments = false,
        |row| row.notifications = Notifications::Poll,
    ];
    for change in off {
        let stage = Stage::new().await;
        renew(&stage).await;
        change_connection(&stage, change).await;
        assert_eq!(renew(&stage).await, Renewal::NotWanted);
        assert_eq!(live(&stage).await, []);
    }
    let stage = Stage::new().await;
    renew(&stage).await;
    stage.service.records.delete_mailbox(&scope(1)).await.unwrap();
    assert_eq!(renew(&stage).await, Renewal::NotWanted);
    assert_eq!(live(&stage).await, []);
}

#[tokio::test]
async fn a_refusal_is_shown_and_cleared_when_it_is_mended() {
    let stage = Stage::new().await;
    let refusal = error("ErrorInvalidPushSubscriptionUrl");
    stage.exchange.refuse(Some(refusal.clone()));
    assert_eq!(renew(&stage).await, Renewal::Failed(refusal.clone()));
    let since = stage.service.world.now();
    stage.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(renew(&stage).await, Renewal::Failed(refusal));
    let [trouble] = stage.mailbox(&scope(1)).await.troubles.try_into().unwrap();
    assert_eq!(trouble.code, "subscription-ErrorInvalidPushSubscriptionUrl");
    assert_eq!(trouble.since, since);
    assert!(!trouble.mend.is_empty());
    assert_eq!(live(&stage).await, []);
    assert_eq!(stage.mailbox(&scope(1)).await.state, MailboxState::New);
    stage.exchange.refuse(None);
    assert_eq!(renew(&stage).await, Renewal::Renewed);
    assert_eq!(stage.mailbox(&scope(1)).await.troubles, []);
}

#[tokio::test]
async fn exchange_is_left_alone_as_long_as_it_asked() {
    let stage = Stage::new().await;
    let until = stage.service.world.now() + SignedDuration::from_mins(3);
    change_connection(&stage, |row| row.wait_until = Some(until)).await;
    assert_eq!(renew(&stage).await, Renewal::Waits(until));
    assert_eq!(stage.exchange.urls(), Vec::<String>::new());
    stage.clock.advance(SignedDuration::from_mins(3));
    assert_eq!(renew(&stage).await, Renewal::Renewed);
}

#[tokio::test]
async fn of_two_that_live_one_is_left() {
    let stage = Stage::new().await;
    renew(&stage).await;
    stage.clock.advance(SignedDuration::from_secs(1));
    let row = stage.service.new_row(&scope(1), &stage_connection(&stage).await, "key", None);
    stage.service.records.create_subscription(&row).await.unwrap();
    stage.service.records.bind_subscription(&row.key_digest, "s9").await.unwrap();
    assert_eq!(renew(&stage).await, Renewal::Alive);
    let [left] = live(&stage).await.try_into().unwrap();
    assert_eq!(left.key_digest, row.key_digest);
}
