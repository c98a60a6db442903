//! How long a rule goes on, and the occurrences that it leaves out.
//!
//! Where a month lacks the day of the rule, the standard leaves the month out unless `skip` says
//! otherwise (RFC 8984 4.3.3), and Exchange takes the month's last day. A rule that ends means the
//! same in Exchange once these occurrences are excluded one by one; they count there, and do not
//! count here.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use tidemark_model::{Pattern, Range, Recurrence, RecurrenceId};

use super::Held;
use super::pattern::Unheld;
use super::raw::{RawRange, RawRule, Skip};
use crate::limits::{COUNT_MAX, OVERRIDES_MAX};
use crate::month::shortest;

/// Gives a pattern the range of the rule that it was made from.
pub(super) fn hold(raw: &RawRule, pattern: Pattern, start: DateTime) -> Result<Held, Unheld> {
    match omitted_day(raw, &pattern, start.date())? {
        None => Ok(Held { rule: hold_every(raw.range, pattern, start)?, omitted: BTreeSet::new() }),
        Some(day) => hold_without_clamped(raw, pattern, day, start),
    }
}

/// The rule, if the pattern gives what the rule says.
fn hold_every(range: RawRange, pattern: Pattern, start: DateTime) -> Result<Recurrence, Unheld> {
    let endless = Recurrence { pattern, range: Range::NoEnd };
    let range = match range {
        RawRange::NoEnd => Range::NoEnd,
        RawRange::Until(until) => Range::Until(last_date(until, start)),
        RawRange::Count(count) if count <= COUNT_MAX => Range::Count(count),
        RawRange::Count(count) => {
            let last = endless.nth_start(start, count).ok_or(BEYOND_CALENDAR)?;
            Range::Until(last.start().date())
        }
    };
    Ok(Recurrence { range, ..endless })
}

/// The rule, if it leaves out the months that lack `day`.
fn hold_without_clamped(
    raw: &RawRule,
    pattern: Pattern,
    day: i8,
    start: DateTime,
) -> Result<Held, Unheld> {
    let is_clamped = |id: &RecurrenceId| id.start().day() != day;
    let endless = Recurrence { pattern, range: Range::NoEnd };
    let range = match raw.range {
        RawRange::NoEnd => return Err(moved_for_ever(raw)),
        RawRange::Until(until) => Range::Until(last_date(until, start)),
        RawRange::Count(count) => {
            let before = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
            let last = endless
                .starts(start)
                .filter(|id| !is_clamped(id))
                .nth(before)
                .ok_or(BEYOND_CALENDAR)?;
            match endless.index_of(start, last) {
                Some(count) if count <= COUNT_MAX => Range::Count(count),
                Some(_) | None => Range::Until(last.start().date()),
            }
        }
    };
    let rule = Recurrence { range, ..endless };
    let omitted: BTreeSet<RecurrenceId> =
        rule.starts(start).filter(is_clamped).take(OVERRIDES_MAX.saturating_add(1)).collect();
    if omitted.len() > OVERRIDES_MAX {
        return Err(Unheld(
            "skip",
            "leaves out more months than can be excluded one by one",
            "end the rule earlier, or use a day up to the 28th",
        ));
    }
    Ok(Held { rule, omitted })
}

const BEYOND_CALENDAR: Unheld =
    Unheld("count", "reaches beyond the year 9999", "use a smaller count, or leave it out");

fn moved_for_ever(raw: &RawRule) -> Unheld {
    let rule = "Exchange moves a day that a month lacks to the last day of that month";
    if is_position(raw) {
        let mend = "end the rule with count or until, or use byMonthDay up to 28";
        return Unheld("bySetPosition", rule, mend);
    }
    Unheld(
        "skip",
        rule,
        "add \"skip\": \"backward\" with \"rscale\": \"gregorian\", end the rule with count or until, or use a day up to the 28th",
    )
}

/// Whether the day is a position among all days of the month: a month without that position has no
/// date that could be skipped to.
const fn is_position(raw: &RawRule) -> bool {
    !raw.by_day.is_empty()
}

/// The day of the rule, if the pattern has months that lack it and the rule leaves these out.
fn omitted_day(raw: &RawRule, pattern: &Pattern, start: Date) -> Result<Option<i8>, Unheld> {
    let Some(day) = lacking_day(pattern, start) else {
        return Ok(None);
    };
    if is_position(raw) {
        return Ok(Some(day));
    }
    // The last day, which Exchange writes as the 31st, is in every month.
    if raw.by_month_day == [-1] {
        return Ok(None);
    }
    match raw.skip {
        Skip::Omit => Ok(Some(day)),
        Skip::Backward => Ok(None),
        Skip::Forward => Err(Unheld(
            "skip",
            "Exchange moves a day that a month lacks to the last day of that month",
            "use \"backward\", or a day up to the 28th",
        )),
    }
}

/// The day of a pattern that has months without it.
fn lacking_day(pattern: &Pattern, start: Date) -> Option<i8> {
    let (day, fewest) = match pattern {
        Pattern::AbsoluteMonthly { interval, day } => {
            let first = u32::from(start.month().unsigned_abs());
            // After twelve steps at most, the same months come again.
            let months = (0..12).map(|step| (first + step * (interval % 12) - 1) % 12 + 1);
            let fewest = months.map(|month| u8::try_from(month).map_or(28, shortest));
            (*day, fewest.min()?)
        }
        Pattern::AbsoluteYearly { month, day, .. } => (*day, shortest(*month)),
        Pattern::Daily { .. }
        | Pattern::Weekly { .. }
        | Pattern::RelativeMonthly { .. }
        | Pattern::RelativeYearly { .. } => return None,
    };
    if day > fewest { i8::try_from(day).ok() } else { None }
}

/// The last date that `until`, which is inclusive, allows: an occurrence later on that day than it
/// no longer counts.
fn last_date(until: DateTime, start: DateTime) -> Date {
    if until.time() < start.time() { until.date().saturating_sub(1.day()) } else { until.date() }
}
