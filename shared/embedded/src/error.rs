//! Why the store cannot be opened or kept.

use std::io;

use tidemark_store::StoreError;

/// Why the store cannot be opened or kept.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Another process, or another store of this one, has the directory.
    #[error("the data directory is in use by another process; stop it first")]
    InUse,
    /// The directory or a file in it cannot be made, read or locked.
    #[error("the data directory cannot be used")]
    Directory(#[from] io::Error),
    /// The directory's path is not Unicode, which the engine needs.
    #[error("the path of the data directory is not Unicode")]
    Path,
    /// The engine does not open the file.
    #[error("the database file cannot be opened: {0}")]
    Engine(String),
    /// The table in the file cannot be made or read.
    #[error("the database file cannot be used")]
    Store(#[from] StoreError),
}
