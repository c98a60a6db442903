//! What the use cases need from outside and cannot make themselves.

use std::sync::Arc;

use async_trait::async_trait;
use tidemark_engine::{Decision, PlanInput};
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_store::records::{ConnectionRow, MailboxRow};

/// Opens mailboxes by their connection: the adapter, its credential, its limits.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// The calendar of a mailbox.
    ///
    /// # Errors
    /// [`MailboxError`] when the connection's settings or credential do not suffice.
    async fn open(
        &self,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Result<Arc<dyn Mailbox>, MailboxError>;
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
