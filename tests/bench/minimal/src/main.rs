//! The intake as somebody would write it in an afternoon: looks up the digest of the key, answers 404.

use core::fmt::Write as _;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sdk = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let client = Client::new(&sdk);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handle(&client, event.payload)))
        .await
}

async fn handle(client: &Client, event: Value) -> Result<Value, Error> {
    let path = event.get("rawPath").and_then(Value::as_str).unwrap_or_default();
    let key = path.rsplit('/').next().unwrap_or_default();
    let mut digest = String::new();
    for byte in Sha256::digest(key) {
        write!(digest, "{byte:02x}")?;
    }
    let found = client
        .get_item()
        .table_name("tidemark")
        .key("pk", AttributeValue::S(digest))
        .key("sk", AttributeValue::S("subscription".to_owned()))
        .consistent_read(true)
        .send()
        .await?;
    Ok(json!({ "statusCode": if found.item.is_some() { 200 } else { 404 } }))
}
