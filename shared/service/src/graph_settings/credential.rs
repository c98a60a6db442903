//! One credential, as somebody enters it.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_identity::{CertificateKey, CertificateKeyError, make_application_certificate};
use tidemark_store::records::Cloud;
use uuid::Uuid;

use super::{CREDENTIAL_LIFE, Place};
use crate::border::CredentialSettings;

/// Longest client secret, in bytes. Entra's have 40.
const SECRET_BYTES_MAX: usize = 1024;
/// Letters of an app password, which are all small.
const APP_PASSWORD_LETTERS: usize = 16;

/// A credential that can work.
pub(super) enum Entered {
    /// A certificate with its key, PEM.
    Certificate { pem: SecretString, ends: Timestamp },
    /// One that we made.
    Made { pem: SecretString, ends: Timestamp },
    /// A client secret.
    Secret { value: SecretString, ends: Option<Timestamp> },
    /// AWS's identity.
    AwsFederation,
}

/// Why one cannot.
pub(super) struct Refused {
    /// Which member; empty for the credential itself.
    pub(super) member: &'static str,
    pub(super) rule: String,
    pub(super) mend: &'static str,
}

fn refused(member: &'static str, rule: impl Into<String>, mend: &'static str) -> Refused {
    Refused { member, rule: rule.into(), mend }
}

/// Checks that it names one kind, with what belongs to that.
pub(super) fn check_kind(new: &CredentialSettings) -> Result<(), Refused> {
    let many = usize::from(new.certificate.is_some())
        + usize::from(new.secret.is_some())
        + usize::from(new.make_certificate)
        + usize::from(new.aws_federation);
    if many != 1 {
        return Err(refused(
            "",
            "it names none of its kinds, or several",
            "one of certificate, secret, makeCertificate and awsFederation",
        ));
    }
    if new.key.is_some() && new.certificate.is_none() {
        return Err(refused("key", "it belongs to a certificate", "the certificate beside it"));
    }
    if new.secret_ends.is_some() && new.secret.is_none() {
        let rule = "only a client secret does not say itself when it ends";
        return Err(refused("secretEnds", rule, "leave it out"));
    }
    Ok(())
}

/// Reads a credential whose kind was checked.
pub(super) fn enter(
    new: &CredentialSettings,
    cloud: &Cloud,
    place: Place,
) -> Result<Entered, Refused> {
    if let Some(pem) = new.pem() {
        return certificate(pem, new.key.is_some(), place.now);
    }
    if let Some(value) = &new.secret {
        return secret(value, new.secret_ends, place.now);
    }
    if new.aws_federation {
        return federation(cloud, place);
    }
    let unmade = |_| refused("makeCertificate", "a certificate cannot be made", "try again");
    let pem = make_application_certificate("Tidemark", place.now, CREDENTIAL_LIFE);
    let pem = pem.map_err(unmade)?;
    let ends = CertificateKey::from_pem(&pem).map(|key| key.not_after());
    let ends = ends.unwrap_or(place.now);
    Ok(Entered::Made { pem, ends })
}

fn certificate(pem: SecretString, has_key: bool, now: Timestamp) -> Result<Entered, Refused> {
    let read = CertificateKey::from_pem(&pem).map_err(|error| unreadable(error, has_key))?;
    if read.not_after() <= now {
        let day = read.not_after().strftime("%Y-%m-%d");
        let rule = format!("the certificate ended on {day}");
        return Err(refused(
            "certificate",
            rule,
            "one that is valid, uploaded to the app registration",
        ));
    }
    if read.not_before() > now {
        let day = read.not_before().strftime("%Y-%m-%d");
        let rule = format!("the certificate is not valid before {day}");
        return Err(refused(
            "certificate",
            rule,
            "one that is valid now; or set this machine's clock",
        ));
    }
    Ok(Entered::Certificate { pem, ends: read.not_after() })
}

fn unreadable(error: CertificateKeyError, has_key: bool) -> Refused {
    let (is_of_key, mend) = match error {
        CertificateKeyError::TooLarge | CertificateKeyError::Broken => {
            (false, "the PEM text as it was exported, from BEGIN to END")
        }
        CertificateKeyError::NoCertificate => (false, "the certificate as PEM (BEGIN CERTIFICATE)"),
        CertificateKeyError::NoKey => {
            (true, "the private key as PEM without a passphrase (BEGIN PRIVATE KEY)")
        }
        CertificateKeyError::WeakKey => {
            (true, "an RSA key of 2048 bits or more; Entra takes no other kind")
        }
        CertificateKeyError::OtherKey => (true, "the key that this very certificate was made for"),
    };
    let member = if is_of_key && has_key { "key" } else { "certificate" };
    refused(member, error.to_string(), mend)
}

fn secret(
    value: &SecretString,
    ends: Option<Timestamp>,
    now: Timestamp,
) -> Result<Entered, Refused> {
    let text = value.expose_secret();
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !(1..=SECRET_BYTES_MAX).contains(&text.len()) || !is_visible {
        let rule = "it is empty, too long, or has characters that no client secret has";
        return Err(refused("secret", rule, "the secret's value as Entra showed it once"));
    }
    if Uuid::try_parse(text).is_ok() {
        let mend = "the secret's value, from the column beside; make a new one if it is lost";
        return Err(refused("secret", "it is the secret's id, not its value", mend));
    }
    if text.len() == APP_PASSWORD_LETTERS && text.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(refused(
            "secret",
            "it looks like an app password. App passwords are refused: they stand for a person and \
             go around the second factor, and Exchange Online does not take them any more",
            "a certificate or client secret of the app registration",
        ));
    }
    if let Some(end) = ends.filter(|end| *end <= now) {
        let rule = format!("the secret ended on {}", end.strftime("%Y-%m-%d"));
        return Err(refused("secretEnds", rule, "a new secret of the app registration"));
    }
    Ok(Entered::Secret { value: value.clone(), ends })
}

fn federation(cloud: &Cloud, place: Place) -> Result<Entered, Refused> {
    if !place.is_on_aws {
        return Err(refused(
            "awsFederation",
            "AWS vouches for functions that run there, and this program does not",
            "a certificate; makeCertificate makes one",
        ));
    }
    // Whoever gets the identity can log on with it as long as it holds.
    if let Cloud::Other { authority, .. } = cloud
        && !["http://127.0.0.1:", "http://[::1]:"].iter().any(|own| authority.starts_with(own))
    {
        return Err(refused(
            "awsFederation",
            "the identity of the function is shown to Microsoft's own clouds only",
            "a certificate",
        ));
    }
    Ok(Entered::AwsFederation)
}
