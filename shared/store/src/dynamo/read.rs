//! Reading of more than one item.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::schema::DUE_INDEX;
use super::{Attributes, DynamoTable, NOT_BUILT, TOTAL, failure, value};
use crate::limits::{self, PARTITION, SORT};
use crate::table::{DUE_AT, DUE_SHARD, DueEntry, Item, Key, Order, Page, Span, StoreError};

/// What a query has to ask, once `after` is seen against the span: DynamoDB refuses a start key
/// that lies outside, and an upper bound below the lower one.
enum Start {
    Beginning,
    After,
    Nothing,
}

impl DynamoTable {
    /// Reads items without asking for the latest state of them (BatchGetItem; eventually consistent
    /// reads are its default). What DynamoDB leaves unprocessed makes the whole of it throttled.
    pub(super) async fn read_batch(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        limits::check_together(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // The same key twice would be refused.
        let distinct: BTreeSet<&Key> = keys.iter().collect();
        let wanted = distinct.into_iter().map(value::build_key).collect();
        let wanted = KeysAndAttributes::builder().set_keys(Some(wanted)).build();
        let output = self
            .client
            .batch_get_item()
            .request_items(&*self.name, wanted.map_err(|_| NOT_BUILT)?)
            .return_consumed_capacity(TOTAL)
            .send()
            .await
            .map_err(|error| failure::plain(&error))?;
        self.read(output.consumed_capacity());
        if output.unprocessed_keys().is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::Throttled);
        }
        let answers = output.responses().into_iter().flat_map(HashMap::values).flatten();
        let found: Result<HashMap<Key, Item>, StoreError> = answers
            .map(|attributes| {
                let item = value::read_item(attributes)?;
                Ok((item.key.clone(), item))
            })
            .collect();
        let found = found?;
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    pub(super) async fn read_page(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let start_key = match (decide_start(span, after, order), after) {
            (Start::Nothing, _) => return Ok(EMPTY),
            (Start::After, Some(after)) => Some(value::build_key(&Key {
                partition: partition.to_owned(),
                sort: after.to_owned(),
            })),
            (Start::Beginning | Start::After, _) => None,
        };
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .return_consumed_capacity(TOTAL)
            .consistent_read(true)
            .expression_attribute_names("#p", PARTITION)
            .expression_attribute_values(":p", text(partition))
            .scan_index_forward(order == Order::Ascending)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start_key);
        // A key value may not be empty, and what is not named may not be declared.
        query = match span {
            Span::Prefix(prefix) if prefix.is_empty() => query.key_condition_expression("#p = :p"),
            Span::Prefix(prefix) => query
                .key_condition_expression("#p = :p AND begins_with(#s, :s)")
                .expression_attribute_names("#s", SORT)
                .expression_attribute_values(":s", text(prefix)),
            Span::Between(first, last) if first.is_empty() => query
                .key_condition_expression("#p = :p AND #s <= :t")
                .expression_attribute_names("#s", SORT)
                .expression_attribute_values(":t", text(last)),
            Span::Between(first, last) => query
                .key_condition_expression("#p = :p AND #s BETWEEN :s AND :t")
                .expression_attribute_names("#s", SORT)
                .expression_attribute_values(":s", text(first))
                .expression_attribute_values(":t", text(last)),
        };
        let output = query.send().await.map_err(|error| failure::plain(&error))?;
        self.read(output.consumed_capacity());
        let items = output.items().iter().map(value::read_item);
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next: output
                .last_evaluated_key()
                .filter(|key| !key.is_empty())
                .map(|key| value::read_text(key, SORT))
                .transpose()?,
        })
    }

    pub(super) async fn read_due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        let mut entries = Vec::new();
        let mut start_key = None;
        while entries.len() < limit && !shard.is_empty() {
            let left = limit - entries.len();
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(DUE_INDEX)
                .return_consumed_capacity(TOTAL)
                .key_condition_expression("#s = :s AND #a <= :a")
                .expression_attribute_names("#s", DUE_SHARD)
                .expression_attribute_names("#a", DUE_AT)
                .expression_attribute_values(":s", text(shard))
                .expression_attribute_values(":a", AttributeValue::N(until_ms.to_string()))
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(|error| failure::plain(&error))?;
            self.read(output.consumed_capacity());
            for item in output.items() {
                entries.push(read_due_entry(item)?);
            }
            start_key = output.last_evaluated_key.filter(|key| !key.is_empty());
            if start_key.is_none() {
                break;
            }
        }
        Ok(entries)
    }
}

const EMPTY: Page = Page { items: Vec::new(), next: None };

fn read_due_entry(item: &Attributes) -> Result<DueEntry, StoreError> {
    Ok(DueEntry { key: value::read_key(item)?, due_at_ms: value::read_number(item, DUE_AT)? })
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn decide_start(span: &Span, after: Option<&str>, order: Order) -> Start {
    if let Span::Between(first, last) = span
        && (last.is_empty() || first > last)
    {
        return Start::Nothing;
    }
    let Some(after) = after else {
        return Start::Beginning;
    };
    let (is_before, is_inside) = match span {
        Span::Prefix(prefix) => (after < prefix.as_str(), after.starts_with(prefix.as_str())),
        Span::Between(first, last) => {
            (after < first.as_str(), first.as_str() <= after && after <= last.as_str())
        }
    };
    match order {
        _ if after.is_empty() => match order {
            Order::Ascending => Start::Beginning,
            Order::Descending => Start::Nothing,
        },
        _ if is_inside => Start::After,
        Order::Ascending if is_before => Start::Beginning,
        Order::Descending if !is_before => Start::Beginning,
        Order::Ascending | Order::Descending => Start::Nothing,
    }
}
