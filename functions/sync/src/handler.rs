//! A batch of the queue: parse, run, answer which messages have to come again.

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use tidemark_platform::Invocations;
use tidemark_service::{RunEnd, Service, SyncTask};

/// What a run leaves of the function's time for its last commit and the answer.
const RESERVE_MAX: SignedDuration = SignedDuration::from_secs(15);
/// The attribute that names the group of a message.
const GROUP: &str = "MessageGroupId";
/// The attribute that carries the trace of whoever sent a message.
const TRACE: &str = "AWSTraceHeader";

/// What Lambda says of the call.
pub(crate) struct Called<'a> {
    /// What surrounds each message.
    pub(crate) invocations: &'a Invocations,
    /// The call's id.
    pub(crate) request_id: &'a str,
    /// The call's own trace, for messages that bring none.
    pub(crate) trace: Option<&'a str>,
    /// When the function ends.
    pub(crate) ends_at: Timestamp,
}

/// When the function ends, from the milliseconds since 1970 that Lambda gives.
pub(crate) fn end_of(deadline_ms: u64) -> Timestamp {
    i64::try_from(deadline_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Runs each message. What failed is named, so that only that comes again; the messages behind it
/// in its group come again too, as a FIFO queue demands, since they must not pass it.
/// Source: AWS Lambda developer guide, "Implementing partial batch responses".
pub(crate) async fn handle(
    service: &Service,
    event: SqsEvent,
    called: &Called<'_>,
) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut blocked = BTreeSet::new();
    for record in event.records {
        let group = record.attributes.get(GROUP).cloned().unwrap_or_default();
        if blocked.contains(&group) || !run_traced(service, &record, called).await {
            // Without an id the whole batch comes again, which an empty one says.
            response.add_failure(record.message_id.unwrap_or_default());
            blocked.insert(group);
        }
    }
    response
}

/// Whether the message is done with. One whose run panics is not: it comes again.
async fn run_traced(service: &Service, record: &SqsMessage, called: &Called<'_>) -> bool {
    let trace = record.attributes.get(TRACE).map(String::as_str).or(called.trace);
    let work = Box::pin(run_one(service, record, called.ends_at));
    let ended = called.invocations.run(called.request_id, trace, work).await;
    ended.unwrap_or(false)
}

/// Whether the message is done with.
async fn run_one(service: &Service, record: &SqsMessage, ends_at: Timestamp) -> bool {
    let body = record.body.as_deref().unwrap_or_default();
    let Some(scope) = SyncTask::read(body) else {
        // It comes again until the queue moves it to the dead letters, where somebody looks at it.
        tracing::error!(size_bytes = body.len(), "a message is not ours");
        return false;
    };
    let began = service.world.now();
    match service.sync(&scope, deadline(began, ends_at)).await {
        Ok(report) => {
            tracing::info!(
                mailbox.id = %scope.mailbox,
                end = ?report.end,
                items = report.items,
                writes = report.writes,
                events = report.events,
                duration_ms = service.world.now().duration_since(began).as_millis(),
                "run ended"
            );
            match report.end {
                RunEnd::Synced | RunEnd::Continues | RunEnd::Waits(_) | RunEnd::Off => true,
                // The message is the only one that knows of the newest hints: it comes again when
                // its visibility ends, which is later than the lease does.
                RunEnd::Held(_) => false,
            }
        }
        Err(error) => {
            tracing::error!(mailbox.id = %scope.mailbox, error = %error, "run failed");
            false
        }
    }
}

/// When a run has to stop: 15 seconds before the function ends, or a quarter of what is left if
/// that is less.
fn deadline(now: Timestamp, ends_at: Timestamp) -> Timestamp {
    let left = ends_at.duration_since(now).max(SignedDuration::ZERO);
    let reserve = RESERVE_MAX.min(left / 4);
    ends_at.saturating_sub(reserve).unwrap_or(ends_at)
}

#[cfg(test)]
mod tests;
