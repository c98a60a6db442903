//! What a caller of a protected server needs: a token, and a way to say that it was refused.

use core::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::claims::Claims;
use crate::error::TokenError;

/// An access token. `Debug` shows when it ends and nothing else.
#[derive(Clone)]
pub struct AccessToken {
    secret: SecretString,
    expires_at: Timestamp,
}

impl AccessToken {
    /// A token as an authority issued it.
    pub fn new(secret: SecretString, expires_at: Timestamp) -> Self {
        Self { secret, expires_at }
    }

    /// The text for the header `Authorization: Bearer`.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// From when on no server accepts it.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Tokens for one connection and one scope, from wherever they are kept.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that is good for at least another minute.
    ///
    /// # Errors
    /// [`TokenError`] when the authority gives none.
    async fn token(&self) -> Result<AccessToken, TokenError>;

    /// A server answered 401 to this token: it is not handed out again. Whoever calls then asks
    /// once more; a second refusal is the administrator's.
    async fn refused(&self, token: &AccessToken);

    /// The same, where the server said what the next token has to have: it is asked for with that,
    /// once. A source that cannot pass it on asks as before.
    async fn refused_for(&self, token: &AccessToken, claims: Option<Claims>) {
        let _ = claims;
        self.refused(token).await;
    }
}
