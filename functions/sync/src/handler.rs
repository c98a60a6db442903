//! A batch of the queue: parse, run, answer which messages have to come again.

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use tidemark_lambda::Call;
use tidemark_platform::{Called, Frame, Metric};
use tidemark_service::{RunEnd, RunReport, Service, SyncTask};
use tidemark_store::records::Payer;

/// What a run leaves of the function's time for its last commit and the answer.
const RESERVE_MAX: SignedDuration = SignedDuration::from_secs(15);
/// The attribute that names the group of a message.
const GROUP: &str = "MessageGroupId";
/// The attribute that carries the trace of whoever sent a message.
const TRACE: &str = "AWSTraceHeader";

/// The attribute that says when a message was sent, in milliseconds since 1970.
const SENT: &str = "SentTimestamp";
/// Requests to SQS that Lambda makes for a message: it is received, and deleted when it is done with.
const REQUESTS_PER_MESSAGE: u64 = 2;

/// Runs each message. What failed is named, so that only that comes again; the messages behind it
/// in its group come again too, as a FIFO queue demands, since they must not pass it.
/// Source: AWS Lambda developer guide, "Implementing partial batch responses".
pub(crate) async fn handle(
    service: &Service,
    event: SqsEvent,
    call: &Call,
    frame: &Frame,
) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut blocked = BTreeSet::new();
    for record in event.records {
        let group = record.attributes.get(GROUP).cloned().unwrap_or_default();
        if blocked.contains(&group) || !run_framed(service, &record, call, frame).await {
            // Without an id the whole batch comes again, which an empty one says.
            response.add_failure(record.message_id.unwrap_or_default());
            blocked.insert(group);
        }
    }
    response
}

/// Whether the message is done with. One whose run panics is not: it comes again.
async fn run_framed(service: &Service, record: &SqsMessage, call: &Call, frame: &Frame) -> bool {
    let unit = Called {
        trace: record.attributes.get(TRACE).map(String::as_str).or(call.trace.as_deref()),
        queue_requests: REQUESTS_PER_MESSAGE,
        ..call.as_unit(Payer::Mailbox)
    };
    let work = Box::pin(async {
        let is_done = run_one(service, record, call.ends_at, frame).await;
        if !is_done {
            frame.failed();
        }
        is_done
    });
    frame.run(unit, work).await.unwrap_or(false)
}

/// Whether the message is done with.
async fn run_one(
    service: &Service,
    record: &SqsMessage,
    ends_at: Timestamp,
    frame: &Frame,
) -> bool {
    let body = record.body.as_deref().unwrap_or_default();
    let Some(scope) = SyncTask::read(body) else {
        // It comes again until the queue moves it to the dead letters, where somebody looks at it.
        tracing::error!(size_bytes = body.len(), "a message is not ours");
        return false;
    };
    frame.id("mailbox.id", scope.mailbox.uuid());
    let began = service.world.now();
    let sent = sent_at(record);
    if let Some(sent) = sent {
        frame.number("queue_ms", milliseconds(sent, began));
    }
    match Box::pin(service.sync(&scope, deadline(began, ends_at))).await {
        Ok(report) => {
            tell(frame, &report);
            if let Some(sent) = sent {
                let seconds = milliseconds(sent, service.world.now()) / 1000;
                frame.metric(Metric::SyncSeconds, seconds);
            }
            // The message is the only one that knows of the newest hints: it comes again when its
            // visibility ends, which is later than the lease does.
            !matches!(report.end, RunEnd::Held(_))
        }
        Err(error) => {
            frame.metric(Metric::SyncFailures, 1);
            tracing::error!(mailbox.id = %scope.mailbox, error = %error, "run failed");
            false
        }
    }
}

fn tell(frame: &Frame, report: &RunReport) {
    frame.word("end", end_word(report.end));
    if let Some(protocol) = report.protocol {
        frame.word("Protocol", protocol);
    }
    frame.metric(Metric::SyncFailures, u64::from(report.failing));
    frame.metric(Metric::ItemsWritten, report.writes);
    frame.metric(Metric::ChangesTold, report.events);
    frame.number("items", report.items);
    frame.number("unchanged", report.unchanged);
    frame.number("holds", report.holds);
    frame.number("exchange_requests", report.exchange_requests);
}

const fn end_word(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Synced => "synced",
        RunEnd::Continues => "continues",
        RunEnd::Waits(_) => "waits",
        RunEnd::Held(_) => "held",
        RunEnd::Off => "off",
    }
}

/// When a message was sent. Source: Amazon SQS API reference, `ReceiveMessage`.
fn sent_at(record: &SqsMessage) -> Option<Timestamp> {
    let milliseconds = record.attributes.get(SENT)?.parse().ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}

/// From one moment to another; nothing if clocks do not agree which came first.
fn milliseconds(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0)
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
