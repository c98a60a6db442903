//! Where the tests of the use cases play: a service on memory ports, with a clock that is moved by
//! hand and everything that was said to the outside written down.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tidemark_mailbox::{
    Capabilities, ChangePage, Cursor, Disposition, ItemRead, Mailbox, MailboxError, Permit,
    PushRequest, PushSubscription, RemoteEvent, RemoteId, RemoteRef, Scope, Stamp,
};
use tidemark_model::{Event, LinkId, MailMode, MailboxId, OrganisationId, Participation, SystemId};
use tidemark_store::memory::{Fault, MemoryQueue, MemorySecrets, MemoryTable, Operation};
use tidemark_store::records::{
    ConnectionId, ConnectionRow, EwsAccess, FirstSync, Keyring, MailboxRow, MailboxScope,
    MailboxState, Notifications, OrganisationRow, Protocol, Records, SubscriptionRow,
};
use tidemark_store::{Secrets as _, StoreError, Table};
use tidemark_transport::{
    Clock, Delivery, Entropy, HttpPort, HttpRequest, HttpResponse, ShownCertificate, Traffic,
    TransportError, TransportFault,
};
use uuid::Uuid;

use crate::ports::{Engine, Exchange};
use crate::service::{Options, Service};
use crate::sweep::Reached;
use tidemark_world::World;

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(SignedDuration::try_from(duration).unwrap());
    }
}

/// A small generator (splitmix64): the tests need variety, not secrecy.
struct Dice(Mutex<u64>);

impl Entropy for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for byte in buffer {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
    }
}

/// What a webhook endpoint answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    RetryAfter(u16, &'static str),
    TimesOut,
}

/// What is done while a request is under way.
type Meanwhile = Box<dyn FnMut(&HttpRequest) + Send>;

/// Webhook endpoints by script; what the script does not say is answered with 204.
#[derive(Clone, Default)]
pub(crate) struct Webhooks {
    script: Arc<Mutex<VecDeque<Reply>>>,
    taken: Arc<Mutex<Vec<HttpRequest>>>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

impl Webhooks {
    pub(crate) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    pub(crate) fn meanwhile(&self, what: Meanwhile) {
        *self.meanwhile.lock().unwrap() = Some(what);
    }

    /// The requests since this was last asked.
    pub(crate) fn take(&self) -> Vec<HttpRequest> {
        core::mem::take(&mut *self.taken.lock().unwrap())
    }

    /// Their bodies.
    pub(crate) fn take_bodies(&self) -> Vec<String> {
        let text = |request: HttpRequest| String::from_utf8(request.body.to_vec()).unwrap();
        self.take().into_iter().map(text).collect()
    }
}

#[async_trait]
impl HttpPort for Webhooks {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().as_mut() {
            meanwhile(&request);
        }
        self.taken.lock().unwrap().push(request);
        let reply = self.script.lock().unwrap().pop_front();
        let mut headers = HeaderMap::new();
        let status = match reply.unwrap_or(Reply::Status(204)) {
            Reply::Status(status) => status,
            Reply::RetryAfter(status, wait) => {
                headers.insert(http::header::RETRY_AFTER, wait.parse().unwrap());
                status
            }
            Reply::TimesOut => {
                return Err(TransportError {
                    fault: TransportFault::TimedOut,
                    delivery: Delivery::Unclear,
                });
            }
        };
        Ok(HttpResponse { status, headers, body: Bytes::new() })
    }
}

/// An Exchange that only knows subscriptions.
#[derive(Clone, Default)]
pub(crate) struct FakeExchange {
    asked: Arc<Mutex<Vec<String>>>,
    client_state: Arc<Mutex<Option<String>>>,
    renewed: Arc<Mutex<Vec<(String, Timestamp)>>>,
    ended: Arc<Mutex<Vec<String>>>,
    lost: Arc<Mutex<BTreeSet<String>>>,
    refusal: Arc<Mutex<Option<MailboxError>>>,
    /// The certificate that the server shows.
    certificate: Arc<Mutex<Option<ShownCertificate>>>,
    /// Calls that come before the answer: filled with the URL.
    early: Arc<Mutex<Option<Early>>>,
}

/// Is told the URL while Subscribe is under way.
pub(crate) type Early = Box<dyn Fn(&str) + Send>;

impl FakeExchange {
    /// The URLs that were given, in order.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The key in the URL that was given last.
    pub(crate) fn last_key(&self) -> String {
        let urls = self.urls();
        urls.last().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// The client state that was given last.
    pub(crate) fn client_state(&self) -> Option<String> {
        self.client_state.lock().unwrap().clone()
    }

    /// The subscriptions that were prolonged, and until when.
    pub(crate) fn renewed(&self) -> Vec<(String, Timestamp)> {
        self.renewed.lock().unwrap().clone()
    }

    /// The subscriptions that were ended.
    pub(crate) fn ended(&self) -> Vec<String> {
        self.ended.lock().unwrap().clone()
    }

    /// From now on this subscription is not there.
    pub(crate) fn lose(&self, id: &str) {
        self.lost.lock().unwrap().insert(id.to_owned());
    }

    pub(crate) fn refuse(&self, error: Option<MailboxError>) {
        *self.refusal.lock().unwrap() = error;
    }

    pub(crate) fn show(&self, certificate: Option<ShownCertificate>) {
        *self.certificate.lock().unwrap() = certificate;
    }

    pub(crate) fn early(&self, early: Early) {
        *self.early.lock().unwrap() = Some(early);
    }
}

#[async_trait]
impl Exchange for FakeExchange {
    async fn open(
        &self,
        _: &OrganisationId,
        _: &ConnectionRow,
        _: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        Ok(Arc::new(self.clone()))
    }

    async fn server_certificate(
        &self,
        connection: &ConnectionRow,
    ) -> Result<Option<ShownCertificate>, MailboxError> {
        let shown = self.certificate.lock().unwrap().clone();
        Ok(shown.map(|shown| ShownCertificate {
            is_trusted: connection.confirmed_fingerprint
                == Some(shown.facts.fingerprint.to_string()),
            ..shown
        }))
    }
}

#[async_trait]
impl Mailbox for FakeExchange {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            silent_writes: true,
            quiet_properties: &[],
            read_items_max: 10,
            page_items_max: 10,
        }
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    async fn changes(&self, _: Option<&Cursor>, _: usize) -> Result<ChangePage, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn read(&self, _: &[RemoteId]) -> Result<Vec<ItemRead>, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn find_by_stamp(&self, _: LinkId) -> Result<Vec<RemoteRef>, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn find_by_uid(&self, _: &str) -> Result<Vec<RemoteRef>, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn create(
        &self,
        _: &Event,
        _: &Stamp,
        _: MailMode,
        _: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn update(
        &self,
        _: &RemoteEvent,
        _: &Event,
        _: MailMode,
        _: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn delete(&self, _: &RemoteRef, _: MailMode, _: &dyn Permit) -> Result<(), MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn respond(
        &self,
        _: &RemoteRef,
        _: Participation,
        _: MailMode,
        _: &dyn Permit,
    ) -> Result<RemoteRef, MailboxError> {
        Err(error("not-asked-here"))
    }

    async fn subscribe(&self, request: &PushRequest<'_>) -> Result<PushSubscription, MailboxError> {
        let url = request.url;
        *self.client_state.lock().unwrap() = request.client_state.map(str::to_owned);
        let count = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(url.to_owned());
            asked.len()
        };
        if let Some(early) = self.early.lock().unwrap().as_ref() {
            early(url);
        }
        match self.refusal.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(PushSubscription {
                id: format!("subscription {count}"),
                watermark: request.expires_at.is_none().then(|| "w0".to_owned()),
                expires_at: request.expires_at,
            }),
        }
    }

    async fn renew(&self, id: &str, until: Timestamp) -> Result<PushSubscription, MailboxError> {
        if let Some(error) = self.refusal.lock().unwrap().clone() {
            return Err(error);
        }
        if self.lost.lock().unwrap().contains(id) {
            return Err(MailboxError { disposition: Disposition::Gone, ..error("not-found") });
        }
        self.renewed.lock().unwrap().push((id.to_owned(), until));
        Ok(PushSubscription { id: id.to_owned(), watermark: None, expires_at: Some(until) })
    }

    async fn unsubscribe(&self, id: &str) -> Result<(), MailboxError> {
        if let Some(error) = self.refusal.lock().unwrap().clone() {
            return Err(error);
        }
        self.ended.lock().unwrap().push(id.to_owned());
        Ok(())
    }
}

/// An error of Exchange with this code.
pub(crate) fn error(code: &str) -> MailboxError {
    MailboxError {
        disposition: Disposition::Reject,
        scope: Scope::Mailbox,
        code: code.to_owned(),
        text: "it does not want to".to_owned(),
    }
}

/// A service and what it stands on.
pub(crate) struct Stage {
    pub(crate) service: Service,
    pub(crate) table: MemoryTable,
    pub(crate) queue: MemoryQueue,
    pub(crate) secrets: MemorySecrets,
    pub(crate) exchange: FakeExchange,
    pub(crate) webhooks: Webhooks,
    pub(crate) clock: Hands,
}

pub(crate) fn organisation() -> OrganisationId {
    OrganisationId::parse("acme").unwrap()
}

pub(crate) fn system() -> SystemId {
    SystemId::parse("crm").unwrap()
}

pub(crate) fn connection_id() -> ConnectionId {
    ConnectionId::new(Uuid::from_u128(1))
}

pub(crate) fn scope(number: u128) -> MailboxScope {
    MailboxScope { organisation: organisation(), mailbox: MailboxId::new(Uuid::from_u128(number)) }
}

impl Stage {
    /// A stage with the organisation, its connection and mailbox 1.
    pub(crate) async fn new() -> Self {
        let stage = Self::empty();
        let records = &stage.service.records;
        let now = stage.clock.now();
        let row = OrganisationRow {
            id: organisation(),
            enabled: true,
            name: "Acme".to_owned(),
            allowed_networks: Vec::new(),
            domains: Vec::new(),
            cap_cents_per_month: None,
            created_at: now,
        };
        records.save_organisation(&row, None).await.unwrap();
        records.save_connection(&organisation(), &connection(now), None).await.unwrap();
        stage.add_mailbox(1).await;
        stage
    }

    fn empty() -> Self {
        let clock = Hands(Arc::new(Mutex::new("2027-03-02T09:00:00Z".parse().unwrap())));
        let dice = Arc::new(Dice(Mutex::new(7)));
        let entropy: Arc<dyn Entropy> = dice.clone();
        let world = World::new(Arc::new(clock.clone()), entropy);
        let table = MemoryTable::new();
        let shared: Arc<dyn Table> = Arc::new(table.clone());
        let random = Arc::new(move |buffer: &mut [u8]| dice.fill(buffer));
        let keyring = Arc::new(Keyring::new(&[3; 32], random).unwrap());
        let hands = clock.clone();
        let queue = MemoryQueue::new(Arc::new(move || hands.now()), SignedDuration::from_mins(2));
        let (secrets, exchange, webhooks) =
            (MemorySecrets::new(), FakeExchange::default(), Webhooks::default());
        let service = Service {
            records: Arc::new(Records::new(shared, keyring)),
            queue: Arc::new(queue.clone()),
            secrets: Arc::new(secrets.clone()),
            exchange: Arc::new(exchange.clone()),
            webhooks: Arc::new(webhooks.clone()),
            planner: Arc::new(Engine),
            world,
            options: Options {
                callback_url: "https://hooks.example.com".to_owned(),
                ..Options::default()
            },
            reached: Reached::default(),
        };
        Self { service, table, queue, secrets, exchange, webhooks, clock }
    }

    pub(crate) async fn add_mailbox(&self, number: u128) -> MailboxScope {
        let row = mailbox_row(number, self.clock.now());
        self.service.records.save_mailbox(&organisation(), &row, None).await.unwrap();
        scope(number)
    }

    pub(crate) async fn mailbox(&self, scope: &MailboxScope) -> MailboxRow {
        self.service.records.mailbox(scope).await.unwrap().unwrap().value
    }

    pub(crate) async fn subscriptions(&self, scope: &MailboxScope) -> Vec<SubscriptionRow> {
        let found = self.service.records.subscriptions(scope).await.unwrap();
        found.into_iter().map(|found| found.value).collect()
    }

    pub(crate) async fn hinted(&self, scope: &MailboxScope) -> u64 {
        self.service.records.marks(scope).await.unwrap().hinted
    }

    pub(crate) async fn put_secret(&self, name: &str, value: &str) {
        self.secrets.put(name, SecretString::from(value.to_owned())).await.unwrap();
    }

    /// From now on the table fails whatever `is_hit` picks.
    pub(crate) fn fail(&self, is_hit: impl Fn(&Operation<'_>) -> bool + Send + 'static) {
        self.table.set_faults(Some(Box::new(move |operation| {
            let error = StoreError::Unavailable("on purpose".to_owned());
            is_hit(operation).then_some(Fault::Before(error))
        })));
    }

    pub(crate) fn mend(&self) {
        self.table.set_faults(None);
    }
}

/// A mailbox of the connection, switched on and new.
pub(crate) fn mailbox_row(number: u128, now: Timestamp) -> MailboxRow {
    MailboxRow {
        id: scope(number).mailbox,
        address: format!("m{number}@tidemark.example"),
        aliases: BTreeSet::new(),
        connection: connection_id(),
        profile: None,
        system: system(),
        enabled: true,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: None,
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: now,
    }
}

fn connection(now: Timestamp) -> ConnectionRow {
    ConnectionRow {
        id: connection_id(),
        name: "Exchange".to_owned(),
        protocol: Protocol::Ews(EwsAccess {
            url: "https://mail.tidemark.example/EWS/Exchange.asmx".to_owned(),
            account: "svc".to_owned(),
            secret_name: "exchange".to_owned(),
            impersonate: true,
            password: None,
        }),
        extra_ca_pem: None,
        confirmed_fingerprint: None,
        enabled: true,
        appointments: true,
        notifications: Notifications::Push,
        server_version: None,
        wait_until: None,
        troubles: Vec::new(),
        fence: tidemark_store::records::Fence::default(),
        created_at: now,
    }
}
