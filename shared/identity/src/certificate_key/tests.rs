use aws_lc_rs::digest;
use rcgen::PKCS_ECDSA_P256_SHA256;

use super::*;
use crate::testing::{FIRST, SECOND};

fn read(text: &str) -> Result<CertificateKey, CertificateKeyError> {
    CertificateKey::from_pem(&SecretString::from(text))
}

#[test]
fn key_and_certificate_are_found_in_any_order_and_among_others() {
    let (key, own) = (FIRST.key.serialize_pem(), &FIRST.certificate_pem);
    let other = &SECOND.certificate_pem;
    let hash = |key: &CertificateKey| {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, key.certificate()))
    };
    for text in [format!("{own}{key}"), format!("Bag Attributes\n{key}\n{other}{own}")] {
        let read = read(&text).unwrap();
        assert_eq!(read.thumbprint(), hash(&read));
        assert_eq!(read.not_after(), "2027-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(read.not_before(), "2026-01-01T00:00:00Z".parse().unwrap());
    }
}

#[test]
fn what_cannot_prove_anything_says_why() {
    let (key, own) = (FIRST.key.serialize_pem(), &FIRST.certificate_pem);
    let ec = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let cases = [
        (own.clone(), CertificateKeyError::NoKey),
        (key.clone(), CertificateKeyError::NoCertificate),
        (format!("{key}{}", SECOND.certificate_pem), CertificateKeyError::OtherKey),
        (format!("{ec}{own}"), CertificateKeyError::WeakKey),
        (key.replace("END", "ENDE"), CertificateKeyError::Broken),
        (
            format!("{key}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            CertificateKeyError::Broken,
        ),
        (String::new(), CertificateKeyError::NoKey),
        ("x".repeat(PEM_BYTES_MAX + 1), CertificateKeyError::TooLarge),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&text).unwrap_err(), expected);
    }
}

#[test]
fn debug_shows_nothing_of_the_key() {
    assert_eq!(
        format!("{:?}", FIRST.certificate_key()),
        "CertificateKey { not_after: 2027-01-01T00:00:00Z, .. }"
    );
}
