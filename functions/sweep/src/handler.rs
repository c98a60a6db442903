//! The minute: call, tell, answer.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tidemark_platform::{Frame, Metric};
use tidemark_service::Service;

/// What the minute leaves of the function's time for what it has begun.
pub(crate) const RESERVE: SignedDuration = SignedDuration::from_secs(15);

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
    errors: u64,
    out_of_time: bool,
}

/// Does the minute's work, until `latest` at the most. What did not work is found again in the next minute, so that Lambda's
/// own repetition is not asked for.
pub(crate) async fn handle(service: &Service, latest: Timestamp, frame: &Frame) -> Summary {
    let report = Box::pin(service.minute_until(latest)).await;
    frame.metric(Metric::MailboxesDue, report.sent);
    frame.metric(Metric::MailboxesFailing, report.failing);
    frame.metric(Metric::RenewalsFailed, report.renewals_failed);
    frame.metric(Metric::SweepErrors, report.errors);
    frame.metric(Metric::SweepOutOfTime, u64::from(report.out_of_time));
    frame.number("raised", report.raised);
    frame.number("peeked", report.peeked);
    frame.number("renewed", report.renewed);
    frame.number("tidied", report.tidied);
    frame.number("cleared", report.cleared);
    Summary {
        sent: report.sent,
        raised: report.raised,
        renewed: report.renewed,
        errors: report.errors,
        out_of_time: report.out_of_time,
    }
}

#[cfg(test)]
mod tests;
