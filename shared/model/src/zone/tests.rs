//! Tests of zones.

use jiff::Timestamp;
use jiff::civil::{Weekday, date};

use super::{DaylightRules, YearlyMoment, Zone, ZoneError, ZoneRules, windows};

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|_| panic!("unknown zone {name}"))
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn moment(month: i8, occurrence: i8, time_seconds: i32) -> YearlyMoment {
    YearlyMoment { month, occurrence, weekday: Weekday::Sunday, time_seconds }
}

fn rules(standard: i32, daylight: Option<(i32, YearlyMoment, YearlyMoment)>) -> ZoneRules {
    ZoneRules {
        name: "Custom".to_owned(),
        standard_offset_seconds: standard,
        daylight: daylight.map(|(offset_seconds, begins, ends)| DaylightRules {
            offset_seconds,
            begins,
            ends,
        }),
    }
}

fn central_europe() -> ZoneRules {
    rules(3600, Some((7200, moment(3, 5, 2 * 3600), moment(10, 5, 3 * 3600))))
}

#[test]
fn every_row_of_the_table_goes_both_ways() {
    let mut rows = 0;
    for (id, territory, names) in windows::all_rows() {
        rows += 1;
        let found = Zone::from_windows(id, Some(territory)).expect("a zone for every row");
        let preferred = names.split_whitespace().next().expect("a name");
        assert!(found.same_class(&zone(preferred)), "{id} {territory}");
        assert_eq!(found.windows_id(), Some(id), "{id} {territory}");
        for name in names.split_whitespace() {
            assert_eq!(zone(name).windows_id(), Some(id), "{name}");
        }
        let shouted = id.to_uppercase();
        assert_eq!(Zone::from_windows(&shouted, Some(territory)), Ok(found));
    }
    assert_eq!(rows, 500);
}

#[test]
fn defaults_territories_and_pseudo_zones() {
    let name = |id, territory| Zone::from_windows(id, territory).map(|zone| zone.name().to_owned());
    assert_eq!(name("W. Europe Standard Time", None).as_deref(), Ok("Europe/Berlin"));
    assert_eq!(name("w. europe standard time", Some("ch")).as_deref(), Ok("Europe/Zurich"));
    assert_eq!(name("W. Europe Standard Time", Some("JP")).as_deref(), Ok("Europe/Berlin"));
    assert_eq!(name("tzone://Microsoft/Utc", None).as_deref(), Ok("Etc/UTC"));
    assert_eq!(name("UTC", None).as_deref(), Ok("Etc/UTC"));
    assert_eq!(name("UTC+12", None).as_deref(), Ok("Etc/GMT-12"));
    assert_eq!(name("utc-03", None).as_deref(), Ok("Etc/GMT+3"));
    for unknown in [
        "tzone://Microsoft/Custom",
        "Customized Time Zone",
        "UTC+",
        "UTC+15",
        "UTC*03",
        "UT",
        "",
        "ÄÖÜ",
        "Europe/Berlin",
    ] {
        assert_eq!(name(unknown, None), Err(ZoneError::Unknown), "{unknown}");
    }
}

#[test]
fn names_in_any_case_and_aliases() {
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    assert_eq!(zone("utc"), Zone::utc());
    assert_eq!(zone("Asia/Kolkata").windows_id(), Some("India Standard Time"));
    assert!(zone("Asia/Kolkata").same_class(&zone("Asia/Calcutta")));
    assert!(zone("Europe/Berlin").same_class(&zone("Europe/Zurich")));
    assert!(!zone("Europe/Berlin").same_class(&zone("Europe/Paris")));
    assert_eq!(zone("Antarctica/Troll").windows_id(), None);
    assert!(zone("Antarctica/Troll").same_class(&zone("Antarctica/Troll")));
    for unknown in ["Etc/Unknown", "Mars/Olympus", ""] {
        assert_eq!(Zone::parse(unknown), Err(ZoneError::Unknown), "{unknown}");
    }
}

#[test]
fn gaps_move_forward_and_the_first_of_two_is_meant() {
    for zone in [zone("Europe/Berlin"), Zone::Rules(central_europe())] {
        let at = |day, hour, minute| zone.to_instant(date(2026, 3, day).at(hour, minute, 0, 0));
        assert_eq!(at(29, 1, 59), instant("2026-03-29T00:59:00Z"));
        assert_eq!(at(29, 2, 30), instant("2026-03-29T01:30:00Z"));
        assert_eq!(at(29, 3, 0), instant("2026-03-29T01:00:00Z"));
        let folded = date(2026, 10, 25).at(2, 30, 0, 0);
        assert_eq!(zone.to_instant(folded), instant("2026-10-25T00:30:00Z"));
        assert_eq!(zone.to_civil(instant("2026-10-25T00:30:00Z")), folded);
        assert_eq!(zone.to_civil(instant("2026-10-25T01:30:00Z")), folded);
    }
}

#[test]
fn southern_rules_run_over_the_turn_of_the_year() {
    let sydney = rules(36_000, Some((39_600, moment(10, 1, 7200), moment(4, 1, 10_800))));
    let custom = Zone::Rules(sydney.clone());
    let known = zone("Australia/Sydney");
    for day in 0..730 {
        let at = date(2026, 1, 1).at(12, 0, 0, 0) + jiff::Span::new().days(day);
        assert_eq!(custom.to_instant(at), known.to_instant(at), "{at}");
        assert_eq!(custom.to_civil(custom.to_instant(at)), at);
    }
    assert_eq!(Zone::from_rules(sydney), known);
}

#[test]
fn rules_find_their_zone() {
    assert_eq!(Zone::from_rules(rules(0, None)), Zone::utc());
    assert!(matches!(Zone::from_rules(rules(1234, None)), Zone::Rules(_)));
    let named = ZoneRules { name: "romance standard time".to_owned(), ..central_europe() };
    assert_eq!(Zone::from_rules(named), zone("Europe/Paris"));
    let unnamed = Zone::from_rules(central_europe());
    assert_eq!(unnamed.windows_id(), Some("Central Europe Standard Time"));
    let broken = rules(3600, Some((7200, moment(13, 9, 0), moment(0, 0, 0))));
    assert!(matches!(Zone::from_rules(broken.clone()), Zone::Iana(_) | Zone::Rules(_)));
    assert_eq!(
        Zone::Rules(broken).to_instant(date(2026, 7, 1).at(1, 0, 0, 0)),
        instant("2026-07-01T00:00:00Z")
    );
}

#[test]
fn zones_give_the_rules_of_a_year() {
    let berlin = zone("Europe/Berlin").rules_for_year(2026).expect("rules");
    assert!(berlin.same_rules(&central_europe()));
    assert_eq!(Zone::from_rules(berlin), zone("Europe/Berlin"));
    let kolkata = zone("Asia/Kolkata").rules_for_year(2026).expect("rules");
    assert_eq!((kolkata.standard_offset_seconds, kolkata.daylight), (19_800, None));
    let troll = Zone::Rules(zone("Antarctica/Troll").rules_for_year(2026).expect("rules"));
    for day in 0..365 {
        let at = date(2026, 1, 1).at(12, 0, 0, 0) + jiff::Span::new().days(day);
        assert_eq!(troll.to_instant(at), zone("Antarctica/Troll").to_instant(at));
    }
}
