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
    let filter = filter_of(environment);
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

/// What passes. Lambda's level is that of our own lines: those of libraries may say in detail what
/// went over the wire, and nobody who asks for more of a function's log asks for that. Lambda starts
/// the function anew when the level is changed, so that it is read at start.
/// Source: AWS Lambda developer guide, "Log-level filtering".
fn filter_of(environment: &Environment) -> EnvFilter {
    let filter = match environment.text("AWS_LAMBDA_LOG_LEVEL") {
        Some(level) => level_filter(level),
        None => environment.text("RUST_LOG").map(str::to_owned),
    };
    let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok());
    filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER))
}

/// One of Lambda's levels, as a filter; none for what is none of them.
fn level_filter(level: &str) -> Option<String> {
    let (ours, others) = match level.to_ascii_uppercase().as_str() {
        "TRACE" => ("trace", "warn"),
        "DEBUG" => ("debug", "warn"),
        "INFO" => ("info", "warn"),
        "WARN" => ("warn", "warn"),
        // Nothing of ours is worse than an error.
        "ERROR" | "FATAL" => ("error", "error"),
        _ => return None,
    };
    Some(format!("{others},tidemark={ours}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written of five lines of ours and two of a library's.
    fn written(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let sink = Sink::default();
        let kept = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || sink.clone());
        let subscriber =
            tracing_subscriber::registry().with(filter_of(&variables.collect())).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!("ours");
            tracing::warn!("ours");
            tracing::info!("ours");
            tracing::debug!("ours");
            tracing::trace!(target: "tidemark_sync::handler", "ours");
            tracing::warn!(target: "hyper::client", "theirs");
            tracing::debug!(target: "aws_smithy_runtime::client", "authorization: secret");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn lambdas_level_is_that_of_our_lines_and_libraries_stay_quiet() {
        let all =
            ["ERROR ours", "WARN ours", "INFO ours", "DEBUG ours", "TRACE ours", "WARN theirs"];
        for (level, count) in [("TRACE", 5), ("DEBUG", 4), ("INFO", 3), ("WARN", 2)] {
            let expected: Vec<_> = all[..count].iter().chain(&all[5..]).collect();
            let seen = written(&[("AWS_LAMBDA_LOG_LEVEL", level), ("RUST_LOG", "trace")]);
            assert_eq!(seen.iter().collect::<Vec<_>>(), expected, "{level}");
        }
        for level in ["ERROR", "FATAL"] {
            assert_eq!(written(&[("AWS_LAMBDA_LOG_LEVEL", level)]), ["ERROR ours"]);
        }
    }

    #[test]
    fn without_lambda_the_usual_variable_decides_and_nonsense_is_passed_over() {
        assert_eq!(written(&[("RUST_LOG", "error")]), ["ERROR ours"]);
        let usual = ["ERROR ours", "WARN ours", "INFO ours", "WARN theirs"];
        for variables in [&[][..], &[("AWS_LAMBDA_LOG_LEVEL", "LOUD")], &[("RUST_LOG", "a=b=c")]] {
            assert_eq!(written(variables), usual);
        }
    }
}
