//! Errors by what the caller has to do.

use core::time::Duration;

/// What the caller has to do about an error. The sync run matches on this and on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Wait at least so long, then try again. The server named the time, or it is our own.
    RetryAfter(Duration),
    /// The write may have been carried out: look it up by its stamp before trying again.
    Unclear,
    /// The credential was not accepted: obtain a new one or tell an administrator.
    Authorize,
    /// The cursor is lost: compare and repair.
    Resync,
    /// Somebody changed the item meanwhile: read it again, merge again.
    Conflict,
    /// The item does not exist (any more), or is out of our sight.
    Gone,
    /// This one item cannot be read; leave it aside and go on with its neighbours.
    Quarantine,
    /// The server refuses this, now and later: tell people why.
    Reject,
    /// The lease has not enough time left for another write: stop, and continue in the next run.
    OutOfTime,
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One item.
    Item,
    /// The mailbox.
    Mailbox,
    /// The whole connection: server, credential, certificate.
    Connection,
}

/// An error of a mailbox. Holds codes and advice, never content or addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct MailboxError {
    /// What to do.
    pub disposition: Disposition,
    /// What it is about.
    pub scope: Scope,
    /// A stable word: the server's response code, or our own such as `certificate-untrusted`.
    pub code: String,
    /// What happened and how to mend it, for people.
    pub text: String,
}
