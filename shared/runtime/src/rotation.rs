//! What `token-refresh` works with on AWS: the tokens of all connections, and Secrets Manager's
//! versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_platform::Aws;
use tidemark_service::Refresher;
use tidemark_service::refresh::rotation::{
    CURRENT, PENDING, Rotation, SecretFacts, SecretVersions,
};
use tidemark_store::StoreError;

use crate::cloud::{EveryExchange, open_authority, open_tokens};
use crate::federation::StsIdentity;

/// The refresher and the rotation on AWS, as the variables say.
///
/// # Errors
/// When a variable is missing or wrong, or the master key cannot be read.
pub async fn refresh_on(aws: &Aws) -> anyhow::Result<(Refresher, Rotation)> {
    let prefix = aws.environment().text("TIDEMARK_SECRETS_PREFIX").unwrap_or_default();
    let (records, world) = (aws.records().await?, aws.world());
    let platform = Arc::new(StsIdentity::new(aws_sdk_sts::Client::new(aws.sdk())));
    let tokens = open_tokens(Arc::clone(&records), aws.secrets(), world.clone(), Some(platform));
    let versions: Arc<dyn SecretVersions> =
        Arc::new(SecretsManagerVersions::new(Client::new(aws.sdk()), prefix));
    let authority = open_authority(Arc::clone(&tokens), world.clone());
    let exchange = EveryExchange::new(aws.secrets(), Arc::clone(&tokens), world.clone());
    let refresher = Refresher {
        records: Arc::clone(&records),
        tokens,
        exchange: Some(Arc::new(exchange)),
        authority: Arc::clone(&authority),
        versions: Some(Arc::clone(&versions)),
        world: world.clone(),
    };
    let rotation = Rotation { records, versions, authority, world };
    Ok((refresher, rotation))
}

/// The versions of secrets in AWS Secrets Manager under a common prefix.
#[derive(Debug, Clone)]
pub struct SecretsManagerVersions {
    client: Client,
    prefix: String,
}

impl SecretsManagerVersions {
    /// Secrets whose names begin with `prefix`; connections name them without it.
    pub fn new(client: Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into() }
    }
}

#[async_trait]
impl SecretVersions for SecretsManagerVersions {
    async fn facts(&self, secret: &str) -> Result<Option<SecretFacts>, StoreError> {
        let described = match self.client.describe_secret().secret_id(secret).send().await {
            Ok(described) => described,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failure(&error)),
        };
        let name = described.name.unwrap_or_default();
        // A secret of somebody else's has no connection of ours.
        let Some(name) = name.strip_prefix(self.prefix.as_str()) else {
            return Ok(None);
        };
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let versions: BTreeMap<String, BTreeSet<String>> = versions
            .into_iter()
            .map(|(version, labels)| (version, labels.into_iter().collect()))
            .collect();
        let rotated = described.rotation_enabled.unwrap_or(false);
        Ok(Some(SecretFacts { name: name.to_owned(), rotated, versions }))
    }

    async fn is_rotated(&self, name: &str) -> Result<bool, StoreError> {
        let facts = self.facts(&format!("{}{name}", self.prefix)).await?;
        Ok(facts.is_some_and(|facts| facts.rotated))
    }

    async fn value(&self, secret: &str, version: &str) -> Result<Option<SecretString>, StoreError> {
        let got = self.client.get_secret_value().secret_id(secret).version_id(version).send().await;
        match got {
            Ok(output) => Ok(output.secret_string.map(SecretString::from)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn put_pending(
        &self,
        secret: &str,
        version: &str,
        value: SecretString,
    ) -> Result<(), StoreError> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(secret)
            .client_request_token(version)
            .secret_string(value.expose_secret())
            .version_stages(PENDING)
            .send()
            .await;
        put.map(drop).map_err(|error| failure(&error))
    }

    /// Secrets Manager itself moves AWSPREVIOUS to the version that was current.
    async fn make_current(
        &self,
        secret: &str,
        version: &str,
        from: Option<&str>,
    ) -> Result<(), StoreError> {
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(secret)
            .version_stage(CURRENT)
            .move_to_version_id(version)
            .set_remove_from_version_id(from.map(str::to_owned))
            .send()
            .await;
        moved.map_err(|error| failure(&error))?;
        // The label of the pending version goes too, as the guide's functions have it.
        let cleared = self
            .client
            .update_secret_version_stage()
            .secret_id(secret)
            .version_stage(PENDING)
            .remove_from_version_id(version)
            .send()
            .await;
        cleared.map(drop).map_err(|error| failure(&error))
    }
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn is_missing<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    code(error) == Some("ResourceNotFoundException")
}

/// Only the code is kept: messages may quote names and values.
fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    match code(error) {
        Some("ThrottlingException" | "LimitExceededException") => StoreError::Throttled,
        Some(code) => StoreError::Unavailable(code.to_owned()),
        None => StoreError::Unavailable("the secret store did not answer".to_owned()),
    }
}
