//! The deliver function: what webhook endpoints still have to get.

mod handler;

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidemark_delivery::{Deliveries, webhook_options};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_transport::ReqwestHttp;

use crate::handler::{DeliverError, Event, deadline, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let deliveries = Arc::new(compose(&aws).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| {
        let (deliveries, invocations) = (Arc::clone(&deliveries), aws.invocations());
        async move {
            let context = &event.context;
            let deadline = deadline(deliveries.world.now(), context.deadline);
            let work = handle(&deliveries, event.payload, deadline);
            let trace = context.xray_trace_id.as_deref();
            let ended = invocations.run(&context.request_id, trace, work).await?;
            ended.map_err(|error: DeliverError| {
                tracing::error!(error = %error, "nothing is delivered");
                Error::from(error)
            })
        }
    }))
    .await
}

async fn compose(aws: &Aws) -> Result<Deliveries, Error> {
    let networks = aws.environment().text("TIDEMARK_WEBHOOK_NETWORKS").unwrap_or_default();
    let webhooks = ReqwestHttp::new(webhook_options(networks)?)?;
    Ok(Deliveries {
        records: aws.records().await?,
        secrets: aws.secrets(),
        webhooks: Arc::new(webhooks),
        world: aws.world(),
    })
}
