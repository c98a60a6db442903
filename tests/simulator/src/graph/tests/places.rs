//! Users, settings, calendars, lists.

use serde_json::json;

use super::{Bench, ELLIS, text, visit, weekly};

#[test]
fn a_user_is_found_by_id_name_and_filter() {
    let bench = Bench::new();
    let user = bench.get(&format!("users/{ELLIS}")).ok();
    assert_eq!(user["proxyAddresses"], json!([format!("SMTP:{ELLIS}")]));
    let id = text(&user, "id");
    assert_eq!(bench.get(&format!("users/{id}")).ok()["mail"], ELLIS);
    assert_eq!(bench.get(&format!("users('{ELLIS}')/calendar")).status, 200);
    for filter in [
        format!("mail eq '{ELLIS}'"),
        "startswith(userPrincipalName,'elli')".to_owned(),
        format!("proxyAddresses/any(p:p eq 'smtp:{ELLIS}')"),
        format!("id in ('{id}', 'x')"),
        format!("not (mail ne '{ELLIS}')"),
    ] {
        let path = format!("users?$select=id&$filter={}", filter.replace(' ', "%20"));
        let found = bench.get(&path).ok();
        assert_eq!(found["value"], json!([{ "id": id }]), "{filter}");
    }
    assert_eq!(bench.get("users?$filter=mail%20is%20x").status, 400);
    let page = bench.get("users?$top=2").ok();
    assert_eq!(page["value"].as_array().unwrap().len(), 2);
    let next = bench.graph("GET", &text(&page, "@odata.nextLink"), &[], None).ok();
    assert_ne!(next["value"][0]["id"], page["value"][0]["id"]);
}

#[test]
fn settings_and_zones_are_there() {
    let bench = Bench::new();
    let settings = bench.get(&format!("users/{ELLIS}/mailboxSettings")).ok();
    assert_eq!(settings["timeZone"], "W. Europe Standard Time");
    let windows = bench.get(&format!("users/{ELLIS}/outlook/supportedTimeZones")).ok();
    let aliases = |of: &serde_json::Value| {
        of["value"].as_array().unwrap().iter().map(|one| text(one, "alias")).collect::<Vec<_>>()
    };
    assert!(aliases(&windows).contains(&"W. Europe Standard Time".to_owned()));
    let iana = bench
        .get(&format!(
            "users/{ELLIS}/outlook/supportedTimeZones(TimeZoneStandard=\
             microsoft.graph.timeZoneStandard'Iana')"
        ))
        .ok();
    assert!(aliases(&iana).contains(&"Europe/Berlin".to_owned()));
}

#[test]
fn calendars_hold_their_own_events() {
    let bench = Bench::new();
    let new = bench.post(&format!("users/{ELLIS}/calendars"), &json!({ "name": "Trips" })).ok();
    let id = text(&new, "id");
    bench.post(&format!("users/{ELLIS}/calendars/{id}/events"), &visit()).ok();
    let count = |path: &str| {
        let list = bench.get(&format!("users/{ELLIS}/{path}")).ok();
        list["value"].as_array().unwrap().len()
    };
    assert_eq!(count(&format!("calendars/{id}/events")), 1);
    assert_eq!(count("events"), 0);
    assert_eq!(count("calendars"), 2);
    let twice = bench.post(&format!("users/{ELLIS}/calendars"), &json!({ "name": "trips" }));
    assert_eq!(twice.code(), (409, "ErrorFolderExists"));
    let path = format!("users/{ELLIS}/calendars/{id}");
    assert_eq!(bench.graph("DELETE", &path, &[], None).status, 204);
    assert_eq!(bench.get(&path).code(), (404, "ErrorFolderNotFound"));
}

#[test]
fn lists_are_filtered_sorted_and_paged() {
    let bench = Bench::new();
    for day in 2..14 {
        let mut new = visit();
        new["subject"] = json!(format!("Visit {day:02}"));
        new["start"]["dateTime"] = json!(format!("2026-03-{day:02}T09:00:00"));
        new["end"]["dateTime"] = json!(format!("2026-03-{day:02}T10:00:00"));
        bench.create(&new);
    }
    bench.create(&weekly());
    let first = bench.get(&format!("users/{ELLIS}/events?$orderby=start/dateTime%20desc")).ok();
    let subjects = |of: &serde_json::Value| {
        of["value"].as_array().unwrap().iter().map(|one| text(one, "subject")).collect::<Vec<_>>()
    };
    assert_eq!(subjects(&first).len(), 10);
    assert_eq!(subjects(&first)[0], "Visit 13");
    let next = bench.graph("GET", &text(&first, "@odata.nextLink"), &[], None).ok();
    assert_eq!(subjects(&next).len(), 3);
    assert!(next.get("@odata.nextLink").is_none());
    let filter = "start/dateTime%20ge%20'2026-03-11T00:00:00'%20and%20type%20eq%20'singleInstance'";
    let some = bench.get(&format!("users/{ELLIS}/events?$filter={filter}&$count=true")).ok();
    assert_eq!(subjects(&some), ["Visit 11", "Visit 12", "Visit 13"]);
    assert_eq!(some["@odata.count"], 3);
    let view =
        "calendarView?startDateTime=2026-03-02T00:00:00-08:00&endDateTime=2026-03-04&$top=50";
    // Eight in the morning of UTC still belongs to the first day: nine in Berlin is then over.
    let view = bench.get(&format!("users/{ELLIS}/{view}")).ok();
    assert_eq!(subjects(&view), ["Visit 02", "Visit", "Visit 03"]);
    let long = "calendarView?startDateTime=2020-01-01&endDateTime=2026-01-01";
    assert_eq!(bench.get(&format!("users/{ELLIS}/{long}")).code(), (400, "ErrorInvalidRequest"));
    let many = bench.get(&format!("users/{ELLIS}/events?$top=1001"));
    assert_eq!(many.status, 400);
}

#[test]
fn the_preview_names_series_and_occurrences() {
    let bench = Bench::new();
    let master = bench.create(&weekly());
    assert!(bench.event(&master).get("uid").is_none());
    let root = "http://127.0.0.1:8481/graph/beta";
    let window = "startDateTime=2026-03-01&endDateTime=2026-03-05";
    let url = format!("{root}/users/{ELLIS}/calendarView?{window}");
    let view = bench.graph("GET", &url, &[super::IMMUTABLE], None).ok();
    let one = &view["value"][0];
    assert_eq!(one["occurrenceId"], format!("OID.{master}.2026-03-02"));
    assert_eq!(one["uid"], bench.event(&master)["iCalUId"]);
}

#[test]
fn a_mailbox_that_moves_into_the_cloud_has_new_ids_and_the_old_content() {
    let bench = Bench::new();
    let mut new = visit();
    new["singleValueExtendedProperties"] = json!([{ "id": super::STAMP, "value": "crm:1" }]);
    let old = bench.create(&new);
    let before = bench.event(&old);
    let url = format!("users/{ELLIS}/events/delta");
    let link = text(&bench.get(&url).ok(), "@odata.deltaLink");
    bench.control("POST", &format!("mailboxes/{ELLIS}/migrate"), &json!({}));
    assert_eq!(bench.get(&format!("users/{ELLIS}/events/{old}")).status, 404);
    let lost = bench.graph("GET", &link, &[super::IMMUTABLE], None);
    assert_eq!(lost.code().1, "SyncStateNotFound");
    let filter = format!(
        "$filter=singleValueExtendedProperties/any(e:e/id%20eq%20'{}'%20and%20e/value%20eq%20'crm:1')",
        super::STAMP.replace(' ', "%20")
    );
    let found = bench.get(&format!("users/{ELLIS}/events?{filter}")).ok();
    assert_eq!(found["value"][0]["iCalUId"], before["iCalUId"]);
    assert_eq!(found["value"][0]["subject"], "Visit");
    assert_ne!(text(&found["value"][0], "id"), old);
    let body = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
        <m:GetServerTimeZones xmlns:m=\
        \"http://schemas.microsoft.com/exchange/services/2006/messages\"/></s:Body></s:Envelope>";
    let request = crate::simulator::SimRequest::ews(ELLIS, "Passw0rd!", body);
    let crate::simulator::SimOutcome::Answer { status, body, .. } =
        bench.simulator.handle(&request)
    else {
        panic!("no answer");
    };
    assert_eq!(status, 500);
    assert!(String::from_utf8(body).unwrap().contains("ErrorNonExistentMailbox"));
}

#[test]
fn a_schedule_tells_how_busy_people_are() {
    let bench = Bench::new();
    let mut free = visit();
    free["showAs"] = json!("workingElsewhere");
    bench.create(&free);
    let mut away = visit();
    away["showAs"] = json!("oof");
    away["sensitivity"] = json!("private");
    away["start"]["dateTime"] = json!("2026-03-02T10:30:00");
    away["end"]["dateTime"] = json!("2026-03-02T11:00:00");
    bench.create(&away);
    let zone = "W. Europe Standard Time";
    let mut asked = json!({
        "schedules": [ELLIS, "nobody@tidemark.example"],
        "startTime": { "dateTime": "2026-03-02T09:00:00", "timeZone": zone },
        "endTime": { "dateTime": "2026-03-02T12:00:00", "timeZone": zone },
    });
    let path = format!("users/{ELLIS}/calendar/getSchedule");
    let told = bench.post(&path, &asked).ok();
    let one = &told["value"][0];
    assert_eq!(one["availabilityView"], "000300");
    assert_eq!(one["scheduleItems"][1]["status"], "oof");
    assert_eq!(one["scheduleItems"][1]["subject"], "");
    assert_eq!(one["scheduleItems"][1]["start"]["dateTime"], "2026-03-02T09:30:00.0000000");
    assert_eq!(told["value"][1]["error"]["responseCode"], "ErrorMailRecipientNotFound");
    asked["availabilityViewInterval"] = json!(60);
    assert_eq!(bench.post(&path, &asked).ok()["value"][0]["availabilityView"], "030");
    asked["availabilityViewInterval"] = json!(null);
    assert_eq!(bench.post(&path, &asked).status, 500);
    asked["availabilityViewInterval"] = json!(4);
    assert_eq!(bench.post(&path, &asked).status, 400);
    asked["endTime"]["dateTime"] = json!("2026-05-04T09:00:00");
    assert_eq!(bench.post(&path, &asked).code(), (400, "ErrorTimeIntervalTooBig"));
}
