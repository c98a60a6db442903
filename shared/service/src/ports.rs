//! What the use cases need from outside and cannot make themselves.

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tidemark_engine::{Decision, PlanInput};
use tidemark_identity::AccessToken;
use tidemark_mailbox::ews::ServerVersion;
use tidemark_mailbox::graph::Peeked;
use tidemark_mailbox::{Cursor, Greeting, Mailbox, MailboxError};
use tidemark_model::OrganisationId;
use tidemark_proofs::Proofs;
use tidemark_store::records::{ConnectionRow, MailboxRow};
use tidemark_transport::ShownCertificate;

/// Opens mailboxes by their connection: the adapter, its credential, its limits.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// The calendar of a mailbox.
    ///
    /// # Errors
    /// [`MailboxError`] when the connection's settings or credential do not suffice.
    async fn open(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError>;

    /// How many mailboxes of a connection [`Exchange::peek`] asks at once; 0 where it asks none.
    fn peeks_max(&self, _connection: &ConnectionRow) -> usize {
        0
    }

    /// Whether anything has come to mailboxes of one connection since these cursors: one request, which
    /// is not sent again. `items_max` is the size of the pages that the cursors are followed with. See
    /// [`tidemark_mailbox::graph::peek`]; where nothing is known, a run has to look.
    async fn peek(
        &self,
        _organisation: &OrganisationId,
        _connection: &ConnectionRow,
        _asked: &[(MailboxRow, Cursor)],
        _items_max: usize,
    ) -> Peeked {
        Peeked::default()
    }

    /// The certificate that a connection's server shows now (E8); none where there is none to be
    /// confirmed, since the connection has no TLS or a server of a public cloud.
    ///
    /// # Errors
    /// [`MailboxError`] when the server shows none.
    async fn server_certificate(
        &self,
        _connection: &ConnectionRow,
    ) -> Result<Option<ShownCertificate>, MailboxError> {
        Ok(None)
    }

    /// Whether the platform that the program runs on vouches for it, so that an application needs no
    /// credential of its own.
    fn is_vouched_for(&self) -> bool {
        false
    }

    /// What proves that notifications with content come from Microsoft; none where there is no way to
    /// fetch its keys.
    fn proofs(&self) -> Option<&Arc<Proofs>> {
        None
    }

    /// What a preflight looks with; none where there is no way to look.
    fn probe(&self) -> Option<&dyn Probe> {
        None
    }
}

/// What a preflight asks of the way to mailboxes. Nothing of it writes to a mailbox or reads what an
/// item says.
#[async_trait]
pub trait Probe: Send + Sync {
    /// How the server of a connection answers somebody who does not log on.
    ///
    /// # Errors
    /// [`MailboxError`] when there is no answer; its code says how far the way went.
    async fn greet(&self, connection: &ConnectionRow) -> Result<Greeting, MailboxError>;

    /// Asks for a new token, whatever tokens there are: one that is kept does not show what an
    /// administrator granted a minute ago. Nobody else gets it.
    ///
    /// # Errors
    /// [`MailboxError`] when the authority gives none, or the protocol has none.
    async fn token(&self, connection: &ConnectionRow) -> Result<TokenFacts, MailboxError>;

    /// When the password of the account that logs on ends, asked by the way of one of the mailboxes;
    /// none where it does not end or the connection has none.
    ///
    /// # Errors
    /// [`MailboxError`] when the server does not say.
    async fn password_ends(
        &self,
        _connection: &ConnectionRow,
        _mailbox: &MailboxRow,
    ) -> Result<Option<jiff::Timestamp>, MailboxError> {
        Ok(None)
    }

    /// Tries whether a part of a mailbox opens; with this token, where there is one, else with the one
    /// that everybody uses.
    ///
    /// # Errors
    /// [`MailboxError`] of whatever stands in the way.
    async fn look(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
        part: Part,
        token: Option<&AccessToken>,
    ) -> Result<Seen, MailboxError>;
}

/// A part of a mailbox that permissions are given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The calendar.
    Calendar,
    /// Contacts. Over EWS impersonation opens a mailbox as a whole, so that nobody asks.
    Contacts,
    /// Mail.
    Mail,
}

/// A new token, and what it says of itself.
#[derive(Clone)]
pub struct TokenFacts {
    /// The token, for the looks that follow: what an administrator granted or took away shows in it.
    pub token: AccessToken,
    /// The application roles in it; none if it does not show them. They are for people to read:
    /// Microsoft promises no form of a token.
    pub roles: Option<Vec<String>>,
}

impl fmt::Debug for TokenFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts")
            .field("token", &self.token)
            .field("roles", &self.roles.as_ref().map(Vec::len))
            .finish()
    }
}

/// What was seen of a mailbox that opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The server's version, where it names it.
    pub version: Option<ServerVersion>,
    /// How many items the calendar holds, where the server says it.
    pub items: Option<u32>,
    /// Whether the calendar may be written, where the server says it.
    pub can_edit: Option<bool>,
}

/// Decides about one item. The product has one implementation, [`Engine`]; the test of the tests
/// puts broken ones in its place.
pub trait Planner: Send + Sync {
    /// What to do.
    fn plan(&self, input: &PlanInput<'_>) -> Decision;
}

/// The engine's own plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Engine;

impl Planner for Engine {
    fn plan(&self, input: &PlanInput<'_>) -> Decision {
        tidemark_engine::plan(input)
    }
}
