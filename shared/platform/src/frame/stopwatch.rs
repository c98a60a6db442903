//! The time of a unit of work, as Lambda bills it: memory times milliseconds, begun ones whole.
//!
//! Lambda bills the initialisation of a function too (AWS Lambda developer guide, "Lambda execution
//! environment"): what this process sees of it goes to its first unit. What it does not see, the
//! loading of the program and the way of the answer, is left out; both are about a millisecond.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tidemark_store::records::{Gauge, Usage};
use tidemark_world::Clock;

/// Runs while a unit of work is done.
pub(crate) struct Stopwatch {
    clock: Arc<dyn Clock>,
    memory_mb: u64,
    running: Mutex<Option<Running>>,
}

#[derive(Clone, Copy)]
struct Running {
    began: Timestamp,
    /// What was used before the unit began.
    before: SignedDuration,
    /// Milliseconds that were taken already.
    taken_ms: u64,
}

impl Stopwatch {
    pub(crate) fn new(clock: Arc<dyn Clock>, memory_mb: u64) -> Self {
        Self { clock, memory_mb, running: Mutex::default() }
    }

    pub(crate) fn start(&self, before: SignedDuration) {
        *self.lock() = Some(Running { began: self.clock.now(), before, taken_ms: 0 });
    }

    pub(crate) fn stop(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        // It is replaced whole, so a panic elsewhere cannot have left half of one.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gauge for Stopwatch {
    fn take(&self) -> Usage {
        let mut running = self.lock();
        let Some(running) = running.as_mut() else {
            return Usage::default();
        };
        let lasted = self.clock.now().duration_since(running.began) + running.before;
        let billed = u64::try_from(lasted.as_micros()).unwrap_or(0).div_ceil(1000);
        let fresh = billed.saturating_sub(running.taken_ms);
        running.taken_ms = running.taken_ms.max(billed);
        Usage { compute_mb_ms: fresh.saturating_mul(self.memory_mb), ..Usage::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::HandClock;

    #[test]
    fn begun_milliseconds_count_whole_and_none_of_them_twice() {
        let clock = Arc::new(HandClock::default());
        let stopwatch = Stopwatch::new(clock.clone(), 512);
        let take = || stopwatch.take().compute_mb_ms;
        assert_eq!(take(), 0);
        stopwatch.start(SignedDuration::from_millis(30));
        assert_eq!(take(), 512 * 30);
        clock.pass(SignedDuration::from_micros(1100));
        assert_eq!(take(), 512 * 2);
        clock.pass(SignedDuration::from_micros(900));
        assert_eq!(take(), 0);
        clock.pass(SignedDuration::from_micros(1));
        assert_eq!(take(), 512);
        stopwatch.stop();
        clock.pass(SignedDuration::from_secs(9));
        assert_eq!(take(), 0);
    }
}
