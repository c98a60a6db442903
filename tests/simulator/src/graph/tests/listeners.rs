//! Subscriptions and what they hear.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Bench, ELLIS, IMMUTABLE, Reply, reply, text, visit};
use crate::callback::{Callback, CallbackKind};
use crate::fault::{FaultKind, FaultPlan, FaultRule};
use crate::simulator::SimStep;

const URL: &str = "https://hooks.tidemark.example/notify?c=7f3a";
const LIFECYCLE: &str = "https://hooks.tidemark.example/lifecycle";

fn wanted() -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": URL,
        "lifecycleNotificationUrl": LIFECYCLE,
        "resource": format!("/users/{ELLIS}/events"),
        "expirationDateTime": "2026-03-07T08:00:00Z",
        "clientState": "secret-state",
    })
}

/// The token of a handshake, as a listener decodes it.
fn token_of(call: &Callback) -> String {
    assert_eq!(call.kind, CallbackKind::Handshake);
    assert!(call.body.is_empty());
    let (_, token) = call.url.split_once("validationToken=").unwrap();
    crate::graph::decoded(token)
}

impl Bench {
    fn subscribe_with(&self, body: &Value, answer: impl Fn(&Callback) -> (u16, String)) -> Reply {
        let request = self.graph_request("POST", "subscriptions", &[IMMUTABLE], Some(body));
        match self.simulator.begin(&request) {
            SimStep::Done(outcome) => reply(outcome),
            SimStep::Waiting(number, calls) => {
                for call in &calls {
                    let (status, body) = answer(call);
                    self.simulator.callback_answered(call.id, status, body.as_bytes());
                }
                reply(self.simulator.finish(number))
            }
        }
    }

    fn subscribe(&self, body: &Value) -> Reply {
        self.subscribe_with(body, |call| (200, token_of(call)))
    }

    fn calls(&self) -> Vec<Callback> {
        self.simulator.due_callbacks(self.simulator.now())
    }

    /// Takes what is due and answers 202; gives the notifications.
    fn hear(&self) -> Vec<Value> {
        let calls = self.calls();
        for call in &calls {
            self.simulator.callback_answered(call.id, 202, b"");
        }
        notes(&calls)
    }
}

fn notes(calls: &[Callback]) -> Vec<Value> {
    calls
        .iter()
        .flat_map(|call| {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            body["value"].as_array().unwrap().clone()
        })
        .collect()
}

fn kinds(of: &[Value]) -> Vec<String> {
    of.iter().map(|note| text(note, "changeType")).collect()
}

#[test]
fn a_listener_proves_itself_inside_of_the_request() {
    let bench = Bench::new();
    let made = bench.subscribe(&wanted());
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["clientState"], "secret-state");
    let id = text(&made.body, "id");
    let read = bench.get(&format!("subscriptions/{id}")).ok();
    assert_eq!(read["clientState"], Value::Null);
    assert_eq!(read["lifecycleNotificationUrl"], LIFECYCLE);
    let twice = bench.subscribe(&wanted());
    assert_eq!(twice.status, 409);
    let message = text(&twice.body["error"], "message");
    assert!(message.contains(&format!("Subscription Id {id} already exists")), "{message}");
    let mut other = wanted();
    other["changeType"] = json!("deleted");
    let refused = bench.subscribe_with(&other, |call| (200, format!("{} ", token_of(call))));
    assert_eq!(refused.code(), (400, "ValidationError"));
    let one_url = |call: &Callback| {
        if call.url.starts_with(LIFECYCLE) { (0, String::new()) } else { (200, token_of(call)) }
    };
    assert_eq!(bench.subscribe_with(&other, one_url).status, 400);
    // Who cannot ask listeners gets no subscription.
    assert_eq!(bench.post("subscriptions", &other).status, 400);
    assert_eq!(bench.graph("DELETE", &format!("subscriptions/{id}"), &[], None).status, 204);
    assert_eq!(bench.subscribe(&wanted()).status, 201);
}

#[test]
fn what_a_subscription_may_not_be() {
    let bench = Bench::new();
    let with = |name: &str, value: Value| {
        let mut body = wanted();
        body[name] = value;
        bench.subscribe(&body).status
    };
    assert_eq!(with("expirationDateTime", json!("2026-03-08T08:00:01Z")), 400);
    assert_eq!(with("expirationDateTime", json!("2026-03-01T07:00:00Z")), 400);
    assert_eq!(with("notificationUrl", json!("http://hooks.tidemark.example/")), 400);
    assert_eq!(with("clientState", json!("x".repeat(129))), 400);
    assert_eq!(with("changeType", json!("moved")), 400);
    assert_eq!(with("resource", json!(format!("/users/{ELLIS}/todo"))), 400);
    assert_eq!(with("resource", json!("/users/nobody@tidemark.example/events")), 404);
    let outside = json!({ "address": "outside@tidemark.example", "inScope": false });
    bench.control("POST", "mailboxes", &outside);
    assert_eq!(with("resource", json!("/users/outside@tidemark.example/events")), 403);
    let mut short = wanted();
    short["expirationDateTime"] = json!("2026-03-01T08:01:00Z");
    let raised = bench.subscribe(&short).ok();
    assert_eq!(raised["expirationDateTime"], "2026-03-01T08:45:00Z");
}

#[test]
fn a_change_is_told_with_its_lasting_id() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    let id = bench.create(&visit());
    let heard = bench.hear();
    assert_eq!(kinds(&heard), ["created"]);
    let note = &heard[0];
    assert_eq!(note["clientState"], "secret-state");
    assert_eq!(note["tenantId"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(note["resourceData"]["id"], id.as_str());
    assert!(text(note, "resource").starts_with("Users/") && text(note, "resource").ends_with(&id));
    assert_eq!(note["resourceData"]["@odata.etag"], bench.event(&id)["@odata.etag"]);
    // The server completes a new event a moment later.
    assert_eq!(bench.hear().len(), 0);
    bench.advance(1);
    assert_eq!(kinds(&bench.hear()), ["updated"]);
    let path = format!("users/{ELLIS}/events/{id}");
    bench.patch(&path, &json!({ "subject": "A" })).ok();
    bench.patch(&path, &json!({ "subject": "B" })).ok();
    assert_eq!(kinds(&bench.hear()), ["updated"], "changes are folded");
    bench.graph("DELETE", &path, &[IMMUTABLE], None).ok();
    let heard = bench.hear();
    assert_eq!(kinds(&heard), ["deleted"]);
    assert!(heard[0]["resourceData"].get("@odata.etag").is_none());
    assert_eq!(heard[0]["resourceData"]["id"], id.as_str());
}

#[test]
fn what_outlook_does_is_told_too() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    let body = json!({ "subject": "Call", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z" });
    bench.control("POST", &format!("mailboxes/{ELLIS}/appointments"), &body);
    assert_eq!(kinds(&bench.hear()), ["created"]);
}

#[test]
fn a_silent_listener_is_asked_again_for_four_hours() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    bench.create(&visit());
    let mut waits = Vec::new();
    let mut at = bench.simulator.now();
    for _ in 0..40 {
        let now = bench.simulator.now();
        let created: Vec<_> =
            bench.calls().into_iter().filter(|call| call.body.contains("\"created\"")).collect();
        for call in &created {
            waits.push(at.duration_until(now).as_secs());
            at = now;
            bench.simulator.callback_answered(call.id, 503, b"");
        }
        let Some(next) = bench.simulator.next_due() else { break };
        bench.advance((now.duration_until(next).as_secs()).max(1));
        if now.duration_until(next).as_hours() > 24 {
            break;
        }
    }
    assert_eq!(waits[..4], [0, 10, 20, 40]);
    let total: i64 = waits.iter().sum();
    assert!(total <= 4 * 3_600 && total > 3_600, "{total}");
}

#[test]
fn what_was_lost_is_told_as_missed() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    bench.create(&visit());
    // A host that lets everybody wait is not told anything for a while.
    let calls = bench.calls();
    bench.advance(11);
    for call in &calls {
        bench.simulator.callback_answered(call.id, 202, b"");
    }
    assert!(bench.calls().is_empty());
    bench.advance(10);
    assert!(bench.calls().is_empty(), "dropped, not only delayed");
    bench.advance(600);
    let heard = bench.hear();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["lifecycleEvent"], "missed");
    assert_eq!(heard[0]["clientState"], "secret-state");
    bench.create(&visit());
    assert_eq!(kinds(&bench.hear()), ["created"]);
}

#[test]
fn grants_have_to_be_proved_again() {
    let mut bench = Bench::new();
    let id = text(&bench.subscribe(&wanted()).ok(), "id");
    bench.advance(24 * 3_600);
    bench.renew_token();
    assert_eq!(bench.hear()[0]["lifecycleEvent"], "reauthorizationRequired");
    assert!(bench.hear().is_empty(), "once is enough");
    bench.advance(3_600);
    bench.renew_token();
    bench.create(&visit());
    assert!(bench.hear().is_empty(), "paused");
    let again = bench.graph("POST", &format!("subscriptions/{id}/reauthorize"), &[], None);
    assert_eq!(again.status, 204);
    bench.advance(1);
    assert_eq!(kinds(&bench.hear()), ["created", "updated"]);
    let longer = json!({ "expirationDateTime": "2026-03-09T08:00:00Z" });
    let renewed = bench.patch(&format!("subscriptions/{id}"), &longer).ok();
    assert_eq!(renewed["expirationDateTime"], "2026-03-09T08:00:00Z");
    bench.advance(7 * 24 * 3_600);
    bench.renew_token();
    assert_eq!(bench.patch(&format!("subscriptions/{id}"), &longer).status, 404);
}

#[test]
fn lifecycle_events_come_when_asked_for() {
    let bench = Bench::new();
    let id = text(&bench.subscribe(&wanted()).ok(), "id");
    bench.control("POST", "graph/lifecycle", &json!({ "event": "missed" }));
    assert_eq!(bench.hear()[0]["lifecycleEvent"], "missed");
    let removed = json!({ "event": "subscriptionRemoved", "subscription": id });
    bench.control("POST", "graph/lifecycle", &removed);
    assert_eq!(bench.hear()[0]["subscriptionId"], id.as_str());
    assert_eq!(bench.get(&format!("subscriptions/{id}")).status, 404);
}

#[test]
fn notifications_are_dropped_doubled_and_late_by_the_plan() {
    let bench = Bench::new();
    bench.subscribe(&wanted()).ok();
    let faults = |kind| {
        bench.simulator.set_faults(FaultPlan::new(1, vec![FaultRule::times(kind, 1)]));
    };
    faults(FaultKind::NotificationDropped);
    bench.create(&visit());
    assert!(bench.hear().is_empty());
    bench.advance(1);
    bench.hear();
    faults(FaultKind::NotificationDoubled);
    bench.create(&visit());
    assert_eq!(kinds(&bench.hear()), ["created", "created"]);
    bench.advance(1);
    bench.hear();
    faults(FaultKind::NotificationDelayed);
    bench.create(&visit());
    assert!(bench.hear().is_empty());
    bench.advance(1);
    assert_eq!(kinds(&bench.hear()), ["updated", "created"]);
}

#[test]
fn a_mailbox_takes_a_thousand_subscriptions() {
    let bench = Bench::new();
    let calendars = format!("users/{ELLIS}/calendars");
    let mut status = 0;
    for number in 0..=1_000 {
        let name = json!({ "name": format!("Calendar {number}") });
        let id = text(&bench.post(&calendars, &name).ok(), "id");
        let mut body = wanted();
        body["resource"] = json!(format!("{calendars}/{id}/events"));
        status = bench.subscribe(&body).status;
        if status != 201 {
            assert_eq!(number, 1_000);
        }
    }
    assert_eq!(status, 403);
}

/// Opens the encrypted part of a notification, step by step as a listener does.
fn opened(note: &Value, key: &[u8]) -> Value {
    use aws_lc_rs::cipher::{
        AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
    };
    use aws_lc_rs::hmac;
    use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
    let content = &note["encryptedContent"];
    let bytes = |name: &str| STANDARD.decode(text(content, name)).unwrap();
    let private = PrivateDecryptingKey::from_pkcs8(key).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    let mut space = vec![0; private.min_output_size()];
    let data_key =
        private.decrypt(&OAEP_SHA1_MGF1SHA1, &bytes("dataKey"), &mut space, None).unwrap().to_vec();
    let mut data = bytes("data");
    let check = hmac::Key::new(hmac::HMAC_SHA256, &data_key);
    hmac::verify(&check, &data, &bytes("dataSignature")).unwrap();
    let start: [u8; 16] = data_key[..16].try_into().unwrap();
    let cipher = UnboundCipherKey::new(&AES_256, &data_key).unwrap();
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
    let plain = cipher.decrypt(&mut data, DecryptionContext::Iv128(start.into())).unwrap();
    serde_json::from_slice(plain).unwrap()
}

/// A key in PKCS #8 and a certificate of it.
fn listener_certificate() -> (Vec<u8>, String) {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pkcs8 = pkcs8.as_ref().to_vec();
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(
        &pkcs8.clone().into(),
        &rcgen::PKCS_RSA_SHA256,
    )
    .unwrap();
    let names = vec!["listener.example".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (pkcs8, STANDARD.encode(certificate.der()))
}

#[test]
fn a_rich_notification_carries_the_event_for_the_listener_alone() {
    let bench = Bench::new();
    let (key, certificate) = listener_certificate();
    let mut body = wanted();
    body["includeResourceData"] = json!(true);
    body["encryptionCertificate"] = json!(certificate);
    body["encryptionCertificateId"] = json!("key-1");
    assert_eq!(bench.subscribe(&body).status, 400, "no $select");
    let resource = format!("/users/{ELLIS}/events?$select=");
    body["resource"] = json!(format!("{resource}subject,body"));
    assert_eq!(bench.subscribe(&body).status, 400, "a body");
    body["resource"] = json!(format!("{resource}subject,start"));
    assert_eq!(bench.subscribe(&body).status, 400, "too long");
    body["expirationDateTime"] = json!("2026-03-02T07:00:00Z");
    let made = bench.subscribe(&body).ok();
    let id = bench.create(&visit());
    let calls = bench.calls();
    let sent: Value = serde_json::from_str(&calls[0].body).unwrap();
    let note = &sent["value"][0];
    let event = opened(note, &key);
    assert_eq!((text(&event, "id"), text(&event, "subject")), (id.clone(), "Visit".to_owned()));
    assert!(event["start"].is_object() && event.get("end").is_none());
    assert_eq!(note["encryptedContent"]["encryptionCertificateId"], "key-1");
    // The token says who sends, and for whom.
    let token = text(&json!({ "token": sent["validationTokens"][0] }), "token");
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["azp"], "0bf30f3b-4a52-48df-9a82-234910c4a086");
    assert_eq!(claims["aud"], "00000000-0000-4000-8000-000000000002");
    let (next_key, next) = listener_certificate();
    let path = format!("subscriptions/{}", text(&made, "id"));
    let alone = json!({ "encryptionCertificate": next });
    assert_eq!(bench.patch(&path, &alone).status, 400);
    let both = json!({ "encryptionCertificate": next, "encryptionCertificateId": "key-2" });
    assert_eq!(bench.patch(&path, &both).status, 200);
    bench.hear();
    bench.patch(&format!("users/{ELLIS}/events/{id}"), &json!({ "subject": "Other" })).ok();
    let heard = bench.hear();
    assert_eq!(text(&opened(&heard[0], &next_key), "subject"), "Other");
    bench.graph("DELETE", &format!("users/{ELLIS}/events/{id}"), &[IMMUTABLE], None).ok();
    assert!(bench.hear()[0].get("encryptedContent").is_none());
}
