//! Made-up items, edits of them, and an Exchange that holds what is written as the real one does.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::{Weekday, date};
use proptest::prelude::*;
use tidemark_model::{
    Body, BodyFormat, Event, EventPatch, OccurrencePatch, Override, Pattern, Privacy, Property,
    PropertyValue, Range, Recurrence, RecurrenceId, Schedule, ShowAs, WeekIndex, WeekdaySet, Zone,
};

use super::{event, invite};

/// An edit by numbers: which property, and which of a few values. Numbers shrink well.
pub(super) type Edit = (u8, u8);

/// Text that must never be seen where a private item is told of.
pub(super) const SECRET: &str = "hush";

/// How many properties [`value`] knows; the last is privacy.
const WHICH: u8 = 14;

pub(super) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    proptest::collection::vec((0..WHICH - 1, 0u8..6), 0..5)
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    (0..WHICH - 1, 0u8..6)
}

/// A single event or a series: pattern 0 is none, then the six of Exchange.
pub(super) fn origin() -> impl Strategy<Value = Event> {
    (0u8..7, 0u8..3, 0u8..3, edits()).prop_map(|(pattern, range, times, edits)| {
        let mut made = event("first");
        made.schedule = schedule(times);
        made.recurrence = recurrence(pattern, range);
        for edit in edits.into_iter().filter(|(which, _)| *which != 2) {
            let change = value(&made, edit);
            made.apply(change);
        }
        held(made)
    })
}

/// A new value for a property of an event.
pub(super) fn value(of: &Event, (which, n): Edit) -> PropertyValue {
    let text = || (n > 0).then(|| format!("{SECRET} {which} {n}"));
    let n_of = |values: &[u8]| values[usize::from(n) % values.len()];
    match which {
        0 => PropertyValue::Title(text()),
        1 => PropertyValue::Body(text().map(|content| Body { format: BodyFormat::Text, content })),
        2 => PropertyValue::Schedule(schedule(n), of.recurrence.clone()),
        3 => match of.recurrence {
            Some(_) => PropertyValue::Schedule(of.schedule.clone(), recurrence(n + 1, n % 3)),
            None => PropertyValue::Schedule(schedule(n + 1), None),
        },
        4..=6 => occurrence(of, which - 3, n),
        7 => PropertyValue::Location(text()),
        8 => PropertyValue::ShowAs([ShowAs::Free, ShowAs::Busy, ShowAs::Oof][usize::from(n % 3)]),
        9 => PropertyValue::Priority(n_of(&[0, 1, 9])),
        10 => PropertyValue::Categories((0..n % 3).map(|one| format!("group {one}")).collect()),
        11 => PropertyValue::Reminder((n > 0).then_some(u32::from(n) * 5)),
        12 => {
            let mut guests = event("");
            for guest in 0..n % 4 {
                invite(&mut guests, &format!("guest{guest}@y.example"));
            }
            PropertyValue::Attendees(guests.attendees)
        }
        _ => PropertyValue::Privacy(
            [Privacy::Public, Privacy::Private, Privacy::Personal][usize::from(n % 3)],
        ),
    }
}

fn schedule(n: u8) -> Schedule {
    let day = date(2030, 1, 7);
    let hour = SignedDuration::from_hours(1);
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    match n {
        0 => Schedule::timed(day.at(9, 0, 0, 0), Zone::utc(), hour, None),
        1 => Schedule::timed(day.at(10, 0, 0, 0), berlin, hour, None),
        2 => Schedule::all_day(day, date(2030, 1, 8)),
        3 => Schedule::timed(day.at(9, 0, 0, 0), Zone::utc(), hour * 2, None),
        4 => Schedule::floating(day.at(9, 0, 0, 0), hour),
        _ => Schedule::timed(date(2030, 1, 8).at(9, 0, 0, 0), Zone::utc(), hour, None),
    }
    .unwrap()
}

fn recurrence(pattern: u8, range: u8) -> Option<Recurrence> {
    let monday = WeekdaySet::EMPTY.with(Weekday::Monday);
    let pattern = match pattern {
        0 => return None,
        1 => Pattern::Daily { interval: 2 },
        2 => Pattern::Weekly {
            interval: 2,
            days: monday.with(Weekday::Thursday),
            first_day: Weekday::Sunday,
        },
        3 => Pattern::AbsoluteMonthly { interval: 1, day: 7 },
        4 => Pattern::RelativeMonthly { interval: 1, index: WeekIndex::First, days: monday },
        5 => Pattern::AbsoluteYearly { interval: 1, month: 1, day: 7 },
        _ => {
            Pattern::RelativeYearly { interval: 1, month: 1, index: WeekIndex::First, days: monday }
        }
    };
    let range = match range {
        0 => Range::NoEnd,
        1 => Range::Until(date(2035, 1, 7)),
        _ => Range::Count(5),
    };
    Some(Recurrence { pattern, range })
}

/// What becomes of the n-th occurrence; of a single event, its place changes instead.
fn occurrence(of: &Event, nth: u8, n: u8) -> PropertyValue {
    let rule = of.recurrence.as_ref();
    let id = rule.and_then(|rule| rule.nth_start(of.schedule.start(), u32::from(nth)));
    let Some(id) = id else {
        return PropertyValue::Location(Some(format!("{SECRET} room {n}")));
    };
    let change = match n {
        0 => None,
        1 => Some(Override::Excluded),
        2 => Some(changed(OccurrencePatch {
            schedule: Some(of.schedule.moved_to(id.start() + SignedDuration::from_hours(3)))
                .filter(|moved| moved.start() != id.start()),
            title: Some(Some(format!("{SECRET} moved"))),
            ..OccurrencePatch::default()
        })),
        _ => Some(changed(OccurrencePatch {
            location: Some(Some(format!("{SECRET} room {n}"))),
            ..OccurrencePatch::default()
        })),
    };
    PropertyValue::Override(id, change)
}

pub(super) fn changed(patch: OccurrencePatch) -> Override {
    Override::Changed(Box::new(patch))
}

/// A patch out of edits of an event, and that event with them.
pub(super) fn patched(of: &Event, edits: &[Edit]) -> (EventPatch, Event) {
    let (mut patch, mut after) = (EventPatch::new(), of.clone());
    for edit in edits {
        let change = value(&after, *edit);
        patch.set(change.clone());
        after.apply(change);
    }
    (patch, after)
}

/// Everything that an event says, as a patch.
pub(super) fn whole(of: &Event) -> EventPatch {
    let mut patch = EventPatch::new();
    patch.overrides_complete = true;
    for property in of.properties() {
        patch.set(of.value(property));
    }
    patch
}

/// An event after edits by a person in Exchange, where a moved series loses what was said of its
/// occurrences.
pub(super) fn edited(of: &Event, edits: &[Edit]) -> Event {
    let mut after = of.clone();
    for edit in edits {
        let change = value(&after, *edit);
        after = person(&after, change);
    }
    after
}

pub(super) fn person(of: &Event, change: PropertyValue) -> Event {
    let mut after = of.clone();
    let moved = matches!(change, PropertyValue::Schedule(..))
        && !change.same(&of.value(Property::Schedule));
    if moved {
        after.overrides.clear();
    }
    after.apply(change);
    held(after)
}

/// An event in the form that Exchange holds it: three priorities, no floating times, and nothing
/// about occurrences that there are not. The mailbox's zone is UTC.
pub(super) fn held(mut event: Event) -> Event {
    if let Schedule::Floating(times) = &event.schedule {
        event.schedule =
            Schedule::timed(times.start(), Zone::utc(), times.duration(), None).unwrap();
    }
    event.priority = match event.priority {
        1..=4 => 1,
        6..=9 => 9,
        _ => 0,
    };
    let (first, rule) = (event.schedule.start(), event.recurrence.clone());
    event
        .overrides
        .retain(|id, _| rule.as_ref().is_some_and(|rule| rule.is_occurrence(first, *id)));
    event
}

/// What Exchange shows after each request of a write, the first being before all of them: the
/// series, which drops its exceptions when it moves or an occurrence comes back that was taken out, then
/// every occurrence that differs.
pub(super) fn steps(remote: &Event, target: &Event) -> Vec<Event> {
    let mut now = held(target.clone());
    let schedule = Property::Schedule;
    let excludes = |event: &Event, id| event.overrides.get(id) == Some(&Override::Excluded);
    let brings_back =
        remote.overrides.keys().any(|id| excludes(remote, id) && !excludes(target, id));
    let moves = !now.value(schedule).same(&remote.value(schedule)) || brings_back;
    now.overrides.clear();
    if !moves {
        now.overrides.clone_from(&remote.overrides);
    }
    let mut states = vec![remote.clone(), now.clone()];
    let ids: BTreeSet<RecurrenceId> =
        [remote, target].into_iter().flat_map(|event| event.overrides.keys().copied()).collect();
    for id in ids {
        let wanted = target.value(Property::Override(id));
        if now.value(Property::Override(id)) != wanted {
            now.apply(wanted);
            states.push(now.clone());
        }
    }
    states
}

/// Whether two events say the same in Exchange's form, read-only parts aside.
pub(super) fn alike(left: &Event, right: &Event) -> bool {
    let (left, right) = (held(left.clone()), held(right.clone()));
    let mut properties = left.properties();
    properties.extend(right.properties());
    properties.into_iter().all(|property| left.value(property).same(&right.value(property)))
}
