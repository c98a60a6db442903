//! `tidemark local`: the demo, or a configuration of one's own.

use std::path::Path;
use std::pin::pin;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use tidemark_runtime::Environment;
use tidemark_transport::{Clock as _, NetworkRange, SystemClock, SystemEntropy};
use tokio::net::TcpListener;

use crate::console::say;
use crate::host::{DataDirectory, Host, HostOptions, SimulatorPeer, bind, stop_signal};
use crate::settings::Settings;
use crate::setup::Setup;
use crate::{demo, simulator};

/// Where the API listens unless `TIDEMARK_API_PORT` says otherwise.
const DEFAULT_PORT: u16 = 8480;

/// `tidemark local --demo`.
///
/// # Errors
/// When a variable is wrong, a port is in use or the data directory cannot be used.
pub(crate) async fn run_demo(environment: &Environment) -> anyhow::Result<()> {
    demo::check_ways(environment)?;
    let stop = stop_signal()?;
    let (simulator_url, simulator_listener) =
        if let Some(url) = environment.text("TIDEMARK_SIM_URL") {
            (url.trim_end_matches('/').to_owned(), None)
        } else {
            let listener = simulator::listen(environment).await?;
            (format!("http://{}", listener.local_addr()?), Some(listener))
        };
    let listener = listen(environment).await?;
    let api_url = format!("http://{}", listener.local_addr()?);
    let directory = DataDirectory::named_or_fresh(environment.text("TIDEMARK_DATA"));
    let options = HostOptions {
        callback_url: api_url.clone(),
        egress_addresses: Vec::new(),
        webhook_networks: vec!["127.0.0.0/8".parse()?, "::1/128".parse()?],
    };
    let host = Host::open(directory.path(), options).await?;
    let key = demo::api_key(environment, &*host.service.secrets, &SystemEntropy).await?;
    let shown = key.expose_secret().to_owned();
    let setup = demo::setup(&simulator_url, key)?;
    say(&format!("API and status page  {api_url}/"));
    say(&format!("simulated Exchange   {simulator_url}/EWS/Exchange.asmx"));
    say(&format!("demo API key         {shown}"));
    say("demo login           alex@tidemark.example (also blake, casey, devon), Passw0rd!");
    say(&format!("simulated cloud      {simulator_url}/graph/v1.0 (ellis to taylor)"));
    say("ready when           GET /health answers 200; Ctrl-C ends it");
    let peer = simulator_url.split_once("://").map(|(_, address)| SimulatorPeer {
        address: address.to_owned(),
        is_fresh: simulator_listener.is_some(),
    });
    let served = Box::pin(host.serve(listener, &setup, peer, stop));
    let ended = match simulator_listener {
        Some(simulator_listener) => tokio::select! {
            ended = served => ended,
            ended = simulator::serve(simulator_listener) => ended,
        },
        None => served.await,
    };
    say("ended");
    ended
}

/// `tidemark local --config FILE`.
///
/// # Errors
/// When the file, a variable, a port or the data directory cannot be used.
pub(crate) async fn run_config(environment: &Environment, file: &Path) -> anyhow::Result<()> {
    let settings = Settings::read(file)?;
    let setup: Setup = settings.to_setup(environment, SystemClock.now())?;
    let stop = stop_signal()?;
    let Some(data) = environment.text("TIDEMARK_DATA") else {
        bail!("TIDEMARK_DATA: name the directory that keeps this connector's data");
    };
    let listener = listen(environment).await?;
    let api_url = format!("http://{}", listener.local_addr()?);
    let webhook_networks = setup
        .allowed_networks
        .iter()
        .map(|range| range.parse::<NetworkRange>())
        .collect::<Result<_, _>>()
        .context("organisation.allowedNetworks")?;
    let options = HostOptions {
        callback_url: settings.callback_url().unwrap_or(&api_url).to_owned(),
        egress_addresses: settings.egress_addresses().to_vec(),
        webhook_networks,
    };
    let host = Host::open(Path::new(data), options).await?;
    say(&format!("API and status page  {api_url}/"));
    pin!(host.serve(listener, &setup, None, stop)).await?;
    say("ended");
    Ok(())
}

async fn listen(environment: &Environment) -> anyhow::Result<TcpListener> {
    let port = environment.parsed("TIDEMARK_API_PORT", DEFAULT_PORT, "a port number")?;
    bind(port, "TIDEMARK_API_PORT").await
}
