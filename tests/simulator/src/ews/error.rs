//! Exchange's answers to what cannot be done.

use super::id::Malformed;
use crate::store::StoreError;

/// A response code with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EwsError {
    /// Such as `ErrorItemNotFound`.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) text: String,
    /// `MessageXml` values, such as `BackOffMilliseconds`.
    pub(crate) values: Vec<(&'static str, String)>,
}

impl EwsError {
    /// A code with its text.
    pub(crate) fn new(code: &'static str, text: &str) -> Self {
        Self { code, text: text.to_owned(), values: Vec::new() }
    }

    /// The request does not fit the schema.
    pub(crate) fn schema(text: &str) -> Self {
        Self::new("ErrorSchemaValidation", &format!("The request failed schema validation: {text}"))
    }

    /// Whether it is about the request as a whole, and so a SOAP fault.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(
            self.code,
            "ErrorSchemaValidation"
                | "ErrorServerBusy"
                | "ErrorInvalidRequest"
                | "ErrorImpersonateUserDenied"
                | "ErrorInvalidServerVersion"
                | "ErrorInternalServerTransientError"
        )
    }
}

impl From<Malformed> for EwsError {
    fn from(_: Malformed) -> Self {
        Self::new("ErrorInvalidIdMalformed", "Id is malformed.")
    }
}

impl From<StoreError> for EwsError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::ItemNotFound => "ErrorItemNotFound",
            StoreError::FolderNotFound => "ErrorFolderNotFound",
            StoreError::FolderExists => "ErrorFolderExists",
            StoreError::DistinguishedFolder => "ErrorDeleteDistinguishedFolder",
            StoreError::Conflict => "ErrorIrresolvableConflict",
            StoreError::ChangeKeyRequired => "ErrorChangeKeyRequiredForWriteOperations",
            StoreError::EndBeforeStart => "ErrorCalendarEndDateIsEarlierThanStartDate",
            StoreError::TooLong => "ErrorCalendarDurationIsTooLong",
            StoreError::NoOccurrence => "ErrorRecurrenceHasNoOccurrence",
            StoreError::OccurrencesOverlap => "ErrorOccurrenceTimeSpanTooBig",
            StoreError::CrossesBoundary => "ErrorOccurrenceCrossingBoundary",
            StoreError::IndexOutOfRange => "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange",
            StoreError::OccurrenceDeleted => "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
            StoreError::NotRecurring => "ErrorCalendarCannotUseIdForOccurrenceId",
            StoreError::NotAnOccurrence => "ErrorCalendarCannotUseIdForRecurringMasterId",
            StoreError::NotSettable => "ErrorInvalidPropertySet",
            StoreError::InvalidValue => "ErrorInvalidPropertyRequest",
            StoreError::OccurrenceImmovable => "ErrorCalendarCannotMoveOrCopyOccurrence",
            StoreError::NotThisPart => "ErrorCalendarIsNotOrganizer",
        };
        Self::new(code, &error.to_string())
    }
}
