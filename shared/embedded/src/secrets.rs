//! Secrets in a file.
//!
//! A file that only its owner can read, as an SSH key is, rather than rows under a master key: on
//! one machine that key would lie in such a file beside the rows, and protect from nobody more.
//! It also lets an operator exclude secrets from a backup of the database.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tidemark_store::{Secrets, StoreError};
use tokio::sync::Mutex;

/// Most bytes of a secret, as in AWS Secrets Manager.
const SECRET_BYTES_MAX: usize = 65_536;
/// Most bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

type Values = BTreeMap<String, SecretString>;

/// Secrets in a JSON file with mode 0600. Clones are handles to the same file.
#[derive(Clone, Debug)]
pub struct LocalSecrets {
    path: Arc<Mutex<PathBuf>>,
}

impl LocalSecrets {
    /// Secrets in this file, which comes to be with the first secret.
    pub(crate) fn new(path: PathBuf) -> LocalSecrets {
        LocalSecrets { path: Arc::new(Mutex::new(path)) }
    }

    /// Does something with the file, alone: the lock is held until it is done, even if nobody
    /// waits for it any more.
    async fn with_file<T: Send + 'static>(
        &self,
        perform: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = Arc::clone(&self.path).lock_owned().await;
        let performed = tokio::task::spawn_blocking(move || perform(&path)).await;
        performed.map_err(|_| StoreError::Unavailable("the secrets file".to_owned()))?
    }
}

#[async_trait]
impl Secrets for LocalSecrets {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let name = name.to_owned();
        self.with_file(move |path| Ok(load(path)?.remove(&name))).await
    }

    async fn put(&self, name: &str, value: SecretString) -> Result<(), StoreError> {
        if value.expose_secret().len() > SECRET_BYTES_MAX {
            return Err(StoreError::TooLarge("a secret over 64 KB"));
        }
        let name = name.to_owned();
        self.with_file(move |path| {
            let mut values = load(path)?;
            values.insert(name, value);
            store(path, &values)
        })
        .await
    }
}

#[derive(Deserialize)]
struct Stored {
    version: u32,
    secrets: Values,
}

#[derive(Serialize)]
struct Exposed<'a> {
    version: u32,
    secrets: BTreeMap<&'a str, &'a str>,
}

fn load(path: &Path) -> Result<Values, StoreError> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Values::new()),
        Err(error) => return Err(unavailable(&error)),
    };
    if length > FILE_BYTES_MAX {
        return Err(StoreError::TooLarge("a secrets file over 64 MiB"));
    }
    let text = fs::read_to_string(path).map_err(|error| unavailable(&error))?;
    let text = SecretString::from(text);
    // The parser's message would quote the file.
    let stored: Stored = serde_json::from_str(text.expose_secret())
        .map_err(|_| StoreError::Corrupt("the secrets file"))?;
    if stored.version != 1 {
        return Err(StoreError::Corrupt("the secrets file is of a later version"));
    }
    Ok(stored.secrets)
}

/// Writes a new file beside the old one and puts it in its place, so that either is whole whenever
/// the machine stops.
fn store(path: &Path, values: &Values) -> Result<(), StoreError> {
    let exposed: BTreeMap<&str, &str> =
        values.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    let exposed = Exposed { version: 1, secrets: exposed };
    let text = serde_json::to_string_pretty(&exposed)
        .map_err(|_| StoreError::Corrupt("secrets that cannot be written"))?;
    let text = SecretString::from(text);
    replace(path, text.expose_secret().as_bytes()).map_err(|error| unavailable(&error))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    // One that was left by a stop in between may have another mode.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn unavailable(error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("the secrets file: {}", error.kind()))
}
