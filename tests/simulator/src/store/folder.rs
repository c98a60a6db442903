//! Folders and their life.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Actor, ChangeNumber, FolderNumber, ItemNumber, MailboxNumber, Store, StoreError};

/// An item that left a folder.
#[derive(Debug, Clone, Copy)]
pub struct Tombstone {
    /// Which one.
    pub item: ItemNumber,
    /// When it had come, in the sequence.
    pub entered: ChangeNumber,
    /// When it left, in the sequence.
    pub changed: ChangeNumber,
}

/// A folder that is gone.
#[derive(Debug, Clone, Copy)]
pub struct FolderTombstone {
    /// Which one.
    pub folder: FolderNumber,
    /// When it had come.
    pub entered: ChangeNumber,
    /// When it went.
    pub changed: ChangeNumber,
}

/// A folder.
pub struct Folder {
    /// Its number.
    pub number: FolderNumber,
    /// The folder above; none for the root.
    pub parent: Option<FolderNumber>,
    /// Exchange's word, if every mailbox has it.
    pub distinguished: Option<&'static str>,
    /// Display name.
    pub name: String,
    /// Such as `IPF.Appointment`.
    pub class: &'static str,
    /// When it came.
    pub entered: ChangeNumber,
    /// Last change in it or of it.
    pub changed: ChangeNumber,
    /// Last change of the folder itself: name or parent.
    pub reshaped: ChangeNumber,
    /// What left it.
    pub tombstones: Vec<Tombstone>,
}

/// Class of calendars.
pub(crate) const CALENDAR: &str = "IPF.Appointment";
/// Class of mail folders.
pub(crate) const MAIL: &str = "IPF.Note";
const TASKS: &str = "IPF.Task";
const CONTACTS: &str = "IPF.Contact";

/// The folders of a new mailbox: word, display name, class, word of the parent.
const USUAL: [(&str, &str, &str, &str); 13] = [
    ("root", "", MAIL, ""),
    ("msgfolderroot", "Top of Information Store", MAIL, "root"),
    ("calendar", "Calendar", CALENDAR, "msgfolderroot"),
    ("contacts", "Contacts", CONTACTS, "msgfolderroot"),
    ("deleteditems", "Deleted Items", MAIL, "msgfolderroot"),
    ("drafts", "Drafts", MAIL, "msgfolderroot"),
    ("inbox", "Inbox", MAIL, "msgfolderroot"),
    ("junkemail", "Junk Email", MAIL, "msgfolderroot"),
    ("outbox", "Outbox", MAIL, "msgfolderroot"),
    ("sentitems", "Sent Items", MAIL, "msgfolderroot"),
    ("tasks", "Tasks", TASKS, "msgfolderroot"),
    ("recoverableitemsroot", "Recoverable Items", MAIL, "root"),
    ("recoverableitemsdeletions", "Deletions", MAIL, "recoverableitemsroot"),
];

/// The folder class that stands for a class asked for, or for a subclass of it.
pub(crate) fn known_class(asked: &str) -> &'static str {
    [CALENDAR, TASKS, CONTACTS].into_iter().find(|class| asked.starts_with(class)).unwrap_or(MAIL)
}

impl Store {
    pub(super) fn usual_folders(&mut self) -> BTreeMap<FolderNumber, Folder> {
        let mut folders: BTreeMap<FolderNumber, Folder> = BTreeMap::new();
        for (word, name, class, above) in USUAL {
            let number = self.next_number();
            let change = self.next_change();
            let parent = folders
                .values()
                .find(|folder| folder.distinguished == Some(above))
                .map(|folder| folder.number);
            folders.insert(
                number,
                Folder {
                    number,
                    parent,
                    distinguished: Some(word),
                    name: name.to_owned(),
                    class,
                    entered: change,
                    changed: change,
                    reshaped: change,
                    tombstones: Vec::new(),
                },
            );
        }
        folders
    }

    /// Makes a folder under another one.
    ///
    /// # Errors
    /// When the parent is not there or has a child of that name.
    pub fn create_folder(
        &mut self,
        mailbox: MailboxNumber,
        parent: FolderNumber,
        name: &str,
        class: &str,
    ) -> Result<FolderNumber, StoreError> {
        self.mailbox(mailbox)?.folder(parent)?;
        self.refuse_taken_name(mailbox, parent, name)?;
        let number = self.next_number();
        let change = self.next_change();
        let folder = Folder {
            number,
            parent: Some(parent),
            distinguished: None,
            name: name.to_owned(),
            class: known_class(class),
            entered: change,
            changed: change,
            reshaped: change,
            tombstones: Vec::new(),
        };
        self.mailbox_mut(mailbox)?.folders.insert(number, folder);
        Ok(number)
    }

    /// Gives a folder another name.
    ///
    /// # Errors
    /// When it is not there, is distinguished, or the name is taken.
    pub fn rename_folder(
        &mut self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        name: &str,
    ) -> Result<(), StoreError> {
        let found = self.mailbox(mailbox)?.folder(folder)?;
        let (parent, distinguished) = (found.parent, found.distinguished);
        if distinguished.is_some() {
            return Err(StoreError::DistinguishedFolder);
        }
        if let Some(parent) = parent {
            self.refuse_taken_name(mailbox, parent, name)?;
        }
        let change = self.next_change();
        if let Some(found) = self.mailbox_mut(mailbox)?.folders.get_mut(&folder) {
            name.clone_into(&mut found.name);
            found.reshaped = change;
            found.changed = change;
        }
        Ok(())
    }

    /// Removes a folder with all that is in it, also when it is not empty.
    ///
    /// # Errors
    /// When it is not there or is distinguished.
    pub fn delete_folder(
        &mut self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let found = self.mailbox(mailbox)?.folder(folder)?;
        if found.distinguished.is_some() {
            return Err(StoreError::DistinguishedFolder);
        }
        let entered = found.entered;
        let children = self.child_folders(mailbox, folder)?;
        for child in children {
            self.delete_folder(mailbox, child, actor)?;
        }
        let items: Vec<_> =
            self.mailbox(mailbox)?.items_in(folder).map(|item| item.number).collect();
        for item in items {
            self.remove_item(mailbox, item, actor.at)?;
        }
        let changed = self.next_change();
        let mailbox = self.mailbox_mut(mailbox)?;
        mailbox.folders.remove(&folder);
        mailbox.folder_tombstones.push(FolderTombstone { folder, entered, changed });
        Ok(())
    }

    /// The folders directly under one.
    ///
    /// # Errors
    /// When the mailbox is not there.
    pub fn child_folders(
        &self,
        mailbox: MailboxNumber,
        parent: FolderNumber,
    ) -> Result<Vec<FolderNumber>, StoreError> {
        Ok(self
            .mailbox(mailbox)?
            .folders
            .values()
            .filter(|folder| folder.parent == Some(parent))
            .map(|folder| folder.number)
            .collect())
    }

    /// All folders under one, at any depth, parents first.
    ///
    /// # Errors
    /// When the mailbox is not there.
    pub fn descendant_folders(
        &self,
        mailbox: MailboxNumber,
        parent: FolderNumber,
    ) -> Result<Vec<FolderNumber>, StoreError> {
        let mut found = self.child_folders(mailbox, parent)?;
        let mut next = 0;
        while let Some(folder) = found.get(next).copied() {
            found.extend(self.child_folders(mailbox, folder)?);
            next += 1;
        }
        Ok(found)
    }

    fn refuse_taken_name(
        &self,
        mailbox: MailboxNumber,
        parent: FolderNumber,
        name: &str,
    ) -> Result<(), StoreError> {
        let taken =
            self.mailbox(mailbox)?.folders.values().any(|folder| {
                folder.parent == Some(parent) && folder.name.eq_ignore_ascii_case(name)
            });
        if taken { Err(StoreError::FolderExists) } else { Ok(()) }
    }

    /// Takes an item out of its folder for good.
    pub(super) fn remove_item(
        &mut self,
        mailbox: MailboxNumber,
        item: ItemNumber,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let changed = self.next_change();
        let owner = self.mailbox_mut(mailbox)?;
        let gone = owner.items.remove(&item).ok_or(StoreError::ItemNotFound)?;
        if let Some(folder) = owner.folders.get_mut(&gone.folder) {
            folder.tombstones.push(Tombstone { item, entered: gone.entered, changed });
        }
        self.note(mailbox, gone.folder, super::Happening::Deleted(item), at);
        Ok(())
    }
}
