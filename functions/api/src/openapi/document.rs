//! The OpenAPI 3.1 document as the handlers make it. To make it costs some milliseconds at every start of
//! the function: what is served is the agreed copy, which a test compares with this.

use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa::{Modify, OpenApi as _};

use crate::problem::{ProblemBody, ProblemError};
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

/// The OpenAPI 3.1 document of the API.
pub(crate) fn document() -> OpenApi {
    let (_, public) = routes::public().split_for_parts();
    let (_, guarded) = routes::guarded().split_for_parts();
    let mut document = Frame::openapi().merge_from(public).merge_from(guarded);
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
