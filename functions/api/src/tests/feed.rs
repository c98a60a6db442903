use core::future::ready;
use core::pin::Pin;

use super::fake::OTHER_KEY;
use super::*;

/// Polls once: the answer, if it is there already.
async fn now<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = ready(()) => None,
    }
}

#[tokio::test]
async fn the_feed_answers_changes_and_a_cursor() {
    let api = Api::new();
    let answer = api.get("/v1/changes?after=c-0&limit=7").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json(),
        json!({"changes": [{"type": "tidemark.appointment.created"}], "cursor": "c-1"})
    );
    let pages = api.border.pages.lock().unwrap();
    assert_eq!(*pages, [(Some("c-0".to_owned()), 7)]);
}

#[tokio::test]
async fn waiting_is_clamped_and_paging_bounded() {
    let api = Api::new();
    for (query, wait, limit) in [
        ("", 0, 100),
        ("?wait=&limit=&after=", 0, 100),
        ("?wait=3&limit=1", 3, 1),
        ("?wait=20", 20, 100),
        ("?wait=21&limit=501", 20, 500),
        ("?wait=18446744073709551615&limit=18446744073709551615", 20, 500),
    ] {
        api.border.change.notify_one();
        assert_eq!(api.get(&format!("/v1/changes{query}")).await.status, 200);
        let waited = api.border.waits.lock().unwrap().pop();
        assert_eq!(waited, Some(Duration::from_secs(wait)), "{query}");
        let page = api.border.pages.lock().unwrap().pop();
        assert_eq!(page, Some((None, limit)), "{query}");
    }
    for (query, name) in [
        ("wait=-1", "wait"),
        ("wait=1.5", "wait"),
        ("limit=0", "limit"),
        ("limit=all", "limit"),
        ("limit=1&limit=2", "query"),
    ] {
        let refused = api.get(&format!("/v1/changes?{query}")).await;
        let problem = refused.problem(400, "malformed-request");
        assert_eq!(problem["errors"][0]["parameter"], name, "{query}");
    }
    let long = api.get(&format!("/v1/changes?after={}", "c".repeat(4097))).await;
    long.problem(400, "malformed-request");
}

#[tokio::test]
async fn two_calls_of_a_key_may_wait_and_a_hang_up_frees_a_place() {
    let api = Api::new();
    let poll = || api.get("/v1/changes?wait=20");
    let mut first = Box::pin(poll());
    let mut second = Box::pin(poll());
    assert!(now(first.as_mut()).await.is_none());
    assert!(now(second.as_mut()).await.is_none());

    let third = poll().await;
    third.problem(429, "too-many-requests");
    assert_eq!(third.header("retry-after"), Some("5"));
    // Who does not wait is not counted, and another organisation's key of the same name is another.
    assert_eq!(api.get("/v1/changes").await.status, StatusCode::OK);
    let mut other = request("GET", "/v1/changes?wait=20", None);
    let key = format!("Bearer {OTHER_KEY}").parse().unwrap();
    other.headers_mut().insert("authorization", key);
    assert!(now(Box::pin(api.send(other)).as_mut()).await.is_none());

    drop(first);
    let mut fourth = Box::pin(poll());
    assert!(now(fourth.as_mut()).await.is_none());
    poll().await.problem(429, "too-many-requests");

    api.border.change.notify_waiters();
    assert_eq!(second.await.status, StatusCode::OK);
    assert_eq!(fourth.await.status, StatusCode::OK);
    assert!(now(Box::pin(poll()).as_mut()).await.is_none());
}
