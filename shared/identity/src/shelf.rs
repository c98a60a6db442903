//! The place that all workers share: the token of one connection and scope, and who renews it.

use core::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

/// A token as it lies on the shelf.
#[derive(Clone)]
pub struct ShelvedToken {
    /// The token.
    pub secret: SecretString,
    /// When it was asked for, by the clock of whoever asked.
    pub issued_at: Timestamp,
    /// From when on no server accepts it.
    pub expires_at: Timestamp,
    /// From when on the next one is asked for.
    pub refresh_at: Timestamp,
    /// Which credential it was issued for, counted from 0.
    pub credential: usize,
}

impl fmt::Debug for ShelvedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShelvedToken")
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("refresh_at", &self.refresh_at)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

/// Why the last attempt to renew the token failed, told to all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// Whether an administrator has to act.
    pub refused: bool,
    /// A stable word.
    pub code: String,
    /// What is wrong and how to mend it.
    pub text: String,
}

/// What lies on the shelf.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Counts what was put on the shelf; what was seen is named by it.
    pub revision: u64,
    /// The token, if there is one.
    pub token: Option<ShelvedToken>,
    /// Whether a server refused this very token.
    pub refused: bool,
    /// When a server last refused a token of this connection.
    pub refused_at: Option<Timestamp>,
    /// Until when nobody else may renew; in the past when nobody does.
    pub claimed_until: Option<Timestamp>,
    /// Why the last attempt failed; none since a token was put here.
    pub setback: Option<Setback>,
}

/// Leave to renew a token, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which claim it is: a later one has a higher number.
    pub epoch: u64,
    /// The revision that is to be replaced.
    pub revision: u64,
}

/// The shelf cannot be reached. Holds no value of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the shared tokens cannot be reached: {0}")]
pub struct ShelfError(pub String);

/// One shelf. Every method is one step that either happens whole or not at all.
#[async_trait]
pub trait TokenShelf: Send + Sync {
    /// What lies on it.
    ///
    /// # Errors
    /// [`ShelfError`].
    async fn look(&self) -> Result<Shelf, ShelfError>;

    /// Claims the renewal until `until`, unless somebody else has it at `now` or the revision that
    /// was seen is no longer the present one; then none.
    ///
    /// # Errors
    /// [`ShelfError`].
    async fn claim(
        &self,
        revision: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Claim>, ShelfError>;

    /// Puts the new token there and ends the claim. False when somebody else took the renewal over.
    ///
    /// # Errors
    /// [`ShelfError`].
    async fn put(&self, claim: &Claim, token: &ShelvedToken) -> Result<bool, ShelfError>;

    /// Tells why there is no new token, and keeps the claim until `until`, so that nobody asks
    /// earlier.
    ///
    /// # Errors
    /// [`ShelfError`].
    async fn set_back(
        &self,
        claim: &Claim,
        setback: &Setback,
        until: Timestamp,
    ) -> Result<(), ShelfError>;

    /// Notes that a server refused the token of this revision. One that lies there by now is left
    /// alone.
    ///
    /// # Errors
    /// [`ShelfError`].
    async fn refuse(&self, revision: u64, now: Timestamp) -> Result<(), ShelfError>;
}
