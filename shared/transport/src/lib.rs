//! The HTTP clients, and the clock and randomness that everything else is handed.
//!
//! Only this crate names reqwest. What is above it sees the traits [`HttpPort`], [`Clock`] and
//! [`Entropy`], so that a whole run can be replayed in memory from a seed.

pub mod certificate;
pub mod http_port;
pub mod network;
pub mod reqwest_http;
pub mod system;
pub mod world;

pub use certificate::{
    CertificateError, CertificateFacts, Fingerprint, FingerprintError, describe_certificates,
};
pub use http_port::{
    Delivery, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};
pub use network::{NetworkRange, NetworkRangeError, TargetPolicy, is_public};
pub use reqwest_http::{
    HttpOptions, HttpSetupError, LookError, PlainHttp, ReqwestHttp, ShownCertificate,
};
pub use system::{SystemClock, SystemEntropy};
pub use world::{Clock, Entropy, uuid_v7};
