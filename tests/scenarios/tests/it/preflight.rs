//! The preflight and the fence, through the API's own routes and over both protocols (N14, E7, E19).

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_api::{ApiOptions, router};
use tidemark_scenarios::cloud::CloudStage;
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{Setting, Stage};
use tidemark_service::{Border, RunEnd};
use tidemark_simulator::NewAppointment;
use tidemark_store::records::{ActivityRow, ApiKeyId, ApiKeyRow, Collection, Document, Role};
use tower::ServiceExt as _;
use uuid::Uuid;

const ALEX: &str = "alex@tidemark.example";
const BLAKE: &str = "blake@tidemark.example";
const BOARD: &str = "board@tidemark.example";
const KEY: &str = "the-key-of-an-administrator";
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A stage whose API is called.
struct Desk {
    stage: Stage,
}

impl Desk {
    fn over(wire: Wire) -> Self {
        let mut stage = Stage::new(Setting { wire, ..Setting::default() });
        let row = ApiKeyRow {
            id: ApiKeyId::new(Uuid::from_u128(9)),
            organisation: stage.organisation.clone(),
            label: "administrator".to_owned(),
            roles: vec![Role::Administrator],
            system: Some(stage.system.clone()),
            created_at: tidemark_transport::Clock::now(&stage.clock),
            expires_at: None,
        };
        let records = Arc::clone(&stage.service.records);
        stage.run(async move { records.save_api_key(KEY, &row).await }).expect("saved");
        Self { stage }
    }

    fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/connections{path}"))
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .expect("a request");
        let border: Arc<dyn Border> = Arc::new(self.stage.service.clone());
        let api = router(border, ApiOptions { world: self.stage.service.world.clone() });
        self.stage.run(async move {
            let answer = api.oneshot(request).await.expect("an answer");
            let status = answer.status();
            let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.expect("a body");
            (status, serde_json::from_slice(&bytes).expect("JSON"))
        })
    }

    /// The path of the only connection.
    fn connection(&mut self, what: &str) -> String {
        let (_, all) = self.call("GET", "", None);
        format!("/{}{what}", all["connections"][0]["id"].as_str().expect("an id"))
    }

    fn preflight(&mut self) -> Value {
        let path = self.connection("/preflight");
        let (status, found) = self.call("POST", &path, Some(&json!({})));
        assert_eq!(status, StatusCode::OK, "{found}");
        found
    }

    fn change_fence(&mut self, change: &Value) -> Value {
        let path = self.connection("/fence");
        let (status, found) = self.call("PATCH", &path, Some(change));
        assert_eq!(status, StatusCode::OK, "{found}");
        found
    }

    /// Codes of what the connection shows to be wrong.
    fn errors(&mut self) -> Vec<String> {
        let path = self.connection("");
        let (_, row) = self.call("GET", &path, None);
        let errors = row["errors"].as_array().expect("errors");
        errors.iter().map(|it| it["code"].as_str().expect("a code").to_owned()).collect()
    }

    /// Lets a run of a mailbox begin, and says whether it was kept from it.
    fn is_kept(&mut self, person: &str) -> bool {
        self.stage.clock.advance(SignedDuration::from_mins(10));
        let (service, scope) = (self.stage.service.clone(), self.stage.scope(person));
        let now = tidemark_transport::Clock::now(&self.stage.clock);
        let report = self.stage.run(async move {
            service.raise(&scope, &Collection::calendar()).await.expect("raised");
            service.sync(&scope, now + SignedDuration::from_mins(1)).await.expect("it answers")
        });
        let row = self.stage.mailbox(person);
        let is_kept = matches!(report.end, RunEnd::Waits(_));
        assert_eq!(is_kept, row.troubles.iter().any(|it| it.code.starts_with("fence-")));
        is_kept
    }
}

#[track_caller]
fn step<'a>(found: &'a Value, name: &str) -> &'a Value {
    let steps = found["steps"].as_array().expect("steps");
    steps.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name}: {found:#}"))
}

/// Steps that failed: those of the connection, then those of mailboxes.
fn failed(found: &Value) -> Vec<String> {
    let all = found["mailboxes"].as_array().expect("mailboxes").iter();
    let of_mailboxes = all.flat_map(|it| it["steps"].as_array().expect("steps"));
    let all = found["steps"].as_array().expect("steps").iter().chain(of_mailboxes);
    all.filter(|it| it["state"] == "failed").map(|it| it["name"].as_str().unwrap().into()).collect()
}

/// Opens the mailbox outside to the connection, as a careless administrator would.
fn open_outside(desk: &mut Desk, wire: Wire) {
    match wire {
        Wire::Ews => {
            let path = format!("mailboxes/{BOARD}");
            desk.stage.control("PATCH", &path, r#"{"inScope": true}"#);
        }
        // A consent in Entra holds for every mailbox, whatever the scope says.
        Wire::Graph => {
            desk.stage.control("PATCH", "entra", r#"{"roles": ["Calendars.ReadWrite"]}"#);
        }
    }
}

fn nothing_begins_without_proof(wire: Wire) {
    let mut desk = Desk::over(wire);
    let outside = json!({ "address": BOARD, "inScope": false });
    desk.stage.control("POST", "mailboxes", &outside.to_string());
    let visit = NewAppointment {
        subject: "Visit".to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    desk.stage.simulator.user(ALEX).create(&visit).unwrap();

    // Demanded and not proved: nothing begins, nobody listens, and everything says so.
    let fence = desk.change_fence(&json!({ "gate": "require" }));
    assert_eq!((&fence["state"], &fence["admits"]), (&json!("unproved"), &json!(false)));
    assert_eq!(desk.errors(), ["fence-unproved"]);
    assert!(desk.is_kept(ALEX));
    desk.stage.subscribe(ALEX);
    let listeners = desk.stage.control("GET", "subscriptions", "");
    assert_eq!(listeners["subscriptions"], json!([]));
    assert!(desk.stage.feed(None).0.is_empty());

    // A mailbox outside is named, and refused: that is the proof.
    desk.change_fence(&json!({ "outside": BOARD }));
    let found = desk.preflight();
    assert_eq!(failed(&found), [""; 0], "{found:#}");
    assert_eq!(step(&found, "fence")["state"], "passed");
    assert_eq!(found["fence"]["state"], "proved");
    assert_eq!(found["mailboxes"].as_array().unwrap().len(), 3);
    assert!(desk.errors().is_empty());
    assert!(!desk.is_kept(ALEX));
    desk.stage.sync(ALEX);
    assert!(!desk.stage.feed(None).0.is_empty());

    // Somebody opens it later: who is synced goes on, nobody else begins.
    open_outside(&mut desk, wire);
    let found = desk.preflight();
    assert_eq!(step(&found, "fence")["code"], "fence-open", "{found:#}");
    assert!(!step(&found, "fence")["commands"].as_array().unwrap().is_empty());
    if wire == Wire::Graph {
        assert_eq!(step(&found, "roles")["code"], "roles-too-broad");
    }
    assert_eq!(desk.errors(), ["fence-open"]);
    assert!(!desk.is_kept(ALEX));
    assert!(desk.is_kept(BLAKE));

    // An administrator who knows it may say so.
    let fence = desk.change_fence(&json!({ "waiver": { "reason": "a tenant of our own" } }));
    assert_eq!((&fence["state"], &fence["admits"]), (&json!("waived"), &json!(true)));
    assert!(!desk.is_kept(BLAKE));
}

#[test]
fn n14_nothing_begins_before_the_fence_is_proved_over_ews() {
    nothing_begins_without_proof(Wire::Ews);
}

#[test]
fn n14_nothing_begins_before_the_fence_is_proved_over_graph() {
    nothing_begins_without_proof(Wire::Graph);
}

#[test]
fn e7_over_ews_every_step_is_told() {
    let mut desk = Desk::over(Wire::Ews);
    let found = desk.preflight();
    let states: Vec<(&str, &str)> = found["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("account", "passed"),
            ("name", "passed"),
            ("connection", "passed"),
            // On loopback.
            ("tls", "skipped"),
            ("http", "passed"),
            ("login", "passed"),
            ("version", "passed"),
            ("throttling", "passed"),
            // Nothing is demanded, and nobody has tried.
            ("fence", "skipped"),
            // The stage posts notifications by hand.
            ("callback", "skipped"),
        ]
    );
    assert!(step(&found, "login")["seen"].as_str().unwrap().contains("offers basic"));
    assert!(step(&found, "version")["seen"].as_str().unwrap().contains("15.2"));
}

#[test]
fn e7_over_graph_a_refused_secret_and_a_mailbox_elsewhere_are_told() {
    let mut desk = Desk::over(Wire::Graph);
    desk.stage.control("PATCH", &format!("mailboxes/{BLAKE}"), r#"{"onPremises": true}"#);
    let found = desk.preflight();
    assert_eq!(failed(&found), ["mailbox"], "{found:#}");
    assert_eq!(step(&found, "callback")["state"], "passed");
    desk.stage.control("DELETE", "entra/secrets", "");
    let found = desk.preflight();
    let token = step(&found, "token");
    assert_eq!(token["code"], "AADSTS7000215");
    assert!(token["mend"].as_str().unwrap().contains("client secret"));
}

#[test]
fn e19_assignment_names_who_cannot_be_reached_over_both() {
    for wire in [Wire::Ews, Wire::Graph] {
        let mut desk = Desk::over(wire);
        desk.stage.control("PATCH", &format!("mailboxes/{BLAKE}"), r#"{"inScope": false}"#);
        let path = desk.connection("/assignment");
        let (status, found) = desk.call("POST", &path, Some(&json!({})));
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&found["checked"], &found["next"]), (&json!(3), &Value::Null));
        let unreachable = found["unreachable"].as_array().unwrap();
        assert_eq!(unreachable.len(), 1, "{found:#}");
        assert_eq!(unreachable[0]["address"], BLAKE);
        let steps = unreachable[0]["steps"].as_array().unwrap();
        let failed = steps.iter().find(|it| it["state"] == "failed").unwrap();
        let code = match wire {
            Wire::Ews => "ErrorImpersonateUserDenied",
            Wire::Graph => "ErrorAccessDenied",
        };
        assert_eq!(failed["code"], code);
        assert!(!failed["commands"].as_array().unwrap().is_empty());
    }
}

/// What the schedule has written into the activity, the oldest first: the action, and why.
fn schedule_activity(cloud: &mut CloudStage) -> Vec<(String, Option<String>)> {
    let records = Arc::clone(&cloud.stage.service.records);
    let organisation = cloud.stage.organisation.clone();
    let now = tidemark_transport::Clock::now(&cloud.stage.clock);
    let read = async move { records.activity(&organisation, None, 50, now).await };
    let mut entries = cloud.stage.run(read).expect("read").entries;
    entries.reverse();
    entries.retain(|entry| entry.by == "token-refresh");
    let why = |entry: &ActivityRow| {
        let after = entry.after.as_ref().expect("it tells what is");
        after["fence"]["why"].as_str().map(str::to_owned)
    };
    entries.iter().map(|entry| (entry.action.clone(), why(entry))).collect()
}

#[test]
fn n14_the_proof_of_the_fence_is_renewed_every_day_and_what_is_wrong_is_told() {
    let mut cloud = CloudStage::new();
    let outside = json!({ "address": BOARD, "inScope": false });
    cloud.stage.control("POST", "mailboxes", &outside.to_string());
    let Document { mut value, revision } = cloud.connection();
    value.fence.outside = Some(BOARD.to_owned());
    let records = Arc::clone(&cloud.stage.service.records);
    let organisation = cloud.stage.organisation.clone();
    let saved = async move { records.save_connection(&organisation, &value, Some(revision)).await };
    cloud.stage.run(saved).expect("saved");

    let told = |action: &str, why: Option<&str>| (action.to_owned(), why.map(str::to_owned));
    let finding = |cloud: &mut CloudStage| cloud.connection().value.fence.finding.expect("tried");
    cloud.refresh();
    assert!(finding(&mut cloud).holds);
    assert_eq!(schedule_activity(&mut cloud), [told("fence-proved", None)]);

    // Once a day and not more often; all is as it was, and nothing is written down.
    let first = finding(&mut cloud).at;
    cloud.tick(SignedDuration::from_hours(2));
    assert_eq!(finding(&mut cloud).at, first);
    cloud.stage.clock.advance(SignedDuration::from_hours(22));
    cloud.refresh();
    assert!(finding(&mut cloud).at > first);
    assert_eq!(schedule_activity(&mut cloud).len(), 1);

    // An attempt that says nothing leaves the proof, and a line.
    cloud.stage.control("DELETE", "entra/secrets", "{}");
    cloud.stage.clock.advance(SignedDuration::from_hours(24));
    cloud.refresh();
    cloud.refresh();
    assert!(finding(&mut cloud).holds);
    let not_renewed = told("fence-not-renewed", Some("AADSTS7000215"));
    assert_eq!(schedule_activity(&mut cloud)[1..], [not_renewed]);
    cloud.stage.control("POST", "entra/secrets", r#"{"secret": "sim-secret"}"#);

    // Somebody consents to too much.
    cloud.stage.control("PATCH", "entra", r#"{"roles": ["Calendars.ReadWrite"]}"#);
    cloud.stage.clock.advance(SignedDuration::from_hours(24));
    cloud.refresh();
    assert!(!finding(&mut cloud).holds);
    assert_eq!(schedule_activity(&mut cloud)[2..], [told("fence-found-open", None)]);
    cloud.stage.clock.advance(SignedDuration::from_hours(24));
    cloud.refresh();
    assert_eq!(schedule_activity(&mut cloud).len(), 3, "told once");

    cloud.stage.control("PATCH", "entra", r#"{"roles": []}"#);
    cloud.stage.clock.advance(SignedDuration::from_hours(24));
    cloud.refresh();
    assert_eq!(schedule_activity(&mut cloud)[3..], [told("fence-proved", None)]);
}
