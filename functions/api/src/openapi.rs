//! The OpenAPI 3.1 document, generated from the handlers.

pub(crate) mod params;

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr};
use utoipa::{IntoResponses, Modify, OpenApi as _};

use crate::problem::{PROBLEM_JSON, ProblemBody, ProblemError, ProblemKind};
use crate::routes;

/// What stands in the document beside the routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tidemark",
        description = "Keeps the mailboxes of Exchange and business systems in step: what happens \
            in one appears in the other. Answers may gain members; what is here does not change \
            its meaning."
    ),
    components(schemas(ProblemBody, ProblemError)),
    security(("bearer" = [])),
    modifiers(&BearerKeys),
    tags(
        (name = "mailboxes", description = "The mailboxes of the organisation and how they are."),
        (name = "items", description = "Items by the business system's own ids."),
        (name = "changes", description = "What changed, in a feed to be read."),
        (name = "webhooks", description = "What changed, sent to an endpoint."),
        (name = "holds", description = "What waits for a person."),
        (name = "connections", description = "The ways to an Exchange, for administrators."),
        (name = "administration", description = "The organisation, its business systems, its keys, and \
            what was changed, for administrators."),
        (name = "status", description = "Whether it works.")
    )
)]
struct Frame;

struct BearerKeys;

impl Modify for BearerKeys {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key of the organisation."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document without routes.
pub(crate) fn frame() -> OpenApi {
    Frame::openapi()
}

/// The OpenAPI 3.1 document of the API.
pub fn document() -> OpenApi {
    let (_, document) = routes::public().split_for_parts();
    let (_, guarded) = routes::guarded().split_for_parts();
    let mut document = document.merge_from(guarded);
    document
        .paths
        .paths
        .values_mut()
        .flat_map(operations)
        .flat_map(|operation| operation.parameters.iter_mut().flatten())
        .for_each(never_null);
    document
}

/// The operations of a path with the methods that routes have.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .flatten()
}

/// A parameter that is left out is absent; there is no way to send null in a query or a header.
fn never_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(parameter) = parameter
        && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
        && let SchemaType::Array(types) = &mut schema.schema_type
    {
        types.retain(|kind| *kind != Type::Null);
        if let [only] = types.as_slice() {
            schema.schema_type = SchemaType::Type(only.clone());
        }
    }
}

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
