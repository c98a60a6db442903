//! The mailboxes themselves: folders, items, meetings and their change log, without any protocol.
//!
//! Semantics follow reference/exchange-ews.md 4 to 7. Time and actors are handed in; every change
//! takes the next number of one sequence, which is what change keys and sync states are made of.

mod apply;
mod folder;
mod meeting;
mod migrate;
mod occurrence;
mod record;
mod series;
mod sync;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;

pub use apply::{Change, People};
pub(crate) use folder::CALENDAR;
pub use folder::{Folder, FolderTombstone, Tombstone};
pub use meeting::{LedgerEntry, MailKind, Notify};
pub use occurrence::{Occurrence, first_days, overlaps};
pub use record::{
    Appointment, ChangeNumber, Contact, Content, Exception, ExtendedName, ExtendedValues,
    FolderNumber, Importance, Invitee, Item, ItemNumber, MailboxNumber, MeetingNotice, Message,
    MessageKind, MyResponse, OccurrenceState, PropertyKey, PropertySet,
};
pub use series::week;
pub use sync::{SyncChange, SyncCursor, SyncPage};
pub use write::{ConflictRule, DeleteKind, Expected};

use crate::config::{MailboxConfig, Role};
use crate::random::Random;

/// Why the store refuses; each stands for one answer of Exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such item, or not in this mailbox.
    #[error("the item is not there")]
    ItemNotFound,
    /// No such folder.
    #[error("the folder is not there")]
    FolderNotFound,
    /// A folder of that name stands beside it.
    #[error("a folder of this name exists")]
    FolderExists,
    /// A folder that every mailbox has.
    #[error("a distinguished folder cannot be removed or renamed")]
    DistinguishedFolder,
    /// Somebody changed it since.
    #[error("the item was changed meanwhile")]
    Conflict,
    /// A write under a conflict rule without the key that it needs.
    #[error("a change key is required")]
    ChangeKeyRequired,
    /// The end lies before the start.
    #[error("the end lies before the start")]
    EndBeforeStart,
    /// Longer than five years.
    #[error("longer than five years")]
    TooLong,
    /// The rule names no day.
    #[error("the rule has no occurrence")]
    NoOccurrence,
    /// Occurrences of the series would overlap.
    #[error("an occurrence is longer than the gap to the next")]
    OccurrencesOverlap,
    /// An exception would pass its neighbour.
    #[error("an exception may not reach its neighbour's day")]
    CrossesBoundary,
    /// No occurrence of this number or day.
    #[error("the series has no such occurrence")]
    IndexOutOfRange,
    /// The occurrence was taken out.
    #[error("the occurrence was deleted")]
    OccurrenceDeleted,
    /// The item is no series.
    #[error("the item is not recurring")]
    NotRecurring,
    /// The id is not that of an occurrence.
    #[error("the item is not an occurrence")]
    NotAnOccurrence,
    /// The property cannot be written here.
    #[error("the property cannot be set on this item")]
    NotSettable,
    /// A property's value is outside its limits.
    #[error("the value is outside its limits")]
    InvalidValue,
    /// Not for an occurrence.
    #[error("occurrences can be neither moved nor copied")]
    OccurrenceImmovable,
    /// Not a meeting, or not this owner's part in it.
    #[error("the owner has not this part in the meeting")]
    NotThisPart,
}

/// Who does something, and when.
#[derive(Clone)]
pub struct Actor {
    /// Display name that the item keeps as its last modifier.
    pub name: String,
    /// Now.
    pub at: Timestamp,
}

/// What an item id points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A single item or a whole series.
    Item(ItemNumber),
    /// One occurrence, by the original civil start in the series' zone.
    Occurrence(ItemNumber, DateTime),
}

impl Target {
    /// The item that holds it.
    pub const fn item(self) -> ItemNumber {
        match self {
            Self::Item(number) | Self::Occurrence(number, _) => number,
        }
    }
}

/// What happened, for notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// An item appeared.
    Created(ItemNumber),
    /// An item changed.
    Modified(ItemNumber),
    /// An item vanished.
    Deleted(ItemNumber),
    /// An item moved here.
    Moved {
        /// Its new number.
        item: ItemNumber,
        /// Its number before.
        old_item: ItemNumber,
        /// Where it lay.
        old_folder: FolderNumber,
    },
    /// An item was copied here.
    Copied {
        /// The copy.
        item: ItemNumber,
        /// The original.
        old_item: ItemNumber,
        /// Where the original lies.
        old_folder: FolderNumber,
    },
    /// Mail arrived.
    NewMail(ItemNumber),
    /// A time in the calendar became busy or free.
    FreeBusyChanged(ItemNumber),
    /// The folder itself changed; comes beside every change in it.
    FolderModified,
}

impl Happening {
    /// The item that it happened to, if it was one.
    pub const fn item(self) -> Option<ItemNumber> {
        match self {
            Self::Created(item)
            | Self::Modified(item)
            | Self::Deleted(item)
            | Self::Moved { item, .. }
            | Self::Copied { item, .. }
            | Self::NewMail(item)
            | Self::FreeBusyChanged(item) => Some(item),
            Self::FolderModified => None,
        }
    }
}

/// A happening with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreEvent {
    /// In which mailbox.
    pub mailbox: MailboxNumber,
    /// In which folder.
    pub folder: FolderNumber,
    /// What.
    pub what: Happening,
    /// When, in the sequence of changes.
    pub change: ChangeNumber,
    /// When.
    pub at: Timestamp,
}

/// One mailbox.
pub struct Mailbox {
    /// Its number.
    pub number: MailboxNumber,
    /// Primary SMTP address.
    pub address: String,
    /// Display name.
    pub display_name: String,
    /// Further addresses.
    pub aliases: Vec<String>,
    /// Windows id of its zone.
    pub time_zone: String,
    /// What its account is for.
    pub role: Role,
    /// Its folders.
    pub folders: BTreeMap<FolderNumber, Folder>,
    /// Folders that are gone, for the hierarchy's sync.
    pub folder_tombstones: Vec<FolderTombstone>,
    /// Its items, of all folders.
    pub items: BTreeMap<ItemNumber, Item>,
    /// Counts up whenever its sync states are lost.
    pub sync_epoch: u32,
    /// Which number an item had at first, of those that have another now or had.
    origins: BTreeMap<ItemNumber, ItemNumber>,
    /// Which number an item has now, by its first one, of those that moved.
    moved: BTreeMap<ItemNumber, ItemNumber>,
}

impl Mailbox {
    /// Whether `address` reaches it.
    pub fn answers_to(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(address))
    }

    /// The owner as a person on meetings.
    pub fn contact(&self) -> Contact {
        Contact { address: self.address.clone(), name: self.display_name.clone() }
    }

    /// An item of it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn item(&self, number: ItemNumber) -> Result<&Item, StoreError> {
        self.items.get(&number).ok_or(StoreError::ItemNotFound)
    }

    /// The number that an item had when it came into this mailbox: it outlives every move, and the
    /// item itself.
    pub fn origin(&self, number: ItemNumber) -> ItemNumber {
        self.origins.get(&number).copied().unwrap_or(number)
    }

    /// The number that the item with this first number has now; none when it is gone.
    pub fn current(&self, origin: ItemNumber) -> Option<ItemNumber> {
        let number = self.moved.get(&origin).copied().unwrap_or(origin);
        self.items.contains_key(&number).then_some(number)
    }

    fn note_move(&mut self, from: ItemNumber, to: ItemNumber) {
        let origin = self.origin(from);
        self.origins.insert(to, origin);
        self.moved.insert(origin, to);
    }

    /// A folder of it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn folder(&self, number: FolderNumber) -> Result<&Folder, StoreError> {
        self.folders.get(&number).ok_or(StoreError::FolderNotFound)
    }

    /// A folder that every mailbox has, by Exchange's word for it.
    ///
    /// # Errors
    /// When this mailbox has none of that name.
    pub fn distinguished(&self, name: &str) -> Result<&Folder, StoreError> {
        self.folders
            .values()
            .find(|folder| folder.distinguished == Some(name))
            .ok_or(StoreError::FolderNotFound)
    }

    /// Items of a folder, oldest first.
    pub fn items_in(&self, folder: FolderNumber) -> impl Iterator<Item = &Item> {
        self.items.values().filter(move |item| item.folder == folder)
    }

    /// The appointment with this UID in the owner's calendar.
    pub fn calendar_item_by_uid(&self, uid: &str) -> Option<&Item> {
        let calendar = self.distinguished("calendar").ok()?.number;
        self.items_in(calendar)
            .find(|item| item.appointment().is_some_and(|found| found.uid == uid))
    }
}

/// All mailboxes of the simulated organisation.
pub struct Store {
    mailboxes: Vec<Mailbox>,
    next_number: u64,
    change: ChangeNumber,
    random: Random,
    ledger: Vec<LedgerEntry>,
    events: Vec<StoreEvent>,
    touched: BTreeSet<(MailboxNumber, String)>,
    /// When the passwords of people end; those who are missing have one without an end.
    pub(crate) password_ends: BTreeMap<MailboxNumber, Timestamp>,
}

impl Store {
    /// An empty organisation; `seed` is where UIDs and message ids start.
    pub fn new(seed: u64) -> Self {
        Self {
            mailboxes: Vec::new(),
            next_number: 1,
            change: 0,
            random: Random::new(seed),
            ledger: Vec::new(),
            events: Vec::new(),
            touched: BTreeSet::new(),
            password_ends: BTreeMap::new(),
        }
    }

    /// UIDs of a mailbox's appointments that somebody edited at the wrong moment.
    pub fn touched(&self, mailbox: MailboxNumber) -> impl Iterator<Item = &str> {
        let of_mailbox = self.touched.iter().filter(move |(number, _)| *number == mailbox);
        of_mailbox.map(|(_, uid)| uid.as_str())
    }

    /// Adds a mailbox with its usual folders; an address that is taken keeps its mailbox.
    pub fn add_mailbox(&mut self, config: &MailboxConfig) -> MailboxNumber {
        if let Some(taken) = self.find(&config.address) {
            return taken.number;
        }
        let number = MailboxNumber::try_from(self.mailboxes.len()).unwrap_or(MailboxNumber::MAX);
        let folders = self.usual_folders();
        self.mailboxes.push(Mailbox {
            number,
            address: config.address.clone(),
            display_name: config.display_name.clone(),
            aliases: config.aliases.clone(),
            time_zone: config.time_zone.clone(),
            role: config.role,
            folders,
            folder_tombstones: Vec::new(),
            items: BTreeMap::new(),
            sync_epoch: 0,
            origins: BTreeMap::new(),
            moved: BTreeMap::new(),
        });
        number
    }

    /// All mailboxes, in order of their numbers.
    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    /// The mailbox that an address reaches.
    pub fn find(&self, address: &str) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.answers_to(address))
    }

    /// A mailbox by its number.
    ///
    /// # Errors
    /// When there is none.
    pub fn mailbox(&self, number: MailboxNumber) -> Result<&Mailbox, StoreError> {
        usize::try_from(number)
            .ok()
            .and_then(|index| self.mailboxes.get(index))
            .ok_or(StoreError::FolderNotFound)
    }

    /// A mailbox by its number, to change.
    ///
    /// # Errors
    /// When there is none.
    pub fn mailbox_mut(&mut self, number: MailboxNumber) -> Result<&mut Mailbox, StoreError> {
        usize::try_from(number)
            .ok()
            .and_then(|index| self.mailboxes.get_mut(index))
            .ok_or(StoreError::FolderNotFound)
    }

    /// Every mail that left a mailbox, oldest first.
    pub fn ledger(&self) -> &[LedgerEntry] {
        &self.ledger
    }

    /// Takes what happened since the last call.
    pub fn take_events(&mut self) -> Vec<StoreEvent> {
        std::mem::take(&mut self.events)
    }

    /// The last change of all.
    pub const fn last_change(&self) -> ChangeNumber {
        self.change
    }

    fn next_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number = self.next_number.saturating_add(1);
        number
    }

    fn next_change(&mut self) -> ChangeNumber {
        self.change = self.change.saturating_add(1);
        self.change
    }

    fn note(
        &mut self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        what: Happening,
        at: Timestamp,
    ) {
        let change = self.change;
        let event = |what| StoreEvent { mailbox, folder, what, change, at };
        self.events.push(event(what));
        let calendar = self
            .mailbox(mailbox)
            .and_then(|owner| owner.folder(folder))
            .is_ok_and(|folder| folder.class == CALENDAR);
        if let Some(item) = what.item().filter(|_| calendar) {
            self.events.push(event(Happening::FreeBusyChanged(item)));
        }
        if what != Happening::FolderModified {
            self.events.push(event(Happening::FolderModified));
        }
        if let Some(folder) =
            self.mailbox_mut(mailbox).ok().and_then(|found| found.folders.get_mut(&folder))
        {
            folder.changed = change;
        }
    }

    /// A new UID in the form of a global object id (MS-OXOCAL 2.2.1.27).
    fn new_uid(&mut self) -> String {
        format!(
            "040000008200E00074C5B7101A82E00800000000{:016X}000000000000000010000000{:016X}{:016X}",
            self.random.next(),
            self.random.next(),
            self.random.next()
        )
    }

    fn new_message_id(&mut self) -> String {
        format!("<{:016x}{:016x}@tidemark.example>", self.random.next(), self.random.next())
    }
}
