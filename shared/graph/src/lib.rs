//! Microsoft Graph: request builders, tolerant readers, mapping to the model. Pure.
//!
//! - A request is a [`GraphRequest`]: method, path and query, headers and body as plain data. All
//!   of them ask for immutable ids.
//! - Readers take what is of the expected kind and leave the rest; an entry that cannot be read does
//!   not cost its neighbours. Links are opaque, and are followed only to the host that they came
//!   from ([`GraphRoot::link`]).
//! - An answer with an error status is a [`ServerError`], whose [`ErrorClass`] says what to do.
//! - [`calendar`] maps appointments to the model and back.
//!
//! Names of pages are those of learn.microsoft.com/graph, version 1.0.

mod batch;
pub mod bounds;
pub mod calendar;
mod error;
pub mod events;
pub mod ids;
pub mod notification;
mod page;
mod request;
mod root;
pub mod settings;
pub mod subscription;
mod text;

pub use batch::{Batch, BatchAnswer, BatchError};
pub use error::{ErrorClass, ErrorCode, ServerError, Unreadable};
pub use page::{Entry, EventHead, Next, Page, Removal, read_head, read_raw};
pub use request::{EventId, GraphRequest, IMMUTABLE_IDS, Method, UserKey, UserKeyError};
pub use root::{Cloud, GraphRoot, GraphRootError, Link};
