//! The embedded store under the simulation's own executor.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tidemark_embedded::EmbeddedStore;
use tidemark_store::dynamo::DynamoTable;
use tidemark_store::{
    Consumption, DueEntry, Item, Key, Order, Page, Span, StoreError, Table, Write,
};
use tokio::runtime::{Builder, Runtime};

/// The table on a SQLite file in a directory of its own, which goes with it.
///
/// The engine works on threads, which the simulation's executor knows nothing of: so each operation
/// runs to its end while it is polled. Time does not pass meanwhile, and the order of operations is
/// the executor's, as with the table in memory.
pub struct OnDiskTable {
    table: DynamoTable,
    runtime: Runtime,
    // Let go of in this order: the engine's file first, its directory last.
    _store: EmbeddedStore,
    _directory: Directory,
}

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that stays behind is the system's to clear away.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl OnDiskTable {
    /// An empty table.
    ///
    /// # Panics
    /// When the temporary directory cannot be used.
    pub fn create() -> Self {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidemark-simulation-{}-{number}", std::process::id());
        let directory = Directory(std::env::temp_dir().join(name));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = runtime.block_on(EmbeddedStore::open(&directory.0)).expect("the store opens");
        Self { table: store.table(), runtime, _store: store, _directory: directory }
    }
}

#[async_trait]
impl Table for OnDiskTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.runtime.block_on(self.table.get(key))
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.runtime.block_on(self.table.get_together(keys))
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.runtime.block_on(self.table.glance(keys))
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.runtime.block_on(self.table.query(partition, span, after, order, limit))
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.runtime.block_on(self.table.due(shard, until_ms, limit))
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        self.runtime.block_on(self.table.write(write))
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.runtime.block_on(self.table.transact(writes))
    }

    fn consumed(&self) -> Consumption {
        self.table.consumed()
    }
}
