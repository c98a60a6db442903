//! Bounds on everything that is read from outside.

/// Largest document that is read, in bytes: ten appointments with long bodies, or 512 ids and a
/// sync state of some hundred KB, are far below.
pub const DOCUMENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Largest push notification that is read, in bytes. Its sender is anonymous; a notification of the
/// 50 events that Exchange sends at once has about 20 KB.
pub const NOTIFICATION_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting that is read. Exchange stays below 20, forwarded items in items included.
pub const DEPTH_MAX: u32 = 100;

/// Attributes of one element that are looked at; further ones are as if they were not there.
/// No element of the schema has more than nine.
pub const ATTRIBUTES_MAX: usize = 32;

/// Most response messages in one answer. Requests of ours have at most 512 parts.
pub const MESSAGES_MAX: usize = 1000;

/// Most items or folders on one page: the server's own cap (EWSFindCountLimit).
pub const PAGE_ITEMS_MAX: usize = 1000;

/// Most changes on one page (MaxChangesReturned, SyncFolderItems page).
pub const CHANGES_MAX: usize = 512;

/// Most events in one notification.
pub const EVENTS_MAX: usize = 1000;

/// Most people of one role on an item. A list that is longer fails its item: cut short, it would be
/// written back as if people had been taken off.
pub const ATTENDEES_MAX: usize = 5000;

/// Most categories, attachments and extended properties of one item.
pub const PARTS_MAX: usize = 1000;

/// Most modified or deleted occurrences of one series.
pub const OCCURRENCES_MAX: usize = 10_000;

/// Most zones in one answer; Windows has about 140.
pub const ZONES_MAX: usize = 1000;

/// Most periods, groups and transitions of one zone; Windows has some twenty per zone.
pub const TRANSITIONS_MAX: usize = 500;

/// Largest offset of a zone from UTC, in seconds either way: that of the calendar library.
pub const OFFSET_SECONDS_MAX: u32 = 25 * 3600;

/// Longest response code that is kept, in bytes; the schema's longest has 60.
pub const CODE_BYTES_MAX: usize = 128;
