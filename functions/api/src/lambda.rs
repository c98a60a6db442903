//! The API as a Lambda function.

use std::sync::Arc;

use tidemark_service::Border;

use crate::{ApiOptions, router};

/// Serves the API from Lambda events: function URLs and HTTP APIs (payload format 2.0).
///
/// # Errors
/// When the Lambda runtime cannot be reached or ends.
pub async fn serve_lambda(
    border: Arc<dyn Border>,
    options: ApiOptions,
) -> Result<(), lambda_http::Error> {
    lambda_http::run(router(border, options)).await
}
