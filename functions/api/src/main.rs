//! The api function on Lambda.

use std::sync::Arc;

use lambda_http::Error;
use tidemark_api::{ApiOptions, serve_lambda};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::api_on;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let service = api_on(&aws).await?;
    let options = ApiOptions { world: service.world.clone() };
    serve_lambda(Arc::new(service), options, aws.invocations()).await
}
