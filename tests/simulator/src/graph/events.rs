//! Events: lists, single ones, writes and answers (exchange-graph.md 10.4).

use serde_json::{Map, Value, json};
use tidemark_model::{Body, BodyFormat, Participation};

use super::event_read::Reader;
use super::event_write::{self, News, Wanted};
use super::filter::Filter;
use super::query::{self, Page};
use super::{Answer, Call, Extra, GraphError, Transaction, id};
use crate::fault::FaultKind;
use crate::store::{
    Appointment, Change, ChangeNumber, DeleteKind, Expected, FolderNumber, Item, ItemNumber,
    Notify, Occurrence, OccurrenceState, StoreError, Target,
};

/// Class of calendars; events lie in them only.
const CALENDAR: &str = "IPF.Appointment";

/// `GET …/events`: singles and masters of a calendar.
pub(super) fn list(call: &Call<'_>, folder: FolderNumber) -> Result<Answer, GraphError> {
    let mailbox = call.mailbox()?;
    let reader = call.reader(mailbox);
    let filter = call.request.option("$filter").map(Filter::read).transpose()?;
    let mut all: Vec<_> = mailbox
        .items_in(folder)
        .filter_map(|item| with_properties(&reader, item, None))
        .filter(|event| filter.as_ref().is_none_or(|filter| filter.holds(event)))
        .collect();
    query::sort(&mut all, call.request.option("$orderby"));
    let page = Page::read(call.request)?;
    let expand = read_expand(call)?;
    let body = page.body(call.request, &all, |event| finish(call, event.clone(), &expand));
    Ok(Answer::json(200, body))
}

/// `GET …/events/{id}`.
pub(super) fn get(call: &Call<'_>, event_id: &str) -> Result<Answer, GraphError> {
    let target = find(call, event_id)?;
    let event = shown(call, target)?;
    let context = format!("{}/$metadata#users('{}')/events/$entity", call.request.root, call.user);
    Ok(Answer::json(200, with_context(event, context)))
}

/// One event as a response to this request shows it.
pub(super) fn shown(call: &Call<'_>, target: Target) -> Result<Value, GraphError> {
    let mailbox = call.mailbox()?;
    let reader = call.reader(mailbox);
    let item = mailbox.item(target.item())?;
    let occurrence = seen(item, target)?;
    let mut event = with_properties(&reader, item, occurrence.as_ref())
        .ok_or_else(GraphError::item_not_found)?;
    let expand = read_expand(call)?;
    if let (Some(members), None) = (event.as_object_mut(), &occurrence) {
        // Both come with one event asked for by its id only.
        if query::selects(call.request, "cancelledOccurrences") {
            members.insert("cancelledOccurrences".to_owned(), reader.cancelled(item));
        }
        if expand.attachments {
            members.insert("attachments".to_owned(), Reader::attachments(item, None).into());
        }
        if expand.exceptions {
            members.insert("exceptionOccurrences".to_owned(), reader.exceptions(item));
        }
    }
    Ok(finish(call, event, &expand))
}

/// `GET …/events/{id}/attachments`.
pub(super) fn attachments(call: &Call<'_>, event_id: &str) -> Result<Answer, GraphError> {
    let target = find(call, event_id)?;
    let mailbox = call.mailbox()?;
    let item = mailbox.item(target.item())?;
    let all = Reader::attachments(item, seen(item, target)?.as_ref());
    let show = |one: &Value| query::select(one.clone(), call.request.option("$select"));
    Ok(Answer::json(200, Page::read(call.request)?.body(call.request, &all, show)))
}

/// An entity with the annotation that says what it is.
pub(super) fn with_context(mut entity: Value, context: String) -> Value {
    if let Some(members) = entity.as_object_mut() {
        members.insert("@odata.context".to_owned(), context.into());
    }
    entity
}

/// The occurrence that a target names; none for a whole item.
pub(super) fn seen(item: &Item, target: Target) -> Result<Option<Occurrence>, GraphError> {
    match target {
        Target::Item(_) => Ok(None),
        Target::Occurrence(_, original) => {
            let whole = item.appointment().ok_or_else(GraphError::item_not_found)?;
            Ok(Some(whole.occurrence(original)?))
        }
    }
}

/// An event with all its extended properties, before `$expand` chooses among them.
pub(super) fn with_properties(
    reader: &Reader<'_>,
    item: &Item,
    occurrence: Option<&Occurrence>,
) -> Option<Value> {
    let mut event = reader.event(item, occurrence)?;
    let members = event.as_object_mut()?;
    for (name, array) in PROPERTIES {
        members.insert(name.to_owned(), Reader::extended(item, occurrence, array).into());
    }
    Some(event)
}

const PROPERTIES: [(&str, bool); 2] =
    [("singleValueExtendedProperties", false), ("multiValueExtendedProperties", true)];

/// What `$expand` asks for.
pub(super) struct Expand {
    /// Conditions on the extended properties wanted, by collection.
    properties: Vec<(&'static str, Option<Filter>)>,
    exceptions: bool,
    attachments: bool,
}

/// Reads `$expand`.
///
/// # Errors
/// When it names something else.
pub(super) fn read_expand(call: &Call<'_>) -> Result<Expand, GraphError> {
    let mut expand = Expand { properties: Vec::new(), exceptions: false, attachments: false };
    for part in call.request.option("$expand").map(split_top).unwrap_or_default() {
        let (name, options) = part.split_once('(').unwrap_or((&part, ""));
        let options = options.strip_suffix(')').unwrap_or(options);
        match name.trim() {
            "exceptionOccurrences" => expand.exceptions = true,
            "attachments" => expand.attachments = true,
            name => {
                let (name, _) =
                    PROPERTIES.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                        GraphError::query(format!("Could not find a property named '{name}'."))
                    })?;
                let filter = options.trim().strip_prefix("$filter=").map(read_ids).transpose()?;
                expand.properties.push((name, filter));
            }
        }
    }
    Ok(expand)
}

/// The ids in this filter are those of the properties themselves.
fn read_ids(text: &str) -> Result<Filter, GraphError> {
    let Filter::Any(_, inner) = Filter::read(&format!("p/any(ep:{text})"))? else {
        return Err(GraphError::query("Invalid filter clause."));
    };
    Ok(*inner)
}

/// Splits at commas outside of parentheses and quotes.
fn split_top(text: &str) -> Vec<String> {
    let (mut depth, mut quoted) = (0u32, false);
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth = depth.saturating_add(1),
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

/// Keeps what was expanded and selected.
pub(super) fn finish(call: &Call<'_>, mut event: Value, expand: &Expand) -> Value {
    let mut kept = Map::new();
    if let Some(members) = event.as_object_mut() {
        for (name, _) in PROPERTIES {
            let all = members.remove(name);
            let Some((_, filter)) = expand.properties.iter().find(|(wanted, _)| *wanted == name)
            else {
                continue;
            };
            let list = all.as_ref().and_then(Value::as_array).into_iter().flatten();
            let wanted: Vec<_> = list
                .filter(|one| filter.as_ref().is_none_or(|filter| filter.holds(one)))
                .cloned()
                .collect();
            // Where there is none, the member is left out.
            if !wanted.is_empty() {
                kept.insert(name.to_owned(), wanted.into());
            }
        }
        if expand.attachments {
            let list = members.get("attachments").cloned().unwrap_or_else(|| json!([]));
            kept.insert("attachments".to_owned(), list);
        }
        if let Some(exceptions) = members.get("exceptionOccurrences").cloned() {
            kept.insert("exceptionOccurrences".to_owned(), without_properties(exceptions));
        }
    }
    let mut event = query::select(event, call.request.option("$select"));
    if let Some(members) = event.as_object_mut() {
        members.append(&mut kept);
    }
    event
}

fn without_properties(mut list: Value) -> Value {
    for event in list.as_array_mut().into_iter().flatten() {
        for (name, _) in PROPERTIES {
            event.as_object_mut().map(|members| members.remove(name));
        }
    }
    list
}

/// Finds an event by its id: in a calendar, and not taken out.
pub(super) fn find(call: &Call<'_>, event_id: &str) -> Result<Target, GraphError> {
    let mailbox = call.mailbox()?;
    let target = id::read(mailbox, event_id)?;
    let item = mailbox.item(target.item())?;
    let folder = mailbox.folder(item.folder)?;
    if item.appointment().is_none()
        || (folder.class != CALENDAR && !call.state.graph.settings.deleted_readable)
    {
        return Err(GraphError::item_not_found());
    }
    seen(item, target)?;
    Ok(target)
}

/// `POST …/events`. Who is on it is invited at once: there is no way around.
pub(super) fn create(call: &mut Call<'_>, folder: FolderNumber) -> Result<Answer, GraphError> {
    let body = call.request.json()?;
    let mut wanted = event_write::read(&body, None)?;
    if let Some(answer) = repeated(call, &wanted, &body)? {
        return Ok(answer);
    }
    let join_url = wanted.online.then(|| call.state.graph.join_url());
    if let Some(url) = &join_url {
        add_join_block(&mut wanted.changes, url);
    }
    let actor = call.actor.clone();
    let mailbox = call.mailbox;
    let store = &mut call.state.store;
    let item = store.create_appointment(mailbox, folder, &wanted.changes, &actor)?;
    store.announce(mailbox, Target::Item(item), None, Notify::All, &actor)?;
    let extra = Extra {
        transaction: wanted.transaction.clone(),
        join_url,
        hide_attendees: wanted.hide_attendees.unwrap_or(false),
    };
    call.state.graph.extras.insert((mailbox, item), extra);
    if let Some(transaction) = wanted.transaction {
        let known = Transaction { item, body: Value::Object(body) };
        call.state.graph.transactions.insert((mailbox, transaction), known);
    }
    created(call, item)
}

fn created(call: &Call<'_>, item: ItemNumber) -> Result<Answer, GraphError> {
    let event = shown(call, Target::Item(item))?;
    let context = format!("{}/$metadata#users('{}')/events/$entity", call.request.root, call.user);
    let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = format!("{}/users/{}/events/{id}", call.request.root, call.user);
    Ok(Answer::json(201, with_context(event, context)).header("location", place))
}

/// The same transaction with the same content gives the same event again; with other content it
/// is refused (seen in the service as 400, by some as 409).
fn repeated(
    call: &Call<'_>,
    wanted: &Wanted,
    body: &Map<String, Value>,
) -> Result<Option<Answer>, GraphError> {
    let Some(transaction) = &wanted.transaction else {
        return Ok(None);
    };
    let known = call.state.graph.transactions.get(&(call.mailbox, transaction.clone()));
    let Some(known) = known else {
        return Ok(None);
    };
    let mailbox = call.mailbox()?;
    let Some(number) = mailbox.current(known.item) else {
        return Ok(None);
    };
    if known.body.as_object() == Some(body) {
        return created(call, number).map(Some);
    }
    let existing = id::item(mailbox, Target::Item(number), call.request.prefer.immutable);
    Err(GraphError::new(
        call.state.graph.settings.duplicate_status,
        "ErrorDuplicateTransactionId",
        "Your request can't be completed. The TransactionId specified in the request has already \
         been used to create a different event.",
    )
    .with("@event.existingEventId", existing))
}

fn add_join_block(changes: &mut Vec<Change>, url: &str) {
    let text = changes.iter().find_map(|change| match change {
        Change::Body(body) => Some(super::body::html(body.as_ref())),
        _ => None,
    });
    let content = format!(
        "{}<div class=\"me-email-text\"><a href=\"{url}\">Join the meeting now</a></div>",
        text.unwrap_or_default()
    );
    changes.retain(|change| !matches!(change, Change::Body(_)));
    changes.push(Change::Body(Some(Body { format: BodyFormat::Html, content })));
}

/// `PATCH …/events/{id}`.
pub(super) fn patch(call: &mut Call<'_>, event_id: &str) -> Result<Answer, GraphError> {
    let target = find(call, event_id)?;
    sneak(call, target);
    let body = call.request.json()?;
    let before = call.mailbox()?.item(target.item())?.appointment().cloned();
    let part = match (&before, target) {
        (Some(whole), Target::Occurrence(_, original)) => {
            Some(whole.occurrence(original)?.appointment)
        }
        (whole, _) => whole.clone(),
    };
    let wanted = event_write::read(&body, part.as_ref())?;
    check_key(call, target)?;
    write_extra(call, target, &wanted)?;
    let (mailbox, actor) = (call.mailbox, call.actor.clone());
    let store = &mut call.state.store;
    if !wanted.changes.is_empty() {
        store.update(mailbox, target, &wanted.changes, Expected::ANY, &actor)?;
    }
    let notify = match wanted.news {
        News::Private => Notify::Nobody,
        News::Attendees => Notify::Changed,
        News::Meeting => Notify::All,
    };
    store.announce(mailbox, target, before.as_ref(), notify, &actor)?;
    if wanted.news == News::Meeting && matches!(target, Target::Item(_)) {
        announce_exceptions(call, target.item(), before.as_ref())?;
    }
    let event = shown(call, target)?;
    let context = format!("{}/$metadata#users('{}')/events/$entity", call.request.root, call.user);
    Ok(Answer::json(200, with_context(event, context)))
}

/// A series with exceptions mails once for itself and once for each of them (exchange-graph.md
/// 10.3).
fn announce_exceptions(
    call: &mut Call<'_>,
    item: ItemNumber,
    before: Option<&Appointment>,
) -> Result<(), GraphError> {
    let whole = call.mailbox()?.item(item)?.appointment().cloned();
    let changed: Vec<_> = whole
        .iter()
        .flat_map(|whole| &whole.occurrences)
        .filter(|(_, state)| matches!(state, OccurrenceState::Modified(_)))
        .map(|(original, _)| *original)
        .collect();
    for original in changed {
        let target = Target::Occurrence(item, original);
        call.state.store.announce(call.mailbox, target, before, Notify::All, &call.actor)?;
    }
    Ok(())
}

/// A body without its join block ends the online meeting; nothing else does (event-update).
fn write_extra(call: &mut Call<'_>, target: Target, wanted: &Wanted) -> Result<(), GraphError> {
    let origin = call.mailbox()?.origin(target.item());
    let extra = call.state.graph.extras.entry((call.mailbox, origin)).or_default();
    if let Some(hide) = wanted.hide_attendees {
        extra.hide_attendees = hide;
    }
    let text = wanted.changes.iter().find_map(|change| match change {
        Change::Body(body) => Some(body.as_ref().map_or("", |body| body.content.as_str())),
        _ => None,
    });
    if let (Some(text), Some(url)) = (text, &extra.join_url)
        && !text.contains(url.as_str())
    {
        extra.join_url = None;
    }
    Ok(())
}

/// `DELETE …/events/{id}`: the organiser's calls the meeting off, an attendee's says nothing.
pub(super) fn delete(
    call: &mut Call<'_>,
    event_id: &str,
    kind: DeleteKind,
) -> Result<Answer, GraphError> {
    let target = find(call, event_id)?;
    sneak(call, target);
    check_key(call, target)?;
    let (mailbox, actor) = (call.mailbox, call.actor.clone());
    call.state.store.call_off(mailbox, target, &actor)?;
    call.state.store.delete(mailbox, target, kind, &actor)?;
    Ok(Answer::empty(204))
}

/// `POST …/events/{id}/cancel`: the organiser's alone.
pub(super) fn cancel(call: &mut Call<'_>, event_id: &str) -> Result<Answer, GraphError> {
    let target = find(call, event_id)?;
    call.request.json()?;
    let item = call.mailbox()?.item(target.item())?;
    let organizes =
        item.appointment().is_some_and(|of| of.my_response == crate::store::MyResponse::Organizer);
    if !organizes {
        return Err(GraphError::invalid(
            "Your request can't be completed. You need to be an organizer to cancel a meeting.",
        ));
    }
    let (mailbox, actor) = (call.mailbox, call.actor.clone());
    call.state.store.call_off(mailbox, target, &actor)?;
    call.state.store.delete(mailbox, target, DeleteKind::ToDeletedItems, &actor)?;
    Ok(Answer::empty(202))
}

/// `POST …/events/{id}/accept` and its two sisters: an attendee's alone.
pub(super) fn answer(
    call: &mut Call<'_>,
    event_id: &str,
    answer: Participation,
) -> Result<Answer, GraphError> {
    let target = find(call, event_id)?;
    let body = call.request.json()?;
    let tell = body.get("sendResponse").and_then(Value::as_bool).unwrap_or(true);
    let proposes = body.get("proposedNewTime").is_some_and(|time| !time.is_null());
    let item = call.mailbox()?.item(target.item())?;
    let allowed = item.appointment().is_some_and(|of| of.allow_new_time_proposal);
    if proposes && (!tell || !allowed || answer == Participation::Accepted) {
        return Err(GraphError::invalid(
            "The proposedNewTime parameter needs sendResponse, and an event that allows proposals.",
        ));
    }
    let (mailbox, actor) = (call.mailbox, call.actor.clone());
    call.state.store.answer(mailbox, target, answer, tell, &actor).map_err(|error| match error {
        StoreError::NotThisPart => GraphError::invalid(
            "Your request can't be completed. You can't respond to this meeting because you're the \
             meeting organizer.",
        ),
        other => other.into(),
    })?;
    Ok(Answer::empty(202))
}

/// Somebody may be faster just before the write is looked at.
fn sneak(call: &mut Call<'_>, target: Target) {
    if call.state.faults.fires(FaultKind::StaleChangeKey) {
        let actor = call.actor.clone();
        // What is not there any more shows itself in the write that follows.
        let _ = call.state.store.touch_as_somebody(call.mailbox, target.item(), &actor);
    }
}

/// `If-Match`: another key than the item's refuses the write.
fn check_key(call: &Call<'_>, target: Target) -> Result<(), GraphError> {
    let Some(wanted) = call.request.raw.header("if-match") else {
        return Ok(());
    };
    let item = call.mailbox()?.item(target.item())?;
    let fits = |one: &str| {
        let bare = one.trim().trim_start_matches("W/").trim_matches('"');
        bare == "*" || bare == key_text(item.changed)
    };
    if wanted.split(',').any(fits) { Ok(()) } else { Err(GraphError::precondition()) }
}

fn key_text(change: ChangeNumber) -> String {
    id::change_key(change)
}
