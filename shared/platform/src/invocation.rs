//! What surrounds every unit of work on Lambda: its trace in the log, the trace's way through the
//! queue, and panics, which end the invocation and not the process.

use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::Poll;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Instrument as _;

/// Longest trace header that is handed on, in bytes. Real ones have about 100.
const HEADER_BYTES_MAX: usize = 512;

/// The work was cut off by a panic. What it said stays in the process: it may quote what was worked
/// on. The log says where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function panicked; its log says where")]
pub struct Panicked;

/// The invocations of one function, one at a time as Lambda makes them. Clones share the current one.
#[derive(Debug, Clone, Default)]
pub struct Invocations(Arc<Mutex<Option<TraceHeader>>>);

impl Invocations {
    /// Does a unit of work. Its log lines carry `request.id` and `trace.id`; messages that it sends
    /// carry the trace on. `trace` is X-Ray's header, from Lambda's context or from the message that
    /// is worked on; one of another form counts as none.
    ///
    /// # Errors
    /// [`Panicked`]. What handlers share replaces its parts whole, so that the next unit finds no half
    /// of one.
    pub async fn run<F: Future>(
        &self,
        request_id: &str,
        trace: Option<&str>,
        work: F,
    ) -> Result<F::Output, Panicked> {
        let trace = trace.and_then(TraceHeader::parse);
        let span = tracing::info_span!(
            "invocation",
            request.id = request_id,
            trace.id = trace.as_ref().map(TraceHeader::id)
        );
        self.set(trace);
        let ended = caught(work).instrument(span).await;
        self.set(None);
        ended
    }

    /// X-Ray's header of the unit of work that is being done.
    pub fn trace(&self) -> Option<String> {
        self.lock().as_ref().map(|header| header.0.clone())
    }

    fn set(&self, trace: Option<TraceHeader>) {
        *self.lock() = trace;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<TraceHeader>> {
        // It is replaced whole, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn caught<F: Future>(work: F) -> Result<F::Output, Panicked> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(Err(Panicked)), |polled| polled.map(Ok))
    })
    .await
}

/// A tracing header: `Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1`.
/// Source: AWS X-Ray developer guide, "Tracing header".
#[derive(Debug, Clone, PartialEq, Eq)]
struct TraceHeader(String);

impl TraceHeader {
    /// None when it has no root of the documented form, or anything that a header may not have: SQS
    /// refuses a message with a header that is not well formed.
    fn parse(text: &str) -> Option<Self> {
        let is_plain =
            text.len() <= HEADER_BYTES_MAX && text.bytes().all(|it| it.is_ascii_graphic());
        (is_plain && root_of(text).is_some()).then(|| Self(text.to_owned()))
    }

    /// The trace's id: version, seconds since 1970, 96 bits of randomness.
    fn id(&self) -> &str {
        root_of(&self.0).unwrap_or_default()
    }
}

fn root_of(text: &str) -> Option<&str> {
    let root = text.split(';').find_map(|part| part.strip_prefix("Root="))?;
    let mut parts = root.split('-');
    let is_hex = |part: Option<&str>, digits: usize| {
        part.is_some_and(|it| it.len() == digits && it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    let fits = parts.next() == Some("1") && is_hex(parts.next(), 8) && is_hex(parts.next(), 24);
    (fits && parts.next().is_none()).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";

    #[tokio::test]
    async fn the_trace_is_there_while_the_work_is_done_and_no_longer() {
        let invocations = Invocations::default();
        let seen = invocations.run("r1", Some(HEADER), async { invocations.trace() }).await;
        assert_eq!(seen.unwrap().as_deref(), Some(HEADER));
        assert_eq!(invocations.trace(), None);
        let seen = invocations.run("r2", None, async { invocations.trace() }).await;
        assert_eq!(seen, Ok(None));
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_says_nothing_of_it() {
        let invocations = Invocations::default();
        let ended = invocations
            .run("r1", Some(HEADER), async {
                tokio::task::yield_now().await;
                panic!("Budget 2027")
            })
            .await;
        let error: Result<(), Panicked> = ended;
        assert!(!error.unwrap_err().to_string().contains("Budget"));
        assert_eq!(invocations.run("r2", None, async { 7 }).await, Ok(7));
        assert_eq!(invocations.trace(), None);
    }

    #[test]
    fn what_is_no_trace_header_is_not_handed_on() {
        assert_eq!(TraceHeader::parse(HEADER).unwrap().id(), "1-67891233-abcdef012345678912345678");
        let root = "Root=1-67891233-abcdef012345678912345678";
        assert!(TraceHeader::parse(root).is_some());
        let long = format!("{root};Lineage={}", "x".repeat(HEADER_BYTES_MAX));
        for text in [
            "",
            "Self=1-67891233-abcdef012345678912345678",
            "Root=2-67891233-abcdef012345678912345678",
            "Root=1-67891233-abcdef01234567891234567",
            "Root=1-67891233-abcdef012345678912345678-1",
            "Root=1-6789123g-abcdef012345678912345678",
            &format!("{root};Parent=\n"),
            &long,
        ] {
            assert_eq!(TraceHeader::parse(text), None, "{text}");
        }
    }
}
