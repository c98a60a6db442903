//! The counts of the day, which stand with the marks.

use core::cell::{Cell, RefCell};
use std::sync::Arc;

use jiff::SignedDuration;
use uuid::Uuid;

use super::stage::*;
use crate::limits::item_bytes;
use crate::memory::{Fault, MemoryTable, Operation};
use crate::records::*;
use crate::table::{Key, StoreError, UpdateAction, Value, Write};

const DAY: i64 = 24 * 3600;

fn told(count: u64) -> ItemCommit {
    let mut statistics = Statistics::default();
    statistics.add(Counter::Told, count);
    statistics.add(Counter::Held, 0);
    ItemCommit { statistics, ..ItemCommit::default() }
}

/// Counts of the first three days; the first of them ends at second 8000.
async fn told_by_day(records: &Records, scope: &MailboxScope) -> Vec<u64> {
    let mut counts = Vec::new();
    for day in 0..3 {
        let date = at(day * DAY).to_zoned(jiff::tz::TimeZone::UTC).date();
        counts.push(records.statistics(scope, date).await.unwrap().get(Counter::Told));
    }
    counts
}

fn day_rows(table: &MemoryTable) -> usize {
    table.items().iter().filter(|item| item.key.sort.starts_with("DAY#")).count()
}

#[tokio::test]
async fn a_day_is_counted_with_the_marks_and_written_once_when_it_is_over() {
    let (records, table, scope) = stage().await;
    let first = lease(&records, &scope, 0).await;
    let count = async |lease: &Lease, count, second| {
        let before = table.consumed();
        let commit = Commit::new(scope.clone(), lease.clone()).item(told(count));
        records.commit(&commit, at(second)).await.unwrap();
        table.consumed().since(before).write_halves / 2
    };
    // The first commit makes the data key, which is two writes of a transaction.
    count(&first, 1, 0).await;
    assert_eq!(count(&first, 2, 10).await, 1, "the marks are written, and nothing else");
    assert_eq!((told_by_day(&records, &scope).await, day_rows(&table)), (vec![3, 0, 0], 0));
    // A run over midnight, then one of the next day, then a day that nobody counts on.
    assert_eq!(count(&first, 4, DAY).await, 4, "marks and day are one transaction");
    assert_eq!((told_by_day(&records, &scope).await, day_rows(&table)), (vec![3, 4, 0], 1));
    records.release_lease(&scope, &first).await.unwrap();
    let second = lease(&records, &scope, DAY + 100).await;
    count(&second, 8, DAY + 100).await;
    assert_eq!((told_by_day(&records, &scope).await, day_rows(&table)), (vec![3, 12, 0], 1));
    count(&second, 0, 2 * DAY).await;
    assert_eq!(day_rows(&table), 1);
    count(&second, 16, 2 * DAY).await;
    // A clock that steps back.
    count(&second, 32, 0).await;
    count(&second, 64, 2 * DAY).await;
    assert_eq!((told_by_day(&records, &scope).await, day_rows(&table)), (vec![35, 12, 80], 3));
}

#[tokio::test]
async fn what_an_older_version_counted_is_added() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let count = async |count, second| {
        let commit = Commit::new(scope.clone(), lease.clone()).item(told(count));
        records.commit(&commit, at(second)).await.unwrap();
    };
    // It adds to the row, in a transaction that leaves a token of its own and our counts.
    let older = async |count, token: &str| {
        let set = UpdateAction::Set("commit".to_owned(), Value::Text(token.to_owned()));
        let day = at(0).to_zoned(jiff::tz::TimeZone::UTC).date();
        let key = |sort: String| {
            let partition = format!("M#{}#{}", scope.organisation, scope.mailbox);
            Key { partition, sort }
        };
        let update = |key, action| Write::Update { key, actions: vec![action], condition: None };
        let add = UpdateAction::Add("n_told".to_owned(), count);
        let writes =
            vec![update(key("STATE".to_owned()), set), update(key(format!("DAY#{day}")), add)];
        table.transact(writes).await.unwrap();
    };
    count(1, 0).await;
    older(2, "older").await;
    assert_eq!(told_by_day(&records, &scope).await, [3, 0, 0]);
    count(4, 20).await;
    assert_eq!(told_by_day(&records, &scope).await, [7, 0, 0]);
    older(8, "older still").await;
    count(16, DAY).await;
    assert_eq!((told_by_day(&records, &scope).await, day_rows(&table)), (vec![15, 16, 0], 1));
}

#[tokio::test]
async fn a_count_whose_answer_got_lost_is_counted_once() {
    for fault_after in [true, false] {
        let (records, table, scope) = stage().await;
        let lease = lease(&records, &scope, 0).await;
        let count = async |count, second| {
            let commit = Commit::new(scope.clone(), lease.clone()).item(told(count));
            records.commit(&commit, at(second)).await
        };
        count(1, 0).await.unwrap();
        for (more, second) in [(2, 10), (4, DAY), (8, DAY + 10), (16, 2 * DAY)] {
            let mut answers = vec![StoreError::Unavailable("lost".to_owned())];
            table.set_faults(Some(Box::new(move |operation| match operation {
                Operation::Transact(_) | Operation::Write(_) => answers.pop().map(|error| {
                    if fault_after { Fault::After(error) } else { Fault::Before(error) }
                }),
                _ => None,
            })));
            count(more, second).await.unwrap();
            table.set_faults(None);
        }
        assert_eq!(told_by_day(&records, &scope).await, [3, 12, 16], "{fault_after}");
    }
}

/// The commit happened, and the run does not know: what it counts next stands on what is there.
#[tokio::test]
async fn a_commit_that_the_run_does_not_know_of_is_moved_with_the_others() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let count = async |count, second| {
        let commit = Commit::new(scope.clone(), lease.clone()).item(told(count));
        records.commit(&commit, at(second)).await
    };
    count(1, 0).await.unwrap();
    table.set_faults(Some(Box::new(|operation| {
        let lost = StoreError::Unavailable("lost".to_owned());
        Some(match operation {
            Operation::Write(_) | Operation::Transact(_) => Fault::After(lost),
            _ => Fault::Before(lost),
        })
    })));
    count(2, 10).await.unwrap_err();
    table.set_faults(None);
    count(4, DAY).await.unwrap();
    assert_eq!((told_by_day(&records, &scope).await, day_rows(&table)), (vec![3, 4, 0], 1));
}

#[tokio::test]
async fn the_marks_of_a_busy_mailbox_are_one_unit() {
    let (records, table, scope) = stage().await;
    let million = 1_000_000;
    let used = Usage {
        read_halves: 9 * million,
        write_halves: 9 * million,
        queue_requests: million,
        invocations: million,
        compute_mb_ms: 9_000 * million,
        exchange_requests: million,
        sent_bytes: 9_000 * million,
    };
    records.meter(used);
    records.accept(&scope, &change(1, "{}"), &Collection::calendar(), at(0)).await.unwrap();
    records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
    records.record_sent(&scope, 2).await.unwrap();
    // An owner is a UUID.
    let owner = Uuid::from_u128(u128::MAX).to_string();
    let ttl = SignedDuration::from_mins(1);
    let (lease, started) = records.begin_run(&scope, &owner, at(1), ttl).await.unwrap();
    let mut statistics = Statistics::default();
    for counter in Counter::ALL {
        statistics.add(counter, 9_999);
    }
    let item = ItemCommit { statistics, ..ItemCommit::default() };
    let commit = Commit::new(scope.clone(), lease).item(item).synced(started, Some(at(900)));
    records.commit(&commit, at(2)).await.unwrap();
    let state = table.items().into_iter().find(|item| item.key.sort == "STATE").unwrap();
    let bytes = item_bytes(&state.key, &state.attributes);
    // Which leaves room for two ids of Graph, 152 characters each, that notifications named.
    assert!(bytes < 700, "{bytes} bytes: {:?}", state.attributes.keys());
}

/// Workers count and tell, one thing each in a transaction, over some days. They take the mailbox over
/// from each other, and die.
#[test]
fn what_was_told_is_counted_once_whoever_dies_on_the_way() {
    let mut turned = 0;
    for seed in 0..150 {
        let dice = Dice::new(seed);
        let table = MemoryTable::new();
        let records = records_on(Arc::new(GivingWay(table.clone())), seed);
        let (scope, second, told_so_far) = (scope(1), Cell::new(0), Cell::new(0));
        let setup = async { drop(add_mailbox(&records, 1).await) };
        interleave(&dice, vec![Box::pin(setup)], 0);
        // Times pass each other, so that a lease ends while its owner is at work.
        let now = || {
            let passes = if dice.one_in(6) { DAY / 2 } else { 20 };
            second.set(second.get() + passes);
            second.get()
        };
        let work = async |worker: usize| {
            for run in 0..8 {
                let ttl = SignedDuration::from_secs(60);
                let owner = format!("{worker} {run}");
                let Ok(lease) = records.take_lease(&scope, &owner, at(now()), ttl).await else {
                    continue;
                };
                for _ in 0..3 {
                    told_so_far.set(told_so_far.get() + 1);
                    let feed = vec![event(told_so_far.get(), "{}")];
                    let item = ItemCommit { feed, ..told(1) };
                    let commit = Commit::new(scope.clone(), lease.clone()).item(item);
                    if records.commit(&commit, at(now())).await.is_err() {
                        break;
                    }
                }
            }
        };
        let actors = (0..4).map(|worker| -> Actor<'_> { Box::pin(work(worker)) });
        interleave(&dice, actors.collect(), 150);
        let counts = RefCell::new((0, 0));
        let read = async {
            let page = records.read_feed(&organisation(), None, 500, at(0)).await.unwrap();
            let mut counted = 0;
            for day in 0..=second.get() / DAY + 1 {
                let date = at(day * DAY).to_zoned(jiff::tz::TimeZone::UTC).date();
                let counts = records.statistics(&scope, date).await.unwrap();
                counted += counts.get(Counter::Told);
            }
            *counts.borrow_mut() = (counted, u64::try_from(page.entries.len()).unwrap());
        };
        interleave(&dice, vec![Box::pin(read)], 0);
        let (counted, told) = counts.into_inner();
        assert_eq!(counted, told, "seed {seed}");
        turned += day_rows(&table);
    }
    assert!(turned > 100, "days turned {turned} times");
}
