//! What can go wrong while an answer is read.

use core::fmt;

use crate::code::{CodeClass, ResponseCode};
use crate::id::ItemId;

/// Why an answer, or one part of it, gives no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EwsError {
    /// The server refused the whole request with a SOAP fault.
    #[error("the server refused the request: {0}")]
    Fault(ServerError),
    /// The server refused this part of the request.
    #[error("the server refused: {0}")]
    Refused(ServerError),
    /// This item cannot be read; its neighbours can.
    #[error("{0}")]
    Damaged(DamagedItem),
    /// The answer is no answer of EWS.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
}

impl EwsError {
    /// Whether the server answered with a SOAP fault.
    pub const fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(_))
    }

    /// What the server said, if it said anything.
    pub const fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Fault(error) | Self::Refused(error) => Some(error),
            Self::Damaged(_) | Self::Unreadable(_) => None,
        }
    }

    /// The server's response code, if it gave one.
    pub fn code(&self) -> Option<&ResponseCode> {
        self.server().map(|error| &error.code)
    }
}

/// An error as the server tells it, in a response message or a SOAP fault.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The response code; of a fault without one, its SOAP fault code.
    pub code: ResponseCode,
    /// The text for developers. It may hold addresses and is not shown by `Debug` or `Display`.
    pub text: Option<String>,
    /// How long the server asks to be left alone, in milliseconds (`BackOffMilliseconds`).
    pub back_off_ms: Option<u64>,
    /// The code inside of an `ErrorInternalServerError` (`InnerErrorResponseCode`).
    pub inner: Option<ResponseCode>,
    /// Where in the request a schema violation lies: line, from 1.
    pub line: Option<u32>,
    /// Where in that line, from 1.
    pub position: Option<u32>,
}

impl ServerError {
    /// The code that says what happened: an inner one says more than the outer one, if it is known.
    pub fn cause(&self) -> &ResponseCode {
        match &self.inner {
            Some(inner) if inner.class() != CodeClass::Unlisted => inner,
            Some(_) | None => &self.code,
        }
    }

    /// What the caller has to do about it.
    pub fn class(&self) -> CodeClass {
        self.cause().class()
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(inner) = &self.inner {
            write!(f, " ({inner})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerError")
            .field("code", &self.code)
            .field("text_bytes", &self.text.as_ref().map(String::len))
            .field("back_off_ms", &self.back_off_ms)
            .field("inner", &self.inner)
            .field("line", &self.line)
            .field("position", &self.position)
            .finish()
    }
}

/// An item of which something is wrong that cannot be overlooked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an item cannot be read: {reason}")]
pub struct DamagedItem {
    /// Which item, if that much could be read.
    pub id: Option<ItemId>,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why bytes are not an answer of EWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// More bytes than are read.
    #[error("it is too large")]
    TooLarge,
    /// Elements nested too deep.
    #[error("its elements are nested too deep")]
    TooDeep,
    /// More parts than are read.
    #[error("it has too many {0}")]
    TooMany(&'static str),
    /// It has a document type declaration, which SOAP forbids.
    #[error("it has a document type declaration")]
    Doctype,
    /// It ends in the middle.
    #[error("it ends too early")]
    Truncated,
    /// It is not XML.
    #[error("it is not well-formed XML")]
    Malformed,
    /// It is XML, but not the SOAP answer to the operation.
    #[error("it is not the answer to the request")]
    Unexpected,
}

impl Unreadable {
    pub(crate) fn of(error: &quick_xml::Error) -> Self {
        use quick_xml::errors::IllFormedError;
        match error {
            quick_xml::Error::Syntax(_)
            | quick_xml::Error::IllFormed(IllFormedError::MissingEndTag(_)) => Self::Truncated,
            _ => Self::Malformed,
        }
    }
}

/// What stops the reading of a part: a flaw of the document stops everything, a flaw of the content
/// only the item.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flaw {
    /// The document.
    Document(Unreadable),
    /// The item, and what is wrong with it.
    Content(&'static str),
}

impl From<Unreadable> for Flaw {
    fn from(unreadable: Unreadable) -> Self {
        Self::Document(unreadable)
    }
}
