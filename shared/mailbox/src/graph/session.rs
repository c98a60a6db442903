//! One request and its answer: token, headers, limits, back-off.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidemark_graph::calendar::{ReadContext, WriteContext};
use tidemark_graph::{GraphRequest, GraphRoot, Method as GraphMethod, ServerError, UserKey};
use tidemark_identity::{AccessToken, Claims, TokenSource};
use tidemark_model::Zone;
use tidemark_transport::{Clock, CountedHttp, Entropy, HttpPort, HttpRequest, uuid_v7};

use super::cursor::ChangeFeed;
use super::fault::{self, Effect};
use crate::error::{Disposition, MailboxError, Scope};
use crate::ews::{PRODUCT, RequestLimiter};
use crate::port::Permit;

/// How long a request that reads may take; a batch of twenty reads is one.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request that writes may take: a lease must outlast it. A subscription is made only
/// after our own address has answered, for which Graph waits ten seconds.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer that is read, in bytes: twenty appointments with long bodies.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("return-client-request-id");

/// One mailbox in the cloud, and everything that it takes to talk to it.
#[derive(Clone)]
pub struct GraphEndpoint {
    /// Where Graph answers.
    pub root: GraphRoot,
    /// Whose calendar it is.
    pub user: UserKey,
    /// The owner's SMTP addresses in lower case: nobody else is mailed by a write that names only
    /// these.
    pub addresses: Vec<String>,
    /// The zone of whole days and of times without one.
    pub zone: Zone,
    /// How changes are followed.
    pub feed: ChangeFeed,
    /// Where tokens come from.
    pub tokens: Arc<dyn TokenSource>,
    /// The way out.
    pub http: Arc<dyn HttpPort>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where request ids come from.
    pub entropy: Arc<dyn Entropy>,
    /// Shared by everybody who talks to this mailbox: see `ConnectionLimiter::mailbox`. Graph allows
    /// four requests at once per application and mailbox (throttling-limits page).
    pub limiter: Arc<RequestLimiter>,
}

impl GraphEndpoint {
    pub(super) fn read_context(&self) -> ReadContext {
        let owner = self.addresses.first().cloned();
        ReadContext { owner, ..ReadContext::in_zone(self.zone.clone()) }
    }

    pub(super) const fn write_context(&self) -> WriteContext<'_> {
        WriteContext { zone: &self.zone }
    }
}

impl fmt::Debug for GraphEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphEndpoint").field("feed", &self.feed).finish_non_exhaustive()
    }
}

/// Sends requests, one at a time each.
pub(super) struct Session {
    pub(super) endpoint: GraphEndpoint,
    pub(super) http: CountedHttp,
}

impl Session {
    pub(super) fn new(endpoint: GraphEndpoint) -> Self {
        let http = CountedHttp::new(Arc::clone(&endpoint.http));
        Self { endpoint, http }
    }

    /// Sends a request that reads; returns the body of its answer.
    pub(super) async fn read(&self, request: &GraphRequest) -> Result<Bytes, MailboxError> {
        self.exchange(request, Effect::Read, None).await.map_err(|failed| self.error_of(&failed))
    }

    /// Sends a request that writes, if the lease outlives it.
    pub(super) async fn write(
        &self,
        request: &GraphRequest,
        effect: Effect,
        permit: &dyn Permit,
    ) -> Result<Bytes, MailboxError> {
        let sent = self.exchange(request, effect, Some(permit)).await;
        sent.map_err(|failed| self.error_of(&failed))
    }

    /// Sends a request; the caller wants to look at what the server refused.
    pub(super) async fn exchange(
        &self,
        request: &GraphRequest,
        effect: Effect,
        permit: Option<&dyn Permit>,
    ) -> Result<Bytes, Failed> {
        let end = &self.endpoint;
        let slot = end.limiter.enter(&*end.clock).await;
        let slot = slot.map_err(|waiting| Failed::Ours(fault::of_waiting(waiting)))?;
        let mut response = None;
        // A refused token was not looked at further, so that sending again with another is safe.
        for _ in 0..2 {
            let token =
                end.tokens.token().await.map_err(|error| Failed::Ours(fault::of_token(&error)))?;
            let sent = self.to_http(request, effect, &token).map_err(Failed::Ours)?;
            allow(permit)?;
            let answer = self.http.send(sent).await;
            let answer =
                answer.map_err(|error| Failed::Ours(fault::of_transport(&error, effect)))?;
            if answer.status != 401 {
                response = Some(answer);
                break;
            }
            end.tokens.refused_for(&token, Claims::of_challenge(&answer.headers)).await;
            response = Some(answer);
        }
        drop(slot);
        // The loop runs at least once.
        let response = response.ok_or_else(|| Failed::Ours(fault::unreadable(effect)))?;
        if (200..300).contains(&response.status) {
            return Ok(response.body);
        }
        let error = ServerError::read(response.status, &response.body);
        let wait = crate::ews::fault::retry_after(&response.headers, end.clock.now());
        Err(Failed::Theirs { error, wait, effect })
    }

    /// The error of the port; what the server asked of us is remembered.
    pub(super) fn error_of(&self, failed: &Failed) -> MailboxError {
        let error = match failed {
            Failed::Ours(error) => error.clone(),
            Failed::Theirs { error, wait, effect } => fault::of_server(error, *wait, *effect),
        };
        self.remember(error)
    }

    /// Keeps the wait of an error, so that others do not send into it.
    pub(super) fn remember(&self, error: MailboxError) -> MailboxError {
        if let (Disposition::RetryAfter(wait), false) =
            (error.disposition, error.scope == Scope::Item)
        {
            let end = &self.endpoint;
            end.limiter.back_off(error.scope, end.clock.now(), wait);
        }
        error
    }

    fn to_http(
        &self,
        request: &GraphRequest,
        effect: Effect,
        token: &AccessToken,
    ) -> Result<HttpRequest, MailboxError> {
        let timeout = match effect {
            Effect::Read => READ_TIMEOUT,
            Effect::Write | Effect::Once => WRITE_TIMEOUT,
        };
        Ok(HttpRequest {
            method: match request.method {
                GraphMethod::Get => Method::GET,
                GraphMethod::Post => Method::POST,
                GraphMethod::Patch => Method::PATCH,
                GraphMethod::Delete => Method::DELETE,
            },
            url: request.url(&self.endpoint.root),
            headers: self.headers(request, token)?,
            body: Bytes::from(request.body_bytes()),
            timeout,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
    }

    fn headers(
        &self,
        request: &GraphRequest,
        token: &AccessToken,
    ) -> Result<HeaderMap, MailboxError> {
        let end = &self.endpoint;
        let unfit = |_| fault::unfit_header();
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers() {
            let name = HeaderName::try_from(name).map_err(|_| fault::unfit_header())?;
            headers.insert(name, HeaderValue::try_from(value).map_err(unfit)?);
        }
        let id = uuid_v7(end.clock.now(), &*end.entropy).to_string();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(CLIENT_REQUEST_ID, HeaderValue::try_from(id).map_err(unfit)?);
        headers.insert(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"));
        let bearer = format!("Bearer {}", token.expose());
        let mut bearer = HeaderValue::try_from(bearer).map_err(unfit)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        Ok(headers)
    }
}

/// Why there is no answer of use.
pub(super) enum Failed {
    /// It did not come to one.
    Ours(MailboxError),
    /// The server refused.
    Theirs {
        /// What it said.
        error: ServerError,
        /// How long it wants to be left alone.
        wait: Option<Duration>,
        /// What the request would have done.
        effect: Effect,
    },
}

fn allow(permit: Option<&dyn Permit>) -> Result<(), Failed> {
    let denied = |_| Failed::Ours(fault::out_of_time());
    permit.map_or(Ok(()), |permit| permit.may_write().map_err(denied))
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.endpoint)
    }
}
