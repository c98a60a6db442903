//! The sync function: one run per message of the queue.

mod handler;

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::service_on;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let service = Arc::new(service_on(&Aws::load(environment).await).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let service = Arc::clone(&service);
        async move {
            let ends_at = handler::end_of(event.context.deadline);
            Ok::<_, Error>(Box::pin(handler::handle(&service, event.payload, ends_at)).await)
        }
    }))
    .await
}
