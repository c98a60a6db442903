//! The bodies of commands of administrators.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tidemark_service::border::{
    MailboxChange, NEW_MAILBOXES_MAX, NewKey, NewMailbox, NewMailboxes, OrganisationChange, Role,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::CommandForm;
use crate::problem::{Problem, ProblemError, ProblemKind};

/// What is to change about the organisation; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ChangeOrganisation {
    /// What people call it.
    #[serde(default)]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Whether anything is synced for it.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Domains whose addresses are its people's, at most 100.
    #[serde(default)]
    #[schema(nullable = false, example = json!(["example.com"]))]
    domains: Option<Vec<String>>,
    /// Private networks (CIDR) that its webhooks may reach, at most 100.
    #[serde(default)]
    #[schema(nullable = false, example = json!(["10.1.0.0/16"]))]
    allowed_networks: Option<Vec<String>>,
    /// What a mailbox may cost in 30 days, in US cents: a decimal above 0 and up to 100000 with at most
    /// four places; `null` for no cap. A mailbox that costs more is swept more rarely.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "2.5")]
    #[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
    cap_cents_per_month: Option<Option<String>>,
}

impl CommandForm for ChangeOrganisation {
    const FORM: &'static str = r#"{"name": "…", "enabled": true, "domains": ["…"], "allowedNetworks": ["…"], "capCentsPerMonth": "2.5" or null}, each of them or not"#;
}

impl From<ChangeOrganisation> for OrganisationChange {
    fn from(command: ChangeOrganisation) -> Self {
        Self {
            name: command.name,
            enabled: command.enabled,
            domains: command.domains,
            allowed_networks: command.allowed_networks,
            cap_cents_per_month: command.cap_cents_per_month,
        }
    }
}

/// A business system to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSystem {
    /// Its id: lower-case letters, digits and hyphens.
    #[schema(example = "crm")]
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
}

impl CommandForm for CreateSystem {
    const FORM: &'static str = r#"{"id": "crm", "name": "…"}"#;
}

/// What is to change about a business system.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeSystem {
    /// What people call it.
    pub(crate) name: String,
}

impl CommandForm for ChangeSystem {
    const FORM: &'static str = r#"{"name": "…"}"#;
}

/// An API key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// What people call it.
    label: String,
    /// What it allows: one or more.
    roles: Vec<KeyRole>,
    /// Id of the business system that it speaks for. It may be left out for administrators and
    /// operators, and where there is only one.
    #[serde(default)]
    #[schema(example = "crm")]
    system: Option<String>,
    /// Until when it is valid, RFC 3339; for ever unless said.
    #[serde(default)]
    #[schema(format = DateTime)]
    expires: Option<String>,
}

impl CommandForm for CreateKey {
    const FORM: &'static str = r#"{"label": "…", "roles": ["administrator", "operator" or "integrator"], "system": "crm" or null, "expires": "2027-01-01T00:00:00Z" or null}"#;
}

impl CreateKey {
    /// The key that is meant. Fails when the end is no moment.
    pub(crate) fn read(self) -> Result<NewKey, Problem> {
        let expires = self.expires.map(|text| text.parse::<Timestamp>()).transpose();
        let expires = expires.map_err(|_| {
            let error = ProblemError::at(
                "/expires".to_owned(),
                "is no moment",
                "a moment such as 2027-01-01T00:00:00Z, or null",
            );
            Problem::new(ProblemKind::Invalid, "the request is not valid").with_errors(vec![error])
        })?;
        let roles: BTreeSet<Role> = self.roles.into_iter().map(Role::from).collect();
        Ok(NewKey { label: self.label, roles, system: self.system, expires })
    }
}

/// What a key allows.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyRole {
    /// Settings and everything else.
    Administrator,
    /// Looks after the running of it; reads no items.
    Operator,
    /// Reads and writes items, feed and webhooks of its business system.
    Integrator,
}

impl From<KeyRole> for Role {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Administrator => Self::Administrator,
            KeyRole::Operator => Self::Operator,
            KeyRole::Integrator => Self::Integrator,
        }
    }
}

impl From<Role> for KeyRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Administrator => Self::Administrator,
            Role::Operator => Self::Operator,
            Role::Integrator => Self::Integrator,
        }
    }
}

/// Mailboxes to be added to a connection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddMailboxes {
    /// Id of the connection that reaches them.
    connection: Uuid,
    /// Id of the business system that their items belong to; the key's own unless said.
    #[serde(default)]
    #[schema(example = "crm")]
    system: Option<String>,
    /// Name of their profile; the default rules unless said.
    #[serde(default)]
    profile: Option<String>,
    /// Which ones, at most 100.
    #[schema(min_items = 1, max_items = 100)]
    mailboxes: Vec<AddMailbox>,
}

/// A mailbox to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AddMailbox {
    /// Primary SMTP address.
    #[schema(example = "alex@tidemark.example")]
    address: String,
    /// Further addresses.
    #[serde(default)]
    aliases: Vec<String>,
    /// IANA name of its time zone, where it is known.
    #[serde(default)]
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

// The schema says it in digits.
const _: () = assert!(NEW_MAILBOXES_MAX == 100);

impl CommandForm for AddMailboxes {
    const FORM: &'static str = r#"{"connection": "UUID", "system": "crm" or null, "profile": "…" or null, "mailboxes": [{"address": "…", "aliases": ["…"], "timeZone": "…" or null}, …]}"#;

    fn misshapen(value: &Value) -> Option<String> {
        if !value.is_object() {
            return Some(String::new());
        }
        let mailboxes = value.get("mailboxes").and_then(Value::as_array)?;
        mailboxes
            .iter()
            .position(|mailbox| !mailbox.is_object())
            .map(|index| format!("/mailboxes/{index}"))
    }
}

impl From<AddMailboxes> for NewMailboxes {
    fn from(command: AddMailboxes) -> Self {
        let mailboxes = command.mailboxes.into_iter().map(|mailbox| NewMailbox {
            address: mailbox.address,
            aliases: mailbox.aliases,
            time_zone: mailbox.time_zone,
        });
        Self {
            connection: command.connection,
            system: command.system,
            profile: command.profile,
            mailboxes: mailboxes.collect(),
        }
    }
}

/// What is to change about a mailbox; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ChangeMailbox {
    /// Whether it is switched on.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Primary SMTP address. The mailbox keeps its id and its links.
    #[serde(default)]
    #[schema(nullable = false)]
    address: Option<String>,
    /// Further addresses, all of them.
    #[serde(default)]
    #[schema(nullable = false)]
    aliases: Option<Vec<String>>,
    /// Name of its profile; `null` for the default rules.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
    profile: Option<Option<String>>,
    /// IANA name of its time zone; `null` where it is not known.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
    time_zone: Option<Option<String>>,
}

impl CommandForm for ChangeMailbox {
    const FORM: &'static str = r#"{"enabled": true, "address": "…", "aliases": ["…"], "profile": "…" or null, "timeZone": "…" or null}, each of them or not"#;
}

impl From<ChangeMailbox> for MailboxChange {
    fn from(command: ChangeMailbox) -> Self {
        Self {
            enabled: command.enabled,
            address: command.address,
            aliases: command.aliases,
            profile: command.profile,
            time_zone: command.time_zone,
        }
    }
}

/// Tells `null` from a member that is absent.
#[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}
