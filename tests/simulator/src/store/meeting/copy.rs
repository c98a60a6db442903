//! The attendee's own copy of a meeting.

use std::collections::{BTreeMap, BTreeSet};

use tidemark_model::{Participation, ShowAs};

use super::Letter;
use crate::store::{Appointment, Contact, MyResponse, OccurrenceState};

/// Makes the organiser's item into an attendee's first copy. Extended properties, categories and
/// reminders are each mailbox's own and do not travel (exchange-ews.md 9).
pub(super) fn as_attendee(copy: &mut Appointment, organizer: &Contact) {
    copy.organizer = organizer.clone();
    copy.my_response = MyResponse::Attendee(Participation::NeedsAction);
    copy.show_as = ShowAs::Tentative;
    copy.extended = BTreeMap::new();
    copy.categories = BTreeSet::new();
    copy.request_sent = true;
    for invitee in &mut copy.attendees {
        invitee.response = Participation::NeedsAction;
        invitee.answered = None;
    }
}

/// Brings an attendee's copy up to date; another time asks for another answer.
pub(super) fn update_copy(copy: &mut Appointment, letter: &Letter<'_>) {
    if let Some(original) = letter.occurrence.filter(|_| copy.recurrence.is_some()) {
        let change = letter.whole.occurrences.get(&original).cloned();
        match change {
            Some(OccurrenceState::Modified(mut exception)) => {
                exception.my_response = Some(MyResponse::Attendee(Participation::NeedsAction));
                exception.show_as = Some(ShowAs::Tentative);
                exception.extended = BTreeMap::new();
                exception.categories = None;
                copy.occurrences.insert(original, OccurrenceState::Modified(exception));
            }
            Some(OccurrenceState::Deleted) => {
                copy.occurrences.insert(original, OccurrenceState::Deleted);
            }
            None => {
                copy.occurrences.remove(&original);
            }
        }
    } else {
        let moved = (copy.start, copy.end, &copy.recurrence)
            != (letter.seen.start, letter.seen.end, &letter.seen.recurrence);
        let from = letter.seen;
        copy.start = from.start;
        copy.end = from.end;
        copy.start_zone.clone_from(&from.start_zone);
        copy.end_zone.clone_from(&from.end_zone);
        copy.all_day = from.all_day;
        copy.recurrence.clone_from(&from.recurrence);
        copy.occurrences.clone_from(&from.occurrences);
        copy.subject.clone_from(&from.subject);
        copy.body.clone_from(&from.body);
        copy.location.clone_from(&from.location);
        copy.attendees.clone_from(&from.attendees);
        copy.sequence = letter.whole.sequence;
        copy.cancelled = false;
        if moved {
            copy.my_response = MyResponse::Attendee(Participation::NeedsAction);
            copy.show_as = ShowAs::Tentative;
        }
    }
}
