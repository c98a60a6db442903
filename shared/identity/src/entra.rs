//! Tokens of an application by client credentials (RFC 6749 4.4), as Entra gives them out.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::{SignedDuration, Timestamp};
use oauth2::basic::{
    BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenResponse,
};
use oauth2::{
    AuthType, Client, ClientId, ClientSecret, RequestTokenError, Scope, StandardRevocableToken,
    TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_transport::{Clock, Entropy, HttpPort, HttpRequest, TransportError, uuid_v7};

use crate::assertion::sign_assertion;
use crate::certificate_key::CertificateKey;
use crate::claims::Claims;
use crate::cloud::{Cloud, Tenant};
use crate::error::TokenError;
use crate::refusal::RefusalAnswer;
use crate::token::AccessToken;

/// Largest answer of the token service that is read. A token has a few kilobytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long the token service may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when the token service cannot be reached or does not say how long.
const WAIT: Duration = Duration::from_secs(15);
/// Longest wait that is taken from an answer.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// Life of a token whose answer does not say one.
const LIFE_ASSUMED: Duration = Duration::from_mins(5);
/// Longest life that is believed: tokens under continuous access evaluation live up to 28 hours.
const LIFE_MAX: Duration = Duration::from_hours(30);

/// What Entra checks of assertions that come from elsewhere (page "workload-identity-federation").
pub const FEDERATION_AUDIENCE: &str = "api://AzureADTokenExchange";

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A platform that vouches for this program, such as AWS: nothing secret has to be kept.
#[async_trait]
pub trait WebIdentity: Send + Sync {
    /// A JWT, signed with RS256, that tells `audience` who we are and holds for some minutes.
    ///
    /// # Errors
    /// [`TokenError`] when the platform gives none.
    async fn assertion(&self, audience: &str) -> Result<SecretString, TokenError>;
}

/// What an application proves itself with. `Debug` shows its kind.
#[derive(Clone)]
pub enum ClientCredential {
    /// The key of a certificate that Entra knows.
    Certificate(Arc<CertificateKey>),
    /// A client secret.
    Secret(SecretString),
    /// The word of a platform that Entra trusts.
    Federated(Arc<dyn WebIdentity>),
}

impl fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(_) => "Certificate",
            Self::Secret(_) => "Secret",
            Self::Federated(_) => "Federated",
        })
    }
}

/// An application in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Application {
    /// The cloud.
    pub cloud: Cloud,
    /// The tenant whose mailboxes it is for.
    pub tenant: Tenant,
    /// Its application (client) id.
    pub client: String,
}

/// A token as it was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: AccessToken,
    /// When it was asked for: its life counts from then.
    pub issued_at: Timestamp,
    /// Which of the credentials was accepted, counted from 0.
    pub credential: usize,
}

/// The token service, over any HTTP client.
#[derive(Clone)]
pub struct Entra {
    http: Arc<dyn HttpPort>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

type EntraClient = Client<
    RefusalAnswer,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

impl Entra {
    /// A token service that is reached by this HTTP client.
    pub fn new(http: Arc<dyn HttpPort>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { http, clock, entropy }
    }

    /// A token for everything that the application was granted on Graph. The credentials are tried
    /// in their order; the next one only where the one before was itself refused, so that two can
    /// overlap while one replaces the other.
    ///
    /// # Errors
    /// [`TokenError`]: of the last credential, if all were refused.
    pub async fn issue(
        &self,
        application: &Application,
        credentials: &[ClientCredential],
    ) -> Result<Issued, TokenError> {
        self.issue_for(application, credentials, None).await
    }

    /// The same, with what a server asked the token to have.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub async fn issue_for(
        &self,
        application: &Application,
        credentials: &[ClientCredential],
        claims: Option<&Claims>,
    ) -> Result<Issued, TokenError> {
        let mut refused = None;
        for (credential, proof) in credentials.iter().enumerate() {
            match self.ask(application, proof, claims).await {
                Ok((token, issued_at)) => return Ok(Issued { token, issued_at, credential }),
                Err(Failure::OfCredential(error)) => {
                    tracing::warn!(credential, kind = ?proof, error = %error, "credential refused");
                    refused = Some(error);
                }
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| TokenError::Refused {
            code: "credential-missing".to_owned(),
            text: "The connection has no credential: enter one.".to_owned(),
        }))
    }

    async fn ask(
        &self,
        application: &Application,
        credential: &ClientCredential,
        claims: Option<&Claims>,
    ) -> Result<(AccessToken, Timestamp), Failure> {
        let url = application.cloud.token_url(&application.tenant);
        // Before the request, so that the token never seems to live longer than it does.
        let now = self.clock.now();
        let (secret, assertion) = self.proof(application, credential, &url, now).await?;
        let token_url = TokenUrl::new(url).map_err(|_| unusable_url())?;
        let mut client = EntraClient::new(ClientId::new(application.client.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(token_url);
        if let Some(secret) = secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        let mut request =
            client.exchange_client_credentials().add_scope(Scope::new(application.cloud.scope()));
        if let Some(assertion) = &assertion {
            request = request
                .add_extra_param("client_assertion_type", ASSERTION_TYPE)
                .add_extra_param("client_assertion", assertion.expose_secret());
        }
        if let Some(claims) = claims {
            request = request.add_extra_param("claims", claims.as_str());
        }
        // It owns what it needs, so that its futures may move between threads whatever they borrow.
        let entra = self.clone();
        let bridge = move |request| {
            let entra = entra.clone();
            async move { entra.send(request).await }
        };
        let answer = request.request_async(&bridge).await.map_err(failure)?;
        let life = answer.expires_in().unwrap_or(LIFE_ASSUMED).min(LIFE_MAX);
        let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::ZERO);
        let expires_at = now.saturating_add(life).unwrap_or(Timestamp::MAX);
        let secret = SecretString::from(answer.access_token().secret().as_str());
        Ok((AccessToken::new(secret, expires_at), now))
    }

    /// The secret, or the assertion, of a credential.
    async fn proof(
        &self,
        application: &Application,
        credential: &ClientCredential,
        audience: &str,
        now: Timestamp,
    ) -> Result<(Option<SecretString>, Option<SecretString>), Failure> {
        match credential {
            ClientCredential::Secret(secret) => Ok((Some(secret.clone()), None)),
            ClientCredential::Certificate(key) => {
                let id = uuid_v7(now, &*self.entropy);
                let assertion = sign_assertion(key, &application.client, audience, now, id)
                    .map_err(Failure::OfCredential)?;
                Ok((None, Some(assertion)))
            }
            ClientCredential::Federated(platform) => {
                match platform.assertion(FEDERATION_AUDIENCE).await {
                    Ok(assertion) => Ok((None, Some(assertion))),
                    Err(error @ TokenError::Refused { .. }) => Err(Failure::OfCredential(error)),
                    Err(error @ TokenError::Later { .. }) => Err(Failure::Other(error)),
                }
            }
        }
    }

    /// What the OAuth client calls to send a request: an overloaded service is told apart here,
    /// before its answer is read as one of OAuth.
    async fn send(&self, request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse, Unanswered> {
        let (head, body) = request.into_parts();
        let request = HttpRequest {
            method: head.method,
            url: head.uri.to_string(),
            headers: head.headers,
            body: Bytes::from(body),
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.http.send(request).await.map_err(Unanswered::Transport)?;
        if answer.status == 429 || answer.status >= 500 {
            return Err(Unanswered::Busy {
                status: answer.status,
                after: retry_after(&answer.headers, self.clock.now()),
            });
        }
        let mut response = http::Response::new(answer.body.to_vec());
        *response.status_mut() =
            http::StatusCode::from_u16(answer.status).map_err(|_| Unanswered::Strange)?;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 10.2.3), within bounds.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Duration {
    let Some(text) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        return WAIT;
    };
    let wait = match text.trim().parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => jiff::fmt::rfc2822::parse(text)
            .ok()
            .and_then(|at| Duration::try_from(at.timestamp().duration_since(now)).ok()),
    };
    wait.unwrap_or(WAIT).clamp(Duration::from_secs(1), WAIT_MAX)
}

/// Why the token service gave no answer of OAuth's.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    Transport(TransportError),
    #[error("HTTP {status}")]
    Busy { status: u16, after: Duration },
    #[error("no HTTP status")]
    Strange,
}

/// Whether another credential may help.
enum Failure {
    OfCredential(TokenError),
    Other(TokenError),
}

fn failure(error: RequestTokenError<Unanswered, RefusalAnswer>) -> Failure {
    let later = |after: Duration, code: &str, text: String| {
        Failure::Other(TokenError::Later { after, code: code.to_owned(), text })
    };
    match error {
        RequestTokenError::ServerResponse(answer) if answer.is_passing() => {
            later(WAIT, &answer.code(), "Microsoft Entra is busy; it is asked again.".to_owned())
        }
        RequestTokenError::ServerResponse(answer) => {
            let error = TokenError::Refused { code: answer.code(), text: answer.text() };
            if answer.is_of_credential() {
                Failure::OfCredential(error)
            } else {
                Failure::Other(error)
            }
        }
        RequestTokenError::Request(Unanswered::Busy { status, after }) => later(
            after,
            "authority-busy",
            format!("Microsoft Entra answers HTTP {status}; it is asked again."),
        ),
        RequestTokenError::Request(Unanswered::Transport(error)) => later(
            WAIT,
            "authority-unreachable",
            format!("Microsoft Entra cannot be reached: {error}. It is tried again."),
        ),
        // Neither the answer nor what is wrong with it is shown: it may hold a token.
        RequestTokenError::Request(Unanswered::Strange)
        | RequestTokenError::Parse(..)
        | RequestTokenError::Other(_) => later(
            WAIT,
            "authority-answer",
            "The token service answers in a form that is not OAuth's. Something between it and us \
             may have answered in its place; it is asked again."
                .to_owned(),
        ),
    }
}

fn unusable_url() -> Failure {
    Failure::Other(TokenError::Refused {
        code: "connection-settings".to_owned(),
        text: "The token service's URL cannot be used. Check the connection's cloud.".to_owned(),
    })
}

#[cfg(test)]
mod tests;
