//! The work queue on SQS.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue as Attribute,
};

use crate::limits;
use crate::queue::{Message, Queue};
use crate::table::StoreError;

/// A FIFO queue of SQS. Receiving is Lambda's business. Repeating a send whose answer got lost is
/// harmless: within five minutes SQS drops what has the same deduplication id.
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    trace: Option<CurrentTrace>,
}

/// X-Ray's header of the work that is being done, if it has one.
pub type CurrentTrace = Arc<dyn Fn() -> Option<String> + Send + Sync>;

impl SqsQueue {
    /// The queue at this URL. Time-outs are the client's.
    pub fn new(client: Client, url: impl Into<String>) -> SqsQueue {
        SqsQueue { client, url: url.into(), trace: None }
    }

    /// Messages carry the trace of whoever sends them, so that it goes on where they are taken.
    #[must_use]
    pub fn with_trace(self, trace: CurrentTrace) -> SqsQueue {
        SqsQueue { trace: Some(trace), ..self }
    }

    /// The one attribute that SQS itself knows; it does not count towards a message's size.
    /// Source: Amazon SQS API reference, "SendMessage".
    fn attributes(&self) -> Option<HashMap<MessageSystemAttributeNameForSends, Attribute>> {
        let header = self.trace.as_ref().and_then(|trace| trace())?;
        let value = Attribute::builder().data_type("String").string_value(header).build().ok()?;
        Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
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
            .set_message_system_attributes(self.attributes())
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
