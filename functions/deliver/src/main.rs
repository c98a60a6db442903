//! The deliver function: what webhook endpoints still have to get.

mod handler;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidemark_runtime::{Environment, logs, service_from_environment};

use crate::handler::{DeliverError, Event, deadline, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let service = Arc::new(service_from_environment(&environment).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| {
        let service = Arc::clone(&service);
        async move {
            let deadline = deadline(service.world.now(), event.context.deadline);
            handle(&service, event.payload, deadline).await.map_err(|error: DeliverError| {
                tracing::error!(error = %error, "nothing is delivered");
                Error::from(error)
            })
        }
    }))
    .await
}
