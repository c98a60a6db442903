//! Series: Exchange's six patterns with its three ranges, and what differs from them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::event::{Attendee, Body, ShowAs};
use crate::schedule::Schedule;

pub use self::expand::{COMPARED_STARTS_MAX, INTERVAL_MAX, RecurrenceError};

mod expand;
#[cfg(test)]
mod tests;

/// The rule of a series. It starts with the event's own start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// How it repeats.
    pub pattern: Pattern,
    /// How long it goes on.
    pub range: Range,
}

/// How a series repeats. `interval` is at least 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Every `interval` days.
    Daily {
        /// Days from one to the next.
        interval: u32,
    },
    /// On the days of every `interval`-th week.
    Weekly {
        /// Weeks from one to the next.
        interval: u32,
        /// Days of the week, at least one.
        days: WeekdaySet,
        /// First day of a week: it matters where `interval` is more than 1.
        first_day: Weekday,
    },
    /// On a day of every `interval`-th month; in shorter months, on their last day.
    AbsoluteMonthly {
        /// Months from one to the next.
        interval: u32,
        /// Day of the month, 1 to 31.
        day: u8,
    },
    /// On the n-th of some weekdays in every `interval`-th month.
    RelativeMonthly {
        /// Months from one to the next.
        interval: u32,
        /// Which of them.
        index: WeekIndex,
        /// The days that count, at least one.
        days: WeekdaySet,
    },
    /// On a date of every `interval`-th year; 29 February falls to the 28th in other years.
    AbsoluteYearly {
        /// Years from one to the next.
        interval: u32,
        /// Month, 1 to 12.
        month: u8,
        /// Day of the month, 1 to 31.
        day: u8,
    },
    /// On the n-th of some weekdays of a month in every `interval`-th year.
    RelativeYearly {
        /// Years from one to the next.
        interval: u32,
        /// Month, 1 to 12.
        month: u8,
        /// Which of them.
        index: WeekIndex,
        /// The days that count, at least one.
        days: WeekdaySet,
    },
}

/// How long a series goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// For ever.
    NoEnd,
    /// Up to and including this date.
    Until(Date),
    /// So many occurrences, deleted ones counted; at least 1.
    Count(u32),
}

/// Which of the matching days of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeekIndex {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// The fourth.
    Fourth,
    /// The last.
    Last,
}

/// A set of weekdays.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WeekdaySet(u8);

impl WeekdaySet {
    /// No day.
    pub const EMPTY: Self = Self(0);
    /// Monday to Friday: Exchange's `Weekday`.
    pub const WEEKDAYS: Self = Self(0b001_1111);
    /// Saturday and Sunday: Exchange's `WeekendDay`.
    pub const WEEKEND: Self = Self(0b110_0000);
    /// All seven: Exchange's `Day`.
    pub const ALL: Self = Self(0b111_1111);

    /// The set with `day` added.
    #[must_use]
    pub fn with(self, day: Weekday) -> Self {
        Self(self.0 | Self::bit(day))
    }

    /// Whether `day` is in it.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    /// Whether no day is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many days are in it.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The days, from Monday on.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        Weekday::Monday.cycle_forward().take(7).filter(move |day| self.contains(*day))
    }

    fn bit(day: Weekday) -> u8 {
        1u8 << day.to_monday_zero_offset().unsigned_abs()
    }
}

impl FromIterator<Weekday> for WeekdaySet {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        days.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for WeekdaySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Which occurrence is meant: the civil start that the rule gave it, in the series' zone
/// (midnight for whole days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecurrenceId(DateTime);

impl RecurrenceId {
    /// The occurrence whose original civil start is `start`, to the second.
    pub fn new(start: DateTime) -> Self {
        Self(start.with().subsec_nanosecond(0).build().unwrap_or(start))
    }

    /// The occurrence of a whole-day series on `date`.
    pub fn of_date(date: Date) -> Self {
        Self(date.to_datetime(Time::midnight()))
    }

    /// The original civil start.
    pub const fn start(self) -> DateTime {
        self.0
    }
}

/// What became of one occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// It was taken out.
    Excluded,
    /// It differs from the series.
    Changed(Box<OccurrencePatch>),
}

/// The properties in which one occurrence differs; `None` inherits from the series.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OccurrencePatch {
    /// Another subject.
    pub title: Option<Option<String>>,
    /// Another description.
    pub body: Option<Option<Body>>,
    /// Another time.
    pub schedule: Option<Schedule>,
    /// Another place.
    pub location: Option<Option<String>>,
    /// Another busy status.
    pub show_as: Option<ShowAs>,
    /// Another reminder.
    pub reminder_minutes: Option<Option<u32>>,
    /// Other categories.
    pub categories: Option<BTreeSet<String>>,
    /// Other attendees.
    pub attendees: Option<BTreeMap<String, Attendee>>,
    /// Another priority.
    pub priority: Option<u8>,
}

impl OccurrencePatch {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for OccurrencePatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccurrencePatch")
            .field("title", &self.title.is_some())
            .field("body", &self.body.is_some())
            .field("schedule", &self.schedule)
            .field("location", &self.location.is_some())
            .field("show_as", &self.show_as)
            .field("reminder_minutes", &self.reminder_minutes)
            .field("categories", &self.categories.is_some())
            .field("attendees", &self.attendees.is_some())
            .field("priority", &self.priority)
            .finish()
    }
}
