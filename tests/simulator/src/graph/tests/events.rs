use serde_json::{Value, json};

use super::{Bench, ELLIS, IMMUTABLE, STAMP, text, visit, weekly};
use crate::fault::{FaultKind, FaultPlan, FaultRule};

#[test]
fn an_event_reads_back_as_graph_shows_it() {
    let bench = Bench::new();
    let mut new = visit();
    new["sensitivity"] = json!("private");
    new["location"] = json!({ "displayName": "Room 1" });
    new["body"] = json!({ "contentType": "text", "content": "a < b" });
    let made = bench.post(&format!("users/{ELLIS}/events"), &new);
    assert_eq!(made.status, 201);
    assert_eq!(made.header("preference-applied"), Some("IdType=\"ImmutableId\""));
    let event = bench.event(&text(&made.body, "id"));
    assert_eq!(
        event["start"],
        json!({ "dateTime": "2026-03-02T08:00:00.0000000", "timeZone": "UTC" })
    );
    assert_eq!(event["originalStartTimeZone"], "W. Europe Standard Time");
    assert_eq!(event["type"], "singleInstance");
    assert_eq!(event["sensitivity"], "private");
    assert_eq!(event["showAs"], "busy");
    assert_eq!(event["isOrganizer"], true);
    assert_eq!(event["locations"][0]["displayName"], "Room 1");
    assert_eq!(event["body"]["contentType"], "html");
    assert!(text(&event["body"], "content").contains("a &lt; b"));
    assert_eq!(event["@odata.etag"], json!(format!("W/\"{}\"", text(&event, "changeKey"))));
    let path = format!("users/{ELLIS}/events/{}", text(&event, "id"));
    let prefer = "outlook.timezone=\"Europe/Berlin\", outlook.body-content-type=\"text\"";
    let shown = bench.graph("GET", &path, &[("prefer", prefer)], None).ok();
    assert_eq!(shown["start"]["dateTime"], "2026-03-02T09:00:00.0000000");
    assert_eq!(shown["start"]["timeZone"], "Europe/Berlin");
    assert_eq!(shown["body"], json!({ "contentType": "text", "content": "a < b" }));
    let some = bench.get(&format!("{path}?$select=subject")).ok();
    assert_eq!(some["subject"], "Visit");
    assert!(some.get("body").is_none() && some.get("id").is_some());
}

#[test]
fn what_graph_writes_ews_and_outlook_see() {
    let bench = Bench::new();
    let id = bench.create(&visit());
    let seen = bench.simulator.snapshot(ELLIS).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].uid, text(&bench.event(&id), "iCalUId"));
    let item = seen[0].item;
    let change = crate::store::Change::Subject("Moved".to_owned());
    bench.simulator.user(ELLIS).update(item, &[change]).unwrap();
    assert_eq!(bench.event(&id)["subject"], "Moved");
}

#[test]
fn immutable_ids_outlive_a_move_and_mutable_ones_do_not() {
    let bench = Bench::new();
    let id = bench.create(&visit());
    let other = bench.post(&format!("users/{ELLIS}/calendars"), &json!({ "name": "Other" })).ok();
    let before = bench.graph("GET", &format!("users/{ELLIS}/events/{id}"), &[], None).ok();
    let mutable = text(&before, "id");
    assert_ne!(mutable, id);
    let item = bench.simulator.snapshot(ELLIS).unwrap()[0].item;
    bench.simulator.user(ELLIS).move_to_folder(item, "Other").unwrap();
    assert_eq!(bench.event(&id)["subject"], "Visit");
    let gone = bench.graph("GET", &format!("users/{ELLIS}/events/{mutable}"), &[], None);
    assert_eq!(gone.code(), (404, "ErrorItemNotFound"));
    let listed = bench.get(&format!("users/{ELLIS}/calendars/{}/events", text(&other, "id"))).ok();
    assert_eq!(text(&listed["value"][0], "id"), id);
    let malformed = bench.get(&format!("users/{ELLIS}/events/AAMkNonsense="));
    assert_eq!(malformed.code(), (400, "ErrorInvalidIdMalformed"));
}

#[test]
fn ids_of_all_forms_translate_into_each_other() {
    let bench = Bench::new();
    let id = bench.create(&visit());
    let translate = |ids: &[&str], from: &str, to: &str| {
        let body = json!({ "inputIds": ids, "sourceIdType": from, "targetIdType": to });
        bench.post(&format!("users/{ELLIS}/translateExchangeIds"), &body).ok()
    };
    let mut at = id.clone();
    let forms = ["restImmutableEntryId", "ewsId", "entryId", "restId", "immutableEntryId"];
    for pair in forms.windows(2) {
        at = text(&translate(&[&at], pair[0], pair[1])["value"][0], "targetId");
    }
    let back = translate(&[&at, "nonsense"], "immutableEntryId", "restImmutableEntryId");
    assert_eq!(text(&back["value"][0], "targetId"), id);
    assert!(back["value"][1]["errorDetails"].is_object());
    let ews = text(&translate(&[&id], "restImmutableEntryId", "ewsId")["value"][0], "targetId");
    let rest = text(&translate(&[&id], "restImmutableEntryId", "restId")["value"][0], "targetId");
    assert_eq!(ews.replace('/', "-").replace('+', "_").len(), rest.len());
    assert_eq!(ews.replace('+', "-").replace('/', "_"), rest);
}

#[test]
fn a_write_with_an_old_key_is_refused() {
    let bench = Bench::new();
    let id = bench.create(&visit());
    let path = format!("users/{ELLIS}/events/{id}");
    let etag = text(&bench.event(&id), "@odata.etag");
    let with = |method: &str, etag: &str, body: Option<&Value>| {
        bench.graph(method, &path, &[IMMUTABLE, ("if-match", etag)], body)
    };
    let changed = with("PATCH", &etag, Some(&json!({ "subject": "One" }))).ok();
    assert_eq!(changed["subject"], "One");
    let stale = with("PATCH", &etag, Some(&json!({ "subject": "Two" })));
    assert_eq!(stale.code(), (412, "ErrorIrresolvableConflict"));
    assert_eq!(with("DELETE", &etag, None).status, 412);
    assert_eq!(bench.event(&id)["subject"], "One");
    let rule = FaultRule::times(FaultKind::StaleChangeKey, 1);
    bench.simulator.set_faults(FaultPlan::new(1, vec![rule]));
    let fresh = text(&changed, "@odata.etag");
    assert_eq!(with("DELETE", &fresh, None).status, 412);
    assert_eq!(with("DELETE", &text(&bench.event(&id), "@odata.etag"), None).status, 204);
    assert_eq!(bench.get(&path).code(), (404, "ErrorItemNotFound"));
    bench.control("PATCH", "graph", &json!({ "deletedReadable": true }));
    assert_eq!(bench.get(&path).status, 200);
}

#[test]
fn a_transaction_makes_one_event() {
    let bench = Bench::new();
    let path = format!("users/{ELLIS}/events");
    let mut new = visit();
    new["transactionId"] = json!("t-1");
    let first = bench.post(&path, &new).ok();
    let again = bench.post(&path, &new);
    assert_eq!((again.status, text(&again.body, "id")), (201, text(&first, "id")));
    new["subject"] = json!("Another");
    let other = bench.post(&path, &new);
    assert_eq!(other.code(), (400, "ErrorDuplicateTransactionId"));
    assert_eq!(other.body["error"]["@event.existingEventId"], first["id"]);
    assert_eq!(bench.simulator.snapshot(ELLIS).unwrap().len(), 1);
    // The effect stands though no answer came.
    let rule = FaultRule::times(FaultKind::CutAfter, 1);
    bench.simulator.set_faults(FaultPlan::new(1, vec![rule]));
    new["transactionId"] = json!("t-2");
    assert_eq!(bench.post(&path, &new).status, 0);
    assert_eq!(bench.post(&path, &new).status, 201);
    assert_eq!(bench.simulator.snapshot(ELLIS).unwrap().len(), 2);
}

#[test]
fn extended_properties_are_found_and_shown_when_asked_for() {
    let bench = Bench::new();
    let mut new = visit();
    let value = "crm:47'11";
    new["singleValueExtendedProperties"] = json!([
        { "id": STAMP.to_uppercase().replace("STRING", "String").replace("NAME STAMP", "Name Stamp"),
          "value": value },
        { "id": "Integer {00062002-0000-0000-c000-000000000046} Id 0x8205", "value": "2" },
    ]);
    let made = bench.post(&format!("users/{ELLIS}/events"), &new).ok();
    assert!(made.get("singleValueExtendedProperties").is_none());
    bench.create(&visit());
    let id = text(&made, "id");
    let expand = format!("$expand=singleValueExtendedProperties($filter=id%20eq%20'{STAMP}')");
    let shown = bench.get(&format!("users/{ELLIS}/events/{id}?$select=id&{expand}")).ok();
    let properties = &shown["singleValueExtendedProperties"];
    assert_eq!(properties, &json!([{ "id": STAMP, "value": value }]));
    let escaped = value.to_uppercase().replace('\'', "''");
    let filter = format!(
        "$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{STAMP}' and ep/value eq '{escaped}')"
    )
    .replace(' ', "%20");
    let found = bench.get(&format!("users/{ELLIS}/events?{filter}&$select=id")).ok();
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    assert_eq!(text(&found["value"][0], "id"), id);
    // The same property is there for EWS.
    let seen = bench.simulator.snapshot(ELLIS).unwrap();
    assert!(seen[0].extended.values().any(|values| values == &[value.to_owned()]));
    let none = json!({ "singleValueExtendedProperties": [{ "id": STAMP, "value": null }] });
    bench.patch(&format!("users/{ELLIS}/events/{id}"), &none).ok();
    let found = bench.get(&format!("users/{ELLIS}/events?{filter}")).ok();
    assert_eq!(found["value"], json!([]));
}

#[test]
fn a_series_shows_its_occurrences_and_what_became_of_them() {
    let bench = Bench::new();
    let master = bench.create(&weekly());
    let window = "startDateTime=2026-03-09T00:00:00Z&endDateTime=2026-03-31T00:00:00Z";
    let instances = bench.get(&format!("users/{ELLIS}/events/{master}/instances?{window}")).ok();
    let list = instances["value"].as_array().unwrap();
    assert_eq!(list.len(), 4);
    assert_eq!(list[0]["type"], "occurrence");
    assert_eq!(list[0]["seriesMasterId"], master.as_str());
    assert_eq!(list[0]["originalStart"], "2026-03-09T08:00:00Z");
    // On 29 March the clocks change: nine in Berlin is seven in UTC.
    assert_eq!(list[3]["start"]["dateTime"], "2026-03-30T07:00:00.0000000");
    assert_ne!(list[0]["iCalUId"], list[1]["iCalUId"]);
    assert_ne!(list[0]["iCalUId"], bench.event(&master)["iCalUId"]);
    let (one, two) = (text(&list[0], "id"), text(&list[1], "id"));
    bench.patch(&format!("users/{ELLIS}/events/{one}"), &json!({ "subject": "Other" })).ok();
    let gone = bench.graph("DELETE", &format!("users/{ELLIS}/events/{two}"), &[], None);
    assert_eq!(gone.status, 204);
    let full = bench
        .get(&format!(
            "users/{ELLIS}/events/{master}?$select=subject,recurrence,cancelledOccurrences,\
             exceptionOccurrences&$expand=exceptionOccurrences"
        ))
        .ok();
    assert_eq!(full["cancelledOccurrences"], json!([format!("OID.{master}.2026-03-16")]));
    assert_eq!(full["exceptionOccurrences"][0]["subject"], "Other");
    assert_eq!(full["exceptionOccurrences"][0]["type"], "exception");
    assert_eq!(full["recurrence"]["pattern"]["dayOfMonth"], 0);
    assert_eq!(full["recurrence"]["range"]["endDate"], "0001-01-01");
    assert_eq!(bench.event(&one)["subject"], "Other");
    let again = bench.get(&format!("users/{ELLIS}/events/{two}"));
    assert_eq!(again.code(), (404, "ErrorItemNotFound"));
    let view = bench.get(&format!("users/{ELLIS}/calendarView?{window}")).ok();
    assert_eq!(view["value"].as_array().unwrap().len(), 3);
    // Reaching a neighbour's day is refused.
    let there = json!({ "dateTime": "2026-03-23T09:00:00", "timeZone": "UTC" });
    let until = json!({ "dateTime": "2026-03-23T10:00:00", "timeZone": "UTC" });
    let crossing = json!({ "start": there, "end": until });
    let refused = bench.patch(&format!("users/{ELLIS}/events/{one}"), &crossing);
    assert_eq!(refused.code(), (400, "ErrorOccurrenceCrossingBoundary"));
}

#[test]
fn whole_days_begin_and_end_at_midnight_of_one_zone() {
    let bench = Bench::new();
    let day = |at: &str, zone: &str| json!({ "dateTime": at, "timeZone": zone });
    let mut new = visit();
    new["isAllDay"] = json!(true);
    let path = format!("users/{ELLIS}/events");
    assert_eq!(bench.post(&path, &new).code(), (400, "ErrorPropertyValidationFailure"));
    new["start"] = day("2026-03-02T00:00:00", "W. Europe Standard Time");
    new["end"] = day("2026-03-04T00:00:00", "W. Europe Standard Time");
    let made = bench.post(&path, &new).ok();
    // Read in another zone, it is shifted from midnight.
    assert_eq!(made["start"]["dateTime"], "2026-03-01T23:00:00.0000000");
    new["end"] = day("2026-03-04T00:00:00", "Nowhere/Land");
    assert_eq!(bench.post(&path, &new).code(), (400, "TimeZoneNotSupportedException"));
    new["end"] = day("2026-03-04T00:00:00", "Europe/Vienna");
    assert_eq!(bench.post(&path, &new).code(), (400, "TimeZoneNotSupportedException"));
    let unknown = json!({ "subjekt": "x" });
    let refused = bench.patch(&format!("{path}/{}", text(&made, "id")), &unknown);
    assert_eq!(refused.code(), (400, "RequestBodyRead"));
}

#[test]
fn an_online_meeting_lasts_as_long_as_its_block() {
    let bench = Bench::new();
    let mut new = visit();
    new["isOnlineMeeting"] = json!(true);
    new["body"] = json!({ "contentType": "html", "content": "<p>Agenda</p>" });
    let id = bench.create(&new);
    let event = bench.event(&id);
    let url = text(&event["onlineMeeting"], "joinUrl");
    assert!(text(&event["body"], "content").contains(&url));
    let path = format!("users/{ELLIS}/events/{id}");
    let kept =
        json!({ "body": { "contentType": "html", "content": format!("<a href='{url}'>x</a>") } });
    assert_eq!(bench.patch(&path, &kept).ok()["isOnlineMeeting"], true);
    let off = bench.patch(&path, &json!({ "isOnlineMeeting": false })).ok();
    assert_eq!(off["isOnlineMeeting"], true);
    let lost = json!({ "body": { "contentType": "html", "content": "<p>New</p>" } });
    assert_eq!(bench.patch(&path, &lost).ok()["onlineMeeting"], Value::Null);
}
