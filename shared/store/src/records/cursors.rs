//! Where reading of a collection goes on.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::content::{ChunkRef, chunks_of};
use super::ids::{Collection, MailboxScope};
use super::row::Row;
use super::{Records, keys};
use crate::table::StoreError;

pub(crate) const CURSOR: &str = "cursor";

/// A cursor. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CursorRow {
    /// The server's sync state; none to begin from the start.
    pub cursor: Option<Vec<u8>>,
    /// Counts the compare runs: what was not seen in the present one may be gone.
    pub generation: u64,
    /// Whether a compare run is under way.
    pub comparing: bool,
    /// What is kept besides the place.
    pub progress: Option<Kept>,
    /// When it was written; none for one that never was.
    pub written_at: Option<Timestamp>,
    pub(crate) chunks: Vec<ChunkRef>,
}

/// What a reading leaves to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// In the caller's form.
    pub text: String,
    /// Whether the next run has something to do by it, whatever it finds.
    pub is_work: bool,
}

impl CursorRow {
    /// The same place, with another sync state.
    #[must_use]
    pub fn at(&self, cursor: Option<Vec<u8>>) -> Self {
        Self { cursor, ..self.clone() }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CursorDocument {
    pub(crate) generation: u64,
    pub(crate) comparing: bool,
    pub(crate) progress: Option<String>,
    /// Whether the progress is work for the next run.
    #[serde(default = "is_work_unless_said")]
    pub(crate) is_work: bool,
    pub(crate) updated_at: Timestamp,
}

const fn is_work_unless_said() -> bool {
    true
}

impl CursorDocument {
    fn kept(&self) -> Option<Kept> {
        self.progress.clone().map(|text| Kept { text, is_work: self.is_work })
    }
}

impl fmt::Debug for CursorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CursorRow")
            .field("cursor_bytes", &self.cursor.as_ref().map(Vec::len))
            .field("generation", &self.generation)
            .field("comparing", &self.comparing)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// The cursor of a collection; the beginning when none was ever committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cursor(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
    ) -> Result<CursorRow, StoreError> {
        let Some(item) = self.table.get(&keys::cursor(scope, collection)).await? else {
            return Ok(CursorRow::default());
        };
        let row = Row::new(&item)?;
        let document: CursorDocument = row.document()?;
        let key = self.existing_data_key(scope).await?;
        let context = context(scope, collection);
        Ok(CursorRow {
            cursor: self.load_content(scope, key.as_ref(), row, CURSOR, &context).await?,
            generation: document.generation,
            comparing: document.comparing,
            progress: document.kept(),
            written_at: Some(document.updated_at),
            chunks: chunks_of(&item)?,
        })
    }

    /// Whether a reading has come to its end and keeps nothing for the next one. No content is read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_read_out(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
    ) -> Result<bool, StoreError> {
        let Some(item) = self.table.get(&keys::cursor(scope, collection)).await? else {
            return Ok(false);
        };
        let document: CursorDocument = Row::new(&item)?.document()?;
        Ok(!document.comparing && document.kept().is_none_or(|kept| !kept.is_work))
    }
}

pub(crate) fn context(scope: &MailboxScope, collection: &Collection) -> String {
    let key = keys::cursor(scope, collection);
    format!("{}#{}", key.partition, key.sort)
}
