//! Which occurrences a series has, and when it is over.

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};
use tidemark_model::{
    Event, Override, Pattern, Range, Recurrence, RecurrenceId, Schedule, WeekIndex, WeekdaySet,
    Zone,
};

/// So many days are counted through before a counted series is taken as unknown: over 80 years.
const DAYS_COUNTED_MAX: u32 = 30_000;

/// Whether the rule gives an occurrence with this original start. What cannot be counted through
/// is taken to exist, so that nothing is dropped on a guess.
pub(crate) fn has_occurrence(
    schedule: &Schedule,
    recurrence: Option<&Recurrence>,
    id: RecurrenceId,
) -> bool {
    let Some(rule) = recurrence else { return false };
    let (first, at) = (schedule.start(), id.start());
    if at.time() != first.time() || at.date() < first.date() {
        return false;
    }
    if !matches(&rule.pattern, first.date(), at.date()) {
        return false;
    }
    match rule.range {
        Range::NoEnd => true,
        Range::Until(last) => at.date() <= last,
        Range::Count(count) => {
            nth_date(rule, first.date(), count).is_none_or(|last| at.date() <= last)
        }
    }
}

/// Whether the whole item, a series with its last occurrence, ended before `now`.
pub(crate) fn is_over(event: &Event, zone: &Zone, now: Timestamp) -> bool {
    let last = match &event.recurrence {
        None => Some(event.schedule.clone()),
        Some(rule) => match rule.range {
            Range::NoEnd => None,
            Range::Until(date) => Some(moved(&event.schedule, date)),
            Range::Count(count) => nth_date(rule, event.schedule.start().date(), count)
                .map(|date| moved(&event.schedule, date)),
        },
    };
    let Some(last) = last else { return false };
    let moved_on = event.overrides.values().filter_map(|change| match change {
        Override::Changed(patch) => patch.schedule.as_ref(),
        Override::Excluded => None,
    });
    moved_on
        .chain([&last])
        .all(|schedule| schedule.instants(zone).1 < now)
}

fn moved(schedule: &Schedule, date: Date) -> Schedule {
    schedule.moved_to(date.to_datetime(schedule.start().time()))
}

fn nth_date(rule: &Recurrence, first: Date, count: u32) -> Option<Date> {
    let mut seen = 0;
    let mut date = first;
    for _ in 0..DAYS_COUNTED_MAX {
        if matches(&rule.pattern, first, date) {
            seen += 1;
            if seen >= count {
                return Some(date);
            }
        }
        date = date.tomorrow().ok()?;
    }
    None
}

fn matches(pattern: &Pattern, first: Date, date: Date) -> bool {
    match *pattern {
        Pattern::Daily { interval } => every(days_between(first, date), interval),
        Pattern::Weekly {
            interval,
            days,
            first_day,
        } => {
            let weeks = days_between(week_of(first, first_day), week_of(date, first_day)) / 7;
            days.contains(date.weekday()) && every(weeks, interval)
        }
        Pattern::AbsoluteMonthly { interval, day } => {
            every(months_between(first, date), interval) && is_day(date, day)
        }
        Pattern::RelativeMonthly {
            interval,
            index,
            days,
        } => every(months_between(first, date), interval) && is_nth(date, index, days),
        Pattern::AbsoluteYearly {
            interval,
            month,
            day,
        } => {
            every(years_between(first, date), interval)
                && in_month(date, month)
                && is_day(date, day)
        }
        Pattern::RelativeYearly {
            interval,
            month,
            index,
            days,
        } => {
            every(years_between(first, date), interval)
                && in_month(date, month)
                && is_nth(date, index, days)
        }
    }
}

fn every(distance: i64, interval: u32) -> bool {
    distance % i64::from(interval.max(1)) == 0
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

fn months_between(from: Date, to: Date) -> i64 {
    years_between(from, to) * 12 + i64::from(to.month()) - i64::from(from.month())
}

fn years_between(from: Date, to: Date) -> i64 {
    i64::from(to.year()) - i64::from(from.year())
}

fn week_of(date: Date, first_day: Weekday) -> Date {
    date.saturating_sub(i64::from(date.weekday().since(first_day)).days())
}

fn in_month(date: Date, month: u8) -> bool {
    i64::from(date.month()) == i64::from(month)
}

/// In shorter months the last day stands for the missing one.
fn is_day(date: Date, day: u8) -> bool {
    i64::from(date.day()) == i64::from(day).min(i64::from(date.days_in_month()))
}

fn is_nth(date: Date, index: WeekIndex, days: WeekdaySet) -> bool {
    let mut matching = Vec::new();
    let mut day = date.first_of_month();
    while day <= date.last_of_month() {
        if days.contains(day.weekday()) {
            matching.push(day);
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    let wanted = match index {
        WeekIndex::First => matching.first(),
        WeekIndex::Second => matching.get(1),
        WeekIndex::Third => matching.get(2),
        WeekIndex::Fourth => matching.get(3),
        WeekIndex::Last => matching.last(),
    };
    wanted == Some(&date)
}
