//! Why there is no token, by what somebody has to do about it.

use core::time::Duration;

/// Why there is no token. Holds codes and advice, never a secret, an assertion or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The authority refuses this client: an administrator has to act.
    #[error("{code}: {text}")]
    Refused {
        /// A stable word: the authority's code such as `AADSTS7000222`, or our own.
        code: String,
        /// What is wrong and how to mend it, for people.
        text: String,
    },
    /// The authority cannot be reached, or asks to wait.
    #[error("{code}: {text}")]
    Later {
        /// Wait at least so long.
        after: Duration,
        /// A stable word such as `authority-unreachable`.
        code: String,
        /// What happened, for people.
        text: String,
    },
}
