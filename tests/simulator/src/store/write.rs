//! Writes to items, with Exchange's rules for concurrent ones.

use std::collections::BTreeMap;

use tidemark_model::{Privacy, ShowAs};

use super::apply::{self, Stage};
use super::{
    Actor, Appointment, Change, ChangeNumber, Content, Exception, FolderNumber, Happening,
    Importance, Item, ItemNumber, MailboxNumber, Message, MessageKind, MyResponse, OccurrenceState,
    Store, StoreError, Target,
};

/// Minutes that a new item's reminder has when nothing is said (Outlook's default).
const REMINDER_MINUTES_DEFAULT: u32 = 15;

/// What a write does when somebody else was faster (exchange-ews.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictRule {
    /// A stale key is refused.
    NeverOverwrite,
    /// A stale key is refused only where the same property changed meanwhile.
    AutoResolve,
    /// Keys do not count.
    AlwaysOverwrite,
}

/// On which state a write was based.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The change key, if one was given.
    pub key: Option<ChangeNumber>,
    /// What to do about a stale one.
    pub rule: ConflictRule,
}

impl Expected {
    /// No matter what the item looks like now.
    pub const ANY: Self = Self { key: None, rule: ConflictRule::AlwaysOverwrite };
}

/// How an item is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteKind {
    /// For good.
    Hard,
    /// Into the recoverable items.
    Soft,
    /// Into the Deleted Items.
    ToDeletedItems,
}

impl Store {
    /// Makes an appointment in a folder.
    ///
    /// # Errors
    /// When the folder is not there, or the values make no appointment.
    pub fn create_appointment(
        &mut self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        changes: &[Change],
        actor: &Actor,
    ) -> Result<ItemNumber, StoreError> {
        let owner = self.mailbox(mailbox)?;
        owner.folder(folder)?;
        let organizer = owner.contact();
        let zone = owner.time_zone.clone();
        let uid = self.new_uid();
        let mut appointment = Appointment {
            uid,
            subject: String::new(),
            body: None,
            start: actor.at,
            end: actor.at,
            start_zone: zone.clone(),
            end_zone: zone,
            all_day: false,
            recurrence: None,
            occurrences: BTreeMap::new(),
            location: None,
            show_as: ShowAs::Busy,
            sensitivity: Privacy::Public,
            importance: Importance::Normal,
            categories: std::collections::BTreeSet::new(),
            reminder_set: true,
            reminder_minutes: REMINDER_MINUTES_DEFAULT,
            attendees: Vec::new(),
            organizer,
            my_response: MyResponse::Unknown,
            cancelled: false,
            request_sent: false,
            sequence: 0,
            response_requested: true,
            allow_new_time_proposal: true,
            extended: BTreeMap::new(),
            attachments: Vec::new(),
        };
        apply::to_appointment(&mut appointment, changes, Stage::Create)?;
        if !appointment.attendees.is_empty() {
            appointment.my_response = MyResponse::Organizer;
        }
        let content = Content::Appointment(Box::new(appointment));
        let number = self.insert(mailbox, folder, content, actor)?;
        self.note(mailbox, folder, Happening::Created(number), actor.at);
        Ok(number)
    }

    /// Makes a draft message in a folder.
    ///
    /// # Errors
    /// When the folder is not there, or a property is none of a message.
    pub fn create_message(
        &mut self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        changes: &[Change],
        actor: &Actor,
    ) -> Result<ItemNumber, StoreError> {
        let from = self.mailbox(mailbox)?.contact();
        let mut message = Message {
            kind: MessageKind::Note,
            subject: String::new(),
            body: None,
            from: Some(from),
            to: Vec::new(),
            message_id: self.new_message_id(),
            read: true,
            draft: true,
            categories: std::collections::BTreeSet::new(),
            importance: Importance::Normal,
            sensitivity: Privacy::Public,
            extended: BTreeMap::new(),
        };
        apply::to_message(&mut message, changes)?;
        let number = self.insert(mailbox, folder, Content::Message(Box::new(message)), actor)?;
        self.note(mailbox, folder, Happening::Created(number), actor.at);
        Ok(number)
    }

    pub(super) fn insert(
        &mut self,
        mailbox: MailboxNumber,
        folder: FolderNumber,
        content: Content,
        actor: &Actor,
    ) -> Result<ItemNumber, StoreError> {
        self.mailbox(mailbox)?.folder(folder)?;
        let number = self.next_number();
        let change = self.next_change();
        let item = Item {
            number,
            folder,
            created: actor.at,
            modified: actor.at,
            modified_by: actor.name.clone(),
            changed: change,
            entered: change,
            property_changes: BTreeMap::new(),
            content,
        };
        self.mailbox_mut(mailbox)?.items.insert(number, item);
        Ok(number)
    }

    /// Changes properties of an item or of one occurrence.
    ///
    /// # Errors
    /// When it is not there, somebody was faster, or the values do not fit.
    pub fn update(
        &mut self,
        mailbox: MailboxNumber,
        target: Target,
        changes: &[Change],
        expected: Expected,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let item = self.mailbox(mailbox)?.item(target.item())?;
        let names: Vec<_> = changes.iter().map(|change| property_of(target, change)).collect();
        check_expected(item, &names, expected)?;
        let mut content = item.content.clone();
        match (&mut content, target) {
            (Content::Appointment(appointment), Target::Item(_)) => {
                update_whole(appointment, changes)?;
            }
            (Content::Appointment(appointment), Target::Occurrence(_, original)) => {
                update_occurrence(appointment, original, changes)?;
            }
            (Content::Message(message), Target::Item(_)) => apply::to_message(message, changes)?,
            (Content::Message(_), Target::Occurrence(..)) => return Err(StoreError::NotRecurring),
        }
        self.replace(mailbox, target.item(), content, &names, actor)
    }

    /// Puts new content into an item and counts its change key up.
    pub(super) fn replace(
        &mut self,
        mailbox: MailboxNumber,
        number: ItemNumber,
        content: Content,
        properties: &[String],
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let change = self.next_change();
        let item =
            self.mailbox_mut(mailbox)?.items.get_mut(&number).ok_or(StoreError::ItemNotFound)?;
        item.content = content;
        item.changed = change;
        item.modified = actor.at;
        item.modified_by.clone_from(&actor.name);
        for property in properties {
            item.property_changes.insert(property.clone(), change);
        }
        let folder = item.folder;
        self.note(mailbox, folder, Happening::Modified(number), actor.at);
        Ok(())
    }

    /// Deletes an item or one occurrence; keys do not count (exchange-ews.md 6).
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(
        &mut self,
        mailbox: MailboxNumber,
        target: Target,
        kind: DeleteKind,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        match target {
            Target::Occurrence(number, original) => {
                self.delete_occurrence(mailbox, number, original, kind, actor)
            }
            Target::Item(number) => {
                let owner = self.mailbox(mailbox)?;
                let from = owner.item(number)?.folder;
                let bin = match kind {
                    DeleteKind::Hard => None,
                    DeleteKind::Soft => {
                        Some(owner.distinguished("recoverableitemsdeletions")?.number)
                    }
                    DeleteKind::ToDeletedItems => Some(owner.distinguished("deleteditems")?.number),
                };
                match bin {
                    Some(bin) if bin != from => {
                        self.relocate(mailbox, number, bin, actor).map(|_| ())
                    }
                    Some(_) | None => self.remove_item(mailbox, number, actor.at),
                }
            }
        }
    }

    fn delete_occurrence(
        &mut self,
        mailbox: MailboxNumber,
        number: ItemNumber,
        original: jiff::civil::DateTime,
        kind: DeleteKind,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let item = self.mailbox(mailbox)?.item(number)?;
        let mut appointment = item.appointment().ok_or(StoreError::NotRecurring)?.clone();
        appointment.occurrence(original)?;
        appointment.occurrences.insert(original, OccurrenceState::Deleted);
        if appointment.occurrences_left().next().is_none() {
            // No page of Microsoft's says what becomes of a series whose last occurrence is deleted.
            // Exchange's store does not delete that one (`LastOccurrenceDeletionException` at one
            // remaining occurrence) but the series instead, in the same way, for every protocol.
            return self.delete(mailbox, Target::Item(number), kind, actor);
        }
        let name = format!("{original}/deleted");
        let content = Content::Appointment(Box::new(appointment));
        self.replace(mailbox, number, content, &[name], actor)
    }

    /// Moves an item into another folder, where it gets another number.
    ///
    /// # Errors
    /// When item or folder are not there.
    pub fn relocate(
        &mut self,
        mailbox: MailboxNumber,
        number: ItemNumber,
        to: FolderNumber,
        actor: &Actor,
    ) -> Result<ItemNumber, StoreError> {
        let owner = self.mailbox(mailbox)?;
        owner.folder(to)?;
        let mut item = owner.item(number)?.clone();
        let from = item.folder;
        let events = self.events.len();
        self.remove_item(mailbox, number, actor.at)?;
        // One move is one event, not a deletion and a creation.
        self.events.truncate(events);
        let moved = self.next_number();
        let change = self.next_change();
        item.number = moved;
        item.folder = to;
        item.changed = change;
        item.entered = change;
        let owner = self.mailbox_mut(mailbox)?;
        owner.items.insert(moved, item);
        owner.note_move(number, moved);
        self.note(mailbox, from, Happening::FolderModified, actor.at);
        let what = Happening::Moved { item: moved, old_item: number, old_folder: from };
        self.note(mailbox, to, what, actor.at);
        Ok(moved)
    }

    /// Copies an item into a folder. The copy of an appointment keeps its UID and properties.
    ///
    /// # Errors
    /// When item or folder are not there.
    pub fn copy(
        &mut self,
        mailbox: MailboxNumber,
        number: ItemNumber,
        to: FolderNumber,
        actor: &Actor,
    ) -> Result<ItemNumber, StoreError> {
        let item = self.mailbox(mailbox)?.item(number)?.clone();
        let copy = self.insert(mailbox, to, item.content, actor)?;
        let what = Happening::Copied { item: copy, old_item: number, old_folder: item.folder };
        self.note(mailbox, to, what, actor.at);
        Ok(copy)
    }
}

fn property_of(target: Target, change: &Change) -> String {
    match target {
        Target::Item(_) => change.property(),
        Target::Occurrence(_, original) => format!("{original}/{}", change.property()),
    }
}

fn check_expected(item: &Item, names: &[String], expected: Expected) -> Result<(), StoreError> {
    let key = match (expected.rule, expected.key) {
        (ConflictRule::AlwaysOverwrite, _) => return Ok(()),
        (ConflictRule::NeverOverwrite | ConflictRule::AutoResolve, None) => {
            return Err(StoreError::ChangeKeyRequired);
        }
        (ConflictRule::NeverOverwrite | ConflictRule::AutoResolve, Some(key)) => key,
    };
    if key == item.changed {
        return Ok(());
    }
    let changed_since =
        |name: &String| item.property_changes.get(name).is_some_and(|change| *change > key);
    if expected.rule == ConflictRule::AutoResolve && !names.iter().any(changed_since) {
        return Ok(());
    }
    Err(StoreError::Conflict)
}

fn update_whole(appointment: &mut Appointment, changes: &[Change]) -> Result<(), StoreError> {
    apply::to_appointment(appointment, changes, Stage::Update)?;
    if appointment.my_response == MyResponse::Unknown && !appointment.attendees.is_empty() {
        appointment.my_response = MyResponse::Organizer;
    }
    Ok(())
}

fn update_occurrence(
    series: &mut Appointment,
    original: jiff::civil::DateTime,
    changes: &[Change],
) -> Result<(), StoreError> {
    let mut wanted = series.occurrence(original)?.appointment;
    let was = wanted.start;
    apply::to_appointment(&mut wanted, changes, Stage::Occurrence)?;
    if wanted.start != was {
        let day = crate::windows_zone::to_civil(&series.start_zone, wanted.start).date();
        series.check_boundaries(original, day)?;
    }
    let (start, end) = series.regular_times(original);
    let regular = Appointment { start, end, ..series.clone() };
    let exception = Exception::between(&regular, &wanted);
    series.occurrences.insert(original, OccurrenceState::Modified(Box::new(exception)));
    Ok(())
}

impl Store {
    /// Sends a draft. A copy stays in its folder, or nothing does.
    ///
    /// # Errors
    /// When it is not there or is no message.
    pub fn send_draft(
        &mut self,
        mailbox: MailboxNumber,
        number: ItemNumber,
        keep: bool,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let item = self.mailbox(mailbox)?.item(number)?;
        let mut message = item.message().ok_or(StoreError::NotSettable)?.clone();
        message.draft = false;
        self.send_message(mailbox, &message, actor)?;
        if keep {
            self.replace(mailbox, number, Content::Message(Box::new(message)), &[], actor)
        } else {
            self.remove_item(mailbox, number, actor.at)
        }
    }

    /// An edit that somebody else makes at the wrong moment: the item's importance goes up or
    /// back, and with it its change key.
    ///
    /// # Errors
    /// When the item is not there.
    pub fn touch_as_somebody(
        &mut self,
        mailbox: MailboxNumber,
        number: ItemNumber,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let mut content = self.mailbox(mailbox)?.item(number)?.content.clone();
        let importance = match &mut content {
            Content::Appointment(appointment) => {
                self.touched.insert((mailbox, appointment.uid.clone()));
                &mut appointment.importance
            }
            Content::Message(message) => &mut message.importance,
        };
        *importance = match *importance {
            Importance::High => Importance::Normal,
            Importance::Low | Importance::Normal => Importance::High,
        };
        let names = ["importance".to_owned()];
        self.replace(mailbox, number, content, &names, actor)
    }
}
