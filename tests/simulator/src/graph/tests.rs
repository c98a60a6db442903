mod changes;
mod events;
mod listeners;
mod places;
mod rules;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::{ManualClock, SimClock};
use crate::config::Config;
use crate::simulator::{SimOutcome, SimRequest, Simulator};

const ELLIS: &str = "ellis@tidemark.example";
const FRANKIE: &str = "frankie@tidemark.example";
const IMMUTABLE: (&str, &str) = ("prefer", "IdType=\"ImmutableId\"");
const STAMP: &str = "String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name Stamp";

struct Bench {
    simulator: Simulator,
    clock: Arc<ManualClock>,
    token: String,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Reply {
    fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }

    fn code(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Bench {
    fn new() -> Self {
        let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let shared: Arc<dyn SimClock> = Arc::<ManualClock>::clone(&clock);
        let simulator = Simulator::new(Config::demo(), shared);
        let mut bench = Self { simulator, clock, token: String::new() };
        bench.renew_token();
        bench
    }

    fn renew_token(&mut self) {
        let form = "grant_type=client_credentials&client_id=00000000-0000-4000-8000-000000000002\
                    &client_secret=sim-secret&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let path = "/00000000-0000-4000-8000-000000000001/oauth2/v2.0/token";
        let token = self.raw("POST", path, &[], form.as_bytes().to_vec()).ok();
        token["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> SimRequest {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        SimRequest { method: method.to_owned(), path: path.to_owned(), headers, body }
    }

    fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        reply(self.simulator.handle(&Self::request(method, path, headers, body)))
    }

    fn graph_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> SimRequest {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str()), ("host", "127.0.0.1:8481")];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        let path = path
            .strip_prefix("http://127.0.0.1:8481")
            .map_or_else(|| format!("/graph/v1.0/{path}"), str::to_owned);
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        Self::request(method, &path, &all, body)
    }

    fn graph(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        reply(self.simulator.handle(&self.graph_request(method, path, headers, body)))
    }

    fn get(&self, path: &str) -> Reply {
        self.graph("GET", path, &[IMMUTABLE], None)
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        self.graph("POST", path, &[IMMUTABLE], Some(body))
    }

    fn patch(&self, path: &str, body: &Value) -> Reply {
        self.graph("PATCH", path, &[IMMUTABLE], Some(body))
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        self.raw(method, &format!("/_sim/{path}"), &[], body.to_string().into_bytes()).ok()
    }

    /// Creates an event of Ellis; gives its immutable id.
    fn create(&self, body: &Value) -> String {
        text(&self.post(&format!("users/{ELLIS}/events"), body).ok(), "id")
    }

    fn event(&self, id: &str) -> Value {
        self.get(&format!("users/{ELLIS}/events/{id}")).ok()
    }

    /// Mails that left since the start: kind and receiver.
    fn mails(&self) -> Vec<(String, String)> {
        let ledger = self.control("GET", "ledger", &Value::Null);
        let mails = ledger["mails"].as_array().unwrap();
        mails.iter().map(|mail| (text(mail, "kind"), text(mail, "to"))).collect()
    }

    fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }
}

fn reply(outcome: SimOutcome) -> Reply {
    match outcome {
        SimOutcome::Answer { status, headers, body } => {
            Reply { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
        }
        SimOutcome::CutBefore | SimOutcome::CutAfter => {
            Reply { status: 0, headers: Vec::new(), body: Value::Null }
        }
    }
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_else(|| panic!("no {name} in {of}")).to_owned()
}

fn visit() -> Value {
    json!({
        "subject": "Visit",
        "start": { "dateTime": "2026-03-02T09:00:00", "timeZone": "W. Europe Standard Time" },
        "end": { "dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time" },
    })
}

/// Ten Mondays from 2 March on, at nine in Berlin.
fn weekly() -> Value {
    let mut event = visit();
    event["recurrence"] = json!({
        "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] },
        "range": { "type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 10 },
    });
    event
}

fn meeting() -> Value {
    let mut event = visit();
    event["attendees"] =
        json!([{ "emailAddress": { "address": FRANKIE, "name": "Frankie" }, "type": "required" }]);
    event
}
