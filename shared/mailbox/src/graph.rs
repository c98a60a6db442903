//! [`Mailbox`](crate::Mailbox) over Microsoft Graph.
//!
//! Graph sends mail for whatever it is made to write: nothing can be kept silent. A write that would
//! mail somebody although it is to be silent is refused here before it is sent.

mod adapter;
mod changes;
mod cursor;
mod fault;
mod peek;
mod place;
mod read;
mod session;
mod subscription;
mod translate;
mod write;

pub use adapter::{CAPABILITIES, GraphFacts, GraphMailbox, MailboxPart};
pub use changes::PAGE_ITEMS_MAX;
pub use cursor::{ChangeFeed, WINDOW_DAYS_AFTER, WINDOW_DAYS_BEFORE, WINDOW_RENEW_DAYS};
pub use fault::{WOULD_MAIL, unanswered};
pub use peek::{PEEKS_MAX, Peeked, peek};
pub use read::READ_ITEMS_MAX;
pub use session::{ANSWER_BYTES_MAX, GraphEndpoint, READ_TIMEOUT, WRITE_TIMEOUT};

#[cfg(test)]
mod tests;
