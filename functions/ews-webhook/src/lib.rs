//! The address that Exchange Server posts its push notifications to.
//!
//! The caller is anonymous: since CVE-2019-0686 Exchange does not authenticate to listeners, and a
//! listener must never ask it to. What guards the address is its unguessable key. A notification is
//! only a hint; it is written down before it is answered.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tidemark_intake::{NOTIFICATION_BYTES_MAX, PushAnswer, PushIntake};

/// Exchange compares the whole header value.
const SOAP_CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// `POST /ews/{key}`.
pub fn router(intake: Arc<dyn PushIntake>) -> Router {
    Router::new()
        .route("/ews/{key}", post(notify))
        .layer(DefaultBodyLimit::max(NOTIFICATION_BYTES_MAX))
        .with_state(intake)
}

async fn notify(
    State(intake): State<Arc<dyn PushIntake>>,
    Path(key): Path<String>,
    body: Bytes,
) -> Response {
    let answer = intake.ews_push(&key, &body).await;
    let (status, word) = match &answer {
        PushAnswer::Taken(_) => (StatusCode::OK, "taken"),
        PushAnswer::Unsubscribe(_) => (StatusCode::OK, "unsubscribe"),
        PushAnswer::Unknown => (StatusCode::NOT_FOUND, "unknown"),
        PushAnswer::Refused => (StatusCode::BAD_REQUEST, "refused"),
        PushAnswer::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    tracing::info!(
        route = "/ews/{key}",
        http.status = status.as_u16(),
        size_bytes = body.len(),
        answer = word,
        "EWS notification {word}"
    );
    match answer {
        PushAnswer::Taken(body) | PushAnswer::Unsubscribe(body) => {
            (status, [(header::CONTENT_TYPE, SOAP_CONTENT_TYPE)], body).into_response()
        }
        PushAnswer::Unknown | PushAnswer::Refused | PushAnswer::Failed => status.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    struct Fixed(PushAnswer);

    #[async_trait]
    impl PushIntake for Fixed {
        async fn ews_push(&self, key: &str, body: &[u8]) -> PushAnswer {
            assert_eq!((key, body), ("k1", b"<x/>".as_slice()));
            self.0.clone()
        }
    }

    async fn post_to(answer: PushAnswer, method: &str, body: Body) -> Response {
        let request = Request::builder().method(method).uri("/ews/k1").body(body).unwrap();
        router(Arc::new(Fixed(answer))).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn each_answer_has_its_status_and_never_asks_for_a_login() {
        let cases = [
            (PushAnswer::Taken(b"ok".to_vec()), 200),
            (PushAnswer::Unsubscribe(b"end".to_vec()), 200),
            (PushAnswer::Unknown, 404),
            (PushAnswer::Refused, 400),
            (PushAnswer::Failed, 500),
        ];
        for (answer, status) in cases {
            let response = post_to(answer, "POST", Body::from("<x/>")).await;
            assert_eq!(response.status().as_u16(), status);
            assert!(response.headers().get(header::WWW_AUTHENTICATE).is_none());
            if status == 200 {
                assert_eq!(response.headers()[header::CONTENT_TYPE], SOAP_CONTENT_TYPE);
            }
        }
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_not_read() {
        let body = Body::from(vec![b' '; NOTIFICATION_BYTES_MAX + 1]);
        let response = post_to(PushAnswer::Failed, "POST", body).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn other_methods_are_refused() {
        let response = post_to(PushAnswer::Failed, "GET", Body::empty()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
