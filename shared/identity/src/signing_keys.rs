//! The public keys that a cloud signs its tokens with, fetched when they are needed.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tidemark_transport::{Clock, HttpPort, HttpRequest};

use crate::cloud::Cloud;

/// How long keys are believed without being fetched again.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How often keys are fetched at most. Otherwise everybody who sends us a token with an invented key
/// id could make us ask.
const COOL_DOWN: SignedDuration = SignedDuration::from_mins(1);
/// How long keys are still used when newer ones cannot be had.
const STALE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Largest key set that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Most keys that are taken from a set.
const KEYS_MAX: usize = 128;
const TIMEOUT: Duration = Duration::from_secs(5);
/// Smallest RSA key that is believed.
const MODULUS_BYTES_MIN: usize = 256;

/// The keys of one cloud, shared by all who check its tokens.
pub struct SigningKeys {
    http: Arc<dyn HttpPort>,
    clock: Arc<dyn Clock>,
    url: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, SigningKey>,
    fetched_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

/// One key.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) key: DecodingKey,
    /// Whose tokens it signs, with `{tenantid}` in place of the tenant; none for anybody's.
    pub(crate) issuer: Option<String>,
}

/// The keys cannot be had now: nothing can be said about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cloud's signing keys cannot be fetched")]
pub struct KeysUnavailable;

/// A key set (RFC 7517 5). Microsoft adds `issuer` (page "claims-validation").
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    kty: String,
    n: String,
    e: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
}

impl SigningKeys {
    /// The keys of a cloud. Nothing is fetched yet.
    pub fn new(http: Arc<dyn HttpPort>, clock: Arc<dyn Clock>, cloud: &Cloud) -> Self {
        Self { http, clock, url: cloud.keys_url(), known: Mutex::default() }
    }

    /// The key of this id; none when the cloud has no such key. An unknown id has the keys fetched
    /// again, once a minute at most.
    pub(crate) async fn key(&self, id: &str) -> Result<Option<SigningKey>, KeysUnavailable> {
        let now = self.clock.now();
        {
            let mut known = self.lock();
            let found = known.keys.get(id).cloned();
            if found.is_some() && known.age(now).is_some_and(|age| age < FRESH) {
                return Ok(found);
            }
            let is_cool = known.asked_at.is_none_or(|at| now.duration_since(at) >= COOL_DOWN);
            if !is_cool {
                return known.answer(id, now);
            }
            known.asked_at = Some(now);
        }
        let fetched = self.fetch().await;
        let mut known = self.lock();
        if let Some(keys) = fetched {
            known.keys = keys;
            known.fetched_at = Some(now);
        }
        known.answer(id, now)
    }

    async fn fetch(&self) -> Option<HashMap<String, SigningKey>> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let request = HttpRequest {
            method: Method::GET,
            url: self.url.clone(),
            headers,
            body: Bytes::new(),
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        match self.http.send(request).await {
            Ok(answer) if answer.status == 200 => {
                let keys = read_keys(&answer.body);
                if keys.is_none() {
                    tracing::warn!("the cloud's signing keys cannot be read");
                }
                keys
            }
            Ok(answer) => {
                tracing::warn!(http.status = answer.status, "the cloud's signing keys not given");
                None
            }
            Err(error) => {
                tracing::warn!(error = %error, "the cloud's signing keys not fetched");
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // The keys are replaced whole, so a panic elsewhere cannot have left half of them.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.fetched_at.map(|at| now.duration_since(at))
    }

    fn answer(&self, id: &str, now: Timestamp) -> Result<Option<SigningKey>, KeysUnavailable> {
        match self.age(now) {
            Some(age) if age < STALE_MAX => Ok(self.keys.get(id).cloned()),
            Some(_) | None => Err(KeysUnavailable),
        }
    }
}

/// The RSA keys for signatures in a set; none when it is no set or has none of them. A key of
/// another kind is passed over.
fn read_keys(body: &[u8]) -> Option<HashMap<String, SigningKey>> {
    let set: KeySet = serde_json::from_slice(body).ok()?;
    let keys: HashMap<String, SigningKey> =
        set.keys.into_iter().take(KEYS_MAX).filter_map(read_key).collect();
    (!keys.is_empty()).then_some(keys)
}

fn read_key(value: serde_json::Value) -> Option<(String, SigningKey)> {
    let key: Key = serde_json::from_value(value).ok()?;
    let is_for_signing = key.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    let is_rs256 = key.alg.as_deref().is_none_or(|alg| alg == "RS256");
    if key.kty != "RSA" || !is_for_signing || !is_rs256 {
        return None;
    }
    let modulus = URL_SAFE_NO_PAD.decode(key.n.trim_end_matches('=')).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(key.e.trim_end_matches('=')).ok()?;
    if modulus.len() < MODULUS_BYTES_MIN {
        return None;
    }
    let decoding = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    Some((key.kid, SigningKey { key: decoding, issuer: key.issuer }))
}
