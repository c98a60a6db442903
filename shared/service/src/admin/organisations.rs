//! Organisations, their business systems, and API keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_model::{OrganisationId, SystemId};
use tidemark_store::records::{
    ApiKeyId, ApiKeyRow, Document, OrganisationRow, Role, SaveError, SystemRow,
};
use tidemark_transport::NetworkRange;

use super::{AdminError, read_name};
use crate::Service;

/// Bytes of a key that we make.
const KEY_BYTES: usize = 32;
/// What a key that we make begins with, so that people and scanners know it when they see it.
const KEY_PREFIX: &str = "tidemark_";
/// Characters of a key, whoever made it.
const KEY_CHARACTERS: core::ops::RangeInclusive<usize> = 8..=200;
/// Longest name of a domain (RFC 1035, 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;

/// An organisation to set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrganisation {
    /// Which one.
    pub id: OrganisationId,
    /// What people call it.
    pub name: String,
    /// Domains whose addresses are its people's, in any case.
    pub domains: Vec<String>,
    /// Private networks (CIDR) that its webhooks may reach.
    pub allowed_networks: Vec<String>,
}

/// An API key to set up. `Debug` does not show the key.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The business system that it speaks for.
    pub system: SystemId,
    /// What people call it; unique within the business system.
    pub label: String,
    /// What it allows; at least one.
    pub roles: Vec<Role>,
    /// The key itself, 8 to 200 visible ASCII characters; none to have one made.
    pub key: Option<SecretString>,
}

impl Service {
    /// Sets an organisation up.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Taken`] when there is one of this id.
    pub async fn create_organisation(
        &self,
        new: &NewOrganisation,
    ) -> Result<OrganisationRow, AdminError> {
        let row = self.organisation_row(new, None)?;
        match self.records.save_organisation(&row, None).await {
            Ok(_) => Ok(row),
            Err(SaveError::RevisionMoved) => {
                let rule = "there is an organisation of this id";
                Err(AdminError::taken("id", rule, "choose another id"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sets an organisation up, or brings the one of this id to what is asked for.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn ensure_organisation(
        &self,
        new: &NewOrganisation,
    ) -> Result<OrganisationRow, AdminError> {
        let before = self.records.organisation(&new.id).await?;
        let row = self.organisation_row(new, before.as_ref().map(|before| &before.value))?;
        if before.as_ref().is_none_or(|before| before.value != row) {
            let revision = before.map(|before| before.revision);
            self.records.save_organisation(&row, revision).await?;
        }
        Ok(row)
    }

    fn organisation_row(
        &self,
        new: &NewOrganisation,
        before: Option<&OrganisationRow>,
    ) -> Result<OrganisationRow, AdminError> {
        let domains = new.domains.iter().enumerate().map(|(at, text)| read_domain(at, text));
        let networks =
            new.allowed_networks.iter().enumerate().map(|(at, text)| read_network(at, text));
        Ok(OrganisationRow {
            id: new.id.clone(),
            name: read_name("name", &new.name)?,
            allowed_networks: networks.collect::<Result<_, _>>()?,
            domains: domains.collect::<Result<_, _>>()?,
            created_at: before.map_or_else(|| self.world.now(), |before| before.created_at),
        })
    }

    /// Sets a business system up.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Taken`] when there is one of this id.
    pub async fn create_system(
        &self,
        organisation: &OrganisationId,
        id: &SystemId,
        name: &str,
    ) -> Result<SystemRow, AdminError> {
        self.require_organisation(organisation).await?;
        let row = self.system_row(id, name, None)?;
        match self.records.save_system(organisation, &row, None).await {
            Ok(_) => Ok(row),
            Err(SaveError::RevisionMoved) => {
                let rule = "there is a business system of this id";
                Err(AdminError::taken("id", rule, "choose another id"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a business system up, or gives the one of this id its name.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn ensure_system(
        &self,
        organisation: &OrganisationId,
        id: &SystemId,
        name: &str,
    ) -> Result<SystemRow, AdminError> {
        self.require_organisation(organisation).await?;
        let before = self.records.system(organisation, id).await?;
        let row = self.system_row(id, name, before.as_ref())?;
        if before.as_ref().is_none_or(|before| before.value != row) {
            let revision = before.map(|before| before.revision);
            self.records.save_system(organisation, &row, revision).await?;
        }
        Ok(row)
    }

    fn system_row(
        &self,
        id: &SystemId,
        name: &str,
        before: Option<&Document<SystemRow>>,
    ) -> Result<SystemRow, AdminError> {
        Ok(SystemRow {
            id: id.clone(),
            name: read_name("name", name)?,
            created_at: before.map_or_else(|| self.world.now(), |before| before.value.created_at),
        })
    }

    /// Makes an API key, or takes the one that is given. The second value is the key itself, which
    /// is kept nowhere: whoever loses it needs a new one.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Taken`] when the label or the key is in use.
    pub async fn create_api_key(
        &self,
        organisation: &OrganisationId,
        new: &NewApiKey,
    ) -> Result<(ApiKeyRow, SecretString), AdminError> {
        let label = self.check_api_key(organisation, new).await?;
        if !self.keys_labelled(organisation, &new.system, &label).await?.is_empty() {
            let rule = "the business system has a key of this label";
            return Err(AdminError::taken("label", rule, "revoke that one or choose another"));
        }
        if let Some(key) = &new.key
            && self.records.api_key(key.expose_secret(), self.world.now()).await?.is_some()
        {
            return Err(key_in_use());
        }
        self.save_key(organisation, new, label).await
    }

    /// Sees to it that a key is valid and allows what is asked for. Another key of the same label
    /// is revoked, so that a changed setting replaces it.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Invalid`] at `key` when none is given, since a key that was
    /// made before cannot be shown again.
    pub async fn ensure_api_key(
        &self,
        organisation: &OrganisationId,
        new: &NewApiKey,
    ) -> Result<ApiKeyRow, AdminError> {
        let label = self.check_api_key(organisation, new).await?;
        let Some(key) = &new.key else {
            return Err(AdminError::invalid("key", "is missing", "give the key itself"));
        };
        let known = self.records.api_key(key.expose_secret(), self.world.now()).await?;
        if let Some(row) = known {
            if row.organisation != *organisation
                || row.system.as_ref() != Some(&new.system)
                || row.label != label
            {
                return Err(key_in_use());
            }
            if row.roles == new.roles {
                return Ok(row);
            }
        }
        for row in self.keys_labelled(organisation, &new.system, &label).await? {
            self.records.revoke_api_key(organisation, row.id).await?;
        }
        self.save_key(organisation, new, label).await.map(|(row, _)| row)
    }

    async fn check_api_key(
        &self,
        organisation: &OrganisationId,
        new: &NewApiKey,
    ) -> Result<String, AdminError> {
        let label = read_name("label", &new.label)?;
        if new.roles.is_empty() {
            let mend = "give at least one of administrator, operator, integrator";
            return Err(AdminError::invalid("roles", "the key would allow nothing", mend));
        }
        if let Some(key) = &new.key {
            let key = key.expose_secret();
            let fits = KEY_CHARACTERS.contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                let mend = "give 8 to 200 visible ASCII characters";
                return Err(AdminError::invalid("key", "cannot be sent as a bearer token", mend));
            }
        }
        self.require_system("system", organisation, &new.system).await?;
        Ok(label)
    }

    async fn keys_labelled(
        &self,
        organisation: &OrganisationId,
        system: &SystemId,
        label: &str,
    ) -> Result<Vec<ApiKeyRow>, AdminError> {
        let mut keys = self.records.api_keys(organisation).await?;
        keys.retain(|row| row.system.as_ref() == Some(system) && row.label == label);
        Ok(keys)
    }

    async fn save_key(
        &self,
        organisation: &OrganisationId,
        new: &NewApiKey,
        label: String,
    ) -> Result<(ApiKeyRow, SecretString), AdminError> {
        let key = new.key.clone().unwrap_or_else(|| {
            let random: [u8; KEY_BYTES] = self.world.random();
            SecretString::from(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
        });
        let row = ApiKeyRow {
            id: ApiKeyId::new(self.world.uuid()),
            organisation: organisation.clone(),
            label,
            roles: new.roles.clone(),
            system: Some(new.system.clone()),
            created_at: self.world.now(),
            expires_at: None,
        };
        self.records.save_api_key(key.expose_secret(), &row).await?;
        Ok((row, key))
    }

    pub(super) async fn require_organisation(&self, id: &OrganisationId) -> Result<(), AdminError> {
        match self.records.organisation(id).await? {
            Some(_) => Ok(()),
            None => Err(AdminError::not_found("organisation", "organisation")),
        }
    }

    pub(super) async fn require_system(
        &self,
        field: &str,
        organisation: &OrganisationId,
        id: &SystemId,
    ) -> Result<(), AdminError> {
        match self.records.system(organisation, id).await? {
            Some(_) => Ok(()),
            None => Err(AdminError::not_found(field, "business system")),
        }
    }
}

/// Says no more than that: whose key it is, is nobody's business.
fn key_in_use() -> AdminError {
    AdminError::taken("key", "the key is in use elsewhere", "choose another key")
}

fn read_domain(at: usize, text: &str) -> Result<String, AdminError> {
    let domain = text.trim().to_lowercase();
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if domain.len() <= DOMAIN_BYTES_MAX && domain.split('.').all(label) {
        return Ok(domain);
    }
    let mend = "give a name such as example.com; names with other letters in their xn-- form";
    Err(AdminError::invalid(format!("domains[{at}]"), "is not a domain", mend))
}

fn read_network(at: usize, text: &str) -> Result<String, AdminError> {
    let network = text.trim();
    match network.parse::<NetworkRange>() {
        Ok(_) => Ok(network.to_owned()),
        Err(error) => Err(AdminError::invalid(
            format!("allowed_networks[{at}]"),
            error.to_string(),
            "give a range such as 10.0.0.0/8 or fd00::/8",
        )),
    }
}
