//! Response codes and what to do about them.

use core::fmt;

use crate::bounds::CODE_BYTES_MAX;

/// A response code of EWS (responsecode page). The set is open: the schemas of Exchange 2016 and
/// Exchange Online list 514 and 529 of them, and every unknown one is kept as it came.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResponseCode(Box<str>);

impl ResponseCode {
    /// The code of success.
    pub const NO_ERROR: &'static str = "NoError";
    /// The rest of a batch was not looked at; it comes as a warning.
    pub const BATCH_STOPPED: &'static str = "ErrorBatchProcessingStopped";

    /// Stands for what is no code.
    pub const UNKNOWN: &'static str = "ErrorUnknown";

    /// Keeps the server's word without the namespace prefix that SOAP fault codes have. What is no
    /// word of letters and digits of at most [`CODE_BYTES_MAX`] bytes may be content, and becomes
    /// [`ResponseCode::UNKNOWN`]: codes are shown.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let text = text.rsplit_once(':').map_or(text, |(_, local)| local);
        let is_word = (1..=CODE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Self(if is_word { text } else { Self::UNKNOWN }.into())
    }

    /// The server's word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the code of success.
    pub fn is_success(&self) -> bool {
        &*self.0 == Self::NO_ERROR
    }

    /// What the caller has to do about it: the tables of exchange-ews.md 4.4 and 12.
    pub fn class(&self) -> CodeClass {
        class(&self.0)
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a caller has to do about a response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeClass {
    /// Nothing: it went well.
    Success,
    /// Wait, at least as long as the server asks, and try again: nothing was done.
    BackOff,
    /// The server slipped, perhaps in the middle of it: find out what was done, then try again.
    Interrupted,
    /// Look for the mailbox's server again, then try again.
    Rediscover,
    /// Read the item again, merge again, try again.
    Conflict,
    /// A cursor, watermark or subscription is lost: begin anew.
    StateReset,
    /// The item is not there, or not in sight.
    Gone,
    /// The item is damaged: leave it aside.
    Corrupt,
    /// The account may not act for the mailbox.
    Authorize,
    /// Nothing like it will be accepted of this mailbox until somebody mends it.
    MailboxRefused,
    /// The server is too old, or takes us for too new.
    ServerRefused,
    /// The same request will never be accepted.
    Permanent,
    /// Not in the tables; to be treated as permanent for the one item it came for.
    Unlisted,
}

fn class(code: &str) -> CodeClass {
    match code {
        "NoError" => CodeClass::Success,
        "ErrorServerBusy"
        | "ErrorTooManyObjectsOpened"
        | "ErrorInsufficientResources"
        | "ErrorNotEnoughMemory"
        | "ErrorExceededConnectionCount"
        | "ErrorExceededFindCountLimit"
        | "ErrorMailboxMoveInProgress"
        | "ErrorBatchProcessingStopped"
        | "ErrorServiceUnavailable" => CodeClass::BackOff,
        "ErrorTimeoutExpired"
        | "ErrorInternalServerError"
        | "ErrorInternalServerTransientError"
        | "ErrorADUnavailable"
        | "ErrorADOperation"
        | "ErrorMailboxStoreUnavailable"
        | "ErrorMailboxFailover"
        | "ErrorConnectionFailed"
        | "ErrorNoRespondingCASInDestinationSite" => CodeClass::Interrupted,
        "ErrorWrongServerVersion" | "ErrorCrossSiteRequest" | "ErrorProxyRequestNotAllowed" => {
            CodeClass::Rediscover
        }
        "ErrorIrresolvableConflict"
        | "ErrorStaleObject"
        | "ErrorChangeKeyRequired"
        | "ErrorChangeKeyRequiredForWriteOperations"
        | "ErrorInvalidChangeKey" => CodeClass::Conflict,
        "ErrorInvalidSyncStateData"
        | "ErrorInvalidWatermark"
        | "ErrorMissedNotificationEvents"
        | "ErrorReadEventsFailed"
        | "ErrorSubscriptionNotFound"
        | "ErrorInvalidSubscription"
        | "ErrorExpiredSubscription"
        | "ErrorSubscriptionUnsubscribed" => CodeClass::StateReset,
        "ErrorItemNotFound" => CodeClass::Gone,
        "ErrorItemCorrupt" | "ErrorCorruptData" => CodeClass::Corrupt,
        "ErrorImpersonateUserDenied"
        | "ErrorImpersonationDenied"
        | "ErrorImpersonationFailed"
        | "ErrorTokenSerializationDenied"
        | "ErrorAccountDisabled"
        | "ErrorPasswordExpired" => CodeClass::Authorize,
        _ => refusal(code),
    }
}

/// The codes of what will not be accepted, by what has to be mended first.
fn refusal(code: &str) -> CodeClass {
    match code {
        "ErrorNonExistentMailbox"
        | "ErrorInvalidLicense"
        | "ErrorMailboxConfiguration"
        | "ErrorQuotaExceeded"
        | "ErrorFolderNotFound"
        | "ErrorSyncFolderNotFound"
        | "ErrorExceededSubscriptionCount"
        | "ErrorInvalidPushSubscriptionUrl"
        | "ErrorSubscriptionDelegateAccessNotSupported"
        | "ErrorSubscriptionsDisabledForGroup"
        | "ErrorInvalidSchemaVersionForMailboxVersion" => CodeClass::MailboxRefused,
        "ErrorInvalidServerVersion" | "ErrorIncorrectSchemaVersion" => CodeClass::ServerRefused,
        "ErrorAccessDenied"
        | "ErrorSchemaValidation"
        | "ErrorInvalidRequest"
        | "ErrorInvalidId"
        | "ErrorInvalidIdMalformed"
        | "ErrorInvalidPropertySet"
        | "ErrorMessageSizeExceeded"
        | "ErrorVirusDetected" => CodeClass::Permanent,
        _ => CodeClass::Unlisted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_word_and_no_text() {
        for text in ["alex@tidemark.example", "", "two words", &"E".repeat(CODE_BYTES_MAX + 1)] {
            assert_eq!(ResponseCode::new(text).as_str(), ResponseCode::UNKNOWN, "{text}");
        }
        for text in ["ErrorOfNextYear", " a:ErrorOfNextYear "] {
            let code = ResponseCode::new(text);
            assert_eq!((code.as_str(), code.class()), ("ErrorOfNextYear", CodeClass::Unlisted));
        }
    }
}
