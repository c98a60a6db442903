//! The `ews-webhook` function on Lambda.

use std::sync::Arc;

use tidemark_ews_webhook::router;
use tidemark_intake::Intake;
use tidemark_lambda::{Error, serve_http};
use tidemark_platform::{Aws, Environment, logs};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let intake = Intake {
        records: aws.records_without_contents()?,
        queue: aws.queue()?,
        world: aws.world(),
        proof: None,
    };
    serve_http(router(Arc::new(intake)), aws.frame()).await
}
