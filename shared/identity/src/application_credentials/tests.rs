use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use super::*;
use crate::testing::*;
use crate::token::AccessToken;

struct Fixed;

#[async_trait]
impl TokenSource for Fixed {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        Ok(AccessToken::new(SecretString::from("tok"), noon()))
    }

    async fn refused(&self, _: &AccessToken) {}
}

const OBJECT: &str = "00000000-0000-4000-8000-0000000000aa";

fn desk() -> (Server, GraphApplication) {
    let server = Server::default();
    let application = GraphApplication {
        http: Arc::new(server.clone()),
        clock: Arc::new(Hands::at(noon())),
        tokens: Arc::new(Fixed),
        cloud: Cloud::GLOBAL,
        object: OBJECT.to_owned(),
    };
    (server, application)
}

fn json_of(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_secret_is_made_by_entra_and_told_once() {
    let (server, application) = desk();
    let answer = r#"{"keyId":"k","displayName":"Tidemark v","secretText":"hidden"}"#;
    server.will([Reply::Json(200, answer.to_owned())]);
    let secret = application.add_password("Tidemark v", noon()).await.unwrap();
    assert_eq!(secret.expose_secret(), "hidden");
    let asked = server.take();
    let url = format!("https://graph.microsoft.com/v1.0/applications/{OBJECT}/addPassword");
    assert_eq!(asked[0].url, url);
    assert_eq!(asked[0].headers["authorization"], "Bearer tok");
    let body = json_of(&asked[0]);
    assert_eq!(body["passwordCredential"]["displayName"], "Tidemark v");
    assert_eq!(body["passwordCredential"]["endDateTime"], "2026-11-22T12:00:00Z");
}

#[tokio::test]
async fn a_certificate_is_added_and_removed_with_a_proof_of_the_present_one() {
    let (server, application) = desk();
    server.will([Reply::Json(200, "{}".to_owned()), Reply::Json(204, String::new())]);
    let (present, next) = (FIRST.certificate_key(), SECOND.certificate_key());
    application.add_key("Tidemark v", &next, &present).await.unwrap();
    application.remove_key("k", &next).await.unwrap();
    let asked = server.take();
    let added = json_of(&asked[0]);
    assert_eq!(added["keyCredential"]["type"], "AsymmetricX509Cert");
    assert_eq!(added["keyCredential"]["usage"], "Verify");
    assert_eq!(added["keyCredential"]["key"], STANDARD.encode(next.certificate()));
    assert_eq!(json_of(&asked[1])["keyId"], "k");
    for (request, made) in [(&asked[0], &FIRST), (&asked[1], &SECOND)] {
        let mut checks = Validation::new(Algorithm::RS256);
        checks.validate_exp = false;
        checks.set_audience(&["00000002-0000-0000-c000-000000000000"]);
        checks.set_issuer(&[OBJECT]);
        let public = DecodingKey::from_rsa_pem(made.key.public_key_pem().as_bytes()).unwrap();
        let body = json_of(request);
        let claims = decode::<Value>(body["proof"].as_str().unwrap(), &public, &checks).unwrap();
        assert_eq!(claims.claims["exp"], noon().as_second() + 600);
    }
}

#[tokio::test]
async fn what_is_missing_is_said_in_words() {
    let (server, application) = desk();
    server.will([Reply::Json(403, "{}".to_owned())]);
    let error = application.passwords().await.unwrap_err();
    assert!(error.to_string().contains("Application.ReadWrite.OwnedBy"), "{error}");
    let refused = r#"{"error":{"code":"Request_BadRequest","message":"about Alex"}}"#;
    server.will([Reply::Json(400, refused.to_owned())]);
    let error = application.keys().await.unwrap_err();
    let code = "Request_BadRequest".to_owned();
    assert_eq!(error, CredentialsError::Refused { status: 400, code });
    server.will([Reply::RetryAfter(429, "9")]);
    let error = application.remove_password("k").await.unwrap_err();
    assert!(matches!(&error, CredentialsError::Token(TokenError::Later { after, .. })
            if after.as_secs() == 9));
    let listed = r#"{"keyCredentials":[{"keyId":"k","displayName":null,"key":null}]}"#;
    server.will([Reply::Json(200, listed.to_owned())]);
    let keys = application.keys().await.unwrap();
    assert_eq!(keys, [ListedCredential { id: "k".to_owned(), name: None }]);
}
