//! [`HttpPort`] over pooled connections with rustls.

mod fault;
mod resolver;
mod trust;

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use reqwest::{Certificate, Client, ClientBuilder, Response, Url};

use crate::certificate::{CertificateError, Fingerprint, describe_certificates};
use crate::http_port::{
    Delivery, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};
use crate::network::TargetPolicy;
use fault::classify;
use resolver::GuardedResolver;
use trust::{ConfirmedCertificate, Onlooker, tls_with};

pub use trust::ShownCertificate;

/// How long an idle connection is kept. IIS closes its own after 120 s; ours go first, so that a
/// request seldom meets a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Whether requests may go without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// Never.
    #[default]
    Refused,
    /// Only to 127.0.0.0/8 and `[::1]` written as addresses; a name may point anywhere.
    LoopbackLiterals,
}

/// What a client trusts, and where it may go.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Certificates trusted besides the system's: PEM texts, each of one or more.
    pub extra_roots_pem: Vec<String>,
    /// The only certificate that is trusted, if a person confirmed one (E8): no other one then counts,
    /// whoever issued it.
    pub confirmed: Option<Fingerprint>,
    /// Whether requests may go without TLS.
    pub plain_http: PlainHttp,
    /// Which addresses may be connected to.
    pub targets: TargetPolicy,
    /// How long looking up a name, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// The product string that every request carries.
    pub user_agent: String,
}

/// TLS only, public addresses only.
impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            extra_roots_pem: Vec::new(),
            confirmed: None,
            plain_http: PlainHttp::Refused,
            targets: TargetPolicy::default(),
            connect_timeout: Duration::from_secs(10),
            user_agent: concat!("Tidemark/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// One of the extra roots is none.
    #[error("an extra root certificate cannot be read")]
    Certificate(#[from] CertificateError),
    /// TLS cannot be set up, for example because the system has no root certificates.
    #[error("the HTTP client cannot be set up")]
    Client(#[from] reqwest::Error),
    /// The parts of TLS do not fit together.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Why a server's certificate could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The client cannot be set up.
    #[error(transparent)]
    Setup(#[from] HttpSetupError),
    /// The handshake did not come so far.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// The real [`HttpPort`]. Cloning shares its connections. Needs a running tokio.
///
/// It follows no redirect, uses no proxy of the environment and keeps no cookies.
#[derive(Clone)]
pub struct ReqwestHttp {
    client: Client,
    plain_http: PlainHttp,
    targets: Arc<TargetPolicy>,
}

impl fmt::Debug for ReqwestHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestHttp")
            .field("plain_http", &self.plain_http)
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}

impl ReqwestHttp {
    /// A client with a pool of its own.
    ///
    /// # Errors
    /// [`HttpSetupError`].
    pub fn new(options: HttpOptions) -> Result<Self, HttpSetupError> {
        let targets = Arc::new(options.targets);
        let builder = builder(options.user_agent, options.connect_timeout, &targets);
        let builder = match options.confirmed {
            Some(confirmed) => {
                let judge = Arc::new(ConfirmedCertificate::new(confirmed));
                builder.tls_backend_preconfigured(tls_with(judge)?)
            }
            None => builder.tls_certs_merge(read_roots(&options.extra_roots_pem)?),
        };
        Ok(Self { client: builder.build()?, plain_http: options.plain_http, targets })
    }

    /// The certificate that the server of a URL shows now, and whether a client with these options
    /// would trust it. Nothing is sent but the handshake, and no client is kept.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn look_at_certificate(
        options: HttpOptions,
        url: &str,
    ) -> Result<ShownCertificate, LookError> {
        let onlooker = Arc::new(Onlooker::new(options.confirmed, &options.extra_roots_pem)?);
        let targets = Arc::new(options.targets);
        let tls = tls_with(Arc::<Onlooker>::clone(&onlooker))?;
        let client = builder(options.user_agent, options.connect_timeout, &targets)
            .tls_backend_preconfigured(tls)
            .build();
        let client = client.map_err(HttpSetupError::from)?;
        let http = Self { client, plain_http: PlainHttp::Refused, targets };
        let request = HttpRequest {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: options.connect_timeout,
            answer_bytes_max: 0,
        };
        let outcome = http.send(request).await;
        match (onlooker.seen(), outcome) {
            (Some(seen), _) => Ok(seen),
            (None, Err(error)) => Err(error.into()),
            // There is no answer without a handshake that the onlooker let pass, which it never does.
            (None, Ok(_)) => Err(not_sent(TransportFault::Tls).into()),
        }
    }

    /// The URL, if a request may go there as far as its text tells.
    fn check_url(&self, text: &str) -> Result<Url, TransportFault> {
        let url = Url::parse(text).map_err(|_| TransportFault::BadUrl)?;
        let host = url.host_str().ok_or(TransportFault::BadUrl)?;
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let secure = match url.scheme() {
            "https" => true,
            "http" => {
                self.plain_http == PlainHttp::LoopbackLiterals
                    && literal.is_some_and(|address| address.is_loopback())
            }
            _ => false,
        };
        // Credentials in a URL would end up in its logs.
        if !secure || !url.username().is_empty() || url.password().is_some() {
            return Err(TransportFault::BadUrl);
        }
        // The resolver is asked for names only.
        if literal.is_some_and(|address| !self.targets.permits(address)) {
            return Err(TransportFault::ForbiddenTarget);
        }
        Ok(url)
    }
}

#[async_trait]
impl HttpPort for ReqwestHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let url = self.check_url(&request.url).map_err(not_sent)?;
        let mut wire = reqwest::Request::new(request.method, url);
        *wire.headers_mut() = request.headers;
        *wire.timeout_mut() = Some(request.timeout);
        *wire.body_mut() = Some(request.body.into());
        let response = self.client.execute(wire).await.map_err(|error| classify(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = read_body(response, request.answer_bytes_max).await?;
        Ok(HttpResponse { status, headers, body })
    }
}

/// What all clients have in common, but for what they trust.
fn builder(
    user_agent: String,
    connect_timeout: Duration,
    targets: &Arc<TargetPolicy>,
) -> ClientBuilder {
    Client::builder()
        .user_agent(user_agent)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(GuardedResolver::new(Arc::clone(targets)))
}

fn read_roots(extra_roots_pem: &[String]) -> Result<Vec<Certificate>, HttpSetupError> {
    let mut roots = Vec::new();
    for pem in extra_roots_pem {
        // Read first with our own reader: the client's builder does not say which of its
        // inputs it dislikes.
        describe_certificates(pem)?;
        roots.extend(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    Ok(roots)
}

fn not_sent(fault: TransportFault) -> TransportError {
    TransportError { fault, delivery: Delivery::NotSent }
}

/// Reads the decoded body, and no more of it than `bytes_max` and one chunk.
async fn read_body(mut response: Response, bytes_max: usize) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(TransportError {
                fault: TransportFault::AnswerTooLarge,
                delivery: Delivery::Unclear,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests;
