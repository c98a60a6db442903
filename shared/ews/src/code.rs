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

    /// Keeps the server's word, cut to [`CODE_BYTES_MAX`] bytes. A namespace prefix, as SOAP fault
    /// codes have it, is left out.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let text = text.rsplit_once(':').map_or(text, |(_, local)| local);
        Self(text.get(..CODE_BYTES_MAX).unwrap_or(text).into())
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
    /// Wait, at least as long as the server asks, and try again.
    BackOff,
    /// Look for the mailbox's server again, then try again.
    Rediscover,
    /// Read the item again, merge again, try again.
    Conflict,
    /// A cursor, watermark or subscription is lost: begin anew.
    StateReset,
    /// The item or folder is not there, or not in sight.
    Gone,
    /// The account may not act for the mailbox.
    Authorize,
    /// The same request will never be accepted.
    Permanent,
    /// Not in the tables; to be treated as permanent for the one item it came for.
    Unlisted,
}

fn class(code: &str) -> CodeClass {
    match code {
        "NoError" => CodeClass::Success,
        "ErrorServerBusy"
        | "ErrorInternalServerError"
        | "ErrorInternalServerTransientError"
        | "ErrorTimeoutExpired"
        | "ErrorTooManyObjectsOpened"
        | "ErrorInsufficientResources"
        | "ErrorNotEnoughMemory"
        | "ErrorADUnavailable"
        | "ErrorADOperation"
        | "ErrorMailboxStoreUnavailable"
        | "ErrorMailboxFailover"
        | "ErrorConnectionFailed"
        | "ErrorNoRespondingCASInDestinationSite"
        | "ErrorExceededConnectionCount"
        | "ErrorExceededFindCountLimit"
        | "ErrorExceededSubscriptionCount"
        | "ErrorBatchProcessingStopped"
        | "ErrorServiceUnavailable" => CodeClass::BackOff,
        "ErrorMailboxMoveInProgress"
        | "ErrorWrongServerVersion"
        | "ErrorCrossSiteRequest"
        | "ErrorProxyRequestNotAllowed" => CodeClass::Rediscover,
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
        "ErrorItemNotFound" | "ErrorFolderNotFound" | "ErrorSyncFolderNotFound" => CodeClass::Gone,
        "ErrorImpersonateUserDenied"
        | "ErrorImpersonationDenied"
        | "ErrorImpersonationFailed"
        | "ErrorTokenSerializationDenied"
        | "ErrorAccountDisabled"
        | "ErrorPasswordExpired" => CodeClass::Authorize,
        "ErrorAccessDenied"
        | "ErrorNonExistentMailbox"
        | "ErrorInvalidLicense"
        | "ErrorMailboxConfiguration"
        | "ErrorSchemaValidation"
        | "ErrorInvalidRequest"
        | "ErrorInvalidId"
        | "ErrorInvalidIdMalformed"
        | "ErrorInvalidPropertySet"
        | "ErrorInvalidServerVersion"
        | "ErrorIncorrectSchemaVersion"
        | "ErrorInvalidSchemaVersionForMailboxVersion"
        | "ErrorInvalidPushSubscriptionUrl"
        | "ErrorSubscriptionDelegateAccessNotSupported"
        | "ErrorSubscriptionsDisabledForGroup"
        | "ErrorQuotaExceeded"
        | "ErrorMessageSizeExceeded"
        | "ErrorVirusDetected"
        | "ErrorItemCorrupt"
        | "ErrorCorruptData" => CodeClass::Permanent,
        _ => CodeClass::Unlisted,
    }
}
