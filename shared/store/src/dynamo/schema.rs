//! The table's definition, for machines that have no deployment template.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::{NOT_BUILT, failure};
use crate::limits::{PARTITION, SORT};
use crate::table::{DUE_AT, DUE_SHARD, EXPIRES, StoreError};

/// Name of the sparse index over [`DUE_SHARD`] and [`DUE_AT`]. It projects keys only.
pub const DUE_INDEX: &str = "due";

/// Creates the table: on demand, with the sparse index and time to live. A table of that name that
/// is there already is left as it is. Real DynamoDB answers before the table can be used; the
/// in-process engine is ready at once.
///
/// # Errors
/// [`StoreError`].
pub async fn create_table(client: &Client, name: &str) -> Result<(), StoreError> {
    let created = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(SORT, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(DUE_SHARD, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(DUE_AT, ScalarAttributeType::N)?)
        .key_schema(element(PARTITION, KeyType::Hash)?)
        .key_schema(element(SORT, KeyType::Range)?)
        .global_secondary_indexes(due_index()?)
        .send()
        .await;
    if let Err(error) = created {
        let is_there = error
            .as_service_error()
            .is_some_and(aws_sdk_dynamodb::operation::create_table::CreateTableError::is_resource_in_use_exception);
        if !is_there {
            return Err(failure::plain(&error));
        }
    }
    enable_expiry(client, name).await
}

/// DynamoDB refuses to enable what is enabled, so it is asked first.
async fn enable_expiry(client: &Client, name: &str) -> Result<(), StoreError> {
    let described = client.describe_time_to_live().table_name(name).send().await;
    let described = described.map_err(|error| failure::plain(&error))?;
    let is_enabled = described
        .time_to_live_description()
        .is_some_and(|description| description.attribute_name() == Some(EXPIRES));
    if is_enabled {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder()
        .attribute_name(EXPIRES)
        .enabled(true)
        .build()
        .map_err(|_| NOT_BUILT)?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(specification)
        .send()
        .await
        .map_err(|error| failure::plain(&error))?;
    Ok(())
}

fn due_index() -> Result<GlobalSecondaryIndex, StoreError> {
    GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .key_schema(element(DUE_SHARD, KeyType::Hash)?)
        .key_schema(element(DUE_AT, KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .map_err(|_| NOT_BUILT)
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, StoreError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .map_err(|_| NOT_BUILT)
}

fn element(name: &str, kind: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(|_| NOT_BUILT)
}
