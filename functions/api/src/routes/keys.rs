//! API keys, for administrators.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{Key, Keys, NewKey};
use crate::commands::CreateKey;
use crate::extract::{Authenticated, Command, KeyPath};
use crate::openapi::params::IdParam;
use crate::openapi::{BodyRefusals, Refusals, StateRefusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// The API keys of the organisation
///
/// For administrators. The keys themselves are kept nowhere.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "administration",
    responses((status = 200, description = "All of them", body = Keys), Refusals)
)]
pub(crate) async fn list_keys(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Keys>, Problem> {
    let views = state.border.keys(&caller).await?;
    Ok(Json(Keys { keys: views.into_iter().map(Key::from).collect(), next: None }))
}

/// Make an API key
///
/// For administrators. A key that reads or writes items speaks for one business system.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "administration",
    request_body = CreateKey,
    responses((status = 201, description = "Made; the key is shown only this once", body = NewKey), Refusals, BodyRefusals)
)]
pub(crate) async fn create_key(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Command(command): Command<CreateKey>,
) -> Result<(StatusCode, Json<NewKey>), Problem> {
    let (view, secret) = state.border.issue_key(&caller, command.read()?).await?;
    Ok((StatusCode::CREATED, Json(NewKey::shown_once(view, &secret))))
}

/// End an API key
///
/// For administrators. It is refused from the next request on. The last key of an administrator
/// stays.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    tag = "administration",
    params(IdParam),
    responses((status = 204, description = "Ended"), Refusals, StateRefusals)
)]
pub(crate) async fn delete_key(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    KeyPath(id): KeyPath,
) -> Result<StatusCode, Problem> {
    state.border.revoke_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
