//! What administrators ask: the organisation itself, its business systems, its keys, its mailboxes,
//! and what was changed.

use core::fmt;
use std::collections::BTreeSet;
use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

use super::{Caller, Listing, MailboxView, Refusal, RestoreView, Role, ShutdownView};

/// Most mailboxes that one call adds, so that it ends well within the time that a gateway gives it.
pub const NEW_MAILBOXES_MAX: usize = 100;

/// An organisation as its administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether anything is synced for it.
    pub enabled: bool,
    /// Domains whose addresses are its people's.
    pub domains: Vec<String>,
    /// Private networks (CIDR) that its webhooks may reach.
    pub allowed_networks: Vec<String>,
    /// The addresses that Exchange and webhooks are called from; empty where they are not fixed.
    pub egress_addresses: Vec<IpAddr>,
    /// What a mailbox may cost in 30 days, in US cents as a decimal; none without a cap (N9).
    pub cap_cents_per_month: Option<String>,
    /// Since when, RFC 3339.
    pub created: String,
}

/// What is to change about an organisation; none stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrganisationChange {
    /// What people call it.
    pub name: Option<String>,
    /// Whether anything is synced for it.
    pub enabled: Option<bool>,
    /// Domains whose addresses are its people's.
    pub domains: Option<Vec<String>>,
    /// Private networks (CIDR) that its webhooks may reach.
    pub allowed_networks: Option<Vec<String>>,
    /// What a mailbox may cost in 30 days, in US cents as a decimal; an inner none for no cap.
    pub cap_cents_per_month: Option<Option<String>>,
}

/// A business system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemView {
    /// Its id, which an administrator chose.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Since when, RFC 3339.
    pub created: String,
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its id, as the log and the activity name it.
    pub id: Uuid,
    /// What people call it.
    pub label: String,
    /// What it allows.
    pub roles: Vec<Role>,
    /// The business system that it speaks for.
    pub system: Option<String>,
    /// Since when, RFC 3339.
    pub created: String,
    /// Until when, RFC 3339; none for ever.
    pub expires: Option<String>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub label: String,
    /// What it allows.
    pub roles: BTreeSet<Role>,
    /// Id of the business system that it speaks for.
    pub system: Option<String>,
    /// Until when; none for ever.
    pub expires: Option<Timestamp>,
}

/// Mailboxes to be added to one connection.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMailboxes {
    /// The connection that reaches them.
    pub connection: Uuid,
    /// Id of the business system that their items belong to; none for the caller's own.
    pub system: Option<String>,
    /// Name of their profile; none for the default rules.
    pub profile: Option<String>,
    /// Which ones, at most [`NEW_MAILBOXES_MAX`].
    pub mailboxes: Vec<NewMailbox>,
}

impl fmt::Debug for NewMailboxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMailboxes")
            .field("connection", &self.connection)
            .field("mailboxes", &self.mailboxes.len())
            .finish_non_exhaustive()
    }
}

/// A mailbox to be added.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMailbox {
    /// Primary SMTP address.
    pub address: String,
    /// Further addresses.
    pub aliases: Vec<String>,
    /// IANA name of its time zone, where it is known.
    pub time_zone: Option<String>,
}

impl fmt::Debug for NewMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMailbox").field("aliases", &self.aliases.len()).finish_non_exhaustive()
    }
}

/// What became of one mailbox that was to be added (W2).
#[derive(Clone, PartialEq, Eq)]
pub struct AddedMailbox {
    /// The address as it came, in lower case.
    pub address: String,
    /// What became of it.
    pub outcome: Addition,
}

impl fmt::Debug for AddedMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddedMailbox").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// What became of a mailbox that was to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// It is new, and is synced from now on.
    Added {
        /// Our id of it.
        id: String,
    },
    /// It is there already, on the same connection and for the same business system.
    Exists {
        /// Our id of it.
        id: String,
    },
    /// It was not added.
    Refused {
        /// A stable word: `address`, `aliases`, `time-zone`, `twice`, `taken`,
        /// `other-connection`, `other-system`, `other-organisation`.
        code: &'static str,
        /// What stands in the way.
        cause: String,
        /// What somebody can do about it.
        mend: String,
    },
}

/// What is to change about a mailbox; none stays.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MailboxChange {
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// Its primary address: the mailbox, its id and its links stay (N19).
    pub address: Option<String>,
    /// Its further addresses, all of them.
    pub aliases: Option<Vec<String>>,
    /// Name of its profile; an inner none for the default rules.
    pub profile: Option<Option<String>>,
    /// IANA name of its time zone; an inner none where it is not known.
    pub time_zone: Option<Option<String>>,
}

impl fmt::Debug for MailboxChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxChange")
            .field("enabled", &self.enabled)
            .field("address", &self.address.is_some())
            .field("aliases", &self.aliases.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// One change that an administrator made (W7).
#[derive(Clone, PartialEq, Eq)]
pub struct ActivityView {
    /// When, RFC 3339.
    pub at: String,
    /// Who: the id of an API key, or a word for a part of the product.
    pub by: String,
    /// What was done, in a stable word.
    pub action: String,
    /// To what: the kind of thing and its id.
    pub subject: String,
    /// The settings before.
    pub before: Option<Value>,
    /// The settings afterwards.
    pub after: Option<Value>,
}

impl fmt::Debug for ActivityView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityView")
            .field("at", &self.at)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// The use cases of administrators behind the API. Others are refused.
#[async_trait]
pub trait Administration: Send + Sync {
    /// The organisation of the key.
    async fn organisation(&self, caller: &Caller) -> Result<OrganisationView, Refusal>;

    /// Changes the organisation: its name, its lists, whether it is on (W1).
    async fn change_organisation(
        &self,
        caller: &Caller,
        change: OrganisationChange,
    ) -> Result<OrganisationView, Refusal>;

    /// Switches the organisation off and ends its subscriptions, so that Exchange stops calling (P11).
    async fn shut_down(
        &self,
        caller: &Caller,
        after: Option<&str>,
    ) -> Result<ShutdownView, Refusal>;

    /// Starts the organisation from a table that was restored to an earlier moment.
    async fn restored(&self, caller: &Caller, after: Option<&str>) -> Result<RestoreView, Refusal>;

    /// The business systems.
    async fn systems(&self, caller: &Caller) -> Result<Vec<SystemView>, Refusal>;

    /// Makes a business system.
    async fn create_system(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<SystemView, Refusal>;

    /// Renames a business system.
    async fn change_system(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<SystemView, Refusal>;

    /// The keys, without their secrets.
    async fn keys(&self, caller: &Caller) -> Result<Vec<KeyView>, Refusal>;

    /// Makes a key; the second value is the key itself, which is kept nowhere.
    async fn issue_key(
        &self,
        caller: &Caller,
        new: NewKey,
    ) -> Result<(KeyView, SecretString), Refusal>;

    /// Ends a key.
    async fn revoke_key(&self, caller: &Caller, id: Uuid) -> Result<(), Refusal>;

    /// Adds mailboxes to a connection; each is answered by itself, in order (W2).
    async fn add_mailboxes(
        &self,
        caller: &Caller,
        new: NewMailboxes,
    ) -> Result<Vec<AddedMailbox>, Refusal>;

    /// Changes a mailbox: its addresses (N19), its profile, whether it is on.
    async fn change_mailbox(
        &self,
        caller: &Caller,
        name: &str,
        change: MailboxChange,
    ) -> Result<MailboxView, Refusal>;

    /// Removes a mailbox from the product. Nothing is deleted in Exchange or the business system.
    async fn remove_mailbox(&self, caller: &Caller, name: &str) -> Result<(), Refusal>;

    /// What administrators changed, the newest first (W7).
    async fn activity(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ActivityView>, Refusal>;
}
