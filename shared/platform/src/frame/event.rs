//! One wide event for each unit of work: a line of the log that is also a bundle of metrics.
//!
//! On Lambda it is written in CloudWatch's embedded metric format, so that the metrics cost no
//! request. Metrics have the dimension `Stack`, and those that differ by it `Protocol`: every
//! further dimension would be a metric of its own, and paid for; what Lambda itself measures by
//! function it gives away. Everything else (function, outcome, mailbox) is a field of the line, to be
//! searched with CloudWatch Logs Insights.
//!
//! Fields hold numbers, ids, and words of this program's own: a `&'static str` cannot hold what
//! somebody wrote.
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Tidemark";
/// The dimension that every metric has.
const STACK: &str = "Stack";
/// The dimension of metrics that differ by how Exchange is reached.
const PROTOCOL: &str = "Protocol";

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $unit:literal by $dimensions:ident,)*) => {
        /// What is told to CloudWatch. `docs/alarms.md` has the table of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)*
        }

        impl Metric {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in CloudWatch.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            const fn unit(self) -> &'static str {
                match self {
                    $(Self::$name => $unit,)*
                }
            }

            const fn by(self) -> By {
                match self {
                    $(Self::$name => By::$dimensions,)*
                }
            }
        }
    };
}

metrics! {
    /// sync: from the message to the end of the run that it started.
    SyncSeconds: "Seconds" by Protocol,
    /// sync: runs that ended with an error, or left their mailbox with one.
    SyncFailures: "Count" by Protocol,
    /// sync: writes to Exchange.
    ItemsWritten: "Count" by Stack,
    /// sync: changes told to the business system.
    ChangesTold: "Count" by Stack,
    /// sweep: mailboxes that were due and sent.
    MailboxesDue: "Count" by Stack,
    /// sweep: mailboxes among those it looked at that show an error.
    MailboxesFailing: "Count" by Stack,
    /// sweep: parts of the minute that did not work.
    SweepErrors: "Count" by Stack,
    /// sweep: 1 when its time was up first.
    SweepOutOfTime: "Count" by Stack,
    /// sweep: subscriptions that could not be made or prolonged.
    RenewalsFailed: "Count" by Stack,
    /// deliver: entries that endpoints have taken.
    Deliveries: "Count" by Stack,
    /// deliver: endpoints to which deliveries are paused.
    EndpointsPaused: "Count" by Stack,
    /// deliver: how long the endpoint that fails for longest has taken nothing.
    EndpointFailingSeconds: "Seconds" by Stack,
    /// token-refresh: connections without a good token that need one.
    TokensFailing: "Count" by Stack,
    /// token-refresh: until the first connection has no credential left that is known to serve.
    CredentialDaysLeft: "Count" by Stack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Stack,
    Protocol,
}

impl By {
    const ALL: [Self; 2] = [Self::Stack, Self::Protocol];

    const fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Stack => &[STACK],
            Self::Protocol => &[STACK, PROTOCOL],
        }
    }
}

/// How a unit of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should, whatever it found.
    Done,
    /// It is tried again, or somebody has to look.
    Failed,
    /// It panicked.
    Panicked,
    /// It was still under way when its function was about to be stopped.
    OutOfTime,
}

impl Outcome {
    /// Its stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::OutOfTime => "out-of-time",
        }
    }
}

/// What is known of a unit of work that is under way.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) began: Timestamp,
    fields: Map<String, Value>,
    metrics: Vec<Metric>,
    pub(crate) outcome: Outcome,
}

/// What is the same for all events of a process.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The deployment; none where there is no Lambda, and then no metrics are told.
    pub(crate) stack: Option<String>,
    /// Which function.
    pub(crate) function: String,
    /// The level that Lambda filters lines by, if it is above that of the line.
    pub(crate) level: &'static str,
}

impl Event {
    pub(crate) fn new(began: Timestamp) -> Self {
        Self { began, fields: Map::new(), metrics: Vec::new(), outcome: Outcome::Done }
    }

    pub(crate) fn metric(&mut self, metric: Metric, value: u64) {
        self.fields.insert(metric.name().to_owned(), value.into());
        if !self.metrics.contains(&metric) {
            self.metrics.push(metric);
        }
    }

    pub(crate) fn number(&mut self, field: &'static str, value: u64) {
        self.fields.insert(field.to_owned(), value.into());
    }

    pub(crate) fn word(&mut self, field: &'static str, word: &'static str) {
        self.fields.insert(field.to_owned(), word.into());
    }

    pub(crate) fn id(&mut self, field: &'static str, id: Uuid) {
        self.fields.insert(field.to_owned(), id.to_string().into());
    }

    /// What Lambda or X-Ray calls the unit. Other characters than theirs are left out.
    pub(crate) fn call_id(&mut self, field: &'static str, id: &str) {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let plain: String = id.chars().filter(is_plain).take(CALL_ID_CHARACTERS_MAX).collect();
        self.fields.insert(field.to_owned(), plain.into());
    }

    /// The line, without its end.
    pub(crate) fn line(&self, origin: &Origin, outcome: Outcome, now: Timestamp) -> String {
        let mut line = self.fields.clone();
        let lasted = now.duration_since(self.began).as_millis();
        let mut set = |name: &str, value: Value| {
            line.insert(name.to_owned(), value);
        };
        set("level", origin.level.into());
        set("timestamp", now.to_string().into());
        set("message", "unit of work".into());
        set("function", origin.function.clone().into());
        set("outcome", outcome.word().into());
        set("duration_ms", u64::try_from(lasted).unwrap_or(0).into());
        if let Some(stack) = &origin.stack {
            set(STACK, stack.clone().into());
            let directives = self.directives();
            if !directives.is_empty() {
                let at = now.as_millisecond();
                set("_aws", json!({"Timestamp": at, "CloudWatchMetrics": directives}));
            }
        }
        Value::Object(line).to_string()
    }

    fn directives(&self) -> Vec<Value> {
        let of = |by: By| {
            let metrics: Vec<_> = self
                .metrics
                .iter()
                .filter(|metric| self.by(**metric) == by)
                .map(|metric| json!({"Name": metric.name(), "Unit": metric.unit()}))
                .collect();
            (!metrics.is_empty()).then(|| {
                json!({"Namespace": NAMESPACE, "Dimensions": [by.dimensions()], "Metrics": metrics})
            })
        };
        By::ALL.into_iter().filter_map(of).collect()
    }

    /// A dimension whose value the event does not have would make the whole of it invalid.
    fn by(&self, metric: Metric) -> By {
        if self.fields.contains_key(PROTOCOL) { metric.by() } else { By::Stack }
    }
}

/// Longest id of a call that is written, in characters. Real ones have 36.
const CALL_ID_CHARACTERS_MAX: usize = 64;

#[cfg(test)]
mod tests;
