//! The token-refresh function: tokens ahead of their time, and the rotation of credentials.

mod handler;

use std::sync::Arc;

use tidemark_lambda::{Call, Error, serve_units};
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
    let frame = aws.frame();
    serve_units(aws.frame(), move |event: Event, _: Call| {
        let (refresher, rotation) = (Arc::clone(&refresher), Arc::clone(&rotation));
        let frame = frame.clone();
        async move { Box::pin(handler::handle(&refresher, &rotation, event, &frame)).await }
    })
    .await
}
