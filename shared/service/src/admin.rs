//! Setting up: organisations, business systems, API keys, connections, mailboxes, profiles.
//!
//! What a command line, a demo or a test does before anything is synced. The `create_` and `add_`
//! variants refuse what is there already; the `ensure_` variants find it again and bring it to what
//! they are told, so that a process that was started again goes on with what it had. Everything that
//! people type is checked here, and what is refused names the field and the mend.

mod connections;
mod mailboxes;
mod organisations;

#[cfg(test)]
mod tests;

use tidemark_store::StoreError;
use tidemark_store::records::SaveError;

pub use connections::NewConnection;
pub use mailboxes::NewMailbox;
pub use organisations::{NewApiKey, NewOrganisation};

/// Why something was not set up. Texts are for whoever typed it and hold no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// A setting does not have the form that it needs.
    #[error("{field}: {rule}: {mend}")]
    Invalid {
        /// Which setting, as a path: `url`, `mailboxes[2].address`.
        field: String,
        /// The rule that is broken.
        rule: String,
        /// What would be accepted instead.
        mend: String,
    },
    /// It is there already, or belongs to somebody else.
    #[error("{field}: {rule}: {mend}")]
    Taken {
        /// Which setting, as in [`AdminError::Invalid`].
        field: String,
        /// Who has it.
        rule: String,
        /// What to do.
        mend: String,
    },
    /// What a setting refers to is not there.
    #[error("{field}: there is no such {what} in this organisation: set it up first")]
    NotFound {
        /// Which setting refers to it.
        field: String,
        /// What it refers to: `organisation`, `business system`, `connection`, `profile`, `mailbox`.
        what: &'static str,
    },
    /// Somebody else set up the same thing in the same moment; nothing of this call was saved over
    /// it.
    #[error("somebody else changed it in the same moment: look at it and try again")]
    Moved,
    /// The store or the secrets did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminError {
    fn invalid(field: impl Into<String>, rule: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), rule: rule.into(), mend: mend.into() }
    }

    fn taken(field: impl Into<String>, rule: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Taken { field: field.into(), rule: rule.into(), mend: mend.into() }
    }

    fn not_found(field: impl Into<String>, what: &'static str) -> Self {
        Self::NotFound { field: field.into(), what }
    }
}

impl From<SaveError> for AdminError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::RevisionMoved => Self::Moved,
            SaveError::Store(error) => Self::Store(error),
        }
    }
}

/// Longest name that people give to something, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// A name as people give it, without white space around it.
fn read_name(field: &str, text: &str) -> Result<String, AdminError> {
    let name = text.trim();
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        let mend = format!("give 1 to {NAME_BYTES_MAX} bytes without control characters");
        Err(AdminError::invalid(field, "is not a name", mend))
    }
}
