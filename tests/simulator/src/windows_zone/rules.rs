//! A zone's year: standard time, and daylight saving time with the two moments of change.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday, date};
use jiff::tz::TimeZone;
use tidemark_model::{DaylightRules, YearlyMoment as ModelMoment, ZoneRules};

/// The year whose rules stand for a zone of the table.
const RULE_YEAR: i16 = 2026;
/// A year without a leap day: POSIX counts days without them (`Jn`).
const PLAIN_YEAR: i16 = 2025;

/// The rules of one year, as Exchange keeps a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YearlyRules {
    /// Standard time, in seconds east of UTC.
    pub(crate) standard: i32,
    /// Daylight saving time in seconds east of UTC, when it begins (in standard civil time), and
    /// when it ends (in daylight civil time).
    pub(crate) daylight: Option<(i32, YearlyMoment, YearlyMoment)>,
}

/// A moment that returns every year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YearlyMoment {
    /// Month, 1 to 12.
    pub(crate) month: i8,
    /// Which day of it.
    pub(crate) day: YearlyDay,
    /// Seconds after midnight.
    pub(crate) seconds: i32,
}

/// A day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum YearlyDay {
    /// The n-th weekday, 1 to 4, or 5 for the last.
    Nth(i8, Weekday),
    /// The day of this number.
    Date(i8),
}

impl YearlyRules {
    /// The rules of a zone in the year that stands for it.
    pub(crate) fn of(zone: &TimeZone) -> Self {
        let from = new_year(RULE_YEAR);
        let until = new_year(RULE_YEAR.saturating_add(1));
        let mut halves: Vec<(i32, DateTime)> = Vec::new();
        let mut before = zone.to_offset(from);
        for transition in zone.following(from).take_while(|next| next.timestamp() < until) {
            let begins = before.to_datetime(transition.timestamp());
            halves.push((transition.offset().seconds(), begins));
            before = transition.offset();
        }
        halves.sort_by_key(|(offset, _)| *offset);
        match halves.as_slice() {
            [(standard, ends), (daylight, begins), ..] if standard != daylight => Self {
                standard: *standard,
                daylight: Some((*daylight, YearlyMoment::of(*begins), YearlyMoment::of(*ends))),
            },
            _ => Self { standard: zone.to_offset(from).seconds(), daylight: None },
        }
    }

    /// The rules as a POSIX `TZ` text; none where a field is out of range.
    pub(super) fn to_posix(&self) -> Option<String> {
        // POSIX counts offsets westwards.
        let standard = clock(self.standard.checked_neg()?);
        Some(match &self.daylight {
            None => format!("<std>{standard}"),
            Some((offset, begins, ends)) => format!(
                "<std>{standard}<dst>{},{},{}",
                clock(offset.checked_neg()?),
                begins.to_posix()?,
                ends.to_posix()?
            ),
        })
    }

    /// The rules in the neutral model, which knows only moments by weekday; none for others.
    pub(super) fn to_model(&self, name: &str) -> Option<ZoneRules> {
        let daylight = match &self.daylight {
            None => None,
            Some((offset_seconds, begins, ends)) => Some(DaylightRules {
                offset_seconds: *offset_seconds,
                begins: begins.to_model()?,
                ends: ends.to_model()?,
            }),
        };
        Some(ZoneRules { name: name.to_owned(), standard_offset_seconds: self.standard, daylight })
    }
}

impl YearlyMoment {
    /// The rule that gives this civil moment in its year; the last weekday of its kind in the
    /// month is called the last.
    fn of(at: DateTime) -> Self {
        let day = at.date();
        let last = i32::from(day.day()) + 7 > i32::from(day.days_in_month());
        let nth = if last { 5 } else { (day.day() + 6) / 7 };
        let seconds = i32::from(at.hour()) * 3600 + i32::from(at.minute()) * 60;
        Self {
            month: day.month(),
            day: YearlyDay::Nth(nth, day.weekday()),
            seconds: seconds + i32::from(at.second()),
        }
    }

    fn to_posix(&self) -> Option<String> {
        let time = clock(self.seconds);
        match self.day {
            YearlyDay::Nth(nth, weekday) if (1..=5).contains(&nth) => {
                let weekday = weekday.to_sunday_zero_offset();
                Some(format!("M{}.{nth}.{weekday}/{time}", self.month))
            }
            YearlyDay::Nth(..) => None,
            YearlyDay::Date(day) => {
                let day = Date::new(PLAIN_YEAR, self.month, day).ok()?.day_of_year();
                Some(format!("J{day}/{time}"))
            }
        }
    }

    fn to_model(&self) -> Option<ModelMoment> {
        match self.day {
            YearlyDay::Nth(occurrence, weekday) => Some(ModelMoment {
                month: self.month,
                occurrence,
                weekday,
                time_seconds: self.seconds,
            }),
            YearlyDay::Date(_) => None,
        }
    }
}

/// Seconds as `[-]h:mm:ss`.
fn clock(seconds: i32) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn new_year(year: i16) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(date(year, 1, 1).to_datetime(Time::midnight()))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
