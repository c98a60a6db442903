//! Secrets in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secrecy::SecretString;

use super::lock;
use crate::secrets::Secrets;
use crate::table::StoreError;

/// Secrets in memory. Clones are handles to the same secrets.
#[derive(Clone, Default)]
pub struct MemorySecrets {
    values: Arc<Mutex<BTreeMap<String, SecretString>>>,
}

impl MemorySecrets {
    /// No secrets.
    pub fn new() -> MemorySecrets {
        MemorySecrets::default()
    }
}

impl fmt::Debug for MemorySecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = lock(&self.values).len();
        formatter.debug_struct("MemorySecrets").field("count", &count).finish()
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        Ok(lock(&self.values).get(name).cloned())
    }

    async fn put(&self, name: &str, value: SecretString) -> Result<(), StoreError> {
        lock(&self.values).insert(name.to_owned(), value);
        Ok(())
    }
}
