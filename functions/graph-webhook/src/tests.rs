use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;

struct Fixed(GraphAnswer);

#[async_trait]
impl GraphIntake for Fixed {
    async fn graph_push(&self, body: &[u8]) -> GraphReceipt {
        assert_eq!(body, b"{}");
        GraphReceipt { answer: self.0, entries: 1, taken: 1, refused: 0 }
    }
}

struct Untouched;

#[async_trait]
impl GraphIntake for Untouched {
    async fn graph_push(&self, _body: &[u8]) -> GraphReceipt {
        panic!("it is not to be read")
    }
}

async fn send(intake: impl GraphIntake + 'static, method: &str, uri: &str, body: Body) -> Response {
    let request = Request::builder().method(method).uri(uri).body(body).unwrap();
    router(Arc::new(intake)).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn each_answer_has_its_status() {
    for path in [NOTIFY_PATH, LIFECYCLE_PATH] {
        for (answer, status) in
            [(GraphAnswer::Taken, 202), (GraphAnswer::Refused, 202), (GraphAnswer::Failed, 503)]
        {
            let response = send(Fixed(answer), "POST", path, Body::from("{}")).await;
            assert_eq!(response.status().as_u16(), status);
        }
    }
}

/// The token is decoded once: what was `%2B` is a plus, what was `+` is a space.
#[tokio::test]
async fn the_handshake_gives_the_token_back_as_plain_text() {
    let uri = format!("{NOTIFY_PATH}?validationToken=Validation%3A+a%2Bb%253C%3Cscript%3E");
    let response = send(Untouched, "POST", &uri, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let body = to_bytes(response.into_body(), 1000).await.unwrap();
    assert_eq!(body, "Validation: a+b%3C<script>");
}

#[tokio::test]
async fn a_token_without_measure_is_refused() {
    let uri = format!("{LIFECYCLE_PATH}?validationToken={}", "a".repeat(TOKEN_BYTES_MAX + 1));
    let response = send(Untouched, "POST", &uri, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let response =
        send(Untouched, "POST", &format!("{NOTIFY_PATH}?validationToken="), Body::empty()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read_and_answered_like_any_other() {
    let body = Body::from(vec![b' '; GRAPH_NOTIFICATION_BYTES_MAX + 1]);
    let response = send(Untouched, "POST", NOTIFY_PATH, body).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let response = send(Untouched, "GET", NOTIFY_PATH, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}
