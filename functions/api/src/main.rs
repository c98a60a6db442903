//! The api function on Lambda.

use std::sync::Arc;

use lambda_http::Error;
use tidemark_api::{ApiOptions, serve_lambda};
use tidemark_runtime::{Environment, api_from_environment, logs};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let service = api_from_environment(&environment).await?;
    let options = ApiOptions { world: service.world.clone() };
    serve_lambda(Arc::new(service), options).await
}
