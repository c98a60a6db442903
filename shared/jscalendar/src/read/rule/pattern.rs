//! From the members of a rule to one of Exchange's six patterns.

use jiff::civil::{Date, Weekday};
use tidemark_model::{Pattern, WeekIndex, WeekdaySet};

use super::raw::{Frequency, RawRule};
use crate::month::longest;

/// Why a rule cannot be held: the member at fault, the rule and the mend.
pub(super) struct Unheld(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

const SPLIT: &str = "leave it out, or split it into several series";

/// Brings a rule that starts on `start` into a pattern, or says why there is none.
pub(super) fn normalise(raw: &RawRule, start: Date) -> Result<Pattern, Unheld> {
    match raw.frequency {
        Frequency::Daily => daily(raw),
        Frequency::Weekly => weekly(raw, start),
        // A month in the rule makes it a yearly one.
        Frequency::Monthly if raw.by_month.is_empty() => {
            in_month(raw, start).map(|day| day.monthly(raw.interval))
        }
        Frequency::Monthly if raw.interval == 1 => yearly(raw, start),
        Frequency::Monthly => Err(Unheld(
            "byMonth",
            "months beside a monthly interval are not held by Exchange",
            SPLIT,
        )),
        Frequency::Yearly => yearly(raw, start),
    }
}

fn refuse_given<T>(list: &[T], member: &'static str, rule: &'static str) -> Result<(), Unheld> {
    if list.is_empty() { Ok(()) } else { Err(Unheld(member, rule, SPLIT)) }
}

fn refuse_month_parts(raw: &RawRule) -> Result<(), Unheld> {
    let rule = "is not held by Exchange in a daily or weekly series";
    refuse_given(&raw.by_month_day, "byMonthDay", rule)?;
    refuse_given(&raw.by_month, "byMonth", rule)?;
    refuse_given(&raw.by_set_position, "bySetPosition", rule)?;
    if raw.by_day.iter().any(|(_, nth)| nth.is_some()) {
        return Err(Unheld(
            "byDay",
            "nthOfPeriod has no meaning in a daily or weekly series",
            "leave nthOfPeriod out, or use frequency monthly",
        ));
    }
    Ok(())
}

fn days_of(raw: &RawRule) -> WeekdaySet {
    raw.by_day.iter().map(|(day, _)| *day).collect()
}

fn daily(raw: &RawRule) -> Result<Pattern, Unheld> {
    refuse_month_parts(raw)?;
    let interval = raw.interval;
    match (raw.by_day.is_empty(), interval) {
        (true, _) => Ok(Pattern::Daily { interval }),
        // Every day of those: Exchange says so weekly.
        (false, 1) => {
            Ok(Pattern::Weekly { interval: 1, days: days_of(raw), first_day: raw.first_day })
        }
        (false, _) => Err(Unheld(
            "byDay",
            "weekdays beside a daily interval of more than 1 are not held by Exchange",
            "use frequency weekly",
        )),
    }
}

fn weekly(raw: &RawRule, start: Date) -> Result<Pattern, Unheld> {
    refuse_month_parts(raw)?;
    let days =
        if raw.by_day.is_empty() { WeekdaySet::EMPTY.with(start.weekday()) } else { days_of(raw) };
    Ok(Pattern::Weekly { interval: raw.interval, days, first_day: raw.first_day })
}

/// Which day of a month is meant.
enum MonthDay {
    Absolute(u8),
    /// The last day, which Exchange writes as the 31st.
    Last,
    Relative(WeekIndex, WeekdaySet),
}

impl MonthDay {
    fn monthly(self, interval: u32) -> Pattern {
        match self {
            Self::Absolute(day) => Pattern::AbsoluteMonthly { interval, day },
            Self::Last => Pattern::AbsoluteMonthly { interval, day: 31 },
            Self::Relative(index, days) => Pattern::RelativeMonthly { interval, index, days },
        }
    }

    fn yearly(self, interval: u32, month: u8) -> Pattern {
        let absolute = |day| Pattern::AbsoluteYearly { interval, month, day };
        match self {
            Self::Absolute(day) => absolute(day),
            Self::Last => absolute(longest(month)),
            Self::Relative(index, days) => Pattern::RelativeYearly { interval, month, index, days },
        }
    }
}

fn in_month(raw: &RawRule, start: Date) -> Result<MonthDay, Unheld> {
    match (raw.by_month_day.as_slice(), raw.by_day.as_slice()) {
        ([], []) => {
            refuse_position(raw)?;
            u8::try_from(start.day())
                .map(MonthDay::Absolute)
                .map_err(|_| Unheld("byMonthDay", "is needed", "give byMonthDay"))
        }
        ([day], []) => {
            refuse_position(raw)?;
            absolute(*day)
        }
        ([], days) => relative(days, &raw.by_set_position),
        (_, []) => Err(Unheld(
            "byMonthDay",
            "Exchange holds one day of the month",
            "split it into one series per day",
        )),
        (_, _) => Err(Unheld(
            "byDay",
            "stands beside byMonthDay, which Exchange does not hold",
            "give either byDay or byMonthDay",
        )),
    }
}

fn refuse_position(raw: &RawRule) -> Result<(), Unheld> {
    match raw.by_set_position.as_slice() {
        // The first and the last of one are that one.
        [] | [1 | -1] => Ok(()),
        _ => Err(Unheld(
            "bySetPosition",
            "has no meaning with a single day of the month",
            "leave it out",
        )),
    }
}

fn absolute(day: i64) -> Result<MonthDay, Unheld> {
    match u8::try_from(day) {
        Ok(day) => Ok(MonthDay::Absolute(day)),
        Err(_) if day == -1 => Ok(MonthDay::Last),
        Err(_) => Err(Unheld(
            "byMonthDay",
            "Exchange counts no days from the end of the month but the last",
            "use 1 to 31, or -1 for the last day",
        )),
    }
}

fn relative(days: &[(Weekday, Option<i64>)], positions: &[i64]) -> Result<MonthDay, Unheld> {
    let set: WeekdaySet = days.iter().map(|(day, _)| *day).collect();
    match (days, positions) {
        ([(_, Some(nth))], []) => {
            week_index(*nth).map(|index| MonthDay::Relative(index, set)).ok_or(Unheld(
                "byDay",
                "Exchange holds the first to fourth and the last weekday of a month",
                "use nthOfPeriod 1, 2, 3, 4 or -1",
            ))
        }
        (days, [position]) if days.iter().all(|(_, nth)| nth.is_none()) => {
            by_position(set, *position)
        }
        (_, []) => Err(Unheld(
            "byDay",
            "several days in one month are not held by Exchange",
            "give one day with nthOfPeriod, or a set of days with one bySetPosition",
        )),
        (_, _) => Err(Unheld(
            "bySetPosition",
            "Exchange holds one position in a set of weekdays without nthOfPeriod",
            "use one of 1, 2, 3, 4, -1, and leave nthOfPeriod out",
        )),
    }
}

fn by_position(set: WeekdaySet, position: i64) -> Result<MonthDay, Unheld> {
    let held = set.len() == 1
        || [WeekdaySet::WEEKDAYS, WeekdaySet::WEEKEND, WeekdaySet::ALL].contains(&set);
    if !held {
        return Err(Unheld(
            "byDay",
            "Exchange holds a position only in a single day, the weekdays, the weekend or all days",
            "use one of these sets",
        ));
    }
    if let Some(index) = week_index(position) {
        return Ok(MonthDay::Relative(index, set));
    }
    // The k-th of all days is the day k.
    match u8::try_from(position) {
        Ok(day @ 5..=31) if set == WeekdaySet::ALL => Ok(MonthDay::Absolute(day)),
        Ok(_) | Err(_) => Err(Unheld(
            "bySetPosition",
            "Exchange holds the first to fourth and the last",
            "use one of 1, 2, 3, 4, -1",
        )),
    }
}

const fn week_index(position: i64) -> Option<WeekIndex> {
    match position {
        1 => Some(WeekIndex::First),
        2 => Some(WeekIndex::Second),
        3 => Some(WeekIndex::Third),
        4 => Some(WeekIndex::Fourth),
        -1 => Some(WeekIndex::Last),
        _ => None,
    }
}

fn yearly(raw: &RawRule, start: Date) -> Result<Pattern, Unheld> {
    if raw.by_month.is_empty() && !raw.by_day.is_empty() {
        return Err(Unheld(
            "byDay",
            "weekdays of a whole year are not held by Exchange",
            "name the month in byMonth",
        ));
    }
    let day = in_month(raw, start)?;
    let own = u8::try_from(start.month()).unwrap_or(1);
    match raw.by_month.as_slice() {
        [] => Ok(day.yearly(raw.interval, own)),
        [month] => Ok(day.yearly(raw.interval, *month)),
        // Yearly positions count through all months of the year together.
        _ if raw.frequency == Frequency::Yearly && !raw.by_set_position.is_empty() => Err(Unheld(
            "bySetPosition",
            "a position among several months is not held by Exchange",
            "use frequency monthly with an interval",
        )),
        several => even_step(several, own)
            .filter(|_| raw.interval == 1)
            .map(|step| day.monthly(step))
            .ok_or(Unheld(
                "byMonth",
                "Exchange holds several months only at even distances, every year",
                "split it into one series per month",
            )),
    }
}

/// The distance of months that are spread evenly over the year and hold the month of the start.
fn even_step(months: &[u8], own: u8) -> Option<u32> {
    let count = u8::try_from(months.len()).ok()?;
    let step = 12u8.checked_div(count).filter(|step| step * count == 12)?;
    let even = months
        .iter()
        .all(|month| i16::from(*month).abs_diff(i16::from(own)) % u16::from(step) == 0);
    (even && months.contains(&own)).then_some(u32::from(step))
}
