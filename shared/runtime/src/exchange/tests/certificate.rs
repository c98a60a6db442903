//! E8 with real handshakes: refused, looked at, confirmed, changed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// A server with a certificate of its own making, which answers each connection with 404.
struct SelfSigned {
    config: Arc<ServerConfig>,
}

impl SelfSigned {
    fn new() -> Self {
        let params = CertificateParams::new(vec!["mail.example".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { config: Arc::new(config) }
    }

    /// Takes one connection.
    fn serve(&self, listener: &TcpListener) -> thread::JoinHandle<()> {
        let (listener, config) = (listener.try_clone().unwrap(), Arc::clone(&self.config));
        thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let connection = ServerConnection::new(config).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            // A client that refuses the certificate ends the handshake.
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                return;
            }
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let answer =
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }
}

#[tokio::test]
async fn e8_a_certificate_is_refused_until_it_is_confirmed_and_again_when_it_changes() {
    let fixture = Fixture::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/EWS/Exchange.asmx", listener.local_addr().unwrap());
    let (mut row, alex) = (connection(&url), mailbox(None));
    let server = SelfSigned::new();
    let outcome = async |row: &ConnectionRow, server: &SelfSigned| {
        let served = server.serve(&listener);
        let opened = fixture.exchange.open_ews(row, &alex).await.unwrap();
        let error = opened.check().await.err().unwrap();
        served.join().unwrap();
        error
    };
    assert_eq!(outcome(&row, &server).await.code, "certificate-untrusted");

    let look = async |row: &ConnectionRow, server: &SelfSigned| {
        let served = server.serve(&listener);
        let shown = fixture.exchange.server_certificate(row).await.unwrap().unwrap();
        served.join().unwrap();
        shown
    };
    let shown = look(&row, &server).await;
    assert_eq!(
        (shown.facts.subject.as_str(), shown.is_trusted),
        ("CN=rcgen self signed cert", false)
    );

    // The same process takes the confirmation up with the next look at the connection.
    row.confirmed_fingerprint = Some(shown.facts.fingerprint.to_string());
    assert_eq!(outcome(&row, &server).await.code, "http-404");
    assert!(look(&row, &server).await.is_trusted);

    let renewed = SelfSigned::new();
    // What was open before is closed, as by a server that starts anew.
    let fresh = Fixture::new().await;
    let served = renewed.serve(&listener);
    let opened = fresh.exchange.open_ews(&row, &alex).await.unwrap();
    let error = opened.check().await.err().unwrap();
    served.join().unwrap();
    assert_eq!(error.code, "certificate-changed");
    assert!(error.text.contains("confirm it"), "{}", error.text);
    assert!(!look(&row, &renewed).await.is_trusted);
}

#[tokio::test]
async fn a_connection_without_tls_has_no_certificate() {
    let fixture = Fixture::new().await;
    for url in ["http://127.0.0.1:8481/EWS/Exchange.asmx", "HTTP://127.0.0.1/ews"] {
        let shown = fixture.exchange.server_certificate(&connection(url)).await.unwrap();
        assert!(shown.is_none());
    }
}

#[tokio::test]
async fn a_confirmation_that_cannot_be_read_trusts_nothing() {
    let fixture = Fixture::new().await;
    let row =
        ConnectionRow { confirmed_fingerprint: Some("nonsense".to_owned()), ..connection(URL) };
    let error = fixture.exchange.open_ews(&row, &mailbox(None)).await.err().unwrap();
    assert_eq!(error.code, "certificates-unusable");
}
