//! What every function shares at start: configuration, logs, the wiring to AWS.
//!
//! The functions on Lambda read these variables; a template is to set them. `token-refresh` reads the
//! same ones: the secrets that it rotates are those below the prefix.
//!
//! | Variable | Meaning | Default |
//! |---|---|---|
//! | `TIDEMARK_TABLE` | name of the DynamoDB table | required |
//! | `TIDEMARK_QUEUE_URL` | URL of the SQS FIFO queue | required |
//! | `TIDEMARK_MASTER_KEY_SECRET` | full name or ARN of the secret with the master key, 64 hexadecimal digits | required |
//! | `TIDEMARK_SECRETS_PREFIX` | what the names of all other secrets begin with | empty |
//! | `TIDEMARK_FOUNDING_KEY_SECRET` | `api` only: full name or ARN of the secret with the first administrator's key, 32 to 512 visible ASCII characters | nothing is founded |
//! | `TIDEMARK_ORGANISATION` | `api` only: id of the organisation that this key founds and administers | `main` |
//! | `TIDEMARK_CALLBACK_URL` | where Exchange reaches the ews-webhook function (below `/ews/`) and Microsoft the graph-webhook function (below `/graph/`); without it nothing is subscribed | empty |
//! | `TIDEMARK_WEBHOOK_NETWORKS` | private networks (CIDR, with commas) that webhooks may reach | none |
//! | `TIDEMARK_RUN_SECONDS` | how long a sync run may take, 10 to 840 | 45 |
//! | `TIDEMARK_RETENTION_DAYS` | how long the feed is kept, 1 to 400 | 30 |
//! | `TIDEMARK_SWEEP_MINUTES` | how often a silent mailbox is looked at, 5 to 1440 | 60 |
//! | `TIDEMARK_PUSH_STATUS_MINUTES` | heartbeat of push subscriptions, 1 to 1440 | 5 |
//! | `AWS_ENDPOINT_URL` | another end point for all AWS services: emulators | AWS |
//! | `AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL`, `RUST_LOG` | form and detail of the log | text, info |
//!
//! The api function founds its organisation when it starts: if there is none of this id it is made, and
//! the value of the secret is its founding key, of role administrator and without a business system.
//! Everything else is set through the API with this key. Where all of that is so already, a start costs
//! one look at the secret and one at the table. Another value in the secret becomes valid, and the one
//! before ends in the same transaction, when the function next starts; the API cannot end this key. What
//! does not work is logged as an error, and the function serves the other keys.

pub mod aws;
pub mod cloud;
pub mod environment;
pub mod exchange;
pub mod federation;
mod founding;
pub mod logs;
pub mod master_key;
mod probe;
pub mod rotation;

pub use aws::{api_from_environment, service_from_environment};
pub use cloud::{EveryExchange, GraphExchange, open_authority, open_tokens};
pub use environment::{Environment, EnvironmentError};
pub use exchange::EwsExchange;
pub use federation::StsIdentity;
pub use rotation::refresh_from_environment;
