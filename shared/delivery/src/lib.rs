//! Delivery of the feed to webhook endpoints.
//!
//! The function that delivers is made of this alone: it reaches the endpoints and no mailbox.

mod deliveries;
mod side_by_side;
mod targets;

pub use deliveries::{BATCH, Deliveries, DeliveryEnd, DeliveryReport, TIMEOUT, Woken};
pub use targets::webhook_options;
