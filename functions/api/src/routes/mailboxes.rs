//! Mailboxes and their state.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{AddedMailboxes, Mailbox, Mailboxes, Queued};
use crate::commands::{AddMailboxes, ChangeMailbox};
use crate::extract::{Authenticated, Command, MailboxPath, Page};
use crate::openapi::params::{MailboxParam, PageParams};
use crate::openapi::{BodyRefusals, Refusals, StateRefusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// The mailboxes of the organisation
///
/// For an integrator, those of its own business system.
#[utoipa::path(
    get,
    path = "/v1/mailboxes",
    tag = "mailboxes",
    params(PageParams),
    responses((status = 200, description = "A page", body = Mailboxes), Refusals)
)]
pub(crate) async fn list_mailboxes(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    page: Page,
) -> Result<Json<Mailboxes>, Problem> {
    let listing = state.border.mailboxes(&caller, page.after.as_deref(), page.limit).await?;
    Ok(Json(listing.into()))
}

/// One mailbox
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}",
    tag = "mailboxes",
    params(MailboxParam),
    responses((status = 200, description = "The mailbox", body = Mailbox), Refusals)
)]
pub(crate) async fn get_mailbox(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
) -> Result<Json<Mailbox>, Problem> {
    let view = state.border.mailbox(&caller, &mailbox).await?;
    Ok(Json(view.into()))
}

/// Add mailboxes
///
/// For administrators. Each mailbox is answered by itself, in order: one that is refused keeps none of
/// the others out. What is added is copied and synced from now on. The same call again adds nothing
/// twice.
#[utoipa::path(
    post,
    path = "/v1/mailboxes",
    tag = "mailboxes",
    request_body = AddMailboxes,
    responses((status = 200, description = "What became of each", body = AddedMailboxes), Refusals, BodyRefusals)
)]
pub(crate) async fn add_mailboxes(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Command(command): Command<AddMailboxes>,
) -> Result<Json<AddedMailboxes>, Problem> {
    Ok(Json(state.border.add_mailboxes(&caller, command.into()).await?.into()))
}

/// Change a mailbox
///
/// For administrators. What is absent stays. While `enabled` is `false`, nothing of it is synced and it
/// takes no changes; what happens in it meanwhile is found when it is switched on again. A mailbox
/// whose address changes keeps its id, its items and their ids.
#[utoipa::path(
    patch,
    path = "/v1/mailboxes/{mailbox}",
    tag = "mailboxes",
    params(MailboxParam),
    request_body = ChangeMailbox,
    responses((status = 200, description = "The mailbox", body = Mailbox), Refusals, BodyRefusals)
)]
pub(crate) async fn change_mailbox(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
    Command(command): Command<ChangeMailbox>,
) -> Result<Json<Mailbox>, Problem> {
    let view = state.border.change_mailbox(&caller, &mailbox, command.into()).await?;
    Ok(Json(view.into()))
}

/// Remove a mailbox
///
/// For administrators. It is not synced any more, and what was kept of it cannot be read any more.
/// Nothing is deleted in Exchange or in the business system. One that is added again begins anew.
#[utoipa::path(
    delete,
    path = "/v1/mailboxes/{mailbox}",
    tag = "mailboxes",
    params(MailboxParam),
    responses((status = 204, description = "Removed"), Refusals)
)]
pub(crate) async fn remove_mailbox(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
) -> Result<StatusCode, Problem> {
    state.border.remove_mailbox(&caller, &mailbox).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sync a mailbox now
///
/// Needs no body. What a sync finds comes as change events. A mailbox that is switched off or paused is
/// not synced: the problem says how to go on.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{mailbox}/sync",
    tag = "mailboxes",
    params(MailboxParam),
    responses((status = 202, description = "It will be synced", body = Queued), Refusals, StateRefusals)
)]
pub(crate) async fn sync_mailbox(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    state.border.sync_now(&caller, &mailbox).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued::NOW)))
}
