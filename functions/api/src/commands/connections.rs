//! The bodies of commands about connections.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use tidemark_service::border::{
    ConnectionChange, GraphChange, GraphSettings, NewAccess, NewConnection, NotificationMode,
};
use utoipa::ToSchema;

use super::graph::{GraphChangeForm, GraphForm, GraphPatch};
use crate::extract::CommandForm;
use crate::problem::{Problem, ProblemError, ProblemKind};

/// A connection to be made: over EWS with `url`, `account` and `password`, or over Microsoft Graph with
/// `graph` in their place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateConnection {
    /// What people call it; unique within the organisation.
    #[schema(example = "Head office")]
    name: String,
    /// URL of the EWS end point: https, or http to a loopback literal.
    #[serde(default)]
    #[schema(example = "https://mail.example/EWS/Exchange.asmx")]
    url: Option<String>,
    /// Name of the account that logs on: `DOMAIN\user` with a backslash, or `user@domain`.
    #[serde(default)]
    #[schema(example = "CORP\\svc-tidemark")]
    account: Option<String>,
    /// Its password. It goes to the secret store and is never shown.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<SecretString>,
    /// Whether the account impersonates the owners of the mailboxes: `true` unless said.
    #[serde(default)]
    impersonate: Option<bool>,
    /// The application, over Microsoft Graph.
    #[serde(default)]
    #[schema(value_type = Option<GraphForm>)]
    graph: Option<GraphSettings>,
    /// Certificates of authorities (PEM) that are trusted besides the public ones.
    #[serde(default)]
    extra_ca: Option<String>,
    /// How changes in Exchange are noticed: `push` unless said.
    #[serde(default)]
    notifications: Mode,
}

impl CommandForm for CreateConnection {
    const FORM: &'static str = r#"{"name": "…", "url": "https://…", "account": "DOMAIN\\user", "password": "…", "impersonate": true, "extraCa": "PEM" or null, "notifications": "push" or "poll"}, or with "graph": {"tenant": "…", "client": "…", "cloud": "global", "credential": {"certificate": "PEM"}, …} in place of url, account, password and impersonate"#;
}

impl CreateConnection {
    /// What the border asks for.
    ///
    /// # Errors
    /// Names what is missing, or stands beside what it cannot stand beside.
    pub(crate) fn read(self) -> Result<NewConnection, Problem> {
        let access = match self.graph {
            Some(graph) => {
                let of_ews = [
                    ("/url", self.url.is_some()),
                    ("/account", self.account.is_some()),
                    ("/password", self.password.is_some()),
                    ("/impersonate", self.impersonate.is_some()),
                ];
                if let Some((place, _)) = of_ews.into_iter().find(|(_, is_there)| *is_there) {
                    return Err(unfit(place, "is of EWS, and graph is of Graph", "one of the two"));
                }
                NewAccess::Graph(Box::new(graph))
            }
            None => NewAccess::Ews {
                url: self.url.ok_or_else(|| missing("/url"))?,
                account: self.account.ok_or_else(|| missing("/account"))?,
                password: self.password.ok_or_else(|| missing("/password"))?,
                impersonate: self.impersonate.unwrap_or(true),
            },
        };
        Ok(NewConnection {
            name: self.name,
            access,
            extra_ca: self.extra_ca,
            notifications: self.notifications.into(),
        })
    }
}

fn missing(place: &str) -> Problem {
    unfit(place, "is missing: over EWS it is needed", "give it; or graph, over Microsoft Graph")
}

fn unfit(place: &str, rule: &str, mend: &str) -> Problem {
    let text = "the body does not have the form that this route asks for";
    Problem::new(ProblemKind::Invalid, text).with_errors(vec![ProblemError::at(
        place.to_owned(),
        rule,
        mend,
    )])
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
    /// What changes about the application of a connection over Graph.
    #[serde(default)]
    #[schema(value_type = Option<GraphChangeForm>, nullable = false)]
    graph: Option<GraphPatch>,
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
    const FORM: &'static str = r#"{"name": "…", "url": "https://…", "account": "…", "password": "…", "impersonate": true, "graph": {…}, "extraCa": "PEM" or null, "notifications": "push" or "poll", "enabled": true, "appointments": true}, each of them or not"#;
}

impl From<ChangeConnection> for ConnectionChange {
    fn from(command: ChangeConnection) -> Self {
        Self {
            name: command.name,
            url: command.url,
            account: command.account,
            password: command.password,
            impersonate: command.impersonate,
            graph: command.graph.map(GraphChange::from),
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

/// Tells `null` from a member that is absent.
#[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
pub(super) fn present<'de, T, D>(value: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(value).map(Some)
}
