//! The API as a Lambda function.

use std::sync::Arc;

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
) -> Result<(), lambda_http::Error> {
    lambda_http::run(router(border, options)).await
}
