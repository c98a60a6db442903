//! Steps, as they are put together.

use tidemark_mailbox::{Disposition, MailboxError};

use crate::border::{PreflightStep, StepState};

impl PreflightStep {
    fn of(name: &'static str, state: StepState, seen: impl Into<String>) -> Self {
        Self { name, state, seen: seen.into(), code: None, mend: None, commands: Vec::new() }
    }

    pub(super) fn passed(name: &'static str, seen: impl Into<String>) -> Self {
        Self::of(name, StepState::Passed, seen)
    }

    /// A step that was not reached, does not apply or could not be proved.
    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self::of(name, StepState::Skipped, why)
    }

    pub(super) fn waived(name: &'static str, seen: impl Into<String>) -> Self {
        Self::of(name, StepState::Waived, seen)
    }

    pub(super) fn failed(name: &'static str, seen: impl Into<String>) -> Self {
        Self::of(name, StepState::Failed, seen)
    }

    /// The step at which an error arose.
    pub(super) fn of_error(name: &'static str, error: &MailboxError) -> Self {
        Self::failed(name, "It did not work.").code(&error.code).mend(sentence(&error.text))
    }

    pub(super) fn code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    pub(super) fn commands(self, commands: Vec<String>) -> Self {
        Self { commands, ..self }
    }
}

/// Why a step was not reached.
pub(super) const NOT_REACHED: &str = "Not reached: a step before it failed.";

/// A text of an adapter as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    let mut text = first.unwrap_or_default() + letters.as_str();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// Whether an error says that we asked too much, or that the server has no time.
pub(super) fn is_throttling(error: &MailboxError) -> bool {
    const WORDS: [&str; 9] = [
        "ErrorServerBusy",
        "ErrorExceededConnectionCount",
        "ErrorExceededSubscriptionCount",
        "ErrorExceededFindCountLimit",
        "ErrorTooManyRequests",
        "TooManyRequests",
        "ApplicationThrottled",
        "http-429",
        "backing-off",
    ];
    matches!(error.disposition, Disposition::RetryAfter(_))
        && WORDS.iter().any(|word| error.code.eq_ignore_ascii_case(word))
        || error.code.starts_with("ErrorExceeded")
}
