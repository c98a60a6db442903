//! Events that Graph can hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday, date};
use proptest::option;
use proptest::prelude::*;
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, EventStatus, OccurrencePatch, Override,
    Participation, Pattern, Privacy, Property, PropertyValue, Range, Recurrence, Schedule, ShowAs,
    WeekIndex, WeekdaySet, Zone,
};

/// Text as people write it, markup and white space included; it says something.
fn text() -> impl Strategy<Value = String> {
    "w[ -~\t\n\räöüß漢😀&<>\"'\\\\]{0,30}"
}

pub(crate) fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        "Europe/Berlin",
        "Europe/London",
        "America/New_York",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Australia/Sydney",
        "America/Sao_Paulo",
        "Pacific/Kiritimati",
        "Etc/UTC",
    ])
    .prop_map(|name| Zone::parse(name).expect("a zone"))
}

fn dates() -> impl Strategy<Value = Date> {
    let any = (2020i16..2035, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| date(y, m, d));
    // Changes of offset: Europe, America, Sydney.
    let change = prop::sample::select(vec![
        date(2026, 3, 29),
        date(2026, 10, 25),
        date(2026, 3, 8),
        date(2026, 11, 1),
        date(2026, 4, 5),
        date(2026, 10, 4),
    ]);
    prop_oneof![4 => any, 1 => change]
}

/// Starts at any hour, those that are skipped or come twice included.
pub(crate) fn any_times() -> impl Strategy<Value = Schedule> {
    timed(0)
}

fn timed(first_hour: i8) -> impl Strategy<Value = Schedule> {
    (dates(), first_hour..24, 0i8..60, zones(), 0i64..10_000, option::of(zones())).prop_map(
        |(day, hour, minute, zone, minutes, end_zone)| {
            let start = day.at(hour, minute, 0, 0);
            let length = SignedDuration::from_mins(minutes);
            let schedule = Schedule::timed(start, zone, length, end_zone).expect("a schedule");
            if keeps_end_zone(&schedule) { schedule } else { without_end_zone(&schedule) }
        },
    )
}

/// Whether an end has a word of its own in its zone. In the second of two hours of the same name it
/// is written in UTC, which is what its zone then seems to be.
fn keeps_end_zone(schedule: &Schedule) -> bool {
    let Schedule::Timed(timed) = schedule else { return true };
    let (_, end) = schedule.instants(timed.zone());
    let has_word = |zone: &Zone| zone.to_instant(zone.to_civil(end)) == end;
    timed
        .end_zone()
        .is_none_or(|zone| has_word(zone) && (*zone != Zone::utc() || has_word(timed.zone())))
}

fn without_end_zone(schedule: &Schedule) -> Schedule {
    let Schedule::Timed(timed) = schedule else { return schedule.clone() };
    let times = Schedule::timed(timed.start(), timed.zone().clone(), timed.duration(), None);
    times.expect("a schedule")
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let days = (dates(), 1i64..40).prop_map(|(first, days)| {
        let last = first.saturating_add(jiff::Span::new().days(days));
        Schedule::all_day(first, last).expect("days")
    });
    prop_oneof![3 => timed(4), 1 => days]
}

fn indexes() -> impl Strategy<Value = WeekIndex> {
    prop::sample::select(vec![
        WeekIndex::First,
        WeekIndex::Second,
        WeekIndex::Third,
        WeekIndex::Fourth,
        WeekIndex::Last,
    ])
}

fn weekdays() -> impl Strategy<Value = Weekday> {
    (0i8..7).prop_map(|day| Weekday::from_monday_zero_offset(day).expect("a weekday"))
}

/// Graph takes any set of days, also for the n-th of a month (mapping.md 5, row 13).
fn day_sets() -> impl Strategy<Value = WeekdaySet> {
    prop::collection::vec(weekdays(), 1..7).prop_map(WeekdaySet::from_iter)
}

fn patterns() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        (1u32..30).prop_map(|interval| Pattern::Daily { interval }),
        (1u32..10, day_sets(), weekdays()).prop_map(|(interval, days, first_day)| {
            Pattern::Weekly { interval, days, first_day }
        }),
        (1u32..30, 1u8..=31).prop_map(|(interval, day)| Pattern::AbsoluteMonthly { interval, day }),
        (1u32..30, indexes(), day_sets())
            .prop_map(|(interval, index, days)| Pattern::RelativeMonthly { interval, index, days }),
        (1u32..8, 1u8..=12, 1u8..=31).prop_map(|(interval, month, day)| Pattern::AbsoluteYearly {
            interval,
            month,
            day
        }),
        (1u32..8, 1u8..=12, indexes(), day_sets()).prop_map(|(interval, month, index, days)| {
            Pattern::RelativeYearly { interval, month, index, days }
        }),
    ]
}

fn rules() -> impl Strategy<Value = Recurrence> {
    let ranges = prop_oneof![
        Just(Range::NoEnd),
        (1u32..=999).prop_map(Range::Count),
        Just(Range::Until(date(2090, 6, 30))),
    ];
    (patterns(), ranges).prop_map(|(pattern, range)| Recurrence { pattern, range })
}

fn people() -> impl Strategy<Value = BTreeMap<String, Attendee>> {
    let roles = prop::sample::select(vec![
        AttendeeRole::Required,
        AttendeeRole::Optional,
        AttendeeRole::Resource,
    ]);
    let name = option::of("[A-Za-zäöü<&]{1,10}");
    let attendee = (name, roles).prop_map(|(name, role)| Attendee {
        name,
        role,
        participation: Participation::NeedsAction,
    });
    prop::collection::btree_map("[a-z+'&]{1,8}@[a-z]{1,8}\\.example", attendee, 0..4)
}

fn show_as() -> impl Strategy<Value = (ShowAs, EventStatus)> {
    prop::sample::select(vec![
        (ShowAs::Free, EventStatus::Confirmed),
        (ShowAs::Tentative, EventStatus::Tentative),
        (ShowAs::Busy, EventStatus::Confirmed),
        (ShowAs::Oof, EventStatus::Confirmed),
        (ShowAs::WorkingElsewhere, EventStatus::Confirmed),
    ])
}

fn privacies() -> impl Strategy<Value = Privacy> {
    prop::sample::select(vec![
        Privacy::Public,
        Privacy::Personal,
        Privacy::Private,
        Privacy::Confidential,
    ])
}

fn bodies() -> impl Strategy<Value = Option<Body>> {
    let formats = prop::sample::select(vec![BodyFormat::Text, BodyFormat::Html]);
    option::of((formats, text()).prop_map(|(format, content)| Body { format, content }))
}

fn categories() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[A-Za-z][A-Za-z &]{0,9}", 0..3)
}

fn reminders() -> impl Strategy<Value = Option<u32>> {
    option::of(0u32..=2_629_800)
}

fn priorities() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![0u8, 1, 9])
}

/// Single events and series without overrides.
pub(crate) fn plain_events() -> impl Strategy<Value = Event> {
    let texts = (option::of(text()), bodies(), option::of(text()));
    let words = (show_as(), privacies(), priorities());
    let more = (reminders(), categories(), people());
    (schedules(), option::of(rules()), texts, words, more).prop_map(
        |(schedule, rule, (title, body, location), (show_as, privacy, priority), more)| {
            let mut event = Event::new(schedule);
            (event.title, event.body, event.location) = (title, body, location);
            (event.show_as, event.status) = show_as;
            (event.privacy, event.priority) = (privacy, priority);
            (event.reminder_minutes, event.categories, event.attendees) = more;
            // As Exchange does, the series begins with its first occurrence.
            if let Some(rule) = rule
                && let Some(first) = rule.starts(event.schedule.start()).next()
            {
                event.schedule = event.schedule.moved_to(first.start());
                event.recurrence = Some(rule);
            }
            event.normalised()
        },
    )
}

/// What becomes of one occurrence: none is taken out, the other says what differs.
type Change = Option<(Option<i64>, OccurrencePatch)>;

fn changes() -> impl Strategy<Value = Change> {
    let texts =
        (option::of(option::of(text())), option::of(bodies()), option::of(option::of(text())));
    let words = (option::of(show_as()), option::of(priorities()));
    let more = (option::of(reminders()), option::of(categories()), option::of(people()));
    let moved_minutes = option::of(-200i64..200);
    let patch = (texts, words, more).prop_map(
        |((title, body, location), (show_as, priority), (reminder, categories, attendees))| {
            OccurrencePatch {
                title,
                body,
                schedule: None,
                location,
                show_as: show_as.map(|(show_as, _)| show_as),
                reminder_minutes: reminder,
                categories,
                attendees,
                priority,
            }
        },
    );
    option::weighted(0.7, (moved_minutes, patch))
}

/// Overrides by the number of their occurrence, to be laid over a series.
pub(crate) fn overrides() -> impl Strategy<Value = BTreeMap<usize, Change>> {
    prop::collection::btree_map(0usize..8, changes(), 0..4)
}

/// Lays overrides over a series; nothing over a single event.
pub(crate) fn with_overrides(mut event: Event, changes: BTreeMap<usize, Change>) -> Event {
    let Some(rule) = event.recurrence.clone() else { return event };
    for (number, change) in changes {
        let Some(id) = rule.starts(event.schedule.start()).nth(number) else { continue };
        let Some((moved_minutes, mut patch)) = change else {
            event.overrides.insert(id, Override::Excluded);
            continue;
        };
        if let (Some(minutes), Schedule::Timed(_)) = (moved_minutes, &event.schedule) {
            let moved = id.start().saturating_add(SignedDuration::from_mins(minutes));
            let moved = event.schedule.moved_to(moved);
            patch.schedule = Some(moved).filter(keeps_end_zone);
        }
        // What reads the same as in the series is no difference, and is not written.
        let body = patch.body.take().map(PropertyValue::Body);
        let own_body = event.value(Property::Body);
        if let Some(PropertyValue::Body(body)) = body.filter(|body| !own_body.same(body)) {
            patch.body = Some(body);
        }
        let people = patch.attendees.take().map(PropertyValue::Attendees);
        let own_people = event.value(Property::Attendees);
        if let Some(PropertyValue::Attendees(people)) =
            people.filter(|people| !own_people.same(people))
        {
            patch.attendees = Some(people);
        }
        event.overrides.insert(id, Override::Changed(Box::new(patch)));
    }
    event.normalised()
}

pub(crate) fn events() -> impl Strategy<Value = Event> {
    (plain_events(), overrides()).prop_map(|(event, changes)| with_overrides(event, changes))
}
