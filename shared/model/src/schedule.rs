//! When something takes place: dates for whole days, civil time with a zone for the rest.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};

use crate::zone::Zone;

/// Longest duration that Exchange holds: five years (ErrorCalendarDurationIsTooLong).
pub const DURATION_DAYS_MAX: i32 = 5 * 366;

/// Why times do not make a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The end lies before the start.
    #[error("the end lies before the start")]
    EndsBeforeStart,
    /// Longer than Exchange holds.
    #[error("longer than the five years that Exchange holds")]
    TooLong,
}

/// When an event takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Whole days: dates only, without a zone in their meaning.
    AllDay(AllDay),
    /// Civil time in a zone.
    Timed(Timed),
    /// Civil time wherever one is. Exchange always binds a zone, so it is written in the mailbox's.
    Floating(Floating),
}

/// Whole days from `start` up to, not including, `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllDay {
    start: Date,
    end: Date,
}

/// Civil start in a zone, with an exact duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    start: DateTime,
    zone: Zone,
    duration: SignedDuration,
    end_zone: Option<Zone>,
}

/// Civil start without a zone, with a duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floating {
    start: DateTime,
    duration: SignedDuration,
}

fn check_duration(duration: SignedDuration) -> Result<SignedDuration, ScheduleError> {
    if duration.is_negative() {
        return Err(ScheduleError::EndsBeforeStart);
    }
    if duration.as_hours() > i64::from(DURATION_DAYS_MAX) * 24 {
        return Err(ScheduleError::TooLong);
    }
    // Exchange and Graph keep whole seconds; finer parts would never compare equal again.
    Ok(SignedDuration::from_secs(duration.as_secs()))
}

fn whole_seconds(at: DateTime) -> DateTime {
    at.with().subsec_nanosecond(0).build().unwrap_or(at)
}

impl Schedule {
    /// Whole days; `end` is exclusive and lies after `start`.
    ///
    /// # Errors
    /// When `end` is not after `start` or too far away.
    pub fn all_day(start: Date, end: Date) -> Result<Self, ScheduleError> {
        if end <= start {
            return Err(ScheduleError::EndsBeforeStart);
        }
        let days = start.until(end).map_or(i32::MAX, |span| span.get_days());
        if days > DURATION_DAYS_MAX {
            return Err(ScheduleError::TooLong);
        }
        Ok(Self::AllDay(AllDay { start, end }))
    }

    /// Civil time in a zone. Zero duration is legal; parts of a second are cut.
    ///
    /// # Errors
    /// When the duration is negative or longer than Exchange holds.
    pub fn timed(
        start: DateTime,
        zone: Zone,
        duration: SignedDuration,
        end_zone: Option<Zone>,
    ) -> Result<Self, ScheduleError> {
        let duration = check_duration(duration)?;
        let end_zone = end_zone.filter(|end| *end != zone);
        Ok(Self::Timed(Timed { start: whole_seconds(start), zone, duration, end_zone }))
    }

    /// Civil time without a zone.
    ///
    /// # Errors
    /// When the duration is negative or longer than Exchange holds.
    pub fn floating(start: DateTime, duration: SignedDuration) -> Result<Self, ScheduleError> {
        let duration = check_duration(duration)?;
        Ok(Self::Floating(Floating { start: whole_seconds(start), duration }))
    }

    /// Civil start; midnight for whole days.
    pub fn start(&self) -> DateTime {
        match self {
            Self::AllDay(days) => days.start.to_datetime(Time::midnight()),
            Self::Timed(timed) => timed.start,
            Self::Floating(floating) => floating.start,
        }
    }

    /// The zone that it is bound to, if any.
    pub fn zone(&self) -> Option<&Zone> {
        match self {
            Self::Timed(timed) => Some(&timed.zone),
            Self::AllDay(_) | Self::Floating(_) => None,
        }
    }

    /// Start and end as instants, whole days and floating times being taken in `fallback`.
    pub fn instants(&self, fallback: &Zone) -> (Timestamp, Timestamp) {
        match self {
            Self::AllDay(days) => (
                fallback.to_instant(days.start.to_datetime(Time::midnight())),
                fallback.to_instant(days.end.to_datetime(Time::midnight())),
            ),
            Self::Timed(timed) => {
                let start = timed.zone.to_instant(timed.start);
                (start, start.saturating_add(timed.duration).unwrap_or(start))
            }
            Self::Floating(floating) => {
                let start = fallback.to_instant(floating.start);
                (start, start.saturating_add(floating.duration).unwrap_or(start))
            }
        }
    }

    /// The same length and zone at another civil start. Whole days take only its date.
    #[must_use]
    pub fn moved_to(&self, start: DateTime) -> Self {
        match self {
            Self::AllDay(days) => {
                let length = days.start.until(days.end).unwrap_or_default();
                let end = start.date().saturating_add(length);
                Self::AllDay(AllDay { start: start.date(), end })
            }
            Self::Timed(timed) => {
                Self::Timed(Timed { start: whole_seconds(start), ..timed.clone() })
            }
            Self::Floating(floating) => {
                Self::Floating(Floating { start: whole_seconds(start), ..floating.clone() })
            }
        }
    }
}

impl AllDay {
    /// First day.
    pub const fn start(&self) -> Date {
        self.start
    }

    /// The day after the last one.
    pub const fn end(&self) -> Date {
        self.end
    }
}

impl Timed {
    /// Civil start in [`Timed::zone`].
    pub const fn start(&self) -> DateTime {
        self.start
    }

    /// Zone of the start; it drives the recurrence.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Exact duration in whole seconds.
    pub const fn duration(&self) -> SignedDuration {
        self.duration
    }

    /// Zone of the end, where it differs.
    pub const fn end_zone(&self) -> Option<&Zone> {
        self.end_zone.as_ref()
    }
}

impl Floating {
    /// Civil start.
    pub const fn start(&self) -> DateTime {
        self.start
    }

    /// Duration in whole seconds.
    pub const fn duration(&self) -> SignedDuration {
        self.duration
    }
}
