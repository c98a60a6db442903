//! The credentials of our own app registration, read and replaced through Microsoft Graph.
//!
//! What it takes (pages "application-addkey", "application-addpassword", "application-get"):
//! - A certificate is added and removed with a proof that we have a present one; an application needs
//!   no permission to roll its own keys. Without a valid certificate this way is shut.
//! - A client secret is added and removed, and credentials are listed, with the application permission
//!   `Application.ReadWrite.OwnedBy`, where the application's service principal is an owner of the app
//!   registration. An administrator has to grant the one and set the other.

use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tidemark_transport::{Clock, HttpPort, HttpRequest};

use crate::assertion::sign_proof;
use crate::certificate_key::CertificateKey;
use crate::claims::Claims;
use crate::cloud::Cloud;
use crate::entra::retry_after;
use crate::error::TokenError;
use crate::token::TokenSource;

const TIMEOUT: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// How long to wait when Graph cannot be reached.
const WAIT: Duration = Duration::from_secs(30);

/// A credential as it is listed; never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCredential {
    /// `keyId`.
    pub id: String,
    /// `displayName`, where it has one.
    pub name: Option<String>,
}

/// Why a credential was not read or replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The application may not: an administrator has to grant something.
    #[error(
        "the application may not do this: grant it Application.ReadWrite.OwnedBy and make its \
         service principal an owner of the app registration"
    )]
    NotPermitted,
    /// Graph refuses the request itself.
    #[error("Microsoft Graph refuses the request (HTTP {status}, {code})")]
    Refused {
        /// The status.
        status: u16,
        /// Graph's code.
        code: String,
    },
    /// No token, or Graph cannot be reached or asks to wait.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The credentials of one application.
#[async_trait]
pub trait ApplicationCredentials: Send + Sync {
    /// Adds a client secret under a name, until `ends`. Its text is told this once.
    ///
    /// # Errors
    /// [`CredentialsError`].
    async fn add_password(
        &self,
        name: &str,
        ends: Timestamp,
    ) -> Result<SecretString, CredentialsError>;

    /// The client secrets.
    ///
    /// # Errors
    /// [`CredentialsError`].
    async fn passwords(&self) -> Result<Vec<ListedCredential>, CredentialsError>;

    /// Removes a client secret.
    ///
    /// # Errors
    /// [`CredentialsError`].
    async fn remove_password(&self, id: &str) -> Result<(), CredentialsError>;

    /// Adds a certificate under a name, proven by a present one.
    ///
    /// # Errors
    /// [`CredentialsError`].
    async fn add_key(
        &self,
        name: &str,
        certificate: &CertificateKey,
        present: &CertificateKey,
    ) -> Result<(), CredentialsError>;

    /// The certificates.
    ///
    /// # Errors
    /// [`CredentialsError`].
    async fn keys(&self) -> Result<Vec<ListedCredential>, CredentialsError>;

    /// Removes a certificate, proven by a present one.
    ///
    /// # Errors
    /// [`CredentialsError`].
    async fn remove_key(&self, id: &str, present: &CertificateKey) -> Result<(), CredentialsError>;
}

/// An app registration, through Graph.
pub struct GraphApplication {
    /// The way out.
    pub http: Arc<dyn HttpPort>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tokens of the application in its home tenant.
    pub tokens: Arc<dyn TokenSource>,
    /// The cloud.
    pub cloud: Cloud,
    /// Object id of the app registration.
    pub object: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    password_credentials: Vec<WireCredential>,
    #[serde(default)]
    key_credentials: Vec<WireCredential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCredential {
    key_id: String,
    #[serde(default)]
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewPassword {
    secret_text: SecretString,
}

impl GraphApplication {
    async fn call(
        &self,
        method: Method,
        tail: &str,
        body: Option<Value>,
    ) -> Result<Bytes, CredentialsError> {
        let token = self.tokens.token().await?;
        let mut headers = HeaderMap::new();
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| strange("token"))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = HttpRequest {
            method,
            url: format!("{}/v1.0/applications/{}{tail}", self.cloud.graph(), self.object),
            headers,
            body: body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())),
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.http.send(request).await.map_err(|error| TokenError::Later {
            after: WAIT,
            code: "graph-unreachable".to_owned(),
            text: format!("Microsoft Graph cannot be reached: {error}."),
        })?;
        match answer.status {
            200..=299 => Ok(answer.body),
            // The proof is meant and not the token (issue 14626 of microsoftgraph/microsoft-graph-docs).
            401 if is_of_proof(tail, &answer.body) => Err(refusal(answer.status, &answer.body)),
            401 => {
                self.tokens.refused_for(&token, Claims::of_challenge(&answer.headers)).await;
                Err(refusal(answer.status, &answer.body))
            }
            403 => Err(CredentialsError::NotPermitted),
            429 | 500..=599 => Err(CredentialsError::Token(TokenError::Later {
                after: retry_after(&answer.headers, self.clock.now()),
                code: "graph-busy".to_owned(),
                text: format!("Microsoft Graph answers HTTP {}.", answer.status),
            })),
            status => Err(refusal(status, &answer.body)),
        }
    }

    async fn list(&self, member: &str) -> Result<Listed, CredentialsError> {
        let body = self.call(Method::GET, &format!("?$select={member}"), None).await?;
        serde_json::from_slice(&body).map_err(|_| strange("list"))
    }
}

#[async_trait]
impl ApplicationCredentials for GraphApplication {
    async fn add_password(
        &self,
        name: &str,
        ends: Timestamp,
    ) -> Result<SecretString, CredentialsError> {
        let body = json!({
            "passwordCredential": { "displayName": name, "endDateTime": ends.to_string() }
        });
        let answer = self.call(Method::POST, "/addPassword", Some(body)).await?;
        let new: NewPassword = serde_json::from_slice(&answer).map_err(|_| strange("password"))?;
        Ok(new.secret_text)
    }

    async fn passwords(&self) -> Result<Vec<ListedCredential>, CredentialsError> {
        let listed = self.list("passwordCredentials").await?;
        Ok(listed.password_credentials.into_iter().map(WireCredential::read).collect())
    }

    async fn remove_password(&self, id: &str) -> Result<(), CredentialsError> {
        self.call(Method::POST, "/removePassword", Some(json!({ "keyId": id }))).await.map(drop)
    }

    async fn add_key(
        &self,
        name: &str,
        certificate: &CertificateKey,
        present: &CertificateKey,
    ) -> Result<(), CredentialsError> {
        let proof = sign_proof(present, &self.object, self.clock.now())?;
        let body = json!({
            "keyCredential": {
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
                "key": STANDARD.encode(certificate.certificate()),
                "displayName": name,
            },
            "passwordCredential": null,
            "proof": proof.expose_secret(),
        });
        self.call(Method::POST, "/addKey", Some(body)).await.map(drop)
    }

    async fn keys(&self) -> Result<Vec<ListedCredential>, CredentialsError> {
        let listed = self.list("keyCredentials").await?;
        Ok(listed.key_credentials.into_iter().map(WireCredential::read).collect())
    }

    async fn remove_key(&self, id: &str, present: &CertificateKey) -> Result<(), CredentialsError> {
        let proof = sign_proof(present, &self.object, self.clock.now())?;
        let body = json!({ "keyId": id, "proof": proof.expose_secret() });
        self.call(Method::POST, "/removeKey", Some(body)).await.map(drop)
    }
}

impl WireCredential {
    fn read(self) -> ListedCredential {
        ListedCredential { id: self.key_id, name: self.display_name }
    }
}

/// Whether a proof was refused.
fn is_of_proof(tail: &str, body: &[u8]) -> bool {
    let is_meant = |error: &CredentialsError| matches!(error, CredentialsError::Refused { code, .. } if code == "Authentication_MissingOrMalformed");
    matches!(tail, "/addKey" | "/removeKey") && is_meant(&refusal(401, body))
}

/// Graph's error without its text, which may name people and applications.
fn refusal(status: u16, body: &[u8]) -> CredentialsError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = value.pointer("/error/code").and_then(Value::as_str).unwrap_or("no code");
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    CredentialsError::Refused { status, code: code.chars().filter(is_plain).take(64).collect() }
}

fn strange(what: &str) -> CredentialsError {
    CredentialsError::Refused { status: 200, code: format!("unreadable {what}") }
}

#[cfg(test)]
mod tests;
