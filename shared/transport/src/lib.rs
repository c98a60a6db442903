//! The HTTP clients. Only this crate names reqwest: what is above it sees the trait [`HttpPort`], so
//! that a whole run can be replayed in memory from a seed. Time and randomness, which whoever speaks
//! HTTP needs too, are handed on.

pub mod certificate;
pub mod http_port;
pub mod network;
pub mod reqwest_http;
pub mod traffic;

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
pub use tidemark_world::{Clock, Entropy, SystemClock, SystemEntropy, uuid_v7};
pub use traffic::{CountedHttp, Traffic};
