//! The use cases, composed of ports: intake, sync, sweep, renew, deliver, the API's.
//!
//! Nothing here knows a protocol's bytes, a vendor's client or the wall clock: those are handed in
//! as ports, so that whole histories replay from a seed.

pub mod admin;
mod api;
pub mod border;
pub mod content;
pub mod deliver;
pub mod graph_settings;
mod intake;
pub mod ports;
pub mod preflight;
pub mod profile;
pub mod refresh;
#[cfg(feature = "testing")]
pub mod rehearsal;
pub mod renew;
pub mod service;
mod side_by_side;
pub mod sweep;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod world;

pub use border::Border;
pub use deliver::{DeliveryEnd, DeliveryReport, Woken};
pub use intake::Proofs;
pub use ports::{Engine, Exchange, Planner};
pub use profile::Rules;
pub use refresh::{RefreshReport, Refresher, Tokens};
pub use renew::Renewal;
pub use service::{Options, Service, SyncTask};
pub use sweep::SweepReport;
pub use sync::{RunEnd, RunReport};
pub use world::World;
