//! Notifications of Graph that are not what they seem (issue 4, accept 4): refused, counted, nothing
//! queued, and nothing in answer or effort that tells why.

mod border;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_intake::{GRAPH_NOTIFICATION_BYTES_MAX, GraphAnswer, GraphIntake as _, GraphReceipt};
use tidemark_scenarios::cloud::CloudStage;
use tidemark_scenarios::ports::EffectKind;
use tidemark_simulator::NewAppointment;

const ALEX: &str = "alex@tidemark.example";

/// A stage with a subscription to alex's calendar, with content or without.
fn subscribed(rich: bool) -> CloudStage {
    let mut cloud = CloudStage::new();
    cloud.change(|access| access.rich_notifications = rich);
    cloud.refresh();
    cloud.stage.sync(ALEX);
    cloud.stage.subscribe(ALEX);
    cloud.stage.work();
    cloud
}

/// What the simulator posts for a new appointment.
fn notification(cloud: &mut CloudStage, subject: &str) -> Value {
    let new = NewAppointment {
        subject: subject.to_owned(),
        start: "2027-03-02T09:00:00".parse().unwrap(),
        duration: SignedDuration::from_hours(1),
        body: None,
        location: None,
        recurrence: None,
        attendees: Vec::new(),
    };
    cloud.stage.simulator.user(ALEX).create(&new).unwrap();
    cloud.stage.clock.advance(SignedDuration::from_secs(2));
    let now = tidemark_transport::Clock::now(&cloud.stage.clock);
    let due = cloud.stage.simulator.due_callbacks(now);
    serde_json::from_str(&due.first().expect("a notification").body).expect("JSON")
}

/// Posts it; what became of it, and what it took.
fn post(cloud: &mut CloudStage, body: &Value) -> (GraphReceipt, Vec<EffectKind>) {
    post_text(cloud, body.to_string())
}

fn post_text(cloud: &mut CloudStage, body: String) -> (GraphReceipt, Vec<EffectKind>) {
    cloud.stage.effects.plan(None);
    let service = cloud.stage.service.clone();
    let receipt = cloud.stage.run(async move { service.graph_push(body.as_bytes()).await });
    (receipt, cloud.stage.effects.seen())
}

fn hinted(cloud: &mut CloudStage) -> u64 {
    cloud.stage.marks(ALEX).hinted
}

fn with(body: &Value, place: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(place).unwrap_or_else(|| panic!("{place} is not there")) = value;
    body
}

/// The text with its last character but four replaced: a signature that was made for something else.
fn bent(text: &Value) -> Value {
    let mut letters: Vec<char> = text.as_str().unwrap().chars().collect();
    let at = letters.len() - 5;
    letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
    Value::String(letters.into_iter().collect())
}

#[test]
fn n1_the_same_call_counts_once_and_others_secrets_count_never() {
    let mut cloud = subscribed(false);
    let body = notification(&mut cloud, "Visit");
    let before = hinted(&mut cloud);
    let (receipt, _) = post(&mut cloud, &body);
    let entries = body["value"].as_array().unwrap().len();
    assert_eq!((receipt.answer, receipt.taken, receipt.refused), (GraphAnswer::Taken, entries, 0));
    let after = hinted(&mut cloud);
    assert!(after > before);
    cloud.stage.work();

    let (again, _) = post(&mut cloud, &body);
    assert_eq!((again.answer, again.taken, again.refused), (GraphAnswer::Taken, 0, entries));
    let unknown = "A".repeat(43);
    let forged = json!({ "value": [with(&body["value"][0], "/clientState", unknown.into())] });
    let elsewhere =
        json!({ "value": [with(&body["value"][0], "/subscriptionId", json!("another"))] });
    let mut without = body["value"][0].clone();
    without.as_object_mut().unwrap().remove("clientState");
    for call in [forged, elsewhere, json!({ "value": [without] }), json!({ "value": [5, {}] })] {
        let (receipt, _) = post(&mut cloud, &call);
        let entries = call["value"].as_array().unwrap().len();
        assert_eq!((receipt.taken, receipt.refused), (0, entries), "{call}");
        assert_eq!(receipt.answer, GraphAnswer::Taken);
    }
    for text in ["", "[]", "{\"value\":7}", "<x/>", "{\"value\":["] {
        let (receipt, effects) = post_text(&mut cloud, text.to_owned());
        assert_eq!((receipt.answer, receipt.refused), (GraphAnswer::Refused, 1));
        assert!(effects.is_empty(), "nothing is looked up for {text}");
    }
    let huge = format!("{{\"value\":[]{}}}", " ".repeat(GRAPH_NOTIFICATION_BYTES_MAX));
    assert_eq!(post_text(&mut cloud, huge).0.answer, GraphAnswer::Refused);
    assert_eq!((hinted(&mut cloud), cloud.stage.work()), (after, 0), "nothing is queued");
}

#[test]
fn n1_content_is_believed_only_with_its_proof_and_every_refusal_is_alike() {
    let mut cloud = subscribed(true);
    let body = notification(&mut cloud, "Visit");
    assert!(body["value"][0]["encryptedContent"].is_object(), "{body}");
    let (receipt, _) = post(&mut cloud, &body);
    assert!(receipt.taken > 0, "{receipt:?}");
    cloud.stage.work();
    let calm = hinted(&mut cloud);

    // Another one, which nobody has seen yet: bent in one place at a time.
    let body = notification(&mut cloud, "Other visit");
    let body = json!({
        "value": [body["value"][0]], "validationTokens": body["validationTokens"],
    });
    let token = body["validationTokens"][0].as_str().unwrap().to_owned();
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} and {"alg":"HS256","typ":"JWT"}.
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    let other = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{claims}.{signature}");
    let padded = format!("{head}.{}x.{signature}", claims);
    let tokens = |list: Value| with(&body, "/validationTokens", list);
    let content = |member: &str| {
        let place = format!("/value/0/encryptedContent/{member}");
        with(&body, &place, bent(body.pointer(&place).unwrap()))
    };
    let refusals = [
        tokens(Value::Null),
        tokens(json!([])),
        tokens(json!(["a.b.c"])),
        tokens(json!([unsigned])),
        tokens(json!([other])),
        tokens(json!([padded])),
        tokens(json!([bent(&json!(token))])),
        tokens(json!([token, "a.b.c"])),
        with(&body, "/value/0/tenantId", json!("00000000-0000-4000-8000-00000000000f")),
        with(&body, "/value/0/tenantId", Value::Null),
    ];
    let mut efforts = Vec::new();
    for call in &refusals {
        let (receipt, effects) = post(&mut cloud, call);
        assert_eq!((receipt.answer, receipt.taken, receipt.refused), (GraphAnswer::Taken, 0, 1));
        efforts.push(effects);
    }
    assert!(efforts.iter().all(|effort| *effort == efforts[0]), "{efforts:?}");
    let closed = [
        content("data"),
        content("dataKey"),
        content("dataSignature"),
        with(&body, "/value/0/encryptedContent/encryptionCertificateId", json!("none of ours")),
        with(&body, "/value/0/resourceData/id", json!("another item")),
        with(&body, "/value/0/encryptedContent", Value::Null),
    ];
    for call in &closed {
        let (receipt, _) = post(&mut cloud, call);
        assert_eq!((receipt.answer, receipt.taken, receipt.refused), (GraphAnswer::Taken, 0, 1));
    }

    // Right in itself, and for another application, of another cloud's issuer, or too late.
    let was = cloud.connection().value.graph().unwrap().clone();
    cloud.change(|access| access.client = "00000000-0000-4000-8000-00000000000c".to_owned());
    assert_eq!(post(&mut cloud, &body).0.taken, 0, "audience");
    let restored = was.clone();
    cloud.change(|access| *access = restored);
    cloud.stage.clock.advance(SignedDuration::from_mins(70));
    assert_eq!(post(&mut cloud, &body).0.taken, 0, "expired");
    assert_eq!((hinted(&mut cloud), cloud.stage.work()), (calm, 0), "nothing is queued");
}

#[test]
fn n1_certificates_for_content_are_replaced_and_subscriptions_follow() {
    let mut cloud = subscribed(true);
    let first = certificate(&mut cloud);
    cloud.stage.clock.advance(SignedDuration::from_hours(24 * 181));
    cloud.refresh();
    cloud.tick(SignedDuration::from_mins(90));
    let second = certificate(&mut cloud);
    assert_ne!(first, second, "a subscription with the new certificate");
    let body = notification(&mut cloud, "Visit");
    let named = &body["value"][0]["encryptedContent"]["encryptionCertificateId"];
    assert_eq!(named.as_str(), second.as_deref());
    assert!(post(&mut cloud, &body).0.taken > 0);

    // Switched off, the next look makes a plain one.
    cloud.change(|access| access.rich_notifications = false);
    cloud.stage.subscribe(ALEX);
    assert_eq!(certificate(&mut cloud), None);
}

/// The certificate that the subscription which is alive was made with.
fn certificate(cloud: &mut CloudStage) -> Option<String> {
    let (records, scope) = (cloud.stage.service.records.clone(), cloud.stage.scope(ALEX));
    let rows = cloud.stage.run(async move { records.subscriptions(&scope).await }).expect("read");
    let alive = rows.into_iter().map(|row| row.value).find(|row| !row.retired);
    alive.expect("a subscription").certificate_id
}
