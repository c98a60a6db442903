//! Until when the account's password is good.

use jiff::Timestamp;
use tidemark_ews::{GetPasswordExpirationDate, Request};

use super::adapter::EwsMailbox;
use super::fault::Effect;
use super::session::Affinity;
use crate::error::MailboxError;

impl EwsMailbox {
    /// When the password of the account that logs on ends, as Exchange knows it: of the account itself,
    /// whomever it acts for. None where it does not end.
    ///
    /// # Errors
    /// [`MailboxError`]; an account without a mailbox may be refused.
    pub async fn password_ends(&self) -> Result<Option<Timestamp>, MailboxError> {
        let envelope = Request::new().build(&GetPasswordExpirationDate);
        let read = |bytes: &[u8]| GetPasswordExpirationDate::read(bytes)?.single();
        self.session.call(envelope, Effect::Read, Affinity::Any, read).await
    }
}
