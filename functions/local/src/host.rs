//! All functions in one process, on the embedded store.

use std::future::Future;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::Router;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_api::ApiOptions;
use tidemark_embedded::{EmbeddedStore, LocalQueue};
use tidemark_intake::{GraphIntake, PushIntake};
use tidemark_runtime::master_key::{draw_master_key, read_master_key};
use tidemark_runtime::{EveryExchange, open_authority, open_tokens};
use tidemark_service::{Border, Engine, Options, Reached, Refresher, Service, World};
use tidemark_store::Secrets;
use tidemark_store::records::{Keyring, MailboxScope, Records};
use tidemark_transport::{
    Clock, Entropy, HttpOptions, NetworkRange, PlainHttp, ReqwestHttp, SystemClock, SystemEntropy,
    TargetPolicy,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::console::{self, StatusPage};
use crate::readiness::{self, Readiness};
use crate::schedule;
use crate::setup::{self, Setup};
use crate::workers::Workers;

/// How long a run works before it continues in a new one. With the slowest request and its margin
/// this makes leases of one minute, which is how long a killed process keeps a mailbox closed.
const RUN_BUDGET: SignedDuration = SignedDuration::from_secs(20);
/// How often a long poll looks for news: it costs one read of this machine's own store.
const POLL_EVERY: SignedDuration = SignedDuration::from_millis(40);
/// When a message that was taken and not finished comes again.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(120);
/// The name under which the data directory keeps the master key.
const MASTER_KEY_SECRET: &str = "master-key";

/// The product on the embedded store.
pub(crate) struct Host {
    pub(crate) service: Arc<Service>,
    refresher: Refresher,
    store: EmbeddedStore,
    queue: LocalQueue,
}

/// The simulator that a demo runs against.
pub(crate) struct SimulatorPeer {
    /// `host:port`.
    pub(crate) address: String,
    /// Whether it began with this process, so that it remembers nobody who listened before.
    pub(crate) is_fresh: bool,
}

/// How the host differs between the demo and a configuration.
pub(crate) struct HostOptions {
    /// Where Exchange reaches this process.
    pub(crate) callback_url: String,
    /// The addresses that Exchange sees, if they are known.
    pub(crate) egress_addresses: Vec<IpAddr>,
    /// Private networks that webhooks may reach.
    pub(crate) webhook_networks: Vec<NetworkRange>,
}

impl Host {
    /// Opens the data directory and puts the product together on it.
    ///
    /// # Errors
    /// When another process has the directory, or it cannot be used.
    pub(crate) async fn open(directory: &Path, options: HostOptions) -> anyhow::Result<Host> {
        let store = EmbeddedStore::open(directory)
            .await
            .with_context(|| format!("TIDEMARK_DATA ({})", directory.display()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let world = World::new(Arc::clone(&clock), Arc::clone(&entropy));
        let queue_clock = Arc::clone(&clock);
        let queue = store.queue(Arc::new(move || queue_clock.now()), VISIBILITY).await?;
        // Whoever had taken messages is gone: this process has the directory to itself.
        queue.make_all_visible().await?;
        let secrets: Arc<dyn Secrets> = Arc::new(store.secrets());
        let keyring = open_keyring(&*secrets, entropy).await?;
        let service_options = Options {
            callback_url: options.callback_url,
            egress_addresses: options.egress_addresses,
            run_budget: RUN_BUDGET,
            poll_every: POLL_EVERY,
            ..Options::default()
        };
        let records = Records::new(Arc::new(store.table()), Arc::new(keyring))
            .with_retention(service_options.retention);
        let webhooks = ReqwestHttp::new(HttpOptions {
            plain_http: PlainHttp::LoopbackLiterals,
            targets: TargetPolicy::PublicOnly { allowed: options.webhook_networks },
            ..HttpOptions::default()
        })?;
        let records = Arc::new(records);
        let tokens = open_tokens(Arc::clone(&records), Arc::clone(&secrets), world.clone(), None);
        let exchange =
            Arc::new(EveryExchange::new(Arc::clone(&secrets), Arc::clone(&tokens), world.clone()));
        let refresher = Refresher {
            records: Arc::clone(&records),
            authority: open_authority(Arc::clone(&tokens), world.clone()),
            tokens,
            versions: None,
            exchange: Some(exchange.clone()),
            world: world.clone(),
        };
        let service = Service {
            records,
            queue: Arc::new(queue.clone()),
            exchange,
            secrets,
            webhooks: Arc::new(webhooks),
            planner: Arc::new(Engine),
            world,
            options: service_options,
            reached: Reached::default(),
        };
        Ok(Host { service: Arc::new(service), refresher, store, queue })
    }

    /// Serves until `stop` ends: API, status page and callbacks on `listener`, the queue, the
    /// schedules, and a line per change.
    ///
    /// # Errors
    /// When the set-up cannot be written or the listener fails.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        setup: &Setup,
        simulator: Option<SimulatorPeer>,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let mailboxes = setup::apply(&self.service, setup).await?;
        if simulator.as_ref().is_some_and(|peer| peer.is_fresh) {
            self.forget_listeners(&mailboxes).await?;
        }
        let simulator = simulator.map(|peer| peer.address);
        let router = self.router(setup, mailboxes, simulator);
        let ran = Arc::new(Notify::new());
        let workers = Workers {
            service: Arc::clone(&self.service),
            queue: self.queue.clone(),
            ran: Arc::clone(&ran),
        };
        let service = &self.service;
        let minutes = schedule::run_minutes(Arc::clone(service), self.store.clone());
        let tokens = schedule::run_refreshes(self.refresher.clone());
        let deliveries = schedule::run_deliveries(Arc::clone(service), ran);
        let lines = console::run_lines(Arc::clone(service), setup.organisation.clone());
        tokio::select! {
            served = async { axum::serve(listener, router).await } => {
                served.context("the API's listener failed")
            }
            () = workers.run() => Ok(()),
            () = minutes => Ok(()),
            () = tokens => Ok(()),
            () = deliveries => Ok(()),
            () = lines => Ok(()),
            () = stop => Ok(()),
        }
    }

    /// Retires every subscription, so that new ones are made.
    async fn forget_listeners(&self, mailboxes: &[MailboxScope]) -> anyhow::Result<()> {
        let records = &self.service.records;
        for scope in mailboxes {
            for row in records.subscriptions(scope).await? {
                records.retire_subscription(&row.value.key_digest).await?;
            }
        }
        Ok(())
    }

    fn router(
        &self,
        setup: &Setup,
        mailboxes: Vec<MailboxScope>,
        simulator: Option<String>,
    ) -> Router {
        let border: Arc<dyn Border> = self.service.clone();
        let intake: Arc<dyn PushIntake> = self.service.clone();
        let graph_intake: Arc<dyn GraphIntake> = self.service.clone();
        let readiness =
            Arc::new(Readiness { service: Arc::clone(&self.service), mailboxes, simulator });
        let page = Arc::new(StatusPage {
            readiness: Arc::clone(&readiness),
            organisation: setup.organisation.clone(),
        });
        let api = tidemark_api::router(border, ApiOptions { world: self.service.world.clone() });
        Router::new()
            .merge(readiness::router(readiness))
            .merge(console::router(page))
            .merge(tidemark_ews_webhook::router(intake))
            .merge(tidemark_graph_webhook::router(graph_intake))
            .fallback_service(api)
    }
}

/// The keyring under the data directory's master key, which is drawn at the first start.
async fn open_keyring(secrets: &dyn Secrets, entropy: Arc<dyn Entropy>) -> anyhow::Result<Keyring> {
    let text = if let Some(text) = secrets.get(MASTER_KEY_SECRET).await? {
        text
    } else {
        let text = draw_master_key(&*entropy);
        secrets.put(MASTER_KEY_SECRET, SecretString::from(text.expose_secret())).await?;
        text
    };
    let master = read_master_key(&text)?;
    Ok(Keyring::new(&master, Arc::new(move |buffer: &mut [u8]| entropy.fill(buffer)))?)
}

/// Takes a port of this machine, reachable from nowhere else.
///
/// # Errors
/// Names the variable that moves it.
pub(crate) async fn bind(port: u16, variable: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("port {port} is in use: end whatever listens there, or set {variable}")
        }
        Err(error) => Err(error).with_context(|| format!("port {port} ({variable})")),
    }
}

/// Ends when the process is asked to end: SIGINT or SIGTERM. They are caught from the call on.
///
/// # Errors
/// When the operating system does not let them be caught.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The data directory: `TIDEMARK_DATA`, or a fresh one that is removed when this is dropped.
pub(crate) struct DataDirectory {
    path: PathBuf,
    is_temporary: bool,
}

impl DataDirectory {
    /// The directory that was named, or a fresh one.
    pub(crate) fn named_or_fresh(named: Option<&str>) -> Self {
        if let Some(path) = named {
            return Self { path: PathBuf::from(path), is_temporary: false };
        }
        let id = tidemark_transport::uuid_v7(SystemClock.now(), &SystemEntropy);
        let path = std::env::temp_dir().join(format!("tidemark-{id}"));
        Self { path, is_temporary: true }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(error = %error, "the temporary data directory stays behind");
        }
    }
}
