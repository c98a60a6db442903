//! The preflight of a connection, for administrators.

use axum::Json;
use axum::extract::State;

use crate::answers::{Assignment, Fence, Preflight};
use crate::commands::{ChangeFence, CheckAssignment, RunPreflight};
use crate::extract::{Authenticated, Command, ConnectionPath};
use crate::openapi::params::IdParam;
use crate::openapi::{BodyRefusals, CursorRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// Look at every step on the way to the mailboxes of a connection
///
/// For administrators. Exchange is asked now: name, connection, TLS, HTTP, login or token, roles,
/// impersonation or place of each mailbox, its calendar, throttling, version, whether Exchange reaches
/// us, and whether a mailbox outside of the scope is refused. A step that failed names its cause, its
/// mend and the commands that are missing. No item is read. It takes 25 seconds at most; `more` says
/// that mailboxes were left out.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/preflight",
    tag = "connections",
    params(IdParam),
    request_body = RunPreflight,
    responses((status = 200, description = "What was found", body = Preflight), Refusals, BodyRefusals)
)]
pub(crate) async fn run_preflight(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
    Command(command): Command<RunPreflight>,
) -> Result<Json<Preflight>, Problem> {
    Ok(Json(state.border.preflight(&caller, id, command.into()).await?.into()))
}

/// Check the assignment of mailboxes
///
/// For administrators. Looks at the mailboxes of a connection that are switched on, some hundred in a
/// call, and names those that cannot be reached, with the reason. Call again with `next` as `after`
/// until it is `null`.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/assignment",
    tag = "connections",
    params(IdParam),
    request_body = CheckAssignment,
    responses((status = 200, description = "What was found", body = Assignment), Refusals, BodyRefusals, CursorRefusals)
)]
pub(crate) async fn check_assignment(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
    Command(command): Command<CheckAssignment>,
) -> Result<Json<Assignment>, Problem> {
    let after = command.after.as_deref();
    Ok(Json(state.border.check_assignment(&caller, id, after).await?.into()))
}

/// What keeps a connection out of other mailboxes
///
/// For administrators.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/fence",
    tag = "connections",
    params(IdParam),
    responses((status = 200, description = "The fence", body = Fence), Refusals)
)]
pub(crate) async fn get_fence(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
) -> Result<Json<Fence>, Problem> {
    Ok(Json(state.border.fence(&caller, id).await?.into()))
}

/// Name the mailbox outside, waive the proof, or demand it
///
/// For administrators. What is absent stays. `outside` is a mailbox that must not open; the next
/// preflight tries it, and a refusal next to a mailbox that opens is the proof. A waiver is put on
/// record with its reason, the key and the time. Both are of the account or application that logs on
/// now: another one needs its own.
#[utoipa::path(
    patch,
    path = "/v1/connections/{id}/fence",
    tag = "connections",
    params(IdParam),
    request_body = ChangeFence,
    responses((status = 200, description = "The fence", body = Fence), Refusals, BodyRefusals)
)]
pub(crate) async fn change_fence(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
    Command(command): Command<ChangeFence>,
) -> Result<Json<Fence>, Problem> {
    Ok(Json(state.border.change_fence(&caller, id, command.into()).await?.into()))
}
