//! The adapter against a script: what it sends is read as XML, what it gets was written by hand
//! after Microsoft's documentation.

mod first_look;
mod reading;
pub(super) mod script;
mod writing;

use core::time::Duration;

use async_trait::async_trait;
use tidemark_model::{Event, LinkId, MailMode, Participation};
use tidemark_transport::{Delivery, TransportFault};

use super::*;
use crate::error::{Disposition, Scope};
use crate::port::{Cursor, Mailbox, Permit, PushRequest, RemoteEvent, RemoteId, RemoteRef, Stamp};
use script::{
    Script, answer, busy_fault, error_message, fault, get_item, mailbox, message, plain_item, soap,
};

#[tokio::test]
async fn every_request_carries_the_headers_that_exchange_asks_for() {
    let script = Script::new([answer(&get_item(&[plain_item("a", "1")]))]);
    let mailbox = mailbox(&script, Access::Impersonation);
    mailbox.read(&[RemoteId::new("a")]).await.expect("items");
    let request = script.request(0);
    assert_eq!(request.url, "https://mail.example/EWS/Exchange.asmx");
    assert_eq!(request.method, http::Method::POST);
    assert_eq!(request.headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(request.headers["user-agent"], PRODUCT);
    assert_eq!(request.headers["return-client-request-id"], "true");
    assert_eq!(request.headers["x-anchormailbox"], "alex@tidemark.example");
    assert_eq!(request.headers["authorization"], "Basic c3ZjOnNlY3JldA==");
    assert!(request.headers["authorization"].is_sensitive());
    let id = request.headers["client-request-id"].to_str().expect("ASCII");
    assert!(uuid::Uuid::parse_str(id).is_ok());
    assert!(!request.headers.contains_key("x-preferserveraffinity"));
    let acts_for = script.texts(0, "PrimarySmtpAddress");
    assert_eq!(acts_for, ["alex@tidemark.example"]);
    assert_eq!(script.attributes(0, "RequestServerVersion", "Version"), ["Exchange2013_SP1"]);
}

#[tokio::test]
async fn an_account_with_its_own_mailbox_impersonates_nobody() {
    let script = Script::new([answer(&get_item(&[plain_item("a", "1")]))]);
    let mailbox = mailbox(&script, Access::Own);
    mailbox.read(&[RemoteId::new("a")]).await.expect("items");
    assert!(script.texts(0, "PrimarySmtpAddress").is_empty());
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let script = Script::new([(500, busy_fault(90_000)).into()]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let error = mailbox.changes(None, 10).await.expect_err("busy");
    assert_eq!(error.disposition, Disposition::RetryAfter(Duration::from_secs(90)));
    assert_eq!(error.code, "ErrorServerBusy");
    script.clock.pass(30);
    // The script has no second answer: this one is refused without being sent.
    let error = mailbox.changes(None, 10).await.expect_err("still waiting");
    assert_eq!(error.disposition, Disposition::RetryAfter(Duration::from_mins(1)));
    assert_eq!(error.code, "backing-off");
}

#[tokio::test]
async fn a_refused_credential_is_told_as_such() {
    let script = Script::new([(401, String::new()).into()]);
    let error = mailbox(&script, Access::Own).check().await.expect_err("refused");
    assert_eq!((error.disposition, error.scope), (Disposition::Authorize, Scope::Connection));
}

#[tokio::test]
async fn impersonation_that_is_not_allowed_stops_the_mailbox_with_its_mend() {
    let script = Script::new([(500, fault("ErrorImpersonateUserDenied", "denied")).into()]);
    let error = mailbox(&script, Access::Impersonation).check().await.expect_err("refused");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Mailbox));
    assert!(error.text.contains("ApplicationImpersonation"), "{}", error.text);
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_with_its_mend() {
    let script = Script::new([(TransportFault::UntrustedCertificate, Delivery::NotSent).into()]);
    let error = mailbox(&script, Access::Own).check().await.expect_err("refused");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Connection));
    assert_eq!(error.code, "certificate-untrusted");
    assert!(error.text.contains("upload"), "{}", error.text);
}

#[tokio::test]
async fn what_is_no_ews_is_told_from_an_error_of_ews() {
    for body in ["", "<html><body>Sign in</body></html>", "not XML at all <"] {
        let script = Script::new([answer(body)]);
        let error = mailbox(&script, Access::Own).changes(None, 10).await.expect_err("no EWS");
        assert_eq!(error.code, "answer-unreadable", "{body}");
        assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
    }
}

#[tokio::test]
async fn a_check_names_the_server_and_counts_the_calendar() {
    let folder = "<m:Folders><t:CalendarFolder><t:FolderId Id=\"f\" ChangeKey=\"k\"/>\
                  <t:TotalCount>7</t:TotalCount></t:CalendarFolder></m:Folders>";
    let script = Script::new([answer(&soap("GetFolder", &[message("GetFolder", folder)]))]);
    let facts = mailbox(&script, Access::Own).check().await.expect("facts");
    let version = facts.version.expect("a version");
    assert_eq!(version.to_string(), "15.2.2562.17");
    assert_eq!(version.product(), ExchangeProduct::SubscriptionEdition);
    assert_eq!(facts.calendar_items, Some(7));
    assert_eq!(script.attributes(0, "DistinguishedFolderId", "Id"), ["calendar"]);
}

#[tokio::test]
async fn a_second_subscription_goes_to_the_server_of_the_first() {
    let made = "<m:SubscriptionId>sub</m:SubscriptionId><m:Watermark>mark</m:Watermark>";
    let body = soap("Subscribe", &[message("Subscribe", made)]);
    let script = Script::new([
        answer(&body).with_header("set-cookie", "other=1; path=/"),
        answer(&body).with_header("set-cookie", "X-BackEndOverrideCookie=srv~1; path=/; secure"),
        answer(&body),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    for _ in 0..3 {
        let made = mailbox
            .subscribe(&PushRequest::to("https://hooks.example/key", 5))
            .await
            .expect("subscribed");
        assert_eq!(made.id, "sub");
        assert_eq!(made.watermark.as_deref(), Some("mark"));
    }
    let cookie = |index| script.request(index).headers.get("cookie").cloned();
    assert_eq!(cookie(1), None);
    assert_eq!(cookie(2).expect("a cookie"), "X-BackEndOverrideCookie=srv~1");
    assert_eq!(script.request(0).headers["x-preferserveraffinity"], "true");
    assert_eq!(script.texts(0, "URL"), ["https://hooks.example/key"]);
    assert_eq!(script.texts(0, "StatusFrequency"), ["5"]);
}

#[tokio::test]
async fn a_refused_subscription_says_why() {
    let refused = error_message("Subscribe", "ErrorInvalidPushSubscriptionUrl");
    let script = Script::new([answer(&soap("Subscribe", &[refused]))]);
    let mailbox = mailbox(&script, Access::Own);
    let error = mailbox
        .subscribe(&PushRequest::to("https://hooks.example/key", 5))
        .await
        .expect_err("refused");
    assert_eq!(error.disposition, Disposition::Reject);
    assert_eq!(error.code, "ErrorInvalidPushSubscriptionUrl");
}
