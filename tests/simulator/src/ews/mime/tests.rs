use jiff::civil::date;
use tidemark_model::{Pattern, Range, WeekIndex};

use super::component::Component;
use super::rule;
use super::time::Zones;
use super::writer::Lines;
use crate::windows_zone;

#[test]
fn lines_are_unfolded_and_their_escapes_undone() {
    let text = "BEGIN:VCALENDAR\r\nX;CN=\"a:b;c\";Y=1:one\\, two\\n\r\n  three\\\\\r\nL:a\\,b,c\r\n\
                END:VCALENDAR\r\n";
    let calendar = Component::read(text).expect("a component");
    let property = calendar.property("X").expect("a line");
    assert_eq!(property.parameter("CN"), Some("a:b;c"));
    assert_eq!(property.parameter("Y"), Some("1"));
    assert_eq!(property.text(), "one, two\n three\\");
    assert_eq!(calendar.property("L").expect("a list").texts(), ["a,b", "c"]);
}

#[test]
fn what_is_no_component_is_refused() {
    for text in ["", "BEGIN:VCALENDAR\n", "BEGIN:A\nEND:B\n", "nonsense", "X:1\n"] {
        assert!(Component::read(text).is_none(), "{text:?}");
    }
    let deep = "BEGIN:A\n".repeat(9) + &"END:A\n".repeat(9);
    assert!(Component::read(&deep).is_none());
}

#[test]
fn long_lines_are_folded_between_characters() {
    let mut lines = Lines::default();
    let long = "größer, ".repeat(30);
    lines.text("SUMMARY", &long);
    let text = lines.into_string();
    assert!(text.split("\r\n").all(|line| line.len() <= 75));
    let calendar = Component::read(&format!("BEGIN:A\r\n{text}END:A\r\n")).expect("a component");
    assert_eq!(calendar.property("SUMMARY").expect("the line").text(), long);
}

fn read_rule(text: &str) -> Option<tidemark_model::Recurrence> {
    rule::read(text, date(2027, 3, 9), |until| {
        jiff::civil::Date::strptime("%Y%m%d", until.get(..8)?).ok()
    })
}

#[test]
fn rules_are_read_as_exchange_has_patterns_for_them() {
    let pattern = |text: &str| read_rule(text).map(|rule| rule.pattern);
    assert_eq!(pattern("FREQ=DAILY;INTERVAL=3"), Some(Pattern::Daily { interval: 3 }));
    assert!(matches!(
        pattern("FREQ=DAILY;BYDAY=MO,WE"),
        Some(Pattern::Weekly { interval: 1, days, .. }) if days.len() == 2
    ));
    assert!(matches!(
        pattern("FREQ=WEEKLY"),
        Some(Pattern::Weekly { days, .. }) if days.contains(jiff::civil::Weekday::Tuesday)
    ));
    assert_eq!(
        pattern("FREQ=MONTHLY;BYMONTHDAY=-1"),
        Some(Pattern::AbsoluteMonthly { interval: 1, day: 31 })
    );
    assert!(matches!(
        pattern("FREQ=MONTHLY;BYDAY=-1FR"),
        Some(Pattern::RelativeMonthly { index: WeekIndex::Last, days, .. }) if days.len() == 1
    ));
    assert!(matches!(
        pattern("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1;BYMONTH=4"),
        Some(Pattern::RelativeYearly { month: 4, index: WeekIndex::First, days, .. })
            if days.len() == 5
    ));
    assert_eq!(
        pattern("FREQ=YEARLY"),
        Some(Pattern::AbsoluteYearly { interval: 1, month: 3, day: 9 })
    );
    assert_eq!(
        read_rule("FREQ=DAILY;UNTIL=20270401").map(|rule| rule.range),
        Some(Range::Until(date(2027, 4, 1)))
    );
    for text in
        ["FREQ=HOURLY", "FREQ=MONTHLY;BYDAY=MO", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;COUNT=0"]
    {
        assert_eq!(read_rule(text), None, "{text}");
    }
}

#[test]
fn a_zone_is_taken_by_its_rules_unless_windows_knows_its_name() {
    let zone = |id: &str| {
        format!(
            "BEGIN:VTIMEZONE\nTZID:{id}\nBEGIN:STANDARD\nDTSTART:16010101T030000\n\
             TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\n\
             END:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\n\
             TZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\n\
             END:VTIMEZONE\n"
        )
    };
    let text = format!(
        "BEGIN:VCALENDAR\n{}{}A;TZID=Berlin:20270701T120000\n\
         B;TZID=Romance Standard Time:20270701T120000\nC;TZID=Nowhere:20270701T120000\n\
         END:VCALENDAR\n",
        zone("Berlin"),
        zone("Romance Standard Time")
    );
    let calendar = Component::read(&text).expect("a component");
    let zones = Zones::read(&calendar);
    let moment = |name| zones.moment(calendar.property(name).expect("a line")).expect("a moment");
    let (at, own) = moment("A").civil("UTC");
    assert_eq!(windows_zone::custom_names(&own), Some(("Berlin", "Berlin")));
    assert_eq!(windows_zone::to_instant(&own, at).to_string(), "2027-07-01T10:00:00Z");
    assert_eq!(moment("B").civil("UTC").1, "Romance Standard Time");
    assert_eq!(moment("C").civil("Tokyo Standard Time").1, "Tokyo Standard Time");
}
