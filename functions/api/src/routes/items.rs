//! Items, by the business system's own ids.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::ETAG;
use http::{HeaderName, StatusCode};
use tidemark_service::border::{Caller, Guards, ItemChangeRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answers::{ChangeAccepted, History, Item, Items};
use crate::etag;
use crate::extract::{Authenticated, Cached, CollectionPath, ItemBody, ItemPath, Page, ReadGuards};
use crate::openapi::params::{
    CachedParam, GuardParams, ItemParam, KindParam, MailboxParam, PageParams,
};
use crate::openapi::{BodyRefusals, GuardRefusals, ItemRefusals, Refusals, StateRefusals};
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
    params(MailboxParam, KindParam, ItemParam, GuardParams),
    request_body(content((Item = "application/json"), (Item = "application/jscalendar+json")), description = "The item itself"),
    responses((status = 202, description = "Written down", body = ChangeAccepted), Refusals, ItemRefusals, BodyRefusals, GuardRefusals)
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
/// An RFC 7386 merge patch. An item that was deleted is not patched: PUT makes it anew.
#[utoipa::path(
    patch,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}",
    tag = "items",
    params(MailboxParam, KindParam, ItemParam, GuardParams),
    request_body(content((Item = "application/merge-patch+json"), (Item = "application/json")), description = "The merge patch"),
    responses((status = 202, description = "Written down", body = ChangeAccepted), Refusals, ItemRefusals, BodyRefusals, GuardRefusals)
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
    params(MailboxParam, KindParam, ItemParam, GuardParams),
    responses((status = 202, description = "Written down", body = ChangeAccepted), Refusals, ItemRefusals, GuardRefusals)
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
    let ItemPath { mailbox, kind, id } = path;
    let accepted = state.border.change_item(caller, &mailbox, kind, &id, change, guards).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted.into())))
}

/// One item
///
/// As the business system knows it. What was never told to it is not there. A put that waits is shown
/// with `tidemark:pending` until it is carried out.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}",
    tag = "items",
    params(MailboxParam, KindParam, ItemParam, CachedParam),
    responses(
        (
            status = 200,
            description = "The item itself",
            body = Item,
            headers(
                ("ETag" = String, description = "Its version, for If-Match and If-None-Match; weak while changes of it wait"),
                ("Tidemark-Pending" = u64, description = "How many changes of it wait to be applied")
            )
        ),
        (
            status = 304,
            description = "The caller has this version already",
            headers(
                ("ETag" = String, description = "Its version"),
                ("Tidemark-Pending" = u64, description = "How many changes of it wait to be applied")
            )
        ),
        Refusals,
        ItemRefusals,
        StateRefusals
    )
)]
pub(crate) async fn get_item(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ItemPath { mailbox, kind, id }: ItemPath,
    cached: Cached,
) -> Result<Response, Problem> {
    let view = state.border.item(&caller, &mailbox, kind, &id).await?;
    let tag = etag::write(view.version);
    let is_known = cached.has(&tag);
    let headers = [(ETAG, tag), (PENDING, view.pending.to_string())];
    Ok(if is_known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, Json(Item(view.item))).into_response()
    })
}

/// The items of a mailbox
///
/// Those that the business system was told of. One whose creation still waits is not among them yet.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/{kind}",
    tag = "items",
    params(MailboxParam, KindParam, PageParams),
    responses((status = 200, description = "A page", body = Items), Refusals, ItemRefusals)
)]
pub(crate) async fn list_items(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    CollectionPath { mailbox, kind }: CollectionPath,
    Page { after, limit }: Page,
) -> Result<Json<Items>, Problem> {
    let listing = state.border.items(&caller, &mailbox, kind, after.as_deref(), limit).await?;
    Ok(Json(listing.into()))
}

/// What was decided about an item, and why
///
/// Oldest first.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/{kind}/{id}/history",
    tag = "items",
    params(MailboxParam, KindParam, ItemParam, PageParams),
    responses((status = 200, description = "A page", body = History), Refusals, ItemRefusals)
)]
pub(crate) async fn item_history(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ItemPath { mailbox, kind, id }: ItemPath,
    Page { after, limit }: Page,
) -> Result<Json<History>, Problem> {
    let border = &state.border;
    let listing =
        border.item_history(&caller, &mailbox, kind, &id, after.as_deref(), limit).await?;
    Ok(Json(listing.into()))
}
