//! Time zones as Exchange keeps them: Windows ids by CLDR's table, and zones by their own rules.
//!
//! The store names every zone by a text. Most are Windows ids. A zone that a client gave by its
//! rules is named by a text that holds those rules ([`custom`]), so that an item carries all that
//! it needs and nothing has to be registered.

mod rules;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tidemark_model::Zone;

pub(crate) use rules::{YearlyDay, YearlyMoment, YearlyRules};

/// Begins the name of a zone that is given by its rules; no Windows id begins so.
const CUSTOM_MARK: char = '=';
/// Parts the fields of such a name; XML cannot carry it, so no field contains it.
const FIELD_END: char = '\u{1f}';

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

/// The store's name for a zone that came as rules; none where a rule is out of range.
pub(crate) fn custom(id: &str, name: &str, rules: &YearlyRules) -> Option<String> {
    let posix = rules.to_posix()?;
    TimeZone::posix(&posix).ok()?;
    let field = |text: &str| text.replace(FIELD_END, " ");
    Some(format!("{CUSTOM_MARK}{posix}{FIELD_END}{}{FIELD_END}{}", field(id), field(name)))
}

/// The id and the display name that a zone given by its rules came with; none for a Windows id.
pub(crate) fn custom_names(zone: &str) -> Option<(&str, &str)> {
    let (_, names) = zone.strip_prefix(CUSTOM_MARK)?.split_once(FIELD_END)?;
    names.split_once(FIELD_END)
}

/// Whether the server can tell the times of a zone.
pub(crate) fn is_known(zone: &str) -> bool {
    iana(zone).is_some() || custom_names(zone).is_some()
}

/// The rules of a zone by its name in the store; UTC for a name that nobody knows.
pub(crate) fn zone(name: &str) -> TimeZone {
    let by_rules = || {
        let (posix, _) = name.strip_prefix(CUSTOM_MARK)?.split_once(FIELD_END)?;
        TimeZone::posix(posix).ok()
    };
    iana(name).and_then(|name| TimeZone::get(name).ok()).or_else(by_rules).unwrap_or(TimeZone::UTC)
}

/// The zone as the neutral model has it; UTC for a name that nobody knows.
pub(crate) fn to_model(name: &str) -> Zone {
    match custom_names(name) {
        Some((_, display)) => {
            YearlyRules::of(&zone(name)).to_model(display).map_or_else(Zone::utc, Zone::from_rules)
        }
        None => iana(name).and_then(|name| Zone::parse(name).ok()).unwrap_or_else(Zone::utc),
    }
}

/// The instant of a civil time: gap times move forward, ambiguous ones are the first of the two.
pub(crate) fn to_instant(name: &str, at: DateTime) -> Timestamp {
    zone(name).to_ambiguous_zoned(at).compatible().map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// The civil time of an instant.
pub(crate) fn to_civil(name: &str, at: Timestamp) -> DateTime {
    zone(name).to_datetime(at)
}

#[cfg(test)]
mod tests;
