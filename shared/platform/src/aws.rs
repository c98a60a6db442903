//! AWS as a function sees it: DynamoDB, SQS, Secrets Manager.

use core::time::Duration;
use std::sync::Arc;

use anyhow::Context as _;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use tidemark_store::dynamo::DynamoTable;
use tidemark_store::records::{FillRandom, Keyring, Records};
use tidemark_store::secretsmanager::SecretsManagerSecrets;
use tidemark_store::sqs::SqsQueue;
use tidemark_store::{Queue, Secrets};
use tidemark_world::{Clock, SystemClock, SystemEntropy, World};

use crate::environment::{Environment, EnvironmentError};
use crate::frame::Frame;
use crate::master_key::read_master_key;

/// How long connecting to an AWS service may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one attempt of a request may take: the services answer in milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take with its repetitions. A run has 15 seconds between its own end and
/// that of the function.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// AWS with one function's variables. Each part is made when it is asked for, so that a function pays
/// at its start for nothing that it does not use.
pub struct Aws {
    environment: Environment,
    sdk: SdkConfig,
    world: World,
    frame: Frame,
}

impl Aws {
    /// Region, credentials and `AWS_ENDPOINT_URL` come from the environment that Lambda sets. Nothing
    /// is asked for yet.
    pub async fn load(environment: Environment) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let frame = Frame::new(&environment, Arc::clone(&clock));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .timeout_config(timeouts)
            .load()
            .await;
        let world = World::new(clock, Arc::new(SystemEntropy));
        Self { environment, sdk, world, frame }
    }

    /// The variables.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What clients of other services are made of.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The machine's time and randomness.
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// What surrounds the function's units of work.
    pub fn frame(&self) -> Frame {
        self.frame.clone()
    }

    /// The queue that `TIDEMARK_QUEUE_URL` names. Messages carry the trace of the work that sends them.
    ///
    /// # Errors
    /// When it is not set.
    pub fn queue(&self) -> Result<Arc<dyn Queue>, EnvironmentError> {
        let url = self.environment.required("TIDEMARK_QUEUE_URL")?;
        let frame = self.frame();
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&self.sdk), url)
            .with_trace(Arc::new(move || frame.trace()));
        Ok(Arc::new(queue))
    }

    /// The secrets below `TIDEMARK_SECRETS_PREFIX`.
    pub fn secrets(&self) -> Arc<dyn Secrets> {
        let prefix = self.environment.text("TIDEMARK_SECRETS_PREFIX").unwrap_or_default();
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        Arc::new(SecretsManagerSecrets::new(client, prefix))
    }

    /// Secrets by their full names or ARNs: those that the template makes.
    pub fn secrets_named_whole(&self) -> Arc<dyn Secrets> {
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        Arc::new(SecretsManagerSecrets::new(client, ""))
    }

    /// What is kept, with its contents: the master key is read from Secrets Manager.
    ///
    /// # Errors
    /// When a variable is missing or wrong, or the master key cannot be read.
    pub async fn records(&self) -> anyhow::Result<Arc<Records>> {
        let name = self.environment.required("TIDEMARK_MASTER_KEY_SECRET")?;
        let master_key = self
            .secrets_named_whole()
            .get(name)
            .await
            .context("the master key cannot be read from Secrets Manager")?
            .context("TIDEMARK_MASTER_KEY_SECRET names a secret that does not exist")?;
        let keyring = Keyring::new(&*read_master_key(&master_key)?, self.random())?;
        Ok(self.records_under(keyring)?)
    }

    /// What is kept, without the key to its contents: for those that anybody may call, who mark
    /// mailboxes and read nothing of them. Secrets Manager is not asked.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn records_without_contents(&self) -> Result<Arc<Records>, EnvironmentError> {
        self.records_under(Keyring::without_master_key(self.random()))
    }

    fn records_under(&self, keyring: Keyring) -> Result<Arc<Records>, EnvironmentError> {
        let table = self.environment.required("TIDEMARK_TABLE")?;
        let retention = self.environment.retention()?;
        let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&self.sdk), table);
        let records = Records::new(Arc::new(table), Arc::new(keyring)).with_retention(retention);
        let records = Arc::new(records);
        self.frame.meter(&records);
        Ok(records)
    }

    fn random(&self) -> FillRandom {
        let entropy = self.world.entropy();
        Arc::new(move |buffer: &mut [u8]| entropy.fill(buffer))
    }
}
