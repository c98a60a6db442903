//! The organisation and what was changed in it, for administrators.

use axum::Json;
use axum::extract::State;

use crate::answers::{Activity, Organisation, Restored, Shutdown};
use crate::commands::ChangeOrganisation;
use crate::extract::{Authenticated, Command, Page};
use crate::openapi::params::PageParams;
use crate::openapi::{BodyRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// The organisation
///
/// For administrators: the organisation that the key belongs to.
#[utoipa::path(
    get,
    path = "/v1/organisation",
    tag = "administration",
    responses((status = 200, description = "The organisation", body = Organisation), Refusals)
)]
pub(crate) async fn get_organisation(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Organisation>, Problem> {
    Ok(Json(state.border.organisation(&caller).await?.into()))
}

/// Change the organisation
///
/// For administrators. What is absent stays. While `enabled` is `false`, nothing is synced for the
/// organisation and it takes no changes of items; all of its settings stay, and what happens in its
/// mailboxes meanwhile is found when it is switched on again.
#[utoipa::path(
    patch,
    path = "/v1/organisation",
    tag = "administration",
    request_body = ChangeOrganisation,
    responses((status = 200, description = "The organisation", body = Organisation), Refusals, BodyRefusals)
)]
pub(crate) async fn change_organisation(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Command(command): Command<ChangeOrganisation>,
) -> Result<Json<Organisation>, Problem> {
    Ok(Json(state.border.change_organisation(&caller, command.into()).await?.into()))
}

/// Shut the organisation down
///
/// For administrators; needs no body. Switches the organisation off and ends the subscriptions of its
/// mailboxes, so that Exchange stops calling: the step before Tidemark is removed. Nothing is deleted,
/// neither in Exchange nor here. Call again with `next` until it is `null`, then from the beginning
/// until nothing is `waiting` or `failed`, or until `over`.
#[utoipa::path(
    post,
    path = "/v1/organisation/shutdown",
    tag = "administration",
    params(("after" = Option<String>, Query, description = "`next` of the call before")),
    responses((status = 200, description = "How far it has come", body = Shutdown), Refusals)
)]
pub(crate) async fn shut_down(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    page: Page,
) -> Result<Json<Shutdown>, Problem> {
    Ok(Json(state.border.shut_down(&caller, page.after.as_deref()).await?.into()))
}

/// Start from a restored table
///
/// For administrators; needs no body. To be called once after the table was restored to an earlier
/// moment, before anything else is: cursors of the feed that were given before are answered 410 from then
/// on, subscriptions are made anew, and every mailbox is synced. Call again with `next` until it is `null`.
#[utoipa::path(
    post,
    path = "/v1/organisation/restored",
    tag = "administration",
    params(("after" = Option<String>, Query, description = "`next` of the call before")),
    responses((status = 200, description = "How far it has come", body = Restored), Refusals)
)]
pub(crate) async fn start_restored(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    page: Page,
) -> Result<Json<Restored>, Problem> {
    Ok(Json(state.border.restored(&caller, page.after.as_deref()).await?.into()))
}

/// What administrators changed
///
/// For administrators. The newest first; kept for 400 days. It holds no secrets.
#[utoipa::path(
    get,
    path = "/v1/activity",
    tag = "administration",
    params(PageParams),
    responses((status = 200, description = "A page", body = Activity), Refusals)
)]
pub(crate) async fn read_activity(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    page: Page,
) -> Result<Json<Activity>, Problem> {
    let listing = state.border.activity(&caller, page.after.as_deref(), page.limit).await?;
    Ok(Json(listing.into()))
}
