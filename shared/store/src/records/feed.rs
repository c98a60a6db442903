//! The change feed: dense numbers per shard, moved in the transaction that puts the entries.
//!
//! A commit moves the head of its shard from n to n+k on the condition that it is n. Readers read
//! the heads of all shards as of one moment and then entries up to them, so a cursor never passes
//! over an entry that commits later. A number below the head that a query does not show is read
//! again in a transaction, since a query is only read-committed against transactions; only if it is
//! absent then, it is gone.
//!
//! Who asks again and again is content with heads of some moments ago ([`Records::follow_feed`]):
//! whatever is up to them was committed before them.

mod cursor;

use core::fmt;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{LinkId, MailboxId, OrganisationId, SystemId};
use uuid::Uuid;

pub use cursor::FeedCursor;

use super::content::{CHUNKS_SUFFIX, chunks_of};
use super::crypto::DataKey;
use super::ids::MailboxScope;
use super::keys::{self, SHARDS};
use super::row::{Row, RowBuilder, is_expired, later};
use super::{Records, ids};
use crate::table::{Condition, Item, Key, Order, Span, StoreError, UpdateAction, Value, Write};

pub(crate) const HEAD: &str = "head";
/// Up to which number there is nothing to read any more, for who begins.
const FLOOR: &str = "floor";
/// How far the numbers leap when the table was restored: further than a shard comes in the 35 days
/// that the table can be restored within.
const LEAP: u64 = 1_000_000_000;
const EVENT: &str = "event";
const ERASED: &str = "erased";
/// Chunks outlive the entry that refers to them.
const CHUNKS_OVER_SECONDS: i64 = 24 * 3600;
/// Most entries of a page.
const PAGE_ENTRIES_MAX: usize = 500;
/// Most bytes of the events of a page, from which on no further entry is added.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most items that are read in one transaction.
const TOGETHER_MAX: usize = 100;

/// An entry to put. `Debug` shows no content.
#[derive(Clone)]
pub struct FeedEntry {
    /// The event's id.
    pub id: Uuid,
    /// Of which item.
    pub link: LinkId,
    /// For which business system.
    pub system: SystemId,
    /// The CloudEvent as JSON.
    pub event: Vec<u8>,
}

/// An entry as it is read. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedRecord {
    /// Its shard.
    pub shard: u8,
    /// Its number within the shard.
    pub number: u64,
    /// The event's id.
    pub id: Uuid,
    /// Of which mailbox.
    pub mailbox: MailboxId,
    /// Of which item.
    pub link: LinkId,
    /// For which business system.
    pub system: SystemId,
    /// When it was committed.
    pub at: Timestamp,
    /// The CloudEvent as JSON; none when it was erased.
    pub event: Option<Vec<u8>>,
}

/// A piece of the feed.
#[derive(Debug, Clone)]
pub struct FeedPage {
    /// The entries; those of one shard in order.
    pub entries: Vec<FeedRecord>,
    /// After them.
    pub cursor: FeedCursor,
    /// Whether more was there when the heads were read.
    pub more: bool,
}

/// Why the feed was not read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FeedError {
    /// What comes after the cursor is kept no more, or the table was restored to a moment before it.
    #[error("the cursor is older than the feed's retention")]
    Gone,
    /// The cursor is not one that this feed gave.
    #[error("the cursor is not one of this feed")]
    InvalidCursor,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct EntryDocument {
    id: Uuid,
    #[serde(with = "ids::mailbox")]
    mailbox: MailboxId,
    #[serde(with = "ids::link")]
    link: LinkId,
    #[serde(with = "ids::system")]
    system: SystemId,
    at: Timestamp,
}

impl fmt::Debug for FeedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedEntry")
            .field("id", &self.id)
            .field("link", &self.link)
            .field("event_bytes", &self.event.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FeedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedRecord")
            .field("shard", &self.shard)
            .field("number", &self.number)
            .field("link", &self.link)
            .field("event_bytes", &self.event.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// An entry that is ready for a transaction and lacks only its number.
#[derive(Clone)]
pub(crate) struct PreparedEntry {
    row: Item,
}

impl PreparedEntry {
    pub(crate) fn bytes(&self) -> usize {
        crate::limits::item_bytes(&self.row.key, &self.row.attributes)
    }

    /// The write that puts it. The number is new by the condition on the head, so that nothing can
    /// stand there.
    pub(crate) fn write(&self, scope: &MailboxScope, number: u64) -> Write {
        let key = keys::feed_entry(&scope.organisation, keys::shard_of(scope.mailbox), number);
        let item = Item { key, attributes: self.row.attributes.clone() };
        Write::Put { item, condition: Some(Condition::Absent) }
    }
}

/// The write that moves the head.
pub(crate) fn head_write(scope: &MailboxScope, from: u64, entries: usize) -> Write {
    let count = u64::try_from(entries).unwrap_or(u64::MAX);
    let to = super::row::number(from.saturating_add(count));
    let mut unmoved = vec![Condition::Equals(HEAD.to_owned(), super::row::number(from))];
    if from == 0 {
        unmoved.push(Condition::Lacks(HEAD.to_owned()));
    }
    Write::Update {
        key: keys::feed_head(&scope.organisation, keys::shard_of(scope.mailbox)),
        actions: vec![UpdateAction::Set(HEAD.to_owned(), to)],
        condition: Some(Condition::Any(unmoved)),
    }
}

pub(crate) fn read_head(item: Option<&Item>) -> Result<u64, StoreError> {
    item.map_or(Ok(0), |item| Row::new(item)?.count(HEAD))
}

fn head_keys(organisation: &OrganisationId) -> Vec<Key> {
    (0..SHARDS).map(|shard| keys::feed_head(organisation, shard)).collect()
}

fn heads_of(rows: &[Option<Item>]) -> Result<FeedCursor, StoreError> {
    let mut heads = FeedCursor::default();
    for (shard, item) in (0..SHARDS).zip(rows) {
        heads.set(shard, read_head(item.as_ref())?);
    }
    Ok(heads)
}

/// What to do about a number that is kept no more.
#[derive(Clone, Copy)]
enum Gaps {
    Refuse,
    Skip,
}

/// How much each shard has beyond the cursor. One that is equal to its head is never too old.
fn lags(at: &FeedCursor, heads: &FeedCursor) -> Result<Vec<(u64, u8)>, FeedError> {
    let mut lags = Vec::new();
    for shard in 0..SHARDS {
        match heads.get(shard).checked_sub(at.get(shard)) {
            // It was given before the table was set back to an earlier moment.
            None => return Err(FeedError::Gone),
            Some(0) => {}
            Some(lag) => lags.push((lag, shard)),
        }
    }
    Ok(lags)
}

impl Records {
    /// The heads as of one moment: a cursor after everything that is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed_heads(
        &self,
        organisation: &OrganisationId,
    ) -> Result<FeedCursor, StoreError> {
        heads_of(&self.table.get_together(&head_keys(organisation)).await?)
    }

    /// Lets all numbers leap after the table was restored to an earlier moment, so that no cursor that
    /// was given before means anything: numbers that were given since would be given once more, and
    /// whoever had read them would miss what they stand for now. Done again, they leap again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn leap_feed(&self, organisation: &OrganisationId) -> Result<(), StoreError> {
        for shard in 0..SHARDS {
            let key = keys::feed_head(organisation, shard);
            let from = read_head(self.table.get(&key).await?.as_ref())?;
            let to = super::row::number(from.saturating_add(LEAP));
            let actions = vec![
                UpdateAction::Set(HEAD.to_owned(), to.clone()),
                UpdateAction::Set(FLOOR.to_owned(), to),
            ];
            let unmoved = Condition::Equals(HEAD.to_owned(), super::row::number(from));
            let fresh = Condition::Lacks(HEAD.to_owned());
            let condition = if from == 0 { Condition::Any(vec![unmoved, fresh]) } else { unmoved };
            match self.update(key, actions, Some(condition)).await {
                Ok(_) => {}
                // Somebody told something meanwhile: whoever asked for it asks again.
                Err(StoreError::ConditionFailed { .. }) => return Err(StoreError::Conflict),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Entries after a cursor, at most `limit` (and 500) of them; without one, from the beginning
    /// of retention. Those of a mailbox come in the order of their commits.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn read_feed(
        &self,
        organisation: &OrganisationId,
        cursor: Option<&FeedCursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<FeedPage, FeedError> {
        let heads = self.feed_heads(organisation).await?;
        // Retention does not end at one number for all: who begins there skips what is gone, who
        // was there before is told.
        let (at, gaps) = match cursor {
            Some(cursor) => (cursor.clone(), Gaps::Refuse),
            None => (self.beginning(organisation, &heads, now).await?, Gaps::Skip),
        };
        self.read_up_to(organisation, &heads, at, gaps, limit, now).await
    }

    /// Like [`Records::read_feed`] for somebody who comes again: what was committed moments ago may
    /// not show yet, and the heads cost a quarter.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn follow_feed(
        &self,
        organisation: &OrganisationId,
        cursor: &FeedCursor,
        limit: usize,
        now: Timestamp,
    ) -> Result<FeedPage, FeedError> {
        let mut heads = heads_of(&self.table.glance(&head_keys(organisation)).await?)?;
        // A head below the cursor is old, or the table was set back: that has to be known.
        if lags(cursor, &heads).is_err() {
            heads = self.feed_heads(organisation).await?;
        }
        self.read_up_to(organisation, &heads, cursor.clone(), Gaps::Refuse, limit, now).await
    }

    async fn read_up_to(
        &self,
        organisation: &OrganisationId,
        heads: &FeedCursor,
        mut at: FeedCursor,
        gaps: Gaps,
        limit: usize,
        now: Timestamp,
    ) -> Result<FeedPage, FeedError> {
        let mut lags = lags(&at, heads)?;
        // The shard with the least to tell goes first: what it leaves of its share goes to the
        // others, and none waits for a busy one.
        lags.sort_unstable();
        let mut left = limit.clamp(1, PAGE_ENTRIES_MAX);
        let mut bytes = 0;
        let mut entries = Vec::new();
        let shards = lags.len();
        for (index, (lag, shard)) in lags.into_iter().enumerate() {
            if left == 0 || bytes >= PAGE_BYTES_MAX {
                break;
            }
            let share = left.div_ceil(shards.saturating_sub(index).max(1));
            let take = share.min(usize::try_from(lag).unwrap_or(usize::MAX));
            for (number, item) in
                self.entries(organisation, shard, at.get(shard), take, now).await?
            {
                match (item, gaps) {
                    (Some(item), _) => {
                        let record = self.read_entry(organisation, shard, number, &item).await?;
                        bytes += record.event.as_ref().map_or(0, Vec::len);
                        entries.push(record);
                    }
                    (None, Gaps::Skip) => {}
                    (None, Gaps::Refuse) => return Err(FeedError::Gone),
                }
                at.set(shard, number);
                left = left.saturating_sub(1);
                if bytes >= PAGE_BYTES_MAX {
                    break;
                }
            }
        }
        let more = at != *heads;
        Ok(FeedPage { entries, cursor: at, more })
    }

    /// One entry by its place; none when it is kept no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn feed_entry(
        &self,
        organisation: &OrganisationId,
        shard: u8,
        number: u64,
        now: Timestamp,
    ) -> Result<Option<FeedRecord>, StoreError> {
        let item = self.table.get(&keys::feed_entry(organisation, shard, number)).await?;
        match item.filter(|item| !is_expired(item, now)) {
            None => Ok(None),
            Some(item) => self.read_entry(organisation, shard, number, &item).await.map(Some),
        }
    }

    /// Blanks an entry; its number stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn erase_feed_entry(
        &self,
        organisation: &OrganisationId,
        shard: u8,
        number: u64,
    ) -> Result<(), StoreError> {
        let key = keys::feed_entry(organisation, shard, number);
        let Some(item) = self.table.get(&key).await? else {
            return Ok(());
        };
        let document: EntryDocument = Row::new(&item)?.document()?;
        let scope = MailboxScope { organisation: organisation.clone(), mailbox: document.mailbox };
        let actions = vec![
            UpdateAction::Remove(EVENT.to_owned()),
            UpdateAction::Remove(format!("{EVENT}{CHUNKS_SUFFIX}")),
            UpdateAction::Set(ERASED.to_owned(), Value::Flag(true)),
        ];
        let written = self.update(key, actions, Some(Condition::Exists)).await;
        super::marks::ignore_condition(written)?;
        self.delete_chunks(&scope, &chunks_of(&item)?).await;
        Ok(())
    }

    /// Encrypts an entry and stores its chunks, if it needs any.
    pub(crate) async fn prepare_entry(
        &self,
        scope: &MailboxScope,
        key: &DataKey,
        entry: &FeedEntry,
        now: Timestamp,
    ) -> Result<PreparedEntry, StoreError> {
        let retention = self.retention.as_secs();
        let expires = later(now, retention);
        let document = EntryDocument {
            id: entry.id,
            mailbox: scope.mailbox,
            link: entry.link,
            system: entry.system.clone(),
            at: now,
        };
        let chunks_expire = later(expires, CHUNKS_OVER_SECONDS);
        let context = context(scope, entry.id);
        let stored = self
            .store_content(scope, key, &entry.event, &context, now, Some(chunks_expire))
            .await?;
        // The number is not known yet; any key stands for it.
        let place = keys::feed_entry(&scope.organisation, keys::shard_of(scope.mailbox), 0);
        let row = RowBuilder::new(place).document(&document)?.expires(expires);
        Ok(PreparedEntry { row: stored.put(EVENT, row).build() })
    }

    /// The `take` entries after a number, which all are at or below the head; none for one that is
    /// kept no more.
    async fn entries(
        &self,
        organisation: &OrganisationId,
        shard: u8,
        after: u64,
        take: usize,
        now: Timestamp,
    ) -> Result<BTreeMap<u64, Option<Item>>, StoreError> {
        let count = u64::try_from(take).unwrap_or(u64::MAX);
        let (first, last) = (after.saturating_add(1), after.saturating_add(count));
        let partition = keys::feed_partition(organisation, shard);
        let span = Span::Between(keys::feed_entry_sort(first), keys::feed_entry_sort(last));
        let mut found: BTreeMap<u64, Option<Item>> =
            (first..=last).map(|number| (number, None)).collect();
        let mut from: Option<String> = None;
        loop {
            let page = self
                .table
                .query(&partition, &span, from.as_deref(), Order::Ascending, take)
                .await?;
            for item in page.items {
                found.insert(read_number(&item)?, Some(item));
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        let missing: Vec<_> = found
            .iter()
            .filter(|(_, item)| item.is_none())
            .map(|(number, _)| keys::feed_entry(organisation, shard, *number))
            .collect();
        for keys in missing.chunks(TOGETHER_MAX) {
            for item in self.table.get_together(keys).await?.into_iter().flatten() {
                found.insert(read_number(&item)?, Some(item));
            }
        }
        for item in found.values_mut() {
            if item.as_ref().is_some_and(|item| is_expired(item, now)) {
                *item = None;
            }
        }
        Ok(found)
    }

    /// Where retention begins in each shard.
    async fn beginning(
        &self,
        organisation: &OrganisationId,
        heads: &FeedCursor,
        now: Timestamp,
    ) -> Result<FeedCursor, FeedError> {
        let mut at = FeedCursor::default();
        for shard in 0..SHARDS {
            let head = heads.get(shard);
            if head == 0 {
                continue;
            }
            let floor = self.table.get(&keys::feed_head(organisation, shard)).await?;
            let floor = floor.map_or(Ok(0), |item| Row::new(&item)?.count(FLOOR))?;
            let kept = self.first_kept(organisation, shard, (floor, head), now).await?;
            at.set(shard, kept.map_or(head, |number| number.saturating_sub(1)));
        }
        Ok(at)
    }

    async fn first_kept(
        &self,
        organisation: &OrganisationId,
        shard: u8,
        (floor, head): (u64, u64),
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        if floor >= head {
            return Ok(None);
        }
        let partition = keys::feed_partition(organisation, shard);
        let span = Span::Between(
            keys::feed_entry_sort(floor.saturating_add(1)),
            keys::feed_entry_sort(head),
        );
        let mut from: Option<String> = None;
        loop {
            let page = self
                .table
                .query(&partition, &span, from.as_deref(), Order::Ascending, TOGETHER_MAX)
                .await?;
            for item in &page.items {
                if !is_expired(item, now) {
                    return read_number(item).map(Some);
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(None);
            }
        }
    }

    async fn read_entry(
        &self,
        organisation: &OrganisationId,
        shard: u8,
        number: u64,
        item: &Item,
    ) -> Result<FeedRecord, StoreError> {
        if read_number(item)? != number {
            return Err(StoreError::Corrupt("the numbers of a feed are not dense"));
        }
        let row = Row::new(item)?;
        let document: EntryDocument = row.document()?;
        let scope = MailboxScope { organisation: organisation.clone(), mailbox: document.mailbox };
        // Without its key the mailbox was erased, and its entries are blank.
        let key = self.existing_data_key(&scope).await?;
        let context = context(&scope, document.id);
        let event = self.load_content(&scope, key.as_ref(), row, EVENT, &context).await?;
        Ok(FeedRecord {
            shard,
            number,
            id: document.id,
            mailbox: document.mailbox,
            link: document.link,
            system: document.system,
            at: document.at,
            event,
        })
    }
}

fn read_number(item: &Item) -> Result<u64, StoreError> {
    let number = item.key.sort.strip_prefix("E#").and_then(|number| number.parse().ok());
    number.ok_or(StoreError::Corrupt("an entry of a feed has no number"))
}

/// The number is not known when the event is encrypted, so that its id stands for it.
fn context(scope: &MailboxScope, id: Uuid) -> String {
    format!("{}#FEED#{id}", keys::mailbox_partition(scope))
}
