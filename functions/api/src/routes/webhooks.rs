//! Webhook endpoints.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::answers::{NewWebhook, Webhook, Webhooks};
use crate::commands::{CreateWebhook, ReplayWebhook};
use crate::extract::{Authenticated, Command, WebhookPath};
use crate::openapi::params::IdParam;
use crate::openapi::{BodyRefusals, CursorRefusals, Refusals, StateRefusals};
use crate::problem::Problem;
use crate::state::ApiState;

/// Register a webhook endpoint
///
/// Each delivery is one CloudEvent in structured mode, signed after Standard Webhooks.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    request_body = CreateWebhook,
    responses((status = 201, description = "Registered; the secret is shown only this once", body = NewWebhook), Refusals, BodyRefusals)
)]
pub(crate) async fn create_webhook(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Command(command): Command<CreateWebhook>,
) -> Result<(StatusCode, Json<NewWebhook>), Problem> {
    let (view, secret) = state.border.create_webhook(&caller, &command.url).await?;
    let answer = NewWebhook { webhook: view.into(), secret };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The webhook endpoints
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "webhooks",
    responses((status = 200, description = "All of them", body = Webhooks), Refusals)
)]
pub(crate) async fn list_webhooks(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Webhooks>, Problem> {
    let views = state.border.webhooks(&caller).await?;
    Ok(Json(Webhooks { webhooks: views.into_iter().map(Webhook::from).collect(), next: None }))
}

/// Remove a webhook endpoint
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(IdParam),
    responses((status = 204, description = "Removed"), Refusals)
)]
pub(crate) async fn delete_webhook(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    WebhookPath(id): WebhookPath,
) -> Result<StatusCode, Problem> {
    state.border.delete_webhook(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pause deliveries
///
/// Needs no body. What happens meanwhile is delivered after resuming.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/pause",
    tag = "webhooks",
    params(IdParam),
    responses((status = 200, description = "Paused", body = Webhook), Refusals, StateRefusals)
)]
pub(crate) async fn pause_webhook(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    WebhookPath(id): WebhookPath,
) -> Result<Json<Webhook>, Problem> {
    let view = state.border.pause_webhook(&caller, id, true).await?;
    Ok(Json(view.into()))
}

/// Resume deliveries
///
/// Needs no body.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/resume",
    tag = "webhooks",
    params(IdParam),
    responses((status = 200, description = "Resumed", body = Webhook), Refusals, StateRefusals)
)]
pub(crate) async fn resume_webhook(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    WebhookPath(id): WebhookPath,
) -> Result<Json<Webhook>, Problem> {
    let view = state.border.pause_webhook(&caller, id, false).await?;
    Ok(Json(view.into()))
}

/// Deliver again everything after a cursor of the feed
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    tag = "webhooks",
    params(IdParam),
    request_body = ReplayWebhook,
    responses((status = 202, description = "It will be delivered again", body = Webhook), Refusals, BodyRefusals, CursorRefusals)
)]
pub(crate) async fn replay_webhook(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    WebhookPath(id): WebhookPath,
    Command(command): Command<ReplayWebhook>,
) -> Result<(StatusCode, Json<Webhook>), Problem> {
    let view = state.border.replay_webhook(&caller, id, command.after.as_deref()).await?;
    Ok((StatusCode::ACCEPTED, Json(view.into())))
}
