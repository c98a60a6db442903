//! What an event looks like in a response (exchange-graph.md 10.1).

use serde_json::{Map, Value, json};
use tidemark_model::{AttendeeRole, Participation, Privacy, ShowAs};

use super::request::Prefer;
use super::time::{self, NEVER, instant};
use super::{Extras, body, extended, id, recurrence};
use crate::store::{
    Appointment, Importance, Invitee, Item, Mailbox, MyResponse, Occurrence, OccurrenceState,
    Target,
};
use crate::windows_zone::to_civil;

/// How UIDs of Outlook begin (MS-OXOCAL 2.2.1.27), in hexadecimal.
const OUTLOOK_UID: &str = "040000008200E00074C5B7101A82E008";

/// Shows events of one mailbox to one client.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// Whose.
    pub(super) mailbox: &'a Mailbox,
    /// What only Graph keeps of them.
    pub(super) extras: &'a Extras,
    /// In which form.
    pub(super) prefer: &'a Prefer,
    /// With the preview's properties.
    pub(super) beta: bool,
}

impl Reader<'_> {
    /// The id of an item or occurrence.
    pub(super) fn id(&self, target: Target) -> String {
        id::item(self.mailbox, target, self.prefer.immutable)
    }

    /// A single event, a series, or an occurrence of it; none for what is no appointment.
    pub(super) fn event(&self, item: &Item, occurrence: Option<&Occurrence>) -> Option<Value> {
        let whole = item.appointment()?;
        let of = occurrence.map_or(whole, |seen| &seen.appointment);
        let extra = self.extras.get(&(self.mailbox.number, self.mailbox.origin(item.number)));
        let mut event = self.frame(item, occurrence, whole);
        let mut put = |name: &str, value: Value| {
            event.insert(name.to_owned(), value);
        };
        put("createdDateTime", instant(item.created).into());
        put("lastModifiedDateTime", instant(item.modified).into());
        put("changeKey", id::change_key(item.changed).into());
        put("categories", json!(of.categories));
        put("transactionId", json!(extra.and_then(|extra| extra.transaction.as_ref())));
        put("originalStartTimeZone", time::zone_name(&whole.start_zone).into());
        put("originalEndTimeZone", time::zone_name(&whole.end_zone).into());
        put("iCalUId", uid(whole, occurrence).into());
        put("reminderMinutesBeforeStart", of.reminder_minutes.into());
        put("isReminderOn", of.reminder_set.into());
        put("hasAttachments", (!of.attachments.is_empty()).into());
        put("subject", of.subject.as_str().into());
        put("bodyPreview", body::preview(of.body.as_ref()).into());
        put("importance", importance(of.importance).into());
        put("sensitivity", sensitivity(of.sensitivity).into());
        put("isAllDay", of.all_day.into());
        put("isCancelled", of.cancelled.into());
        put("isOrganizer", (!matches!(of.my_response, MyResponse::Attendee(_))).into());
        put("responseRequested", of.response_requested.into());
        put("showAs", show_as(of.show_as).into());
        put("webLink", self.web_link(item).into());
        put("onlineMeetingUrl", Value::Null);
        let join = extra.and_then(|extra| extra.join_url.as_deref());
        put("isOnlineMeeting", join.is_some().into());
        let provider = if join.is_some() { "teamsForBusiness" } else { "unknown" };
        put("onlineMeetingProvider", provider.into());
        put("onlineMeeting", join.map_or(Value::Null, |url| json!({ "joinUrl": url })));
        put("allowNewTimeProposals", of.allow_new_time_proposal.into());
        put("isDraft", (!of.attendees.is_empty() && !of.request_sent).into());
        put("hideAttendees", extra.is_some_and(|extra| extra.hide_attendees).into());
        put("responseStatus", response_status(of.my_response, item));
        put("body", self.body(of));
        let place = location(of.location.as_deref());
        put("locations", if of.location.is_some() { json!([place]) } else { json!([]) });
        put("location", place);
        put("recurrence", Self::recurrence(whole, occurrence));
        put("attendees", of.attendees.iter().map(attendee).collect::<Vec<_>>().into());
        put("organizer", person(&of.organizer.name, &of.organizer.address));
        if let Some(seen) = occurrence {
            put("originalStart", instant(seen.original_start).into());
        }
        if self.beta {
            put("uid", whole.uid.as_str().into());
            let occurrence_id = occurrence.map(|seen| self.occurrence_id(item, seen.original));
            put("occurrenceId", json!(occurrence_id));
        }
        Some(Value::Object(event))
    }

    /// Id, version, kind and times: what even a bare occurrence has.
    fn frame(
        &self,
        item: &Item,
        occurrence: Option<&Occurrence>,
        whole: &Appointment,
    ) -> Map<String, Value> {
        let of = occurrence.map_or(whole, |seen| &seen.appointment);
        let (target, kind) = match occurrence {
            Some(seen) => (
                Target::Occurrence(item.number, seen.original),
                if seen.exception { "exception" } else { "occurrence" },
            ),
            None if whole.recurrence.is_some() => (Target::Item(item.number), "seriesMaster"),
            None => (Target::Item(item.number), "singleInstance"),
        };
        let master = occurrence.map(|_| self.id(Target::Item(item.number)));
        let mut frame = Map::new();
        frame.insert("@odata.etag".to_owned(), id::etag(item).into());
        frame.insert("id".to_owned(), self.id(target).into());
        frame.insert("type".to_owned(), kind.into());
        frame.insert("seriesMasterId".to_owned(), json!(master));
        frame.insert("start".to_owned(), self.prefer.zone.write(of.start));
        frame.insert("end".to_owned(), self.prefer.zone.write(of.end));
        frame
    }

    /// An occurrence as a delta query gives it: bare.
    pub(super) fn bare(&self, item: &Item, occurrence: &Occurrence) -> Option<Value> {
        let mut frame = self.frame(item, Some(occurrence), item.appointment()?);
        frame.insert("@odata.type".to_owned(), "#microsoft.graph.event".into());
        Some(Value::Object(frame))
    }

    /// What the unwindowed delta query gives of an event.
    pub(super) fn limited(&self, item: &Item) -> Option<Value> {
        let mut frame = self.frame(item, None, item.appointment()?);
        frame.remove("seriesMasterId");
        frame.insert("@odata.type".to_owned(), "#microsoft.graph.event".into());
        Some(Value::Object(frame))
    }

    /// Identifiers of the occurrences that were taken out; they cannot be fetched.
    pub(super) fn cancelled(&self, item: &Item) -> Value {
        let gone = item.appointment().into_iter().flat_map(|whole| {
            whole.occurrences.iter().filter(|(_, state)| **state == OccurrenceState::Deleted)
        });
        gone.map(|(original, _)| self.occurrence_id(item, *original)).collect::<Vec<_>>().into()
    }

    /// The exceptions of a series, in full.
    pub(super) fn exceptions(&self, item: &Item) -> Value {
        let Some(whole) = item.appointment() else {
            return json!([]);
        };
        whole
            .occurrences
            .iter()
            .filter(|(_, state)| matches!(state, OccurrenceState::Modified(_)))
            .filter_map(|(original, _)| whole.occurrence(*original).ok())
            .filter_map(|seen| self.event(item, Some(&seen)))
            .collect::<Vec<_>>()
            .into()
    }

    /// What is attached to an item or to its occurrence, without the bytes.
    pub(super) fn attachments(item: &Item, occurrence: Option<&Occurrence>) -> Vec<Value> {
        let whole = item.appointment().map(|of| of.attachments.as_slice());
        let of = occurrence.map_or(whole, |seen| Some(&seen.appointment.attachments));
        let list = of.unwrap_or_default().iter();
        list.map(|one| {
            json!({
                "@odata.type": "#microsoft.graph.fileAttachment",
                "id": one.id,
                "name": one.name,
                "contentType": one.content_type,
                "size": one.size_bytes,
                "isInline": one.inline,
                "lastModifiedDateTime": instant(item.modified),
            })
        })
        .collect()
    }

    /// All extended properties of an item or of its occurrence.
    pub(super) fn extended(
        item: &Item,
        occurrence: Option<&Occurrence>,
        array: bool,
    ) -> Vec<Value> {
        let of = occurrence.map_or_else(|| item.extended(), |seen| &seen.appointment.extended);
        extended::write_all(of, array)
    }

    /// The date is the original one in the zone of the rule.
    fn occurrence_id(&self, item: &Item, original: jiff::civil::DateTime) -> String {
        format!("OID.{}.{}", self.id(Target::Item(item.number)), original.date())
    }

    fn body(&self, of: &Appointment) -> Value {
        let body = of.body.as_ref();
        if self.prefer.text_body {
            json!({ "contentType": "text", "content": body::text(body) })
        } else {
            json!({ "contentType": "html", "content": body::html(body) })
        }
    }

    fn recurrence(whole: &Appointment, occurrence: Option<&Occurrence>) -> Value {
        match (&whole.recurrence, occurrence) {
            (Some(rule), None) => {
                let start = to_civil(&whole.start_zone, whole.start).date();
                recurrence::write(rule, start, time::zone_name(&whole.start_zone))
            }
            _ => Value::Null,
        }
    }

    fn web_link(&self, item: &Item) -> String {
        let id = id::write(self.mailbox, Target::Item(item.number), id::IdForm::Rest);
        let id = super::request::encoded(&id);
        format!("https://outlook.office365.com/owa/?itemid={id}&exvsurl=1&path=/calendar/item")
    }
}

/// The UID; of an occurrence with its own date inside, as far as the form has a place for it.
fn uid(whole: &Appointment, occurrence: Option<&Occurrence>) -> String {
    let outlook = whole.uid.get(..OUTLOOK_UID.len()).is_some_and(|head| {
        head.eq_ignore_ascii_case(OUTLOOK_UID) && whole.uid.is_ascii() && whole.uid.len() >= 40
    });
    match occurrence {
        Some(seen) if outlook => {
            let day = seen.original.date();
            let (head, tail) = whole.uid.split_at(32);
            let tail = tail.get(8..).unwrap_or_default();
            format!("{head}{:04X}{:02X}{:02X}{tail}", day.year(), day.month(), day.day())
        }
        _ => whole.uid.clone(),
    }
}

fn location(name: Option<&str>) -> Value {
    match name {
        Some(name) => json!({
            "displayName": name,
            "locationType": "default",
            "uniqueId": name,
            "uniqueIdType": "private",
        }),
        None => json!({
            "displayName": "",
            "locationType": "default",
            "uniqueIdType": "unknown",
            "address": {},
            "coordinates": {},
        }),
    }
}

fn person(name: &str, address: &str) -> Value {
    json!({ "emailAddress": { "name": if name.is_empty() { address } else { name }, "address": address } })
}

fn attendee(of: &Invitee) -> Value {
    let mut value = person(of.name.as_deref().unwrap_or_default(), &of.address);
    let kind = match of.role {
        AttendeeRole::Required => "required",
        AttendeeRole::Optional => "optional",
        AttendeeRole::Resource => "resource",
    };
    if let Some(members) = value.as_object_mut() {
        members.insert("type".to_owned(), kind.into());
        let time = of.answered.map_or_else(|| NEVER.to_owned(), instant);
        let status = json!({ "response": response(of.response), "time": time });
        members.insert("status".to_owned(), status);
    }
    value
}

const fn response(of: Participation) -> &'static str {
    match of {
        Participation::NeedsAction => "none",
        Participation::Accepted => "accepted",
        Participation::Tentative => "tentativelyAccepted",
        Participation::Declined => "declined",
    }
}

fn response_status(of: MyResponse, item: &Item) -> Value {
    match of {
        MyResponse::Unknown | MyResponse::Organizer => {
            json!({ "response": "organizer", "time": NEVER })
        }
        MyResponse::Attendee(Participation::NeedsAction) => {
            json!({ "response": "notResponded", "time": NEVER })
        }
        MyResponse::Attendee(answer) => {
            json!({ "response": response(answer), "time": instant(item.modified) })
        }
    }
}

const fn importance(of: Importance) -> &'static str {
    match of {
        Importance::Low => "low",
        Importance::Normal => "normal",
        Importance::High => "high",
    }
}

const fn sensitivity(of: Privacy) -> &'static str {
    match of {
        Privacy::Public => "normal",
        Privacy::Personal => "personal",
        Privacy::Private => "private",
        Privacy::Confidential => "confidential",
    }
}

/// Graph's word for a busy status.
pub(super) const fn show_as(of: ShowAs) -> &'static str {
    match of {
        ShowAs::Free => "free",
        ShowAs::Tentative => "tentative",
        ShowAs::Busy => "busy",
        ShowAs::Oof => "oof",
        ShowAs::WorkingElsewhere => "workingElsewhere",
    }
}
