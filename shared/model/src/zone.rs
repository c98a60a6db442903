//! Time zones: IANA names, Microsoft's names for them, and zones given only by their rules.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Why a zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// No such IANA zone in the bundled database.
    #[error("no IANA time zone has this name")]
    Unknown,
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zone {
    /// A zone of the IANA database, by its canonical name.
    Iana(IanaZone),
    /// A zone that came only as rules and fits no IANA zone.
    Rules(ZoneRules),
}

/// The name of a zone that the bundled database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IanaZone(String);

/// A zone by its rules, as Exchange gives custom zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRules {
    /// What the server calls it; no meaning to us.
    pub name: String,
    /// Offset from UTC outside daylight saving time, in seconds east.
    pub standard_offset_seconds: i32,
    /// Daylight saving time, if the zone has it.
    pub daylight: Option<DaylightRules>,
}

/// Yearly daylight saving time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaylightRules {
    /// Offset from UTC in daylight saving time, in seconds east.
    pub offset_seconds: i32,
    /// When it begins, in standard civil time.
    pub begins: YearlyMoment,
    /// When it ends, in daylight civil time.
    pub ends: YearlyMoment,
}

/// A moment that returns every year: the n-th weekday of a month at a time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearlyMoment {
    /// Month, 1 to 12.
    pub month: i8,
    /// 1 to 4, or 5 for the last.
    pub occurrence: i8,
    /// Day of the week.
    pub weekday: jiff::civil::Weekday,
    /// Seconds after midnight.
    pub time_seconds: i32,
}

impl IanaZone {
    /// The canonical IANA name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Zone {
    /// Coordinated universal time, as `Etc/UTC`.
    pub fn utc() -> Self {
        Self::Iana(IanaZone("Etc/UTC".to_owned()))
    }

    /// Reads an IANA name.
    ///
    /// # Errors
    /// When the bundled database has no such zone.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        match TimeZone::get(name) {
            Ok(zone) => zone
                .iana_name()
                .map(|canonical| Self::Iana(IanaZone(canonical.to_owned())))
                .ok_or(ZoneError::Unknown),
            Err(_) => Err(ZoneError::Unknown),
        }
    }

    /// The instant of a civil time: a time in a gap moves forward by the gap, an ambiguous one is
    /// the first of the two (RFC 5545 3.3.5).
    pub fn to_instant(&self, at: DateTime) -> Timestamp {
        match self {
            Self::Iana(name) => TimeZone::get(&name.0)
                .unwrap_or(TimeZone::UTC)
                .to_ambiguous_zoned(at)
                .compatible()
                .map_or(Timestamp::MIN, |zoned| zoned.timestamp()),
            Self::Rules(rules) => {
                let offset = SignedDuration::from_secs(i64::from(rules.standard_offset_seconds));
                TimeZone::UTC
                    .to_timestamp(at)
                    .ok()
                    .and_then(|instant| instant.checked_sub(offset).ok())
                    .unwrap_or(Timestamp::MIN)
            }
        }
    }

    /// The civil time of an instant.
    pub fn to_civil(&self, at: Timestamp) -> DateTime {
        match self {
            Self::Iana(name) => TimeZone::get(&name.0)
                .unwrap_or(TimeZone::UTC)
                .to_datetime(at),
            Self::Rules(rules) => {
                let offset = SignedDuration::from_secs(i64::from(rules.standard_offset_seconds));
                TimeZone::UTC.to_datetime(at.saturating_add(offset).unwrap_or(at))
            }
        }
    }
}
