//! The frame around every unit of work on Lambda: its id and trace in the log, the trace's way
//! through the queue, panics, which end the unit and not the process, what the unit costs, and one
//! wide event that tells of it.

mod event;
mod stopwatch;
mod trace;

use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::io::Write as _;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tidemark_store::records::{Gauge, Payer, Records, Usage};
use tidemark_world::Clock;
use tracing::Instrument as _;
use uuid::Uuid;

pub use self::event::{Metric, NAMESPACE, Outcome};

use self::event::{Event, Origin};
use self::stopwatch::Stopwatch;
use self::trace::TraceHeader;
use crate::environment::Environment;

/// How long before its function is stopped a unit is told of that is still under way; a quarter of
/// its time, if that is less.
const WARNING_MAX: SignedDuration = SignedDuration::from_millis(500);

/// The work was cut off by a panic. What it said stays in the process: it may quote what was worked
/// on. The log says where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the function panicked; its log says where")]
pub struct Panicked;

/// What Lambda says of a unit of work, and who pays for it.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// The call's id.
    pub request_id: &'a str,
    /// X-Ray's header, from Lambda's context or from the message that is worked on. One of another
    /// form counts as none.
    pub trace: Option<&'a str>,
    /// When the function is stopped.
    pub ends_at: Timestamp,
    /// Whom the work is for.
    pub payer: Payer,
    /// Requests to SQS that Lambda makes for it: a message is received and deleted.
    pub queue_requests: u64,
}

/// The frame of one function, whose units of work come one at a time, as Lambda makes them. Clones
/// share the current one.
#[derive(Clone)]
pub struct Frame(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    origin: Origin,
    stopwatch: Arc<Stopwatch>,
    started_at: Timestamp,
    records: OnceLock<Arc<Records>>,
    current: Mutex<Current>,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Default)]
struct Current {
    trace: Option<TraceHeader>,
    /// None between units, and once it was written.
    event: Option<Event>,
    /// When the function was ready for its first unit; none before that, and once it was reckoned.
    ready_at: Option<Timestamp>,
}

impl Frame {
    /// The frame of the function that the environment names. Events go to standard output.
    pub fn new(environment: &Environment, clock: Arc<dyn Clock>) -> Self {
        Self::writing(environment, clock, Box::new(write_line))
    }

    /// The same, with events going elsewhere.
    pub fn writing(
        environment: &Environment,
        clock: Arc<dyn Clock>,
        write: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        let memory = environment.text("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        let memory_mb = memory.and_then(|it| it.parse().ok()).unwrap_or(0);
        let started_at = clock.now();
        Self(Arc::new(Inner {
            stopwatch: Arc::new(Stopwatch::new(Arc::clone(&clock), memory_mb)),
            clock,
            origin: origin_of(environment),
            started_at,
            records: OnceLock::new(),
            current: Mutex::default(),
            write,
        }))
    }

    /// Meters units of work in these records from now on. The first ones stay.
    pub fn meter(&self, records: &Arc<Records>) {
        let gauge: Arc<dyn Gauge> = self.0.stopwatch.clone();
        records.gauge_by(gauge);
        let _the_first_stay = self.0.records.set(Arc::clone(records));
    }

    /// Says that the function is made: what its start took goes to the first unit.
    pub fn ready(&self) {
        self.lock().ready_at = Some(self.0.clock.now());
    }

    /// X-Ray's header of the unit of work that is being done.
    pub fn trace(&self) -> Option<String> {
        self.lock().trace.as_ref().map(|header| header.as_str().to_owned())
    }

    /// Notes a metric of the unit that is being done; a second value replaces the first.
    pub fn metric(&self, metric: Metric, value: u64) {
        self.note(|event| event.metric(metric, value));
    }

    /// Notes a number that is no metric.
    pub fn number(&self, field: &'static str, value: u64) {
        self.note(|event| event.number(field, value));
    }

    /// Notes one of few words of this program's own.
    pub fn word(&self, field: &'static str, word: &'static str) {
        self.note(|event| event.word(field, word));
    }

    /// Notes the id of something of ours.
    pub fn id(&self, field: &'static str, id: Uuid) {
        self.note(|event| event.id(field, id));
    }

    /// Says that the unit failed.
    pub fn failed(&self) {
        self.note(|event| event.outcome = Outcome::Failed);
    }

    fn note(&self, note: impl FnOnce(&mut Event)) {
        if let Some(event) = self.lock().event.as_mut() {
            note(event);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        // Its parts are replaced whole, so a panic elsewhere cannot have left half of one.
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frame {
    /// Does a unit of work. Its log lines carry `request.id` and `trace.id`; messages that it sends
    /// carry the trace on. It is metered, and one event tells of it, even if it panics or if its
    /// function is about to be stopped.
    ///
    /// # Errors
    /// [`Panicked`]. What handlers share replaces its parts whole, so that the next unit finds no half
    /// of one.
    pub async fn run<F: Future>(&self, called: Called<'_>, work: F) -> Result<F::Output, Panicked> {
        let trace = called.trace.and_then(TraceHeader::parse);
        let span = tracing::info_span!(
            "invocation",
            request.id = called.request_id,
            trace.id = trace.as_ref().map(TraceHeader::id)
        );
        self.begin(called, trace);
        let ended = self.watched(called.ends_at, caught(work)).instrument(span).await;
        self.end(ended.is_err()).await;
        ended
    }

    fn begin(&self, called: Called<'_>, trace: Option<TraceHeader>) {
        let now = self.0.clock.now();
        let mut event = Event::new(now);
        event.call_id("request.id", called.request_id);
        if let Some(trace) = &trace {
            event.call_id("trace.id", trace.id());
        }
        let mut current = self.lock();
        let start = current.ready_at.take().map(|ready| ready.duration_since(self.0.started_at));
        if let Some(start) = start {
            event.number("start_ms", u64::try_from(start.as_millis()).unwrap_or(0));
        }
        current.trace = trace;
        current.event = Some(event);
        drop(current);
        if let Some(records) = self.0.records.get() {
            records.begin_unit(called.payer);
            self.0.stopwatch.start(start.unwrap_or(SignedDuration::ZERO));
            let queue_requests = called.queue_requests;
            records.meter(Usage { invocations: 1, queue_requests, ..Usage::default() });
        }
    }

    async fn end(&self, has_panicked: bool) {
        self.tell(has_panicked.then_some(Outcome::Panicked));
        self.lock().trace = None;
        if let Some(records) = self.0.records.get() {
            records.end_unit();
            self.0.stopwatch.stop();
            if let Err(error) = records.write_shared(self.0.clock.now()).await {
                tracing::warn!(%error, "what units of work share was not written down");
            }
        }
    }

    /// Writes the unit's event, once.
    fn tell(&self, outcome: Option<Outcome>) {
        let Some(event) = self.lock().event.take() else {
            return;
        };
        let outcome = outcome.unwrap_or(event.outcome);
        (self.0.write)(&event.line(&self.0.origin, outcome, self.0.clock.now()));
    }

    /// Tells of work that is still under way when its function is about to be stopped: afterwards
    /// nobody could.
    async fn watched<F: Future>(&self, ends_at: Timestamp, work: F) -> F::Output {
        let left = ends_at.duration_since(self.0.clock.now()).max(SignedDuration::ZERO);
        let until_warning = left - WARNING_MAX.min(left / 4);
        let wait = Duration::try_from(until_warning).unwrap_or(Duration::MAX).min(WAIT_MAX);
        let (mut work, mut alarm) = (pin!(work), pin!(self.0.clock.sleep(wait)));
        let mut has_rung = false;
        poll_fn(|context| {
            // First, so that its time begins before the work does.
            if !has_rung && alarm.as_mut().poll(context).is_ready() {
                has_rung = true;
                tracing::error!("the function is about to be stopped in the middle of its work");
                self.tell(Some(Outcome::OutOfTime));
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

/// Longer than any function runs.
const WAIT_MAX: Duration = Duration::from_hours(1);

impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

/// Functions are named `STACK-FUNCTION`, where the function's name is its folder's.
fn origin_of(environment: &Environment) -> Origin {
    let name = environment.text("AWS_LAMBDA_FUNCTION_NAME");
    let known = name.and_then(|name| {
        let split = |function: &&str| {
            let stack = name.strip_suffix(*function)?.strip_suffix('-')?;
            Some((stack.to_owned(), (*function).to_owned()))
        };
        FUNCTIONS.iter().find_map(split)
    });
    let (stack, function) = known.map_or_else(
        || (name.map(str::to_owned), name.unwrap_or("local").to_owned()),
        |(stack, function)| (Some(stack), function),
    );
    Origin { stack, function, level: level_of(environment) }
}

/// The functions, with those first whose names end as others do.
const FUNCTIONS: [&str; 7] =
    ["graph-webhook", "ews-webhook", "token-refresh", "sync", "sweep", "deliver", "api"];

/// Lambda drops lines below the configured level, those of metrics too, and takes a line without a
/// level for `INFO`. Metrics are wanted at every level.
/// Source: AWS Lambda developer guide, "Log-level filtering".
fn level_of(environment: &Environment) -> &'static str {
    match environment.text("AWS_LAMBDA_LOG_LEVEL") {
        Some("WARN") => "WARN",
        Some("ERROR") => "ERROR",
        Some("FATAL") => "FATAL",
        _ => "INFO",
    }
}

/// One write for the whole line, so that lines of others do not come between.
fn write_line(line: &str) {
    let line = format!("{line}\n");
    // A process whose output is closed has nobody left to tell.
    let _nobody_listens = std::io::stdout().lock().write_all(line.as_bytes());
}

async fn caught<F: Future>(work: F) -> Result<F::Output, Panicked> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(Err(Panicked)), |polled| polled.map(Ok))
    })
    .await
}

#[cfg(test)]
pub(crate) mod tests;
