//! State: one table, a queue, secrets.
//!
//! [`Table`] is a narrow picture of DynamoDB: single writes with conditions, transactions,
//! consistent reads, queries within a partition, one sparse index. Everything that the product
//! keeps is written once above it (`records`), and runs on AWS, embedded and in memory alike.

pub mod conformance;
mod consumption;
pub mod dynamo;
mod limits;
pub mod memory;
pub mod queue;
pub mod records;
pub mod secrets;
pub mod secretsmanager;
pub mod sqs;
pub mod table;

pub use consumption::Consumption;
pub use queue::{Message, Queue, Received};
pub use secrets::Secrets;
pub use table::{
    Condition, DueEntry, Item, Key, Order, Page, Span, StoreError, Table, UpdateAction, Value,
    Write,
};
