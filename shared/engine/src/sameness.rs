//! When two values of a property are the same, and when Exchange holds what was wanted.

use tidemark_model::{Override, Property, PropertyValue, Schedule, Zone};

/// Whether Exchange, holding `remote`, holds all that it can of `wanted`: priorities have only three
/// levels there (mapping.md 3.3), and floating times are bound to the mailbox's zone.
pub(crate) fn holds(remote: &PropertyValue, wanted: &PropertyValue, zone: &Zone) -> bool {
    remote.same(wanted) || as_held(remote, zone).same(&as_held(wanted, zone))
}

/// Properties that an event always has a value for.
pub(crate) const FIXED: [Property; 12] = [
    Property::Title,
    Property::Body,
    Property::Schedule,
    Property::Location,
    Property::ShowAs,
    Property::Privacy,
    Property::Priority,
    Property::Categories,
    Property::Reminder,
    Property::Status,
    Property::Attendees,
    Property::MyParticipation,
];

/// A value in the form that Exchange gives it.
fn as_held(value: &PropertyValue, zone: &Zone) -> PropertyValue {
    match value {
        PropertyValue::Priority(priority) => PropertyValue::Priority(level(*priority)),
        PropertyValue::Schedule(schedule, rule) => {
            PropertyValue::Schedule(bound(schedule, zone), rule.clone())
        }
        PropertyValue::Override(id, Some(Override::Changed(change))) => {
            let mut change = change.clone();
            change.priority = change.priority.map(level);
            change.schedule = change.schedule.map(|schedule| bound(&schedule, zone));
            PropertyValue::Override(*id, Some(Override::Changed(change)))
        }
        other => other.clone(),
    }
}

fn bound(schedule: &Schedule, zone: &Zone) -> Schedule {
    match schedule {
        Schedule::Floating(floating) => {
            Schedule::timed(floating.start(), zone.clone(), floating.duration(), None)
                .unwrap_or_else(|_| schedule.clone())
        }
        Schedule::AllDay(_) | Schedule::Timed(_) => schedule.clone(),
    }
}

const fn level(priority: u8) -> u8 {
    match priority {
        1..=4 => 1,
        6..=9 => 9,
        _ => 0,
    }
}
