//! Scenario and simulation harness: two sides, a virtual clock, faults from a seed.
//!
//! The harness runs the real use cases over the deterministic memory store and the in-memory
//! simulator, single-threaded and in virtual time, so that a seed replays exactly.

pub mod bill;
mod callbacks;
pub mod cloud;
pub mod exchange;
pub mod executor;
pub mod on_disk;
pub mod ports;
pub mod random;
mod recording;
pub mod sabotage;
pub mod script;
pub mod second;
pub mod simulation;
pub mod stage;
