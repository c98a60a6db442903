use proptest::collection::vec;
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::root::Cloud;

fn read(json: &str) -> Result<Page, Unreadable> {
    Page::read(json.as_bytes(), &Cloud::Global.root())
}

/// As the event-delta page shows a round: a single event, a series, a bare occurrence, removals.
const ROUND: &str = r##"{
  "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(event)",
  "@odata.nextLink": "https://graph.microsoft.com/v1.0/users/a/calendarView/delta?$skiptoken=R0us",
  "value": [
    {"@odata.type": "#microsoft.graph.event", "@odata.etag": "W/\"EZ9r\"", "id": "single",
     "changeKey": "EZ9r", "type": "singleInstance", "subject": "Visit", "start":
     {"dateTime": "2026-03-02T08:00:00.0000000", "timeZone": "UTC"}, "newMember": {"a": [1]}},
    {"@odata.etag": "W/\"AAA1\"", "id": "master", "changeKey": "AAA1", "type": "seriesMaster",
     "seriesMasterId": null},
    {"@odata.etag": "W/\"DwAA\"", "id": "occurrence", "type": "occurrence",
     "seriesMasterId": "master", "start": {"dateTime": "2026-03-03T08:00:00", "timeZone": "UTC"},
     "end": {"dateTime": "2026-03-03T09:00:00", "timeZone": "UTC"}},
    {"id": "gone", "@removed": {"reason": "deleted"}},
    {"id": "moved", "@removed": {"reason": "changed"}}
  ]}"##;

#[test]
fn a_round_of_a_delta_is_read() {
    let page = read(ROUND).expect("a page");
    assert!(matches!(&page.next, Next::More(link) if link.as_str().ends_with("R0us")));
    let entries: Vec<Entry> = page.entries.into_iter().collect::<Result<_, _>>().expect("all");
    let kinds: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Event(head) => (head.id.as_str(), Some(head.kind), head.change_key.as_deref()),
            Entry::Removed { id, .. } => (id.as_str(), None, None),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("single", Some(EventKind::SingleInstance), Some("EZ9r")),
            ("master", Some(EventKind::SeriesMaster), Some("AAA1")),
            // A bare occurrence has nothing but its tag.
            ("occurrence", Some(EventKind::Occurrence), Some("DwAA")),
            ("gone", None, None),
            ("moved", None, None),
        ]
    );
    let Some(Entry::Event(occurrence)) = entries.get(2) else { panic!("an occurrence") };
    assert_eq!(occurrence.series_master.as_ref().map(EventId::as_str), Some("master"));
    assert_eq!(entries.get(3), Some(&removed("gone", Removal::Deleted)));
    assert_eq!(entries.get(4), Some(&removed("moved", Removal::Changed)));
}

fn removed(id: &str, reason: Removal) -> Entry {
    Entry::Removed { id: EventId::new(id).expect("an id"), reason }
}

#[test]
fn an_empty_page_may_have_a_successor() {
    let link = "https://graph.microsoft.com/v1.0/users/a/calendarView/delta?$deltatoken=x";
    let page = read(&format!("{{\"value\":[],\"@odata.nextLink\":\"{link}\"}}")).expect("a page");
    assert!(page.entries.is_empty() && matches!(page.next, Next::More(_)));
    let page = read(&format!("{{\"@odata.deltaLink\":\"{link}\",\"value\":[]}}")).expect("a page");
    assert!(matches!(page.next, Next::Delta(_)));
    assert_eq!(read("{\"value\":[]}").expect("a page").next, Next::End);
}

#[test]
fn a_link_to_another_host_fails_the_page() {
    for member in ["@odata.nextLink", "@odata.deltaLink"] {
        let json = format!("{{\"value\":[],\"{member}\":\"https://evil.example/v1.0/x\"}}");
        assert_eq!(read(&json), Err(Unreadable::ForeignLink));
    }
}

#[test]
fn a_broken_entry_does_not_cost_its_neighbours() {
    let page = read("{\"value\":[7,{\"subject\":\"x\"},{\"id\":5},{\"id\":\"a\",\"type\":[1]}]}");
    let entries = page.expect("a page").entries;
    assert!(entries.iter().take(3).all(Result::is_err));
    let Some(Ok(Entry::Event(head))) = entries.get(3) else { panic!("an event") };
    assert_eq!((head.id.as_str(), head.kind), ("a", EventKind::Unrecognised));
}

#[test]
fn what_is_no_page_is_told_apart() {
    assert_eq!(read("<html>"), Err(Unreadable::NoJson));
    assert_eq!(read("{\"value\":["), Err(Unreadable::NoJson));
    for json in ["[]", "{}", "{\"value\":7}", "\"x\""] {
        assert_eq!(read(json), Err(Unreadable::Unexpected), "{json}");
    }
    let many = format!("{{\"value\":[{}1]}}", "1,".repeat(PAGE_ENTRIES_MAX));
    assert_eq!(read(&many), Err(Unreadable::TooMany));
}

#[test]
fn a_change_key_and_a_tag_say_the_same() {
    let only_tag = read_head(br#"{"id":"a","@odata.etag":"W/\"k\""}"#).expect("an event");
    let both = br#"{"id":"a","changeKey":"k","@odata.etag":"W/\"k\""}"#;
    assert_eq!(only_tag.change_key.as_deref(), Some("k"));
    assert_eq!(only_tag.change_key, read_head(both).expect("an event").change_key);
}

#[test]
fn entries_of_a_list_are_handed_on_as_they_came() {
    let body =
        br#"{"value":[{"id":"a"},7],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x"}"#;
    let (entries, next) = read_raw(body, &Cloud::Global.root()).expect("a page");
    let entries: Vec<_> = entries.iter().map(|entry| entry.get()).collect();
    assert_eq!(entries, [r#"{"id":"a"}"#, "7"]);
    assert!(matches!(next, Next::More(_)));
}

proptest! {
    /// Whatever the members are, a page keeps as many entries as it has, in their places.
    #[test]
    fn an_entry_with_odd_members_stays_one_entry(
        values in vec(
            "null|true|-1|1\\.5|\"[a-z]{0,5}\"|\\[1\\]|\\{\"a\":\\[\\]\\}",
            6..7,
        ),
    ) {
        let names = ["id", "changeKey", "@odata.etag", "type", "seriesMasterId", "@removed"];
        let members: Vec<_> =
            names.iter().zip(&values).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let json = format!("{{\"value\":[{{\"id\":\"a\"}},{{{}}}]}}", members.join(","));
        let page = read(&json).expect("a page");
        prop_assert_eq!(page.entries.len(), 2);
        prop_assert!(page.entries[0].is_ok());
        let has_id = values[0].starts_with('"') && values[0].len() > 2;
        prop_assert_eq!(page.entries[1].is_ok(), has_id);
    }
}
