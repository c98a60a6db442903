//! Generated events of all shapes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time, Weekday, date};
use jiff::{SignedDuration, Span, Timestamp};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tidemark_model::zone::{DaylightRules, YearlyMoment};
use tidemark_model::{
    Attachment, Attendee, AttendeeRole, Body, BodyFormat, Event, EventStatus, OccurrencePatch,
    OnlineMeeting, Override, Participation, Pattern, Person, Privacy, Range, Recurrence,
    RecurrenceId, Schedule, ShowAs, WeekIndex, WeekdaySet, Zone, ZoneRules,
};

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// Drops what nobody can write.
pub(super) fn forget_read_only(event: &mut Event) {
    event.organizer = None;
    event.online_meeting = None;
    event.attachments.clear();
    event.sequence = 0;
    event.created = None;
    event.updated = None;
}

fn line() -> impl Strategy<Value = String> {
    "[a-zA-Zäß€ %/~]{0,9}[a-z]"
}

fn moment() -> impl Strategy<Value = YearlyMoment> {
    (1..=12i8, 1..=5i8, select(&WEEK[..]), 0..86_400i32).prop_map(
        |(month, occurrence, weekday, time_seconds)| YearlyMoment {
            month,
            occurrence,
            weekday,
            time_seconds,
        },
    )
}

fn zone() -> impl Strategy<Value = Zone> {
    let iana = select(vec!["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/UTC"])
        .prop_map(|name| Zone::parse(name).unwrap());
    let daylight = (-50_000..50_000i32, moment(), moment())
        .prop_map(|(offset_seconds, begins, ends)| DaylightRules { offset_seconds, begins, ends });
    let rules = (line(), -50_000..50_000i32, option::of(daylight)).prop_map(
        |(name, standard_offset_seconds, daylight)| {
            Zone::Rules(ZoneRules { name, standard_offset_seconds, daylight })
        },
    );
    prop_oneof![3 => iana, 1 => rules]
}

fn day() -> impl Strategy<Value = Date> {
    (0..4_000i64).prop_map(|days| date(2020, 1, 1).checked_add(Span::new().days(days)).unwrap())
}

fn instant() -> impl Strategy<Value = DateTime> {
    (day(), 0..86_400i64).prop_map(|(day, seconds)| {
        day.to_datetime(Time::midnight()).saturating_add(SignedDuration::from_secs(seconds))
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let length = (0..400_000i64).prop_map(SignedDuration::from_secs);
    prop_oneof![
        (day(), 1..40i64).prop_map(|(start, days)| {
            Schedule::all_day(start, start.saturating_add(Span::new().days(days))).unwrap()
        }),
        (instant(), zone(), length.clone(), option::of(zone())).prop_map(
            |(start, zone, length, end)| { Schedule::timed(start, zone, length, end).unwrap() }
        ),
        (instant(), length).prop_map(|(start, length)| Schedule::floating(start, length).unwrap()),
    ]
}

/// A pattern of every kind that gives `start`.
fn pattern(start: Date) -> impl Strategy<Value = Pattern> {
    let month = u8::try_from(start.month()).unwrap();
    let own = u8::try_from(start.day()).unwrap();
    let last = start.day() == start.days_in_month();
    let week = WeekdaySet::EMPTY.with(start.weekday());
    let sets = [week, WeekdaySet::WEEKDAYS, WeekdaySet::WEEKEND, WeekdaySet::ALL];
    let relative: Vec<(WeekIndex, WeekdaySet)> =
        [WeekIndex::First, WeekIndex::Second, WeekIndex::Third, WeekIndex::Fourth, WeekIndex::Last]
            .into_iter()
            .flat_map(|index| sets.map(|days| (index, days)))
            .filter(|(index, days)| {
                gives_start(
                    &Pattern::RelativeMonthly { interval: 1, index: *index, days: *days },
                    start,
                )
            })
            .collect();
    let days = if last { vec![own, 31] } else { vec![own] };
    let more = vec(select(&WEEK[..]), 0..4);
    prop_oneof![
        (1..50u32).prop_map(|interval| Pattern::Daily { interval }),
        (1..9u32, more, select(&WEEK[..])).prop_map(move |(interval, more, first_day)| {
            let days = more.into_iter().fold(week, WeekdaySet::with);
            Pattern::Weekly { interval, days, first_day }
        }),
        (1..20u32, select(days))
            .prop_map(|(interval, day)| Pattern::AbsoluteMonthly { interval, day }),
        (1..20u32, select(relative.clone())).prop_map(|(interval, (index, days))| {
            Pattern::RelativeMonthly { interval, index, days }
        }),
        (1..5u32).prop_map(move |interval| Pattern::AbsoluteYearly { interval, month, day: own }),
        (1..5u32, select(relative)).prop_map(move |(interval, (index, days))| {
            Pattern::RelativeYearly { interval, month, index, days }
        }),
    ]
    .prop_filter("a first week of the weekdays that the day is not in", move |pattern| {
        gives_start(pattern, start)
    })
}

fn gives_start(pattern: &Pattern, start: Date) -> bool {
    let endless = Recurrence { pattern: pattern.clone(), range: Range::NoEnd };
    let first = RecurrenceId::of_date(start);
    endless.is_occurrence(first.start(), first)
}

fn rule(start: Date) -> impl Strategy<Value = Recurrence> {
    let range = prop_oneof![
        Just(Range::NoEnd),
        (1..99u32).prop_map(Range::Count),
        (0..999i64)
            .prop_map(move |days| Range::Until(start.saturating_add(Span::new().days(days)))),
    ];
    (pattern(start), range).prop_map(|(pattern, range)| Recurrence { pattern, range })
}

fn people() -> impl Strategy<Value = BTreeMap<String, Attendee>> {
    let role = select(vec![AttendeeRole::Required, AttendeeRole::Optional, AttendeeRole::Resource]);
    let attendee = (option::of(line()), role, answer())
        .prop_map(|(name, role, participation)| Attendee { name, role, participation });
    btree_map("[a-z.+%&#?'-]{1,8}@[a-z]{1,6}\\.example", attendee, 0..4)
}

fn answer() -> impl Strategy<Value = Participation> {
    select(vec![
        Participation::NeedsAction,
        Participation::Accepted,
        Participation::Tentative,
        Participation::Declined,
    ])
}

fn show_as() -> impl Strategy<Value = ShowAs> {
    select(vec![
        ShowAs::Free,
        ShowAs::Tentative,
        ShowAs::Busy,
        ShowAs::Oof,
        ShowAs::WorkingElsewhere,
    ])
}

fn body() -> impl Strategy<Value = Body> {
    let format = select(vec![BodyFormat::Text, BodyFormat::Html]);
    (format, "[<>&a-zé\n\t]{1,30}").prop_map(|(format, content)| Body { format, content })
}

fn keywords() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set("[a-zA-Z @/]{0,9}[a-z]", 0..4)
}

fn change() -> impl Strategy<Value = OccurrencePatch> {
    (
        option::of(option::of(line())),
        option::of(option::of(body())),
        option::of(schedule()),
        option::of(option::of(line())),
        option::of(show_as()),
        option::of(option::of(0..9_999u32)),
        option::of(keywords()),
        option::of(people()),
        0..=9u8,
    )
        .prop_map(
            |(
                title,
                body,
                schedule,
                location,
                show_as,
                reminder,
                categories,
                attendees,
                priority,
            )| {
                OccurrencePatch {
                    title,
                    body,
                    schedule,
                    location,
                    show_as,
                    reminder_minutes: reminder,
                    categories,
                    attendees,
                    priority: Some(priority),
                }
            },
        )
}

fn overrides(
    schedule: &Schedule,
    rule: &Recurrence,
) -> impl Strategy<Value = BTreeMap<RecurrenceId, Override>> + use<> {
    let start = schedule.start();
    let ids: Vec<RecurrenceId> = rule.starts(start).take(20).collect();
    let change = prop_oneof![
        Just(Override::Excluded),
        change().prop_map(|change| Override::Changed(Box::new(change))),
    ];
    btree_map(select(ids), change, 0..4)
}

fn times() -> impl Strategy<Value = (Schedule, Option<Recurrence>, BTreeMap<RecurrenceId, Override>)>
{
    schedule()
        .prop_flat_map(|schedule| {
            let rule = option::of(rule(schedule.start().date()));
            (Just(schedule), rule)
        })
        .prop_flat_map(|(schedule, rule)| {
            let overrides = match &rule {
                Some(rule) => overrides(&schedule, rule).boxed(),
                None => Just(BTreeMap::new()).boxed(),
            };
            (Just(schedule), Just(rule), overrides)
        })
}

fn read_only() -> impl Strategy<
    Value = (Option<Person>, Option<OnlineMeeting>, Vec<Attachment>, u32, Option<Timestamp>),
> {
    let person = option::of(line())
        .prop_map(|name| Person { address: "boss@organiser.example".into(), name });
    let attachment = (line(), line(), option::of(line()), option::of(any::<u64>()), any::<bool>())
        .prop_map(|(id, name, content_type, size_bytes, inline)| Attachment {
            id,
            name,
            content_type,
            size_bytes,
            inline,
        });
    (
        option::of(person),
        option::of(line().prop_map(|join_url| OnlineMeeting { join_url })),
        vec(attachment, 0..3),
        any::<u32>(),
        option::of(
            (0..2_000_000_000_000_000_000i128)
                .prop_map(|at| Timestamp::from_nanosecond(at).unwrap()),
        ),
    )
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let privacy =
        select(vec![Privacy::Public, Privacy::Personal, Privacy::Private, Privacy::Confidential]);
    let status =
        select(vec![EventStatus::Confirmed, EventStatus::Tentative, EventStatus::Cancelled]);
    (
        times(),
        option::of(line()),
        option::of(line()),
        option::of(body()),
        option::of(line()),
        (show_as(), privacy, status, 0..=9u8),
        keywords(),
        option::of(0..9_999u32),
        people(),
        option::of(answer()),
        read_only(),
    )
        .prop_map(
            |(
                times,
                uid,
                title,
                body,
                location,
                state,
                categories,
                reminder,
                attendees,
                mine,
                rest,
            )| {
                let (schedule, recurrence, overrides) = times;
                let (show_as, privacy, status, priority) = state;
                let (organizer, online_meeting, attachments, sequence, stamp) = rest;
                Event {
                    uid,
                    title,
                    body,
                    schedule,
                    recurrence,
                    overrides,
                    location,
                    show_as,
                    privacy,
                    priority,
                    categories,
                    reminder_minutes: reminder,
                    status,
                    organizer,
                    attendees,
                    my_participation: mine,
                    online_meeting,
                    attachments,
                    sequence,
                    created: stamp,
                    updated: stamp,
                }
            },
        )
}
