//! What people are shown of a certificate before they decide to trust it.

use core::fmt::{self, Write as _};
use core::str::FromStr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

mod der;

use der::{Element, Reader};

/// Largest PEM text that is read, in bytes: room for a long chain.
pub const PEM_BYTES_MAX: usize = 256 * 1024;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Facts of one X.509 certificate (RFC 5280). Names are shown as they stand, nothing is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Who is named in it.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
    /// Whether it names itself as issuer.
    pub self_issued: bool,
}

/// SHA-256 of a certificate, shown as hexadecimal pairs with colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// That of a certificate in its DER form.
    pub(crate) fn of(der: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, der);
        let mut bytes = [0; 32];
        for (byte, hashed) in bytes.iter_mut().zip(hash.as_ref()) {
            *byte = *hashed;
        }
        Self(bytes)
    }
}

/// A text is no SHA-256 fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the 32 bytes of a SHA-256 in hexadecimal digits")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads 64 hexadecimal digits in any case, all with colons between the pairs or none.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let width = if text.contains(':') { 3 } else { 2 };
        let mut bytes = [0; 32];
        let mut pairs = text.as_bytes().chunks(width);
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = pairs.next().ok_or(FingerprintError)?;
            let digits = match (pair, width, index) {
                ([high, low], 2, _) | ([high, low], 3, 31) | ([high, low, b':'], 3, 0..31) => {
                    [*high, *low]
                }
                _ => return Err(FingerprintError),
            };
            // The parser of numbers takes a sign, too.
            let digits = core::str::from_utf8(&digits).map_err(|_| FingerprintError)?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(FingerprintError);
            }
            *byte = u8::from_str_radix(digits, 16).map_err(|_| FingerprintError)?;
        }
        pairs.next().is_none().then_some(Self(bytes)).ok_or(FingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Why a text holds no certificate that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than [`PEM_BYTES_MAX`].
    #[error("the certificate file is larger than 256 KiB")]
    TooLarge,
    /// No PEM block of a certificate, or one without its end.
    #[error("no PEM block BEGIN CERTIFICATE ... END CERTIFICATE")]
    NoCertificate,
    /// A private key came along: it must not be stored or passed on.
    #[error("the file holds a private key; upload the certificate alone")]
    PrivateKey,
    /// What stands in the block is no X.509 certificate.
    #[error("the block is no X.509 certificate")]
    Malformed,
}

/// The facts of every certificate in a PEM text, in its order; at least one.
///
/// # Errors
/// [`CertificateError`].
pub fn describe_certificates(pem: &str) -> Result<Vec<CertificateFacts>, CertificateError> {
    read_der(pem)?.iter().map(|der| describe(der).ok_or(CertificateError::Malformed)).collect()
}

/// The DER forms of the certificates in a PEM text, at least one.
pub(crate) fn read_der(pem: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(CertificateError::TooLarge);
    }
    if pem.contains("PRIVATE KEY-----") {
        return Err(CertificateError::PrivateKey);
    }
    let mut found = Vec::new();
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (block, after) = after.split_once(END).ok_or(CertificateError::NoCertificate)?;
        let compact: String = block.split_ascii_whitespace().collect();
        let der = STANDARD.decode(compact).map_err(|_| CertificateError::Malformed)?;
        found.push(der);
        rest = after;
    }
    if found.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    Ok(found)
}

/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, signature, issuer,
/// validity, subject, ... }, ... }` (RFC 5280 4.1).
pub(crate) fn describe(der: &[u8]) -> Option<CertificateFacts> {
    let mut outer = Reader::new(der);
    let mut certificate = outer.sequence()?;
    if !outer.is_empty() {
        return None;
    }
    let mut tbs = certificate.sequence()?;
    tbs.skip_optional(der::CONTEXT_0);
    tbs.expect(der::INTEGER)?;
    tbs.expect(der::SEQUENCE)?;
    let issuer = tbs.expect(der::SEQUENCE)?;
    let mut validity = tbs.sequence()?;
    let not_before = read_time(validity.next()?)?;
    let not_after = read_time(validity.next()?)?;
    let subject = tbs.expect(der::SEQUENCE)?;
    Some(CertificateFacts {
        subject: read_name(subject)?,
        issuer: read_name(issuer)?,
        fingerprint: Fingerprint::of(der),
        not_before,
        not_after,
        self_issued: issuer == subject,
    })
}

/// A distinguished name as `CN=..., O=...`, in the order of the certificate.
fn read_name(name: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut sets = Reader::new(name);
    while !sets.is_empty() {
        let mut set = Reader::new(sets.expect(der::SET)?);
        while !set.is_empty() {
            let mut attribute = set.sequence()?;
            let label = attribute_label(attribute.expect(der::OBJECT_IDENTIFIER)?);
            let value = attribute.next()?;
            if !text.is_empty() {
                text.push_str(", ");
            }
            // Control characters would let a certificate draw its own lines on the screen where
            // people decide about it.
            write!(text, "{label}=").ok()?;
            text.extend(read_text(value).chars().map(|c| if c.is_control() { '?' } else { c }));
        }
    }
    Some(text)
}

fn attribute_label(oid: &[u8]) -> &'static str {
    match oid {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        // 0.9.2342.19200300.100.1.25, domainComponent (RFC 4519): the CAs of Active Directory.
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        _ => "other",
    }
}

fn read_text(value: Element<'_>) -> String {
    if value.tag == der::BMP_STRING {
        let units = value
            .content
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0u16, |unit, byte| unit << 8 | u16::from(*byte)));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(value.content).into_owned()
    }
}

/// UTCTime has two digits of the year and means 1950 to 2049; GeneralizedTime has four
/// (RFC 5280 4.1.2.5).
fn read_time(value: Element<'_>) -> Option<Timestamp> {
    let digits = core::str::from_utf8(value.content).ok()?;
    let full = match value.tag {
        der::UTC_TIME => {
            let year: u8 = digits.get(..2)?.parse().ok()?;
            format!("{}{digits}", if year < 50 { "20" } else { "19" })
        }
        der::GENERALIZED_TIME => digits.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests;
