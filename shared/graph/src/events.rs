//! Requests about events: read, search, follow, write, answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::calendar::item::{EXPAND_SERIES, SELECT, SELECT_ATTACHMENTS, SELECT_SERIES};
use crate::calendar::{EventChanges, NewEvent, stamp};
use crate::request::{EventId, GraphRequest, Method, Path, UserKey, literal};

/// What identifies an event and its place in a series.
const HEAD: &str = "id,changeKey,type,seriesMasterId";

/// The same, and whether it takes place in a window, and since when it is as it is.
const LISTED: &str = "id,changeKey,type,seriesMasterId,lastModifiedDateTime,start,end";

/// What tells which occurrence of its series an instance is.
const INSTANCE: &str =
    "id,changeKey,type,seriesMasterId,originalStart,originalStartTimeZone,start,end,isAllDay";

fn event(user: &UserKey, id: &EventId) -> Path {
    user.path().words("/events").name(id.as_str())
}

fn event_of_calendar(user: &UserKey, id: &EventId) -> Path {
    user.path().words("/calendar/events").name(id.as_str())
}

fn over(request: GraphRequest, change_key: &str) -> GraphRequest {
    match etag_of(change_key) {
        Some(etag) => request.if_match(etag),
        None => request,
    }
}

/// Reads an event of the default calendar whole, with our stamp, which is shown only when it is asked
/// for (event-get page; exchange-graph.md 13.1). A series comes without its exceptions.
///
/// The calendar is named since an immutable id outlives the move to another folder, Deleted Items
/// included (outlook-immutable-id page).
pub fn build_get(user: &UserKey, id: &EventId) -> GraphRequest {
    let path = event_of_calendar(user, id).query("$select", SELECT).query("$expand", stamp::EXPAND);
    GraphRequest::new(Method::Get, path)
}

/// Reads a series whole: its exceptions and its deleted occurrences are shown only by a GET of the
/// series by its id, and only when they are asked for (event resource page).
pub fn build_get_series(user: &UserKey, master: &EventId) -> GraphRequest {
    let path = event_of_calendar(user, master)
        .query("$select", &format!("{SELECT},{SELECT_SERIES}"))
        .query("$expand", &format!("{},{EXPAND_SERIES}", stamp::EXPAND));
    GraphRequest::new(Method::Get, path)
}

/// Lists what is attached to an event, without the contents (event-list-attachments page).
pub fn build_attachments(user: &UserKey, id: &EventId) -> GraphRequest {
    let path = event(user, id).words("/attachments").query("$select", SELECT_ATTACHMENTS);
    GraphRequest::new(Method::Get, path)
}

/// Reads id and version of an event.
pub fn build_get_head(user: &UserKey, id: &EventId) -> GraphRequest {
    GraphRequest::new(Method::Get, event(user, id).query("$select", HEAD))
}

/// Lists ids, versions and times of single events and series of the default calendar, page by page;
/// `top` of them at once, at most 1,000 (user-list-events page).
pub fn build_list(user: &UserKey, top: usize) -> GraphRequest {
    let path = user
        .path()
        .words("/calendar/events")
        .query("$select", LISTED)
        .query("$top", &top.clamp(1, 1000).to_string());
    GraphRequest::new(Method::Get, path)
}

/// Finds the events that carry a stamp of this link. `startswith` is offered for texts
/// (singlevaluelegacyextendedproperty-get page).
pub fn build_find_stamp(user: &UserKey, link: &str) -> GraphRequest {
    let filter = stamp::filter(link);
    let path =
        user.path().words("/calendar/events").query("$filter", &filter).query("$select", HEAD);
    GraphRequest::new(Method::Get, path)
}

/// Finds the single events and series with this iCalendar UID. In v1.0 there is only `iCalUId`,
/// which differs for each occurrence (event resource page).
pub fn build_find_uid(user: &UserKey, uid: &str) -> GraphRequest {
    let filter = format!("iCalUId eq {}", literal(uid));
    let path =
        user.path().words("/calendar/events").query("$filter", &filter).query("$select", HEAD);
    GraphRequest::new(Method::Get, path)
}

/// What takes place in a window: single events, occurrences and exceptions, but no series
/// (calendarview-list page). At most [`crate::bounds::WINDOW_DAYS_MAX`] days, `top` at once.
pub fn build_calendar_view(
    user: &UserKey,
    from: Timestamp,
    until: Timestamp,
    top: usize,
) -> GraphRequest {
    let path = user
        .path()
        .words("/calendar/calendarView")
        .query("startDateTime", &instant(from))
        .query("endDateTime", &instant(until))
        .query("$select", HEAD)
        .query("$orderby", "start/dateTime")
        .query("$top", &top.clamp(1, 1000).to_string());
    GraphRequest::new(Method::Get, path)
}

/// Begins to follow a window (event-delta page). The window is that of all further rounds; `$select`
/// and its like are not taken.
pub fn build_calendar_view_delta(
    user: &UserKey,
    from: Timestamp,
    until: Timestamp,
) -> GraphRequest {
    let path = user
        .path()
        .words("/calendarView/delta")
        .query("startDateTime", &instant(from))
        .query("endDateTime", &instant(until));
    GraphRequest::new(Method::Get, path)
}

/// Begins to follow all single events and series, whenever they take place. It stands in the
/// metadata of v1.0 and is documented for beta only: a server may refuse it.
pub fn build_events_delta(user: &UserKey) -> GraphRequest {
    GraphRequest::new(Method::Get, user.path().words("/events/delta"))
}

/// The occurrences and exceptions of a series in a window (event-list-instances page).
pub fn build_instances(
    user: &UserKey,
    master: &EventId,
    from: Timestamp,
    until: Timestamp,
    top: usize,
) -> GraphRequest {
    let path = event(user, master)
        .words("/instances")
        .query("startDateTime", &instant(from))
        .query("endDateTime", &instant(until))
        .query("$select", INSTANCE)
        .query("$top", &top.clamp(1, 1000).to_string());
    GraphRequest::new(Method::Get, path)
}

/// Creates an event (user-post-events page). Invitations leave at once if there are attendees.
///
/// Its transaction id makes a second, equal request fail instead of creating a second event; how
/// long the server remembers it is not documented, so that the stamp stays the proof.
pub fn build_create(user: &UserKey, event: &NewEvent) -> GraphRequest {
    let body = Value::Object(event.members().clone());
    GraphRequest::new(Method::Post, user.path().words("/events")).with_body(body)
}

/// Writes properties of an event, over this version of it (event-update page).
pub fn build_update(
    user: &UserKey,
    id: &EventId,
    change_key: &str,
    changes: &EventChanges,
) -> GraphRequest {
    let body = Value::Object(changes.members().clone());
    over(GraphRequest::new(Method::Patch, event(user, id)).with_body(body), change_key)
}

/// Deletes an event (event-delete page): to Deleted Items. An organiser's meeting is cancelled with
/// mail; an attendee's copy goes without a word.
pub fn build_delete(user: &UserKey, id: &EventId, change_key: &str) -> GraphRequest {
    over(GraphRequest::new(Method::Delete, event(user, id)), change_key)
}

/// Cancels an organiser's meeting, or one occurrence of it, with a word to everybody (event-cancel
/// page).
pub fn build_cancel(user: &UserKey, id: &EventId, comment: &str) -> GraphRequest {
    GraphRequest::new(Method::Post, event(user, id).words("/cancel"))
        .with_body(json!({ "comment": comment }))
}

/// An answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Will come.
    Accept,
    /// May come.
    Tentative,
    /// Will not come; the event leaves the calendar.
    Decline,
}

/// Answers an invitation in the name of the mailbox's owner (event-accept, event-tentativelyaccept,
/// event-decline pages). The organiser is told only with `send_response`.
pub fn build_answer(
    user: &UserKey,
    id: &EventId,
    answer: Answer,
    send_response: bool,
) -> GraphRequest {
    let action = match answer {
        Answer::Accept => "/accept",
        Answer::Tentative => "/tentativelyAccept",
        Answer::Decline => "/decline",
    };
    GraphRequest::new(Method::Post, event(user, id).words(action))
        .with_body(json!({ "comment": "", "sendResponse": send_response }))
}

/// The entity tag of a change key: `W/"key"` (exchange-graph.md 9.4). None for a text that no header
/// can hold.
fn etag_of(change_key: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    let usable = !change_key.is_empty() && change_key.bytes().all(fits);
    usable.then(|| format!("W/\"{change_key}\""))
}

/// Whole seconds in UTC with the letter that says so; without an offset Graph takes UTC as well.
pub(crate) fn instant(at: Timestamp) -> String {
    let seconds = Timestamp::from_second(at.as_second()).unwrap_or(at);
    seconds.to_string()
}

#[cfg(test)]
mod tests;
