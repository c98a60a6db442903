//! When two values of a property are the same.

use std::collections::BTreeMap;

use tidemark_model::{Attendee, Property, PropertyValue};

/// Whether two values mean the same. Answers of attendees are not part of a value, and empty text
/// is none.
pub(crate) fn same(left: &PropertyValue, right: &PropertyValue) -> bool {
    match (left, right) {
        (PropertyValue::Attendees(a), PropertyValue::Attendees(b)) => same_people(a, b),
        (PropertyValue::Title(a), PropertyValue::Title(b))
        | (PropertyValue::Location(a), PropertyValue::Location(b)) => {
            text(a.as_ref()) == text(b.as_ref())
        }
        _ => left == right,
    }
}

/// Whether Exchange, holding `remote`, holds all that it can of `wanted`: priorities have only three
/// levels there (mapping.md 3.3).
pub(crate) fn holds(remote: &PropertyValue, wanted: &PropertyValue) -> bool {
    match (remote, wanted) {
        (PropertyValue::Priority(a), PropertyValue::Priority(b)) => level(*a) == level(*b),
        _ => same(remote, wanted),
    }
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

fn text(value: Option<&String>) -> &str {
    value.map(String::as_str).unwrap_or_default()
}

fn same_people(a: &BTreeMap<String, Attendee>, b: &BTreeMap<String, Attendee>) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|((left, one), (right, two))| left == right && one.role == two.role)
}

const fn level(priority: u8) -> u8 {
    match priority {
        1..=4 => 1,
        6..=9 => 9,
        _ => 0,
    }
}
