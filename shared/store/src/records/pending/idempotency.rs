//! What a caller's key against doing a change twice stands for, and the answer that it was given.

use core::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tidemark_model::SystemId;

use super::{AcceptError, Accepted, NUMBER, PendingChange};
use crate::records::content::Stored;
use crate::records::crypto::DataKey;
use crate::records::ids::MailboxScope;
use crate::records::row::{Row, RowBuilder, is_expired, later};
use crate::records::{Records, keys};
use crate::table::{Condition, EXPIRES, Item, Key, StoreError, Value, Write};

/// For how many hours the answer to an idempotency key is kept.
pub const IDEMPOTENCY_HOURS: i64 = 24;

const REQUEST: &str = "request";
const ANSWER: &str = "answer";

/// A caller's key against doing a change twice, with the request that it was sent with. `Debug` shows
/// neither.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    request: String,
}

impl IdempotencyKey {
    /// A key, and the parts of the request as the caller sent them: what they come to mean later,
    /// when items are joined for example, must not make another request of a repeat.
    pub fn new(key: impl Into<String>, request: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in request {
            // The length keeps parts apart that could run into each other.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self { key: key.into(), request: keys::hex(&digest.finalize()) }
    }

    /// The write that keeps the answer, unless the key is in use.
    pub(super) fn claim(
        &self,
        scope: &MailboxScope,
        system: &SystemId,
        number: u64,
        answer: &Stored,
        now: Timestamp,
    ) -> Write {
        let row = RowBuilder::new(keys::idempotency(scope, system, &self.key))
            .text(REQUEST, self.request.clone())
            .number(NUMBER, number)
            .expires(expiry(now));
        let over = Condition::AtMost(EXPIRES.to_owned(), Value::Number(now.as_second()));
        Write::Put {
            item: answer.clone().put(ANSWER, row).build(),
            condition: Some(Condition::Any(vec![Condition::Absent, over])),
        }
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyKey").field("key_bytes", &self.key.len()).finish_non_exhaustive()
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    later(now, IDEMPOTENCY_HOURS.saturating_mul(3600))
}

impl Records {
    /// The answer that a system's key was given in this mailbox before, if that is less than
    /// [`IDEMPOTENCY_HOURS`] ago. Writes nothing.
    ///
    /// # Errors
    /// [`AcceptError::IdempotencyMismatch`] when the key came with another request.
    pub async fn answer_again(
        &self,
        scope: &MailboxScope,
        system: &SystemId,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<Accepted>, AcceptError> {
        let place = keys::idempotency(scope, system, &key.key);
        let item = self.table.get(&place).await?;
        let Some(item) = item.filter(|item| !is_expired(item, now)) else {
            return Ok(None);
        };
        let row = Row::new(&item)?;
        if row.text(REQUEST)? != key.request {
            return Err(AcceptError::IdempotencyMismatch);
        }
        let answer = self.load_answer(scope, &item).await?;
        let marks = self.marks(scope).await?;
        Ok(Some(Accepted { number: row.count(NUMBER)?, marks, replayed: true, answer }))
    }

    /// Answers name members of what the caller sent, so they are kept like contents.
    pub(super) async fn store_answer(
        &self,
        scope: &MailboxScope,
        data_key: &DataKey,
        change: &PendingChange,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Stored, StoreError> {
        let context = context(&keys::idempotency(scope, &change.system, &key.key));
        let expires = Some(expiry(now));
        self.store_content(scope, data_key, &change.answer, &context, now, expires).await
    }

    async fn load_answer(&self, scope: &MailboxScope, item: &Item) -> Result<Vec<u8>, StoreError> {
        let key = self.existing_data_key(scope).await?;
        let row = Row::new(item)?;
        let context = context(&item.key);
        let answer = self.load_content(scope, key.as_ref(), row, ANSWER, &context).await?;
        answer.ok_or(StoreError::Corrupt("an idempotency key has no answer"))
    }
}

/// What an answer is tied to.
fn context(place: &Key) -> String {
    format!("{}#{}", place.partition, place.sort)
}
