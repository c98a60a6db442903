use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::*;
use crate::testing::*;

struct Desk {
    server: Server,
    clock: Hands,
    entra: Entra,
}

impl Desk {
    fn new() -> Self {
        let (server, clock) = (Server::default(), Hands::at(noon()));
        let entra = Entra::new(
            Arc::new(server.clone()),
            Arc::new(clock.clone()),
            Arc::new(Counting::default()),
        );
        Self { server, clock, entra }
    }

    async fn issue(&self, credentials: &[ClientCredential]) -> Result<Issued, TokenError> {
        self.entra.issue(&application(), credentials).await
    }
}

fn secret(text: &str) -> ClientCredential {
    ClientCredential::Secret(SecretString::from(text))
}

fn certificate(made: &Made) -> ClientCredential {
    ClientCredential::Certificate(Arc::new(made.certificate_key()))
}

#[tokio::test]
async fn a_secret_is_posted_as_a_form_and_the_life_counts_from_the_request() {
    let desk = Desk::new();
    desk.server.will_issue("tok", 3599);
    let issued = desk.issue(&[secret("s+&=%é")]).await.unwrap();
    assert_eq!(issued.token.expose(), "tok");
    assert_eq!(issued.token.expires_at(), noon() + SignedDuration::from_secs(3599));
    assert_eq!((issued.issued_at, issued.credential), (noon(), 0));
    let asked = desk.server.take();
    assert_eq!(
        asked[0].url,
        "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000001/oauth2/v2.0/token"
    );
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert!(!asked[0].headers.contains_key("authorization"));
    let form = form(&asked[0].body);
    let wanted = [
        ("grant_type", "client_credentials"),
        ("client_id", "00000000-0000-4000-8000-000000000002"),
        ("client_secret", "s+&=%é"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    for (name, value) in wanted {
        assert_eq!(field(&form, name), Some(value));
    }
    assert_eq!(form.len(), wanted.len());
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_that_entra_can_check() {
    let desk = Desk::new();
    desk.server.will_issue("tok", 3599);
    desk.server.will_issue("tok", 3599);
    for _ in 0..2 {
        desk.issue(&[certificate(&FIRST)]).await.unwrap();
    }
    let forms = desk.server.take_forms();
    let mut ids = Vec::new();
    for form in &forms {
        assert_eq!(field(form, "client_assertion_type"), Some(ASSERTION_TYPE));
        assert_eq!(field(form, "client_secret"), None);
        let assertion = field(form, "client_assertion").unwrap();
        let header = decode_header(assertion).unwrap();
        assert_eq!(header.alg, Algorithm::PS256);
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        assert_eq!(header.x5t_s256.as_deref(), Some(FIRST.certificate_key().thumbprint()));
        let mut checks = Validation::new(Algorithm::PS256);
        checks.validate_exp = false;
        checks.set_audience(&[Cloud::GLOBAL.token_url(&application().tenant)]);
        checks.set_issuer(&["00000000-0000-4000-8000-000000000002"]);
        let public = DecodingKey::from_rsa_pem(FIRST.key.public_key_pem().as_bytes()).unwrap();
        let claims = decode::<Value>(assertion, &public, &checks).unwrap().claims;
        assert_eq!(claims["sub"], claims["iss"]);
        assert_eq!(claims["nbf"], noon().as_second());
        assert_eq!(claims["exp"], noon().as_second() + 600);
        ids.push(claims["jti"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
}

/// AWS as far as it concerns us.
struct Platform(Result<&'static str, TokenError>);

#[async_trait]
impl WebIdentity for Platform {
    async fn assertion(&self, audience: &str) -> Result<SecretString, TokenError> {
        assert_eq!(audience, "api://AzureADTokenExchange");
        self.0.clone().map(SecretString::from)
    }
}

#[tokio::test]
async fn a_platform_vouches_without_anything_stored() {
    let desk = Desk::new();
    desk.server.will_issue("tok", 3599);
    let federated = ClientCredential::Federated(Arc::new(Platform(Ok("aws.jwt.x"))));
    desk.issue(&[federated]).await.unwrap();
    let forms = desk.server.take_forms();
    assert_eq!(field(&forms[0], "client_assertion"), Some("aws.jwt.x"));
    assert_eq!(field(&forms[0], "client_assertion_type"), Some(ASSERTION_TYPE));
}

#[tokio::test]
async fn the_second_credential_is_tried_when_the_first_is_refused_and_only_then() {
    let desk = Desk::new();
    desk.server.will_refuse("invalid_client", 7_000_222);
    desk.server.will_issue("tok", 3599);
    let issued = desk.issue(&[secret("old"), secret("new")]).await.unwrap();
    assert_eq!(issued.credential, 1);
    let forms = desk.server.take_forms();
    assert_eq!(field(&forms[1], "client_secret"), Some("new"));

    // A platform that is not set up is no reason not to try the certificate.
    let refused =
        TokenError::Refused { code: "federation-disabled".to_owned(), text: String::new() };
    let federated = ClientCredential::Federated(Arc::new(Platform(Err(refused))));
    desk.server.will_issue("tok", 3599);
    assert_eq!(desk.issue(&[federated, certificate(&SECOND)]).await.unwrap().credential, 1);
    desk.server.take();

    // No credential helps where the tenant is not there.
    desk.server.will_refuse("invalid_request", 90_002);
    let error = desk.issue(&[secret("old"), secret("new")]).await.unwrap_err();
    assert!(matches!(&error, TokenError::Refused { code, .. } if code == "AADSTS90002"));
    assert_eq!(desk.server.take().len(), 1);

    desk.server.will_refuse("invalid_client", 7_000_215);
    desk.server.will_refuse("invalid_client", 7_000_222);
    let error = desk.issue(&[secret("one"), secret("two")]).await.unwrap_err();
    assert!(matches!(&error, TokenError::Refused { code, .. } if code == "AADSTS7000222"));
    let error = desk.issue(&[]).await.unwrap_err();
    assert!(matches!(&error, TokenError::Refused { code, .. } if code == "credential-missing"));
}

#[tokio::test]
async fn an_overloaded_or_silent_service_is_asked_later() {
    let desk = Desk::new();
    let after = |error: TokenError| match error {
        TokenError::Later { after, code, .. } => (after.as_secs(), code),
        TokenError::Refused { code, .. } => panic!("refused: {code}"),
    };
    let cases = [
        (Reply::RetryAfter(429, "17"), 17, "authority-busy"),
        (Reply::RetryAfter(503, "Sun, 22 Nov 2026 12:01:30 GMT"), 90, "authority-busy"),
        (Reply::RetryAfter(429, "99999999"), 3600, "authority-busy"),
        (Reply::RetryAfter(500, "soon"), 15, "authority-busy"),
        (Reply::Silence, 15, "authority-unreachable"),
        (Reply::Json(200, "<html>".to_owned()), 15, "authority-answer"),
        (Reply::Json(404, "{}".to_owned()), 15, "authority-answer"),
        (
            Reply::Json(400, r#"{"error":"temporarily_unavailable"}"#.to_owned()),
            15,
            "temporarily_unavailable",
        ),
    ];
    for (reply, seconds, code) in cases {
        desk.server.will([reply]);
        let error = desk.issue(&[secret("one"), secret("two")]).await.unwrap_err();
        assert_eq!(after(error), (seconds, code.to_owned()));
        assert_eq!(desk.server.take().len(), 1, "{code}: the second credential is not wasted");
    }
    assert_eq!(desk.clock.now(), noon());
}

#[tokio::test]
async fn no_secret_and_no_answer_is_ever_shown() {
    let desk = Desk::new();
    let key = certificate(&FIRST);
    desk.server.will_refuse("invalid_client", 7_000_215);
    desk.server.will([Reply::Json(200, r#"{"access_token":"tok-hidden"}"#.to_owned())]);
    let first = desk.issue(&[secret("hidden-secret")]).await.unwrap_err();
    let second = desk.issue(&[secret("hidden-secret")]).await.unwrap_err();
    desk.server.will_issue("tok-hidden", 60);
    let issued = desk.issue(&[secret("hidden-secret")]).await.unwrap();
    let shown = format!("{first} {first:?} {second} {second:?} {issued:?} {key:?}");
    assert!(!shown.contains("hidden") && !shown.contains("names"), "{shown}");
}

#[tokio::test]
async fn what_a_server_asked_of_the_token_is_passed_on() {
    let desk = Desk::new();
    desk.server.will_issue("tok", 3599);
    let challenge = r#"Bearer error="insufficient_claims", claims="e30=""#;
    let mut headers = HeaderMap::new();
    headers.insert("www-authenticate", challenge.parse().unwrap());
    let claims = Claims::of_challenge(&headers);
    desk.entra.issue_for(&application(), &[secret("s")], claims.as_ref()).await.unwrap();
    assert_eq!(field(&desk.server.take_forms()[0], "claims"), Some("{}"));
}
