//! Who calls, and which mailbox is meant.

use tidemark_model::{Kind, MailboxId};
use tidemark_store::records::{MailboxRow, MailboxScope, MailboxState, Role as KeyRole};

use crate::border::{Caller, Listing, MailboxErrorView, MailboxView, Refusal, Role};
use crate::service::{Service, collection_of};

/// Longest bearer token that is looked up, in bytes.
const BEARER_BYTES_MAX: usize = 512;

/// What a caller is told of a mailbox that is switched off.
pub(super) const SWITCHED_OFF: &str = "the mailbox is switched off: an administrator switches it on \
     with PATCH /v1/mailboxes/{mailbox} {\"enabled\": true}";

/// A mailbox that a caller named.
pub(crate) struct FoundMailbox {
    pub(crate) scope: MailboxScope,
    pub(crate) row: MailboxRow,
}

impl Service {
    /// Whose key it is. The look-up is by hash, so its time says nothing about the key.
    pub(super) async fn caller_of(&self, bearer: &str) -> Result<Caller, Refusal> {
        if bearer.is_empty() || bearer.len() > BEARER_BYTES_MAX {
            return Err(Refusal::Unauthenticated);
        }
        let found = self.records.api_key(bearer, self.world.now()).await?;
        let row = found.ok_or(Refusal::Unauthenticated)?;
        let role = row.roles.iter().map(|role| role_of(*role)).max();
        let role = role.ok_or(Refusal::Unauthenticated)?;
        let system = match row.system {
            Some(system) => Some(system),
            None => self.only_system(&row.organisation).await?,
        };
        let key_id = row.id.uuid().to_string();
        Ok(Caller { organisation: row.organisation, system, role, key_id })
    }

    /// A key that speaks for no system speaks for the organisation's only one.
    async fn only_system(
        &self,
        organisation: &tidemark_model::OrganisationId,
    ) -> Result<Option<tidemark_model::SystemId>, Refusal> {
        let mut systems = self.records.systems(organisation).await?;
        let last = systems.pop();
        Ok(last.filter(|_| systems.is_empty()).map(|system| system.value.id))
    }

    /// A mailbox by primary address, alias or id.
    pub(crate) async fn find_mailbox(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<FoundMailbox, Refusal> {
        let organisation = &caller.organisation;
        let by_address = self.records.mailbox_of_address(organisation, name).await?;
        let id = by_address
            .or_else(|| MailboxId::parse(name).ok())
            .ok_or(Refusal::NotFound { what: "mailbox" })?;
        let scope = MailboxScope { organisation: organisation.clone(), mailbox: id };
        let row = self.records.mailbox(&scope).await?;
        let row = row.map(|row| row.value).filter(|row| may_see(caller, row));
        let row = row.ok_or(Refusal::NotFound { what: "mailbox" })?;
        Ok(FoundMailbox { scope, row })
    }

    /// The same, for a caller who reads or writes items: they belong to one business system, and so
    /// do their ids (W19). An administrator's key speaks for its own system like any other.
    pub(super) async fn find_items_of(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<FoundMailbox, Refusal> {
        if caller.role < Role::Integrator {
            return Err(Refusal::Forbidden(Role::Integrator));
        }
        let system = caller.own_system()?;
        let found = self.find_mailbox(caller, name).await?;
        if found.row.system != *system {
            return Err(Refusal::OtherSystem);
        }
        Ok(found)
    }

    /// Raises the mark of a mailbox that a run would take up.
    pub(super) async fn wake_mailbox(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        let found = self.find_mailbox(caller, name).await?;
        if !found.row.enabled {
            return Err(Refusal::Conflict(SWITCHED_OFF.to_owned()));
        }
        self.demand_switched_on(caller).await?;
        if let Some(reason) = &found.row.paused {
            return Err(Refusal::Conflict(format!(
                "the mailbox is paused: {reason} GET /v1/holds lists what waits, and POST \
                 /v1/holds/{{id}} lets it go on"
            )));
        }
        let organisation = &caller.organisation;
        let connection = self.records.connection(organisation, found.row.connection).await?;
        let is_on = connection.is_some_and(|it| it.value.enabled && it.value.appointments);
        if !is_on {
            let text = "the mailbox's connection is switched off: an administrator switches it on \
                        with PATCH /v1/connections/{id} {\"enabled\": true, \"appointments\": true}";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        Ok(self.raise(&found.scope, &collection_of(Kind::Appointment)).await?)
    }

    pub(super) async fn view_mailbox(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<MailboxView, Refusal> {
        let found = self.find_mailbox(caller, name).await?;
        self.view_of(&found.scope, found.row).await
    }

    pub(super) async fn list_mailboxes(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MailboxView>, Refusal> {
        let after = after.map(MailboxId::parse).transpose();
        let after = after.map_err(|_| Refusal::InvalidCursor { parameter: "after" })?;
        let page = self.records.mailboxes(&caller.organisation, after, limit).await?;
        let mut entries = Vec::new();
        for document in page.mailboxes.into_iter().filter(|it| may_see(caller, &it.value)) {
            let scope = MailboxScope {
                organisation: caller.organisation.clone(),
                mailbox: document.value.id,
            };
            entries.push(self.view_of(&scope, document.value).await?);
        }
        Ok(Listing { entries, next: page.next.map(|id| id.to_string()) })
    }

    pub(crate) async fn view_of(
        &self,
        scope: &MailboxScope,
        row: MailboxRow,
    ) -> Result<MailboxView, Refusal> {
        let marks = self.records.marks(scope).await?;
        let connection = self.records.connection(&scope.organisation, row.connection).await?;
        let first_copy = super::progress::first_copy(&row);
        let lag = self.lag_of(scope, &marks).await?;
        Ok(MailboxView {
            id: row.id.to_string(),
            state: state_word(&row),
            address: row.address,
            aliases: row.aliases.into_iter().collect(),
            system: row.system.to_string(),
            connection: connection.map(|found| found.value.name).unwrap_or_default(),
            enabled: row.enabled,
            first_copy_items: row.first_sync.done,
            first_copy,
            lag,
            last_synced: marks.synced_at.max(row.last_synced).map(|at| at.to_string()),
            dirty: marks.is_dirty(),
            errors: row
                .troubles
                .into_iter()
                .map(|trouble| MailboxErrorView {
                    code: trouble.code,
                    text: join(&trouble.cause, &trouble.mend),
                    since: trouble.since.to_string(),
                })
                .collect(),
        })
    }
}

/// For an integrator, other systems' mailboxes are not there.
pub(super) fn may_see(caller: &Caller, row: &MailboxRow) -> bool {
    match caller.role {
        Role::Operator | Role::Administrator => true,
        Role::Integrator => caller.system.as_ref() == Some(&row.system),
    }
}

pub(crate) fn may_administer(caller: &Caller) -> Result<(), Refusal> {
    match caller.role {
        Role::Administrator => Ok(()),
        Role::Operator | Role::Integrator => Err(Refusal::Forbidden(Role::Administrator)),
    }
}

/// What happened and what to do about it, as one text.
pub(crate) fn join(cause: &str, mend: &str) -> String {
    if mend.is_empty() { cause.to_owned() } else { format!("{cause} {mend}") }
}

fn state_word(row: &MailboxRow) -> &'static str {
    if !row.enabled {
        return "disabled";
    }
    if row.paused.is_some() {
        return "paused";
    }
    if !row.troubles.is_empty() {
        return "failing";
    }
    match row.state {
        MailboxState::New | MailboxState::Subscribed => "new",
        MailboxState::FirstSync => "copying",
        MailboxState::Synced => "synced",
    }
}

const fn role_of(role: KeyRole) -> Role {
    match role {
        KeyRole::Administrator => Role::Administrator,
        KeyRole::Operator => Role::Operator,
        KeyRole::Integrator => Role::Integrator,
    }
}
