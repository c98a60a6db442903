//! Why DynamoDB did not do it. Only codes are kept of its messages: they may quote keys and values.
//!
//! Sources: DynamoDB developer guide, "Error handling with DynamoDB"; API reference,
//! `TransactWriteItems`, `CancellationReason`.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;

use super::{Attributes, value};
use crate::table::StoreError;

pub(super) fn put<R>(error: &SdkError<PutItemError, R>) -> StoreError {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => condition_failed(failed),
        _ => plain(error),
    }
}

pub(super) fn update<R>(error: &SdkError<UpdateItemError, R>) -> StoreError {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => condition_failed(failed),
        _ => plain(error),
    }
}

pub(super) fn delete<R>(error: &SdkError<DeleteItemError, R>) -> StoreError {
    match error.as_service_error() {
        Some(DeleteItemError::ConditionalCheckFailedException(failed)) => condition_failed(failed),
        _ => plain(error),
    }
}

pub(super) fn transact<R>(error: &SdkError<TransactWriteItemsError, R>) -> StoreError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            cancelled(canceled.cancellation_reasons())
        }
        _ => plain(error),
    }
}

pub(super) fn transact_get<R>(error: &SdkError<TransactGetItemsError, R>) -> StoreError {
    match error.as_service_error() {
        Some(TransactGetItemsError::TransactionCanceledException(canceled)) => {
            cancelled(canceled.cancellation_reasons())
        }
        _ => plain(error),
    }
}

/// Everything that is not about a condition.
pub(super) fn plain<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    match error {
        SdkError::ServiceError(context) => {
            let service = context.err();
            from_code(service.code(), service.message())
        }
        SdkError::TimeoutError(_) => StoreError::Unavailable("time-out".to_owned()),
        SdkError::DispatchFailure(_) => StoreError::Unavailable("no connection".to_owned()),
        SdkError::ResponseError(_) => StoreError::Unavailable("unreadable answer".to_owned()),
        SdkError::ConstructionFailure(_) => {
            StoreError::Unavailable("the request could not be made".to_owned())
        }
        _ => StoreError::Unavailable("unknown".to_owned()),
    }
}

/// Reasons stand in the order of the writes. A condition that does not hold outweighs a conflict:
/// trying again as it is would be in vain.
fn cancelled(reasons: &[CancellationReason]) -> StoreError {
    let failed = reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed"));
    if let Some(index) = failed {
        let item = reasons.get(index).and_then(CancellationReason::item);
        return build_condition_failed(index, item);
    }
    let mut reasons = reasons.iter().filter(|reason| reason.code() != Some("None"));
    match reasons.next() {
        Some(reason) => from_code(reason.code(), reason.message()),
        None => StoreError::Unavailable("a transaction was cancelled without reason".to_owned()),
    }
}

fn from_code(code: Option<&str>, message: Option<&str>) -> StoreError {
    match code {
        Some(
            "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
            | "ReplicatedWriteConflictException",
        ) => StoreError::Conflict,
        Some(
            "ThrottlingError"
            | "ThrottlingException"
            | "ProvisionedThroughputExceeded"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded",
        ) => StoreError::Throttled,
        Some("ItemCollectionSizeLimitExceeded" | "ItemCollectionSizeLimitExceededException") => {
            StoreError::TooLarge("an item collection over 10 GB")
        }
        // "Item size has exceeded the maximum allowed size" and its relatives have no code of
        // their own.
        Some("ValidationError" | "ValidationException") => {
            if message.is_some_and(|message| message.to_ascii_lowercase().contains("size")) {
                StoreError::TooLarge("an item or transaction over the limit")
            } else {
                StoreError::Corrupt("the table refuses the request as it is")
            }
        }
        Some(code) => StoreError::Unavailable(code.to_owned()),
        None => StoreError::Unavailable("an error without code".to_owned()),
    }
}

fn condition_failed(failed: &ConditionalCheckFailedException) -> StoreError {
    build_condition_failed(0, failed.item())
}

fn build_condition_failed(index: usize, item: Option<&Attributes>) -> StoreError {
    let item = item.filter(|item| !item.is_empty());
    match item.map(value::read_item).transpose() {
        Ok(existing) => StoreError::ConditionFailed { index, existing: existing.map(Box::new) },
        Err(corrupt) => corrupt,
    }
}
