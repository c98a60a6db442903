//! Connections to an Exchange as administrators see and set them.

use core::fmt;

use secrecy::SecretString;
use uuid::Uuid;

use super::{GraphChange, GraphSettings, GraphView, MailboxErrorView};

/// How changes in Exchange are to be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationMode {
    /// Exchange calls our URL.
    Push,
    /// Asked for every minute.
    Poll,
}

/// How a connection that is to be made speaks, and as whom.
#[derive(Clone)]
pub enum NewAccess {
    /// Exchange Web Services with a password.
    Ews {
        /// URL of the EWS end point.
        url: String,
        /// Name of the account that logs on: `DOMAIN\user` or `user@domain`.
        account: String,
        /// Its password. It is kept in the secret store and never shown again.
        password: SecretString,
        /// Whether the account impersonates the owners of the mailboxes.
        impersonate: bool,
    },
    /// Microsoft Graph as an application.
    Graph(Box<GraphSettings>),
}

/// A connection that is to be made. `Debug` shows its name's length only.
#[derive(Clone)]
pub struct NewConnection {
    /// What people call it; unique within the organisation.
    pub name: String,
    /// How it speaks, and as whom.
    pub access: NewAccess,
    /// Certificates of authorities (PEM) that are trusted besides the public ones.
    pub extra_ca: Option<String>,
    /// How changes are to be noticed.
    pub notifications: NotificationMode,
}

/// What is to change about a connection; what is none stays.
#[derive(Clone, Default)]
pub struct ConnectionChange {
    /// What people call it.
    pub name: Option<String>,
    /// URL of the EWS end point. A new one needs the password again, and forgets the confirmed
    /// certificate.
    pub url: Option<String>,
    /// Name of the account. A new one needs its password.
    pub account: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// Whether the account impersonates the owners of the mailboxes.
    pub impersonate: Option<bool>,
    /// What changes about the application of a connection over Graph.
    pub graph: Option<GraphChange>,
    /// Certificates of authorities (PEM); `Some(None)` takes them away.
    pub extra_ca: Option<Option<String>>,
    /// How changes are to be noticed.
    pub notifications: Option<NotificationMode>,
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// Whether appointments are synced.
    pub appointments: Option<bool>,
}

impl fmt::Debug for NewConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewConnection")
            .field("name_bytes", &self.name.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConnectionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionChange")
            .field("url", &self.url.is_some())
            .field("account", &self.account.is_some())
            .field("password", &self.password.is_some())
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// A connection as administrators see it: without its secrets. `Debug` shows no URL and no account.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionView {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// `ews` or `graph`.
    pub protocol: &'static str,
    /// URL of the EWS end point; none over Graph.
    pub url: Option<String>,
    /// Name of the account that logs on; none over Graph.
    pub account: Option<String>,
    /// Whether the account impersonates the owners of the mailboxes.
    pub impersonate: bool,
    /// The application; none over EWS.
    pub graph: Option<GraphView>,
    /// The authorities that are trusted besides the public ones.
    pub extra_ca: Vec<CertificateView>,
    /// SHA-256 of the only certificate that is trusted, where a person confirmed one.
    pub confirmed_certificate: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Whether appointments are synced.
    pub appointments: bool,
    /// `push` or `poll`.
    pub notifications: &'static str,
    /// The version that the server said last.
    pub server_version: Option<String>,
    /// Until when the server asked us to wait, RFC 3339.
    pub wait_until: Option<String>,
    /// What is wrong with it now.
    pub errors: Vec<MailboxErrorView>,
    /// Since when, RFC 3339.
    pub created: String,
}

impl fmt::Debug for ConnectionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionView")
            .field("id", &self.id)
            .field("protocol", &self.protocol)
            .field("enabled", &self.enabled)
            .field("confirmed", &self.confirmed_certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// A certificate, as people look at it before they trust it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateView {
    /// Who is named in it.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of its DER form, hexadecimal pairs with colons.
    pub sha256: String,
    /// When it begins to be valid, RFC 3339.
    pub not_before: String,
    /// When it ends, RFC 3339.
    pub not_after: String,
    /// Whether it names itself as its issuer.
    pub self_signed: bool,
}

/// The certificate that the server of a connection shows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificateView {
    /// What it says.
    pub certificate: CertificateView,
    /// Whether the connection trusts it.
    pub trusted: bool,
    /// SHA-256 of the one that a person confirmed, where one was.
    pub confirmed: Option<String>,
    /// What that means and what to do, in words.
    pub text: String,
}
