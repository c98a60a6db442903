//! Whole items through the public API.

mod hostile;
mod omitted;
mod rules;
mod shapes;
mod stored;
mod table;

use jiff::civil::{Weekday, date};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidemark_model::{
    Attendee, AttendeeRole, Event, EventStatus, Override, Participation, Pattern, Privacy,
    Property, PropertyValue, RecurrenceId, Schedule, ShowAs, WeekdaySet, Zone,
};

use crate::{
    ReadMode, Version, WriteOptions, check_patch, load_event, read_event_patch, read_merge_patch,
    store_event, write_event,
};

fn base() -> Value {
    json!({
        "@type": "Event", "title": "T", "start": "2026-03-02T09:00:00",
        "timeZone": "Europe/Berlin", "duration": "PT1H",
    })
}

fn with(extra: &Value) -> Value {
    let mut item = base();
    for (name, value) in extra.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

fn read_new(item: &Value) -> Event {
    let reading = read_event_patch(item, None).unwrap();
    let mut event = Event::new(
        Schedule::floating(date(2000, 1, 1).at(0, 0, 0, 0), jiff::SignedDuration::ZERO).unwrap(),
    );
    event.apply_patch(&reading.patch);
    event
}

fn pointers(result: Result<crate::Reading, Vec<crate::Problem>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|problem| problem.pointer).collect()
}

fn refused(extra: &Value) -> Vec<String> {
    pointers(read_event_patch(&with(extra), None))
}

fn merged(patch: &Value, current: &Event) -> Event {
    let mut event = current.clone();
    event.apply_patch(&read_merge_patch(patch, current).unwrap().patch);
    event
}

#[test]
fn simple_event_of_the_standard() {
    // RFC 8984 6.1
    let event = read_new(&json!({
        "@type": "Event", "uid": "a8df6573-0474-496d-8496-033ad45d7fea",
        "updated": "2020-01-02T18:23:04Z", "title": "Some event",
        "start": "2020-01-15T13:00:00", "timeZone": "America/New_York", "duration": "PT1H",
    }));
    let (start, end) = event.schedule.instants(&Zone::utc());
    assert_eq!(start.to_string(), "2020-01-15T18:00:00Z");
    assert_eq!(end.to_string(), "2020-01-15T19:00:00Z");
    assert_eq!(event.uid.as_deref(), Some("a8df6573-0474-496d-8496-033ad45d7fea"));
}

#[test]
fn all_day_event_of_the_standard() {
    // RFC 8984 6.4
    let event = read_new(&json!({
        "@type": "Event", "title": "April Fool's Day", "showWithoutTime": true,
        "start": "1900-04-01T00:00:00", "duration": "P1D",
        "recurrenceRules": [{ "@type": "RecurrenceRule", "frequency": "yearly" }],
    }));
    assert_eq!(event.schedule, Schedule::all_day(date(1900, 4, 1), date(1900, 4, 2)).unwrap());
    assert_eq!(
        event.recurrence.unwrap().pattern,
        Pattern::AbsoluteYearly { interval: 1, month: 4, day: 1 }
    );
}

#[test]
fn series_that_begins_off_its_rule_needs_its_extra_date_as_an_item() {
    // RFC 8984 6.9: 7 January and 25 June are extra dates.
    let item = json!({
        "@type": "Event", "title": "Calculus I", "start": "2020-01-08T09:00:00",
        "timeZone": "Europe/London", "duration": "PT1H30M",
        "recurrenceRules": [{ "frequency": "weekly", "until": "2020-06-24T09:00:00" }],
        "recurrenceOverrides": {
            "2020-01-07T14:00:00": { "title": "Introduction" },
            "2020-04-01T09:00:00": { "excluded": true },
            "2020-06-25T09:00:00": { "title": "Exam", "start": "2020-06-25T10:00:00" },
        },
    });
    assert_eq!(
        pointers(read_event_patch(&item, None)),
        ["/recurrenceOverrides/2020-01-07T14:00:00", "/recurrenceOverrides/2020-06-25T09:00:00"]
    );
}

#[test]
fn end_zone_of_a_flight() {
    let event = read_new(&with(&json!({
        "locations": {
            "a": { "name": "Narita", "relativeTo": "end", "timeZone": "Asia/Tokyo" },
            "b": { "name": "Frankfurt" },
        },
    })));
    assert_eq!(event.location.as_deref(), Some("Frankfurt"));
    let Schedule::Timed(timed) = event.schedule else { panic!() };
    assert_eq!(timed.end_zone(), Some(&Zone::parse("Asia/Tokyo").unwrap()));
}

#[test]
fn nominal_days_follow_the_calendar_of_the_zone() {
    let item = with(&json!({ "start": "2026-10-24T12:00:00", "duration": "P1D" }));
    let Schedule::Timed(timed) = read_new(&item).schedule else { panic!() };
    assert_eq!(timed.duration().as_hours(), 25);
}

#[test]
fn absent_has_no_opinion_and_null_clears() {
    let mut current = read_new(&with(&json!({
        "description": "x", "keywords": { "k": true }, "priority": 1, "privacy": "private",
        "alerts": { "1": { "trigger": { "offset": "-PT15M" } } }, "status": "tentative",
        "locations": { "1": { "name": "L" } }, "freeBusyStatus": "free",
        "participants": { "p": { "sendTo": { "imip": "mailto:Pat@Example.com" } } },
    })));
    assert_eq!(current.attendees.keys().collect::<Vec<_>>(), ["pat@example.com"]);
    let silent = read_event_patch(&json!({ "title": "New" }), Some(&current)).unwrap();
    assert_eq!(
        silent.patch.values().map(PropertyValue::property).collect::<Vec<_>>(),
        [Property::Title]
    );
    let all = json!({
        "title": null, "description": null, "keywords": null, "priority": null, "privacy": null,
        "alerts": null, "status": null, "locations": null, "freeBusyStatus": null,
        "participants": null, "recurrenceRules": null, "recurrenceOverrides": null,
    });
    let reading = read_event_patch(&all, Some(&current)).unwrap();
    current.apply_patch(&reading.patch);
    let mut empty = read_new(&base());
    empty.title = None;
    assert!(current == empty);
    assert_eq!(pointers(read_event_patch(&json!({ "start": null }), Some(&current))), ["/start"]);
}

#[test]
fn parts_of_the_times_come_from_the_current_item() {
    let current = read_new(&base());
    let moved = merged(&json!({ "start": "2026-03-03T11:00:00" }), &current);
    let (start, end) = moved.schedule.instants(&Zone::utc());
    assert_eq!(start.to_string(), "2026-03-03T10:00:00Z");
    assert_eq!(end.duration_since(start).as_secs(), 3_600);
    let whole = merged(&json!({ "showWithoutTime": true }), &current);
    assert_eq!(whole.schedule, Schedule::all_day(date(2026, 3, 2), date(2026, 3, 3)).unwrap());
    let floating = merged(&json!({ "timeZone": null }), &current);
    assert!(matches!(floating.schedule, Schedule::Floating(_)));
}

#[test]
fn out_of_office_survives_a_system_that_knows_only_busy() {
    let mut current = read_new(&base());
    current.show_as = ShowAs::Oof;
    current.privacy = Privacy::Personal;
    let plain = json!({ "freeBusyStatus": "busy", "privacy": "private" });
    let after = merged(&plain, &current);
    assert_eq!((after.show_as, after.privacy), (ShowAs::Oof, Privacy::Personal));
    assert_eq!(merged(&json!({ "freeBusyStatus": "free" }), &current).show_as, ShowAs::Free);
    let tentative = merged(&json!({ "status": "tentative" }), &current);
    assert_eq!((tentative.show_as, tentative.status), (ShowAs::Tentative, EventStatus::Tentative));
    assert_eq!(merged(&json!({ "tidemark:showAs": null }), &current).show_as, ShowAs::Busy);
    assert_eq!(
        merged(&json!({ "privacy": "vendor" }), &read_new(&base())).privacy,
        Privacy::Private
    );
}

#[test]
fn merge_patch_touches_single_overrides_people_and_keywords() {
    let current = read_new(&with(&json!({
        "recurrenceRules": [{ "frequency": "weekly" }],
        "recurrenceOverrides": {
            "2026-03-09T09:00:00": { "title": "A", "duration": "PT2H" },
            "2026-03-16T09:00:00": { "excluded": true },
        },
        "keywords": { "a": true, "b": true },
        "participants": {
            "a@example.com": { "calendarAddress": "mailto:a@example.com" },
            "b@example.com": { "calendarAddress": "mailto:b@example.com", "roles": { "optional": true } },
        },
    })));
    let after =
        merged(&json!({ "recurrenceOverrides": { "2026-03-16T09:00:00": null } }), &current);
    assert_eq!(after.overrides.len(), 1);
    let id = RecurrenceId::new(date(2026, 3, 9).at(9, 0, 0, 0));
    let after = merged(
        &json!({ "recurrenceOverrides": { "2026-03-09T09:00:00": { "title": null } } }),
        &current,
    );
    let Some(Override::Changed(change)) = after.overrides.get(&id) else { panic!() };
    assert!(change.title.is_none() && change.schedule.is_some());
    assert_eq!(after.overrides.len(), 2);
    let after = merged(&json!({ "keywords": { "a": null, "c": true } }), &current);
    assert_eq!(after.categories.iter().collect::<Vec<_>>(), ["b", "c"]);
    let after = merged(&json!({ "participants": { "a@example.com": null } }), &current);
    assert_eq!(after.attendees["b@example.com"].role, AttendeeRole::Optional);
    assert_eq!(after.attendees.len(), 1);
    assert!(merged(&json!({ "recurrenceOverrides": null }), &current).overrides.is_empty());
    let after = merged(&json!({ "recurrenceRule": { "interval": 2 } }), &current);
    assert_eq!(
        after.recurrence.unwrap().pattern,
        Pattern::Weekly {
            interval: 2,
            days: WeekdaySet::EMPTY.with(Weekday::Monday),
            first_day: Weekday::Monday
        }
    );
}

#[test]
fn patches_of_occurrences_lead_into_the_series() {
    let event = read_new(&with(&json!({
        "recurrenceRules": [{ "frequency": "daily", "count": 3 }],
        "keywords": { "a": true },
        "recurrenceOverrides": {
            "2026-03-03T09:00:00": { "keywords/b": true, "locations": null, "status": "tentative" },
            "2026-03-04T09:00:00": { "status": "cancelled" },
            "2026-03-02T09:00:00": {},
        },
    })));
    assert_eq!(event.overrides.len(), 2);
    let id = RecurrenceId::new(date(2026, 3, 3).at(9, 0, 0, 0));
    let Some(Override::Changed(change)) = event.overrides.get(&id) else { panic!() };
    assert_eq!(change.categories.as_ref().unwrap().len(), 2);
    assert_eq!(change.location, Some(None));
    assert_eq!(change.show_as, Some(ShowAs::Tentative));
    assert_eq!(
        refused(&json!({
            "recurrenceRules": [{ "frequency": "daily" }],
            "recurrenceOverrides": { "2026-03-03T09:00:00": { "locations/x/name": "N" } },
        })),
        ["/recurrenceOverrides/2026-03-03T09:00:00/locations~1x~1name"]
    );
}

#[test]
fn what_is_not_carried_is_listed_without_values() {
    let reading = read_event_patch(
        &with(&json!({
            "links": {}, "relatedTo": {}, "x.example:y": 1, "color": "red",
            "alerts": {
                "near": { "trigger": { "offset": "-PT5M" } },
                "far": { "trigger": { "offset": "-PT1H" } },
                "mail": { "action": "email", "trigger": { "offset": "-PT1M" } },
                "after": { "trigger": { "offset": "PT1M" } },
            },
            "locations": { "a": { "name": "A" }, "b": { "name": "B" } },
            "participants": { "x@y.org": { "email": "x@y.org", "language": "de" } },
        })),
        None,
    )
    .unwrap();
    assert_eq!(reading.patch.get(Property::Reminder), Some(&PropertyValue::Reminder(Some(5))));
    let mut ignored = reading.ignored;
    ignored.sort();
    assert_eq!(
        ignored,
        [
            "/alerts/after",
            "/alerts/far",
            "/alerts/mail",
            "/color",
            "/links",
            "/locations/b",
            "/participants/language",
            "/relatedTo",
            "/x.example:y",
        ]
    );
}

#[test]
fn every_broken_rule_names_its_place() {
    let long = "x".repeat(256);
    let many: serde_json::Map<String, Value> =
        (0..501).map(|n| (n.to_string(), json!({}))).collect();
    let words: serde_json::Map<String, Value> =
        (0..101).map(|n| (n.to_string(), json!(true))).collect();
    let weekly = json!([{ "frequency": "weekly" }]);
    for (extra, pointer) in [
        (json!({ "@type": "Task" }), "/@type"),
        (json!({ "uid": "" }), "/uid"),
        (json!({ "title": 1 }), "/title"),
        (json!({ "title": long }), "/title"),
        (json!({ "title": "a\u{1}" }), "/title"),
        (json!({ "description": "a\u{b}" }), "/description"),
        (json!({ "description": "x".repeat(crate::BODY_BYTES_MAX + 1) }), "/description"),
        (
            json!({ "description": "x", "descriptionContentType": "text/rtf" }),
            "/descriptionContentType",
        ),
        (json!({ "start": "2026-03-02T09:00:00Z" }), "/start"),
        (json!({ "start": "2026-02-30T09:00:00" }), "/start"),
        (json!({ "start": "2026-03-02T23:59:60" }), "/start"),
        (json!({ "showWithoutTime": true }), "/start"),
        (json!({ "showWithoutTime": 1 }), "/showWithoutTime"),
        (json!({ "showWithoutTime": true, "start": "2026-03-02T00:00:00" }), "/duration"),
        (json!({ "duration": "1h" }), "/duration"),
        (json!({ "duration": "P2000D" }), "/duration"),
        (json!({ "duration": "P900000000000D" }), "/duration"),
        (json!({ "timeZone": "W. Europe Standard Time" }), "/timeZone"),
        (json!({ "timeZone": "/own" }), "/timeZone"),
        (json!({ "status": "maybe" }), "/status"),
        (json!({ "freeBusyStatus": "oof" }), "/freeBusyStatus"),
        (json!({ "tidemark:showAs": "away" }), "/tidemark:showAs"),
        (json!({ "tidemark:sensitivity": "x" }), "/tidemark:sensitivity"),
        (json!({ "tidemark:participationStatus": "x" }), "/tidemark:participationStatus"),
        (json!({ "priority": 10 }), "/priority"),
        (json!({ "keywords": { "a": false } }), "/keywords"),
        (json!({ "keywords": { "a,b": true } }), "/keywords"),
        (json!({ "keywords": words }), "/keywords"),
        (json!({ "keywords": [] }), "/keywords"),
        (json!({ "locations": { "a": { "name": 1 } } }), "/locations/a/name"),
        (json!({ "alerts": { "a": {} } }), "/alerts/a/trigger"),
        (
            json!({ "alerts": { "a": { "trigger": { "offset": "15" } } } }),
            "/alerts/a/trigger/offset",
        ),
        (json!({ "alerts": { "a": { "trigger": { "when": "x" } } } }), "/alerts/a/trigger/when"),
        (json!({ "participants": many }), "/participants"),
        (json!({ "participants": { "a": {} } }), "/participants/a"),
        (
            json!({ "participants": { "a": { "email": "a@b", "roles": 1 } } }),
            "/participants/a/roles",
        ),
        (
            json!({ "participants": { "a": { "email": "a@b" }, "b": { "email": "A@B" } } }),
            "/participants/b",
        ),
        (json!({ "recurrenceOverrides": { "2026-03-02T09:00:00": {} } }), "/recurrenceOverrides"),
        (
            json!({ "recurrenceRules": weekly, "recurrenceOverrides": { "tomorrow": {} } }),
            "/recurrenceOverrides/tomorrow",
        ),
        (
            json!({ "recurrenceRules": weekly, "recurrenceOverrides": { "2026-03-10T09:00:00": {} } }),
            "/recurrenceOverrides/2026-03-10T09:00:00",
        ),
        (
            json!({ "recurrenceRules": weekly, "recurrenceOverrides": { "2026-03-09T09:00:00": { "excluded": 1 } } }),
            "/recurrenceOverrides/2026-03-09T09:00:00/excluded",
        ),
    ] {
        assert_eq!(refused(&extra), [pointer], "{extra}");
    }
    assert_eq!(pointers(read_event_patch(&json!({}), None)), ["/start"]);
    assert_eq!(pointers(read_event_patch(&json!([]), None)), [""]);
}

#[test]
fn hostile_depth_is_refused_without_recursion() {
    let mut deep = json!(1);
    for _ in 0..100_000 {
        deep = Value::Array(vec![deep]);
    }
    let item = Value::Object([("links".to_owned(), deep)].into_iter().collect());
    assert_eq!(pointers(read_event_patch(&item, None)), [""]);
    assert_eq!(pointers(read_merge_patch(&item, &read_new(&base()))), [""]);
    assert!(check_patch(&item, ReadMode::Patch).is_err());
    // Dropping such a value recurses too, which is not what is tested.
    std::mem::forget(item);
}

#[test]
fn checks_say_what_holds_for_every_item() {
    assert!(check_patch(&json!({ "title": "x" }), ReadMode::Put).is_ok());
    assert!(check_patch(&json!({ "duration": "x" }), ReadMode::Put).is_err());
    let partial = json!({
        "participants": { "a@b.c": { "name": "N" } }, "recurrenceRule": { "interval": 2 },
        "endTimeZone": "/defined/there",
        "keywords": { "k": null }, "recurrenceOverrides": { "2026-03-02T09:00:00": null },
    });
    assert!(check_patch(&partial, ReadMode::Patch).is_ok());
    assert!(check_patch(&json!({ "participants": [] }), ReadMode::Patch).is_err());
    assert!(check_patch(&json!({ "start": null }), ReadMode::Patch).is_err());
}

#[test]
fn the_organiser_is_no_attendee_unless_it_stands_there() {
    let mut event = read_new(&with(&json!({
        "participants": {
            "o": { "email": "o@x.org", "roles": { "owner": true, "attendee": true } },
            "a": { "email": "a@x.org" },
        },
    })));
    assert_eq!(event.attendees.keys().collect::<Vec<_>>(), ["a@x.org"]);
    event.organizer = Some(tidemark_model::Person { address: "o@x.org".into(), name: None });
    event.attendees.insert(
        "o@x.org".into(),
        Attendee {
            name: None,
            role: AttendeeRole::Required,
            participation: Participation::Accepted,
        },
    );
    let written = write_event(&event, &WriteOptions::default());
    let patch = read_event_patch(&written, Some(&event)).unwrap().patch;
    let mut after = event.clone();
    after.apply_patch(&patch);
    assert!(after == event);
}

proptest! {
    #[test]
    fn items_come_back_as_they_were_written(event in shapes::event(), bis in any::<bool>()) {
        let version = if bis { Version::Bis } else { Version::Rfc8984 };
        let options = WriteOptions { version, ..WriteOptions::default() };
        let written = write_event(&event, &options);
        let reading = read_event_patch(&written, None);
        let reading = reading.map_err(|problems| TestCaseError::fail(format!("{problems:?} {written}")))?;
        let mut after = Event::new(event.schedule.clone());
        after.apply_patch(&reading.patch);
        let mut expected = event.clone();
        shapes::forget_read_only(&mut expected);
        prop_assert!(after == expected, "{written}");
        // A system that puts back what it was told changes nothing.
        let again = read_event_patch(&written, Some(&event)).unwrap();
        let mut same = event.clone();
        same.apply_patch(&again.patch);
        prop_assert!(same == event);
    }

    #[test]
    fn stored_events_come_back_whole(event in shapes::event()) {
        prop_assert!(load_event(&store_event(&event)).unwrap() == event);
    }
}

#[test]
fn other_versions_and_damage_are_not_loaded() {
    assert!(matches!(load_event(br#"{"v":2,"event":[]}"#), Err(crate::LoadError::Version(2))));
    assert!(matches!(load_event(b"{"), Err(crate::LoadError::Malformed(_))));
    let stored = String::from_utf8(store_event(&read_new(&base()))).unwrap();
    let damaged = stored.replace("Europe/Berlin", "Europe/Nowhere");
    assert!(matches!(load_event(damaged.as_bytes()), Err(crate::LoadError::Invalid("time zone"))));
}
