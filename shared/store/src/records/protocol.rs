//! How a connection speaks to its Exchange, and as whom.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most credentials of a connection: two overlap while one replaces the other.
pub const CREDENTIALS_MAX: usize = 2;

/// The protocol of a connection with all that belongs to it alone. Rows tell the protocols apart by
/// their fields, so that a row from before there was a second one still reads as EWS. `Debug` shows
/// which protocol it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Protocol {
    /// Exchange Web Services with a password.
    Ews(EwsAccess),
    /// Microsoft Graph as an application.
    Graph(GraphAccess),
}

/// Where EWS is, and who logs on with Basic.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EwsAccess {
    /// URL of the EWS end point.
    pub url: String,
    /// Name of the account that logs on.
    pub account: String,
    /// Name of the secret with its password.
    pub secret_name: String,
    /// Whether the account impersonates the owners of the mailboxes.
    pub impersonate: bool,
    /// What Exchange last said about the end of the password; none before it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordFacts>,
}

/// What is known about the end of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordFacts {
    /// When Exchange was last asked, whatever came of it.
    pub asked_at: Timestamp,
    /// When it ends, as Exchange last said; none where it does not end or that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// The application that logs on to Microsoft Graph (client credentials).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphAccess {
    /// Directory whose mailboxes these are: its id or one of its verified domains. Never `common`
    /// or `organizations`, which have no application tokens.
    pub tenant: String,
    /// Application (client) id of the app registration.
    pub client: String,
    /// The cloud that the tenant lives in.
    pub cloud: Cloud,
    /// What the application proves itself with, in the order in which it is tried: one, or two while
    /// one replaces the other ([`CREDENTIALS_MAX`]).
    pub credentials: Vec<GraphCredential>,
    /// Object id of the app registration, where we renew its credentials ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_object: Option<String>,
    /// Whether a credential that ends soon is replaced by ourselves. Takes the object id above.
    #[serde(default, skip_serializing_if = "is_off")]
    pub renews: bool,
    /// Whether notifications bring the encrypted item, and with it the proof that Microsoft sent
    /// them.
    #[serde(default, skip_serializing_if = "is_off")]
    pub rich_notifications: bool,
}

/// One credential of an application.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphCredential {
    /// What it is.
    #[serde(flatten)]
    pub kind: CredentialKind,
    /// When it ends, where we know it. A certificate says it itself, a secret does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When we made it ourselves; none for one that a person entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
}

impl GraphCredential {
    /// The name of the secret that holds it; none where nothing is kept.
    pub fn secret_name(&self) -> Option<&str> {
        match &self.kind {
            CredentialKind::Certificate { secret_name }
            | CredentialKind::Secret { secret_name } => Some(secret_name),
            CredentialKind::AwsFederation => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_off(switch: &bool) -> bool {
    !*switch
}

/// What an application proves itself with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "credential", rename_all = "kebab-case")]
pub enum CredentialKind {
    /// A certificate and its private key, both PEM, in one secret.
    Certificate {
        /// Name of the secret.
        secret_name: String,
    },
    /// A client secret.
    Secret {
        /// Name of the secret.
        secret_name: String,
    },
    /// The identity that AWS gives the running function: nothing is stored.
    AwsFederation,
}

/// A Microsoft cloud. Tokens, registrations and subscriptions belong to one cloud each
/// (Microsoft Graph documentation, "National cloud deployments").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The worldwide cloud, and US Government GCC.
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (DoD).
    UsGovernmentDod,
    /// China, operated by 21Vianet.
    China,
    /// Other servers, such as a simulator's.
    Other {
        /// Root of the token service: `https://login.example.com`.
        authority: String,
        /// Root of Graph: `https://graph.example.com`.
        graph: String,
    },
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ews(access) => access.fmt(f),
            Self::Graph(access) => access.fmt(f),
        }
    }
}

impl fmt::Debug for EwsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ews").field("impersonate", &self.impersonate).finish_non_exhaustive()
    }
}

impl fmt::Debug for GraphAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

impl fmt::Debug for GraphCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CredentialKind::Certificate { .. } => "certificate",
            CredentialKind::Secret { .. } => "secret",
            CredentialKind::AwsFederation => "aws-federation",
        };
        write!(f, "{kind}(until {:?})", self.expires_at)
    }
}
