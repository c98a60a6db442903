//! Times on the wire: with an offset they are instants, without one they need a zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::error::EwsError;
use crate::windows_zone;

/// A `dateTime` as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireTime {
    /// With `Z` or an offset.
    Instant(Timestamp),
    /// Without.
    Local(DateTime),
}

impl WireTime {
    /// Reads a `dateTime`.
    pub(crate) fn read(text: &str) -> Result<Self, EwsError> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self::Instant(whole_second(instant)));
        }
        text.parse::<DateTime>()
            .map(Self::Local)
            .map_err(|_| EwsError::schema("a dateTime cannot be read"))
    }

    /// The instant, with `zone` (a Windows id) for a time without offset.
    pub(crate) fn instant(self, zone: &str) -> Timestamp {
        match self {
            Self::Instant(instant) => instant,
            Self::Local(at) => whole_second(windows_zone::to_instant(zone, at)),
        }
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Reads a date that may carry a zone suffix.
pub(crate) fn read_date(text: &str) -> Result<Date, EwsError> {
    text.trim()
        .get(..10)
        .and_then(|date| date.parse().ok())
        .ok_or_else(|| EwsError::schema("a date cannot be read"))
}

/// An instant in the zone of the answer: `Z` without a zone, else its offset.
pub(crate) fn show(at: Timestamp, zone: Option<&str>) -> String {
    match zone.map(windows_zone::zone) {
        None => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Some(zone) => {
            let at = at.to_zoned(zone);
            if at.offset().is_zero() {
                at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
            } else {
                at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
            }
        }
    }
}

/// A date with the offset that its zone has at midnight, as Exchange suffixes rule dates.
pub(crate) fn show_date(date: Date, zone: &str) -> String {
    let midnight = windows_zone::to_instant(zone, date.to_datetime(jiff::civil::Time::midnight()));
    let at = midnight.to_zoned(windows_zone::zone(zone));
    if at.offset().is_zero() { format!("{date}Z") } else { at.strftime("%Y-%m-%d%:z").to_string() }
}
