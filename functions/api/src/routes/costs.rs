//! What mailboxes cost.

use axum::Json;
use axum::extract::State;

use crate::answers::Cost;
use crate::extract::{Authenticated, MailboxPath};
use crate::openapi::Refusals;
use crate::openapi::params::MailboxParam;
use crate::problem::Problem;
use crate::state::ApiState;

/// What a mailbox costs
///
/// In the last 30 days, reckoned from its meter at list prices of AWS, and what that makes in a month.
/// What a deployment costs beside its mailboxes is not among it, and not yet what functions are billed
/// by call and by time. On one machine nothing of it is billed.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{mailbox}/cost",
    tag = "mailboxes",
    params(MailboxParam),
    responses((status = 200, description = "The cost, part by part", body = Cost), Refusals)
)]
pub(crate) async fn get_cost(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    MailboxPath(mailbox): MailboxPath,
) -> Result<Json<Cost>, Problem> {
    let view = state.border.cost(&caller, &mailbox).await?;
    Ok(Json(view.into()))
}
