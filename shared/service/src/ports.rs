//! What the use cases need from outside and cannot make themselves.

use std::sync::Arc;

use async_trait::async_trait;
use tidemark_engine::{Decision, PlanInput};
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_model::OrganisationId;
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
