//! Events of Graph and the model, in both directions.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

#[path = "calendar/generators.rs"]
mod generators;
#[path = "calendar/hostile.rs"]
mod hostile;
#[path = "calendar/mail.rs"]
mod mail;
#[path = "calendar/reading.rs"]
mod reading;
#[path = "calendar/round_trip.rs"]
mod round_trip;
#[path = "calendar/series.rs"]
mod series;
#[path = "calendar/server.rs"]
mod server;
#[path = "calendar/writing.rs"]
mod writing;
