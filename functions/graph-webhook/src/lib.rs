//! The addresses that Microsoft Graph posts change and lifecycle notifications to.
//!
//! Basic notifications are not signed: what proves them is the client state, 32 random bytes that
//! only Graph was told. Those with content prove besides that Microsoft sent them. A notification is
//! a hint and never data; it is written down before it is answered. What cannot be written down is
//! answered 503, and Graph calls again for up to 4 hours; what is refused, for whatever reason, is
//! counted and answered 202 like everything else, since calling again would not help, and a forger
//! learns nothing.
//! Source: learn.microsoft.com/graph, "change-notifications-delivery-webhooks".

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use tidemark_intake::{GRAPH_NOTIFICATION_BYTES_MAX, GraphAnswer, GraphIntake, GraphReceipt};

/// Where change notifications arrive, below the callback address.
pub const NOTIFY_PATH: &str = "/graph/notify";
/// Where lifecycle notifications arrive, below the callback address.
pub const LIFECYCLE_PATH: &str = "/graph/lifecycle";
/// Longest validation token that is answered, in bytes. Real ones have about 130; nothing documents
/// a limit.
const TOKEN_BYTES_MAX: usize = 4096;

/// What is counted of a call that was not read.
const UNREAD: GraphReceipt =
    GraphReceipt { answer: GraphAnswer::Refused, entries: 0, taken: 0, refused: 1 };

/// `POST /graph/notify` and `POST /graph/lifecycle`. Both take both kinds of notification, since
/// Graph may mix them; two addresses tell them apart in logs and metrics.
pub fn router(intake: Arc<dyn GraphIntake>) -> Router {
    Router::new()
        .route(NOTIFY_PATH, post(notify))
        .route(LIFECYCLE_PATH, post(lifecycle))
        .layer(DefaultBodyLimit::max(GRAPH_NOTIFICATION_BYTES_MAX))
        .with_state(intake)
}

/// What Graph asks with before it believes an address.
#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "validationToken")]
    validation_token: Option<String>,
}

async fn notify(
    State(intake): State<Arc<dyn GraphIntake>>,
    Query(handshake): Query<Handshake>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(&*intake, NOTIFY_PATH, handshake, body).await
}

async fn lifecycle(
    State(intake): State<Arc<dyn GraphIntake>>,
    Query(handshake): Query<Handshake>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(&*intake, LIFECYCLE_PATH, handshake, body).await
}

async fn answer(
    intake: &dyn GraphIntake,
    route: &'static str,
    handshake: Handshake,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if let Some(token) = handshake.validation_token {
        return shake_hands(route, token);
    }
    let (receipt, size_bytes) = match body {
        Ok(body) => (intake.graph_push(&body).await, body.len()),
        // Larger than any of Graph's, or cut off: it was not read.
        Err(_) => (UNREAD, 0),
    };
    let (status, word) = match receipt.answer {
        GraphAnswer::Taken => (StatusCode::ACCEPTED, "taken"),
        GraphAnswer::Refused => (StatusCode::ACCEPTED, "refused"),
        GraphAnswer::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
    };
    tracing::info!(
        route,
        http.status = status.as_u16(),
        size_bytes,
        answer = word,
        entries = receipt.entries,
        taken = receipt.taken,
        refused = receipt.refused,
        "Graph notification {word}"
    );
    status.into_response()
}

/// Gives the token back as plain text that no browser takes for anything else.
fn shake_hands(route: &'static str, token: String) -> Response {
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        tracing::info!(route, size_bytes = token.len(), "Graph handshake refused");
        return StatusCode::BAD_REQUEST.into_response();
    }
    tracing::debug!(route, size_bytes = token.len(), "Graph handshake answered");
    let headers: [(HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (StatusCode::OK, headers, token).into_response()
}

#[cfg(test)]
mod tests;
