//! The simulator on a socket: HTTP in, callbacks out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::callback::Callback;
use crate::simulator::{SimOutcome, SimRequest, Simulator};

/// How long a listener may take to answer a callback.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the clock is looked at while nothing wakes the callbacks.
const TICK: Duration = Duration::from_millis(50);

struct Host {
    simulator: Arc<Simulator>,
    wake: Notify,
}

/// Serves until the listener fails or the future is dropped. Only loopback addresses are taken.
///
/// # Errors
/// When the listener is not bound to a loopback address, or fails.
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
    let host = Arc::new(Host {
        simulator,
        wake: Notify::new(),
    });
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(crate::ews::REQUEST_BYTES_MAX))
        .with_state(Arc::clone(&host));
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served,
        () = run_callbacks(&host, &client) => Ok(()),
    }
}

async fn answer(State(host): State<Arc<Host>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, crate::ews::REQUEST_BYTES_MAX).await else {
        return plain(413);
    };
    let request = SimRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        headers: parts
            .headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect(),
        body: body.to_vec(),
    };
    let outcome = host.simulator.handle(&request);
    host.wake.notify_one();
    match outcome {
        SimOutcome::Answer {
            status,
            headers,
            body,
        } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response
                .body(Body::from(body))
                .unwrap_or_else(|_| plain(500))
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
    response.headers_mut().insert(
        http::header::CONTENT_LENGTH,
        http::HeaderValue::from_static("1"),
    );
    response
}

/// Posts callbacks as they fall due. Those of one round go out together, so that a listener
/// that does not answer keeps nobody else waiting longer than its own time-out.
async fn run_callbacks(host: &Arc<Host>, client: &reqwest::Client) {
    let mut open = tokio::task::JoinSet::new();
    loop {
        for callback in host.simulator.due_callbacks(host.simulator.now()) {
            open.spawn(post(Arc::clone(host), client.clone(), callback));
        }
        while open.try_join_next().is_some() {}
        let _ = tokio::time::timeout(TICK, host.wake.notified()).await;
    }
}

async fn post(host: Arc<Host>, client: reqwest::Client, callback: Callback) {
    let (status, body) = match try_post(&client, &callback).await {
        Ok(answer) => answer,
        Err(_) => (0, bytes::Bytes::new()),
    };
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
    for (name, value) in Callback::HEADERS {
        request = request.header(name, value);
    }
    let answer = request.body(callback.body.clone()).send().await?;
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
