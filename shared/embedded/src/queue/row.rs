//! The queue's rows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tidemark_store::memory::FifoEntry;
use tidemark_store::table::EXPIRES;
use tidemark_store::{Item, Key, StoreError, Value};

pub(super) const PARTITION: &str = "queue";
pub(super) const MESSAGE: &str = "message#";
pub(super) const SEEN: &str = "seen#";
pub(super) const DELIVERIES: &str = "deliveries";
pub(super) const HIDDEN_UNTIL: &str = "hidden_until";

const GROUP: &str = "group";
const BODY: &str = "body";
const AT: &str = "at";
/// The table's schema version, as in every row.
const VERSION: (&str, Value) = ("version", Value::Number(1));
/// Seconds after which a sight of an id may be dropped: well after it stops to count.
const SEEN_KEPT_SECONDS: i64 = 3600;

/// Places sort as text in the order of their numbers.
pub(super) fn message_key(sequence: u64) -> Key {
    key(format!("{MESSAGE}{sequence:020}"))
}

pub(super) fn build_message(entry: &FifoEntry) -> Item {
    let deliveries = Value::Number(i64::from(entry.deliveries));
    let mut attributes = BTreeMap::from([
        (GROUP.to_owned(), Value::Text(entry.group.clone())),
        (BODY.to_owned(), Value::Text(entry.body.clone())),
        (DELIVERIES.to_owned(), deliveries),
        (VERSION.0.to_owned(), VERSION.1),
    ]);
    attributes.extend(entry.hidden_until.map(|until| {
        let until = Value::Number(until.as_millisecond());
        (HIDDEN_UNTIL.to_owned(), until)
    }));
    Item { key: message_key(entry.sequence), attributes }
}

pub(super) fn read_message(item: &Item) -> Result<FifoEntry, StoreError> {
    let sequence = item.key.sort.strip_prefix(MESSAGE);
    let sequence = sequence.and_then(|digits| digits.parse().ok());
    let hidden_until = item.attributes.get(HIDDEN_UNTIL);
    Ok(FifoEntry {
        sequence: sequence.ok_or(StoreError::Corrupt("a queue message has no place"))?,
        group: text(item, GROUP)?,
        body: text(item, BODY)?,
        deliveries: u32::try_from(number(item, DELIVERIES)?)
            .map_err(|_| StoreError::Corrupt("a queue message's deliveries"))?,
        hidden_until: hidden_until.map(|_| timestamp(item, HIDDEN_UNTIL)).transpose()?,
    })
}

pub(super) fn build_seen(deduplication_id: &str, at: Timestamp) -> Item {
    let expires = at.as_second().saturating_add(SEEN_KEPT_SECONDS);
    Item {
        key: key(format!("{SEEN}{deduplication_id}")),
        attributes: BTreeMap::from([
            (AT.to_owned(), Value::Number(at.as_millisecond())),
            (EXPIRES.to_owned(), Value::Number(expires)),
            (VERSION.0.to_owned(), VERSION.1),
        ]),
    }
}

pub(super) fn read_seen(item: &Item) -> Result<(String, Timestamp), StoreError> {
    let id = item.key.sort.strip_prefix(SEEN);
    let id = id.ok_or(StoreError::Corrupt("a queue row of another kind"))?;
    Ok((id.to_owned(), timestamp(item, AT)?))
}

fn key(sort: String) -> Key {
    Key { partition: PARTITION.to_owned(), sort }
}

fn text(item: &Item, name: &str) -> Result<String, StoreError> {
    match item.attributes.get(name) {
        Some(Value::Text(text)) => Ok(text.clone()),
        _ => Err(StoreError::Corrupt("a queue row lacks a text")),
    }
}

fn number(item: &Item, name: &str) -> Result<i64, StoreError> {
    match item.attributes.get(name) {
        Some(Value::Number(number)) => Ok(*number),
        _ => Err(StoreError::Corrupt("a queue row lacks a number")),
    }
}

fn timestamp(item: &Item, name: &str) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(number(item, name)?)
        .map_err(|_| StoreError::Corrupt("a queue row's time is out of range"))
}
