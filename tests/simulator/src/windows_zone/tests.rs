use jiff::civil::{Weekday, date};

use super::*;

fn berlin_rules() -> YearlyRules {
    let moment =
        |month, seconds| YearlyMoment { month, day: YearlyDay::Nth(5, Weekday::Sunday), seconds };
    YearlyRules { standard: 3600, daylight: Some((7200, moment(3, 7200), moment(10, 10_800))) }
}

#[test]
fn a_zone_by_its_rules_tells_the_same_times_as_the_named_one() {
    assert_eq!(YearlyRules::of(&zone("W. Europe Standard Time")), berlin_rules());
    let own = custom("tzone://Microsoft/Custom", "Ours", &berlin_rules()).expect("in range");
    assert!(is_known(&own));
    assert_eq!(custom_names(&own), Some(("tzone://Microsoft/Custom", "Ours")));
    assert_eq!(YearlyRules::of(&zone(&own)), berlin_rules());
    for at in [date(2026, 1, 5).at(9, 0, 0, 0), date(2026, 7, 5).at(9, 0, 0, 0)] {
        assert_eq!(to_instant(&own, at), to_instant("W. Europe Standard Time", at));
    }
}

#[test]
fn a_change_on_a_date_is_kept() {
    let moment = |month, day| YearlyMoment { month, day: YearlyDay::Date(day), seconds: 0 };
    let rules =
        YearlyRules { standard: 12_600, daylight: Some((16_200, moment(3, 22), moment(9, 22))) };
    let own = custom("x", "By date", &rules).expect("in range");
    let offset = |month, day| {
        zone(&own).to_offset(to_instant("UTC", date(2028, month, day).at(12, 0, 0, 0))).seconds()
    };
    assert_eq!((offset(3, 21), offset(3, 22)), (12_600, 16_200));
    assert_eq!((offset(9, 21), offset(9, 22)), (16_200, 12_600));
}

#[test]
fn rules_out_of_range_make_no_zone() {
    let moment = || YearlyMoment { month: 13, day: YearlyDay::Nth(1, Weekday::Sunday), seconds: 0 };
    let rules = YearlyRules { standard: 0, daylight: Some((3600, moment(), moment())) };
    assert_eq!(custom("x", "x", &rules), None);
    assert!(!is_known("Nowhere Standard Time"));
}
