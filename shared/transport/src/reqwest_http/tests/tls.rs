//! Handshakes with certificates of every kind.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// A server's certificate with its key, and what a client has to trust for it.
struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    root_pem: String,
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    (Issuer::new(params, key), pem)
}

fn issued(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let (issuer, root_pem) = authority();
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    Identity { certificate: certificate.der().clone(), key, root_pem }
}

fn self_signed(name: &str) -> Identity {
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Identity { certificate: certificate.der().clone(), root_pem: certificate.pem(), key }
}

/// Serves one connection and returns the URL. A refused handshake ends it quietly.
fn serve(identity: &Identity) -> String {
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], key)
        .expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let (socket, _) = listener.accept().expect("a connection");
        let connection = ServerConnection::new(Arc::new(config)).expect("a connection");
        let mut stream = StreamOwned::new(connection, socket);
        if stream.conn.complete_io(&mut stream.sock).is_ok() {
            read_request(&mut stream);
            stream.write_all(&answer("200 OK", b"secret")).expect("sent");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    format!("https://127.0.0.1:{port}/")
}

fn trusting(roots: &[&str]) -> ReqwestHttp {
    ReqwestHttp::new(HttpOptions {
        extra_roots_pem: roots.iter().map(|&pem| pem.to_owned()).collect(),
        ..options()
    })
    .expect("a client")
}

const UNTRUSTED: (TransportFault, Delivery) =
    (TransportFault::UntrustedCertificate, Delivery::NotSent);

#[tokio::test]
async fn a_certificate_of_an_uploaded_authority_is_trusted() {
    let identity = issued("127.0.0.1", |_| {});
    let http = trusting(&[&identity.root_pem]);
    let response = http.send(request(&serve(&identity))).await.expect("an answer");
    assert_eq!(response.body.as_ref(), b"secret");
}

#[tokio::test]
async fn the_same_certificate_is_refused_without_its_authority() {
    let identity = issued("127.0.0.1", |_| {});
    let other = issued("127.0.0.1", |_| {}).root_pem;
    assert_eq!(fault_of(&trusting(&[]), request(&serve(&identity))).await, UNTRUSTED);
    assert_eq!(fault_of(&trusting(&[&other]), request(&serve(&identity))).await, UNTRUSTED);
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_until_it_is_uploaded_itself() {
    let identity = self_signed("127.0.0.1");
    assert_eq!(fault_of(&trusting(&[]), request(&serve(&identity))).await, UNTRUSTED);
    let http = trusting(&[&identity.root_pem]);
    assert!(http.send(request(&serve(&identity))).await.is_ok());
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_refused() {
    let expired = issued("127.0.0.1", |params| {
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let foreign = issued("mail.example", |_| {});
    for identity in [expired, foreign] {
        let http = trusting(&[&identity.root_pem]);
        assert_eq!(fault_of(&http, request(&serve(&identity))).await, UNTRUSTED);
    }
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_from_a_certificate() {
    let server = Server::start_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let url = server.url().replace("http:", "https:");
    let fault = fault_of(&trusting(&[]), request(&url)).await;
    assert_eq!(fault, (TransportFault::Tls, Delivery::NotSent));
}

#[test]
fn a_root_that_is_none_is_refused_when_the_client_is_built() {
    let built =
        ReqwestHttp::new(HttpOptions { extra_roots_pem: vec!["hello".to_owned()], ..options() });
    assert!(matches!(built, Err(HttpSetupError::Certificate(CertificateError::NoCertificate))));
}
