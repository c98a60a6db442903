//! The table as the product sees it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::consumption::Consumption;

/// Largest item that DynamoDB holds, names and values together.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Most writes in one transaction.
pub const TRANSACTION_WRITES_MAX: usize = 100;
/// Most bytes in one transaction.
pub const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Name of the attribute with the second (since 1970) after which an item may be dropped.
pub const EXPIRES: &str = "expires";
/// Name of the attribute that is the partition of the sparse index.
pub const DUE_SHARD: &str = "due_shard";
/// Name of the attribute that orders the sparse index: milliseconds since 1970.
pub const DUE_AT: &str = "due_at";

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Yes or no.
    Flag(bool),
}

/// Where an item stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub partition: String,
    /// Sort key.
    pub sort: String,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it stands.
    pub key: Key,
    /// What it says, keys apart.
    pub attributes: BTreeMap<String, Value>,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The item is there.
    Exists,
    /// The item is not there.
    Absent,
    /// The attribute is there.
    Has(String),
    /// The attribute is not there (or the item is not).
    Lacks(String),
    /// The attribute equals the value.
    Equals(String, Value),
    /// The attribute is less than the value; false when it is not there.
    Less(String, Value),
    /// The attribute is less than or equal to the value; false when it is not there.
    AtMost(String, Value),
    /// The attribute is greater than the value; false when it is not there.
    Greater(String, Value),
    /// All of them hold; an empty list holds.
    All(Vec<Condition>),
    /// One of them holds at least; an empty list does not.
    Any(Vec<Condition>),
}

/// One step of an update. An update of an absent item creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateAction {
    /// Sets an attribute.
    Set(String, Value),
    /// Sets an attribute unless it is there.
    SetIfAbsent(String, Value),
    /// Adds to a number; one that is not there counts as 0.
    Add(String, i64),
    /// Removes an attribute.
    Remove(String),
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts a whole item.
    Put {
        /// The item.
        item: Item,
        /// What must hold before.
        condition: Option<Condition>,
    },
    /// Changes some attributes.
    Update {
        /// Of which item.
        key: Key,
        /// How; no attribute appears twice.
        actions: Vec<UpdateAction>,
        /// What must hold before.
        condition: Option<Condition>,
    },
    /// Deletes an item, whether it is there or not.
    Delete {
        /// Which one.
        key: Key,
        /// What must hold before.
        condition: Option<Condition>,
    },
    /// Writes nothing, but lets the transaction fail.
    Check {
        /// Of which item.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
}

/// Which sort keys of a partition a query takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// All that begin so.
    Prefix(String),
    /// All between the two, both included.
    Between(String, String),
}

/// In which order a query goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By rising sort key.
    Ascending,
    /// By falling sort key.
    Descending,
}

/// A page of a query.
#[derive(Debug, Clone)]
pub struct Page {
    /// The items, in order.
    pub items: Vec<Item>,
    /// The sort key after which to go on; none when nothing is left.
    pub next: Option<String>,
}

/// An entry of the sparse index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEntry {
    /// The item that is due.
    pub key: Key,
    /// When, in milliseconds since 1970.
    pub due_at_ms: i64,
}

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold; nothing was written.
    #[error("the condition of write {index} did not hold")]
    ConditionFailed {
        /// Which write of a transaction (0 for a single one).
        index: usize,
        /// The item as it is, if it is there.
        existing: Option<Box<Item>>,
    },
    /// Another transaction is at the same items; nothing was written, try again.
    #[error("another transaction is at the same items")]
    Conflict,
    /// Too many requests; nothing was written, try again later.
    #[error("the store is throttling")]
    Throttled,
    /// The item or transaction is larger than the table holds.
    #[error("larger than the table holds: {0}")]
    TooLarge(&'static str),
    /// No answer; a write may have happened.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// Something stored does not have the form it should.
    #[error("stored data has an unexpected form: {0}")]
    Corrupt(&'static str),
}

/// The table. Every read is consistent except [`Table::glance`] and [`Table::due`].
#[async_trait]
pub trait Table: Send + Sync {
    /// Reads one item.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError>;

    /// Reads up to 100 items as of one moment, in the order of `keys`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError>;

    /// Reads up to 100 items, in the order of `keys`, each as it was moments ago: not of one moment,
    /// and possibly older than what was read before. A quarter of what [`Table::get_together`] costs.
    ///
    /// # Errors
    /// [`StoreError`]; `Throttled` also where only a part of them was read.
    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError>;

    /// Reads items of one partition, at most `limit` (and at most 1 MB) of them.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError>;

    /// Items of an index shard that are due at `until_ms` or before, earliest first. May lag behind
    /// by moments.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError>;

    /// Does one write. Returns the whole item as it is afterwards; none after a delete or a check.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError>;

    /// Does all of the writes or none. No item appears twice.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError>;

    /// What this handle of the table has consumed so far, with all its clones.
    fn consumed(&self) -> Consumption;
}
