//! Secrets in AWS Secrets Manager.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::{ExposeSecret, SecretString};

use crate::secrets::Secrets;
use crate::table::StoreError;

/// Most bytes of a secret. Source: AWS Secrets Manager user guide, "Quotas".
const SECRET_BYTES_MAX: usize = 65_536;

/// Secrets in AWS Secrets Manager under a common prefix. Values are text.
///
/// The SDK marks values as sensitive, so its own logs do not show them.
#[derive(Clone, Debug)]
pub struct SecretsManagerSecrets {
    client: Client,
    prefix: String,
}

impl SecretsManagerSecrets {
    /// Secrets whose names begin with `prefix`. Time-outs are the client's.
    pub fn new(client: Client, prefix: impl Into<String>) -> SecretsManagerSecrets {
        SecretsManagerSecrets { client, prefix: prefix.into() }
    }

    fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Gives the secret a new current version; the one before becomes AWSPREVIOUS. False if there
    /// is no such secret.
    async fn put_version(&self, name: &str, value: &SecretString) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(name)
            .secret_string(value.expose_secret())
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(failure(&error)),
        }
    }
}

#[async_trait]
impl Secrets for SecretsManagerSecrets {
    /// The version labelled AWSCURRENT.
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let got = self
            .client
            .get_secret_value()
            .secret_id(self.full_name(name))
            .version_stage("AWSCURRENT")
            .send()
            .await;
        match got {
            Ok(output) => match output.secret_string {
                Some(text) => Ok(Some(SecretString::from(text))),
                None => Err(StoreError::Corrupt("a secret is not text")),
            },
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn put(&self, name: &str, value: SecretString) -> Result<(), StoreError> {
        if value.expose_secret().len() > SECRET_BYTES_MAX {
            return Err(StoreError::TooLarge("a secret over 64 KB"));
        }
        let name = self.full_name(name);
        if self.put_version(&name, &value).await? {
            return Ok(());
        }
        let created = self
            .client
            .create_secret()
            .name(&name)
            .secret_string(value.expose_secret())
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // Somebody else created it in between; theirs becomes the previous version.
            Err(error) if code(&error) == Some("ResourceExistsException") => {
                if self.put_version(&name, &value).await? {
                    Ok(())
                } else {
                    Err(StoreError::Conflict)
                }
            }
            Err(error) => Err(failure(&error)),
        }
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
