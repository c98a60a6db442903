use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{CLIENT, TENANT, der};
use crate::clock::{ManualClock, SimClock};
use crate::config::Config;
use crate::fault::{FaultKind, FaultPlan, FaultRule};
use crate::simulator::{SimOutcome, SimRequest, Simulator};

const GRAPH: &str = "https://graph.microsoft.com";
const ENDPOINT: &str =
    "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000001/oauth2/v2.0/token";

/// A client's key; made once, since making one takes long.
static KEY: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

struct Bench {
    simulator: Simulator,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let shared: Arc<dyn SimClock> = Arc::<ManualClock>::clone(&clock);
        Self { simulator: Simulator::new(Config::demo(), shared), clock }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let request = SimRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        };
        match self.simulator.handle(&request) {
            SimOutcome::Answer { status, body, .. } => {
                (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
            }
            SimOutcome::CutBefore | SimOutcome::CutAfter => (0, Value::Null),
        }
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, body) = self.send(method, &format!("/_sim/{path}"), &[], &body.to_string());
        assert_eq!(status, 200, "{body}");
        body
    }

    fn token(&self, credential: &str) -> (u16, Value) {
        self.token_of(TENANT, CLIENT, &format!("{GRAPH}/.default"), credential)
    }

    fn token_of(&self, tenant: &str, client: &str, scope: &str, rest: &str) -> (u16, Value) {
        let form = format!("grant_type=client_credentials&client_id={client}&scope={scope}&{rest}");
        self.send("POST", &format!("/{tenant}/oauth2/v2.0/token"), &[], &form)
    }

    fn assert_refused(&self, credential: &str, code: u64) {
        let (status, body) = self.token(credential);
        assert_eq!(body["error_codes"], json!([code]), "{body}");
        assert!(status == 400 || status == 401);
        let text = body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
    }

    fn probe(&self, token: &str) -> (u16, String) {
        let bearer = format!("Bearer {token}");
        let path = "/graph/v1.0/users/ellis@tidemark.example/calendar";
        let (status, body) = self.send("GET", path, &[("authorization", &bearer)], "");
        (status, body["error"]["message"].as_str().unwrap_or_default().to_owned())
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    fn claims(&self, id: &str) -> Value {
        json!({
            "aud": ENDPOINT, "iss": CLIENT, "sub": CLIENT, "jti": id,
            "nbf": self.now(), "iat": self.now(), "exp": self.now() + 600,
        })
    }
}

fn signed(header: &Value, claims: &Value, how: &'static dyn RsaEncoding) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn as_credential(assertion: &str) -> String {
    format!(
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
         &client_assertion={assertion}"
    )
}

/// A certificate of the key, valid over these years.
fn certificate(from: i32, to: i32) -> Vec<u8> {
    let pkcs8: Pkcs8V1Der<'_> = KEY.as_der().unwrap();
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(
        &pkcs8.as_ref().to_vec().into(),
        &rcgen::PKCS_RSA_SHA256,
    )
    .unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["sim.example".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
    parameters.self_signed(&key).unwrap().der().to_vec()
}

fn with_certificate(bench: &Bench, from: i32, to: i32) -> String {
    let der = certificate(from, to);
    let body = json!({ "certificate": STANDARD.encode(&der) });
    let answer = bench.control("POST", "entra/certificates", &body);
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&der));
    assert_eq!(answer["x5t#S256"], thumbprint);
    thumbprint
}

#[test]
fn a_secret_buys_a_token_that_opens_graph_until_it_ends() {
    let bench = Bench::new();
    let (status, body) = bench.token("client_secret=sim-secret");
    assert_eq!((status, &body["expires_in"]), (200, &json!(3_599)));
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(bench.probe(token).0, 200);
    bench.clock.advance(SignedDuration::from_secs(3_598));
    assert_eq!(bench.probe(token).0, 200);
    bench.clock.advance(SignedDuration::from_secs(1));
    let (status, message) = bench.probe(token);
    assert_eq!(status, 401);
    assert!(message.contains("expired"), "{message}");
}

#[test]
fn tokens_are_refused_when_changed_revoked_or_for_somebody_else() {
    let bench = Bench::new();
    let (_, body) = bench.token("client_secret=sim-secret");
    let token = body["access_token"].as_str().unwrap().to_owned();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = head.split_once('.').unwrap();
    let mut other: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    other["roles"] = json!(["Calendars.ReadWrite"]);
    let other = URL_SAFE_NO_PAD.encode(other.to_string());
    let (status, message) = bench.probe(&format!("{head}.{other}.{signature}"));
    assert_eq!((status, message.as_str()), (401, "Signature is invalid."));
    let scope = "https://outlook.office365.com/.default";
    let (_, exchange) = bench.token_of(TENANT, CLIENT, scope, "client_secret=sim-secret");
    let (status, message) = bench.probe(exchange["access_token"].as_str().unwrap());
    assert_eq!(status, 401);
    assert!(message.contains("audience"), "{message}");
    bench.control("POST", "entra/revoke", &Value::Null);
    assert_eq!(bench.probe(&token).0, 401);
    let (_, body) = bench.token("client_secret=sim-secret");
    assert_eq!(bench.probe(body["access_token"].as_str().unwrap()).0, 200);
    assert_eq!(bench.probe("nonsense").0, 401);
}

#[test]
fn what_does_not_fit_is_refused_in_entras_words() {
    let bench = Bench::new();
    bench.assert_refused("client_secret=wrong", 7_000_215);
    bench.assert_refused("", 7_000_216);
    let other = "00000000-0000-4000-8000-00000000000f";
    let secret = "client_secret=sim-secret";
    let scope = format!("{GRAPH}/.default");
    let (status, body) = bench.token_of(TENANT, other, &scope, secret);
    assert_eq!((status, &body["error"]), (400, &json!("unauthorized_client")));
    assert_eq!(body["error_codes"], json!([700_016]));
    let (status, body) = bench.token_of("common", CLIENT, &scope, secret);
    assert_eq!((status, &body["error_codes"]), (400, &json!([90_002])));
    let (status, body) = bench.token_of(TENANT, CLIENT, &format!("{GRAPH}/User.Read"), secret);
    assert_eq!((status, &body["error"]), (400, &json!("invalid_scope")));
    let (_, body) = bench.token_of(TENANT, CLIENT, "https://example.com/.default", secret);
    assert_eq!(body["error"], "invalid_resource");
    let form = format!("grant_type=password&client_id={CLIENT}");
    let (_, body) = bench.send("POST", &format!("/{TENANT}/oauth2/v2.0/token"), &[], &form);
    assert_eq!(body["error"], "unsupported_grant_type");
}

#[test]
fn two_secrets_live_side_by_side_and_one_ends() {
    let bench = Bench::new();
    let expires = "2026-03-01T09:00:00Z";
    bench.control("POST", "entra/secrets", &json!({ "secret": "sim-secret", "expires": expires }));
    bench.control("POST", "entra/secrets", &json!({ "secret": "next" }));
    assert_eq!(bench.token("client_secret=sim-secret").0, 200);
    assert_eq!(bench.token("client_secret=next").0, 200);
    bench.clock.advance(SignedDuration::from_hours(1));
    bench.assert_refused("client_secret=sim-secret", 7_000_222);
    assert_eq!(bench.token("client_secret=next").0, 200);
}

#[test]
fn a_certificate_is_checked_in_every_point() {
    let bench = Bench::new();
    let header = |thumbprint: &str| json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    let unknown = signed(&header("nobody"), &bench.claims("a"), &RSA_PSS_SHA256);
    bench.assert_refused(&as_credential(&unknown), 700_027);
    let thumbprint = with_certificate(&bench, 2026, 2027);
    let good = signed(&header(&thumbprint), &bench.claims("b"), &RSA_PSS_SHA256);
    assert_eq!(bench.token(&as_credential(&good)).0, 200);
    // The same id again is a replay.
    bench.assert_refused(&as_credential(&good), 50_027);
    // Signed in another way than the header says.
    let other = signed(&header(&thumbprint), &bench.claims("c"), &RSA_PKCS1_SHA256);
    bench.assert_refused(&as_credential(&other), 700_027);
    let older = json!({ "alg": "RS256", "typ": "JWT", "x5t#S256": thumbprint });
    let older = signed(&older, &bench.claims("d"), &RSA_PKCS1_SHA256);
    assert_eq!(bench.token(&as_credential(&older)).0, 200);
    let mut claims = bench.claims("e");
    claims["aud"] = json!("https://example.com/token");
    let foreign = signed(&header(&thumbprint), &claims, &RSA_PSS_SHA256);
    bench.assert_refused(&as_credential(&foreign), 700_023);
    let mut claims = bench.claims("f");
    claims["exp"] = json!(bench.now() - 301);
    let late = signed(&header(&thumbprint), &claims, &RSA_PSS_SHA256);
    bench.assert_refused(&as_credential(&late), 700_024);
    let mut claims = bench.claims("g");
    claims["nbf"] = json!(bench.now() + 301);
    let early = signed(&header(&thumbprint), &claims, &RSA_PSS_SHA256);
    bench.assert_refused(&as_credential(&early), 700_024);
    let mut claims = bench.claims("h");
    claims["sub"] = json!("somebody");
    let other = signed(&header(&thumbprint), &claims, &RSA_PSS_SHA256);
    bench.assert_refused(&as_credential(&other), 700_021);
}

#[test]
fn a_certificate_that_lapsed_signs_nothing() {
    let bench = Bench::new();
    let thumbprint = with_certificate(&bench, 2024, 2026);
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    let assertion = signed(&header, &bench.claims("a"), &RSA_PSS_SHA256);
    bench.assert_refused(&as_credential(&assertion), 700_027);
}

#[test]
fn a_federated_token_needs_issuer_subject_audience_and_key() {
    let bench = Bench::new();
    let (n, e) = der::rsa_components(KEY.public_key().as_ref()).unwrap();
    let key = json!({
        "kty": "RSA", "kid": "k1",
        "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
    });
    let issuer = "https://issuer.example/1";
    let subject = "arn:aws:iam::1:role/sync";
    let body = json!({ "issuer": issuer, "subject": subject, "jwks": { "keys": [key] } });
    bench.control("POST", "entra/federated", &body);
    let claims = |issuer: &str, subject: &str, audience: &str| {
        json!({
            "iss": issuer, "sub": subject, "aud": audience,
            "exp": bench.now() + 300, "iat": bench.now(),
        })
    };
    let header = json!({ "alg": "RS256", "kid": "k1" });
    let audience = "api://AzureADTokenExchange";
    let send = |header: &Value, claims: &Value, how: &'static dyn RsaEncoding| {
        as_credential(&signed(header, claims, how))
    };
    let good = send(&header, &claims(issuer, subject, audience), &RSA_PKCS1_SHA256);
    assert_eq!(bench.token(&good).0, 200);
    // It may be used again until it ends.
    assert_eq!(bench.token(&good).0, 200);
    let wrong = claims("https://issuer.example/2", subject, audience);
    bench.assert_refused(&send(&header, &wrong, &RSA_PKCS1_SHA256), 700_211);
    let wrong = claims(issuer, "somebody", audience);
    bench.assert_refused(&send(&header, &wrong, &RSA_PKCS1_SHA256), 700_213);
    let wrong = claims(issuer, subject, "other");
    bench.assert_refused(&send(&header, &wrong, &RSA_PKCS1_SHA256), 700_212);
    let pss = json!({ "alg": "PS256", "kid": "k1" });
    let claims = claims(issuer, subject, audience);
    bench.assert_refused(&send(&pss, &claims, &RSA_PSS_SHA256), 700_027);
    bench.clock.advance(SignedDuration::from_mins(11));
    bench.assert_refused(&good, 700_024);
}

#[test]
fn the_key_set_checks_the_tokens() {
    let bench = Bench::new();
    let (_, configuration) =
        bench.send("GET", "/common/v2.0/.well-known/openid-configuration", &[], "");
    let keys = configuration["jwks_uri"].as_str().unwrap();
    let path = keys.strip_prefix("https://graph.microsoft.com").unwrap();
    let (status, set) = bench.send("GET", path, &[], "");
    assert_eq!(status, 200);
    let key = &set["keys"][0];
    let (_, body) = bench.token("client_secret=sim-secret");
    let token = super::Token::read(body["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(token.header_text("kid"), key["kid"].as_str());
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = super::PublicKey::Components { n: number("n"), e: number("e") };
    assert!(token.is_signed_by(&key, super::jwt::Algorithm::Rs256));
}

#[test]
fn faults_strike_the_token_endpoint_too() {
    let bench = Bench::new();
    let rules =
        vec![FaultRule::times(FaultKind::ServerBusy, 1), FaultRule::times(FaultKind::CutAfter, 1)];
    bench.simulator.set_faults(FaultPlan::new(1, rules));
    assert_eq!(bench.token("client_secret=sim-secret").0, 429);
    assert_eq!(bench.token("client_secret=sim-secret").0, 0);
    assert_eq!(bench.token("client_secret=sim-secret").0, 200);
}

#[test]
fn a_challenge_is_met_by_a_token_that_was_asked_for_with_its_claims_alone() {
    let bench = Bench::new();
    let get = |token: &str| {
        let request = SimRequest {
            method: "GET".to_owned(),
            path: "/graph/v1.0/organization".to_owned(),
            headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
            body: Vec::new(),
        };
        let SimOutcome::Answer { status, headers, .. } = bench.simulator.handle(&request) else {
            panic!("no answer")
        };
        let challenge = headers.into_iter().find(|(name, _)| name == "www-authenticate");
        (status, challenge.map(|(_, value)| value).unwrap_or_default())
    };
    let issue = |rest: &str| {
        let (status, body) = bench.token(&format!("client_secret=sim-secret{rest}"));
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    };
    bench.control("POST", "entra/challenge", &json!({ "context": "c1" }));
    let (status, challenge) = get(&issue(""));
    assert_eq!(status, 401);
    assert!(challenge.contains("error=\"insufficient_claims\""), "{challenge}");
    let (_, claims) = challenge.split_once("claims=\"").unwrap();
    let claims = STANDARD.decode(claims.trim_end_matches('"')).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
    let asked =
        "&claims=%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22value%22%3A%22c1%22%7D%7D%7D";
    assert_eq!(get(&issue(asked)).0, 200);
    bench.assert_refused("client_secret=sim-secret&claims=eyJhIjoxfQ", 9_002_013);
}

#[test]
fn a_certificate_is_added_and_removed_by_whoever_proves_to_have_one() {
    let bench = Bench::new();
    let (_, body) = bench.token("client_secret=sim-secret");
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let post = |action: &str, body: Value| {
        let path = format!("/graph/v1.0/applications/{}/{action}", super::object_id());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        bench.send("POST", &path, &headers, &body.to_string())
    };
    let now = bench.now();
    let claims = json!({
        "aud": "00000002-0000-0000-c000-000000000000", "iss": super::object_id(),
        "nbf": now, "exp": now + 600,
    });
    let proof = |claims: &Value| {
        signed(&json!({ "alg": "RS256", "typ": "JWT" }), claims, &RSA_PKCS1_SHA256)
    };
    let new = json!({
        "type": "AsymmetricX509Cert", "usage": "Verify",
        "key": STANDARD.encode(certificate(2026, 2028)), "displayName": "next",
    });
    let add = |proof: &str| post("addKey", json!({ "keyCredential": new, "proof": proof }));
    assert_eq!(add(&proof(&claims)).0, 401, "no present certificate, no way");

    with_certificate(&bench, 2025, 2027);
    for (name, value) in [
        ("aud", json!("00000003-0000-0000-c000-000000000000")),
        ("iss", json!(CLIENT)),
        ("exp", json!(now + 601)),
        ("exp", Value::Null),
        ("nbf", json!(now + 400)),
    ] {
        let mut wrong = claims.clone();
        wrong[name] = value;
        let (status, body) = add(&proof(&wrong));
        assert_eq!(
            (status, &body["error"]["code"]),
            (401, &json!("Authentication_MissingOrMalformed"))
        );
    }
    let (status, added) = add(&proof(&claims));
    assert_eq!((status, &added["key"]), (200, &Value::Null), "{added}");
    assert_eq!(
        bench.control("GET", "entra", &json!({}))["certificates"].as_array().unwrap().len(),
        2
    );
    let remove = |id: &Value| post("removeKey", json!({ "keyId": id, "proof": proof(&claims) })).0;
    assert_eq!((remove(&added["keyId"]), remove(&added["keyId"])), (204, 400));
}
