//! Founding: an organisation comes to be without a settings file, with its first administrator's
//! key. On AWS the key is a secret that the template generates.

use core::ops::RangeInclusive;

use secrecy::{ExposeSecret as _, SecretString};
use tidemark_model::OrganisationId;
use tidemark_store::records::{
    ApiKeyId, ApiKeyRow, OrganisationRow, Role, SaveError, SettingsChange,
};
use tidemark_store::{Secrets, StoreError};
use uuid::Uuid;

use super::{keys, organisation};
use crate::service::Service;

/// How long a founding key may be, in bytes: nobody guesses the shortest, and the API looks the
/// longest up.
pub const FOUNDING_KEY_BYTES: RangeInclusive<usize> = 32..=512;

/// The id of every organisation's founding key: there is one at most, in all of its values.
pub(super) const FOUNDING_KEY: Uuid = Uuid::from_u128(1);

/// Who founds, in the activity.
const BY: &str = "founding";
/// How often a key is put that somebody else replaces in the same moment.
const ATTEMPTS_MAX: usize = 5;

/// What an organisation is founded with.
#[derive(Clone, Copy)]
pub struct Founding<'a> {
    /// Which one.
    pub organisation: &'a OrganisationId,
    /// Where the secret is.
    pub secrets: &'a dyn Secrets,
    /// Name of the secret whose value is the key of the first administrator.
    pub secret_name: &'a str,
}

/// What founding did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Founded {
    /// The key was valid already.
    Before,
    /// The key is valid from now on; one that it replaces has ended.
    Now,
}

/// Why an organisation was not founded. No text shows the key.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FoundingError {
    /// There is no such secret.
    #[error("the secret of the founding key does not exist")]
    NoSecret,
    /// The secret is no key.
    #[error(
        "the founding key must have {} to {} visible ASCII characters",
        FOUNDING_KEY_BYTES.start(),
        FOUNDING_KEY_BYTES.end()
    )]
    Form,
    /// The same key is known already, for somebody else or with another role.
    #[error("the founding key is in use as another key: give the secret a value of its own")]
    InUse,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Service {
    /// Sees to it that an organisation is there and that the key in the secret is its administrator's.
    /// Where both hold, this is one look at the secret and one at the table. A key that the secret
    /// held before ends in the moment in which the new one becomes valid. Several processes may do
    /// this at once.
    ///
    /// # Errors
    /// [`FoundingError`].
    pub async fn found(&self, founding: Founding<'_>) -> Result<Founded, FoundingError> {
        let key = read_key(&founding).await?;
        match self.records.api_key(key.expose_secret(), self.world.now()).await? {
            Some(row) if is_founding_of(&row, founding.organisation) => return Ok(Founded::Before),
            Some(_) => return Err(FoundingError::InUse),
            None => {}
        }
        self.found_organisation(founding.organisation, BY).await?;
        for _ in 0..ATTEMPTS_MAX {
            if let Some(founded) = self.replace_founding_key(&founding).await? {
                return Ok(founded);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Sees to it that an organisation is there; a new one is called by its id. `by` is who founds, for
    /// the activity.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn found_organisation(
        &self,
        id: &OrganisationId,
        by: &str,
    ) -> Result<(), StoreError> {
        if self.records.organisation(id).await?.is_some() {
            return Ok(());
        }
        let row = OrganisationRow {
            id: id.clone(),
            name: id.to_string(),
            enabled: true,
            allowed_networks: Vec::new(),
            domains: Vec::new(),
            cap_cents_per_month: None,
            created_at: self.world.now(),
        };
        let after = Some(organisation::shown(&row));
        let subject = format!("organisation/{id}");
        let note = self.note(by, "organisation-founded", subject, None, after);
        let save = SettingsChange::Organisation(&row, None);
        match self.records.change_settings(id, save, &note).await {
            // Somebody else founded it in the same moment.
            Ok(()) | Err(SaveError::RevisionMoved) => Ok(()),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// Puts the key in the place of the one before. None when somebody else was faster.
    async fn replace_founding_key(
        &self,
        founding: &Founding<'_>,
    ) -> Result<Option<Founded>, FoundingError> {
        let id = ApiKeyId::new(FOUNDING_KEY);
        // The row is read before the secret: so whoever replaces a key has seen a secret that is not
        // older than that key, and none that was taken back comes in again.
        let before = self.records.listed_api_key(founding.organisation, id).await?;
        let key = read_key(founding).await?;
        match self.records.api_key(key.expose_secret(), self.world.now()).await? {
            Some(row) if is_founding_of(&row, founding.organisation) => {
                return Ok(Some(Founded::Before));
            }
            Some(_) => return Err(FoundingError::InUse),
            None => {}
        }
        let row = ApiKeyRow {
            id,
            organisation: founding.organisation.clone(),
            label: "founding".to_owned(),
            roles: vec![Role::Administrator],
            system: None,
            created_at: self.world.now(),
            expires_at: None,
        };
        let action = if before.is_some() { "founding-key-replaced" } else { "founding-key-made" };
        let was = before.as_ref().map(|(row, _)| keys::shown(row));
        let subject = format!("key/{id}");
        let note = self.note(BY, action, subject, was, Some(keys::shown(&row)));
        let digest = before.as_ref().map(|(_, digest)| digest);
        match self.records.issue_api_key(key.expose_secret(), &row, digest, &note).await {
            Ok(()) => Ok(Some(Founded::Now)),
            Err(SaveError::RevisionMoved) => Ok(None),
            Err(SaveError::Store(error)) => Err(error.into()),
        }
    }
}

async fn read_key(founding: &Founding<'_>) -> Result<SecretString, FoundingError> {
    let text = founding.secrets.get(founding.secret_name).await?.ok_or(FoundingError::NoSecret)?;
    let key = text.expose_secret().trim();
    if FOUNDING_KEY_BYTES.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(SecretString::from(key))
    } else {
        Err(FoundingError::Form)
    }
}

fn is_founding_of(row: &ApiKeyRow, organisation: &OrganisationId) -> bool {
    row.id.uuid() == FOUNDING_KEY && row.organisation == *organisation
}
