//! Writing: from the model to a complete JSCalendar item.

mod overrides;
mod people;
mod rule;
mod schedule;
mod zones;

use serde_json::{Map, Value, json};
use tidemark_model::{Body, CopyRole, Event, EventStatus, Privacy, ShowAs};

use crate::words::{
    BODY_FORMAT, PARTICIPATION, PRIVACY, SENSITIVITY, SHOW_AS, STATUS, is_free, plain_show_as,
    write_word,
};
use zones::Zones;

/// The id of what Exchange has one of and the standard many: its alert, its location, its online
/// meeting.
pub(crate) const EXCHANGE_ID: &str = "exchange";

/// Which notation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// RFC 8984: `recurrenceRules`, `sendTo`, `replyTo`.
    #[default]
    Rfc8984,
    /// The draft that succeeds it: `version`, `recurrenceRule`, `calendarAddress`,
    /// `organizerCalendarAddress`.
    Bis,
}

/// How an item is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Notation.
    pub version: Version,
    /// Whose copy of a meeting it is, where that is known: becomes `tidemark:organizerCopy`.
    pub copy_role: Option<CopyRole>,
}

/// Members under construction.
pub(crate) type Members = Map<String, Value>;

/// Writes the whole item. Members that have the standard's default are left out, except `title`,
/// `start`, `timeZone` and `duration`.
pub fn write_event(event: &Event, options: &WriteOptions) -> Value {
    let mut zones = Zones::default();
    let mut item = Members::new();
    let mut put = |name: &str, value: Value| {
        item.insert(name.to_owned(), value);
    };
    put("@type", json!("Event"));
    if options.version == Version::Bis {
        put("version", json!("2.0"));
    }
    if let Some(uid) = &event.uid {
        put("uid", json!(uid));
    }
    put("title", json!(event.title.as_deref().unwrap_or_default()));
    put_body(&mut item, event.body.as_ref());
    schedule::put_schedule(&mut item, &event.schedule, &mut zones);
    rule::put_rule(&mut item, event.recurrence.as_ref(), options.version);
    overrides::put_overrides(&mut item, event, options.version, &mut zones);
    put_state(&mut item, event);
    if let Some(location) = &event.location {
        item.insert("locations".to_owned(), write_location(location));
    }
    if !event.categories.is_empty() {
        item.insert("keywords".to_owned(), write_keywords(&event.categories));
    }
    if let Some(minutes) = event.reminder_minutes {
        item.insert("alerts".to_owned(), write_alert(minutes));
    }
    people::put_people(&mut item, event, options.version);
    put_meeting(&mut item, event, *options);
    put_stamps(&mut item, event);
    zones.put_definitions(&mut item);
    Value::Object(item)
}

fn put_body(item: &mut Members, body: Option<&Body>) {
    let Some(body) = body else {
        return;
    };
    item.insert("description".to_owned(), json!(body.content));
    let format = write_word(&BODY_FORMAT, &body.format);
    item.insert("descriptionContentType".to_owned(), json!(format));
}

fn put_state(item: &mut Members, event: &Event) {
    if event.status != EventStatus::Confirmed {
        item.insert("status".to_owned(), json!(write_word(&STATUS, &event.status)));
    }
    if is_free(event.show_as) {
        item.insert("freeBusyStatus".to_owned(), json!("free"));
    }
    if plain_show_as(is_free(event.show_as), event.status) != event.show_as {
        item.insert("tidemark:showAs".to_owned(), write_show_as(event.show_as));
    }
    match event.privacy {
        Privacy::Public => {}
        Privacy::Personal => {
            let word = write_word(&SENSITIVITY, &Privacy::Personal);
            item.insert("privacy".to_owned(), json!("private"));
            item.insert("tidemark:sensitivity".to_owned(), json!(word));
        }
        privacy @ (Privacy::Private | Privacy::Confidential) => {
            item.insert("privacy".to_owned(), json!(write_word(&PRIVACY, &privacy)));
        }
    }
    if event.priority != 0 {
        item.insert("priority".to_owned(), json!(event.priority));
    }
}

pub(crate) fn write_show_as(show_as: ShowAs) -> Value {
    json!(write_word(&SHOW_AS, &show_as))
}

pub(crate) fn write_location(location: &str) -> Value {
    json!({ EXCHANGE_ID: { "@type": "Location", "name": location } })
}

pub(crate) fn write_keywords<'a>(words: impl IntoIterator<Item = &'a String>) -> Value {
    Value::Object(words.into_iter().map(|word| (word.clone(), Value::Bool(true))).collect())
}

pub(crate) fn write_alert(minutes: u32) -> Value {
    let offset = match minutes {
        0 => "PT0S".to_owned(),
        _ => format!("-PT{minutes}M"),
    };
    json!({ EXCHANGE_ID: {
        "@type": "Alert",
        "action": "display",
        "trigger": { "@type": "OffsetTrigger", "offset": offset },
    } })
}

fn put_meeting(item: &mut Members, event: &Event, options: WriteOptions) {
    if let Some(meeting) = &event.online_meeting {
        let place = json!({ EXCHANGE_ID: {
            "@type": "VirtualLocation",
            "uri": meeting.join_url,
        } });
        item.insert("virtualLocations".to_owned(), place);
    }
    if let Some(answer) = event.my_participation {
        let word = write_word(&PARTICIPATION, &answer);
        item.insert("tidemark:participationStatus".to_owned(), json!(word));
    }
    if event.is_meeting()
        && let Some(uid) = &event.uid
    {
        item.insert("tidemark:meetingKey".to_owned(), json!(uid));
    }
    match options.copy_role {
        Some(CopyRole::Organizer) => {
            item.insert("tidemark:organizerCopy".to_owned(), json!(true));
        }
        Some(CopyRole::Attendee) => {
            item.insert("tidemark:organizerCopy".to_owned(), json!(false));
        }
        Some(CopyRole::Appointment) | None => {}
    }
}

fn put_stamps(item: &mut Members, event: &Event) {
    if event.sequence != 0 {
        item.insert("sequence".to_owned(), json!(event.sequence));
    }
    if let Some(created) = event.created {
        item.insert("created".to_owned(), json!(created.to_string()));
    }
    if let Some(updated) = event.updated {
        item.insert("updated".to_owned(), json!(updated.to_string()));
    }
    if event.attachments.is_empty() {
        return;
    }
    let attachments = event.attachments.iter().map(|attachment| {
        let mut member = Members::new();
        member.insert("id".to_owned(), json!(attachment.id));
        member.insert("name".to_owned(), json!(attachment.name));
        if let Some(content_type) = &attachment.content_type {
            member.insert("contentType".to_owned(), json!(content_type));
        }
        if let Some(size) = attachment.size_bytes {
            member.insert("size".to_owned(), json!(size));
        }
        member.insert("inline".to_owned(), json!(attachment.inline));
        Value::Object(member)
    });
    let attachments = Value::Array(attachments.collect());
    item.insert("tidemark:attachments".to_owned(), attachments);
}
