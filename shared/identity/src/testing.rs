//! Where the tests of this crate play: a clock that is moved by hand, a token service by script,
//! and keys that are made once.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use secrecy::SecretString;
use tidemark_transport::{
    Clock, Delivery, Entropy, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};

use crate::certificate_key::CertificateKey;
use crate::cloud::{Cloud, Tenant};
use crate::entra::Application;

/// The moment at which every test begins.
pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A clock that stands until it is moved; sleeping moves it.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub(crate) fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(SignedDuration::try_from(duration).unwrap());
        tokio::task::yield_now().await;
    }
}

/// Bytes that count upwards: the tests need variety, not secrecy.
#[derive(Default)]
pub(crate) struct Counting(Mutex<u8>);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let mut next = self.0.lock().unwrap();
        for byte in buffer {
            *next = next.wrapping_add(1);
            *byte = *next;
        }
    }
}

/// One answer of a server by script.
pub(crate) enum Reply {
    Json(u16, String),
    RetryAfter(u16, &'static str),
    Silence,
}

/// A server by script; it keeps what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Server {
    script: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Server {
    pub(crate) fn will(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    /// Answers with a token of this text that lives so many seconds.
    pub(crate) fn will_issue(&self, token: &str, seconds: u32) {
        self.will([Reply::Json(
            200,
            format!(
                r#"{{"token_type":"Bearer","expires_in":{seconds},"ext_expires_in":{seconds},"access_token":"{token}"}}"#
            ),
        )]);
    }

    /// Refuses with this word and number.
    pub(crate) fn will_refuse(&self, error: &str, number: u64) {
        self.will([Reply::Json(
            401,
            format!(
                r#"{{"error":"{error}","error_description":"AADSTS{number}: Words with 'names'.","error_codes":[{number}]}}"#
            ),
        )]);
    }

    /// The requests since this was last asked.
    pub(crate) fn take(&self) -> Vec<HttpRequest> {
        core::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The fields of the forms that were posted since this was last asked.
    pub(crate) fn take_forms(&self) -> Vec<Vec<(String, String)>> {
        self.take().iter().map(|request| form(&request.body)).collect()
    }
}

#[async_trait]
impl HttpPort for Server {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.asked.lock().unwrap().push(request);
        tokio::task::yield_now().await;
        let reply = self.script.lock().unwrap().pop_front();
        let mut headers = HeaderMap::new();
        let (status, body) = match reply.expect("the script foresees the request") {
            Reply::Json(status, body) => {
                headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
                (status, body)
            }
            Reply::RetryAfter(status, wait) => {
                headers.insert("retry-after", wait.parse().unwrap());
                (status, String::new())
            }
            Reply::Silence => {
                return Err(TransportError {
                    fault: TransportFault::TimedOut,
                    delivery: Delivery::Unclear,
                });
            }
        };
        Ok(HttpResponse { status, headers, body: Bytes::from(body) })
    }
}

/// Reads an `application/x-www-form-urlencoded` body.
pub(crate) fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = core::str::from_utf8(body).unwrap();
    let decode = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(core::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (decode(name), decode(value))
    };
    text.split('&').map(pair).collect()
}

pub(crate) fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The application of the tests.
pub(crate) fn application() -> Application {
    Application {
        cloud: Cloud::GLOBAL,
        tenant: Tenant::parse("00000000-0000-4000-8000-000000000001").unwrap(),
        client: "00000000-0000-4000-8000-000000000002".to_owned(),
    }
}

/// A key and its certificate, PEM.
pub(crate) struct Made {
    pub(crate) key: KeyPair,
    pub(crate) certificate_pem: String,
}

impl Made {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let certificate_pem = params.self_signed(&key).unwrap().pem();
        Self { key, certificate_pem }
    }

    pub(crate) fn pem(&self) -> SecretString {
        SecretString::from(format!("{}{}", self.key.serialize_pem(), self.certificate_pem))
    }

    pub(crate) fn certificate_key(&self) -> CertificateKey {
        CertificateKey::from_pem(&self.pem()).unwrap()
    }
}

/// Two keys that every test may use: making one takes a while.
pub(crate) static FIRST: LazyLock<Made> = LazyLock::new(Made::new);
/// The other one.
pub(crate) static SECOND: LazyLock<Made> = LazyLock::new(Made::new);
