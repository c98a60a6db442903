//! The simulator on a socket: HTTP in, callbacks out.
//!
//! When the environment names a directory in `TIDEMARK_SIM_RECORD`, every distinct EWS body that is
//! heard or said is written there as a file: judges validate them against Microsoft's schema.

mod recorder;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::callback::{Callback, CallbackKind};
use crate::server::recorder::{Recorder, Speaker};
use crate::simulator::{SimOutcome, SimRequest, SimStep, Simulator};

/// How long a listener may take to answer a callback.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the clock is looked at while nothing wakes the callbacks.
const TICK: Duration = Duration::from_millis(50);

/// The variable that names the directory of the recording.
const RECORD_VARIABLE: &str = "TIDEMARK_SIM_RECORD";
/// Where EWS is spoken; control requests are not recorded.
const EWS_PATH: &str = "/EWS/Exchange.asmx";

struct Host {
    simulator: Arc<Simulator>,
    /// Posts callbacks.
    client: reqwest::Client,
    wake: Notify,
    recorder: Option<Recorder>,
}

impl Host {
    fn record(&self, speaker: Speaker, body: &[u8]) {
        if let Some(recorder) = &self.recorder
            && let Err(error) = recorder.record(speaker, body)
        {
            tracing::error!(error = %error, "the recording is incomplete");
        }
    }
}

/// Serves until the listener fails or the future is dropped. Only loopback addresses are taken.
///
/// # Errors
/// When the listener is not bound to a loopback address, or fails, or the recording's directory
/// cannot be made.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::other("the simulator listens on loopback only"));
    }
    let client = reqwest::Client::builder()
        .timeout(CALLBACK_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(io::Error::other)?;
    let host =
        Arc::new(Host { simulator, client, wake: Notify::new(), recorder: open_recorder()? });
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(crate::ews::REQUEST_BYTES_MAX))
        .with_state(Arc::clone(&host));
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served,
        () = run_callbacks(&host) => Ok(()),
    }
}

/// Looked at once, where the socket is served: the simulator itself knows no environment.
fn open_recorder() -> io::Result<Option<Recorder>> {
    std::env::var_os(RECORD_VARIABLE)
        .filter(|directory| !directory.is_empty())
        .map(|directory| Recorder::open(directory.into()))
        .transpose()
}

async fn answer(State(host): State<Arc<Host>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, crate::ews::REQUEST_BYTES_MAX).await else {
        return plain(413);
    };
    let request = SimRequest {
        method: parts.method.as_str().to_owned(),
        path: parts
            .uri
            .path_and_query()
            .map_or_else(|| parts.uri.path().to_owned(), |whole| whole.as_str().to_owned()),
        headers: parts
            .headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect(),
        body: body.to_vec(),
    };
    let is_ews = request.path_and_query().0.eq_ignore_ascii_case(EWS_PATH);
    if is_ews {
        host.record(Speaker::Client, &request.body);
    }
    let outcome = match host.simulator.begin(&request) {
        SimStep::Done(outcome) => outcome,
        SimStep::Waiting(number, calls) => {
            let asked = calls.into_iter().map(|call| post(Arc::clone(&host), call));
            let _: Vec<()> = asked.collect::<tokio::task::JoinSet<()>>().join_all().await;
            host.simulator.finish(number)
        }
    };
    host.wake.notify_one();
    match outcome {
        SimOutcome::Answer { status, headers, body } => {
            if is_ews {
                host.record(Speaker::Simulator, &body);
            }
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap_or_else(|_| plain(500))
        }
        SimOutcome::CutBefore | SimOutcome::CutAfter => cut(),
    }
}

fn plain(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// A body that fails before its first byte: the connection ends without a usable answer.
fn cut() -> Response {
    let broken = http_body_util::Limited::new(Body::from("-"), 0);
    let mut response = Response::new(Body::new(broken));
    response
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("1"));
    response
}

/// Posts callbacks as they fall due. Those of one round go out together, so that a listener
/// that does not answer keeps nobody else waiting longer than its own time-out.
async fn run_callbacks(host: &Arc<Host>) {
    let mut open = tokio::task::JoinSet::new();
    loop {
        for callback in host.simulator.due_callbacks(host.simulator.now()) {
            open.spawn(post(Arc::clone(host), callback));
        }
        while open.try_join_next().is_some() {}
        let _ = tokio::time::timeout(TICK, host.wake.notified()).await;
    }
}

async fn post(host: Arc<Host>, callback: Callback) {
    let is_ews = callback.kind == CallbackKind::EwsPush;
    if is_ews {
        host.record(Speaker::Simulator, callback.body.as_bytes());
    }
    let (status, body) = match try_post(&host.client, &callback).await {
        Ok(answer) => answer,
        Err(_) => (0, bytes::Bytes::new()),
    };
    if is_ews {
        host.record(Speaker::Client, &body);
    }
    host.simulator.callback_answered(callback.id, status, &body);
    host.wake.notify_one();
}

async fn try_post(
    client: &reqwest::Client,
    callback: &Callback,
) -> reqwest::Result<(u16, bytes::Bytes)> {
    if !may_call(&callback.url) {
        return Ok((0, bytes::Bytes::new()));
    }
    let mut request = client.post(&callback.url);
    for (name, value) in callback.headers() {
        request = request.header(*name, *value);
    }
    let answer = request.body(callback.body.clone()).send().await?;
    let plain = answer
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/plain"));
    if callback.kind == CallbackKind::Handshake && !plain {
        // The token has to come back as plain text: anything else is no answer.
        return Ok((0, bytes::Bytes::new()));
    }
    Ok((answer.status().as_u16(), answer.bytes().await?))
}

/// Plain http only to loopback literals (DESIGN.md 8).
fn may_call(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        _ => false,
    }
}
