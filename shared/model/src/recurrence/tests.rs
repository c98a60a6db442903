//! Tests of rules: verified expansions, numbers of occurrences, and an independent expander.

use jiff::civil::{Date, DateTime, Weekday, date};

use super::{Pattern, Range, Recurrence, RecurrenceError, RecurrenceId, WeekIndex, WeekdaySet};

fn at_nine(day: Date) -> DateTime {
    day.at(9, 0, 0, 0)
}

fn endless(pattern: Pattern) -> Recurrence {
    Recurrence {
        pattern,
        range: Range::NoEnd,
    }
}

fn set(days: &[Weekday]) -> WeekdaySet {
    days.iter().copied().collect()
}

#[track_caller]
fn check(pattern: Pattern, first: Date, expected: &[Date]) {
    let rule = endless(pattern);
    rule.validate_from(at_nine(first)).expect("a legal rule");
    let starts: Vec<_> = rule
        .starts(at_nine(first))
        .take(expected.len())
        .map(|id| id.start())
        .collect();
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
        &[
            date(2026, 3, 2),
            date(2026, 3, 5),
            date(2026, 3, 8),
            date(2026, 3, 11),
        ],
    );
}

#[test]
fn first_day_of_the_week_decides_which_week_counts() {
    let days = set(&[Weekday::Tuesday, Weekday::Sunday]);
    let weekly = |first_day| Pattern::Weekly {
        interval: 2,
        days,
        first_day,
    };
    check(
        weekly(Weekday::Monday),
        date(2026, 3, 3),
        &[
            date(2026, 3, 3),
            date(2026, 3, 8),
            date(2026, 3, 17),
            date(2026, 3, 22),
        ],
    );
    check(
        weekly(Weekday::Sunday),
        date(2026, 3, 3),
        &[
            date(2026, 3, 3),
            date(2026, 3, 15),
            date(2026, 3, 17),
            date(2026, 3, 29),
        ],
    );
}

#[test]
fn days_that_a_month_lacks_fall_to_its_last() {
    check(
        Pattern::AbsoluteMonthly {
            interval: 1,
            day: 31,
        },
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
        Pattern::AbsoluteMonthly {
            interval: 1,
            day: 30,
        },
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
        Pattern::AbsoluteYearly {
            interval: 1,
            month: 2,
            day: 29,
        },
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
    let monthly = |index, days| Pattern::RelativeMonthly {
        interval: 1,
        index,
        days,
    };
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
        &[
            date(2026, 4, 1),
            date(2026, 5, 1),
            date(2026, 6, 1),
            date(2026, 7, 1),
            date(2026, 8, 3),
        ],
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
        &[
            date(2026, 3, 7),
            date(2026, 4, 5),
            date(2026, 5, 3),
            date(2026, 6, 7),
            date(2026, 7, 5),
        ],
    );
    check(
        monthly(
            WeekIndex::First,
            set(&[Weekday::Tuesday, Weekday::Thursday]),
        ),
        date(2026, 3, 3),
        &[
            date(2026, 3, 3),
            date(2026, 4, 2),
            date(2026, 5, 5),
            date(2026, 6, 2),
            date(2026, 7, 2),
        ],
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
