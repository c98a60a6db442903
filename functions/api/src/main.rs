//! The api function on Lambda.
//!
//! Prefer a function URL before it. It hands paths over as they were sent; an HTTP API decodes
//! `rawPath` first, so that an item id with a slash, `?` or `%` cannot be told from the path around it.

use std::sync::Arc;

use tidemark_api::{ApiOptions, router};
use tidemark_lambda::{Error, serve_http};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::api_on;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let service = api_on(&aws).await?;
    let options = ApiOptions { world: service.world.clone() };
    serve_http(router(Arc::new(service), options), aws.frame()).await
}
