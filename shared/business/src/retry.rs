//! When a delivery that failed is tried again.

use jiff::{SignedDuration, Timestamp};

/// Waits after the first failures; hourly after them.
const FIRST_WAITS: [SignedDuration; 4] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(10),
];
const LATER_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// How long a delivery is tried before its endpoint is paused.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(72);

/// What follows a failed delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Try again at this moment.
    RetryAt(Timestamp),
    /// It has failed for three days: pause the endpoint and tell people.
    GiveUp,
}

/// What follows the `failures`-th failure in a row (1 for the first) of a delivery that was first
/// tried at `first_tried`. `jitter` is a random number: waits vary by up to a fifth either way, so
/// that endpoints which failed together do not come back together.
pub fn after_failure(
    failures: u32,
    first_tried: Timestamp,
    now: Timestamp,
    jitter: u32,
) -> Delivery {
    if now.duration_since(first_tried) >= GIVE_UP_AFTER {
        return Delivery::GiveUp;
    }
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = FIRST_WAITS.get(index).copied().unwrap_or(LATER_WAIT);
    let per_mille = 800 + i64::from(jitter % 401);
    let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX) / 1000 * per_mille;
    let at = now.saturating_add(SignedDuration::from_millis(millis)).unwrap_or(Timestamp::MAX);
    Delivery::RetryAt(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_seconds(failures: u32, jitter: u32) -> i64 {
        let now = Timestamp::from_second(1_000_000).unwrap();
        match after_failure(failures, now, now, jitter) {
            Delivery::RetryAt(at) => at.as_second() - now.as_second(),
            Delivery::GiveUp => panic!("gave up at once"),
        }
    }

    #[test]
    fn waits_grow_as_the_design_says() {
        let middle = 200;
        let waits: Vec<i64> = (1..=6).map(|failures| wait_seconds(failures, middle)).collect();
        assert_eq!(waits, [5, 30, 120, 600, 3600, 3600]);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for jitter in [0, 1, 200, 400, 401, u32::MAX] {
            assert!((480..=720).contains(&wait_seconds(4, jitter)));
        }
    }

    #[test]
    fn after_three_days_it_gives_up() {
        let first = Timestamp::from_second(0).unwrap();
        let now = Timestamp::from_second(72 * 3600).unwrap();
        assert_eq!(after_failure(80, first, now, 0), Delivery::GiveUp);
    }
}
