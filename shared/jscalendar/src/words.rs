//! The words of enumerations, read and written by the same tables.

use jiff::civil::Weekday;
use tidemark_model::{BodyFormat, EventStatus, Participation, Privacy, ShowAs};

/// A value and its word.
pub(crate) type Word<T> = (&'static str, T);

/// `freeBusyStatus` and `status` do not tell these apart; `tidemark:showAs` does.
pub(crate) const SHOW_AS: [Word<ShowAs>; 5] = [
    ("free", ShowAs::Free),
    ("tentative", ShowAs::Tentative),
    ("busy", ShowAs::Busy),
    ("oof", ShowAs::Oof),
    ("workingElsewhere", ShowAs::WorkingElsewhere),
];

/// `tidemark:sensitivity`, in Exchange's words.
pub(crate) const SENSITIVITY: [Word<Privacy>; 4] = [
    ("normal", Privacy::Public),
    ("personal", Privacy::Personal),
    ("private", Privacy::Private),
    ("confidential", Privacy::Confidential),
];

/// `privacy` (RFC 8984 4.4.3).
pub(crate) const PRIVACY: [Word<Privacy>; 3] =
    [("public", Privacy::Public), ("private", Privacy::Private), ("secret", Privacy::Confidential)];

/// `status` (RFC 8984 5.1.3).
pub(crate) const STATUS: [Word<EventStatus>; 3] = [
    ("confirmed", EventStatus::Confirmed),
    ("tentative", EventStatus::Tentative),
    ("cancelled", EventStatus::Cancelled),
];

/// `participationStatus` (RFC 8984 4.4.6). Exchange knows no delegation.
pub(crate) const PARTICIPATION: [Word<Participation>; 4] = [
    ("needs-action", Participation::NeedsAction),
    ("accepted", Participation::Accepted),
    ("tentative", Participation::Tentative),
    ("declined", Participation::Declined),
];

/// `descriptionContentType` (RFC 8984 4.2.3).
pub(crate) const BODY_FORMAT: [Word<BodyFormat>; 2] =
    [("text/plain", BodyFormat::Text), ("text/html", BodyFormat::Html)];

/// Days of the week (RFC 8984 4.3.3).
pub(crate) const WEEKDAYS: [Word<Weekday>; 7] = [
    ("mo", Weekday::Monday),
    ("tu", Weekday::Tuesday),
    ("we", Weekday::Wednesday),
    ("th", Weekday::Thursday),
    ("fr", Weekday::Friday),
    ("sa", Weekday::Saturday),
    ("su", Weekday::Sunday),
];

/// The value of a word.
pub(crate) fn read_word<T: Copy>(table: &[Word<T>], text: &str) -> Option<T> {
    table.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

/// The word of a value; empty only where the table lacks it, which no caller does.
pub(crate) fn write_word<T: PartialEq>(table: &[Word<T>], value: &T) -> &'static str {
    table.iter().find(|(_, known)| known == value).map_or("", |(word, _)| *word)
}

/// The words of a table, for mends.
pub(crate) fn list_words<T>(table: &[Word<T>]) -> String {
    let words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
    format!("use one of: {}", words.join(", "))
}

/// What a system that knows only `freeBusyStatus` and `status` sees of a busy status: whether time
/// is free, and the status beside it.
pub(crate) const fn is_free(show_as: ShowAs) -> bool {
    matches!(show_as, ShowAs::Free | ShowAs::WorkingElsewhere)
}

/// The busy status that `freeBusyStatus` and `status` alone amount to.
pub(crate) const fn plain_show_as(free: bool, status: EventStatus) -> ShowAs {
    match (free, status) {
        (true, _) => ShowAs::Free,
        (false, EventStatus::Tentative) => ShowAs::Tentative,
        (false, EventStatus::Confirmed | EventStatus::Cancelled) => ShowAs::Busy,
    }
}
