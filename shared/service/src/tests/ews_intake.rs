//! Intake of what Exchange Server posts.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use jiff::SignedDuration;
use tidemark_intake::{NOTIFICATION_BYTES_MAX, PushAnswer, PushIntake as _};
use tidemark_store::memory::Operation;
use tidemark_store::records::{ConnectionId, MailboxScope, SubscriptionRow};
use uuid::Uuid;

use crate::testing::{Stage, scope};

const KEY: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";

fn body(id: &str, previous: &str, events: &str) -> Vec<u8> {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <m:SendNotification xmlns:m=\"urn:m\" xmlns:t=\"urn:t\"><m:ResponseMessages>\
         <m:SendNotificationResponseMessage ResponseClass=\"Success\">\
         <m:ResponseCode>NoError</m:ResponseCode><m:Notification>\
         <t:SubscriptionId>{id}</t:SubscriptionId>\
         <t:PreviousWatermark>{previous}</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>\
         {events}</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages>\
         </m:SendNotification></s:Body></s:Envelope>"
    )
    .into_bytes()
}

fn status(watermark: &str) -> String {
    format!("<t:StatusEvent><t:Watermark>{watermark}</t:Watermark></t:StatusEvent>")
}

fn created(watermark: &str) -> String {
    format!(
        "<t:CreatedEvent><t:Watermark>{watermark}</t:Watermark><t:ItemId Id=\"i\"/></t:CreatedEvent>"
    )
}

fn gone() -> Vec<u8> {
    b"<s:Envelope xmlns:s=\"u\"><s:Body><m:SendNotification xmlns:m=\"m\"><m:ResponseMessages>\
      <m:SendNotificationResponseMessage ResponseClass=\"Error\">\
      <m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode>\
      </m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification>\
      </s:Body></s:Envelope>"
        .to_vec()
}

/// A stage with a subscription of mailbox 1 whose key is [`KEY`] and whose watermark is `w0`.
async fn subscribed() -> (Stage, MailboxScope) {
    let stage = Stage::new().await;
    let scope = scope(1);
    let now = stage.service.world.now();
    let row = SubscriptionRow {
        key_digest: SubscriptionRow::digest(KEY),
        organisation: scope.organisation.clone(),
        mailbox: scope.mailbox,
        connection: ConnectionId::new(Uuid::from_u128(1)),
        subscription_id: None,
        watermark: Some("w0".to_owned()),
        expires_at: None,
        status_minutes: 5,
        certificate_id: None,
        created_at: now,
        last_heard: None,
        retired: false,
        renew_at: now + SignedDuration::from_hours(24),
    };
    stage.service.records.create_subscription(&row).await.unwrap();
    (stage, scope)
}

async fn row(stage: &Stage, scope: &MailboxScope) -> SubscriptionRow {
    stage.subscriptions(scope).await.into_iter().next().unwrap()
}

fn is_taken(answer: &PushAnswer) -> bool {
    matches!(answer, PushAnswer::Taken(body) if String::from_utf8_lossy(body).contains(">OK<"))
}

#[tokio::test]
async fn an_event_raises_the_mark_and_is_written_down() {
    let (stage, scope) = subscribed().await;
    let answer = stage.service.ews_push(KEY, &body("s1", "w0", &created("w1"))).await;
    assert!(is_taken(&answer), "{answer:?}");
    assert_eq!(stage.hinted(&scope).await, 1);
    assert_eq!(stage.queue.len(), 1);
    let row = row(&stage, &scope).await;
    assert_eq!(row.subscription_id.as_deref(), Some("s1"));
    assert_eq!(row.watermark.as_deref(), Some("w1"));
    assert_eq!(row.last_heard, Some(stage.service.world.now()));
}

#[tokio::test]
async fn a_heartbeat_is_noted_and_raises_nothing() {
    let (stage, scope) = subscribed().await;
    assert!(is_taken(&stage.service.ews_push(KEY, &body("s1", "w0", &status("w0"))).await));
    let first = row(&stage, &scope).await.last_heard;
    assert_eq!(first, Some(stage.service.world.now()));
    // A second one within a minute costs no write.
    stage.clock.advance(SignedDuration::from_secs(30));
    stage.fail(|operation| matches!(operation, Operation::Write(_)));
    assert!(is_taken(&stage.service.ews_push(KEY, &body("s1", "w0", &status("w0"))).await));
    stage.mend();
    assert_eq!(row(&stage, &scope).await.last_heard, first);
    stage.clock.advance(SignedDuration::from_secs(30));
    assert!(is_taken(&stage.service.ews_push(KEY, &body("s1", "w0", &status("w0"))).await));
    assert_eq!(row(&stage, &scope).await.last_heard, Some(stage.service.world.now()));
    assert_eq!(stage.hinted(&scope).await, 0);
}

#[tokio::test]
async fn another_previous_watermark_means_that_something_was_missed() {
    let (stage, scope) = subscribed().await;
    assert!(is_taken(&stage.service.ews_push(KEY, &body("s1", "w7", &status("w8"))).await));
    assert_eq!(stage.hinted(&scope).await, 1);
    assert!(is_taken(&stage.service.ews_push(KEY, &body("s1", "w8", &status("w9"))).await));
    assert_eq!(stage.hinted(&scope).await, 1);
}

#[tokio::test]
async fn forged_keys_are_unknown_and_raise_nothing() {
    let (stage, scope) = subscribed().await;
    let news = body("s1", "w0", &created("w1"));
    let other = KEY.replace('Q', "R");
    let digest = SubscriptionRow::digest(KEY);
    for key in ["", "x", &KEY[1..], &format!("{KEY}A"), &other, &digest] {
        assert_eq!(stage.service.ews_push(key, &news).await, PushAnswer::Unknown, "{key}");
    }
    assert_eq!(stage.hinted(&scope).await, 0);
    assert_eq!(row(&stage, &scope).await.subscription_id, None);
}

#[tokio::test]
async fn the_first_subscription_binds_the_key_and_another_is_refused() {
    let (stage, scope) = subscribed().await;
    assert!(is_taken(&stage.service.ews_push(KEY, &body("s1", "w0", &status("w0"))).await));
    let foreign = body("s2", "w0", &created("w1"));
    assert_eq!(stage.service.ews_push(KEY, &foreign).await, PushAnswer::Refused);
    assert_eq!(stage.hinted(&scope).await, 0);
    assert_eq!(row(&stage, &scope).await.watermark.as_deref(), Some("w0"));
}

#[tokio::test]
async fn what_is_no_notification_is_refused() {
    let (stage, scope) = subscribed().await;
    let two = String::from_utf8(body("s1", "w0", &created("w1"))).unwrap();
    let message = two.find("<m:SendNotificationResponseMessage").unwrap();
    let end = two.find("</m:ResponseMessages>").unwrap();
    let second = two[message..end].replace(">s1<", ">s2<");
    let two = format!("{}{second}{}", &two[..end], &two[end..]);
    let huge = vec![b' '; NOTIFICATION_BYTES_MAX + 1];
    let doctype = [b"<!DOCTYPE x []>".as_slice(), &body("s1", "w0", "")].concat();
    let cases: [&[u8]; 6] = [
        b"",
        b"{\"not\": \"xml\"}",
        b"<s:Envelope xmlns:s=\"u\"><s:Body><m:Other xmlns:m=\"m\"/></s:Body></s:Envelope>",
        two.as_bytes(),
        &huge,
        &doctype,
    ];
    for (index, case) in cases.into_iter().enumerate() {
        assert_eq!(stage.service.ews_push(KEY, case).await, PushAnswer::Refused, "{index}");
    }
    assert_eq!(stage.hinted(&scope).await, 0);
    assert_eq!(row(&stage, &scope).await.subscription_id, None);
}

#[tokio::test]
async fn only_a_retired_subscription_is_ended() {
    let (stage, scope) = subscribed().await;
    let digest = SubscriptionRow::digest(KEY);
    stage.service.records.retire_subscription(&digest).await.unwrap();
    let answer = stage.service.ews_push(KEY, &body("s1", "w0", &created("w1"))).await;
    let PushAnswer::Unsubscribe(answer) = answer else { panic!("{answer:?}") };
    assert!(String::from_utf8_lossy(&answer).contains(">Unsubscribe<"));
    assert_eq!(stage.hinted(&scope).await, 0);
    stage.fail(|operation| matches!(operation, Operation::Get(_)));
    let answer = stage.service.ews_push(KEY, &body("s1", "w0", "")).await;
    assert_eq!(answer, PushAnswer::Failed);
}

#[tokio::test]
async fn whatever_step_of_writing_it_down_fails_is_told() {
    let news = body("s1", "w0", &created("w1"));
    // Every operation in turn, until one more than there are.
    let mut step = 0;
    loop {
        let (stage, scope) = subscribed().await;
        let (hit, seen) = (Arc::new(AtomicUsize::new(0)), step);
        let counter = Arc::clone(&hit);
        stage.fail(move |_| counter.fetch_add(1, Ordering::SeqCst) == seen);
        let answer = stage.service.ews_push(KEY, &news).await;
        stage.mend();
        if hit.load(Ordering::SeqCst) <= step {
            assert!(is_taken(&answer));
            break;
        }
        assert_eq!(answer, PushAnswer::Failed, "operation {step}");
        // Exchange tries again, and then everything is as it should be.
        assert!(is_taken(&stage.service.ews_push(KEY, &news).await));
        assert!(stage.hinted(&scope).await >= 1);
        assert_eq!(row(&stage, &scope).await.watermark.as_deref(), Some("w1"));
        step += 1;
    }
    assert!(step >= 4, "only {step} operations");
}

#[tokio::test]
async fn the_news_that_a_subscription_is_gone_asks_for_a_successor() {
    let (stage, scope) = subscribed().await;
    assert!(is_taken(&stage.service.ews_push(KEY, &gone()).await));
    assert_eq!(stage.hinted(&scope).await, 1);
    assert_eq!(row(&stage, &scope).await.renew_at, stage.service.world.now());
}

#[tokio::test]
async fn a_mailbox_that_is_off_still_answers() {
    let (stage, scope) = subscribed().await;
    let records = &stage.service.records;
    records.change_mailbox(&scope, |row| row.enabled = false).await.unwrap();
    let answer = stage.service.ews_push(KEY, &body("s1", "w0", &created("w1"))).await;
    assert!(is_taken(&answer), "{answer:?}");
}
