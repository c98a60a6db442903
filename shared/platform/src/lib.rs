//! What every function shares at start: variables, logs, the store on AWS. A function composes what it
//! uses from [`Aws`], and carries nothing else.
//!
//! The functions on Lambda read these variables; a template is to set them.
//!
//! | Variable | Meaning | Default |
//! |---|---|---|
//! | `TIDEMARK_TABLE` | name of the DynamoDB table | required |
//! | `TIDEMARK_QUEUE_URL` | URL of the SQS FIFO queue | required by what wakes syncs: all but `deliver` |
//! | `TIDEMARK_MASTER_KEY_SECRET` | full name or ARN of the secret with the master key, 64 hexadecimal digits | required by all but the two webhooks |
//! | `TIDEMARK_SECRETS_PREFIX` | what the names of all other secrets begin with | empty |
//! | `TIDEMARK_FOUNDING_KEY_SECRET` | `api` only: full name or ARN of the secret with the first administrator's key, 32 to 512 visible ASCII characters | nothing is founded |
//! | `TIDEMARK_ORGANISATION` | `api` only: id of the organisation that this key founds and administers | `main` |
//! | `TIDEMARK_CALLBACK_URL` | where Exchange reaches the ews-webhook function (below `/ews/`) and Microsoft the graph-webhook function (below `/graph/`); without it nothing is subscribed | empty |
//! | `TIDEMARK_WEBHOOK_NETWORKS` | private networks (CIDR, with commas) that webhooks may reach | none |
//! | `TIDEMARK_EGRESS_ADDRESSES` | the addresses that Exchange and webhooks are called from, with commas: shown to administrators | empty: not fixed |
//! | `TIDEMARK_RUN_SECONDS` | how long a sync run may take, 10 to 840 | 45 |
//! | `TIDEMARK_RETENTION_DAYS` | how long the feed is kept, 1 to 400 | 30 |
//! | `TIDEMARK_SWEEP_MINUTES` | how often a silent mailbox is looked at, 5 to 1440 | 60 |
//! | `TIDEMARK_PUSH_STATUS_MINUTES` | heartbeat of push subscriptions, 1 to 1440 | 5 |
//! | `AWS_ENDPOINT_URL` | another end point for all AWS services: emulators | AWS |
//! | `AWS_LAMBDA_FUNCTION_NAME`, `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` | set by Lambda: whose events and metrics these are, and what its time costs | neither |
//! | `AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL`, `RUST_LOG` | form and detail of the log | text, info |
//!
//! `token-refresh` reads the same ones: the secrets that it rotates are those below the prefix.
//!
//! The api function founds its organisation when it starts: if there is none of this id it is made, and
//! the value of the secret is its founding key, of role administrator and without a business system.
//! Everything else is set through the API with this key. Where all of that is so already, a start costs
//! one look at the secret and one at the table. Another value in the secret becomes valid, and the one
//! before ends in the same transaction, when the function next starts; the API cannot end this key. What
//! does not work is logged as an error, and the function serves the other keys.

pub mod aws;
pub mod environment;
pub mod frame;
pub mod logs;
pub mod master_key;

pub use aws::Aws;
pub use environment::{Environment, EnvironmentError};
pub use frame::{Called, Frame, Metric, Outcome, Panicked};
