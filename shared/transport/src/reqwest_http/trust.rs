//! Which certificates a client trusts, and a look at the one that a server shows.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError as TlsCertificateError, ClientConfig, DigitallySignedStruct, Error,
    OtherError, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use super::HttpSetupError;
use crate::certificate::{CertificateFacts, Fingerprint, describe, read_der};

/// The server shows another certificate than the one that a person confirmed.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not the one that was confirmed")]
pub(super) struct NotConfirmed;

/// Why a look ends the handshake: it was only to be looked.
#[derive(Debug, thiserror::Error)]
#[error("the certificate was only to be looked at")]
struct OnlyLooking;

/// Trusts one certificate, whoever issued it and whatever names it has, for as long as it is valid: a
/// person has confirmed it for this connection (E8).
#[derive(Debug)]
pub(super) struct ConfirmedCertificate {
    confirmed: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ConfirmedCertificate {
    pub(super) fn new(confirmed: Fingerprint) -> Self {
        Self { confirmed, provider: Arc::new(aws_lc_rs::default_provider()) }
    }
}

impl ServerCertVerifier for ConfirmedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Fingerprint::of(end_entity) != self.confirmed {
            return Err(refusal(TlsCertificateError::Other(OtherError(Arc::new(NotConfirmed)))));
        }
        // Its end was confirmed with it.
        let facts =
            describe(end_entity).ok_or_else(|| refusal(TlsCertificateError::BadEncoding))?;
        match within(&facts, now) {
            Within::Before => Err(refusal(TlsCertificateError::NotValidYet)),
            Within::Valid => Ok(ServerCertVerified::assertion()),
            Within::After => Err(refusal(TlsCertificateError::Expired)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Where a moment lies against the time that a certificate is valid for.
enum Within {
    Before,
    Valid,
    After,
}

fn within(facts: &CertificateFacts, now: UnixTime) -> Within {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let now = Timestamp::from_second(now).unwrap_or(Timestamp::MAX);
    if now < facts.not_before {
        Within::Before
    } else if now > facts.not_after {
        Within::After
    } else {
        Within::Valid
    }
}

fn refusal(why: TlsCertificateError) -> Error {
    Error::InvalidCertificate(why)
}

/// The certificate that a server shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCertificate {
    /// What it says of itself.
    pub facts: CertificateFacts,
    /// Whether a client with the same options would trust it.
    pub is_trusted: bool,
}

/// Looks at the certificate of a server and ends the handshake before anything is sent.
#[derive(Debug)]
pub(super) struct Onlooker {
    judge: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Option<ShownCertificate>>,
}

impl Onlooker {
    /// With what a client would trust: the confirmed certificate, or else the system's authorities and
    /// these.
    pub(super) fn new(
        confirmed: Option<Fingerprint>,
        extra_roots_pem: &[String],
    ) -> Result<Self, HttpSetupError> {
        let judge: Arc<dyn ServerCertVerifier> = if let Some(confirmed) = confirmed {
            Arc::new(ConfirmedCertificate::new(confirmed))
        } else {
            let mut roots = Vec::new();
            for pem in extra_roots_pem {
                roots.extend(read_der(pem)?.into_iter().map(CertificateDer::from));
            }
            let provider = Arc::new(aws_lc_rs::default_provider());
            Arc::new(Verifier::new_with_extra_roots(roots, provider)?)
        };
        Ok(Self { judge, seen: Mutex::default() })
    }

    /// What was seen; none when the handshake did not come so far.
    pub(super) fn seen(&self) -> Option<ShownCertificate> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.judge.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let facts =
            describe(end_entity).ok_or_else(|| refusal(TlsCertificateError::BadEncoding))?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(ShownCertificate { facts, is_trusted: verdict.is_ok() });
        Err(refusal(TlsCertificateError::Other(OtherError(Arc::new(OnlyLooking)))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// TLS 1.2 and 1.3 with this judge of certificates. Without ALPN the protocol is HTTP/1.1, which is
/// all that EWS needs.
pub(super) fn tls_with(judge: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, HttpSetupError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(judge)
        .with_no_client_auth())
}
