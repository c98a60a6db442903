//! The sweep function: what is done every minute.

mod handler;

use std::sync::Arc;

use tidemark_lambda::{Call, Error, serve_units};
use tidemark_platform::{Aws, Environment, logs};
use tidemark_runtime::service_on;

use crate::handler::{RESERVE, Schedule, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::of_process();
    logs::start(&environment);
    let aws = Aws::load(environment).await;
    let service = Arc::new(service_on(&aws).await?);
    let frame = aws.frame();
    serve_units(aws.frame(), move |_: Schedule, call: Call| {
        let (service, frame) = (Arc::clone(&service), frame.clone());
        async move {
            let latest = call.stops_at(service.world.now(), RESERVE);
            Ok::<_, Error>(handle(&service, latest, &frame).await)
        }
    })
    .await
}
