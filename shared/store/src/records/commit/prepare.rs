//! From a commit to batches that each fit into one transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidemark_model::LinkId;

use super::{Commit, ItemCommit, LinkWrite};
use crate::limits::item_bytes;
use crate::records::content::ChunkRef;
use crate::records::crypto::DataKey;
use crate::records::cursors::{self, CURSOR, CursorDocument, CursorRow};
use crate::records::feed::PreparedEntry;
use crate::records::history::HISTORY_SECONDS;
use crate::records::ids::{Collection, MailboxScope};
use crate::records::keys::Place;
use crate::records::ledger::{Brake, LEDGER_SECONDS, RECIPIENTS, Statistics, mail_context};
use crate::records::links::{BASE_BUSINESS, BASE_EXCHANGE, LINK, LinkRow, LinkState, context};
use crate::records::moves::move_write;
use crate::records::row::{REVISION, RowBuilder, later};
use crate::records::settings::unmoved;
use crate::records::{Records, keys};
use crate::table::{
    Condition, Key, StoreError, TRANSACTION_BYTES_MAX, TRANSACTION_WRITES_MAX, Value, Write,
};

/// Bytes that a batch leaves of a transaction for what is added to it: the state, the head, the
/// counters.
const BYTES_MAX: usize = TRANSACTION_BYTES_MAX - 256 * 1024;
/// Writes that are added to a batch: the state, the head, the counts of a day that is over, the
/// brake.
const ADDED_WRITES: usize = 4;
/// Most writes of items in a batch.
const WRITES_MAX: usize = TRANSACTION_WRITES_MAX - ADDED_WRITES;

/// What a write is there for, so that its failure is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The mailbox's state.
    State,
    /// The head of the feed.
    Head,
    /// A link in a revision.
    Link(LinkId),
    /// The mailbox's move in a revision.
    Movement,
    /// An index row that is deleted only if it is ours.
    Index,
    /// Anything that cannot fail by a condition.
    Other,
}

#[derive(Clone)]
pub(super) struct Tagged {
    pub(super) purpose: Purpose,
    pub(super) write: Write,
}

/// What is carried out in one transaction.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: BTreeMap<Key, Tagged>,
    pub(super) feed: Vec<PreparedEntry>,
    pub(super) statistics: Statistics,
    pub(super) brakes: BTreeMap<i64, Brake>,
    /// Chunks that nothing refers to once it is done.
    pub(super) garbage: Vec<ChunkRef>,
    pub(super) synced: bool,
    bytes: usize,
}

impl Batch {
    fn put(&mut self, purpose: Purpose, write: Write) {
        if let Write::Put { item, .. } = &write {
            self.bytes += item_bytes(&item.key, &item.attributes);
        }
        let key = crate::limits::write_key(&write).clone();
        // An index row that one link leaves and another takes within one item is put.
        let replaces = !matches!(
            (self.writes.get(&key), &write),
            (Some(Tagged { write: Write::Put { .. }, .. }), Write::Delete { .. })
        );
        if replaces {
            self.writes.insert(key, Tagged { purpose, write });
        }
    }

    fn put_plain(&mut self, row: RowBuilder) {
        self.put(Purpose::Other, Write::Put { item: row.build(), condition: None });
    }

    fn delete_plain(&mut self, key: Key) {
        self.put(Purpose::Other, Write::Delete { key, condition: None });
    }

    fn add_feed(&mut self, entry: PreparedEntry) {
        self.bytes += entry.bytes();
        self.feed.push(entry);
    }

    fn writes_count(&self) -> usize {
        // The brake is one hour's as a rule; a run over the full hour has two.
        self.writes.len() + self.feed.len() + self.brakes.len().saturating_sub(1)
    }

    /// Whether another batch can be carried out in the same transaction. Batches that touch one
    /// item come one after the other.
    fn takes(&self, other: &Self) -> bool {
        self.writes_count() + other.writes_count() <= WRITES_MAX
            && self.bytes + other.bytes <= BYTES_MAX
            && other.writes.keys().all(|key| !self.writes.contains_key(key))
    }

    fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.writes.extend(other.writes);
        self.feed.extend(other.feed);
        self.statistics.merge(&other.statistics);
        for brake in other.brakes.into_values() {
            self.charge(brake);
        }
        self.garbage.extend(other.garbage);
        self.synced |= other.synced;
    }

    fn charge(&mut self, brake: Brake) {
        let unspent = Brake { hour: brake.hour, ..Brake::default() };
        let sum = self.brakes.entry(brake.hour).or_insert(unspent);
        sum.deletes = sum.deletes.saturating_add(brake.deletes);
        sum.mails = sum.mails.saturating_add(brake.mails);
    }
}

impl Records {
    /// Stores chunks, and packs what is left into batches, in order.
    pub(super) async fn prepare(
        &self,
        commit: &Commit,
        key: &DataKey,
        now: Timestamp,
    ) -> Result<Vec<Batch>, StoreError> {
        let mut batches = Vec::new();
        let mut sequence = 0;
        for item in &commit.items {
            let batch = self.prepare_item(commit, key, item, &mut sequence, now).await?;
            if batch.writes_count() > WRITES_MAX || batch.bytes > BYTES_MAX {
                return Err(StoreError::TooLarge("what belongs to one item"));
            }
            pack(&mut batches, batch);
        }
        if commit.cursor.is_some() || commit.synced.is_some() {
            let mut last = Batch { synced: commit.synced.is_some(), ..Batch::default() };
            if let Some((collection, cursor)) = &commit.cursor {
                self.prepare_cursor(&mut last, &commit.scope, key, collection, cursor, now).await?;
            }
            pack(&mut batches, last);
        }
        if let Some((collection, noted)) = commit.noted.as_ref().filter(|_| batches.len() > 1) {
            let mut first = Batch::default();
            self.prepare_cursor(&mut first, &commit.scope, key, collection, noted, now).await?;
            batches.insert(0, first);
        }
        Ok(batches)
    }

    async fn prepare_item(
        &self,
        commit: &Commit,
        key: &DataKey,
        item: &ItemCommit,
        sequence: &mut u32,
        now: Timestamp,
    ) -> Result<Batch, StoreError> {
        let scope = &commit.scope;
        let mut batch = Batch { statistics: item.statistics.clone(), ..Batch::default() };
        for link in &item.links {
            match link {
                LinkWrite::Put(row) => self.prepare_link(&mut batch, scope, key, row, now).await?,
                LinkWrite::Delete(row) => prepare_link_delete(&mut batch, scope, row),
            }
        }
        for (from, to) in &item.redirects {
            batch.put_plain(
                RowBuilder::new(keys::redirect(scope, *from)).text(LINK, to.to_string()),
            );
        }
        for pending in &item.pending {
            batch.delete_plain(keys::pending(scope, pending.number));
            batch.delete_plain(keys::pending_of_link(scope, pending.link, pending.number));
            batch.garbage.extend(pending.chunks.iter().cloned());
        }
        for intent in &item.intents {
            batch.delete_plain(keys::intent(scope, intent.link, intent.intent));
            batch.garbage.extend(intent.chunks.iter().cloned());
        }
        for hold in &item.holds {
            for write in self.hold_writes(scope, key, hold, now).await? {
                batch.put(Purpose::Other, write);
            }
        }
        for hold in &item.released {
            batch.delete_plain(keys::hold(scope, *hold));
            batch.delete_plain(keys::hold_listing(&scope.organisation, *hold));
        }
        if let Some(movement) = &item.movement {
            batch.put(Purpose::Movement, move_write(scope, movement)?);
        }
        for entry in &item.feed {
            batch.add_feed(self.prepare_entry(scope, key, entry, now).await?);
        }
        self.prepare_accounts(&mut batch, commit, key, item, sequence, now).await?;
        Ok(batch)
    }

    async fn prepare_link(
        &self,
        batch: &mut Batch,
        scope: &MailboxScope,
        key: &DataKey,
        row: &LinkRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let revision = row.revision.checked_add(1);
        let revision = revision.ok_or(StoreError::Corrupt("a revision is out of range"))?;
        let mut put = RowBuilder::new(keys::link(scope, row.link))
            .document(&row.document())?
            .number(REVISION, revision);
        if let LinkState::Deleted { until, .. } = row.state {
            put = put.expires(until);
        }
        for (name, content) in
            [(BASE_EXCHANGE, &row.base_exchange), (BASE_BUSINESS, &row.base_business)]
        {
            if let Some(content) = content {
                let context = context(scope, row.link, name);
                let stored = self.store_content(scope, key, content, &context, now, None).await?;
                put = stored.put(name, put);
            }
        }
        let expected = (row.revision > 0).then_some(row.revision);
        let item = put.build();
        batch.put(Purpose::Link(row.link), Write::Put { item, condition: Some(unmoved(expected)) });
        batch.garbage.extend(row.origin.chunks.iter().cloned());
        let index = |key| RowBuilder::new(key).text(LINK, row.link.to_string());
        if row.remote_id != row.origin.remote_id {
            if let Some(left) = &row.origin.remote_id {
                leave_index(batch, keys::remote(scope, left), row.link);
            }
            if let Some(taken) = &row.remote_id {
                batch.put_plain(index(keys::remote(scope, taken)));
            }
        }
        if row.uid != row.origin.uid {
            if let Some(left) = &row.origin.uid {
                batch.delete_plain(keys::uid(scope, left, row.link));
            }
            if let Some(taken) = &row.uid {
                batch.put_plain(index(keys::uid(scope, taken, row.link)));
            }
        }
        Ok(())
    }

    async fn prepare_accounts(
        &self,
        batch: &mut Batch,
        commit: &Commit,
        key: &DataKey,
        item: &ItemCommit,
        sequence: &mut u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (scope, epoch) = (&commit.scope, commit.lease.epoch());
        let mut next = || {
            *sequence = sequence.saturating_add(1);
            *sequence
        };
        for entry in &item.history {
            // Two commits of one run within a millisecond must not write one row.
            let place = self.place(&mut next);
            let at = entry.at.as_millisecond();
            let row = RowBuilder::new(keys::history(scope, entry.link, at, epoch, place));
            batch.put_plain(row.document(entry)?.expires(later(now, HISTORY_SECONDS)));
        }
        for mail in &item.mails {
            let place = self.place(&mut next);
            let at = mail.at.as_millisecond();
            let recipients = mail.recipients_text();
            let context = mail_context(scope, mail.link);
            let expires = later(now, LEDGER_SECONDS);
            let stored =
                self.store_content(scope, key, &recipients, &context, now, Some(expires)).await?;
            let row = RowBuilder::new(keys::mail(scope, at, epoch, place))
                .document(&mail.document())?
                .expires(expires);
            batch.put_plain(stored.put(RECIPIENTS, row));
        }
        if let Some(brake) = item.brake.filter(Brake::is_spent) {
            batch.charge(brake);
        }
        Ok(())
    }

    async fn prepare_cursor(
        &self,
        batch: &mut Batch,
        scope: &MailboxScope,
        key: &DataKey,
        collection: &Collection,
        cursor: &CursorRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let document = CursorDocument {
            generation: cursor.generation,
            comparing: cursor.comparing,
            progress: cursor.progress.as_ref().map(|kept| kept.text.clone()),
            is_work: cursor.progress.as_ref().is_some_and(|kept| kept.is_work),
            updated_at: now,
        };
        let mut row = RowBuilder::new(keys::cursor(scope, collection)).document(&document)?;
        if let Some(content) = &cursor.cursor {
            let context = cursors::context(scope, collection);
            let stored = self.store_content(scope, key, content, &context, now, None).await?;
            row = stored.put(CURSOR, row);
        }
        batch.garbage.extend(cursor.chunks.iter().cloned());
        batch.put_plain(row);
        Ok(())
    }

    /// A place among rows of one millisecond: in order within the commit, and another one in
    /// another commit of the same run.
    fn place(&self, next: &mut impl FnMut() -> u32) -> Place {
        let mut nonce = [0; 4];
        self.keyring.fill(&mut nonce);
        Place { sequence: next(), nonce: u32::from_be_bytes(nonce) }
    }
}

fn prepare_link_delete(batch: &mut Batch, scope: &MailboxScope, row: &LinkRow) {
    let expected = (row.revision > 0).then_some(row.revision);
    batch.put(
        Purpose::Link(row.link),
        Write::Delete { key: keys::link(scope, row.link), condition: Some(unmoved(expected)) },
    );
    batch.garbage.extend(row.origin.chunks.iter().cloned());
    if let Some(left) = &row.origin.remote_id {
        leave_index(batch, keys::remote(scope, left), row.link);
    }
    if let Some(left) = &row.origin.uid {
        batch.delete_plain(keys::uid(scope, left, row.link));
    }
}

/// Another link may have taken the remote id over in the meantime.
fn leave_index(batch: &mut Batch, key: Key, link: LinkId) {
    let ours = Condition::Equals(LINK.to_owned(), Value::Text(link.to_string()));
    let condition = Some(Condition::Any(vec![Condition::Absent, ours]));
    batch.put(Purpose::Index, Write::Delete { key, condition });
}

fn pack(batches: &mut Vec<Batch>, batch: Batch) {
    match batches.last_mut() {
        Some(last) if last.takes(&batch) => last.append(batch),
        _ => batches.push(batch),
    }
}
