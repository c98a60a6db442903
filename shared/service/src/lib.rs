//! The use cases, composed of ports: intake, sync, sweep, renew, deliver, the API's.
//!
//! Nothing here knows a protocol's bytes, a vendor's client or the wall clock: those are handed in
//! as ports, so that whole histories replay from a seed.

pub mod admin;
mod api;
pub mod border;
pub mod content;
pub mod cost;
pub mod graph_settings;
pub mod ports;
pub mod preflight;
pub mod profile;
pub mod refresh;
#[cfg(feature = "testing")]
pub mod rehearsal;
pub mod renew;
pub mod service;
pub mod sweep;
pub mod sync;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use border::Border;
pub use ports::{Engine, Exchange, Planner};
pub use profile::Rules;
pub use refresh::{RefreshReport, Refresher, Tokens};
pub use renew::Renewal;
pub use service::{Delivering, Options, Service};
pub use sweep::{Reached, SweepReport};
pub use sync::{RunEnd, RunReport};
pub use tidemark_intake::SyncTask;
pub use tidemark_world::World;
