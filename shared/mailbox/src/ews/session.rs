//! One SOAP request and its answer: headers, limits, back-off.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidemark_ews::EwsError;
use tidemark_model::Zone;
use tidemark_transport::{
    Clock, CountedHttp, Entropy, HttpPort, HttpRequest, HttpResponse, uuid_v7,
};

use super::credential::{Credential, EwsUrl, MailboxAddress};
use super::fault::code::TOO_MUCH_AT_ONCE;
use super::fault::{self, Effect};
use super::limiter::RequestLimiter;
use crate::error::{Disposition, MailboxError, Scope};

/// How long a request that reads may take. A search for a stamp builds a view the first time.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request that writes may take: a lease must outlast it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer that is read, in bytes: ten appointments with long bodies, or 512 ids and a sync
/// state of some hundred KB.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The product string that administrators allow or deny EWS by (EwsAllowList).
pub const PRODUCT: &str = concat!("Tidemark/", env!("CARGO_PKG_VERSION"));

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("return-client-request-id");
const X_ANCHOR_MAILBOX: HeaderName = HeaderName::from_static("x-anchormailbox");
const X_PREFER_SERVER_AFFINITY: HeaderName = HeaderName::from_static("x-preferserveraffinity");
const BACK_END_COOKIE: &str = "X-BackEndOverrideCookie";

/// In whose name requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The account that logs on owns the mailbox.
    Own,
    /// A service account acts as the owner (ApplicationImpersonation).
    Impersonation,
}

/// One mailbox behind one server, and everything that it takes to talk to it.
#[derive(Clone)]
pub struct EwsEndpoint {
    /// Where EWS answers.
    pub url: EwsUrl,
    /// Who logs on.
    pub credential: Credential,
    /// Whose calendar it is.
    pub mailbox: MailboxAddress,
    /// In whose name.
    pub access: Access,
    /// The zone of whole days and of times without one.
    pub zone: Zone,
    /// The way out.
    pub http: Arc<dyn HttpPort>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where request ids come from.
    pub entropy: Arc<dyn Entropy>,
    /// Shared by everybody who talks to this mailbox: see `ConnectionLimiter::mailbox`.
    pub limiter: Arc<RequestLimiter>,
}

impl fmt::Debug for EwsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EwsEndpoint").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Whether a request must reach the server that holds the subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    /// Any server will do.
    Any,
    /// The one that answered the last such request.
    Subscriptions,
}

/// Sends requests, one at a time each, and remembers what the server asked of us.
pub(super) struct Session {
    pub(super) endpoint: EwsEndpoint,
    pub(super) http: CountedHttp,
    back_end: Mutex<Option<HeaderValue>>,
}

impl Session {
    pub(super) fn new(endpoint: EwsEndpoint) -> Self {
        let http = CountedHttp::new(Arc::clone(&endpoint.http));
        Self { endpoint, http, back_end: Mutex::new(None) }
    }

    /// Sends one envelope. `read` makes sense of the answer, be it a result or a SOAP fault: EWS
    /// sends faults with status 500, and what it refuses of a request about one thing with 200.
    pub(super) async fn call<T>(
        &self,
        envelope: Vec<u8>,
        effect: Effect,
        affinity: Affinity,
        read: impl FnOnce(&[u8]) -> Result<T, EwsError> + Send,
    ) -> Result<T, MailboxError> {
        let end = &self.endpoint;
        let slot = end.limiter.enter(&*end.clock).await;
        let slot = slot.map_err(fault::of_waiting)?;
        let sent = self.http.send(self.request(envelope, effect, affinity)?).await;
        drop(slot);
        let response = sent.map_err(|error| fault::of_transport(&error, effect))?;
        if affinity == Affinity::Subscriptions {
            self.keep_back_end(&response.headers);
        }
        self.interpret(&response, effect, read)
    }

    fn interpret<T>(
        &self,
        response: &HttpResponse,
        effect: Effect,
        read: impl FnOnce(&[u8]) -> Result<T, EwsError>,
    ) -> Result<T, MailboxError> {
        let now = self.endpoint.clock.now();
        let of_status = || fault::of_status(response.status, &response.headers, now, effect);
        let failed = match (response.status, read) {
            (200, read) => match read(&response.body) {
                Ok(answer) => return Ok(answer),
                Err(error) => fault::code::of_ews(&error, effect),
            },
            // A fault says more than the status; without one the status is all there is.
            (500, read) => match read(&response.body) {
                Err(error) if error.is_fault() => fault::code::of_ews(&error, effect),
                Ok(_) | Err(_) => of_status(),
            },
            _ => of_status(),
        };
        Err(self.remember(failed))
    }

    /// Keeps the wait of an error, so that others do not send into it. A request that was merely
    /// too large for the server is no reason not to send a smaller one.
    pub(super) fn remember(&self, error: MailboxError) -> MailboxError {
        if error.scope == Scope::Item || error.code == TOO_MUCH_AT_ONCE {
            return error;
        }
        if let Disposition::RetryAfter(wait) = error.disposition {
            let end = &self.endpoint;
            end.limiter.back_off(error.scope, end.clock.now(), wait);
        }
        error
    }

    fn request(
        &self,
        envelope: Vec<u8>,
        effect: Effect,
        affinity: Affinity,
    ) -> Result<HttpRequest, MailboxError> {
        let timeout = match effect {
            Effect::Read => READ_TIMEOUT,
            Effect::Write | Effect::Once => WRITE_TIMEOUT,
        };
        Ok(HttpRequest {
            method: Method::POST,
            url: self.endpoint.url.as_str().to_owned(),
            headers: self.headers(affinity)?,
            body: Bytes::from(envelope),
            timeout,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
    }

    fn headers(&self, affinity: Affinity) -> Result<HeaderMap, MailboxError> {
        let end = &self.endpoint;
        let id = uuid_v7(end.clock.now(), &*end.entropy).to_string();
        // The constructors of credential and address admit nothing that no header can hold.
        let unfit = |_| fault::unfit_header();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/xml"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(CLIENT_REQUEST_ID, HeaderValue::try_from(id).map_err(unfit)?);
        headers.insert(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"));
        let anchor = HeaderValue::try_from(end.mailbox.as_str()).map_err(unfit)?;
        headers.insert(X_ANCHOR_MAILBOX, anchor);
        let authorization = end.credential.authorization();
        headers.insert(AUTHORIZATION, authorization.ok_or_else(fault::unfit_header)?);
        if affinity == Affinity::Subscriptions {
            headers.insert(X_PREFER_SERVER_AFFINITY, HeaderValue::from_static("true"));
            let back_end = self.back_end.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cookie) = &*back_end {
                headers.insert(COOKIE, cookie.clone());
            }
        }
        Ok(headers)
    }

    /// Keeps the cookie that names the server of the subscriptions.
    fn keep_back_end(&self, headers: &HeaderMap) {
        /// Longer cookies are not kept, in bytes.
        const COOKIE_BYTES_MAX: usize = 4096;
        let pair = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .filter_map(|cookie| cookie.split(';').next())
            .map(str::trim)
            .find(|pair| {
                pair.split_once('=').is_some_and(|(name, _)| name == BACK_END_COOKIE)
                    && pair.len() <= COOKIE_BYTES_MAX
            });
        if let Some(mut value) = pair.and_then(|pair| HeaderValue::try_from(pair).ok()) {
            value.set_sensitive(true);
            *self.back_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }
    }
}
