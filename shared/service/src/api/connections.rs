//! Connections: made and changed by administrators, and the certificates that they trust (E8).

mod certificate;
mod graph;

use secrecy::{ExposeSecret as _, SecretString};
use tidemark_jscalendar::Problem;
use tidemark_mailbox::ews::{BasicUser, EwsUrl};
use tidemark_store::records::{
    ConnectionId, ConnectionRow, Document, EwsAccess, Fence, Gate, Notifications, Protocol,
};
use tidemark_transport::{CertificateFacts, describe_certificates};
use uuid::Uuid;

use super::access::{join, may_administer};
use crate::border::{
    Caller, CertificateView, ConnectionChange, ConnectionView, MailboxErrorView, NewAccess,
    NewConnection, NotificationMode, Refusal,
};
use crate::graph_settings::{PASSWORD_MEND, Place, enter_graph, password_refusal};
use crate::preflight::fence;
use crate::service::Service;

/// Most connections of an organisation.
const CONNECTIONS_MAX: usize = 100;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// Longest password, in bytes.
const PASSWORD_BYTES_MAX: usize = 1024;

impl Service {
    pub(super) async fn list_connections(
        &self,
        caller: &Caller,
    ) -> Result<Vec<ConnectionView>, Refusal> {
        may_administer(caller)?;
        let rows = self.records.connections(&caller.organisation).await?;
        Ok(rows.into_iter().map(|row| view_of(row.value)).collect())
    }

    pub(super) async fn view_connection(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ConnectionView, Refusal> {
        Ok(view_of(self.find_connection(caller, id).await?.value))
    }

    pub(super) async fn make_connection(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionView, Refusal> {
        may_administer(caller)?;
        let others = self.records.connections(&caller.organisation).await?;
        if others.len() >= CONNECTIONS_MAX {
            let text = format!("an organisation has at most {CONNECTIONS_MAX} connections");
            return Err(Refusal::Conflict(text));
        }
        let id = ConnectionId::new(self.world.uuid());
        let (protocol, secrets, password) = self.enter(id, new.access)?;
        let row = ConnectionRow {
            id,
            name: new.name,
            protocol,
            extra_ca_pem: new.extra_ca,
            confirmed_fingerprint: None,
            enabled: true,
            appointments: true,
            notifications: stored_mode(new.notifications),
            server_version: None,
            wait_until: None,
            troubles: Vec::new(),
            // Nobody has shown yet where it ends.
            fence: Fence { gate: Gate::Require, ..Fence::default() },
            created_at: self.world.now(),
        };
        check(&row, password.as_ref(), &others)?;
        // Secrets first: a connection whose secret is not there yet would show an error.
        for (name, secret) in secrets {
            self.secrets.put(&name, secret).await?;
        }
        self.save_set_connection(caller, &row, None).await?;
        Ok(view_of(row))
    }

    pub(super) async fn change_connection_row(
        &self,
        caller: &Caller,
        id: Uuid,
        change: ConnectionChange,
    ) -> Result<ConnectionView, Refusal> {
        let found = self.find_connection(caller, id).await?;
        let mut row = found.value.clone();
        let password = change.password.clone();
        let secrets = self.apply(&mut row, change)?;
        if needs_password(&found.value, &row) && password.is_none() {
            return Err(invalid(
                "/password",
                "a stored password is not sent to another server or used for another account",
                "send the password along with the new url or account",
            ));
        }
        let others = self.records.connections(&caller.organisation).await?;
        check(&row, password.as_ref(), &others)?;
        if let (Some(password), Some(access)) = (password, row.ews()) {
            self.secrets.put(&access.secret_name, password).await?;
        }
        for (name, secret) in secrets {
            self.secrets.put(&name, secret).await?;
        }
        self.save_set_connection(caller, &row, Some(&found)).await?;
        Ok(view_of(row))
    }

    /// What the row of a new connection holds of its access, and what goes to the secret store; of EWS
    /// the password once more, to be checked.
    fn enter(&self, id: ConnectionId, access: NewAccess) -> Result<Entry, Refusal> {
        match access {
            NewAccess::Ews { url, account, password, impersonate } => {
                let secret_name = format!("connections/{}/password", id.uuid());
                let secrets = vec![(secret_name.clone(), password.clone())];
                let row = EwsAccess { url, account, secret_name, impersonate, password: None };
                Ok((Protocol::Ews(row), secrets, Some(password)))
            }
            NewAccess::Graph(settings) => {
                let entry = enter_graph(id, None, (*settings).into(), self.place());
                let entry = entry.map_err(Refusal::Invalid)?;
                Ok((Protocol::Graph(entry.access), entry.secrets, None))
            }
        }
    }

    /// Brings a row to what a change says; gives what goes to the secret store.
    fn apply(&self, row: &mut ConnectionRow, change: ConnectionChange) -> Result<Secrets, Refusal> {
        let mut secrets = Vec::new();
        if let Some(change) = change.graph.clone() {
            let Protocol::Graph(access) = &row.protocol else {
                let text = "the connection speaks EWS: it has no application of Graph's";
                return Err(Refusal::Conflict(text.to_owned()));
            };
            let entry = enter_graph(row.id, Some(access), change, self.place());
            let entry = entry.map_err(Refusal::Invalid)?;
            row.protocol = Protocol::Graph(entry.access);
            secrets = entry.secrets;
        }
        apply(row, change)?;
        Ok(secrets)
    }

    fn place(&self) -> Place {
        let is_on_aws = self.exchange.is_vouched_for();
        Place { now: self.world.now(), is_on_aws, is_file: false }
    }

    async fn find_connection(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Document<ConnectionRow>, Refusal> {
        may_administer(caller)?;
        let found = self.records.connection(&caller.organisation, ConnectionId::new(id)).await?;
        found.ok_or(Refusal::NotFound { what: "connection" })
    }
}

/// Names and values of secrets.
type Secrets = Vec<(String, SecretString)>;
/// A new connection's protocol, its secrets, and the password of EWS.
type Entry = (Protocol, Secrets, Option<SecretString>);

/// The row with what is to change, but for an application.
fn apply(row: &mut ConnectionRow, change: ConnectionChange) -> Result<(), Refusal> {
    let of_ews = change.url.is_some()
        || change.account.is_some()
        || change.password.is_some()
        || change.impersonate.is_some();
    match &mut row.protocol {
        Protocol::Ews(access) => {
            if let Some(url) = change.url.filter(|url| *url != access.url) {
                access.url = url;
                // It was another server's.
                row.confirmed_fingerprint = None;
            }
            if change.account.is_some() || change.password.is_some() {
                // It was another password's.
                access.password = None;
            }
            access.account = change.account.unwrap_or_else(|| access.account.clone());
            access.impersonate = change.impersonate.unwrap_or(access.impersonate);
        }
        Protocol::Graph(_) if of_ews => {
            let text = "the connection speaks Graph: it has no url, account or password of EWS";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        Protocol::Graph(_) => {}
    }
    row.name = change.name.unwrap_or_else(|| row.name.clone());
    row.extra_ca_pem = change.extra_ca.unwrap_or_else(|| row.extra_ca_pem.clone());
    row.notifications = change.notifications.map_or(row.notifications, stored_mode);
    row.enabled = change.enabled.unwrap_or(row.enabled);
    row.appointments = change.appointments.unwrap_or(row.appointments);
    Ok(())
}

/// Whether the stored password would be used where nobody entered it.
fn needs_password(before: &ConnectionRow, after: &ConnectionRow) -> bool {
    match (before.ews(), after.ews()) {
        (Some(before), Some(after)) => before.url != after.url || before.account != after.account,
        _ => false,
    }
}

/// Refuses what cannot work, with all the places at once.
fn check(
    row: &ConnectionRow,
    password: Option<&SecretString>,
    others: &[Document<ConnectionRow>],
) -> Result<(), Refusal> {
    let mut problems = Vec::new();
    let mut wrong = |pointer: &str, rule: String, mend: &str| {
        problems.push(Problem { pointer: pointer.to_owned(), rule, mend: mend.to_owned() });
    };
    let name = row.name.trim();
    if name.is_empty() || row.name.len() > NAME_BYTES_MAX || row.name.chars().any(char::is_control)
    {
        let rule =
            format!("is empty, longer than {NAME_BYTES_MAX} bytes or has control characters");
        wrong("/name", rule, "a short name");
    } else if others.iter().any(|it| it.value.id != row.id && it.value.name == row.name) {
        let rule = "another connection of the organisation has this name".to_owned();
        wrong("/name", rule, "a name of its own");
    }
    if let Some(access) = row.ews() {
        if let Err(error) = EwsUrl::parse(&access.url) {
            let mend = "the URL of the EWS end point, as https://mail.example/EWS/Exchange.asmx";
            wrong("/url", error.to_string(), mend);
        } else if let Some(reason) = password_refusal(&access.url) {
            wrong("/password", reason.to_owned(), PASSWORD_MEND);
        }
        if let Err(error) = BasicUser::parse(&access.account) {
            wrong("/account", error.to_string(), "DOMAIN\\user with a backslash, or user@domain");
        }
    }
    let fits = |password: &SecretString| {
        let text = password.expose_secret();
        (1..=PASSWORD_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
    };
    if password.is_some_and(|password| !fits(password)) {
        let rule =
            format!("is empty, longer than {PASSWORD_BYTES_MAX} bytes or has control characters");
        wrong("/password", rule, "the account's password");
    }
    if let Some(Err(error)) = row.extra_ca_pem.as_deref().map(describe_certificates) {
        wrong("/extraCa", error.to_string(), "the authority's certificate as PEM");
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems)) }
}

fn invalid(pointer: &str, rule: &str, mend: &str) -> Refusal {
    Refusal::Invalid(vec![Problem {
        pointer: pointer.to_owned(),
        rule: rule.to_owned(),
        mend: mend.to_owned(),
    }])
}

const fn stored_mode(mode: NotificationMode) -> Notifications {
    match mode {
        NotificationMode::Push => Notifications::Push,
        NotificationMode::Poll => Notifications::Poll,
    }
}

fn view_of(row: ConnectionRow) -> ConnectionView {
    let access = row.ews().cloned();
    let fence = fence::warning(&row);
    ConnectionView {
        graph: row.graph().map(graph::view_of),
        id: row.id.uuid(),
        protocol: match row.protocol {
            Protocol::Ews(_) => "ews",
            Protocol::Graph(_) => "graph",
        },
        impersonate: access.as_ref().is_some_and(|access| access.impersonate),
        account: access.as_ref().map(|access| access.account.clone()),
        url: access.map(|access| access.url),
        // What is stored was read before it was stored.
        extra_ca: row
            .extra_ca_pem
            .as_deref()
            .and_then(|pem| describe_certificates(pem).ok())
            .unwrap_or_default()
            .into_iter()
            .map(certificate_view)
            .collect(),
        confirmed_certificate: row.confirmed_fingerprint,
        name: row.name,
        enabled: row.enabled,
        appointments: row.appointments,
        notifications: match row.notifications {
            Notifications::Push => "push",
            Notifications::Poll => "poll",
        },
        server_version: row.server_version,
        wait_until: row.wait_until.map(|at| at.to_string()),
        errors: row
            .troubles
            .into_iter()
            .map(|trouble| MailboxErrorView {
                code: trouble.code,
                text: join(&trouble.cause, &trouble.mend),
                since: trouble.since.to_string(),
            })
            .chain(fence)
            .collect(),
        created: row.created_at.to_string(),
    }
}

fn certificate_view(facts: CertificateFacts) -> CertificateView {
    CertificateView {
        subject: facts.subject,
        issuer: facts.issuer,
        sha256: facts.fingerprint.to_string(),
        not_before: facts.not_before.to_string(),
        not_after: facts.not_after.to_string(),
        self_signed: facts.self_issued,
    }
}
