//! [`Mailbox`](crate::Mailbox) over Exchange Web Services.
//!
//! The parts that need no wire format. `adapter.rs`, `session.rs`, `read.rs`, `write.rs` and `tests/` are joined
//! to them by `wire.rs`, which comes with the builders and readers of `tidemark-ews`.

#[allow(
    dead_code,
    reason = "called by the session, which waits for the readers of tidemark-ews"
)]
mod credential;
#[allow(
    dead_code,
    reason = "called by the session, which waits for the readers of tidemark-ews"
)]
mod fault;
#[allow(
    dead_code,
    reason = "called by the session, which waits for the readers of tidemark-ews"
)]
mod limiter;
#[allow(
    dead_code,
    reason = "called by the writes, which wait for the builders of tidemark-ews"
)]
mod series;
mod server;

pub use credential::{BasicUser, Credential, EndpointError, EwsUrl, MailboxAddress};
pub use fault::HALF_WRITTEN;
pub use limiter::{BACK_OFF_MAX, ConnectionLimiter, REQUESTS_PER_MAILBOX_MAX, RequestLimiter};
pub use server::{ExchangeProduct, ServerFacts, ServerVersion, Support};
