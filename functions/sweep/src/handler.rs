//! The minute: call, log, answer.

use serde::{Deserialize, Serialize};
use tidemark_service::Service;

/// A scheduled event. What it says does not matter: the minute is the same whoever asks for it.
/// Source: Amazon EventBridge user guide, "Scheduled events"; EventBridge Scheduler sends whatever
/// input the template names.
#[derive(Debug, Deserialize)]
pub(crate) struct Schedule {}

/// What the function answers, for whoever invokes it by hand.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    sent: u64,
    raised: u64,
    renewed: u64,
    delivered: u64,
    errors: u64,
    out_of_time: bool,
}

/// Does the minute's work. What did not work is found again in the next minute, so that Lambda's
/// own repetition is not asked for.
pub(crate) async fn handle(service: &Service) -> Summary {
    let report = service.minute().await;
    tracing::info!(
        sent = report.sent,
        raised = report.raised,
        renewed = report.renewed,
        delivered = report.delivered,
        tidied = report.tidied,
        errors = report.errors,
        out_of_time = report.out_of_time,
        "minute done"
    );
    Summary {
        sent: report.sent,
        raised: report.raised,
        renewed: report.renewed,
        delivered: report.delivered,
        errors: report.errors,
        out_of_time: report.out_of_time,
    }
}

#[cfg(test)]
mod tests;
