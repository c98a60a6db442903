//! The ports of the product in a simulated world. Every effect waits twice, so that a worker can be
//! killed or frozen before it happens and after.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tidemark_simulator::{
    Callback, CallbackKind, FaultKind, FaultPlan, FaultRule, SimClock, SimOutcome, SimRequest,
    SimStep, Simulator,
};
use tidemark_store::memory::Fault;
use tidemark_store::{
    Consumption, DueEntry, Item, Key, Order, Page, Span, StoreError, Table, Write,
};
use tidemark_transport::{
    Clock, Delivery, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
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
    itemised: Mutex<Option<BTreeMap<String, Spent>>>,
}

/// What requests of one kind came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// How many there were.
    pub requests: u64,
    /// What the table consumed for them.
    pub consumed: Consumption,
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

    /// From now on adds up what the table consumes, by what is asked of which rows.
    pub fn itemise(&self) {
        *self.itemised.lock().expect("nobody panics while holding it") = Some(BTreeMap::new());
    }

    /// What was added up, by what was asked of which rows.
    pub fn items(&self) -> BTreeMap<String, Spent> {
        let itemised = self.itemised.lock().expect("nobody panics while holding it");
        itemised.clone().unwrap_or_default()
    }

    fn note(&self, what: &Asked<'_>, consumed: Consumption) {
        let mut itemised = self.itemised.lock().expect("nobody panics while holding it");
        let Some(itemised) = itemised.as_mut() else { return };
        let spent = itemised.entry(what.name()).or_default();
        spent.requests += 1;
        spent.consumed.read_halves += consumed.read_halves;
        spent.consumed.write_halves += consumed.write_halves;
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

    /// Asks the simulator, and answers what it asks back before it says anything.
    fn ask(&self, request: &SimRequest) -> SimOutcome {
        match self.simulator.begin(request) {
            SimStep::Done(outcome) => outcome,
            SimStep::Waiting(number, questions) => {
                for question in questions {
                    let (status, body) = shake_hands(&question);
                    self.simulator.callback_answered(question.id, status, &body);
                }
                self.simulator.finish(number)
            }
        }
    }
}

/// What `graph-webhook` answers to Graph's question whether somebody listens.
fn shake_hands(question: &Callback) -> (u16, Vec<u8>) {
    let token = question.url.split_once("validationToken=").map(|(_, token)| token);
    match (question.kind, token) {
        (CallbackKind::Handshake, Some(token)) => (200, percent_decoded(token)),
        _ => (400, Vec::new()),
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().expect("two digits"), bytes.next().expect("two digits")];
                let digits = core::str::from_utf8(&digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("hexadecimal digits")
            }
            other => other,
        });
    }
    decoded
}

#[async_trait]
impl HttpPort for SimulatedHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        pause().await;
        let interruption = self.effects.begin(EffectKind::Http);
        if matches!(interruption, Some(Interruption::StopBefore)) {
            self.effects.stop::<()>().await;
        }
        let url: http::Uri = request.url.parse().expect("a valid URL");
        let is_ews = url.path().eq_ignore_ascii_case("/EWS/Exchange.asmx");
        if is_ews {
            record("client", &request.body);
        }
        let path = url.path_and_query().map_or("/", |it| it.as_str());
        let host = url.authority().map_or("", |it| it.as_str()).to_owned();
        let own = request.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let asked = SimRequest {
            method: request.method.to_string(),
            path: path.to_owned(),
            headers: core::iter::once(("host".to_owned(), host)).chain(own).collect(),
            body: request.body.to_vec(),
        };
        if let Some(Interruption::Http(kind)) = interruption {
            self.simulator.set_faults(FaultPlan::new(0, vec![FaultRule::times(kind, 1)]));
        }
        let outcome = self.ask(&asked);
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
                if is_ews && headers.iter().any(is_soap) {
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

/// What is asked of the table.
enum Asked<'a> {
    Get(&'a Key),
    Together(&'a [Key]),
    Glance(&'a [Key]),
    Query(&'a str, &'a Span),
    Due(&'a str),
    Write(Write),
    Transact(Vec<Write>),
}

impl Asked<'_> {
    fn kind(&self) -> EffectKind {
        match self {
            Self::Get(_) | Self::Together(_) | Self::Glance(_) | Self::Query(..) | Self::Due(_) => {
                EffectKind::TableRead
            }
            Self::Write(_) | Self::Transact(_) => EffectKind::TableWrite,
        }
    }

    /// The operation, and the kinds of rows without what tells them apart.
    fn name(&self) -> String {
        match self {
            Self::Get(key) => format!("get {}", row_kind(key)),
            Self::Together(keys) => {
                format!("get together {}", keys.first().map(row_kind).unwrap_or_default())
            }
            Self::Glance(keys) => {
                format!("glance {}", keys.first().map(row_kind).unwrap_or_default())
            }
            Self::Query(partition, span) => {
                let (Span::Prefix(sort) | Span::Between(sort, _)) = span;
                format!("query {}", kind_of(partition, sort))
            }
            Self::Due(shard) => format!("due {}", shard.split('#').next().unwrap_or_default()),
            Self::Write(write) => format!("write {}", row_kind(written(write))),
            Self::Transact(writes) => {
                let mut kinds: Vec<_> = writes.iter().map(|it| row_kind(written(it))).collect();
                kinds.sort();
                format!("transact {}", kinds.join(" "))
            }
        }
    }
}

fn row_kind(key: &Key) -> String {
    kind_of(&key.partition, &key.sort)
}

/// `M/LINK` for a link of a mailbox, `F/E` for an entry of a feed.
fn kind_of(partition: &str, sort: &str) -> String {
    let first = |text: &str| text.split('#').next().unwrap_or_default().to_owned();
    let sort = first(sort);
    let is_word = sort.bytes().all(|byte| byte.is_ascii_uppercase());
    format!("{}/{}", first(partition), if is_word { &sort } else { "-" })
}

fn written(write: &Write) -> &Key {
    match write {
        Write::Put { item, .. } => &item.key,
        Write::Update { key, .. } | Write::Delete { key, .. } | Write::Check { key, .. } => key,
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
        asked: Asked<'_>,
        operation: impl Future<Output = Result<R, StoreError>> + Send,
    ) -> Result<R, StoreError> {
        let kind = asked.kind();
        pause().await;
        let before = self.table.consumed();
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
        self.effects.note(&asked, self.table.consumed().since(before));
        pause().await;
        result
    }
}

#[async_trait]
impl Table for PausingTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.perform(Asked::Get(key), self.table.get(key)).await
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.perform(Asked::Together(keys), self.table.get_together(keys)).await
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.perform(Asked::Glance(keys), self.table.glance(keys)).await
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
        self.perform(Asked::Query(partition, span), query).await
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.perform(Asked::Due(shard), self.table.due(shard, until_ms, limit)).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        self.perform(Asked::Write(write.clone()), self.table.write(write)).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.perform(Asked::Transact(writes.clone()), self.table.transact(writes)).await
    }

    fn consumed(&self) -> Consumption {
        self.table.consumed()
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
