//! The work queue on SQS.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::limits;
use crate::queue::{Message, Queue};
use crate::table::StoreError;

/// A FIFO queue of SQS. Receiving is Lambda's business. Repeating a send whose answer got lost is
/// harmless: within five minutes SQS drops what has the same deduplication id.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue at this URL. Time-outs are the client's.
    pub fn new(client: Client, url: impl Into<String>) -> SqsQueue {
        SqsQueue { client, url: url.into() }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, message: Message) -> Result<(), StoreError> {
        limits::check_message(&message)?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_group_id(message.group)
            .message_deduplication_id(message.deduplication_id)
            .message_body(message.body)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        Ok(())
    }
}

/// Only the code is kept: SQS's messages may quote what was sent.
fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    match code {
        Some("RequestThrottled" | "ThrottlingException" | "KmsThrottled") => StoreError::Throttled,
        Some("InvalidMessageContents") => StoreError::Corrupt("a message that the queue refuses"),
        Some(code) => StoreError::Unavailable(code.to_owned()),
        None => StoreError::Unavailable("the queue did not answer".to_owned()),
    }
}
