//! An [`HttpPort`] that answers what it was told, and JSON as Graph writes it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_graph::{Cloud, UserKey};
use tidemark_identity::{AccessToken, TokenError, TokenSource};
use tidemark_model::Zone;
use tidemark_transport::{Clock, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError};

use super::*;
use crate::ews::ConnectionLimiter;
use crate::port::{Permit, PermitDenied};

/// 2026-02-25T06:13:20Z
pub(super) const NOW: i64 = 1_772_000_000;

/// A clock that stands still until it is moved.
pub(super) struct StoppedClock(AtomicI64);

impl StoppedClock {
    pub(super) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).expect("a time")
    }

    async fn sleep(&self, _: Duration) {
        panic!("the adapter never sleeps");
    }
}

struct Zeroes;

impl Entropy for Zeroes {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

/// Hands out `token-1`, and the next number after each refusal.
#[derive(Default)]
pub(super) struct Tokens {
    refused: AtomicUsize,
    refusal: Mutex<Option<String>>,
}

impl Tokens {
    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn refuse(&self, code: &str) {
        *self.refusal.lock().expect("lock") = Some(code.to_owned());
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        if let Some(code) = self.refusal.lock().expect("lock").clone() {
            return Err(TokenError::Refused { code, text: "make a new secret".to_owned() });
        }
        let text = format!("token-{}", self.refused() + 1);
        Ok(AccessToken::new(SecretString::from(text), Timestamp::MAX))
    }

    async fn refused(&self, token: &AccessToken) {
        assert_eq!(token.expose(), format!("token-{}", self.refused() + 1));
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// What happens to one request.
pub(super) struct Step(Result<HttpResponse, TransportError>);

impl Step {
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        let response = self.0.as_mut().expect("an answer");
        response.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }
}

impl From<(u16, String)> for Step {
    fn from((status, body): (u16, String)) -> Self {
        Self(Ok(HttpResponse { status, headers: HeaderMap::new(), body: Bytes::from(body) }))
    }
}

impl From<(TransportFault, Delivery)> for Step {
    fn from((fault, delivery): (TransportFault, Delivery)) -> Self {
        Self(Err(TransportError { fault, delivery }))
    }
}

pub(super) fn ok(body: &Value) -> Step {
    (200, body.to_string()).into()
}

/// An answer without a body.
pub(super) fn empty(status: u16) -> Step {
    (status, String::new()).into()
}

pub(super) fn failure(status: u16, code: &str) -> Step {
    (status, error(code).to_string()).into()
}

pub(super) fn error(code: &str) -> Value {
    json!({ "error": { "code": code, "message": "no", "innerError": { "date": "2026-02-25" } } })
}

/// Answers in turn; dropping it fails the test if an answer was not asked for.
pub(super) struct Script {
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<HttpRequest>>,
    pub(super) clock: Arc<StoppedClock>,
    pub(super) tokens: Arc<Tokens>,
}

impl Script {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self {
            steps: Mutex::new(steps.into_iter().collect()),
            seen: Mutex::new(Vec::new()),
            clock: Arc::new(StoppedClock(AtomicI64::new(NOW))),
            tokens: Arc::default(),
        })
    }

    pub(super) fn request(&self, index: usize) -> HttpRequest {
        self.seen.lock().expect("lock")[index].clone()
    }

    /// Method and path of each request, without the version, the user and the query.
    pub(super) fn calls(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("lock");
        let call = |request: &HttpRequest| {
            let path = request.url.split_once("/v1.0").expect("a version").1;
            let path = path.strip_prefix("/users/8a7c").unwrap_or(path);
            format!("{} {}", request.method, path.split('?').next().expect("a path"))
        };
        seen.iter().map(call).collect()
    }

    /// The query of a request, decoded.
    pub(super) fn query(&self, index: usize) -> String {
        let url = self.request(index).url;
        let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut rest = query.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                let digits = core::str::from_utf8(&digits).expect("ASCII");
                bytes.push(u8::from_str_radix(digits, 16).expect("a byte"));
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).expect("UTF-8")
    }

    pub(super) fn body(&self, index: usize) -> Value {
        serde_json::from_slice(&self.request(index).body).expect("JSON")
    }

    pub(super) fn header(&self, index: usize, name: &str) -> Option<String> {
        let request = self.request(index);
        request.headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let left = self.steps.get_mut().expect("lock").len();
        assert!(std::thread::panicking() || left == 0, "{left} answers were not asked for");
    }
}

#[async_trait]
impl HttpPort for Script {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.seen.lock().expect("lock").push(request);
        let step = self.steps.lock().expect("lock").pop_front();
        step.expect("a request without an answer in the script").0
    }
}

pub(super) fn mailbox(script: &Arc<Script>) -> GraphMailbox {
    following(script, ChangeFeed::Window)
}

pub(super) fn following(script: &Arc<Script>, feed: ChangeFeed) -> GraphMailbox {
    let clock = Arc::clone(&script.clock);
    let limiter = ConnectionLimiter::new().mailbox("alex", clock.now());
    GraphMailbox::new(GraphEndpoint {
        root: Cloud::Global.root(),
        user: UserKey::parse("8a7c").expect("an id"),
        addresses: vec!["alex@tidemark.example".to_owned()],
        zone: Zone::parse("Europe/Berlin").expect("a zone"),
        feed,
        tokens: Arc::<Tokens>::clone(&script.tokens),
        http: Arc::<Script>::clone(script),
        clock,
        entropy: Arc::new(Zeroes),
        limiter,
    })
}

/// Allows so many writes.
pub(super) struct Writes(AtomicUsize);

impl Writes {
    pub(super) fn of(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }
}

impl Permit for Writes {
    fn may_write(&self) -> Result<(), PermitDenied> {
        let left = |left: usize| left.checked_sub(1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Ok(()),
            Err(_) => Err(PermitDenied),
        }
    }
}

/// A single event as Graph shows it.
pub(super) fn event(id: &str, key: &str) -> Value {
    json!({
        "@odata.etag": format!("W/\"{key}\""),
        "id": id,
        "changeKey": key,
        "type": "singleInstance",
        "iCalUId": "040000008200E00074C5B7101A82E008",
        "subject": "Visit",
        "body": { "contentType": "html", "content": "" },
        "start": { "dateTime": "2026-03-02T08:00:00.0000000", "timeZone": "UTC" },
        "end": { "dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC" },
        "originalStartTimeZone": "W. Europe Standard Time",
        "originalEndTimeZone": "W. Europe Standard Time",
        "isAllDay": false,
        "location": { "displayName": "" },
        "showAs": "busy",
        "sensitivity": "normal",
        "importance": "normal",
        "categories": [],
        "isReminderOn": false,
        "reminderMinutesBeforeStart": 15,
        "isCancelled": false,
        "isOrganizer": true,
        "attendees": [],
        "hasAttachments": false,
        "organizer": { "emailAddress": { "address": "alex@tidemark.example", "name": "Alex" } },
    })
}

/// The same with other members.
pub(super) fn with(mut base: Value, members: &Value) -> Value {
    let more = members.as_object().expect("an object").clone();
    base.as_object_mut().expect("an object").extend(more);
    base
}

/// Ten days from 2 March 2026, nine to ten in Berlin, as a GET of the series by its id shows it.
pub(super) fn series(id: &str, key: &str) -> Value {
    with(
        event(id, key),
        &json!({
            "type": "seriesMaster",
            "recurrence": {
                "pattern": { "type": "daily", "interval": 1, "month": 0, "dayOfMonth": 0,
                    "firstDayOfWeek": "sunday", "index": "first" },
                "range": { "type": "numbered", "startDate": "2026-03-02",
                    "endDate": "0001-01-01", "numberOfOccurrences": 10,
                    "recurrenceTimeZone": "W. Europe Standard Time" },
            },
            "cancelledOccurrences": [],
            "exceptionOccurrences": [],
        }),
    )
}

/// An occurrence of that series on a day of March, as its instances show it.
pub(super) fn instance(id: &str, key: &str, kind: &str, day: u8) -> Value {
    with(
        event(id, key),
        &json!({
            "type": kind,
            "seriesMasterId": "m",
            "originalStart": format!("2026-03-{day:02}T08:00:00Z"),
            "start": { "dateTime": format!("2026-03-{day:02}T08:00:00.0000000"), "timeZone": "UTC" },
            "end": { "dateTime": format!("2026-03-{day:02}T09:00:00.0000000"), "timeZone": "UTC" },
        }),
    )
}

/// The answer to a batch: status, `Retry-After` and body of each part, in the order of their places
/// from the last to the first, as answers come in any order.
pub(super) fn batch(parts: &[(u16, Option<&str>, Value)]) -> Step {
    let parts = parts.iter().enumerate().rev().map(|(place, (status, wait, body))| {
        let headers = wait.map_or_else(|| json!({}), |wait| json!({ "Retry-After": wait }));
        json!({ "id": place.to_string(), "status": status, "headers": headers, "body": body })
    });
    ok(&json!({ "responses": parts.collect::<Vec<_>>() }))
}

/// A page of a list.
pub(super) fn list(entries: &[Value]) -> Step {
    ok(&json!({ "value": entries }))
}

pub(super) const BASE: &str = "https://graph.microsoft.com/v1.0/users/8a7c/";

/// A page of a delta that goes on, or ends its round.
pub(super) fn delta(entries: &[Value], member: &str, link: &str) -> Step {
    ok(&json!({ "value": entries, format!("@odata.{member}"): format!("{BASE}{link}") }))
}
