//! Windows time zone ids, by CLDR's table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Windows id to IANA name, the default rows of CLDR.
static TABLE: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    include_str!("../data/windows-zones.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .collect()
});

/// The IANA zone of a Windows id; ids are compared without regard to case, as Windows does.
pub(crate) fn iana(windows_id: &str) -> Option<&'static str> {
    TABLE.get(windows_id).copied().or_else(|| {
        TABLE.iter().find(|(id, _)| id.eq_ignore_ascii_case(windows_id)).map(|(_, iana)| *iana)
    })
}

/// Every id that the simulated server knows.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

/// The rules of a Windows id; UTC for an id that nobody knows.
pub(crate) fn zone(windows_id: &str) -> TimeZone {
    iana(windows_id).and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

/// The instant of a civil time: gap times move forward, ambiguous ones are the first of the two.
pub(crate) fn to_instant(windows_id: &str, at: DateTime) -> Timestamp {
    zone(windows_id)
        .to_ambiguous_zoned(at)
        .compatible()
        .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// The civil time of an instant.
pub(crate) fn to_civil(windows_id: &str, at: Timestamp) -> DateTime {
    zone(windows_id).to_datetime(at)
}
