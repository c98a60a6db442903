//! Requests as they are sent. Their validity against Microsoft's schema is checked elsewhere; here
//! stands what they say.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

use jiff::SignedDuration;
use jiff::civil::{Weekday, date};
use roxmltree::{Document, Node};
use tidemark_ews::calendar::{
    FieldChange, NewItem, WriteContext, WriteError, changes, occurrence_changes,
};
use tidemark_ews::{FindItem, Request};
use tidemark_model::{
    Attendee, AttendeeRole, Event, EventStatus, Participation, Pattern, Property, Range,
    Recurrence, RecurrenceError, Schedule, ShowAs, WeekIndex, WeekdaySet, Zone,
};

#[path = "../examples/sample_requests/requests.rs"]
mod requests;

fn sample(name: &str) -> String {
    let samples = requests::sample_requests();
    let (_, bytes) = samples.into_iter().find(|(key, _)| key == name).expect("a sample");
    String::from_utf8(bytes).expect("UTF-8")
}

fn body<'a>(document: &'a Document<'_>) -> Node<'a, 'a> {
    let mut nodes = document.descendants();
    let body = nodes.find(|node| node.tag_name().name() == "Body" && node.has_children());
    body.and_then(|body| body.first_element_child()).expect("an operation")
}

fn names(node: Node<'_, '_>) -> Vec<String> {
    let children = node.children().filter(Node::is_element);
    children.map(|child| child.tag_name().name().to_owned()).collect()
}

fn texts(xml: &str, name: &str) -> Vec<String> {
    let document = Document::parse(xml).expect("XML");
    let nodes = document.descendants().filter(|node| node.tag_name().name() == name);
    nodes.map(|node| node.text().unwrap_or_default().to_owned()).collect()
}

fn zone() -> Zone {
    Zone::parse("Europe/Berlin").expect("a zone")
}

fn event() -> Event {
    let start = date(2026, 3, 2).at(9, 0, 0, 0);
    let schedule = Schedule::timed(start, zone(), SignedDuration::from_mins(60), None);
    Event::new(schedule.expect("a schedule"))
}

fn series(pattern: Pattern, range: Range) -> Event {
    Event { recurrence: Some(Recurrence { pattern, range }), ..event() }
}

fn written(event: &Event) -> Result<String, WriteError> {
    let zone = zone();
    let item = NewItem::of(event, Some("link;intent;7"), WriteContext { zone: &zone })?;
    let create = tidemark_ews::CreateItem {
        folder: tidemark_ews::FolderAddress::CALENDAR,
        item,
        mail: tidemark_model::MailMode::Silent,
    };
    Ok(String::from_utf8(Request::new().build(&create)).expect("UTF-8"))
}

fn fields(changes: &[FieldChange]) -> Vec<(&'static str, bool)> {
    changes.iter().map(|change| (change.field().unwrap_or("stamp"), !change.clears())).collect()
}

fn differing(current: &Event, target: &Event) -> Vec<(&'static str, bool)> {
    let zone = zone();
    fields(&changes(current, target, WriteContext { zone: &zone }).expect("changes"))
}

#[test]
fn there_is_a_sample_of_every_request() {
    let samples = requests::sample_requests();
    assert_eq!(samples.len(), 38);
    for (name, bytes) in samples {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let document = Document::parse(&text).expect(&name);
        assert!(names(document.root_element()).iter().eq(["Header", "Body"]), "{name}");
    }
}

#[test]
fn the_header_says_version_and_mailbox() {
    let xml = sample("get-folder");
    let document = Document::parse(&xml).expect("XML");
    let header = document.root_element().first_element_child().expect("a header");
    assert_eq!(names(header), ["RequestServerVersion", "ExchangeImpersonation"]);
    let version = header.first_element_child().and_then(|node| node.attribute("Version"));
    assert_eq!(version, Some("Exchange2013_SP1"));
    assert_eq!(texts(&xml, "PrimarySmtpAddress"), ["alex@tidemark.example"]);
    let all = sample("get-server-time-zones-header");
    assert_eq!(texts(&all, "DateTimePrecision"), ["Seconds"]);
}

#[test]
fn a_new_item_stands_in_the_order_of_the_schema() {
    let xml = sample("create-item-full");
    let document = Document::parse(&xml).expect("XML");
    let create = body(&document);
    assert_eq!(create.attribute("SendMeetingInvitations"), Some("SendToAllAndSaveCopy"));
    let item = create.last_element_child().and_then(|items| items.first_element_child());
    assert_eq!(
        names(item.expect("an item")),
        [
            "Subject",
            "Sensitivity",
            "Body",
            "Categories",
            "Importance",
            "ReminderIsSet",
            "ReminderMinutesBeforeStart",
            "ExtendedProperty",
            "UID",
            "Start",
            "End",
            "IsAllDayEvent",
            "LegacyFreeBusyStatus",
            "Location",
            "RequiredAttendees",
            "OptionalAttendees",
            "Resources",
            "StartTimeZone",
            "EndTimeZone",
        ]
    );
    // Forbidden characters are gone, a carriage return survives.
    assert_eq!(texts(&xml, "Subject"), ["Visit <b> & \"more\"\r\n"]);
    assert_eq!(
        texts(&xml, "Body").last().map(String::as_str),
        Some("<p>line\r\nline ]]> &amp;</p>")
    );
    assert_eq!(texts(&xml, "Start"), ["2026-03-02T08:00:00Z"]);
    assert_eq!(texts(&xml, "RoutingType"), ["EX"]);
}

#[test]
fn whole_days_are_midnights_of_the_mailbox() {
    let xml = sample("create-item-whole-day");
    assert_eq!(texts(&xml, "Start"), ["2026-03-01T23:00:00Z"]);
    assert_eq!(texts(&xml, "End"), ["2026-03-03T23:00:00Z"]);
    assert!(xml.contains("<t:StartTimeZone Id=\"W. Europe Standard Time\"/>"));
    // A zone without a Windows id: midnight is one of the zone that is written beside it.
    let days = Schedule::all_day(date(2026, 3, 2), date(2026, 3, 3)).expect("days");
    let troll = Zone::parse("Antarctica/Troll").expect("a zone");
    let item =
        NewItem::of(&Event::new(days), None, WriteContext { zone: &troll }).expect("an item");
    let create = tidemark_ews::CreateItem {
        folder: tidemark_ews::FolderAddress::CALENDAR,
        item,
        mail: tidemark_model::MailMode::Silent,
    };
    let xml = String::from_utf8(Request::new().build(&create)).expect("UTF-8");
    assert_eq!(texts(&xml, "Start"), ["2026-03-02T00:00:00Z"]);
    assert!(xml.contains("<t:StartTimeZone Id=\"tzone://Microsoft/Custom\""));
}

#[test]
fn every_nth_year_is_written_as_months() {
    let xml = sample("create-item-yearly-2");
    assert_eq!(texts(&xml, "AbsoluteMonthlyRecurrence").len(), 1);
    assert_eq!(texts(&xml, "Interval"), ["24"]);
    assert_eq!(texts(&sample("create-item-yearly"), "Interval"), Vec::<String>::new());
}

#[test]
fn a_series_begins_with_its_first_occurrence() {
    let days = WeekdaySet::EMPTY.with(Weekday::Thursday);
    let pattern = Pattern::Weekly { interval: 1, days, first_day: Weekday::Monday };
    let xml = written(&series(pattern, Range::Count(3))).expect("an item");
    assert_eq!(texts(&xml, "Start"), ["2026-03-05T08:00:00Z"]);
    assert_eq!(texts(&xml, "StartDate"), ["2026-03-05"]);
}

#[test]
fn only_what_differs_is_written() {
    let current = event();
    assert_eq!(differing(&current, &current), []);
    let mut target = current.clone();
    target.title = Some("new".to_owned());
    assert_eq!(differing(&current, &target), [("item:Subject", true)]);
    assert_eq!(differing(&target, &current), [("item:Subject", false)]);
    let mut target = current.clone();
    target.reminder_minutes = Some(5);
    assert_eq!(
        differing(&current, &target),
        [("item:ReminderIsSet", true), ("item:ReminderMinutesBeforeStart", true),]
    );
    assert_eq!(differing(&target, &current), [("item:ReminderIsSet", true)]);
    // Levels within one of Exchange's, and a tentative event that is busy, are no difference.
    let mut target = current.clone();
    target.priority = 5;
    assert_eq!(differing(&current, &target), []);
    target.priority = 2;
    target.show_as = ShowAs::Tentative;
    let mut tentative = target.clone();
    tentative.show_as = ShowAs::Busy;
    tentative.status = EventStatus::Tentative;
    assert_eq!(differing(&target, &tentative), []);
    assert_eq!(
        differing(&current, &target),
        [("item:Importance", true), ("calendar:LegacyFreeBusyStatus", true),]
    );
}

#[test]
fn times_zones_and_rule_are_written_together() {
    let times = [
        ("calendar:Start", true),
        ("calendar:End", true),
        ("calendar:IsAllDayEvent", true),
        ("calendar:StartTimeZone", true),
        ("calendar:EndTimeZone", true),
    ];
    let current = event();
    let mut target = current.clone();
    target.schedule = current.schedule.moved_to(date(2026, 3, 2).at(10, 0, 0, 0));
    assert_eq!(differing(&current, &target), times);
    let daily = series(Pattern::Daily { interval: 1 }, Range::Count(3));
    let with_rule: Vec<_> = times.into_iter().chain([("calendar:Recurrence", true)]).collect();
    assert_eq!(differing(&current, &daily), with_rule);
    let without_rule: Vec<_> = times.into_iter().chain([("calendar:Recurrence", false)]).collect();
    assert_eq!(differing(&daily, &current), without_rule);
    let zone = zone();
    let context = WriteContext { zone: &zone };
    let moved = occurrence_changes(&current, &target, context).expect("changes");
    assert_eq!(fields(&moved), times);
}

#[test]
fn people_are_written_by_list_and_answers_never() {
    let person = |role, participation| Attendee { name: None, role, participation };
    let (required, optional) = (AttendeeRole::Required, AttendeeRole::Optional);
    let mut current = event();
    current
        .attendees
        .insert("a@b.example".to_owned(), person(required, Participation::NeedsAction));
    let mut target = current.clone();
    target.attendees.insert("a@b.example".to_owned(), person(required, Participation::Accepted));
    assert_eq!(differing(&current, &target), []);
    target.attendees.insert("a@b.example".to_owned(), person(optional, Participation::Accepted));
    assert_eq!(
        differing(&current, &target),
        [("calendar:RequiredAttendees", false), ("calendar:OptionalAttendees", true),]
    );
}

#[test]
fn what_ews_cannot_hold_is_refused_with_the_property_and_the_mend() {
    let odd = WeekdaySet::EMPTY.with(Weekday::Tuesday).with(Weekday::Thursday);
    let relative =
        |interval, days| Pattern::RelativeMonthly { interval, index: WeekIndex::First, days };
    let daily = |interval| Pattern::Daily { interval };
    for (event, expected) in [
        (series(relative(1, odd), Range::NoEnd), WriteError::Weekdays),
        (series(daily(1), Range::Count(1000)), WriteError::Count),
        (series(daily(1000), Range::NoEnd), WriteError::Rule(RecurrenceError::Interval)),
        (
            series(Pattern::AbsoluteYearly { interval: 100, month: 3, day: 2 }, Range::NoEnd),
            WriteError::Interval,
        ),
        (
            series(daily(1), Range::Until(date(2026, 3, 1))),
            WriteError::Rule(RecurrenceError::NoOccurrence),
        ),
    ] {
        let error = written(&event).expect_err("refused");
        assert_eq!((error, error.property()), (expected, Property::Schedule));
        assert!(error.to_string().contains(['c', ';']), "{error}");
    }
    // Windows has neither zone; one of them changed its offset for good in that year.
    let zone = |name| Zone::parse(name).expect("a zone");
    let in_year = |year, zone| {
        let start = date(year, 3, 2).at(9, 0, 0, 0);
        let hour = SignedDuration::from_mins(60);
        Schedule::timed(start, zone, hour, None).expect("a schedule")
    };
    let mut elsewhere = series(daily(1), Range::NoEnd);
    elsewhere.schedule = in_year(2026, zone("Antarctica/Troll"));
    let xml = written(&elsewhere).expect("an item");
    assert!(xml.contains("<t:StartTimeZone Id=\"tzone://Microsoft/Custom\""));
    elsewhere.schedule = in_year(1919, zone("America/Coyhaique"));
    assert_eq!(written(&elsewhere), Err(WriteError::Zone));
    // A single event there is held: its instants are right in any zone.
    elsewhere.recurrence = None;
    let xml = written(&elsewhere).expect("an item");
    assert!(xml.contains("<t:StartTimeZone Id=\"UTC\"/>"));
    let mut early = event();
    early.reminder_minutes = Some(2_629_801);
    assert_eq!(written(&early), Err(WriteError::Reminder));
    let mut nobody = event();
    let attendee = Attendee {
        name: None,
        role: AttendeeRole::Required,
        participation: Participation::NeedsAction,
    };
    nobody.attendees.insert(String::new(), attendee);
    assert_eq!(written(&nobody), Err(WriteError::Address));
}

#[test]
fn searches_name_the_property_of_the_store() {
    let by_stamp =
        String::from_utf8(Request::new().build(&FindItem::by_stamp("link"))).expect("UTF-8");
    let document = Document::parse(&by_stamp).expect("XML");
    let contains = document.descendants().find(|node| node.tag_name().name() == "Contains");
    let contains = contains.expect("a restriction");
    assert_eq!(contains.attribute("ContainmentMode"), Some("Prefixed"));
    assert_eq!(contains.attribute("ContainmentComparison"), Some("Exact"));
    let constant = contains.last_element_child().and_then(|node| node.attribute("Value"));
    assert_eq!(constant, Some("link;"));
    let by_uid = sample("find-item-by-uid");
    assert!(by_uid.contains("DistinguishedPropertySetId=\"Meeting\" PropertyId=\"35\""));
}
