//! Facts that the mail rule is decided by (N10).

use tidemark_engine::Mailing;
use tidemark_mailbox::Capabilities;
use tidemark_store::records::{MailboxRow, MailboxState};

/// Whether a server can be kept from mailing.
pub(crate) const fn mailing(capabilities: Capabilities) -> Mailing {
    if capabilities.silent_writes {
        Mailing::AsAsked
    } else {
        Mailing::Always { quiet: capabilities.quiet_properties }
    }
}

/// Whether changes of an item belong to the first copy of its mailbox: it is being made, or one of
/// them waited for a person when it was done and still does. `pending` are the numbers of those that
/// wait.
pub(crate) fn is_of_first_copy(
    mailbox: &MailboxRow,
    mut pending: impl Iterator<Item = u64>,
) -> bool {
    let held = mailbox.first_sync.last_held;
    mailbox.state != MailboxState::Synced || pending.any(|number| number <= held)
}

#[cfg(test)]
mod tests;
