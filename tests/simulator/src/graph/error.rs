//! Refusals in Graph's envelope (exchange-graph.md 1 and 9.3).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::StoreError;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    /// HTTP status.
    pub(crate) status: u16,
    code: &'static str,
    message: String,
    /// Members beside code and message.
    extra: Vec<(&'static str, Value)>,
    /// Headers of the answer.
    pub(crate) headers: Vec<(String, String)>,
}

impl GraphError {
    /// A refusal.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), extra: Vec::new(), headers: Vec::new() }
    }

    /// With one more member beside code and message.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// With one more header.
    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A request that is not well formed.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ErrorInvalidRequest", message)
    }

    /// A property whose value does not fit.
    pub(crate) fn property(message: impl Into<String>) -> Self {
        Self::new(400, "ErrorPropertyValidationFailure", message)
    }

    /// A body that is no JSON of the expected form.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        Self::new(400, "RequestBodyRead", message)
    }

    /// A query option that is not understood.
    pub(crate) fn query(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// No such item.
    pub(crate) fn item_not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    /// No such resource.
    pub(crate) fn resource_not_found(what: &str) -> Self {
        Self::new(404, "Request_ResourceNotFound", format!("Resource '{what}' does not exist."))
    }

    /// An application that may not.
    pub(crate) fn access_denied() -> Self {
        Self::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }

    /// The change key of the request is an old one.
    pub(crate) fn precondition() -> Self {
        Self::new(
            412,
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in \
             the request does not match the current change key for the item.",
        )
    }

    /// The states of a delta query are gone.
    pub(crate) fn sync_state(status: u16) -> Self {
        Self::new(
            status,
            "SyncStateNotFound",
            "The sync state generation is not found; the client has to start a full synchronization.",
        )
    }

    /// Too much was asked for.
    pub(crate) fn throttled(code: &'static str, wait_seconds: u64) -> Self {
        Self::new(429, code, "The application or user has been throttled.")
            .header("retry-after", wait_seconds.max(1).to_string())
    }

    /// Code and message alone, for one of several results.
    pub(crate) fn details(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }

    /// The envelope.
    pub(crate) fn body_json(&self, now: Timestamp, request_id: &str, client_id: &str) -> Value {
        let mut error = json!({
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": request_id,
                "client-request-id": client_id,
            },
        });
        for (name, value) in &self.extra {
            if let Some(members) = error.as_object_mut() {
                members.insert((*name).to_owned(), value.clone());
            }
        }
        json!({ "error": error })
    }
}

impl From<StoreError> for GraphError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ItemNotFound
            | StoreError::OccurrenceDeleted
            | StoreError::IndexOutOfRange
            | StoreError::NotRecurring
            | StoreError::NotAnOccurrence => Self::item_not_found(),
            StoreError::FolderNotFound => Self::new(
                404,
                "ErrorFolderNotFound",
                "The specified folder could not be found in the store.",
            ),
            StoreError::FolderExists => Self::new(
                409,
                "ErrorFolderExists",
                "A folder with the specified name already exists.",
            ),
            StoreError::DistinguishedFolder => Self::new(
                400,
                "ErrorDeleteDistinguishedFolder",
                "Distinguished folders cannot be deleted.",
            ),
            StoreError::Conflict | StoreError::ChangeKeyRequired => Self::precondition(),
            StoreError::EndBeforeStart => Self::property(
                "At least one property failed validation: the end is before the start.",
            ),
            StoreError::TooLong => Self::new(
                400,
                "ErrorCalendarDurationIsTooLong",
                "Calendar item duration is too long.",
            ),
            StoreError::NoOccurrence => Self::new(
                400,
                "ErrorRecurrenceHasNoOccurrence",
                "The recurrence pattern has no valid instances in the requested range.",
            ),
            StoreError::OccurrencesOverlap => {
                Self::new(400, "ErrorOccurrenceTimeSpanTooBig", "Occurrences cannot overlap.")
            }
            StoreError::CrossesBoundary => Self::new(
                400,
                "ErrorOccurrenceCrossingBoundary",
                "Modified occurrence is crossing or overlapping adjacent occurrence.",
            ),
            StoreError::NotSettable => Self::new(
                400,
                "ErrorInvalidPropertySet",
                "The property cannot be set on this item.",
            ),
            StoreError::InvalidValue => Self::property("At least one property failed validation."),
            StoreError::OccurrenceImmovable => {
                Self::invalid("Occurrences cannot be moved or copied.")
            }
            StoreError::NotThisPart => Self::invalid(
                "Your request can't be completed. The calendar owner has not this part in the \
                 meeting.",
            ),
        }
    }
}
