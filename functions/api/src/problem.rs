//! What is refused, as RFC 9457 problems.
//!
//! A [`Problem`] travels to the edge as an extension of an empty response; there it gets the
//! request's id and becomes a body. So no handler has to know the id, and a batch can take the
//! problems of its parts apart again.

use core::any::Any;
use core::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tidemark_service::border::Refusal;
use utoipa::ToSchema;

use crate::limits::UNAVAILABLE_RETRY;

/// The media type of RFC 9457.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The stable kinds of problems. A kind exists only if a caller acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    Unauthenticated,
    Forbidden,
    OtherSystem,
    NoSystem,
    NotFound,
    Deleted,
    UnknownKind,
    UnknownRoute,
    MethodNotAllowed,
    MalformedRequest,
    MalformedJson,
    UnsupportedMediaType,
    PayloadTooLarge,
    Invalid,
    PreconditionFailed,
    IdempotencyMismatch,
    CursorExpired,
    Conflict,
    TooManyRequests,
    Unavailable,
    Internal,
}

impl ProblemKind {
    /// Every kind, for the OpenAPI document and the tests.
    pub(crate) const ALL: [Self; 21] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::OtherSystem,
        Self::NoSystem,
        Self::NotFound,
        Self::Deleted,
        Self::UnknownKind,
        Self::UnknownRoute,
        Self::MethodNotAllowed,
        Self::MalformedRequest,
        Self::MalformedJson,
        Self::UnsupportedMediaType,
        Self::PayloadTooLarge,
        Self::Invalid,
        Self::PreconditionFailed,
        Self::IdempotencyMismatch,
        Self::CursorExpired,
        Self::Conflict,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::Internal,
    ];

    /// `type`: part of the interface, never changed.
    pub(crate) const fn urn(self) -> &'static str {
        match self {
            Self::Unauthenticated => "urn:tidemark:problem:unauthenticated",
            Self::Forbidden => "urn:tidemark:problem:forbidden",
            Self::OtherSystem => "urn:tidemark:problem:other-system",
            Self::NoSystem => "urn:tidemark:problem:no-system",
            Self::NotFound => "urn:tidemark:problem:not-found",
            Self::Deleted => "urn:tidemark:problem:deleted",
            Self::UnknownKind => "urn:tidemark:problem:unknown-kind",
            Self::UnknownRoute => "urn:tidemark:problem:unknown-route",
            Self::MethodNotAllowed => "urn:tidemark:problem:method-not-allowed",
            Self::MalformedRequest => "urn:tidemark:problem:malformed-request",
            Self::MalformedJson => "urn:tidemark:problem:malformed-json",
            Self::UnsupportedMediaType => "urn:tidemark:problem:unsupported-media-type",
            Self::PayloadTooLarge => "urn:tidemark:problem:payload-too-large",
            Self::Invalid => "urn:tidemark:problem:invalid",
            Self::PreconditionFailed => "urn:tidemark:problem:precondition-failed",
            Self::IdempotencyMismatch => "urn:tidemark:problem:idempotency-mismatch",
            Self::CursorExpired => "urn:tidemark:problem:cursor-expired",
            Self::Conflict => "urn:tidemark:problem:conflict",
            Self::TooManyRequests => "urn:tidemark:problem:too-many-requests",
            Self::Unavailable => "urn:tidemark:problem:unavailable",
            Self::Internal => "urn:tidemark:problem:internal",
        }
    }

    /// `title`: the same for every problem of this kind.
    const fn title(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Not authenticated",
            Self::Forbidden => "Not allowed",
            Self::OtherSystem => "Another system's items",
            Self::NoSystem => "The key speaks for no system",
            Self::NotFound => "Not found",
            Self::Deleted => "Deleted",
            Self::UnknownKind => "Kind of items not synced",
            Self::UnknownRoute => "No such route",
            Self::MethodNotAllowed => "Method not allowed",
            Self::MalformedRequest => "Malformed request",
            Self::MalformedJson => "Malformed JSON",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::PayloadTooLarge => "Payload too large",
            Self::Invalid => "Not valid",
            Self::PreconditionFailed => "Precondition failed",
            Self::IdempotencyMismatch => "Idempotency-Key used before",
            Self::CursorExpired => "Cursor expired",
            Self::Conflict => "Conflict",
            Self::TooManyRequests => "Too many requests",
            Self::Unavailable => "Not available now",
            Self::Internal => "Internal error",
        }
    }

    /// The status that it is answered with.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::OtherSystem | Self::NoSystem => StatusCode::FORBIDDEN,
            Self::NotFound | Self::Deleted | Self::UnknownKind | Self::UnknownRoute => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::MalformedRequest | Self::MalformedJson => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid | Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::CursorExpired => StatusCode::GONE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// One thing that is wrong, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub(crate) struct ProblemError {
    /// Where in the body, as an RFC 6901 pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) pointer: Option<String>,
    /// Which header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) header: Option<&'static str>,
    /// Which parameter of the query or the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) parameter: Option<&'static str>,
    /// The rule that is broken.
    pub(crate) detail: String,
    /// What would be accepted instead.
    pub(crate) mend: String,
}

impl ProblemError {
    /// Something wrong in the body.
    pub(crate) fn at(pointer: String, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer),
            header: None,
            parameter: None,
            detail: detail.into(),
            mend: mend.into(),
        }
    }

    /// Something wrong in a header.
    pub(crate) fn header(name: &'static str, detail: &str, mend: &str) -> Self {
        Self {
            pointer: None,
            header: Some(name),
            parameter: None,
            detail: detail.to_owned(),
            mend: mend.to_owned(),
        }
    }

    /// Something wrong in the query or the path.
    pub(crate) fn parameter(name: &'static str, detail: &str, mend: &str) -> Self {
        Self {
            pointer: None,
            header: None,
            parameter: Some(name),
            detail: detail.to_owned(),
            mend: mend.to_owned(),
        }
    }
}

/// Something refused, on its way to the edge. It holds nothing of what the caller sent, except
/// places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: ProblemKind,
    detail: String,
    errors: Vec<ProblemError>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem; `detail` is for people and names the mend.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// A request that breaks the protocol in one place.
    pub(crate) fn malformed(error: ProblemError) -> Self {
        Self::new(
            ProblemKind::MalformedRequest,
            "the request does not have the form that this route asks for",
        )
        .with_errors(vec![error])
    }

    /// With the places that are wrong.
    pub(crate) fn with_errors(mut self, errors: Vec<ProblemError>) -> Self {
        self.errors = errors;
        self
    }

    /// With the time after which to try again.
    pub(crate) fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The body, once the request's id is known.
    pub(crate) fn into_body(self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: self.kind.urn(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail,
            errors: self.errors,
            request_id: request_id.to_owned(),
        }
    }
}

/// An RFC 9457 problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What kind of problem; stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:tidemark:problem:invalid")]
    kind: &'static str,
    /// The same in words.
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened and how to mend it, for people.
    detail: String,
    /// The places that are wrong; empty where it is not about places.
    errors: Vec<ProblemError>,
    /// The `x-request-id` of the answer: what an operator asks for.
    request_id: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if self.kind == ProblemKind::Unauthenticated {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = self.retry_after {
            // Rounded up, and never "now": who comes too early is refused again.
            let seconds =
                after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Unauthenticated => Self::new(ProblemKind::Unauthenticated, detail),
            Refusal::Forbidden(_) => Self::new(ProblemKind::Forbidden, detail),
            Refusal::NotFound { .. } => Self::new(ProblemKind::NotFound, detail),
            Refusal::Invalid(problems) => Self::new(ProblemKind::Invalid, detail).with_errors(
                problems
                    .into_iter()
                    .map(|problem| ProblemError::at(problem.pointer, problem.rule, problem.mend))
                    .collect(),
            ),
            Refusal::OtherSystem => Self::new(ProblemKind::OtherSystem, detail),
            Refusal::NoSystem => Self::new(ProblemKind::NoSystem, detail),
            Refusal::Deleted { .. } => Self::new(ProblemKind::Deleted, detail),
            Refusal::InvalidCursor { parameter } => Self::malformed(ProblemError::parameter(
                parameter,
                "is no cursor that this listing gave",
                "the cursor of the answer before, or none to begin",
            )),
            Refusal::PreconditionFailed | Refusal::ChangesWait => {
                Self::new(ProblemKind::PreconditionFailed, detail)
            }
            Refusal::IdempotencyMismatch => Self::new(ProblemKind::IdempotencyMismatch, detail),
            Refusal::CursorExpired => Self::new(ProblemKind::CursorExpired, detail),
            Refusal::Conflict(_) => Self::new(ProblemKind::Conflict, detail),
            Refusal::TooMany(after) => {
                Self::new(ProblemKind::TooManyRequests, detail).with_retry_after(after)
            }
            Refusal::Unavailable => {
                Self::new(ProblemKind::Unavailable, detail).with_retry_after(UNAVAILABLE_RETRY)
            }
            Refusal::Internal => Self::new(ProblemKind::Internal, detail),
        }
    }
}

/// The answer when a handler panicked. What it said is not logged: it may quote content.
pub(crate) fn of_panic(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Problem::from(Refusal::Internal).into_response()
}
