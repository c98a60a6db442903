//! Bounds on everything that is read from outside, and on what one request may hold.

/// Largest answer that is read, in bytes: a batch of twenty appointments with long bodies, or a page
/// of a thousand entries.
pub const DOCUMENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Largest notification that is read, in bytes. Its sender is anonymous; Graph's with resource data
/// are a few hundred KB.
pub const NOTIFICATION_BYTES_MAX: usize = 1024 * 1024;

/// Most entries of one notification that are looked at.
pub const NOTIFICATIONS_MAX: usize = 1000;

/// Most validation tokens of one notification: one per application and tenant that it speaks of.
pub const VALIDATION_TOKENS_MAX: usize = 100;

/// Most entries on one page. Graph's own cap on `$top` for events is 1,000 (calendarview-list page).
pub const PAGE_ENTRIES_MAX: usize = 5000;

/// Longest link that is followed or stored, in bytes. Delta links of over 1 KB are normal.
pub const LINK_BYTES_MAX: usize = 64 * 1024;

/// Longest id of an item, folder or subscription, in bytes. Immutable ids have about 150.
pub const ID_BYTES_MAX: usize = 2048;

/// Longest error code that is kept, in bytes.
pub const CODE_BYTES_MAX: usize = 128;

/// Most requests in one `$batch` (json-batching page).
pub const BATCH_REQUESTS_MAX: usize = 20;

/// Most ids in one `translateExchangeIds` (user-translateexchangeids page).
pub const TRANSLATE_IDS_MAX: usize = 1000;

/// Longest `clientState`, in characters (subscription page).
pub const CLIENT_STATE_CHARS_MAX: usize = 128;

/// Longest life of a subscription to events, in minutes: just under seven days (subscription page,
/// 2026). Older copies of the page say 4,230.
pub const SUBSCRIPTION_MINUTES_MAX: u32 = 10_080;

/// Longest life of a subscription with resource data, in minutes (subscription page).
pub const RICH_SUBSCRIPTION_MINUTES_MAX: u32 = 1_440;

/// Expirations nearer than this are raised to it by Graph, in minutes (subscription page).
pub const SUBSCRIPTION_MINUTES_MIN: u32 = 45;

/// Longest span of a calendar view, in days (calendarview-list page: 1,825).
pub const WINDOW_DAYS_MAX: i64 = 1825;

/// Deepest `innerError` that is looked into.
pub const INNER_ERRORS_MAX: usize = 8;
