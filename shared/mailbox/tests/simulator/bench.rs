//! A mailbox of the simulated organisation, and events to put into it.

use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use jiff::civil::{DateTime, datetime};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tidemark_mailbox::ews::{
    Access, BasicUser, ConnectionLimiter, Credential, EwsEndpoint, EwsMailbox, EwsUrl,
    MailboxAddress,
};
use tidemark_mailbox::{Mailbox, Permit, PermitDenied, RemoteEvent, RemoteRef, Stamp};
use tidemark_model::{Event, LinkId, MailMode, Schedule, Zone};
use tidemark_simulator::{Config, ManualClock, SimClock, SimOutcome, SimRequest, Simulator};
use tidemark_transport::{
    Clock, Delivery, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};
use uuid::Uuid;

pub(crate) const ALEX: &str = "alex@tidemark.example";
pub(crate) const BLAKE: &str = "blake@tidemark.example";
pub(crate) const SERVICE: &str = "svc@tidemark.example";
pub(crate) const PASSWORD: &str = "Passw0rd!";

/// The simulator behind the ports of the adapter.
pub(crate) struct Wire {
    simulator: Arc<Simulator>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl HttpPort for Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let uri: Uri = request.url.parse().expect("a URL");
        let host = uri.authority().map(|authority| ("host".to_owned(), authority.to_string()));
        let headers = request.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let outcome = self.simulator.handle(&SimRequest {
            method: request.method.to_string(),
            path: uri.path_and_query().expect("a path").as_str().to_owned(),
            headers: headers.chain(host).collect(),
            body: request.body.to_vec(),
        });
        match outcome {
            SimOutcome::Answer { status, headers, body } => {
                let headers = headers.into_iter().map(|(name, value)| {
                    let name = HeaderName::try_from(name).expect("a name");
                    (name, HeaderValue::try_from(value).expect("a value"))
                });
                Ok(HttpResponse {
                    status,
                    headers: headers.collect::<HeaderMap>(),
                    body: Bytes::from(body),
                })
            }
            SimOutcome::CutBefore | SimOutcome::CutAfter => {
                Err(TransportError { fault: TransportFault::Cut, delivery: Delivery::Unclear })
            }
        }
    }
}

#[async_trait]
impl Clock for Wire {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep(&self, _: Duration) {
        panic!("the adapter never sleeps");
    }
}

impl Entropy for Wire {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// Leave to write as often as one likes.
pub(crate) struct Always;

impl Permit for Always {
    fn may_write(&self) -> Result<(), PermitDenied> {
        Ok(())
    }
}

pub(crate) struct Bench {
    pub(crate) simulator: Arc<Simulator>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let start = "2026-03-01T08:00:00Z".parse().expect("a time");
        let clock = Arc::new(ManualClock::new(start));
        let shared: Arc<dyn SimClock> = Arc::<ManualClock>::clone(&clock);
        let simulator = Arc::new(Simulator::new(Config::demo(), shared));
        Self { simulator, clock }
    }

    pub(crate) fn wire(&self) -> Arc<Wire> {
        Arc::new(Wire { simulator: Arc::clone(&self.simulator), clock: Arc::clone(&self.clock) })
    }

    /// A mailbox that the service account impersonates.
    pub(crate) fn mailbox(&self, address: &str) -> EwsMailbox {
        self.mailbox_as(SERVICE, PASSWORD, address, Access::Impersonation)
    }

    pub(crate) fn mailbox_as(
        &self,
        user: &str,
        password: &str,
        address: &str,
        access: Access,
    ) -> EwsMailbox {
        let wire = self.wire();
        EwsMailbox::new(EwsEndpoint {
            url: EwsUrl::parse("https://mail.tidemark.example/EWS/Exchange.asmx").expect("a URL"),
            credential: Credential::Basic {
                user: BasicUser::parse(user).expect("a name"),
                password: SecretString::from(password),
            },
            mailbox: MailboxAddress::parse(address).expect("an address"),
            access,
            zone: zone("Europe/Berlin"),
            http: Arc::<Wire>::clone(&wire),
            clock: Arc::<Wire>::clone(&wire),
            entropy: wire,
            limiter: ConnectionLimiter::new().mailbox(address, self.clock.now()),
        })
    }
}

pub(crate) fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

pub(crate) fn stamp(number: u128) -> Stamp {
    Stamp {
        link: LinkId::new(Uuid::from_u128(number)),
        intent: Uuid::from_u128(number + 1000),
        epoch: 3,
    }
}

pub(crate) fn at(month: i8, day: i8, hour: i8) -> DateTime {
    datetime(2026, month, day, hour, 0, 0, 0)
}

/// An hour from `start` in a zone.
pub(crate) fn hour(start: DateTime, zone_name: &str) -> Schedule {
    let length = SignedDuration::from_hours(1);
    Schedule::timed(start, zone(zone_name), length, None).expect("a time")
}

pub(crate) fn event(title: &str, schedule: Schedule) -> Event {
    let mut event = Event::new(schedule);
    event.title = Some(title.to_owned());
    event
}

/// Reads one item that has to be readable.
pub(crate) async fn read(mailbox: &EwsMailbox, reference: &RemoteRef) -> RemoteEvent {
    let ids = [reference.id.clone()];
    let mut items = mailbox.read(&ids).await.expect("an answer");
    items.pop().expect("an item").expect("readable")
}

/// Creates without mail.
pub(crate) async fn create(mailbox: &EwsMailbox, event: &Event, number: u128) -> RemoteRef {
    mailbox.create(event, &stamp(number), MailMode::Silent, &Always).await.expect("created")
}

/// What is read back has to mean what was written, property by property.
#[track_caller]
pub(crate) fn assert_same(read: &Event, written: &Event) {
    let mut properties = written.properties();
    properties.extend(read.properties());
    for property in properties {
        let (is, was) = (read.value(property), written.value(property));
        assert!(is.same(&was), "{property:?}: {read:?} is not {written:?}");
    }
}
