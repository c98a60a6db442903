//! Lengths of the months, by number from 1.

/// Days of a month in a leap year.
pub(crate) const fn longest(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of a month in a common year.
pub(crate) const fn shortest(month: u8) -> u8 {
    match month {
        2 => 28,
        _ => longest(month),
    }
}
