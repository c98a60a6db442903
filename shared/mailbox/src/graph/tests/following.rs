//! Changes: rounds, the listing, the moving of the window, and cursors that lead nowhere.

use jiff::Timestamp;

use super::script::{delta, following, instance, list};
use super::*;
use crate::port::{Change, ChangePage};

fn told(page: &ChangePage) -> Vec<String> {
    let told = page.changes.iter().map(|change| match change {
        Change::Touched(it) => format!("{}@{}", it.id.as_str(), it.change_key.as_str()),
        Change::Removed(id) => format!("-{}", id.as_str()),
    });
    told.collect()
}

/// A bare occurrence, as a delta lists it (exchange-graph.md 8).
fn bare(id: &str, day: u8) -> Value {
    json!({ "@odata.etag": "W/\"x\"", "id": id, "type": "occurrence", "seriesMasterId": "m",
        "start": { "dateTime": format!("2026-03-{day:02}T08:00:00"), "timeZone": "UTC" } })
}

fn master(key: &str) -> Value {
    json!({ "@odata.etag": format!("W/\"{key}\""), "id": "m", "type": "seriesMaster" })
}

fn removed(id: &str) -> Value {
    json!({ "id": id, "@removed": { "reason": "deleted" } })
}

/// A cursor at rest behind a first copy.
async fn at_rest(mailbox: &GraphMailbox) -> Cursor {
    let page = mailbox.changes(None, 100).await.expect("the first round");
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("the listing");
    assert!(!page.more);
    page.cursor
}

fn first_copy() -> [Step; 2] {
    [delta(&[], "deltaLink", "calendarView/delta?$deltatoken=1"), list(&[])]
}

#[tokio::test]
async fn the_first_copy_is_the_window_and_then_whatever_lies_outside() {
    let script = Script::new([
        delta(
            &[event("a", "1"), master("5"), bare("o1", 2)],
            "nextLink",
            "calendarView/delta?$skiptoken=1",
        ),
        delta(&[bare("o2", 3), event("b", "2")], "deltaLink", "calendarView/delta?$deltatoken=1"),
        ok(&json!({ "value": [event("a", "1")],
            "@odata.nextLink": format!("{}calendar/events?$skip=1", script::BASE) })),
        list(&[event("old", "9"), master("5")]),
    ]);
    let mailbox = mailbox(&script);
    let page = mailbox.changes(None, 100).await.expect("a page");
    // Occurrences that follow their rule say nothing that their series does not.
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("a@1 m@5", true));
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("b@2", true));
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("a@1", true));
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("old@9 m@5", false));
    assert_eq!(
        script.query(0),
        "startDateTime=2026-01-25T06:13:20Z&endDateTime=2027-02-26T06:13:20Z"
    );
    let prefer = "IdType=\"ImmutableId\", odata.maxpagesize=100";
    for request in [0, 1] {
        assert_eq!(script.header(request, "prefer").as_deref(), Some(prefer));
    }
    assert_eq!(
        script.query(2),
        "$select=id,changeKey,type,seriesMasterId,lastModifiedDateTime,start,end&$top=100"
    );
    assert_eq!(
        script.calls(),
        [
            "GET /calendarView/delta",
            "GET /calendarView/delta",
            "GET /calendar/events",
            "GET /calendar/events"
        ]
    );
}

#[tokio::test]
async fn an_occurrence_that_changes_touches_its_series_and_nothing_else() {
    let [first, rest] = first_copy();
    let exception = instance("e", "7", "exception", 4);
    let script = Script::new([
        first,
        rest,
        delta(
            &[bare("o1", 2), bare("o2", 3), exception, master("6"), removed("o3"), event("a", "2")],
            "deltaLink",
            "calendarView/delta?$deltatoken=2",
        ),
    ]);
    let mailbox = mailbox(&script);
    let cursor = at_rest(&mailbox).await;
    let page = mailbox.changes(Some(&cursor), 100).await.expect("a round");
    // The version of the series is as good as unknown: something of it has changed.
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("m@ -o3 a@2", false));
    assert!(script.request(2).url.ends_with("calendarView/delta?$deltatoken=1"));
}

#[tokio::test]
async fn an_exception_of_a_first_round_has_its_series_read() {
    let exception = instance("e", "7", "exception", 4);
    let script = Script::new([delta(&[master("5"), exception], "nextLink", "x?$skiptoken=1")]);
    let page = mailbox(&script).changes(None, 100).await.expect("a page");
    assert_eq!(told(&page), ["m@"]);
}

#[tokio::test]
async fn the_last_word_on_an_item_counts_and_case_makes_two_of_one() {
    let [first, rest] = first_copy();
    let entries = [event("a", "1"), removed("a"), removed("b"), event("b", "2"), event("A", "3")];
    let script = Script::new([first, rest, delta(&entries, "deltaLink", "x?$deltatoken=2")]);
    let mailbox = mailbox(&script);
    let cursor = at_rest(&mailbox).await;
    let page = mailbox.changes(Some(&cursor), 100).await.expect("a round");
    assert_eq!(told(&page), ["-a", "b@2", "A@3"]);
}

#[tokio::test]
async fn an_empty_page_with_a_successor_is_no_end() {
    let script = Script::new([
        delta(&[], "nextLink", "calendarView/delta?$skiptoken=1"),
        delta(&[event("a", "1")], "deltaLink", "calendarView/delta?$deltatoken=1"),
    ]);
    let mailbox = mailbox(&script);
    let page = mailbox.changes(None, 100).await.expect("a page");
    assert!(page.changes.is_empty() && page.more);
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert_eq!(told(&page), ["a@1"]);
}

#[tokio::test]
async fn a_window_moves_and_hears_the_one_before_to_its_end() {
    let [first, rest] = first_copy();
    let script = Script::new([
        first,
        rest,
        delta(&[event("new", "1")], "deltaLink", "calendarView/delta?$deltatoken=new"),
        delta(&[removed("a")], "nextLink", "calendarView/delta?$skiptoken=old"),
        delta(&[removed("b")], "deltaLink", "calendarView/delta?$deltatoken=unused"),
        delta(&[], "deltaLink", "calendarView/delta?$deltatoken=newer"),
    ]);
    let mailbox = mailbox(&script);
    let cursor = at_rest(&mailbox).await;
    script.clock.pass(8 * 24 * 3600);
    let page = mailbox.changes(Some(&cursor), 100).await.expect("the new window");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("new@1", true));
    assert_eq!(
        script.query(2),
        "startDateTime=2026-02-02T06:13:20Z&endDateTime=2027-03-06T06:13:20Z"
    );
    // What was deleted in the meantime is known to the old window alone.
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("the old window");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("-a", true));
    assert!(script.request(3).url.ends_with("$deltatoken=1"));
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("the old window");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("-b", false));
    mailbox.changes(Some(&page.cursor), 100).await.expect("the new window");
    assert!(script.request(5).url.ends_with("$deltatoken=new"));
}

/// An event of an hour that was changed so many seconds after the feed was begun.
fn changed(id: &str, seconds: i64, start: &str) -> Value {
    let modified = Timestamp::from_second(script::NOW + seconds).expect("a time");
    json!({ "@odata.etag": "W/\"1\"", "id": id, "type": "singleInstance",
        "lastModifiedDateTime": modified.to_string(),
        "start": { "dateTime": start, "timeZone": "UTC" },
        "end": { "dateTime": start, "timeZone": "UTC" } })
}

#[tokio::test]
async fn what_the_next_round_tells_is_not_told_by_the_listing() {
    let mut series = changed("m", 60, "2027-01-04T09:00:00");
    series["type"] = "seriesMaster".into();
    let mut later_series = series.clone();
    later_series["id"] = "m2".into();
    later_series["start"]["dateTime"] = "2040-01-04T09:00:00".into();
    let [first, _] = first_copy();
    let script = Script::new([
        first,
        list(&[
            changed("before", -60, "2026-03-04T09:00:00"),
            // Made since: if it were told and then deleted before the next round, no delta would say so.
            changed("inside", 60, "2026-03-04T09:00:00"),
            series,
            // No round speaks of what lies outside.
            changed("past", 60, "2020-03-04T09:00:00"),
            changed("future", 60, "2040-03-04T09:00:00"),
            later_series,
            event("unsaid", "1"),
        ]),
    ]);
    let mailbox = mailbox(&script);
    let page = mailbox.changes(None, 100).await.expect("the first round");
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("the listing");
    assert_eq!(told(&page), ["before@1", "past@1", "future@1", "m2@1", "unsaid@1"]);
    let asked = script.query(1);
    for name in ["lastModifiedDateTime", "start", "end"] {
        assert!(asked.contains(name), "{asked}");
    }
}

#[tokio::test]
async fn what_the_new_window_tells_is_not_told_by_the_old_one() {
    const WEEK: i64 = 8 * 24 * 3600;
    let [first, rest] = first_copy();
    let script = Script::new([
        first,
        rest,
        delta(&[], "deltaLink", "calendarView/delta?$deltatoken=new"),
        delta(
            &[
                changed("made since", WEEK + 60, "2026-03-20T09:00:00"),
                changed("changed before", WEEK - 60, "2026-03-20T09:00:00"),
                bare("o", 20),
                removed("gone"),
            ],
            "deltaLink",
            "calendarView/delta?$deltatoken=unused",
        ),
    ]);
    let mailbox = mailbox(&script);
    let cursor = at_rest(&mailbox).await;
    script.clock.pass(WEEK);
    let page = mailbox.changes(Some(&cursor), 100).await.expect("the new window");
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("the old window");
    assert_eq!(told(&page), ["changed before@1", "-gone"]);
}

#[tokio::test]
async fn a_window_is_not_moved_in_the_middle_of_a_round() {
    let [first, rest] = first_copy();
    let script = Script::new([
        first,
        rest,
        delta(&[], "nextLink", "calendarView/delta?$skiptoken=2"),
        delta(&[], "deltaLink", "calendarView/delta?$deltatoken=2"),
    ]);
    let mailbox = mailbox(&script);
    let cursor = at_rest(&mailbox).await;
    let page = mailbox.changes(Some(&cursor), 100).await.expect("a page");
    script.clock.pass(8 * 24 * 3600);
    mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert!(script.request(3).url.ends_with("$skiptoken=2"));
}

#[tokio::test]
async fn the_feed_without_a_window_is_taken_where_it_is_offered() {
    let script = Script::new([
        delta(&[event("a", "1")], "nextLink", "events/delta?$skiptoken=1"),
        delta(&[master("5")], "deltaLink", "events/delta?$deltatoken=1"),
        delta(&[removed("a")], "deltaLink", "events/delta?$deltatoken=2"),
    ]);
    let mailbox = following(&script, ChangeFeed::AllIfOffered);
    let page = mailbox.changes(None, 100).await.expect("a page");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("a@1", true));
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert_eq!((told(&page).join(" ").as_str(), page.more), ("m@5", false));
    script.clock.pass(1000 * 24 * 3600);
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert_eq!(told(&page), ["-a"]);
    assert_eq!(script.calls(), ["GET /events/delta"; 3]);
}

#[tokio::test]
async fn where_that_feed_is_refused_the_window_takes_its_place() {
    for (status, code) in
        [(400, "ErrorInvalidRequest"), (404, "UnknownError"), (501, "NotImplemented")]
    {
        let script = Script::new([
            failure(status, code),
            delta(&[event("a", "1")], "nextLink", "calendarView/delta?$skiptoken=1"),
        ]);
        let mailbox = following(&script, ChangeFeed::AllIfOffered);
        let page = mailbox.changes(None, 100).await.expect("a page");
        assert_eq!(told(&page), ["a@1"]);
        assert_eq!(script.calls(), ["GET /events/delta", "GET /calendarView/delta"]);
    }
    let script = Script::new([failure(404, "MailboxNotEnabledForRESTAPI")]);
    let mailbox = following(&script, ChangeFeed::AllIfOffered);
    let error = mailbox.changes(None, 100).await.expect_err("no mailbox");
    assert_eq!(error.disposition, Disposition::Reject);
}

#[tokio::test]
async fn a_lost_delta_means_to_compare() {
    for (status, code) in [
        (410, "SyncStateNotFound"),
        (400, "syncStateNotFound"),
        (404, "SyncStateInvalid"),
        (410, ""),
    ] {
        let [first, rest] = first_copy();
        let script = Script::new([first, rest, failure(status, code)]);
        let mailbox = mailbox(&script);
        let cursor = at_rest(&mailbox).await;
        let error = mailbox.changes(Some(&cursor), 100).await.expect_err("lost");
        assert_eq!(
            (error.disposition, error.scope),
            (Disposition::Resync, Scope::Mailbox),
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_user_who_is_called_otherwise_is_compared_and_one_who_is_gone_is_none() {
    let [first, rest] = first_copy();
    let unknown = || failure(404, "Request_ResourceNotFound");
    let script = Script::new([first, rest, unknown(), unknown()]);
    let mailbox = mailbox(&script);
    let cursor = at_rest(&mailbox).await;
    let lost = mailbox.changes(Some(&cursor), 100).await.expect_err("the link names nobody");
    assert_eq!(lost.disposition, Disposition::Resync);
    let gone = mailbox.changes(None, 100).await.expect_err("there is nobody");
    assert_eq!(gone.disposition, Disposition::Reject);
}

#[tokio::test]
async fn a_cursor_of_another_protocol_or_to_another_host_is_lost_without_being_followed() {
    let [first, rest] = first_copy();
    let script = Script::new([first, rest]);
    let mailbox = mailbox(&script);
    let good = at_rest(&mailbox).await;
    let foreign = good.as_str().replace("graph.microsoft.com", "evil.example");
    assert_ne!(foreign, good.as_str());
    for text in ["H4sIAAA=", "", "{}", "{\"version\":2}", &foreign] {
        let error = mailbox.changes(Some(&Cursor::new(text)), 100).await.expect_err("unknown");
        assert_eq!(
            (error.disposition, error.code.as_str()),
            (Disposition::Resync, "cursor-unknown")
        );
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_neither_followed_nor_kept() {
    for member in ["nextLink", "deltaLink"] {
        let link = "https://graph.microsoft.com.evil.example/v1.0/x";
        let script = Script::new([ok(&json!({ "value": [], format!("@odata.{member}"): link }))]);
        let error = mailbox(&script).changes(None, 100).await.expect_err("foreign");
        assert_eq!((error.disposition, error.code.as_str()), (Disposition::Reject, "link-foreign"));
        assert!(!error.text.contains("evil"));
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_told_whole_is_not_told_at_all() {
    let entries = [event("a", "1"), json!({ "subject": "no id" })];
    let script = Script::new([delta(&entries, "nextLink", "x?$skiptoken=1")]);
    let error = mailbox(&script).changes(None, 100).await.expect_err("unreadable");
    assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
    let script = Script::new([list(&[])]);
    let error = mailbox(&script).changes(None, 100).await.expect_err("leads nowhere");
    assert_eq!(error.code, "answer-unreadable");
}

#[tokio::test]
async fn a_view_names_each_item_once_in_the_order_of_its_begin() {
    let script = Script::new([
        ok(&json!({ "value": [event("a", "1"), instance("o1", "2", "occurrence", 2)],
            "@odata.nextLink": format!("{}calendar/calendarView?$skip=2", script::BASE) })),
        list(&[instance("o2", "3", "exception", 3), event("b", "4")]),
    ]);
    let at = |text: &str| text.parse().expect("a time");
    let view = mailbox(&script).view(at("2026-03-01T00:00:00Z"), at("2026-03-15T00:00:00Z")).await;
    let ids: Vec<_> = view.expect("a view").iter().map(|it| it.id.as_str().to_owned()).collect();
    assert_eq!(ids, ["a", "m", "b"]);
    let query = script.query(0);
    assert!(
        query.starts_with("startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-03-15T00:00:00Z")
    );
}
