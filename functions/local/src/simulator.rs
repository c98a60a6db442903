//! The simulated Exchange on its port.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tidemark_runtime::Environment;
use tidemark_simulator::{Config, SimClock, Simulator, server};
use tidemark_transport::{Clock, SystemClock};
use tokio::net::TcpListener;

use crate::console::say;
use crate::host::{bind, stop_signal};

/// Where it listens unless `TIDEMARK_SIM_PORT` says otherwise.
const DEFAULT_PORT: u16 = 8481;

/// The connector's clock, handed on.
struct HostClock;

impl SimClock for HostClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

/// Takes the simulator's port.
///
/// # Errors
/// When the port is in use or is none.
pub(crate) async fn listen(environment: &Environment) -> anyhow::Result<TcpListener> {
    let port = environment.parsed("TIDEMARK_SIM_PORT", DEFAULT_PORT, "a port number")?;
    bind(port, "TIDEMARK_SIM_PORT").await
}

/// Serves the demo organisation until the future is dropped.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(listener: TcpListener) -> anyhow::Result<()> {
    let simulator = Arc::new(Simulator::new(Config::demo(), Arc::new(HostClock)));
    server::serve(listener, simulator).await.context("the simulator's listener failed")
}

/// `tidemark simulator`.
///
/// # Errors
/// When its port cannot be taken.
pub(crate) async fn run(environment: &Environment) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let listener = listen(environment).await?;
    say(&format!("simulator  http://{}/EWS/Exchange.asmx", listener.local_addr()?));
    tokio::select! {
        ended = serve(listener) => ended,
        () = stop => Ok(()),
    }
}
