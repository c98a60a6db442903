//! EWS as XML: what is asked for, and what the answers say.

use tidemark_model::{Event, LinkId, MailMode, Participation};

use self::answer::Answer;
pub(super) use self::answer::WireError;
use self::field::{Times, TimesError};
pub(super) use self::item::GotItem;
use self::request::Update;
use super::fault;
use super::server::{ServerFacts, ServerVersion};
use super::session::EwsEndpoint;
use crate::error::MailboxError;
use crate::port::{Change, ChangePage, Cursor, PushSubscription, RemoteId, RemoteRef, Stamp};

mod answer;
mod field;
mod item;
mod property;
mod request;
mod rule;
mod stamp;
mod time;
mod tree;
mod uid;
mod xml;
mod zone;

/// How an occurrence is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OccurrenceId {
    /// An exception, or an item of its own, by its id.
    Exception(RemoteRef),
    /// An occurrence that follows the rule: the series, and its number from 1.
    Index(RemoteRef, u32),
}

type Envelope = Vec<u8>;

pub(super) fn build_sync(
    endpoint: &EwsEndpoint,
    cursor: Option<&Cursor>,
    items_max: usize,
) -> Envelope {
    request::sync(endpoint, cursor, items_max)
}

/// A page of changes. Whatever is not a creation or removal is a change: the item is read anyway.
pub(super) fn read_sync(bytes: &[u8]) -> Result<ChangePage, WireError> {
    let answer = Answer::parse(bytes)?;
    let message = answer.message("SyncFolderItems")??;
    let incomplete = || WireError::Unreadable("a page of changes is incomplete");
    let state = message.text_of("SyncState").filter(|state| !state.is_empty());
    let last = message.text_of("IncludesLastItemInRange");
    let changes = message.child("Changes").into_iter();
    let changes = changes.flat_map(tree::Node::children).map(|change| {
        // Delete and ReadFlagChange name the id itself, the others the item around it.
        let holder = match change.child("ItemId") {
            Some(_) => change,
            None => change.children().next()?,
        };
        let reference = answer::item_reference(holder)?;
        Some(match change.name() {
            "Delete" => Change::Removed(reference.id),
            _ => Change::Touched(reference),
        })
    });
    Ok(ChangePage {
        changes: changes.collect::<Option<_>>().ok_or_else(incomplete)?,
        cursor: Cursor::new(state.ok_or_else(incomplete)?),
        more: last.ok_or_else(incomplete)? != "true",
    })
}

pub(super) fn build_get(endpoint: &EwsEndpoint, ids: &[RemoteId]) -> Envelope {
    request::get(endpoint, ids)
}

pub(super) fn read_get(bytes: &[u8]) -> Result<Vec<Result<GotItem, WireError>>, WireError> {
    let answer = Answer::parse(bytes)?;
    let messages = answer.messages("GetItem")?;
    let items = messages.into_iter();
    Ok(items.map(|message| GotItem::read(message?)).collect())
}

pub(super) fn build_get_reference(endpoint: &EwsEndpoint, id: &RemoteId) -> Envelope {
    request::get_reference(endpoint, id)
}

/// The id and version of the one item that was got, created or updated.
pub(super) fn read_reference(bytes: &[u8]) -> Result<Result<RemoteRef, WireError>, WireError> {
    let answer = Answer::parse(bytes)?;
    let message = match answer.any_message(&["GetItem", "CreateItem", "UpdateItem"])? {
        Ok(message) => message,
        Err(error) => return Ok(Err(error)),
    };
    let items = message.child("Items").into_iter();
    let reference = items.flat_map(tree::Node::children).find_map(answer::item_reference);
    Ok(Ok(reference.ok_or(WireError::Unreadable("an item without an id"))?))
}

pub(super) fn build_find_stamp(endpoint: &EwsEndpoint, link: LinkId) -> Envelope {
    request::find_stamp(endpoint, link)
}

pub(super) fn build_find_uid(endpoint: &EwsEndpoint, uid: &str) -> Envelope {
    request::find_uid(endpoint, uid)
}

pub(super) fn read_find(bytes: &[u8]) -> Result<Vec<RemoteRef>, WireError> {
    let answer = Answer::parse(bytes)?;
    let message = answer.message("FindItem")??;
    let items = message.at(&["RootFolder", "Items"]);
    let items = items.into_iter().flat_map(tree::Node::children);
    let references: Option<Vec<_>> = items.map(answer::item_reference).collect();
    references.ok_or(WireError::Unreadable("an item without an id"))
}

pub(super) fn build_create(
    endpoint: &EwsEndpoint,
    event: &Event,
    stamp: &Stamp,
    mail: MailMode,
) -> Result<Envelope, MailboxError> {
    let times = Times::of(event, &endpoint.zone).map_err(unfit)?;
    Ok(request::create(endpoint, event, &times, stamp, mail))
}

pub(super) fn build_update(
    endpoint: &EwsEndpoint,
    reference: &RemoteRef,
    current: &Event,
    target: &Event,
    mail: MailMode,
) -> Result<Option<Envelope>, MailboxError> {
    let item = OccurrenceId::Exception(reference.clone());
    build_update_occurrence(endpoint, &item, current, target, mail)
}

/// None if Exchange would hold nothing else for `target` than for `current`.
pub(super) fn build_update_occurrence(
    endpoint: &EwsEndpoint,
    item: &OccurrenceId,
    current: &Event,
    target: &Event,
    mail: MailMode,
) -> Result<Option<Envelope>, MailboxError> {
    let fields = request::differing(current, target, &endpoint.zone);
    if fields.is_empty() {
        return Ok(None);
    }
    let times = Times::of(target, &endpoint.zone).map_err(unfit)?;
    let update = Update { fields, target, times };
    Ok(Some(request::update(endpoint, item, &update, mail)))
}

fn unfit(error: TimesError) -> MailboxError {
    fault::unfit_times(match error {
        TimesError::Pattern => {
            "Exchange has no pattern for the rule: a relative pattern takes one day of the week, \
             Monday to Friday, Saturday and Sunday, or all seven"
        }
        TimesError::NoOccurrence => "the rule of the series has no occurrence",
        TimesError::Zone => "a series cannot be held in this time zone; choose another one",
    })
}

pub(super) fn build_delete_occurrences(
    endpoint: &EwsEndpoint,
    items: &[OccurrenceId],
    mail: MailMode,
) -> Envelope {
    request::delete(endpoint, items, mail)
}

pub(super) fn build_delete(endpoint: &EwsEndpoint, target: &RemoteRef, mail: MailMode) -> Envelope {
    request::delete(endpoint, [&OccurrenceId::Exception(target.clone())], mail)
}

pub(super) fn read_delete(bytes: &[u8]) -> Result<Vec<Result<(), WireError>>, WireError> {
    let answer = Answer::parse(bytes)?;
    let messages = answer.messages("DeleteItem")?.into_iter();
    Ok(messages.map(|message| message.map(|_| ())).collect())
}

pub(super) fn build_response(
    endpoint: &EwsEndpoint,
    target: &RemoteRef,
    answer: Participation,
    mail: MailMode,
) -> Option<Envelope> {
    request::response(endpoint, target, answer, mail)
}

pub(super) fn read_response(bytes: &[u8]) -> Result<Result<(), WireError>, WireError> {
    let answer = Answer::parse(bytes)?;
    Ok(answer.message("CreateItem")?.map(|_| ()))
}

pub(super) fn build_get_folder(endpoint: &EwsEndpoint) -> Envelope {
    request::get_folder(endpoint)
}

pub(super) fn read_folder(bytes: &[u8]) -> Result<Result<ServerFacts, WireError>, WireError> {
    let answer = Answer::parse(bytes)?;
    let message = match answer.message("GetFolder")? {
        Ok(message) => message,
        Err(error) => return Ok(Err(error)),
    };
    let folder = message.child("Folders").and_then(|all| all.children().next());
    Ok(Ok(ServerFacts {
        version: answer.header("ServerVersionInfo").and_then(read_version),
        calendar_items: folder
            .and_then(|folder| folder.text_of("TotalCount"))
            .and_then(|count| count.parse().ok()),
    }))
}

fn read_version(info: &tree::Node) -> Option<ServerVersion> {
    let number = |name| info.attribute(name);
    Some(ServerVersion {
        major: number("MajorVersion")?.parse().ok()?,
        minor: number("MinorVersion")?.parse().ok()?,
        build: number("MajorBuildNumber")?.parse().ok()?,
        revision: number("MinorBuildNumber")?.parse().ok()?,
    })
}

pub(super) fn build_subscribe(endpoint: &EwsEndpoint, url: &str, status_minutes: u16) -> Envelope {
    request::subscribe(endpoint, url, status_minutes)
}

pub(super) fn read_subscribe(
    bytes: &[u8],
) -> Result<Result<PushSubscription, WireError>, WireError> {
    let answer = Answer::parse(bytes)?;
    let message = match answer.message("Subscribe")? {
        Ok(message) => message,
        Err(error) => return Ok(Err(error)),
    };
    let id = message.text_of("SubscriptionId").filter(|id| !id.is_empty());
    Ok(Ok(PushSubscription {
        id: id.ok_or(WireError::Unreadable("a subscription without an id"))?.to_owned(),
        watermark: message.text_of("Watermark").map(str::to_owned),
    }))
}
