//! The way to a server, up to its answer: name, connection, TLS, HTTP.

use tidemark_mailbox::{Greeting, MailboxError};
use tidemark_transport::ShownCertificate;

use super::steps::NOT_REACHED;
use crate::border::PreflightStep;

/// The steps, in the order in which one depends on the other.
const STEPS: [&str; 4] = ["name", "connection", "tls", "http"];

/// What the way looks like. `certificate` is what the server shows, `is_plain` that there is no TLS.
pub(super) fn steps(
    greeting: &Result<Greeting, MailboxError>,
    certificate: Option<&ShownCertificate>,
    is_plain: bool,
) -> Vec<PreflightStep> {
    let failed = greeting.as_ref().err().map(|error| (step_of(&error.code), error));
    let mut is_reached = true;
    STEPS
        .into_iter()
        .map(|name| match failed {
            Some((at, error)) if at == name => {
                is_reached = false;
                let step = PreflightStep::of_error(name, error);
                match certificate.filter(|_| name == "tls") {
                    Some(shown) => PreflightStep { seen: describe(shown), ..step },
                    None => step,
                }
            }
            _ if !is_reached => PreflightStep::skipped(name, NOT_REACHED),
            _ => passed(name, greeting.as_ref().ok(), certificate, is_plain),
        })
        .collect()
}

fn passed(
    name: &'static str,
    greeting: Option<&Greeting>,
    certificate: Option<&ShownCertificate>,
    is_plain: bool,
) -> PreflightStep {
    match name {
        "name" => PreflightStep::passed(name, "The host has an address."),
        "connection" => PreflightStep::passed(name, "The port takes connections."),
        "tls" if is_plain => {
            PreflightStep::skipped(name, "The URL leads to this machine itself, without TLS.")
        }
        "tls" => PreflightStep::passed(
            name,
            certificate.map_or_else(|| "The certificate is trusted.".to_owned(), describe),
        ),
        _ => answered(name, greeting.map_or(0, |greeting| greeting.status)),
    }
}

/// What an answer to somebody who did not log on says: both protocols ask for a login.
fn answered(name: &'static str, status: u16) -> PreflightStep {
    let seen = format!("Without login the server answers HTTP {status}.");
    let mend = match status {
        200..=299 | 400..=403 | 405 => return PreflightStep::passed(name, seen),
        300..=399 => "The server sends us elsewhere: enter the URL that it leads to.",
        404 | 410 => {
            "Nothing is at this URL: that of EWS usually ends in /EWS/Exchange.asmx; for Graph check \
             the cloud of the connection."
        }
        429 | 503 => "The server is overloaded or being maintained: try again later.",
        _ => "The server or a proxy before it fails: look into its logs.",
    };
    PreflightStep::failed(name, seen).code(&format!("http-{status}")).mend(mend)
}

/// The certificate for a person to compare with the server's own (E8).
fn describe(shown: &ShownCertificate) -> String {
    let facts = &shown.facts;
    let trusted = if shown.is_trusted { "It is trusted." } else { "It is not trusted." };
    format!(
        "The server shows {}, issued by {}, valid from {} to {}, SHA-256 {}. {trusted}",
        facts.subject, facts.issuer, facts.not_before, facts.not_after, facts.fingerprint
    )
}

/// At which step of the way an error arises; HTTP where it says nothing else.
pub(super) fn step_of(code: &str) -> &'static str {
    match code {
        "name-not-found" => "name",
        "unreachable" | "timed-out" | "target-forbidden" | "url-refused" => "connection",
        "tls-failed"
        | "certificate-untrusted"
        | "certificate-changed"
        | "certificates-unusable" => "tls",
        _ => "http",
    }
}
