//! Everything is taken along (issue 5): the export over the real store, against what each route shows
//! by itself. No secret is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::Request;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tidemark_api::{ApiOptions, router};
use tidemark_model::{Pattern, Range, Recurrence};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::on_disk::OnDiskTable;
use tidemark_scenarios::stage::{SECOND_CONNECTION, Setting, Stage};
use tidemark_service::Border;
use tidemark_service::border::{Administration as _, NewKey, Role};
use tidemark_simulator::NewAppointment;
use tidemark_simulator::store::Change;
use tidemark_store::records::ConnectionId;
use tower::ServiceExt as _;

/// Over EWS.
const ALEX: &str = "alex@tidemark.example";
/// Over Graph.
const BLAKE: &str = "blake@tidemark.example";
const PASSWORD: &str = "the-password-of-the-service";
const APPLICATION_SECRET: &str = "the-secret-of-the-application";
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Pages after which a listing counts as endless.
const PAGES_MAX: usize = 1000;

/// A stage on the embedded store whose API is called with an administrator's key.
struct Office {
    stage: Stage,
    key: String,
}

impl Office {
    fn new() -> Self {
        let table = Arc::new(OnDiskTable::create());
        let mut stage = Stage::new(Setting { table, ..Setting::default() });
        stage.connect(Wire::Graph);
        stage.set_mailbox(BLAKE, |row| row.connection = ConnectionId::new(SECOND_CONNECTION));
        let (service, caller) = (stage.service.clone(), stage.caller());
        let key = NewKey {
            label: "Office".to_owned(),
            roles: BTreeSet::from([Role::Administrator, Role::Integrator]),
            system: Some("erp".to_owned()),
            expires: None,
        };
        let issued = stage.run(async move { service.issue_key(&caller, key).await });
        let key = issued.expect("issued").1.expose_secret().to_owned();
        Self { stage, key }
    }

    #[track_caller]
    fn call(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .expect("a request");
        let border: Arc<dyn Border> = Arc::new(self.stage.service.clone());
        let api = router(border, ApiOptions { world: self.stage.service.world.clone() });
        let (status, answer) = self.stage.run(async move {
            let answer = api.oneshot(request).await.expect("an answer");
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.expect("a body");
            (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
        });
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer
    }

    /// All entries of a listing, and how many pages they were on.
    #[track_caller]
    fn list(&mut self, path: &str, member: &str) -> (Vec<Value>, usize) {
        let (mut entries, mut after) = (Vec::new(), String::new());
        for pages in 1..=PAGES_MAX {
            let page = self.call("GET", &format!("{path}{after}"), &Value::Null);
            entries.extend(page[member].as_array().expect("entries").clone());
            let next = page.get("next").and_then(Value::as_str);
            let Some(next) = next else { return (entries, pages) };
            after = format!("?after={next}");
        }
        panic!("{path} does not end");
    }

    /// The feed from its beginning.
    fn changes(&mut self) -> Vec<Value> {
        let (mut changes, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.call("GET", &format!("changes{after}"), &Value::Null);
            let found = page["changes"].as_array().expect("changes");
            if found.is_empty() {
                return changes;
            }
            changes.extend(found.clone());
            after = format!("?after={}", page["cursor"].as_str().expect("a cursor"));
        }
    }
}

/// A weekly series in Outlook, with an occurrence changed and one taken out.
fn series_in_outlook(stage: &Stage, person: &str) {
    let start: jiff::civil::DateTime = "2027-03-03T09:00:00".parse().unwrap();
    let user = stage.simulator.user(person);
    let item = user
        .create(&NewAppointment {
            subject: "Series of Outlook".to_owned(),
            start,
            duration: SignedDuration::from_hours(1),
            body: Some("<p>What is spoken of</p>".to_owned()),
            location: Some("Room 7".to_owned()),
            recurrence: Some(Recurrence {
                pattern: Pattern::Daily { interval: 7 },
                range: Range::Count(4),
            }),
            attendees: Vec::new(),
        })
        .expect("created");
    let at = |weeks: i64| start + SignedDuration::from_hours(7 * 24 * weeks);
    user.cancel_occurrence(item, at(1)).expect("taken out");
    let change = [Change::Subject("Changed once".to_owned())];
    user.except_occurrence(item, at(2), &change).expect("changed");
}

fn of_the_system(title: &str, day: u8) -> Value {
    json!({
        "title": title, "start": format!("2027-03-{day:02}T14:00:00"), "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    })
}

/// Both protocols, both sides: items, a series with exceptions, a deletion, a hold, webhooks, connections
/// with secrets. Gives the secrets.
fn live(office: &mut Office) -> Vec<String> {
    for person in [ALEX, BLAKE] {
        series_in_outlook(&office.stage, person);
        for number in 0..30 {
            let day = 4 + number % 20;
            office.stage.put(person, &format!("erp-{number}"), of_the_system("From the ERP", day));
        }
        let mut series = of_the_system("Series of the ERP", 2);
        series["recurrenceRules"] =
            json!([{ "@type": "RecurrenceRule", "frequency": "daily", "count": 5 }]);
        series["recurrenceOverrides"] = json!({
            "2027-03-03T14:00:00": { "title": "Another title" },
            "2027-03-04T14:00:00": { "excluded": true },
        });
        office.stage.put(person, "erp-series", series);
        office.stage.sync(person);
        office.stage.patch(person, "erp-1", json!({ "title": "Renamed" }));
        office.stage.delete(person, "erp-2");
        let mut meeting = of_the_system("Meeting", 25);
        meeting["participants"] = json!({ "guest@elsewhere.example": {
            "@type": "Participant", "roles": { "attendee": true },
            "sendTo": { "imip": "mailto:guest@elsewhere.example" },
        }});
        office.stage.put(person, "erp-meeting", meeting);
        office.stage.sync(person);
    }
    let webhook = json!({ "url": "https://erp.example/hook" });
    let made = office.call("POST", "webhooks", &webhook);
    let ews = json!({
        "name": "Another server", "url": "http://127.0.0.1:8481/EWS/Exchange.asmx",
        "account": "svc@tidemark.example", "password": PASSWORD,
    });
    office.call("POST", "connections", &ews);
    let graph = json!({
        "name": "Another cloud",
        "graph": {
            "tenant": "00000000-0000-4000-8000-000000000001",
            "client": "00000000-0000-4000-8000-000000000002",
            "cloud": "global", "credential": { "secret": APPLICATION_SECRET },
        },
    });
    office.call("POST", "connections", &graph);
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    vec![PASSWORD.to_owned(), APPLICATION_SECRET.to_owned(), secret, office.key.clone()]
}

/// The rows of one kind, by what they are of.
fn of_kind<'a>(rows: &'a [Value], kind: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["kind"] == kind).collect()
}

/// Whether the rows of a kind are exactly these values, in whatever order.
#[track_caller]
fn assert_same(rows: &[Value], kind: &str, shown: &[Value]) {
    let sorted = |values: Vec<String>| {
        let mut values = values;
        values.sort();
        values
    };
    let exported = sorted(of_kind(rows, kind).iter().map(|row| row["value"].to_string()).collect());
    let shown = sorted(shown.iter().map(Value::to_string).collect());
    assert!(!shown.is_empty(), "{kind}: there is one at least");
    assert_eq!(exported.len(), shown.len(), "{kind}");
    for (exported, shown) in exported.iter().zip(&shown) {
        assert_eq!(exported, shown, "{kind}");
    }
}

#[test]
fn everything_that_the_api_shows_is_exported_and_no_secret() {
    let mut office = Office::new();
    let secrets = live(&mut office);
    let (rows, pages) = office.list("export", "rows");
    assert!(pages > 1, "{pages}");

    let organisation = office.call("GET", "organisation", &Value::Null);
    assert_same(&rows, "organisation", &[organisation]);
    for (kind, path, member) in [
        ("system", "systems", "systems"),
        ("connection", "connections", "connections"),
        ("key", "keys", "keys"),
        ("webhook", "webhooks", "webhooks"),
        ("hold", "holds", "holds"),
        ("activity", "activity", "activity"),
        ("mailbox", "mailboxes", "mailboxes"),
    ] {
        let (shown, _) = office.list(path, member);
        assert_same(&rows, kind, &shown);
    }
    let (mut items, mut history) = (Vec::new(), Vec::new());
    for person in [ALEX, BLAKE] {
        let path = format!("mailboxes/{person}/appointments");
        let (shown, _) = office.list(&path, "items");
        assert_eq!(shown.len(), 31, "{person}: 29 of 30 and two series; the meeting waits");
        for item in &shown {
            let id = item["id"].as_str().expect("an id");
            let (entries, _) = office.list(&format!("{path}/{id}/history"), "history");
            history.extend(entries);
        }
        items.extend(shown);
    }
    assert_same(&rows, "appointment", &items);
    assert_same(&rows, "history", &history);
    let changes = office.changes();
    assert_same(&rows, "change", &changes);

    // Nothing else is there, and it is all there.
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *kinds.entry(row["kind"].as_str().expect("a kind")).or_default() += 1;
    }
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    assert_eq!((kinds["connection"], kinds["mailbox"], kinds["hold"]), (4, 3, 2), "{kinds:?}");
    let text = Value::from(rows).to_string();
    for shown in ["Series of Outlook", "Changed once", "Another title", "Renamed", "Room 7"] {
        assert!(text.contains(shown), "{shown}");
    }
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "a secret is exported");
    }
}
