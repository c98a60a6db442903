//! Certificates that we make ourselves: nobody's signature stands on them but our own, which is all
//! that Microsoft asks for.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    Certificate, CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use secrecy::SecretString;

/// The key or the certificate cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a certificate cannot be made")]
pub struct SelfSignedError;

/// A certificate for an application with its RSA key, PEM, as `CertificateKey::from_pem` reads it.
/// Takes some tenths of a second.
///
/// # Errors
/// [`SelfSignedError`].
pub fn make_application_certificate(
    name: &str,
    now: Timestamp,
    life: SignedDuration,
) -> Result<SecretString, SelfSignedError> {
    let (key, certificate) = self_signed(name, now, life).ok_or(SelfSignedError)?;
    Ok(SecretString::from(format!("{}{}", key.serialize_pem(), certificate.pem())))
}

/// An RSA key of 2048 bits and a certificate of whole days around its life.
pub(crate) fn self_signed(
    name: &str,
    now: Timestamp,
    life: SignedDuration,
) -> Option<(KeyPair, Certificate)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).ok()?;
    let mut params = CertificateParams::new(Vec::new()).ok()?;
    params.distinguished_name.push(DnType::CommonName, name);
    let (from, to) = (date(now), date(now.saturating_add(life).unwrap_or(now)));
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(to.0, to.1, to.2);
    let certificate = params.self_signed(&key).ok()?;
    Some((key, certificate))
}

fn date(at: Timestamp) -> (i32, u8, u8) {
    let date = at.to_zoned(TimeZone::UTC).date();
    (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
}
