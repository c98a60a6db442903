//! Tokens for callers: from memory, else from the shelf that all workers share, else from the
//! authority, which only one worker asks at a time.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;
use tidemark_transport::{Clock, Entropy};

use crate::claims::Claims;
use crate::entra::Issued;
use crate::error::TokenError;
use crate::shelf::{Claim, Setback, Shelf, ShelfError, ShelvedToken, TokenShelf};
use crate::token::{AccessToken, TokenSource};

/// What a token that is handed out still has to live.
const LEFT_MIN: SignedDuration = SignedDuration::from_mins(1);
/// The next token is asked for after so much of the life of the present one.
const REFRESH_FROM_PERCENT: i64 = 50;
/// And at the latest after so much: the moment lies between the two by chance, so that connections
/// do not ask together.
const REFRESH_TO_PERCENT: i64 = 80;
/// How long a claim holds: asking with two credentials takes 20 s at most. A worker that dies
/// meanwhile holds the others up for so long, and only those whose token is nearly over.
const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// How often a worker that has no usable token looks whether another one has got it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it looks at most, which is longer than a claim holds.
const LOOKS_MAX: u32 = 140;
/// After a refusal the authority is not asked again for so long: a person has to act first.
const REFUSAL_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// When servers refuse tokens one after the other, a new one is asked for so often.
const REFUSED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How long to wait for a shelf that cannot be reached.
const SHELF_WAIT: Duration = Duration::from_secs(5);

/// Asks the authority for a token: the application and its credentials, whatever they are now.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// A new token.
    ///
    /// # Errors
    /// [`TokenError`] when there is none.
    async fn issue(&self) -> Result<Issued, TokenError>;

    /// A new token that has what a server asked for.
    ///
    /// # Errors
    /// [`TokenError`] when there is none.
    async fn issue_for(&self, claims: Option<&Claims>) -> Result<Issued, TokenError> {
        let _ = claims;
        self.issue().await
    }
}

/// Tokens of one connection and scope. Clones of the surrounding `Arc` share what is in memory.
pub struct TokenCache {
    issuer: Arc<dyn Issuer>,
    shelf: Arc<dyn TokenShelf>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    memory: Mutex<Option<Known>>,
    /// What the next token has to have. Another worker that asks first does not know it; then its
    /// token is refused in the same way, and it learns.
    claims: Mutex<Option<Claims>>,
}

/// What this process knows of the shelf.
#[derive(Clone)]
struct Known {
    token: AccessToken,
    refresh_at: Timestamp,
}

/// What [`TokenCache::renew_ahead`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The present token is young enough.
    NotDue,
    /// There is a new token, issued for this credential.
    Fresh {
        /// Which credential was accepted, counted from 0.
        credential: usize,
    },
    /// Another worker is at it.
    Elsewhere,
}

/// What to do about a shelf.
enum Next {
    /// Use this token.
    Use(Known),
    /// Ask the authority; the old token serves those who cannot.
    Renew(Option<Known>),
    /// Nobody asks before this moment.
    Wait(TokenError),
}

impl TokenCache {
    /// A cache of what `issuer` issues, shared through `shelf`.
    pub fn new(
        issuer: Arc<dyn Issuer>,
        shelf: Arc<dyn TokenShelf>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { issuer, shelf, clock, entropy, memory: Mutex::new(None), claims: Mutex::new(None) }
    }

    /// Renews the token if its time has come: what a schedule calls, so that no caller waits.
    ///
    /// # Errors
    /// [`TokenError`] when the authority gives none, also while the old token still serves.
    pub async fn renew_ahead(&self) -> Result<Renewed, TokenError> {
        let shelf = self.shelf.look().await.map_err(unreachable)?;
        let now = self.clock.now();
        match decide(&shelf, now) {
            Next::Use(_) => Ok(Renewed::NotDue),
            Next::Wait(error) => Err(error),
            Next::Renew(_) => match self.claim(&shelf, now).await? {
                None => Ok(Renewed::Elsewhere),
                Some(claim) => {
                    let issued = self.renew(&claim).await?;
                    Ok(Renewed::Fresh { credential: issued.credential })
                }
            },
        }
    }

    /// Which credential the token that everybody uses was issued for, counted from 0; none without one.
    ///
    /// # Errors
    /// [`TokenError`] when the shelf cannot be reached.
    pub async fn serving(&self) -> Result<Option<usize>, TokenError> {
        let shelf = self.shelf.look().await.map_err(unreachable)?;
        Ok(shelf.token.filter(|_| !shelf.refused).map(|token| token.credential))
    }

    /// One look at the shelf: a token, or none while another worker is asking.
    async fn step(&self) -> Result<Option<AccessToken>, TokenError> {
        let shelf = self.shelf.look().await.map_err(unreachable)?;
        let now = self.clock.now();
        let old = match decide(&shelf, now) {
            Next::Use(known) => {
                self.remember(known.clone());
                return Ok(Some(known.token));
            }
            Next::Wait(error) => return Err(error),
            Next::Renew(old) => old,
        };
        let Some(claim) = self.claim(&shelf, now).await? else {
            return Ok(old.map(|known| known.token));
        };
        match (self.renew(&claim).await, old) {
            (Ok(issued), _) => Ok(Some(issued.token)),
            (Err(error), Some(old)) => {
                tracing::warn!(error = %error, "token not renewed; the old one still serves");
                Ok(Some(old.token))
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn claim(&self, shelf: &Shelf, now: Timestamp) -> Result<Option<Claim>, TokenError> {
        let until = now.saturating_add(CLAIM).unwrap_or(Timestamp::MAX);
        self.shelf.claim(shelf.revision, now, until).await.map_err(unreachable)
    }

    /// Asks the authority under a claim, and tells the others what came of it.
    async fn renew(&self, claim: &Claim) -> Result<Issued, TokenError> {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner).take();
        match self.issuer.issue_for(claims.as_ref()).await {
            Ok(issued) => {
                let token = self.shelved(&issued);
                // A shelf that cannot be reached keeps nobody from using the token.
                match self.shelf.put(claim, &token).await {
                    Ok(true) => self.remember(known(&token, issued.issued_at)),
                    Ok(false) => tracing::debug!("another worker renewed the token meanwhile"),
                    Err(error) => {
                        tracing::warn!(error = %error, "token not shared");
                        self.remember(known(&token, issued.issued_at));
                    }
                }
                Ok(issued)
            }
            Err(error) => {
                let (setback, wait) = setback_of(&error);
                let until = self.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
                if let Err(lost) = self.shelf.set_back(claim, &setback, until).await {
                    tracing::warn!(error = %lost, "setback not shared");
                }
                Err(error)
            }
        }
    }

    fn shelved(&self, issued: &Issued) -> ShelvedToken {
        let expires_at = issued.token.expires_at();
        let life = expires_at.duration_since(issued.issued_at);
        let mut random = [0u8; 2];
        self.entropy.fill(&mut random);
        let share = i64::from(u16::from_be_bytes(random));
        let range = REFRESH_TO_PERCENT - REFRESH_FROM_PERCENT;
        // In milliseconds: a day of them times 80 stays far below 2^63.
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(0).max(0);
        let span = life_ms.saturating_mul(range) / 100;
        let ahead = life_ms.saturating_mul(REFRESH_FROM_PERCENT) / 100
            + span.saturating_mul(share) / i64::from(u16::MAX);
        let refresh_at = issued.issued_at.saturating_add(SignedDuration::from_millis(ahead));
        ShelvedToken {
            secret: issued.token.secret().clone(),
            issued_at: issued.issued_at,
            expires_at,
            refresh_at: refresh_at.unwrap_or(expires_at),
            credential: issued.credential,
        }
    }

    fn remembered(&self) -> Option<Known> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, known: Known) {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    fn forget(&self, token: &AccessToken) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.as_ref().is_some_and(|known| is_same(known.token.expose(), token)) {
            *memory = None;
        }
    }

    /// Marks the token on the shelf as refused. When tokens are refused one after the other the
    /// tokens are not what is wrong: then nobody asks for the next one before a minute is over.
    async fn refuse_shared(&self, token: &AccessToken) -> Result<(), ShelfError> {
        let shelf = self.shelf.look().await?;
        let Some(shelved) = &shelf.token else {
            return Ok(());
        };
        if shelf.refused || !is_same(shelved.secret.expose_secret(), token) {
            return Ok(());
        }
        let now = self.clock.now();
        self.shelf.refuse(shelf.revision, now).await?;
        let again = shelf.refused_at.and_then(|at| at.saturating_add(REFUSED_EVERY).ok());
        let Some(until) = again.filter(|again| *again > now) else {
            return Ok(());
        };
        if let Some(claim) = self.shelf.claim(shelf.revision, now, until).await? {
            let setback = Setback {
                refused: false,
                code: "token-refused".to_owned(),
                text: "The server refuses tokens that were just issued. Check that the connection \
                       names the right cloud and tenant, and what the application was granted."
                    .to_owned(),
            };
            self.shelf.set_back(&claim, &setback, until).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl TokenSource for TokenCache {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        let now = self.clock.now();
        if let Some(known) = self.remembered().filter(|known| known.refresh_at > now)
            && is_usable(&known, now)
        {
            return Ok(known.token);
        }
        for _ in 0..LOOKS_MAX {
            if let Some(token) = self.step().await? {
                return Ok(token);
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Err(TokenError::Later {
            after: SHELF_WAIT,
            code: "token-elsewhere".to_owned(),
            text: "Another worker is asking for the token and has not got it yet.".to_owned(),
        })
    }

    async fn refused(&self, token: &AccessToken) {
        self.forget(token);
        if let Err(error) = self.refuse_shared(token).await {
            tracing::warn!(error = %error, "refused token not marked");
        }
    }

    async fn refused_for(&self, token: &AccessToken, claims: Option<Claims>) {
        if claims.is_some() {
            *self.claims.lock().unwrap_or_else(PoisonError::into_inner) = claims;
        }
        self.refused(token).await;
    }
}

fn decide(shelf: &Shelf, now: Timestamp) -> Next {
    let usable = shelf
        .token
        .as_ref()
        .filter(|_| !shelf.refused)
        .map(|token| known(token, now))
        .filter(|known| is_usable(known, now));
    let is_claimed = shelf.claimed_until.is_some_and(|until| until > now);
    match (usable, &shelf.setback) {
        (Some(known), _) if known.refresh_at > now => Next::Use(known),
        // The authority was asked in vain and is left alone; the old token goes on.
        (Some(known), Some(_)) if is_claimed => Next::Use(known),
        (None, Some(setback)) if is_claimed => {
            Next::Wait(error_of(setback, shelf.claimed_until, now))
        }
        (old, _) => Next::Renew(old),
    }
}

/// A shelved token as this machine may use it. Where the token seems to come from the future, the
/// clock of whoever asked is ahead of ours by so much at least, and the end is moved as much.
fn known(token: &ShelvedToken, now: Timestamp) -> Known {
    let ahead = token.issued_at.duration_since(now).max(SignedDuration::ZERO);
    let earlier = |at: Timestamp| at.saturating_sub(ahead).unwrap_or(at);
    Known {
        token: AccessToken::new(token.secret.clone(), earlier(token.expires_at)),
        refresh_at: earlier(token.refresh_at),
    }
}

fn is_usable(known: &Known, now: Timestamp) -> bool {
    known.token.expires_at().duration_since(now) >= LEFT_MIN
}

/// Tokens are compared in constant time, like every secret.
fn is_same(secret: &str, token: &AccessToken) -> bool {
    secret.as_bytes().ct_eq(token.expose().as_bytes()).into()
}

fn setback_of(error: &TokenError) -> (Setback, SignedDuration) {
    match error {
        TokenError::Refused { code, text } => {
            (Setback { refused: true, code: code.clone(), text: text.clone() }, REFUSAL_WAIT)
        }
        TokenError::Later { after, code, text } => (
            Setback { refused: false, code: code.clone(), text: text.clone() },
            SignedDuration::try_from(*after).unwrap_or(REFUSAL_WAIT),
        ),
    }
}

fn error_of(setback: &Setback, until: Option<Timestamp>, now: Timestamp) -> TokenError {
    let (code, text) = (setback.code.clone(), setback.text.clone());
    if setback.refused {
        return TokenError::Refused { code, text };
    }
    let left = until.map(|until| until.duration_since(now));
    let after = left.and_then(|left| Duration::try_from(left).ok()).unwrap_or(SHELF_WAIT);
    TokenError::Later { after, code, text }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn unreachable(error: ShelfError) -> TokenError {
    tracing::warn!(error = %error, "the shared tokens cannot be reached");
    TokenError::Later {
        after: SHELF_WAIT,
        code: "tokens-unavailable".to_owned(),
        text: "The store of tokens does not answer; it is asked again.".to_owned(),
    }
}
