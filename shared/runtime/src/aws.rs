//! The product wired to AWS: DynamoDB, SQS, Secrets Manager.

use core::time::Duration;
use std::sync::Arc;

use anyhow::Context as _;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use jiff::SignedDuration;
use tidemark_service::{Engine, Options, Service, World};
use tidemark_store::Secrets;
use tidemark_store::dynamo::DynamoTable;
use tidemark_store::records::{Keyring, Records};
use tidemark_store::secretsmanager::SecretsManagerSecrets;
use tidemark_store::sqs::SqsQueue;
use tidemark_transport::{
    Clock, Entropy, HttpOptions, NetworkRange, PlainHttp, ReqwestHttp, SystemClock, SystemEntropy,
    TargetPolicy,
};

use crate::cloud::{EveryExchange, open_tokens};
use crate::environment::{Environment, EnvironmentError};
use crate::federation::StsIdentity;
use crate::founding::found_from_environment;
use crate::master_key::read_master_key;

/// How long connecting to an AWS service may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one attempt of a request may take: the services answer in milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take with its repetitions. A run has 15 seconds between its own end and
/// that of the function.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// The product, wired to AWS as the variables say that the crate's page lists. Called once, while
/// the function starts.
///
/// # Errors
/// When a variable is missing or wrong, or the master key cannot be read.
pub async fn service_from_environment(environment: &Environment) -> anyhow::Result<Service> {
    Ok(wire(environment).await?.0)
}

/// The same for the api function, which also founds the first organisation.
///
/// # Errors
/// As [`service_from_environment`]. What keeps the organisation from being founded is logged.
pub async fn api_from_environment(environment: &Environment) -> anyhow::Result<Service> {
    let (service, named_whole) = wire(environment).await?;
    found_from_environment(environment, &service, &named_whole).await?;
    Ok(service)
}

/// The product, and the secrets that the template makes and names whole.
async fn wire(environment: &Environment) -> anyhow::Result<(Service, SecretsManagerSecrets)> {
    let options = read_options(environment)?;
    let table_name = environment.required("TIDEMARK_TABLE")?;
    let queue_url = environment.required("TIDEMARK_QUEUE_URL")?;
    let master_key_name = environment.required("TIDEMARK_MASTER_KEY_SECRET")?;
    let prefix = environment.text("TIDEMARK_SECRETS_PREFIX").unwrap_or_default();
    let webhooks = ReqwestHttp::new(read_webhook_options(environment)?)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let world = World::new(clock, Arc::clone(&entropy));
    let sdk = load_sdk_config().await;
    let secrets_client = aws_sdk_secretsmanager::Client::new(&sdk);
    let secrets: Arc<dyn Secrets> =
        Arc::new(SecretsManagerSecrets::new(secrets_client.clone(), prefix));
    let named_whole = SecretsManagerSecrets::new(secrets_client, "");
    let master_key = named_whole
        .get(master_key_name)
        .await
        .context("the master key cannot be read from Secrets Manager")?
        .context("TIDEMARK_MASTER_KEY_SECRET names a secret that does not exist")?;
    let master_key = read_master_key(&master_key)?;
    let keyring =
        Keyring::new(&master_key, Arc::new(move |buffer: &mut [u8]| entropy.fill(buffer)))?;
    let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&sdk), table_name);
    let records =
        Records::new(Arc::new(table), Arc::new(keyring)).with_retention(options.retention);
    let records = Arc::new(records);
    let platform = Arc::new(StsIdentity::new(aws_sdk_sts::Client::new(&sdk)));
    let tokens =
        open_tokens(Arc::clone(&records), Arc::clone(&secrets), world.clone(), Some(platform));
    let service = Service {
        records,
        queue: Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(&sdk), queue_url)),
        exchange: Arc::new(EveryExchange::new(Arc::clone(&secrets), tokens, world.clone())),
        secrets,
        webhooks: Arc::new(webhooks),
        planner: Arc::new(Engine),
        world,
        options,
    };
    Ok((service, named_whole))
}

/// Region, credentials and `AWS_ENDPOINT_URL` come from the environment that Lambda sets.
pub(crate) async fn load_sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await
}

/// How the product behaves, from the environment.
///
/// # Errors
/// [`EnvironmentError`] names the variable.
pub fn read_options(environment: &Environment) -> Result<Options, EnvironmentError> {
    let defaults = Options::default();
    let callback_url = environment
        .text("TIDEMARK_CALLBACK_URL")
        .unwrap_or_default()
        .trim_end_matches('/')
        .to_owned();
    if !callback_url.is_empty() && !callback_url.starts_with("https://") {
        return Err(wrong("TIDEMARK_CALLBACK_URL", "should begin with https://"));
    }
    let run = bounded(environment, "TIDEMARK_RUN_SECONDS", 45, 10, 840)?;
    let days = bounded(environment, "TIDEMARK_RETENTION_DAYS", 30, 1, 400)?;
    let minutes = bounded(environment, "TIDEMARK_SWEEP_MINUTES", 60, 5, 1440)?;
    let status = bounded(environment, "TIDEMARK_PUSH_STATUS_MINUTES", 5, 1, 1440)?;
    Ok(Options {
        callback_url,
        run_budget: SignedDuration::from_secs(run),
        retention: SignedDuration::from_hours(24 * days),
        sweep_every: SignedDuration::from_mins(minutes),
        push_status_minutes: u16::try_from(status).unwrap_or(defaults.push_status_minutes),
        ..defaults
    })
}

/// Where webhooks may go: public addresses, and the networks that the operator names.
fn read_webhook_options(environment: &Environment) -> Result<HttpOptions, EnvironmentError> {
    const NAME: &str = "TIDEMARK_WEBHOOK_NETWORKS";
    let allowed = environment
        .text(NAME)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .map(str::parse::<NetworkRange>)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong(NAME, "should be networks such as 10.1.0.0/16, with commas"))?;
    Ok(HttpOptions {
        plain_http: PlainHttp::Refused,
        targets: TargetPolicy::PublicOnly { allowed },
        ..HttpOptions::default()
    })
}

fn bounded(
    environment: &Environment,
    name: &str,
    default: i64,
    least: i64,
    most: i64,
) -> Result<i64, EnvironmentError> {
    let form = format!("a whole number from {least} to {most}");
    let value = environment.parsed(name, default, &form)?;
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(wrong(name, &format!("should be {form}")))
    }
}

fn wrong(name: &str, problem: &str) -> EnvironmentError {
    EnvironmentError { name: name.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str, value: &str) -> Result<Options, EnvironmentError> {
        let variables = [(name.to_owned(), value.to_owned())];
        read_options(&variables.into_iter().collect())
    }

    #[test]
    fn options_have_bounds_and_errors_name_the_variable() {
        let read = options("TIDEMARK_CALLBACK_URL", "https://hooks.example/").unwrap();
        assert_eq!(read.callback_url, "https://hooks.example");
        assert_eq!(read.retention, SignedDuration::from_hours(720));
        let read = options("TIDEMARK_RETENTION_DAYS", "7").unwrap();
        assert_eq!(read.retention, SignedDuration::from_hours(168));
        for (name, value) in [
            ("TIDEMARK_CALLBACK_URL", "http://hooks.example"),
            ("TIDEMARK_RETENTION_DAYS", "777"),
            ("TIDEMARK_RUN_SECONDS", "841"),
            ("TIDEMARK_SWEEP_MINUTES", "soon"),
            ("TIDEMARK_PUSH_STATUS_MINUTES", "1441"),
        ] {
            let error = options(name, value).unwrap_err();
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains(value), "{error}");
        }
    }

    #[test]
    fn webhooks_reach_named_networks_only_beside_public_ones() {
        let read = |value: &str| {
            let variables = [("TIDEMARK_WEBHOOK_NETWORKS".to_owned(), value.to_owned())];
            read_webhook_options(&variables.into_iter().collect())
        };
        let options = read("10.1.0.0/16, fd00::/8").unwrap();
        assert!(options.targets.permits([10, 1, 2, 3].into()));
        assert!(!options.targets.permits([10, 2, 2, 3].into()));
        assert!(read("10.1.0.0/33").is_err());
    }
}
