//! Between the port and EWS: the port's values as requests, answers as the port's values.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tidemark_ews::calendar::{
    FieldChange, NewItem, ReadContext, ReadItem, WriteContext, WriteError, assemble_series,
    changes, occurrence_changes, read_item,
};
use tidemark_ews::{
    CalendarItemType, CreateItem, DeleteItem, Disposal, EwsError, FindItem, FolderAddress,
    FolderShape, GetFolder, GetItem, Item, ItemAddress, ItemChange, ItemId, Operation, Request,
    Respond, Response, ServerVersionInfo, Shape, SubscribePush, SyncFolderItems, Unreadable,
    UpdateItem, Written, stamp,
};
use tidemark_model::{Event, LinkId, MailMode, Participation, Property};
use uuid::Uuid;

use super::fault;
use super::server::{ServerFacts, ServerVersion};
use super::session::{Access, EwsEndpoint};
use crate::error::MailboxError;
use crate::port::{
    Change, ChangeKey, ChangePage, Cursor, ItemRead, PushSubscription, RemoteEvent, RemoteId,
    RemoteRef, Stamp,
};

type Envelope = Vec<u8>;

/// An operation in the envelope of an endpoint. Times of the answer are in UTC.
fn envelope(endpoint: &EwsEndpoint, operation: &impl Operation) -> Envelope {
    let request = Request::new().in_time_zone("UTC");
    let request = match endpoint.access {
        Access::Impersonation => request.impersonating(endpoint.mailbox.as_str()),
        Access::Own => request,
    };
    request.build(operation)
}

/// An id in the version that is known of it.
fn item_id(reference: &RemoteRef) -> ItemId {
    let key = reference.change_key.as_str();
    ItemId::new(reference.id.as_str(), (!key.is_empty()).then(|| key.to_owned()))
}

fn reference_of(id: &ItemId) -> RemoteRef {
    RemoteRef {
        id: RemoteId::new(id.id.as_str()),
        change_key: ChangeKey::new(id.change_key.as_deref().unwrap_or_default()),
    }
}

/// An item, or an exception of a series by its own id, in a version.
pub(super) fn address_of(reference: &RemoteRef) -> ItemAddress {
    ItemAddress::Item(item_id(reference))
}

/// An occurrence that follows the rule: the series, and its number from 1.
pub(super) fn address_in(series: &RemoteRef, index: u32) -> ItemAddress {
    ItemAddress::Occurrence { master: item_id(series), index }
}

/// Ids in whatever version is current.
fn addresses(ids: &[RemoteId]) -> Vec<ItemAddress> {
    ids.iter().map(|id| ItemAddress::Item(ItemId::new(id.as_str(), None))).collect()
}

/// The error of an answer that is one of EWS, but lacks what it has to have.
const INCOMPLETE: EwsError = EwsError::Unreadable(Unreadable::Unexpected);

/// The result of a request about one thing. What is wrong with it is no flaw of an item, which
/// would be set aside, but of the answer.
fn only<T>(answer: Response<T>) -> Result<T, EwsError> {
    answer.single().map_err(|error| match error {
        EwsError::Damaged(_) => INCOMPLETE,
        EwsError::Fault(_) | EwsError::Refused(_) | EwsError::Unreadable(_) => error,
    })
}

pub(super) fn build_sync(
    endpoint: &EwsEndpoint,
    cursor: Option<&Cursor>,
    items_max: usize,
) -> Envelope {
    let operation = SyncFolderItems {
        folder: FolderAddress::CALENDAR,
        state: cursor.map(|cursor| cursor.as_str().to_owned()),
        changes_max: items_max,
        shape: Shape::id_only(),
    };
    envelope(endpoint, &operation)
}

/// A page of changes. One that cannot be read fails the page: left out, it would never come again.
pub(super) fn read_sync(bytes: &[u8]) -> Result<ChangePage, EwsError> {
    let found = only(SyncFolderItems::read(bytes)?)?;
    let changes = found.changes.into_iter().map(|change| {
        Ok(match change.map_err(|_| INCOMPLETE)? {
            ItemChange::Created(item) | ItemChange::Updated(item) => {
                Change::Touched(reference_of(&item.id))
            }
            ItemChange::ReadFlag(id) => Change::Touched(reference_of(&id)),
            ItemChange::Deleted(id) => Change::Removed(RemoteId::new(id.id)),
        })
    });
    Ok(ChangePage {
        changes: changes.collect::<Result<_, EwsError>>()?,
        parts: Vec::new(),
        cursor: Cursor::new(found.state.ok_or(INCOMPLETE)?),
        more: !found.is_last,
    })
}

pub(super) fn build_get(endpoint: &EwsEndpoint, ids: &[RemoteId]) -> Envelope {
    envelope(endpoint, &GetItem::whole(addresses(ids)))
}

/// The items of an answer; an error stands in the place of its item.
pub(super) fn read_get(bytes: &[u8]) -> Result<Vec<Result<Item, EwsError>>, EwsError> {
    Ok(GetItem::read(bytes)?.messages)
}

/// An item as it came; a series without its exceptions.
pub(super) struct GotItem(ReadItem);

impl GotItem {
    /// Makes sense of an item.
    pub(super) fn of(item: &Item, endpoint: &EwsEndpoint) -> Result<Self, MailboxError> {
        let Item::Calendar(item) = item else {
            return Err(fault::unreadable_item("it is not an appointment"));
        };
        let context = ReadContext {
            owner: Some(endpoint.mailbox.as_str().to_lowercase()),
            ..ReadContext::in_zone(endpoint.zone.clone())
        };
        let item = read_item(item, &context);
        item.map(Self).map_err(|damage| fault::unreadable_item(damage.reason))
    }

    /// The exceptions of a series, to be read as well: what they say stands in themselves only.
    pub(super) fn exception_ids(&self) -> Vec<RemoteId> {
        self.0.modified.iter().map(|exception| RemoteId::new(exception.id.id.as_str())).collect()
    }

    /// The event with all of its exceptions.
    pub(super) fn assemble(self, exceptions: Vec<Self>) -> ItemRead {
        let expected = self.0.modified.len();
        let (reference, role) = (reference_of(&self.0.id), self.0.role);
        let stamp = self.0.stamp.as_deref().and_then(read_stamp);
        let exceptions = exceptions.into_iter().map(|Self(item)| item).collect();
        let series = assemble_series(self.0, exceptions);
        // Without one of them, its occurrence would look as if it had returned to the rule.
        if series.exceptions.len() != expected {
            return Err(fault::unreadable_item(
                "an exception has no place in the rule of its series",
            ));
        }
        let exceptions = series.exceptions.iter().map(|(at, id)| (*at, reference_of(id))).collect();
        Ok(RemoteEvent { reference, event: series.event, stamp, role, exceptions })
    }
}

/// A stamp from its text. None if it is none that we write.
fn read_stamp(text: &str) -> Option<Stamp> {
    let (link, intent, epoch) = stamp::parse(text)?;
    Some(Stamp { link: LinkId::parse(link).ok()?, intent: Uuid::try_parse(intent).ok()?, epoch })
}

pub(super) fn build_get_reference(endpoint: &EwsEndpoint, id: &RemoteId) -> Envelope {
    envelope(endpoint, &GetItem::versions(addresses(core::slice::from_ref(id))))
}

/// The id and version of the one item that was asked for.
pub(super) fn read_got_reference(bytes: &[u8]) -> Result<RemoteRef, EwsError> {
    let item = only(GetItem::read(bytes)?)?;
    item.id().map(reference_of).ok_or(INCOMPLETE)
}

fn written_reference(answer: Response<Written>) -> Result<RemoteRef, EwsError> {
    only(answer)?.ids.first().map(reference_of).ok_or(INCOMPLETE)
}

/// The id and version of the one item that was created.
pub(super) fn read_created(bytes: &[u8]) -> Result<RemoteRef, EwsError> {
    written_reference(CreateItem::read(bytes)?)
}

/// The id and version of the one item that was updated.
pub(super) fn read_updated(bytes: &[u8]) -> Result<RemoteRef, EwsError> {
    written_reference(UpdateItem::read(bytes)?)
}

pub(super) fn build_find_stamp(endpoint: &EwsEndpoint, link: LinkId) -> Envelope {
    envelope(endpoint, &FindItem::by_stamp(&link.to_string()))
}

pub(super) fn build_find_uid(endpoint: &EwsEndpoint, uid: &str) -> Envelope {
    envelope(endpoint, &FindItem::by_uid(uid))
}

pub(super) fn build_view(
    endpoint: &EwsEndpoint,
    start: Timestamp,
    end: Timestamp,
    entries_max: u32,
) -> Envelope {
    envelope(endpoint, &FindItem::in_window(start, end, entries_max))
}

/// What a calendar shows in a window, in its order.
pub(super) enum Shown {
    /// An appointment.
    Single(RemoteRef),
    /// An occurrence, by its own id; its series is to be asked for.
    Occurrence(RemoteId),
}

/// What the window shows, each series once. An entry that cannot be read is left out: it comes
/// again with the changes.
pub(super) fn read_view(bytes: &[u8]) -> Result<Vec<Shown>, EwsError> {
    let page = only(FindItem::read(bytes)?)?;
    let mut series = BTreeSet::new();
    let mut shown = Vec::new();
    for item in page.entries.into_iter().flatten() {
        match item.item_type {
            Some(CalendarItemType::Occurrence | CalendarItemType::Exception) => {
                if item.uid.is_none_or(|uid| series.insert(uid)) {
                    shown.push(Shown::Occurrence(RemoteId::new(item.id.id)));
                }
            }
            Some(CalendarItemType::Single | CalendarItemType::RecurringMaster) | None => {
                shown.push(Shown::Single(reference_of(&item.id)));
            }
        }
    }
    Ok(shown)
}

pub(super) fn build_get_series(endpoint: &EwsEndpoint, occurrences: &[RemoteId]) -> Envelope {
    let of_series = |id: &RemoteId| ItemAddress::MasterOf(ItemId::new(id.as_str(), None));
    envelope(endpoint, &GetItem::versions(occurrences.iter().map(of_series).collect()))
}

/// The series of occurrences; one that cannot be told, being gone by now, is none.
pub(super) fn read_series(bytes: &[u8]) -> Result<Vec<Option<RemoteRef>>, EwsError> {
    let answer = GetItem::read(bytes)?;
    let of_one = |item: Result<Item, EwsError>| item.ok()?.id().map(reference_of);
    Ok(answer.messages.into_iter().map(of_one).collect())
}

/// How many items the calendar holds, series and singles, if the server says it.
pub(super) fn read_total(bytes: &[u8]) -> Result<Option<u64>, EwsError> {
    Ok(only(GetFolder::read(bytes)?)?.items.map(u64::from))
}

/// What was found. One that cannot be read fails the search, which is there to find nothing twice.
pub(super) fn read_find(bytes: &[u8]) -> Result<Vec<RemoteRef>, EwsError> {
    let page = only(FindItem::read(bytes)?)?;
    let found = page.entries.into_iter();
    found.map(|item| item.map(|item| reference_of(&item.id)).map_err(|_| INCOMPLETE)).collect()
}

pub(super) fn build_create(
    endpoint: &EwsEndpoint,
    event: &Event,
    stamp: &Stamp,
    mail: MailMode,
) -> Result<Envelope, MailboxError> {
    let intent = stamp.intent.hyphenated().to_string();
    let text = stamp::format(&stamp.link.to_string(), &intent, stamp.epoch);
    let item = NewItem::of(event, Some(&text), write_context(endpoint)).map_err(unfit)?;
    let operation = CreateItem { folder: FolderAddress::CALENDAR, item, mail };
    Ok(envelope(endpoint, &operation))
}

const fn write_context(endpoint: &EwsEndpoint) -> WriteContext<'_> {
    WriteContext { zone: &endpoint.zone }
}

fn unfit(error: WriteError) -> MailboxError {
    let code = match error.property() {
        Property::Reminder => "reminder-unfit",
        Property::Attendees => "attendees-unfit",
        _ => "times-unfit",
    };
    fault::unfit(code, &error)
}

/// None if Exchange would hold nothing else for `target` than for `current`.
pub(super) fn build_update(
    endpoint: &EwsEndpoint,
    reference: &RemoteRef,
    current: &Event,
    target: &Event,
    mail: MailMode,
) -> Result<Option<Envelope>, MailboxError> {
    let changes = changes(current, target, write_context(endpoint)).map_err(unfit)?;
    Ok(update(endpoint, address_of(reference), changes, mail))
}

/// The same for one occurrence.
pub(super) fn build_update_occurrence(
    endpoint: &EwsEndpoint,
    item: ItemAddress,
    current: &Event,
    target: &Event,
    mail: MailMode,
) -> Result<Option<Envelope>, MailboxError> {
    let changes = occurrence_changes(current, target, write_context(endpoint)).map_err(unfit)?;
    Ok(update(endpoint, item, changes, mail))
}

fn update(
    endpoint: &EwsEndpoint,
    item: ItemAddress,
    changes: Vec<FieldChange>,
    mail: MailMode,
) -> Option<Envelope> {
    (!changes.is_empty()).then(|| envelope(endpoint, &UpdateItem { item, changes, mail }))
}

pub(super) fn build_delete(
    endpoint: &EwsEndpoint,
    items: Vec<ItemAddress>,
    mail: MailMode,
) -> Envelope {
    let disposal = Disposal::MoveToDeletedItems;
    envelope(endpoint, &DeleteItem { items, disposal, mail })
}

/// What became of each item.
pub(super) fn read_delete(bytes: &[u8]) -> Result<Vec<Result<(), EwsError>>, EwsError> {
    Ok(DeleteItem::read(bytes)?.messages)
}

/// None for an answer to an invitation that says nothing.
pub(super) fn build_response(
    endpoint: &EwsEndpoint,
    target: &RemoteRef,
    answer: Participation,
    mail: MailMode,
) -> Option<Envelope> {
    Respond::new(item_id(target), answer, mail).map(|operation| envelope(endpoint, &operation))
}

pub(super) fn read_response(bytes: &[u8]) -> Result<(), EwsError> {
    only(CreateItem::read(bytes)?).map(drop)
}

pub(super) fn build_get_folder(endpoint: &EwsEndpoint) -> Envelope {
    let operation =
        GetFolder { folders: vec![FolderAddress::CALENDAR], shape: FolderShape::default() };
    envelope(endpoint, &operation)
}

pub(super) fn read_folder(bytes: &[u8]) -> Result<ServerFacts, EwsError> {
    let answer = GetFolder::read(bytes)?;
    let version = answer.server.as_ref().and_then(version_of);
    Ok(ServerFacts { version, calendar_items: only(answer)?.items })
}

/// None if the header names no version.
fn version_of(info: &ServerVersionInfo) -> Option<ServerVersion> {
    let ServerVersionInfo { major, minor, build, revision, .. } = *info;
    (major > 0).then_some(ServerVersion { major, minor, build, revision })
}

pub(super) fn build_subscribe(endpoint: &EwsEndpoint, url: &str, status_minutes: u16) -> Envelope {
    let operation = SubscribePush {
        folders: vec![FolderAddress::CALENDAR],
        url: url.to_owned(),
        status_minutes,
        watermark: None,
    };
    envelope(endpoint, &operation)
}

pub(super) fn read_subscribe(bytes: &[u8]) -> Result<PushSubscription, EwsError> {
    let made = only(SubscribePush::read(bytes)?)?;
    Ok(PushSubscription { id: made.id, watermark: made.watermark, expires_at: None })
}

#[cfg(test)]
mod tests;
