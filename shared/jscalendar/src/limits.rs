//! Bounds on what comes from outside.

/// Most bytes of one item as JSON text. The caller enforces it before parsing.
pub const INPUT_BYTES_MAX: usize = 1024 * 1024;

/// Most levels of nested objects and arrays in one item.
pub const LEVELS_MAX: usize = 25;

/// Most overrides of one series, those for days that a month lacks among them.
pub const OVERRIDES_MAX: usize = 1_000;

/// Most participants of one item.
pub const PARTICIPANTS_MAX: usize = 500;

/// Most keywords of one item.
pub const KEYWORDS_MAX: usize = 100;

/// Most locations, virtual locations or alerts in one item, of which one is carried.
pub const LOCATIONS_MAX: usize = 100;

/// Most UTF-16 units in a title, a location, a name, a keyword, a UID or the
/// name of a zone; Exchange's own limit for
/// subjects and categories is 255 characters.
pub const TEXT_UNITS_MAX: usize = 255;

/// Most bytes of a description.
pub const BODY_BYTES_MAX: usize = 512 * 1024;

/// Most minutes before the start at which Exchange reminds (`ReminderMinutesBeforeStart`).
pub const ALERT_MINUTES_MAX: u32 = 2_629_800;

/// Greatest `interval` of a rule: the model's bound, which has its sources.
pub const INTERVAL_MAX: u32 = tidemark_model::recurrence::INTERVAL_MAX;

/// Greatest number of occurrences that is kept as a `count`: Outlook shows no more in a numbered
/// series. A greater one is read as the date that it ends on.
pub const COUNT_MAX: u32 = 999;

/// Most problems that one reading reports; the rest add nothing for whoever mends them.
pub const PROBLEMS_MAX: usize = 50;

/// Most pointers that one reading lists as ignored.
pub const IGNORED_MAX: usize = 100;
