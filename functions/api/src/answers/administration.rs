//! What answers to administrators look like.

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use tidemark_service::border::{
    ActivityView, AddedMailbox, Addition, KeyView, Listing, OrganisationView, SystemView,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::commands::KeyRole;

/// An organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organisation {
    /// Its id.
    #[schema(example = "main")]
    id: String,
    /// What people call it.
    name: String,
    /// Whether anything is synced for it.
    enabled: bool,
    /// Domains whose addresses are its people's.
    domains: Vec<String>,
    /// Private networks (CIDR) that its webhooks may reach.
    allowed_networks: Vec<String>,
    /// The addresses that Exchange and webhooks are called from, for firewalls before them; empty
    /// where they are not fixed. The deployment says which they are.
    #[schema(value_type = Vec<String>, example = json!(["203.0.113.7"]))]
    egress_addresses: Vec<IpAddr>,
    /// What a mailbox may cost in 30 days, in US cents; `null` without a cap.
    #[schema(required, example = "2.5")]
    cap_cents_per_month: Option<String>,
    /// Since when, RFC 3339.
    created: String,
}

impl From<OrganisationView> for Organisation {
    fn from(view: OrganisationView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            enabled: view.enabled,
            domains: view.domains,
            allowed_networks: view.allowed_networks,
            egress_addresses: view.egress_addresses,
            cap_cents_per_month: view.cap_cents_per_month,
            created: view.created,
        }
    }
}

/// The business systems.
#[derive(Serialize, ToSchema)]
pub(crate) struct Systems {
    pub(crate) systems: Vec<System>,
    /// Always `null`: there are few.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A business system: keys, links and item ids belong to exactly one.
#[derive(Serialize, ToSchema)]
pub(crate) struct System {
    /// Its id.
    #[schema(example = "crm")]
    id: String,
    /// What people call it.
    name: String,
    /// Since when, RFC 3339.
    created: String,
}

impl From<SystemView> for System {
    fn from(view: SystemView) -> Self {
        Self { id: view.id, name: view.name, created: view.created }
    }
}

/// The API keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<Key>,
    /// Always `null`: there are few.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// An API key, without the key itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its id, as the log and the activity name it.
    id: Uuid,
    /// What people call it.
    label: String,
    /// What it allows.
    roles: Vec<KeyRole>,
    /// Id of the business system that it speaks for; `null` where it speaks for the only one, or for
    /// none.
    #[schema(required)]
    system: Option<String>,
    /// Since when, RFC 3339.
    created: String,
    /// Until when, RFC 3339; `null` for ever.
    #[schema(required)]
    expires: Option<String>,
}

impl From<KeyView> for Key {
    fn from(view: KeyView) -> Self {
        Self {
            id: view.id,
            label: view.label,
            roles: view.roles.into_iter().map(KeyRole::from).collect(),
            system: view.system,
            created: view.created,
            expires: view.expires,
        }
    }
}

/// An API key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewKey)]
pub(crate) struct NewKey {
    /// What is known of it.
    #[serde(flatten)]
    about: Key,
    /// The key itself; shown only this once.
    #[schema(example = "tidemark_…")]
    key: String,
}

impl NewKey {
    /// The one answer that shows a key.
    pub(crate) fn shown_once(view: KeyView, secret: &SecretString) -> Self {
        Self { about: view.into(), key: secret.expose_secret().to_owned() }
    }
}

/// What became of mailboxes that were to be added, in their order.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddedMailboxes {
    mailboxes: Vec<Added>,
}

impl From<Vec<AddedMailbox>> for AddedMailboxes {
    fn from(added: Vec<AddedMailbox>) -> Self {
        Self { mailboxes: added.into_iter().map(Added::from).collect() }
    }
}

/// What became of one mailbox that was to be added.
#[derive(Serialize, ToSchema)]
#[schema(as = AddedMailbox)]
pub(crate) struct Added {
    /// The address, in lower case.
    address: String,
    /// `added`, `exists` (on the same connection, for the same business system) or `refused`.
    #[schema(value_type = String, example = "added")]
    outcome: &'static str,
    /// Our id of the mailbox; `null` where it was refused.
    #[schema(required)]
    id: Option<String>,
    /// Why it was refused; `null` where it was not.
    #[schema(required)]
    refusal: Option<AdditionRefusal>,
}

/// Why a mailbox was not added.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdditionRefusal {
    /// A stable word: `address`, `aliases`, `time-zone`, `twice`, `taken`, `other-connection`,
    /// `other-system`, `other-organisation`.
    #[schema(value_type = String, example = "taken")]
    code: &'static str,
    /// What stands in the way.
    cause: String,
    /// What to do about it.
    mend: String,
}

impl From<AddedMailbox> for Added {
    fn from(added: AddedMailbox) -> Self {
        let (outcome, id, refusal) = match added.outcome {
            Addition::Added { id } => ("added", Some(id), None),
            Addition::Exists { id } => ("exists", Some(id), None),
            Addition::Refused { code, cause, mend } => {
                ("refused", None, Some(AdditionRefusal { code, cause, mend }))
            }
        };
        Self { address: added.address, outcome, id, refusal }
    }
}

/// A page of what administrators changed, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Activity {
    activity: Vec<ActivityEntry>,
    /// Where to go on; `null` when there is no more.
    #[schema(required)]
    next: Option<String>,
}

impl From<Listing<ActivityView>> for Activity {
    fn from(listing: Listing<ActivityView>) -> Self {
        Self {
            activity: listing.entries.into_iter().map(ActivityEntry::from).collect(),
            next: listing.next,
        }
    }
}

/// One change that an administrator made.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActivityEntry {
    /// When, RFC 3339.
    at: String,
    /// Who: the id of an API key, `founding`, or `settings-file`.
    by: String,
    /// What was done, in a stable word.
    #[schema(example = "mailbox-added")]
    action: String,
    /// To what: the kind of thing and its id.
    #[schema(example = "mailbox/019a0000-0000-7000-8000-000000000000")]
    subject: String,
    /// The settings before; `null` where there were none.
    #[schema(value_type = Option<Object>, required)]
    before: Option<Value>,
    /// The settings afterwards; `null` where nothing is left.
    #[schema(value_type = Option<Object>, required)]
    after: Option<Value>,
}

impl From<ActivityView> for ActivityEntry {
    fn from(view: ActivityView) -> Self {
        Self {
            at: view.at,
            by: view.by,
            action: view.action,
            subject: view.subject,
            before: view.before,
            after: view.after,
        }
    }
}
