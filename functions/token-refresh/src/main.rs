//! The token-refresh function: tokens ahead of their time, and the rotation of credentials.

mod handler;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::refresh_on;

use crate::handler::Event;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let (refresher, rotation) = refresh_on(&aws).await?;
    let (refresher, rotation) = (Arc::new(refresher), Arc::new(rotation));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| {
        let (refresher, rotation) = (Arc::clone(&refresher), Arc::clone(&rotation));
        let invocations = aws.invocations();
        async move {
            let context = &event.context;
            let work = Box::pin(handler::handle(&refresher, &rotation, event.payload));
            let trace = context.xray_trace_id.as_deref();
            let ended = invocations.run(&context.request_id, trace, work).await?;
            ended.map_err(Error::from)
        }
    }))
    .await
}
