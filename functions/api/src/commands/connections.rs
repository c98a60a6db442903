//! The bodies of commands about connections.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use tidemark_service::border::{ConnectionChange, NewConnection, NotificationMode};
use utoipa::ToSchema;

use crate::extract::CommandForm;

/// A connection over EWS to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateConnection {
    /// What people call it; unique within the organisation.
    #[schema(example = "Head office")]
    name: String,
    /// URL of the EWS end point: https, or http to a loopback literal.
    #[schema(example = "https://mail.example/EWS/Exchange.asmx")]
    url: String,
    /// Name of the account that logs on: `DOMAIN\user` with a backslash, or `user@domain`.
    #[schema(example = "CORP\\svc-tidemark")]
    account: String,
    /// Its password. It goes to the secret store and is never shown.
    #[schema(value_type = String, format = Password, write_only)]
    password: SecretString,
    /// Whether the account impersonates the owners of the mailboxes: `true` unless said.
    #[serde(default = "yes")]
    #[schema(default = true)]
    impersonate: bool,
    /// Certificates of authorities (PEM) that are trusted besides the public ones.
    #[serde(default)]
    extra_ca: Option<String>,
    /// How changes in Exchange are noticed: `push` unless said.
    #[serde(default)]
    notifications: Mode,
}

impl CommandForm for CreateConnection {
    const FORM: &'static str = r#"{"name": "…", "url": "https://…", "account": "DOMAIN\\user", "password": "…", "impersonate": true, "extraCa": "PEM" or null, "notifications": "push" or "poll"}"#;
}

impl From<CreateConnection> for NewConnection {
    fn from(command: CreateConnection) -> Self {
        Self {
            name: command.name,
            url: command.url,
            account: command.account,
            password: command.password,
            impersonate: command.impersonate,
            extra_ca: command.extra_ca,
            notifications: command.notifications.into(),
        }
    }
}

/// What is to change about a connection; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ChangeConnection {
    /// What people call it.
    #[serde(default)]
    #[schema(nullable = false)]
    name: Option<String>,
    /// URL of the EWS end point; a new one needs the password again.
    #[serde(default)]
    #[schema(nullable = false)]
    url: Option<String>,
    /// Name of the account; a new one needs its password.
    #[serde(default)]
    #[schema(nullable = false)]
    account: Option<String>,
    /// The password.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only, nullable = false)]
    password: Option<SecretString>,
    /// Whether the account impersonates the owners of the mailboxes.
    #[serde(default)]
    #[schema(nullable = false)]
    impersonate: Option<bool>,
    /// Certificates of authorities (PEM); `null` takes them away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
    extra_ca: Option<Option<String>>,
    /// How changes in Exchange are noticed.
    #[serde(default)]
    #[schema(nullable = false)]
    notifications: Option<Mode>,
    /// Whether it is used.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Whether appointments are synced.
    #[serde(default)]
    #[schema(nullable = false)]
    appointments: Option<bool>,
}

impl CommandForm for ChangeConnection {
    const FORM: &'static str = r#"{"name": "…", "url": "https://…", "account": "…", "password": "…", "impersonate": true, "extraCa": "PEM" or null, "notifications": "push" or "poll", "enabled": true, "appointments": true}, each of them or not"#;
}

impl From<ChangeConnection> for ConnectionChange {
    fn from(command: ChangeConnection) -> Self {
        Self {
            name: command.name,
            url: command.url,
            account: command.account,
            password: command.password,
            impersonate: command.impersonate,
            extra_ca: command.extra_ca,
            notifications: command.notifications.map(NotificationMode::from),
            enabled: command.enabled,
            appointments: command.appointments,
        }
    }
}

/// How changes in Exchange are noticed.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NotificationMode)]
pub(crate) enum Mode {
    /// Exchange calls our URL.
    #[default]
    Push,
    /// Asked for every minute.
    Poll,
}

impl From<Mode> for NotificationMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Push => Self::Push,
            Mode::Poll => Self::Poll,
        }
    }
}

/// The certificate that a person confirms.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmCertificate {
    /// SHA-256 of its DER form: 64 hexadecimal digits, with colons between the pairs or none.
    #[schema(min_length = 64, max_length = 95)]
    pub(crate) sha256: String,
}

impl CommandForm for ConfirmCertificate {
    const FORM: &'static str = r#"{"sha256": "64 hexadecimal digits"}"#;
}

const fn yes() -> bool {
    true
}

/// Tells `null` from a member that is absent.
#[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}
