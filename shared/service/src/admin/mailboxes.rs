//! Mailboxes, and the profiles that say how they are synced.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidemark_mailbox::ews::MailboxAddress;
use tidemark_model::{MailboxId, OrganisationId, SystemId, Zone};
use tidemark_store::records::{
    ADDRESSES_MAX, AddressTaken, Collection, ConnectionId, Document, FirstSync, MailboxRow,
    MailboxScope, MailboxState, ProfileRow,
};

use super::{AdminError, read_name};
use crate::{Rules, Service};

/// Most mailboxes of one call.
const MAILBOXES_MAX: usize = 1000;

/// A mailbox to set up. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMailbox {
    /// Primary SMTP address, in any case.
    pub address: String,
    /// Other addresses, in any case.
    pub aliases: BTreeSet<String>,
    /// How it is reached.
    pub connection: ConnectionId,
    /// The business system that its items are synced with.
    pub system: SystemId,
    /// Name of its profile; none for the default one.
    pub profile: Option<String>,
    /// IANA name of its time zone, where it is known.
    pub time_zone: Option<String>,
}

impl fmt::Debug for NewMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMailbox")
            .field("aliases", &self.aliases.len())
            .field("connection", &self.connection)
            .field("system", &self.system)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Adds mailboxes and starts their first copy. All of them are checked before any is added; if
    /// somebody else takes an address in between, those before it in the list are added.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Taken`] when another mailbox has one of the addresses.
    pub async fn add_mailboxes(
        &self,
        organisation: &OrganisationId,
        list: &[NewMailbox],
    ) -> Result<Vec<MailboxScope>, AdminError> {
        let checked = self.check_mailboxes(organisation, list).await?;
        for (at, mailbox) in checked.iter().enumerate() {
            for address in mailbox.addresses() {
                if self.records.mailbox_of_address(organisation, address).await?.is_some() {
                    return Err(address_taken(at));
                }
            }
        }
        let mut scopes = Vec::new();
        for (at, mailbox) in checked.iter().enumerate() {
            scopes.push(self.save_mailbox_of(organisation, at, mailbox, None).await?);
        }
        Ok(scopes)
    }

    /// Adds the mailboxes that are not there, and brings the others to what is asked for and
    /// switches them on. A mailbox is known by its primary address. Their state stays.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn ensure_mailboxes(
        &self,
        organisation: &OrganisationId,
        list: &[NewMailbox],
    ) -> Result<Vec<MailboxScope>, AdminError> {
        let checked = self.check_mailboxes(organisation, list).await?;
        let mut scopes = Vec::new();
        for (at, mailbox) in checked.iter().enumerate() {
            let known = self.records.mailbox_of_address(organisation, &mailbox.address).await?;
            let before = match known {
                Some(id) => self.records.mailbox(&scope_of(organisation, id)).await?,
                None => None,
            };
            // An alias is no name of a mailbox here: it would give that one another address.
            if before.as_ref().is_some_and(|before| before.value.address != mailbox.address) {
                return Err(address_taken(at));
            }
            // Items of one business system never become another's by a changed line of a file.
            if before.as_ref().is_some_and(|before| before.value.system != mailbox.system) {
                return Err(AdminError::taken(
                    field(at, "system"),
                    "the mailbox is synced with another business system",
                    "leave it with that one, or delete the mailbox first",
                ));
            }
            scopes.push(self.save_mailbox_of(organisation, at, mailbox, before).await?);
        }
        Ok(scopes)
    }

    /// Switches a mailbox on or off. Switched on, it is synced at once.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::NotFound`] when there is no such mailbox.
    pub async fn set_mailbox_enabled(
        &self,
        scope: &MailboxScope,
        enabled: bool,
    ) -> Result<(), AdminError> {
        let changed = self.records.change_mailbox(scope, |row| row.enabled = enabled).await?;
        changed.ok_or_else(|| AdminError::not_found("mailbox", "mailbox"))?;
        if enabled {
            self.raise(scope, &Collection::calendar()).await?;
        }
        Ok(())
    }

    /// Gives a mailbox a profile; none for the default one. The next run follows it.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn set_mailbox_profile(
        &self,
        scope: &MailboxScope,
        profile: Option<&str>,
    ) -> Result<(), AdminError> {
        if let Some(name) = profile {
            self.require_profile("profile", &scope.organisation, name).await?;
        }
        let changed = self
            .records
            .change_mailbox(scope, |row| row.profile = profile.map(str::to_owned))
            .await?;
        changed.ok_or_else(|| AdminError::not_found("mailbox", "mailbox"))?;
        self.raise(scope, &Collection::calendar()).await?;
        Ok(())
    }

    /// Saves a profile, whether there is one of this name or not. Its rules are those of [`Rules`].
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Invalid`] names the rule: `rules.mail`.
    pub async fn set_profile(
        &self,
        organisation: &OrganisationId,
        name: &str,
        rules: &Value,
    ) -> Result<Rules, AdminError> {
        self.require_organisation(organisation).await?;
        let name = read_name("name", name)?;
        let checked = read_rules(rules)?;
        let before = self.records.profile(organisation, &name).await?;
        let created_at = before.as_ref().map(|before| before.value.created_at);
        let row = ProfileRow {
            name,
            rules: rules.clone(),
            created_at: created_at.unwrap_or_else(|| self.world.now()),
        };
        if before.as_ref().is_none_or(|before| before.value != row) {
            let revision = before.map(|before| before.revision);
            self.records.save_profile(organisation, &row, revision).await?;
        }
        Ok(checked)
    }

    async fn require_profile(
        &self,
        field: &str,
        organisation: &OrganisationId,
        name: &str,
    ) -> Result<(), AdminError> {
        match self.records.profile(organisation, name).await? {
            Some(_) => Ok(()),
            None => Err(AdminError::not_found(field, "profile")),
        }
    }

    /// Checks a list in itself and what it refers to.
    async fn check_mailboxes(
        &self,
        organisation: &OrganisationId,
        list: &[NewMailbox],
    ) -> Result<Vec<NewMailbox>, AdminError> {
        self.require_organisation(organisation).await?;
        if list.len() > MAILBOXES_MAX {
            let mend = format!("give at most {MAILBOXES_MAX} at a time");
            return Err(AdminError::invalid("mailboxes", "there are too many", mend));
        }
        let mut checked = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (at, new) in list.iter().enumerate() {
            let mailbox = read_mailbox(at, new)?;
            for address in mailbox.addresses() {
                if seen.insert(address.to_owned(), at).is_some_and(|before| before != at) {
                    let mend = "name each address once";
                    let rule = "an address stands in the list before";
                    return Err(AdminError::invalid(field(at, "address"), rule, mend));
                }
            }
            self.require_system(&field(at, "system"), organisation, &mailbox.system).await?;
            if self.records.connection(organisation, mailbox.connection).await?.is_none() {
                return Err(AdminError::not_found(field(at, "connection"), "connection"));
            }
            if let Some(profile) = &mailbox.profile {
                self.require_profile(&field(at, "profile"), organisation, profile).await?;
            }
            checked.push(mailbox);
        }
        Ok(checked)
    }

    async fn save_mailbox_of(
        &self,
        organisation: &OrganisationId,
        at: usize,
        new: &NewMailbox,
        before: Option<Document<MailboxRow>>,
    ) -> Result<MailboxScope, AdminError> {
        let (known, revision) = match before {
            Some(Document { value, revision }) => (Some(value), Some(revision)),
            None => (None, None),
        };
        let mut row = known.clone().unwrap_or_else(|| MailboxRow {
            id: MailboxId::new(self.world.uuid()),
            address: String::new(),
            aliases: BTreeSet::new(),
            connection: new.connection,
            profile: None,
            system: new.system.clone(),
            enabled: true,
            state: MailboxState::New,
            troubles: Vec::new(),
            time_zone: None,
            paused: None,
            first_sync: FirstSync::default(),
            last_synced: None,
            created_at: self.world.now(),
        });
        row.address.clone_from(&new.address);
        row.aliases.clone_from(&new.aliases);
        row.connection = new.connection;
        row.profile.clone_from(&new.profile);
        row.time_zone.clone_from(&new.time_zone);
        row.enabled = true;
        let scope = scope_of(organisation, row.id);
        if known.as_ref() == Some(&row) {
            return Ok(scope);
        }
        match self.records.save_mailbox(organisation, &row, revision).await {
            Ok(_) => {}
            Err(AddressTaken::Taken { .. }) => return Err(address_taken(at)),
            Err(AddressTaken::TooMany) => return Err(too_many_addresses(at)),
            Err(AddressTaken::Save(error)) => return Err(error.into()),
        }
        self.raise(&scope, &Collection::calendar()).await?;
        Ok(scope)
    }
}

impl NewMailbox {
    fn addresses(&self) -> impl Iterator<Item = &str> {
        core::iter::once(&self.address).chain(&self.aliases).map(String::as_str)
    }
}

/// What people typed, in the form that is kept.
fn read_mailbox(at: usize, new: &NewMailbox) -> Result<NewMailbox, AdminError> {
    let address = read_address(&field(at, "address"), &new.address)?;
    let aliases = new.aliases.iter().map(|alias| read_address(&field(at, "aliases"), alias));
    let mut aliases: BTreeSet<String> = aliases.collect::<Result<_, _>>()?;
    aliases.remove(&address);
    if aliases.len() >= ADDRESSES_MAX {
        return Err(too_many_addresses(at));
    }
    if let Some(zone) = &new.time_zone
        && Zone::parse(zone).is_err()
    {
        let mend = "give an IANA name such as Europe/Berlin, or leave it out";
        return Err(AdminError::invalid(field(at, "time_zone"), "is not a time zone", mend));
    }
    Ok(NewMailbox { address, aliases, ..new.clone() })
}

fn read_address(field: &str, text: &str) -> Result<String, AdminError> {
    let address = MailboxAddress::parse(text)
        .map_err(|error| AdminError::invalid(field, "is not an address", error.to_string()))?;
    Ok(address.as_str().to_owned())
}

/// Reads rules member by member, since no rule depends on another one: so each is named that is
/// wrong.
fn read_rules(rules: &Value) -> Result<Rules, AdminError> {
    let Value::Object(members) = rules else {
        return Err(AdminError::invalid("rules", "is not an object", "give {} for the defaults"));
    };
    for (name, value) in members {
        let alone: Map<String, Value> = core::iter::once((name.clone(), value.clone())).collect();
        if let Err(error) = serde_json::from_value::<Rules>(Value::Object(alone)) {
            let mend = "see the profile's rules for what it may be";
            return Err(AdminError::invalid(format!("rules.{name}"), error.to_string(), mend));
        }
    }
    serde_json::from_value(rules.clone())
        .map_err(|error| AdminError::invalid("rules", error.to_string(), "correct them"))
}

fn scope_of(organisation: &OrganisationId, mailbox: MailboxId) -> MailboxScope {
    MailboxScope { organisation: organisation.clone(), mailbox }
}

fn field(at: usize, name: &str) -> String {
    format!("mailboxes[{at}].{name}")
}

fn address_taken(at: usize) -> AdminError {
    let rule = "another mailbox has this address or one of its aliases";
    AdminError::taken(field(at, "address"), rule, "remove it there, or leave it out here")
}

fn too_many_addresses(at: usize) -> AdminError {
    let mend = format!("give at most {ADDRESSES_MAX} addresses in all");
    AdminError::invalid(field(at, "aliases"), "there are too many", mend)
}
