//! The ports of the product in a simulated world. Every effect waits twice, so that a worker can be
//! killed or frozen before it happens and after.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_mailbox::ews::{
    Access, BasicUser, ConnectionLimiter, Credential, EwsEndpoint, EwsMailbox, EwsUrl,
    MailboxAddress,
};
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_model::Zone;
use tidemark_service::Exchange;
use tidemark_simulator::{
    FaultKind, FaultPlan, FaultRule, SimClock, SimOutcome, SimRequest, Simulator,
};
use tidemark_store::memory::Fault;
use tidemark_store::records::{ConnectionRow, MailboxRow};
use tidemark_store::{DueEntry, Item, Key, Order, Page, Span, StoreError, Table, Write};
use tidemark_transport::{
    Clock, Delivery, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};

use crate::executor::{VirtualClock, pause};
use crate::recording::record;

/// What the crash table does to one effect of a run.
#[derive(Debug, Clone)]
pub enum Interruption {
    /// The worker stops right before it.
    StopBefore,
    /// The worker stops when it has happened and before anybody knows.
    StopAfter,
    /// The table reports this.
    Table(Fault),
    /// This goes wrong with the request.
    Http(FaultKind),
}

/// What an effect is done to, and with which intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// A read of the table.
    TableRead,
    /// A write to the table.
    TableWrite,
    /// A request to Exchange.
    Http,
}

/// Asked before every operation on the table whether it goes wrong.
pub type TableFaults = Box<dyn FnMut(EffectKind) -> Option<Fault> + Send>;

/// Counts the effects of runs, and interrupts one of them, or those that somebody chooses.
#[derive(Default)]
pub struct Effects {
    state: Mutex<EffectsState>,
    table_faults: Mutex<Option<TableFaults>>,
}

#[derive(Default)]
struct EffectsState {
    seen: Vec<EffectKind>,
    planned: Option<(usize, Interruption)>,
    stopped: bool,
}

impl Effects {
    fn state(&self) -> MutexGuard<'_, EffectsState> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// From now on `faults` is asked before every operation on the table, or nobody.
    pub fn set_table_faults(&self, faults: Option<TableFaults>) {
        *self.table_faults.lock().expect("nobody panics while holding it") = faults;
    }

    /// Counts from zero again, and interrupts the effect with this number, the first being 0.
    pub fn plan(&self, interruption: Option<(usize, Interruption)>) {
        *self.state() = EffectsState { planned: interruption, ..EffectsState::default() };
    }

    /// The effects since the last plan, in their order.
    pub fn seen(&self) -> Vec<EffectKind> {
        self.state().seen.clone()
    }

    /// Whether a worker was stopped: whoever runs it has to drop it.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    fn begin(&self, kind: EffectKind) -> Option<Interruption> {
        let mut state = self.state();
        let number = state.seen.len();
        state.seen.push(kind);
        let planned = state.planned.take_if(|(at, _)| *at == number);
        if kind == EffectKind::Http {
            return planned.map(|(_, interruption)| interruption);
        }
        let mut faults = self.table_faults.lock().expect("nobody panics while holding it");
        let drawn = || faults.as_mut()?(kind).map(Interruption::Table);
        planned.map(|(_, interruption)| interruption).or_else(drawn)
    }

    async fn stop<T>(&self) -> T {
        self.state().stopped = true;
        core::future::pending().await
    }
}

/// The virtual clock, as the simulator reads it.
pub struct SimulatorClock(pub VirtualClock);

impl SimClock for SimulatorClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// The simulator, reached without a socket.
pub struct SimulatedHttp {
    simulator: Arc<Simulator>,
    effects: Arc<Effects>,
}

impl SimulatedHttp {
    /// The way to this simulator.
    pub fn new(simulator: Arc<Simulator>, effects: Arc<Effects>) -> Self {
        Self { simulator, effects }
    }
}

#[async_trait]
impl HttpPort for SimulatedHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        pause().await;
        let interruption = self.effects.begin(EffectKind::Http);
        if matches!(interruption, Some(Interruption::StopBefore)) {
            self.effects.stop::<()>().await;
        }
        record("client", &request.body);
        let url: http::Uri = request.url.parse().expect("a valid URL");
        let asked = SimRequest {
            method: request.method.to_string(),
            path: url.path().to_owned(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str().to_owned(), value)
                })
                .collect(),
            body: request.body.to_vec(),
        };
        if let Some(Interruption::Http(kind)) = interruption {
            self.simulator.set_faults(FaultPlan::new(0, vec![FaultRule::times(kind, 1)]));
        }
        let outcome = self.simulator.handle(&asked);
        match interruption {
            Some(Interruption::StopAfter) => self.effects.stop().await,
            Some(Interruption::Http(_)) => self.simulator.set_faults(FaultPlan::default()),
            _ => {}
        }
        pause().await;
        let cut = |delivery| TransportError { fault: TransportFault::Cut, delivery };
        match outcome {
            SimOutcome::Answer { status, headers, body } => {
                // What a front end says by itself (503) is no SOAP and has no schema.
                let is_soap = |(name, value): &(String, String)| {
                    name.eq_ignore_ascii_case("content-type") && value.starts_with("text/xml")
                };
                if headers.iter().any(is_soap) {
                    record("simulator", &body);
                }
                let mut map = HeaderMap::new();
                for (name, value) in headers {
                    let name: HeaderName = name.parse().expect("a valid header name");
                    map.append(name, HeaderValue::from_str(&value).expect("a valid header"));
                }
                Ok(HttpResponse { status, headers: map, body: Bytes::from(body) })
            }
            // Nobody can tell from outside which of the two it was.
            SimOutcome::CutBefore | SimOutcome::CutAfter => Err(cut(Delivery::Unclear)),
        }
    }
}

/// Mailboxes behind the simulator.
pub struct SimulatedExchange {
    http: Arc<dyn HttpPort>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limiter: Arc<ConnectionLimiter>,
}

impl SimulatedExchange {
    /// Mailboxes reached by `http`.
    pub fn new(http: Arc<dyn HttpPort>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { http, clock, entropy, limiter: ConnectionLimiter::new() }
    }
}

#[async_trait]
impl Exchange for SimulatedExchange {
    async fn open(
        &self,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        let access = connection.ews().expect("a connection over EWS");
        let password = SecretString::from("Passw0rd!".to_owned());
        let zone = mailbox.time_zone.as_deref().unwrap_or("Etc/UTC");
        let limiter = self.limiter.mailbox(&mailbox.id.to_string(), self.clock.now());
        Ok(Arc::new(EwsMailbox::new(EwsEndpoint {
            url: EwsUrl::parse(&access.url).expect("a valid URL"),
            credential: Credential::Basic {
                user: BasicUser::parse(&access.account).expect("a valid user"),
                password,
            },
            access: Access::Impersonation,
            mailbox: MailboxAddress::parse(&mailbox.address).expect("a valid address"),
            zone: Zone::parse(zone).expect("a known zone"),
            http: Arc::clone(&self.http),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            limiter,
        })))
    }
}

/// A table whose every operation waits before and after, and may be interrupted.
pub struct PausingTable {
    table: Arc<dyn Table>,
    effects: Arc<Effects>,
}

impl PausingTable {
    /// `table`, with its operations counted among `effects`.
    pub fn new(table: Arc<dyn Table>, effects: Arc<Effects>) -> Self {
        Self { table, effects }
    }

    async fn perform<R>(
        &self,
        kind: EffectKind,
        operation: impl Future<Output = Result<R, StoreError>> + Send,
    ) -> Result<R, StoreError> {
        pause().await;
        let result = match self.effects.begin(kind) {
            None | Some(Interruption::Http(_)) => operation.await,
            Some(Interruption::StopBefore) => self.effects.stop().await,
            Some(Interruption::StopAfter) => {
                let _ = operation.await;
                self.effects.stop().await
            }
            Some(Interruption::Table(Fault::Before(error))) => Err(error),
            Some(Interruption::Table(Fault::After(error))) => operation.await.and(Err(error)),
        };
        pause().await;
        result
    }
}

#[async_trait]
impl Table for PausingTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.perform(EffectKind::TableRead, self.table.get(key)).await
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.perform(EffectKind::TableRead, self.table.get_together(keys)).await
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let query = self.table.query(partition, span, after, order, limit);
        self.perform(EffectKind::TableRead, query).await
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.perform(EffectKind::TableRead, self.table.due(shard, until_ms, limit)).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        self.perform(EffectKind::TableWrite, self.table.write(write)).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.perform(EffectKind::TableWrite, self.table.transact(writes)).await
    }
}

/// A webhook receiver that takes everything.
#[derive(Default)]
pub struct Receiver {
    /// What came: the event's id and its body.
    pub deliveries: Mutex<Vec<(String, Vec<u8>)>>,
}

#[async_trait]
impl HttpPort for Receiver {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        pause().await;
        let id = request.headers.get("webhook-id").and_then(|id| id.to_str().ok());
        let delivery = (id.unwrap_or_default().to_owned(), request.body.to_vec());
        self.deliveries.lock().expect("nobody panics while holding it").push(delivery);
        pause().await;
        Ok(HttpResponse { status: 204, headers: HeaderMap::new(), body: Bytes::new() })
    }
}
