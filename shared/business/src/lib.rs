//! The other border: what the business system is told, and how it can be sure who told it.
//!
//! Changes go out as CloudEvents, readable from a feed and delivered by signed webhooks. Everything
//! here is decided from values that are handed in: no clock, no randomness, no I/O.

pub mod cloud_event;
pub mod retry;
pub mod signature;
pub mod target;

pub use cloud_event::{CloudEvent, ItemChange, Origin, StateChange, Verb};
pub use retry::{Delivery, after_failure};
pub use signature::{SigningSecret, SigningSecretError, sign};
pub use target::{TargetError, WebhookTarget};
