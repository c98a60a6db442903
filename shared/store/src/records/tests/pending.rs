use std::sync::Arc;

use super::stage::*;
use crate::memory::{Fault, MemoryTable, Operation};
use crate::records::*;
use crate::table::{DueEntry, Item, Key, Order, Page, Span, StoreError, Table, Write};

async fn accept(
    records: &Records,
    change: &PendingChange,
    second: i64,
) -> Result<Accepted, AcceptError> {
    records.accept(&scope(1), change, &Collection::calendar(), at(second)).await
}

#[tokio::test]
async fn changes_are_numbered_in_order_and_raise_the_mark() {
    let (records, _, scope) = stage().await;
    for number in 1..=3 {
        let change = change(u128::from(number), "{}");
        let accepted = accept(&records, &change, 0).await.unwrap();
        assert_eq!((accepted.number, accepted.replayed), (number, false));
        assert_eq!(accepted.marks.hinted, number);
        assert!(accepted.marks.is_dirty() && accepted.marks.needs_message());
        assert_eq!(accepted.marks.due_at, Some(at(60)));
    }
    let numbers = |rows: Vec<PendingRow>| rows.iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(numbers(records.pending(&scope, 0, 10).await.unwrap()), [1, 2, 3]);
    assert_eq!(numbers(records.pending(&scope, 1, 1).await.unwrap()), [2]);
    assert_eq!(numbers(records.pending_of_link(&scope, link_id(2)).await.unwrap()), [2]);
    let row = &records.pending(&scope, 2, 1).await.unwrap()[0];
    assert_eq!((row.link, row.body.as_slice(), row.accepted_at), (link_id(3), &b"{}"[..], at(0)));
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_first_answer_for_a_day() {
    let (records, _, scope) = stage().await;
    let key = |request: &str| IdempotencyKey::new("once", &[b"put", request.as_bytes()]);
    let keyed = |number: u128, request: &str| PendingChange {
        idempotency: Some(key(request)),
        answer: format!("answer {number}").into_bytes(),
        ..change(number, request)
    };
    assert_eq!(accept(&records, &keyed(1, "{}"), 0).await.unwrap().number, 1);
    let again = accept(&records, &keyed(2, "{}"), 1).await.unwrap();
    assert_eq!(
        (again.number, again.replayed, again.answer.as_slice()),
        (1, true, &b"answer 1"[..])
    );
    // It can be asked for by itself, and stays when the change is long carried out.
    let row = records.pending(&scope, 0, 10).await.unwrap().remove(0);
    let done = ItemCommit { pending: vec![row.reference()], ..ItemCommit::default() };
    let lease = lease(&records, &scope, 1).await;
    records.commit(&Commit::new(scope.clone(), lease).item(done), at(1)).await.unwrap();
    let asked = async |request: &str, second| {
        records.answer_again(&scope, &system(), &key(request), at(second)).await
    };
    let again = asked("{}", 2).await.unwrap().unwrap();
    assert_eq!((again.number, again.answer.as_slice()), (1, &b"answer 1"[..]));
    assert!(matches!(asked("{\"other\":1}", 2).await, Err(AcceptError::IdempotencyMismatch)));
    assert!(asked("{}", 86_400).await.unwrap().is_none());
    let other = accept(&records, &keyed(3, "{\"other\":1}"), 2).await;
    assert!(matches!(other, Err(AcceptError::IdempotencyMismatch)));
    assert!(records.pending(&scope, 0, 10).await.unwrap().is_empty());
    assert_eq!(records.marks(&scope).await.unwrap().hinted, 1);
    // Another system's keys are its own, and after a day the key is free.
    let theirs = PendingChange {
        system: tidemark_model::SystemId::parse("erp").unwrap(),
        ..keyed(5, "{\"other\":1}")
    };
    assert_eq!(accept(&records, &theirs, 3).await.unwrap().number, 2);
    assert_eq!(accept(&records, &keyed(6, "{\"new\":1}"), 86_401).await.unwrap().number, 3);
}

#[test]
fn parts_of_a_request_do_not_run_into_each_other() {
    let key = |parts: &[&[u8]]| IdempotencyKey::new("k", parts);
    assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
    assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
    assert_ne!(key(&[b"ab", b""]), key(&[b"ab"]));
    assert!(!format!("{:?}", key(&[b"secret"])).contains("secret"));
}

#[tokio::test]
async fn what_waits_is_counted_item_by_item() {
    let (records, _, scope) = stage().await;
    for (number, link) in [(1, 3), (2, 1), (3, 3), (4, 9)] {
        let change = PendingChange { link: link_id(link), ..change(number, "{}") };
        accept(&records, &change, 0).await.unwrap();
    }
    let waiting = async |first, last| {
        records.waiting_of_links(&scope, link_id(first), link_id(last)).await.unwrap()
    };
    let all = waiting(1, 9).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[&link_id(3)], Waiting { changes: 2, last: 3 });
    assert_eq!(all[&link_id(9)], Waiting { changes: 1, last: 4 });
    assert_eq!(waiting(2, 8).await.into_keys().collect::<Vec<_>>(), [link_id(3)]);
    assert!(waiting(4, 8).await.is_empty());
}

#[tokio::test]
async fn a_change_whose_answer_got_lost_is_accepted_once() {
    for fault_after in [true, false] {
        let (records, table, scope) = stage().await;
        accept(&records, &change(1, "first"), 0).await.unwrap();
        let mut answers = vec![StoreError::Unavailable("lost".to_owned())];
        table.set_faults(Some(Box::new(move |operation| match operation {
            Operation::Transact(_) => answers
                .pop()
                .map(|error| if fault_after { Fault::After(error) } else { Fault::Before(error) }),
            _ => None,
        })));
        let outcome = accept(&records, &change(2, "second"), 1).await;
        table.set_faults(None);
        let waiting = records.pending(&scope, 1, 10).await.unwrap();
        if fault_after {
            assert_eq!(outcome.unwrap().number, 2);
            assert_eq!(waiting.len(), 1);
        } else {
            assert!(matches!(outcome, Err(AcceptError::Store(StoreError::Unavailable(_)))));
            assert!(waiting.is_empty());
        }
    }
}

/// Deletes the mailbox just before the next transaction is tried.
struct ErasedMeanwhile {
    table: MemoryTable,
    eraser: Records,
    scope: MailboxScope,
    is_armed: Mutex<bool>,
}

#[async_trait::async_trait]
impl Table for ErasedMeanwhile {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.table.get(key).await
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.table.get_together(keys).await
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.table.glance(keys).await
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.table.query(partition, span, after, order, limit).await
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        self.table.due(shard, until_ms, limit).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        self.table.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        if core::mem::take(&mut *self.is_armed.lock().unwrap()) {
            self.eraser.delete_mailbox(&self.scope).await?;
            // A late notification leaves marks behind.
            self.eraser.raise(&self.scope, &Collection::calendar(), at(9)).await?;
        }
        self.table.transact(writes).await
    }

    fn consumed(&self) -> crate::Consumption {
        self.table.consumed()
    }
}

#[tokio::test]
async fn nothing_is_accepted_for_a_mailbox_that_is_erased_meanwhile() {
    for before in 0..3 {
        let (eraser, table, scope) = stage().await;
        let is_armed = Mutex::new(false);
        let racing = ErasedMeanwhile { table: table.clone(), eraser, scope, is_armed };
        let racing = Arc::new(racing);
        let records = records_on(racing.clone(), 2);
        for number in 1..=before {
            accept(&records, &change(number, "{}"), 0).await.unwrap();
        }
        // The key is known to this process, so that nothing but the transaction can tell.
        records.data_key(&racing.scope).await.unwrap();
        *racing.is_armed.lock().unwrap() = true;
        let refused = accept(&records, &change(9, "{}"), 1).await.unwrap_err();
        assert!(refused.to_string().contains("the mailbox was erased"), "{refused}");
        // What was accepted before waits for its removal.
        let is_waiting =
            |item: &Item| ["PENDING#", "WAITS#"].iter().any(|it| item.key.sort.starts_with(it));
        let waiting = table.items().iter().filter(|item| is_waiting(item)).count();
        assert_eq!(u128::try_from(waiting).unwrap(), 2 * before);
        assert_eq!(records.marks(&racing.scope).await.unwrap().accepted, 0);
    }
}

#[tokio::test]
async fn the_first_change_proves_the_key_and_those_after_it_cost_less() {
    let (records, table, _) = stage().await;
    let mut costs = Vec::new();
    for number in 1..=3 {
        let before = table.consumed();
        accept(&records, &change(number, "{}"), 0).await.unwrap();
        costs.push(table.consumed().since(before).write_halves / 2);
    }
    // Marks, change and its place with the item. With the first the key is made, which looks whether the
    // mailbox is there, and checked, and the marks come into the index.
    assert_eq!(costs, [13, 6, 6]);
}

#[test]
fn changes_that_come_together_get_dense_numbers() {
    for seed in 0..100 {
        let dice = Dice::new(seed);
        let records = records_on(Arc::new(GivingWay(MemoryTable::new())), seed);
        interleave(&dice, vec![Box::pin(async { drop(add_mailbox(&records, 1).await) })], 0);
        let keyed = |number: u128| {
            // Two of them are one request that was sent twice.
            let key = if number <= 2 { "twice".to_owned() } else { number.to_string() };
            let link = link_id(if number <= 2 { 1 } else { number });
            let idempotency = Some(IdempotencyKey::new(key, &[b"{}"]));
            PendingChange { link, idempotency, ..change(number, "{}") }
        };
        let changes: Vec<_> = (1..=6).map(keyed).collect();
        let actors = changes.iter().map(|change| -> Actor<'_> {
            Box::pin(async { drop(accept(&records, change, 0).await.unwrap()) })
        });
        interleave(&dice, actors.collect(), 0);
        interleave(
            &dice,
            vec![Box::pin(async {
                let rows = records.pending(&scope(1), 0, 10).await.unwrap();
                let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
                assert_eq!(numbers, [1, 2, 3, 4, 5], "seed {seed}");
                let marks = records.marks(&scope(1)).await.unwrap();
                assert_eq!((marks.hinted, marks.accepted), (5, 5), "seed {seed}");
            })],
            0,
        );
    }
}
