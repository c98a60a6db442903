//! What the OpenAPI 3.1 document says of the handlers.

#[cfg(test)]
pub(crate) mod document;
pub(crate) mod params;

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

use crate::problem::{PROBLEM_JSON, ProblemKind};

/// The agreed document.
pub(crate) const AGREED: &str = include_str!("../openapi.json");

/// What every operation that needs a key may refuse.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemKind::MalformedRequest,
            ProblemKind::Unauthenticated,
            ProblemKind::Forbidden,
            ProblemKind::NotFound,
            ProblemKind::TooManyRequests,
            ProblemKind::Internal,
            ProblemKind::Unavailable,
        ])
    }
}

/// What an operation about items may refuse beside.
pub(crate) struct ItemRefusals;

impl IntoResponses for ItemRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemKind::OtherSystem,
            ProblemKind::NoSystem,
            ProblemKind::Deleted,
            ProblemKind::UnknownKind,
        ])
    }
}

/// What an operation with a body may refuse beside.
pub(crate) struct BodyRefusals;

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemKind::Conflict,
            ProblemKind::PayloadTooLarge,
            ProblemKind::UnsupportedMediaType,
            ProblemKind::Invalid,
        ])
    }
}

/// What a change that is guarded may refuse beside.
pub(crate) struct GuardRefusals;

impl IntoResponses for GuardRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemKind::Conflict,
            ProblemKind::PreconditionFailed,
            ProblemKind::IdempotencyMismatch,
        ])
    }
}

/// What an operation that reads from a cursor may refuse beside.
pub(crate) struct CursorRefusals;

impl IntoResponses for CursorRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[ProblemKind::CursorExpired, ProblemKind::Invalid])
    }
}

/// What a decision about the state of something may refuse beside.
pub(crate) struct StateRefusals;

impl IntoResponses for StateRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[ProblemKind::Conflict])
    }
}

/// Responses by status. Kinds that share a status are named together.
fn problems(kinds: &[ProblemKind]) -> BTreeMap<String, RefOr<Response>> {
    kinds
        .iter()
        .map(|kind| {
            let status = kind.status();
            let types: Vec<&str> = ProblemKind::ALL
                .iter()
                .filter(|other| other.status() == status)
                .map(|other| other.urn())
                .collect();
            let text =
                format!("{}: {}", status.canonical_reason().unwrap_or_default(), types.join(", "));
            let response = problem_response(*kind, text);
            (status.as_str().to_owned(), RefOr::T(response))
        })
        .collect()
}

fn problem_response(kind: ProblemKind, text: String) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let builder = ResponseBuilder::new().description(text).content(PROBLEM_JSON, content);
    let header = |kind: Type, text: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind)))
            .description(Some(text))
            .build()
    };
    match kind {
        ProblemKind::Unauthenticated => {
            builder.header("WWW-Authenticate", header(Type::String, "Bearer: send an API key."))
        }
        ProblemKind::TooManyRequests | ProblemKind::Unavailable => builder
            .header("Retry-After", header(Type::Integer, "Seconds to wait before trying again.")),
        _ => builder,
    }
    .build()
}
