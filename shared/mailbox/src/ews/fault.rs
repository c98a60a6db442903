//! What went wrong, in the words of the port: transport and HTTP. Codes of EWS are in [`code`].

pub(super) mod code;

use core::time::Duration;

use http::HeaderMap;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tidemark_transport::{Delivery, TransportError, TransportFault};

use super::limiter::{BACK_OFF_MAX, Waiting};
use crate::effect::{BUSY_WAIT, PATH_WAIT, SLIP_WAIT};
pub(super) use crate::effect::{Effect, error};
use crate::error::{Disposition, MailboxError, Scope};

/// The error while a back-off lasts.
pub(super) fn of_waiting(waiting: Waiting) -> MailboxError {
    error(
        Disposition::RetryAfter(waiting.remaining),
        waiting.scope,
        "backing-off",
        "Exchange asked to be left alone for a while; nothing is sent until then",
    )
}

/// The error when the lease forbids another write.
pub(super) fn out_of_time() -> MailboxError {
    error(
        Disposition::OutOfTime,
        Scope::Mailbox,
        "out-of-time",
        "the run has not enough time left for another write; the next one goes on",
    )
}

/// The error of a batch of which the server did nothing.
pub(super) fn stopped() -> MailboxError {
    error(
        Disposition::RetryAfter(SLIP_WAIT),
        Scope::Mailbox,
        "ErrorBatchProcessingStopped",
        "the server stopped before the first item",
    )
}

/// The error of an item that changed while it was being read in several requests.
pub(super) fn changed_meanwhile() -> MailboxError {
    error(
        Disposition::RetryAfter(SLIP_WAIT),
        Scope::Item,
        "changed-meanwhile",
        "somebody changed the series while it was being read; it is read again",
    )
}

/// The error of an override that the rule of its series knows no occurrence for.
pub(super) fn no_such_occurrence() -> MailboxError {
    error(
        Disposition::Reject,
        Scope::Item,
        "occurrence-not-in-series",
        "an override names a date and time at which the series has no occurrence; its key must be \
         the start that the rule gives",
    )
}

/// The error of a series that was written only in part, because of `cause`.
///
/// The server dropped all exceptions when the rule was written, so what can be read now is nobody's
/// will: the same target has to be written again, not merged with.
pub(super) fn half_written(cause: &MailboxError) -> MailboxError {
    error(
        Disposition::Unclear,
        Scope::Item,
        HALF_WRITTEN,
        format!(
            "the series was written, but not yet all of its occurrences ({}: {}); the rest follows",
            cause.code, cause.text
        ),
    )
}

/// The error of an answer to an invitation that is none.
pub(super) fn no_answer() -> MailboxError {
    error(
        Disposition::Reject,
        Scope::Item,
        "answer-none",
        "an invitation can be accepted, tentatively accepted or declined, not set back to unanswered",
    )
}

/// The error of a write to a version that is no longer the current one.
pub(super) fn stale() -> MailboxError {
    error(
        Disposition::Conflict,
        Scope::Item,
        "item-changed",
        "somebody changed the item meanwhile; it is read and merged again",
    )
}

/// Code of a series that was written only in part.
pub const HALF_WRITTEN: &str = "series-half-written";

/// The error of a setting that no header can hold.
pub(super) fn unfit_header() -> MailboxError {
    error(
        Disposition::Reject,
        Scope::Connection,
        "setting-unfit",
        "user name, password or mailbox address holds characters that cannot be sent",
    )
}

/// The error of an answer that is not what EWS answers.
pub(super) fn unreadable(effect: Effect, what: &dyn core::fmt::Display) -> MailboxError {
    error(
        effect.unknown_outcome(PATH_WAIT),
        Scope::Mailbox,
        "answer-unreadable",
        format!("the answer is not one of EWS ({what}); check that the URL leads to Exchange.asmx"),
    )
}

/// The error of an item that makes no sense. `what` is our own text.
pub(super) fn unreadable_item(what: &str) -> MailboxError {
    error(
        Disposition::Quarantine,
        Scope::Item,
        "item-unreadable",
        format!("the item cannot be understood ({what}); it is left aside"),
    )
}

/// The error of a value that Exchange cannot hold. `why` is our own text.
pub(super) fn unfit(code: &str, why: &dyn core::fmt::Display) -> MailboxError {
    error(Disposition::Reject, Scope::Item, code, why.to_string())
}

/// The error of somebody who only asked whether the server is there, and had no answer.
pub fn unanswered(fault: &TransportError) -> MailboxError {
    of_transport(fault, Effect::Read)
}

/// The error of an exchange without an answer.
pub(super) fn of_transport(fault: &TransportError, effect: Effect) -> MailboxError {
    let retry = Disposition::RetryAfter;
    let unknown = match fault.delivery {
        Delivery::NotSent => retry(SLIP_WAIT),
        Delivery::Unclear => effect.unknown_outcome(SLIP_WAIT),
    };
    let (disposition, scope, code, text) = match fault.fault {
        TransportFault::BadUrl => (
            Disposition::Reject,
            Scope::Connection,
            "url-refused",
            "the EWS URL is none, or not https; write it like https://mail.example.com/EWS/Exchange.asmx",
        ),
        TransportFault::NameNotFound => (
            retry(PATH_WAIT),
            Scope::Connection,
            "name-not-found",
            "the host name of the EWS URL has no address; check its spelling and the DNS",
        ),
        TransportFault::Unreachable => (
            retry(PATH_WAIT),
            Scope::Connection,
            "unreachable",
            "nobody answers at the EWS URL; check port, firewall and whether the server runs",
        ),
        TransportFault::Tls => (
            retry(PATH_WAIT),
            Scope::Connection,
            "tls-failed",
            "the TLS handshake failed; check that the port speaks TLS 1.2 or newer",
        ),
        TransportFault::UntrustedCertificate => (
            Disposition::Reject,
            Scope::Connection,
            "certificate-untrusted",
            "the server's certificate is self-signed, expired, for another name or of an unknown authority; \
             install one from a trusted authority, or upload its authority for this connection, or look at it and confirm it \
             (/v1/connections/{id}/certificate)",
        ),
        TransportFault::ChangedCertificate => (
            Disposition::Reject,
            Scope::Connection,
            "certificate-changed",
            "the server shows another certificate than the one that was confirmed for this connection; \
             if that is meant, look at it and confirm it (/v1/connections/{id}/certificate)",
        ),
        TransportFault::ForbiddenTarget => (
            Disposition::Reject,
            Scope::Connection,
            "target-forbidden",
            "the EWS URL leads into a network that is not allowed; have an administrator allow it",
        ),
        TransportFault::TimedOut => {
            (unknown, Scope::Mailbox, "timed-out", "Exchange gave no answer in time")
        }
        TransportFault::Cut => (
            unknown,
            Scope::Mailbox,
            "connection-cut",
            "the connection to Exchange ended before the answer was whole",
        ),
        TransportFault::AnswerTooLarge => (
            match effect {
                Effect::Read => Disposition::Quarantine,
                Effect::Write | Effect::Once => unknown,
            },
            Scope::Item,
            ANSWER_TOO_LARGE,
            "the answer is larger than an appointment can reasonably be; the item is left aside",
        ),
    };
    error(disposition, scope, code, text)
}

/// The code of an answer beyond its bound; the reader of items asks for fewer at once then.
pub(super) const ANSWER_TOO_LARGE: &str = "answer-too-large";

/// The error of an HTTP status that carries no SOAP fault.
pub(super) fn of_status(
    status: u16,
    headers: &HeaderMap,
    now: Timestamp,
    effect: Effect,
) -> MailboxError {
    let named = retry_after(headers, now);
    let wait = named.unwrap_or(BUSY_WAIT);
    let (disposition, scope, text) = match status {
        401 => (Disposition::Authorize, Scope::Connection, challenge_text(headers)),
        403 => (
            Disposition::Reject,
            Scope::Mailbox,
            "access to EWS is forbidden; check that EWS is enabled for the mailbox and that \
             EwsAllowList or EwsBlockList does not exclude this product. In Exchange Online EWS is \
             blocked unless the application is allowed, and ends on 2027-04-01: move the mailbox to a \
             connection over Graph",
        ),
        404 | 405 | 410 => (
            Disposition::Reject,
            Scope::Connection,
            "there is no EWS at this URL; it usually ends in /EWS/Exchange.asmx",
        ),
        413 => (
            Disposition::Reject,
            Scope::Item,
            "the item is larger than the server takes (maxAllowedContentLength)",
        ),
        // Neither is carried out: the request waits in no queue any more.
        429 | 503 => (
            Disposition::RetryAfter(wait),
            Scope::Connection,
            "the server is overloaded or being maintained",
        ),
        300..=399 | 451 => (
            Disposition::Reject,
            Scope::Connection,
            "the server sends us elsewhere; enter the EWS URL that Autodiscover gives for the mailbox",
        ),
        500..=599 => {
            (effect.unknown_outcome(wait), Scope::Mailbox, "the server failed without saying why")
        }
        _ => (
            Disposition::Reject,
            Scope::Connection,
            "the server refuses our requests; a proxy in between may be the cause",
        ),
    };
    error(disposition, scope, format!("http-{status}"), text)
}

fn challenge_text(headers: &HeaderMap) -> &'static str {
    let mut challenges =
        headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let any = headers.contains_key(WWW_AUTHENTICATE);
    let basic = challenges.any(|challenge| {
        challenge.split(',').any(|part| part.trim_start().to_ascii_lowercase().starts_with("basic"))
    });
    if any && !basic {
        "the server does not offer Basic authentication; switch it on for the EWS virtual directory \
         (Set-WebServicesVirtualDirectory -BasicAuthentication $true)"
    } else {
        "user name or password was not accepted; check both, and whether the account is locked"
    }
}

/// Seconds or a date (RFC 9110 10.2.3), at most [`BACK_OFF_MAX`].
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(BACK_OFF_MAX))
}

#[cfg(test)]
mod tests;
