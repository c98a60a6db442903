//! The storage form against a file of what was stored before: rows outlive the program that wrote
//! them.

use jiff::civil::{Weekday, date};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidemark_model::{
    Attachment, Attendee, AttendeeRole, Body, BodyFormat, DaylightRules, Event, EventStatus,
    OccurrencePatch, OnlineMeeting, Override, Participation, Pattern, Person, Privacy, Range,
    Recurrence, RecurrenceId, Schedule, ShowAs, WeekIndex, WeekdaySet, YearlyMoment, Zone,
    ZoneRules,
};

use crate::{load_event, store_event};

/// One stored event a line, in the order of [`events`]. Lines are added, never changed.
const VERSION_1: &str = include_str!("../../tests/fixtures/stored-v1.jsonl");

fn timed(zone: Zone, end_zone: Option<Zone>) -> Schedule {
    let start = date(2026, 1, 31).at(9, 30, 0, 0);
    Schedule::timed(start, zone, SignedDuration::from_mins(90), end_zone).unwrap()
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn by_rules() -> Zone {
    let moment = |month, occurrence, hours: i32| YearlyMoment {
        month,
        occurrence,
        weekday: Weekday::Sunday,
        time_seconds: hours * 3_600,
    };
    Zone::Rules(ZoneRules {
        name: "Own zone".to_owned(),
        standard_offset_seconds: 3_600,
        daylight: Some(DaylightRules {
            offset_seconds: 7_200,
            begins: moment(3, 5, 2),
            ends: moment(10, 5, 3),
        }),
    })
}

fn attendee(name: Option<&str>, role: AttendeeRole, participation: Participation) -> Attendee {
    Attendee { name: name.map(str::to_owned), role, participation }
}

/// Every field has a value.
fn meeting() -> Event {
    let stamp = |text: &str| text.parse::<Timestamp>().unwrap();
    Event {
        uid: Some("uid-1".to_owned()),
        title: Some("Title".to_owned()),
        body: Some(Body { format: BodyFormat::Html, content: "<p>Text</p>".to_owned() }),
        recurrence: Some(Recurrence {
            pattern: Pattern::Weekly {
                interval: 2,
                days: [Weekday::Tuesday, Weekday::Saturday].into_iter().collect(),
                first_day: Weekday::Sunday,
            },
            range: Range::Until(date(2026, 12, 24)),
        }),
        overrides: [
            (date(2026, 2, 14), Override::Excluded),
            (date(2026, 2, 28), Override::Changed(Box::new(full_patch()))),
            (date(2026, 3, 14), Override::Changed(Box::new(clearing_patch()))),
        ]
        .into_iter()
        .map(|(date, change)| (RecurrenceId::new(date.at(9, 30, 0, 0)), change))
        .collect(),
        location: Some("Room".to_owned()),
        show_as: ShowAs::Oof,
        privacy: Privacy::Confidential,
        priority: 1,
        categories: ["Blue".to_owned(), "Red".to_owned()].into(),
        reminder_minutes: Some(15),
        status: EventStatus::Tentative,
        organizer: Some(Person { address: "o@example.org".to_owned(), name: Some("O".to_owned()) }),
        attendees: [
            ("a@example.org", attendee(Some("A"), AttendeeRole::Required, Participation::Accepted)),
            ("b@example.org", attendee(None, AttendeeRole::Optional, Participation::Declined)),
            ("r@example.org", attendee(None, AttendeeRole::Resource, Participation::NeedsAction)),
        ]
        .into_iter()
        .map(|(address, attendee)| (address.to_owned(), attendee))
        .collect(),
        my_participation: Some(Participation::Tentative),
        online_meeting: Some(OnlineMeeting { join_url: "https://meet.example.org/1".to_owned() }),
        attachments: vec![Attachment {
            id: "att-1".to_owned(),
            name: "plan.pdf".to_owned(),
            content_type: Some("application/pdf".to_owned()),
            size_bytes: Some(1_234),
            inline: false,
        }],
        sequence: 3,
        created: Some(stamp("2026-01-02T03:04:05Z")),
        updated: Some(stamp("2026-01-02T03:04:05.25Z")),
        ..Event::new(timed(berlin(), Some(by_rules())))
    }
}

fn full_patch() -> OccurrencePatch {
    OccurrencePatch {
        title: Some(Some("Other".to_owned())),
        body: Some(Some(Body { format: BodyFormat::Text, content: "Text".to_owned() })),
        schedule: Some(timed(Zone::utc(), None)),
        location: Some(Some("Elsewhere".to_owned())),
        show_as: Some(ShowAs::WorkingElsewhere),
        reminder_minutes: Some(Some(0)),
        categories: Some(["Green".to_owned()].into()),
        attendees: Some(
            [(
                "a@example.org".to_owned(),
                attendee(None, AttendeeRole::Required, Participation::NeedsAction),
            )]
            .into(),
        ),
        priority: Some(9),
    }
}

fn clearing_patch() -> OccurrencePatch {
    OccurrencePatch {
        title: Some(None),
        body: Some(None),
        location: Some(None),
        reminder_minutes: Some(None),
        categories: Some([].into()),
        attendees: Some([].into()),
        ..OccurrencePatch::default()
    }
}

fn series(schedule: Schedule, pattern: Pattern, range: Range) -> Event {
    Event { recurrence: Some(Recurrence { pattern, range }), ..Event::new(schedule) }
}

/// All shapes of times and rules, and one of everything else.
fn events() -> Vec<Event> {
    let whole_days = Schedule::all_day(date(2026, 1, 31), date(2026, 2, 2)).unwrap();
    let floating =
        Schedule::floating(date(2026, 1, 31).at(9, 0, 0, 0), SignedDuration::ZERO).unwrap();
    let weekend = WeekdaySet::WEEKEND;
    let saturday = WeekdaySet::EMPTY.with(Weekday::Saturday);
    let index = WeekIndex::Last;
    vec![
        meeting(),
        Event::new(floating.clone()),
        Event::new(timed(by_rules(), None)),
        series(whole_days.clone(), Pattern::Daily { interval: 999 }, Range::NoEnd),
        series(whole_days, Pattern::AbsoluteMonthly { interval: 1, day: 31 }, Range::Count(12)),
        series(
            timed(berlin(), None),
            Pattern::RelativeMonthly { interval: 3, index, days: saturday },
            Range::NoEnd,
        ),
        series(
            timed(Zone::utc(), None),
            Pattern::AbsoluteYearly { interval: 4, month: 1, day: 31 },
            Range::Until(date(2100, 1, 31)),
        ),
        series(
            floating,
            Pattern::RelativeYearly { interval: 1, month: 1, index, days: weekend },
            Range::Count(1),
        ),
    ]
}

#[test]
fn what_was_stored_is_loaded() {
    let lines: Vec<&str> = VERSION_1.lines().collect();
    let events = events();
    assert_eq!(lines.len(), events.len());
    for (line, event) in lines.iter().zip(events) {
        assert!(load_event(line.as_bytes()).unwrap() == event, "{line}");
    }
}

/// A change here needs a new version, and a reader for the old one.
#[test]
fn what_is_stored_has_not_changed() {
    for (line, event) in VERSION_1.lines().zip(events()) {
        let stored: Value = serde_json::from_slice(&store_event(&event)).unwrap();
        assert_eq!(stored, serde_json::from_str::<Value>(line).unwrap());
    }
}

#[test]
fn words_and_fields_that_are_unknown_here_are_not_taken_for_others() {
    let line = VERSION_1.lines().next().unwrap();
    for (word, other, field) in [
        ("\"oof\"", "\"away\"", "busy status"),
        ("\"confidential\"", "\"secret\"", "sensitivity"),
        ("\"sa\"", "\"xx\"", "weekday"),
        ("\"optional\"", "\"chair\"", "role"),
    ] {
        assert!(line.contains(word));
        let damaged = line.replace(word, other);
        let error = load_event(damaged.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("stored event has an invalid {field}"));
    }
    let with_more = line.replacen("{\"", "{\"later\":{},\"", 1);
    assert!(load_event(with_more.as_bytes()).unwrap() == meeting());
}
