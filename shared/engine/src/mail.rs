//! Whom Exchange would mail for a write, known before it (N10).

use std::collections::BTreeSet;

use jiff::Timestamp;
use tidemark_model::{CopyRole, Event, Override, Property};

use crate::decision::MailForecast;
use crate::input::MailboxFacts;
use crate::series::is_over;

/// Whom a create mails: everybody on it.
pub(crate) fn forecast_create(
    target: &Event,
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    if mailbox.first_copy || is_over(target, &mailbox.zone, now) {
        return MailForecast::default();
    }
    MailForecast::new(people(target, mailbox), true)
}

/// Whom an update mails: everybody when times, place, subject, text or an occurrence change, else
/// those who were added or removed. Categories, reminders and the like are the owner's own.
pub(crate) fn forecast_update(
    current: &Event,
    target: &Event,
    written: &[Property],
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    let over = is_over(current, &mailbox.zone, now) && is_over(target, &mailbox.zone, now);
    if mailbox.first_copy || over {
        return MailForecast::default();
    }
    let (before, after) = (people(current, mailbox), people(target, mailbox));
    if written.iter().any(|property| concerns_all(*property)) {
        MailForecast::new(before.union(&after).cloned().collect(), true)
    } else if written.contains(&Property::Attendees) {
        MailForecast::new(
            before.symmetric_difference(&after).cloned().collect(),
            false,
        )
    } else {
        MailForecast::default()
    }
}

/// Whom a delete mails: on the organiser's copy everybody, as a cancellation.
pub(crate) fn forecast_delete(
    current: &Event,
    role: CopyRole,
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    let silent = mailbox.first_copy || is_over(current, &mailbox.zone, now);
    match role {
        CopyRole::Organizer if !silent => MailForecast::new(people(current, mailbox), true),
        CopyRole::Organizer | CopyRole::Appointment | CopyRole::Attendee => MailForecast::default(),
    }
}

/// Whom an answer mails: the organiser.
pub(crate) fn forecast_answer(
    current: &Event,
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    if mailbox.first_copy || is_over(current, &mailbox.zone, now) {
        return MailForecast::default();
    }
    let organizer = current
        .organizer
        .iter()
        .map(|person| person.address.clone());
    MailForecast::new(without_self(organizer, mailbox), true)
}

const fn concerns_all(property: Property) -> bool {
    match property {
        Property::Title
        | Property::Body
        | Property::Schedule
        | Property::Override(_)
        | Property::Location => true,
        Property::ShowAs
        | Property::Privacy
        | Property::Priority
        | Property::Categories
        | Property::Reminder
        | Property::Status
        | Property::Attendees
        | Property::MyParticipation => false,
    }
}

fn people(event: &Event, mailbox: &MailboxFacts) -> BTreeSet<String> {
    let of_occurrences = event.overrides.values().filter_map(|change| match change {
        Override::Changed(patch) => patch.attendees.as_ref(),
        Override::Excluded => None,
    });
    let all = of_occurrences
        .chain([&event.attendees])
        .flat_map(|attendees| attendees.keys().cloned());
    without_self(all, mailbox)
}

fn without_self(all: impl Iterator<Item = String>, mailbox: &MailboxFacts) -> BTreeSet<String> {
    all.filter(|address| !mailbox.addresses.contains(address))
        .collect()
}
