//! The real clock and the real randomness: the only places that read them.

use core::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ports::{Clock, Entropy};

/// The clock of this machine. [`Clock::sleep`] needs a running tokio.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that hands the time in")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the adapter that waits for everybody")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Cryptographic randomness of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let filled = aws_lc_rs::rand::fill(buffer).is_ok();
        // Keys that can be guessed are worse than the end of the process.
        assert!(filled, "the operating system gives no randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::uuid_v7;

    #[test]
    fn two_draws_differ() {
        let (mut first, mut second) = ([0u8; 32], [0u8; 32]);
        SystemEntropy.fill(&mut first);
        SystemEntropy.fill(&mut second);
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
    }

    #[test]
    fn ids_carry_the_time_that_was_handed_in() {
        let at = Timestamp::from_millisecond(1_772_000_000_123).expect("a time");
        let id = uuid_v7(at, &SystemEntropy);
        let (seconds, nanos) = id.get_timestamp().expect("a time in it").to_unix();
        assert_eq!((seconds, nanos), (1_772_000_000, 123_000_000));
    }
}
