//! What a body of POST or PATCH asks for, as changes of the store (exchange-graph.md 10.1, 10.4).

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidemark_model::{AttendeeRole, Body, BodyFormat, Privacy, ShowAs};

use super::{GraphError, extended, recurrence, time};
use crate::store::{
    Appointment, Change, Contact, ExtendedName, ExtendedValues, Importance, People,
};

/// Most attendees of an event: Exchange's limit of recipients.
const ATTENDEES_MAX: usize = 500;
/// Longest transaction id that is taken.
const TRANSACTION_CHARS_MAX: usize = 255;

/// Properties that a body may carry but that only the server decides.
const READ_ONLY: [&str; 27] = [
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "iCalUId",
    "hasAttachments",
    "bodyPreview",
    "isCancelled",
    "isOrganizer",
    "seriesMasterId",
    "type",
    "webLink",
    "onlineMeetingUrl",
    "onlineMeetingProvider",
    "onlineMeeting",
    "isDraft",
    "responseStatus",
    "organizer",
    "originalStart",
    "cancelledOccurrences",
    "exceptionOccurrences",
    "uid",
    "occurrenceId",
    "attachments",
    "instances",
];

/// What a body asks for.
#[derive(Default)]
pub(super) struct Wanted {
    /// Changes of the store, in the order in which to apply them.
    pub(super) changes: Vec<Change>,
    /// The client's own id of the request.
    pub(super) transaction: Option<String>,
    /// Whether an online meeting is asked for.
    pub(super) online: bool,
    /// Whether attendees shall not see each other.
    pub(super) hide_attendees: Option<bool>,
    /// What would be mailed.
    pub(super) news: News,
}

/// How much of a write concerns the people on a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum News {
    /// Nothing: categories, reminder and properties are each mailbox's own.
    #[default]
    Private,
    /// Only who is on the meeting: those that came or went are told (event-update).
    Attendees,
    /// The meeting itself: all are told.
    Meeting,
}

impl Wanted {
    fn tells(&mut self, news: News) {
        self.news = match (self.news, news) {
            (News::Meeting, _) | (_, News::Meeting) => News::Meeting,
            (News::Attendees, _) | (_, News::Attendees) => News::Attendees,
            (News::Private, News::Private) => News::Private,
        };
    }
}

/// Reads a body. `before` is the event as it is, none for a new one.
///
/// # Errors
/// When a property is not known, or its value has not the form.
pub(super) fn read(
    body: &Map<String, Value>,
    before: Option<&Appointment>,
) -> Result<Wanted, GraphError> {
    let mut wanted = Wanted::default();
    read_times(body, before, &mut wanted)?;
    for (name, value) in body {
        if name.contains('@') || READ_ONLY.contains(&name.as_str()) {
            continue;
        }
        read_property(name, value, before, &mut wanted)?;
    }
    // The rule comes last: it starts at the times of the same body.
    if let Some(value) = body.get("recurrence") {
        let rule = if value.is_null() { None } else { Some(recurrence::read(value)?) };
        wanted.changes.push(Change::Recurrence(rule));
        wanted.tells(News::Meeting);
    }
    Ok(wanted)
}

/// A new event needs both times; whole days begin and end at midnight of one zone.
fn read_times(
    body: &Map<String, Value>,
    before: Option<&Appointment>,
    wanted: &mut Wanted,
) -> Result<(), GraphError> {
    let part = |name: &str| {
        body.get(name)
            .filter(|value| !value.is_null())
            .map(|value| time::read_zoned(value, name))
            .transpose()
    };
    let (start, end) = (part("start")?, part("end")?);
    if before.is_none() && (start.is_none() || end.is_none()) {
        return Err(GraphError::property("The properties 'start' and 'end' are required."));
    }
    let all_day = match body.get("isAllDay") {
        None | Some(Value::Null) => before.is_some_and(|before| before.all_day),
        Some(value) => boolean(value, "isAllDay")?,
    };
    if all_day && let (Some((start, start_zone)), Some((end, end_zone))) = (&start, &end) {
        let midnight = |at, zone: &str| {
            crate::windows_zone::to_civil(zone, at).time() == jiff::civil::Time::midnight()
        };
        let whole = midnight(*start, start_zone) && midnight(*end, end_zone) && end > start;
        if !whole || start_zone != end_zone {
            return Err(GraphError::property(
                "The Event.Start and Event.End of an all-day event need to be set to midnight in \
                 the same time zone, at least a day apart.",
            ));
        }
    }
    if start.is_some() || end.is_some() || body.contains_key("isAllDay") {
        wanted.tells(News::Meeting);
    }
    if let Some((at, zone)) = start {
        wanted.changes.push(Change::StartZone(zone));
        wanted.changes.push(Change::Start(at));
    }
    if let Some((at, zone)) = end {
        wanted.changes.push(Change::EndZone(zone));
        wanted.changes.push(Change::End(at));
    }
    if body.get("isAllDay").is_some_and(|value| !value.is_null()) {
        wanted.changes.push(Change::AllDay(all_day));
    }
    Ok(())
}

fn read_property(
    name: &str,
    value: &Value,
    before: Option<&Appointment>,
    wanted: &mut Wanted,
) -> Result<(), GraphError> {
    let mut news = News::Meeting;
    let mut changes = Vec::new();
    match name {
        "start" | "end" | "isAllDay" | "recurrence" => return Ok(()),
        "subject" => changes.push(Change::Subject(text(value, name)?.replace(['\r', '\n'], ""))),
        "body" => changes.push(Change::Body(read_body(value)?)),
        "location" => changes.push(Change::Location(place(value)?)),
        "locations" => changes.extend(places(value)?),
        "showAs" => {
            news = News::Private;
            changes.push(Change::ShowAs(show_as(&text(value, name)?)?));
        }
        "sensitivity" => changes.push(Change::Sensitivity(sensitivity(&text(value, name)?)?)),
        "importance" => changes.push(Change::Importance(importance(&text(value, name)?)?)),
        "categories" => {
            news = News::Private;
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let words = list.iter().map(|word| text(word, name)).collect::<Result<_, _>>()?;
            changes.push(Change::Categories(words));
        }
        "isReminderOn" => {
            news = News::Private;
            changes.push(Change::ReminderSet(boolean(value, name)?));
        }
        "reminderMinutesBeforeStart" => {
            news = News::Private;
            changes.push(Change::ReminderMinutes(minutes(value)?));
        }
        "attendees" => {
            news = News::Attendees;
            changes.extend(attendees(value)?);
        }
        "responseRequested" => changes.push(Change::ResponseRequested(boolean(value, name)?)),
        "allowNewTimeProposals" => {
            changes.push(Change::AllowNewTimeProposal(boolean(value, name)?));
        }
        "hideAttendees" => wanted.hide_attendees = Some(boolean(value, name)?),
        "isOnlineMeeting" => wanted.online = boolean(value, name)?,
        "transactionId" => {
            news = News::Private;
            if before.is_none() && !value.is_null() {
                wanted.transaction = Some(transaction(value)?);
            }
        }
        "singleValueExtendedProperties" | "multiValueExtendedProperties" => {
            news = News::Private;
            let array = name.starts_with("multi");
            let present: Option<&BTreeMap<ExtendedName, ExtendedValues>> =
                before.map(|before| &before.extended);
            changes.extend(extended::read_changes(value, array, present)?);
        }
        _ => {
            return Err(GraphError::body(format!(
                "The property '{name}' does not exist on type 'Microsoft.OutlookServices.Event'. \
                 Make sure to only use property names that are defined by the type."
            )));
        }
    }
    wanted.tells(news);
    wanted.changes.extend(changes);
    Ok(())
}

fn text(value: &Value, name: &str) -> Result<String, GraphError> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(GraphError::body(format!("The property '{name}' must be a string."))),
    }
}

fn boolean(value: &Value, name: &str) -> Result<bool, GraphError> {
    value
        .as_bool()
        .ok_or_else(|| GraphError::body(format!("The property '{name}' must be a Boolean.")))
}

fn minutes(value: &Value) -> Result<u32, GraphError> {
    value
        .as_u64()
        .and_then(|minutes| u32::try_from(minutes).ok())
        .ok_or_else(|| GraphError::body("'reminderMinutesBeforeStart' must be a positive number."))
}

fn transaction(value: &Value) -> Result<String, GraphError> {
    text(value, "transactionId").and_then(|id| {
        if id.chars().count() > TRANSACTION_CHARS_MAX {
            return Err(GraphError::property("The transactionId is too long."));
        }
        Ok(id)
    })
}

fn read_body(value: &Value) -> Result<Option<Body>, GraphError> {
    if value.is_null() {
        return Ok(None);
    }
    let content = value.get("content").map_or(Ok(String::new()), |text_| text(text_, "content"))?;
    let kind = value.get("contentType").and_then(Value::as_str).unwrap_or("text");
    let format = match kind.to_ascii_lowercase().as_str() {
        "html" => BodyFormat::Html,
        "text" => BodyFormat::Text,
        _ => return Err(GraphError::body("The contentType must be 'text' or 'html'.")),
    };
    Ok((!content.is_empty()).then_some(Body { format, content }))
}

fn place(value: &Value) -> Result<Option<String>, GraphError> {
    let name =
        value.get("displayName").map_or(Ok(String::new()), |name| text(name, "displayName"))?;
    Ok((!name.is_empty()).then_some(name))
}

/// The store keeps the first place only; the two properties are coupled.
fn places(value: &Value) -> Result<Option<Change>, GraphError> {
    let Some(list) = value.as_array() else {
        return Ok(None);
    };
    let first = list.first().map_or(Ok(None), place)?;
    Ok(Some(Change::Location(first)))
}

fn attendees(value: &Value) -> Result<Vec<Change>, GraphError> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if list.len() > ATTENDEES_MAX {
        return Err(GraphError::new(
            400,
            "ErrorExceededMaxRecipientLimit",
            "There are too many attendees.",
        ));
    }
    let (mut required, mut optional, mut resources) = (Vec::new(), Vec::new(), Vec::new());
    for one in list {
        let person = one.get("emailAddress").unwrap_or(&Value::Null);
        let address = person.get("address").map_or(Ok(String::new()), |a| text(a, "address"))?;
        if !address.contains('@') {
            return Err(GraphError::new(
                400,
                "ErrorInvalidRecipients",
                "At least one recipient isn't valid.",
            ));
        }
        let name = person.get("name").map_or(Ok(String::new()), |name| text(name, "name"))?;
        let kind = one.get("type").and_then(Value::as_str).unwrap_or("required");
        let list = match kind.to_ascii_lowercase().as_str() {
            "required" => &mut required,
            "optional" => &mut optional,
            "resource" => &mut resources,
            _ => return Err(GraphError::body("The type of an attendee is not known.")),
        };
        list.push(Contact { address, name });
    }
    // The collection is replaced as a whole.
    Ok(vec![
        Change::Attendees(AttendeeRole::Required, People::Replace(required)),
        Change::Attendees(AttendeeRole::Optional, People::Replace(optional)),
        Change::Attendees(AttendeeRole::Resource, People::Replace(resources)),
    ])
}

fn unknown(what: &str, word: &str) -> GraphError {
    GraphError::body(format!("Requested value '{word}' was not found in '{what}'."))
}

fn show_as(word: &str) -> Result<ShowAs, GraphError> {
    match word.to_ascii_lowercase().as_str() {
        "free" => Ok(ShowAs::Free),
        "tentative" => Ok(ShowAs::Tentative),
        "busy" | "unknown" => Ok(ShowAs::Busy),
        "oof" => Ok(ShowAs::Oof),
        "workingelsewhere" => Ok(ShowAs::WorkingElsewhere),
        _ => Err(unknown("freeBusyStatus", word)),
    }
}

fn sensitivity(word: &str) -> Result<Privacy, GraphError> {
    match word.to_ascii_lowercase().as_str() {
        "normal" => Ok(Privacy::Public),
        "personal" => Ok(Privacy::Personal),
        "private" => Ok(Privacy::Private),
        "confidential" => Ok(Privacy::Confidential),
        _ => Err(unknown("sensitivity", word)),
    }
}

fn importance(word: &str) -> Result<Importance, GraphError> {
    match word.to_ascii_lowercase().as_str() {
        "low" => Ok(Importance::Low),
        "normal" => Ok(Importance::Normal),
        "high" => Ok(Importance::High),
        _ => Err(unknown("importance", word)),
    }
}
