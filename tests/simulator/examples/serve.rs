//! Serves the demo organisation on a port of 127.0.0.1: `cargo run --example serve -- 8481`.

use std::sync::Arc;

use tidemark_simulator::{Config, SimClock, Simulator, server};

struct SystemClock;

impl SimClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the host hands the time in")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).unwrap_or_else(|| "8481".to_owned()).parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let simulator = Arc::new(Simulator::new(Config::demo(), Arc::new(SystemClock)));
    server::serve(listener, simulator).await?;
    Ok(())
}
