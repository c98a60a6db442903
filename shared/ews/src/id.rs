//! Ids of items and folders, and how they are addressed in requests.

use core::fmt;
use std::borrow::Cow;

use crate::error::Unreadable;
use crate::xml::{Element, XmlWriter};

/// An item in one version. Its `Debug` shows lengths: ids hold the names of mailboxes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// Opaque, case-sensitive; it changes when the item moves.
    pub id: String,
    /// The version, where the server gave one. Updates need it.
    pub change_key: Option<String>,
}

impl ItemId {
    /// An id with the version that it was seen in.
    pub fn new(id: impl Into<String>, change_key: Option<String>) -> Self {
        Self { id: id.into(), change_key }
    }

    /// Reads the attributes `Id` and `ChangeKey`; an id without `Id` is none.
    pub(crate) fn read(element: &Element<'_>) -> Option<Self> {
        let [id, change_key] = element.attributes(["Id", "ChangeKey"]);
        let filled = |value: Cow<'_, str>| (!value.is_empty()).then(|| value.into_owned());
        let id = id.and_then(filled)?;
        Some(Self { id, change_key: change_key.and_then(filled) })
    }

    pub(crate) fn write(&self, name: &str, xml: &mut XmlWriter) {
        write_id(name, "Id", &self.id, self.change_key.as_deref(), xml);
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.change_key.as_ref().map(String::len);
        write!(f, "ItemId({} bytes, change key {key:?})", self.id.len())
    }
}

/// A folder. Unlike ids of items, ids of folders stay when the folder moves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId {
    /// Opaque, case-sensitive.
    pub id: String,
    /// The version, where the server gave one.
    pub change_key: Option<String>,
}

impl FolderId {
    pub(crate) fn read(element: &Element<'_>) -> Option<Self> {
        ItemId::read(element).map(|ItemId { id, change_key }| Self { id, change_key })
    }
}

impl fmt::Debug for FolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FolderId({} bytes)", self.id.len())
    }
}

/// Which item a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemAddress {
    /// An item, or an exception of a series by its own id.
    Item(ItemId),
    /// An occurrence by its number, from 1; deleted ones keep their numbers (occurrenceitemid page).
    Occurrence {
        /// The series.
        master: ItemId,
        /// Which of its occurrences.
        index: u32,
    },
    /// The series that an occurrence belongs to (recurringmasteritemid page).
    MasterOf(ItemId),
}

impl ItemAddress {
    pub(crate) fn write(&self, xml: &mut XmlWriter) {
        match self {
            Self::Item(id) => id.write("t:ItemId", xml),
            Self::Occurrence { master, index } => {
                let index = index.to_string();
                let mut attributes = vec![("RecurringMasterId", master.id.as_str())];
                attributes.extend(master.change_key.as_deref().map(|key| ("ChangeKey", key)));
                attributes.push(("InstanceIndex", &index));
                xml.empty("t:OccurrenceItemId", &attributes);
            }
            Self::MasterOf(ItemId { id, change_key }) => {
                let (name, key) = ("t:RecurringMasterItemId", change_key.as_deref());
                write_id(name, "OccurrenceId", id, key, xml);
            }
        }
    }
}

impl From<ItemId> for ItemAddress {
    fn from(id: ItemId) -> Self {
        Self::Item(id)
    }
}

/// A folder that every mailbox has (distinguishedfolderid page).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WellKnownFolder {
    /// The default calendar.
    Calendar,
    /// Deleted Items.
    DeletedItems,
    /// The visible top of the mailbox.
    MsgFolderRoot,
    /// The very root of the mailbox.
    Root,
}

impl WellKnownFolder {
    const fn name(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::DeletedItems => "deleteditems",
            Self::MsgFolderRoot => "msgfolderroot",
            Self::Root => "root",
        }
    }
}

/// Which folder a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderAddress {
    /// A folder that every mailbox has, in the mailbox in whose name the request is made.
    WellKnown(WellKnownFolder),
    /// A folder by its id.
    Id(FolderId),
}

impl FolderAddress {
    /// The default calendar.
    pub const CALENDAR: Self = Self::WellKnown(WellKnownFolder::Calendar);

    pub(crate) fn write(&self, xml: &mut XmlWriter) {
        match self {
            Self::WellKnown(folder) => {
                xml.empty("t:DistinguishedFolderId", &[("Id", folder.name())]);
            }
            Self::Id(FolderId { id, change_key }) => {
                write_id("t:FolderId", "Id", id, change_key.as_deref(), xml);
            }
        }
    }
}

fn write_id(name: &str, key: &str, id: &str, change_key: Option<&str>, xml: &mut XmlWriter) {
    match change_key {
        Some(change_key) => xml.empty(name, &[(key, id), ("ChangeKey", change_key)]),
        None => xml.empty(name, &[(key, id)]),
    }
}

/// Reads an id that has to be there.
pub(crate) fn required(element: &Element<'_>) -> Result<ItemId, crate::error::Flaw> {
    ItemId::read(element).ok_or(crate::error::Flaw::Content("an id is empty"))
}

/// The most that a list may hold, as an error of the document.
pub(crate) fn bounded<T>(list: &[T], max: usize, what: &'static str) -> Result<(), Unreadable> {
    if list.len() < max { Ok(()) } else { Err(Unreadable::TooMany(what)) }
}
