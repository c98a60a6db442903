//! The HTTP API: what business systems, administrators and operators call.
//!
//! [`router`] makes an [`axum::Router`] over a [`Border`]: a handler parses, calls one use case and
//! answers; every decision is taken behind the trait. The same router serves the Lambda function
//! (`main.rs`) and the local host.
//!
//! What holds for every answer:
//!
//! - `x-request-id`: the caller's own, if it sent a short token, or a new UUID;
//! - `Cache-Control: no-store`;
//! - whatever is refused is an RFC 9457 problem with a stable `type` and this request id;
//! - one log line with the route's template, never the filled path.
//!
//! `openapi.json` in this crate is the agreed OpenAPI 3.1 document. It is served at `/openapi.json`, and a
//! test fails when the handlers make another.

mod answers;
mod commands;
mod edge;
mod etag;
mod export;
mod extract;
mod limits;
mod openapi;
mod polls;
mod problem;
mod routes;
mod state;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tidemark_jscalendar::INPUT_BYTES_MAX;
use tidemark_service::{Border, World};
use tower_http::catch_panic::CatchPanicLayer;

use crate::state::ApiState;

/// What the API is handed beside its use cases.
#[derive(Clone)]
pub struct ApiOptions {
    /// The clock that durations in the log are measured with, and where request ids come from.
    pub world: World,
}

/// The whole API over `border`: ready to be served over HTTP or from Lambda events.
///
/// Bodies are bounded by [`INPUT_BYTES_MAX`]; time is bounded by whoever serves it.
pub fn router(border: Arc<dyn Border>, options: ApiOptions) -> Router {
    let state = ApiState::new(border, options.world);
    let routes = routes::all(&state);
    routes
        .fallback(edge::no_such_route)
        .method_not_allowed_fallback(edge::method_not_allowed)
        .layer(DefaultBodyLimit::max(INPUT_BYTES_MAX))
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(from_fn_with_state(state.clone(), edge::finish))
        .with_state(state)
}
