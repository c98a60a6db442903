//! Whom Graph mails for a write. It cannot be kept from it: there is no silent write.

use core::fmt;
use std::collections::BTreeSet;

use tidemark_model::{AttendeeRole, CopyRole, Event, Override};

use super::changes::EventChanges;
use super::plan::{OccurrenceAction, Update, occurrence};

/// The people who are mailed, by lower-case address, the owner's own addresses included if they are
/// on the event. `Debug` shows how many.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Mailed {
    /// Their addresses.
    pub addresses: BTreeSet<String>,
}

impl Mailed {
    /// Whether nobody is mailed.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }
}

impl fmt::Debug for Mailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailed({} people)", self.addresses.len())
    }
}

/// Members that are the owner's own: changing them tells nobody. Of no other member it is documented
/// that it would not, so all others count as told.
const OWN: [&str; 4] =
    ["categories", "isReminderOn", "reminderMinutesBeforeStart", "singleValueExtendedProperties"];

/// Whom a create mails: everybody on it, on occurrences too, at once (user-post-events page).
pub fn mailed_by_create(event: &Event) -> Mailed {
    Mailed { addresses: people(event) }
}

/// Whom an update mails. On the organiser's copy: if only the list of attendees is written, those
/// who are added to it, taken off it or have another role; else everybody who is or was on the event
/// (event-update page). Of writes to occurrences, the same holds for each; on a cancelled one,
/// everybody is told. What tells everybody of a series tells those on its exceptions too: one mail
/// for the master, one for each changed instance (exchange-graph.md 10.3). An attendee's copy tells
/// nobody.
///
/// Whoever is on the list through a distribution list is not seen: taking such a one off tells
/// everybody.
pub fn mailed_by_update(
    current: &Event,
    target: &Event,
    role: CopyRole,
    update: &Update,
) -> Mailed {
    let mut addresses = BTreeSet::new();
    if role == CopyRole::Attendee {
        return Mailed { addresses };
    }
    addresses.extend(told(&update.event, current, target));
    if update.event.names().any(|name| name != "attendees" && !OWN.contains(&name)) {
        addresses.extend(people(current));
        addresses.extend(people(target));
    }
    for write in &update.occurrences {
        let (before, after) = (occurrence(current, write.id), occurrence(target, write.id));
        match &write.action {
            OccurrenceAction::Cancel => addresses.extend(before.attendees.into_keys()),
            OccurrenceAction::Change(changes) => addresses.extend(told(changes, &before, &after)),
        }
    }
    Mailed { addresses }
}

/// Whom a delete mails: on the organiser's copy everybody, as a cancellation (event-delete page).
pub fn mailed_by_delete(current: &Event, role: CopyRole) -> Mailed {
    match role {
        CopyRole::Organizer => Mailed { addresses: people(current) },
        CopyRole::Appointment | CopyRole::Attendee => Mailed::default(),
    }
}

/// Whom an answer mails: the organiser, if `sendResponse` is set (event-accept page).
pub fn mailed_by_answer(current: &Event, send_response: bool) -> Mailed {
    let organizer = current.organizer.iter().filter(|_| send_response);
    Mailed { addresses: organizer.map(|person| person.address.clone()).collect() }
}

fn told(changes: &EventChanges, before: &Event, after: &Event) -> BTreeSet<String> {
    let (before, after) = (roles(before), roles(after));
    let mut names = changes.names().filter(|name| !OWN.contains(name)).peekable();
    if names.peek().is_none() {
        return BTreeSet::new();
    }
    if names.all(|name| name == "attendees") {
        let changed = before.symmetric_difference(&after);
        return changed.map(|(address, _)| address.clone()).collect();
    }
    before.into_iter().chain(after).map(|(address, _)| address).collect()
}

fn roles(event: &Event) -> BTreeSet<(String, u8)> {
    let rank = |role| match role {
        AttendeeRole::Required => 0,
        AttendeeRole::Optional => 1,
        AttendeeRole::Resource => 2,
    };
    let people = event.attendees.iter();
    people.map(|(address, attendee)| (address.clone(), rank(attendee.role))).collect()
}

/// Everybody on an event or on one of its occurrences.
fn people(event: &Event) -> BTreeSet<String> {
    let of_occurrences = event.overrides.values().filter_map(|change| match change {
        Override::Changed(patch) => patch.attendees.as_ref(),
        Override::Excluded => None,
    });
    of_occurrences.chain([&event.attendees]).flat_map(|people| people.keys().cloned()).collect()
}
