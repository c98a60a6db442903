//! The `graph-webhook` function on Lambda.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use lambda_http::{Error, RequestExt as _};
use tidemark_graph_webhook::router;
use tidemark_intake::Intake;
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
    let invocations = aws.invocations();
    let watch = from_fn(move |request: Request, next: Next| {
        let invocations = invocations.clone();
        async move {
            let context = request.lambda_context_ref().cloned().unwrap_or_default();
            let trace = context.xray_trace_id.as_deref();
            let ended = invocations.run(&context.request_id, trace, next.run(request)).await;
            ended.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    });
    lambda_http::run(router(Arc::new(intake)).layer(watch)).await
}
