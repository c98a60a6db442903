//! Operations on folders.

use roxmltree::Node;

use super::error::EwsError;
use super::id;
use super::node::Read;
use super::parts::{write_folder_id, write_rights};
use super::read::read_extended_name;
use super::restriction::{Restriction, Value, typed};
use super::shape::Shape;
use super::xml::Xml;
use super::{Context, Reply};
use crate::store::{ExtendedName, Folder, FolderNumber, Mailbox, PropertyKey, StoreError};

impl Context<'_> {
    /// Reads a folder id of either form. Folders of other mailboxes are closed to the caller.
    pub(crate) fn read_folder(&self, node: Node<'_, '_>) -> Result<FolderNumber, EwsError> {
        let denied = || EwsError::new("ErrorAccessDenied", "Access is denied.");
        match node.name() {
            "FolderId" => {
                let id = node.attribute("Id").unwrap_or_default();
                let (mailbox, folder) = id::read_folder(id)?;
                if mailbox != self.mailbox {
                    return Err(StoreError::FolderNotFound.into());
                }
                Ok(self.owner()?.folder(folder)?.number)
            }
            "DistinguishedFolderId" => {
                if let Some(address) =
                    node.child("Mailbox").and_then(|mailbox| mailbox.child_text("EmailAddress"))
                {
                    let named = self.store.find(address.trim()).ok_or_else(|| {
                        EwsError::new(
                            "ErrorNonExistentMailbox",
                            "The SMTP address has no mailbox associated with it.",
                        )
                    })?;
                    if named.number != self.mailbox {
                        return Err(denied());
                    }
                }
                let word = node.attribute("Id").unwrap_or_default();
                Ok(self.owner()?.distinguished(word)?.number)
            }
            _ => Err(EwsError::schema("a folder id is missing")),
        }
    }

    /// Reads the one folder in a wrapper such as `SyncFolderId`.
    pub(crate) fn read_folder_in(
        &self,
        request: Node<'_, '_>,
        wrapper: &str,
    ) -> Result<FolderNumber, EwsError> {
        request
            .child(wrapper)
            .and_then(|wrapper| wrapper.elements().next())
            .ok_or_else(|| EwsError::schema("a folder id is missing"))
            .and_then(|node| self.read_folder(node))
    }
}

/// GetFolder.
pub(super) fn get(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let shape = Shape::read(request.child("FolderShape"))?;
    let ids = request.child("FolderIds").into_iter().flat_map(Read::elements);
    Ok(ids
        .map(|node| {
            let number = context.read_folder(node)?;
            one_folder(context.owner()?, number, &shape)
        })
        .collect())
}

/// FindFolder, one answer for each parent.
pub(super) fn find(
    context: &mut Context<'_>,
    request: Node<'_, '_>,
) -> Result<Vec<Reply>, EwsError> {
    let shape = Shape::read(request.child("FolderShape"))?;
    let deep = match request.attribute("Traversal") {
        Some("Deep") => true,
        Some("Shallow" | "SoftDeleted") => false,
        _ => return Err(EwsError::schema("Traversal has no such value")),
    };
    let (offset, max) = super::find::read_page(request.child("IndexedPageFolderView"));
    let restriction = request
        .child("Restriction")
        .and_then(|wrapper| wrapper.elements().next())
        .map(|node| Restriction::read(node, context.zone.as_deref()))
        .transpose()?;
    let parents = request.child("ParentFolderIds").into_iter().flat_map(Read::elements);
    Ok(parents
        .map(|node| {
            let parent = context.read_folder(node)?;
            let mut found = if deep {
                context.store.descendant_folders(context.mailbox, parent)?
            } else {
                context.store.child_folders(context.mailbox, parent)?
            };
            let owner = context.owner()?;
            if let Some(restriction) = &restriction {
                found.retain(|number| {
                    owner.folders.get(number).is_some_and(|folder| {
                        restriction.holds_by(&|path| folder_value(owner, folder, path))
                    })
                });
            }
            let end = offset.saturating_add(max).min(found.len());
            let mut xml = Xml::default();
            xml.open(
                "m:RootFolder",
                &[
                    ("IndexedPagingOffset", &end.to_string()),
                    ("TotalItemsInView", &found.len().to_string()),
                    ("IncludesLastItemInRange", if end == found.len() { "true" } else { "false" }),
                ],
            );
            xml.open("t:Folders", &[]);
            for number in found.iter().skip(offset).take(max) {
                write_folder(&mut xml, owner, owner.folder(*number)?, &shape);
            }
            xml.close("t:Folders");
            xml.close("m:RootFolder");
            Ok(xml)
        })
        .collect())
}

/// CreateFolder.
pub(super) fn create(context: &mut Context<'_>, request: Node<'_, '_>) -> Vec<Reply> {
    let folders = request.child("Folders").into_iter().flat_map(Read::elements);
    folders
        .map(|node| {
            let parent = context.read_folder_in(request, "ParentFolderId")?;
            let name = node
                .child_text("DisplayName")
                .ok_or_else(|| EwsError::schema("DisplayName is missing"))?;
            let class = node.child_text("FolderClass").unwrap_or(match node.name() {
                "CalendarFolder" => "IPF.Appointment",
                "ContactsFolder" => "IPF.Contact",
                "TasksFolder" => "IPF.Task",
                _ => "IPF.Note",
            });
            let number = context.store.create_folder(context.mailbox, parent, name, class)?;
            one_folder(context.owner()?, number, &Shape::ids())
        })
        .collect()
}

/// UpdateFolder: the display name only.
pub(super) fn update(context: &mut Context<'_>, request: Node<'_, '_>) -> Vec<Reply> {
    let changes = request.child("FolderChanges").into_iter().flat_map(Read::elements);
    changes
        .map(|change| {
            let node = change
                .elements()
                .next()
                .ok_or_else(|| EwsError::schema("a folder id is missing"))?;
            let number = context.read_folder(node)?;
            for update in change.child("Updates").into_iter().flat_map(Read::elements) {
                let name = update.below("DisplayName").ok_or_else(|| {
                    EwsError::new("ErrorInvalidPropertySet", "Set action is invalid for property.")
                })?;
                context.store.rename_folder(context.mailbox, number, name.inner())?;
            }
            one_folder(context.owner()?, number, &Shape::ids())
        })
        .collect()
}

/// DeleteFolder, also of folders that are not empty.
pub(super) fn delete(context: &mut Context<'_>, request: Node<'_, '_>) -> Vec<Reply> {
    let ids = request.child("FolderIds").into_iter().flat_map(Read::elements);
    ids.map(|node| {
        let number = context.read_folder(node)?;
        let actor = context.actor.clone();
        context.store.delete_folder(context.mailbox, number, &actor)?;
        Ok(Xml::default())
    })
    .collect()
}

fn one_folder(owner: &Mailbox, number: FolderNumber, shape: &Shape) -> Reply {
    let mut xml = Xml::default();
    xml.open("m:Folders", &[]);
    write_folder(&mut xml, owner, owner.folder(number)?, shape);
    xml.close("m:Folders");
    Ok(xml)
}

/// Writes a folder in the form that its class has.
pub(super) fn write_folder(xml: &mut Xml, owner: &Mailbox, folder: &Folder, shape: &Shape) {
    let tag = match folder.class {
        "IPF.Appointment" => "t:CalendarFolder",
        "IPF.Contact" => "t:ContactsFolder",
        "IPF.Task" => "t:TasksFolder",
        _ => "t:Folder",
    };
    let wants = |uri| shape.wants_of_folder(uri);
    xml.open(tag, &[]);
    write_folder_id(xml, "t:FolderId", owner, folder.number);
    if wants("folder:ParentFolderId") {
        // The root is its own parent, as far as clients can see.
        write_folder_id(xml, "t:ParentFolderId", owner, folder.parent.unwrap_or(folder.number));
    }
    if wants("folder:FolderClass") && folder.parent.is_some() {
        xml.leaf("t:FolderClass", folder.class);
    }
    if wants("folder:DisplayName") {
        xml.leaf("t:DisplayName", &folder.name);
    }
    if wants("folder:TotalCount") {
        xml.leaf("t:TotalCount", &owner.items_in(folder.number).count().to_string());
    }
    if wants("folder:ChildFolderCount") {
        let children =
            owner.folders.values().filter(|child| child.parent == Some(folder.number)).count();
        xml.leaf("t:ChildFolderCount", &children.to_string());
    }
    extended_part(xml, owner, folder, shape);
    if wants("folder:EffectiveRights") {
        write_rights(xml);
    }
    if wants("folder:DistinguishedFolderId")
        && let Some(word) = folder.distinguished
    {
        xml.leaf("t:DistinguishedFolderId", word);
    }
    if wants("folder:UnreadCount") && matches!(tag, "t:Folder" | "t:TasksFolder") {
        xml.leaf("t:UnreadCount", &unread(owner, folder).to_string());
    }
    xml.close(tag);
}

/// Writes the extended properties that were asked for, as far as folders have them.
fn extended_part(xml: &mut Xml, owner: &Mailbox, folder: &Folder, shape: &Shape) {
    let have = shape
        .extended
        .iter()
        .filter_map(|name| Some((name.clone(), vec![extended_value(owner, folder, name)?])))
        .collect();
    super::parts::write_extended(xml, &shape.extended, &have);
}

/// An extended property of a folder. PR_LOCAL_COMMIT_TIME_MAX and PR_DELETED_COUNT_TOTAL are the
/// cheap dirty check of exchange-ews.md 4.4.
fn extended_value(owner: &Mailbox, folder: &Folder, name: &ExtendedName) -> Option<String> {
    let PropertyKey::Tag(tag) = name.key else {
        return None;
    };
    let count = |count: usize| Some(count.to_string());
    match tag {
        0x3001 => Some(folder.name.clone()),
        0x3602 => count(owner.items_in(folder.number).count()),
        0x3603 => count(unread(owner, folder)),
        0x360a => {
            let any = owner.folders.values().any(|child| child.parent == Some(folder.number));
            Some(any.to_string())
        }
        0x3613 => Some(folder.class.to_owned()),
        0x670a => {
            let latest = owner.items_in(folder.number).map(|item| item.modified).max();
            Some(super::time::show(latest.unwrap_or(jiff::Timestamp::UNIX_EPOCH), None))
        }
        0x670b => count(folder.tombstones.len()),
        _ => None,
    }
}

fn unread(owner: &Mailbox, folder: &Folder) -> usize {
    owner
        .items_in(folder.number)
        .filter(|item| item.message().is_some_and(|message| !message.read))
        .count()
}

/// The value of a folder's property that a filter may name; none if it has none.
fn folder_value(owner: &Mailbox, folder: &Folder, path: Node<'_, '_>) -> Option<Value> {
    if path.name() == "ExtendedFieldURI" {
        let name = read_extended_name(path).ok()?;
        let value = extended_value(owner, folder, &name)?;
        return Some(typed(&name.property_type, &value));
    }
    let number = |count: usize| i64::try_from(count).ok().map(Value::Number);
    match path.attribute("FieldURI")? {
        "folder:DisplayName" => Some(Value::Text(folder.name.clone())),
        "folder:FolderClass" => Some(Value::Text(folder.class.to_owned())),
        "folder:TotalCount" => number(owner.items_in(folder.number).count()),
        "folder:UnreadCount" => number(unread(owner, folder)),
        _ => None,
    }
}
