//! Mailboxes: many added at once (W2), changed without losing their identity (N19), removed.

mod addition;

use serde_json::{Value, json};
use tidemark_jscalendar::Problem;
use tidemark_mailbox::ews::MailboxAddress;
use tidemark_model::{Kind, Zone};
use tidemark_store::records::{ADDRESSES_MAX, AddressTaken, MailboxRow, MailboxScope, SaveError};

use super::{refuse_if_any, wrong};
use crate::api::access::{FoundMailbox, may_administer};
use crate::api::{refusal_of, save_refusal};
use crate::border::{Caller, MailboxChange, MailboxView, Refusal};
use crate::service::{Service, collection_of};

impl Service {
    pub(super) async fn set_mailbox(
        &self,
        caller: &Caller,
        name: &str,
        change: MailboxChange,
    ) -> Result<MailboxView, Refusal> {
        may_administer(caller)?;
        let found = self.find_mailbox(caller, name).await?;
        let document = self.records.mailbox(&found.scope).await?;
        let document = document.ok_or(Refusal::NotFound { what: "mailbox" })?;
        let before = document.value;
        let mut row = before.clone();
        self.apply_change(caller, &mut row, change).await?;
        if row != before {
            let action = match (before.enabled, row.enabled) {
                (true, false) => "mailbox-switched-off",
                (false, true) => "mailbox-switched-on",
                _ => "mailbox-changed",
            };
            let was = Some(shown(&before));
            self.save_noted(caller, &row, Some(document.revision), action, was).await?;
        }
        if row.enabled && row != before {
            // What happened meanwhile was told to nobody.
            self.raise(&found.scope, &collection_of(Kind::Appointment)).await?;
        }
        self.view_of(&found.scope, row).await
    }

    /// The row with what is to change. Everything that is wrong is named at once.
    async fn apply_change(
        &self,
        caller: &Caller,
        row: &mut MailboxRow,
        change: MailboxChange,
    ) -> Result<(), Refusal> {
        let mut problems = Vec::new();
        if let Some(text) = &change.address {
            match MailboxAddress::parse(text) {
                Ok(address) => address.as_str().clone_into(&mut row.address),
                Err(error) => problems.push(bad_address("/address", &error.to_string())),
            }
        }
        if let Some(aliases) = &change.aliases {
            row.aliases.clear();
            for (index, text) in aliases.iter().enumerate().take(ADDRESSES_MAX) {
                match MailboxAddress::parse(text) {
                    Ok(alias) => drop(row.aliases.insert(alias.as_str().to_owned())),
                    Err(error) => {
                        let pointer = format!("/aliases/{index}");
                        problems.push(bad_address(&pointer, &error.to_string()));
                    }
                }
            }
            if aliases.len() >= ADDRESSES_MAX {
                problems.push(too_many());
            }
        }
        // The primary address is not one of the others.
        row.aliases.remove(&row.address);
        if let Some(zone) = change.time_zone {
            if zone.as_deref().is_some_and(|name| Zone::parse(name).is_err()) {
                let mend = "an IANA name such as Europe/Berlin, or null";
                problems.push(wrong("/timeZone", "is no time zone that is known here", mend));
            }
            row.time_zone = zone;
        }
        if let Some(profile) = change.profile {
            if !self.has_profile(caller, profile.as_deref()).await? {
                problems.push(no_profile());
            }
            row.profile = profile;
        }
        row.enabled = change.enabled.unwrap_or(row.enabled);
        refuse_if_any(problems)?;
        self.demand_no_other_organisation(caller, row).await
    }

    async fn has_profile(&self, caller: &Caller, name: Option<&str>) -> Result<bool, Refusal> {
        match name {
            None => Ok(true),
            Some(name) => Ok(self.records.profile(&caller.organisation, name).await?.is_some()),
        }
    }

    /// Refuses addresses that a mailbox of another organisation has (W10).
    async fn demand_no_other_organisation(
        &self,
        caller: &Caller,
        row: &MailboxRow,
    ) -> Result<(), Refusal> {
        let scope = MailboxScope { organisation: caller.organisation.clone(), mailbox: row.id };
        let known = self.records.mailbox(&scope).await?;
        let known = known.map(|known| known.value.addresses()).unwrap_or_default();
        let addresses = row.addresses();
        let new: Vec<&String> = addresses.difference(&known).collect();
        if new.is_empty() {
            return Ok(());
        }
        let others = self.others(caller).await?;
        for address in new {
            if self.is_elsewhere(&others, address).await? {
                return Err(Refusal::Conflict(addition::ELSEWHERE.to_owned()));
            }
        }
        Ok(())
    }

    /// Saves a mailbox with what is noted of it.
    async fn save_noted(
        &self,
        caller: &Caller,
        row: &MailboxRow,
        revision: Option<u64>,
        action: &str,
        before: Option<Value>,
    ) -> Result<(), Refusal> {
        let subject = format!("mailbox/{}", row.id);
        let note = self.note(&caller.key_id, action, subject, before, Some(shown(row)));
        let organisation = &caller.organisation;
        match self.records.change_mailbox_settings(organisation, row, revision, &note).await {
            Ok(()) => Ok(()),
            Err(AddressTaken::Taken { by }) => {
                let who = by.map_or_else(String::new, |id| format!(" ({id})"));
                let text = format!(
                    "another mailbox of the organisation{who} has this address or one of the \
                     aliases: take it away there first, or leave it out here"
                );
                Err(Refusal::Conflict(text))
            }
            Err(AddressTaken::TooMany) => Err(Refusal::Invalid(vec![too_many()])),
            Err(AddressTaken::Save(SaveError::Store(error))) => Err(refusal_of(&error)),
            Err(AddressTaken::Save(error)) => Err(save_refusal(error)),
        }
    }

    /// Removes a mailbox: its subscriptions end, then its rows go, and its content with its key.
    pub(super) async fn take_away(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        may_administer(caller)?;
        let FoundMailbox { scope, row } = self.find_mailbox(caller, name).await?;
        // While it is off, no run begins and no subscription is made.
        self.records.change_mailbox(&scope, |row| row.enabled = false).await?;
        // The first look retires them, the second ends by request what needs one. What cannot be
        // ended now ends by itself, or when Exchange next calls.
        for _ in 0..2 {
            self.renew_mailbox(&scope).await?;
        }
        let subject = format!("mailbox/{}", scope.mailbox);
        let note = self.note(&caller.key_id, "mailbox-removed", subject, Some(shown(&row)), None);
        Ok(self.records.remove_mailbox(&scope, &note).await?)
    }
}

/// A mailbox as the activity shows it.
fn shown(row: &MailboxRow) -> Value {
    json!({
        "address": row.address,
        "aliases": row.aliases,
        "connection": row.connection.to_string(),
        "system": row.system.to_string(),
        "profile": row.profile,
        "timeZone": row.time_zone,
        "enabled": row.enabled,
    })
}

fn bad_address(pointer: &str, rule: &str) -> Problem {
    wrong(pointer, rule, "an SMTP address in ASCII, such as alex@example.com")
}

fn too_many() -> Problem {
    let rule = format!("there are more than {ADDRESSES_MAX} addresses with the primary one");
    wrong("/aliases", rule, "fewer aliases")
}

fn no_profile() -> Problem {
    wrong("/profile", "names no profile of the organisation", "null for the default rules")
}
