//! How much goes over the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::http_port::{HttpPort, HttpRequest, HttpResponse, TransportError};

/// What an [`HttpPort`] was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Requests, answered or not.
    pub requests: u64,
    /// Bytes that left: bodies, URLs and headers. What TLS and TCP add is not known here.
    pub sent_bytes: u64,
}

/// An [`HttpPort`] that counts what goes through it. Clones count together.
#[derive(Clone)]
pub struct CountedHttp {
    http: Arc<dyn HttpPort>,
    requests: Arc<AtomicU64>,
    sent_bytes: Arc<AtomicU64>,
}

impl CountedHttp {
    /// Counts from nothing.
    pub fn new(http: Arc<dyn HttpPort>) -> Self {
        Self { http, requests: Arc::default(), sent_bytes: Arc::default() }
    }

    /// What went through so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
        }
    }
}

#[async_trait]
impl HttpPort for CountedHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes_of(&request), Ordering::Relaxed);
        self.http.send(request).await
    }
}

/// Bytes of a request as HTTP/1.1 writes it; HTTP/2 sends fewer.
fn bytes_of(request: &HttpRequest) -> u64 {
    let head = request.method.as_str().len() + request.url.len();
    // A colon, a space and the end of the line belong to each header.
    let headers = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    u64::try_from(head + headers.sum::<usize>() + request.body.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use core::time::Duration;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::http_port::{Delivery, TransportFault};

    struct Unreachable;

    #[async_trait]
    impl HttpPort for Unreachable {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
            Err(TransportError { fault: TransportFault::Unreachable, delivery: Delivery::NotSent })
        }
    }

    #[tokio::test]
    async fn requests_count_whatever_becomes_of_them() {
        let http = CountedHttp::new(Arc::new(Unreachable));
        let request = HttpRequest {
            method: Method::POST,
            url: "https://a.example/".to_owned(),
            headers: HeaderMap::from_iter([(http::header::ACCEPT, "x".parse().unwrap())]),
            body: Bytes::from_static(b"12345"),
            timeout: Duration::from_secs(1),
            answer_bytes_max: 1,
        };
        assert!(http.send(request.clone()).await.is_err());
        assert!(http.clone().send(request).await.is_err());
        assert_eq!(http.traffic(), Traffic { requests: 2, sent_bytes: 2 * (4 + 18 + 11 + 5) });
    }
}
