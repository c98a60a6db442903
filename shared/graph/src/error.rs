//! What went wrong, as Graph says it: the error envelope, and documents that are none of Graph's.

use core::fmt;

use serde::Deserialize;

use crate::bounds::{CODE_BYTES_MAX, INNER_ERRORS_MAX};
use crate::text::{Object, Text};

/// Why a document is not what was asked for. Holds no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is larger than the named bound.
    #[error("the document is too large")]
    TooLarge,
    /// It is no JSON.
    #[error("the document is no JSON")]
    NoJson,
    /// It is JSON, but lacks what such an answer has.
    #[error("the document is not such an answer")]
    Unexpected,
    /// A link leads to another host than the one that is asked.
    #[error("a link leads to another host")]
    ForeignLink,
    /// More entries than the named bound.
    #[error("the document has too many entries")]
    TooMany,
}

impl Unreadable {
    pub(crate) fn of_json(error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Data => Self::Unexpected,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Self::NoJson,
        }
    }
}

/// An error code of Graph or of the service behind it. Codes compare without case: both
/// `SyncStateNotFound` and `syncStateNotFound` occur (exchange-graph.md 1).
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorCode(String);

impl ErrorCode {
    /// Keeps at most [`CODE_BYTES_MAX`] of what looks like a code.
    pub fn new(text: &str) -> Self {
        let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        Self(text.chars().filter(fits).take(CODE_BYTES_MAX).collect())
    }

    /// The code as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this one.
    pub fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the caller has to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Too many requests, or the server is overloaded: nothing was carried out, wait.
    BackOff,
    /// A slip in the middle: the request may have been carried out.
    Interrupted,
    /// The token was not accepted: a new one, once.
    Authorize,
    /// The application may not do this in this mailbox.
    Denied,
    /// The mailbox is not in Exchange Online: on a server of one's own, or without a licence.
    NoCloudMailbox,
    /// The mailbox is full.
    MailboxFull,
    /// The item does not exist, or is out of our sight.
    Gone,
    /// The user or folder does not exist.
    NoSuchMailbox,
    /// The item has changed meanwhile.
    Conflict,
    /// A create with this transaction id was carried out before.
    Duplicate,
    /// There is such a subscription already.
    Exists,
    /// The delta token is lost: begin anew and compare.
    Resync,
    /// A request of the same batch that this one depends on failed.
    Dependency,
    /// The item is larger than the server takes.
    TooLarge,
    /// The request is refused, now and later.
    Refused,
    /// What was asked for is not offered here.
    NotOffered,
}

/// An answer with an error status.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerError {
    /// HTTP status.
    pub status: u16,
    /// `error.code`; none if the body was no error envelope.
    pub code: Option<ErrorCode>,
    /// The deepest `innerError.code`.
    pub inner: Option<ErrorCode>,
    /// The subscription that exists already, of a 409 to `POST /subscriptions`. It stands in the
    /// message only (subscription-post-subscriptions page).
    pub existing: Option<String>,
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerError")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    error: Object<WireError<'a>>,
}

#[derive(Deserialize)]
struct WireError<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default, rename = "innerError", alias = "innererror")]
    inner: Object<WireInner<'a>>,
}

#[derive(Deserialize)]
struct WireInner<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default, rename = "innerError", alias = "innererror")]
    inner: Object<Box<WireInner<'a>>>,
}

impl ServerError {
    /// Reads an answer with an error status. A body that is no error envelope leaves the status.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let envelope = serde_json::from_slice::<Envelope<'_>>(body);
        let error = envelope.ok().and_then(|envelope| envelope.error.0);
        let code_of = |text: &Text<'_>| text.filled().map(ErrorCode::new);
        let Some(error) = error else {
            return Self { status, code: None, inner: None, existing: None };
        };
        let mut inner = None;
        let mut level = error.inner.0.map(Box::new);
        for _ in 0..INNER_ERRORS_MAX {
            let Some(found) = level else { break };
            inner = code_of(&found.code).or(inner);
            level = found.inner.0;
        }
        let existing = (status == 409).then(|| error.message.filled().and_then(guid_in)).flatten();
        Self { status, code: code_of(&error.code), inner, existing }
    }

    /// The most telling code: the deepest one, else the outer one.
    pub fn telling(&self) -> Option<&ErrorCode> {
        self.inner.as_ref().or(self.code.as_ref())
    }

    /// Whether one of the codes is this one.
    pub fn has(&self, code: &str) -> bool {
        self.codes().any(|found| found.is(code))
    }

    fn codes(&self) -> impl Iterator<Item = &ErrorCode> {
        self.inner.iter().chain(&self.code)
    }

    /// What to do: by status first, then by code, never by the message (exchange-graph.md 1 and 9.3).
    pub fn class(&self) -> ErrorClass {
        let any = |codes: &[&str]| codes.iter().any(|code| self.has(code));
        if (400..420).contains(&self.status) && (self.status == 410 || any(&SYNC_STATE_CODES)) {
            return ErrorClass::Resync;
        }
        if any(&DUPLICATE_CODES) {
            return ErrorClass::Duplicate;
        }
        match self.status {
            401 => ErrorClass::Authorize,
            403 if any(&FULL_CODES) => ErrorClass::MailboxFull,
            403 if any(&BACK_OFF_CODES) => ErrorClass::BackOff,
            403 => ErrorClass::Denied,
            404 if any(&NO_CLOUD_CODES) => ErrorClass::NoCloudMailbox,
            404 if any(&NO_MAILBOX_CODES) => ErrorClass::NoSuchMailbox,
            404 if any(&GONE_CODES) => ErrorClass::Gone,
            // A proxy or a wrong address answers 404 as well: no proof that an item is gone.
            404 => ErrorClass::Refused,
            405 | 501 => ErrorClass::NotOffered,
            409 if any(&["ErrorIrresolvableConflict"]) => ErrorClass::Conflict,
            409 => ErrorClass::Exists,
            412 => ErrorClass::Conflict,
            413 => ErrorClass::TooLarge,
            424 => ErrorClass::Dependency,
            // Neither is carried out: the request was turned away at the door.
            429 | 503 => ErrorClass::BackOff,
            507 => ErrorClass::MailboxFull,
            500.. if any(&BACK_OFF_CODES) => ErrorClass::BackOff,
            500.. => ErrorClass::Interrupted,
            _ => self.class_of_code(),
        }
    }

    /// Codes that come with 400 and with whatever else.
    fn class_of_code(&self) -> ErrorClass {
        let any = |codes: &[&str]| codes.iter().any(|code| self.has(code));
        if any(&BACK_OFF_CODES) {
            ErrorClass::BackOff
        } else if any(&NO_CLOUD_CODES) {
            ErrorClass::NoCloudMailbox
        } else if any(&GONE_CODES) {
            ErrorClass::Gone
        } else if any(&["ErrorIrresolvableConflict"]) {
            ErrorClass::Conflict
        } else if any(&FULL_CODES) {
            ErrorClass::MailboxFull
        } else if any(&["ErrorMessageSizeExceeded"]) {
            ErrorClass::TooLarge
        } else {
            ErrorClass::Refused
        }
    }
}

/// Codes of a lost delta token, with any status 40x (delta-query-overview page; exchange-graph.md 8).
const SYNC_STATE_CODES: [&str; 5] = [
    "syncStateNotFound",
    "SyncStateInvalid",
    "resyncRequired",
    "InvalidDeltaToken",
    "syncStateTokenExpired",
];

/// 409 as well as 400 (exchange-graph.md 10.4).
const DUPLICATE_CODES: [&str; 1] = ["ErrorDuplicateTransactionId"];

/// Passing states of the store, none of which carried anything out (exchange-graph.md 9.1 and 9.3).
const BACK_OFF_CODES: [&str; 8] = [
    "TooManyRequests",
    "ApplicationThrottled",
    "ErrorTooManyRequests",
    "MailboxConcurrency",
    "ErrorServerBusy",
    "ErrorMailboxStoreUnavailable",
    "ErrorMailboxMoveInProgress",
    "MailboxInfoStale",
];

/// The item is not there. Nothing else counts as proof of a deletion.
const GONE_CODES: [&str; 2] = ["ErrorItemNotFound", "itemNotFound"];

const FULL_CODES: [&str; 1] = ["ErrorQuotaExceeded"];

/// The mailbox is on-premises, unlicensed, or switched off for REST (exchange-graph.md 3).
const NO_CLOUD_CODES: [&str; 2] = ["MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI"];

const NO_MAILBOX_CODES: [&str; 5] = [
    "ErrorFolderNotFound",
    "ResourceNotFound",
    "Request_ResourceNotFound",
    "ErrorInvalidUser",
    "ErrorNonExistentMailbox",
];

/// The first GUID in a text.
fn guid_in(text: &str) -> Option<String> {
    /// Longest message that is searched, in bytes.
    const MESSAGE_BYTES_MAX: usize = 4096;
    let text = text.get(..MESSAGE_BYTES_MAX).unwrap_or(text);
    let separated = |c: char| !(c.is_ascii_hexdigit() || c == '-');
    let is_guid = |word: &&str| {
        let lengths: Vec<usize> = word.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12]
    };
    text.split(separated).find(is_guid).map(str::to_owned)
}

#[cfg(test)]
mod tests;
