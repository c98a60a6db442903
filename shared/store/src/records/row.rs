//! How rows stand in the table: a schema version, attributes, and documents as JSON text.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::table::{EXPIRES, Item, Key, StoreError, Value};

/// Name of the attribute with the schema version of a row.
pub(crate) const VERSION: &str = "v";
/// Name of the attribute with a document's JSON text.
pub(crate) const DOCUMENT: &str = "doc";
/// Name of the attribute with a document's revision.
pub(crate) const REVISION: &str = "rev";

/// The schema version of rows that are written today.
const VERSION_TODAY: i64 = 1;

/// A settings document with the revision that a later put has to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<T> {
    /// What it says.
    pub value: T,
    /// Counts its puts; 1 for the first.
    pub revision: u64,
}

/// Builds a row attribute by attribute.
pub(crate) struct RowBuilder {
    item: Item,
}

impl RowBuilder {
    pub(crate) fn new(key: Key) -> Self {
        let attributes = BTreeMap::from([(VERSION.to_owned(), Value::Number(VERSION_TODAY))]);
        Self { item: Item { key, attributes } }
    }

    pub(crate) fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.value(name, Value::Text(value.into()))
    }

    pub(crate) fn number(self, name: &str, value: u64) -> Self {
        self.value(name, number(value))
    }

    pub(crate) fn moment(self, name: &str, at: Timestamp) -> Self {
        self.value(name, Value::Number(at.as_millisecond()))
    }

    pub(crate) fn expires(self, at: Timestamp) -> Self {
        self.value(EXPIRES, Value::Number(at.as_second()))
    }

    pub(crate) fn document<T: Serialize>(self, value: &T) -> Result<Self, StoreError> {
        let text = encode(value)?;
        Ok(self.text(DOCUMENT, text))
    }

    pub(crate) fn value(mut self, name: &str, value: Value) -> Self {
        self.item.attributes.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn build(self) -> Item {
        self.item
    }
}

/// A document's JSON text.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a document cannot be written"))
}

/// A count as the table holds it. Counts do not reach 2^63.
pub(crate) fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Reads attributes of a row; a wrong type or an unknown version is corrupt.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    item: &'a Item,
}

impl<'a> Row<'a> {
    pub(crate) fn new(item: &'a Item) -> Result<Self, StoreError> {
        match item.attributes.get(VERSION) {
            // An update that creates a row does not say a version: it is the first.
            None => Ok(Self { item }),
            Some(Value::Number(version)) if *version == VERSION_TODAY => Ok(Self { item }),
            Some(_) => Err(StoreError::Corrupt("a row has a version that is not known")),
        }
    }

    pub(crate) fn optional_text(self, name: &str) -> Result<Option<&'a str>, StoreError> {
        match self.item.attributes.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(StoreError::Corrupt("an attribute should be text")),
        }
    }

    pub(crate) fn text(self, name: &str) -> Result<&'a str, StoreError> {
        self.optional_text(name)?.ok_or(StoreError::Corrupt("an attribute is missing"))
    }

    pub(crate) fn optional_bytes(self, name: &str) -> Result<Option<&'a [u8]>, StoreError> {
        match self.item.attributes.get(name) {
            None => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(StoreError::Corrupt("an attribute should be bytes")),
        }
    }

    pub(crate) fn bytes(self, name: &str) -> Result<&'a [u8], StoreError> {
        self.optional_bytes(name)?.ok_or(StoreError::Corrupt("an attribute is missing"))
    }

    fn integer(self, name: &str) -> Result<Option<i64>, StoreError> {
        match self.item.attributes.get(name) {
            None => Ok(None),
            Some(Value::Number(value)) => Ok(Some(*value)),
            Some(_) => Err(StoreError::Corrupt("an attribute should be a number")),
        }
    }

    /// A counter; one that is not there stands at 0.
    pub(crate) fn count(self, name: &str) -> Result<u64, StoreError> {
        let value = self.integer(name)?.unwrap_or(0);
        u64::try_from(value).map_err(|_| StoreError::Corrupt("a counter is negative"))
    }

    pub(crate) fn moment(self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        self.integer(name)?
            .map(|ms| {
                Timestamp::from_millisecond(ms)
                    .map_err(|_| StoreError::Corrupt("a moment is out of range"))
            })
            .transpose()
    }

    pub(crate) fn document<T: DeserializeOwned>(self) -> Result<T, StoreError> {
        serde_json::from_str(self.text(DOCUMENT)?)
            .map_err(|_| StoreError::Corrupt("a document does not have its form"))
    }

    /// Counters whose names begin so, by the rest of their names.
    pub(crate) fn counters(self, prefix: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let names = self.item.attributes.keys();
        names
            .filter_map(|name| Some((name, name.strip_prefix(prefix)?)))
            .map(|(name, rest)| Ok((rest.to_owned(), self.count(name)?)))
            .collect()
    }
}

/// Whether the row's time is over. DynamoDB drops such rows some day; until then they are there.
pub(crate) fn is_expired(item: &Item, now: Timestamp) -> bool {
    match item.attributes.get(EXPIRES) {
        Some(Value::Number(second)) => *second <= now.as_second(),
        _ => false,
    }
}

/// A moment later by this many seconds.
pub(crate) fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
