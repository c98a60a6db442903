//! Meetings: whose copy an item is, and whether a write is told to people.

use core::fmt;

use jiff::Timestamp;

use crate::event::Event;
use crate::recurrence::RecurrenceId;
use crate::zone::Zone;

/// Whose copy of a meeting an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyRole {
    /// Nobody else is on it.
    Appointment,
    /// The owner of the mailbox organises.
    Organizer,
    /// The owner was invited; edits stay in this copy.
    Attendee,
}

/// Whether the server sends mail for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailMode {
    /// Nobody is mailed.
    Silent,
    /// Everybody on the item is mailed.
    All,
    /// Only those who were added, removed or concerned are mailed.
    Changed,
}

/// What all copies of one meeting in all mailboxes have in common (N16): its UID, and for one
/// occurrence of a series the instant at which the rule starts it.
///
/// Its `Debug` shows only lengths: a UID may hold names of hosts and people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeetingKey {
    uid: String,
    original_start: Option<Timestamp>,
}

impl MeetingKey {
    /// The key of a meeting, or of one occurrence of it. None if the UID is empty.
    pub fn new(uid: &str, original_start: Option<Timestamp>) -> Option<Self> {
        let uid = uid.trim();
        (!uid.is_empty()).then(|| Self { uid: uid.to_owned(), original_start })
    }

    /// The iCalendar UID.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// When the rule starts the occurrence; none for a whole series or a single event.
    pub const fn original_start(&self) -> Option<Timestamp> {
        self.original_start
    }
}

impl fmt::Debug for MeetingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MeetingKey({} bytes, {:?})", self.uid.len(), self.original_start)
    }
}

impl Event {
    /// The key of this event; none until it has a UID.
    pub fn meeting_key(&self) -> Option<MeetingKey> {
        MeetingKey::new(self.uid.as_deref()?, None)
    }

    /// The key of one occurrence.
    ///
    /// Whole days and floating times are taken in UTC, so that mailboxes in different zones give
    /// the same key.
    pub fn occurrence_key(&self, id: RecurrenceId) -> Option<MeetingKey> {
        let (original_start, _) = self.schedule.moved_to(id.start()).instants(&Zone::utc());
        MeetingKey::new(self.uid.as_deref()?, Some(original_start))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::schedule::Schedule;

    #[test]
    fn keys_need_a_uid_and_hide_it() {
        let days = Schedule::all_day(date(2026, 3, 2), date(2026, 3, 3)).expect("a day");
        let mut event = Event::new(days);
        assert_eq!(event.meeting_key(), None);
        event.uid = Some("host.example".to_owned());
        let id = RecurrenceId::of_date(date(2026, 3, 9));
        let key = event.occurrence_key(id).expect("a key");
        assert_ne!(Some(&key), event.meeting_key().as_ref());
        let start = key.original_start().map(|start| start.to_string());
        assert_eq!(start.as_deref(), Some("2026-03-09T00:00:00Z"));
        assert!(!format!("{key:?}").contains("host"));
    }
}
