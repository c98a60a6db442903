//! What went wrong, out of the chain of errors below the client.

use std::error::Error;
use std::io;

use super::resolver::ResolveError;
use super::trust::NotConfirmed;
use crate::http_port::{Delivery, TransportError, TransportFault};

/// How rustls begins its message when it refuses a certificate; a test with real handshakes holds the
/// text.
const CERTIFICATE_REFUSED: &str = "invalid peer certificate";

/// How rustls begins its message when the other side refuses us, for want of a client certificate
/// for example. In TLS 1.3 that comes only after the handshake.
const ALERT_RECEIVED: &str = "received fatal alert";

/// What the TLS connector says of a host that no certificate can name, such as a label of 64 letters.
const NAME_IMPOSSIBLE: &str = "invalid dns name";

/// Step and consequence of a failed exchange.
pub(super) fn classify(error: &reqwest::Error) -> TransportError {
    let causes = causes(error);
    if error.is_connect() {
        return TransportError {
            fault: connect_fault(error, &causes),
            delivery: Delivery::NotSent,
        };
    }
    if error.is_builder() {
        return TransportError { fault: TransportFault::BadUrl, delivery: Delivery::NotSent };
    }
    let fault = if error.is_timeout() {
        TransportFault::TimedOut
    } else if says(&causes, ALERT_RECEIVED) {
        TransportFault::Tls
    } else {
        TransportFault::Cut
    };
    TransportError { fault, delivery: Delivery::Unclear }
}

fn connect_fault(error: &reqwest::Error, causes: &[&(dyn Error + 'static)]) -> TransportFault {
    let resolving = causes.iter().find_map(|cause| cause.downcast_ref::<ResolveError>());
    match resolving {
        Some(ResolveError::NotFound) => return TransportFault::NameNotFound,
        Some(ResolveError::Forbidden) => return TransportFault::ForbiddenTarget,
        None => {}
    }
    if error.is_timeout() {
        return TransportFault::TimedOut;
    }
    if says(causes, NAME_IMPOSSIBLE) {
        return TransportFault::NameNotFound;
    }
    if causes.iter().copied().any(is_not_confirmed) {
        return TransportFault::ChangedCertificate;
    }
    if says(causes, CERTIFICATE_REFUSED) {
        return TransportFault::UntrustedCertificate;
    }
    if causes.iter().copied().any(is_tls) {
        return TransportFault::Tls;
    }
    TransportFault::Unreachable
}

fn says(causes: &[&(dyn Error + 'static)], beginning: &str) -> bool {
    causes.iter().any(|cause| cause.to_string().starts_with(beginning))
}

/// Whether a handshake ended since the certificate is not the confirmed one.
fn is_not_confirmed(cause: &(dyn Error + 'static)) -> bool {
    match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) => {
            other.0.is::<NotConfirmed>()
        }
        _ => false,
    }
}

/// While connecting, rustls reports through I/O errors: broken rules as invalid data, a handshake that the other side
/// left as an unexpected end.
fn is_tls(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|io| {
        matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
            && io.get_ref().is_some()
    })
}

/// An error and everything below it. An I/O error hides what it wraps from `source`, so that is
/// asked for by itself.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    /// Deeper than any real chain; a chain may not lead in a circle.
    const DEPTH_MAX: usize = 16;
    let mut found = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        if found.len() == DEPTH_MAX {
            break;
        }
        found.push(cause);
        next = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map_or_else(|| cause.source(), |wrapped| Some(wrapped));
    }
    found
}
