//! What is written to Exchange reads the same when it comes back, for everything that EWS can hold.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday, date};
use proptest::option;
use proptest::prelude::*;
use tidemark_ews::calendar::{NewItem, ReadContext, WriteContext, changes, read_item};
use tidemark_ews::{CreateItem, FolderAddress, GetItem, Item, Request};
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, EventStatus, MailMode, Participation, Pattern,
    Privacy, Property, Range, Recurrence, Schedule, ShowAs, WeekIndex, WeekdaySet, Zone,
};

/// Writes an event as a new item, and makes of the request the answer that returns the item.
fn echoed(event: &Event, zone: &Zone) -> Event {
    let item = NewItem::of(event, Some("link;intent;7"), WriteContext { zone }).expect("an item");
    let create = CreateItem { folder: FolderAddress::CALENDAR, item, mail: MailMode::Silent };
    let request = String::from_utf8(Request::new().build(&create)).expect("UTF-8");
    let (_, rest) = request.split_once("<t:CalendarItem>").expect("an item");
    let (item, _) = rest.split_once("</t:CalendarItem>").expect("its end");
    let kind = if event.recurrence.is_some() { "RecurringMaster" } else { "Single" };
    let answer = format!(
        "<Envelope><Body><GetItemResponse xmlns:t='t'><ResponseMessages><GetItemResponseMessage \
         ResponseClass='Success'><ResponseCode>NoError</ResponseCode><Items><t:CalendarItem>\
         <t:ItemId Id='i' ChangeKey='k'/><t:CalendarItemType>{kind}</t:CalendarItemType>\
         <t:MyResponseType>Organizer</t:MyResponseType>{item}</t:CalendarItem></Items>\
         </GetItemResponseMessage></ResponseMessages></GetItemResponse></Body></Envelope>"
    );
    let answer = GetItem::read(answer.as_bytes()).expect("an answer");
    let Item::Calendar(item) = answer.single().expect("an item") else { panic!("an appointment") };
    let read = read_item(&item, &ReadContext::in_zone(zone.clone())).expect("an event");
    assert_eq!(read.warnings, []);
    assert_eq!(read.stamp.as_deref(), Some("link;intent;7"));
    read.event
}

/// Text as people write it, markup and white space included, and nothing that XML cannot say.
fn text() -> impl Strategy<Value = String> {
    "[ -~\t\n\räöüß漢😀&<>\"']{1,30}"
}

fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        "Europe/Berlin",
        "America/New_York",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "Australia/Sydney",
        "America/Sao_Paulo",
        "Etc/UTC",
    ])
    .prop_map(|name| Zone::parse(name).expect("a zone"))
}

fn dates() -> impl Strategy<Value = Date> {
    (2020i16..2035, 1i8..=12, 1i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let timed = (dates(), 4i8..24, 0i8..60, zones(), 0i64..10_000, option::of(zones())).prop_map(
        |(day, hour, minute, zone, minutes, end_zone)| {
            let start = day.at(hour, minute, 0, 0);
            let length = SignedDuration::from_mins(minutes);
            Schedule::timed(start, zone, length, end_zone).expect("a schedule")
        },
    );
    let days = (dates(), 1i64..40).prop_map(|(first, days)| {
        let last = first.saturating_add(jiff::Span::new().days(days));
        Schedule::all_day(first, last).expect("days")
    });
    prop_oneof![3 => timed, 1 => days]
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

/// The sets that a relative rule has a word for.
fn relative_days() -> impl Strategy<Value = WeekdaySet> {
    prop_oneof![
        weekdays().prop_map(|day| WeekdaySet::EMPTY.with(day)),
        prop::sample::select(vec![WeekdaySet::ALL, WeekdaySet::WEEKDAYS, WeekdaySet::WEEKEND]),
    ]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let sets = prop::collection::vec(weekdays(), 1..7).prop_map(WeekdaySet::from_iter);
    prop_oneof![
        (1u32..30).prop_map(|interval| Pattern::Daily { interval }),
        (1u32..10, sets, weekdays()).prop_map(|(interval, days, first_day)| Pattern::Weekly {
            interval,
            days,
            first_day
        }),
        (1u32..30, 1u8..=31).prop_map(|(interval, day)| Pattern::AbsoluteMonthly { interval, day }),
        (1u32..30, indexes(), relative_days())
            .prop_map(|(interval, index, days)| Pattern::RelativeMonthly { interval, index, days }),
        (1u32..8, 1u8..=12, 1u8..=31).prop_map(|(interval, month, day)| Pattern::AbsoluteYearly {
            interval,
            month,
            day
        }),
        (1u32..8, 1u8..=12, indexes(), relative_days()).prop_map(
            |(interval, month, index, days)| {
                Pattern::RelativeYearly { interval, month, index, days }
            }
        ),
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

fn events() -> impl Strategy<Value = Event> {
    let formats = prop::sample::select(vec![BodyFormat::Text, BodyFormat::Html]);
    let body = option::of((formats, text()).prop_map(|(format, content)| Body { format, content }));
    let categories: BoxedStrategy<BTreeSet<String>> =
        prop::collection::btree_set("[A-Za-z &]{1,9}", 0..3).boxed();
    let texts = (option::of(text()), body, option::of(text()), option::of("[!-~]{1,40}"));
    let words = (show_as(), privacies(), prop::sample::select(vec![0u8, 1, 9]));
    let more = (option::of(0u32..2_629_800), categories, people());
    (schedules(), option::of(rules()), texts, words, more).prop_map(
        |(schedule, rule, (title, body, location, uid), (show_as, privacy, priority), more)| {
            let mut event = Event::new(schedule);
            (event.title, event.body, event.location, event.uid) = (title, body, location, uid);
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
            event
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_the_same(event in events(), mailbox in zones()) {
        let echo = echoed(&event, &mailbox);
        for property in event.properties() {
            prop_assert!(
                event.value(property).same(&echo.value(property)),
                "{property:?}: {event:?} became {echo:?}"
            );
        }
        // To the letter, but for rules and zones that have several names.
        prop_assert_eq!(&echo.title, &event.title);
        prop_assert_eq!(&echo.location, &event.location);
        prop_assert_eq!(&echo.uid, &event.uid);
        prop_assert!(echo.body == event.body);
        prop_assert_eq!(&echo.attendees, &event.attendees);
        prop_assert_eq!(echo.recurrence.is_some(), event.recurrence.is_some());
        let left = changes(&echo, &event, WriteContext { zone: &mailbox }).expect("changes");
        prop_assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn changes_are_empty_exactly_where_nothing_differs(a in events(), b in events(), mailbox in zones()) {
        let writable = |property: &Property| {
            !matches!(property, Property::Status | Property::ShowAs | Property::MyParticipation)
        };
        let same = a.properties().iter().filter(|property| writable(property))
            .all(|property| a.value(*property).same(&b.value(*property)));
        let left = changes(&a, &b, WriteContext { zone: &mailbox }).expect("changes");
        let only_busy = left.iter().all(|change| change.field() == Some("calendar:LegacyFreeBusyStatus"));
        prop_assert_eq!(same, only_busy, "{:?}", left);
    }
}
