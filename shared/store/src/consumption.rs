//! What a table was asked for, in the units that DynamoDB bills.
//!
//! Source: DynamoDB developer guide, "DynamoDB on-demand capacity mode" (read and write request
//! units) and "Working with item sizes and formats"; API reference, `ConsumedCapacity`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes that one read request unit reads.
const READ_UNIT_BYTES: usize = 4 * 1024;
/// Most bytes that one write request unit writes.
const WRITE_UNIT_BYTES: usize = 1024;

/// Request units, in halves: a read that need not be consistent takes half a unit for each 4 KB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consumption {
    /// Halves of read request units.
    pub read_halves: u64,
    /// Halves of write request units.
    pub write_halves: u64,
}

impl Consumption {
    /// What was consumed since `earlier`, a reading of the same table.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            read_halves: self.read_halves.saturating_sub(earlier.read_halves),
            write_halves: self.write_halves.saturating_sub(earlier.write_halves),
        }
    }
}

/// Adds up what a table consumes. It only rises.
#[derive(Debug, Default)]
pub(crate) struct Consumed {
    read_halves: AtomicU64,
    write_halves: AtomicU64,
}

impl Consumed {
    pub(crate) fn add_read(&self, halves: u64) {
        self.read_halves.fetch_add(halves, Ordering::Relaxed);
    }

    pub(crate) fn add_write(&self, halves: u64) {
        self.write_halves.fetch_add(halves, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> Consumption {
        Consumption {
            read_halves: self.read_halves.load(Ordering::Relaxed),
            write_halves: self.write_halves.load(Ordering::Relaxed),
        }
    }
}

/// How many times a unit a request takes: a transaction takes each twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// Half a unit: a read of an index, or of what may be moments old.
    Half,
    /// A unit: a consistent read, a single write.
    Whole,
    /// Two units: within a transaction.
    Double,
}

impl Rate {
    const fn halves(self) -> u64 {
        match self {
            Rate::Half => 1,
            Rate::Whole => 2,
            Rate::Double => 4,
        }
    }
}

/// Halves of read units for so many bytes; nothing read counts as one unit.
pub(crate) fn read_halves(bytes: usize, rate: Rate) -> u64 {
    units(bytes, READ_UNIT_BYTES) * rate.halves()
}

/// Halves of write units for so many bytes; nothing written counts as one unit.
pub(crate) fn write_halves(bytes: usize, rate: Rate) -> u64 {
    units(bytes, WRITE_UNIT_BYTES) * rate.halves()
}

fn units(bytes: usize, unit: usize) -> u64 {
    u64::try_from(bytes.max(1).div_ceil(unit)).unwrap_or(u64::MAX)
}

/// Halves of the units that DynamoDB says a request took; nothing for a number that is none.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes a whole number in no other way; it saturates at both ends"
)]
pub(crate) fn halves_of(units: Option<f64>) -> u64 {
    (units.unwrap_or_default() * 2.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_by_size_and_rate() {
        assert_eq!(read_halves(0, Rate::Whole), 2);
        assert_eq!(read_halves(4096, Rate::Whole), 2);
        assert_eq!(read_halves(4097, Rate::Whole), 4);
        assert_eq!(read_halves(4097, Rate::Half), 2);
        assert_eq!(write_halves(1024, Rate::Double), 4);
        assert_eq!(write_halves(1025, Rate::Double), 8);
    }

    #[test]
    fn what_dynamodb_says_is_taken_in_halves() {
        assert_eq!(halves_of(Some(1.5)), 3);
        assert_eq!(halves_of(None), 0);
        assert_eq!(halves_of(Some(f64::NAN)), 0);
        assert_eq!(halves_of(Some(-1.0)), 0);
    }
}
