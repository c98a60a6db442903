//! What waits for a person.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{DetailedHold, Hold, Holds, Queued};
use crate::commands::DecideHold;
use crate::extract::{Authenticated, Command, HoldPath};
use crate::openapi::params::IdParam;
use crate::openapi::{BodyRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// What waits for a person
///
/// Of the whole organisation; for an integrator, of the mailboxes of its own business system.
#[utoipa::path(
    get,
    path = "/v1/holds",
    tag = "holds",
    responses((status = 200, description = "All of them", body = Holds), Refusals)
)]
pub(crate) async fn list_holds(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Holds>, Problem> {
    let views = state.border.holds(&caller).await?;
    Ok(Json(Holds { holds: views.into_iter().map(Hold::from).collect(), next: None }))
}

/// One hold
///
/// Of the brake of a mailbox, with what waits behind it.
#[utoipa::path(
    get,
    path = "/v1/holds/{id}",
    tag = "holds",
    params(IdParam),
    responses((status = 200, description = "The hold", body = DetailedHold), Refusals)
)]
pub(crate) async fn get_hold(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    HoldPath(id): HoldPath,
) -> Result<Json<DetailedHold>, Problem> {
    let details = state.border.hold(&caller, id).await?;
    Ok(Json(details.into()))
}

/// Decide about something that waits
///
/// For administrators. The next run carries the decision out.
#[utoipa::path(
    post,
    path = "/v1/holds/{id}",
    tag = "holds",
    params(IdParam),
    request_body = DecideHold,
    responses((status = 202, description = "It will be carried out", body = Queued), Refusals, BodyRefusals)
)]
pub(crate) async fn decide_hold(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    HoldPath(id): HoldPath,
    Command(command): Command<DecideHold>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    state.border.decide_hold(&caller, id, command.choice.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued::NOW)))
}
