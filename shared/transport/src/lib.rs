//! The HTTP clients, and the clock and randomness that everything else is handed.
//!
//! Only this crate names reqwest. What is above it sees the traits [`HttpPort`], [`Clock`] and
//! [`Entropy`], so that a whole run can be replayed in memory from a seed.

pub mod http_port;
pub mod world;

pub use http_port::{
    Delivery, HttpPort, HttpRequest, HttpResponse, TransportError, TransportFault,
};
pub use world::{Clock, Entropy};
