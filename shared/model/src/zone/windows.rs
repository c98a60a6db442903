//! Microsoft's time zone ids and their IANA zones, by the table of the Unicode CLDR.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// Windows id, territory, IANA ids; the file's header names its source and licence.
const ZONES: &str = include_str!("../../data/windows-zones.tsv");
/// IANA aliases of ids in [`ZONES`]; the file's header names its source and licence.
const ALIASES: &str = include_str!("../../data/windows-zones-aliases.tsv");

/// The territory whose row is the default for a Windows id.
pub(super) const DEFAULT_TERRITORY: &str = "001";

struct WindowsZone {
    id: &'static str,
    /// The preferred IANA id of each territory.
    by_territory: BTreeMap<&'static str, &'static str>,
}

struct Table {
    /// By lower-case Windows id.
    windows: BTreeMap<String, WindowsZone>,
    /// Windows ids by lower-case IANA id, aliases included.
    iana: HashMap<String, &'static str>,
}

/// The preferred IANA id of a Windows id, in a territory if its row exists, else by default.
pub(super) fn iana_of(id: &str, territory: Option<&str>) -> Option<&'static str> {
    let zone = table().windows.get(&id.to_ascii_lowercase())?;
    territory
        .map(str::to_ascii_uppercase)
        .and_then(|territory| zone.by_territory.get(territory.as_str()))
        .or_else(|| zone.by_territory.get(DEFAULT_TERRITORY))
        .copied()
}

/// The Windows id of an IANA id or of an alias of one.
pub(super) fn windows_of(iana: &str) -> Option<&'static str> {
    table().iana.get(&iana.to_ascii_lowercase()).copied()
}

/// Every Windows id with the IANA id of its default row, by id.
pub(super) fn defaults() -> impl Iterator<Item = (&'static str, &'static str)> {
    table().windows.values().filter_map(|zone| {
        let iana = zone.by_territory.get(DEFAULT_TERRITORY)?;
        Some((zone.id, *iana))
    })
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(read_table)
}

fn read_table() -> Table {
    let mut table = Table { windows: BTreeMap::new(), iana: HashMap::new() };
    for line in rows(ZONES) {
        let mut columns = line.split('\t');
        let (Some(id), Some(territory), Some(names)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let zone = table
            .windows
            .entry(id.to_ascii_lowercase())
            .or_insert_with(|| WindowsZone { id, by_territory: BTreeMap::new() });
        for name in names.split_ascii_whitespace() {
            zone.by_territory.entry(territory).or_insert(name);
            table.iana.insert(name.to_ascii_lowercase(), id);
        }
    }
    for line in rows(ALIASES) {
        let Some((alias, listed)) = line.split_once('\t') else {
            continue;
        };
        if let Some(id) = table.iana.get(&listed.trim().to_ascii_lowercase()).copied() {
            table.iana.entry(alias.to_ascii_lowercase()).or_insert(id);
        }
    }
    table
}

pub(super) fn rows(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

/// Every row of the table: Windows id, territory and all its IANA ids.
#[cfg(test)]
pub(super) fn all_rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    rows(ZONES).filter_map(|line| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.next()?, columns.next()?))
    })
}
