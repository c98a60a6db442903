//! Overrides, as PatchObjects (RFC 8984 1.4.9).

use serde_json::{Value, json};
use tidemark_model::{Event, OccurrencePatch, Override, RecurrenceId};

use super::zones::Zones;
use super::{
    Members, Version, people, schedule, write_alert, write_keywords, write_location, write_show_as,
};
use crate::words::{BODY_FORMAT, is_free, write_word};

/// Writes `recurrenceOverrides`.
pub(crate) fn put_overrides(
    item: &mut Members,
    event: &Event,
    version: Version,
    zones: &mut Zones,
) {
    if event.overrides.is_empty() {
        return;
    }
    let mut overrides = Members::new();
    for (id, change) in &event.overrides {
        let patch = match change {
            Override::Excluded => json!({ "excluded": true }),
            Override::Changed(change) => {
                Value::Object(write_change(*id, change, event, version, zones))
            }
        };
        overrides.insert(id.start().to_string(), patch);
    }
    item.insert("recurrenceOverrides".to_owned(), Value::Object(overrides));
}

fn write_change(
    id: RecurrenceId,
    change: &OccurrencePatch,
    event: &Event,
    version: Version,
    zones: &mut Zones,
) -> Members {
    let mut patch = Members::new();
    if let Some(other) = &change.schedule {
        let usual = event.schedule.moved_to(id.start());
        schedule::put_difference(&mut patch, other, &usual, zones);
    }
    let mut put = |name: &str, value: Value| {
        patch.insert(name.to_owned(), value);
    };
    if let Some(title) = &change.title {
        put("title", json!(title));
    }
    match &change.body {
        None => {}
        Some(None) => put("description", Value::Null),
        Some(Some(body)) => {
            put("description", json!(body.content));
            let format = write_word(&BODY_FORMAT, &body.format);
            put("descriptionContentType", json!(format));
        }
    }
    if let Some(location) = &change.location {
        put("locations", location.as_deref().map_or(Value::Null, write_location));
    }
    if let Some(show_as) = change.show_as {
        let free = if is_free(show_as) { "free" } else { "busy" };
        put("freeBusyStatus", json!(free));
        put("tidemark:showAs", write_show_as(show_as));
    }
    if let Some(minutes) = change.reminder_minutes {
        put("alerts", minutes.map_or(Value::Null, write_alert));
    }
    if let Some(categories) = &change.categories {
        put("keywords", write_keywords(categories));
    }
    if let Some(attendees) = &change.attendees {
        let people = people::write_people(attendees, event.organizer.as_ref(), version);
        put("participants", Value::Object(people));
    }
    if let Some(priority) = change.priority {
        put("priority", json!(priority));
    }
    patch
}
