//! A mailbox that moves into another database: its content stays, all its ids are new.

use std::collections::BTreeMap;

use super::{Content, ItemNumber, MailboxNumber, MessageKind, Store, StoreError};

impl Store {
    /// Gives every item of a mailbox a new number, and ends all sync states. Nobody is told: who
    /// listened to the old place hears nothing of it.
    ///
    /// # Errors
    /// When the mailbox is not there.
    pub fn migrate(&mut self, mailbox: MailboxNumber) -> Result<(), StoreError> {
        let old = std::mem::take(&mut self.mailbox_mut(mailbox)?.items);
        let numbers: BTreeMap<ItemNumber, ItemNumber> =
            old.keys().map(|number| (*number, self.next_number())).collect();
        let mut items = BTreeMap::new();
        for (number, mut item) in old {
            let change = self.next_change();
            let moved = numbers.get(&number).copied().unwrap_or(number);
            item.number = moved;
            item.entered = change;
            item.changed = change;
            item.property_changes.clear();
            if let Content::Message(message) = &mut item.content {
                let notice = match &mut message.kind {
                    MessageKind::Request(notice)
                    | MessageKind::Response(notice, _)
                    | MessageKind::Cancellation(notice) => Some(notice),
                    MessageKind::Note => None,
                };
                if let Some(notice) = notice {
                    notice.appointment =
                        notice.appointment.and_then(|number| numbers.get(&number).copied());
                }
            }
            items.insert(moved, item);
        }
        let owner = self.mailbox_mut(mailbox)?;
        owner.items = items;
        owner.origins.clear();
        owner.moved.clear();
        owner.folder_tombstones.clear();
        for folder in owner.folders.values_mut() {
            folder.tombstones.clear();
        }
        owner.sync_epoch = owner.sync_epoch.saturating_add(1);
        Ok(())
    }
}
