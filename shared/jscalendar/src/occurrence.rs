//! Which dates a rule gives: needed to tell an override of an occurrence from an extra date.

use jiff::civil::{Date, Weekday};
use tidemark_model::{Pattern, Range, Recurrence, WeekIndex, WeekdaySet};

/// The dates of one series, as far as a date can be asked for.
pub(crate) struct Dates<'a> {
    pattern: &'a Pattern,
    start: Date,
    last: Option<Date>,
}

impl<'a> Dates<'a> {
    /// The dates of `recurrence` from `start` on.
    pub(crate) fn new(recurrence: &'a Recurrence, start: Date) -> Self {
        let pattern = &recurrence.pattern;
        let last = match recurrence.range {
            Range::NoEnd => None,
            Range::Until(date) => Some(date),
            Range::Count(count) => Some(nth_date(pattern, start, count)),
        };
        Self {
            pattern,
            start,
            last,
        }
    }

    /// Whether the rule gives `date`.
    pub(crate) fn contains(&self, date: Date) -> bool {
        self.last.is_none_or(|last| date <= last) && gives(self.pattern, self.start, date)
    }
}

/// The date of the `count`-th occurrence, or the last date there is.
fn nth_date(pattern: &Pattern, start: Date, count: u32) -> Date {
    let mut left = count;
    let mut date = start;
    loop {
        if gives(pattern, start, date) {
            left = left.saturating_sub(1);
        }
        let Ok(next) = date.tomorrow() else {
            return date;
        };
        if left == 0 {
            return date;
        }
        date = next;
    }
}

/// Whether a pattern that begins at `start` gives `date`, its range aside.
pub(crate) fn gives(pattern: &Pattern, start: Date, date: Date) -> bool {
    if date < start {
        return false;
    }
    let each = |distance: i64, interval: u32| distance % i64::from(interval.max(1)) == 0;
    let months = month_number(date) - month_number(start);
    let years = i64::from(date.year()) - i64::from(start.year());
    match pattern {
        Pattern::Daily { interval } => each(days_between(start, date), *interval),
        Pattern::Weekly {
            interval,
            days,
            first_day,
        } => {
            let weeks = days_between(week_of(start, *first_day), week_of(date, *first_day)) / 7;
            days.contains(date.weekday()) && each(weeks, *interval)
        }
        Pattern::AbsoluteMonthly { interval, day } => {
            each(months, *interval) && date.day() == clamped(date, *day)
        }
        Pattern::RelativeMonthly {
            interval,
            index,
            days,
        } => each(months, *interval) && is_nth(date, *index, *days),
        Pattern::AbsoluteYearly {
            interval,
            month,
            day,
        } => {
            each(years, *interval)
                && i16::from(date.month()) == i16::from(*month)
                && date.day() == clamped(date, *day)
        }
        Pattern::RelativeYearly {
            interval,
            month,
            index,
            days,
        } => {
            each(years, *interval)
                && i16::from(date.month()) == i16::from(*month)
                && is_nth(date, *index, *days)
        }
    }
}

fn month_number(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month())
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// A day that names the week of `date`: the one that it began with.
fn week_of(date: Date, first: Weekday) -> Date {
    date.saturating_sub(jiff::Span::new().days(i64::from(date.weekday().since(first))))
}

fn clamped(date: Date, day: u8) -> i8 {
    i8::try_from(day)
        .unwrap_or(i8::MAX)
        .min(date.days_in_month())
}

fn is_nth(date: Date, index: WeekIndex, days: WeekdaySet) -> bool {
    if !days.contains(date.weekday()) {
        return false;
    }
    let same = |day: i8| {
        date.with()
            .day(day)
            .build()
            .is_ok_and(|other| days.contains(other.weekday()))
    };
    let before = (1..date.day()).filter(|day| same(*day)).count();
    match index {
        WeekIndex::First => before == 0,
        WeekIndex::Second => before == 1,
        WeekIndex::Third => before == 2,
        WeekIndex::Fourth => before == 3,
        WeekIndex::Last => !(date.day() + 1..=date.days_in_month()).any(same),
    }
}
