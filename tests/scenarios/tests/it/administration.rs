//! An organisation from nothing, by the API alone: founded with a secret, then everything that a
//! settings file would say, until a mailbox is in sync over EWS (W1, W2, W7, W10, N19).

mod removal;
mod renamed;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::Request;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};
use tidemark_api::{ApiOptions, router};
use tidemark_model::OrganisationId;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::Border;
use tidemark_service::admin::{Founded, Founding};
use tidemark_simulator::NewAppointment;
use tower::ServiceExt as _;

const ALEX: &str = "alex@tidemark.example";
const DANA: &str = "dana@tidemark.example";
const SECRET: &str = "founding";
const FOUNDING_KEY: &str = "a-key-that-the-template-has-generated";
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

fn new_appointment(subject: &str) -> NewAppointment {
    NewAppointment {
        subject: subject.to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    }
}

/// A stage whose API is called, beside the demo organisation that it has.
struct Desk {
    stage: Stage,
}

impl Desk {
    fn new() -> Self {
        Self { stage: Stage::new(Setting::default()) }
    }

    /// What the api function does when it starts.
    fn start(&mut self, organisation: &str, key: &str) -> Founded {
        let organisation = OrganisationId::parse(organisation).expect("an id");
        let (service, key) = (self.stage.service.clone(), SecretString::from(key));
        self.stage.run(async move {
            service.secrets.put(SECRET, key).await.expect("put");
            let secrets = &*service.secrets;
            let founding = Founding { organisation: &organisation, secrets, secret_name: SECRET };
            service.found(founding).await.expect("founded")
        })
    }

    fn call(&mut self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .expect("a request");
        let border: Arc<dyn Border> = Arc::new(self.stage.service.clone());
        let api = router(border, ApiOptions { world: self.stage.service.world.clone() });
        self.stage.run(async move {
            let answer = api.oneshot(request).await.expect("an answer");
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.expect("a body");
            (status, serde_json::from_slice(&bytes).unwrap_or_default())
        })
    }

    /// The answer of a call that has to succeed.
    #[track_caller]
    fn done(&mut self, key: &str, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(key, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer
    }

    /// Makes a business system and a connection over EWS; gives the key of the system and the id of
    /// the connection.
    fn furnish(&mut self) -> (String, String) {
        self.done(FOUNDING_KEY, "POST", "systems", &json!({"id": "crm", "name": "CRM"}));
        let key = json!({"label": "CRM", "roles": ["integrator"], "system": "crm"});
        let key = self.done(FOUNDING_KEY, "POST", "keys", &key)["key"].clone();
        let connection = json!({
            "name": "Exchange",
            "url": "http://127.0.0.1:8481/EWS/Exchange.asmx",
            "account": "svc@tidemark.example",
            "password": "simulated",
        });
        let connection = self.done(FOUNDING_KEY, "POST", "connections", &connection)["id"].clone();
        let connection = connection.as_str().expect("an id").to_owned();
        let fence = json!({"waiver": {"reason": "a simulator"}});
        self.done(FOUNDING_KEY, "PATCH", &format!("connections/{connection}/fence"), &fence);
        (key.as_str().expect("a key").to_owned(), connection)
    }

    fn add(&mut self, connection: &str, addresses: &[&str]) -> Vec<Value> {
        let mailboxes: Vec<Value> =
            addresses.iter().map(|address| json!({"address": address})).collect();
        let body = json!({"connection": connection, "system": "crm", "mailboxes": mailboxes});
        let answer = self.done(FOUNDING_KEY, "POST", "mailboxes", &body);
        answer["mailboxes"].as_array().expect("answers").clone()
    }

    /// A person of the simulator with one appointment.
    fn person(&mut self, address: &str) {
        self.stage.control("POST", "mailboxes", &json!({"address": address}).to_string());
        self.write(address, "Visit");
    }

    fn write(&mut self, address: &str, subject: &str) {
        let visit = new_appointment(subject);
        self.stage.simulator.user(address).create(&visit).expect("created");
    }

    /// Titles and ids of the items that the business system sees, by title.
    fn items(&mut self, key: &str, mailbox: &str) -> Vec<(String, String)> {
        let path = format!("mailboxes/{mailbox}/appointments");
        let answer = self.done(key, "GET", &path, &Value::Null);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let items = answer["items"].as_array().expect("items").iter();
        let mut items: Vec<_> =
            items.map(|it| (text(&it["item"]["title"]), text(&it["id"]))).collect();
        items.sort();
        items
    }

    fn tick(&mut self, minutes: i64) {
        self.stage.tick(SignedDuration::from_mins(minutes));
    }
}

#[test]
fn w2_an_organisation_is_onboarded_by_the_api_alone() {
    let mut desk = Desk::new();
    assert_eq!(desk.start("main", FOUNDING_KEY), Founded::Now);
    assert_eq!(desk.start("main", FOUNDING_KEY), Founded::Before);
    let (key, connection) = desk.furnish();
    desk.person(DANA);
    let added = desk.add(&connection, &[DANA, "nobody", DANA]);
    let outcomes: Vec<&Value> = added.iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["added", "refused", "refused"]);
    assert_eq!(added[2]["refusal"]["code"], "twice");
    desk.tick(3);
    let shown = desk.done(FOUNDING_KEY, "GET", &format!("mailboxes/{DANA}"), &Value::Null);
    assert_eq!(shown["state"], "synced", "{shown:#}");
    assert_eq!(desk.items(&key, DANA)[0].0, "Visit");
    // And the other way.
    let item = json!({
        "title": "From the CRM",
        "start": "2027-03-03T10:00:00",
        "timeZone": "Europe/Berlin",
        "duration": "PT1H",
    });
    desk.done(&key, "PUT", &format!("mailboxes/{DANA}/appointments/7"), &item);
    desk.tick(2);
    desk.stage.appointment(DANA, "From the CRM");
    // The administrator's key speaks for the only system; with a second one it is told which key to
    // use.
    desk.done(FOUNDING_KEY, "POST", "systems", &json!({"id": "erp", "name": "ERP"}));
    let path = format!("mailboxes/{DANA}/appointments");
    let (status, problem) = desk.call(FOUNDING_KEY, "GET", &path, &Value::Null);
    assert_eq!((status, &problem["type"]), (403, &json!("urn:tidemark:problem:no-system")));
}

#[test]
fn w10_a_mailbox_is_in_one_organisation_at_a_time() {
    let mut desk = Desk::new();
    desk.start("main", FOUNDING_KEY);
    let (_, connection) = desk.furnish();
    // The demo organisation of the stage has Alex.
    let added = desk.add(&connection, &[ALEX]);
    assert_eq!(added[0]["refusal"]["code"], "other-organisation", "{added:#?}");
    let theirs = "a-key-of-the-organisation-that-has-alex";
    assert_eq!(desk.start("demo", theirs), Founded::Now);
    desk.stage.sync(ALEX);
    desk.write(ALEX, "Stays");
    desk.done(theirs, "DELETE", &format!("mailboxes/{ALEX}"), &Value::Null);
    // Removing deletes nothing in Exchange.
    let before = desk.stage.written_calendar(ALEX);
    desk.stage.appointment(ALEX, "Stays");
    let added = desk.add(&connection, &[ALEX]);
    assert_eq!(added[0]["outcome"], "added");
    desk.tick(3);
    assert_eq!(desk.stage.written_calendar(ALEX), before);
}

#[test]
fn n19_a_mailbox_keeps_its_links_under_another_address() {
    let mut desk = Desk::new();
    desk.start("main", FOUNDING_KEY);
    let (key, connection) = desk.furnish();
    desk.person(DANA);
    let id = desk.add(&connection, &[DANA])[0]["id"].as_str().expect("an id").to_owned();
    desk.tick(3);
    let before = desk.items(&key, DANA);
    assert_eq!(before.len(), 1);
    // Exchange knows both addresses; the connector is told of the alias.
    let alias = "d.smith@tidemark.example";
    let change = json!({"aliases": [alias]});
    let changed = desk.done(FOUNDING_KEY, "PATCH", &format!("mailboxes/{DANA}"), &change);
    assert_eq!((&changed["id"], &changed["aliases"]), (&json!(id), &json!([alias])));
    desk.write(DANA, "Later");
    desk.tick(3);
    for name in [DANA, alias, id.as_str()] {
        let after = desk.items(&key, name);
        assert_eq!(after.len(), 2, "{name}");
        assert!(after.contains(&before[0]), "{name}");
    }
}

#[test]
fn w1_w7_an_organisation_rests_and_everything_is_noted() {
    let mut desk = Desk::new();
    desk.start("main", FOUNDING_KEY);
    let (key, connection) = desk.furnish();
    desk.person(DANA);
    desk.add(&connection, &[DANA]);
    desk.tick(3);
    desk.done(FOUNDING_KEY, "PATCH", "organisation", &json!({"enabled": false}));
    desk.write(DANA, "Meanwhile");
    desk.tick(70);
    assert_eq!(desk.items(&key, DANA).len(), 1);
    desk.done(FOUNDING_KEY, "PATCH", "organisation", &json!({"enabled": true}));
    desk.tick(70);
    assert_eq!(desk.items(&key, DANA).len(), 2);
    // The secret gets another value: the key before it ends, and everything stands in the activity.
    let second = "another-key-that-an-operator-put-there";
    assert_eq!(desk.start("main", second), Founded::Now);
    assert_eq!(desk.call(FOUNDING_KEY, "GET", "organisation", &Value::Null).0, 401);
    let answer = desk.done(second, "GET", "activity", &Value::Null);
    let entries = answer["activity"].as_array().expect("entries");
    let actions: Vec<&str> =
        entries.iter().rev().map(|it| it["action"].as_str().expect("a word")).collect();
    for action in [
        "organisation-founded",
        "founding-key-made",
        "system-made",
        "key-made",
        "connection-made",
        "connection-changed",
        "mailbox-added",
        "organisation-switched-off",
        "organisation-switched-on",
        "founding-key-replaced",
    ] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    let text = answer.to_string();
    for secret in [FOUNDING_KEY, second, key.as_str(), "simulated"] {
        assert!(!text.contains(secret));
    }
}
