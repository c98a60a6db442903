//! Answers written by hand after Microsoft's reference: see fixtures/README.md.

use serde_json::{Value, json};
use tidemark_graph::calendar::{
    DamagedEvent, EventItem, EventKind, EventRef, ReadContext, ReadItem, ReadWarning,
    read_attachments, read_item,
};
use tidemark_model::{
    AttendeeRole, BodyFormat, CopyRole, EventStatus, Participation, Pattern, Privacy, Range,
    Schedule, ShowAs, WeekIndex, WeekdaySet, Zone,
};

const MEETING: &str = include_str!("../fixtures/meeting.json");
const OCCURRENCE: &str = include_str!("../fixtures/occurrence.json");

pub(crate) fn new_york() -> ReadContext {
    ReadContext::in_zone(Zone::parse("America/New_York").expect("a zone"))
}

pub(crate) fn item(json: &Value) -> EventItem {
    EventItem::read(json.to_string().as_bytes()).expect("an event")
}

/// The least that is read, with some members replaced.
pub(crate) fn simple(members: Value) -> Value {
    let mut json = json!({
        "id": "simple", "changeKey": "k1", "type": "singleInstance", "subject": "one",
        "body": { "contentType": "text", "content": "" }, "sensitivity": "normal",
        "categories": [], "attendees": [], "isOrganizer": true, "isAllDay": false,
        "start": { "dateTime": "2026-03-02T08:00:00.0000000", "timeZone": "UTC" },
        "end": { "dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC" },
    });
    let Value::Object(members) = members else { panic!("members") };
    for (name, value) in members {
        json[name] = value;
    }
    json
}

fn read(members: Value) -> ReadItem {
    read_item(&item(&simple(members)), &new_york()).expect("an event")
}

fn refused(members: Value) -> &'static str {
    read_item(&item(&simple(members)), &new_york()).expect_err("nothing").reason
}

fn time(date_time: &str, zone: &str) -> Value {
    json!({ "dateTime": date_time, "timeZone": zone })
}

fn timed(read: &ReadItem) -> (String, String, i64, Option<String>) {
    let Schedule::Timed(timed) = &read.event.schedule else { panic!("a time") };
    let end_zone = timed.end_zone().map(|zone| zone.name().to_owned());
    let (start, zone) = (timed.start().to_string(), timed.zone().name().to_owned());
    (start, zone, timed.duration().as_mins(), end_zone)
}

#[test]
fn a_meeting_is_read_whole() {
    let wire = EventItem::read(MEETING.as_bytes()).expect("an event");
    let read = read_item(&wire, &new_york()).expect("an event");
    let reference = EventRef {
        id: "AAkALgAAA-meeting_=".to_owned(),
        change_key: Some("DwAAABYAAA1".to_owned()),
    };
    assert_eq!(read.reference, reference);
    assert_eq!(reference.etag(), wire.etag);
    assert_eq!((read.kind, read.role), (EventKind::SingleInstance, CopyRole::Attendee));
    assert_eq!(read.stamp.as_deref(), Some("link;intent;7"));
    assert_eq!((read.transaction_id.as_deref(), read.attachments_unread), (None, true));
    assert_eq!(read.warnings, []);
    let expected = (
        "2026-03-02T09:00:00".to_owned(),
        "Europe/Berlin".to_owned(),
        90,
        Some("Asia/Tokyo".to_owned()),
    );
    assert_eq!(timed(&read), expected);
    let event = read.event;
    assert_eq!(event.title.as_deref(), Some("Plan the harvest & more"));
    // A word that nobody knows hides rather than shows; no data counts as busy.
    assert_eq!((event.privacy, event.show_as), (Privacy::Private, ShowAs::Busy));
    assert_eq!(event.status, EventStatus::Confirmed);
    assert_eq!((event.priority, event.reminder_minutes), (1, Some(15)));
    assert_eq!(event.categories.len(), 2);
    assert_eq!(event.location.as_deref(), Some("Room 1; Room 2"));
    assert_eq!(event.body.as_ref().map(|body| body.format), Some(BodyFormat::Html));
    assert_eq!(event.my_participation, Some(Participation::Tentative));
    assert_eq!(event.organizer.map(|who| who.address).as_deref(), Some("fern@tidemark.example"));
    let join_url = event.online_meeting.map(|meeting| meeting.join_url);
    assert!(join_url.is_some_and(|url| url.ends_with("?context=a&b=c")));
    assert_eq!(event.created.map(jiff::Timestamp::as_second), Some(1_771_572_665));
    let people: Vec<_> = event
        .attendees
        .iter()
        .map(|(key, who)| (key.as_str(), who.role, who.participation))
        .collect();
    assert_eq!(
        people,
        [
            ("casey@tidemark.example", AttendeeRole::Optional, Participation::Accepted),
            ("eli@tidemark.example", AttendeeRole::Required, Participation::Tentative),
            // Without an address: by the name, so as not to be lost.
            ("nobody", AttendeeRole::Required, Participation::Declined),
            ("room1@tidemark.example", AttendeeRole::Resource, Participation::NeedsAction),
        ]
    );
}

#[test]
fn what_came_without_its_content_is_refused() {
    let bare = EventItem::read(OCCURRENCE.as_bytes()).expect("an event");
    let damaged = read_item(&bare, &new_york()).expect_err("nothing");
    assert_eq!(damaged.reason, "it came without its subject");
    assert_eq!(damaged.id.as_deref(), Some("AAkALgAAA-occurrence_="));
    for member in ["body", "sensitivity", "categories", "attendees"] {
        let mut json = simple(json!({}));
        json.as_object_mut().expect("an object").remove(member);
        let damaged = read_item(&item(&json), &new_york()).expect_err(member);
        assert!(damaged.reason.ends_with(member), "{damaged}");
        // Empty is something else than not there.
        json[member] = Value::Null;
        assert!(read_item(&item(&json), &new_york()).is_ok(), "{member}");
    }
}

#[test]
fn a_damaged_event_is_named_and_nothing_of_it_told() {
    let damaged = |json: &str| EventItem::read(json.as_bytes()).expect_err("nothing");
    let wrong = r#"{"id":"it","subject":{"secret":"s3cret"}}"#;
    assert_eq!(damaged(wrong).id.as_deref(), Some("it"));
    assert_eq!(damaged(wrong).reason, "a member is missing or of another type");
    assert!(!format!("{:?} {}", damaged(wrong), damaged(wrong)).contains("s3cret"));
    assert_eq!(damaged(r#"{"subject":"one"}"#).id, None);
    assert_eq!(damaged(r#"{"id":"it","#).reason, "it ends too early");
    assert_eq!(damaged("<html>").reason, "it is no JSON");
    let many = json!({ "id": "it", "attendees": vec![json!({}); 5001] }).to_string();
    let expected = DamagedEvent { id: Some("it".to_owned()), reason: "it has too many attendees" };
    assert_eq!(damaged(&many), expected);
    assert!(damaged(&"[".repeat(100_000)).id.is_none());
}

#[test]
fn nothing_of_an_event_shows_in_debug() {
    let wire = EventItem::read(MEETING.as_bytes()).expect("an event");
    let read = read_item(&wire, &new_york()).expect("an event");
    let shown = format!(
        "{wire:?} {read:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        wire.body.value(),
        wire.attendees.value(),
        wire.organizer,
        wire.locations.value(),
        wire.online_meeting,
        wire.single_value_extended_properties.value(),
        wire.reference(),
    );
    for secret in ["harvest", "Room", "casey", "Fern", "teams", "crm:4711", "See you", "AAkALg"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn zones_are_read_by_every_name_that_exchange_has() {
    let of = |zone: &str| {
        let read = read(json!({ "originalStartTimeZone": zone }));
        let (start, zone, ..) = timed(&read);
        (start, zone, read.warnings)
    };
    let known = |start: &str, zone: &str| (start.to_owned(), zone.to_owned(), vec![]);
    assert_eq!(of("W. Europe Standard Time"), known("2026-03-02T09:00:00", "Europe/Berlin"));
    assert_eq!(of("Europe/Vienna"), known("2026-03-02T09:00:00", "Europe/Vienna"));
    assert_eq!(of("tzone://Microsoft/Utc"), known("2026-03-02T08:00:00", "Etc/UTC"));
    assert_eq!(of("UTC"), known("2026-03-02T08:00:00", "Etc/UTC"));
    // Where the Windows id can mean the mailbox's own zone, it does.
    assert_eq!(of("Eastern Standard Time"), known("2026-03-02T03:00:00", "America/New_York"));
    assert_eq!(of(""), known("2026-03-02T03:00:00", "America/New_York"));
    for unknown in ["tzone://Microsoft/Custom", "Customized Time Zone", "Mars Standard Time"] {
        let expected = (
            "2026-03-02T03:00:00".to_owned(),
            "America/New_York".to_owned(),
            vec![ReadWarning::UnknownZone],
        );
        assert_eq!(of(unknown), expected, "{unknown}");
    }
}

#[test]
fn answers_in_another_zone_than_utc_are_read_too() {
    let berlin = "W. Europe Standard Time";
    let read = read(json!({
        "originalStartTimeZone": "Tokyo Standard Time", "originalEndTimeZone": "Tokyo Standard Time",
        "start": time("2026-07-01T09:00:00.0000000", berlin),
        "end": time("2026-07-01T10:00:00.0000000", "Europe/Berlin"),
    }));
    let expected = ("2026-07-01T16:00:00".to_owned(), "Asia/Tokyo".to_owned(), 60, None);
    assert_eq!(timed(&read), expected);
    let unknown = time("2026-07-01T09:00:00.0000000", "tzone://Microsoft/Custom");
    let reason = "the zone of its times is not known, or they are none";
    assert_eq!(refused(json!({ "start": unknown })), reason);
    assert_eq!(refused(json!({ "end": time("soon", "UTC") })), reason);
    assert_eq!(refused(json!({ "start": null })), "it has no start");
}

#[test]
fn whole_days_keep_their_dates() {
    let days = |start: Value, end: Value, zone: &str| {
        let read = read(json!({
            "isAllDay": true, "originalStartTimeZone": zone, "start": start, "end": end,
        }));
        let Schedule::AllDay(days) = &read.event.schedule else { panic!("whole days") };
        (days.start().to_string(), days.end().to_string(), read.warnings)
    };
    let dates = |start: &str, end: &str| (start.to_owned(), end.to_owned(), vec![]);
    let berlin = "W. Europe Standard Time";
    // Shifted to UTC, shifted to another zone, and not shifted at all.
    let shifted = (time("2026-03-01T23:00:00.0000000", "UTC"), time("2026-03-02T23:00:00", "UTC"));
    assert_eq!(days(shifted.0, shifted.1, berlin), dates("2026-03-02", "2026-03-03"));
    let tokyo = "Tokyo Standard Time";
    let shifted = (time("2026-03-02T08:00:00", tokyo), time("2026-03-03T08:00:00", tokyo));
    assert_eq!(days(shifted.0, shifted.1, berlin), dates("2026-03-02", "2026-03-03"));
    for zone in [berlin, "Line Islands Standard Time", "Hawaiian Standard Time", ""] {
        let plain =
            (time("2026-03-02T00:00:00.0000000", "UTC"), time("2026-03-03T00:00:00", "UTC"));
        assert_eq!(days(plain.0, plain.1, zone), dates("2026-03-02", "2026-03-03"), "{zone}");
    }
    // On this day the clocks of Brazil went from midnight to one.
    let brazil = "E. South America Standard Time";
    let shifted = (time("2018-11-04T03:00:00", "UTC"), time("2018-11-05T02:00:00", "UTC"));
    assert_eq!(days(shifted.0, shifted.1, brazil), dates("2018-11-04", "2018-11-05"));
    let off = days(time("2026-03-02T05:30:00", "UTC"), time("2026-03-02T23:00:00", "UTC"), berlin);
    let warned = vec![ReadWarning::AllDayOffMidnight];
    assert_eq!(off, ("2026-03-02".to_owned(), "2026-03-03".to_owned(), warned));
}

#[test]
fn an_end_that_cannot_be_is_moved() {
    let read = read(json!({ "end": time("2026-03-02T07:00:00", "UTC") }));
    assert_eq!((timed(&read).2, read.warnings), (0, vec![ReadWarning::EndMoved]));
}

#[test]
fn rules_are_read_with_the_dummies_that_fill_them() {
    let rule = |pattern: Value, range: Value| {
        let read = read(json!({
            "type": "seriesMaster", "recurrence": { "pattern": pattern, "range": range },
        }));
        read.event.recurrence.map(|rule| (rule.pattern, rule.range))
    };
    let no_end = json!({ "type": "noEnd", "startDate": "2026-03-02", "endDate": "0001-01-01",
        "recurrenceTimeZone": "", "numberOfOccurrences": 0 });
    let dummies = |mut pattern: Value| {
        for (name, dummy) in [
            ("month", json!(0)),
            ("dayOfMonth", json!(0)),
            ("firstDayOfWeek", json!("sunday")),
            ("index", json!("first")),
        ] {
            if pattern[name].is_null() {
                pattern[name] = dummy;
            }
        }
        pattern
    };
    let expected = |pattern| Some((pattern, Range::NoEnd));
    let daily = dummies(json!({ "type": "daily", "interval": 3 }));
    assert_eq!(rule(daily, no_end.clone()), expected(Pattern::Daily { interval: 3 }));
    let yearly =
        dummies(json!({ "type": "absoluteYearly", "interval": 2, "dayOfMonth": 29, "month": 2 }));
    let pattern = Pattern::AbsoluteYearly { interval: 2, month: 2, day: 29 };
    assert_eq!(rule(yearly, no_end.clone()), expected(pattern));
    let relative = json!({ "type": "relativeYearly", "interval": 1, "month": 3, "index": "last",
        "daysOfWeek": ["saturday", "sunday"] });
    let pattern = Pattern::RelativeYearly {
        interval: 1,
        month: 3,
        index: WeekIndex::Last,
        days: WeekdaySet::WEEKEND,
    };
    assert_eq!(rule(dummies(relative), no_end), expected(pattern));
    // The second Thursday of every third month, six times (mapping.md 5).
    let thursdays = json!({ "type": "relativeMonthly", "interval": 3, "daysOfWeek": ["thursday"],
        "index": "second" });
    let numbered = json!({ "type": "numbered", "startDate": "2026-03-12", "numberOfOccurrences": 6,
        "recurrenceTimeZone": "W. Europe Standard Time" });
    let pattern = Pattern::RelativeMonthly {
        interval: 3,
        index: WeekIndex::Second,
        days: WeekdaySet::EMPTY.with(jiff::civil::Weekday::Thursday),
    };
    assert_eq!(rule(thursdays, numbered), Some((pattern, Range::Count(6))));
}

#[test]
fn rules_that_cannot_be_understood_are_refused() {
    let no_end = json!({ "type": "noEnd", "startDate": "2026-03-02" });
    let daily = json!({ "type": "daily", "interval": 1 });
    let rules = [
        (json!({ "type": "hourly", "interval": 1 }), no_end.clone()),
        (json!({ "type": "daily", "interval": 0 }), no_end.clone()),
        (json!({ "type": "daily", "interval": -1 }), no_end.clone()),
        (json!({ "type": "absoluteMonthly", "interval": 1, "dayOfMonth": 0 }), no_end.clone()),
        (
            json!({ "type": "absoluteYearly", "interval": 1, "dayOfMonth": 1, "month": 0 }),
            no_end.clone(),
        ),
        (json!({ "type": "weekly", "interval": 1, "daysOfWeek": ["someday"] }), no_end.clone()),
        (
            json!({ "type": "relativeMonthly", "interval": 1, "daysOfWeek": [], "index": "first" }),
            no_end,
        ),
        (daily.clone(), json!({ "type": "numbered", "numberOfOccurrences": 0 })),
        (daily.clone(), json!({ "type": "endDate", "endDate": "some day" })),
        (daily.clone(), json!({ "type": "whenever" })),
        (daily, Value::Null),
    ];
    for (pattern, range) in rules {
        let rule = json!({ "pattern": pattern, "range": range });
        let reason = refused(json!({ "type": "seriesMaster", "recurrence": rule }));
        assert_eq!(reason, "the rule of its series cannot be understood", "{rule}");
    }
    let reason = refused(json!({ "type": "seriesMaster", "recurrence": null }));
    assert_eq!(reason, "it is a series without a rule");
}

#[test]
fn it_is_known_whose_copy_it_is() {
    let somebody =
        json!([{ "type": "required", "emailAddress": { "address": "a@tidemark.example" } }]);
    let role = |members: Value| read(members).role;
    assert_eq!(role(json!({})), CopyRole::Appointment);
    assert_eq!(role(json!({ "attendees": somebody })), CopyRole::Organizer);
    // Attendees may be hidden from each other.
    assert_eq!(role(json!({ "isOrganizer": false })), CopyRole::Attendee);
    let unsaid = |response: &str| json!({ "isOrganizer": null, "attendees": somebody, "responseStatus": { "response": response } });
    assert_eq!(role(unsaid("organizer")), CopyRole::Organizer);
    assert_eq!(role(unsaid("notResponded")), CopyRole::Attendee);
    let mut by_name = unsaid("none");
    by_name["organizer"] = json!({ "emailAddress": { "address": "Eli@tidemark.example" } });
    assert_eq!(role(by_name.clone()), CopyRole::Attendee);
    let context = ReadContext { owner: Some("eli@tidemark.example".to_owned()), ..new_york() };
    let own = read_item(&item(&simple(by_name)), &context).expect("an event");
    assert_eq!(own.role, CopyRole::Organizer);
    // An unanswered invitation is no tentative event.
    let tentative = json!({ "showAs": "tentative", "isOrganizer": false });
    assert_eq!(read(tentative).event.status, EventStatus::Confirmed);
    assert_eq!(read(json!({ "showAs": "tentative" })).event.status, EventStatus::Tentative);
    assert_eq!(read(json!({ "isCancelled": true })).event.status, EventStatus::Cancelled);
}

#[test]
fn an_occurrence_has_the_uid_of_its_series() {
    let head = "040000008200E00074C5B7101A82E008";
    let uid = |kind: &str, uid: &str| {
        read(json!({ "type": kind, "seriesMasterId": "m", "iCalUId": uid })).event.uid
    };
    let dated = format!("{head}07EA040620A4D2C3");
    let series = format!("{head}0000000020A4D2C3");
    assert_eq!(uid("exception", &dated), Some(series));
    assert_eq!(uid("singleInstance", &dated), Some(dated.clone()));
    assert_eq!(uid("occurrence", "4711@crm.example"), Some("4711@crm.example".to_owned()));
    assert_eq!(uid("occurrence", head), Some(head.to_owned()));
    let both = read(json!({ "iCalUId": dated, "uid": "beta" }));
    assert_eq!(both.event.uid.as_deref(), Some("beta"));
}

#[test]
fn attachments_are_read_without_their_contents() {
    let answer = json!({ "value": [
        { "@odata.type": "#microsoft.graph.fileAttachment", "id": "a1", "name": "map.pdf",
          "contentType": "application/pdf", "size": 4711, "isInline": false },
        { "@odata.type": "#microsoft.graph.referenceAttachment", "id": "a2", "name": null,
          "contentType": null, "size": -1 },
        { "name": "without id" },
    ] });
    let found = read_attachments(answer.to_string().as_bytes()).expect("attachments");
    let sizes: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.size_bytes)).collect();
    assert_eq!(sizes, [("a1", Some(4711)), ("a2", None)]);
    assert!(read_attachments(b"{}").is_err());
    let with = read(json!({ "hasAttachments": true, "attachments": answer["value"] }));
    assert_eq!((with.event.attachments, with.attachments_unread), (found, false));
}

#[test]
fn places_without_a_common_name_are_joined() {
    let places = json!({ "location": { "displayName": "" },
        "locations": [{ "displayName": "Room 1" }, { "displayName": null }, { "displayName": "Room 2" }] });
    assert_eq!(read(places).event.location.as_deref(), Some("Room 1; Room 2"));
    assert_eq!(read(json!({ "locations": [] })).event.location, None);
}

#[test]
fn entity_tags_hold_the_change_key() {
    let mut json = simple(json!({ "@odata.etag": "W/\"DwAAA==\"" }));
    json.as_object_mut().expect("an object").remove("changeKey");
    assert_eq!(item(&json).reference().change_key.as_deref(), Some("DwAAA=="));
    for bad in ["", "W/", "DwAAA", "W/\"\"", "\""] {
        assert_eq!(EventRef::change_key_of(bad), None, "{bad}");
    }
    assert_eq!(EventRef::change_key_of("\"strong\""), Some("strong"));
}
