//! The table on DynamoDB.
//!
//! **Repeating requests.** The SDK repeats a request whose answer got lost. A transaction may be
//! repeated, since the SDK gives each call a fresh random `ClientRequestToken` and keeps it for the
//! repetitions of that call; a token made from the content would, for ten minutes, swallow a second
//! legitimate transaction with the same content. A single write has no such token, so it is
//! repeated only if doing it twice is the same as doing it once ([`is_repeatable`]); any other
//! reports [`StoreError::Unavailable`], and the caller reads what became of it. Otherwise a counter
//! could rise twice, or a conditional write fail on its own first attempt.

mod expression;
mod failure;
mod read;
mod schema;
mod value;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Builder, Config};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ConsumedCapacity, Delete, Get, Put, ReturnConsumedCapacity,
    ReturnValue, ReturnValuesOnConditionCheckFailure, TransactGetItem, TransactWriteItem, Update,
};

pub use schema::{DUE_INDEX, create_table};

use self::expression::Expression;
use crate::consumption::{Consumed, Consumption, Rate, halves_of, write_halves};
use crate::limits;
use crate::table::{
    Condition, DueEntry, Item, Key, Order, Page, Span, StoreError, Table, UpdateAction, Write,
};

/// The table on DynamoDB: partition key `pk`, sort key `sk`, index [`DUE_INDEX`]. Clones share the
/// client.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    client: Client,
    name: String,
    consumed: Arc<Consumed>,
}

type Attributes = HashMap<String, AttributeValue>;

impl DynamoTable {
    /// The table of this name, which has to be there. Time-outs are the client's.
    pub fn new(client: Client, name: impl Into<String>) -> DynamoTable {
        DynamoTable { client, name: name.into(), consumed: Arc::default() }
    }

    /// Counts what reads took.
    fn read<'a>(&self, capacity: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units = capacity.into_iter().map(|it| halves_of(it.capacity_units()));
        self.consumed.add_read(units.sum());
    }

    /// Counts what writes took.
    fn wrote<'a>(&self, capacity: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units = capacity.into_iter().map(|it| halves_of(it.capacity_units()));
        self.consumed.add_write(units.sum());
    }

    /// Counts a write whose condition did not hold: DynamoDB bills the item that is there, and does
    /// not say how much. Source: developer guide, "Capacity unit consumption for writes".
    fn refused(&self, error: StoreError) -> StoreError {
        if let StoreError::ConditionFailed { existing, .. } = &error {
            let bytes =
                existing.as_ref().map_or(0, |it| limits::item_bytes(&it.key, &it.attributes));
            self.consumed.add_write(write_halves(bytes, Rate::Whole));
        }
        error
    }

    async fn put(
        &self,
        item: Item,
        condition: Option<&Condition>,
    ) -> Result<Option<Item>, StoreError> {
        let mut expression = Expression::default();
        let text = condition.and_then(|condition| expression.guard(condition));
        let output = self
            .client
            .put_item()
            .table_name(&self.name)
            .return_consumed_capacity(TOTAL)
            .set_item(Some(value::build_item(&item)))
            .set_condition_expression(text)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .customize()
            .config_override(attempts(condition.is_none()))
            .send()
            .await
            .map_err(|error| self.refused(failure::put(&error)))?;
        self.wrote(output.consumed_capacity());
        Ok(Some(item))
    }

    async fn update(
        &self,
        key: &Key,
        actions: &[UpdateAction],
        condition: Option<&Condition>,
    ) -> Result<Option<Item>, StoreError> {
        let mut expression = Expression::default();
        let update = expression.update(actions);
        let guard = condition.and_then(|condition| expression.guard(condition));
        let output = self
            .client
            .update_item()
            .table_name(&self.name)
            .return_consumed_capacity(TOTAL)
            .set_key(Some(value::build_key(key)))
            .update_expression(update)
            .set_condition_expression(guard)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ALL_OLD)
            .customize()
            .config_override(attempts(condition.is_none() && is_repeatable(actions)))
            .send()
            .await
            .map_err(|error| self.refused(failure::update(&error)))?;
        self.wrote(output.consumed_capacity());
        output.attributes().map(value::read_item).transpose()
    }

    async fn delete(
        &self,
        key: &Key,
        condition: Option<&Condition>,
    ) -> Result<Option<Item>, StoreError> {
        let mut expression = Expression::default();
        let text = condition.and_then(|condition| expression.guard(condition));
        let output = self
            .client
            .delete_item()
            .table_name(&self.name)
            .return_consumed_capacity(TOTAL)
            .set_key(Some(value::build_key(key)))
            .set_condition_expression(text)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .customize()
            .config_override(attempts(condition.is_none()))
            .send()
            .await
            .map_err(|error| self.refused(failure::delete(&error)))?;
        self.wrote(output.consumed_capacity());
        Ok(None)
    }

    fn build_write(&self, write: &Write) -> Result<TransactWriteItem, StoreError> {
        let builder = TransactWriteItem::builder();
        Ok(match write {
            Write::Put { item, condition } => {
                builder.put(self.build_put(item, condition.as_ref())?)
            }
            Write::Update { key, actions, condition } => {
                builder.update(self.build_update(key, actions, condition.as_ref())?)
            }
            Write::Delete { key, condition } => {
                builder.delete(self.build_delete(key, condition.as_ref())?)
            }
            Write::Check { key, condition } => {
                builder.condition_check(self.build_check(key, condition)?)
            }
        }
        .build())
    }

    fn build_put(&self, item: &Item, condition: Option<&Condition>) -> Result<Put, StoreError> {
        let mut expression = Expression::default();
        let text = condition.and_then(|it| expression.guard(it));
        Put::builder()
            .table_name(&self.name)
            .set_item(Some(value::build_item(item)))
            .set_condition_expression(text)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|_| NOT_BUILT)
    }

    fn build_update(
        &self,
        key: &Key,
        actions: &[UpdateAction],
        condition: Option<&Condition>,
    ) -> Result<Update, StoreError> {
        let mut expression = Expression::default();
        let update = expression.update(actions);
        let guard = condition.and_then(|it| expression.guard(it));
        Update::builder()
            .table_name(&self.name)
            .set_key(Some(value::build_key(key)))
            .update_expression(update)
            .set_condition_expression(guard)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|_| NOT_BUILT)
    }

    fn build_delete(&self, key: &Key, condition: Option<&Condition>) -> Result<Delete, StoreError> {
        let mut expression = Expression::default();
        let text = condition.and_then(|it| expression.guard(it));
        Delete::builder()
            .table_name(&self.name)
            .set_key(Some(value::build_key(key)))
            .set_condition_expression(text)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|_| NOT_BUILT)
    }

    fn build_check(&self, key: &Key, condition: &Condition) -> Result<ConditionCheck, StoreError> {
        let mut expression = Expression::default();
        let text = expression.whole(condition);
        ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(value::build_key(key)))
            .condition_expression(text)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ALL_OLD)
            .build()
            .map_err(|_| NOT_BUILT)
    }

    fn build_get(&self, key: &Key) -> Result<TransactGetItem, StoreError> {
        let get = Get::builder()
            .table_name(&self.name)
            .set_key(Some(value::build_key(key)))
            .build()
            .map_err(|_| NOT_BUILT)?;
        Ok(TransactGetItem::builder().get(get).build())
    }
}

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;
const TOTAL: ReturnConsumedCapacity = ReturnConsumedCapacity::Total;
const NOT_BUILT: StoreError = StoreError::Corrupt("a request lacks a required part");

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        limits::check_key(key)?;
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .return_consumed_capacity(TOTAL)
            .set_key(Some(value::build_key(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failure::plain(&error))?;
        self.read(output.consumed_capacity());
        output.item().map(value::read_item).transpose()
    }

    /// Several times the same key is read once: DynamoDB refuses it otherwise.
    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        limits::check_together(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let distinct: BTreeSet<&Key> = keys.iter().collect();
        let gets = distinct.iter().map(|key| self.build_get(key));
        let output = self
            .client
            .transact_get_items()
            .set_transact_items(Some(gets.collect::<Result<_, _>>()?))
            .return_consumed_capacity(TOTAL)
            .send()
            .await
            .map_err(|error| failure::transact_get(&error))?;
        self.read(output.consumed_capacity());
        let responses = output.responses();
        if responses.len() != distinct.len() {
            return Err(StoreError::Corrupt("an answer of another length"));
        }
        let mut found = HashMap::new();
        for (key, response) in distinct.into_iter().zip(responses) {
            // An item that is not there may come as an empty map.
            if let Some(item) = response.item().filter(|item| !item.is_empty()) {
                found.insert(key, value::read_item(item)?);
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.read_batch(keys).await
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.read_page(partition, span, after, order, limit).await
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.read_due(shard, until_ms, limit).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        limits::check_write(&write)?;
        match write {
            Write::Put { item, condition } => self.put(item, condition.as_ref()).await,
            Write::Update { key, actions, condition } => {
                self.update(&key, &actions, condition.as_ref()).await
            }
            Write::Delete { key, condition } => self.delete(&key, condition.as_ref()).await,
            // DynamoDB checks conditions alone only within a transaction.
            check @ Write::Check { .. } => {
                self.transact(vec![check]).await?;
                Ok(None)
            }
        }
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        limits::check_transaction(&writes)?;
        if writes.is_empty() {
            return Ok(());
        }
        let items = writes.iter().map(|write| self.build_write(write));
        let output = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items.collect::<Result<_, _>>()?))
            .return_consumed_capacity(TOTAL)
            .send()
            .await
            .map_err(|error| self.refused(failure::transact(&error)))?;
        self.wrote(output.consumed_capacity());
        Ok(())
    }

    fn consumed(&self) -> Consumption {
        self.consumed.total()
    }
}

/// Whether doing it twice is the same as doing it once.
fn is_repeatable(actions: &[UpdateAction]) -> bool {
    actions.iter().all(|action| match action {
        UpdateAction::Set(..) | UpdateAction::SetIfAbsent(..) | UpdateAction::Remove(_) => true,
        UpdateAction::Add(..) => false,
    })
}

/// Lets the client repeat the request as it is configured to, or not at all.
fn attempts(repeatable: bool) -> Builder {
    if repeatable {
        Config::builder()
    } else {
        Config::builder().retry_config(RetryConfig::disabled())
    }
}
