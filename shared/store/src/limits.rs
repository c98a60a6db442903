//! What the table refuses before anything is sent or changed, and how it counts bytes.
//!
//! Sources: DynamoDB developer guide, "Quotas in Amazon DynamoDB" (400 KB items, 2,048 and 1,024
//! byte keys, 100 actions and 4 MB per transaction) and "DynamoDB item sizes and formats" (how an
//! item's size is counted).

use std::collections::{BTreeMap, BTreeSet};

use crate::queue::Message;
use crate::table::{
    Condition, DUE_AT, DUE_SHARD, ITEM_BYTES_MAX, Item, Key, StoreError, TRANSACTION_BYTES_MAX,
    TRANSACTION_WRITES_MAX, UpdateAction, Value, Write,
};

/// Name of the partition key attribute.
pub(crate) const PARTITION: &str = "pk";
/// Name of the sort key attribute.
pub(crate) const SORT: &str = "sk";
/// Most bytes of a partition key.
pub(crate) const PARTITION_BYTES_MAX: usize = 2048;
/// Most bytes of a sort key.
pub(crate) const SORT_BYTES_MAX: usize = 1024;
/// Most items that are read together.
const READ_TOGETHER_MAX: usize = 100;

const ITEM_TOO_LARGE: StoreError = StoreError::TooLarge("an item over 400 KB");
/// What a transaction over 4 MB is refused with.
pub(crate) const TRANSACTION_TOO_LARGE: StoreError =
    StoreError::TooLarge("a transaction over 4 MB");

/// Refuses keys that DynamoDB does not take.
pub(crate) fn check_key(key: &Key) -> Result<(), StoreError> {
    if key.partition.is_empty() || key.sort.is_empty() {
        return Err(StoreError::Corrupt("a key is empty"));
    }
    if key.partition.len() > PARTITION_BYTES_MAX {
        return Err(StoreError::TooLarge("a partition key over 2,048 bytes"));
    }
    if key.sort.len() > SORT_BYTES_MAX {
        return Err(StoreError::TooLarge("a sort key over 1,024 bytes"));
    }
    Ok(())
}

/// Refuses keys that cannot be read in one request.
pub(crate) fn check_together(keys: &[Key]) -> Result<(), StoreError> {
    if keys.len() > READ_TOGETHER_MAX {
        return Err(StoreError::TooLarge("more than 100 items read together"));
    }
    keys.iter().try_for_each(check_key)
}

/// Refuses attributes that shadow the key or do not fit the index.
pub(crate) fn check_attribute(name: &str, value: &Value) -> Result<(), StoreError> {
    check_name(name)?;
    let fits = match (name, value) {
        (DUE_SHARD, Value::Text(shard)) => !shard.is_empty() && shard.len() <= PARTITION_BYTES_MAX,
        (DUE_AT, Value::Number(_)) => true,
        (DUE_SHARD | DUE_AT, _) => false,
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(StoreError::Corrupt("an index attribute of the wrong type or length"))
    }
}

fn check_name(name: &str) -> Result<(), StoreError> {
    match name {
        "" => Err(StoreError::Corrupt("an attribute has no name")),
        PARTITION | SORT => Err(StoreError::Corrupt("an attribute is named like a key")),
        _ => Ok(()),
    }
}

/// Refuses an item that DynamoDB would not take as it stands.
pub(crate) fn check_item(item: &Item) -> Result<(), StoreError> {
    check_key(&item.key)?;
    for (name, value) in &item.attributes {
        check_attribute(name, value)?;
    }
    check_size(&item.key, &item.attributes)
}

/// Refuses an item over 400 KB.
pub(crate) fn check_size(
    key: &Key,
    attributes: &BTreeMap<String, Value>,
) -> Result<(), StoreError> {
    if item_bytes(key, attributes) > ITEM_BYTES_MAX {
        return Err(ITEM_TOO_LARGE);
    }
    Ok(())
}

/// Refuses a write that can be told to be wrong without looking at what is stored.
pub(crate) fn check_write(write: &Write) -> Result<(), StoreError> {
    let condition = match write {
        Write::Put { item, condition } => {
            check_item(item)?;
            condition.as_ref()
        }
        Write::Delete { key, condition } => {
            check_key(key)?;
            condition.as_ref()
        }
        Write::Check { key, condition } => {
            check_key(key)?;
            Some(condition)
        }
        Write::Update { key, actions, condition } => {
            check_key(key)?;
            check_actions(actions)?;
            condition.as_ref()
        }
    };
    condition.map_or(Ok(()), check_condition)
}

/// Refuses an order between flags, as DynamoDB does ("incorrect operand type for operator"); not
/// every emulator does.
fn check_condition(condition: &Condition) -> Result<(), StoreError> {
    match condition {
        Condition::Less(_, Value::Flag(_))
        | Condition::AtMost(_, Value::Flag(_))
        | Condition::Greater(_, Value::Flag(_)) => Err(StoreError::Corrupt("a flag has no order")),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().try_for_each(check_condition),
        Condition::Exists
        | Condition::Absent
        | Condition::Has(_)
        | Condition::Lacks(_)
        | Condition::Equals(..)
        | Condition::Less(..)
        | Condition::AtMost(..)
        | Condition::Greater(..) => Ok(()),
    }
}

fn check_actions(actions: &[UpdateAction]) -> Result<(), StoreError> {
    if actions.is_empty() {
        return Err(StoreError::Corrupt("an update says nothing"));
    }
    let mut seen = BTreeSet::new();
    for action in actions {
        let name = match action {
            UpdateAction::Set(name, value) | UpdateAction::SetIfAbsent(name, value) => {
                check_attribute(name, value)?;
                name
            }
            UpdateAction::Add(name, amount) => {
                check_attribute(name, &Value::Number(*amount))?;
                name
            }
            UpdateAction::Remove(name) => {
                check_name(name)?;
                name
            }
        };
        if !seen.insert(name) {
            return Err(StoreError::Corrupt("an update names an attribute twice"));
        }
    }
    Ok(())
}

/// Refuses a transaction that can be told to be wrong without looking at what is stored.
pub(crate) fn check_transaction(writes: &[Write]) -> Result<(), StoreError> {
    if writes.len() > TRANSACTION_WRITES_MAX {
        return Err(StoreError::TooLarge("a transaction of over 100 writes"));
    }
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for write in writes {
        check_write(write)?;
        if let Write::Put { item, .. } = write {
            bytes += item_bytes(&item.key, &item.attributes);
        }
        if !seen.insert(write_key(write)) {
            return Err(StoreError::Corrupt("a transaction names an item twice"));
        }
    }
    if bytes > TRANSACTION_BYTES_MAX {
        return Err(TRANSACTION_TOO_LARGE);
    }
    Ok(())
}

/// The item that a write is about.
pub(crate) fn write_key(write: &Write) -> &Key {
    match write {
        Write::Put { item, .. } => &item.key,
        Write::Update { key, .. } | Write::Delete { key, .. } | Write::Check { key, .. } => key,
    }
}

/// Bytes of an item as DynamoDB counts them: names and values, the key's included.
pub(crate) fn item_bytes(key: &Key, attributes: &BTreeMap<String, Value>) -> usize {
    let keys = PARTITION.len() + key.partition.len() + SORT.len() + key.sort.len();
    attributes.iter().fold(keys, |sum, (name, value)| sum + name.len() + value_bytes(value))
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Flag(_) => 1,
        Value::Number(number) => number_bytes(*number),
    }
}

/// "Approximately (length of attribute name) + (1 byte per two significant digits) + (1 byte)";
/// a negative number takes one more. Zeros at either end do not count.
fn number_bytes(number: i64) -> usize {
    let mut significant = number.unsigned_abs();
    while significant != 0 && significant.is_multiple_of(10) {
        significant /= 10;
    }
    let digits = significant.checked_ilog10().map_or(1, |log| log + 1);
    let pairs = usize::try_from(digits.div_ceil(2)).unwrap_or(usize::MAX);
    pairs + 1 + usize::from(number < 0)
}

/// Most bytes of a queue message. Source: Amazon SQS API reference, SendMessage, `MessageBody`.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Most characters of a group or deduplication id. Source: the same page.
pub(crate) const MESSAGE_ID_CHARACTERS_MAX: usize = 128;
/// For how long a deduplication id counts. Source: Amazon SQS developer guide, "Using the message
/// deduplication ID".
pub(crate) const DEDUPLICATION_SECONDS: i64 = 5 * 60;

/// Refuses a message that SQS would refuse.
pub(crate) fn check_message(message: &Message) -> Result<(), StoreError> {
    if message.body.is_empty() {
        return Err(StoreError::Corrupt("a message is empty"));
    }
    if message.body.len() > MESSAGE_BYTES_MAX {
        return Err(StoreError::TooLarge("a message over 1 MiB"));
    }
    for id in [&message.group, &message.deduplication_id] {
        // Letters, digits and ASCII punctuation: every printing ASCII character but the space.
        let fits = !id.is_empty()
            && id.len() <= MESSAGE_ID_CHARACTERS_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(StoreError::Corrupt("a message id that the queue refuses"));
        }
    }
    Ok(())
}
