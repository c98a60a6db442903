//! [`Mailbox`](crate::Mailbox) over Exchange Web Services.

mod adapter;
mod credential;
pub(crate) mod fault;
pub(crate) mod limiter;
mod password;
mod read;
mod series;
mod server;
mod session;
mod wire;
mod write;

pub use adapter::{CAPABILITIES, EwsMailbox};
pub use credential::{BasicUser, Credential, EndpointError, EwsUrl, MailboxAddress};
pub use fault::{HALF_WRITTEN, unanswered};
pub use limiter::{BACK_OFF_MAX, ConnectionLimiter, REQUESTS_PER_MAILBOX_MAX, RequestLimiter};
pub use server::{ExchangeProduct, ServerFacts, ServerVersion, Support};
pub use session::{ANSWER_BYTES_MAX, Access, EwsEndpoint, PRODUCT, READ_TIMEOUT, WRITE_TIMEOUT};

#[cfg(test)]
mod tests;
