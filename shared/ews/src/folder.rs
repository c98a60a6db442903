//! GetFolder, FindFolder, SyncFolderHierarchy.

use crate::bounds::PAGE_ITEMS_MAX;
use crate::error::{EwsError, Flaw, Unreadable};
use crate::id::{FolderAddress, FolderId, bounded};
use crate::property::{PropertyPath, Shape};
use crate::request::{Operation, sealed::Sealed};
use crate::response::{Response, damaged, read_messages};
use crate::xml::{Element, Xml, XmlWriter};

/// A folder as an answer has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Folder {
    /// Which folder, in which version.
    pub id: FolderId,
    /// Whether it is a calendar.
    pub is_calendar: bool,
    /// Its class: `IPF.Appointment`, ...
    pub class: Option<String>,
    /// What people call it.
    pub display_name: Option<String>,
    /// How many items are in it.
    pub items: Option<u32>,
    /// How many folders are in it.
    pub folders: Option<u32>,
    /// What the account may do in it, if it was asked for.
    pub rights: Option<Rights>,
}

impl core::fmt::Debug for Folder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Folder")
            .field("id", &self.id)
            .field("is_calendar", &self.is_calendar)
            .field("class", &self.class)
            .field("items", &self.items)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// What an account may do in a folder (effectiverights page).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// Make items in it.
    pub create: bool,
    /// Change items in it.
    pub modify: bool,
    /// Delete items from it.
    pub delete: bool,
    /// Read items in it.
    pub read: bool,
}

impl Rights {
    fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Unreadable> {
        let mut rights = Self::default();
        while let Some(part) = xml.child(element.level)? {
            let right = match part.name() {
                "CreateContents" => &mut rights.create,
                "Modify" => &mut rights.modify,
                "Delete" => &mut rights.delete,
                "Read" => &mut rights.read,
                _ => continue,
            };
            *right = xml.boolean(&part)?.unwrap_or_default();
        }
        Ok(rights)
    }
}

impl Folder {
    fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Flaw> {
        let is_calendar = element.name() == "CalendarFolder";
        let mut id = None;
        let (mut class, mut display_name, mut rights) = (None, None, None);
        let (mut items, mut folders) = (None, None);
        while let Some(part) = xml.child(element.level)? {
            match part.name() {
                "FolderId" => id = FolderId::read(&part),
                "FolderClass" => class = xml.filled(&part)?,
                "DisplayName" => display_name = xml.filled(&part)?,
                "TotalCount" => items = xml.parsed(&part)?,
                "ChildFolderCount" => folders = xml.parsed(&part)?,
                "EffectiveRights" => rights = Some(Rights::read(xml, &part)?),
                _ => {}
            }
        }
        Ok(Self {
            id: id.ok_or(Flaw::Content("a folder has no id"))?,
            is_calendar,
            class,
            display_name,
            items,
            folders,
            rights,
        })
    }
}

/// What of a folder shall be in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderShape {
    /// Also what the account may do in it.
    pub rights: bool,
}

impl FolderShape {
    fn write(self, xml: &mut XmlWriter) {
        let mut properties = vec![
            PropertyPath::Field("folder:FolderClass"),
            PropertyPath::Field("folder:DisplayName"),
            PropertyPath::Field("folder:TotalCount"),
            PropertyPath::Field("folder:ChildFolderCount"),
        ];
        if self.rights {
            properties.push(PropertyPath::Field("folder:EffectiveRights"));
        }
        let shape = Shape { properties, body: false };
        shape.write("m:FolderShape", xml);
    }
}

/// Reads folders (getfolder-operation page).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetFolder {
    /// Which folders.
    pub folders: Vec<FolderAddress>,
    /// What of them.
    pub shape: FolderShape,
}

impl Sealed for GetFolder {}
impl Operation for GetFolder {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:GetFolder", &[], |xml| {
            self.shape.write(xml);
            xml.element("m:FolderIds", &[], |xml| {
                self.folders.iter().for_each(|folder| folder.write(xml));
            });
        });
    }
}

impl GetFolder {
    /// Reads the answer: one folder per message.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Folder>, EwsError> {
        let answer = read_messages(bytes, "GetFolder", |xml, part, found: &mut Option<Folder>| {
            if part.name() == "Folders" {
                while let Some(folder) = xml.child(part.level)? {
                    *found = Some(Folder::read(xml, &folder)?);
                }
            }
            Ok(())
        })?;
        Ok(answer.required())
    }
}

/// Lists the folders below others (findfolder-operation page).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindFolder {
    /// Below which.
    pub parents: Vec<FolderAddress>,
    /// Whether at any depth.
    pub deep: bool,
    /// What of them.
    pub shape: FolderShape,
    /// Where the page begins, from 0.
    pub offset: u32,
    /// Most folders on the page.
    pub folders_max: u32,
}

impl Sealed for FindFolder {}
impl Operation for FindFolder {
    fn write(&self, xml: &mut XmlWriter) {
        let traversal = if self.deep { "Deep" } else { "Shallow" };
        xml.element("m:FindFolder", &[("Traversal", traversal)], |xml| {
            self.shape.write(xml);
            write_page("m:IndexedPageFolderView", self.folders_max, self.offset, xml);
            xml.element("m:ParentFolderIds", &[], |xml| {
                self.parents.iter().for_each(|folder| folder.write(xml));
            });
        });
    }
}

/// A page from an offset on (indexedpageitemview page).
pub(crate) fn write_page(name: &str, max: u32, offset: u32, xml: &mut XmlWriter) {
    let attributes = [("MaxEntriesReturned", max.to_string()), ("Offset", offset.to_string())];
    let [max, offset] = &attributes;
    let base = ("BasePoint", "Beginning");
    xml.empty(name, &[(max.0, &max.1), (offset.0, &offset.1), base]);
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it; one that cannot be read does not hide the others.
    pub entries: Vec<Result<T, EwsError>>,
    /// Whether nothing follows. Servers under load give part of a page, and then it is false.
    pub is_last: bool,
    /// Where the next page begins.
    pub next_offset: Option<u32>,
    /// How many there are on all pages.
    pub total: Option<u32>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), is_last: true, next_offset: None, total: None }
    }
}

impl<T> Page<T> {
    /// Reads `RootFolder` with the paging of its attributes; `list` names the element around the
    /// entries.
    pub(crate) fn read_root(
        &mut self,
        xml: &mut Xml<'_>,
        root: &Element<'_>,
        list: &str,
        mut read: impl FnMut(&mut Xml<'_>, &Element<'_>) -> Result<T, Flaw>,
    ) -> Result<(), Flaw> {
        let number = |name| root.attribute(name).and_then(|value| value.parse().ok());
        let last = root.attribute("IncludesLastItemInRange");
        self.is_last = last.and_then(|word| crate::xml::reader::boolean(&word)).unwrap_or(true);
        self.next_offset = number("IndexedPagingOffset");
        self.total = number("TotalItemsInView");
        while let Some(part) = xml.child(root.level)? {
            if part.name() != list {
                continue;
            }
            while let Some(entry) = xml.child(part.level)? {
                bounded(&self.entries, PAGE_ITEMS_MAX, "entries on a page")?;
                let result = read(xml, &entry);
                self.entries.push(damaged(result, None)?);
            }
        }
        Ok(())
    }
}

impl FindFolder {
    /// Reads the answer: one page per parent.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<Page<Folder>>, EwsError> {
        read_messages(bytes, "FindFolder", |xml, part, page: &mut Page<Folder>| match part.name() {
            "RootFolder" => page.read_root(xml, part, "Folders", Folder::read),
            _ => Ok(()),
        })
    }
}

/// Follows the folders below one (syncfolderhierarchy-operation page). The root must be the same
/// each time: leaving it out is not the same as naming it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncFolderHierarchy {
    /// Below which folder.
    pub root: FolderAddress,
    /// The state of the last answer; none at the beginning.
    pub state: Option<String>,
    /// What of the folders.
    pub shape: FolderShape,
}

impl Sealed for SyncFolderHierarchy {}
impl Operation for SyncFolderHierarchy {
    fn write(&self, xml: &mut XmlWriter) {
        xml.element("m:SyncFolderHierarchy", &[], |xml| {
            self.shape.write(xml);
            xml.element("m:SyncFolderId", &[], |xml| self.root.write(xml));
            xml.text_if("m:SyncState", self.state.as_deref());
        });
    }
}

/// A change of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderChange {
    /// It is new.
    Created(Folder),
    /// It changed.
    Updated(Folder),
    /// It is gone.
    Deleted(FolderId),
}

/// Changes of folders since a state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FolderChanges {
    /// The state to go on from.
    pub state: Option<String>,
    /// Whether nothing more is waiting.
    pub is_last: bool,
    /// What changed.
    pub changes: Vec<Result<FolderChange, EwsError>>,
}

impl SyncFolderHierarchy {
    /// Reads the answer.
    ///
    /// # Errors
    /// A SOAP fault, or what is no answer to this operation.
    pub fn read(bytes: &[u8]) -> Result<Response<FolderChanges>, EwsError> {
        let operation = "SyncFolderHierarchy";
        read_messages(bytes, operation, |xml, part, found: &mut FolderChanges| {
            match part.name() {
                "SyncState" => found.state = xml.filled(part)?,
                "IncludesLastFolderInRange" => {
                    found.is_last = xml.boolean(part)?.unwrap_or_default();
                }
                "Changes" => {
                    while let Some(change) = xml.child(part.level)? {
                        bounded(&found.changes, PAGE_ITEMS_MAX, "changes")?;
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

fn read_change(xml: &mut Xml<'_>, change: &Element<'_>) -> Result<FolderChange, Flaw> {
    let Some(inner) = xml.child(change.level)? else {
        return Err(Flaw::Content("a change of a folder is empty"));
    };
    match change.name() {
        "Create" => Folder::read(xml, &inner).map(FolderChange::Created),
        "Update" => Folder::read(xml, &inner).map(FolderChange::Updated),
        "Delete" => FolderId::read(&inner)
            .map(FolderChange::Deleted)
            .ok_or(Flaw::Content("a deleted folder has no id")),
        _ => Err(Flaw::Content("a change of a folder of unknown kind")),
    }
}
