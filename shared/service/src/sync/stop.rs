//! Why a run stops before everything is done.

use jiff::Timestamp;
use tidemark_engine::Braked;
use tidemark_mailbox::{Disposition, MailboxError};
use tidemark_store::StoreError;
use tidemark_store::records::LeaseLost;

use crate::content::ContentError;

/// Why a run stops early. Whatever was committed stays; the rest waits visibly.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The time of this run is used up, or somebody was faster: go on in the next one.
    OutOfTime,
    /// Somebody else holds the lease now: this run must not write any more.
    LeaseLost,
    /// A write may have been carried out. Nobody may look it up before the lease has ended.
    Unclear,
    /// The server or we ourselves asked to wait.
    WaitUntil(Timestamp, MailboxError),
    /// The credential or the connection does not work; somebody has to act.
    Broken(MailboxError),
    /// The hour's budget is used up: the mailbox pauses until somebody releases it.
    Braked(Braked),
    /// The cursor is lost: compare from the beginning.
    CursorLost,
    /// Our own store does not answer, or what it holds cannot be read.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<LeaseLost> for Stop {
    fn from(error: LeaseLost) -> Self {
        match error {
            LeaseLost::Lost => Self::LeaseLost,
            LeaseLost::Store(error) => Self::Store(error),
        }
    }
}

impl From<ContentError> for Stop {
    fn from(_: ContentError) -> Self {
        Self::Store(StoreError::Corrupt("the common state of a link cannot be read"))
    }
}

impl Stop {
    /// What an error of the mailbox as a whole means for the run.
    pub(crate) fn of_mailbox(error: MailboxError, now: Timestamp) -> Self {
        match error.disposition {
            Disposition::RetryAfter(wait) => {
                let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                Self::WaitUntil(until, error)
            }
            Disposition::Unclear => Self::Unclear,
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
