//! The deliver function: what webhook endpoints still have to get.

mod handler;

use std::sync::Arc;

use tidemark_delivery::{Deliveries, webhook_options};
use tidemark_lambda::{Call, Error, serve_units};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_transport::ReqwestHttp;

use crate::handler::{Event, RESERVE, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let deliveries = Arc::new(compose(&aws).await?);
    let frame = aws.frame();
    serve_units(aws.frame(), move |event: Event, call: Call| {
        let (deliveries, frame) = (Arc::clone(&deliveries), frame.clone());
        async move {
            let deadline = call.stops_at(deliveries.world.now(), RESERVE);
            let ended = Box::pin(handle(&deliveries, event, deadline, &frame)).await;
            ended.inspect_err(|error| {
                frame.failed();
                tracing::error!(error = %error, "nothing is delivered");
            })
        }
    })
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
