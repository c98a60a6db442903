//! The adapter against the simulated Exchange, in memory: what one says the other has to understand,
//! and they share no protocol code.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "simulator/bench.rs"]
mod bench;
#[path = "simulator/cloud.rs"]
mod cloud;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/series.rs"]
mod series;
#[path = "simulator/singles.rs"]
mod singles;
