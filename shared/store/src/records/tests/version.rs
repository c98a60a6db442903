use std::sync::Arc;

use super::stage::*;
use crate::memory::MemoryTable;
use crate::table::{Item, StoreError, Table as _, Value, Write};

/// Sets the version of every row of a table, or takes it away.
async fn set_version(table: &MemoryTable, version: Option<i64>) -> Vec<Item> {
    for mut item in table.items() {
        match version {
            Some(version) => item.attributes.insert("v".to_owned(), Value::Number(version)),
            None => item.attributes.remove("v"),
        };
        table.write(Write::Put { item, condition: None }).await.unwrap();
    }
    table.items()
}

#[tokio::test]
async fn a_row_of_a_later_version_is_refused_in_words_and_left_alone() {
    let (records, table, scope) = stage().await;
    let rows = set_version(&table, Some(2)).await;
    let refused = records.mailbox(&scope).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)));
    assert!(refused.to_string().contains("a version that is not known"), "{refused}");
    let changed = records.change_mailbox(&scope, |row| row.enabled = false).await;
    assert!(changed.is_err());
    assert_eq!(table.items(), rows);
}

#[tokio::test]
async fn a_row_from_before_there_were_versions_is_read_and_written_in_todays() {
    let (records, table, scope) = stage().await;
    set_version(&table, None).await;
    let again = records_on(Arc::new(table.clone()), 2);
    again.change_mailbox(&scope, |row| row.enabled = false).await.unwrap();
    assert!(!again.mailbox(&scope).await.unwrap().unwrap().value.enabled);
    let row = table.items().into_iter().find(|item| item.key.sort == "MAILBOX").unwrap();
    assert_eq!(row.attributes.get("v"), Some(&Value::Number(1)));
    drop(records);
}
