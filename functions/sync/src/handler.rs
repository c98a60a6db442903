//! A batch of the queue: parse, run, answer which messages have to come again.

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use tidemark_lambda::{Call, Error};
use tidemark_platform::{Called, Frame, Metric};
use tidemark_service::{RunEnd, RunReport, Service, SyncTask};
use tidemark_store::records::Payer;

/// What a run leaves of the function's time for its last commit and the answer.
const RESERVE: SignedDuration = SignedDuration::from_secs(15);
/// The attribute that names the group of a message.
const GROUP: &str = "MessageGroupId";
/// The attribute that carries the trace of whoever sent a message.
const TRACE: &str = "AWSTraceHeader";

/// The attribute that says when a message was sent, in milliseconds since 1970.
const SENT: &str = "SentTimestamp";
/// Requests to SQS that Lambda makes for a message: it is received, and deleted when it is done with.
const REQUESTS_PER_MESSAGE: u64 = 2;

/// How a message ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It is done with.
    Done,
    /// It has to come again.
    Again,
    /// The same, and it was this function that did not work: it panicked, or its table did not answer.
    Broken,
}

/// Runs each message. What failed is named, so that only that comes again; the messages behind it
/// in its group come again too, as a FIFO queue demands, since they must not pass it.
/// Source: AWS Lambda developer guide, "Implementing partial batch responses".
///
/// # Errors
/// When nothing of the batch is done with and the function did not work. It comes again all the same,
/// but only this counts as one of Lambda's errors, by which alarms and the shift of a release go, and
/// by which Lambda asks the queue for less at once. Source: AWS Lambda developer guide, "Handling
/// errors for an SQS event source".
pub(crate) async fn handle(
    service: &Service,
    event: SqsEvent,
    call: &Call,
    frame: &Frame,
) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    let (mut blocked, mut is_broken, messages) = (BTreeSet::new(), false, event.records.len());
    for record in event.records {
        let group = record.attributes.get(GROUP).cloned().unwrap_or_default();
        let ended = if blocked.contains(&group) {
            Ended::Again
        } else {
            run_framed(service, &record, call, frame).await
        };
        if ended != Ended::Done {
            is_broken |= ended == Ended::Broken;
            // Without an id the whole batch comes again, which an empty one says.
            response.add_failure(record.message_id.unwrap_or_default());
            blocked.insert(group);
        }
    }
    if is_broken && response.batch_item_failures.len() == messages {
        return Err("the run did not work; the log says why".into());
    }
    Ok(response)
}

/// A message whose run panics comes again.
async fn run_framed(service: &Service, record: &SqsMessage, call: &Call, frame: &Frame) -> Ended {
    let unit = Called {
        trace: record.attributes.get(TRACE).map(String::as_str).or(call.trace.as_deref()),
        queue_requests: REQUESTS_PER_MESSAGE,
        ..call.as_unit(Payer::Mailbox)
    };
    let work = Box::pin(async {
        let ended = run_one(service, record, call, frame).await;
        if ended != Ended::Done {
            frame.failed();
        }
        ended
    });
    frame.run(unit, work).await.unwrap_or(Ended::Broken)
}

async fn run_one(service: &Service, record: &SqsMessage, call: &Call, frame: &Frame) -> Ended {
    let body = record.body.as_deref().unwrap_or_default();
    let Some(scope) = SyncTask::read(body) else {
        // It comes again until the queue moves it to the dead letters, where somebody looks at it.
        tracing::error!(size_bytes = body.len(), "a message is not ours");
        return Ended::Again;
    };
    frame.id("mailbox.id", scope.mailbox.uuid());
    let began = service.world.now();
    let sent = sent_at(record);
    if let Some(sent) = sent {
        frame.number("queue_ms", milliseconds(sent, began));
    }
    match Box::pin(service.sync(&scope, call.stops_at(began, RESERVE))).await {
        Ok(report) => {
            tell(frame, &report);
            if let Some(sent) = sent {
                let seconds = milliseconds(sent, service.world.now()) / 1000;
                frame.metric(Metric::SyncSeconds, seconds);
            }
            match report.end {
                // The message is the only one that knows of the newest hints: it comes again when its
                // visibility ends, which is later than the lease does.
                RunEnd::Held(_) => Ended::Again,
                _ => Ended::Done,
            }
        }
        Err(error) => {
            frame.metric(Metric::SyncFailures, 1);
            tracing::error!(mailbox.id = %scope.mailbox, error = %error, "run failed");
            Ended::Broken
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

#[cfg(test)]
mod tests;
