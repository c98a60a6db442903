//! Contents in rows: encrypted, inline while small, else in chunks that are stored before the row
//! that refers to them.
//!
//! Chunks are named by the hash of what was encrypted, which no two attempts share, so storing them
//! again never harms what a row refers to. What a crash leaves behind is found by
//! [`Records::remove_orphaned_chunks`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Records;
use super::crypto::DataKey;
use super::ids::MailboxScope;
use super::keys;
use super::row::{Row, RowBuilder, is_expired};
use crate::table::{Condition, Item, Order, Span, StoreError, Value, Write};

/// Most bytes of a content, encrypted, that stand in the row itself. A link has two of them and
/// stays under the 400 KB of an item.
const INLINE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a chunk: an item of 400 KB less its key and attributes.
const CHUNK_BYTES: usize = 350 * 1024;
/// After this many seconds a chunk that no row refers to is garbage: no attempt to write takes that
/// long.
const ORPHAN_SECONDS: i64 = 24 * 3600;
/// Chunks that are looked at in one query.
const PAGE_ITEMS: usize = 200;

/// What a content says whose chunks are not there, or no longer.
pub(crate) const CHUNK_MISSING: &str = "a chunk is missing";

const DATA: &str = "data";
const WRITTEN_AT: &str = "written_at";
/// What the name of an attribute ends with when it refers to chunks.
pub(crate) const CHUNKS_SUFFIX: &str = "_chunks";

/// A content that is ready to be put into a row. Its chunks, if any, are stored already.
#[derive(Clone)]
pub(crate) enum Stored {
    /// It stands in the row.
    Inline(Vec<u8>),
    /// The row refers to it.
    Chunked(ChunkRef),
}

/// Which chunks a content is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkRef {
    hash: String,
    count: usize,
}

impl ChunkRef {
    fn write(&self) -> String {
        format!("{}:{}", self.hash, self.count)
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        let wrong = StoreError::Corrupt("a reference to chunks does not have its form");
        let (hash, count) = text.split_once(':').ok_or(wrong.clone())?;
        Ok(Self { hash: hash.to_owned(), count: count.parse().map_err(|_| wrong)? })
    }
}

impl Stored {
    /// Puts it under `name` into a row.
    pub(crate) fn put(self, name: &str, row: RowBuilder) -> RowBuilder {
        match self {
            Self::Inline(bytes) => row.value(name, Value::Bytes(bytes)),
            Self::Chunked(chunks) => row.text(&format!("{name}{CHUNKS_SUFFIX}"), chunks.write()),
        }
    }
}

/// Which chunks a row refers to.
pub(crate) fn chunks_of(item: &Item) -> Result<Vec<ChunkRef>, StoreError> {
    let references = item.attributes.iter();
    references
        .filter(|(name, _)| name.ends_with(CHUNKS_SUFFIX))
        .map(|(_, value)| match value {
            Value::Text(text) => ChunkRef::read(text),
            _ => Err(StoreError::Corrupt("a reference to chunks does not have its form")),
        })
        .collect()
}

impl Records {
    /// Encrypts a content and stores its chunks, if it needs any.
    pub(crate) async fn store_content(
        &self,
        scope: &MailboxScope,
        data_key: &DataKey,
        content: &[u8],
        context: &str,
        now: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<Stored, StoreError> {
        let sealed = data_key.seal(content, context.as_bytes())?;
        if sealed.len() <= INLINE_BYTES_MAX {
            return Ok(Stored::Inline(sealed));
        }
        let hash = keys::digest(&sealed);
        let mut count = 0;
        for chunk in sealed.chunks(CHUNK_BYTES) {
            let mut row = RowBuilder::new(keys::chunk(scope, &hash, count))
                .value(DATA, Value::Bytes(chunk.to_vec()))
                .moment(WRITTEN_AT, now);
            if let Some(expires) = expires {
                row = row.expires(expires);
            }
            self.put(row.build(), None).await?;
            count += 1;
        }
        Ok(Stored::Chunked(ChunkRef { hash, count }))
    }

    /// Reads the content under `name` of a row; none when there is none, or when the key was
    /// destroyed and nobody can read it any more.
    pub(crate) async fn load_content(
        &self,
        scope: &MailboxScope,
        data_key: Option<&DataKey>,
        row: Row<'_>,
        name: &str,
        context: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(data_key) = data_key else {
            return Ok(None);
        };
        if let Some(sealed) = row.optional_bytes(name)? {
            return data_key.open(sealed, context.as_bytes()).map(Some);
        }
        let Some(reference) = row.optional_text(&format!("{name}{CHUNKS_SUFFIX}"))? else {
            return Ok(None);
        };
        let reference = ChunkRef::read(reference)?;
        let mut sealed = Vec::new();
        for index in 0..reference.count {
            let key = keys::chunk(scope, &reference.hash, index);
            let item = self.table.get(&key).await?;
            let item = item.ok_or(StoreError::Corrupt(CHUNK_MISSING))?;
            sealed.extend_from_slice(Row::new(&item)?.bytes(DATA)?);
        }
        if keys::digest(&sealed) != reference.hash {
            return Err(StoreError::Corrupt("chunks do not make up their content"));
        }
        data_key.open(&sealed, context.as_bytes()).map(Some)
    }

    /// Deletes chunks that no row refers to any more. What is left behind by a failure is garbage
    /// for [`Records::remove_orphaned_chunks`].
    pub(crate) async fn delete_chunks(&self, scope: &MailboxScope, chunks: &[ChunkRef]) {
        for reference in chunks {
            for index in 0..reference.count {
                let key = keys::chunk(scope, &reference.hash, index);
                if self.table.write(Write::Delete { key, condition: None }).await.is_err() {
                    tracing::debug!("a chunk was left behind");
                    return;
                }
            }
        }
    }

    /// Deletes chunks of a mailbox that were written a day ago or earlier and that no row refers to:
    /// what attempts left behind that did not come to their end. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_orphaned_chunks(
        &self,
        scope: &MailboxScope,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        // What is old is noted before the references are read: a chunk is never referred to later
        // than in the attempt that wrote it.
        let candidates = self.old_chunks(scope, now).await?;
        if candidates.is_empty() {
            return Ok(0);
        }
        let used = self.used_chunks(scope).await?;
        let mut removed = 0;
        for (hash, orphans) in candidates {
            if used.contains(&hash) {
                continue;
            }
            for sort in orphans {
                let key = keys::in_mailbox(scope, sort);
                self.table.write(Write::Delete { key, condition: None }).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn old_chunks(
        &self,
        scope: &MailboxScope,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.page(scope, keys::CHUNKS, after.as_deref(), PAGE_ITEMS).await?;
            for item in &page.items {
                // Those with an end of their own go without help.
                let has_end = item.attributes.contains_key(crate::table::EXPIRES);
                let written = Row::new(item)?.moment(WRITTEN_AT)?.unwrap_or(Timestamp::MIN);
                let age = now.duration_since(written).as_secs();
                let hash = item.key.sort.strip_prefix(keys::CHUNKS);
                let hash = hash.and_then(|rest| rest.split_once('#'));
                if let Some((hash, _)) = hash
                    && !has_end
                    && age >= ORPHAN_SECONDS
                {
                    found.entry(hash.to_owned()).or_default().push(item.key.sort.clone());
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    async fn used_chunks(&self, scope: &MailboxScope) -> Result<BTreeSet<String>, StoreError> {
        let mut used = BTreeSet::new();
        for prefix in [keys::LINKS, keys::INTENTS, keys::HOLDS, "PENDING#", "CURSOR#"] {
            let mut after = None;
            loop {
                let page = self.page(scope, prefix, after.as_deref(), PAGE_ITEMS).await?;
                for item in &page.items {
                    used.extend(chunks_of(item)?.into_iter().map(|chunks| chunks.hash));
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(used)
    }

    /// A page of a mailbox's rows, by rising key.
    pub(crate) async fn page(
        &self,
        scope: &MailboxScope,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<crate::table::Page, StoreError> {
        let span = Span::Prefix(prefix.to_owned());
        let partition = keys::mailbox_partition(scope);
        self.table.query(&partition, &span, after, Order::Ascending, limit).await
    }

    /// The data key of a mailbox, made when there is none yet. A mailbox that was deleted gets none
    /// any more: erasure is final.
    pub(crate) async fn data_key(&self, scope: &MailboxScope) -> Result<DataKey, StoreError> {
        if let Some(known) = self.existing_data_key(scope).await? {
            return Ok(known);
        }
        let context = keys::mailbox_partition(scope);
        let (made, wrapped) = self.keyring.make_data_key(context.as_bytes())?;
        let row = RowBuilder::new(keys::data_key(scope)).value(DATA, Value::Bytes(wrapped));
        let writes = vec![
            Write::Check { key: keys::mailbox(scope), condition: Condition::Exists },
            Write::Put { item: row.build(), condition: Some(Condition::Absent) },
        ];
        match self.transact(writes).await {
            Ok(()) => {
                self.remember_key(scope, &made);
                Ok(made)
            }
            Err(StoreError::ConditionFailed { index: 0, .. }) => {
                Err(StoreError::Corrupt("there is no such mailbox"))
            }
            // Somebody else was first, or our own answer got lost: what stands there counts.
            Err(StoreError::ConditionFailed { .. } | StoreError::Unavailable(_)) => self
                .existing_data_key(scope)
                .await?
                .ok_or_else(|| StoreError::Unavailable("no data key was stored".to_owned())),
            Err(error) => Err(error),
        }
    }

    /// The data key of a mailbox; none when it was never made or is destroyed.
    pub(crate) async fn existing_data_key(
        &self,
        scope: &MailboxScope,
    ) -> Result<Option<DataKey>, StoreError> {
        if let Some(known) = self.remembered_key(scope) {
            return Ok(Some(known));
        }
        let Some(item) = self.table.get(&keys::data_key(scope)).await? else {
            return Ok(None);
        };
        let context = keys::mailbox_partition(scope);
        let opened =
            self.keyring.open_data_key(Row::new(&item)?.bytes(DATA)?, context.as_bytes())?;
        self.remember_key(scope, &opened);
        Ok(Some(opened))
    }
}

/// Rows whose time is not over.
pub(crate) fn unexpired(items: Vec<Item>, now: Timestamp) -> impl Iterator<Item = Item> {
    items.into_iter().filter(move |item| !is_expired(item, now))
}
