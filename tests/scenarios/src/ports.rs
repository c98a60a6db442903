//! The ports of the product in a simulated world. Every effect waits twice, so that a worker can be
//! killed or frozen before it happens and after.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_mailbox::ews::{
    Access, BasicUser, ConnectionLimiter, Credential, EwsEndpoint, EwsMailbox, EwsUrl, MailboxAddress,
};
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_model::Zone;
use tidemark_service::Exchange;
use tidemark_simulator::{SimClock, SimOutcome, SimRequest, Simulator};
use tidemark_store::records::{ConnectionRow, MailboxRow};
use tidemark_store::{DueEntry, Item, Key, Order, Page, Span, StoreError, Table, Write};
use tidemark_transport::{
    Clock, Delivery, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};

use crate::executor::{VirtualClock, pause};

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
}

impl SimulatedHttp {
    /// The way to this simulator.
    pub fn new(simulator: Arc<Simulator>) -> Self {
        Self { simulator }
    }
}

#[async_trait]
impl HttpPort for SimulatedHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        pause().await;
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
        let outcome = self.simulator.handle(&asked);
        pause().await;
        let cut = |delivery| TransportError { fault: TransportFault::Cut, delivery };
        match outcome {
            SimOutcome::Answer { status, headers, body } => {
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
        let password = SecretString::from("Passw0rd!".to_owned());
        let zone = mailbox.time_zone.as_deref().unwrap_or("Etc/UTC");
        let limiter = self.limiter.mailbox(&mailbox.id.to_string(), self.clock.now());
        Ok(Arc::new(EwsMailbox::new(EwsEndpoint {
            url: EwsUrl::parse(&connection.url).expect("a valid URL"),
            credential: Credential::Basic {
                user: BasicUser::parse(&connection.account).expect("a valid user"),
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

/// A table whose every operation waits before and after.
pub struct PausingTable<T>(pub T);

#[async_trait]
impl<T: Table> Table for PausingTable<T> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        pause().await;
        let found = self.0.get(key).await;
        pause().await;
        found
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        pause().await;
        let found = self.0.get_together(keys).await;
        pause().await;
        found
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        pause().await;
        let page = self.0.query(partition, span, after, order, limit).await;
        pause().await;
        page
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        pause().await;
        self.0.due(shard, until_ms, limit).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        pause().await;
        let written = self.0.write(write).await;
        pause().await;
        written
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        pause().await;
        let written = self.0.transact(writes).await;
        pause().await;
        written
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
