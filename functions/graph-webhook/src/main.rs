//! The `graph-webhook` function on Lambda.

use std::sync::Arc;

use tidemark_graph_webhook::router;
use tidemark_intake::Intake;
use tidemark_lambda::{Error, serve_http};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_proofs::{Proofs, connect_to_cloud};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let proofs = Proofs::new(Arc::new(connect_to_cloud), aws.secrets(), aws.world());
    let intake = Intake {
        records: aws.records_without_contents()?,
        queue: aws.queue()?,
        world: aws.world(),
        proof: Some(Arc::new(proofs)),
    };
    serve_http(router(Arc::new(intake)), aws.frame()).await
}
