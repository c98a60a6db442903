//! Calls of the API that only read: each is tried again where that may help.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::body::Bytes;
use axum::http::header::{ACCEPT, AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tidemark_transport::{Clock, HttpPort, HttpRequest, HttpResponse, TransportFault};

/// How long one call may take. The API's function ends its own after 30 s.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Largest answer that is read. A page ends after 2 MB and one more listing of 100 entries; Lambda
/// answers with 6 MB at most, a process on one machine has no such bound.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often one call is made.
const TRIES: u32 = 8;
/// First pause before a call is made again, where the answer names none; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause of our own.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);
/// Bytes of a problem's own words that are shown.
const DETAIL_BYTES_MAX: usize = 500;

/// Why a call has no answer that can be used. Holds no URL and no key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The key is none, or has ended.
    KeyRefused,
    /// The key is not an administrator's.
    NoAdministrator,
    /// The place to go on at is none (any more): 400.
    CursorRefused,
    /// The place to go on at is too old: 410.
    CursorExpired,
    /// There is no such route: something else listens there, or an older version.
    NoRoute,
    /// Nobody answered, or with a status that passes, as often as it was tried.
    Busy(String),
    /// Another status.
    Refused(u16, String),
    /// It cannot be sent or trusted; trying again does not help.
    Transport(TransportFault),
    /// The answer is not what the API answers with.
    Unreadable,
}

impl core::error::Error for CallError {}

impl CallError {
    /// Whether the place to go on at is what is wrong, so that another one has to be taken.
    pub(crate) const fn is_of_the_place(&self) -> bool {
        matches!(self, Self::CursorRefused | Self::CursorExpired)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyRefused => f.write_str("the API does not know the key, or it has ended (401)"),
            Self::NoAdministrator => f.write_str("the key is not an administrator's (403)"),
            Self::CursorRefused => f.write_str("the API does not know the place (400)"),
            Self::CursorExpired => f.write_str("the place is too old (410)"),
            Self::NoRoute => f.write_str("there is no such API at this address (404)"),
            Self::Busy(last) => write!(f, "no answer after {TRIES} tries: {last}"),
            Self::Refused(status, detail) => write!(f, "the API answers {status}: {detail}"),
            Self::Transport(TransportFault::UntrustedCertificate) => {
                f.write_str("the certificate is not trusted")
            }
            Self::Transport(TransportFault::BadUrl) => {
                f.write_str("the URL should be https, or http on 127.0.0.1 or [::1]")
            }
            Self::Transport(fault) => write!(f, "no answer: {fault:?}"),
            Self::Unreadable => f.write_str("the answer is not one of this API"),
        }
    }
}

/// The part of an RFC 9457 problem that is for people.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// What became of one try.
enum Tried {
    Answered(HttpResponse),
    Again { why: String, after: Option<Duration> },
    Failed(CallError),
}

/// The API behind an address, with a key.
pub(crate) struct ApiClient {
    address: String,
    headers: HeaderMap,
    http: Arc<dyn HttpPort>,
    clock: Arc<dyn Clock>,
}

impl ApiClient {
    /// For the API at `url`, which has neither a query nor a fragment; a path before `/v1` may be.
    ///
    /// # Errors
    /// When the URL is none, or the key has characters that no header can carry.
    pub(crate) fn new(
        url: &str,
        key: &SecretString,
        http: Arc<dyn HttpPort>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let address = url.trim_end_matches('/');
        let parsed: Uri = address.parse().ok().context("--url: is no URL")?;
        let has_scheme = matches!(parsed.scheme_str(), Some("http" | "https"));
        if !has_scheme || parsed.query().is_some() || address.contains(['#', '@']) {
            bail!("--url: should look like https://tidemark.example.com");
        }
        let bearer = format!("Bearer {}", key.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).ok().context("the API key is none")?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        Ok(Self { address: address.to_owned(), headers, http, clock })
    }

    /// Where the API is, as it was given.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Reads something, patiently.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        let url = self.url_of(path, query);
        let (mut pause, mut last) = (PAUSE, String::new());
        for number in 1..=TRIES {
            match self.try_once(&url).await {
                Tried::Answered(answer) => {
                    return serde_json::from_slice(&answer.body).map_err(|_| CallError::Unreadable);
                }
                Tried::Failed(error) => return Err(error),
                Tried::Again { why, after } => {
                    if number < TRIES {
                        let wait = after.unwrap_or(pause);
                        tracing::warn!("{why}; it is tried again in {} s", wait.as_secs());
                        self.clock.sleep(wait).await;
                        pause = pause.saturating_mul(2).min(PAUSE_MAX);
                    }
                    last = why;
                }
            }
        }
        Err(CallError::Busy(last))
    }

    fn url_of(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{path}", self.address);
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            push_encoded(&mut url, value);
        }
        url
    }

    async fn try_once(&self, url: &str) -> Tried {
        let request = HttpRequest {
            method: Method::GET,
            url: url.to_owned(),
            headers: self.headers.clone(),
            body: Bytes::new(),
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        match self.http.send(request).await {
            Ok(answer) => judge(answer, self.clock.now()),
            Err(error) => match error.fault {
                TransportFault::NameNotFound
                | TransportFault::Unreachable
                | TransportFault::TimedOut
                | TransportFault::Cut => {
                    Tried::Again { why: format!("no answer: {:?}", error.fault), after: None }
                }
                fault @ (TransportFault::BadUrl
                | TransportFault::Tls
                | TransportFault::UntrustedCertificate
                | TransportFault::ChangedCertificate
                | TransportFault::AnswerTooLarge
                | TransportFault::ForbiddenTarget) => Tried::Failed(CallError::Transport(fault)),
            },
        }
    }
}

fn judge(answer: HttpResponse, now: Timestamp) -> Tried {
    match answer.status {
        200 => Tried::Answered(answer),
        400 => Tried::Failed(CallError::CursorRefused),
        401 => Tried::Failed(CallError::KeyRefused),
        403 => Tried::Failed(CallError::NoAdministrator),
        404 => Tried::Failed(CallError::NoRoute),
        410 => Tried::Failed(CallError::CursorExpired),
        status @ (408 | 429 | 500..=599) => Tried::Again {
            why: format!("the API answers {status}"),
            after: read_retry_after(&answer.headers, now),
        },
        status => Tried::Failed(CallError::Refused(status, detail_of(&answer))),
    }
}

/// What a problem says for people, as far as it can be shown on a terminal.
fn detail_of(answer: &HttpResponse) -> String {
    let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) else {
        return "it does not say why".to_owned();
    };
    let end = problem.detail.floor_char_boundary(DETAIL_BYTES_MAX);
    let shown = problem.detail.get(..end).unwrap_or_default();
    shown.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), within bounds.
pub(super) fn read_retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        at.duration_since(now).max(jiff::SignedDuration::ZERO).unsigned_abs()
    };
    Some(wait.clamp(PAUSE, RETRY_AFTER_MAX))
}

/// Percent-encoding of everything that is not unreserved (RFC 3986, 2.3).
fn push_encoded(url: &mut String, value: &str) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 0xF];
            url.push('%');
            url.extend(digits.iter().filter_map(|digit| HEX.get(usize::from(*digit))));
        }
    }
}
