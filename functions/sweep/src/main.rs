//! The sweep function: what is done every minute.

mod handler;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::service_on;

use crate::handler::{Schedule, Summary};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let service = Arc::new(service_on(&aws).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Schedule>| {
        let (service, invocations) = (Arc::clone(&service), aws.invocations());
        async move {
            let (context, work) = (&event.context, handler::handle(&service));
            let trace = context.xray_trace_id.as_deref();
            let summary = invocations.run(&context.request_id, trace, work).await?;
            Ok::<Summary, Error>(summary)
        }
    }))
    .await
}
