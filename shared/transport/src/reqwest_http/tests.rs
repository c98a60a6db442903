//! Real sockets on loopback, served by plain threads: each serves the answers it was given and ends.

mod tls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method};

use super::*;

const ANSWER_BYTES_MAX: usize = 1000;

/// A server that answers one connection after the other; what it was sent comes back on joining.
struct Server {
    port: u16,
    thread: thread::JoinHandle<Vec<String>>,
}

impl Server {
    fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let thread = thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a connection");
                requests.push(read_request(&mut stream));
                // The client may have gone away as soon as it had enough.
                let _ = stream.write_all(&answer);
            }
            requests
        });
        Self { port, thread }
    }

    /// Reads something from one connection, whatever it is, and answers.
    fn start_raw(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut buffer = [0u8; 4096];
            let count = stream.read(&mut buffer).expect("something");
            assert_ne!(count, 0);
            stream.write_all(answer).expect("sent");
            Vec::new()
        });
        Self { port, thread }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/path", self.port)
    }

    fn requests(self) -> Vec<String> {
        self.thread.join().expect("the server ended well")
    }
}

/// Reads head and body; the body's length is taken from its header.
fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0u8; 4096];
        let count = stream.read(&mut buffer).expect("a request");
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse().expect("a length"));
            if body.len() >= length || count == 0 {
                return text.into_owned();
            }
        }
        assert_ne!(count, 0, "the request broke off");
    }
}

fn options() -> HttpOptions {
    HttpOptions {
        plain_http: PlainHttp::LoopbackLiterals,
        targets: TargetPolicy::Any,
        connect_timeout: Duration::from_secs(5),
        user_agent: "test-agent/1".to_owned(),
        ..HttpOptions::default()
    }
}

fn client() -> ReqwestHttp {
    ReqwestHttp::new(options()).expect("a client")
}

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        url: url.to_owned(),
        headers: HeaderMap::from_iter([(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/xml; charset=utf-8"),
        )]),
        body: Bytes::from_static(b"<hello/>"),
        timeout: Duration::from_secs(10),
        answer_bytes_max: ANSWER_BYTES_MAX,
    }
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}

async fn fault_of(http: &ReqwestHttp, request: HttpRequest) -> (TransportFault, Delivery) {
    let error = http.send(request).await.expect_err("no answer expected");
    (error.fault, error.delivery)
}

#[tokio::test]
async fn a_request_goes_out_as_given_and_its_answer_comes_back_whole() {
    let server = Server::start(vec![answer("418 Teapot\r\nx-one: 1", b"body")]);
    let response = client().send(request(&server.url())).await.expect("an answer");
    assert_eq!(response.status, 418);
    assert_eq!(response.headers["x-one"], "1");
    assert_eq!(response.body.as_ref(), b"body");
    let requests = server.requests();
    assert!(requests[0].starts_with("POST /path HTTP/1.1\r\n"));
    assert!(requests[0].contains("content-type: text/xml; charset=utf-8\r\n"));
    assert!(requests[0].contains("user-agent: test-agent/1\r\n"));
    assert!(requests[0].ends_with("\r\n\r\n<hello/>"));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = Server::start(vec![answer("302 Found\r\nlocation: http://127.0.0.1:9/", b"")]);
    let response = client().send(request(&server.url())).await.expect("an answer");
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "http://127.0.0.1:9/");
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_allowed_and_not_a_byte_larger() {
    let body = vec![b'a'; ANSWER_BYTES_MAX + 1];
    let server = Server::start(vec![
        answer("200 OK", &body[1..]),
        answer("200 OK", &body),
        answer("200 OK\r\ncontent-encoding: gzip", &gzip(&body[1..])),
        answer("200 OK\r\ncontent-encoding: gzip", &gzip(&body)),
    ]);
    let http = client();
    for _ in 0..2 {
        let response = http.send(request(&server.url())).await.expect("it fits");
        assert_eq!(response.body, &body[1..]);
        let fault = fault_of(&http, request(&server.url())).await;
        assert_eq!(fault, (TransportFault::AnswerTooLarge, Delivery::Unclear));
    }
    assert!(server.requests()[0].contains("accept-encoding: gzip\r\n"));
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_huge_one_is_stopped() {
    let bomb = gzip(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let server = Server::start(vec![answer("200 OK\r\ncontent-encoding: gzip", &bomb)]);
    let fault = fault_of(&client(), request(&server.url())).await;
    assert_eq!(fault, (TransportFault::AnswerTooLarge, Delivery::Unclear));
}

#[tokio::test]
async fn a_connection_that_ends_early_is_cut_wherever_it_ends() {
    let packed = gzip(&[b'a'; 500]);
    let server = Server::start(vec![
        Vec::new(),
        b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec(),
        answer("200 OK\r\ncontent-encoding: gzip", &packed[..packed.len() / 2]),
        b"this is not HTTP at all\r\n\r\n".to_vec(),
    ]);
    let http = client();
    for case in 0..6 {
        let fault = fault_of(&http, request(&server.url())).await;
        assert_eq!(fault, (TransportFault::Cut, Delivery::Unclear), "{case}");
    }
}

#[tokio::test]
async fn no_answer_in_time_leaves_open_what_became_of_the_request() {
    // The listener's backlog takes the connection; nobody ever answers on it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut slow = request(&format!("http://127.0.0.1:{port}/"));
    slow.timeout = Duration::from_millis(50);
    let fault = fault_of(&client(), slow).await;
    assert_eq!(fault, (TransportFault::TimedOut, Delivery::Unclear));
}

#[tokio::test]
async fn a_handshake_that_never_comes_was_surely_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let http =
        ReqwestHttp::new(HttpOptions { connect_timeout: Duration::from_millis(50), ..options() });
    let request = request(&format!("https://127.0.0.1:{port}/"));
    let fault = fault_of(&http.expect("a client"), request).await;
    assert_eq!(fault, (TransportFault::TimedOut, Delivery::NotSent));
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let fault = fault_of(&client(), request(&format!("http://127.0.0.1:{port}/"))).await;
    assert_eq!(fault, (TransportFault::Unreachable, Delivery::NotSent));
}

#[tokio::test]
async fn a_name_without_address_is_told_as_such() {
    // A label of 64 letters is longer than DNS can hold, so nobody is asked over the network.
    let name = "a".repeat(64);
    let fault = fault_of(&client(), request(&format!("https://{name}.invalid/"))).await;
    assert_eq!(fault, (TransportFault::NameNotFound, Delivery::NotSent));
}

#[tokio::test]
async fn urls_that_are_none_or_not_secure_are_refused_before_anything_is_sent() {
    let strict = ReqwestHttp::new(HttpOptions { plain_http: PlainHttp::Refused, ..options() });
    let strict = strict.expect("a client");
    let bad = (TransportFault::BadUrl, Delivery::NotSent);
    assert_eq!(fault_of(&strict, request("http://127.0.0.1:9/")).await, bad);
    for url in [
        "",
        "mail.example",
        "ftp://127.0.0.1/",
        "file:///etc/hosts",
        "http://localhost/",
        "http://mail.example/",
        "http://10.0.0.1/",
        "http://[2001:db8::1]/",
        "https://user:password@127.0.0.1/",
        "https://user@127.0.0.1/",
    ] {
        assert_eq!(fault_of(&client(), request(url)).await, bad, "{url}");
    }
}

#[tokio::test]
async fn forbidden_targets_are_refused_as_address_and_as_name() {
    let http = ReqwestHttp::new(HttpOptions { targets: TargetPolicy::default(), ..options() });
    let http = http.expect("a client");
    let forbidden = (TransportFault::ForbiddenTarget, Delivery::NotSent);
    for url in [
        "http://127.0.0.1:9/",
        "http://[::1]:9/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        // Other ways of writing 127.0.0.1 that URL parsers understand.
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost:9/",
    ] {
        assert_eq!(fault_of(&http, request(url)).await, forbidden, "{url}");
    }
}

#[tokio::test]
async fn an_allowed_network_is_reached_although_it_is_not_public() {
    let server = Server::start(vec![answer("200 OK", b"")]);
    let http = ReqwestHttp::new(HttpOptions {
        targets: TargetPolicy::PublicOnly {
            allowed: vec!["127.0.0.0/8".parse().expect("a range")],
        },
        ..options()
    });
    let response = http.expect("a client").send(request(&server.url())).await;
    assert_eq!(response.expect("an answer").status, 200);
}
