use std::sync::Arc;

use super::stage::*;
use crate::memory::MemoryTable;
use crate::records::{MailboxRow, OrganisationRow};
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

#[test]
fn what_a_cap_needs_is_left_out_of_rows_without_one_and_read_where_it_is_missing() {
    let mailbox = mailbox_row(1);
    let text = serde_json::to_string(&mailbox).unwrap();
    assert!(!text.contains("sweep_doublings"), "{text}");
    assert_eq!(serde_json::from_str::<MailboxRow>(&text).unwrap(), mailbox);
    let lengthened = MailboxRow { sweep_doublings: 2, ..mailbox };
    let text = serde_json::to_string(&lengthened).unwrap();
    assert_eq!(serde_json::from_str::<MailboxRow>(&text).unwrap(), lengthened);

    let before = serde_json::json!({
        "id": "acme",
        "name": "Acme",
        "enabled": true,
        "allowed_networks": [],
        "domains": [],
        "created_at": at(0),
    });
    let row: OrganisationRow = serde_json::from_value(before.clone()).unwrap();
    assert_eq!(row.cap_cents_per_month, None);
    assert_eq!(serde_json::to_value(&row).unwrap(), before);
}
