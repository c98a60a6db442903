//! Mail, rights, limits, batches.

use serde_json::{Value, json};

use super::{Bench, ELLIS, FRANKIE, IMMUTABLE, meeting, text, visit};
use crate::fault::{FaultKind, FaultPlan, FaultRule};

const GRAY: &str = "gray@tidemark.example";

fn mail(kind: &str, to: &str) -> (String, String) {
    (kind.to_owned(), to.to_owned())
}

#[test]
fn nothing_about_a_meeting_is_written_in_silence() {
    let bench = Bench::new();
    let id = bench.create(&meeting());
    let path = format!("users/{ELLIS}/events/{id}");
    assert_eq!(bench.mails(), [mail("request", FRANKIE)]);
    // What is the owner's own tells nobody.
    let own = json!({ "categories": ["Red"], "isReminderOn": false, "showAs": "free" });
    bench.patch(&path, &own).ok();
    assert_eq!(bench.mails().len(), 1);
    bench.patch(&path, &json!({ "subject": "Other" })).ok();
    assert_eq!(bench.mails()[1..], [mail("update", FRANKIE)]);
    let people = json!({ "attendees": [
        { "emailAddress": { "address": FRANKIE }, "type": "required" },
        { "emailAddress": { "address": GRAY }, "type": "optional" },
    ] });
    bench.patch(&path, &people).ok();
    assert_eq!(bench.mails()[2..], [mail("request", GRAY)]);
    bench.patch(&path, &json!({ "attendees": [] })).ok();
    let mut gone = bench.mails()[3..].to_vec();
    gone.sort();
    assert_eq!(gone, [mail("cancellation", FRANKIE), mail("cancellation", GRAY)]);
}

#[test]
fn an_organiser_cancels_and_an_attendee_answers() {
    let bench = Bench::new();
    let id = bench.create(&meeting());
    let copies = bench.get(&format!("users/{FRANKIE}/events")).ok();
    let copy = text(&copies["value"][0], "id");
    assert_eq!(copies["value"][0]["isOrganizer"], false);
    assert_eq!(copies["value"][0]["responseStatus"]["response"], "notResponded");
    let theirs = format!("users/{FRANKIE}/events/{copy}");
    let own = format!("users/{ELLIS}/events/{id}");
    let cancel = bench.post(&format!("{theirs}/cancel"), &json!({}));
    assert_eq!(cancel.code(), (400, "ErrorInvalidRequest"));
    assert_eq!(bench.post(&format!("{own}/accept"), &json!({})).status, 400);
    let silent = json!({ "sendResponse": false });
    assert_eq!(bench.post(&format!("{theirs}/accept"), &silent).status, 202);
    assert_eq!(bench.mails().len(), 1);
    let tell = json!({ "comment": "late", "sendResponse": true });
    assert_eq!(bench.post(&format!("{theirs}/tentativelyAccept"), &tell).status, 202);
    assert_eq!(bench.mails()[1..], [mail("response", ELLIS)]);
    let status = bench.event(&id)["attendees"][0]["status"]["response"].clone();
    assert_eq!(status, "tentativelyAccepted");
    // An attendee's delete removes the copy and says nothing.
    bench.graph("DELETE", &theirs, &[IMMUTABLE], None).ok();
    assert_eq!(bench.mails().len(), 2);
    assert_eq!(bench.post(&format!("{own}/cancel"), &json!({ "comment": "no" })).status, 202);
    assert_eq!(bench.mails()[2..], [mail("cancellation", FRANKIE)]);
    assert_eq!(bench.get(&own).status, 404);
}

#[test]
fn scope_and_roles_add_up() {
    let mut bench = Bench::new();
    let outside = json!({ "address": "outside@tidemark.example", "inScope": false });
    bench.control("POST", "mailboxes", &outside);
    for what in ["calendar", "events", "contacts", "messages"] {
        let refused = bench.get(&format!("users/outside@tidemark.example/{what}"));
        assert_eq!(refused.code(), (403, "ErrorAccessDenied"), "{what}");
        assert_eq!(bench.get(&format!("users/{ELLIS}/{what}")).status, 200, "{what}");
    }
    bench.control("PATCH", "graph", &json!({ "rbacRoles": ["Calendars.Read"] }));
    assert_eq!(bench.post(&format!("users/{ELLIS}/events"), &visit()).status, 403);
    assert_eq!(bench.get(&format!("users/{ELLIS}/events")).status, 200);
    // A role in Entra defeats the scope, from the next token on.
    bench.control("PATCH", "entra", &json!({ "roles": ["Calendars.ReadWrite"] }));
    assert_eq!(bench.get("users/outside@tidemark.example/events").status, 403);
    bench.renew_token();
    assert_eq!(bench.get("users/outside@tidemark.example/events").status, 200);
    assert_eq!(bench.get("users").code(), (403, "Authorization_RequestDenied"));
}

#[test]
fn a_mailbox_that_is_elsewhere_says_so() {
    let bench = Bench::new();
    bench.control("PATCH", &format!("mailboxes/{ELLIS}"), &json!({ "onPremises": true }));
    let refused = bench.get(&format!("users/{ELLIS}/events"));
    assert_eq!(refused.code(), (404, "MailboxNotEnabledForRESTAPI"));
    assert_eq!(bench.get(&format!("users/{ELLIS}")).status, 200);
    assert_eq!(bench.get("users/nobody@tidemark.example").status, 404);
    assert_eq!(bench.get("users/nobody@tidemark.example/events").status, 404);
    assert_eq!(bench.get("me/events").status, 400);
    bench.control("PATCH", &format!("mailboxes/{ELLIS}"), &json!({ "onPremises": false }));
    assert_eq!(bench.get(&format!("users/{ELLIS}/events")).status, 200);
}

#[test]
fn too_many_requests_have_to_wait() {
    let bench = Bench::new();
    bench.control("PATCH", "graph", &json!({ "requestsMax": 3 }));
    let path = format!("users/{ELLIS}/calendar");
    for _ in 0..3 {
        assert_eq!(bench.get(&path).status, 200);
    }
    bench.advance(60);
    let refused = bench.get(&path);
    assert_eq!(refused.code(), (429, "ErrorTooManyRequests"));
    assert_eq!(refused.header("retry-after"), Some("540"));
    // Another mailbox has limits of its own.
    assert_eq!(bench.get(&format!("users/{FRANKIE}/calendar")).status, 200);
    bench.advance(601);
    assert_eq!(bench.get(&path).status, 200);
}

#[test]
fn faults_strike_as_the_plan_says() {
    let bench = Bench::new();
    let mut rules = vec![
        FaultRule::times(FaultKind::CutBefore, 1),
        FaultRule::times(FaultKind::Unavailable, 1),
        FaultRule::times(FaultKind::ServerBusy, 1),
        FaultRule::times(FaultKind::Transient, 1),
    ];
    for rule in &mut rules {
        rule.operation = Some("POST users/{id}/events".to_owned());
    }
    bench.simulator.set_faults(FaultPlan::new(1, rules));
    let path = format!("users/{ELLIS}/events");
    assert_eq!(bench.get(&path).status, 200);
    assert_eq!(bench.post(&path, &visit()).status, 0);
    assert_eq!(bench.post(&path, &visit()).status, 503);
    let busy = bench.post(&path, &visit());
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("1")));
    assert_eq!(bench.post(&path, &visit()).status, 500);
    assert_eq!(bench.simulator.snapshot(ELLIS).unwrap().len(), 0);
    assert_eq!(bench.post(&path, &visit()).status, 201);
    let counts = bench.control("GET", "requests", &Value::Null);
    assert_eq!(counts["POST users/{id}/events"], 5);
}

#[test]
fn a_batch_answers_each_request_for_itself() {
    let bench = Bench::new();
    let id = bench.create(&visit());
    let json_type =
        json!({ "Content-Type": "application/json", "Prefer": "IdType=\"ImmutableId\"" });
    let batch = json!({ "requests": [
        { "id": "1", "method": "PATCH", "url": format!("/users/{ELLIS}/events/{id}"),
          "headers": json_type, "body": { "subject": "Batched" } },
        { "id": "2", "method": "GET", "url": format!("/users/{ELLIS}/events/{id}?$select=subject"),
          "headers": { "Prefer": "IdType=\"ImmutableId\"" }, "dependsOn": ["1"] },
        { "id": "3", "method": "GET", "url": "/users/nobody@tidemark.example" },
        { "id": "4", "method": "GET", "url": format!("/users/{ELLIS}"), "dependsOn": ["3"] },
        { "id": "5", "method": "DELETE", "url": format!("/users/{ELLIS}/events/AAMk") },
    ] });
    let answer = bench.post("$batch", &batch).ok();
    let responses = answer["responses"].as_array().unwrap();
    let of = |id: &str| responses.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(of("1")["status"], 200);
    assert_eq!(of("2")["body"]["subject"], "Batched");
    assert_eq!(of("2")["body"]["id"], id.as_str());
    assert_eq!(of("3")["status"], 404);
    assert_eq!(of("4")["status"], 424);
    assert_eq!(of("5")["body"]["error"]["code"], "ErrorInvalidIdMalformed");
    assert_ne!(responses[0]["id"], "1");
    let rule = FaultRule {
        operation: Some("GET users/{id}".to_owned()),
        ..FaultRule::times(FaultKind::ServerBusy, 1)
    };
    bench.simulator.set_faults(FaultPlan::new(1, vec![rule]));
    let answer = bench.post("$batch", &batch).ok();
    let busy = answer["responses"].as_array().unwrap().iter().find(|one| one["id"] == "3").unwrap();
    assert_eq!((&busy["status"], &busy["headers"]["Retry-After"]), (&json!(429), &json!("1")));
    let many: Vec<_> = (0..21)
        .map(|at| json!({ "id": at.to_string(), "method": "GET", "url": "/users" }))
        .collect();
    assert_eq!(bench.post("$batch", &json!({ "requests": many })).status, 400);
    let bare = json!({ "requests": [
        { "id": "1", "method": "POST", "url": format!("/users/{ELLIS}/events"), "body": visit() },
    ] });
    assert_eq!(bench.post("$batch", &bare).status, 400);
}

#[test]
fn an_application_changes_its_own_secrets() {
    let mut bench = Bench::new();
    let application = format!("applications/{}", crate::entra::object_id());
    assert_eq!(bench.get(&application).code(), (403, "Authorization_RequestDenied"));
    let roles = json!({ "roles": ["Application.ReadWrite.OwnedBy"] });
    bench.control("PATCH", "entra", &roles);
    bench.renew_token();
    let wanted = json!({ "passwordCredential": { "displayName": "next" } });
    let made = bench.post(&format!("{application}/addPassword"), &wanted).ok();
    let secret = text(&made, "secretText");
    let path = "/00000000-0000-4000-8000-000000000001/oauth2/v2.0/token";
    let with = |secret: &str| {
        let form = format!(
            "grant_type=client_credentials&client_id=00000000-0000-4000-8000-000000000002\
             &client_secret={secret}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
        );
        bench.raw("POST", path, &[], form.into_bytes()).status
    };
    assert_eq!((with(&secret), with("sim-secret")), (200, 200));
    let by_client = "applications(appId='00000000-0000-4000-8000-000000000002')";
    let listed = bench.get(&format!("{by_client}?$select=passwordCredentials")).ok();
    let list = listed["passwordCredentials"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert!(list.iter().all(|one| one["secretText"].is_null()));
    let old = json!({ "keyId": list[0]["keyId"] });
    let remove = format!("{application}/removePassword");
    assert_eq!(bench.post(&remove, &old).status, 204);
    assert_eq!(bench.post(&remove, &old).status, 400);
    assert_eq!((with(&secret), with("sim-secret")), (200, 401));
}
