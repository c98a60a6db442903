//! SyncFolderItems: what changed in a folder since a state.

use crate::bounds::CHANGES_MAX;
use crate::error::{EwsError, Flaw};
use crate::id::{FolderAddress, ItemId, bounded, required};
use crate::property::Shape;
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, damaged, read_messages};
use crate::summary::ItemSummary;
use crate::xml::{Element, Xml, XmlWriter};

/// Asks for changes (syncfolderitems-operation page). Of a series it tells the master only, also
/// when an occurrence changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncFolderItems {
    /// In which folder.
    pub folder: FolderAddress,
    /// The state of the last answer, whole; none at the beginning.
    pub state: Option<String>,
    /// Most changes in the answer, 1 to 512; other numbers are moved there.
    pub changes_max: usize,
    /// What of the items. Every property costs the server a call; bodies cannot be had.
    pub shape: Shape,
}

impl Sealed for SyncFolderItems {}
impl Operation for SyncFolderItems {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:SyncFolderItems", &[], |xml| {
            self.shape.write("m:ItemShape", xml);
            xml.element("m:SyncFolderId", &[], |xml| self.folder.write(xml));
            xml.text_if("m:SyncState", self.state.as_deref());
            let max = self.changes_max.clamp(1, CHANGES_MAX);
            xml.text("m:MaxChangesReturned", &max.to_string());
            xml.text("m:SyncScope", "NormalItems");
        });
    }
}

/// A change of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemChange {
    /// It is new in the folder.
    Created(ItemSummary),
    /// It changed.
    Updated(ItemSummary),
    /// It is no longer in the folder: moved or deleted.
    Deleted(ItemId),
    /// It was marked as read or unread.
    ReadFlag(ItemId),
}

impl ItemChange {
    /// Which item.
    pub const fn id(&self) -> &ItemId {
        match self {
            Self::Created(item) | Self::Updated(item) => &item.id,
            Self::Deleted(id) | Self::ReadFlag(id) => id,
        }
    }
}

/// Changes since a state.
#[derive(Clone, PartialEq, Default)]
pub struct ItemChanges {
    /// The state to go on from, to be kept only after the changes are dealt with. It may have some
    /// hundred KB.
    pub state: Option<String>,
    /// Whether nothing more is waiting.
    pub is_last: bool,
    /// What changed, in the server's order; one that cannot be read does not hide the others.
    pub changes: Vec<Result<ItemChange, EwsError>>,
}

impl core::fmt::Debug for ItemChanges {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ItemChanges")
            .field("state_bytes", &self.state.as_ref().map(String::len))
            .field("is_last", &self.is_last)
            .field("changes", &self.changes.len())
            .finish()
    }
}

impl SyncFolderItems {
    /// Reads the answer.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<ItemChanges>, EwsError> {
        read_messages(bytes, "SyncFolderItems", |xml, part, found: &mut ItemChanges| {
            match part.name() {
                "SyncState" => found.state = xml.filled(part)?,
                "IncludesLastItemInRange" => {
                    found.is_last = xml.boolean(part)?.unwrap_or_default();
                }
                "Changes" => {
                    while let Some(change) = xml.child(part.level)? {
                        bounded(&found.changes, CHANGES_MAX, "changes")?;
                        let result = read_change(xml, &change);
                        found.changes.push(damaged(result, None)?);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }
}

fn read_change(xml: &mut Xml<'_>, change: &Element<'_>) -> Result<ItemChange, Flaw> {
    let Some(inner) = xml.child(change.level)? else {
        return Err(Flaw::Content("a change is empty"));
    };
    match change.name() {
        "Create" => ItemSummary::read(xml, &inner).map(ItemChange::Created),
        "Update" => ItemSummary::read(xml, &inner).map(ItemChange::Updated),
        "Delete" => required(&inner).map(ItemChange::Deleted),
        "ReadFlagChange" => required(&inner).map(ItemChange::ReadFlag),
        _ => Err(Flaw::Content("a change of unknown kind")),
    }
}
