//! The `graph-webhook` function on Lambda.

use std::sync::Arc;

use lambda_http::Error;
use tidemark_graph_webhook::router;
use tidemark_runtime::{Environment, logs, service_from_environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let service = service_from_environment(&environment).await?;
    lambda_http::run(router(Arc::new(service))).await
}
