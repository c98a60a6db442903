//! Notification intake: how many pushes a running connector takes in a second, each written down
//! before it is answered.
//!
//! `intake HOST:PORT PATH SUBSCRIPTION REQUESTS CONNECTIONS [CLIENT_STATE]` posts news of an item to
//! PATH, on kept connections, one request at a time on each, and prints one JSON object: what EWS
//! pushes, or with a client state what Graph posts. What was answered with 5xx counts as refused,
//! not as taken (both would post it again); any other answer than EWS's 200 with `OK` in it or 202
//! for Graph ends the run.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tidemark_bench::figures::percentile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest answer that is read: the real ones have some hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, path, subscription, requests, connections, state @ ..] = arguments.as_slice()
    else {
        bail!("usage: intake HOST:PORT PATH SUBSCRIPTION REQUESTS CONNECTIONS [CLIENT_STATE]");
    };
    let (requests, connections): (usize, usize) = (requests.parse()?, connections.parse()?);
    let plan = Arc::new(Plan {
        address: address.clone(),
        path: path.clone(),
        subscription: subscription.clone(),
        client_state: state.first().cloned(),
        left: AtomicUsize::new(requests),
        requests,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build()?;
    let start = now();
    let mut times = runtime.block_on(async {
        let tasks: Vec<_> =
            (0..connections.max(1)).map(|_| runtime.spawn(Arc::clone(&plan).post_all())).collect();
        let mut times = Vec::with_capacity(requests);
        for task in tasks {
            times.extend(task.await??);
        }
        anyhow::Ok(times)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let taken = times.len();
    ensure!(taken > 0, "every push was refused");
    let milliseconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1_000.0);
    print(&json!({
        "requests": requests,
        "connections": connections,
        "refused": requests - taken,
        "requestsPerSecond": f64::from(u32::try_from(taken)?) / seconds,
        "p50Milliseconds": milliseconds(percentile(&mut times, 50)),
        "p99Milliseconds": milliseconds(percentile(&mut times, 99)),
    }));
    Ok(())
}

/// What all connections do together.
struct Plan {
    address: String,
    path: String,
    subscription: String,
    /// Of a subscription of Graph's.
    client_state: Option<String>,
    left: AtomicUsize,
    requests: usize,
}

impl Plan {
    /// Posts until nothing is left; gives the time of each request.
    async fn post_all(self: Arc<Self>) -> anyhow::Result<Vec<Duration>> {
        let mut connection = TcpStream::connect(&self.address).await?;
        connection.set_nodelay(true)?;
        let mut times = Vec::new();
        while let Some(number) = self.next() {
            let request = self.request(number);
            let start = now();
            connection.write_all(&request).await?;
            let answer = read_answer(&mut connection).await?;
            let time = start.elapsed();
            match answer.status {
                500..=599 => {}
                200 if self.client_state.is_none() && answer.body.contains(">OK<") => {
                    times.push(time);
                }
                202 if self.client_state.is_some() => times.push(time),
                status => bail!("an odd answer: {status}"),
            }
        }
        Ok(times)
    }

    /// The number of the next request, if there is one.
    fn next(&self) -> Option<usize> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.ok().map(|left| self.requests - left)
    }

    fn request(&self, number: usize) -> Vec<u8> {
        let (kind, body) = match &self.client_state {
            None => ("text/xml; charset=utf-8", self.ews_body(number)),
            Some(state) => ("application/json; charset=utf-8", self.graph_body(number, state)),
        };
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n\
             {body}",
            self.path,
            self.address,
            body.len(),
        )
        .into_bytes()
    }

    fn ews_body(&self, number: usize) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope \
             xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:SendNotification \
             xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
             xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
             <m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass=\"Success\">\
             <m:ResponseCode>NoError</m:ResponseCode><m:Notification>\
             <t:SubscriptionId>{}</t:SubscriptionId><t:PreviousWatermark>b{number}\
             </t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents><t:ModifiedEvent>\
             <t:Watermark>b{}</t:Watermark><t:TimeStamp>2026-03-02T08:00:00Z</t:TimeStamp>\
             <t:ItemId Id=\"bench\"/><t:ParentFolderId Id=\"bench\"/></t:ModifiedEvent>\
             </m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages>\
             </m:SendNotification></s:Body></s:Envelope>",
            self.subscription,
            number + 1,
        )
    }

    fn graph_body(&self, number: usize, client_state: &str) -> String {
        json!({ "value": [{
            "subscriptionId": self.subscription,
            "subscriptionExpirationDateTime": "2026-03-09T08:00:00Z",
            "tenantId": "00000000-0000-4000-8000-000000000001",
            "clientState": client_state,
            "changeType": "updated",
            "resource": "Users/bench/Events/bench",
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Event",
                "@odata.id": "Users/bench/Events/bench",
                "@odata.etag": format!("W/\"b{number}\""),
                "id": "bench",
            },
        }] })
        .to_string()
    }
}

struct Answer {
    status: u16,
    body: String,
}

/// Reads one answer that says its length.
async fn read_answer(connection: &mut TcpStream) -> anyhow::Result<Answer> {
    let mut read = Vec::new();
    loop {
        ensure!(read.len() < ANSWER_BYTES_MAX, "an answer is too long");
        let count = connection.read_buf(&mut read).await?;
        ensure!(count > 0, "the connection was closed");
        let text = std::str::from_utf8(&read).context("an answer is no text")?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .context("an answer does not say its length")?;
        if body.len() >= length.1.trim().parse()? {
            let status = status.context("an answer has no status")?.parse()?;
            return Ok(Answer { status, body: body.to_owned() });
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "this is the program's output")]
fn print(result: &serde_json::Value) {
    println!("{result}");
}
