//! The tokens by which Microsoft proves that a notification with content is its own
//! (page "change-notifications-with-resource-data", section on validation tokens).

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use tidemark_transport::Clock;

use crate::client_state::is_same_secret;
use crate::cloud::Cloud;
use crate::signing_keys::{KeysUnavailable, SigningKeys};

/// The application id of Microsoft Graph's change tracking, which asks for these tokens.
const CHANGE_TRACKING: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// By how much Microsoft's clock and ours may differ.
const SKEW: SignedDuration = SignedDuration::from_mins(2);
/// Most tokens of one call: one per application and tenant.
pub const VALIDATION_TOKENS_MAX: usize = 32;
/// Largest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Longest key id that is looked up, in bytes.
const KEY_ID_BYTES_MAX: usize = 256;

/// Why a call is not believed. From outside all of them look alike: whoever sent it learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It does not come from Microsoft, or not for us.
    #[error("the call does not prove that it comes from Microsoft")]
    Refused,
    /// Nothing can be said now, since Microsoft's keys cannot be had.
    #[error(transparent)]
    Unavailable(#[from] KeysUnavailable),
}

/// Checks validation tokens.
pub struct NotificationProof {
    keys: SigningKeys,
    clock: Arc<dyn Clock>,
    cloud: Cloud,
}

/// Whom a call is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    client: String,
    tenant: String,
}

impl Recipient {
    /// An application, by its client id, in a tenant, by its id; both in any case.
    pub fn new(client: &str, tenant: &str) -> Self {
        Self { client: client.to_ascii_lowercase(), tenant: tenant.to_ascii_lowercase() }
    }
}

impl core::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Recipient")
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    tid: String,
    exp: i64,
    nbf: i64,
    #[serde(default)]
    appid: Option<String>,
    #[serde(default)]
    azp: Option<String>,
}

impl NotificationProof {
    /// Checks tokens of this cloud with these keys.
    pub fn new(keys: SigningKeys, clock: Arc<dyn Clock>, cloud: Cloud) -> Self {
        Self { keys, clock, cloud }
    }

    /// Whether a call may be believed: every token in it must be Microsoft's own for one of
    /// `recipients` (the applications of ours that the call's entries are for, with the `tenantId` of
    /// the entries), and every one of these must have one. One bad token spoils the call.
    ///
    /// # Errors
    /// [`Unproven`], without a reason; the log has a word for it.
    pub async fn check(
        &self,
        tokens: &[String],
        recipients: &BTreeSet<Recipient>,
    ) -> Result<(), Unproven> {
        if tokens.is_empty() || tokens.len() > VALIDATION_TOKENS_MAX || recipients.is_empty() {
            return Err(refused("count"));
        }
        let clients: Vec<&str> = recipients.iter().map(|one| one.client.as_str()).collect();
        let mut proven = BTreeSet::new();
        for token in tokens {
            let recipient = self.check_one(token, &clients).await?;
            if !recipients.contains(&recipient) {
                return Err(refused("tenant"));
            }
            proven.insert(recipient);
        }
        if proven == *recipients { Ok(()) } else { Err(refused("uncovered")) }
    }

    /// For whom a token is good.
    async fn check_one(&self, token: &str, clients: &[&str]) -> Result<Recipient, Unproven> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused("size"));
        }
        let header = decode_header(token).map_err(|_| refused("header"))?;
        // Before the key is looked up, so that a token that names another algorithm costs nothing.
        if header.alg != Algorithm::RS256 {
            return Err(refused("algorithm"));
        }
        let id = header.kid.filter(|id| id.len() <= KEY_ID_BYTES_MAX);
        let id = id.ok_or_else(|| refused("key id"))?;
        let key = self.keys.key(&id).await?.ok_or_else(|| refused("key"))?;
        let mut checks = Validation::new(Algorithm::RS256);
        // The library would read the clock itself; the times are checked below.
        checks.validate_exp = false;
        checks.validate_nbf = false;
        checks.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        checks.set_audience(clients);
        let claims = decode::<Claims>(token, &key.key, &checks)
            .map_err(|_| refused("signature or audience"))?
            .claims;
        self.check_issuer(&claims, key.issuer.as_deref())?;
        check_times(&claims, self.clock.now())?;
        Ok(Recipient::new(&claims.aud, &claims.tid))
    }

    /// Issuer and caller stand in other claims in each of the two versions.
    fn check_issuer(&self, claims: &Claims, key_issuer: Option<&str>) -> Result<(), Unproven> {
        let [first, second] = self.cloud.issuers(&claims.tid);
        let caller = if claims.iss == first {
            claims.appid.as_deref()
        } else if claims.iss == second {
            claims.azp.as_deref()
        } else {
            return Err(refused("issuer"));
        };
        // Where a key says whose tokens it signs, it signs nobody else's (page "claims-validation").
        let fits = key_issuer.is_none_or(|issuer| {
            let issuer = issuer.replace("{tenantid}", &claims.tid);
            issuer == first || issuer == second
        });
        if !fits {
            return Err(refused("key issuer"));
        }
        match caller {
            Some(caller) if is_same_secret(caller, CHANGE_TRACKING) => Ok(()),
            Some(_) | None => Err(refused("caller")),
        }
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), Unproven> {
    let (now, skew) = (now.as_second(), SKEW.as_secs());
    let has_begun = claims.nbf <= now.saturating_add(skew);
    let has_ended = claims.exp <= now.saturating_sub(skew);
    if has_begun && !has_ended { Ok(()) } else { Err(refused("time")) }
}

/// The word is for the operator's log alone.
fn refused(why: &'static str) -> Unproven {
    tracing::debug!(why, "validation token refused");
    Unproven::Refused
}

#[cfg(test)]
mod tests;
