//! Items as DynamoDB's attribute maps, and back.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Attributes;
use crate::limits::{PARTITION, SORT};
use crate::table::{Item, Key, StoreError, Value};

pub(super) fn build_key(key: &Key) -> Attributes {
    Attributes::from([
        (PARTITION.to_owned(), AttributeValue::S(key.partition.clone())),
        (SORT.to_owned(), AttributeValue::S(key.sort.clone())),
    ])
}

pub(super) fn build_item(item: &Item) -> Attributes {
    let mut attributes = build_key(&item.key);
    let values = item.attributes.iter();
    attributes.extend(values.map(|(name, value)| (name.clone(), build_value(value))));
    attributes
}

pub(super) fn build_value(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
        Value::Flag(flag) => AttributeValue::Bool(*flag),
    }
}

pub(super) fn read_item(attributes: &Attributes) -> Result<Item, StoreError> {
    let others = attributes.iter();
    let others = others.filter(|(name, _)| !matches!(name.as_str(), PARTITION | SORT));
    Ok(Item {
        key: read_key(attributes)?,
        attributes: others
            .map(|(name, value)| Ok((name.clone(), read_value(value)?)))
            .collect::<Result<_, StoreError>>()?,
    })
}

pub(super) fn read_key(attributes: &Attributes) -> Result<Key, StoreError> {
    Ok(Key { partition: read_text(attributes, PARTITION)?, sort: read_text(attributes, SORT)? })
}

pub(super) fn read_text(attributes: &Attributes, name: &str) -> Result<String, StoreError> {
    match attributes.get(name) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(StoreError::Corrupt("a key is not text")),
    }
}

pub(super) fn read_number(attributes: &Attributes, name: &str) -> Result<i64, StoreError> {
    match attributes.get(name) {
        Some(AttributeValue::N(number)) => parse_number(number),
        _ => Err(StoreError::Corrupt("an attribute is not a number")),
    }
}

fn read_value(value: &AttributeValue) -> Result<Value, StoreError> {
    match value {
        AttributeValue::S(text) => Ok(Value::Text(text.clone())),
        AttributeValue::N(number) => Ok(Value::Number(parse_number(number)?)),
        AttributeValue::B(blob) => Ok(Value::Bytes(blob.as_ref().to_vec())),
        AttributeValue::Bool(flag) => Ok(Value::Flag(*flag)),
        _ => Err(StoreError::Corrupt("an attribute of a type we never write")),
    }
}

fn parse_number(number: &str) -> Result<i64, StoreError> {
    let parsed = number.parse();
    parsed.map_err(|_| StoreError::Corrupt("a number is not whole or left 64 bits"))
}
