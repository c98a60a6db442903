//! Bounds on everything of an event that is read from outside.

/// Largest event that is read, in bytes: the body may have some MB, the rest is small.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most people on an event. A list that is longer fails its event: cut short, it would be written
/// back as if people had been taken off.
pub const ATTENDEES_MAX: usize = 5000;

/// Most categories, locations, attachments and extended properties of one event.
pub const PARTS_MAX: usize = 1000;

/// Most exceptions, and most cancelled occurrences, of one series.
pub const OCCURRENCES_MAX: usize = 10_000;
