use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;

use tidemark_model::OrganisationId;

use super::stage::*;
use crate::Consumption;
use crate::memory::MemoryTable;
use crate::records::*;
use crate::table::*;

async fn tell(
    records: &Records,
    scope: &MailboxScope,
    lease: &Lease,
    numbers: &[u128],
    second: i64,
) {
    let feed = numbers.iter().map(|number| event(*number, &format!("event {number}"))).collect();
    let item = ItemCommit { feed, ..ItemCommit::default() };
    let commit = Commit::new(scope.clone(), lease.clone()).item(item);
    records.commit(&commit, at(second)).await.unwrap();
}

fn ids(page: &FeedPage) -> Vec<u128> {
    page.entries.iter().map(|entry| entry.id.as_u128()).collect()
}

/// The first mailboxes of one shard.
fn of_one_shard(count: usize) -> Vec<u128> {
    let shard = shard_of(scope(1).mailbox);
    (1..).filter(|number| shard_of(scope(*number).mailbox) == shard).take(count).collect()
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let empty = records.read_feed(&organisation(), None, 10, at(0)).await.unwrap();
    assert!(empty.entries.is_empty() && !empty.more);
    tell(&records, &scope, &lease, &[1, 2, 3], 1).await;
    let first = records.read_feed(&organisation(), Some(&empty.cursor), 2, at(1)).await.unwrap();
    assert_eq!((ids(&first), first.more), (vec![1, 2], true));
    assert_eq!(first.entries[0].event.as_deref(), Some(&b"event 1"[..]));
    assert_eq!(first.entries[0].at, at(1));
    let text = first.cursor.encode();
    let cursor = FeedCursor::decode(&text).unwrap();
    let second = records.read_feed(&organisation(), Some(&cursor), 2, at(1)).await.unwrap();
    assert_eq!((ids(&second), second.more), (vec![3], false));
    assert_eq!(second.cursor, records.feed_heads(&organisation()).await.unwrap());
    let shard = shard_of(scope.mailbox);
    let entry = records.feed_entry(&organisation(), shard, 2, at(1)).await.unwrap().unwrap();
    assert_eq!(entry, first.entries[1]);
}

#[tokio::test]
async fn a_busy_shard_does_not_keep_the_others_waiting() {
    let (records, _, busy) = stage().await;
    let held = lease(&records, &busy, 0).await;
    for number in 0..50 {
        tell(&records, &busy, &held, &[number], 1).await;
    }
    let quiet = (2..500).find(|number| shard_of(scope(*number).mailbox) > shard_of(busy.mailbox));
    let quiet = add_mailbox(&records, quiet.unwrap()).await;
    let other = lease(&records, &quiet, 0).await;
    tell(&records, &quiet, &other, &[1000], 1).await;
    let page = records.read_feed(&organisation(), None, 4, at(1)).await.unwrap();
    assert_eq!(ids(&page), [1000, 0, 1, 2]);
}

#[tokio::test]
async fn erased_entries_are_blank_and_keep_their_number() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    tell(&records, &scope, &lease, &[1, 2, 3], 1).await;
    let shard = shard_of(scope.mailbox);
    records.erase_feed_entry(&organisation(), shard, 2).await.unwrap();
    let page = records.read_feed(&organisation(), None, 10, at(1)).await.unwrap();
    let shown: Vec<_> =
        page.entries.iter().map(|entry| (entry.number, entry.event.is_some())).collect();
    assert_eq!(shown, [(1, true), (2, false), (3, true)]);
}

#[tokio::test]
async fn what_is_kept_no_more_is_told_to_who_was_before_it_alone() {
    let (records, table, scope) = stage().await;
    let records = records.with_retention(SignedDuration::from_secs(100));
    let holder = lease(&records, &scope, 0).await;
    let start = records.feed_heads(&organisation()).await.unwrap();
    tell(&records, &scope, &holder, &[1], 0).await;
    let middle = records.feed_heads(&organisation()).await.unwrap();
    tell(&records, &scope, &holder, &[2], 50).await;
    let head = records.feed_heads(&organisation()).await.unwrap();
    let read = |cursor: Option<FeedCursor>, second| {
        let records = records.clone();
        async move { records.read_feed(&organisation(), cursor.as_ref(), 10, at(second)).await }
    };
    for swept in [false, true] {
        // Expired rows are as good as gone, whether they are there or not.
        if swept {
            table.sweep_expired(at(120));
        }
        assert!(matches!(read(Some(start.clone()), 120).await, Err(FeedError::Gone)));
        assert_eq!(ids(&read(Some(middle.clone()), 120).await.unwrap()), [2]);
        assert_eq!(ids(&read(None, 120).await.unwrap()), [2]);
    }
    table.sweep_expired(at(500));
    assert!(matches!(read(Some(middle), 500).await, Err(FeedError::Gone)));
    // Equal to its head, it is never too old.
    assert!(read(Some(head), 500).await.unwrap().entries.is_empty());
    assert!(read(None, 500).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn cursors_of_other_forms_are_refused() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    tell(&records, &scope, &lease, &[1], 0).await;
    let good = records.feed_heads(&organisation()).await.unwrap().encode();
    assert!(good.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let cut = &good[..good.len() - 4];
    let other_version = format!("Ag{}", &good[2..]);
    for bad in ["", "x", "!!!", cut, &format!("{good}AAAA"), &other_version] {
        assert!(matches!(FeedCursor::decode(bad), Err(FeedError::InvalidCursor)), "{bad}");
    }
    // Beyond the head: of another feed, or of one that was restored from before.
    let other = OrganisationId::parse("other").unwrap();
    let cursor = FeedCursor::decode(&good).unwrap();
    let read = records.read_feed(&other, Some(&cursor), 10, at(0)).await;
    assert!(matches!(read, Err(FeedError::Gone)));
    let read = records.follow_feed(&other, &cursor, 10, at(0)).await;
    assert!(matches!(read, Err(FeedError::Gone)));
}

/// A table whose queries do not show an entry yet whose transaction is through, and where a glance
/// sees what the one before should have seen.
#[derive(Default)]
struct Behind(MemoryTable, Mutex<Vec<Option<Item>>>);

#[async_trait]
impl Table for Behind {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.0.get(key).await
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.0.get_together(keys).await
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        let seen = self.0.glance(keys).await?;
        Ok(core::mem::replace(&mut *self.1.lock().unwrap(), seen))
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut page = self.0.query(partition, span, after, order, limit).await?;
        page.items.retain(|item| item.key.sort != "E#00000000000000000002");
        Ok(page)
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.0.due(shard, until_ms, limit).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        self.0.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.0.transact(writes).await
    }

    fn consumed(&self) -> Consumption {
        self.0.consumed()
    }
}

#[tokio::test]
async fn an_entry_that_a_query_does_not_show_yet_is_read_again() {
    let records = records_on(Arc::new(Behind::default()), 1);
    let scope = add_mailbox(&records, 1).await;
    let lease = lease(&records, &scope, 0).await;
    let start = records.feed_heads(&organisation()).await.unwrap();
    tell(&records, &scope, &lease, &[1, 2, 3], 0).await;
    let page = records.read_feed(&organisation(), Some(&start), 10, at(0)).await.unwrap();
    assert_eq!(ids(&page), [1, 2, 3]);
}

#[tokio::test]
async fn a_glance_that_is_behind_passes_over_nothing() {
    let records = records_on(Arc::new(Behind::default()), 1);
    let scope = add_mailbox(&records, 1).await;
    let lease = lease(&records, &scope, 0).await;
    let follow = async |cursor: &FeedCursor| {
        records.follow_feed(&organisation(), cursor, 10, at(0)).await.unwrap()
    };
    let start = follow(&FeedCursor::default()).await;
    assert!(start.entries.is_empty() && !start.more);
    tell(&records, &scope, &lease, &[1], 0).await;
    // It does not show yet; the reader stays where it is, and has it the next time.
    let early = follow(&start.cursor).await;
    assert!(early.entries.is_empty() && early.cursor == start.cursor);
    let next = follow(&start.cursor).await;
    assert_eq!(ids(&next), [1]);
    tell(&records, &scope, &lease, &[2], 0).await;
    let page = records.read_feed(&organisation(), Some(&next.cursor), 10, at(0)).await.unwrap();
    assert_eq!(ids(&page), [2]);
    // Now the reader is ahead of what a glance sees, and is not taken for one from before a restore.
    let same = follow(&page.cursor).await;
    assert!(same.entries.is_empty() && !same.more && same.cursor == page.cursor);
}

/// Follows the feed while others commit, and writes down what it saw.
async fn follow(
    records: &Records,
    rounds: usize,
    limit: usize,
    seen: &RefCell<Vec<FeedRecord>>,
    cursor: &RefCell<FeedCursor>,
) {
    for _ in 0..rounds {
        let from = cursor.borrow().clone();
        let page = records.read_feed(&organisation(), Some(&from), limit, at(0)).await.unwrap();
        *cursor.borrow_mut() = page.cursor;
        seen.borrow_mut().extend(page.entries);
    }
}

#[test]
fn a_cursor_never_passes_over_an_entry_that_commits_later() {
    for seed in 0..60 {
        let dice = Dice::new(seed);
        let records = records_on(Arc::new(GivingWay(MemoryTable::new())), seed);
        let mut mailboxes = of_one_shard(3);
        mailboxes.push((1..500).find(|number| !mailboxes.contains(number)).unwrap());
        let setup = async {
            for number in &mailboxes {
                add_mailbox(&records, *number).await;
            }
        };
        interleave(&dice, vec![Box::pin(setup)], 0);
        let (seen, cursor) = (RefCell::default(), RefCell::default());
        let records = &records;
        let mut actors: Vec<Actor<'_>> = vec![Box::pin(follow(records, 40, 3, &seen, &cursor))];
        for number in mailboxes.clone() {
            actors.push(Box::pin(async move {
                let scope = scope(number);
                let lease = lease(records, &scope, 0).await;
                for round in 0..6 {
                    let first = number * 1000 + round * 2;
                    tell(records, &scope, &lease, &[first, first + 1], 0).await;
                }
            }));
        }
        interleave(&dice, actors, 0);
        interleave(&dice, vec![Box::pin(follow(records, 30, 7, &seen, &cursor))], 0);
        let mut by_mailbox: BTreeMap<_, Vec<u128>> = BTreeMap::new();
        for record in seen.into_inner() {
            by_mailbox.entry(record.mailbox).or_default().push(record.id.as_u128());
        }
        for number in mailboxes {
            let told: Vec<_> = (number * 1000..number * 1000 + 12).collect();
            assert_eq!(by_mailbox.get(&scope(number).mailbox), Some(&told), "seed {seed}");
        }
    }
}
