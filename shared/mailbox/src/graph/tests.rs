//! The adapter against a script: what it sends is read as JSON, what it gets was written by hand
//! after Microsoft's documentation.

mod following;
mod peeking;
mod reading;
mod script;
mod subscribing;
mod writing;

use core::time::Duration;

use serde_json::{Value, json};
use tidemark_transport::{Delivery, TransportFault};

use super::*;
use crate::error::{Disposition, Scope};
use crate::port::{Cursor, Mailbox, RemoteId};
use script::{Script, Step, event, failure, list, mailbox, ok};

#[tokio::test]
async fn every_request_carries_what_graph_asks_for() {
    let script = Script::new([ok(&event("a=", "1")), list(&[event("a=", "1")])]);
    mailbox(&script).read(&[RemoteId::new("a=")]).await.expect("items");
    let request = script.request(0);
    assert_eq!(request.method, http::Method::GET);
    assert!(
        request
            .url
            .starts_with("https://graph.microsoft.com/v1.0/users/8a7c/calendar/events/a%3D?")
    );
    assert_eq!(request.headers["prefer"], "IdType=\"ImmutableId\"");
    assert_eq!(request.headers["authorization"], "Bearer token-1");
    assert!(request.headers["authorization"].is_sensitive());
    assert_eq!(request.headers["return-client-request-id"], "true");
    let id = request.headers["client-request-id"].to_str().expect("ASCII");
    assert!(uuid::Uuid::parse_str(id).is_ok());
    assert!(request.body.is_empty());
}

#[tokio::test]
async fn a_refused_token_is_given_back_and_another_one_tried_once() {
    let refused = || failure(401, "InvalidAuthenticationToken");
    let script = Script::new([refused(), ok(&json!({ "id": "c", "canEdit": true }))]);
    let facts = mailbox(&script).check().await.expect("a calendar");
    assert_eq!(facts, GraphFacts { can_edit: Some(true) });
    assert_eq!(script.request(0).headers["authorization"], "Bearer token-1");
    assert_eq!(script.request(1).headers["authorization"], "Bearer token-2");
    assert_eq!(script.tokens.refused(), 1);
    let script = Script::new([refused(), refused()]);
    let error = mailbox(&script).check().await.expect_err("refused");
    assert_eq!((error.disposition, error.scope), (Disposition::Authorize, Scope::Connection));
    assert_eq!(script.tokens.refused(), 2);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let script = Script::new([]);
    script.tokens.refuse("AADSTS7000222");
    let error = mailbox(&script).check().await.expect_err("no token");
    assert_eq!((error.disposition, error.scope), (Disposition::Authorize, Scope::Connection));
    assert_eq!(error.code, "AADSTS7000222");
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let script =
        Script::new([failure(429, "ApplicationThrottled").with_header("retry-after", "90")]);
    let mailbox = mailbox(&script);
    let error = mailbox.changes(None, 10).await.expect_err("busy");
    assert_eq!(error.disposition, Disposition::RetryAfter(Duration::from_secs(90)));
    script.clock.pass(30);
    // The script has no second answer: this one is refused without being sent.
    let error = mailbox.changes(None, 10).await.expect_err("still waiting");
    assert_eq!(error.disposition, Disposition::RetryAfter(Duration::from_mins(1)));
    assert_eq!(error.code, "backing-off");
}

#[tokio::test]
async fn each_refusal_says_what_to_do_and_how_to_mend_it() {
    for (status, code, disposition, scope, word) in [
        (403, "ErrorAccessDenied", Disposition::Reject, Scope::Mailbox, "Calendars.ReadWrite"),
        (404, "MailboxNotEnabledForRESTAPI", Disposition::Reject, Scope::Mailbox, "EWS"),
        (404, "Request_ResourceNotFound", Disposition::Reject, Scope::Mailbox, "tenant"),
        (507, "ErrorQuotaExceeded", Disposition::Reject, Scope::Mailbox, "full"),
        (410, "resyncRequired", Disposition::Resync, Scope::Mailbox, "compared"),
    ] {
        let script = Script::new([failure(status, code)]);
        let error = mailbox(&script).check().await.expect_err(code);
        assert_eq!((error.disposition, error.scope), (disposition, scope), "{code}");
        assert_eq!(error.code, code);
        assert!(error.text.contains(word), "{}", error.text);
    }
}

#[tokio::test]
async fn what_is_no_graph_is_told_from_an_error_of_graph() {
    for body in ["", "<html>Sign in</html>", "{}", "[]"] {
        let script = Script::new([Step::from((200, body.to_owned()))]);
        let error = mailbox(&script).changes(None, 10).await.expect_err("no Graph");
        assert_eq!(error.code, "answer-unreadable", "{body}");
        assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
    }
    let script = Script::new([(TransportFault::UntrustedCertificate, Delivery::NotSent).into()]);
    let error = mailbox(&script).check().await.expect_err("untrusted");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Connection));
}

#[tokio::test]
async fn the_zone_of_the_owner_is_a_windows_name_or_one_of_iana() {
    for (name, zone) in [
        ("W. Europe Standard Time", Some("Europe/Berlin")),
        ("Europe/Vienna", Some("Europe/Vienna")),
        ("Customised", None),
    ] {
        let script = Script::new([ok(&json!({ "timeZone": name }))]);
        let found = mailbox(&script).zone().await.expect("settings");
        assert_eq!(found.as_ref().map(tidemark_model::Zone::name), zone);
    }
}

#[test]
fn nothing_of_a_mailbox_is_shown() {
    let script = Script::new([]);
    let shown = format!("{:?}", mailbox(&script));
    assert!(!shown.contains("alex") && !shown.contains("8a7c"), "{shown}");
    let capabilities = mailbox(&script).capabilities();
    assert!(!capabilities.silent_writes);
    assert_eq!((capabilities.read_items_max, capabilities.page_items_max), (20, 500));
}
