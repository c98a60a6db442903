//! Which occurrences a series has, and when it is over.

use jiff::Timestamp;
use tidemark_model::{Event, Recurrence, RecurrenceId, Schedule, Zone};

/// Whether the rule gives an occurrence with this original start.
pub(crate) fn has_occurrence(
    schedule: &Schedule,
    recurrence: Option<&Recurrence>,
    id: RecurrenceId,
) -> bool {
    recurrence.is_some_and(|rule| rule.is_occurrence(schedule.start(), id))
}

/// Whether the whole item, a series with its last occurrence, ended before `now`.
pub(crate) fn is_over(event: &Event, zone: &Zone, now: Timestamp) -> bool {
    event.last_end(zone).is_some_and(|end| end < now)
}
