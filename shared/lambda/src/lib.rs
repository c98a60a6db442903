//! Serves a function from Lambda's runtime interface, each call within the [`Frame`]: the one place
//! where the calls of Lambda and the units of work of the product meet.

#[cfg(feature = "http")]
mod http;

use core::fmt::Debug;
use core::future::Future;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidemark_platform::{Called, Frame};
use tidemark_store::records::Payer;

#[cfg(feature = "http")]
pub use http::{framed, serve_http};
pub use lambda_runtime::Error;

/// What Lambda says of a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its id.
    pub request_id: String,
    /// X-Ray's header.
    pub trace: Option<String>,
    /// When the function is stopped.
    pub ends_at: Timestamp,
}

impl Call {
    pub(crate) fn of(context: &Context) -> Self {
        Self {
            request_id: context.request_id.clone(),
            trace: context.xray_trace_id.clone(),
            ends_at: end_of(context.deadline),
        }
    }

    /// When work has to stop so that `reserve` is left for its last writes and the answer; a quarter
    /// of what is left is kept if that is less.
    pub fn stops_at(&self, now: Timestamp, reserve: SignedDuration) -> Timestamp {
        let left = self.ends_at.duration_since(now).max(SignedDuration::ZERO);
        self.ends_at.saturating_sub(reserve.min(left / 4)).unwrap_or(self.ends_at)
    }

    /// The call as one unit of work.
    pub fn as_unit(&self, payer: Payer) -> Called<'_> {
        Called {
            request_id: &self.request_id,
            trace: self.trace.as_deref(),
            ends_at: self.ends_at,
            payer,
            queue_requests: 0,
        }
    }
}

/// When the function ends, from the milliseconds since 1970 that Lambda gives; 0 is no end.
pub fn end_of(deadline_ms: u64) -> Timestamp {
    i64::try_from(deadline_ms)
        .ok()
        .filter(|ms| *ms > 0)
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Serves calls, each of which is one unit of work for all mailboxes together.
///
/// # Errors
/// When the Lambda runtime cannot be reached or ends.
pub async fn serve_units<E, A, X, W, F>(frame: Frame, work: W) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    X: Into<Error> + Send + Debug,
    W: Fn(E, Call) -> F,
    F: Future<Output = Result<A, X>>,
{
    let within = frame.clone();
    serve(&frame, move |event, call: Call| {
        let (frame, done) = (within.clone(), work(event, call.clone()));
        async move {
            let ended = frame.run(call.as_unit(Payer::Everybody), done).await?;
            ended.map_err(Into::into)
        }
    })
    .await
}

/// Serves calls by a handler that puts the frame around each unit of work itself.
///
/// # Errors
/// When the Lambda runtime cannot be reached or ends.
pub async fn serve<E, A, W, F>(frame: &Frame, work: W) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    W: Fn(E, Call) -> F,
    F: Future<Output = Result<A, Error>>,
{
    frame.ready();
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| {
        let call = Call::of(&event.context);
        work(event.payload, call)
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_stops_in_time_for_its_function() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let stops = |now, ends| {
            let call = Call { request_id: String::new(), trace: None, ends_at: at(ends) };
            call.stops_at(at(now), SignedDuration::from_secs(15))
        };
        assert_eq!(stops(1000, 1060), at(1045));
        assert_eq!(stops(1000, 1020), at(1015));
        assert_eq!(stops(1000, 990), at(990));
    }

    #[test]
    fn the_end_of_a_call_is_a_moment() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(end_of(1_000_000), at(1000));
        assert_eq!(end_of(u64::MAX), Timestamp::MAX);
        assert_eq!(end_of(0), Timestamp::MAX);
    }
}
