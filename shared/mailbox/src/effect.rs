//! What a request does to a mailbox, and how long to wait when it went wrong: the same over every
//! protocol.

use core::time::Duration;

use crate::error::{Disposition, MailboxError, Scope};

/// How long to wait where the server names no time: it is busy.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(30);
/// How long to wait after a slip that is usually over at once: a cut connection, a failover.
pub(crate) const SLIP_WAIT: Duration = Duration::from_secs(10);
/// How long to wait where somebody has to mend the way to the server.
pub(crate) const PATH_WAIT: Duration = Duration::from_mins(1);

/// What a request does to the mailbox, should it be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Read,
    /// Something that a second, equal request would not do again: the version refuses it, or the
    /// item is gone.
    Write,
    /// Something that a second request would do twice, or that leaves a state in between which must
    /// not be taken for somebody's will: it has to be looked up first.
    Once,
}

impl Effect {
    /// What the caller has to do when nobody knows whether the request was carried out.
    pub(crate) fn unknown_outcome(self, wait: Duration) -> Disposition {
        match self {
            Self::Once => Disposition::Unclear,
            Self::Read | Self::Write => Disposition::RetryAfter(wait),
        }
    }
}

/// An error in the words of the port.
pub(crate) fn error(
    disposition: Disposition,
    scope: Scope,
    code: impl Into<String>,
    text: impl Into<String>,
) -> MailboxError {
    MailboxError { disposition, scope, code: code.into(), text: text.into() }
}
