//! Logs: one line per unit of work, as text on a terminal and as JSON on Lambda.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::environment::Environment;

/// What is logged unless somebody asks for more. Libraries speak up only when something is wrong.
const DEFAULT_FILTER: &str = "info,hyper=warn,h2=warn,reqwest=warn,aws=warn,rustls=warn";

/// Starts logging to standard error. Lambda's own variables decide first: `AWS_LAMBDA_LOG_FORMAT`
/// (`JSON` or `Text`) and `AWS_LAMBDA_LOG_LEVEL`; then `RUST_LOG`.
///
/// Panics are logged by their place alone: what they say may quote what was worked on.
///
/// A second call does nothing: the first subscriber stays.
pub fn start(environment: &Environment) {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = %place, "a panic");
    }));
    let filter = environment
        .text("AWS_LAMBDA_LOG_LEVEL")
        .map(str::to_lowercase)
        .or_else(|| environment.text("RUST_LOG").map(str::to_owned))
        .unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let json = environment.text("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format == "JSON");
    let _already_started = if json {
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr);
        tracing_subscriber::registry().with(filter).with(layer).try_init()
    } else {
        let layer =
            tracing_subscriber::fmt::layer().with_target(false).with_writer(std::io::stderr);
        tracing_subscriber::registry().with(filter).with(layer).try_init()
    };
}
