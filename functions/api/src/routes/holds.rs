//! What waits for a person.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{Hold, Holds, Queued};
use crate::commands::DecideHold;
use crate::extract::{Authenticated, Command, HoldPath};
use crate::openapi::{BodyRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// What waits for a person
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

/// Decide about something that waits
#[utoipa::path(
    post,
    path = "/v1/holds/{id}",
    tag = "holds",
    params(("id" = uuid::Uuid, Path, description = "Its id")),
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
