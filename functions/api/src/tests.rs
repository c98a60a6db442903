//! The API over a border in memory: requests in, answers out.

mod administration;
mod batch;
mod connections;
mod contract;
mod edges;
mod export;
mod fake;
mod feed;
mod hostile;
mod items;
mod lambda_events;
mod log;
mod preflight;
mod resources;

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tidemark_model::Kind;
use tidemark_service::World;
use tidemark_transport::{Clock, Entropy};
use tower::ServiceExt as _;

use crate::{ApiOptions, router};
use fake::{FakeBorder, KEY};

const ITEM: &str = "/v1/mailboxes/alex@tidemark.example/appointments/42";

/// A clock that moves on by 5 ms whenever somebody looks.
struct StepClock(AtomicI64);

#[async_trait]
impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        let ms = self.0.fetch_add(5, Ordering::Relaxed);
        Timestamp::from_millisecond(ms).unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

/// Not random at all.
struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// The API and what is behind it.
struct Api {
    router: Router,
    border: Arc<FakeBorder>,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem of the kind, whole and consistent, and gives it back.
    #[track_caller]
    fn problem(&self, status: u16, kind: &str) -> Value {
        let body = self.json();
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["type"], format!("urn:tidemark:problem:{kind}"));
        assert_eq!(body["status"], status);
        assert!(!body["title"].as_str().unwrap().is_empty());
        assert!(!body["detail"].as_str().unwrap().is_empty());
        assert!(body["errors"].is_array());
        assert_eq!(body["requestId"].as_str(), self.header("x-request-id"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        body
    }
}

impl Api {
    fn new() -> Self {
        log::start();
        let border = Arc::new(FakeBorder::default());
        let clock = Arc::new(StepClock(AtomicI64::new(1_772_000_000_000)));
        let world = World::new(clock, Arc::new(Sevens));
        let router = router(border.clone(), ApiOptions { world });
        Self { router, border }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, None)).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(request("POST", path, Some(body))).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(request("PUT", path, Some(body))).await
    }
}

/// A request with the key, and with a body if there is one.
fn request(method: &str, path: &str, body: Option<Value>) -> Request<Body> {
    let builder = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {KEY}"));
    match body {
        None => builder.body(Body::empty()),
        Some(body) => {
            builder.header("content-type", "application/json").body(Body::from(body.to_string()))
        }
    }
    .unwrap()
}

/// The request with one more header.
fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
    request.headers_mut().append(name, value);
    request
}
