//! A certificate with its private key, as an application proves itself with.

use core::fmt;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret, SecretString};
use tidemark_transport::certificate::{CertificateError, PEM_BYTES_MAX, describe_certificates};
use zeroize::Zeroizing;

/// Smallest RSA key that is used: what Entra asks for.
const MODULUS_BYTES_MIN: usize = 256;

const DASHES: &str = "-----";

/// A certificate and its RSA key. `Debug` shows when the certificate ends and nothing else.
#[derive(Clone)]
pub struct CertificateKey {
    key: EncodingKey,
    thumbprint: String,
    certificate: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a text holds no certificate that an application can prove itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateKeyError {
    /// More than 256 KiB.
    #[error("the text is larger than 256 KiB")]
    TooLarge,
    /// A PEM block without its end, or with something that is no Base64.
    #[error("a PEM block is broken")]
    Broken,
    /// No block CERTIFICATE, or what stands in it is none.
    #[error("there is no X.509 certificate in the text")]
    NoCertificate,
    /// No block PRIVATE KEY or RSA PRIVATE KEY without a passphrase.
    #[error("there is no unencrypted private key in the text")]
    NoKey,
    /// The key is no RSA key of at least 2048 bits.
    #[error("the private key is no RSA key of at least 2048 bits")]
    WeakKey,
    /// The certificate was made for another key.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
}

impl CertificateKey {
    /// Reads the PEM text of a certificate and of its private key (PKCS #8 or PKCS #1), in any
    /// order. Where a chain stands, the certificate of the key is found in it.
    ///
    /// # Errors
    /// [`CertificateKeyError`].
    pub fn from_pem(pem: &SecretString) -> Result<Self, CertificateKeyError> {
        let text = pem.expose_secret();
        if text.len() > PEM_BYTES_MAX {
            return Err(CertificateKeyError::TooLarge);
        }
        let blocks = blocks(text)?;
        let pair = blocks.iter().find_map(private_key).ok_or(CertificateKeyError::NoKey)??;
        if pair.public_modulus_len() < MODULUS_BYTES_MIN {
            return Err(CertificateKeyError::WeakKey);
        }
        let certificates: Vec<&Block<'_>> =
            blocks.iter().filter(|block| block.label == "CERTIFICATE").collect();
        if certificates.is_empty() {
            return Err(CertificateKeyError::NoCertificate);
        }
        // An RSA public key (PKCS #1) stands byte for byte in the certificate that was made for it.
        let public = pair.public_key().as_ref();
        let own = certificates
            .into_iter()
            .find(|block| block.der.windows(public.len()).any(|window| window == public))
            .ok_or(CertificateKeyError::OtherKey)?;
        let described = describe_certificates(own.whole).map_err(|error| match error {
            CertificateError::TooLarge => CertificateKeyError::TooLarge,
            CertificateError::NoCertificate
            | CertificateError::PrivateKey
            | CertificateError::Malformed => CertificateKeyError::NoCertificate,
        })?;
        let facts = described.first().ok_or(CertificateKeyError::NoCertificate)?;
        let key = blocks
            .iter()
            .find(|block| is_private_key(block.label))
            .and_then(|block| EncodingKey::from_rsa_pem(block.whole.as_bytes()).ok())
            .ok_or(CertificateKeyError::NoKey)?;
        Ok(Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(facts.fingerprint.as_bytes()),
            certificate: own.der.to_vec(),
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }

    /// The SHA-256 of the certificate's DER form in base64url: the header `x5t#S256`.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The certificate in DER form.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// From when on the certificate is valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when the certificate is valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    pub(crate) fn key(&self) -> &EncodingKey {
        &self.key
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateKey").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// One PEM block (RFC 7468).
struct Block<'a> {
    label: &'a str,
    whole: &'a str,
    der: Zeroizing<Vec<u8>>,
}

fn blocks(text: &str) -> Result<Vec<Block<'_>>, CertificateKeyError> {
    const BROKEN: CertificateKeyError = CertificateKeyError::Broken;
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let from = rest.get(start..).ok_or(BROKEN)?;
        let (label, after) = from
            .strip_prefix("-----BEGIN ")
            .and_then(|label| label.split_once(DASHES))
            .ok_or(BROKEN)?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(end.as_str()).ok_or(BROKEN)?;
        let length = from.len().saturating_sub(after.len());
        let compact: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
        // An encrypted key of the old form has headers within; it is found missing afterwards.
        if let Ok(der) = STANDARD.decode(compact.as_bytes()) {
            let whole = from.get(..length).ok_or(BROKEN)?;
            found.push(Block { label, whole, der: Zeroizing::new(der) });
        } else if label == "CERTIFICATE" {
            return Err(BROKEN);
        }
        rest = after;
    }
    Ok(found)
}

fn is_private_key(label: &str) -> bool {
    matches!(label, "PRIVATE KEY" | "RSA PRIVATE KEY")
}

fn private_key(block: &Block<'_>) -> Option<Result<KeyPair, CertificateKeyError>> {
    let pair = match block.label {
        "PRIVATE KEY" => KeyPair::from_pkcs8(&block.der),
        "RSA PRIVATE KEY" => KeyPair::from_der(&block.der),
        _ => return None,
    };
    Some(pair.map_err(|_| CertificateKeyError::WeakKey))
}

#[cfg(test)]
mod tests;
