//! Items, by the business system's own ids.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::ETAG;
use http::{HeaderName, StatusCode};
use tidemark_service::border::{Caller, Guards, ItemChangeRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answers::{ChangeAccepted, History, Item, Items};
use crate::extract::{Authenticated, CollectionPath, ItemBody, ItemPath, Page, ReadGuards};
use crate::openapi::{BodyRefusals, CursorRefusals, GuardRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// How many changes of the item wait to be applied.
const PENDING: HeaderName = HeaderName::from_static("tidemark-pending");

/// What a change answers: it is written down.
type Written = Result<(StatusCode, Json<ChangeAccepted>), Problem>;

/// The routes of items: all that a batch can name, too.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(put_item, patch_item, get_item, delete_item))
        .routes(routes!(list_items))
        .routes(routes!(item_history))
}

/// Create or change an item
///
/// The item is to exist with these properties. A property that is absent has no opinion and clears
/// nothing; `null` clears. `uid` and `updated` may be left out. 202 means that the change is
/// written down durably; what becomes of it comes as a change event and stands in the history.
#[utoipa::path(
    put,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}",
    tag = "items",
    params(
        ("mailbox" = String, Path, description = "Primary address or alias in any case, or id"),
        ("kind" = String, Path, pattern = "^(appointments)$", description = "Kind of items", example = "appointments"),
        ("id" = String, Path, min_length = 1, max_length = 255, description = "The business system's id, or the one that the first change event announced"),
        ("If-Match" = Option<String>, Header, pattern = r#"^"[0-9]+"$"#, description = "The ETag that the caller saw"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Makes repeating safe")
    ),
    request_body(content((Item = "application/json"), (Item = "application/jscalendar+json")), description = "The item itself"),
    responses((status = 202, description = "Written down", body = ChangeAccepted), Refusals, BodyRefusals, GuardRefusals)
)]
pub(crate) async fn put_item(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: ItemPath,
    ReadGuards(guards): ReadGuards,
    ItemBody(item): ItemBody,
) -> Written {
    write(&state, &caller, path, ItemChangeRequest::Put(item), guards).await
}

/// Change some properties of an item
///
/// An RFC 7386 merge patch.
#[utoipa::path(
    patch,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}",
    tag = "items",
    params(
        ("mailbox" = String, Path, description = "Primary address or alias in any case, or id"),
        ("kind" = String, Path, pattern = "^(appointments)$", description = "Kind of items", example = "appointments"),
        ("id" = String, Path, min_length = 1, max_length = 255, description = "The business system's id, or the one that the first change event announced"),
        ("If-Match" = Option<String>, Header, pattern = r#"^"[0-9]+"$"#, description = "The ETag that the caller saw"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Makes repeating safe")
    ),
    request_body(content((Item = "application/merge-patch+json"), (Item = "application/json")), description = "The merge patch"),
    responses((status = 202, description = "Written down", body = ChangeAccepted), Refusals, BodyRefusals, GuardRefusals)
)]
pub(crate) async fn patch_item(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: ItemPath,
    ReadGuards(guards): ReadGuards,
    ItemBody(patch): ItemBody,
) -> Written {
    write(&state, &caller, path, ItemChangeRequest::Patch(patch), guards).await
}

/// Delete an item
#[utoipa::path(
    delete,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}",
    tag = "items",
    params(
        ("mailbox" = String, Path, description = "Primary address or alias in any case, or id"),
        ("kind" = String, Path, pattern = "^(appointments)$", description = "Kind of items", example = "appointments"),
        ("id" = String, Path, min_length = 1, max_length = 255, description = "The business system's id, or the one that the first change event announced"),
        ("If-Match" = Option<String>, Header, pattern = r#"^"[0-9]+"$"#, description = "The ETag that the caller saw"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Makes repeating safe")
    ),
    responses((status = 202, description = "Written down", body = ChangeAccepted), Refusals, GuardRefusals)
)]
pub(crate) async fn delete_item(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: ItemPath,
    ReadGuards(guards): ReadGuards,
) -> Written {
    write(&state, &caller, path, ItemChangeRequest::Delete, guards).await
}

async fn write(
    state: &ApiState,
    caller: &Caller,
    path: ItemPath,
    change: ItemChangeRequest,
    guards: Guards,
) -> Written {
    let accepted = state
        .border
        .change_item(caller, &path.mailbox, path.kind, &path.id, change, guards)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(accepted.into())))
}

/// One item
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}",
    tag = "items",
    params(
        ("mailbox" = String, Path, description = "Primary address or alias in any case, or id"),
        ("kind" = String, Path, pattern = "^(appointments)$", description = "Kind of items", example = "appointments"),
        ("id" = String, Path, min_length = 1, max_length = 255, description = "The business system's id, or the one that the first change event announced")
    ),
    responses(
        (
            status = 200,
            description = "The item itself",
            body = Item,
            headers(
                ("ETag" = String, description = "Its version, for If-Match"),
                ("Tidemark-Pending" = u64, description = "How many changes of it wait to be applied")
            )
        ),
        Refusals
    )
)]
pub(crate) async fn get_item(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: ItemPath,
) -> Result<impl IntoResponse, Problem> {
    let view = state.border.item(&caller, &path.mailbox, path.kind, &path.id).await?;
    let headers = [(ETAG, format!("\"{}\"", view.revision)), (PENDING, view.pending.to_string())];
    Ok((headers, Json(Item(view.item))))
}

/// The items of a mailbox
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/{kind}",
    tag = "items",
    params(
        ("mailbox" = String, Path, description = "Primary address or alias in any case, or id"),
        ("kind" = String, Path, pattern = "^(appointments)$", description = "Kind of items", example = "appointments"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Most entries: 100 unless said, at most 500")
    ),
    responses((status = 200, description = "A page", body = Items), Refusals, CursorRefusals)
)]
pub(crate) async fn list_items(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: CollectionPath,
    page: Page,
) -> Result<Json<Items>, Problem> {
    let listing = state
        .border
        .items(&caller, &path.mailbox, path.kind, page.after.as_deref(), page.limit)
        .await?;
    Ok(Json(listing.into()))
}

/// What was decided about an item, and why
///
/// Oldest first.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}/history",
    tag = "items",
    params(
        ("mailbox" = String, Path, description = "Primary address or alias in any case, or id"),
        ("kind" = String, Path, pattern = "^(appointments)$", description = "Kind of items", example = "appointments"),
        ("id" = String, Path, min_length = 1, max_length = 255, description = "The business system's id, or the one that the first change event announced"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Most entries: 100 unless said, at most 500")
    ),
    responses((status = 200, description = "A page", body = History), Refusals, CursorRefusals)
)]
pub(crate) async fn item_history(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: ItemPath,
    page: Page,
) -> Result<Json<History>, Problem> {
    let listing = state
        .border
        .item_history(
            &caller,
            &path.mailbox,
            path.kind,
            &path.id,
            page.after.as_deref(),
            page.limit,
        )
        .await?;
    Ok(Json(listing.into()))
}
