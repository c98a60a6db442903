//! The store on one machine: DynamoDB's engine in process on a SQLite file.
//!
//! [`EmbeddedStore::open`] takes a directory for itself and gives the same [`DynamoTable`] as on
//! AWS, driven by the real SDK, whose requests go to the engine instead of the network. Queue and
//! secrets are local implementations of the same traits. Everything acknowledged survives the
//! sudden end of the process. It is for one machine and one process at a time.
//!
//! [`DynamoTable`]: tidemark_store::dynamo::DynamoTable

mod connector;
mod error;
mod queue;
mod secrets;
mod store;

pub use error::EmbeddedError;
pub use queue::LocalQueue;
pub use secrets::LocalSecrets;
pub use store::EmbeddedStore;

#[cfg(test)]
mod tests;
