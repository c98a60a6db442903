//! The assertion by which an application proves that it has the key of its certificate.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Header, encode};
use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use crate::certificate_key::CertificateKey;
use crate::error::TokenError;

/// How long an assertion holds: Entra wants 5 to 10 minutes (page "certificate-credentials").
const LIFE: SignedDuration = SignedDuration::from_mins(10);

/// The claims that Entra asks for (page "certificate-credentials").
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

#[derive(Serialize)]
struct ProofClaims<'a> {
    aud: &'a str,
    iss: &'a str,
    nbf: i64,
    exp: i64,
}

/// Signs an assertion of `client` for the token service at `audience`: PS256, with the SHA-256
/// thumbprint of the certificate. `id` is used once.
pub(crate) fn sign_assertion(
    key: &CertificateKey,
    client: &str,
    audience: &str,
    now: Timestamp,
    id: Uuid,
) -> Result<SecretString, TokenError> {
    let claims = Claims {
        aud: audience,
        iss: client,
        sub: client,
        jti: id.to_string(),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: now.as_second().saturating_add(LIFE.as_secs()),
    };
    sign(key, Algorithm::PS256, &claims)
}

/// Signs the proof that a caller of `addKey` and `removeKey` has one of the application's present
/// keys (page "application-rollkey-prooftoken"): `aud` is Azure AD's own id, `iss` the object id of
/// the application.
pub(crate) fn sign_proof(
    key: &CertificateKey,
    application_object: &str,
    now: Timestamp,
) -> Result<SecretString, TokenError> {
    let claims = ProofClaims {
        aud: "00000002-0000-0000-c000-000000000000",
        iss: application_object,
        nbf: now.as_second(),
        exp: now.as_second().saturating_add(LIFE.as_secs()),
    };
    // The page's sample signs with RS256 and names no other algorithm.
    sign(key, Algorithm::RS256, &claims)
}

fn sign(
    key: &CertificateKey,
    algorithm: Algorithm,
    claims: &impl Serialize,
) -> Result<SecretString, TokenError> {
    let header = Header { x5t_s256: Some(key.thumbprint().to_owned()), ..Header::new(algorithm) };
    match encode(&header, claims, key.key()) {
        Ok(assertion) => Ok(SecretString::from(assertion)),
        Err(_) => Err(TokenError::Refused {
            code: "certificate-unusable".to_owned(),
            text: "Nothing can be signed with the private key of the certificate: upload a \
                   certificate with an RSA key of at least 2048 bits."
                .to_owned(),
        }),
    }
}
