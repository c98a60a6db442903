//! Whom Exchange would mail for a write, known before it (N10).

mod insistent;

use std::collections::BTreeSet;

use jiff::Timestamp;
use tidemark_model::{CopyRole, Event, Override, Property};

use crate::decision::MailForecast;
use crate::input::{MailboxFacts, Mailing};
use crate::series::is_over;
use insistent::insistent_update;

/// Whom a create mails: everybody on it.
pub(crate) fn forecast_create(
    target: &Event,
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    let forecast = MailForecast::new(people(target, mailbox), true);
    limited(forecast, &[target], mailbox, now)
}

/// Whom an update mails: everybody when times, place, subject, text or an occurrence change, else
/// those who were added or removed. Categories, reminders and the like are the owner's own. A server
/// that mails unasked says itself what is the owner's own.
pub(crate) fn forecast_update(
    current: &Event,
    target: &Event,
    written: &[Property],
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    let forecast = match mailbox.mailing {
        Mailing::AsAsked => asked_update(current, target, written, mailbox),
        Mailing::Always { quiet } => insistent_update(current, target, written, quiet, mailbox),
    };
    limited(forecast, &[current, target], mailbox, now)
}

fn asked_update(
    current: &Event,
    target: &Event,
    written: &[Property],
    mailbox: &MailboxFacts,
) -> MailForecast {
    let (before, after) = (people(current, mailbox), people(target, mailbox));
    if written.iter().any(|property| concerns_all(*property)) {
        MailForecast::new(before.union(&after).cloned().collect(), true)
    } else if written.contains(&Property::Attendees) {
        MailForecast::new(before.symmetric_difference(&after).cloned().collect(), false)
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
    let forecast = match role {
        CopyRole::Organizer => MailForecast::new(people(current, mailbox), true),
        CopyRole::Appointment | CopyRole::Attendee => MailForecast::default(),
    };
    limited(forecast, &[current], mailbox, now)
}

/// Whom an answer mails: the organiser. Any server can be kept from it.
pub(crate) fn forecast_answer(
    current: &Event,
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    let organizer = current.organizer.iter().map(|person| person.address.clone());
    let forecast = MailForecast::new(without_self(organizer, mailbox), true);
    if is_silent(&[current], mailbox, now) { forecast.spare() } else { forecast }
}

/// The first copy and what is over never mail anybody.
fn is_silent(events: &[&Event], mailbox: &MailboxFacts, now: Timestamp) -> bool {
    let over = |event: &&Event| is_over(event, &mailbox.zone, now);
    mailbox.first_copy || events.iter().all(over)
}

/// What becomes of a forecast on this server, and where nobody is to be mailed.
fn limited(
    forecast: MailForecast,
    events: &[&Event],
    mailbox: &MailboxFacts,
    now: Timestamp,
) -> MailForecast {
    let silent = is_silent(events, mailbox, now);
    match mailbox.mailing {
        Mailing::AsAsked if silent => forecast.spare(),
        Mailing::AsAsked => forecast,
        Mailing::Always { .. } => forecast.insist(silent),
    }
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
    without_self(everybody(event), mailbox)
}

/// Everybody on an item or on one of its occurrences.
fn everybody(event: &Event) -> impl Iterator<Item = String> {
    let of_occurrences = event.overrides.values().filter_map(|change| match change {
        Override::Changed(patch) => patch.attendees.as_ref(),
        Override::Excluded => None,
    });
    of_occurrences.chain([&event.attendees]).flat_map(|attendees| attendees.keys().cloned())
}

fn without_self(all: impl Iterator<Item = String>, mailbox: &MailboxFacts) -> BTreeSet<String> {
    all.filter(|address| !mailbox.addresses.contains(address)).collect()
}
