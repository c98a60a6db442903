//! API keys: made, listed, ended. A key itself is shown once and kept nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tidemark_store::records::{ApiKeyId, ApiKeyRow, Role as StoredRole};
use uuid::Uuid;

use super::founding::FOUNDING_KEY;
use super::{check_name, refuse_if_any, wrong};
use crate::api::access::may_administer;
use crate::api::save_refusal;
use crate::border::{Caller, KeyView, NewKey, Refusal, Role};
use crate::service::Service;

/// Most keys of an organisation.
const KEYS_MAX: usize = 200;
/// What every key begins with, so that scanners for leaked secrets can know it.
const KEY_PREFIX: &str = "tidemark_";

impl Service {
    pub(super) async fn list_keys(&self, caller: &Caller) -> Result<Vec<KeyView>, Refusal> {
        may_administer(caller)?;
        let rows = self.records.api_keys(&caller.organisation).await?;
        Ok(rows.into_iter().map(view_of).collect())
    }

    pub(super) async fn make_key(
        &self,
        caller: &Caller,
        new: NewKey,
    ) -> Result<(KeyView, SecretString), Refusal> {
        may_administer(caller)?;
        let now = self.world.now();
        let mut problems: Vec<_> = check_name(&new.label, "/label").into_iter().collect();
        if new.roles.is_empty() {
            let mend = "one or more of administrator, operator and integrator";
            problems.push(wrong("/roles", "names no role", mend));
        }
        if new.expires.is_some_and(|end| end <= now) {
            problems.push(wrong("/expires", "is not in the future", "a later moment, or null"));
        }
        refuse_if_any(problems)?;
        let system = match &new.system {
            Some(named) => Some(self.named_system(caller, Some(named)).await?),
            // Whoever reads and writes items does so for a system.
            None if new.roles.contains(&Role::Integrator) => {
                Some(self.named_system(caller, None).await?)
            }
            None => None,
        };
        if self.records.api_keys(&caller.organisation).await?.len() >= KEYS_MAX {
            let text = format!("an organisation has at most {KEYS_MAX} keys: end one first");
            return Err(Refusal::Conflict(text));
        }
        let row = ApiKeyRow {
            id: ApiKeyId::new(self.world.uuid()),
            organisation: caller.organisation.clone(),
            label: new.label,
            roles: new.roles.into_iter().map(stored_role).collect(),
            system,
            created_at: now,
            expires_at: new.expires,
        };
        let random = URL_SAFE_NO_PAD.encode(self.world.random::<32>());
        let key = SecretString::from(format!("{KEY_PREFIX}{random}"));
        self.keep_key(caller, &key, &row).await?;
        Ok((view_of(row), key))
    }

    pub(super) async fn end_key(&self, caller: &Caller, id: Uuid) -> Result<(), Refusal> {
        may_administer(caller)?;
        if id == FOUNDING_KEY {
            let text = "this key is the value of a secret of the deployment: give the secret \
                        another value, and the key ends when the function starts next";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let id = ApiKeyId::new(id);
        let organisation = &caller.organisation;
        let found = self.records.listed_api_key(organisation, id).await?;
        let (row, digest) = found.ok_or(Refusal::NotFound { what: "key" })?;
        let now = self.world.now();
        let rules = |row: &ApiKeyRow| {
            row.roles.contains(&StoredRole::Administrator)
                && row.expires_at.is_none_or(|end| now < end)
        };
        let all = self.records.api_keys(organisation).await?;
        if rules(&row) && !all.iter().any(|other| other.id != id && rules(other)) {
            let text = "this is the last key of an administrator: make another one first with \
                        POST /v1/keys";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let subject = format!("key/{id}");
        let note = self.note(&caller.key_id, "key-ended", subject, Some(shown(&row)), None);
        self.records.end_api_key(&row, &digest, &note).await.map_err(save_refusal)
    }

    /// Sees to it that a key which somebody chose is valid with this label, these roles and this
    /// system; another one with the same label and system ends.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] when the key is another organisation's; otherwise the store failed.
    pub async fn settle_key(
        &self,
        caller: &Caller,
        key: &SecretString,
        wanted: &ApiKeyRow,
    ) -> Result<(), Refusal> {
        let is_same = |row: &ApiKeyRow| {
            row.organisation == wanted.organisation
                && row.label == wanted.label
                && row.system == wanted.system
        };
        let known = self.records.api_key(key.expose_secret(), self.world.now()).await?;
        if known.as_ref().is_some_and(|row| is_same(row) && row.roles == wanted.roles) {
            return Ok(());
        }
        if known.as_ref().is_some_and(|row| row.organisation != wanted.organisation) {
            let text = format!(
                "the API key {} is another organisation's: choose another one",
                wanted.label
            );
            return Err(Refusal::Conflict(text));
        }
        for row in self.records.api_keys(&wanted.organisation).await? {
            if is_same(&row) || known.as_ref().is_some_and(|known| known.id == row.id) {
                self.end_listed(caller, row.id).await?;
            }
        }
        self.keep_key(caller, key, wanted).await
    }

    async fn end_listed(&self, caller: &Caller, id: ApiKeyId) -> Result<(), Refusal> {
        let Some((row, digest)) = self.records.listed_api_key(&caller.organisation, id).await?
        else {
            return Ok(());
        };
        let subject = format!("key/{id}");
        let note = self.note(&caller.key_id, "key-ended", subject, Some(shown(&row)), None);
        self.records.end_api_key(&row, &digest, &note).await.map_err(save_refusal)
    }

    async fn keep_key(
        &self,
        caller: &Caller,
        key: &SecretString,
        row: &ApiKeyRow,
    ) -> Result<(), Refusal> {
        let subject = format!("key/{}", row.id);
        let note = self.note(&caller.key_id, "key-made", subject, None, Some(shown(row)));
        let kept = self.records.issue_api_key(key.expose_secret(), row, None, &note).await;
        kept.map_err(save_refusal)
    }
}

/// A key as the activity shows it.
pub(super) fn shown(row: &ApiKeyRow) -> Value {
    json!({
        "label": row.label,
        "roles": row.roles,
        "system": row.system.as_ref().map(ToString::to_string),
        "expires": row.expires_at.as_ref().map(Timestamp::to_string),
    })
}

fn view_of(row: ApiKeyRow) -> KeyView {
    KeyView {
        id: row.id.uuid(),
        label: row.label,
        roles: row.roles.into_iter().map(role_of).collect(),
        system: row.system.map(|system| system.to_string()),
        created: row.created_at.to_string(),
        expires: row.expires_at.map(|end| end.to_string()),
    }
}

const fn stored_role(role: Role) -> StoredRole {
    match role {
        Role::Administrator => StoredRole::Administrator,
        Role::Operator => StoredRole::Operator,
        Role::Integrator => StoredRole::Integrator,
    }
}

const fn role_of(role: StoredRole) -> Role {
    match role {
        StoredRole::Administrator => Role::Administrator,
        StoredRole::Operator => Role::Operator,
        StoredRole::Integrator => Role::Integrator,
    }
}
