//! Deliveries: to one endpoint, to those of an organisation, or to all that are behind.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tidemark_delivery::Deliveries;
use tidemark_model::OrganisationId;
use tidemark_model::ids::IdError;
use tidemark_platform::{Frame, Metric};
use tidemark_store::StoreError;
use tidemark_store::records::EndpointId;

/// What a round leaves of the function's time for its last write.
pub(crate) const RESERVE: SignedDuration = SignedDuration::from_secs(5);

/// What is to be delivered. A scheduled event names nothing: then every organisation is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    organisation: Option<String>,
    endpoint: Option<String>,
}

/// What the function answers, for whoever invokes it by hand.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Organisations that were looked at.
    pub(crate) organisations: u64,
    /// Entries that endpoints have taken.
    pub(crate) delivered: u64,
    /// Organisations that could not be looked at; the next schedule does.
    pub(crate) failed: u64,
}

/// Why nothing is delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliverError {
    /// The event names something that cannot be.
    #[error("the event does not name an endpoint: {0}")]
    Event(&'static str),
    /// The store does not answer: Lambda is to try again.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
}

impl From<IdError> for DeliverError {
    fn from(error: IdError) -> Self {
        Self::Event(error.rule)
    }
}

/// Delivers until everything is delivered or `deadline`.
///
/// # Errors
/// [`DeliverError`].
pub(crate) async fn handle(
    deliveries: &Deliveries,
    event: Event,
    deadline: Timestamp,
    frame: &Frame,
) -> Result<Summary, DeliverError> {
    let summary = match (event.organisation, event.endpoint) {
        (Some(organisation), Some(endpoint)) => {
            let organisation = OrganisationId::parse(&organisation)?;
            let endpoint = EndpointId::parse(&endpoint)
                .ok_or(DeliverError::Event("the endpoint's id is a UUID"))?;
            let report = deliveries.deliver_due(&organisation, endpoint, deadline).await?;
            Summary { organisations: 1, delivered: report.delivered, failed: 0 }
        }
        (Some(organisation), None) => {
            let organisation = OrganisationId::parse(&organisation)?;
            let delivered = deliveries.wake(&organisation, deadline).await?;
            Summary { organisations: 1, delivered, failed: 0 }
        }
        (None, Some(_)) => {
            return Err(DeliverError::Event("an endpoint is named with its organisation"));
        }
        (None, None) => deliver_everywhere(deliveries, deadline, frame).await?,
    };
    frame.metric(Metric::Deliveries, summary.delivered);
    frame.number("organisations", summary.organisations);
    frame.number("failed", summary.failed);
    Ok(summary)
}

/// One organisation whose rows do not answer keeps no other one waiting.
async fn deliver_everywhere(
    deliveries: &Deliveries,
    deadline: Timestamp,
    frame: &Frame,
) -> Result<Summary, DeliverError> {
    let organisations = deliveries.records.organisations().await?;
    let woken = deliveries.wake_all(&organisations, deadline).await;
    for (organisation, error) in &woken.failures {
        tracing::warn!(organisation = %organisation, error = %error, "not delivered");
    }
    frame.metric(Metric::EndpointsPaused, woken.paused);
    frame.metric(Metric::EndpointFailingSeconds, woken.failing_seconds);
    let failed: BTreeSet<_> = woken.failures.iter().map(|(organisation, _)| organisation).collect();
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let summary = Summary {
        organisations: count(organisations.len()),
        delivered: woken.delivered,
        failed: count(failed.len()),
    };
    Ok(summary)
}

#[cfg(test)]
mod tests;
