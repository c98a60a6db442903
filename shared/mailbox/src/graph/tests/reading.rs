//! Items: batches, series with their exceptions, attachments, searches.

use jiff::civil::datetime;
use tidemark_model::{CopyRole, LinkId, Override, RecurrenceId};

use super::script::{batch, empty, error, instance, list, series, with};
use super::*;
use crate::error::MailboxError;
use crate::port::{Search, Searched};

fn ids(texts: &[&str]) -> Vec<RemoteId> {
    texts.iter().map(|text| RemoteId::new(*text)).collect()
}

fn day(day: i8) -> RecurrenceId {
    RecurrenceId::new(datetime(2026, 3, day, 9, 0, 0, 0))
}

#[tokio::test]
async fn items_are_read_in_one_batch_with_immutable_ids_in_every_part() {
    let script =
        Script::new([batch(&[(200, None, event("a", "1")), (200, None, event("b", "2"))])]);
    let read = mailbox(&script).read(&ids(&["a", "b"])).await.expect("items");
    let keys: Vec<_> = read
        .iter()
        .map(|item| item.as_ref().expect("an item").reference.change_key.as_str())
        .collect();
    assert_eq!(keys, ["1", "2"]);
    assert_eq!(script.calls(), ["POST /$batch"]);
    for part in script.body(0)["requests"].as_array().expect("parts") {
        assert_eq!(part["headers"]["Prefer"], "IdType=\"ImmutableId\"");
        assert!(part["url"].as_str().expect("a URL").starts_with("/users/8a7c/calendar/events/"));
    }
}

#[tokio::test]
async fn errors_of_items_stand_in_their_places() {
    let broken = with(event("c", "3"), &json!({ "start": null }));
    let script = Script::new([batch(&[
        (200, None, event("a", "1")),
        (404, None, error("ErrorItemNotFound")),
        (200, None, broken),
        (429, Some("40"), error("TooManyRequests")),
        (200, None, event("e", "5")),
    ])]);
    let mailbox = mailbox(&script);
    let read = mailbox.read(&ids(&["a", "b", "c", "d", "", "e"])).await.expect("items");
    let of = |item: &Result<_, MailboxError>| item.as_ref().err().map(|error| error.disposition);
    let wait = Disposition::RetryAfter(Duration::from_secs(40));
    assert_eq!(
        read.iter().map(of).collect::<Vec<_>>(),
        [
            None,
            Some(Disposition::Gone),
            Some(Disposition::Quarantine),
            Some(wait),
            Some(Disposition::Gone),
            None
        ]
    );
    // What one part was told holds for the mailbox.
    let error = mailbox.read(&ids(&["d"])).await.expect_err("waiting");
    assert_eq!((error.disposition, error.code.as_str()), (wait, "backing-off"));
}

#[tokio::test]
async fn one_item_that_is_gone_is_no_error_of_the_request() {
    let script = Script::new([failure(404, "ErrorItemNotFound")]);
    let read = mailbox(&script).read(&ids(&["a"])).await.expect("an answer");
    assert_eq!(read[0].as_ref().expect_err("gone").disposition, Disposition::Gone);
    // Not every 404 is Exchange's word that an item is gone.
    let script =
        Script::new([failure(404, "UnknownError"), Step::from((404, "<html>".to_owned()))]);
    let mailbox_ = mailbox(&script);
    for _ in 0..2 {
        let read = mailbox_.read(&ids(&["a"])).await.expect("an answer");
        assert_eq!(read[0].as_ref().expect_err("no proof").disposition, Disposition::Reject);
    }
    let script = Script::new([failure(404, "MailboxNotEnabledForRESTAPI")]);
    let error = mailbox(&script).read(&ids(&["a"])).await.expect_err("no mailbox");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Mailbox));
}

#[tokio::test]
async fn a_series_comes_with_what_differs_from_its_rule() {
    let moved = with(
        instance("e", "7", "exception", 5),
        &json!({ "start": { "dateTime": "2026-03-05T10:00:00.0000000", "timeZone": "UTC" },
            "end": { "dateTime": "2026-03-05T11:00:00.0000000", "timeZone": "UTC" } }),
    );
    let whole = with(
        series("m", "6"),
        &json!({ "cancelledOccurrences": ["OID.m.2026-03-04"], "exceptionOccurrences": [moved],
            "singleValueExtendedProperties": [{
                "id": "String {8F71513C-B755-447A-8A2B-3D2ACE1B53B9} Name TidemarkLink",
                "value": "00000000-0000-0000-0000-000000000007;\
                          00000000-0000-0000-0000-000000000008;3" }] }),
    );
    // The first answer is that of a GET which did not ask for exceptions.
    let bare = with(series("m", "5"), &json!({ "exceptionOccurrences": null }));
    let shown = list(&[instance("o", "6", "occurrence", 2)]);
    let script = Script::new([ok(&bare), ok(&whole), shown]);
    let read = mailbox(&script).read(&ids(&["m"])).await.expect("items");
    let remote = read[0].as_ref().expect("a series");
    assert_eq!(remote.reference.change_key.as_str(), "6");
    assert_eq!(remote.role, CopyRole::Appointment);
    assert_eq!(remote.event.overrides.get(&day(4)), Some(&Override::Excluded));
    let Some(Override::Changed(patch)) = remote.event.overrides.get(&day(5)) else {
        panic!("a changed occurrence")
    };
    assert_eq!(
        patch.schedule.as_ref().map(tidemark_model::Schedule::start),
        Some(datetime(2026, 3, 5, 11, 0, 0, 0))
    );
    let exception = remote.exceptions.get(&day(5)).expect("its reference");
    assert_eq!((exception.id.as_str(), exception.change_key.as_str()), ("e", "7"));
    let stamp = remote.stamp.expect("a stamp");
    assert_eq!((stamp.link, stamp.epoch), (LinkId::new(uuid::Uuid::from_u128(7)), 3));
    assert!(script.query(1).contains("cancelledOccurrences,exceptionOccurrences&"));
    assert!(script.query(1).ends_with(",exceptionOccurrences"));
    assert!(!script.query(0).contains("exceptionOccurrences"));
}

#[tokio::test]
async fn a_series_that_lacks_an_exception_is_left_aside() {
    let off_rule = instance("e", "7", "exception", 28);
    let whole = with(series("m", "6"), &json!({ "exceptionOccurrences": [off_rule] }));
    let script = Script::new([ok(&series("m", "6")), ok(&whole)]);
    let read = mailbox(&script).read(&ids(&["m"])).await.expect("items");
    let error = read[0].as_ref().expect_err("left aside");
    assert_eq!((error.disposition, error.scope), (Disposition::Quarantine, Scope::Item));
}

#[tokio::test]
async fn an_item_that_is_asked_for_alone_has_to_be_in_the_calendar() {
    // An immutable id is good for an item in the Deleted Items too.
    let script = Script::new([ok(&event("a", "1")), list(&[event("A", "1"), event("b", "1")])]);
    let read = mailbox(&script).read(&ids(&["a"])).await.expect("an answer");
    let error = read[0].as_ref().expect_err("elsewhere");
    assert_eq!((error.disposition, error.code.as_str()), (Disposition::Gone, "item-elsewhere"));
    assert_eq!(script.calls()[1], "GET /calendar/calendarView");
    let query = script.query(1);
    let around = "startDateTime=2026-03-01T08:00:00Z&endDateTime=2026-03-03T08:00:00Z&";
    assert!(query.starts_with(around), "{query}");
    // What cannot be looked for is neither there nor gone.
    let script = Script::new([ok(&event("a", "1")), failure(503, "ServiceUnavailable")]);
    let error = mailbox(&script).read(&ids(&["a"])).await.expect_err("not known");
    assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
}

#[tokio::test]
async fn what_is_known_by_its_id_alone_is_read_as_its_series_and_looked_for_in_batches() {
    let script = Script::new([
        batch(&[
            (200, None, instance("o", "6", "exception", 3)),
            (404, None, error("ErrorItemNotFound")),
            (200, None, event("a", "1")),
            (200, None, event("b", "2")),
        ]),
        ok(&series("m", "6")),
        ok(&series("m", "6")),
        batch(&[
            (200, None, json!({ "value": [instance("o2", "6", "occurrence", 2)] })),
            (200, None, json!({ "value": [event("a", "1")] })),
            (200, None, json!({ "value": [event("a", "1")] })),
        ]),
    ]);
    let read = mailbox(&script).read_named(&ids(&["o", "x", "a", "b"])).await.expect("items");
    let of = |item: &Result<crate::port::RemoteEvent, MailboxError>| match item {
        Ok(found) => found.reference.id.as_str().to_owned(),
        Err(error) => error.code.clone(),
    };
    let found: Vec<_> = read.iter().map(of).collect();
    // The last one is in the mailbox and not in the calendar.
    assert_eq!(
        (found[0].as_str(), found[2].as_str(), found[3].as_str()),
        ("m", "a", "item-elsewhere")
    );
    let gone = read[1].as_ref().expect_err("gone");
    assert_eq!(gone.disposition, Disposition::Gone);
    assert_eq!(script.calls().len(), 4);
}

#[tokio::test]
async fn an_item_that_was_listed_just_now_is_not_looked_for() {
    let page = script::delta(&[event("a", "1")], "nextLink", "x?$skiptoken=1");
    let script = Script::new([page, ok(&event("a", "1"))]);
    let mailbox = mailbox(&script);
    mailbox.changes(None, 10).await.expect("a page");
    let read = mailbox.read(&ids(&["a"])).await.expect("items");
    assert!(read[0].is_ok());
}

#[tokio::test]
async fn a_series_is_looked_for_where_its_first_occurrence_is_left() {
    let excluded = json!({ "cancelledOccurrences": ["OID.m.2026-03-02", "OID.m.2026-03-03"] });
    let whole = with(series("m", "6"), &excluded);
    let shown = list(&[instance("o4", "6", "occurrence", 4)]);
    let script = Script::new([ok(&whole), ok(&whole), shown]);
    let read = mailbox(&script).read(&ids(&["m"])).await.expect("items");
    assert!(read[0].is_ok());
    let query = script.query(2);
    let around = "startDateTime=2026-03-03T08:00:00Z&endDateTime=2026-03-05T08:00:00Z&";
    assert!(query.starts_with(around), "{query}");
}

#[tokio::test]
async fn an_occurrence_is_no_item() {
    let script = Script::new([ok(&instance("o", "1", "occurrence", 3))]);
    let read = mailbox(&script).read(&ids(&["o"])).await.expect("items");
    assert_eq!(read[0].as_ref().expect_err("a part").disposition, Disposition::Quarantine);
}

#[tokio::test]
async fn what_is_attached_is_asked_for() {
    let holder = with(event("a", "1"), &json!({ "hasAttachments": true }));
    let attached = json!({ "id": "f", "name": "plan.pdf", "contentType": "application/pdf",
        "size": 1234, "isInline": false });
    let script = Script::new([
        batch(&[(200, None, holder), (200, None, event("b", "1"))]),
        list(&[attached]),
    ]);
    let read = mailbox(&script).read(&ids(&["a", "b"])).await.expect("items");
    let of = |place: usize| read[place].as_ref().expect("an item").event.attachments.clone();
    assert_eq!(of(0)[0].size_bytes, Some(1234));
    assert!(of(1).is_empty());
    assert_eq!(script.calls(), ["POST /$batch", "GET /events/a/attachments"]);
    assert!(!script.query(1).contains("contentBytes"));
}

#[tokio::test]
async fn more_than_a_batch_holds_is_asked_for_in_several() {
    let names: Vec<String> = (0..21).map(|number| format!("i{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let twenty: Vec<_> = names[..20].iter().map(|name| (200, None, event(name, "1"))).collect();
    let script = Script::new([batch(&twenty), ok(&event("i20", "1"))]);
    let read = mailbox(&script).read(&ids(&names)).await.expect("items");
    assert_eq!(read.len(), 21);
    let in_order = read
        .iter()
        .zip(&names)
        .all(|(item, name)| item.as_ref().is_ok_and(|item| item.reference.id.as_str() == *name));
    assert!(in_order);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_asked_for_in_halves() {
    let too_large = || (TransportFault::AnswerTooLarge, Delivery::Unclear).into();
    let script = Script::new([too_large(), too_large(), ok(&event("b", "1"))]);
    let read = mailbox(&script).read(&ids(&["a", "b"])).await.expect("items");
    assert_eq!(read[0].as_ref().expect_err("too large").disposition, Disposition::Quarantine);
    assert!(read[1].is_ok());
    assert_eq!(
        script.calls(),
        ["POST /$batch", "GET /calendar/events/a", "GET /calendar/events/b"]
    );
}

#[tokio::test]
async fn a_search_follows_its_pages_and_keeps_ids_that_differ_in_case() {
    let script = Script::new([
        ok(&json!({ "value": [event("aA", "1"), instance("o", "2", "occurrence", 3)],
            "@odata.nextLink": format!("{}calendar/events?$skip=1", script::BASE) })),
        list(&[event("AA", "3")]),
    ]);
    let link = LinkId::new(uuid::Uuid::from_u128(7));
    let found = mailbox(&script).find_by_stamp(link).await.expect("items");
    let ids: Vec<_> = found.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["aA", "AA"]);
    let query = script.query(0);
    let expected = "$filter=singleValueExtendedProperties/Any(ep: ep/id eq 'String \
                    {8f71513c-b755-447a-8a2b-3d2ace1b53b9} Name TidemarkLink' and \
                    startswith(ep/value, '00000000-0000-0000-0000-000000000007;'))&";
    assert!(query.starts_with(expected), "{query}");
}

#[tokio::test]
async fn a_uid_is_searched_as_one_text() {
    let script = Script::new([list(&[event("a", "1")])]);
    let found = mailbox(&script).find_by_uid("it's").await.expect("items");
    assert_eq!(found.len(), 1);
    assert!(script.query(0).starts_with("$filter=iCalUId eq 'it''s'&"), "{}", script.query(0));
    let script = Script::new([list(&[json!({ "changeKey": "1" })])]);
    let error = mailbox(&script).find_by_uid("x").await.expect_err("cannot be told");
    assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
    let script = Script::new([empty(204)]);
    assert!(mailbox(&script).find_by_uid("x").await.is_err());
}

#[tokio::test]
async fn searches_go_in_batches_and_what_one_of_them_lacks_is_its_own() {
    let link = LinkId::new(uuid::Uuid::from_u128(7));
    let searches: Vec<Search> = core::iter::once(Search::Stamp(link))
        .chain((1..21).map(|number| Search::Uid(format!("u{number}"))))
        .collect();
    let page = |entries: &[Value]| json!({ "value": entries });
    let mut parts = vec![(200, None, page(&[])); 20];
    let next = format!("{}calendar/events?$skip=1", script::BASE);
    parts[0] = (200, None, json!({ "value": [event("a", "1")], "@odata.nextLink": next }));
    parts[1] = (200, None, page(&[json!({ "changeKey": "1" })]));
    parts[2] = (200, None, page(&[event("c", "1"), event("d", "1")]));
    // The second page of the first, then what the first batch does not hold.
    let script = Script::new([batch(&parts), list(&[event("b", "2")]), list(&[event("z", "1")])]);
    let found = mailbox(&script).find_each(&searches).await.expect("answers");
    let ids = |found: &Searched| {
        let found = found.as_ref().expect("items").iter();
        found.map(|it| it.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found.len(), 21);
    assert_eq!(
        (ids(&found[0]), ids(&found[2])),
        (vec!["a".into(), "b".into()], vec!["c".into(), "d".into()])
    );
    assert!(found[1].is_err(), "an item without an id cannot be told");
    assert_eq!((ids(&found[3]), ids(&found[20])), (vec![], vec!["z".into()]));
    let calls = script.calls();
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert_eq!(calls[0], "POST /$batch");
}

#[tokio::test]
async fn what_a_search_has_found_is_read_without_asking_where_it_is() {
    let script = Script::new([list(&[event("a", "1")]), ok(&event("a", "1"))]);
    let mailbox = mailbox(&script);
    mailbox.find_by_uid("u").await.expect("items");
    assert!(mailbox.read(&ids(&["a"])).await.expect("items")[0].is_ok());
    assert_eq!(script.calls(), ["GET /calendar/events", "GET /calendar/events/a"]);
}

#[tokio::test]
async fn ids_of_ews_are_translated_in_blocks_and_matched_by_what_was_given() {
    let names: Vec<String> = (0..1001).map(|number| format!("ews{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let script = Script::new([
        ok(&json!({ "value": [{ "sourceId": "ews2", "targetId": "AAA=" },
            { "sourceId": "ews1", "targetId": null, "errorDetails": { "code": "ErrorInvalidId" } },
            { "sourceId": "EWS0", "targetId": "case counts" }] })),
        ok(&json!({ "value": [{ "sourceId": "ews1000", "targetId": "BBB=" }] })),
    ]);
    let found = mailbox(&script).translate(&ids(&names)).await.expect("an answer");
    assert_eq!(found.len(), 1001);
    let known: Vec<_> = found
        .iter()
        .enumerate()
        .filter_map(|(place, id)| Some((place, id.as_ref()?.as_str())))
        .collect();
    assert_eq!(known, [(2, "AAA="), (1000, "BBB=")]);
    assert_eq!(script.calls(), ["POST /translateExchangeIds"; 2]);
    let body = script.body(0);
    assert_eq!(body["inputIds"].as_array().map(Vec::len), Some(1000));
    assert_eq!(body["sourceIdType"], "ewsId");
    assert_eq!(body["targetIdType"], "restImmutableEntryId");
    let script = Script::new([failure(403, "Authorization_RequestDenied")]);
    let error = mailbox(&script).translate(&ids(&["x"])).await.expect_err("not allowed");
    assert_eq!((error.disposition, error.scope), (Disposition::Reject, Scope::Mailbox));
}
