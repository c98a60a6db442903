//! Why a run stops before everything is done.

use jiff::Timestamp;
use tidemark_mailbox::{Disposition, MailboxError};
use tidemark_store::StoreError;
use tidemark_store::records::CommitError;

/// Why a run stops early. Whatever was committed stays; the rest waits visibly.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The time of this run is used up: go on in the next one.
    OutOfTime,
    /// Somebody else holds the lease now: this run must not write any more.
    LeaseLost,
    /// A write may have been carried out. Nobody may look it up before the lease has ended.
    Unclear(MailboxError),
    /// The server or we ourselves asked to wait.
    WaitUntil(Timestamp, Option<MailboxError>),
    /// The credential or the connection does not work; somebody has to act.
    Broken(MailboxError),
    /// The cursor is lost: compare from the beginning.
    CursorLost,
    /// Our own store does not answer.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CommitError> for Stop {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::LeaseLost => Self::LeaseLost,
            CommitError::Store(error) => Self::Store(error),
            // Somebody wrote the link while we held the lease: read everything again in a new run.
            CommitError::RevisionMoved { .. } => Self::OutOfTime,
        }
    }
}

impl Stop {
    /// What an error of the mailbox as a whole means for the run.
    pub(crate) fn of_mailbox(error: MailboxError, now: Timestamp) -> Self {
        match error.disposition {
            Disposition::RetryAfter(wait) => {
                let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                Self::WaitUntil(until, Some(error))
            }
            Disposition::Unclear => Self::Unclear(error),
            Disposition::Resync => Self::CursorLost,
            Disposition::OutOfTime => Self::OutOfTime,
            Disposition::Authorize
            | Disposition::Conflict
            | Disposition::Gone
            | Disposition::Quarantine
            | Disposition::Reject => Self::Broken(error),
        }
    }
}
