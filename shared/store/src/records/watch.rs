//! What the sweep of an organisation looks at soon, so that it need not read every mailbox each minute.
//!
//! A mailbox is listed by whoever makes or changes it, or has to say that something is wrong with it,
//! and taken off the list by the sweep that finds it calm. All others have their turn once in a period.
//! The list is a help and no more: a mailbox that is missing on it is found at its turn, and while
//! settings have changed lately, or were never looked at by a sweep that knows of the list, the sweep
//! reads all mailboxes as if there were none.

use jiff::Timestamp;
use tidemark_model::{MailboxId, OrganisationId};

use super::ids::MailboxScope;
use super::mailboxes::read_mailbox_id;
use super::marks::ignore_condition;
use super::row::{Row, RowBuilder, number};
use super::{Records, keys};
use crate::table::{Condition, Order, Span, StoreError, UpdateAction, Write};

/// Most mailboxes of an organisation that are looked at because they are listed; the others stay listed.
const LISTED_MAX: usize = 1000;

/// Counts how often a mailbox was listed, so that one that is listed anew is not taken off.
const COUNT: &str = "count";
const SETTINGS: &str = "settings";
const WIDE_UNTIL: &str = "wide_until";

/// What the sweep of an organisation looks at.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// In which state the settings were when it was last swept; none before the first time.
    pub settings: Option<String>,
    /// Until when all mailboxes are looked at.
    pub wide_until: Option<Timestamp>,
    /// The mailboxes that are looked at soon, at most 1,000 of them.
    pub mailboxes: Vec<Watched>,
}

/// A mailbox that is looked at soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Which one.
    pub mailbox: MailboxId,
    count: u64,
}

impl Records {
    /// What the sweep of an organisation looks at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn watch_list(&self, organisation: &OrganisationId) -> Result<Watch, StoreError> {
        let partition = keys::watch_partition(organisation);
        let span = Span::Prefix(String::new());
        let order = Order::Ascending;
        let page = self.table.query(&partition, &span, None, order, LISTED_MAX).await?;
        let mut watch = Watch::default();
        for item in &page.items {
            let row = Row::new(item)?;
            if item.key.sort == keys::SWEPT {
                watch.settings = row.optional_text(SETTINGS)?.map(str::to_owned);
                watch.wide_until = row.moment(WIDE_UNTIL)?;
            } else {
                let mailbox = read_mailbox_id(&item.key.sort)?;
                watch.mailboxes.push(Watched { mailbox, count: row.count(COUNT)? });
            }
        }
        Ok(watch)
    }

    /// Has the sweep look at a mailbox soon.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn watch(&self, scope: &MailboxScope) -> Result<(), StoreError> {
        self.update(keys::watch(scope), listing(), None).await.map(|_| ())
    }

    /// Takes a mailbox off the list, unless it was listed anew since that was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unwatch(
        &self,
        organisation: &OrganisationId,
        watched: Watched,
    ) -> Result<(), StoreError> {
        let scope = MailboxScope { organisation: organisation.clone(), mailbox: watched.mailbox };
        let unmoved = Condition::Equals(COUNT.to_owned(), number(watched.count));
        let delete = Write::Delete { key: keys::watch(&scope), condition: Some(unmoved) };
        ignore_condition(self.table.write(delete).await).map(|_| ())
    }

    /// Notes in which state the settings of an organisation were found, and until when all of its
    /// mailboxes are looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_swept(
        &self,
        organisation: &OrganisationId,
        settings: &str,
        wide_until: Timestamp,
    ) -> Result<(), StoreError> {
        let row = RowBuilder::new(keys::swept(organisation))
            .text(SETTINGS, settings)
            .moment(WIDE_UNTIL, wide_until);
        self.put(row.build(), None).await
    }

    /// The ids of an organisation's mailboxes, without reading what they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mailbox_ids(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<MailboxId>, StoreError> {
        let partition = keys::mailboxes_partition(organisation);
        let span = Span::Prefix(String::new());
        let (mut ids, mut after) = (Vec::new(), None::<String>);
        loop {
            let after_it = after.as_deref();
            let order = Order::Ascending;
            let page = self.table.query(&partition, &span, after_it, order, usize::MAX).await?;
            for item in &page.items {
                ids.push(read_mailbox_id(&item.key.sort)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }
}

fn listing() -> Vec<UpdateAction> {
    vec![UpdateAction::Add(COUNT.to_owned(), 1)]
}

/// The write that has the sweep look at a mailbox soon.
pub(crate) fn watch_write(scope: &MailboxScope) -> Write {
    Write::Update { key: keys::watch(scope), actions: listing(), condition: None }
}
