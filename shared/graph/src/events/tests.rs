use jiff::SignedDuration;
use jiff::civil::datetime;
use tidemark_model::{Event, Schedule, Zone};

use super::*;
use crate::calendar::{WriteContext, changes};

fn user() -> UserKey {
    UserKey::parse("8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a").expect("an id")
}

fn id(text: &str) -> EventId {
    EventId::new(text).expect("an id")
}

const USER: &str = "/users/8a7c3f3e-0000-4000-8000-1f2e3d4c5b6a";

fn path(request: &GraphRequest) -> String {
    let path = request.path().expect("a path");
    path.strip_prefix(USER).expect("of the user").to_owned()
}

fn header(request: &GraphRequest, name: &str) -> Option<String> {
    let headers = request.headers();
    headers.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[test]
fn an_event_is_read_with_its_stamp() {
    let request = build_get(&user(), &id("AAMk-_="));
    let found = path(&request);
    assert!(found.starts_with("/calendar/events/AAMk-_%3D?$select=id%2CchangeKey%2C"), "{found}");
    let expand = "&$expand=singleValueExtendedProperties%28%24filter%3Did%20eq%20%27String%20\
                  %7B8f71513c-b755-447a-8a2b-3d2ace1b53b9%7D%20Name%20TidemarkLink%27%29";
    assert!(found.ends_with(expand), "{found}");
    assert_eq!(request.method, Method::Get);
    assert!(request.body().is_none());
    let series = path(&build_get_series(&user(), &id("m")));
    assert!(series.contains("%2CcancelledOccurrences%2CexceptionOccurrences&"), "{series}");
    assert!(series.ends_with("%29%2CexceptionOccurrences"), "{series}");
}

#[test]
fn a_stamp_is_searched_by_what_every_attempt_of_its_link_begins_with() {
    let request = build_find_stamp(&user(), "0190-link");
    let path = path(&request);
    assert!(path.contains("startswith%28ep%2Fvalue%2C%20%270190-link%3B%27%29%29"), "{path}");
    assert!(path.contains("ep%2Fid%20eq%20%27String%20%7B8f71513c"), "{path}");
}

#[test]
fn a_uid_with_an_apostrophe_stays_one_text() {
    let path = path(&build_find_uid(&user(), "a'b' or 1 eq 1"));
    assert!(path.starts_with(
        "/calendar/events?$filter=iCalUId%20eq%20%27a%27%27b%27%27%20or%201%20eq%201%27&"
    ));
}

#[test]
fn a_window_is_written_in_utc() {
    let from: Timestamp = "2026-03-01T23:00:00.5Z".parse().expect("a time");
    let until: Timestamp = "2026-04-01T00:00:00+02:00".parse().expect("a time");
    let request = build_calendar_view_delta(&user(), from, until).page_of(100);
    let expected = "/calendarView/delta?startDateTime=2026-03-01T23%3A00%3A00Z\
                    &endDateTime=2026-03-31T22%3A00%3A00Z";
    assert_eq!(path(&request), expected);
    let prefers = header(&request, "Prefer").expect("preferences");
    assert_eq!(prefers, "IdType=\"ImmutableId\", odata.maxpagesize=100");
    assert_eq!(path(&build_events_delta(&user())), "/events/delta");
    let view = path(&build_calendar_view(&user(), from, until, 5000));
    assert!(view.ends_with("&$top=1000"), "{view}");
}

fn visit() -> Event {
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    let start = datetime(2026, 3, 2, 9, 0, 0, 0);
    let hour = SignedDuration::from_hours(1);
    Event::new(Schedule::timed(start, zone, hour, None).expect("a time"))
}

#[test]
fn a_create_carries_stamp_and_transaction() {
    let zone = Zone::utc();
    let context = WriteContext { zone: &zone };
    let new = NewEvent::of(&visit(), Some("l;i;7"), Some("intent"), context).expect("an event");
    let request = build_create(&user(), &new);
    assert_eq!((request.method, path(&request).as_str()), (Method::Post, "/events"));
    let body = request.body().expect("a body");
    assert_eq!(body["transactionId"], "intent");
    assert_eq!(body["singleValueExtendedProperties"][0]["value"], "l;i;7");
    assert_eq!(header(&request, "Content-Type").as_deref(), Some("application/json"));
}

#[test]
fn a_write_goes_only_over_the_version_that_is_known() {
    let mut target = visit();
    target.title = Some("Visit".to_owned());
    let zone = Zone::utc();
    let changes = changes(&visit(), &target, WriteContext { zone: &zone }).expect("changes");
    let update = build_update(&user(), &id("a"), "DwAA", &changes);
    assert_eq!(update.method, Method::Patch);
    assert_eq!(update.body(), Some(&json!({ "subject": "Visit" })));
    assert_eq!(header(&update, "If-Match").as_deref(), Some("W/\"DwAA\""));
    let delete = build_delete(&user(), &id("a"), "DwAA");
    assert_eq!(header(&delete, "If-Match").as_deref(), Some("W/\"DwAA\""));
    for bad in ["", "a\"b", "a b", "a\n"] {
        assert_eq!(header(&build_delete(&user(), &id("a"), bad), "If-Match"), None);
    }
}

#[test]
fn each_answer_has_its_action() {
    for (answer, action) in [
        (Answer::Accept, "/events/a/accept"),
        (Answer::Tentative, "/events/a/tentativelyAccept"),
        (Answer::Decline, "/events/a/decline"),
    ] {
        let request = build_answer(&user(), &id("a"), answer, false);
        assert_eq!(path(&request), action);
        assert_eq!(request.body().expect("a body")["sendResponse"], false);
    }
    let cancel = build_cancel(&user(), &id("a"), "sorry");
    assert_eq!(path(&cancel), "/events/a/cancel");
    assert_eq!(cancel.body().expect("a body")["comment"], "sorry");
}
