//! The API as a Lambda function.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use http::StatusCode;
use lambda_http::RequestExt as _;
use tidemark_platform::Invocations;
use tidemark_service::Border;

use crate::{ApiOptions, router};

/// Serves the API from Lambda events: function URLs and HTTP APIs (payload format 2.0).
///
/// Prefer a function URL. It hands paths over as they were sent; an HTTP API decodes `rawPath`
/// first, so that an item id with a slash, `?` or `%` cannot be told from the path around it.
///
/// # Errors
/// When the Lambda runtime cannot be reached or ends.
pub async fn serve_lambda(
    border: Arc<dyn Border>,
    options: ApiOptions,
    invocations: Invocations,
) -> Result<(), lambda_http::Error> {
    let watch = from_fn(move |request: Request, next: Next| {
        let invocations = invocations.clone();
        async move {
            let context = request.lambda_context_ref().cloned().unwrap_or_default();
            let trace = context.xray_trace_id.as_deref();
            let ended = invocations.run(&context.request_id, trace, next.run(request)).await;
            ended.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    });
    lambda_http::run(router(border, options).layer(watch)).await
}
