//! [`Mailbox`](crate::Mailbox) over Exchange Web Services.

mod credential;
mod fault;
mod limiter;
mod series;
mod server;

pub use credential::{BasicUser, Credential, EndpointError, EwsUrl, MailboxAddress};
pub use fault::HALF_WRITTEN;
pub use limiter::{BACK_OFF_MAX, ConnectionLimiter, REQUESTS_PER_MAILBOX_MAX, RequestLimiter};
pub use server::{ExchangeProduct, ServerFacts, ServerVersion, Support};
