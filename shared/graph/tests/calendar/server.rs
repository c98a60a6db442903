//! One event of a mailbox as Graph keeps and returns it, by the event, event-update, event-get and
//! recurrencepattern pages: it knows the wire alone, and nothing of the mapping.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tidemark_graph::calendar::{OccurrenceAction, OccurrenceWrite, Update};
use tidemark_model::{RecurrenceId, Zone};

/// Zone of a time that is kept as an instant: an end may have no other word in its own zone.
const KEPT_ZONE: &str = "zone it was written in";

pub(crate) struct Server {
    /// What was written, with its defaults.
    members: Map<String, Value>,
    exceptions: BTreeMap<RecurrenceId, Map<String, Value>>,
    cancelled: BTreeSet<RecurrenceId>,
    version: u32,
    /// Whether midnights of whole days are shifted to the zone of the answer.
    pub(crate) shifts_days: bool,
}

impl Server {
    pub(crate) fn create(body: &Map<String, Value>) -> Self {
        let defaults = json!({
            "subject": null, "body": { "contentType": "html", "content": "" },
            "location": { "displayName": "" }, "showAs": "busy", "sensitivity": "normal",
            "importance": "normal", "categories": [], "isReminderOn": true,
            "reminderMinutesBeforeStart": 15, "isAllDay": false, "attendees": [],
            "recurrence": null, "transactionId": null, "hideAttendees": false,
            "allowNewTimeProposals": true, "responseRequested": true, "isOnlineMeeting": false,
            "onlineMeetingProvider": "unknown", "onlineMeeting": null,
        });
        let Value::Object(mut members) = defaults else { unreachable!("an object") };
        merge(&mut members, body);
        Self {
            members,
            exceptions: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            version: 1,
            shifts_days: true,
        }
    }

    pub(crate) fn patch(&mut self, body: &Map<String, Value>) {
        if body.contains_key("recurrence") || body.contains_key("start") {
            self.exceptions.clear();
            self.cancelled.clear();
        }
        assert!(!body.contains_key("transactionId"), "it is fixed once the event exists");
        merge(&mut self.members, body);
        self.version += 1;
    }

    pub(crate) fn write(&mut self, writes: &[OccurrenceWrite]) {
        for write in writes {
            self.version += 1;
            match &write.action {
                OccurrenceAction::Cancel => {
                    self.exceptions.remove(&write.id);
                    assert!(self.cancelled.insert(write.id), "it is cancelled already");
                }
                OccurrenceAction::Change(changes) => {
                    assert!(!self.cancelled.contains(&write.id), "it is cancelled");
                    let body = changes.members();
                    assert!(!body.contains_key("recurrence") && !body.contains_key("sensitivity"));
                    merge(self.exceptions.entry(write.id).or_default(), body);
                }
            }
        }
    }

    pub(crate) fn apply(&mut self, update: &Update) {
        if !update.event.is_empty() {
            self.patch(update.event.members());
        }
        self.write(&update.occurrences);
    }

    /// The answer to a GET of it, in UTC, with everything selected and expanded.
    pub(crate) fn answer(&self) -> Value {
        let mut answer = self.instance(&self.members);
        let is_series = !self.members["recurrence"].is_null();
        answer["id"] = json!("AAMkAGI1=");
        answer["type"] = json!(if is_series { "seriesMaster" } else { "singleInstance" });
        answer["seriesMasterId"] = Value::Null;
        answer["recurrence"] = answered_rule(&self.members["recurrence"]);
        if is_series {
            answer["cancelledOccurrences"] = self
                .cancelled
                .iter()
                .map(|id| format!("OID.AAMkAGI1=.{}", id.start().date()))
                .collect();
            answer["exceptionOccurrences"] =
                self.exceptions.keys().map(|id| self.occurrence(*id)).collect();
        }
        let stamp = self.members.get("singleValueExtendedProperties");
        if let Some(stamp) = stamp {
            answer["singleValueExtendedProperties"] = stamp.clone();
        }
        answer
    }

    /// One instance of the series, as `exceptionOccurrences` and `/instances` have it.
    pub(crate) fn occurrence(&self, id: RecurrenceId) -> Value {
        let patch = self.exceptions.get(&id);
        let mut members = self.members.clone();
        self.move_to(id, &mut members);
        merge(&mut members, patch.unwrap_or(&Map::new()));
        let mut answer = self.instance(&members);
        answer["id"] = json!(format!("AAMkAGI1=-{}", id.start()));
        answer["type"] = json!(if patch.is_some() { "exception" } else { "occurrence" });
        answer["seriesMasterId"] = json!("AAMkAGI1=");
        answer["recurrence"] = Value::Null;
        let zone = zone_of(&self.members["start"]);
        let start = if self.is_all_day() && !self.shifts_days {
            Zone::utc().to_instant(id.start())
        } else {
            zone.to_instant(id.start())
        };
        answer["originalStart"] = json!(start.to_string());
        answer
    }

    fn is_all_day(&self) -> bool {
        self.members["isAllDay"] == json!(true)
    }

    /// The times of an unchanged instance.
    fn move_to(&self, id: RecurrenceId, members: &mut Map<String, Value>) {
        let (start, end) = (&self.members["start"], &self.members["end"]);
        let civil = |at: DateTime, like: &Value| json!({ "dateTime": at.to_string(), "timeZone": like["timeZone"] });
        let length = instant(start).duration_until(instant(end));
        members["start"] = civil(id.start(), start);
        if self.is_all_day() {
            let days = date(start).until(date(end)).expect("days");
            let end_date = id.start().date().checked_add(days).expect("a date");
            members["end"] = civil(end_date.to_datetime(Time::midnight()), end);
            return;
        }
        let at = zone_of(start).to_instant(id.start()) + length;
        members["end"] = json!({
            "dateTime": Zone::utc().to_civil(at).to_string(), "timeZone": "UTC",
            KEPT_ZONE: end["timeZone"],
        });
    }

    fn instance(&self, members: &Map<String, Value>) -> Value {
        let key = format!("DwAAABYA{}", self.version);
        let mut answer = json!({
            "@odata.etag": format!("W/\"{key}\""), "changeKey": key,
            "createdDateTime": "2026-03-01T08:00:00.1234567Z",
            "lastModifiedDateTime": "2026-03-01T08:00:01.1234567Z",
            "hasAttachments": false, "isCancelled": false, "isDraft": false, "isOrganizer": true,
            "iCalUId": "040000008200E00074C5B7101A82E00800000000A1B2C3",
            "bodyPreview": "", "webLink": "https://outlook.example/owa/",
            "responseStatus": { "response": "organizer", "time": "0001-01-01T00:00:00Z" },
            "organizer": { "emailAddress": { "name": "Eli", "address": "Eli@Tidemark.example" } },
            "originalStart": null, "onlineMeetingUrl": null,
        });
        for (name, value) in members {
            answer[name] = value.clone();
        }
        for (name, zone) in [("start", "originalStartTimeZone"), ("end", "originalEndTimeZone")] {
            let kept = members[name].get(KEPT_ZONE);
            answer[zone] = kept.unwrap_or(&members[name]["timeZone"]).clone();
            answer[name] = self.answered_time(&members[name], members["isAllDay"] == json!(true));
        }
        answer["body"] = answered_body(&members["body"]);
        answer["locations"] = match members["location"]["displayName"].as_str() {
            Some("") | None => json!([]),
            Some(name) => json!([{
                "displayName": name, "locationType": "default", "uniqueId": name,
                "uniqueIdType": "private",
            }]),
        };
        for attendee in answer["attendees"].as_array_mut().expect("attendees") {
            attendee["status"] = json!({ "response": "none", "time": "0001-01-01T00:00:00Z" });
        }
        answer.as_object_mut().expect("an object").remove("singleValueExtendedProperties");
        answer
    }

    fn answered_time(&self, time: &Value, all_day: bool) -> Value {
        let civil = if all_day && !self.shifts_days {
            civil_of(time)
        } else {
            Zone::utc().to_civil(instant(time))
        };
        json!({ "dateTime": format!("{civil}.0000000"), "timeZone": "UTC" })
    }
}

/// Members that are sent replace those that are there, as a whole.
fn merge(members: &mut Map<String, Value>, body: &Map<String, Value>) {
    for (name, value) in body {
        members.insert(name.clone(), value.clone());
    }
}

/// Answers have bodies in HTML.
fn answered_body(body: &Value) -> Value {
    let content = body["content"].as_str().expect("content");
    if body["contentType"] == "html" || content.is_empty() {
        return json!({ "contentType": "html", "content": content });
    }
    let escaped = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let lines = escaped.replace("\r\n", "<br>\r\n");
    let html = format!(
        "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; \
         charset=utf-8\">\r\n</head>\r\n<body>\r\n<div class=\"PlainText\">{lines}</div>\r\n\
         </body>\r\n</html>\r\n"
    );
    json!({ "contentType": "html", "content": html })
}

/// Answers fill what a rule does not need with dummies (exchange-graph.md 10.3).
fn answered_rule(rule: &Value) -> Value {
    if rule.is_null() {
        return Value::Null;
    }
    let mut pattern = json!({
        "month": 0, "dayOfMonth": 0, "firstDayOfWeek": "sunday", "index": "first",
    });
    let mut range = json!({ "endDate": "0001-01-01", "numberOfOccurrences": 0 });
    for (whole, part) in [(&mut pattern, "pattern"), (&mut range, "range")] {
        for (name, value) in rule[part].as_object().expect("an object") {
            whole[name] = value.clone();
        }
    }
    json!({ "pattern": pattern, "range": range })
}

fn zone_of(time: &Value) -> Zone {
    let name = time["timeZone"].as_str().expect("a zone");
    Zone::from_windows(name, None).expect("a Windows zone")
}

fn civil_of(time: &Value) -> DateTime {
    time["dateTime"].as_str().expect("a time").parse().expect("civil time")
}

fn date(time: &Value) -> Date {
    civil_of(time).date()
}

fn instant(time: &Value) -> Timestamp {
    zone_of(time).to_instant(civil_of(time))
}

/// Whether what is written keeps the rules of the page: whole days at midnight in one zone.
pub(crate) fn check_times(body: &Map<String, Value>) {
    let (Some(start), Some(end)) = (body.get("start"), body.get("end")) else {
        assert!(!body.contains_key("start") && !body.contains_key("end"), "one unit");
        return;
    };
    assert!(instant(start).duration_until(instant(end)) >= SignedDuration::ZERO);
    if body["isAllDay"] == json!(true) {
        assert_eq!(start["timeZone"], end["timeZone"]);
        assert_eq!(
            (civil_of(start).time(), civil_of(end).time()),
            (Time::midnight(), Time::midnight())
        );
    }
    if let Some(range) = body.get("recurrence").and_then(|rule| rule.get("range")) {
        assert_eq!(range["startDate"], json!(date(start).to_string()));
    }
}
