//! Access tokens that all workers share, and who of them renews one.
//!
//! A token is encrypted under a data key of its own that lies wrapped beside it: both are replaced
//! with every token.

use core::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tidemark_model::OrganisationId;

use super::Records;
use super::ids::ConnectionId;
use super::keys;
use super::marks::ignore_condition;
use super::row::{REVISION, Row, encode, later, number};
use crate::table::{Condition, EXPIRES, Key, StoreError, UpdateAction, Value};

const KEY: &str = "key";
const TOKEN: &str = "token";
const ISSUED_AT: &str = "issued_at";
const EXPIRES_AT: &str = "expires_at";
const REFRESH_AT: &str = "refresh_at";
const CREDENTIAL: &str = "credential";
const REFUSED: &str = "refused";
const REFUSED_AT: &str = "refused_at";
const EPOCH: &str = "epoch";
const CLAIMED_UNTIL: &str = "claimed_until";
const SETBACK: &str = "setback";

/// How long after a token's end its row may be dropped.
const KEPT_SECONDS: i64 = 24 * 3600;

/// Which token: of a connection, for one audience.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenScope {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The connection.
    pub connection: ConnectionId,
    /// Everything that decides which token it is: where it comes from, for whom, for what.
    pub audience: String,
}

/// A token. `Debug` shows its times.
#[derive(Clone)]
pub struct TokenRow {
    /// The token itself.
    pub secret: SecretString,
    /// When it was asked for.
    pub issued_at: Timestamp,
    /// From when on no server accepts it.
    pub expires_at: Timestamp,
    /// From when on the next one is asked for.
    pub refresh_at: Timestamp,
    /// Which credential it was issued for, counted from 0.
    pub credential: u64,
}

impl fmt::Debug for TokenRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRow")
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why there is no new token, for all workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSetback {
    /// Whether an administrator has to act.
    pub refused: bool,
    /// A stable word.
    pub code: String,
    /// What is wrong and how to mend it.
    pub text: String,
}

/// What is kept of a token.
#[derive(Debug, Clone, Default)]
pub struct TokenState {
    /// Counts the tokens; 0 before the first.
    pub revision: u64,
    /// The token, if there was one.
    pub token: Option<TokenRow>,
    /// Whether a server refused this very token.
    pub refused: bool,
    /// When a server last refused a token here.
    pub refused_at: Option<Timestamp>,
    /// Until when its renewal is claimed, or was.
    pub claimed_until: Option<Timestamp>,
    /// Why the last attempt failed; none since the present token came.
    pub setback: Option<TokenSetback>,
}

/// Leave to renew a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenClaim {
    /// Which claim it is; a later one has a higher number.
    pub epoch: u64,
    /// The revision that is to be replaced.
    pub revision: u64,
}

impl Records {
    /// The token of a scope, with who renews it. What is not there reads as empty.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn token(&self, scope: &TokenScope) -> Result<TokenState, StoreError> {
        let key = key_of(scope);
        let Some(item) = self.table.get(&key).await? else {
            return Ok(TokenState::default());
        };
        let row = Row::new(&item)?;
        let setback = row.optional_text(SETBACK)?.map(serde_json::from_str).transpose();
        Ok(TokenState {
            revision: row.count(REVISION)?,
            token: self.open_token(row, &key)?,
            refused: row.count(REFUSED)? > 0,
            refused_at: row.moment(REFUSED_AT)?,
            claimed_until: row.moment(CLAIMED_UNTIL)?,
            setback: setback.map_err(|_| StoreError::Corrupt("a setback has another form"))?,
        })
    }

    /// Claims the renewal of a token until `until`. None when somebody else has claimed it, or when
    /// `revision` is no longer the present one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_token(
        &self,
        scope: &TokenScope,
        revision: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenClaim>, StoreError> {
        let free = Condition::Any(vec![
            Condition::Lacks(CLAIMED_UNTIL.to_owned()),
            Condition::AtMost(CLAIMED_UNTIL.to_owned(), moment(now)),
        ]);
        let actions = vec![
            UpdateAction::Add(EPOCH.to_owned(), 1),
            UpdateAction::Set(CLAIMED_UNTIL.to_owned(), moment(until)),
            UpdateAction::Remove(SETBACK.to_owned()),
            UpdateAction::SetIfAbsent(EXPIRES.to_owned(), expiry(until)),
        ];
        let condition = Condition::All(vec![revision_is(revision), free]);
        let claimed = self.update(key_of(scope), actions, Some(condition)).await;
        match ignore_condition(claimed)? {
            Some(item) => Ok(Some(TokenClaim { epoch: Row::new(&item)?.count(EPOCH)?, revision })),
            None => Ok(None),
        }
    }

    /// Keeps a new token and ends the claim. False when somebody else has claimed it since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_token(
        &self,
        scope: &TokenScope,
        claim: TokenClaim,
        token: &TokenRow,
    ) -> Result<bool, StoreError> {
        let key = key_of(scope);
        let context = context(&key);
        let (data_key, wrapped) = self.keyring.make_data_key(context.as_bytes())?;
        let sealed = data_key.seal(token.secret.expose_secret().as_bytes(), context.as_bytes())?;
        let set = |name: &str, value: Value| UpdateAction::Set(name.to_owned(), value);
        let remove = |name: &str| UpdateAction::Remove(name.to_owned());
        let actions = vec![
            UpdateAction::Add(REVISION.to_owned(), 1),
            set(KEY, Value::Bytes(wrapped)),
            set(TOKEN, Value::Bytes(sealed)),
            set(ISSUED_AT, moment(token.issued_at)),
            set(EXPIRES_AT, moment(token.expires_at)),
            set(REFRESH_AT, moment(token.refresh_at)),
            set(CREDENTIAL, number(token.credential)),
            set(EXPIRES, expiry(token.expires_at)),
            remove(CLAIMED_UNTIL),
            remove(REFUSED),
            remove(SETBACK),
        ];
        let kept = self.update(key, actions, Some(claim_is(claim))).await;
        Ok(ignore_condition(kept)?.is_some())
    }

    /// Notes why there is no new token, and keeps the claim until `until`. A claim that somebody else
    /// took over is left alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_token_back(
        &self,
        scope: &TokenScope,
        claim: TokenClaim,
        setback: &TokenSetback,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let actions = vec![
            UpdateAction::Set(SETBACK.to_owned(), Value::Text(encode(setback)?)),
            UpdateAction::Set(CLAIMED_UNTIL.to_owned(), moment(until)),
        ];
        ignore_condition(self.update(key_of(scope), actions, Some(claim_is(claim))).await)?;
        Ok(())
    }

    /// Marks the token of this revision as refused by a server. Another one is left alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refuse_token(
        &self,
        scope: &TokenScope,
        revision: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let actions = vec![
            UpdateAction::Set(REFUSED.to_owned(), Value::Number(1)),
            UpdateAction::Set(REFUSED_AT.to_owned(), moment(now)),
        ];
        let condition =
            Condition::All(vec![Condition::Has(TOKEN.to_owned()), revision_is(revision)]);
        ignore_condition(self.update(key_of(scope), actions, Some(condition)).await)?;
        Ok(())
    }

    fn open_token(&self, row: Row<'_>, key: &Key) -> Result<Option<TokenRow>, StoreError> {
        let Some(sealed) = row.optional_bytes(TOKEN)? else {
            return Ok(None);
        };
        let context = context(key);
        let data_key = self.keyring.open_data_key(row.bytes(KEY)?, context.as_bytes())?;
        let text = String::from_utf8(data_key.open(sealed, context.as_bytes())?)
            .map_err(|_| StoreError::Corrupt("a token is no text"))?;
        let time = |name: &str| {
            row.moment(name)?.ok_or(StoreError::Corrupt("a token lacks one of its times"))
        };
        Ok(Some(TokenRow {
            secret: SecretString::from(text),
            issued_at: time(ISSUED_AT)?,
            expires_at: time(EXPIRES_AT)?,
            refresh_at: time(REFRESH_AT)?,
            credential: row.count(CREDENTIAL)?,
        }))
    }
}

fn key_of(scope: &TokenScope) -> Key {
    keys::token(&scope.organisation, scope.connection, &scope.audience)
}

/// Ties what is encrypted to its row, so that no token can be read in another one's place.
fn context(key: &Key) -> String {
    format!("{}#{}", key.partition, key.sort)
}

fn revision_is(revision: u64) -> Condition {
    match revision {
        0 => Condition::Lacks(REVISION.to_owned()),
        revision => Condition::Equals(REVISION.to_owned(), number(revision)),
    }
}

fn claim_is(claim: TokenClaim) -> Condition {
    let epoch = Condition::Equals(EPOCH.to_owned(), number(claim.epoch));
    Condition::All(vec![epoch, revision_is(claim.revision)])
}

fn moment(at: Timestamp) -> Value {
    Value::Number(at.as_millisecond())
}

fn expiry(at: Timestamp) -> Value {
    Value::Number(later(at, KEPT_SECONDS).as_second())
}
