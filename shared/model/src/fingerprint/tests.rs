//! Tests of fingerprints.

use jiff::SignedDuration;
use jiff::civil::date;
use proptest::prelude::*;

use super::Fingerprint;
use crate::zone::Zone;
use crate::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, Participation, Pattern, Range, Recurrence,
    Schedule,
};

fn event(zone: &str) -> Event {
    let start = date(2026, 3, 2).at(9, 0, 0, 0);
    let zone = Zone::parse(zone).expect("a zone");
    Event::new(Schedule::timed(start, zone, SignedDuration::from_hours(1), None).expect("times"))
}

#[test]
fn display_and_parse_are_inverses() {
    let fingerprint = event("Europe/Berlin").fingerprint();
    let text = fingerprint.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(Fingerprint::parse(&text), Ok(fingerprint));
    for wrong in
        ["", "ab", &text.to_uppercase(), &text.replace(char::is_numeric, "g"), &format!("{text}0")]
    {
        assert!(Fingerprint::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_same_gives_the_same() {
    let plain = event("Europe/Berlin").fingerprint();
    assert_eq!(plain, event("Europe/Zurich").fingerprint());
    assert_ne!(plain, event("Europe/Paris").fingerprint());
    let mut counted = event("Europe/Berlin");
    counted.sequence = 9;
    counted.updated = Some("2026-03-02T00:00:00Z".parse().expect("an instant"));
    counted.body = Some(Body { format: BodyFormat::Html, content: "<p>&nbsp;</p>".to_owned() });
    assert_eq!(plain, counted.fingerprint());
    let rule = |pattern| {
        let mut event = event("Europe/Berlin");
        event.recurrence = Some(Recurrence { pattern, range: Range::Count(4) });
        event.fingerprint()
    };
    let yearly = rule(Pattern::AbsoluteYearly { interval: 2, month: 3, day: 2 });
    assert_eq!(yearly, rule(Pattern::AbsoluteMonthly { interval: 24, day: 2 }));
    assert_ne!(yearly, rule(Pattern::AbsoluteMonthly { interval: 12, day: 2 }));
    assert_ne!(yearly, plain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn normalising_and_order_change_nothing(
        title in proptest::option::of("[a-zA-Z \r\n]{0,12}"),
        location in proptest::option::of("[a-z\r\n]{0,6}"),
        names in proptest::collection::vec("[a-z]{1,4}", 0..5),
        addresses in proptest::collection::vec("[a-c]@example\\.com", 0..5),
    ) {
        let mut forward = event("Europe/Berlin");
        forward.title = title;
        forward.location = location;
        let mut backward = forward.clone();
        let person = |role| Attendee { name: None, role, participation: Participation::NeedsAction };
        for name in &names { forward.categories.insert(name.clone()); }
        for name in names.iter().rev() { backward.categories.insert(name.clone()); }
        for address in &addresses {
            forward.attendees.insert(address.clone(), person(AttendeeRole::Required));
        }
        for address in addresses.iter().rev() {
            backward.attendees.insert(address.to_uppercase(), person(AttendeeRole::Required));
        }
        let fingerprint = forward.fingerprint();
        prop_assert_eq!(fingerprint, backward.fingerprint());
        prop_assert_eq!(fingerprint, forward.clone().normalised().fingerprint());
        for property in forward.properties() {
            prop_assert!(forward.value(property).same(&backward.value(property)));
        }
        forward.priority = 1;
        prop_assert_ne!(fingerprint, forward.fingerprint());
    }
}
