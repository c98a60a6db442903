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
    let service = Arc::new(service_on(&Aws::load(environment).await).await?);
    lambda_runtime::run(service_fn(move |_: LambdaEvent<Schedule>| {
        let service = Arc::clone(&service);
        async move { Ok::<Summary, Error>(handler::handle(&service).await) }
    }))
    .await
}
