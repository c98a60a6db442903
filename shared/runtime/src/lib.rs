//! The whole product wired to AWS: what the functions carry that reach mailboxes. What they are
//! configured by stands in [`tidemark_platform`], from which functions that reach none are composed.

pub mod aws;
pub mod cloud;
pub mod exchange;
pub mod federation;
mod founding;
mod probe;
pub mod rotation;

pub use aws::{api_on, service_on};
pub use cloud::{EveryExchange, GraphExchange, open_authority, open_tokens};
pub use exchange::EwsExchange;
pub use federation::StsIdentity;
pub use rotation::refresh_on;
pub use tidemark_platform::{Environment, EnvironmentError, logs, master_key};
