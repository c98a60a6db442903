//! CreateItem and UpdateItem.

use roxmltree::Node;
use tidemark_model::Participation;

use super::error::EwsError;
use super::items::one_id;
use super::mime::{Imported, read_mime};
use super::node::Read;
use super::read::{Zones, read_append, read_clearing, read_item, read_property};
use super::xml::Xml;
use super::{Context, Reply};
use crate::store::{
    Change, ConflictRule, DeleteKind, Expected, FolderNumber, ItemNumber, Notify, StoreError,
    Target,
};

/// Whether and how a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disposition {
    SaveOnly,
    SendOnly,
    SendAndSaveCopy,
}

fn read_disposition(request: Node<'_, '_>) -> Result<Option<Disposition>, EwsError> {
    match request.attribute("MessageDisposition") {
        None => Ok(None),
        Some("SaveOnly") => Ok(Some(Disposition::SaveOnly)),
        Some("SendOnly") => Ok(Some(Disposition::SendOnly)),
        Some("SendAndSaveCopy") => Ok(Some(Disposition::SendAndSaveCopy)),
        Some(_) => Err(EwsError::schema("MessageDisposition has no such value")),
    }
}

fn need_disposition(given: Option<Disposition>) -> Result<Disposition, EwsError> {
    given.ok_or_else(|| {
        EwsError::new(
            "ErrorMessageDispositionRequired",
            "Message disposition attribute is required for sending or saving messages.",
        )
    })
}

/// CreateItem.
pub(super) fn create(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let invitations = match request.attribute("SendMeetingInvitations") {
        None => None,
        Some("SendToNone") => Some(Notify::Nobody),
        Some("SendOnlyToAll" | "SendToAllAndSaveCopy") => Some(Notify::All),
        Some(_) => return Err(EwsError::schema("SendMeetingInvitations has no such value")),
    };
    let disposition = read_disposition(request)?;
    let items = request.child("Items").into_iter().flat_map(Read::elements);
    Ok(items
        .map(|node| match node.name() {
            "CalendarItem" => create_appointment(context, request, node, invitations),
            "Message" => create_message(context, request, node, disposition),
            "AcceptItem" => answer(context, node, Participation::Accepted, disposition),
            "TentativelyAcceptItem" => answer(context, node, Participation::Tentative, disposition),
            "DeclineItem" => answer(context, node, Participation::Declined, disposition),
            "CancelCalendarItem" => cancel(context, node, disposition),
            _ => Err(EwsError::new(
                "ErrorCannotCreateCalendarItemInNonCalendarFolder",
                "Items of this kind cannot be made on this server.",
            )),
        })
        .collect())
}

fn saved_folder(
    context: &Context<'_>,
    request: Node<'_, '_>,
    otherwise: &str,
) -> Result<FolderNumber, EwsError> {
    if request.child("SavedItemFolderId").is_some() {
        context.read_folder_in(request, "SavedItemFolderId")
    } else {
        Ok(context.owner()?.distinguished(otherwise)?.number)
    }
}

fn create_appointment(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
    node: Node<'_, '_>,
    invitations: Option<Notify>,
) -> Reply {
    let notify = invitations.ok_or_else(|| {
        EwsError::new(
            "ErrorSendMeetingInvitationsRequired",
            "SendMeetingInvitations attribute is required for calendar items.",
        )
    })?;
    let folder = saved_folder(context, request, "calendar")?;
    if context.owner()?.folder(folder)?.class != crate::store::CALENDAR {
        return Err(EwsError::new(
            "ErrorCannotCreateCalendarItemInNonCalendarFolder",
            "Cannot create a calendar item in a non-calendar folder.",
        ));
    }
    let imported =
        node.child("MimeContent").map(|mime| read_own_mime(context, mime)).transpose()?;
    let written = read_item(node, context.zone.as_deref())?;
    let (mailbox, actor) = (context.mailbox, context.actor.clone());
    // What the element says beside its MIME content wins over that content.
    let mut changes = Vec::new();
    match &imported {
        Some(imported) => {
            changes.extend(imported.changes.iter().cloned());
            let zoned = node.child("StartTimeZone").is_some();
            changes.extend(written.into_iter().filter(|change| {
                zoned || !matches!(change, Change::StartZone(_) | Change::EndZone(_))
            }));
        }
        None => changes = written,
    }
    let number = context.store.create_appointment(mailbox, folder, &changes, &actor)?;
    let target = Target::Item(number);
    if let Some(imported) = imported
        && let Err(error) = write_occurrences(context, number, imported)
    {
        context.store.delete(mailbox, target, DeleteKind::Hard, &actor)?;
        return Err(error);
    }
    context.store.announce(mailbox, target, None, notify, &actor)?;
    one_id(context, target)
}

/// A `MimeContent` for the owner's own calendar.
fn read_own_mime(context: &Context<'_>, mime: Node<'_, '_>) -> Result<Imported, EwsError> {
    let owner = context.owner()?;
    read_mime(mime, &owner.time_zone, &owner.address)
}

/// Takes out and changes the occurrences that a VCALENDAR speaks of beside its series. Those that
/// the rule does not name are passed over. The order in which the others stand does not count: one
/// that its neighbour is still in the way of is tried again when the neighbour has moved.
fn write_occurrences(
    context: &mut Context<'_>,
    number: ItemNumber,
    imported: Imported,
) -> Result<(), EwsError> {
    let (mailbox, actor) = (context.mailbox, context.actor.clone());
    let series = context.owner()?.item(number)?.appointment();
    let series = series.filter(|series| series.recurrence.is_some()).cloned();
    let Some(series) = series else {
        return Ok(());
    };
    let (deleted, exceptions) = imported.occurrences(&series);
    for original in deleted.into_iter().filter(|original| series.occurrence(*original).is_ok()) {
        let target = Target::Occurrence(number, original);
        context.store.delete(mailbox, target, DeleteKind::Hard, &actor)?;
    }
    let mut waiting: Vec<_> = exceptions
        .into_iter()
        .filter(|(original, _)| series.occurrence(*original).is_ok())
        .collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut in_the_way = Vec::new();
        for (original, changes) in waiting {
            let target = Target::Occurrence(number, original);
            match context.store.update(mailbox, target, &changes, Expected::ANY, &actor) {
                Ok(()) => {}
                Err(StoreError::CrossesBoundary) => in_the_way.push((original, changes)),
                Err(error) => return Err(error.into()),
            }
        }
        if in_the_way.len() == before {
            return Err(StoreError::CrossesBoundary.into());
        }
        waiting = in_the_way;
    }
    Ok(())
}

fn create_message(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
    node: Node<'_, '_>,
    disposition: Option<Disposition>,
) -> Reply {
    let disposition = need_disposition(disposition)?;
    let otherwise = if disposition == Disposition::SaveOnly { "drafts" } else { "sentitems" };
    let folder = saved_folder(context, request, otherwise)?;
    let changes = read_item(node, context.zone.as_deref())?;
    let (mailbox, actor) = (context.mailbox, context.actor.clone());
    let number = context.store.create_message(mailbox, folder, &changes, &actor)?;
    if disposition == Disposition::SaveOnly {
        return one_id(context, Target::Item(number));
    }
    context.store.send_draft(
        mailbox,
        number,
        disposition == Disposition::SendAndSaveCopy,
        &actor,
    )?;
    // What is sent has no id to give back (exchange-ews.md 6).
    let mut xml = Xml::default();
    xml.empty("m:Items", &[]);
    Ok(xml)
}

/// The calendar item that a meeting response refers to, directly or through its invitation.
fn referred(context: &Context<'_>, node: Node<'_, '_>) -> Result<Target, EwsError> {
    let reference = node
        .child("ReferenceItemId")
        .ok_or_else(|| EwsError::schema("ReferenceItemId is missing"))?;
    let id = reference.attribute("Id").unwrap_or_default();
    let found = super::id::read_item(id)?;
    if found.mailbox != context.mailbox {
        return Err(StoreError::ItemNotFound.into());
    }
    let owner = context.owner()?;
    let item = owner.item(found.target.item())?;
    match item.message().map(|message| &message.kind) {
        None => Ok(found.target),
        Some(crate::store::MessageKind::Request(notice)) => Ok(Target::Item(
            owner.calendar_item_by_uid(&notice.uid).ok_or(StoreError::ItemNotFound)?.number,
        )),
        Some(_) => Err(StoreError::NotThisPart.into()),
    }
}

fn answer(
    context: &mut Context<'_>,
    node: Node<'_, '_>,
    answer: Participation,
    disposition: Option<Disposition>,
) -> Reply {
    let tell = need_disposition(disposition)? != Disposition::SaveOnly;
    let target = referred(context, node)?;
    let (mailbox, actor) = (context.mailbox, context.actor.clone());
    context.store.answer(mailbox, target, answer, tell, &actor)?;
    let mut xml = Xml::default();
    xml.empty("m:Items", &[]);
    Ok(xml)
}

fn cancel(
    context: &mut Context<'_>,
    node: Node<'_, '_>,
    disposition: Option<Disposition>,
) -> Reply {
    need_disposition(disposition)?;
    let target = referred(context, node)?;
    let (mailbox, actor) = (context.mailbox, context.actor.clone());
    context.store.call_off(mailbox, target, &actor)?;
    context.store.delete(mailbox, target, DeleteKind::ToDeletedItems, &actor)?;
    let mut xml = Xml::default();
    xml.empty("m:Items", &[]);
    Ok(xml)
}

/// UpdateItem.
pub(super) fn update(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let rule = match request.attribute("ConflictResolution") {
        Some("NeverOverwrite") => ConflictRule::NeverOverwrite,
        Some("AutoResolve") => ConflictRule::AutoResolve,
        Some("AlwaysOverwrite") => ConflictRule::AlwaysOverwrite,
        _ => return Err(EwsError::schema("ConflictResolution has no such value")),
    };
    let notify = match request.attribute("SendMeetingInvitationsOrCancellations") {
        None => None,
        Some("SendToNone") => Some(Notify::Nobody),
        Some("SendOnlyToAll" | "SendToAllAndSaveCopy") => Some(Notify::All),
        Some("SendOnlyToChanged" | "SendToChangedAndSaveCopy") => Some(Notify::Changed),
        Some(_) => {
            return Err(EwsError::schema(
                "SendMeetingInvitationsOrCancellations has no such value",
            ));
        }
    };
    let disposition = read_disposition(request)?;
    let changes = request.child("ItemChanges").into_iter().flat_map(Read::elements);
    Ok(changes.map(|change| update_one(context, change, rule, notify, disposition)).collect())
}

fn update_one(
    context: &mut Context<'_>,
    change: Node<'_, '_>,
    rule: ConflictRule,
    notify: Option<Notify>,
    disposition: Option<Disposition>,
) -> Reply {
    let node = change.elements().next().ok_or_else(|| EwsError::schema("an item id is missing"))?;
    let (target, key) = context.read_target(node)?;
    let (mailbox, actor) = (context.mailbox, context.actor.clone());
    if super::sneaks(context) {
        context.store.touch_as_somebody(mailbox, target.item(), &actor)?;
    }
    let before = context.owner()?.item(target.item())?.appointment().cloned();
    let notify = match (&before, notify) {
        (Some(_), None) => {
            return Err(EwsError::new(
                "ErrorSendMeetingInvitationsOrCancellationsRequired",
                "SendMeetingInvitationsOrCancellations attribute is required for calendar items.",
            ));
        }
        (_, notify) => notify.unwrap_or(Notify::Nobody),
    };
    if before.is_none() {
        need_disposition(disposition)?;
    }
    let mut changes = read_updates(change, context.zone.as_deref())?;
    let imported = change
        .below("MimeContent")
        .filter(|_| before.is_some())
        .map(|mime| read_own_mime(context, mime))
        .transpose()?;
    if let Some(imported) = &imported {
        // The UID of an item that is there stays what it is.
        let kept = imported.changes.iter().filter(|change| !matches!(change, Change::Uid(_)));
        changes.splice(0..0, kept.cloned());
    }
    context.store.update(mailbox, target, &changes, Expected { key, rule }, &actor)?;
    if let Some(imported) = imported {
        write_occurrences(context, target.item(), imported)?;
    }
    context.store.announce(mailbox, target, before.as_ref(), notify, &actor)?;
    let mut xml = one_id(context, target)?;
    xml.open("m:ConflictResults", &[]);
    xml.leaf("t:Count", "0");
    xml.close("m:ConflictResults");
    Ok(xml)
}

fn read_updates(change: Node<'_, '_>, context: Option<&str>) -> Result<Vec<Change>, EwsError> {
    let zones = Zones::within(change, context)?;
    let mut changes = Vec::new();
    for update in change.child("Updates").into_iter().flat_map(Read::elements) {
        let mut parts = update.elements();
        let field =
            parts.next().ok_or_else(|| EwsError::schema("a field of an update is missing"))?;
        if update.name() == "DeleteItemField" {
            changes.extend(read_clearing(field)?);
            continue;
        }
        let property = parts
            .next()
            .and_then(|item| item.elements().next())
            .ok_or_else(|| EwsError::schema("a value of an update is missing"))?;
        check_match(field, property)?;
        if update.name() == "AppendToItemField" {
            changes.push(read_append(property)?);
        } else {
            let change = read_property(property, &zones)?;
            if let (Some(Change::StartZone(zone)), "MeetingTimeZone") = (&change, property.name()) {
                // The one zone of Exchange 2007 stands for start and end.
                changes.push(Change::EndZone(zone.clone()));
            }
            changes.extend(change);
        }
    }
    if changes.is_empty() && change.child("Updates").is_none() {
        return Err(EwsError::schema("Updates are missing"));
    }
    Ok(changes)
}

/// The field named and the property given have to be the same one.
fn check_match(field: Node<'_, '_>, property: Node<'_, '_>) -> Result<(), EwsError> {
    let same = match field.name() {
        "ExtendedFieldURI" => property.name() == "ExtendedProperty",
        _ => field
            .attribute("FieldURI")
            .and_then(|uri| uri.split_once(':'))
            .is_some_and(|(_, name)| name == property.name()),
    };
    if same {
        Ok(())
    } else {
        Err(EwsError::new("ErrorUpdatePropertyMismatch", "Update request properties mismatch."))
    }
}
