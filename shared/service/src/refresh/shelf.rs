//! The shelf of tokens in the store.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tidemark_identity::{Claim, Setback, Shelf, ShelfError, ShelvedToken, TokenShelf};
use tidemark_store::StoreError;
use tidemark_store::records::{Records, TokenClaim, TokenRow, TokenScope, TokenSetback};

/// One token in the store, for all workers.
pub(super) struct RecordsShelf {
    pub(super) records: Arc<Records>,
    pub(super) scope: TokenScope,
}

#[async_trait]
impl TokenShelf for RecordsShelf {
    async fn look(&self) -> Result<Shelf, ShelfError> {
        let state = self.records.token(&self.scope).await.map_err(failed)?;
        Ok(Shelf {
            revision: state.revision,
            token: state.token.map(shelved),
            refused: state.refused,
            refused_at: state.refused_at,
            claimed_until: state.claimed_until,
            setback: state.setback.map(|TokenSetback { refused, code, text }| Setback {
                refused,
                code,
                text,
            }),
        })
    }

    async fn claim(
        &self,
        revision: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Claim>, ShelfError> {
        let claim = self.records.claim_token(&self.scope, revision, now, until).await;
        Ok(claim.map_err(failed)?.map(|TokenClaim { epoch, revision }| Claim { epoch, revision }))
    }

    async fn put(&self, claim: &Claim, token: &ShelvedToken) -> Result<bool, ShelfError> {
        let row = TokenRow {
            secret: token.secret.clone(),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            refresh_at: token.refresh_at,
            credential: u64::try_from(token.credential).unwrap_or(u64::MAX),
        };
        self.records.keep_token(&self.scope, stored(claim), &row).await.map_err(failed)
    }

    async fn set_back(
        &self,
        claim: &Claim,
        setback: &Setback,
        until: Timestamp,
    ) -> Result<(), ShelfError> {
        let Setback { refused, code, text } = setback.clone();
        let setback = TokenSetback { refused, code, text };
        let noted = self.records.set_token_back(&self.scope, stored(claim), &setback, until).await;
        noted.map_err(failed)
    }

    async fn refuse(&self, revision: u64, now: Timestamp) -> Result<(), ShelfError> {
        self.records.refuse_token(&self.scope, revision, now).await.map_err(failed)
    }
}

fn shelved(row: TokenRow) -> ShelvedToken {
    ShelvedToken {
        secret: row.secret,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
        refresh_at: row.refresh_at,
        credential: usize::try_from(row.credential).unwrap_or(usize::MAX),
    }
}

fn stored(claim: &Claim) -> TokenClaim {
    TokenClaim { epoch: claim.epoch, revision: claim.revision }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn failed(error: StoreError) -> ShelfError {
    ShelfError(error.to_string())
}

#[cfg(test)]
mod tests;
