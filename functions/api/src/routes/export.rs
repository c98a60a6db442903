//! Everything that is kept of an organisation.

use axum::Json;
use axum::extract::State;

use crate::answers::Export;
use crate::export;
use crate::extract::{Authenticated, Page};
use crate::openapi::{CursorRefusals, Refusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// Export everything
///
/// For administrators. The organisation, its systems, connections, keys, webhooks and holds, what
/// administrators changed, each mailbox with its items and their history, and the change feed: each in
/// the form in which its own route shows it, without secrets. Pages are bounded by us, and one may be
/// empty: go on with `next` until it is `null`. What changes meanwhile stands in the feed, which comes
/// last.
#[utoipa::path(
    get,
    path = "/v1/export",
    tag = "administration",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "A page", body = Export), Refusals, CursorRefusals)
)]
pub(crate) async fn read_export(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    page: Page,
) -> Result<Json<Export>, Problem> {
    let page = Box::pin(export::page(&*state.border, &caller, page.after.as_deref())).await?;
    Ok(Json(Export { rows: page.rows, next: page.next }))
}
