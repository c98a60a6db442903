//! Mailboxes and their state.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{Mailbox, Mailboxes, Queued};
use crate::extract::{Authenticated, MailboxPath, Page};
use crate::openapi::{Refusals, StateRefusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// The mailboxes of the organisation
#[utoipa::path(
    get,
    path = "/v1/mailboxes",
    tag = "mailboxes",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Most entries: 100 unless said, at most 500")
    ),
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
    params(("mailbox" = String, Path, description = "Primary address or alias in any case, or id")),
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

/// Sync a mailbox now
///
/// Needs no body. What a sync finds comes as change events.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{mailbox}/sync",
    tag = "mailboxes",
    params(("mailbox" = String, Path, description = "Primary address or alias in any case, or id")),
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
