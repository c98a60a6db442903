//! When people are free: `getSchedule` (exchange-graph.md 13.5).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidemark_model::{Privacy, ShowAs};

use super::view::{Entry, Window, entries};
use super::{Answer, Call, GraphError, time};
use crate::store::{Appointment, Mailbox};

/// Most people of one request; the page says 20, the service takes 100.
const SCHEDULES_MAX: usize = 100;
/// Longest window.
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(62 * 24);
/// Most entries of one person.
const ENTRIES_MAX: usize = 1_000;
/// Minutes of a slot where nothing is said.
const INTERVAL_DEFAULT: i64 = 30;

/// `POST …/calendar/getSchedule`.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, GraphError> {
    let body = call.request.json()?;
    let schedules = body.get("schedules").and_then(Value::as_array).map(Vec::as_slice);
    let schedules = schedules.filter(|list| !list.is_empty()).ok_or_else(|| {
        GraphError::new(400, "ErrorInvalidParameter", "The property 'schedules' is required.")
    })?;
    if schedules.len() > SCHEDULES_MAX {
        return Err(GraphError::new(
            400,
            "ErrorMailboxDataArrayTooBig",
            format!("There can be at most {SCHEDULES_MAX} entries in the request."),
        ));
    }
    let part = |name: &str| time::read_zoned(body.get(name).unwrap_or(&Value::Null), name);
    let window = Window { from: part("startTime")?.0, to: part("endTime")?.0 };
    let length = window.from.duration_until(window.to);
    if length <= SignedDuration::ZERO || length > WINDOW_MAX {
        return Err(GraphError::new(
            400,
            "ErrorTimeIntervalTooBig",
            "The requested time duration specified for FreeBusyViewOptions.TimeWindow is invalid.",
        ));
    }
    let interval = match body.get("availabilityViewInterval") {
        None => INTERVAL_DEFAULT,
        // Seen in the service.
        Some(Value::Null) => {
            return Err(GraphError::new(
                500,
                "ErrorInternalServerError",
                "An internal server error occurred. The operation failed.",
            ));
        }
        Some(value) => value.as_i64().unwrap_or(0),
    };
    if !(5..=1_440).contains(&interval) {
        return Err(GraphError::new(
            400,
            "ErrorInvalidMergedFreeBusyInterval",
            "The interval must be between 5 and 1440 minutes.",
        ));
    }
    let slot = SignedDuration::from_mins(interval);
    let value: Vec<_> = schedules
        .iter()
        .map(|one| schedule(call, one.as_str().unwrap_or_default(), window, slot))
        .collect();
    let context = format!("{}/$metadata#Collection(scheduleInformation)", call.request.root);
    Ok(Answer::json(200, json!({ "@odata.context": context, "value": value })))
}

fn schedule(call: &Call<'_>, address: &str, window: Window, slot: SignedDuration) -> Value {
    let failed = |code: &str, message: &str| {
        json!({
            "scheduleId": address,
            "availabilityView": "",
            "error": { "message": message, "responseCode": code },
        })
    };
    let found = call.state.store.find(address);
    let Some((mailbox, calendar)) =
        found.and_then(|found| Some((found, found.distinguished("calendar").ok()?.number)))
    else {
        return failed(
            "ErrorMailRecipientNotFound",
            "Unable to resolve email address to an Active Directory object.",
        );
    };
    let seen = entries(mailbox, calendar, window);
    if seen.len() > ENTRIES_MAX {
        return failed("5006", "The result set contains too many calendar entries.");
    }
    let busy: Vec<&Appointment> = seen
        .iter()
        .filter_map(|entry| match entry {
            Entry::Single(item) => item.appointment(),
            Entry::Occurrence(_, seen) => Some(&seen.appointment),
        })
        .collect();
    json!({
        "scheduleId": address,
        "availabilityView": slots(&busy, window, slot),
        "scheduleItems": busy.iter().map(|of| entry(call, of)).collect::<Vec<_>>(),
        "workingHours": working_hours(mailbox),
    })
}

/// One digit for each slot: the busiest entry in it counts.
fn slots(busy: &[&Appointment], window: Window, slot: SignedDuration) -> String {
    let mut view = String::new();
    let mut at = window.from;
    while at < window.to {
        let end: Timestamp = at.saturating_add(slot).unwrap_or(Timestamp::MAX).min(window.to);
        let here = busy.iter().filter(|of| of.start < end && of.end > at);
        view.push(char::from(b'0' + here.map(|of| digit(of.show_as)).max().unwrap_or(0)));
        at = end;
    }
    view
}

/// Somebody who works elsewhere counts as free.
const fn digit(show_as: ShowAs) -> u8 {
    match show_as {
        ShowAs::Free | ShowAs::WorkingElsewhere => 0,
        ShowAs::Tentative => 1,
        ShowAs::Busy => 2,
        ShowAs::Oof => 3,
    }
}

fn entry(call: &Call<'_>, of: &Appointment) -> Value {
    let zone = &call.request.prefer.zone;
    let private = of.sensitivity == Privacy::Private;
    json!({
        "isPrivate": private,
        "status": super::event_read::show_as(of.show_as),
        "subject": if private { "" } else { of.subject.as_str() },
        "location": of.location.as_deref().filter(|_| !private).unwrap_or_default(),
        "start": zone.write(of.start),
        "end": zone.write(of.end),
    })
}

/// The hours that every mailbox has.
pub(super) fn working_hours(of: &Mailbox) -> Value {
    json!({
        "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "startTime": "08:00:00.0000000",
        "endTime": "17:00:00.0000000",
        "timeZone": { "name": of.time_zone },
    })
}
