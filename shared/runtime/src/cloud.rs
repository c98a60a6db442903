//! The way to mailboxes over Microsoft Graph: adapters by connection, with what they share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_graph::{GraphRoot, UserKey};
use tidemark_identity::{TokenCache, TokenError, TokenSource, WebIdentity};
use tidemark_mailbox::ews::ConnectionLimiter;
use tidemark_mailbox::graph::{ChangeFeed, GraphEndpoint, GraphMailbox, PEEKS_MAX, Peeked, peek};
use tidemark_mailbox::{Cursor, Disposition, Mailbox, MailboxError};
use tidemark_model::OrganisationId;
use tidemark_proofs::{Connect, Proofs, connect_to_cloud};
use tidemark_service::ports::Probe;
use tidemark_service::refresh::application_of;
use tidemark_service::refresh::rotation::{Authority, EntraAuthority};
use tidemark_service::{Exchange, Tokens, World};
use tidemark_store::Secrets;
use tidemark_store::records::{
    ConnectionId, ConnectionRow, GraphAccess, MailboxRow, Protocol, Records,
};
use tidemark_transport::{HttpPort, ShownCertificate};

use crate::exchange::{EwsExchange, refused, zone_of};

/// Connections that are kept open. Beyond that all are forgotten and opened again.
const CONNECTIONS_MAX: usize = 64;

/// The way to mailboxes over Microsoft Graph.
pub struct GraphExchange {
    tokens: Arc<Tokens>,
    proofs: Arc<Proofs>,
    world: World,
    connections: Mutex<HashMap<(OrganisationId, ConnectionId), Open>>,
}

/// An open connection: the settings that it was opened with, and what its mailboxes share.
#[derive(Clone)]
struct Open {
    access: GraphAccess,
    extra_ca_pem: Option<String>,
    root: GraphRoot,
    tokens: Arc<TokenCache>,
    http: Arc<dyn HttpPort>,
    limiter: Arc<ConnectionLimiter>,
}

impl GraphExchange {
    /// Nothing is opened yet. Tokens come from `tokens`, keys for what notifications bring from
    /// `secrets`.
    pub fn new(secrets: Arc<dyn Secrets>, tokens: Arc<Tokens>, world: World) -> Self {
        let proofs = Arc::new(Proofs::new(Arc::new(connect_to_cloud), secrets, world.clone()));
        Self { tokens, proofs, world, connections: Mutex::default() }
    }

    /// Where tokens come from.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The adapter of a mailbox itself, for the checks that only Graph has.
    ///
    /// # Errors
    /// [`MailboxError`] when the connection's settings or credential do not suffice.
    pub fn open_graph(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<GraphMailbox, MailboxError> {
        self.open_with(organisation, connection, mailbox, None)
    }

    /// The same, with other tokens than those that everybody uses.
    pub(crate) fn open_with(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
        tokens: Option<Arc<dyn TokenSource>>,
    ) -> Result<GraphMailbox, MailboxError> {
        let open = self.connection(organisation, connection)?;
        let endpoint = self.endpoint(open, mailbox, self.world.now())?;
        Ok(GraphMailbox::new(match tokens {
            Some(tokens) => GraphEndpoint { tokens, ..endpoint },
            None => endpoint,
        }))
    }

    fn connection(
        &self,
        organisation: &OrganisationId,
        row: &ConnectionRow,
    ) -> Result<Open, MailboxError> {
        let access = row.graph().ok_or_else(|| {
            let text = "The connection speaks EWS, which is not opened this way.";
            refused(Disposition::Reject, "protocol-unsupported", text.to_owned())
        })?;
        let key = (organisation.clone(), row.id);
        // Entries are replaced whole, so a panic elsewhere cannot have left half of one.
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let known = connections.get(&key);
        if let Some(known) = known
            && known.access == *access
            && known.extra_ca_pem == row.extra_ca_pem
        {
            return Ok(known.clone());
        }
        // What Graph asked of us outlives a new credential, but not another tenant or application.
        let limiter = known
            .filter(|known| {
                known.access.tenant == access.tenant && known.access.client == access.client
            })
            .map_or_else(ConnectionLimiter::new, |known| Arc::clone(&known.limiter));
        let application = application_of(access).map_err(|error| unusable(&error))?;
        let open = Open {
            root: GraphRoot::parse(application.cloud.graph())
                .map_err(|error| settings(&error.to_string()))?,
            tokens: self.tokens.source(organisation, row).map_err(|error| unusable(&error))?,
            http: connect_to_cloud(row.extra_ca_pem.as_deref())
                .map_err(|error| unusable(&error))?,
            access: access.clone(),
            extra_ca_pem: row.extra_ca_pem.clone(),
            limiter,
        };
        if connections.len() >= CONNECTIONS_MAX {
            connections.clear();
        }
        connections.insert(key, open.clone());
        Ok(open)
    }

    fn endpoint(
        &self,
        open: Open,
        row: &MailboxRow,
        now: Timestamp,
    ) -> Result<GraphEndpoint, MailboxError> {
        Ok(GraphEndpoint {
            root: open.root,
            user: UserKey::parse(&row.address).map_err(|error| settings(&error.to_string()))?,
            addresses: row.addresses().into_iter().collect(),
            zone: zone_of(row),
            feed: ChangeFeed::Window,
            tokens: open.tokens,
            http: open.http,
            clock: self.world.clock(),
            entropy: self.world.entropy(),
            limiter: open.limiter.mailbox(&row.id.to_string(), now),
        })
    }
}

#[async_trait]
impl Exchange for GraphExchange {
    async fn open(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        Ok(Arc::new(self.open_graph(organisation, connection, mailbox)?))
    }

    fn peeks_max(&self, connection: &ConnectionRow) -> usize {
        if connection.graph().is_some() { PEEKS_MAX } else { 0 }
    }

    async fn peek(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        asked: &[(MailboxRow, Cursor)],
        items_max: usize,
    ) -> Peeked {
        let open = |(row, cursor): &(MailboxRow, Cursor)| {
            Ok((self.open_graph(organisation, connection, row)?, cursor.clone()))
        };
        // Where one cannot be opened, a run says why.
        let opened: Result<Vec<_>, MailboxError> = asked.iter().map(open).collect();
        match opened {
            Ok(opened) => peek(&opened, items_max).await,
            Err(_) => Peeked::default(),
        }
    }

    fn is_vouched_for(&self) -> bool {
        self.tokens.has_platform()
    }

    fn proofs(&self) -> Option<&Arc<Proofs>> {
        Some(&self.proofs)
    }
}

/// The way to any mailbox, by what its connection speaks.
pub struct EveryExchange {
    /// Over EWS.
    pub ews: EwsExchange,
    /// Over Graph.
    pub graph: GraphExchange,
}

impl EveryExchange {
    /// Nothing is opened yet. Passwords come from `secrets`, tokens from `tokens`.
    pub fn new(secrets: Arc<dyn Secrets>, tokens: Arc<Tokens>, world: World) -> Self {
        Self {
            ews: EwsExchange::new(Arc::clone(&secrets), world.clone()),
            graph: GraphExchange::new(secrets, tokens, world),
        }
    }
}

#[async_trait]
impl Exchange for EveryExchange {
    async fn open(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(_) => self.ews.open(organisation, connection, mailbox).await,
            Protocol::Graph(_) => self.graph.open(organisation, connection, mailbox).await,
        }
    }

    async fn server_certificate(
        &self,
        connection: &ConnectionRow,
    ) -> Result<Option<ShownCertificate>, MailboxError> {
        match &connection.protocol {
            Protocol::Ews(_) => self.ews.server_certificate(connection).await,
            Protocol::Graph(_) => self.graph.server_certificate(connection).await,
        }
    }

    fn peeks_max(&self, connection: &ConnectionRow) -> usize {
        self.graph.peeks_max(connection)
    }

    async fn peek(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        asked: &[(MailboxRow, Cursor)],
        items_max: usize,
    ) -> Peeked {
        self.graph.peek(organisation, connection, asked, items_max).await
    }

    fn is_vouched_for(&self) -> bool {
        self.graph.is_vouched_for()
    }

    fn proofs(&self) -> Option<&Arc<Proofs>> {
        self.graph.proofs()
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }
}

/// The tokens of all connections: one of them per process, reaching the token services over HTTP.
///
/// `platform` vouches for connections that have no credential of their own, where there is one.
pub fn open_tokens(
    records: Arc<Records>,
    secrets: Arc<dyn Secrets>,
    world: World,
    platform: Option<Arc<dyn WebIdentity>>,
) -> Arc<Tokens> {
    let connect: Connect = Arc::new(connect_to_cloud);
    let tokens = Tokens::new(records, secrets, connect, world);
    Arc::new(match platform {
        Some(platform) => tokens.with_platform(platform),
        None => tokens,
    })
}

/// What replaces the credentials of connections: Entra, and app registrations through Graph.
pub fn open_authority(tokens: Arc<Tokens>, world: World) -> Arc<dyn Authority> {
    Arc::new(EntraAuthority { tokens, connect: Arc::new(connect_to_cloud), world })
}

fn unusable(error: &TokenError) -> MailboxError {
    match error {
        TokenError::Refused { code, text } => refused(Disposition::Reject, code, text.clone()),
        TokenError::Later { after, code, text } => {
            refused(Disposition::RetryAfter(*after), code, text.clone())
        }
    }
}

fn settings(what: &str) -> MailboxError {
    let text = format!("The connection's settings cannot be used: {what}.");
    refused(Disposition::Reject, "connection-settings", text)
}

#[cfg(test)]
mod tests;
