//! Time zones: IANA names, Microsoft's names for them, and zones given only by their rules.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub use self::rules::{DaylightRules, YearlyMoment, ZoneRules};

mod rules;
#[cfg(test)]
mod tests;
mod windows;

/// What Exchange calls coordinated universal time where it has no zone of its table.
const PSEUDO_UTC: &str = "tzone://Microsoft/Utc";

/// Why a zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// No such IANA zone in the bundled database, or no such Windows zone in the table.
    #[error("no time zone has this name")]
    Unknown,
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zone {
    /// A zone of the IANA database, by its name there; links to it are other names.
    Iana(IanaZone),
    /// A zone that came only as rules and fits no IANA zone.
    Rules(ZoneRules),
}

/// The name of a zone that the bundled database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IanaZone(String);

impl IanaZone {
    /// The IANA name, spelled as the database spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone itself. The database keeps parsed zones, so this is a search in memory.
    fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl Zone {
    /// Coordinated universal time, as `Etc/UTC`.
    pub fn utc() -> Self {
        Self::Iana(IanaZone("Etc/UTC".to_owned()))
    }

    /// Reads an IANA name in any case; links (`Asia/Kolkata`, `Asia/Calcutta`) stay what they are
    /// called, and `UTC` becomes [`Zone::utc`].
    ///
    /// # Errors
    /// When the bundled database has no such zone.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let zone = TimeZone::get(name).map_err(|_| ZoneError::Unknown)?;
        match zone.iana_name() {
            Some("UTC") => Ok(Self::utc()),
            Some(known) if !zone.is_unknown() => Ok(Self::Iana(IanaZone(known.to_owned()))),
            _ => Err(ZoneError::Unknown),
        }
    }

    /// Reads a Windows id in any case, as in `StartTimeZone/@Id`. `territory` is the two-letter
    /// country of the mailbox; without it, or without a row for it, the table's default holds.
    ///
    /// # Errors
    /// When the table has no such id. That holds for `tzone://Microsoft/Custom` and `Customized
    /// Time Zone` as well, whose rules say more than their name: see [`Zone::from_rules`].
    pub fn from_windows(id: &str, territory: Option<&str>) -> Result<Self, ZoneError> {
        let id = id.trim();
        if id.eq_ignore_ascii_case(PSEUDO_UTC) {
            return Ok(Self::utc());
        }
        if let Some(iana) = windows::iana_of(id, territory) {
            return Self::parse(iana);
        }
        offset_zone(id).ok_or(ZoneError::Unknown)
    }

    /// The Windows id of this zone. Several zones share one: it is a class of zones.
    ///
    /// None for zones by rules, and for IANA zones that the table lacks (`America/Coyhaique`,
    /// `Antarctica/Troll`).
    pub fn windows_id(&self) -> Option<&'static str> {
        match self {
            Self::Iana(iana) => windows::windows_of(&iana.0),
            Self::Rules(_) => None,
        }
    }

    /// Whether Exchange holds both as the same zone: same Windows id, or equal. Rules are equal
    /// whatever they are called.
    pub fn same_class(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rules(rules), Self::Rules(others)) => rules.same_rules(others),
            (Self::Iana(_), Self::Iana(_)) => {
                self == other || self.windows_id().is_some_and(|id| other.windows_id() == Some(id))
            }
            (Self::Iana(_), Self::Rules(_)) | (Self::Rules(_), Self::Iana(_)) => false,
        }
    }

    /// The IANA zone whose offsets are these over the years 2025 to 2032, or the rules themselves.
    ///
    /// Of several fitting zones it is the one that the rules are named after, by Windows id or
    /// IANA name, else the first default of the table; `Etc/UTC` where the offset is always zero.
    pub fn from_rules(rules: ZoneRules) -> Self {
        rules::iana_zone_of(&rules).unwrap_or(Self::Rules(rules))
    }

    /// The rules that this zone follows in one year, so that a zone without a Windows id can be
    /// written as a custom one.
    ///
    /// None where the year has other than no or two changes of offset: such a zone cannot be
    /// written at all.
    pub fn rules_for_year(&self, year: i16) -> Option<ZoneRules> {
        match self {
            Self::Iana(iana) => rules::rules_of_year(&iana.0, &iana.time_zone(), year),
            Self::Rules(rules) => Some(rules.clone()),
        }
    }

    /// The IANA name, or what the server called the rules.
    pub fn name(&self) -> &str {
        match self {
            Self::Iana(iana) => &iana.0,
            Self::Rules(rules) => &rules.name,
        }
    }

    /// The instant of a civil time: a time in a gap moves forward by the gap, an ambiguous one is
    /// the first of the two (RFC 5545 3.3.5). Times outside of jiff's range become its ends.
    pub fn to_instant(&self, at: DateTime) -> Timestamp {
        match self {
            Self::Iana(iana) => iana
                .time_zone()
                .to_ambiguous_zoned(at)
                .compatible()
                .map_or(edge(at), |zoned| zoned.timestamp()),
            Self::Rules(rules) => rules.to_instant(at),
        }
    }

    /// The civil time of an instant.
    pub fn to_civil(&self, at: Timestamp) -> DateTime {
        match self {
            Self::Iana(iana) => iana.time_zone().to_datetime(at),
            Self::Rules(rules) => rules.to_civil(at),
        }
    }
}

fn edge(at: DateTime) -> Timestamp {
    if at.year() > 0 { Timestamp::MAX } else { Timestamp::MIN }
}

/// `UTC+12` and its like, also those that the table does not list: whole hours east of Greenwich,
/// whose IANA names count the other way round.
fn offset_zone(id: &str) -> Option<Zone> {
    let (prefix, rest) = id.split_at_checked(3)?;
    let (sign, hours) = rest.split_at_checked(1)?;
    if !prefix.eq_ignore_ascii_case("UTC") || !hours.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: u8 = hours.parse().ok()?;
    match (sign, hours) {
        ("+" | "-", 0) => Some(Zone::utc()),
        ("+", _) => Zone::parse(&format!("Etc/GMT-{hours}")).ok(),
        ("-", _) => Zone::parse(&format!("Etc/GMT+{hours}")).ok(),
        _ => None,
    }
}
