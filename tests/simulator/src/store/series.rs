//! Which days a rule names. Written apart from the connector's own expander, to judge it.

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

/// How many periods a rule is followed at most: thirty years of days.
const PERIODS_MAX: i64 = 11_000;

/// The days of a rule from `start` on, in order. Ends after [`PERIODS_MAX`] periods at the latest.
pub(super) fn days(rule: &Recurrence, start: Date) -> impl Iterator<Item = Date> + use<> {
    let pattern = rule.pattern.clone();
    let (until, count) = match rule.range {
        Range::NoEnd => (Date::MAX, usize::MAX),
        Range::Until(last) => (last, usize::MAX),
        Range::Count(count) => (Date::MAX, usize::try_from(count).unwrap_or(usize::MAX)),
    };
    (0..PERIODS_MAX)
        .map_while(move |period| days_of_period(&pattern, start, period))
        .flatten()
        .filter(move |day| *day >= start)
        .take_while(move |day| *day <= until)
        .take(count)
}

/// The days of the n-th period (day, week, month or year) of a pattern; `None` past the calendar.
fn days_of_period(pattern: &Pattern, start: Date, period: i64) -> Option<Vec<Date>> {
    match pattern {
        Pattern::Daily { interval } => {
            let step = period.checked_mul(i64::from(*interval))?;
            Some(vec![shifted(start, Span::new().try_days(step).ok()?)?])
        }
        Pattern::Weekly { interval, days, first_day } => {
            let back = i64::from(start.weekday().since(*first_day));
            let step = period.checked_mul(i64::from(*interval))?.checked_mul(7)?;
            let week = shifted(start, Span::new().try_days(step.checked_sub(back)?).ok()?)?;
            Some(week.series(1.day()).take(7).filter(|day| days.contains(day.weekday())).collect())
        }
        Pattern::AbsoluteMonthly { interval, day } => {
            let month = month_after(start, period.checked_mul(i64::from(*interval))?)?;
            Some(vec![clamped(month, *day)?])
        }
        Pattern::RelativeMonthly { interval, index, days } => {
            let month = month_after(start, period.checked_mul(i64::from(*interval))?)?;
            Some(nth_of_month(month, *index, *days).into_iter().collect())
        }
        Pattern::AbsoluteYearly { interval, month, day } => {
            let first = month_of_year(start, period, *interval, *month)?;
            Some(vec![clamped(first, *day)?])
        }
        Pattern::RelativeYearly { interval, month, index, days } => {
            let first = month_of_year(start, period, *interval, *month)?;
            Some(nth_of_month(first, *index, *days).into_iter().collect())
        }
    }
}

fn shifted(day: Date, by: Span) -> Option<Date> {
    day.checked_add(by).ok()
}

/// The first day of the month that lies `months` after that of `start`.
fn month_after(start: Date, months: i64) -> Option<Date> {
    shifted(start.first_of_month(), Span::new().try_months(months).ok()?)
}

fn month_of_year(start: Date, period: i64, interval: u32, month: u8) -> Option<Date> {
    let years = period.checked_mul(i64::from(interval))?;
    let year = i64::from(start.year()).checked_add(years)?;
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()
}

/// Days 29 to 31 fall to the last day of shorter months (exchange-ews.md 7).
fn clamped(month: Date, day: u8) -> Option<Date> {
    let day = i8::try_from(day).ok()?.min(month.days_in_month());
    month.with().day(day).build().ok()
}

fn nth_of_month(month: Date, index: WeekIndex, days: WeekdaySet) -> Option<Date> {
    let mut matching = month
        .series(1.day())
        .take_while(|day| day.month() == month.month())
        .filter(|day| days.contains(day.weekday()));
    match index {
        WeekIndex::First => matching.next(),
        WeekIndex::Second => matching.nth(1),
        WeekIndex::Third => matching.nth(2),
        WeekIndex::Fourth => matching.nth(3),
        WeekIndex::Last => matching.last(),
    }
}

/// All seven days, in the order in which Exchange writes a list of them.
pub fn week() -> impl Iterator<Item = Weekday> {
    Weekday::Sunday.cycle_forward().take(7)
}
