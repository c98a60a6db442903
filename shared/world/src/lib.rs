//! The clock and the randomness that everything else is handed, so that a whole run can be replayed
//! in memory from a seed. [`system`] is the only place that reads the real ones.

pub mod ports;
pub mod system;
pub mod world;

pub use ports::{Clock, Entropy, uuid_v7};
pub use system::{SystemClock, SystemEntropy};
pub use world::World;
