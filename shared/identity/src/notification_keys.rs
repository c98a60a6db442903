//! Our own certificates that Microsoft encrypts notifications for: made here, replaced in time, and
//! the old key kept until nothing is on its way any more.

use core::fmt;

use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::encrypted_content::{EncryptedContent, Unopenable, open};
use crate::self_signed::self_signed;

/// How long a certificate is made for. Microsoft checks no authority and no date; the end is there
/// so that nobody can use a key for ever.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// After so long a new one is made.
const REPLACE_AFTER: SignedDuration = SignedDuration::from_hours(24 * 180);
/// How long the old key is kept, which is longer than the last subscription with its certificate can
/// live: those with content live for a day unless they are prolonged, none is prolonged once renewal
/// knows of the new one, and Microsoft delivers what waits for four hours.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 3);
/// Most old keys that are kept.
const RETIRED_MAX: usize = 4;

/// A certificate with its key.
struct NotificationKey {
    id: String,
    certificate: Vec<u8>,
    pkcs8: Zeroizing<Vec<u8>>,
    made_at: Timestamp,
    retired_at: Option<Timestamp>,
}

/// The present certificate and those that it replaced. `Debug` shows ids and times.
pub struct NotificationKeys {
    present: NotificationKey,
    retired: Vec<NotificationKey>,
}

/// Why there is no certificate for notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotificationKeysError {
    /// The key or the certificate cannot be made.
    #[error("a certificate for notifications cannot be made")]
    NotMade,
    /// What is kept of it cannot be read.
    #[error("the kept certificate for notifications cannot be read")]
    Unreadable,
}

/// How the keys are kept in a secret. Version 1.
#[derive(Serialize, Deserialize)]
struct Kept {
    v: u8,
    keys: Vec<KeptKey>,
}

#[derive(Serialize, Deserialize)]
struct KeptKey {
    id: String,
    certificate: String,
    key: Zeroizing<String>,
    made_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired_at: Option<Timestamp>,
}

impl NotificationKeys {
    /// Makes the first certificate. Takes some tenths of a second: an RSA key is searched for.
    ///
    /// # Errors
    /// [`NotificationKeysError::NotMade`].
    pub fn make(id: Uuid, now: Timestamp) -> Result<Self, NotificationKeysError> {
        Ok(Self { present: NotificationKey::make(id, now)?, retired: Vec::new() })
    }

    /// Reads what [`Self::to_secret`] wrote.
    ///
    /// # Errors
    /// [`NotificationKeysError::Unreadable`].
    pub fn from_secret(secret: &SecretString) -> Result<Self, NotificationKeysError> {
        let unreadable = NotificationKeysError::Unreadable;
        let kept: Kept = serde_json::from_str(secret.expose_secret()).map_err(|_| unreadable)?;
        if kept.v != 1 {
            return Err(unreadable);
        }
        let keys: Vec<NotificationKey> =
            kept.keys.into_iter().map(NotificationKey::read).collect::<Result<_, _>>()?;
        let mut keys = keys.into_iter();
        let present = keys.next().filter(|key| key.retired_at.is_none()).ok_or(unreadable)?;
        Ok(Self { present, retired: keys.take(RETIRED_MAX).collect() })
    }

    /// Everything, to be kept in one secret.
    ///
    /// # Errors
    /// [`NotificationKeysError::Unreadable`] when it cannot be written down.
    pub fn to_secret(&self) -> Result<SecretString, NotificationKeysError> {
        let keys = core::iter::once(&self.present).chain(&self.retired);
        let kept = Kept { v: 1, keys: keys.map(NotificationKey::write).collect() };
        serde_json::to_string(&kept)
            .map(SecretString::from)
            .map_err(|_| NotificationKeysError::Unreadable)
    }

    /// `encryptionCertificateId` of subscriptions that are made or renewed now.
    pub fn certificate_id(&self) -> &str {
        &self.present.id
    }

    /// `encryptionCertificate` of subscriptions: the DER form in Base64.
    pub fn certificate(&self) -> String {
        STANDARD.encode(&self.present.certificate)
    }

    /// Makes a new certificate if the time has come, and drops keys that nothing is on its way for
    /// any more. True when something changed and has to be kept.
    ///
    /// # Errors
    /// [`NotificationKeysError::NotMade`]; the present one goes on.
    pub fn rotate(&mut self, id: Uuid, now: Timestamp) -> Result<bool, NotificationKeysError> {
        let before = self.retired.len();
        self.retired.retain(|key| key.retired_at.is_none_or(|at| now.duration_since(at) < KEPT));
        let is_changed = self.retired.len() != before;
        if now.duration_since(self.present.made_at) < REPLACE_AFTER {
            return Ok(is_changed);
        }
        let mut old = core::mem::replace(&mut self.present, NotificationKey::make(id, now)?);
        old.retired_at = Some(now);
        self.retired.insert(0, old);
        self.retired.truncate(RETIRED_MAX);
        Ok(true)
    }

    /// Whether one of the certificates, the present one or one before, has this id.
    pub fn has(&self, id: &str) -> bool {
        core::iter::once(&self.present).chain(&self.retired).any(|key| key.id == id)
    }

    /// Opens a content, with the old key too as long as it is kept.
    ///
    /// # Errors
    /// [`Unopenable`], for whatever reason.
    pub fn open(&self, content: &EncryptedContent<'_>) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
        let mut keys = core::iter::once(&self.present).chain(&self.retired);
        let key = keys.find(|key| key.id == content.certificate_id).ok_or(Unopenable)?;
        open(content, &key.decrypting()?)
    }
}

impl NotificationKey {
    fn make(id: Uuid, now: Timestamp) -> Result<Self, NotificationKeysError> {
        let (key, certificate) = self_signed("Tidemark notifications", now, LIFE)
            .ok_or(NotificationKeysError::NotMade)?;
        Ok(Self {
            id: id.to_string(),
            certificate: certificate.der().to_vec(),
            pkcs8: Zeroizing::new(key.serialize_der()),
            made_at: now,
            retired_at: None,
        })
    }

    fn read(kept: KeptKey) -> Result<Self, NotificationKeysError> {
        let bytes =
            |text: &str| STANDARD.decode(text).map_err(|_| NotificationKeysError::Unreadable);
        let key = Self {
            certificate: bytes(&kept.certificate)?,
            pkcs8: Zeroizing::new(bytes(&kept.key)?),
            id: kept.id,
            made_at: kept.made_at,
            retired_at: kept.retired_at,
        };
        key.decrypting().map_err(|_| NotificationKeysError::Unreadable)?;
        Ok(key)
    }

    fn write(&self) -> KeptKey {
        KeptKey {
            id: self.id.clone(),
            certificate: STANDARD.encode(&self.certificate),
            key: Zeroizing::new(STANDARD.encode(self.pkcs8.as_slice())),
            made_at: self.made_at,
            retired_at: self.retired_at,
        }
    }

    fn decrypting(&self) -> Result<OaepPrivateDecryptingKey, Unopenable> {
        let key = PrivateDecryptingKey::from_pkcs8(&self.pkcs8).map_err(|_| Unopenable)?;
        OaepPrivateDecryptingKey::new(key).map_err(|_| Unopenable)
    }
}

impl fmt::Debug for NotificationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationKeys")
            .field("id", &self.present.id)
            .field("made_at", &self.present.made_at)
            .field("retired", &self.retired.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
