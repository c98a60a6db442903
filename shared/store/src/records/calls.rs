//! Calls of Microsoft Graph that were dealt with, so that the same one again is known.

use jiff::Timestamp;

use super::row::{RowBuilder, is_expired};
use super::{Records, keys};
use crate::table::{EXPIRES, StoreError, Value};

impl Records {
    /// Whether a call that said this was dealt with and is still remembered. Read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_known_call(&self, said: &[u8], now: Timestamp) -> Result<bool, StoreError> {
        let found = self.table.get(&keys::call(&keys::digest(said))).await?;
        Ok(found.is_some_and(|item| !is_expired(&item, now)))
    }

    /// Remembers for so long, in whole seconds, that a call was dealt with which said this; only its
    /// digest is kept. One that was not dealt with is not remembered, since it comes again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember_call(&self, said: &[u8], until: Timestamp) -> Result<(), StoreError> {
        let row = RowBuilder::new(keys::call(&keys::digest(said)));
        self.put(row.value(EXPIRES, Value::Number(until.as_second())).build(), None).await
    }
}
