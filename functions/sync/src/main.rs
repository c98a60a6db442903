//! The sync function: one run per message of the queue.

mod handler;

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::service_on;

use crate::handler::Called;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let service = Arc::new(service_on(&aws).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (service, invocations) = (Arc::clone(&service), aws.invocations());
        async move {
            let called = Called {
                invocations: &invocations,
                request_id: &event.context.request_id,
                trace: event.context.xray_trace_id.as_deref(),
                ends_at: handler::end_of(event.context.deadline),
            };
            Ok::<_, Error>(Box::pin(handler::handle(&service, event.payload, &called)).await)
        }
    }))
    .await
}
