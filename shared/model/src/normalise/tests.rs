//! Tests of normalisation and sameness.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::date;

use super::text::readable;
use crate::zone::Zone;
use crate::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, OccurrencePatch, Override, Participation,
    Pattern, PropertyValue, Range, Recurrence, RecurrenceId, Schedule,
};

fn event() -> Event {
    Event::new(at_nine("Europe/Berlin"))
}

fn at_nine(zone: &str) -> Schedule {
    Schedule::timed(
        date(2026, 3, 2).at(9, 0, 0, 0),
        Zone::parse(zone).expect("a zone"),
        SignedDuration::from_hours(1),
        None,
    )
    .expect("legal times")
}

fn html(content: &str) -> Body {
    Body { format: BodyFormat::Html, content: content.to_owned() }
}

fn attendee(role: AttendeeRole, participation: Participation) -> Attendee {
    Attendee { name: None, role, participation }
}

#[test]
fn texts_lose_what_exchange_would_take() {
    let mut raw = event();
    raw.title = Some(format!("Two\r\nlines{}", "x".repeat(300)));
    raw.location = Some(" \r\n".to_owned());
    raw.body = Some(Body { format: BodyFormat::Text, content: "a\r\nb\rc \n".to_owned() });
    let clean = raw.normalised();
    let title = clean.title.clone().expect("a title");
    assert!(title.starts_with("Twolinesx") && title.len() == 255);
    assert_eq!(clean.location, None);
    assert_eq!(clean.body.as_ref().map(|body| body.content.as_str()), Some("a\nb\nc"));
    assert!(clean.clone().normalised() == clean);
}

#[test]
fn overrides_that_say_nothing_go() {
    let mut series = event();
    series.title = Some("Same".to_owned());
    series.recurrence =
        Some(Recurrence { pattern: Pattern::Daily { interval: 1 }, range: Range::Count(3) });
    let id = |day| RecurrenceId::new(date(2026, 3, day).at(9, 0, 0, 0));
    let titled = |title: &str| {
        Override::Changed(Box::new(OccurrencePatch {
            title: Some(Some(title.to_owned())),
            ..OccurrencePatch::default()
        }))
    };
    series.overrides.insert(id(2), titled("Same "));
    series.overrides.insert(id(3), titled("Other"));
    series.overrides.insert(id(9), Override::Excluded);
    let clean = series.normalised();
    assert_eq!(clean.overrides.keys().copied().collect::<Vec<_>>(), [id(3)]);
    let mut single = event();
    single.overrides.insert(id(2), Override::Excluded);
    assert!(single.normalised().overrides.is_empty());
}

#[test]
fn html_is_read_as_its_text() {
    let read = |content| readable(&html(content));
    assert_eq!(
        read("<html><head><style>p { a: b }</STYLE></head><p>A&amp;B</p><p>c<b>d</b></p>"),
        "A&B cd"
    );
    assert_eq!(
        read("1 &lt; 2&nbsp;&#x20AC;&#8364; &bogus; & <!-- <p>no</p> -->x"),
        "1 < 2 €€ &bogus; & x"
    );
    assert_eq!(read("a < b <unclosed"), "a < b <unclosed");
    assert_eq!(read("<style>never closed"), "<style>never closed");
    assert_eq!(read("</"), "</");
    assert_eq!(read("ä&"), "ä&");
    let long = "<a ".repeat(200_000);
    assert_eq!(read(&long).len(), long.len() - 1);
    let long = "&".repeat(200_000);
    assert_eq!(read(&long).len(), long.len());
}

#[test]
fn sameness_is_what_people_see() {
    let body = |body: Body| PropertyValue::Body(Some(body));
    let text = Body { format: BodyFormat::Text, content: "One\r\n two".to_owned() };
    assert!(body(html("<p>One</p><p>two</p>")).same(&body(text.clone())));
    assert!(body(html("<br>")).same(&PropertyValue::Body(None)));
    assert!(!body(html("<p>One</p>")).same(&body(text)));
    let title = |title: &str| PropertyValue::Title(Some(title.to_owned()));
    assert!(title("").same(&PropertyValue::Title(None)));
    assert!(!title("a").same(&title("A")));
    assert!(!title("a").same(&PropertyValue::Location(Some("a".to_owned()))));
    assert!(!PropertyValue::Priority(1).same(&PropertyValue::Priority(2)));
}

#[test]
fn times_are_the_same_within_a_class_of_zones() {
    let times = |zone| PropertyValue::Schedule(at_nine(zone), None);
    assert!(times("Europe/Berlin").same(&times("Europe/Zurich")));
    assert!(!times("Europe/Berlin").same(&times("Europe/Paris")));
    let rule = |interval| Recurrence {
        pattern: Pattern::AbsoluteMonthly { interval, day: 2 },
        range: Range::NoEnd,
    };
    let yearly = Recurrence {
        pattern: Pattern::AbsoluteYearly { interval: 1, month: 3, day: 2 },
        range: Range::NoEnd,
    };
    let with = |rule| PropertyValue::Schedule(at_nine("Europe/Berlin"), Some(rule));
    assert!(with(yearly.clone()).same(&with(rule(12))));
    assert!(!with(yearly.clone()).same(&with(rule(6))));
    assert!(!with(yearly).same(&times("Europe/Berlin")));
}

#[test]
fn attendees_are_people_in_roles() {
    let list = |address: &str, role, answer| {
        PropertyValue::Attendees(BTreeMap::from([(address.to_owned(), attendee(role, answer))]))
    };
    let ann = list("ann@example.com", AttendeeRole::Required, Participation::NeedsAction);
    assert!(ann.same(&list("Ann@Example.com", AttendeeRole::Required, Participation::Accepted)));
    assert!(!ann.same(&list(
        "ann@example.com",
        AttendeeRole::Optional,
        Participation::NeedsAction
    )));
    assert!(!ann.same(&PropertyValue::Attendees(BTreeMap::new())));
}
