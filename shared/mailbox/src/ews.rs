//! [`Mailbox`](crate::Mailbox) over Exchange Web Services.

mod credential;
mod fault;
mod limiter;
//SESSION mod session;

pub use credential::{BasicUser, Credential, EndpointError, EwsUrl, MailboxAddress};
pub use limiter::{BACK_OFF_MAX, ConnectionLimiter, REQUESTS_PER_MAILBOX_MAX, RequestLimiter};
