//! The sync function: one run per message of the queue.

mod handler;

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use tidemark_lambda::{Call, Error, serve};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::service_on;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let service = Arc::new(service_on(&aws).await?);
    serve(&aws.frame(), move |event: SqsEvent, call: Call| {
        let (service, frame) = (Arc::clone(&service), aws.frame());
        async move { Box::pin(handler::handle(&service, event, &call, &frame)).await }
    })
    .await
}
