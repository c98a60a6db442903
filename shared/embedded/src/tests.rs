//! The embedded store, held to the conformance suite and to what only a file can be held to.

mod queue;
mod secrets;

use std::path::{Path, PathBuf};

use tidemark_store::conformance::{CASES, run};
use tidemark_store::{Item, Key, Table, Value, Write};

use crate::store::open_memory;
use crate::{EmbeddedError, EmbeddedStore};

/// A directory of one test, gone at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Directory {
        let name = format!("tidemark-embedded-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        assert!(!path.exists(), "each test has a directory of its own");
        Directory(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn conform(table: &dyn Table, prefix: &str) {
    for case in CASES {
        if let Err(failure) = run(table, case, prefix).await {
            panic!("{}: {failure}", case.name);
        }
    }
}

#[tokio::test]
async fn the_table_in_memory_conforms() {
    let table = open_memory().await.unwrap();
    conform(&table, "memory#").await;
}

#[tokio::test]
async fn the_table_in_a_file_conforms_and_again_after_it_was_opened_anew() {
    let directory = Directory::new("conforms");
    for prefix in ["first#", "second#"] {
        let store = EmbeddedStore::open(directory.path()).await.unwrap();
        conform(&store.table(), prefix).await;
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_it_was_opened_anew() {
    let directory = Directory::new("reopen");
    let item = Item {
        key: Key { partition: "p".to_owned(), sort: "s".to_owned() },
        attributes: [("n".to_owned(), Value::Number(7))].into(),
    };
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let put = Write::Put { item: item.clone(), condition: None };
    store.table().transact(vec![put]).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    assert_eq!(store.table().get(&item.key).await.unwrap(), Some(item));
}

#[tokio::test]
async fn a_directory_is_one_stores_at_a_time() {
    let directory = Directory::new("lock");
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    let second = EmbeddedStore::open(directory.path()).await;
    assert!(matches!(second, Err(EmbeddedError::InUse)));
    drop(store);
    EmbeddedStore::open(directory.path()).await.unwrap();
}

#[tokio::test]
async fn expired_items_stay_until_the_sweep() {
    let directory = Directory::new("sweep");
    let store = EmbeddedStore::open(directory.path()).await.unwrap();
    for (sort, second) in [("long ago", 1_000_000_000), ("far ahead", 100_000_000_000)] {
        let put = Write::Put {
            item: Item {
                key: Key { partition: "p".to_owned(), sort: sort.to_owned() },
                attributes: [("expires".to_owned(), Value::Number(second))].into(),
            },
            condition: None,
        };
        store.table().write(put).await.unwrap();
    }
    assert_eq!(store.sweep_expired().await.unwrap(), 1);
    assert_eq!(store.sweep_expired().await.unwrap(), 0);
}
