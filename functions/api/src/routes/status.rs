//! `/` and `/health`: what anybody may see.

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use http::HeaderName;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};

use crate::answers::Health;
use crate::problem::{Problem, ProblemKind};
use crate::state::ApiState;

/// The page loads nothing, sends nothing and is shown in no frame.
const PAGE_HEADERS: [(HeaderName, &str); 3] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
];

const PAGE: &str = concat!(
    "<!doctype html>\n",
    "<html lang=\"en\">\n",
    "<head>\n",
    "<meta charset=\"utf-8\">\n",
    "<meta name=\"viewport\" content=\"width=device-width\">\n",
    "<meta name=\"color-scheme\" content=\"light dark\">\n",
    "<title>Tidemark</title>\n",
    "</head>\n",
    "<body>\n",
    "<main>\n",
    "<h1>Tidemark</h1>\n",
    "<p>Version ",
    env!("CARGO_PKG_VERSION"),
    ". Keeps Exchange and business systems in step.</p>\n",
    "<ul>\n",
    "<li><a href=\"/health\">Whether it works</a></li>\n",
    "<li><a href=\"/openapi.json\">The API, as OpenAPI 3.1</a></li>\n",
    "</ul>\n",
    "</main>\n",
    "</body>\n",
    "</html>\n",
);

/// A page for people who follow the address
#[utoipa::path(
    get,
    path = "/",
    tag = "status",
    security(()),
    responses((status = 200, description = "A page without data", body = String, content_type = "text/html"))
)]
pub(crate) async fn status_page() -> impl IntoResponse {
    (PAGE_HEADERS, Html(PAGE))
}

/// Whether everything that this process serves works
///
/// Needs no key: what it says names parts of the system, never people.
#[utoipa::path(
    get,
    path = "/health",
    tag = "status",
    security(()),
    responses(
        (status = 200, description = "It works", body = Health),
        (
            status = 503,
            description = "It cannot serve now; the problem says what does not work",
            body = crate::problem::ProblemBody,
            content_type = "application/problem+json"
        )
    )
)]
pub(crate) async fn health(State(state): State<ApiState>) -> Result<Json<Health>, Problem> {
    state
        .border
        .health()
        .await
        .map(|()| Json(Health { status: "ok" }))
        .map_err(|text| Problem::new(ProblemKind::Unavailable, text))
}
