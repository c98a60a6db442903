//! Whom an update mails on a server that mails unasked.

use std::collections::{BTreeMap, BTreeSet};

use tidemark_model::{Attendee, Event, Override, Property, RecurrenceId};

use super::{everybody, without_self};
use crate::decision::MailForecast;
use crate::input::MailboxFacts;

/// Who is told of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nobody,
    /// Those who came, went, or have another role.
    Changed,
    All,
}

/// Whom an update mails: for the item, and for each of its occurrences that is written.
pub(super) fn insistent_update(
    current: &Event,
    target: &Event,
    written: &[Property],
    quiet: &[Property],
    mailbox: &MailboxFacts,
) -> MailForecast {
    let mut addresses = BTreeSet::new();
    let of_item = written.iter().filter(|property| !matches!(property, Property::Override(_)));
    let mut told = who_is_told(of_item, quiet);
    match told {
        Told::All => {
            addresses.extend(everybody(current));
            addresses.extend(everybody(target));
        }
        Told::Changed => addresses.extend(changed(&current.attendees, &target.attendees)),
        Told::Nobody => {}
    }
    // The occurrences are written once the item says what it shall.
    let mut standing = target.clone();
    standing.overrides.clone_from(&current.overrides);
    for property in written {
        let Property::Override(id) = property else { continue };
        let (of_occurrence, people) = told_of_occurrence(&standing, target, *id, quiet);
        addresses.extend(people);
        if of_occurrence == Told::All {
            told = Told::All;
        }
    }
    let addresses = without_self(addresses.into_iter(), mailbox);
    MailForecast::new(addresses, told == Told::All)
}

fn told_of_occurrence(
    standing: &Event,
    target: &Event,
    id: RecurrenceId,
    quiet: &[Property],
) -> (Told, BTreeSet<String>) {
    let is_out = |event: &Event| event.overrides.get(&id) == Some(&Override::Excluded);
    let (before, after) = (occurrence(standing, id), occurrence(target, id));
    if is_out(target) {
        return (Told::All, before.attendees.into_keys().collect());
    }
    if is_out(standing) {
        // Only the rule, written again, brings an occurrence back: it tells of the whole series.
        return (Told::All, everybody(standing).chain(everybody(target)).collect());
    }
    let properties: BTreeSet<Property> =
        before.properties().into_iter().chain(after.properties()).collect();
    let differing: Vec<Property> = properties
        .into_iter()
        .filter(|property| !before.value(*property).same(&after.value(*property)))
        .collect();
    match who_is_told(differing.iter(), quiet) {
        Told::All => {
            let all = before.attendees.into_keys().chain(after.attendees.into_keys());
            (Told::All, all.collect())
        }
        Told::Changed => (Told::Changed, changed(&before.attendees, &after.attendees)),
        Told::Nobody => (Told::Nobody, BTreeSet::new()),
    }
}

fn who_is_told<'a>(written: impl Iterator<Item = &'a Property>, quiet: &[Property]) -> Told {
    let mut told = Told::Nobody;
    for property in written {
        // The owner's own answer is no part of such a write.
        if quiet.contains(property) || *property == Property::MyParticipation {
            continue;
        }
        if *property != Property::Attendees {
            return Told::All;
        }
        told = Told::Changed;
    }
    told
}

fn changed(
    before: &BTreeMap<String, Attendee>,
    after: &BTreeMap<String, Attendee>,
) -> BTreeSet<String> {
    let role = |people: &BTreeMap<String, Attendee>, address: &str| {
        people.get(address).map(|attendee| attendee.role)
    };
    let all = before.keys().chain(after.keys());
    all.filter(|address| role(before, address) != role(after, address)).cloned().collect()
}

/// One occurrence as an item of its own: the series with its override laid over it.
fn occurrence(series: &Event, id: RecurrenceId) -> Event {
    let mut event = series.clone();
    event.recurrence = None;
    event.overrides = BTreeMap::new();
    event.schedule = series.schedule.moved_to(id.start());
    if let Some(Override::Changed(patch)) = series.overrides.get(&id) {
        patch.apply_to(&mut event);
    }
    event
}
