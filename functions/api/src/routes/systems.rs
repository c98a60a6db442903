//! Business systems, for administrators.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{System, Systems};
use crate::commands::{ChangeSystem, CreateSystem};
use crate::extract::{Authenticated, Command, SystemPath};
use crate::openapi::params::SystemParam;
use crate::openapi::{BodyRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// The business systems of the organisation
///
/// For administrators.
#[utoipa::path(
    get,
    path = "/v1/systems",
    tag = "administration",
    responses((status = 200, description = "All of them", body = Systems), Refusals)
)]
pub(crate) async fn list_systems(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Systems>, Problem> {
    let views = state.border.systems(&caller).await?;
    Ok(Json(Systems { systems: views.into_iter().map(System::from).collect(), next: None }))
}

/// Make a business system
///
/// For administrators. Keys, links and item ids belong to exactly one business system. Its id is
/// chosen here and stays.
#[utoipa::path(
    post,
    path = "/v1/systems",
    tag = "administration",
    request_body = CreateSystem,
    responses((status = 201, description = "Made", body = System), Refusals, BodyRefusals)
)]
pub(crate) async fn create_system(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Command(command): Command<CreateSystem>,
) -> Result<(StatusCode, Json<System>), Problem> {
    let view = state.border.create_system(&caller, &command.id, &command.name).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}

/// Rename a business system
///
/// For administrators.
#[utoipa::path(
    patch,
    path = "/v1/systems/{system}",
    tag = "administration",
    params(SystemParam),
    request_body = ChangeSystem,
    responses((status = 200, description = "The business system", body = System), Refusals, BodyRefusals)
)]
pub(crate) async fn change_system(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    SystemPath(id): SystemPath,
    Command(command): Command<ChangeSystem>,
) -> Result<Json<System>, Problem> {
    Ok(Json(state.border.change_system(&caller, &id, &command.name).await?.into()))
}
