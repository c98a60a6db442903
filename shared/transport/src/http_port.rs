//! One request, one bounded answer.

use core::fmt;
use core::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request that is ready to be sent.
#[derive(Clone)]
pub struct HttpRequest {
    /// HTTP method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers; values that are secret are marked sensitive.
    pub headers: HeaderMap,
    /// Body, already encoded.
    pub body: Bytes,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// Largest answer that is read; one byte more is [`TransportFault::AnswerTooLarge`].
    pub answer_bytes_max: usize,
}

/// Shows method and sizes: URLs and headers carry addresses and secrets.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRequest({}, {} bytes)", self.method, self.body.len())
    }
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse({}, {} bytes)", self.status, self.body.len())
    }
}

/// Whether the other side may have acted on a request that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It never got there: sending again is safe.
    NotSent,
    /// It may have been carried out: look before sending again.
    Unclear,
}

/// At which step an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportFault {
    /// The URL is none, or its scheme is not allowed here (plain http outside loopback).
    BadUrl,
    /// The host name has no address.
    NameNotFound,
    /// Nobody listens, or no route.
    Unreachable,
    /// TLS failed for a reason other than the certificate.
    Tls,
    /// The certificate is not trusted: self-signed, of a private authority, expired, or for another name.
    UntrustedCertificate,
    /// The certificate is another one than the only one that is trusted, which a person confirmed.
    ChangedCertificate,
    /// No answer in time.
    TimedOut,
    /// The connection ended before the answer was whole.
    Cut,
    /// The answer is larger than the request allowed.
    AnswerTooLarge,
    /// The target lies in a network that is not allowed.
    ForbiddenTarget,
}

/// An exchange without an answer. Holds no URL, header or body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no answer: {fault:?} ({delivery:?})")]
pub struct TransportError {
    /// What failed.
    pub fault: TransportFault,
    /// Whether the request may have been carried out.
    pub delivery: Delivery,
}

/// Something that exchanges requests for answers.
#[async_trait]
pub trait HttpPort: Send + Sync {
    /// Sends a request and reads its answer whole. Redirects are answers; none is followed.
    ///
    /// # Errors
    /// [`TransportError`] when there is no whole answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;
}
