//! What is sent, and what is refused before anything is.

use std::collections::BTreeMap;

use jiff::civil::{DateTime, Weekday, date};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use tidemark_graph::calendar::{
    EventChanges, NewEvent, OccurrenceAction, WriteContext, WriteError, changes, plan_create,
    plan_update,
};
use tidemark_model::{
    Attendee, AttendeeRole, Body, BodyFormat, Event, EventStatus, OccurrencePatch, Override,
    Participation, Pattern, Privacy, Property, Range, Recurrence, RecurrenceError, RecurrenceId,
    Schedule, ShowAs, WeekdaySet, Zone,
};

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").expect("a zone")
}

fn at(month: i8, day: i8, hour: i8) -> DateTime {
    date(2026, month, day).at(hour, 0, 0, 0)
}

fn hour(start: DateTime, zone: Zone) -> Schedule {
    Schedule::timed(start, zone, SignedDuration::from_hours(1), None).expect("an hour")
}

fn visit() -> Event {
    let mut event = Event::new(hour(at(3, 2, 9), berlin()));
    event.title = Some("Visit".to_owned());
    event
}

/// Ten Mondays and Wednesdays of every second week.
fn series() -> Event {
    let mut event = visit();
    let days = WeekdaySet::EMPTY.with(Weekday::Monday).with(Weekday::Wednesday);
    event.recurrence = Some(Recurrence {
        pattern: Pattern::Weekly { interval: 2, days, first_day: Weekday::Monday },
        range: Range::Count(10),
    });
    event
}

fn id(month: i8, day: i8) -> RecurrenceId {
    RecurrenceId::new(at(month, day, 9))
}

fn titled(title: &str) -> Override {
    let title = Some(Some(title.to_owned()));
    Override::Changed(Box::new(OccurrencePatch { title, ..OccurrencePatch::default() }))
}

fn attendee(name: Option<&str>) -> Attendee {
    Attendee {
        name: name.map(str::to_owned),
        role: AttendeeRole::Optional,
        participation: Participation::Accepted,
    }
}

fn body_of(event: &Event) -> Result<Value, WriteError> {
    let zone = berlin();
    let new = NewEvent::of(event, None, None, WriteContext { zone: &zone })?;
    let json: Value = serde_json::from_slice(&new.to_json()).expect("JSON");
    assert_eq!(json, Value::Object(new.members().clone()));
    Ok(json)
}

fn changed(current: &Event, target: &Event) -> Result<Value, WriteError> {
    let zone = berlin();
    let found = changes(current, target, WriteContext { zone: &zone })?;
    Ok(serde_json::from_slice(&found.to_json()).expect("JSON"))
}

#[test]
fn a_new_series_is_the_documented_example() {
    let mut event = series();
    event.privacy = Privacy::Private;
    event.location = Some("Room 1".to_owned());
    event.categories.insert("Red category".to_owned());
    event.reminder_minutes = Some(15);
    event.body = Some(Body { format: BodyFormat::Text, content: "text".to_owned() });
    let zone = berlin();
    let context = WriteContext { zone: &zone };
    let new = NewEvent::of(&event, Some("link;intent;7"), Some("6f1f5d2e"), context);
    let expected = json!({
        "subject": "Visit", "sensitivity": "private", "showAs": "busy", "importance": "normal",
        "start": { "dateTime": "2026-03-02T09:00:00", "timeZone": "W. Europe Standard Time" },
        "end": { "dateTime": "2026-03-02T10:00:00", "timeZone": "W. Europe Standard Time" },
        "isAllDay": false,
        "location": { "displayName": "Room 1" }, "categories": ["Red category"],
        "isReminderOn": true, "reminderMinutesBeforeStart": 15,
        "body": { "contentType": "text", "content": "text" },
        "transactionId": "6f1f5d2e",
        "recurrence": {
            "pattern": { "type": "weekly", "interval": 2, "daysOfWeek": ["monday", "wednesday"],
                "firstDayOfWeek": "monday" },
            "range": { "type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 10,
                "recurrenceTimeZone": "W. Europe Standard Time" },
        },
        "singleValueExtendedProperties": [{
            "id": "String {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name TidemarkLink",
            "value": "link;intent;7",
        }],
    });
    let new = new.expect("an event");
    assert_eq!(Value::Object(new.members().clone()), expected);
    let shown = format!("{new:?}");
    assert!(shown.contains("subject") && !shown.contains("Visit"), "{shown}");
}

#[test]
fn what_an_event_does_not_say_is_said_where_the_mailbox_has_a_default() {
    let body = body_of(&visit()).expect("a body");
    assert_eq!(body["isReminderOn"], json!(false));
    for absent in ["reminderMinutesBeforeStart", "attendees", "recurrence", "transactionId"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn a_series_begins_with_its_first_occurrence() {
    let mut event = series();
    event.schedule = hour(at(3, 3, 9), berlin());
    let body = body_of(&event).expect("a body");
    assert_eq!(body["start"]["dateTime"], "2026-03-04T09:00:00");
    assert_eq!(body["recurrence"]["range"]["startDate"], "2026-03-04");
}

#[test]
fn zones_that_windows_lacks_hold_single_events_only() {
    let troll = Zone::parse("Antarctica/Troll").expect("a zone");
    assert_eq!(troll.windows_id(), None);
    let mut event = visit();
    event.schedule = hour(at(7, 1, 9), troll.clone());
    let body = body_of(&event).expect("a body");
    assert_eq!(body["start"], json!({ "dateTime": "2026-07-01T07:00:00", "timeZone": "UTC" }));
    event.recurrence = series().recurrence;
    assert_eq!(body_of(&event), Err(WriteError::Zone));
    // Whole days have no zone of their own.
    event.schedule = Schedule::all_day(date(2026, 7, 1), date(2026, 7, 3)).expect("days");
    let new = NewEvent::of(&event, None, None, WriteContext { zone: &troll }).expect("an event");
    let midnight = json!({ "dateTime": "2026-07-01T00:00:00", "timeZone": "UTC" });
    assert_eq!(new.members()["start"], midnight);
    assert_eq!(new.members()["recurrence"]["range"]["recurrenceTimeZone"], "UTC");
}

#[test]
fn an_end_in_the_second_of_two_like_hours_is_written_in_utc() {
    let mut event = visit();
    // Two hours from half past one: the clocks go back from three to two in between.
    let start = date(2026, 10, 25).at(1, 30, 0, 0);
    let length = SignedDuration::from_hours(2);
    event.schedule = Schedule::timed(start, berlin(), length, None).expect("times");
    let body = body_of(&event).expect("a body");
    assert_eq!(body["start"]["dateTime"], "2026-10-25T01:30:00");
    assert_eq!(body["end"], json!({ "dateTime": "2026-10-25T01:30:00", "timeZone": "UTC" }));
}

#[test]
fn what_graph_cannot_hold_is_refused_by_name() {
    let rule = |pattern, range| {
        let mut event = visit();
        event.recurrence = Some(Recurrence { pattern, range });
        body_of(&event).expect_err("refused")
    };
    let daily = |interval| Pattern::Daily { interval };
    let yearly = |interval| Pattern::AbsoluteYearly { interval, month: 3, day: 2 };
    assert_eq!(rule(daily(1), Range::Count(1000)), WriteError::Count);
    assert_eq!(rule(yearly(84), Range::NoEnd), WriteError::Interval);
    assert_eq!(rule(daily(1000), Range::NoEnd), WriteError::Rule(RecurrenceError::Interval));
    let before = Range::Until(date(2026, 3, 1));
    let none = rule(daily(1), before);
    assert_eq!(none, WriteError::Rule(RecurrenceError::NoOccurrence));
    assert_eq!(none.property(), Property::Schedule);
    let mut early = series();
    early.schedule = early.schedule.moved_to(date(1600, 1, 1).at(9, 0, 0, 0));
    assert_eq!(body_of(&early), Err(WriteError::TooEarly));
    let mut event = visit();
    event.reminder_minutes = Some(2_629_801);
    assert_eq!(changed(&visit(), &event), Err(WriteError::Reminder));
    let mut event = visit();
    event.attendees.insert(" ".to_owned(), attendee(None));
    let refused = changed(&visit(), &event).expect_err("refused");
    assert_eq!((refused, refused.property()), (WriteError::Address, Property::Attendees));
}

#[test]
fn only_what_differs_is_written() {
    let mut target = visit();
    target.title = None;
    assert_eq!(changed(&visit(), &target), Ok(json!({ "subject": "" })));
    let mut full = visit();
    full.body = Some(Body { format: BodyFormat::Html, content: "<p>x</p>".to_owned() });
    full.location = Some("Room".to_owned());
    full.categories.insert("Red".to_owned());
    full.reminder_minutes = Some(5);
    full.attendees.insert("a@tidemark.example".to_owned(), attendee(Some("A")));
    let cleared = json!({
        "body": { "contentType": "text", "content": "" }, "location": { "displayName": "" },
        "categories": [], "isReminderOn": false, "attendees": [],
    });
    assert_eq!(changed(&full, &visit()), Ok(cleared));
    // Finer priorities and answers are not the server's.
    let mut finer = full.clone();
    finer.priority = 5;
    finer.attendees.insert("a@tidemark.example".to_owned(), attendee(None));
    assert_eq!(changed(&full, &finer), Ok(json!({})));
    let mut tentative = visit();
    tentative.status = EventStatus::Tentative;
    assert_eq!(changed(&visit(), &tentative), Ok(json!({ "showAs": "tentative" })));
}

#[test]
fn times_and_rule_are_written_together() {
    let berlin_time =
        |text: &str| json!({ "dateTime": text, "timeZone": "W. Europe Standard Time" });
    let mut longer = visit();
    let length = SignedDuration::from_mins(90);
    longer.schedule = Schedule::timed(at(3, 2, 9), berlin(), length, None).expect("times");
    let expected = json!({ "start": berlin_time("2026-03-02T09:00:00"),
        "end": berlin_time("2026-03-02T10:30:00"), "isAllDay": false });
    assert_eq!(changed(&visit(), &longer), Ok(expected));
    let single = changed(&series(), &visit()).expect("changes");
    assert_eq!(single.get("recurrence"), Some(&Value::Null));
    assert_eq!(single["start"], berlin_time("2026-03-02T09:00:00"));
    let repeated = changed(&visit(), &series()).expect("changes");
    assert_eq!(repeated["recurrence"]["pattern"]["type"], "weekly");
}

#[test]
fn people_are_written_as_they_were_read() {
    let mut event = visit();
    let people = [
        ("casey@tidemark.example", attendee(Some("Casey"))),
        ("devon@tidemark.example", attendee(None)),
        ("front desk", attendee(Some("Front Desk"))),
        ("/o=first/cn=eli", attendee(Some("Eli"))),
    ];
    event.attendees = people.into_iter().map(|(key, who)| (key.to_owned(), who)).collect();
    let body = body_of(&event).expect("a body");
    let expected = json!([
        { "type": "optional", "emailAddress": { "name": "Eli", "address": "/o=first/cn=eli" } },
        { "type": "optional", "emailAddress": { "name": "Casey", "address": "casey@tidemark.example" } },
        { "type": "optional", "emailAddress": { "address": "devon@tidemark.example" } },
        { "type": "optional", "emailAddress": { "name": "Front Desk" } },
    ]);
    assert_eq!(body["attendees"], expected);
}

#[test]
fn a_stamp_can_be_written_later() {
    let stamped = EventChanges::default().with_stamp("link;intent;8");
    assert_eq!(stamped.names().collect::<Vec<_>>(), ["singleValueExtendedProperties"]);
    assert!(!format!("{stamped:?}").contains("link;intent"));
}

#[test]
fn occurrences_are_taken_out_first_and_changed_then() {
    let mut event = series();
    event.overrides = BTreeMap::from([
        (id(3, 2), titled("first")),
        (id(3, 4), Override::Excluded),
        (id(3, 16), titled("Visit")),
        (id(3, 30), Override::Excluded),
    ]);
    let zone = berlin();
    let plan = plan_create(&event, None, None, WriteContext { zone: &zone }).expect("a plan");
    let order: Vec<_> = plan.occurrences.iter().map(|write| write.id).collect();
    // What says nothing is not written.
    assert_eq!(order, [id(3, 4), id(3, 30), id(3, 2)]);
    let [excluded, _, changed] = plan.occurrences.as_slice() else { panic!("three writes") };
    assert_eq!(excluded.action, OccurrenceAction::Cancel);
    let start = zone.to_instant(at(3, 4, 9));
    assert!(excluded.from < start - 24.hours() && excluded.until > start + 24.hours());
    let OccurrenceAction::Change(changes) = &changed.action else { panic!("a change") };
    assert_eq!(changes.members().get("subject"), Some(&json!("first")));
    assert_eq!(changes.members().len(), 1);
}

#[test]
fn an_override_without_an_occurrence_is_refused_before_anything_is_made() {
    let mut event = series();
    event.overrides.insert(id(3, 3), Override::Excluded);
    let zone = berlin();
    let refused = plan_create(&event, None, None, WriteContext { zone: &zone });
    let refused = refused.expect_err("refused");
    assert_eq!(refused, WriteError::NoSuchOccurrence(id(3, 3)));
    assert_eq!(refused.property(), Property::Override(id(3, 3)));
}

#[test]
fn bringing_an_occurrence_back_writes_the_rule_and_all_that_differs_from_it() {
    let mut current = series();
    current.overrides =
        BTreeMap::from([(id(3, 4), Override::Excluded), (id(3, 16), titled("other"))]);
    let mut target = current.clone();
    target.overrides.remove(&id(3, 4));
    let zone = berlin();
    let context = WriteContext { zone: &zone };
    let plan = plan_update(&current, &target, context).expect("a plan");
    assert!(plan.resets_occurrences);
    assert!(plan.event.names().eq(["end", "isAllDay", "recurrence", "start"]));
    assert_eq!(plan.occurrences.len(), 1);
    assert_eq!(plan.occurrences[0].id, id(3, 16));
    // Returning a changed one to the rule is a change of that instance alone.
    let mut target = current.clone();
    target.overrides.remove(&id(3, 16));
    let plan = plan_update(&current, &target, context).expect("a plan");
    assert!(!plan.resets_occurrences && plan.event.is_empty() && !plan.is_empty());
    let [write] = plan.occurrences.as_slice() else { panic!("one write") };
    let OccurrenceAction::Change(changes) = &write.action else { panic!("a change") };
    assert_eq!(changes.members().get("subject"), Some(&json!("Visit")));
}

#[test]
fn an_occurrence_of_a_tentative_series_can_be_certain() {
    let mut current = series();
    (current.show_as, current.status) = (ShowAs::Tentative, EventStatus::Tentative);
    let mut target = current.clone();
    let patch = OccurrencePatch { show_as: Some(ShowAs::Busy), ..OccurrencePatch::default() };
    target.overrides.insert(id(3, 4), Override::Changed(Box::new(patch)));
    let zone = berlin();
    let plan = plan_update(&current, &target, WriteContext { zone: &zone }).expect("a plan");
    let [write] = plan.occurrences.as_slice() else { panic!("one write") };
    let OccurrenceAction::Change(changes) = &write.action else { panic!("a change") };
    assert_eq!(changes.members().get("showAs"), Some(&json!("busy")));
}
