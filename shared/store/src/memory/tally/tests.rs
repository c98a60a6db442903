//! What is added up by partition key is what is billed.

use core::task::{Context, Poll, Waker};

use super::*;
use crate::memory::MemoryTable;
use crate::table::{
    DUE_AT, DUE_SHARD, Key, Order, Span, StoreError, Table as _, UpdateAction, Value, Write,
};

fn key(partition: &str, sort: &str) -> Key {
    Key { partition: partition.to_owned(), sort: sort.to_owned() }
}

fn update(key: Key, actions: Vec<UpdateAction>) -> Write {
    Write::Update { key, actions, condition: None }
}

fn halves(read_halves: u64, write_halves: u64) -> Consumption {
    Consumption { read_halves, write_halves }
}

/// The memory answers at once.
fn now<T>(future: impl Future<Output = Result<T, StoreError>>) -> T {
    let mut future = core::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("the memory keeps somebody waiting"),
    }
}

#[test]
fn everything_is_somebodys_and_nothing_is_counted_twice() {
    let table = MemoryTable::new();
    let count = UpdateAction::Add("count".to_owned(), 1);
    now(table.write(update(key("before", "1"), vec![count])));
    assert_eq!(table.partitions(), BTreeMap::new());
    table.tally_partitions();
    let before = table.consumed();
    let due = vec![
        UpdateAction::Set(DUE_SHARD.to_owned(), Value::Text("sync#00".to_owned())),
        UpdateAction::Set(DUE_AT.to_owned(), Value::Number(7)),
    ];
    let large = UpdateAction::Set("body".to_owned(), Value::Bytes(vec![1; 1500]));
    now(table.transact(vec![update(key("a", "1"), due), update(key("b", "1"), vec![large])]));
    now(table.get_together(&[key("a", "1"), key("b", "1"), key("b", "2")]));
    now(table.query("b", &Span::Prefix(String::new()), None, Order::Ascending, 10));
    now(table.due("sync#00", 7, 10));
    let expected = BTreeMap::from([
        (Partition::Table("a".to_owned()), halves(4, 4)),
        // Two items read in a transaction, the second of them absent, and a query.
        (Partition::Table("b".to_owned()), halves(4 + 4 + 2, 8)),
        (Partition::Index("sync#00".to_owned()), halves(1, 2)),
    ]);
    assert_eq!(table.partitions(), expected);
    let sum = |of: fn(&Consumption) -> u64| expected.values().map(of).sum::<u64>();
    let billed = table.consumed().since(before);
    assert_eq!(billed, halves(sum(|it| it.read_halves), sum(|it| it.write_halves)));
    table.tally_partitions();
    assert_eq!(table.partitions(), BTreeMap::new());
}
