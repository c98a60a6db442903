//! The product wired to AWS.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::SignedDuration;
use tidemark_business::WebhookTarget;
use tidemark_delivery::webhook_options;
use tidemark_platform::{Aws, Environment, EnvironmentError};
use tidemark_service::{Delivering, Engine, Options, Reached, Service};
use tidemark_transport::{HttpOptions, ReqwestHttp};

use crate::cloud::{EveryExchange, open_tokens};
use crate::federation::StsIdentity;
use crate::founding::found_from_environment;

/// The product on AWS, as the variables say. Called once, while the function starts.
///
/// # Errors
/// When a variable is missing or wrong, or the master key cannot be read.
pub async fn service_on(aws: &Aws) -> anyhow::Result<Service> {
    let environment = aws.environment();
    let options = read_options(environment)?;
    let queue = aws.queue()?;
    let webhooks = ReqwestHttp::new(webhook_client_options(environment)?)?;
    let (world, secrets) = (aws.world(), aws.secrets());
    let records = aws.records().await?;
    let platform = Arc::new(StsIdentity::new(aws_sdk_sts::Client::new(aws.sdk())));
    let tokens =
        open_tokens(Arc::clone(&records), Arc::clone(&secrets), world.clone(), Some(platform));
    Ok(Service {
        records,
        queue,
        exchange: Arc::new(EveryExchange::new(Arc::clone(&secrets), tokens, world.clone())),
        secrets,
        webhooks: Arc::new(webhooks),
        planner: Arc::new(Engine),
        world,
        options,
        reached: Reached::default(),
    })
}

/// The same for the api function, which also founds the first organisation.
///
/// # Errors
/// As [`service_on`]. What keeps the organisation from being founded is logged.
pub async fn api_on(aws: &Aws) -> anyhow::Result<Service> {
    let service = service_on(aws).await?;
    found_from_environment(aws.environment(), &service, &*aws.secrets_named_whole()).await?;
    Ok(service)
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
    // Plain http only to this machine, where an emulator of AWS is.
    if !callback_url.is_empty() && WebhookTarget::parse(&callback_url).is_err() {
        let problem = "should begin with https://";
        return Err(EnvironmentError::wrong("TIDEMARK_CALLBACK_URL", problem));
    }
    let run = environment.bounded("TIDEMARK_RUN_SECONDS", 45, 10, 840)?;
    let minutes = environment.bounded("TIDEMARK_SWEEP_MINUTES", 60, 5, 1440)?;
    let status = environment.bounded("TIDEMARK_PUSH_STATUS_MINUTES", 5, 1, 1440)?;
    let egress_addresses = read_addresses(environment)?;
    Ok(Options {
        callback_url,
        run_budget: SignedDuration::from_secs(run),
        retention: environment.retention()?,
        sweep_every: SignedDuration::from_mins(minutes),
        push_status_minutes: u16::try_from(status).unwrap_or(defaults.push_status_minutes),
        egress_addresses,
        // The schedule starts `sweep` and `deliver` in the same second.
        delivering: Delivering::Elsewhere,
        ..defaults
    })
}

/// The addresses that Exchange and webhooks are called from, where they are fixed.
fn read_addresses(environment: &Environment) -> Result<Vec<IpAddr>, EnvironmentError> {
    const NAME: &str = "TIDEMARK_EGRESS_ADDRESSES";
    let addresses = environment.text(NAME).unwrap_or_default();
    let addresses = addresses.split(',').map(str::trim).filter(|address| !address.is_empty());
    addresses.map(str::parse).collect::<Result<_, _>>().map_err(|_| {
        EnvironmentError::wrong(NAME, "should be addresses such as 203.0.113.7, with commas")
    })
}

/// Where webhooks may go, from the environment.
fn webhook_client_options(environment: &Environment) -> Result<HttpOptions, EnvironmentError> {
    const NAME: &str = "TIDEMARK_WEBHOOK_NETWORKS";
    let networks = environment.text(NAME).unwrap_or_default();
    webhook_options(networks).map_err(|_| {
        EnvironmentError::wrong(NAME, "should be networks such as 10.1.0.0/16, with commas")
    })
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
        let read = options("TIDEMARK_CALLBACK_URL", "http://127.0.0.1:4566/stage/").unwrap();
        assert_eq!(read.callback_url, "http://127.0.0.1:4566/stage");
        assert_eq!(read.retention, SignedDuration::from_hours(720));
        let read = options("TIDEMARK_RETENTION_DAYS", "7").unwrap();
        assert_eq!(read.retention, SignedDuration::from_hours(168));
        let read = options("TIDEMARK_EGRESS_ADDRESSES", "203.0.113.7, 203.0.113.9").unwrap();
        let addresses: [IpAddr; 2] = [[203, 0, 113, 7].into(), [203, 0, 113, 9].into()];
        assert_eq!(read.egress_addresses, addresses);
        assert!(options("TIDEMARK_EGRESS_ADDRESSES", "").unwrap().egress_addresses.is_empty());
        assert_eq!(read.delivering, Delivering::Elsewhere);
        for (name, value) in [
            ("TIDEMARK_CALLBACK_URL", "http://hooks.example"),
            ("TIDEMARK_RETENTION_DAYS", "777"),
            ("TIDEMARK_RUN_SECONDS", "841"),
            ("TIDEMARK_SWEEP_MINUTES", "soon"),
            ("TIDEMARK_PUSH_STATUS_MINUTES", "1441"),
            ("TIDEMARK_EGRESS_ADDRESSES", "203.0.113.7/32"),
        ] {
            let error = options(name, value).unwrap_err();
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains(value), "{error}");
        }
    }
}
