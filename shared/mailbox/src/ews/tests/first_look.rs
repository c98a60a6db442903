//! What a first copy takes before everything else.

use jiff::Timestamp;

use super::*;
use crate::port::{ChangeKey, FirstLook};

fn folder(total: &str) -> String {
    let content = format!(
        "<m:Folders><t:CalendarFolder><t:FolderId Id=\"calendar\" ChangeKey=\"1\"/>{total}\
         </t:CalendarFolder></m:Folders>"
    );
    soap("GetFolder", &[message("GetFolder", &content)])
}

fn entry(id: &str, kind: &str, uid: &str) -> String {
    format!(
        "<t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"1\"/>{uid}\
         <t:CalendarItemType>{kind}</t:CalendarItemType></t:CalendarItem>"
    )
}

fn view(entries: &str) -> String {
    let content = format!(
        "<m:RootFolder TotalItemsInView=\"5\" IncludesLastItemInRange=\"true\">\
         <t:Items>{entries}</t:Items></m:RootFolder>"
    );
    soap("FindItem", &[message("FindItem", &content)])
}

fn series(id: &str) -> String {
    let item = format!(
        "<m:Items><t:CalendarItem><t:ItemId Id=\"{id}\" ChangeKey=\"7\"/></t:CalendarItem></m:Items>"
    );
    message("GetItem", &item)
}

fn window() -> (Timestamp, Timestamp) {
    let at = |text: &str| text.parse().expect("a time");
    (at("2027-02-28T23:00:00Z"), at("2027-03-15T23:00:00Z"))
}

fn reference(id: &str, key: &str) -> RemoteRef {
    RemoteRef { id: RemoteId::new(id), change_key: ChangeKey::new(key) }
}

async fn look(script: &std::sync::Arc<Script>) -> FirstLook {
    let (start, end) = window();
    mailbox(script, Access::Impersonation).first_look(start, end).await.expect("a look")
}

#[tokio::test]
async fn a_series_comes_once_and_whole_however_often_it_takes_place() {
    let entries = [
        entry("o1", "Occurrence", "<t:UID>weekly</t:UID>"),
        entry("single", "Single", "<t:UID>single</t:UID>"),
        entry("o2", "Exception", "<t:UID>weekly</t:UID>"),
        entry("o3", "Occurrence", "<t:UID>gone</t:UID>"),
        // Without a UID nobody knows whose occurrence it is before its series is asked for.
        entry("o4", "Occurrence", ""),
    ];
    let masters =
        [series("weekly"), error_message("GetItem", "ErrorItemNotFound"), series("weekly")];
    let script = Script::new([
        answer(&folder("<t:TotalCount>812</t:TotalCount>")),
        answer(&view(&entries.concat())),
        answer(&soap("GetItem", &masters)),
    ]);
    let look = look(&script).await;
    assert_eq!(look.soon, [reference("weekly", "7"), reference("single", "1")]);
    assert_eq!(look.total, Some(812));
    assert_eq!(script.operations(), ["GetFolder", "FindItem", "GetItem"]);
    assert_eq!(script.attributes(1, "CalendarView", "StartDate"), ["2027-02-28T23:00:00Z"]);
    assert_eq!(script.attributes(1, "CalendarView", "EndDate"), ["2027-03-15T23:00:00Z"]);
    assert_eq!(script.attributes(1, "CalendarView", "MaxEntriesReturned"), ["1000"]);
    let asked = script.attributes(2, "RecurringMasterItemId", "OccurrenceId");
    assert_eq!(asked, ["o1", "o3", "o4"]);
}

#[tokio::test]
async fn an_empty_window_asks_for_no_series_and_a_folder_may_not_count() {
    let script = Script::new([answer(&folder("")), answer(&view(""))]);
    let look = look(&script).await;
    assert_eq!(look, FirstLook::default());
}

#[tokio::test]
async fn fewer_answers_than_questions_are_no_answer() {
    let entries = [entry("o1", "Occurrence", ""), entry("o2", "Occurrence", "")];
    let script = Script::new([
        answer(&folder("")),
        answer(&view(&entries.concat())),
        answer(&soap("GetItem", &[series("weekly")])),
    ]);
    let (start, end) = window();
    let error = mailbox(&script, Access::Impersonation).first_look(start, end).await;
    assert_eq!(error.expect_err("unreadable").code, "answer-unreadable");
}
