use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tidemark_transport::Clock as _;

use super::*;
use crate::testing::*;

const CLIENT: &str = "00000000-0000-4000-8000-000000000002";
const TENANT: &str = "00000000-0000-4000-8000-000000000001";

struct Desk {
    server: Server,
    clock: Hands,
    proof: NotificationProof,
}

impl Desk {
    fn new() -> Self {
        let (server, clock) = (Server::default(), Hands::at(noon()));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let keys = SigningKeys::new(Arc::new(server.clone()), Arc::clone(&shared), &Cloud::GLOBAL);
        let proof = NotificationProof::new(keys, shared, Cloud::GLOBAL);
        Self { server, clock, proof }
    }

    /// With the keys fetched on the first question.
    fn with_keys() -> Self {
        let desk = Self::new();
        desk.will_give(&[("one", &FIRST)]);
        desk
    }

    fn will_give(&self, keys: &[(&str, &Made)]) {
        let keys: Vec<Value> = keys.iter().map(|(id, made)| jwk(id, made)).collect();
        self.server.will([Reply::Json(200, json!({ "keys": keys }).to_string())]);
    }

    async fn check(&self, token: &str) -> Result<(), Unproven> {
        let recipients = BTreeSet::from([Recipient::new(CLIENT, TENANT)]);
        self.proof.check(&[token.to_owned()], &recipients).await
    }
}

/// A public key in the form of RFC 7517, read from its PKCS #1 form.
fn jwk(id: &str, made: &Made) -> Value {
    let key = EncodingKey::from_rsa_pem(made.key.serialize_pem().as_bytes()).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
    let mut value = serde_json::to_value(jwk).unwrap();
    let members = value.as_object_mut().unwrap();
    members.insert("kid".to_owned(), json!(id));
    members.insert("use".to_owned(), json!("sig"));
    members.remove("alg");
    value
}

fn claims() -> Value {
    json!({
        "aud": CLIENT,
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "tid": TENANT,
        "azp": CHANGE_TRACKING,
        "iat": noon().as_second(),
        "nbf": noon().as_second(),
        "exp": noon().as_second() + 3600,
        "ver": "2.0",
    })
}

fn first_version() -> Value {
    let mut claims = claims();
    claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/"));
    claims["appid"] = json!(CHANGE_TRACKING);
    claims.as_object_mut().unwrap().remove("azp");
    claims
}

fn sign_as(claims: &Value, id: &str, made: &Made, algorithm: Algorithm) -> String {
    let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
    let key = EncodingKey::from_rsa_pem(made.key.serialize_pem().as_bytes()).unwrap();
    encode(&header, claims, &key).unwrap()
}

fn sign(claims: &Value) -> String {
    sign_as(claims, "one", &FIRST, Algorithm::RS256)
}

#[tokio::test]
async fn microsofts_own_tokens_of_both_versions_are_believed() {
    let desk = Desk::with_keys();
    desk.check(&sign(&claims())).await.unwrap();
    desk.check(&sign(&first_version())).await.unwrap();
    let asked = desk.server.take();
    assert_eq!(asked.len(), 1, "the keys are fetched once");
    assert_eq!(asked[0].url, "https://login.microsoftonline.com/common/discovery/v2.0/keys");
}

#[tokio::test]
async fn every_other_token_is_refused_and_all_alike() {
    let desk = Desk::with_keys();
    desk.check(&sign(&claims())).await.unwrap();
    let with = |member: &str, value: Value| {
        let mut claims = claims();
        claims[member] = value;
        sign(&claims)
    };
    let without = |member: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(member);
        sign(&claims)
    };
    let second = noon().as_second();
    let elsewhere = "00000000-0000-4000-8000-00000000000f";
    let mut mixed = first_version();
    mixed["azp"] = mixed["appid"].take();
    mixed.as_object_mut().unwrap().remove("appid");
    let hmac = {
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
        let public = FIRST.key.public_key_pem();
        encode(&header, &claims(), &EncodingKey::from_secret(public.as_bytes())).unwrap()
    };
    let unsigned = {
        let whole = sign(&claims());
        let (_, rest) = whole.split_once('.').unwrap();
        let (body, _) = rest.split_once('.').unwrap();
        // {"alg":"none","kid":"one"}
        format!("eyJhbGciOiJub25lIiwia2lkIjoib25lIn0.{body}.")
    };
    let cases = [
        with("aud", json!(elsewhere)),
        with("iss", json!(format!("https://login.microsoftonline.com/{elsewhere}/v2.0"))),
        with("iss", json!("https://evil.example/v2.0")),
        with("tid", json!(elsewhere)),
        with("azp", json!(elsewhere)),
        with("exp", json!(second - 120)),
        with("nbf", json!(second + 121)),
        with("exp", json!("tomorrow")),
        without("aud"),
        without("iss"),
        without("exp"),
        without("nbf"),
        without("tid"),
        without("azp"),
        sign(&mixed),
        sign_as(&claims(), "one", &SECOND, Algorithm::RS256),
        sign_as(&claims(), "one", &FIRST, Algorithm::RS512),
        sign_as(&claims(), "one", &FIRST, Algorithm::PS256),
        sign_as(&claims(), &"k".repeat(300), &FIRST, Algorithm::RS256),
        hmac,
        unsigned,
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(TOKEN_BYTES_MAX + 1),
    ];
    for (number, token) in cases.iter().enumerate() {
        assert_eq!(desk.check(token).await, Err(Unproven::Refused), "case {number}");
    }
    assert_eq!(desk.server.take().len(), 1, "none of them had the keys fetched again");
}

#[tokio::test]
async fn clocks_may_differ_a_little() {
    let desk = Desk::with_keys();
    desk.clock.advance(SignedDuration::from_secs(-120));
    desk.check(&sign(&claims())).await.unwrap();
    desk.clock.advance(SignedDuration::from_secs(120 + 3600 + 119));
    desk.check(&sign(&claims())).await.unwrap();
    desk.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(desk.check(&sign(&claims())).await, Err(Unproven::Refused));
}

#[tokio::test]
async fn one_bad_token_spoils_the_call_and_every_recipient_needs_one() {
    let desk = Desk::with_keys();
    let good = sign(&claims());
    let ours = Recipient::new(CLIENT, &TENANT.to_uppercase());
    let other_tenant = Recipient::new(CLIENT, "t2");
    let other_client = Recipient::new("00000000-0000-4000-8000-00000000000c", TENANT);
    let one = BTreeSet::from([ours.clone()]);
    let both = BTreeSet::from([ours.clone(), other_tenant.clone()]);
    let check = async |tokens: &[&String], recipients: &BTreeSet<Recipient>| {
        let tokens: Vec<String> = tokens.iter().map(|token| (*token).clone()).collect();
        desk.proof.check(&tokens, recipients).await
    };
    check(&[&good, &good], &one).await.unwrap();
    let bad = "a.b.c".to_owned();
    assert_eq!(check(&[&good, &bad], &one).await, Err(Unproven::Refused));
    assert_eq!(check(&[&good], &both).await, Err(Unproven::Refused));
    assert_eq!(check(&[&good], &BTreeSet::from([other_tenant])).await, Err(Unproven::Refused));
    let mut second = claims();
    second["aud"] = json!("00000000-0000-4000-8000-00000000000c");
    let second = sign(&second);
    check(&[&second, &good], &BTreeSet::from([ours, other_client])).await.unwrap();
    assert_eq!(check(&[&good, &second], &one).await, Err(Unproven::Refused));
    assert_eq!(check(&[], &one).await, Err(Unproven::Refused));
    assert_eq!(check(&[&good], &BTreeSet::new()).await, Err(Unproven::Refused));
    assert_eq!(check(&vec![&good; VALIDATION_TOKENS_MAX + 1], &one).await, Err(Unproven::Refused));
}

#[tokio::test]
async fn an_unknown_key_id_has_the_keys_fetched_once_a_minute() {
    let desk = Desk::with_keys();
    desk.check(&sign(&claims())).await.unwrap();
    let rolled = sign_as(&claims(), "two", &SECOND, Algorithm::RS256);
    // The first fetch was a moment ago.
    assert_eq!(desk.check(&rolled).await, Err(Unproven::Refused));
    desk.clock.advance(COOL);
    desk.will_give(&[("one", &FIRST), ("two", &SECOND)]);
    desk.check(&rolled).await.unwrap();
    desk.check(&sign(&claims())).await.unwrap();
    let invented = sign_as(&claims(), "three", &SECOND, Algorithm::RS256);
    for _ in 0..5 {
        assert_eq!(desk.check(&invented).await, Err(Unproven::Refused));
    }
    assert_eq!(desk.server.take().len(), 2);
}

const COOL: SignedDuration = SignedDuration::from_secs(60);

#[tokio::test]
async fn without_keys_nothing_is_said_and_old_ones_serve_for_a_while() {
    let desk = Desk::new();
    let unavailable = Err(Unproven::Unavailable(KeysUnavailable));
    desk.server.will([Reply::Silence]);
    assert_eq!(desk.check(&sign(&claims())).await, unavailable);
    assert_eq!(desk.check(&sign(&claims())).await, unavailable);
    assert_eq!(desk.server.take().len(), 1, "nobody makes us ask more often");
    desk.clock.advance(COOL);
    desk.will_give(&[("one", &FIRST)]);
    desk.check(&sign(&claims())).await.unwrap();
    // A day later the keys are fetched again; what they were is believed for a week at most.
    let at = |clock: &Hands| {
        let mut claims = claims();
        claims["exp"] = json!(clock.now().as_second() + 60);
        sign(&claims)
    };
    desk.clock.advance(SignedDuration::from_hours(24));
    desk.server.will([Reply::Json(200, "<html>".to_owned())]);
    desk.check(&at(&desk.clock)).await.unwrap();
    desk.clock.advance(SignedDuration::from_hours(6 * 24));
    desk.server.will([Reply::RetryAfter(503, "1")]);
    assert_eq!(desk.check(&at(&desk.clock)).await, unavailable);
}

#[tokio::test]
async fn a_key_that_names_its_issuer_signs_for_nobody_else() {
    for (issuer, is_good) in [
        ("https://login.microsoftonline.com/{tenantid}/v2.0", true),
        ("https://sts.windows.net/{tenantid}/", true),
        ("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", false),
    ] {
        let desk = Desk::new();
        let mut key = jwk("one", &FIRST);
        key["issuer"] = json!(issuer);
        desk.server.will([Reply::Json(200, json!({ "keys": [{"kty": "EC"}, key] }).to_string())]);
        assert_eq!(desk.check(&sign(&claims())).await.is_ok(), is_good, "{issuer}");
    }
}
