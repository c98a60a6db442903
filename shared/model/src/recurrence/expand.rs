//! Which starts a rule gives, as Exchange counts them.
//!
//! Every rule here has a closed form, so the n-th start and the number of a start are found
//! without walking there.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{Span, ToSpan};

use super::{Pattern, Range, Recurrence, RecurrenceId, WeekIndex, WeekdaySet};

/// Largest interval: documented for days (dailyrecurrence page of the EWS reference) and, for all
/// patterns, by the sister protocol (MS-ASCAL 2.2.2.25).
pub const INTERVAL_MAX: u32 = 999;

/// So many starts of two rules are compared before they count as the same; more than nine years
/// of a weekly meeting.
pub const COMPARED_STARTS_MAX: usize = 500;

/// More starts than the calendar has days: above every position there can be.
const POSITION_MAX: u64 = 1 << 23;

/// Why a rule cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    /// The interval is zero or above [`INTERVAL_MAX`].
    #[error("the interval is not between 1 and {INTERVAL_MAX}")]
    Interval,
    /// The day of the month is not between 1 and 31.
    #[error("the day of the month is not between 1 and 31")]
    Day,
    /// The month is not between 1 and 12.
    #[error("the month is not between 1 and 12")]
    Month,
    /// No weekday is given where one is needed.
    #[error("no weekday is given")]
    NoDays,
    /// The count is zero.
    #[error("the number of occurrences is zero")]
    Count,
    /// The rule ends before its first start (ErrorRecurrenceHasNoOccurrence).
    #[error("the rule has no occurrence")]
    NoOccurrence,
}

impl Recurrence {
    /// The civil starts, in order, of a series whose event starts at `first`.
    ///
    /// If `first` does not match the rule, the series begins with the first match after it; weeks,
    /// months and years are still counted from the one that `first` lies in. [`Range::Count`]
    /// counts from that first match. A rule that [`Recurrence::validate`] refuses for its pattern
    /// has no starts. Endless series end with the last year of the calendar, 9999.
    pub fn starts(&self, first: DateTime) -> impl Iterator<Item = RecurrenceId> + use<> {
        self.starts_from(first, first.date())
    }

    /// The same starts, without those on days before `from`, and without walking there.
    pub fn starts_from(
        &self,
        first: DateTime,
        from: Date,
    ) -> impl Iterator<Item = RecurrenceId> + use<> {
        let expansion = Expansion::new(self, first);
        let begin = expansion.as_ref().map_or(0, |expansion| expansion.position_at_or_after(from));
        (begin..POSITION_MAX).map_while(move |position| expansion.as_ref()?.start(position))
    }

    /// Whether the rule can be held, whatever it starts with.
    ///
    /// # Errors
    /// When a number is out of range or weekdays are missing.
    pub fn validate(&self) -> Result<(), RecurrenceError> {
        let (interval, days, month, day) = match self.pattern {
            Pattern::Daily { interval } => (interval, WeekdaySet::ALL, 1, 1),
            Pattern::Weekly { interval, days, .. }
            | Pattern::RelativeMonthly { interval, days, .. } => (interval, days, 1, 1),
            Pattern::AbsoluteMonthly { interval, day } => (interval, WeekdaySet::ALL, 1, day),
            Pattern::AbsoluteYearly { interval, month, day } => {
                (interval, WeekdaySet::ALL, month, day)
            }
            Pattern::RelativeYearly { interval, month, days, .. } => (interval, days, month, 1),
        };
        if !(1..=INTERVAL_MAX).contains(&interval) {
            return Err(RecurrenceError::Interval);
        }
        if days.is_empty() {
            return Err(RecurrenceError::NoDays);
        }
        if !(1..=12).contains(&month) {
            return Err(RecurrenceError::Month);
        }
        if !(1..=31).contains(&day) {
            return Err(RecurrenceError::Day);
        }
        match self.range {
            Range::Count(0) => Err(RecurrenceError::Count),
            Range::NoEnd | Range::Until(_) | Range::Count(_) => Ok(()),
        }
    }

    /// Whether the rule can be held and has an occurrence if the event starts at `first`.
    ///
    /// # Errors
    /// As [`Recurrence::validate`], and when it ends before its first start.
    pub fn validate_from(&self, first: DateTime) -> Result<(), RecurrenceError> {
        self.validate()?;
        match self.starts(first).next() {
            Some(_) => Ok(()),
            None => Err(RecurrenceError::NoOccurrence),
        }
    }

    /// The last start; none for an endless rule and for one without occurrences.
    pub fn last_start(&self, first: DateTime) -> Option<RecurrenceId> {
        match self.range {
            Range::NoEnd => None,
            Range::Until(_) | Range::Count(_) => {
                let expansion = Expansion::new(self, first)?;
                let count = expansion.count();
                expansion.start(count.checked_sub(1)?)
            }
        }
    }

    /// Whether the rule gives this start, be it taken out or changed later.
    pub fn is_occurrence(&self, first: DateTime, id: RecurrenceId) -> bool {
        self.index_of(first, id).is_some()
    }

    /// The number of a start, from 1; occurrences that were taken out keep theirs (EWS
    /// `InstanceIndex`).
    pub fn index_of(&self, first: DateTime, id: RecurrenceId) -> Option<u32> {
        let expansion = Expansion::new(self, first)?;
        let position = expansion.position_of(id.start())?;
        u32::try_from(position).ok()?.checked_add(1)
    }

    /// The start with a number, from 1: the inverse of [`Recurrence::index_of`].
    pub fn nth_start(&self, first: DateTime, index: u32) -> Option<RecurrenceId> {
        Expansion::new(self, first)?.start(u64::from(index.checked_sub(1)?))
    }

    /// Whether two rules, each with the start of its event, mean the same series: the same first
    /// [`COMPARED_STARTS_MAX`] civil starts and the same last one, or no end in both.
    ///
    /// So every second year is every twenty-fourth month, and a count is the date it ends on.
    pub fn same_occurrences(&self, first: DateTime, other: &Self, other_first: DateTime) -> bool {
        let endless = |rule: &Self| matches!(rule.range, Range::NoEnd);
        if self == other && first == other_first {
            return true;
        }
        endless(self) == endless(other)
            && self.last_start(first) == other.last_start(other_first)
            && self
                .starts(first)
                .take(COMPARED_STARTS_MAX)
                .eq(other.starts(other_first).take(COMPARED_STARTS_MAX))
    }
}

/// A rule that was made sense of, together with where it starts.
struct Expansion {
    steps: Steps,
    time: Time,
    end: Range,
}

enum Steps {
    /// Every so many days from a date on.
    Days { start: Date, step: i64 },
    /// The same days of every so many weeks.
    Weeks {
        /// First day of the week that holds the event's start.
        week: Date,
        step: i64,
        /// Days from the start of a week, ascending.
        offsets: Vec<i64>,
        /// How many of the first week's days lie before the event's start.
        skipped: i64,
    },
    /// One day of every so many months; years are twelve of them.
    Months {
        /// Months since year 0 of the month that is counted from.
        base: i64,
        step: i64,
        day: MonthDay,
        /// 1 where the day in that first month lies before the event's start.
        skipped: i64,
    },
}

enum MonthDay {
    Fixed(u8),
    Nth(WeekIndex, WeekdaySet),
}

impl Expansion {
    fn new(rule: &Recurrence, first: DateTime) -> Option<Self> {
        Some(Self {
            steps: Steps::new(&rule.pattern, first.date())?,
            time: RecurrenceId::new(first).start().time(),
            end: rule.range.clone(),
        })
    }

    fn start(&self, position: u64) -> Option<RecurrenceId> {
        if let Range::Count(count) = self.end
            && position >= u64::from(count)
        {
            return None;
        }
        let date = self.steps.date(i64::try_from(position).ok()?)?;
        if let Range::Until(last) = self.end
            && date > last
        {
            return None;
        }
        Some(RecurrenceId::new(date.to_datetime(self.time)))
    }

    fn position_of(&self, start: DateTime) -> Option<u64> {
        if start.time() != self.time {
            return None;
        }
        let position = u64::try_from(self.steps.position(start.date())?).ok()?;
        self.start(position).map(|_| position)
    }

    fn position_at_or_after(&self, from: Date) -> u64 {
        first_position_where(|position| {
            self.start(position).is_none_or(|id| id.start().date() >= from)
        })
    }

    fn count(&self) -> u64 {
        first_position_where(|position| self.start(position).is_none())
    }
}

/// The lowest position that passes a test which, once passed, every higher one passes.
fn first_position_where(passes: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, POSITION_MAX);
    while low < high {
        let middle = low.midpoint(high);
        if passes(middle) {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    low
}

impl Steps {
    /// None where the pattern gives nothing: no interval, no days, no such month or day.
    fn new(pattern: &Pattern, first: Date) -> Option<Self> {
        let of_year = |interval: u32, month: u8, day| {
            (1..=12).contains(&month).then_some(())?;
            let base = i64::from(first.year()) * 12 + i64::from(month) - 1;
            Self::months(base, i64::from(interval) * 12, day, first)
        };
        let this_month = month_number(first);
        match *pattern {
            Pattern::Daily { interval } => {
                (interval > 0).then(|| Self::Days { start: first, step: i64::from(interval) })
            }
            Pattern::Weekly { interval, days, first_day } => {
                Self::weeks(interval, days, first_day, first)
            }
            Pattern::AbsoluteMonthly { interval, day } => {
                Self::months(this_month, i64::from(interval), MonthDay::Fixed(day), first)
            }
            Pattern::RelativeMonthly { interval, index, days } => {
                Self::months(this_month, i64::from(interval), MonthDay::Nth(index, days), first)
            }
            Pattern::AbsoluteYearly { interval, month, day } => {
                of_year(interval, month, MonthDay::Fixed(day))
            }
            Pattern::RelativeYearly { interval, month, index, days } => {
                of_year(interval, month, MonthDay::Nth(index, days))
            }
        }
    }

    fn weeks(interval: u32, days: WeekdaySet, first_day: Weekday, first: Date) -> Option<Self> {
        if interval == 0 || days.is_empty() {
            return None;
        }
        let into_week = i64::from(first_day.until(first.weekday()));
        let offsets: Vec<i64> = first_day
            .cycle_forward()
            .take(7)
            .zip(0..)
            .filter(|(day, _)| days.contains(*day))
            .map(|(_, offset)| offset)
            .collect();
        let before = offsets.iter().filter(|offset| **offset < into_week).count();
        Some(Self::Weeks {
            week: first.checked_sub(into_week.days()).ok()?,
            step: i64::from(interval),
            offsets,
            skipped: i64::try_from(before).ok()?,
        })
    }

    fn months(base: i64, step: i64, day: MonthDay, first: Date) -> Option<Self> {
        if step == 0 {
            return None;
        }
        let skipped = i64::from(day.in_month(base)? < first);
        Some(Self::Months { base, step, day, skipped })
    }

    /// The date at a position, from 0.
    fn date(&self, position: i64) -> Option<Date> {
        match self {
            Self::Days { start, step } => after_days(*start, position.checked_mul(*step)?),
            Self::Weeks { week, step, offsets, skipped } => {
                let per_week = i64::try_from(offsets.len()).ok()?;
                let counted = position.checked_add(*skipped)?;
                let offset = usize::try_from(counted.checked_rem(per_week)?).ok()?;
                let weeks = counted.checked_div(per_week)?.checked_mul(*step)?;
                after_days(*week, weeks.checked_mul(7)?.checked_add(*offsets.get(offset)?)?)
            }
            Self::Months { base, step, day, skipped } => {
                let counted = position.checked_add(*skipped)?;
                day.in_month(base.checked_add(counted.checked_mul(*step)?)?)
            }
        }
    }

    /// The position of a date, if the pattern gives it.
    fn position(&self, date: Date) -> Option<i64> {
        let whole = |number: i64, step: i64| {
            (number.checked_rem_euclid(step)? == 0).then(|| number.div_euclid(step))
        };
        let position = match self {
            Self::Days { start, step } => whole(days_between(*start, date), *step)?,
            Self::Weeks { week, step, offsets, skipped } => {
                let days = days_between(*week, date);
                let weeks = whole(days.div_euclid(7), *step)?;
                let offset = offsets.binary_search(&days.rem_euclid(7)).ok()?;
                let per_week = i64::try_from(offsets.len()).ok()?;
                weeks * per_week + i64::try_from(offset).ok()? - skipped
            }
            Self::Months { base, step, day, skipped } => {
                let month = month_number(date);
                (day.in_month(month)? == date).then_some(())?;
                whole(month - base, *step)? - skipped
            }
        };
        (position >= 0).then_some(position)
    }
}

impl MonthDay {
    /// The date in a month that is counted from year 0; none outside of the calendar.
    fn in_month(&self, month: i64) -> Option<Date> {
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
        let start = Date::new(year, month, 1).ok()?;
        match self {
            Self::Fixed(day) => {
                let day = i8::try_from(*day).ok()?;
                Date::new(year, month, day.min(start.days_in_month())).ok()
            }
            Self::Nth(index, days) => nth_of_month(start, *index, *days),
        }
    }
}

/// The first of the month's four first weeks holds every weekday, so only an empty set fails.
fn nth_of_month(start: Date, index: WeekIndex, days: WeekdaySet) -> Option<Date> {
    let last = start.last_of_month();
    let matches = |date: &Date| days.contains(date.weekday());
    let mut forward = start.series(1.day()).take_while(|date| *date <= last).filter(matches);
    match index {
        WeekIndex::First => forward.next(),
        WeekIndex::Second => forward.nth(1),
        WeekIndex::Third => forward.nth(2),
        WeekIndex::Fourth => forward.nth(3),
        WeekIndex::Last => last.series(-1.day()).take(7).find(matches),
    }
}

fn month_number(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours().div_euclid(24)
}

fn after_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(days).ok()?).ok()
}
