//! Moving mailboxes to another connection, for administrators.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{MailboxMove, Moves, MovesAsked};
use crate::commands::MoveMailboxes;
use crate::extract::{Authenticated, Command, ConnectionPath, MailboxPath, Page};
use crate::openapi::params::{IdParam, MailboxParam, PageParams};
use crate::openapi::{BodyRefusals, Refusals, StateRefusals};
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

/// The moves of mailboxes
///
/// For administrators. The last move of each mailbox that ever moved, done or not, in the order of the
/// mailboxes' ids. A page may be short or empty although there is more: go on while `next` is there.
/// `GET /v1/mailboxes/{mailbox}/move` counts the items of one besides.
#[utoipa::path(
    get,
    path = "/v1/moves",
    tag = "connections",
    params(PageParams),
    responses((status = 200, description = "A page", body = Moves), Refusals)
)]
pub(crate) async fn list_moves(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    page: Page,
) -> Result<Json<Moves>, Problem> {
    let listing = state.border.moves(&caller, page.after.as_deref(), page.limit).await?;
    Ok(Json(listing.into()))
}

/// Withdraw the move of a mailbox
///
/// For administrators. As long as the move is `asked`, the mailbox goes on over its old connection, and
/// stays there if the move is withdrawn; whatever is held of its items stays held and can be decided as
/// before. Once its items are given their new ids, or the move is done, it is refused with 409.
/// Withdrawn again, nothing happens.
#[utoipa::path(
    delete,
    path = "/v1/mailboxes/{mailbox}/move",
    tag = "mailboxes",
    params(MailboxParam),
    responses((status = 204, description = "Withdrawn"), Refusals, StateRefusals)
)]
pub(crate) async fn withdraw_move(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
) -> Result<StatusCode, Problem> {
    state.border.withdraw_move(&caller, &mailbox).await?;
    Ok(StatusCode::NO_CONTENT)
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
