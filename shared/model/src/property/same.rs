//! Whether two values mean the same to whoever looks at the calendar.

use std::collections::BTreeMap;

use super::PropertyValue;
use crate::event::{Attendee, AttendeeRole, Body};
use crate::normalise;
use crate::normalise::text::readable;
use crate::recurrence::{OccurrencePatch, Override, Recurrence};
use crate::schedule::Schedule;
use crate::zone::Zone;

impl PropertyValue {
    /// Whether both mean the same, so that nothing has to be carried.
    ///
    /// - Texts: after normalisation. Bodies: what there is to read in them, whatever their format.
    /// - Times: same instants in the same class of zones; dates exactly; rules by the starts that
    ///   they give.
    /// - Attendees: same people in the same roles, whatever they answered or are called.
    /// - Priority: exactly. Exchange knows three levels only, and whoever compares with its copy
    ///   has to know which of them it was written as.
    pub fn same(&self, other: &Self) -> bool {
        match self {
            Self::Title(a) => matches!(other, Self::Title(b) if same_title(a, b)),
            Self::Body(a) => matches!(other, Self::Body(b) if same_body(a, b)),
            Self::Schedule(a, rule) => matches!(
                other,
                Self::Schedule(b, other_rule)
                    if same_times(a, b) && same_rule((a, rule), (b, other_rule))
            ),
            Self::Override(id, a) => {
                matches!(other, Self::Override(other_id, b) if id == other_id && same_override(a, b))
            }
            Self::Location(a) => matches!(other, Self::Location(b) if same_plain(a, b)),
            Self::Categories(a) => matches!(
                other,
                Self::Categories(b)
                    if normalise::categories(a.clone()) == normalise::categories(b.clone())
            ),
            Self::Attendees(a) => matches!(other, Self::Attendees(b) if roles(a) == roles(b)),
            Self::ShowAs(_)
            | Self::Privacy(_)
            | Self::Priority(_)
            | Self::Reminder(_)
            | Self::Status(_)
            | Self::MyParticipation(_) => self == other,
        }
    }
}

fn same_title(a: &Option<String>, b: &Option<String>) -> bool {
    a.as_deref().and_then(normalise::title) == b.as_deref().and_then(normalise::title)
}

fn same_plain(a: &Option<String>, b: &Option<String>) -> bool {
    a.as_deref().and_then(normalise::plain) == b.as_deref().and_then(normalise::plain)
}

fn same_body(a: &Option<Body>, b: &Option<Body>) -> bool {
    let text = |body: &Option<Body>| body.as_ref().map(readable).unwrap_or_default();
    a == b || text(a) == text(b)
}

fn same_times(a: &Schedule, b: &Schedule) -> bool {
    match (a, b) {
        (Schedule::Timed(timed), Schedule::Timed(other)) => {
            let end_zone =
                |timed: &crate::schedule::Timed| timed.end_zone().unwrap_or(timed.zone()).clone();
            a.instants(&Zone::utc()) == b.instants(&Zone::utc())
                && timed.zone().same_class(other.zone())
                && end_zone(timed).same_class(&end_zone(other))
        }
        (Schedule::AllDay(_) | Schedule::Floating(_) | Schedule::Timed(_), _) => a == b,
    }
}

fn same_rule(
    (a, rule): (&Schedule, &Option<Recurrence>),
    (b, other): (&Schedule, &Option<Recurrence>),
) -> bool {
    match (rule, other) {
        (None, None) => true,
        (Some(rule), Some(other)) => rule.same_occurrences(a.start(), other, b.start()),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_override(a: &Option<Override>, b: &Option<Override>) -> bool {
    let nothing = OccurrencePatch::default();
    let patch = |change: &Option<Override>| match change {
        None => Some(nothing.clone()),
        Some(Override::Excluded) => None,
        Some(Override::Changed(patch)) => Some(patch.as_ref().clone()),
    };
    match (patch(a), patch(b)) {
        (None, None) => true,
        (Some(a), Some(b)) => same_patch(&a, &b),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_patch(a: &OccurrencePatch, b: &OccurrencePatch) -> bool {
    both(&a.title, &b.title, same_title)
        && both(&a.body, &b.body, same_body)
        && both(&a.schedule, &b.schedule, same_times)
        && both(&a.location, &b.location, same_plain)
        && both(&a.categories, &b.categories, |a, b| {
            normalise::categories(a.clone()) == normalise::categories(b.clone())
        })
        && both(&a.attendees, &b.attendees, |a, b| roles(a) == roles(b))
        && a.show_as == b.show_as
        && a.reminder_minutes == b.reminder_minutes
        && a.priority == b.priority
}

fn both<T>(a: &Option<T>, b: &Option<T>, same: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The people by lower-case address, with their roles alone.
pub(crate) fn roles(attendees: &BTreeMap<String, Attendee>) -> BTreeMap<String, AttendeeRole> {
    let mut roles = BTreeMap::new();
    for (address, attendee) in attendees {
        roles
            .entry(address.trim().to_lowercase())
            .or_insert(attendee.role);
    }
    roles
}
