//! Changes, items, series, searches.

use super::script::item;
use super::*;
use crate::port::Change;

fn ids(texts: &[&str]) -> Vec<RemoteId> {
    texts.iter().map(|&text| RemoteId::new(text)).collect()
}

fn sync(changes: &str, state: &str, last: bool) -> String {
    let content = format!(
        "<m:SyncState>{state}</m:SyncState>\
         <m:IncludesLastItemInRange>{last}</m:IncludesLastItemInRange>\
         <m:Changes>{changes}</m:Changes>"
    );
    soap("SyncFolderItems", &[message("SyncFolderItems", &content)])
}

/// A weekly series of three Mondays whose second one is moved.
fn series_item(exception: &str) -> String {
    let further = format!(
        "<t:Start>2026-03-02T08:00:00Z</t:Start><t:End>2026-03-02T09:00:00Z</t:End>\
         <t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval>\
         <t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NumberedRecurrence>\
         <t:StartDate>2026-03-02</t:StartDate>\
         <t:NumberOfOccurrences>3</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>\
         <t:ModifiedOccurrences><t:Occurrence><t:ItemId Id=\"{exception}\" ChangeKey=\"1\"/>\
         <t:Start>2026-03-09T12:00:00Z</t:Start><t:End>2026-03-09T13:00:00Z</t:End>\
         <t:OriginalStart>2026-03-09T08:00:00Z</t:OriginalStart></t:Occurrence>\
         </t:ModifiedOccurrences><t:StartTimeZone Id=\"W. Europe Standard Time\"/>\
         <t:EndTimeZone Id=\"W. Europe Standard Time\"/>"
    );
    in_calendar_order(&further, "RecurringMaster")
}

fn in_calendar_order(further: &str, kind: &str) -> String {
    message("GetItem", &format!("<m:Items>{}</m:Items>", item("series", "1", kind, further)))
}

fn exception_item(id: &str) -> String {
    let further = "<t:RecurrenceId>2026-03-09T08:00:00Z</t:RecurrenceId>\
                   <t:Start>2026-03-09T12:00:00Z</t:Start><t:End>2026-03-09T13:00:00Z</t:End>\
                   <t:OriginalStart>2026-03-09T08:00:00Z</t:OriginalStart>\
                   <t:StartTimeZone Id=\"W. Europe Standard Time\"/>\
                   <t:EndTimeZone Id=\"W. Europe Standard Time\"/>";
    message("GetItem", &format!("<m:Items>{}</m:Items>", item(id, "1", "Exception", further)))
}

#[tokio::test]
async fn changes_come_page_by_page_in_the_order_of_the_server() {
    let changes = "<t:Create><t:CalendarItem><t:ItemId Id=\"a\" ChangeKey=\"1\"/>\
                   </t:CalendarItem></t:Create>\
                   <t:Update><t:CalendarItem><t:ItemId Id=\"b\" ChangeKey=\"2\"/>\
                   </t:CalendarItem></t:Update>\
                   <t:Delete><t:ItemId Id=\"c\" ChangeKey=\"3\"/></t:Delete>\
                   <t:ReadFlagChange><t:ItemId Id=\"d\" ChangeKey=\"4\"/>\
                   <t:IsRead>true</t:IsRead></t:ReadFlagChange>";
    let script =
        Script::new([answer(&sync(changes, "state-1", false)), answer(&sync("", "state-2", true))]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let page = mailbox.changes(None, 100_000).await.expect("a page");
    let touched = |id: &str, key: &str| {
        Change::Touched(RemoteRef {
            id: RemoteId::new(id),
            change_key: crate::port::ChangeKey::new(key),
        })
    };
    assert_eq!(page.changes[..2], [touched("a", "1"), touched("b", "2")]);
    assert!(page.changes.contains(&Change::Removed(RemoteId::new("c"))));
    assert!(page.more);
    let page = mailbox.changes(Some(&page.cursor), 100).await.expect("a page");
    assert!(page.changes.is_empty() && !page.more);
    assert_eq!(page.cursor, Cursor::new("state-2"));
    assert!(script.texts(0, "SyncState").is_empty());
    assert_eq!(script.texts(1, "SyncState"), ["state-1"]);
    assert_eq!(script.texts(0, "MaxChangesReturned"), ["512"]);
    assert_eq!(script.texts(1, "MaxChangesReturned"), ["100"]);
    assert_eq!(script.texts(0, "BaseShape"), ["IdOnly"]);
}

#[tokio::test]
async fn a_lost_cursor_asks_for_a_comparison() {
    let lost = error_message("SyncFolderItems", "ErrorInvalidSyncStateData");
    let script = Script::new([answer(&soap("SyncFolderItems", &[lost]))]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let error = mailbox.changes(Some(&Cursor::new("old")), 10).await.expect_err("lost");
    assert_eq!(error.disposition, Disposition::Resync);
}

#[tokio::test]
async fn items_come_in_the_order_of_their_ids_ten_at_a_time() {
    let names: Vec<String> = (0..12).map(|number| format!("item-{number}")).collect();
    let items: Vec<String> = names.iter().map(|name| plain_item(name, "1")).collect();
    let script = Script::new([answer(&get_item(&items[..10])), answer(&get_item(&items[10..]))]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let wanted: Vec<RemoteId> = names.iter().map(RemoteId::new).collect();
    let read = mailbox.read(&wanted).await.expect("items");
    let found: Vec<_> =
        read.iter().map(|item| item.as_ref().expect("readable").reference.id.clone()).collect();
    assert_eq!(found, wanted);
    assert_eq!(script.attributes(1, "ItemId", "Id"), ["item-10", "item-11"]);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_does_not_concern_its_neighbours() {
    let script = Script::new([answer(&get_item(&[
        plain_item("a", "1"),
        error_message("GetItem", "ErrorItemNotFound"),
        error_message("GetItem", "ErrorItemCorrupt"),
        plain_item("d", "1"),
    ]))]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let read = mailbox.read(&ids(&["a", "b", "c", "d"])).await.expect("items");
    let outcome: Vec<_> = read
        .iter()
        .map(|item| item.as_ref().map(|_| ()).map_err(|error| error.disposition))
        .collect();
    assert_eq!(outcome, [Ok(()), Err(Disposition::Gone), Err(Disposition::Quarantine), Ok(())]);
}

#[tokio::test]
async fn a_series_comes_with_its_exceptions() {
    let script = Script::new([
        answer(&get_item(&[plain_item("a", "1"), series_item("exception")])),
        answer(&get_item(&[exception_item("exception")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let read = mailbox.read(&ids(&["a", "series"])).await.expect("items");
    let series = read[1].as_ref().expect("readable");
    assert!(series.event.recurrence.is_some());
    assert_eq!(series.event.overrides.len(), 1);
    let (id, exception) = series.exceptions.first_key_value().expect("an exception");
    assert_eq!(exception.id, RemoteId::new("exception"));
    assert!(series.event.overrides.contains_key(id));
    assert_eq!(script.attributes(1, "ItemId", "Id"), ["exception"]);
}

#[tokio::test]
async fn a_series_that_changes_under_our_hands_is_read_again_later() {
    let script = Script::new([
        answer(&get_item(&[plain_item("a", "1"), series_item("exception")])),
        answer(&get_item(&[error_message("GetItem", "ErrorItemNotFound")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let read = mailbox.read(&ids(&["a", "series"])).await.expect("items");
    assert!(read[0].is_ok());
    let error = read[1].as_ref().expect_err("incomplete");
    assert!(matches!(error.disposition, Disposition::RetryAfter(_)));
    assert_eq!(error.code, "changed-meanwhile");
}

#[tokio::test]
async fn too_large_an_answer_is_asked_for_in_smaller_parts_until_one_item_is_left_aside() {
    let large = || (TransportFault::AnswerTooLarge, Delivery::Unclear).into();
    let script = Script::new([
        large(),
        answer(&get_item(&[plain_item("a", "1")])),
        large(),
        answer(&get_item(&[plain_item("c", "1")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let read = mailbox.read(&ids(&["a", "b", "c"])).await.expect("items");
    assert!(read[0].is_ok() && read[2].is_ok());
    let error = read[1].as_ref().expect_err("too large");
    assert_eq!((error.disposition, error.scope), (Disposition::Quarantine, Scope::Item));
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_halved() {
    let script = Script::new([
        answer(&get_item(&[
            error_message("GetItem", "ErrorTimeoutExpired"),
            error_message("GetItem", "ErrorTimeoutExpired"),
        ])),
        answer(&get_item(&[plain_item("a", "1")])),
        answer(&get_item(&[plain_item("b", "1")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let read = mailbox.read(&ids(&["a", "b"])).await.expect("items");
    assert!(read.iter().all(Result::is_ok));
}

#[tokio::test]
async fn what_the_server_did_not_get_to_is_asked_for_again() {
    let script = Script::new([
        answer(&get_item(&[
            plain_item("a", "1"),
            error_message("GetItem", "ErrorBatchProcessingStopped"),
            error_message("GetItem", "ErrorBatchProcessingStopped"),
        ])),
        answer(&get_item(&[plain_item("b", "1"), plain_item("c", "1")])),
    ]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let read = mailbox.read(&ids(&["a", "b", "c"])).await.expect("items");
    assert!(read.iter().all(Result::is_ok));
    assert_eq!(script.attributes(1, "ItemId", "Id"), ["b", "c"]);
}

#[tokio::test]
async fn searches_ask_for_the_stamp_and_for_the_uid() {
    let found = "<m:RootFolder IndexedPagingOffset=\"1\" TotalItemsInView=\"1\" \
                 IncludesLastItemInRange=\"true\"><t:Items><t:CalendarItem>\
                 <t:ItemId Id=\"a\" ChangeKey=\"1\"/></t:CalendarItem></t:Items></m:RootFolder>";
    let body = soap("FindItem", &[message("FindItem", found)]);
    let script = Script::new([answer(&body), answer(&body)]);
    let mailbox = mailbox(&script, Access::Impersonation);
    let link = LinkId::new(uuid::Uuid::from_u128(7));
    assert_eq!(mailbox.find_by_stamp(link).await.expect("found").len(), 1);
    assert_eq!(mailbox.find_by_uid("uid-1").await.expect("found").len(), 1);
    assert_eq!(script.operations(), ["FindItem", "FindItem"]);
    let sets = script.attributes(0, "ExtendedFieldURI", "PropertySetId");
    assert!(sets.contains(&"8f71513c-b755-447a-8a2b-3d2ace1b53b9".to_owned()));
    let constants = script.attributes(1, "Constant", "Value");
    // The UID as the store has it: wrapped in a global object id, in base64.
    let id = "BAAAAIIA4AB0xbcQGoLgCAAAAAAAAAAAAAAAAAAAAAAAAAAAEgAAAHZDYWwtVWlkAQAAAHVpZC0xAA==";
    assert_eq!(constants, [id]);
}
