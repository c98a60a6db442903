//! Calls of Microsoft Graph that were dealt with, so that the same one again is known.

use jiff::Timestamp;

use super::row::{RowBuilder, is_expired, later};
use super::{Records, keys};
use crate::table::{EXPIRES, StoreError, Value};

/// How long a call is remembered. Graph tries again for four hours, and the tokens that prove a call
/// hold for a day at most.
const KEPT_SECONDS: i64 = 24 * 3600;

impl Records {
    /// Whether exactly this call was dealt with in the last day. Read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_known_call(&self, body: &[u8], now: Timestamp) -> Result<bool, StoreError> {
        let found = self.table.get(&keys::call(&keys::digest(body))).await?;
        Ok(found.is_some_and(|item| !is_expired(&item, now)))
    }

    /// Remembers a call that was dealt with. One that was not is not remembered, since it comes again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember_call(&self, body: &[u8], now: Timestamp) -> Result<(), StoreError> {
        let until = later(now, KEPT_SECONDS).as_second();
        let row = RowBuilder::new(keys::call(&keys::digest(body)));
        self.put(row.value(EXPIRES, Value::Number(until)).build(), None).await
    }
}
