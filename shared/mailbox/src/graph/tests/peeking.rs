//! Peeks: many mailboxes in one request, and everything that says nothing about them.

use std::sync::Arc;

use super::super::cursor::{Feed, Place, Step as Way};
use super::script::{Tokens, batch, event};
use super::*;
use crate::ews::ConnectionLimiter;
use tidemark_transport::Clock as _;

const SILENT: &str = "users/8a7c/calendarView/delta?$deltatoken=2";

fn link(rest: &str) -> String {
    format!("https://graph.microsoft.com/v1.0/{rest}")
}

/// A page with these entries, whose link is of this kind.
fn page(entries: &[Value], member: &str) -> Value {
    json!({ "value": entries, format!("@odata.{member}"): link(SILENT) })
}

fn silent() -> (u16, Option<&'static str>, Value) {
    (200, None, page(&[], "deltaLink"))
}

fn cursor_at(script: &Arc<Script>, step: Way) -> Cursor {
    Place::new(Feed::window(script.clock.now()), step).to_cursor()
}

/// A cursor that waits for the next round.
fn at_rest(script: &Arc<Script>, number: usize) -> Cursor {
    let page = link(&format!("users/{number}/calendarView/delta?$deltatoken={number}"));
    cursor_at(script, Way::Round { page, at_rest: true })
}

/// Mailboxes of one connection, each with its cursor at rest.
fn asked(script: &Arc<Script>, count: usize) -> Vec<(GraphMailbox, Cursor)> {
    let limiter = ConnectionLimiter::new();
    let one = |number: usize| {
        let mut endpoint = mailbox(script).session.endpoint.clone();
        endpoint.limiter = limiter.mailbox(&number.to_string(), script.clock.now());
        (GraphMailbox::new(endpoint), at_rest(script, number))
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn mailboxes_without_news_are_told_by_one_request() {
    let script = Script::new([batch(&[
        silent(),
        (200, None, page(&[event("a", "1")], "deltaLink")),
        (200, None, page(&[], "nextLink")),
        (200, None, page(&[json!({ "id": "b", "@removed": {} })], "deltaLink")),
        (200, None, page(&[json!({})], "deltaLink")),
        silent(),
    ])]);
    let peeked = peek(&asked(&script, 6), 100).await;
    assert_eq!(peeked.silent, [true, false, false, false, false, true]);
    assert_eq!(peeked.traffic.requests, 1);
    assert!(peeked.traffic.sent_bytes > 0);
    assert_eq!(script.calls(), ["POST /$batch"]);
    let body = script.body(0);
    for (number, part) in body["requests"].as_array().expect("parts").iter().enumerate() {
        let url = format!("/users/{number}/calendarView/delta?$deltatoken={number}");
        assert_eq!((&part["method"], &part["url"]), (&json!("GET"), &json!(url)));
        // As a run asks for pages.
        let prefer = "IdType=\"ImmutableId\", odata.maxpagesize=100";
        assert_eq!(part["headers"], json!({ "Prefer": prefer }));
    }
}

#[tokio::test]
async fn what_is_no_answer_costs_only_itself_and_is_not_asked_again() {
    let no_page = json!({ "message": "<html>" });
    let script = Script::new([batch(&[
        (410, None, script::error("syncStateNotFound")),
        (429, Some("90"), script::error("TooManyRequests")),
        (404, None, script::error("Request_ResourceNotFound")),
        (200, None, no_page),
        (500, None, json!({})),
        silent(),
    ])]);
    let asked = asked(&script, 7);
    let peeked = peek(&asked, 100).await;
    assert_eq!(peeked.silent, [false, false, false, false, false, true, false]);
    // The one that was throttled is left alone; the script has no answer for it.
    let error = asked[1].0.changes(Some(&asked[1].1), 100).await.expect_err("waits");
    assert_eq!(error.code, "backing-off");
    assert_eq!(error.disposition, Disposition::RetryAfter(Duration::from_secs(90)));
    let again = peek(&asked[1..2], 100).await;
    assert_eq!((again.silent, again.traffic.requests), (vec![false], 0));
}

#[tokio::test]
async fn a_throttled_batch_has_the_whole_connection_wait() {
    let busy = failure(429, "TooManyRequests").with_header("retry-after", "30");
    let script = Script::new([busy]);
    let asked = asked(&script, 3);
    assert_eq!(peek(&asked, 100).await.silent, [false; 3]);
    for (mailbox, cursor) in &asked {
        let error = mailbox.changes(Some(cursor), 100).await.expect_err("waits");
        assert_eq!((error.code.as_str(), error.scope), ("backing-off", Scope::Connection));
    }
    assert_eq!(peek(&asked, 100).await.traffic.requests, 0);
}

#[tokio::test]
async fn without_an_answer_nothing_is_known() {
    let cut = (TransportFault::Cut, Delivery::Unclear);
    for step in [cut.into(), ok(&json!({ "responses": 7 })), failure(400, "BadRequest")] {
        let script = Script::new([step]);
        let peeked = peek(&asked(&script, 2), 100).await;
        assert_eq!((peeked.silent, peeked.traffic.requests), (vec![false; 2], 1));
    }
}

#[tokio::test]
async fn who_would_not_just_read_on_is_not_asked() {
    let script = Script::new([]);
    let rest = |page: String| cursor_at(&script, Way::Round { page, at_rest: true });
    let others = [
        cursor_at(&script, Way::First { page: None, before: None }),
        cursor_at(&script, Way::List { page: None, delta: link(SILENT) }),
        cursor_at(&script, Way::Before { page: link(SILENT), delta: link(SILENT) }),
        cursor_at(&script, Way::Round { page: link(SILENT), at_rest: false }),
        rest("https://graph.example.com/v1.0/users/a/calendarView/delta".to_owned()),
        rest("https://graph.microsoft.com/beta/users/a/calendarView/delta".to_owned()),
        Cursor::new("an EWS sync state"),
    ];
    let mut asked = asked(&script, others.len());
    for ((_, cursor), other) in asked.iter_mut().zip(others) {
        *cursor = other;
    }
    let peeked = peek(&asked, 100).await;
    assert_eq!((peeked.silent, peeked.traffic.requests), (vec![false; 7], 0));
    // Nor one whose window has to be moved.
    let old = at_rest(&script, 1);
    script.clock.pass(WINDOW_RENEW_DAYS * 24 * 60 * 60);
    let peeked = peek(&[(mailbox(&script), old)], 100).await;
    assert_eq!((peeked.silent, peeked.traffic.requests), (vec![false], 0));
}

#[tokio::test]
async fn mailboxes_of_other_connections_and_clouds_are_not_mixed_in() {
    let script = Script::new([batch(&[silent(), silent()])]);
    let mut asked = asked(&script, 4);
    let mut endpoint = asked[1].0.session.endpoint.clone();
    endpoint.tokens = Arc::<Tokens>::default();
    asked[1].0 = GraphMailbox::new(endpoint.clone());
    endpoint.tokens = Arc::<Tokens>::clone(&script.tokens);
    endpoint.root = tidemark_graph::Cloud::UsGovernment.root();
    let page = "https://graph.microsoft.us/v1.0/users/a/calendarView/delta?$deltatoken=1";
    let cursor = cursor_at(&script, Way::Round { page: page.to_owned(), at_rest: true });
    asked[2] = (GraphMailbox::new(endpoint), cursor);
    assert_eq!(peek(&asked, 100).await.silent, [true, false, false, true]);
    assert_eq!(script.body(0)["requests"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn beyond_a_batch_nobody_is_asked() {
    let script = Script::new([batch(&vec![silent(); PEEKS_MAX])]);
    let peeked = peek(&asked(&script, PEEKS_MAX + 1), 100).await;
    assert_eq!(peeked.silent.iter().filter(|is_silent| **is_silent).count(), PEEKS_MAX);
    assert_eq!(peeked.silent.last(), Some(&false));
}
