//! The SDK's way to the engine: an HTTP connector without HTTP.

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig,
};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A client whose requests go to the engine. The endpoint is in the domain that never resolves
/// (RFC 2606), so that a request that went astray could not leave the machine.
pub(crate) fn build_client(database: Database) -> Client {
    let connector = SharedHttpConnector::new(InProcess { database });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "embedded"))
        .endpoint_url("http://in-process.invalid")
        .http_client(http_client_fn(move |_, _| connector.clone()))
        // What fails here fails again at once: there is no network to recover.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

struct InProcess {
    database: Database,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let database = self.database.clone();
        HttpConnectorFuture::new(async move {
            let answered = tokio::task::spawn_blocking(move || answer(&database, &request));
            let (status, body) =
                answered.await.map_err(|error| ConnectorError::other(Box::new(error), None))?;
            let status =
                status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

fn answer(database: &Database, request: &HttpRequest) -> (u16, String) {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let body = request.body().bytes().unwrap_or_default();
    match dispatch(database, operation, body) {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

/// The operations that the store uses, and no others.
fn dispatch(database: &Database, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => write(&database.get_item(read(body)?)?),
        "PutItem" => write(&database.put_item(read(body)?)?),
        "UpdateItem" => write(&database.update_item(read(body)?)?),
        "DeleteItem" => write(&database.delete_item(read(body)?)?),
        "BatchGetItem" => write(&database.batch_get_item(read(body)?)?),
        "Query" => write(&database.query(read(body)?)?),
        "TransactGetItems" => write(&database.transact_get_items(read(body)?)?),
        "TransactWriteItems" => write(&database.transact_write_items(without_token(read(body)?))?),
        "CreateTable" => write(&database.create_table(read(body)?)?),
        "DescribeTimeToLive" => write(&database.describe_time_to_live(read(body)?)?),
        "UpdateTimeToLive" => write(&database.update_time_to_live(read(body)?)?),
        _ => Err(DynoxideError::ValidationException(
            "not an operation of the embedded store".to_owned(),
        )),
    }
}

/// The SDK gives every transaction a token, by which a server tells a repeated request from a new
/// one. Here nothing is sent twice, while the engine would keep a token and the sizes of all that
/// was written under it for ten minutes: memory that grows with every item of a first copy.
fn without_token(mut request: TransactWriteItemsRequest) -> TransactWriteItemsRequest {
    request.client_request_token = None;
    request
}

/// The engine's types say in a prefix of their error that a request is invalid rather than
/// unreadable.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        match message.split_once(':') {
            Some((prefix, rest)) if prefix.starts_with("VALIDATION") => {
                DynoxideError::ValidationException(rest.to_owned())
            }
            _ => DynoxideError::SerializationException(message),
        }
    })
}

fn write<T: Serialize>(response: &T) -> Result<String, DynoxideError> {
    serde_json::to_string(response)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

#[cfg(test)]
mod tests;
