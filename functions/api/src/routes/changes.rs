//! The change feed.

use axum::Json;
use axum::extract::State;

use crate::answers::Changes;
use crate::extract::{Authenticated, FeedQuery};
use crate::limits::{POLL_RETRY, POLLS_PER_KEY_MAX};
use crate::openapi::{CursorRefusals, Refusals};
use crate::problem::{Problem, ProblemKind};
use crate::state::ApiState;

/// What changed
///
/// Without `after`, from the beginning of retention. With `wait`, a call that finds nothing waits
/// for the first change; at most two calls of a key may wait at a time.
#[utoipa::path(
    get,
    path = "/v1/changes",
    tag = "changes",
    params(
        ("after" = Option<String>, Query, description = "`cursor` of the answer before"),
        ("wait" = Option<u64>, Query, description = "Seconds to wait for the first change: 0 unless said, at most 20"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Most changes: 100 unless said, at most 500")
    ),
    responses((status = 200, description = "Changes, also when there are none", body = Changes), Refusals, CursorRefusals)
)]
pub(crate) async fn read_changes(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    FeedQuery { page, wait }: FeedQuery,
) -> Result<Json<Changes>, Problem> {
    // Only who waits holds something; a plain read is over at once and is not counted.
    let _open = if wait.is_zero() {
        None
    } else {
        Some(state.polls.open(&caller).ok_or_else(too_many_polls)?)
    };
    let feed = state.border.changes(&caller, page.after.as_deref(), page.limit, wait).await?;
    Ok(Json(feed.into()))
}

fn too_many_polls() -> Problem {
    Problem::new(
        ProblemKind::TooManyRequests,
        format!(
            "{POLLS_PER_KEY_MAX} calls of this key wait for changes already: let one end, or ask \
             without wait"
        ),
    )
    .with_retry_after(POLL_RETRY)
}
