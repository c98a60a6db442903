//! What the fuzzer drives, as plain functions: the same ones replay the corpus in `make test`.
//!
//! Each takes whatever bytes come and panics if a promise is broken: that reading ends, that what
//! was read can be shown and used further, and that a reader says the same thing twice.

use serde_json::Value;
use tidemark_ews::calendar::{ReadContext, assemble_series, read_item};
use tidemark_ews::{GetItem, Item, SyncFolderItems, notification};
use tidemark_graph::calendar as graph_calendar;
use tidemark_graph::notification::read_notifications;
use tidemark_graph::{Entry, GraphRoot, Next, Page, bounds, read_head, read_raw};
use tidemark_jscalendar::{
    ReadMode, Version, WriteOptions, check_patch, read_event_patch, read_merge_patch, write_event,
};
use tidemark_model::{Event, Zone};

/// A target: its name, which is also its folder of the corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 7] = [
    ("send_notification", send_notification),
    ("sync_folder_items", sync_folder_items),
    ("get_item", get_item),
    ("event_json", event_json),
    ("graph_notification", graph_notification),
    ("graph_page", graph_page),
    ("graph_event", graph_event),
];

/// Reads a push notification, the one document whose sender nobody knows.
pub fn send_notification(bytes: &[u8]) {
    let read = notification::read_push(bytes);
    assert_eq!(read, notification::read_push(bytes), "the same bytes were read differently");
    for notification in read.into_iter().flatten().flatten() {
        let _ = (notification.watermark(), notification.touches_items());
        let _ = format!("{notification:?}");
    }
}

/// Reads a page of changes.
pub fn sync_folder_items(bytes: &[u8]) {
    let Ok(answer) = SyncFolderItems::read(bytes) else { return };
    for page in answer.messages.into_iter().flatten() {
        let _ = format!("{page:?}");
        for change in page.changes.into_iter().flatten() {
            assert!(change.id().id.len() <= bytes.len(), "an id is longer than its document");
        }
    }
}

/// Reads items whole, into the model, and puts every series together with every other item as its
/// exceptions.
pub fn get_item(bytes: &[u8]) {
    let Ok(answer) = GetItem::read(bytes) else { return };
    let context = ReadContext::in_zone(Zone::utc());
    let read: Vec<_> = answer
        .messages
        .into_iter()
        .flatten()
        .filter_map(|item| match item {
            Item::Calendar(item) => read_item(&item, &context).ok(),
            Item::Other(..) => None,
        })
        .collect();
    let Some(master) = read.first() else { return };
    let series = assemble_series(master.clone(), read.clone());
    check_writing(&series.event);
    for item in &read {
        check_writing(&item.event);
    }
}

/// Reads JSON that a business system sent: as an item, as a patch, checked and against an item.
pub fn event_json(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let checked = check_patch(&value, ReadMode::Put);
    let new = read_event_patch(&value, None);
    if new.is_ok() {
        assert!(checked.is_ok(), "what was refused at the door was read inside: {checked:?}");
    }
    let _ = check_patch(&value, ReadMode::Patch);
    let Some(event) = sample_event() else { return };
    for reading in [new, read_event_patch(&value, Some(&event)), read_merge_patch(&value, &event)] {
        let Ok(reading) = reading else { continue };
        let mut changed = event.clone();
        changed.apply_patch(&reading.patch);
        check_writing(&changed);
    }
}

/// Reads what Graph posts, or somebody in its name.
pub fn graph_notification(bytes: &[u8]) {
    let read = read_notifications(bytes);
    assert_eq!(read, read_notifications(bytes), "the same bytes were read differently");
    let Ok(read) = read else { return };
    let _ = format!("{read:?}");
    assert!(read.entries.len() <= bounds::NOTIFICATIONS_MAX, "more entries than are looked at");
    for entry in read.entries.into_iter().flatten() {
        let id_bytes = entry.subscription_id.len();
        assert!(id_bytes <= bounds::ID_BYTES_MAX, "the id of a subscription is too long");
    }
}

/// Reads a page of a delta round or a list, both for its heads and for its entries, whose count has
/// to be the same. No link may lead to another host.
pub fn graph_page(bytes: &[u8]) {
    let Ok(root) = GraphRoot::parse("https://graph.microsoft.com") else { return };
    let page = Page::read(bytes, &root);
    assert_eq!(page, Page::read(bytes, &root), "the same bytes were read differently");
    let _ = read_head(bytes);
    let Ok(page) = page else { return };
    let _ = format!("{page:?}");
    if let Next::More(link) | Next::Delta(link) = &page.next {
        assert!(leads_to_graph(link.as_str()), "a link leads elsewhere");
    }
    for entry in page.entries.iter().flatten() {
        let (Entry::Event(tidemark_graph::EventHead { id, .. }) | Entry::Removed { id, .. }) =
            entry;
        assert!(id.as_str().len() <= bounds::ID_BYTES_MAX, "an id is too long");
    }
    if let Ok((entries, _)) = read_raw(bytes, &root) {
        assert_eq!(entries.len(), page.entries.len(), "two readers count differently");
        for entry in entries {
            read_graph_event(entry.get().as_bytes());
        }
    }
}

/// Where a request to an address goes, as the HTTP client understands it: it reads addresses with the
/// same crate.
fn leads_to_graph(link: &str) -> bool {
    url::Url::parse(link).is_ok_and(|url| {
        let host = (url.scheme(), url.host_str(), url.port());
        host == ("https", Some("graph.microsoft.com"), None)
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// Reads one event whole, into the model, with the exceptions that it brings.
pub fn graph_event(bytes: &[u8]) {
    read_graph_event(bytes);
}

fn read_graph_event(bytes: &[u8]) {
    let Ok(item) = graph_calendar::EventItem::read(bytes) else { return };
    let _ = format!("{item:?}");
    let context = graph_calendar::ReadContext::in_zone(Zone::utc());
    if let Ok(read) = graph_calendar::read_item(&item, &context) {
        check_writing(&read.event);
        let _ = item.occurrence_of(&read.event, &context);
    }
    if let Ok(series) = graph_calendar::read_event(&item, &context) {
        check_writing(&series.event);
    }
}

/// Whatever was read can be handed on to a business system, in both versions of the standard.
fn check_writing(event: &Event) {
    for version in [Version::Rfc8984, Version::Bis] {
        let written = write_event(event, &WriteOptions { version, ..WriteOptions::default() });
        assert!(written.is_object(), "an event was not written as an object");
    }
}

/// A weekly series with a person on it: something for patches to work on.
fn sample_event() -> Option<Event> {
    let value = serde_json::json!({
        "@type": "Event",
        "uid": "sample",
        "title": "Stand-up",
        "start": "2026-03-02T09:00:00",
        "timeZone": "Europe/Berlin",
        "duration": "PT15M",
        "recurrenceRules": [{"@type": "RecurrenceRule", "frequency": "weekly", "count": 10}],
        "recurrenceOverrides": {"2026-03-09T09:00:00": {"title": "Review"}},
    });
    let reading = read_event_patch(&value, None).ok()?;
    let start = jiff::civil::date(2026, 3, 2).at(9, 0, 0, 0);
    let schedule = tidemark_model::Schedule::floating(start, jiff::SignedDuration::ZERO).ok()?;
    let mut event = Event::new(schedule);
    event.apply_patch(&reading.patch);
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_there_and_a_series() {
        let event = sample_event().unwrap();
        assert!(event.recurrence.is_some());
        assert_eq!(event.overrides.len(), 1);
    }
}
