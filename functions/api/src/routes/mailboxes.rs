//! Mailboxes and their state.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{Mailbox, Mailboxes, Queued};
use crate::commands::SwitchMailbox;
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

/// Switch a mailbox on or off
///
/// For administrators. While it is off, nothing of it is synced and it takes no changes; what happens in
/// it meanwhile is found when it is switched on again.
#[utoipa::path(
    patch,
    path = "/v1/mailboxes/{mailbox}",
    tag = "mailboxes",
    params(MailboxParam),
    request_body = SwitchMailbox,
    responses((status = 200, description = "The mailbox", body = Mailbox), Refusals, BodyRefusals)
)]
pub(crate) async fn switch_mailbox(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
    Command(command): Command<SwitchMailbox>,
) -> Result<Json<Mailbox>, Problem> {
    let view = state.border.switch_mailbox(&caller, &mailbox, command.enabled).await?;
    Ok(Json(view.into()))
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
