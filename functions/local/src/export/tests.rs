//! The command against the real API over a store in memory, with answers that are lost or wrong in between.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Mutex;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request};
use serde_json::{Value, json};
use tidemark_api::{ApiOptions, router};
use tidemark_transport::{
    Delivery, HttpRequest, HttpResponse, TransportError, TransportFault, uuid_v7,
};
use tower::ServiceExt as _;

use super::*;
use crate::setup::MailboxSetup;
use crate::{demo, doctor, setup};

const KEY: &str = "key-of-the-administrator";
const ADDRESS: &str = "https://tidemark.example";
const NOW: &str = "2027-03-01T07:00:00Z";
/// So many that they do not fit on one page.
const PEOPLE: usize = 130;

/// Time that passes when somebody waits, and what was waited for.
#[derive(Default)]
struct WaitingClock {
    waits: Mutex<Vec<Duration>>,
    later: Mutex<SignedDuration>,
}

#[async_trait]
impl Clock for WaitingClock {
    fn now(&self) -> Timestamp {
        NOW.parse::<Timestamp>().unwrap() + *self.later.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.waits.lock().unwrap().push(duration);
    }
}

type Answer = Result<HttpResponse, TransportError>;

/// The API without a network. Some calls of `/v1/export` are answered by the test.
#[derive(Clone)]
struct Wire {
    router: Router,
    /// The path and query of each call of the export.
    calls: Arc<Mutex<Vec<String>>>,
    /// What is answered in place of the API, by the number of the call.
    scripted: Arc<Mutex<BTreeMap<usize, Answer>>>,
    /// A mailbox whose rows get lost.
    lost: Arc<Mutex<Option<String>>>,
}

impl Wire {
    async fn ask(&self, request: HttpRequest) -> HttpResponse {
        let path = request.url.strip_prefix(ADDRESS).expect("the address that was given");
        let mut asked = Request::builder().method(request.method).uri(path);
        *asked.headers_mut().unwrap() = request.headers;
        let asked = asked.body(Body::empty()).unwrap();
        let (head, body) = self.router.clone().oneshot(asked).await.unwrap().into_parts();
        let mut body = to_bytes(body, request.answer_bytes_max).await.unwrap();
        let lost = self.lost.lock().unwrap().clone();
        if let Some(id) = lost.filter(|_| path.starts_with("/v1/export")) {
            let mut page: Value = serde_json::from_slice(&body).unwrap();
            page["rows"].as_array_mut().unwrap().retain(|row| row["mailbox"] != *id);
            body = page.to_string().into();
        }
        HttpResponse { status: head.status.as_u16(), headers: head.headers, body }
    }
}

#[async_trait]
impl HttpPort for Wire {
    async fn send(&self, request: HttpRequest) -> Answer {
        if let Some(call) = request.url.strip_prefix(ADDRESS).filter(|it| it.contains("/export")) {
            let number = {
                let mut calls = self.calls.lock().unwrap();
                calls.push(call.to_owned());
                calls.len() - 1
            };
            if let Some(answer) = self.scripted.lock().unwrap().remove(&number) {
                return answer;
            }
        }
        Ok(self.ask(request).await)
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

struct Bench {
    wire: Wire,
    clock: Arc<WaitingClock>,
    folder: Folder,
}

impl Bench {
    async fn new() -> Self {
        let service = doctor::in_memory(None).unwrap();
        let mut demo = demo::setup("http://127.0.0.1:8481", SecretString::from(KEY)).unwrap();
        let system = demo.systems[0].id.clone();
        demo.connections[0].mailboxes = (0..PEOPLE)
            .map(|number| MailboxSetup {
                address: format!("person{number}@tidemark.example"),
                aliases: BTreeSet::new(),
                time_zone: None,
                system: system.clone(),
                profile: None,
            })
            .collect();
        setup::apply(&service, &demo).await.unwrap();
        let options = ApiOptions { world: service.world.clone() };
        let id = uuid_v7(service.world.now(), &*service.world.entropy());
        let folder = std::env::temp_dir().join(format!("tidemark-export-{id}"));
        fs::create_dir(&folder).unwrap();
        let wire = Wire {
            router: router(Arc::new(service), options),
            calls: Arc::default(),
            scripted: Arc::default(),
            lost: Arc::default(),
        };
        Self { wire, clock: Arc::default(), folder: Folder(folder) }
    }

    fn arguments(&self) -> ExportArguments {
        ExportArguments {
            url: format!("{ADDRESS}/"),
            to: self.file("export.ndjson"),
            key_file: None,
            anew: false,
            overwrite: false,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// From now on, the call with this number (from 0) of the export is answered so.
    fn answer(&self, number: usize, answer: Answer) {
        self.wire.calls.lock().unwrap().clear();
        self.wire.scripted.lock().unwrap().insert(number, answer);
    }

    /// The same with an answer that comes.
    fn say(&self, number: usize, status: u16, headers: HeaderMap, body: &Value) {
        let body = Bytes::from(body.to_string());
        self.answer(number, Ok(HttpResponse { status, headers, body }));
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.wire.calls.lock().unwrap())
    }

    async fn run(&self, arguments: &ExportArguments) -> Result<(), String> {
        self.run_as(KEY, arguments).await
    }

    async fn run_as(&self, key: &str, arguments: &ExportArguments) -> Result<(), String> {
        let http: Arc<dyn HttpPort> = Arc::new(self.wire.clone());
        let clock: Arc<dyn Clock> = self.clock.clone();
        let done = Box::pin(export(arguments, SecretString::from(key), http, clock)).await;
        done.map_err(|error| format!("{error:#}"))
    }

    /// Stops an export at its third page, and gives what was written of it.
    async fn cut_off(&self) -> Vec<u8> {
        self.answer(2, fault(TransportFault::Tls));
        assert!(self.run(&self.arguments()).await.is_err());
        assert_eq!(self.files(), ["export.ndjson.part", "export.ndjson.place"]);
        fs::read(self.file("export.ndjson.part")).unwrap()
    }
}

fn fault(fault: TransportFault) -> Answer {
    Err(TransportError { fault, delivery: Delivery::Unclear })
}

#[tokio::test]
async fn all_rows_stand_in_a_file_of_the_owners() {
    let bench = Bench::new().await;
    let arguments = bench.arguments();
    bench.run(&arguments).await.unwrap();
    assert_eq!(bench.files(), ["export.ndjson"]);
    let mode = fs::metadata(&arguments.to).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let calls = bench.calls();
    assert!(calls.len() > 2, "{calls:?}");
    let text = fs::read_to_string(&arguments.to).unwrap();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        *kinds.entry(row["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    // Sixteen more are reached over Graph.
    assert_eq!((kinds["organisation"], kinds["mailbox"]), (1, PEOPLE + 16));
    assert_eq!((kinds["connection"], kinds["key"], kinds["system"]), (2, 1, 1));
    for secret in [KEY, "Passw0rd!", "sim-secret"] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn what_was_cut_off_goes_on_where_it_was() {
    let bench = Bench::new().await;
    let whole = ExportArguments { to: bench.file("whole"), ..bench.arguments() };
    bench.run(&whole).await.unwrap();
    let all = bench.calls();
    let whole = fs::read(bench.file("whole")).unwrap();
    fs::remove_file(bench.file("whole")).unwrap();

    let mut part = bench.cut_off().await;
    assert!(!part.is_empty() && whole.starts_with(&part));
    // A page that was being written when the process ended, and whose place was not noted.
    part.extend_from_slice(b"{\"kind\":\"mailbox\",\"val");
    fs::write(bench.file("export.ndjson.part"), &part).unwrap();
    bench.calls();
    bench.run(&bench.arguments()).await.unwrap();
    assert_eq!(bench.calls(), all[2..], "the first two pages are not asked for again");
    assert_eq!(fs::read(bench.file("export.ndjson")).unwrap(), whole);
    assert_eq!(bench.files(), ["export.ndjson"]);
}

#[tokio::test]
async fn it_begins_anew_when_asked_and_when_too_old() {
    let bench = Bench::new().await;
    bench.run(&bench.arguments()).await.unwrap();
    let pages = bench.calls().len();
    fs::remove_file(bench.file("export.ndjson")).unwrap();

    bench.cut_off().await;
    bench.calls();
    bench.run(&ExportArguments { anew: true, ..bench.arguments() }).await.unwrap();
    assert_eq!(bench.calls().len(), pages);
    fs::remove_file(bench.file("export.ndjson")).unwrap();

    bench.cut_off().await;
    *bench.clock.later.lock().unwrap() = GO_ON_WITHIN + SignedDuration::from_secs(1);
    bench.calls();
    bench.run(&bench.arguments()).await.unwrap();
    assert_eq!(bench.calls().len(), pages);
}

#[tokio::test]
async fn what_does_not_belong_together_is_not_mixed() {
    let bench = Bench::new().await;
    let part = bench.cut_off().await;
    // Of another organisation, as far as the place says.
    let place = fs::read_to_string(bench.file("export.ndjson.place")).unwrap();
    let other = place.replace("\"organisation\":\"demo\"", "\"organisation\":\"contoso\"");
    assert_ne!(place, other);
    fs::write(bench.file("export.ndjson.place"), other).unwrap();
    let error = bench.run(&bench.arguments()).await.unwrap_err();
    assert!(error.contains("another address or organisation"), "{error}");
    assert_eq!(fs::read(bench.file("export.ndjson.part")).unwrap(), part, "nothing is lost");
    // Rows that are not those that were noted.
    fs::write(bench.file("export.ndjson.place"), &place).unwrap();
    fs::write(bench.file("export.ndjson.part"), b"\n".repeat(part.len())).unwrap();
    let error = bench.run(&bench.arguments()).await.unwrap_err();
    assert!(error.contains("begin again with --anew"), "{error}");
    // A place that was torn is none: it begins anew.
    fs::write(bench.file("export.ndjson.place"), &place[..20]).unwrap();
    bench.run(&bench.arguments()).await.unwrap();
}

#[tokio::test]
async fn an_export_that_is_there_stays_unless_it_is_to_be_replaced() {
    let bench = Bench::new().await;
    let arguments = bench.arguments();
    fs::write(&arguments.to, "of before").unwrap();
    let error = bench.run(&arguments).await.unwrap_err();
    assert!(error.contains("--overwrite"), "{error}");
    assert!(bench.calls().is_empty());
    assert_eq!(fs::read_to_string(&arguments.to).unwrap(), "of before");
    bench.answer(1, fault(TransportFault::Tls));
    let replacing = ExportArguments { overwrite: true, ..arguments };
    assert!(bench.run(&replacing).await.is_err());
    assert_eq!(
        fs::read_to_string(&replacing.to).unwrap(),
        "of before",
        "until there is a whole one"
    );
    bench.run(&replacing).await.unwrap();
    assert!(fs::read_to_string(&replacing.to).unwrap().starts_with("{\"kind\":\"organisation\""));
    let folder = ExportArguments { to: bench.folder.0.clone(), ..replacing };
    assert!(bench.run(&folder).await.unwrap_err().contains("is a folder"));
}

#[tokio::test]
async fn one_process_writes_an_export_at_a_time() {
    let bench = Bench::new().await;
    let _other = Partial::open(&bench.file("export.ndjson"), false).unwrap();
    let error = bench.run(&bench.arguments()).await.unwrap_err();
    assert!(error.contains("another process writes it"), "{error}");
}

#[tokio::test]
async fn it_waits_as_it_is_asked_to_and_gives_up_in_the_end() {
    let bench = Bench::new().await;
    let asked = HeaderMap::from_iter([("retry-after".parse().unwrap(), HeaderValue::from(7))]);
    bench.say(0, 429, asked, &json!({}));
    bench.say(1, 503, HeaderMap::new(), &json!({}));
    bench.answer(2, fault(TransportFault::Cut));
    bench.run(&bench.arguments()).await.unwrap();
    let waits = std::mem::take(&mut *bench.clock.waits.lock().unwrap());
    assert_eq!(waits, [7, 2, 4].map(Duration::from_secs));

    for number in 0..100 {
        bench.say(number, 502, HeaderMap::new(), &json!({}));
    }
    let again = ExportArguments { to: bench.file("again"), ..bench.arguments() };
    let error = bench.run(&again).await.unwrap_err();
    assert_eq!(error, "no answer after 8 tries: the API answers 502");
    let waits = std::mem::take(&mut *bench.clock.waits.lock().unwrap());
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60].map(Duration::from_secs));
    assert_eq!(bench.calls().len(), 8);
}

#[tokio::test]
async fn refusals_say_what_to_mend() {
    let bench = Bench::new().await;
    let error = bench.run_as("another-key-of-nobody", &bench.arguments()).await.unwrap_err();
    assert!(error.contains("does not know the key"), "{error}");
    assert!(bench.run_as("two\nlines", &bench.arguments()).await.is_err());
    for (number, text) in [(403, "administrator"), (404, "no such API"), (410, "--anew")] {
        bench.say(0, number, HeaderMap::new(), &json!({}));
        let error = bench.run(&bench.arguments()).await.unwrap_err();
        assert!(error.contains(text), "{number}: {error}");
    }
    bench.say(0, 418, HeaderMap::new(), &json!({"detail": "no\ncoffee"}));
    let error = bench.run(&bench.arguments()).await.unwrap_err();
    assert_eq!(error, "the API answers 418: no coffee");
    for url in ["tidemark.example", "ftp://tidemark.example", "https://u:p@tidemark.example", ""] {
        let error = bench.run(&ExportArguments { url: url.to_owned(), ..bench.arguments() }).await;
        assert!(error.unwrap_err().contains("--url"), "{url}");
    }
}

#[tokio::test]
async fn what_is_not_whole_gets_no_name() {
    let bench = Bench::new().await;
    let page = |rows: Value, next: Value| json!({"rows": rows, "next": next});
    let organisation = json!({"kind": "organisation", "value": {"id": "demo"}});
    // The walk ends too early: no mailbox was shown.
    bench.say(0, 200, HeaderMap::new(), &page(json!([organisation]), Value::Null));
    let error = bench.run(&bench.arguments()).await.unwrap_err();
    assert!(error.starts_with(&format!("{} mailboxes are not in the export", PEOPLE + 16)));
    // Another organisation answers.
    let other = json!({"kind": "organisation", "value": {"id": "contoso"}});
    bench.say(0, 200, HeaderMap::new(), &page(json!([other]), Value::Null));
    let error = bench.run(&bench.arguments()).await.unwrap_err();
    assert!(error.contains("another organisation"), "{error}");
    // It stands still.
    bench.say(0, 200, HeaderMap::new(), &page(json!([organisation]), json!("here")));
    bench.say(1, 200, HeaderMap::new(), &page(json!([]), json!("here")));
    let error = bench.run(&ExportArguments { anew: true, ..bench.arguments() }).await.unwrap_err();
    assert!(error.contains("names the place again"), "{error}");
    // A row that is none, an answer that is none.
    for rows in [json!([{"value": {}}]), json!("rows")] {
        bench.say(0, 200, HeaderMap::new(), &page(rows, Value::Null));
        let anew = ExportArguments { anew: true, ..bench.arguments() };
        assert!(bench.run(&anew).await.is_err());
    }
    assert!(!bench.file("export.ndjson").exists());
}

#[tokio::test]
async fn one_mailbox_that_is_missing_is_noticed() {
    let bench = Bench::new().await;
    let arguments = bench.arguments();
    bench.run(&arguments).await.unwrap();
    let text = fs::read_to_string(&arguments.to).unwrap();
    let mut rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let id = rows.find_map(|row| row["mailbox"].as_str().map(str::to_owned));
    assert!(id.is_some());
    *bench.wire.lost.lock().unwrap() = id;
    let again = ExportArguments { overwrite: true, ..arguments };
    let error = bench.run(&again).await.unwrap_err();
    assert_eq!(error, "1 mailboxes are not in the export: begin again with --anew");
    assert_eq!(fs::read_to_string(&again.to).unwrap(), text);
}

#[test]
fn retry_after_is_seconds_or_a_date_within_bounds() {
    let read = |text: &'static str| {
        let headers = HeaderMap::from_iter([(
            "retry-after".parse().unwrap(),
            HeaderValue::from_static(text),
        )]);
        client::read_retry_after(&headers, NOW.parse().unwrap()).map(|it| it.as_secs())
    };
    assert_eq!(read("30"), Some(30));
    assert_eq!(read("0"), Some(1));
    assert_eq!(read("86400"), Some(15 * 60));
    assert_eq!(read("Mon, 01 Mar 2027 07:00:20 GMT"), Some(20));
    assert_eq!(read("Mon, 01 Mar 2027 06:00:00 GMT"), Some(1));
    assert_eq!(read("soon"), None);
}
