//! The bounds of what callers may send and ask for. The size of a body is bounded by
//! [`tidemark_jscalendar::INPUT_BYTES_MAX`], the depth of its nesting by `serde_json` (128 levels).

use core::time::Duration;

/// Entries of a page when the caller does not say how many.
pub(crate) const PAGE_ENTRIES_DEFAULT: usize = 100;

/// Most entries of a page; who asks for more gets this many.
pub(crate) const PAGE_ENTRIES_MAX: usize = 500;

/// Longest cursor that is looked at.
pub(crate) const CURSOR_BYTES_MAX: usize = 4096;

/// Longest time that `GET /v1/changes` waits; who asks for more waits this long.
pub(crate) const WAIT_SECONDS_MAX: u64 = 20;

/// How many calls of one key may wait for changes at a time.
pub(crate) const POLLS_PER_KEY_MAX: usize = 2;

/// When somebody who has too many open polls may ask again.
pub(crate) const POLL_RETRY: Duration = Duration::from_secs(5);

/// When to ask again after the store did not answer.
pub(crate) const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);

/// Most changes in one batch.
pub(crate) const BATCH_OPERATIONS_MAX: usize = 100;

/// Longest mailbox name in a path: an address has at most 254 bytes (RFC 5321, errata 1690), and a
/// few more are let through so that the answer is "not found".
pub(crate) const MAILBOX_NAME_BYTES_MAX: usize = 320;

/// Longest bearer token that is looked at.
pub(crate) const TOKEN_BYTES_MAX: usize = 8192;

/// Longest `Idempotency-Key`.
pub(crate) const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Longest request id that is taken over from the caller.
pub(crate) const REQUEST_ID_BYTES_MAX: usize = 64;
