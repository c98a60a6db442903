//! Tests of rules: verified expansions, numbers of occurrences, and an independent expander.

use jiff::civil::{Date, DateTime, Weekday, date};

use super::{Pattern, Range, Recurrence, RecurrenceError, RecurrenceId, WeekIndex, WeekdaySet};

fn at_nine(day: Date) -> DateTime {
    day.at(9, 0, 0, 0)
}

fn endless(pattern: Pattern) -> Recurrence {
    Recurrence { pattern, range: Range::NoEnd }
}

fn set(days: &[Weekday]) -> WeekdaySet {
    days.iter().copied().collect()
}

#[track_caller]
fn check(pattern: Pattern, first: Date, expected: &[Date]) {
    let rule = endless(pattern);
    rule.validate_from(at_nine(first)).expect("a legal rule");
    let starts: Vec<_> =
        rule.starts(at_nine(first)).take(expected.len()).map(RecurrenceId::start).collect();
    let expected: Vec<_> = expected.iter().copied().map(at_nine).collect();
    assert_eq!(starts, expected);
    for (index, start) in (1..).zip(expected) {
        let id = RecurrenceId::new(start);
        assert_eq!(rule.index_of(at_nine(first), id), Some(index));
        assert_eq!(rule.nth_start(at_nine(first), index), Some(id));
    }
}

#[test]
fn days_count_from_the_start() {
    check(
        Pattern::Daily { interval: 3 },
        date(2026, 3, 2),
        &[date(2026, 3, 2), date(2026, 3, 5), date(2026, 3, 8), date(2026, 3, 11)],
    );
}

#[test]
fn first_day_of_the_week_decides_which_week_counts() {
    let days = set(&[Weekday::Tuesday, Weekday::Sunday]);
    let weekly = |first_day| Pattern::Weekly { interval: 2, days, first_day };
    check(
        weekly(Weekday::Monday),
        date(2026, 3, 3),
        &[date(2026, 3, 3), date(2026, 3, 8), date(2026, 3, 17), date(2026, 3, 22)],
    );
    check(
        weekly(Weekday::Sunday),
        date(2026, 3, 3),
        &[date(2026, 3, 3), date(2026, 3, 15), date(2026, 3, 17), date(2026, 3, 29)],
    );
}

#[test]
fn days_that_a_month_lacks_fall_to_its_last() {
    check(
        Pattern::AbsoluteMonthly { interval: 1, day: 31 },
        date(2026, 1, 31),
        &[
            date(2026, 1, 31),
            date(2026, 2, 28),
            date(2026, 3, 31),
            date(2026, 4, 30),
            date(2026, 5, 31),
        ],
    );
    check(
        Pattern::AbsoluteMonthly { interval: 1, day: 30 },
        date(2026, 1, 30),
        &[
            date(2026, 1, 30),
            date(2026, 2, 28),
            date(2026, 3, 30),
            date(2026, 4, 30),
            date(2026, 5, 30),
        ],
    );
    check(
        Pattern::AbsoluteYearly { interval: 1, month: 2, day: 29 },
        date(2024, 2, 29),
        &[
            date(2024, 2, 29),
            date(2025, 2, 28),
            date(2026, 2, 28),
            date(2027, 2, 28),
            date(2028, 2, 29),
        ],
    );
}

#[test]
fn nth_days_of_months() {
    let monthly = |index, days| Pattern::RelativeMonthly { interval: 1, index, days };
    check(
        monthly(WeekIndex::Second, set(&[Weekday::Thursday])),
        date(2026, 3, 12),
        &[
            date(2026, 3, 12),
            date(2026, 4, 9),
            date(2026, 5, 14),
            date(2026, 6, 11),
            date(2026, 7, 9),
        ],
    );
    check(
        monthly(WeekIndex::Last, set(&[Weekday::Friday])),
        date(2026, 3, 27),
        &[
            date(2026, 3, 27),
            date(2026, 4, 24),
            date(2026, 5, 29),
            date(2026, 6, 26),
            date(2026, 7, 31),
        ],
    );
    check(
        monthly(WeekIndex::First, WeekdaySet::WEEKDAYS),
        date(2026, 4, 1),
        &[date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 3)],
    );
    check(
        monthly(WeekIndex::Last, WeekdaySet::WEEKDAYS),
        date(2026, 1, 30),
        &[
            date(2026, 1, 30),
            date(2026, 2, 27),
            date(2026, 3, 31),
            date(2026, 4, 30),
            date(2026, 5, 29),
        ],
    );
    check(
        monthly(WeekIndex::Second, WeekdaySet::WEEKEND),
        date(2026, 3, 7),
        &[date(2026, 3, 7), date(2026, 4, 5), date(2026, 5, 3), date(2026, 6, 7), date(2026, 7, 5)],
    );
    check(
        monthly(WeekIndex::First, set(&[Weekday::Tuesday, Weekday::Thursday])),
        date(2026, 3, 3),
        &[date(2026, 3, 3), date(2026, 4, 2), date(2026, 5, 5), date(2026, 6, 2), date(2026, 7, 2)],
    );
}

#[test]
fn nth_days_of_years() {
    check(
        Pattern::RelativeYearly {
            interval: 1,
            month: 11,
            index: WeekIndex::Fourth,
            days: set(&[Weekday::Thursday]),
        },
        date(2026, 11, 26),
        &[
            date(2026, 11, 26),
            date(2027, 11, 25),
            date(2028, 11, 23),
            date(2029, 11, 22),
            date(2030, 11, 28),
        ],
    );
}

#[test]
fn years_are_twelve_months_and_quarters_three() {
    let yearly = endless(Pattern::AbsoluteYearly { interval: 2, month: 3, day: 15 });
    let monthly = endless(Pattern::AbsoluteMonthly { interval: 24, day: 15 });
    let first = at_nine(date(2026, 3, 15));
    assert!(yearly.same_occurrences(first, &monthly, first));
    let years: Vec<_> = yearly.starts(first).take(5).map(|id| id.start().year()).collect();
    assert_eq!(years, [2026, 2028, 2030, 2032, 2034]);
    let other = endless(Pattern::AbsoluteMonthly { interval: 12, day: 15 });
    assert!(!yearly.same_occurrences(first, &other, first));
    check(
        Pattern::AbsoluteMonthly { interval: 3, day: 10 },
        date(2026, 1, 10),
        &[
            date(2026, 1, 10),
            date(2026, 4, 10),
            date(2026, 7, 10),
            date(2026, 10, 10),
            date(2027, 1, 10),
        ],
    );
}

#[test]
fn a_count_is_the_date_it_ends_on() {
    let pattern = Pattern::Daily { interval: 1 };
    let rule = |range| Recurrence { pattern: pattern.clone(), range };
    let first = at_nine(date(2026, 3, 2));
    let last = RecurrenceId::new(at_nine(date(2026, 3, 11)));
    let counted = rule(Range::Count(10));
    let dated = rule(Range::Until(date(2026, 3, 11)));
    assert_eq!(counted.last_start(first), Some(last));
    assert_eq!(dated.last_start(first), Some(last));
    assert!(counted.same_occurrences(first, &dated, first));
    assert!(!counted.same_occurrences(first, &rule(Range::NoEnd), first));
    assert!(!counted.same_occurrences(first, &rule(Range::Count(11)), first));
    assert!(!rule(Range::Count(600)).same_occurrences(first, &rule(Range::Count(601)), first));
    assert_eq!(rule(Range::NoEnd).last_start(first), None);
}

#[test]
fn a_start_beside_the_rule_moves_to_its_first_match() {
    let rule = Recurrence {
        pattern: Pattern::AbsoluteMonthly { interval: 1, day: 10 },
        range: Range::Count(2),
    };
    let first = at_nine(date(2026, 3, 20));
    let starts: Vec<_> = rule.starts(first).map(|id| id.start().date()).collect();
    assert_eq!(starts, [date(2026, 4, 10), date(2026, 5, 10)]);
    assert_eq!(rule.index_of(first, RecurrenceId::new(first)), None);
}

#[test]
fn only_the_rules_own_starts_are_occurrences() {
    let rule = endless(Pattern::Daily { interval: 2 });
    let first = at_nine(date(1970, 1, 1));
    let is = |at: DateTime| rule.is_occurrence(first, RecurrenceId::new(at));
    assert!(is(at_nine(date(2026, 1, 1))));
    assert!(!is(at_nine(date(2025, 12, 31))));
    assert!(!is(date(2026, 1, 1).at(10, 0, 0, 0)));
    assert!(!is(at_nine(date(1969, 12, 30))));
}

#[test]
fn rules_that_cannot_be_held_say_why() {
    let why = |pattern| endless(pattern).validate().expect_err("illegal");
    assert_eq!(why(Pattern::Daily { interval: 0 }), RecurrenceError::Interval);
    assert_eq!(why(Pattern::Daily { interval: 1000 }), RecurrenceError::Interval);
    assert_eq!(why(Pattern::AbsoluteMonthly { interval: 1, day: 0 }), RecurrenceError::Day);
    assert_eq!(why(Pattern::AbsoluteMonthly { interval: 1, day: 32 }), RecurrenceError::Day);
    assert_eq!(
        why(Pattern::AbsoluteYearly { interval: 1, month: 13, day: 1 }),
        RecurrenceError::Month
    );
    let weekly =
        Pattern::Weekly { interval: 1, days: WeekdaySet::EMPTY, first_day: Weekday::Monday };
    assert_eq!(why(weekly.clone()), RecurrenceError::NoDays);
    assert_eq!(endless(weekly).starts(at_nine(date(2026, 1, 1))).count(), 0);
    let daily = |range| Recurrence { pattern: Pattern::Daily { interval: 1 }, range };
    assert_eq!(daily(Range::Count(0)).validate(), Err(RecurrenceError::Count));
    assert_eq!(
        daily(Range::Until(date(2025, 1, 1))).validate_from(at_nine(date(2026, 1, 1))),
        Err(RecurrenceError::NoOccurrence)
    );
}

#[test]
fn an_endless_rule_ends_with_the_calendar() {
    let rule = endless(Pattern::Daily { interval: 1 });
    let first = at_nine(date(9999, 12, 28));
    assert_eq!(rule.starts(first).count(), 4);
}

mod against_an_independent_expander {
    use proptest::prelude::*;

    use super::*;
    use crate::zone::Zone;

    const NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    /// The other expander's zones know no changes after 2037.
    const LAST_YEAR: i16 = 2036;

    fn names(days: WeekdaySet) -> String {
        let names: Vec<_> = days
            .iter()
            .filter_map(|day| {
                NAMES.get(usize::try_from(day.to_monday_zero_offset()).ok()?).copied()
            })
            .collect();
        names.join(",")
    }

    fn month_day(day: u8) -> String {
        if day <= 28 {
            return format!("BYMONTHDAY={day}");
        }
        let days: Vec<_> = (28..=day).map(|day| day.to_string()).collect();
        format!("BYMONTHDAY={};BYSETPOS=-1", days.join(","))
    }

    fn position(index: WeekIndex) -> i8 {
        match index {
            WeekIndex::First => 1,
            WeekIndex::Second => 2,
            WeekIndex::Third => 3,
            WeekIndex::Fourth => 4,
            WeekIndex::Last => -1,
        }
    }

    fn rrule(rule: &Recurrence) -> String {
        let pattern = match &rule.pattern {
            Pattern::Daily { interval } => format!("FREQ=DAILY;INTERVAL={interval}"),
            Pattern::Weekly { interval, days, first_day } => format!(
                "FREQ=WEEKLY;INTERVAL={interval};BYDAY={};WKST={}",
                names(*days),
                names(WeekdaySet::EMPTY.with(*first_day))
            ),
            Pattern::AbsoluteMonthly { interval, day } => {
                format!("FREQ=MONTHLY;INTERVAL={interval};{}", month_day(*day))
            }
            Pattern::RelativeMonthly { interval, index, days } => format!(
                "FREQ=MONTHLY;INTERVAL={interval};BYDAY={};BYSETPOS={}",
                names(*days),
                position(*index)
            ),
            Pattern::AbsoluteYearly { interval, month, day } => {
                format!("FREQ=YEARLY;INTERVAL={interval};BYMONTH={month};{}", month_day(*day))
            }
            Pattern::RelativeYearly { interval, month, index, days } => format!(
                "FREQ=YEARLY;INTERVAL={interval};BYMONTH={month};BYDAY={};BYSETPOS={}",
                names(*days),
                position(*index)
            ),
        };
        match rule.range {
            Range::NoEnd => pattern,
            Range::Until(last) => format!("{pattern};UNTIL={}T235959Z", last.strftime("%Y%m%d")),
            Range::Count(count) => format!("{pattern};COUNT={count}"),
        }
    }

    fn days() -> impl Strategy<Value = WeekdaySet> {
        proptest::sample::subsequence(
            vec![
                Weekday::Monday,
                Weekday::Tuesday,
                Weekday::Wednesday,
                Weekday::Thursday,
                Weekday::Friday,
                Weekday::Saturday,
                Weekday::Sunday,
            ],
            1..=7,
        )
        .prop_map(|days| days.into_iter().collect())
    }

    fn index() -> impl Strategy<Value = WeekIndex> {
        prop_oneof![
            Just(WeekIndex::First),
            Just(WeekIndex::Second),
            Just(WeekIndex::Third),
            Just(WeekIndex::Fourth),
            Just(WeekIndex::Last),
        ]
    }

    fn patterns() -> impl Strategy<Value = Pattern> {
        // Days that a month never has are no RFC 5545 rule, so the yearly ones stop at 28 or 29.
        prop_oneof![
            (1u32..40).prop_map(|interval| Pattern::Daily { interval }),
            (1u32..5, days(), 0i8..7).prop_map(|(interval, days, first)| Pattern::Weekly {
                interval,
                days,
                first_day: Weekday::from_monday_zero_offset(first).expect("a weekday"),
            }),
            (1u32..14, 1u8..=31)
                .prop_map(|(interval, day)| Pattern::AbsoluteMonthly { interval, day }),
            (1u32..14, index(), days()).prop_map(|(interval, index, days)| {
                Pattern::RelativeMonthly { interval, index, days }
            }),
            (1u32..4, 1u8..=12, 1u8..=31).prop_map(|(interval, month, day)| {
                Pattern::AbsoluteYearly { interval, month, day }
            }),
            (1u32..4, 1u8..=12, index(), days()).prop_map(|(interval, month, index, days)| {
                Pattern::RelativeYearly { interval, month, index, days }
            }),
        ]
    }

    fn ranges() -> impl Strategy<Value = Range> {
        prop_oneof![
            Just(Range::NoEnd),
            (1u32..40).prop_map(Range::Count),
            (2026i16..LAST_YEAR, 1i8..=12, 1i8..=28)
                .prop_map(|(y, m, d)| Range::Until(date(y, m, d))),
        ]
    }

    const ZONES: [&str; 5] =
        ["Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(192))]

        #[test]
        fn the_same_starts_and_instants(
            pattern in patterns(),
            range in ranges(),
            zone in proptest::sample::select(ZONES.as_slice()),
            (year, month, day) in (2021i16..2026, 1i8..=12, 1i8..=28),
            whole_day in any::<bool>(),
        ) {
            let rule = Recurrence { pattern, range };
            // Whole days have no zone; in UTC their midnights exist and an end on a date is that date.
            let (zone, hour) = if whole_day || matches!(rule.range, Range::Until(_)) {
                ("Etc/UTC", 0)
            } else {
                (zone, 9)
            };
            let first = date(year, month, day).at(hour, 0, 0, 0);
            let text = format!(
                "DTSTART;TZID={zone}:{}\nRRULE:{}",
                first.strftime("%Y%m%dT%H%M%S"),
                rrule(&rule)
            );
            let set: rrule::RRuleSet = text.parse().expect("a legal rule");
            let expected: Vec<(String, i64)> = set
                .all(60)
                .dates
                .into_iter()
                .map(|at| (at.naive_local().to_string(), at.timestamp()))
                .collect();
            let zone = Zone::parse(zone).expect("a zone");
            let found: Vec<(String, i64)> = rule
                .starts(first)
                .take(60)
                .map(|id| {
                    let start = id.start();
                    (start.strftime("%Y-%m-%d %H:%M:%S").to_string(), zone.to_instant(start).as_second())
                })
                .collect();
            let before = |starts: Vec<(String, i64)>| -> Vec<_> {
                starts.into_iter().take_while(|(at, _)| at.as_str() < "2037").collect()
            };
            prop_assert_eq!(before(found), before(expected), "{}", text);
        }

        #[test]
        fn numbers_and_starts_are_inverses(
            pattern in patterns(),
            range in ranges(),
            (year, month, day) in (1990i16..2026, 1i8..=12, 1i8..=28),
        ) {
            let rule = Recurrence { pattern, range };
            let first = date(year, month, day).at(9, 0, 0, 0);
            for (number, id) in (1..).zip(rule.starts(first).take(40)) {
                prop_assert_eq!(rule.index_of(first, id), Some(number));
                prop_assert_eq!(rule.nth_start(first, number), Some(id));
                let from_here = rule.starts_from(first, id.start().date()).next();
                prop_assert_eq!(from_here, Some(id));
            }
            if let Some(last) = rule.last_start(first) {
                prop_assert_eq!(rule.starts(first).last(), Some(last));
            }
        }
    }
}
