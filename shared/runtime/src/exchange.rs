//! The way to mailboxes over EWS: adapters by connection, with what they share.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_mailbox::ews::{
    Access, BasicUser, ConnectionLimiter, Credential, EndpointError, EwsEndpoint, EwsMailbox,
    EwsUrl, MailboxAddress,
};
use tidemark_mailbox::{Disposition, Mailbox, MailboxError, Scope};
use tidemark_model::{MailboxId, OrganisationId, Zone};
use tidemark_service::{Exchange, World};
use tidemark_store::Secrets;
use tidemark_store::records::{ConnectionId, ConnectionRow, MailboxRow, Protocol};
use tidemark_transport::{
    Fingerprint, HttpOptions, HttpPort, HttpSetupError, LookError, PlainHttp, ReqwestHttp,
    ShownCertificate, TargetPolicy, TransportFault,
};

/// How long a password is used before its secret is read again, so that a rotated one is taken up
/// without a restart.
const PASSWORD_AGE_MAX: SignedDuration = SignedDuration::from_mins(1);
/// Connections that are kept open. Beyond that all are forgotten and opened again.
const CONNECTIONS_MAX: usize = 64;
/// Mailboxes of a connection that are kept. Beyond that all are forgotten.
const MAILBOXES_MAX: usize = 4096;
/// How long to wait when the store of secrets does not answer.
const SECRETS_WAIT: Duration = Duration::from_secs(30);
/// How long to wait when a server cannot be looked at.
const CERTIFICATE_WAIT: Duration = Duration::from_secs(30);

/// The way to mailboxes over EWS. Adapters are kept for as long as their settings stay the same:
/// they remember which server holds their subscriptions and what the server asked of us.
pub struct EwsExchange {
    secrets: Arc<dyn Secrets>,
    world: World,
    connections: Mutex<HashMap<ConnectionId, Open>>,
}

/// An open connection: its settings, and what its mailboxes share.
struct Open {
    settings: Settings,
    credential: Credential,
    password: SecretString,
    read_at: Timestamp,
    http: Arc<dyn HttpPort>,
    limiter: Arc<ConnectionLimiter>,
    mailboxes: HashMap<MailboxId, OpenMailbox>,
}

struct OpenMailbox {
    address: String,
    zone: Option<String>,
    mailbox: Arc<EwsMailbox>,
}

/// What of a connection's row decides how it is talked to.
#[derive(Clone, PartialEq, Eq)]
struct Settings {
    url: String,
    account: String,
    secret_name: String,
    impersonate: bool,
    trust: Trust,
}

/// Which certificates of its server a connection trusts besides the public ones, or instead of them.
#[derive(Clone, PartialEq, Eq)]
struct Trust {
    extra_ca_pem: Option<String>,
    confirmed_fingerprint: Option<String>,
}

impl Trust {
    fn of(row: &ConnectionRow) -> Self {
        Self {
            extra_ca_pem: row.extra_ca_pem.clone(),
            confirmed_fingerprint: row.confirmed_fingerprint.clone(),
        }
    }

    /// The URL is an administrator's, so it may lead anywhere; without TLS only to this machine.
    fn http_options(&self) -> Result<HttpOptions, MailboxError> {
        let confirmed = self.confirmed_fingerprint.as_deref().map(str::parse::<Fingerprint>);
        // What cannot be read must not come to mean that nothing was confirmed.
        let confirmed = confirmed.transpose().map_err(|error| {
            let text = format!(
                "The confirmed certificate cannot be read: it is {error}. Confirm it again."
            );
            refused(Disposition::Reject, "certificates-unusable", text)
        })?;
        Ok(HttpOptions {
            extra_roots_pem: self.extra_ca_pem.iter().cloned().collect(),
            confirmed,
            plain_http: PlainHttp::LoopbackLiterals,
            targets: TargetPolicy::Any,
            ..HttpOptions::default()
        })
    }
}

impl Settings {
    fn of(row: &ConnectionRow) -> Result<Self, MailboxError> {
        match &row.protocol {
            Protocol::Ews(access) => Ok(Self {
                url: access.url.clone(),
                account: access.account.clone(),
                secret_name: access.secret_name.clone(),
                impersonate: access.impersonate,
                trust: Trust::of(row),
            }),
            Protocol::Graph(_) => Err(refused(
                Disposition::Reject,
                "protocol-unsupported",
                "The connection speaks Graph, which is not opened this way.".to_owned(),
            )),
        }
    }
}

impl EwsExchange {
    /// Nothing is opened yet. Passwords are read from `secrets` by the names in the connections.
    pub fn new(secrets: Arc<dyn Secrets>, world: World) -> Self {
        Self { secrets, world, connections: Mutex::default() }
    }

    /// The adapter of a mailbox itself, for the checks that only EWS has.
    ///
    /// # Errors
    /// [`MailboxError`] when the connection's settings or credential do not suffice.
    pub async fn open_ews(
        &self,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<EwsMailbox>, MailboxError> {
        let settings = Settings::of(connection)?;
        let now = self.world.now();
        if !self.is_fresh(connection.id, &settings, now) {
            let password = self.read_password(&settings.secret_name).await?;
            self.take_up(connection.id, settings, password, now)?;
        }
        self.mailbox(connection.id, mailbox, now)
    }

    /// Whether the connection is open with these settings and a password that was read lately.
    fn is_fresh(&self, id: ConnectionId, settings: &Settings, now: Timestamp) -> bool {
        self.lock().get(&id).is_some_and(|open| {
            open.settings == *settings && now.duration_since(open.read_at) < PASSWORD_AGE_MAX
        })
    }

    async fn read_password(&self, name: &str) -> Result<SecretString, MailboxError> {
        match self.secrets.get(name).await {
            Ok(Some(password)) => Ok(password),
            Ok(None) => Err(refused(
                Disposition::Authorize,
                "password-missing",
                "The connection's password is not in the secret store: enter it again.".to_owned(),
            )),
            Err(error) => {
                tracing::warn!(error = %error, "the secret store does not answer");
                Err(refused(
                    Disposition::RetryAfter(SECRETS_WAIT),
                    "secrets-unavailable",
                    "The secret store does not answer; it is asked again by itself.".to_owned(),
                ))
            }
        }
    }

    /// Opens the connection, or keeps the open one if nothing about it changed.
    fn take_up(
        &self,
        id: ConnectionId,
        settings: Settings,
        password: SecretString,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        let mut connections = self.lock();
        if let Some(open) = connections.get_mut(&id)
            && open.settings == settings
            && open.password.expose_secret() == password.expose_secret()
        {
            open.read_at = now;
            return Ok(());
        }
        let before = connections.remove(&id);
        // What a server asked of us outlives a new password, but not a new server or account.
        let limiter = before
            .as_ref()
            .filter(|open| {
                open.settings.url == settings.url && open.settings.account == settings.account
            })
            .map_or_else(ConnectionLimiter::new, |open| Arc::clone(&open.limiter));
        let http = match before {
            Some(open) if open.settings.trust == settings.trust => open.http,
            Some(_) | None => build_http(&settings.trust)?,
        };
        let user = BasicUser::parse(&settings.account).map_err(unusable)?;
        if connections.len() >= CONNECTIONS_MAX {
            connections.clear();
        }
        let open = Open {
            settings,
            credential: Credential::Basic { user, password: password.clone() },
            password,
            read_at: now,
            http,
            limiter,
            mailboxes: HashMap::new(),
        };
        connections.insert(id, open);
        Ok(())
    }

    fn mailbox(
        &self,
        connection: ConnectionId,
        row: &MailboxRow,
        now: Timestamp,
    ) -> Result<Arc<EwsMailbox>, MailboxError> {
        let mut connections = self.lock();
        let Some(open) = connections.get_mut(&connection) else {
            // Others opened so many connections in between that this one was forgotten.
            return Err(refused(
                Disposition::RetryAfter(Duration::from_secs(1)),
                "connections-busy",
                "Too many connections are being opened at once; it is tried again.".to_owned(),
            ));
        };
        if let Some(known) = open.mailboxes.get(&row.id)
            && known.address == row.address
            && known.zone == row.time_zone
        {
            return Ok(Arc::clone(&known.mailbox));
        }
        let mailbox = Arc::new(EwsMailbox::new(self.endpoint(open, row, now)?));
        if open.mailboxes.len() >= MAILBOXES_MAX {
            open.mailboxes.clear();
        }
        open.mailboxes.insert(
            row.id,
            OpenMailbox {
                address: row.address.clone(),
                zone: row.time_zone.clone(),
                mailbox: Arc::clone(&mailbox),
            },
        );
        Ok(mailbox)
    }

    fn endpoint(
        &self,
        open: &Open,
        row: &MailboxRow,
        now: Timestamp,
    ) -> Result<EwsEndpoint, MailboxError> {
        Ok(EwsEndpoint {
            url: EwsUrl::parse(&open.settings.url).map_err(unusable)?,
            credential: open.credential.clone(),
            mailbox: MailboxAddress::parse(&row.address).map_err(unusable)?,
            access: if open.settings.impersonate { Access::Impersonation } else { Access::Own },
            zone: zone_of(row),
            http: Arc::clone(&open.http),
            clock: self.world.clock(),
            entropy: self.world.entropy(),
            limiter: open.limiter.mailbox(&row.id.to_string(), now),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Open>> {
        // Entries are replaced whole, so a panic elsewhere cannot have left half of one.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Exchange for EwsExchange {
    async fn open(
        &self,
        _: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        let mailbox: Arc<dyn Mailbox> = self.open_ews(connection, mailbox).await?;
        Ok(mailbox)
    }

    async fn server_certificate(
        &self,
        connection: &ConnectionRow,
    ) -> Result<Option<ShownCertificate>, MailboxError> {
        let Some(access) = connection.ews() else {
            return Ok(None);
        };
        let url = EwsUrl::parse(&access.url).map_err(unusable)?;
        let is_plain = url.as_str().get(..5).is_some_and(|it| it.eq_ignore_ascii_case("http:"));
        if is_plain {
            return Ok(None);
        }
        let options = Trust::of(connection).http_options()?;
        match ReqwestHttp::look_at_certificate(options, url.as_str()).await {
            Ok(shown) => Ok(Some(shown)),
            Err(LookError::Setup(error)) => Err(no_tls(&error)),
            Err(LookError::Transport(error)) => Err(not_reached(&error.fault)),
        }
    }
}

/// The mailbox's own zone; UTC where it is not known. It only decides how whole days and times
/// without a zone of their own are read.
pub(crate) fn zone_of(row: &MailboxRow) -> Zone {
    let Some(name) = &row.time_zone else {
        return Zone::utc();
    };
    Zone::parse(name).unwrap_or_else(|_| {
        tracing::warn!(mailbox.id = %row.id, "the mailbox's time zone is not known: UTC is used");
        Zone::utc()
    })
}

/// A client of its own for a connection over EWS.
pub(crate) fn http_of(connection: &ConnectionRow) -> Result<Arc<dyn HttpPort>, MailboxError> {
    build_http(&Trust::of(connection))
}

fn build_http(trust: &Trust) -> Result<Arc<dyn HttpPort>, MailboxError> {
    match ReqwestHttp::new(trust.http_options()?) {
        Ok(http) => Ok(Arc::new(http)),
        Err(error) => Err(no_tls(&error)),
    }
}

fn no_tls(error: &HttpSetupError) -> MailboxError {
    refused(
        Disposition::Reject,
        "certificates-unusable",
        format!("TLS cannot be set up: {error}. Check the connection's extra certificates."),
    )
}

/// Why a server showed no certificate.
fn not_reached(fault: &TransportFault) -> MailboxError {
    let why = match fault {
        TransportFault::NameNotFound => "its name has no address: check the spelling and the DNS",
        TransportFault::Unreachable => "nobody answers: check port, firewall and the server",
        TransportFault::TimedOut | TransportFault::Cut => "it did not answer in time: try again",
        TransportFault::BadUrl | TransportFault::ForbiddenTarget => {
            "the URL leads nowhere: check it"
        }
        TransportFault::Tls
        | TransportFault::UntrustedCertificate
        | TransportFault::ChangedCertificate
        | TransportFault::AnswerTooLarge => "the port does not speak TLS 1.2 or newer: check it",
    };
    let text = format!("The server shows no certificate; {why}.");
    refused(Disposition::RetryAfter(CERTIFICATE_WAIT), "certificate-not-seen", text)
}

fn unusable(error: EndpointError) -> MailboxError {
    refused(
        Disposition::Reject,
        "connection-settings",
        format!("The connection's settings cannot be used: {error}."),
    )
}

pub(crate) fn refused(disposition: Disposition, code: &str, text: String) -> MailboxError {
    MailboxError { disposition, scope: Scope::Connection, code: code.to_owned(), text }
}

#[cfg(test)]
mod tests;
