//! Sums over several measurements.

use core::time::Duration;

/// Smallest, middle and largest of several measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The middle one; of an even number, the upper of both.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of measurements; none if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Self {
            min: *values.first()?,
            median: *values.get(values.len() / 2)?,
            max: *values.last()?,
        })
    }

    /// Each measurement by a factor.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { min: self.min * factor, median: self.median * factor, max: self.max * factor }
    }
}

/// The time below which this share (0 to 100) of the times are: the nearest rank.
pub fn percentile(times: &mut [Duration], percent: usize) -> Option<Duration> {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_lies_between() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(spread.times(2.0), Spread { min: 2.0, median: 4.0, max: 6.0 });
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn percentiles_take_the_nearest_rank() {
        let mut times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&mut times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&mut times, 100), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&mut times[..1], 1), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&mut [], 50), None);
    }
}
