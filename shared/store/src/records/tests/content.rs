use super::stage::*;
use crate::records::*;
use crate::table::{ITEM_BYTES_MAX, StoreError, Value};

async fn commit_one(records: &Records, scope: &MailboxScope, lease: &Lease, row: LinkRow) {
    let commit = Commit::new(scope.clone(), lease.clone()).item(put(row));
    records.commit(&commit, at(10)).await.unwrap();
}

fn chunk_count(table: &crate::memory::MemoryTable) -> usize {
    table.items().iter().filter(|item| item.key.sort.starts_with("CHUNK#")).count()
}

#[tokio::test]
async fn what_does_not_fit_into_an_item_stands_in_chunks() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let (large, larger) = (noise(2 * ITEM_BYTES_MAX, 1), noise(3 * ITEM_BYTES_MAX, 2));
    let mut row = linked(1, &large);
    row.base_business = Some(larger.clone());
    commit_one(&records, &scope, &lease, row).await;
    let before = chunk_count(&table);
    assert!(before >= 5);
    let mut row = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    assert_eq!(row.base_exchange.as_ref(), Some(&large));
    assert_eq!(row.base_business.as_ref(), Some(&larger));
    // The next commit takes the old chunks away.
    row.base_business = None;
    commit_one(&records, &scope, &lease, row).await;
    assert!(chunk_count(&table) < before);
    let mut row = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    assert_eq!(row.base_exchange.as_ref(), Some(&large));
    row.purge();
    commit_one(&records, &scope, &lease, row).await;
    assert_eq!(chunk_count(&table), 0);
}

#[tokio::test]
async fn large_cursors_events_changes_and_targets_come_back() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let large = noise(2 * ITEM_BYTES_MAX, 3);
    let calendar = Collection::calendar();
    let wanted = PendingChange { body: large.clone(), ..change(1, "") };
    records.accept(&scope, &wanted, &calendar, at(1)).await.unwrap();
    let id = IntentId::new(uuid::Uuid::from_u128(1));
    let mut intent = IntentRow::new(id, link_id(1), WriteKind::Update, &lease, at(1));
    intent.target = Some(large.clone());
    records.record_intent(&scope, &lease, &intent, None, at(1)).await.unwrap();
    let mut entry = event(1, "");
    entry.event.clone_from(&large);
    let item = ItemCommit { feed: vec![entry], ..ItemCommit::default() };
    let cursor = CursorRow::default().at(Some(large.clone()));
    let commit =
        Commit::new(scope.clone(), lease.clone()).item(item).cursor(calendar.clone(), cursor);
    records.commit(&commit, at(2)).await.unwrap();

    let waiting = records.pending(&scope, 0, 10).await.unwrap();
    assert_eq!(waiting[0].body, large);
    assert_eq!(records.pending_of_link(&scope, link_id(1)).await.unwrap(), waiting);
    let intents = records.intents(&scope, 10).await.unwrap();
    assert_eq!(intents[0].target.as_ref(), Some(&large));
    let page = records.read_feed(&organisation(), None, 10, at(3)).await.unwrap();
    assert_eq!(page.entries[0].event.as_ref(), Some(&large));
    let cursor = records.cursor(&scope, &calendar).await.unwrap();
    assert_eq!(cursor.cursor.as_ref(), Some(&large));

    // Dealt with, they leave nothing but the event.
    let item = ItemCommit {
        pending: vec![waiting[0].reference()],
        intents: vec![intents[0].reference()],
        ..ItemCommit::default()
    };
    let commit = Commit::new(scope.clone(), lease)
        .item(item)
        .cursor(calendar, cursor.at(Some(b"short".to_vec())));
    let before = chunk_count(&table);
    records.commit(&commit, at(4)).await.unwrap();
    assert_eq!(chunk_count(&table) * 4, before);
    records.erase_feed_entry(&organisation(), shard_of(scope.mailbox), 1).await.unwrap();
    assert_eq!(chunk_count(&table), 0);
}

#[tokio::test]
async fn what_a_crash_leaves_behind_is_found_and_removed() {
    let (records, table, scope) = stage().await;
    let old = lease(&records, &scope, 0).await;
    let large = noise(2 * ITEM_BYTES_MAX, 4);
    commit_one(&records, &scope, &old, linked(1, &large)).await;
    let used = chunk_count(&table);
    // Chunks are stored, then the transaction fails since the mailbox was taken over.
    lease(&records, &scope, 61).await;
    let commit = Commit::new(scope.clone(), old).item(put(linked(2, &large)));
    assert!(matches!(records.commit(&commit, at(62)).await, Err(CommitError::LeaseLost)));
    let all = chunk_count(&table);
    assert!(all > used);
    let day = 24 * 3600;
    assert_eq!(records.remove_orphaned_chunks(&scope, at(62 + day - 1)).await.unwrap(), 0);
    let removed = records.remove_orphaned_chunks(&scope, at(62 + day)).await.unwrap();
    assert_eq!(removed, all - used);
    let row = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    assert_eq!(row.base_exchange.as_ref(), Some(&large));
}

#[tokio::test]
async fn no_content_stands_in_the_table_in_clear() {
    const SECRET: &str = "Quarterly figures";
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let calendar = Collection::calendar();
    records.accept(&scope, &change(1, SECRET), &calendar, at(1)).await.unwrap();
    let id = IntentId::new(uuid::Uuid::from_u128(1));
    let mut intent = IntentRow::new(id, link_id(1), WriteKind::Update, &lease, at(1));
    intent.target = Some(SECRET.as_bytes().to_vec());
    records.record_intent(&scope, &lease, &intent, None, at(1)).await.unwrap();
    let mut row = linked(1, SECRET.as_bytes());
    row.base_business = Some(SECRET.as_bytes().to_vec());
    let item = ItemCommit {
        feed: vec![event(1, SECRET)],
        mails: vec![MailEntry {
            link: link_id(1),
            intent: None,
            recipients: vec![SECRET.to_owned()],
            what: "all".to_owned(),
            at: at(1),
        }],
        ..put(row.clone())
    };
    let cursor = CursorRow::default().at(Some(SECRET.as_bytes().to_vec()));
    let commit = Commit::new(scope.clone(), lease).item(item).cursor(calendar, cursor);
    records.commit(&commit, at(2)).await.unwrap();
    for item in table.items() {
        for (name, value) in &item.attributes {
            let bytes: &[u8] = match value {
                Value::Text(text) => text.as_bytes(),
                Value::Bytes(bytes) => bytes,
                Value::Number(_) | Value::Flag(_) => continue,
            };
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{} {name}", item.key.sort);
        }
    }
    let shown = format!("{row:?} {intent:?} {:?} {:?}", change(1, SECRET), event(1, SECRET));
    assert!(!shown.contains(SECRET) && !shown.contains("remote 1"));
}

#[tokio::test]
async fn without_the_key_nothing_can_be_read_and_nothing_new_is_kept() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let item = ItemCommit { feed: vec![event(1, "secret")], ..put(linked(1, b"secret")) };
    let commit = Commit::new(scope.clone(), lease.clone()).item(item);
    records.commit(&commit, at(1)).await.unwrap();
    records.delete_mailbox(&scope).await.unwrap();
    let row = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    assert_eq!(row.base_exchange, None);
    let page = records.read_feed(&organisation(), None, 10, at(2)).await.unwrap();
    assert_eq!((page.entries[0].number, &page.entries[0].event), (1, &None));
    let refused = records.accept(&scope, &change(1, "{}"), &Collection::calendar(), at(2)).await;
    assert!(matches!(refused, Err(AcceptError::Store(StoreError::Corrupt(_)))));
    assert!(!table.items().iter().any(|item| item.key.sort == "KEY"));
    // A worker that still remembers the key writes nothing either: the lease is gone.
    assert!(records.commit(&commit, at(3)).await.is_err());
}

#[tokio::test]
async fn all_workers_use_the_one_key_of_a_mailbox() {
    let table = crate::memory::MemoryTable::new();
    let one = records_on(Arc::new(table.clone()), 1);
    let two = records_on(Arc::new(table), 2);
    let scope = add_mailbox(&one, 1).await;
    let lease = lease(&one, &scope, 0).await;
    two.accept(&scope, &change(1, "two"), &Collection::calendar(), at(0)).await.unwrap();
    commit_one(&one, &scope, &lease, linked(1, b"one")).await;
    let row = two.link(&scope, link_id(1)).await.unwrap().unwrap();
    assert_eq!(row.base_exchange.as_deref(), Some(&b"one"[..]));
    assert_eq!(one.pending(&scope, 0, 1).await.unwrap()[0].body, b"two");
}
