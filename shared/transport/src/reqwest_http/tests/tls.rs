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
    serve_with(config)
}

fn serve_with(config: ServerConfig) -> String {
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

fn fingerprint(identity: &Identity) -> Fingerprint {
    Fingerprint::of(&identity.certificate)
}

fn confirming(confirmed: Fingerprint) -> HttpOptions {
    HttpOptions { confirmed: Some(confirmed), ..options() }
}

#[tokio::test]
async fn a_confirmed_certificate_is_trusted_and_no_other_one() {
    // Self-signed, and for another name than the server's: a person has looked at it.
    let identity = self_signed("mail.example");
    let http = ReqwestHttp::new(confirming(fingerprint(&identity))).expect("a client");
    let response = http.send(request(&serve(&identity))).await.expect("an answer");
    assert_eq!(response.body.as_ref(), b"secret");

    let other = self_signed("mail.example");
    let changed = (TransportFault::ChangedCertificate, Delivery::NotSent);
    assert_eq!(fault_of(&http, request(&serve(&other))).await, changed);
    // Not even one of an authority that is trusted otherwise.
    let issued = issued("127.0.0.1", |_| {});
    let options = HttpOptions {
        extra_roots_pem: vec![issued.root_pem.clone()],
        ..confirming(fingerprint(&identity))
    };
    let http = ReqwestHttp::new(options).expect("a client");
    assert_eq!(fault_of(&http, request(&serve(&issued))).await, changed);
}

#[tokio::test]
async fn a_confirmed_certificate_ends_when_it_says() {
    let expired = issued("127.0.0.1", |params| {
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let http = ReqwestHttp::new(confirming(fingerprint(&expired))).expect("a client");
    assert_eq!(fault_of(&http, request(&serve(&expired))).await, UNTRUSTED);
}

#[tokio::test]
async fn a_server_that_only_copies_a_confirmed_certificate_is_refused() {
    let identity = self_signed("127.0.0.1");
    let thief = Identity { key: KeyPair::generate().expect("a key"), ..identity };
    let http = ReqwestHttp::new(confirming(fingerprint(&thief))).expect("a client");
    // The server cannot be built with a key that does not fit: it has to be let.
    let url = serve_unchecked(&thief);
    let (fault, delivery) = fault_of(&http, request(&url)).await;
    assert_eq!(delivery, Delivery::NotSent);
    assert!(
        matches!(fault, TransportFault::UntrustedCertificate | TransportFault::Tls),
        "{fault:?}"
    );
}

/// Hands out a certificate with whatever key there is.
#[derive(Debug)]
struct Unchecked(Arc<rustls::sign::CertifiedKey>);

impl rustls::server::ResolvesServerCert for Unchecked {
    fn resolve(
        &self,
        _: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn serve_unchecked(identity: &Identity) -> String {
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("a signing key");
    let certified = rustls::sign::CertifiedKey::new(vec![identity.certificate.clone()], key);
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Unchecked(Arc::new(certified))));
    serve_with(config)
}

#[tokio::test]
async fn a_look_shows_the_certificate_and_sends_nothing() {
    let identity = self_signed("127.0.0.1");
    let look = async |options: HttpOptions, identity: &Identity| {
        ReqwestHttp::look_at_certificate(options, &serve(identity)).await.expect("a look")
    };
    let seen = look(options(), &identity).await;
    assert_eq!((seen.facts.fingerprint, seen.is_trusted), (fingerprint(&identity), false));
    let confirmed = look(confirming(fingerprint(&identity)), &identity).await;
    assert!(confirmed.is_trusted);
    let changed = look(confirming(fingerprint(&self_signed("127.0.0.1"))), &identity).await;
    assert_eq!((changed.facts, changed.is_trusted), (seen.facts, false));
    let issued = issued("127.0.0.1", |_| {});
    let roots = HttpOptions { extra_roots_pem: vec![issued.root_pem.clone()], ..options() };
    assert!(look(roots, &issued).await.is_trusted);
    assert!(!look(options(), &issued).await.is_trusted);
}

#[tokio::test]
async fn a_look_at_what_has_no_certificate_says_why() {
    let fault = async |url: &str| match ReqwestHttp::look_at_certificate(options(), url).await {
        Err(LookError::Transport(error)) => error.fault,
        other => panic!("{other:?}"),
    };
    let server = Server::start_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(fault(&server.url().replace("http:", "https:")).await, TransportFault::Tls);
    assert_eq!(fault("http://127.0.0.1/").await, TransportFault::BadUrl);
}
