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
/// The part `shared` is its equal part of what functions did for no single mailbox: sweeps, deliveries,
/// tokens, reads and polls of the API. What a deployment costs beside its functions, table and queue is
/// not among it. On one machine nothing of it is billed.
///
/// Where the organisation has a cap (`capCentsPerMonth`), the answer says whether the mailbox is above it:
/// its sweeps then come less often, a step a day, and nothing else is held back.
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
