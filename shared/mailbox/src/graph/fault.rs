//! What went wrong, in the words of the port.

use core::time::Duration;

use tidemark_graph::{ErrorClass, ServerError, Unreadable};
use tidemark_identity::TokenError;
use tidemark_transport::{Delivery, TransportError, TransportFault};

use crate::effect::{BUSY_WAIT, PATH_WAIT, SLIP_WAIT};
pub(super) use crate::effect::{Effect, error};
use crate::error::{Disposition, MailboxError, Scope};
use crate::ews::HALF_WRITTEN;
use crate::ews::limiter::{BACK_OFF_MAX, Waiting};

/// The error while a back-off lasts.
pub(super) fn of_waiting(waiting: Waiting) -> MailboxError {
    error(
        Disposition::RetryAfter(waiting.remaining),
        waiting.scope,
        "backing-off",
        "Exchange Online asked to be left alone for a while; nothing is sent until then",
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

/// The error when there is no token.
pub(super) fn of_token(fault: &TokenError) -> MailboxError {
    match fault {
        TokenError::Refused { code, text } => {
            error(Disposition::Authorize, Scope::Connection, code, text)
        }
        TokenError::Later { after, code, text } => {
            error(Disposition::RetryAfter(*after), Scope::Connection, code, text)
        }
    }
}

/// The error of a cursor that leads nowhere: not ours, of another protocol, or to another host.
pub(super) fn cursor_unknown() -> MailboxError {
    error(
        Disposition::Resync,
        Scope::Mailbox,
        "cursor-unknown",
        "the place where reading of changes stopped is not known here; all is compared",
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

/// The error of an id that no item can have.
pub(super) fn no_such_item() -> MailboxError {
    error(Disposition::Gone, Scope::Item, "id-invalid", "no item has such an id")
}

/// The error of an item that is in the mailbox, but not in the calendar.
pub(super) fn elsewhere() -> MailboxError {
    error(
        Disposition::Gone,
        Scope::Item,
        "item-elsewhere",
        "the item is no longer in the calendar: it was deleted, or moved to another folder",
    )
}

/// The error of a value that Exchange cannot hold. `why` is our own text.
pub(super) fn unfit(why: &dyn core::fmt::Display) -> MailboxError {
    error(Disposition::Reject, Scope::Item, "value-unfit", why.to_string())
}

/// Code of a silent write that Graph would send mail for.
pub const WOULD_MAIL: &str = "graph-would-mail";

/// The error of a silent write that Graph would send mail for, so that it was not sent.
pub(super) fn would_mail(people: usize) -> MailboxError {
    error(
        Disposition::Reject,
        Scope::Item,
        WOULD_MAIL,
        format!(
            "Exchange Online would send mail for this change (people: {people}) and cannot be kept \
             from it; release the change with mail, or make it in Outlook"
        ),
    )
}

/// The error of an override that the rule of its series knows no occurrence for, on the server.
pub(super) fn occurrence_gone() -> MailboxError {
    error(
        Disposition::Conflict,
        Scope::Item,
        "occurrence-gone",
        "an occurrence that is to be changed is not there any more; the series is read again",
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

/// The error of a setting that no header or body can hold.
pub(super) fn unfit_header() -> MailboxError {
    error(
        Disposition::Reject,
        Scope::Connection,
        "setting-unfit",
        "the token or another setting holds characters that cannot be sent",
    )
}

/// The error of a client state that Graph does not take.
pub(super) fn unfit_client_state() -> MailboxError {
    error(
        Disposition::Reject,
        Scope::Connection,
        "client-state-unfit",
        "a subscription carries a client state of 1 to 128 characters",
    )
}

/// The error of an answer that is not what Graph answers.
pub(super) fn unreadable(effect: Effect) -> MailboxError {
    error(
        effect.unknown_outcome(PATH_WAIT),
        Scope::Mailbox,
        "answer-unreadable",
        "the answer is not one of Microsoft Graph; a proxy in between may be the cause",
    )
}

/// The error of an answer that cannot be used.
pub(super) fn of_unreadable(what: Unreadable, effect: Effect) -> MailboxError {
    match what {
        // Following it would carry the token elsewhere.
        Unreadable::ForeignLink => error(
            Disposition::Reject,
            Scope::Connection,
            "link-foreign",
            "an answer leads to another host than the one that was asked; check the cloud that is \
             set for this connection",
        ),
        Unreadable::TooLarge
        | Unreadable::NoJson
        | Unreadable::Unexpected
        | Unreadable::TooMany => unreadable(effect),
    }
}

/// The error of somebody who only asked whether Graph is there, and had no answer.
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
    let connection = Scope::Connection;
    let (disposition, scope, code, text) = match fault.fault {
        TransportFault::BadUrl => (
            Disposition::Reject,
            connection,
            "url-refused",
            "the root of Graph is no address, or not https; choose the cloud of the tenant",
        ),
        TransportFault::NameNotFound => (
            retry(PATH_WAIT),
            connection,
            "name-not-found",
            "the host name of Microsoft Graph has no address; check the DNS",
        ),
        TransportFault::Unreachable => (
            retry(PATH_WAIT),
            connection,
            "unreachable",
            "Microsoft Graph cannot be reached; check proxy and firewall",
        ),
        TransportFault::Tls => (
            retry(PATH_WAIT),
            connection,
            "tls-failed",
            "the TLS handshake with Microsoft Graph failed; check proxy and firewall",
        ),
        TransportFault::UntrustedCertificate | TransportFault::ChangedCertificate => (
            Disposition::Reject,
            connection,
            "certificate-untrusted",
            "the certificate is not Microsoft's; a proxy that opens TLS may be in between",
        ),
        TransportFault::ForbiddenTarget => (
            Disposition::Reject,
            connection,
            "target-forbidden",
            "Microsoft Graph leads into a network that is not allowed; check the DNS",
        ),
        TransportFault::TimedOut => {
            (unknown, Scope::Mailbox, "timed-out", "Exchange Online gave no answer in time")
        }
        TransportFault::Cut => (
            unknown,
            Scope::Mailbox,
            "connection-cut",
            "the connection to Exchange Online ended before the answer was whole",
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

/// The error of an answer with an error status. `wait` is the time that the server named.
pub(super) fn of_server(
    failed: &ServerError,
    wait: Option<Duration>,
    effect: Effect,
) -> MailboxError {
    let named = |otherwise: Duration| wait.unwrap_or(otherwise).min(BACK_OFF_MAX);
    let (disposition, scope) = match failed.class() {
        // Of a write the server says so before it begins.
        ErrorClass::BackOff => (
            Disposition::RetryAfter(named(BUSY_WAIT)),
            if failed.has("ApplicationThrottled") { Scope::Connection } else { Scope::Mailbox },
        ),
        ErrorClass::Interrupted => (effect.unknown_outcome(named(SLIP_WAIT)), Scope::Mailbox),
        ErrorClass::Authorize => (Disposition::Authorize, Scope::Connection),
        ErrorClass::Denied
        | ErrorClass::NoCloudMailbox
        | ErrorClass::MailboxFull
        | ErrorClass::NoSuchMailbox => (Disposition::Reject, Scope::Mailbox),
        ErrorClass::Gone => (Disposition::Gone, Scope::Item),
        ErrorClass::Conflict => (Disposition::Conflict, Scope::Item),
        // It was carried out before: the stamp finds it.
        ErrorClass::Duplicate => (Disposition::Unclear, Scope::Item),
        ErrorClass::Resync => (Disposition::Resync, Scope::Mailbox),
        ErrorClass::Dependency => (Disposition::RetryAfter(SLIP_WAIT), Scope::Item),
        ErrorClass::Exists | ErrorClass::TooLarge | ErrorClass::Refused => {
            (Disposition::Reject, Scope::Item)
        }
        ErrorClass::NotOffered => (Disposition::Reject, Scope::Connection),
    };
    let code = failed.telling().map(|code| code.as_str().to_owned());
    let code = code.filter(|code| !code.is_empty());
    error(
        disposition,
        scope,
        code.unwrap_or_else(|| format!("http-{}", failed.status)),
        advice(failed),
    )
}

/// What an error means in words, and how it is mended.
fn advice(failed: &ServerError) -> &'static str {
    if failed.has("ErrorOccurrenceCrossingBoundary") {
        return "an occurrence may not move on to or past the day of its neighbour in the series";
    }
    if failed.has("ErrorRecurrenceHasNoOccurrence") {
        return "the rule of the series has no occurrence";
    }
    match failed.class() {
        ErrorClass::BackOff => "Exchange Online throttles us or is overloaded",
        ErrorClass::Interrupted => "Exchange Online failed without saying why",
        ErrorClass::Authorize => {
            "the token was not accepted; check that the application is registered in this tenant and \
             that its credential is still valid"
        }
        ErrorClass::Denied => {
            "the application may not do this in the mailbox; grant it Calendars.ReadWrite, or include \
             the mailbox in its scope (RBAC for Applications), which takes up to two hours to work"
        }
        ErrorClass::NoCloudMailbox => {
            "the mailbox is not in Exchange Online: it lives on a server of your own, has no licence, \
             or is not open to applications; connect it over EWS, or license it"
        }
        ErrorClass::MailboxFull => "the mailbox is full; its owner has to delete something",
        ErrorClass::Gone => "the item is gone, or out of our sight",
        ErrorClass::NoSuchMailbox => {
            "there is no such user or calendar in this tenant; check the address of the mailbox"
        }
        ErrorClass::Conflict => "somebody changed the item meanwhile; it is read and merged again",
        ErrorClass::Duplicate => "the item was created by an earlier request; it is looked up",
        ErrorClass::Exists => "there is such a subscription already",
        ErrorClass::Resync => "Exchange Online has forgotten where we were; all is compared",
        ErrorClass::Dependency => "a request that has to come before was not carried out",
        ErrorClass::TooLarge => "the item is larger than Exchange Online takes",
        ErrorClass::Refused => "Exchange Online refused the request",
        ErrorClass::NotOffered => "this cloud does not offer what was asked for",
    }
}
