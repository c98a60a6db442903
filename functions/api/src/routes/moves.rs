//! Moving mailboxes to another connection, for administrators.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{MailboxMove, MovesAsked};
use crate::commands::MoveMailboxes;
use crate::extract::{Authenticated, Command, ConnectionPath, MailboxPath};
use crate::openapi::params::{IdParam, MailboxParam};
use crate::openapi::{BodyRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// Move mailboxes to another connection
///
/// For administrators. Mailboxes of this connection, which is over EWS, go on over one over Graph: in
/// place, with their items, ids, settings and history, and without a new copy. Each mailbox first
/// settles what was begun over EWS; as soon as Graph answers for it, its items are given their new ids
/// and compared. `GET /v1/mailboxes/{mailbox}/move` tells how that goes, and the event
/// `tidemark.mailbox.moved` when it is done. A mailbox that is not in Exchange Online yet stays on EWS
/// until it is.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/move",
    tag = "connections",
    params(IdParam),
    request_body = MoveMailboxes,
    responses((status = 202, description = "They will move", body = MovesAsked), Refusals, BodyRefusals)
)]
pub(crate) async fn move_mailboxes(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    ConnectionPath(id): ConnectionPath,
    Command(command): Command<MoveMailboxes>,
) -> Result<(StatusCode, Json<MovesAsked>), Problem> {
    let asked = state.border.move_mailboxes(&caller, id, command.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(asked.into())))
}

/// How the move of a mailbox stands
///
/// Of its last move to another connection, done or not; 404 if it never moved. The items are counted as
/// they are now: what a person has decided since counts.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/move",
    tag = "mailboxes",
    params(MailboxParam),
    responses((status = 200, description = "The move", body = MailboxMove), Refusals)
)]
pub(crate) async fn get_move(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
) -> Result<Json<MailboxMove>, Problem> {
    Ok(Json(state.border.mailbox_move(&caller, &mailbox).await?.into()))
}
