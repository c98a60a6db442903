//! All six patterns with all three ranges: how each is written, and that it is read as it was.

use jiff::civil::Weekday::{Friday, Monday, Sunday, Thursday, Wednesday};
use jiff::civil::{DateTime, date};
use serde_json::{Value, json};
use tidemark_model::{Event, Pattern, Range, Recurrence, Schedule, WeekIndex, WeekdaySet, Zone};

use super::read_new;
use crate::{Version, WriteOptions, write_event};

fn patterns() -> Vec<(DateTime, Pattern, Value)> {
    let at = |month, day| date(2026, month, day).at(9, 0, 0, 0);
    let n_day = |day: &str| json!({ "@type": "NDay", "day": day });
    vec![
        (at(3, 2), Pattern::Daily { interval: 3 }, json!({ "frequency": "daily", "interval": 3 })),
        (
            at(3, 2),
            Pattern::Weekly {
                interval: 2,
                days: [Monday, Wednesday].into_iter().collect(),
                first_day: Sunday,
            },
            json!({
                "frequency": "weekly", "interval": 2, "firstDayOfWeek": "su",
                "byDay": [n_day("mo"), n_day("we")],
            }),
        ),
        (
            at(3, 30),
            Pattern::AbsoluteMonthly { interval: 1, day: 30 },
            json!({
                "frequency": "monthly", "byMonthDay": [30], "rscale": "gregorian",
                "skip": "backward",
            }),
        ),
        (
            at(3, 27),
            Pattern::RelativeMonthly {
                interval: 4,
                index: WeekIndex::Last,
                days: WeekdaySet::EMPTY.with(Friday),
            },
            json!({
                "frequency": "monthly", "interval": 4,
                "byDay": [{ "@type": "NDay", "day": "fr", "nthOfPeriod": -1 }],
            }),
        ),
        (
            at(3, 15),
            Pattern::AbsoluteYearly { interval: 1, month: 3, day: 15 },
            json!({ "frequency": "yearly", "byMonth": ["3"], "byMonthDay": [15] }),
        ),
        (
            at(11, 26),
            Pattern::RelativeYearly {
                interval: 2,
                month: 11,
                index: WeekIndex::Fourth,
                days: WeekdaySet::EMPTY.with(Thursday),
            },
            json!({
                "frequency": "yearly", "interval": 2, "byMonth": ["11"],
                "byDay": [{ "@type": "NDay", "day": "th", "nthOfPeriod": 4 }],
            }),
        ),
    ]
}

fn ranges() -> [(Range, Value); 3] {
    [
        (Range::NoEnd, json!({})),
        (Range::Until(date(2041, 12, 24)), json!({ "until": "2041-12-24T23:59:59" })),
        (Range::Count(7), json!({ "count": 7 })),
    ]
}

fn series(start: DateTime, recurrence: Recurrence) -> Event {
    let length = jiff::SignedDuration::from_hours(1);
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let mut event = Event::new(Schedule::timed(start, zone, length, None).unwrap());
    event.recurrence = Some(recurrence);
    event
}

#[test]
fn every_pattern_and_range_is_written_so_and_read_back() {
    for (start, pattern, members) in patterns() {
        for (range, more) in ranges() {
            let mut expected = json!({ "@type": "RecurrenceRule" });
            for (name, value) in
                [&members, &more].into_iter().flat_map(|part| part.as_object().unwrap().iter())
            {
                expected[name] = value.clone();
            }
            let pattern = pattern.clone();
            let event = series(start, Recurrence { pattern, range });
            for (version, pointer) in
                [(Version::Rfc8984, "/recurrenceRules/0"), (Version::Bis, "/recurrenceRule")]
            {
                let options = WriteOptions { version, ..WriteOptions::default() };
                let item = write_event(&event, &options);
                assert_eq!(item.pointer(pointer), Some(&expected));
                assert!(read_new(&item) == event, "{expected}");
            }
        }
    }
}

#[test]
fn days_that_a_month_never_has_are_its_last() {
    for (month, day, written) in [(2, 28, 28), (2, 29, -1), (2, 30, -1), (4, 30, 30), (4, 31, -1)] {
        let pattern = Pattern::AbsoluteYearly { interval: 1, month, day };
        let range = Range::NoEnd;
        let recurrence = Recurrence { pattern, range };
        let any = date(2024, 1, 1).at(9, 0, 0, 0);
        let start = recurrence.starts(any).next().unwrap().start();
        let event = series(start, recurrence.clone());
        let item = write_event(&event, &WriteOptions::default());
        let days = item.pointer("/recurrenceRules/0/byMonthDay");
        assert_eq!(days, Some(&json!([written])), "{month} {day}");
        let read = read_new(&item).recurrence.unwrap();
        assert!(read.same_occurrences(start, &recurrence, start));
    }
}
