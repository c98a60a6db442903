//! The same through the border that anybody may call: each word of accept 4, with what the operator
//! finds counted in the log.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_graph_webhook::{LIFECYCLE_PATH, NOTIFY_PATH, router};
use tidemark_intake::{GRAPH_NOTIFICATION_BYTES_MAX, GraphIntake};
use tidemark_scenarios::cloud::CloudStage;
use tidemark_scenarios::ports::EffectKind;
use tower::ServiceExt as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{ALEX, bent, hinted, notification, subscribed, with};

/// What the border's line of the log counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counted {
    entries: u64,
    taken: u64,
    refused: u64,
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    counted: Counted,
    effects: Vec<EffectKind>,
}

/// Reads the border's line.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Option<Counted>>>);

impl Visit for Counted {
    fn record_debug(&mut self, _: &Field, _: &dyn core::fmt::Debug) {}

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "entries" => self.entries = value,
            "taken" => self.taken = value,
            "refused" => self.refused = value,
            _ => {}
        }
    }
}

impl Subscriber for Line {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "tidemark_graph_webhook"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut counted = Counted::default();
        event.record(&mut counted);
        let before = self.0.lock().unwrap().replace(counted);
        assert_eq!(before, None, "one line per call");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn call(cloud: &mut CloudStage, path: &str, body: impl Into<Body>) -> Heard {
    cloud.stage.effects.plan(None);
    let intake: Arc<dyn GraphIntake> = Arc::new(cloud.stage.service.clone());
    let request = Request::post(path).body(body.into()).unwrap();
    let line = Line::default();
    let answer = tracing::subscriber::with_default(line.clone(), || {
        cloud.stage.run(async move {
            let answer = router(intake).oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            (head.status, head.headers, to_bytes(body, 1024).await.unwrap().to_vec())
        })
    });
    let (status, headers, body) = answer;
    let counted = line.0.lock().unwrap().expect("the call is in the log");
    Heard { status, headers, body, counted, effects: cloud.stage.effects.seen() }
}

fn post(cloud: &mut CloudStage, body: &Value) -> Heard {
    call(cloud, NOTIFY_PATH, body.to_string())
}

/// It is counted as refused, answered like everything else, and nothing waits.
fn assert_refused(cloud: &mut CloudStage, heard: &Heard, refused: u64, word: &str) {
    assert_eq!((heard.counted.taken, heard.counted.refused), (0, refused), "{word}");
    let answer = (heard.status, heard.headers.len(), heard.body.len());
    assert_eq!(answer, (StatusCode::ACCEPTED, 1, 0), "{word}: {:?}", heard.headers);
    assert_eq!(cloud.stage.work(), 0, "{word}: nothing is queued");
}

/// An event in the life of the subscription that a notification is of.
fn lifecycle(notification: &Value, event: &str) -> Value {
    let entry = &notification["value"][0];
    let mut told = json!({ "lifecycleEvent": event });
    for name in ["subscriptionId", "subscriptionExpirationDateTime", "clientState", "tenantId"] {
        told[name] = entry[name].clone();
    }
    json!({ "value": [told] })
}

#[test]
fn n1_what_is_forged_malformed_or_oversized_is_refused_alike_at_the_border() {
    let mut cloud = subscribed(false);
    let body = notification(&mut cloud, "Visit");
    let entry = body["value"][0].clone();
    let calm = hinted(&mut cloud);
    let only = |entry: Value| json!({ "value": [entry] });
    let unknown = json!("A".repeat(43));

    // Whoever has no client state of ours: the effort is the same, whatever it is that is told.
    let mut efforts = Vec::new();
    let mut forged = vec![only(with(&entry, "/clientState", unknown.clone()))];
    forged.push(only(with(&forged[0]["value"][0], "/subscriptionId", json!("another"))));
    forged.push(only(with(&forged[0]["value"][0], "/tenantId", Value::Null)));
    forged.push(only(with(&entry, "/clientState", bent(&entry["clientState"]))));
    for event in ["missed", "reauthorizationRequired", "subscriptionRemoved", "new"] {
        let told = lifecycle(&body, event);
        forged.push(with(&told, "/value/0/clientState", unknown.clone()));
    }
    for wrong in &forged {
        let heard = post(&mut cloud, wrong);
        assert_refused(&mut cloud, &heard, 1, &wrong.to_string());
        efforts.push(heard.effects);
    }
    assert!(efforts.iter().all(|effort| *effort == efforts[0]), "{efforts:?}");

    for state in [json!(null), json!(""), json!("short"), json!("A".repeat(4000)), json!(7)] {
        let heard = post(&mut cloud, &only(with(&entry, "/clientState", state)));
        assert_refused(&mut cloud, &heard, 1, "a client state of another form");
        assert!(heard.effects.is_empty(), "nothing is looked up");
    }
    let heard = post(&mut cloud, &only(with(&entry, "/subscriptionId", json!("another"))));
    assert_refused(&mut cloud, &heard, 1, "another subscription");
    for text in ["", "[]", "{\"value\":7}", "<x/>", "{\"value\":[", "\u{0}"] {
        for path in [NOTIFY_PATH, LIFECYCLE_PATH] {
            let heard = call(&mut cloud, path, text);
            assert_refused(&mut cloud, &heard, 1, text);
            assert!(heard.effects.is_empty(), "nothing is looked up for {text}");
        }
    }
    let huge = vec![b' '; GRAPH_NOTIFICATION_BYTES_MAX + 1];
    let heard = call(&mut cloud, NOTIFY_PATH, huge);
    assert_refused(&mut cloud, &heard, 1, "oversized");
    assert_eq!(hinted(&mut cloud), calm, "nothing is marked");

    // The right one among wrong ones counts all the same.
    let mixed = json!({ "value": [forged[0]["value"][0], 5, entry] });
    let heard = post(&mut cloud, &mixed);
    assert_eq!(heard.counted, Counted { entries: 3, taken: 1, refused: 2 });
    assert!(cloud.stage.work() > 0);
}

#[test]
fn n1_what_is_replayed_is_refused_at_the_border() {
    let mut cloud = subscribed(false);
    let body = notification(&mut cloud, "Visit");
    let entries = body["value"].as_array().unwrap().clone();
    let count = u64::try_from(entries.len()).unwrap();
    assert_eq!(post(&mut cloud, &body).counted.taken, count);
    assert!(cloud.stage.work() > 0);
    let turned: Vec<&Value> = entries.iter().rev().collect();
    for again in [body.clone(), json!({ "validationTokens": ["a.b.c"], "value": turned })] {
        let heard = post(&mut cloud, &again);
        assert_refused(&mut cloud, &heard, count, "a change, replayed");
    }

    // Told three times before the run begins, of a version that nobody has read: no further run.
    let changed = with(&entries[0], "/resourceData/@odata.etag", json!("W/\"DwAAABYAAAAB\""));
    let one = |number: usize| {
        let id = json!(format!("00000000-0000-4000-8000-00000000000{number}"));
        json!({ "value": [with(&changed, "/id", id)] })
    };
    for number in 1..4 {
        assert_eq!(post(&mut cloud, &one(number)).counted.taken, 1);
    }
    assert_eq!(cloud.stage.work(), 1, "one run for all of them");

    let missed = lifecycle(&body, "missed");
    let events =
        |cloud: &mut CloudStage, told: &Value| call(cloud, LIFECYCLE_PATH, told.to_string());
    assert_eq!(events(&mut cloud, &missed).counted.taken, 1);
    assert_eq!(cloud.stage.work(), 1);
    assert_eq!(events(&mut cloud, &missed).counted.taken, 1, "it may be a second loss");
    assert_eq!(cloud.stage.work(), 1, "which costs a run at most");

    // What was prolonged since does not have to be again.
    cloud.stage.clock.advance(SignedDuration::from_mins(30));
    let due = lifecycle(&body, "reauthorizationRequired");
    assert_eq!(events(&mut cloud, &due).counted.taken, 1);
    cloud.stage.subscribe(ALEX);
    cloud.stage.work();
    cloud.stage.clock.advance(SignedDuration::from_mins(11));
    let heard = events(&mut cloud, &due);
    assert_refused(&mut cloud, &heard, 1, "reauthorizationRequired, replayed");

    let removed = lifecycle(&body, "subscriptionRemoved");
    assert_eq!(events(&mut cloud, &removed).counted.taken, 1);
    cloud.stage.work();
    cloud.stage.clock.advance(SignedDuration::from_mins(11));
    let heard = events(&mut cloud, &removed);
    assert_refused(&mut cloud, &heard, 1, "subscriptionRemoved, replayed");
    cloud.stage.subscribe(ALEX);
    cloud.stage.work();
    let heard = events(&mut cloud, &removed);
    assert_refused(&mut cloud, &heard, 1, "subscriptionRemoved of a predecessor");
}

/// A token that Microsoft would have made, but for what is wrong.
fn token(cloud: &mut CloudStage, wrong: &Value) -> Value {
    let made = cloud.stage.control("POST", "entra/validation-tokens", &wrong.to_string());
    made["token"].clone()
}

#[test]
fn n1_tokens_with_anything_wrong_about_them_are_refused_alike_at_the_border() {
    let mut cloud = subscribed(true);
    let first = notification(&mut cloud, "Visit");
    assert!(post(&mut cloud, &first).counted.taken > 0);
    cloud.stage.work();
    let body = notification(&mut cloud, "Other visit");
    let body = json!({ "value": [body["value"][0]], "validationTokens": [] });
    let calm = hinted(&mut cloud);

    let now = tidemark_transport::Clock::now(&cloud.stage.clock).as_second();
    let other = "00000000-0000-4000-8000-00000000000c";
    let claim = |name: &str, value: Value| json!({ "claims": { name: value } });
    let issuer = |text: String| claim("iss", text.into());
    let wrong = [
        ("audience", claim("aud", other.into())),
        ("no audience", claim("aud", Value::Null)),
        ("issuer", issuer(format!("https://login.microsoftonline.com/{other}/v2.0"))),
        ("issuer of a look-alike", issuer("https://login.microsoftonline.example/v2.0".into())),
        ("no issuer", claim("iss", Value::Null)),
        ("tenant", claim("tid", other.into())),
        ("caller", claim("azp", other.into())),
        ("no caller", claim("azp", Value::Null)),
        ("key", json!({ "forgery": "foreign-key" })),
        ("algorithm PS256", json!({ "forgery": "ps256" })),
        ("algorithm HS256", json!({ "forgery": "hs256" })),
        ("algorithm none", json!({ "forgery": "unsigned" })),
        ("expired", claim("exp", (now - 121).into())),
        ("no expiry", claim("exp", Value::Null)),
        ("not yet", claim("nbf", (now + 125).into())),
    ];
    let mut efforts = Vec::new();
    for (word, wrong) in &wrong {
        let token = token(&mut cloud, wrong);
        let heard = post(&mut cloud, &with(&body, "/validationTokens", json!([token])));
        assert_refused(&mut cloud, &heard, 1, word);
        efforts.push(heard.effects);
    }
    assert!(efforts.iter().all(|effort| *effort == efforts[0]), "{efforts:?}");
    assert_eq!(hinted(&mut cloud), calm, "nothing is marked");

    // One that is good is believed, and its call counts once, also under another token.
    for expected in [1, 0] {
        let good = token(&mut cloud, &json!({}));
        let heard = post(&mut cloud, &with(&body, "/validationTokens", json!([good])));
        assert_eq!(heard.counted, Counted { entries: 1, taken: expected, refused: 1 - expected });
    }
    assert_eq!(cloud.stage.work(), 1);
}
