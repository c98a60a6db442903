//! Readers that take turns on the same bytes.

use core::time::Duration;
use std::time::Instant;

use serde_json::{Value, json};

use crate::figures::Spread;

/// One reader: goes through all of the bytes once.
pub type Reader<'a> = &'a dyn Fn() -> anyhow::Result<()>;

/// The times of several runs of each reader, after one that warms up. They take turns, so that
/// whatever else this machine does meets all of them.
///
/// # Errors
/// What a reader says.
pub fn take_turns<const READERS: usize>(
    runs: usize,
    readers: [Reader<'_>; READERS],
) -> anyhow::Result<[Vec<Duration>; READERS]> {
    let mut times = [const { Vec::new() }; READERS];
    for reader in readers {
        reader()?;
    }
    for _ in 0..runs.max(1) {
        for (reader, times) in readers.iter().zip(&mut times) {
            let start = now();
            reader()?;
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

/// What a reader does in a second, as `run.py` and the peers have it.
pub fn rates(times: &[Duration], items: usize, bytes: usize) -> Value {
    let per_second = |amount: f64| {
        Spread::of(times.iter().map(|time| amount / time.as_secs_f64()).collect())
            .map(|rate| json!({ "min": rate.min, "median": rate.median, "max": rate.max }))
    };
    json!({
        "itemsPerSecond": per_second(number(items)),
        "megabytesPerSecond": per_second(number(bytes) / 1e6),
    })
}

/// Exact up to 2^32, far above what a benchmark counts.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
