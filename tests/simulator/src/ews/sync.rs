//! SyncFolderItems and SyncFolderHierarchy.

use roxmltree::Node;

use super::error::EwsError;
use super::folders::write_folder;
use super::node::Read;
use super::shape::Shape;
use super::show::write_item;
use super::xml::Xml;
use super::{Context, Reply, id};
use crate::fault::FaultKind;
use crate::store::{StoreError, SyncChange, Target};

/// Most changes of one page (exchange-ews.md 5).
const CHANGES_MAX: usize = 512;

fn invalid_state() -> EwsError {
    EwsError::new(
        "ErrorInvalidSyncStateData",
        "Synchronization state data is corrupt or otherwise invalid.",
    )
}

/// SyncFolderItems.
pub(super) fn items(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let shape = Shape::read(request.child("ItemShape"))?;
    let max: usize = request
        .child_text("MaxChangesReturned")
        .and_then(|text| text.trim().parse().ok())
        .filter(|max| (1..=CHANGES_MAX).contains(max))
        .ok_or_else(|| EwsError::schema("MaxChangesReturned is 1 to 512"))?;
    Ok(vec![items_page(context, request, &shape, max)])
}

fn items_page(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
    shape: &Shape,
    max: usize,
) -> Reply {
    let folder = context.read_folder_in(request, "SyncFolderId").map_err(|error| {
        if error.code == "ErrorFolderNotFound" {
            EwsError::new("ErrorSyncFolderNotFound", "The folder to synchronize was not found.")
        } else {
            error
        }
    })?;
    let state = request.child_text("SyncState").filter(|state| !state.is_empty());
    if state.is_some() && context.faults.fires(FaultKind::SyncStateLost) {
        // All states of the mailbox are worthless from now on, not only the one shown.
        let owner = context.store.mailbox_mut(context.mailbox)?;
        owner.sync_epoch = owner.sync_epoch.saturating_add(1);
    }
    let epoch = context.owner()?.sync_epoch;
    let cursor = state
        .map(|state| id::read_sync_state(state, folder, epoch).map_err(|_| invalid_state()))
        .transpose()?;
    let page = context.store.sync_items(context.mailbox, folder, cursor, max)?;
    let ignored = ignored(context, request);
    let owner = context.owner()?;
    let mut xml = Xml::default();
    xml.leaf("m:SyncState", &id::sync_state(folder, epoch, page.cursor));
    xml.flag("m:IncludesLastItemInRange", page.last);
    xml.open("m:Changes", &[]);
    for change in page.changes {
        let (tag, number) = match change {
            SyncChange::Create(number) => ("t:Create", number),
            SyncChange::Update(number) => ("t:Update", number),
            SyncChange::Delete(number) => ("t:Delete", number),
        };
        if ignored.contains(&number) {
            continue;
        }
        xml.open(tag, &[]);
        if let SyncChange::Delete(_) = change {
            let gone = id::item(owner.number, Target::Item(number));
            xml.empty("t:ItemId", &[("Id", &gone), ("ChangeKey", &id::change_key(0))]);
        } else {
            write_item(&mut xml, owner, Target::Item(number), shape, context.zone.as_deref())?;
        }
        xml.close(tag);
    }
    xml.close("m:Changes");
    Ok(xml)
}

/// Item numbers that the client asks to leave out.
fn ignored(context: &Context<'_>, request: Node<'_, '_>) -> Vec<u64> {
    request
        .child("Ignore")
        .into_iter()
        .flat_map(Read::elements)
        .filter_map(|node| context.read_target(node).ok())
        .map(|(target, _)| target.item())
        .collect()
}

/// SyncFolderHierarchy.
pub(super) fn hierarchy(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let shape = Shape::read(request.child("FolderShape"))?;
    Ok(vec![hierarchy_page(context, request, &shape)])
}

fn hierarchy_page(context: &mut Context<'_>, request: Node<'_, '_>, shape: &Shape) -> Reply {
    // Without a root the message folders are meant; the two are different roots for states.
    let (root, mark) = match request.child("SyncFolderId") {
        Some(_) => {
            let root = context.read_folder_in(request, "SyncFolderId")?;
            (root, root)
        }
        None => (context.owner()?.distinguished("msgfolderroot")?.number, 0),
    };
    let owner = context.owner()?;
    let since = request
        .child_text("SyncState")
        .filter(|state| !state.is_empty())
        .map(|state| {
            id::read_hierarchy_state(state, mark, owner.sync_epoch).map_err(|_| invalid_state())
        })
        .transpose()?;
    let mut xml = Xml::default();
    let reached = context.store.last_change();
    xml.leaf("m:SyncState", &id::hierarchy_state(mark, owner.sync_epoch, reached));
    xml.flag("m:IncludesLastFolderInRange", true);
    xml.open("m:Changes", &[]);
    for number in context.store.descendant_folders(context.mailbox, root)? {
        let folder = owner.folders.get(&number).ok_or(StoreError::FolderNotFound)?;
        let tag = match since {
            Some(since) if folder.reshaped <= since => continue,
            Some(since) if folder.entered <= since => "t:Update",
            Some(_) | None => "t:Create",
        };
        xml.open(tag, &[]);
        write_folder(&mut xml, owner, folder, shape);
        xml.close(tag);
    }
    for gone in &owner.folder_tombstones {
        if since.is_some_and(|since| gone.changed > since && gone.entered <= since) {
            xml.open("t:Delete", &[]);
            let (id, key) = (id::folder(owner.number, gone.folder), id::change_key(gone.changed));
            xml.empty("t:FolderId", &[("Id", &id), ("ChangeKey", &key)]);
            xml.close("t:Delete");
        }
    }
    xml.close("m:Changes");
    Ok(xml)
}
