//! Series: a master with its exceptions and cancelled occurrences as one event.

use serde_json::{Value, json};
use tidemark_graph::calendar::{
    EventItem, ReadContext, ReadItem, ReadWarning, Series, assemble_series, read_event, read_item,
};
use tidemark_model::{Override, Participation, RecurrenceId, Schedule, Zone};

use crate::reading::{item, new_york, simple};

const SERIES: &str = include_str!("../fixtures/series.json");

fn fixture() -> Value {
    serde_json::from_str(SERIES).expect("JSON")
}

fn read(json: &Value) -> Series {
    read_event(&item(json), &new_york()).expect("a series")
}

fn refused(json: &Value) -> &'static str {
    read_event(&item(json), &new_york()).expect_err("nothing").reason
}

fn id(month: i8, day: i8) -> RecurrenceId {
    RecurrenceId::new(jiff::civil::date(2026, month, day).at(9, 0, 0, 0))
}

#[test]
fn a_series_is_put_together_with_its_exceptions() {
    let series = read(&fixture());
    assert_eq!(series.warnings, []);
    // Summer time began on 29 March: the instants differ by an hour, the civil times do not.
    assert_eq!(series.event.overrides.get(&id(3, 30)), Some(&Override::Excluded));
    let Some(Override::Changed(patch)) = series.event.overrides.get(&id(4, 6)) else {
        panic!("{:?}", series.event.overrides)
    };
    let start = patch.schedule.as_ref().map(|schedule| schedule.start().to_string());
    assert_eq!(start.as_deref(), Some("2026-04-06T12:00:00"));
    assert_eq!(patch.location, Some(Some("Room 1".to_owned())));
    // The other answer of the same person is no difference.
    assert_eq!((&patch.attendees, &patch.title, patch.priority), (&None, &None, None));
    let casey = series.event.attendees.get("casey@tidemark.example").expect("casey");
    assert_eq!(casey.participation, Participation::Accepted);
    // An exception that says nothing is no override, but it has an id.
    assert_eq!(series.event.overrides.len(), 2);
    let ids: Vec<_> = series.exceptions.iter().map(|(id, it)| (*id, it.id.as_str())).collect();
    let expected = [(id(4, 6), "AAkALgAAA-moved_="), (id(4, 13), "AAkALgAAA-unchanged_=")];
    assert_eq!(ids, expected);
    let key = series.exceptions.get(&id(4, 13)).and_then(|it| it.change_key.as_deref());
    assert_eq!(key, Some("DwAAABYAAB9"));
}

#[test]
fn a_series_that_came_without_its_parts_is_refused() {
    for (member, reason) in [
        ("cancelledOccurrences", "it came without its cancelled occurrences"),
        ("exceptionOccurrences", "it came without all of its exceptions"),
    ] {
        let mut json = fixture();
        json.as_object_mut().expect("an object").remove(member);
        assert_eq!(refused(&json), reason);
        json[member] = Value::Null;
        assert!(read_event(&item(&json), &new_york()).is_ok());
    }
    let mut more = fixture();
    more["exceptionOccurrences@odata.nextLink"] = json!("https://graph.microsoft.com/v1.0/more");
    assert_eq!(refused(&more), "it came without all of its exceptions");
    let mut bare = fixture();
    bare["exceptionOccurrences"][0].as_object_mut().expect("an object").remove("subject");
    assert_eq!(refused(&bare), "it came without its subject");
    let mut undated = fixture();
    undated["cancelledOccurrences"] = json!(["OID.AAkALgAAA-master_="]);
    assert_eq!(refused(&undated), "a cancelled occurrence has no date");
    let exception = fixture()["exceptionOccurrences"][0].clone();
    assert_eq!(refused(&exception), "it is a part of a series");
}

#[test]
fn what_the_rule_does_not_give_is_left_out_and_told() {
    let mut json = fixture();
    json["cancelledOccurrences"] = json!(["OID.AAkALgAAA-master_=.2026-03-31"]);
    json["exceptionOccurrences"][0]["originalStart"] = json!("2027-04-06T07:00:00Z");
    json["exceptionOccurrences"][1]["originalStart"] = Value::Null;
    let series = read(&json);
    assert!(series.event.overrides.is_empty() && series.exceptions.is_empty());
    assert_eq!(series.warnings, [ReadWarning::OccurrenceOffRule; 3]);
}

#[test]
fn an_exception_is_known_by_its_day_too() {
    let mut json = fixture();
    // The clock of the series was changed after the exception was made.
    json["exceptionOccurrences"][0]["originalStart"] = json!("2026-04-06T15:00:00Z");
    json["exceptionOccurrences"][1]["originalStart"] = Value::Null;
    json["exceptionOccurrences"][1]["occurrenceId"] = json!("OID.AAkALgAAA-master_=.2026-04-13");
    let series = read(&json);
    assert_eq!(series.warnings, []);
    assert!(series.exceptions.keys().copied().eq([id(4, 6), id(4, 13)]));
}

#[test]
fn exceptions_can_be_brought_by_themselves() {
    let json = fixture();
    let mut alone = json.clone();
    alone["exceptionOccurrences"] = json!([]);
    let read = |json: &Value| read_item(&item(json), &new_york()).expect("an event");
    let exceptions = json["exceptionOccurrences"].as_array().expect("exceptions");
    let exceptions: Vec<ReadItem> = exceptions.iter().map(read).collect();
    assert!(exceptions.iter().all(|it| it.series.as_deref() == Some("AAkALgAAA-master_=")));
    let assembled = assemble_series(read(&alone), exceptions);
    assert_eq!(assembled, self::read(&json));
}

/// Every first of the month, in a zone east of Greenwich.
fn whole_days(original_start: &str) -> Value {
    let time = |text: &str| json!({ "dateTime": text, "timeZone": "UTC" });
    let zone = "Line Islands Standard Time";
    let exception = simple(json!({
        "type": "exception", "id": "exception", "seriesMasterId": "simple", "isAllDay": true,
        "subject": "two", "originalStartTimeZone": zone, "originalEndTimeZone": zone,
        "originalStart": original_start,
        "start": time("2026-03-31T10:00:00"), "end": time("2026-04-01T10:00:00"),
    }));
    simple(json!({
        "type": "seriesMaster", "isAllDay": true,
        "originalStartTimeZone": zone, "originalEndTimeZone": zone,
        "start": time("2026-02-28T10:00:00"), "end": time("2026-03-01T10:00:00"),
        "recurrence": {
            "pattern": { "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 1 },
            "range": { "type": "noEnd", "startDate": "2026-03-01", "recurrenceTimeZone": zone },
        },
        "cancelledOccurrences": ["OID.simple.2026-05-01"],
        "exceptionOccurrences": [exception],
    }))
}

#[test]
fn occurrences_of_whole_days_are_known_by_their_dates() {
    for original_start in ["2026-03-31T10:00:00Z", "2026-04-01T00:00:00Z"] {
        let series = read(&whole_days(original_start));
        assert_eq!(series.warnings, [], "{original_start}");
        let day = |month| RecurrenceId::of_date(jiff::civil::date(2026, month, 1));
        let overrides: Vec<_> = series.event.overrides.iter().collect();
        let [(first, Override::Changed(patch)), (second, Override::Excluded)] =
            overrides.as_slice()
        else {
            panic!("{overrides:?}")
        };
        assert_eq!((**first, **second), (day(4), day(5)));
        assert_eq!((&patch.title, &patch.schedule), (&Some(Some("two".to_owned())), &None));
    }
}

#[test]
fn a_series_runs_in_the_zone_of_its_rule() {
    let mut json = fixture();
    json["originalStartTimeZone"] = json!("tzone://Microsoft/Custom");
    json["originalEndTimeZone"] = json!("tzone://Microsoft/Custom");
    let series = read(&json);
    let zone = series.event.schedule.zone().map(Zone::name);
    assert_eq!((zone, series.warnings.len()), (Some("Europe/Berlin"), 0));
    // Without a zone that is known, the instant is right and the mailbox's zone is taken.
    json["recurrence"]["range"]["recurrenceTimeZone"] = json!("tzone://Microsoft/Custom");
    json["exceptionOccurrences"] = json!([]);
    let series = read(&json);
    assert_eq!(series.warnings, [ReadWarning::UnknownZone]);
    assert_eq!(series.event.schedule.zone().map(Zone::name), Some("America/New_York"));
    assert_eq!(series.event.schedule.start().to_string(), "2026-03-23T04:00:00");
}

#[test]
fn an_instance_without_its_original_start_is_known_by_its_start_unless_it_was_moved() {
    let series = read(&fixture()).event;
    let context = ReadContext::in_zone(Zone::utc());
    let instance = |kind: &str| {
        json!({ "id": "i", "type": kind,
            "start": { "dateTime": "2026-04-20T07:00:00.0000000", "timeZone": "UTC" },
            "end": { "dateTime": "2026-04-20T07:15:00.0000000", "timeZone": "UTC" } })
    };
    let found = |json: &Value| {
        let item = EventItem::read(json.to_string().as_bytes()).expect("an instance");
        item.occurrence_of(&series, &context)
    };
    assert_eq!(found(&instance("occurrence")), Some(id(4, 20)));
    assert_eq!(found(&instance("exception")), None);
    let mut moved = instance("exception");
    moved["originalStart"] = json!("2026-04-27T07:00:00Z");
    assert_eq!(found(&moved), Some(id(4, 27)));
    let mut other = instance("occurrence");
    other["start"]["dateTime"] = json!("2026-04-21T07:00:00.0000000");
    other["end"]["dateTime"] = json!("2026-04-21T07:15:00.0000000");
    assert_eq!(found(&other), None);
    let mut single = series.clone();
    single.recurrence = None;
    assert_eq!(item(&instance("occurrence")).occurrence_of(&single, &context), None);
    assert!(matches!(single.schedule, Schedule::Timed(_)));
}
