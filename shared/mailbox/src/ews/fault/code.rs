//! Response codes of EWS, with advice for people.

use core::time::Duration;

use tidemark_ews::{CodeClass, EwsError, ResponseCode};

use super::{BUSY_WAIT, Effect, SLIP_WAIT};
use crate::error::{Disposition, MailboxError, Scope};
use crate::ews::limiter::BACK_OFF_MAX;

/// What a code means in words, and how it is mended. Codes without an entry speak for themselves.
fn advice(code: &str) -> &'static str {
    match code {
        "ErrorImpersonateUserDenied" | "ErrorImpersonationDenied" | "ErrorImpersonationFailed" => {
            "the service account may not act for this mailbox; assign it the role \
             ApplicationImpersonation with a scope that includes the mailbox"
        }
        "ErrorNonExistentMailbox" => {
            "there is no mailbox with this address on the server; check its primary SMTP address; if it \
             was moved to Exchange Online, move it to a connection over Graph"
        }
        "ErrorAccessDenied" => "the account has no right to do this in the mailbox",
        "ErrorInvalidLicense" | "ErrorMailboxConfiguration" => {
            "the mailbox is not licensed or not set up completely"
        }
        "ErrorQuotaExceeded" => "the mailbox is full; its owner has to delete something",
        "ErrorMessageSizeExceeded" => "the item is larger than the server takes",
        "ErrorVirusDetected" => "the server's virus scanner refused the item",
        "ErrorOccurrenceCrossingBoundary" => {
            "an occurrence may not move on to or past the day of its neighbour in the series"
        }
        "ErrorOccurrenceTimeSpanTooBig" => "the occurrences of the series would overlap",
        "ErrorRecurrenceHasNoOccurrence" => "the rule of the series has no occurrence",
        "ErrorCalendarDurationIsTooLong" => "the appointment is longer than five years",
        "ErrorCalendarEndDateIsEarlierThanStartDate" => "the end lies before the start",
        "ErrorInvalidPushSubscriptionUrl" => {
            "Exchange does not take the address for its notifications"
        }
        "ErrorExceededSubscriptionCount" => {
            "the mailbox has as many subscriptions as its throttling policy allows \
             (EWSMaxSubscriptions)"
        }
        "ErrorExceededConnectionCount" => {
            "the account has as many requests open as its throttling policy allows \
             (EWSMaxConcurrency)"
        }
        "ErrorServerBusy" => "Exchange throttles us or is overloaded",
        "ErrorSubscriptionDelegateAccessNotSupported" => {
            "notifications of another's mailbox take impersonation; delegate access is not enough"
        }
        "ErrorInvalidServerVersion"
        | "ErrorIncorrectSchemaVersion"
        | "ErrorInvalidSchemaVersionForMailboxVersion" => {
            "the server is older than Exchange 2013 SP1, which is the oldest that works"
        }
        "ErrorMailboxMoveInProgress" => {
            "the mailbox is being moved; it is tried again, and if it goes to Exchange Online, move it to a \
             connection over Graph"
        }
        "ErrorWrongServerVersion" | "ErrorCrossSiteRequest" | "ErrorProxyRequestNotAllowed" => {
            "the mailbox lives on another server; enter the EWS URL that Autodiscover gives for it"
        }
        "ErrorInvalidSyncStateData" => "the server has forgotten where we were; all is compared",
        "ErrorIrresolvableConflict" | "ErrorStaleObject" | "ErrorInvalidChangeKey" => {
            "somebody changed the item meanwhile; it is read and merged again"
        }
        "ErrorItemNotFound" => "the item is gone, or out of our sight",
        "ErrorFolderNotFound" | "ErrorSyncFolderNotFound" => "the calendar folder is gone",
        "ErrorItemCorrupt" | "ErrorCorruptData" => {
            "the item is damaged; its owner can open and save it anew in Outlook, or delete it"
        }
        "ErrorCalendarIsCancelledForAccept"
        | "ErrorCalendarIsCancelledForDecline"
        | "ErrorCalendarIsCancelledForTentative" => "the meeting was cancelled",
        "ErrorCalendarIsOrganizerForAccept"
        | "ErrorCalendarIsOrganizerForDecline"
        | "ErrorCalendarIsOrganizerForTentative" => "the organiser does not answer an invitation",
        _ => "Exchange refused the request",
    }
}

/// The error of a response code. `back_off` is the time that the server named, if it did.
fn of_code(code: &ResponseCode, back_off: Option<Duration>, effect: Effect) -> MailboxError {
    let (disposition, scope) = disposition(code, back_off, effect);
    super::error(disposition, scope, code.as_str(), advice(code.as_str()))
}

/// The error of an answer, or of one part of it.
pub(in crate::ews) fn of_ews(error: &EwsError, effect: Effect) -> MailboxError {
    match error {
        EwsError::Fault(server) | EwsError::Refused(server) => {
            let back_off = server.back_off_ms.map(Duration::from_millis);
            of_code(server.cause(), back_off, effect)
        }
        EwsError::Unreadable(what) => super::unreadable(effect, what),
        EwsError::Damaged(item) => super::unreadable_item(item.reason),
    }
}

/// What to do about a code, and what it is about.
fn disposition(
    code: &ResponseCode,
    back_off: Option<Duration>,
    effect: Effect,
) -> (Disposition, Scope) {
    let wait = |otherwise| back_off.unwrap_or(otherwise).min(BACK_OFF_MAX);
    match code.class() {
        // The items behind this one were not looked at; nobody has to wait for that.
        CodeClass::BackOff if code.as_str() == BATCH_STOPPED => {
            (Disposition::RetryAfter(SLIP_WAIT), Scope::Item)
        }
        CodeClass::BackOff => (Disposition::RetryAfter(wait(BUSY_WAIT)), Scope::Mailbox),
        CodeClass::Interrupted => (effect.unknown_outcome(wait(SLIP_WAIT)), Scope::Mailbox),
        CodeClass::Conflict => (Disposition::Conflict, Scope::Item),
        CodeClass::StateReset => (Disposition::Resync, Scope::Mailbox),
        CodeClass::Gone => (Disposition::Gone, Scope::Item),
        CodeClass::Corrupt => (Disposition::Quarantine, Scope::Item),
        CodeClass::ServerRefused => (Disposition::Reject, Scope::Connection),
        CodeClass::Authorize | CodeClass::Rediscover | CodeClass::MailboxRefused => {
            (Disposition::Reject, Scope::Mailbox)
        }
        CodeClass::Success | CodeClass::Permanent | CodeClass::Unlisted => {
            (Disposition::Reject, Scope::Item)
        }
    }
}

/// The server stopped in the middle of a batch; this item was not looked at.
pub(in crate::ews) const BATCH_STOPPED: &str = ResponseCode::BATCH_STOPPED;

/// The request took longer than the minute that the server gives it.
pub(in crate::ews) const TOO_MUCH_AT_ONCE: &str = "ErrorTimeoutExpired";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, back_off: Option<Duration>, effect: Effect) -> MailboxError {
        of_code(&ResponseCode::new(code), back_off, effect)
    }

    fn seconds(count: u64) -> Disposition {
        Disposition::RetryAfter(Duration::from_secs(count))
    }

    #[test]
    fn a_named_wait_is_obeyed_up_to_a_bound() {
        let busy = |wait: Option<u64>| {
            of("ErrorServerBusy", wait.map(Duration::from_secs), Effect::Once).disposition
        };
        assert_eq!(busy(Some(297)), seconds(297));
        assert_eq!(busy(Some(1_000_000)), seconds(3600));
        assert_eq!(busy(None), Disposition::RetryAfter(BUSY_WAIT));
    }

    #[test]
    fn a_slip_in_the_middle_of_a_create_is_unclear_and_of_anything_else_is_not() {
        for code in ["ErrorTimeoutExpired", "ErrorInternalServerError", "ErrorMailboxFailover"] {
            assert_eq!(of(code, None, Effect::Once).disposition, Disposition::Unclear);
            let retry = Disposition::RetryAfter(SLIP_WAIT);
            assert_eq!(of(code, None, Effect::Read).disposition, retry);
            assert_eq!(of(code, None, Effect::Write).disposition, retry);
        }
    }

    #[test]
    fn each_disposition_has_its_codes() {
        for (code, disposition, scope) in [
            ("ErrorIrresolvableConflict", Disposition::Conflict, Scope::Item),
            ("ErrorStaleObject", Disposition::Conflict, Scope::Item),
            ("ErrorInvalidSyncStateData", Disposition::Resync, Scope::Mailbox),
            ("ErrorItemNotFound", Disposition::Gone, Scope::Item),
            ("ErrorCorruptData", Disposition::Quarantine, Scope::Item),
            ("ErrorQuotaExceeded", Disposition::Reject, Scope::Mailbox),
            ("ErrorInvalidServerVersion", Disposition::Reject, Scope::Connection),
            ("ErrorOccurrenceCrossingBoundary", Disposition::Reject, Scope::Item),
            ("ErrorSomethingOfNextYear", Disposition::Reject, Scope::Item),
        ] {
            let error = of(code, None, Effect::Write);
            assert_eq!((error.disposition, error.scope), (disposition, scope), "{code}");
            assert_eq!(error.code, code);
            assert!(!error.text.is_empty());
        }
    }
}
