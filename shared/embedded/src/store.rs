//! The directory and what is in it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use dynoxide::Database;
use jiff::SignedDuration;
use tidemark_store::StoreError;
use tidemark_store::dynamo::{DynamoTable, create_table};
use tidemark_store::memory::Clock;

use crate::connector::build_client;
use crate::error::EmbeddedError;
use crate::queue::LocalQueue;
use crate::secrets::LocalSecrets;

const LOCK_FILE: &str = "tidemark.lock";
const DATABASE_FILE: &str = "tidemark.db";
const SECRETS_FILE: &str = "secrets.json";
const TABLE: &str = "tidemark";

/// The store of one process in one directory. Clones are handles to the same store; the directory
/// is free again once all of them are gone.
#[derive(Clone)]
pub struct EmbeddedStore {
    database: Database,
    table: DynamoTable,
    secrets: LocalSecrets,
    _lock: Arc<File>,
}

impl EmbeddedStore {
    /// Opens the store in a directory, which is created (for this user only) if it is not there.
    ///
    /// The lock is the operating system's, so it ends with the process however that ends; the lock
    /// file stays and means nothing by itself.
    ///
    /// # Errors
    /// [`EmbeddedError::InUse`] when another process has the directory; any other when it or a file
    /// in it cannot be used.
    pub async fn open(directory: &Path) -> Result<EmbeddedStore, EmbeddedError> {
        create_directory(directory)?;
        let lock = lock_directory(directory)?;
        let path = directory.join(DATABASE_FILE);
        let path = path.to_str().ok_or(EmbeddedError::Path)?.to_owned();
        let opened = tokio::task::spawn_blocking(move || Database::new(&path)).await;
        let database = opened
            .map_err(|error| EmbeddedError::Engine(error.to_string()))?
            .map_err(|error| EmbeddedError::Engine(error.to_string()))?;
        let client = build_client(database.clone());
        create_table(&client, TABLE).await?;
        Ok(EmbeddedStore {
            table: DynamoTable::new(client, TABLE),
            database,
            secrets: LocalSecrets::new(directory.join(SECRETS_FILE)),
            _lock: Arc::new(lock),
        })
    }

    /// The table.
    pub fn table(&self) -> DynamoTable {
        self.table.clone()
    }

    /// The secrets.
    pub fn secrets(&self) -> LocalSecrets {
        self.secrets.clone()
    }

    /// The work queue. Its messages are loaded, so call it once and clone what it gives. A message
    /// that was taken and not finished is visible again after `visibility`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue(
        &self,
        clock: Clock,
        visibility: SignedDuration,
    ) -> Result<LocalQueue, StoreError> {
        LocalQueue::load(Arc::new(self.table()), clock, visibility).await
    }

    /// Drops what has expired by this machine's clock; the engine does not do so by itself.
    /// Returns how many items. Other requests wait for a page of it at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sweep_expired(&self) -> Result<usize, StoreError> {
        let database = self.database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        match swept {
            Ok(Ok(count)) => Ok(count),
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable("the sweep failed".to_owned())),
        }
    }
}

/// A table in memory that is driven like the one in a file: for tests.
///
/// # Errors
/// [`EmbeddedError::Engine`], [`EmbeddedError::Store`].
#[cfg(test)]
pub(crate) async fn open_memory() -> Result<DynamoTable, EmbeddedError> {
    let database = Database::memory().map_err(|error| EmbeddedError::Engine(error.to_string()))?;
    let client = build_client(database);
    create_table(&client, TABLE).await?;
    Ok(DynamoTable::new(client, TABLE))
}

fn create_directory(directory: &Path) -> Result<(), EmbeddedError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(directory)?)
}

fn lock_directory(directory: &Path) -> Result<File, EmbeddedError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let lock = options.open(directory.join(LOCK_FILE))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
