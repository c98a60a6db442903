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
            Self::Title(a) => matches!(other, Self::Title(b) if same_title(a.as_ref(), b.as_ref())),
            Self::Body(a) => matches!(other, Self::Body(b) if same_body(a.as_ref(), b.as_ref())),
            Self::Schedule(a, rule) => matches!(
                other,
                Self::Schedule(b, other_rule)
                    if same_times(a, b) && same_rule((a, rule.as_ref()), (b, other_rule.as_ref()))
            ),
            Self::Override(id, a) => {
                matches!(other, Self::Override(other_id, b) if id == other_id && same_override(a.as_ref(), b.as_ref()))
            }
            Self::Location(a) => {
                matches!(other, Self::Location(b) if same_plain(a.as_ref(), b.as_ref()))
            }
            Self::Categories(a) => matches!(
                other,
                Self::Categories(b)
                    if normalise::categories(a) == normalise::categories(b)
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

fn same_title(a: Option<&String>, b: Option<&String>) -> bool {
    let line = |text: Option<&String>| text.and_then(|text| normalise::title(text));
    line(a) == line(b)
}

fn same_plain(a: Option<&String>, b: Option<&String>) -> bool {
    let text = |text: Option<&String>| text.and_then(|text| normalise::plain(text));
    text(a) == text(b)
}

fn same_body(a: Option<&Body>, b: Option<&Body>) -> bool {
    let text = |body: Option<&Body>| body.map(readable).unwrap_or_default();
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
    (a, rule): (&Schedule, Option<&Recurrence>),
    (b, other): (&Schedule, Option<&Recurrence>),
) -> bool {
    match (rule, other) {
        (None, None) => true,
        (Some(rule), Some(other)) => rule.same_occurrences(a.start(), other, b.start()),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_override(a: Option<&Override>, b: Option<&Override>) -> bool {
    let nothing = OccurrencePatch::default();
    let patch = |change: Option<&Override>| match change {
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
    both(a.title.as_ref(), b.title.as_ref(), |a, b| same_title(a.as_ref(), b.as_ref()))
        && both(a.body.as_ref(), b.body.as_ref(), |a, b| same_body(a.as_ref(), b.as_ref()))
        && both(a.schedule.as_ref(), b.schedule.as_ref(), same_times)
        && both(a.location.as_ref(), b.location.as_ref(), |a, b| same_plain(a.as_ref(), b.as_ref()))
        && both(a.categories.as_ref(), b.categories.as_ref(), |a, b| {
            normalise::categories(a) == normalise::categories(b)
        })
        && both(a.attendees.as_ref(), b.attendees.as_ref(), |a, b| roles(a) == roles(b))
        && a.show_as == b.show_as
        && a.reminder_minutes == b.reminder_minutes
        && a.priority == b.priority
}

fn both<T>(a: Option<&T>, b: Option<&T>, same: impl Fn(&T, &T) -> bool) -> bool {
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
        roles.entry(address.trim().to_lowercase()).or_insert(attendee.role);
    }
    roles
}
