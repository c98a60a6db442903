//! Subscriptions: made, prolonged, ended.

use jiff::Timestamp;

use super::script::empty;
use super::*;
use crate::port::{PushContent, PushRequest};

const URL: &str = "https://hooks.tidemark.example/graph/key";

fn request() -> PushRequest<'static> {
    PushRequest {
        url: URL,
        lifecycle_url: Some(URL),
        client_state: Some("state"),
        status_minutes: 5,
        expires_at: Some("2026-02-27T00:00:00Z".parse().expect("a time")),
        content: None,
    }
}

fn subscription(id: &str, url: &str) -> Value {
    json!({ "id": id, "resource": "Users/8A7C/Events", "changeType": "created,updated,deleted",
        "notificationUrl": url, "clientState": null,
        "expirationDateTime": "2026-02-27T00:00:00.0000000Z" })
}

fn made(id: &str) -> Step {
    (201, subscription(id, URL).to_string()).into()
}

const ID: &str = "2f1e6a7c-0000-4000-8000-aabbccddeeff";

fn exists() -> Step {
    let message = format!("Subscription Id {ID} already exists for the requested combination");
    (409, json!({ "error": { "code": "ExtensionError", "message": message } }).to_string()).into()
}

#[tokio::test]
async fn a_subscription_is_made_with_all_that_only_its_making_can_say() {
    let script = Script::new([made("s")]);
    let made = mailbox(&script).subscribe(&request()).await.expect("a subscription");
    assert_eq!(made.id, "s");
    assert_eq!(made.expires_at, Some("2026-02-27T00:00:00Z".parse().expect("a time")));
    let body = script.body(0);
    assert_eq!(body["resource"], "/users/8a7c/events");
    assert_eq!(body["lifecycleNotificationUrl"], URL);
    assert_eq!(body["clientState"], "state");
    assert_eq!(body["expirationDateTime"], "2026-02-27T00:00:00Z");
    // Ids in notifications are of the kind that this very request prefers.
    assert_eq!(script.header(0, "prefer").as_deref(), Some("IdType=\"ImmutableId\""));
}

#[tokio::test]
async fn no_subscription_is_asked_for_a_longer_life_than_there_is() {
    let script = Script::new([made("s"), made("s")]);
    let mailbox = mailbox(&script);
    for expires_at in [None, Some(Timestamp::MAX)] {
        mailbox.subscribe(&PushRequest { expires_at, ..request() }).await.expect("made");
    }
    for place in [0, 1] {
        assert_eq!(script.body(place)["expirationDateTime"], "2026-03-04T05:13:20Z");
    }
}

/// It was made with another client state, so that what it posts would be nobody's.
#[tokio::test]
async fn one_that_exists_gives_way() {
    let script = Script::new([exists(), empty(204), made("s")]);
    let made = mailbox(&script).subscribe(&request()).await.expect("made");
    assert_eq!(made.id, "s");
    assert_eq!(
        script.calls(),
        [
            "POST /subscriptions".to_owned(),
            format!("DELETE /subscriptions/{ID}"),
            "POST /subscriptions".to_owned()
        ]
    );
}

#[tokio::test]
async fn content_is_asked_for_with_its_certificate_and_lives_a_day_at_most() {
    let script = Script::new([made("s")]);
    let content = PushContent { certificate: "MIIB", certificate_id: "key-1" };
    let asked =
        PushRequest { content: Some(content), expires_at: Some(Timestamp::MAX), ..request() };
    mailbox(&script).subscribe(&asked).await.expect("made");
    let body = script.body(0);
    assert_eq!(body["resource"], "/users/8a7c/events?$select=id,changeKey");
    assert_eq!(body["includeResourceData"], true);
    assert_eq!(
        (&body["encryptionCertificate"], &body["encryptionCertificateId"]),
        (&json!("MIIB"), &json!("key-1"))
    );
    // 23 hours from the clock of the test: Graph allows 1,440 minutes.
    assert_eq!(body["expirationDateTime"], "2026-02-26T05:13:20Z");
}

#[tokio::test]
async fn one_that_exists_without_a_name_is_looked_for() {
    let script = Script::new([
        failure(409, "Conflict"),
        ok(&json!({ "value": [{ "id": "other", "resource": "users/other/events",
                "expirationDateTime": "2026-02-27T00:00:00Z" }],
            "@odata.nextLink": "https://graph.microsoft.com/v1.0/subscriptions?$skiptoken=1" })),
        ok(&json!({ "value": [subscription("old", URL)] })),
        empty(204),
        made("s"),
    ]);
    let made = mailbox(&script).subscribe(&request()).await.expect("made");
    assert_eq!(made.id, "s");
    assert_eq!(script.calls()[3], "DELETE /subscriptions/old");
}

#[tokio::test]
async fn a_refused_subscription_says_why() {
    for (status, code, disposition, word) in [
        (400, "ValidationError", Disposition::Reject, "callback address"),
        (403, "Forbidden", Disposition::Reject, "1,000"),
        (404, "MailboxNotEnabledForRESTAPI", Disposition::Reject, "EWS"),
    ] {
        let script = Script::new([failure(status, code)]);
        let error = mailbox(&script).subscribe(&request()).await.expect_err("refused");
        assert_eq!((error.disposition, error.scope), (disposition, Scope::Mailbox), "{code}");
        assert!(error.text.contains(word), "{}", error.text);
    }
    let script = Script::new([]);
    let without = PushRequest { client_state: None, ..request() };
    let error = mailbox(&script).subscribe(&without).await.expect_err("no client state");
    assert_eq!(error.code, "client-state-unfit");
}

#[tokio::test]
async fn a_subscription_is_prolonged_or_gone() {
    let script = Script::new([ok(&subscription("s", URL)), failure(404, "ResourceNotFound")]);
    let mailbox = mailbox(&script);
    let until = "2026-02-28T00:00:00Z".parse().expect("a time");
    let renewed = mailbox.renew("s", until).await.expect("renewed");
    assert_eq!(renewed.expires_at, Some("2026-02-27T00:00:00Z".parse().expect("a time")));
    assert_eq!(script.calls(), ["PATCH /subscriptions/s"]);
    assert_eq!(script.body(0), json!({ "expirationDateTime": "2026-02-28T00:00:00Z" }));
    let gone = mailbox.renew("s", until).await.expect_err("gone");
    assert_eq!((gone.disposition, gone.code.as_str()), (Disposition::Gone, "subscription-gone"));
}

#[tokio::test]
async fn one_that_is_gone_already_has_ended() {
    let script =
        Script::new([empty(204), failure(404, "ResourceNotFound"), failure(403, "Forbidden")]);
    let mailbox = mailbox(&script);
    assert_eq!(mailbox.unsubscribe("s").await, Ok(()));
    assert_eq!(mailbox.unsubscribe("s").await, Ok(()));
    assert!(mailbox.unsubscribe("s").await.is_err());
}
