//! Tokens that expire, secrets that are replaced and certificates that lapse (issue 4, accept 5): sync
//! goes on, or the product says within a minute, in words, what to do.

use std::sync::Arc;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tidemark_identity::make_application_certificate;
use tidemark_scenarios::cloud::{CloudStage, SECRET_NAME};
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::START;
use tidemark_store::records::{CredentialKind, Document, GraphCredential};

const ALEX: &str = "alex@tidemark.example";
/// Object id of the simulator's app registration.
const OBJECT: &str = "8a7c3f3e-0000-4000-8000-000000000003";
const CERTIFICATE_NAME: &str = "connections/certificate";

fn item(title: &str) -> Value {
    json!({
        "title": title, "start": "2027-03-03T14:00:00", "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    })
}

fn entra(cloud: &mut CloudStage, method: &str, path: &str, body: &Value) -> Value {
    cloud.stage.control(method, &format!("entra{path}"), &body.to_string())
}

fn issued(cloud: &mut CloudStage) -> u64 {
    cloud.stage.control("GET", "entra", "")["issued"].as_u64().expect("a number")
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

#[test]
fn e6_tokens_that_expire_or_are_revoked_in_the_middle_cost_one_new_token_each() {
    let mut cloud = CloudStage::new();
    // A life shorter than what is to be done with it.
    entra(&mut cloud, "PATCH", "", &json!({ "expiresIn": 300 }));
    cloud.stage.sync(ALEX);
    for number in 0..12 {
        cloud.stage.put(ALEX, &format!("erp-{number}"), item(&format!("Visit {number}")));
        if number % 4 == 3 {
            let before = issued(&mut cloud);
            entra(&mut cloud, "POST", "/revoke", &json!({}));
            cloud.stage.sync(ALEX);
            assert_eq!(issued(&mut cloud), before + 1, "one new token");
        }
        cloud.tick(SignedDuration::from_mins(5));
    }
    assert_eq!(cloud.stage.written_calendar(ALEX).len(), 12);
    assert!(cloud.stage.mailbox(ALEX).troubles.is_empty());
    assert_eq!(cloud.troubles(), []);
    assert!(issued(&mut cloud) > 12);
}

#[test]
fn e6_a_secret_is_replaced_by_the_schedule_while_both_sides_change() {
    let mut cloud = CloudStage::new();
    let roles = json!({ "roles": ["User.Read.All", "Application.ReadWrite.OwnedBy"] });
    entra(&mut cloud, "PATCH", "", &roles);
    let end = START.parse::<jiff::Timestamp>().expect("a time") + days(30);
    entra(&mut cloud, "POST", "/secrets", &json!({ "secret": "sim-secret", "expires": end }));
    cloud.change(|access| {
        access.application_object = Some(OBJECT.to_owned());
        access.renews = true;
        access.credentials[0].expires_at = Some(end);
    });
    cloud.stage.sync(ALEX);
    for number in 0..6 {
        cloud.stage.put(ALEX, &format!("erp-{number}"), item(&format!("Visit {number}")));
        cloud.tick(SignedDuration::from_mins(15));
    }
    assert_eq!(cloud.stage.control("GET", "entra", "")["secrets"], 2, "one was added");
    let row = cloud.connection().value;
    let [new, old] = &row.graph().unwrap().credentials[..] else { panic!("two overlap") };
    assert!(new.made_at.is_some() && new.expires_at > old.expires_at);
    assert_eq!(old.secret_name(), Some(SECRET_NAME));

    // The old one is taken away in the midst of it all, and nobody notices.
    entra(&mut cloud, "POST", "/secrets", &json!({ "secret": "sim-secret", "expires": START }));
    entra(&mut cloud, "POST", "/revoke", &json!({}));
    for number in 6..9 {
        cloud.stage.put(ALEX, &format!("erp-{number}"), item(&format!("Visit {number}")));
        cloud.tick(SignedDuration::from_mins(15));
    }
    assert_eq!(cloud.stage.written_calendar(ALEX).len(), 9);
    assert!(cloud.stage.mailbox(ALEX).troubles.is_empty());
    assert!(!cloud.troubles().iter().any(|(code, _)| code.starts_with("token-")));

    // Once it has ended it leaves the connection.
    cloud.stage.clock.advance(days(30));
    cloud.refresh();
    let row = cloud.connection().value;
    assert_eq!(row.graph().unwrap().credentials.len(), 1);
    assert_eq!(cloud.troubles(), []);
}

#[test]
fn e6_a_replacement_that_is_not_allowed_says_what_to_grant() {
    let mut cloud = CloudStage::new();
    let end = START.parse::<jiff::Timestamp>().expect("a time") + days(20);
    cloud.change(|access| {
        access.application_object = Some(OBJECT.to_owned());
        access.renews = true;
        access.credentials[0].expires_at = Some(end);
    });
    cloud.refresh();
    let row = cloud.connection().value;
    assert_eq!(row.graph().unwrap().credentials.len(), 1);
    let trouble = row.troubles.iter().find(|it| it.code == "credential-renewal").unwrap();
    assert!(trouble.cause.contains("Application.ReadWrite.OwnedBy"), "{}", trouble.cause);
    assert!(row.troubles.iter().any(|it| it.code == "credential-ends-1-within-30-days"));
}

/// Puts a certificate in the first place that ends so many days after the start.
fn with_certificate(cloud: &mut CloudStage, life: SignedDuration) {
    let start = START.parse().expect("a time");
    let pem = make_application_certificate("Scenario", start, life).expect("made");
    let text = pem.expose_secret();
    let at = text.find("-----BEGIN CERTIFICATE").expect("a certificate");
    entra(cloud, "POST", "/certificates", &json!({ "certificate": &text[at..] }));
    cloud.put_secret(CERTIFICATE_NAME, text);
    let kind = CredentialKind::Certificate { secret_name: CERTIFICATE_NAME.to_owned() };
    let certificate = GraphCredential { kind, expires_at: None, made_at: None };
    cloud.change(|access| access.credentials.insert(0, certificate));
}

#[test]
fn e6_a_certificate_that_lapses_is_said_within_a_minute_in_words() {
    let mut cloud = CloudStage::new();
    with_certificate(&mut cloud, days(40));
    cloud.change(|access| access.credentials.truncate(1));
    cloud.stage.sync(ALEX);
    let mut seen = Vec::new();
    for day in [1, 12, 27, 34] {
        let at = START.parse::<jiff::Timestamp>().expect("a time") + days(day);
        cloud.stage.clock.advance_to(at);
        cloud.refresh();
        seen.extend(cloud.troubles().into_iter().map(|(code, _)| code));
    }
    let within = |days: i64| format!("credential-ends-1-within-{days}-days");
    assert_eq!(seen, [within(60), within(30), within(14), within(7)]);

    cloud.stage.clock.advance(days(8));
    cloud.stage.put(ALEX, "erp-1", item("Visit"));
    let began = tidemark_transport::Clock::now(&cloud.stage.clock);
    cloud.refresh();
    cloud.sync_once(ALEX);
    let troubles = cloud.troubles();
    let mend = |code: &str| {
        let found = troubles.iter().find(|(known, _)| known == code);
        found.unwrap_or_else(|| panic!("{code}: {troubles:?}")).1.clone()
    };
    assert!(mend("token-AADSTS700027").contains("Certificates & secrets"));
    assert!(mend("credential-ended-1").contains("app registration"));
    let row = cloud.stage.mailbox(ALEX);
    let trouble = row.troubles.iter().find(|it| it.code == "AADSTS700027").expect("it is shown");
    assert!(trouble.mend.contains("Upload") || trouble.cause.contains("Upload"), "{trouble:?}");
    assert!(trouble.since.duration_since(began) <= SignedDuration::from_mins(1));

    // A new one is entered as the second credential: it goes on by itself, and says what is left.
    let secret = GraphCredential {
        kind: CredentialKind::Secret { secret_name: SECRET_NAME.to_owned() },
        expires_at: None,
        made_at: None,
    };
    cloud.change(|access| access.credentials.push(secret));
    cloud.tick(SignedDuration::from_mins(30));
    assert_eq!(cloud.stage.written_calendar(ALEX).len(), 1);
    assert!(cloud.stage.mailbox(ALEX).troubles.is_empty());
    let codes: Vec<String> = cloud.troubles().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["credential-first-refused", "credential-ended-1"]);
}

/// A challenge in the middle of a run: the run goes on with a token that has what was asked for, and
/// nobody is told anything.
#[test]
fn e6_a_claims_challenge_in_the_middle_is_answered_with_a_token_that_has_the_claims() {
    let mut cloud = CloudStage::new();
    cloud.stage.sync(ALEX);
    for (number, context) in [json!({}), json!({ "context": "c1" })].iter().enumerate() {
        let before = cloud.stage.control("GET", "entra", "");
        cloud.stage.clock.advance(SignedDuration::from_mins(2));
        entra(&mut cloud, "POST", "/challenge", context);
        cloud.stage.put(ALEX, &format!("erp-{number}"), item(&format!("Visit {number}")));
        cloud.stage.sync(ALEX);
        assert_eq!(cloud.stage.written_calendar(ALEX).len(), number + 1);
        let after = cloud.stage.control("GET", "entra", "");
        let more = |name: &str| after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
        assert_eq!((more("issued"), more("claimed")), (1, 1), "one token, asked for with claims");
    }
    assert!(cloud.stage.mailbox(ALEX).troubles.is_empty());
    assert_eq!(cloud.troubles(), []);

    // One that no token meets is not asked for over and over, and is said.
    cloud.stage.clock.advance(SignedDuration::from_mins(2));
    let before = issued(&mut cloud);
    let end = tidemark_transport::Clock::now(&cloud.stage.clock).as_second() + 86_400;
    entra(&mut cloud, "POST", "/challenge", &json!({ "notBefore": end }));
    cloud.stage.put(ALEX, "erp-9", item("Visit 9"));
    let began = tidemark_transport::Clock::now(&cloud.stage.clock);
    cloud.sync_once(ALEX);
    cloud.sync_once(ALEX);
    cloud.refresh();
    assert!(issued(&mut cloud) <= before + 3, "{} tokens", issued(&mut cloud) - before);
    let row = cloud.stage.mailbox(ALEX);
    let trouble = row.troubles.first().expect("it is shown");
    assert!(trouble.since.duration_since(began) <= SignedDuration::from_mins(1), "{trouble:?}");
    assert!(trouble.cause.contains("check that"), "{trouble:?}");

    entra(&mut cloud, "DELETE", "/challenge", &json!({}));
    cloud.tick(SignedDuration::from_mins(30));
    assert_eq!(cloud.stage.written_calendar(ALEX).len(), 3);
    assert!(cloud.stage.mailbox(ALEX).troubles.is_empty());
}

/// Certificates, as Entra has them now.
fn certificates(cloud: &mut CloudStage) -> Vec<String> {
    let shown = cloud.stage.control("GET", "entra", "")["certificates"].clone();
    let list = shown.as_array().expect("a list");
    list.iter().map(|one| one.as_str().expect("a thumbprint").to_owned()).collect()
}

#[test]
fn e6_a_certificate_is_rolled_with_its_own_proof_while_both_sides_change() {
    let mut cloud = CloudStage::new();
    with_certificate(&mut cloud, days(30));
    let end = START.parse::<jiff::Timestamp>().expect("a time") + days(30);
    cloud.change(|access| {
        access.application_object = Some(OBJECT.to_owned());
        access.renews = true;
        access.credentials.truncate(1);
        access.credentials[0].expires_at = Some(end);
    });
    let first = certificates(&mut cloud);
    cloud.stage.sync(ALEX);
    // No permission is granted: an application may roll its own keys.
    for number in 0..6 {
        cloud.stage.put(ALEX, &format!("erp-{number}"), item(&format!("Visit {number}")));
        cloud.tick(SignedDuration::from_mins(15));
    }
    let both = certificates(&mut cloud);
    assert_eq!((both.len(), &both[0]), (2, &first[0]), "one was added");
    let row = cloud.connection().value;
    let [new, old] = &row.graph().unwrap().credentials[..] else { panic!("two overlap") };
    assert!(new.made_at.is_some() && new.expires_at > old.expires_at);
    assert_eq!(old.secret_name(), Some(CERTIFICATE_NAME));

    // The new one serves alone from one moment to the next, and nobody notices.
    entra(&mut cloud, "POST", "/revoke", &json!({}));
    cloud.stage.clock.advance(days(30));
    for number in 6..9 {
        cloud.stage.put(ALEX, &format!("erp-{number}"), item(&format!("Visit {number}")));
        cloud.tick(SignedDuration::from_mins(15));
    }
    assert_eq!(cloud.stage.written_calendar(ALEX).len(), 9);
    assert!(cloud.stage.mailbox(ALEX).troubles.is_empty());
    assert_eq!(cloud.troubles(), []);
    let row = cloud.connection().value;
    assert_eq!(row.graph().unwrap().credentials.len(), 1, "the old one has left");

    // What we made is removed in its turn, with the proof of its successor. The one that was entered
    // by hand stays where it is.
    entra(&mut cloud, "PATCH", "", &json!({ "roles": ["Application.ReadWrite.OwnedBy"] }));
    let end = row.graph().unwrap().credentials[0].expires_at.expect("a certificate ends");
    let almost = end - days(20);
    cloud.stage.clock.advance_to(almost);
    cloud.tick(SignedDuration::from_mins(15));
    let three = certificates(&mut cloud);
    assert_eq!((three.len(), &three[..2]), (3, &both[..]));
    cloud.stage.clock.advance_to(end + days(1));
    cloud.tick(SignedDuration::from_mins(15));
    let left = certificates(&mut cloud);
    assert_eq!(left, [three[0].clone(), three[2].clone()], "ours was removed");
    cloud.stage.put(ALEX, "erp-9", item("Visit 9"));
    cloud.tick(SignedDuration::from_mins(15));
    assert_eq!(cloud.stage.written_calendar(ALEX).len(), 10);
    assert_eq!(cloud.troubles(), []);
}

#[test]
fn e6_a_certificate_that_has_lapsed_cannot_roll_itself_and_that_is_said() {
    let mut cloud = CloudStage::new();
    with_certificate(&mut cloud, days(20));
    let end = START.parse::<jiff::Timestamp>().expect("a time") + days(20);
    cloud.change(|access| {
        access.application_object = Some(OBJECT.to_owned());
        access.renews = true;
        access.credentials.truncate(1);
        access.credentials[0].expires_at = Some(end);
    });
    cloud.stage.sync(ALEX);
    cloud.stage.clock.advance(days(21));
    cloud.refresh();
    let troubles = cloud.troubles();
    let codes: Vec<&str> = troubles.iter().map(|(code, _)| code.as_str()).collect();
    assert!(codes.contains(&"token-AADSTS700027"), "{codes:?}");
    assert!(codes.contains(&"credential-ended-1"), "{codes:?}");
    assert_eq!(certificates(&mut cloud).len(), 1, "none was added");
}

/// The account of EWS whose password ends (A13): said as early as the end of a client secret.
#[test]
fn e6_the_end_of_a_service_accounts_password_is_told_well_before_it() {
    let mut cloud = CloudStage::new();
    let Document { mut value, revision } = cloud.connection();
    value.protocol = Wire::Ews.protocol();
    let records = Arc::clone(&cloud.stage.service.records);
    let organisation = cloud.stage.organisation.clone();
    let saved = async move { records.save_connection(&organisation, &value, Some(revision)).await };
    cloud.stage.run(saved).expect("saved");
    let start = START.parse::<jiff::Timestamp>().expect("a time");
    let ends = |cloud: &mut CloudStage, end: jiff::Timestamp| {
        let body = json!({ "passwordEnds": end }).to_string();
        cloud.stage.control("PATCH", "mailboxes/svc@tidemark.example", &body);
    };
    let asked = |cloud: &mut CloudStage| {
        let requests = cloud.stage.control("GET", "requests", "");
        requests["GetPasswordExpirationDate"].as_u64().unwrap_or(0)
    };

    // One without an end is nobody's business, and Exchange is asked once a day.
    for _ in 0..12 {
        cloud.refresh();
        cloud.stage.clock.advance(SignedDuration::from_mins(5));
    }
    assert_eq!((asked(&mut cloud), cloud.troubles()), (1, Vec::new()));

    ends(&mut cloud, start + days(70));
    let mut seen = Vec::new();
    for day in [2, 12, 41, 57, 64, 71] {
        cloud.stage.clock.advance_to(start + days(day));
        let report = cloud.refresh();
        let troubles = cloud.troubles();
        assert_eq!(report.alarms, u64::try_from(troubles.len()).expect("few"));
        assert!(troubles.iter().all(|(_, mend)| mend.contains("new password")), "{troubles:?}");
        seen.extend(troubles.into_iter().map(|(code, _)| code));
    }
    let within = |days: i64| format!("password-ends-within-{days}-days");
    assert_eq!(seen, [within(60), within(30), within(14), within(7), "password-ended".to_owned()]);

    ends(&mut cloud, start + days(200));
    cloud.stage.clock.advance(SignedDuration::from_mins(65));
    cloud.refresh();
    assert_eq!(cloud.troubles(), []);
}
