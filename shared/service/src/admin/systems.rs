//! Business systems (W19): keys, links and item ids belong to exactly one of them.

use serde_json::{Value, json};
use tidemark_model::SystemId;
use tidemark_store::records::{Document, SettingsChange, SystemRow};

use super::{check_name, refuse_if_any, wrong};
use crate::api::access::may_administer;
use crate::api::save_refusal;
use crate::border::{Caller, Refusal, SystemView};
use crate::service::Service;

/// Most business systems of an organisation.
const SYSTEMS_MAX: usize = 100;

impl Service {
    pub(super) async fn list_systems(&self, caller: &Caller) -> Result<Vec<SystemView>, Refusal> {
        may_administer(caller)?;
        let rows = self.records.systems(&caller.organisation).await?;
        Ok(rows.into_iter().map(|row| view_of(row.value)).collect())
    }

    pub(super) async fn make_system(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<SystemView, Refusal> {
        may_administer(caller)?;
        let parsed = SystemId::parse(id);
        let mut problems: Vec<_> = check_name(name, "/name").into_iter().collect();
        if let Err(error) = &parsed {
            let mend = "a short id of lower-case letters, digits and hyphens, such as crm";
            problems.push(wrong("/id", error.to_string(), mend));
        }
        refuse_if_any(problems)?;
        let id = parsed.map_err(|_| Refusal::Internal)?;
        if self.records.systems(&caller.organisation).await?.len() >= SYSTEMS_MAX {
            let text = format!("an organisation has at most {SYSTEMS_MAX} business systems");
            return Err(Refusal::Conflict(text));
        }
        if self.records.system(&caller.organisation, &id).await?.is_some() {
            let text = "there is a business system of this id: choose another id, or change the \
                        name of this one with PATCH /v1/systems/{id}";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let row = SystemRow { id, name: name.to_owned(), created_at: self.world.now() };
        self.save_system(caller, &row, None).await?;
        Ok(view_of(row))
    }

    pub(super) async fn rename_system(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<SystemView, Refusal> {
        may_administer(caller)?;
        refuse_if_any(check_name(name, "/name").into_iter().collect())?;
        let unknown = Refusal::NotFound { what: "business system" };
        let Ok(id) = SystemId::parse(id) else {
            return Err(unknown);
        };
        let found = self.records.system(&caller.organisation, &id).await?.ok_or(unknown)?;
        let row = SystemRow { name: name.to_owned(), ..found.value.clone() };
        if row != found.value {
            self.save_system(caller, &row, Some(found)).await?;
        }
        Ok(view_of(row))
    }

    /// Brings a business system to this name, whether it is there or not.
    ///
    /// # Errors
    /// [`Refusal`]: the name is no name, or the store failed.
    pub async fn settle_system(
        &self,
        caller: &Caller,
        id: &SystemId,
        name: &str,
    ) -> Result<(), Refusal> {
        match self.records.system(&caller.organisation, id).await? {
            Some(_) => self.rename_system(caller, id.as_str(), name).await.map(|_| ()),
            None => self.make_system(caller, id.as_str(), name).await.map(|_| ()),
        }
    }

    /// The business system that somebody named; none named means the caller's own.
    pub(super) async fn named_system(
        &self,
        caller: &Caller,
        named: Option<&str>,
    ) -> Result<SystemId, Refusal> {
        let unknown = || {
            let rule = "names no business system of the organisation, or none is named and there \
                        is not exactly one";
            Refusal::Invalid(vec![wrong(
                "/system",
                rule,
                "an id that GET /v1/systems lists; POST /v1/systems makes one",
            )])
        };
        let Some(named) = named else {
            return caller.system.clone().ok_or_else(unknown);
        };
        let id = SystemId::parse(named).map_err(|_| unknown())?;
        let found = self.records.system(&caller.organisation, &id).await?;
        found.map(|found| found.value.id).ok_or_else(unknown)
    }

    async fn save_system(
        &self,
        caller: &Caller,
        row: &SystemRow,
        before: Option<Document<SystemRow>>,
    ) -> Result<(), Refusal> {
        let action = if before.is_some() { "system-changed" } else { "system-made" };
        let subject = format!("system/{}", row.id);
        let was = before.as_ref().map(|before| shown(&before.value));
        let note = self.note(&caller.key_id, action, subject, was, Some(shown(row)));
        let save = SettingsChange::System(row, before.map(|before| before.revision));
        let saved = self.records.change_settings(&caller.organisation, save, &note).await;
        saved.map_err(save_refusal)
    }
}

fn shown(row: &SystemRow) -> Value {
    json!({ "name": row.name })
}

fn view_of(row: SystemRow) -> SystemView {
    SystemView { id: row.id.to_string(), name: row.name, created: row.created_at.to_string() }
}
