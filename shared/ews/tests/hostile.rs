//! Answers of servers that are broken or want to do harm: an error or a part, never a panic.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

use tidemark_ews::notification::{read_events, read_push};
use tidemark_ews::{
    EwsError, FindFolder, FindItem, GetFolder, GetItem, GetServerTimeZones, ResolveNames,
    SubscribePush, SyncFolderHierarchy, SyncFolderItems, Unreadable, UpdateItem, bounds,
    read_outcomes,
};

const GET_ITEM: &str = include_str!("fixtures/get-item.xml");
/// Whether a reader makes sense of bytes.
type Reader = fn(&[u8]) -> bool;

/// Every fixture with the reader of its operation.
const FIXTURES: [(&str, Reader); 5] = [
    (GET_ITEM, |bytes| GetItem::read(bytes).is_ok()),
    (include_str!("fixtures/notification.xml"), |bytes| read_push(bytes).is_ok()),
    (include_str!("fixtures/sync-folder-items.xml"), |bytes| SyncFolderItems::read(bytes).is_ok()),
    (include_str!("fixtures/busy-fault.xml"), |bytes| read_outcomes(bytes).is_ok()),
    (include_str!("fixtures/server-time-zones.xml"), |bytes| {
        GetServerTimeZones::read(bytes).is_ok()
    }),
];

#[test]
fn an_answer_cut_anywhere_is_an_error() {
    for (fixture, reads) in FIXTURES {
        for end in 0..fixture.trim_end().len() {
            assert!(!reads(&fixture.as_bytes()[..end]), "cut at {end}");
        }
    }
}

#[test]
fn an_answer_with_any_byte_changed_is_read_without_panic() {
    for (fixture, reads) in FIXTURES {
        for position in (0..fixture.len()).step_by(3) {
            let mut bytes = fixture.as_bytes().to_vec();
            bytes[position] = [b'<', b'&', 0, 0xFF][position % 4];
            reads(&bytes);
        }
    }
}

#[test]
fn no_reader_takes_the_answer_to_another_operation() {
    let readers: [Reader; 10] = [
        |bytes| GetFolder::read(bytes).is_ok(),
        |bytes| FindFolder::read(bytes).is_ok(),
        |bytes| SyncFolderHierarchy::read(bytes).is_ok(),
        |bytes| SyncFolderItems::read(bytes).is_ok(),
        |bytes| FindItem::read(bytes).is_ok(),
        |bytes| UpdateItem::read(bytes).is_ok(),
        |bytes| ResolveNames::read(bytes).is_ok(),
        |bytes| SubscribePush::read(bytes).is_ok(),
        |bytes| read_events(bytes).is_ok(),
        |bytes| read_push(bytes).is_ok(),
    ];
    assert!(readers.iter().all(|reads| !reads(GET_ITEM.as_bytes())));
}

fn answer(inside: &str) -> String {
    format!(
        "<e:Envelope xmlns:e='urn:any'><e:Body><x:GetItemResponse xmlns:x='urn:other'>\
         <ResponseMessages><y ResponseClass='Success'><ResponseCode>NoError</ResponseCode>\
         {inside}</y></ResponseMessages></x:GetItemResponse></e:Body></e:Envelope>"
    )
}

fn item(inside: &str) -> String {
    answer(&format!("<Items><CalendarItem><ItemId Id='i'/>{inside}</CalendarItem></Items>"))
}

fn unreadable(xml: &str) -> Option<Unreadable> {
    match GetItem::read(xml.as_bytes()) {
        Err(EwsError::Unreadable(unreadable)) => Some(unreadable),
        _ => None,
    }
}

fn subject(xml: &str) -> String {
    match GetItem::read(xml.as_bytes()).expect("an answer").single().expect("an item") {
        tidemark_ews::Item::Calendar(item) => item.subject.unwrap_or_default(),
        other @ tidemark_ews::Item::Other(..) => panic!("{other:?}"),
    }
}

#[test]
fn wrong_namespaces_and_prefixes_do_not_matter() {
    assert_eq!(subject(&item("<z:Subject xmlns:z='urn:z'>one</z:Subject>")), "one");
}

#[test]
fn duplicates_and_unknown_elements_do_not_matter() {
    let inside = "<Later><Subject>inner</Subject></Later><Subject>a</Subject><Subject>b</Subject>\
                  <ItemId Id='i'/><Start/><Recurrence/><Recurrence/>";
    assert_eq!(subject(&item(inside)), "b");
}

#[test]
fn forbidden_characters_and_odd_references_become_marks() {
    for (text, expected) in [
        ("a&#0;b&#x0;c", "a\u{FFFD}b\u{FFFD}c"),
        ("a&#x1F;&#xD800;&#x110000;&#-1;&#;", "a\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        ("a\u{1}b", "a\u{FFFD}b"),
        ("&#x1F600;&#10;&lt;", "\u{1F600}\n<"),
        ("&unknown;", "&unknown;"),
        ("a<![CDATA[<&amp;>]]>b<!-- c -->d", "a<&amp;>bd"),
        (" a b ", " a b "),
    ] {
        assert_eq!(subject(&item(&format!("<Subject>{text}</Subject>"))), expected, "{text}");
    }
    let bytes = item("<Subject>a!b</Subject>").replace('!', "\u{80}").into_bytes();
    let broken: Vec<u8> = bytes.into_iter().filter(|byte| *byte != 0xC2).collect();
    assert_eq!(subject(&String::from_utf8_lossy(&broken)), "a\u{FFFD}b");
    assert!(GetItem::read(&broken).is_ok());
}

#[test]
fn document_types_are_refused_wherever_they_stand() {
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>";
    assert_eq!(
        unreadable(&format!("{bomb}{}", item("<Subject>&b;</Subject>"))),
        Some(Unreadable::Doctype)
    );
    assert_eq!(unreadable(&item(&format!("{bomb}<Subject/>"))), Some(Unreadable::Doctype));
}

#[test]
fn nesting_is_bounded_also_where_it_is_skipped() {
    let deep = |depth: usize| item(&format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)));
    assert_eq!(unreadable(&deep(100_000)), Some(Unreadable::TooDeep));
    assert_eq!(unreadable(&deep(50)), None);
}

#[test]
fn huge_attributes_and_many_of_them_are_only_read_where_they_count() {
    let many: Vec<String> = (0..100_000).map(|number| format!(" a{number}='v'")).collect();
    let many = many.concat();
    assert_eq!(subject(&item(&format!("<Later{many}/><Subject{many}>one</Subject>"))), "one");
    let huge = "x".repeat(4 * 1024 * 1024);
    assert_eq!(subject(&item(&format!("<Later a='{huge}'/><Subject>one</Subject>"))), "one");
}

#[test]
fn sizes_and_lists_are_bounded() {
    let large = vec![b' '; bounds::DOCUMENT_BYTES_MAX + 1];
    assert_eq!(GetItem::read(&large), Err(EwsError::Unreadable(Unreadable::TooLarge)));
    let push = vec![b' '; bounds::NOTIFICATION_BYTES_MAX + 1];
    assert_eq!(read_push(&push), Err(EwsError::Unreadable(Unreadable::TooLarge)));
    // A list that would be cut short fails its item only.
    let one = "<Attendee><Mailbox><EmailAddress>a@b</EmailAddress></Mailbox></Attendee>";
    let people = one.repeat(bounds::ATTENDEES_MAX + 1);
    let crowd = item(&format!("<RequiredAttendees>{people}</RequiredAttendees>"));
    let answer = GetItem::read(crowd.as_bytes()).expect("an answer");
    assert!(matches!(answer.single(), Err(EwsError::Damaged(damage)) if damage.id.is_some()));
    let messages = "<y ResponseClass='Success'/>".repeat(bounds::MESSAGES_MAX + 1);
    let flood = format!(
        "<Envelope><Body><GetItemResponse><ResponseMessages>{messages}</ResponseMessages>\
         </GetItemResponse></Body></Envelope>"
    );
    assert_eq!(unreadable(&flood), Some(Unreadable::TooMany("response messages")));
}

#[test]
fn what_is_no_answer_is_told_as_such() {
    let other = GET_ITEM
        .replace("GetItemResponse>", "GetFolderResponse>")
        .replace("GetItemResponse ", "GetFolderResponse ");
    assert_eq!(unreadable(&other), Some(Unreadable::Unexpected));
    for text in ["", "<html><body>Sign in</body></html>", "<Envelope><Body/></Envelope>", "{}"] {
        assert_eq!(unreadable(text), Some(Unreadable::Unexpected), "{text}");
    }
    assert!(unreadable("not XML at all <").is_some());
    assert!(unreadable(&item("<a></b>")).is_some());
}
