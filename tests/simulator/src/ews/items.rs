//! Reading, deleting, moving and copying items.

use roxmltree::Node;

use super::error::EwsError;
use super::node::Read;
use super::parts::write_item_id;
use super::shape::Shape;
use super::show::write_item;
use super::xml::Xml;
use super::{Context, Reply};
use crate::fault::FaultKind;
use crate::store::{DeleteKind, StoreError, Target};

/// GetItem.
pub(super) fn get(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let mut shape = Shape::read(request.child("ItemShape"))?;
    shape.bodies = true;
    let ids = request.child("ItemIds").into_iter().flat_map(Read::elements);
    Ok(ids
        .map(|node| {
            if context.faults.fires(FaultKind::BrokenItem) {
                return Err(EwsError::new("ErrorItemCorrupt", "The item is corrupt."));
            }
            let (target, _) = context.read_target(node)?;
            one_item(context, target, &shape)
        })
        .collect())
}

/// DeleteItem. Change keys are not looked at (exchange-ews.md 6).
pub(super) fn delete(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let kind = match request.attribute("DeleteType") {
        Some("HardDelete") => DeleteKind::Hard,
        Some("SoftDelete") => DeleteKind::Soft,
        Some("MoveToDeletedItems") => DeleteKind::ToDeletedItems,
        _ => return Err(EwsError::schema("DeleteType has no such value")),
    };
    let cancellations = match request.attribute("SendMeetingCancellations") {
        None => None,
        Some("SendToNone") => Some(false),
        Some("SendOnlyToAll" | "SendToAllAndSaveCopy") => Some(true),
        Some(_) => {
            return Err(EwsError::schema("SendMeetingCancellations has no such value"));
        }
    };
    let ids = request.child("ItemIds").into_iter().flat_map(Read::elements);
    Ok(ids
        .map(|node| {
            let (target, _) = context.read_target(node)?;
            let appointment = context.owner()?.item(target.item())?.appointment().is_some();
            let tell = match cancellations {
                Some(tell) => tell,
                None if appointment => {
                    return Err(EwsError::new(
                        "ErrorSendMeetingCancellationsRequired",
                        "SendMeetingCancellations attribute is required for calendar items.",
                    ));
                }
                None => false,
            };
            let actor = context.actor.clone();
            if tell {
                context.store.call_off(context.mailbox, target, &actor)?;
            }
            context.store.delete(context.mailbox, target, kind, &actor)?;
            Ok(Xml::default())
        })
        .collect())
}

/// MoveItem and CopyItem: the item in the other folder has another id.
pub(super) fn relocate(context: &mut Context<'_>, request: Node<'_, '_>, copy: bool) -> Vec<Reply> {
    let ids = request.child("ItemIds").into_iter().flat_map(Read::elements);
    ids.map(|node| {
        let to = context.read_folder_in(request, "ToFolderId")?;
        let (target, _) = context.read_target(node)?;
        let Target::Item(number) = target else {
            return Err(StoreError::OccurrenceImmovable.into());
        };
        let actor = context.actor.clone();
        let mailbox = context.mailbox;
        let number = if copy {
            context.store.copy(mailbox, number, to, &actor)?
        } else {
            context.store.relocate(mailbox, number, to, &actor)?
        };
        one_item(context, Target::Item(number), &Shape::ids())
    })
    .collect()
}

/// An answer with one item in it.
pub(super) fn one_item(context: &Context<'_>, target: Target, shape: &Shape) -> Reply {
    let mut xml = Xml::default();
    xml.open("m:Items", &[]);
    write_item(&mut xml, context.owner()?, target, shape, context.zone.as_deref())?;
    xml.close("m:Items");
    Ok(xml)
}

/// An answer with the id of one item, in the element of its kind.
pub(super) fn one_id(context: &Context<'_>, target: Target) -> Reply {
    let owner = context.owner()?;
    let item = owner.item(target.item())?;
    let tag = if item.appointment().is_some() { "t:CalendarItem" } else { "t:Message" };
    let mut xml = Xml::default();
    xml.open("m:Items", &[]);
    xml.open(tag, &[]);
    write_item_id(&mut xml, "t:ItemId", owner, item, target);
    xml.close(tag);
    xml.close("m:Items");
    Ok(xml)
}
