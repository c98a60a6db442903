use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::stage::*;
use crate::memory::MemoryTable;
use crate::records::*;

async fn hint(records: &Records, scope: &MailboxScope, second: i64) -> Marks {
    records.raise(scope, &Collection::calendar(), at(second)).await.unwrap()
}

#[tokio::test]
async fn a_hint_is_counted_noted_and_due_in_a_minute() {
    let (records, _, scope) = stage().await;
    let marks = hint(&records, &scope, 0).await;
    assert_eq!((marks.hinted, marks.enqueued, marks.started, marks.synced), (1, 0, 0, 0));
    assert_eq!(marks.due_at, Some(at(60)));
    assert!(marks.is_dirty() && marks.needs_message());
    assert_eq!(marks.dirty_collections(), [Collection::calendar()].into());
    // A later hint does not put the time off.
    let marks = hint(&records, &scope, 30).await;
    assert_eq!((marks.hinted, marks.due_at), (2, Some(at(60))));
    assert_eq!(message_id(&scope, 2), format!("{}#2", scope.mailbox));
}

#[tokio::test]
async fn a_message_that_was_sent_puts_the_time_off_and_never_lowers_the_mark() {
    let (records, _, scope) = stage().await;
    hint(&records, &scope, 0).await;
    let marks = hint(&records, &scope, 0).await;
    records.record_enqueued(&scope, 2, at(1)).await.unwrap();
    records.record_enqueued(&scope, 1, at(2)).await.unwrap();
    let after = records.marks(&scope).await.unwrap();
    assert_eq!((after.hinted, after.enqueued), (marks.hinted, 2));
    assert_eq!(after.due_at, Some(at(602)));
    assert!(!after.needs_message());
}

#[tokio::test]
async fn the_first_message_leaves_the_time_of_its_hint() {
    let (records, _, scope) = stage().await;
    hint(&records, &scope, 0).await;
    records.record_sent(&scope, 1).await.unwrap();
    let after = records.marks(&scope).await.unwrap();
    assert_eq!((after.enqueued, after.due_at), (1, Some(at(60))));
    assert!(!after.needs_message());
}

#[tokio::test]
async fn what_was_silent_is_noted_only_if_nobody_came_meanwhile() {
    let (records, table, scope) = stage().await;
    let ttl = SignedDuration::from_secs(60);
    let seen = records.marks(&scope).await.unwrap();
    assert!(!records.note_silent(&scope, &seen, at(0)).await.unwrap(), "no run was ever there");
    let run = async |second| {
        hint(&records, &scope, second).await;
        let (lease, started) = records.begin_run(&scope, "a", at(second), ttl).await.unwrap();
        let during = records.marks(&scope).await.unwrap();
        records.finish(&scope, &lease, &started, None).await.unwrap();
        let held = records.marks(&scope).await.unwrap();
        records.release_lease(&scope, &lease).await.unwrap();
        (during, held)
    };
    let (dirty, held) = run(1).await;
    let seen = records.marks(&scope).await.unwrap();
    assert!(!records.note_silent(&scope, &dirty, at(10)).await.unwrap());
    assert!(!records.note_silent(&scope, &held, at(10)).await.unwrap());
    let before = table.consumed();
    assert!(records.note_silent(&scope, &seen, at(10)).await.unwrap());
    assert_eq!(table.consumed().since(before).write_halves, 2, "one small write");
    let after = records.marks(&scope).await.unwrap();
    let mut expected = seen.clone();
    expected.synced_at = Some(at(10));
    assert_eq!(after, expected);
    // A run came and went, and then a hint.
    run(20).await;
    assert!(!records.note_silent(&scope, &seen, at(30)).await.unwrap());
    let seen = records.marks(&scope).await.unwrap();
    hint(&records, &scope, 40).await;
    assert!(!records.note_silent(&scope, &seen, at(50)).await.unwrap());
    assert!(records.marks(&scope).await.unwrap().is_dirty());
}

#[tokio::test]
async fn a_run_begins_in_one_update_and_ends_in_one() {
    let (records, table, scope) = stage().await;
    hint(&records, &scope, 0).await;
    let ttl = SignedDuration::from_secs(60);
    let before = table.consumed();
    let (lease, started) = records.begin_run(&scope, "a", at(1), ttl).await.unwrap();
    let used = table.consumed().since(before);
    // One unit, and one for the reading of a new day. The index is not touched: the hint's minute is
    // far enough.
    assert_eq!((used.read_halves, used.write_halves), (2, 4));
    assert_eq!((started.hinted, started.marks.started, started.marks.epoch), (1, 1, 1));
    assert_eq!(lease.until(), at(61));
    let again = records.begin_run(&scope, "b", at(2), ttl).await;
    assert!(matches!(again, Err(LeaseHeld::Held { until }) if until == at(61)));
    let late = records.begin_run(&scope, "c", at(61), ttl).await.unwrap();
    assert_eq!(late.0.epoch(), 2);
    assert_eq!(late.1.marks.due_at, Some(at(61 + 6 * 60)), "nothing was committed since the first");
    let commit = Commit::new(scope.clone(), lease).synced(started, None).release();
    let lost = records.commit(&commit, at(62)).await;
    assert!(matches!(lost, Err(CommitError::LeaseLost)));
    let commit = Commit::new(scope.clone(), late.0).synced(late.1, None).release();
    assert_eq!(records.commit(&commit, at(63)).await.unwrap(), 1);
    let marks = records.marks(&scope).await.unwrap();
    assert_eq!((marks.synced, marks.due_at, marks.lease_until), (1, None, None));
    assert_eq!(marks.synced_at, Some(at(63)));
}

#[tokio::test]
async fn a_message_recorded_after_its_run_ended_leaves_the_mailbox_clean() {
    let (records, _, scope) = stage().await;
    let marks = hint(&records, &scope, 0).await;
    let lease = lease(&records, &scope, 1).await;
    let started = records.start(&scope, &lease, at(1)).await.unwrap();
    records.finish(&scope, &lease, &started, None).await.unwrap();
    records.record_enqueued(&scope, marks.hinted, at(2)).await.unwrap();
    let after = records.marks(&scope).await.unwrap();
    assert_eq!((after.enqueued, after.synced, after.due_at), (1, 1, None));
}

#[tokio::test]
async fn starts_are_looked_after_later_and_later_until_something_is_committed() {
    let (records, _, scope) = stage().await;
    hint(&records, &scope, 0).await;
    let lease = lease(&records, &scope, 0).await;
    let mut waits = Vec::new();
    for _ in 0..7 {
        let started = records.start(&scope, &lease, at(0)).await.unwrap();
        waits.push(started.marks.due_at.unwrap().duration_since(at(0)).as_secs() / 60);
    }
    // The first leaves the minute of the hint.
    assert_eq!(waits, [1, 6, 12, 24, 48, 60, 60]);
    let commit = Commit::new(scope.clone(), lease.clone()).item(put(linked(1, b"x")));
    records.commit(&commit, at(0)).await.unwrap();
    let started = records.start(&scope, &lease, at(0)).await.unwrap();
    assert_eq!(started.marks.due_at, Some(at(180)));
}

#[tokio::test]
async fn a_hint_during_a_run_keeps_the_mailbox_dirty() {
    let (records, _, scope) = stage().await;
    hint(&records, &scope, 0).await;
    let lease = lease(&records, &scope, 1).await;
    let started = records.start(&scope, &lease, at(1)).await.unwrap();
    let tasks = Collection::parse("tasks").unwrap();
    records.raise(&scope, &tasks, at(2)).await.unwrap();
    records.finish(&scope, &lease, &started, None).await.unwrap();
    let marks = records.marks(&scope).await.unwrap();
    assert_eq!((marks.hinted, marks.synced), (2, 1));
    assert!(marks.is_dirty() && marks.needs_message());
    assert_eq!(marks.dirty_collections(), [tasks].into());
    assert_eq!(marks.due_at, Some(at(60)), "the first start leaves the time of the hint");
}

#[tokio::test]
async fn waiting_mailboxes_are_due_at_their_own_time_in_their_own_shard() {
    let (records, _, scope) = stage().await;
    hint(&records, &scope, 0).await;
    let lease = lease(&records, &scope, 1).await;
    let started = records.start(&scope, &lease, at(1)).await.unwrap();
    records.finish(&scope, &lease, &started, Some(at(5000))).await.unwrap();
    let shard = due_shard_of(scope.mailbox);
    assert!(records.dirty_due(shard, at(4999), 10).await.unwrap().is_empty());
    let due = records.dirty_due(shard, at(5000), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].scope, scope);
    for other in (0..SHARDS).filter(|other| *other != shard) {
        assert!(records.dirty_due(other, at(9999), 10).await.unwrap().is_empty());
    }
    records.wait_until(&scope, &lease, at(7000)).await.unwrap();
    assert!(records.dirty_due(shard, at(6999), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn marks_of_a_deleted_mailbox_do_not_come_back() {
    let (records, _, scope) = stage().await;
    let marks = hint(&records, &scope, 0).await;
    records.forget_marks(&scope).await.unwrap();
    assert_eq!(records.marks(&scope).await.unwrap(), marks, "the mailbox is there");
    records.delete_mailbox(&scope).await.unwrap();
    records.record_enqueued(&scope, marks.hinted, at(1)).await.unwrap();
    assert_eq!(records.marks(&scope).await.unwrap(), Marks::default());
    hint(&records, &scope, 2).await;
    records.forget_marks(&scope).await.unwrap();
    assert_eq!(records.marks(&scope).await.unwrap(), Marks::default());
}

/// A queue of one group: a message stays until it is finished, one is in flight at a time, and one
/// whose deduplication id was seen is dropped.
#[derive(Default)]
struct Mail {
    waiting: VecDeque<String>,
    seen: Vec<String>,
    in_flight: bool,
}

struct Scene {
    records: Records,
    scope: MailboxScope,
    mail: RefCell<Mail>,
    second: RefCell<i64>,
    dice: Dice,
}

impl Scene {
    fn now(&self) -> jiff::Timestamp {
        *self.second.borrow_mut() += 1;
        at(*self.second.borrow())
    }

    fn send(&self, id: String) {
        // Some get lost on the way, although they were taken.
        if self.dice.one_in(6) {
            return;
        }
        let mut mail = self.mail.borrow_mut();
        if !mail.seen.contains(&id) {
            mail.seen.push(id.clone());
            mail.waiting.push_back(id);
        }
    }

    async fn hint(&self) {
        let marks =
            self.records.raise(&self.scope, &Collection::calendar(), self.now()).await.unwrap();
        pause().await;
        if marks.needs_message() {
            self.send(message_id(&self.scope, marks.hinted));
            pause().await;
            self.records.record_enqueued(&self.scope, marks.hinted, self.now()).await.unwrap();
        }
    }

    /// One run. It may die at any step; its message comes again then.
    async fn run(&self, owner: String) {
        {
            let mut mail = self.mail.borrow_mut();
            if mail.in_flight || mail.waiting.is_empty() {
                return;
            }
            mail.in_flight = true;
        }
        let _visible_again = Visible(&self.mail);
        let ttl = SignedDuration::from_secs(30);
        let Ok(lease) = self.records.take_lease(&self.scope, &owner, self.now(), ttl).await else {
            return;
        };
        let Ok(started) = self.records.start(&self.scope, &lease, self.now()).await else {
            return;
        };
        pause().await;
        if self.records.finish(&self.scope, &lease, &started, None).await.is_err() {
            return;
        }
        self.mail.borrow_mut().waiting.pop_front();
        self.records.release_lease(&self.scope, &lease).await.unwrap();
    }

    async fn sweep(&self) {
        let shard = due_shard_of(self.scope.mailbox);
        for due in self.records.dirty_due(shard, self.now(), 10).await.unwrap() {
            let hinted = due.marks.hinted;
            self.send(format!("fresh {}", self.dice.roll()));
            self.records.record_enqueued(&due.scope, hinted, self.now()).await.unwrap();
        }
    }
}

struct Visible<'a>(&'a RefCell<Mail>);

impl Drop for Visible<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().in_flight = false;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever gets lost or dies on the way, every hint is dealt with in the end.
    #[test]
    fn no_hint_is_ever_lost(seed: u64) {
        let dice = Dice::new(seed);
        let table = MemoryTable::new();
        let scene = Scene {
            records: records_on(Arc::new(GivingWay(table)), seed),
            scope: scope(1),
            mail: RefCell::default(),
            second: RefCell::default(),
            dice: dice.clone(),
        };
        let setup: Actor<'_> = Box::pin(async { add_mailbox(&scene.records, 1).await; });
        interleave(&dice, vec![setup], 0);
        let mut actors: Vec<Actor<'_>> = Vec::new();
        for number in 0..6 {
            actors.push(Box::pin(scene.hint()));
            actors.push(Box::pin(scene.run(format!("early {number}"))));
        }
        actors.push(Box::pin(scene.sweep()));
        interleave(&dice, actors, 12);
        // Then nothing new happens, and only the minute schedule and the queue are left.
        for round in 0..120 {
            *scene.second.borrow_mut() += 60;
            let calm: Vec<Actor<'_>> =
                vec![Box::pin(scene.sweep()), Box::pin(scene.run(format!("late {round}")))];
            interleave(&dice, calm, 0);
        }
        let marks = RefCell::new(Marks::default());
        let read: Actor<'_> = Box::pin(async {
            *marks.borrow_mut() = scene.records.marks(&scene.scope).await.unwrap();
        });
        interleave(&dice, vec![read], 0);
        let marks = marks.into_inner();
        prop_assert_eq!(marks.synced, marks.hinted);
        prop_assert_eq!(marks.due_at, None);
        prop_assert!(marks.dirty_collections().is_empty());
    }
}

/// Whoever raises a hint sends no message where one is on its way that no run has taken up. That
/// run must then take this hint up as well.
#[test]
fn a_hint_that_sends_no_message_is_taken_up_by_the_start_beside_it() {
    let mut silent = 0;
    for seed in 0..60 {
        let dice = Dice::new(seed);
        let records = records_on(Arc::new(GivingWay(MemoryTable::new())), seed);
        let (scope, held) = (scope(1), RefCell::new(None));
        let setup = async {
            hint(&records, &scope, 0).await;
            records.record_enqueued(&scope, 1, at(0)).await.unwrap();
            *held.borrow_mut() = Some(lease(&records, &scope, 0).await);
        };
        interleave(&dice, vec![Box::pin(setup)], 0);
        let held = held.into_inner().unwrap();
        let (marks, started) = (RefCell::new(None), RefCell::new(None));
        let actors: Vec<Actor<'_>> = vec![
            Box::pin(async { *marks.borrow_mut() = Some(hint(&records, &scope, 1).await) }),
            Box::pin(async {
                *started.borrow_mut() = Some(records.start(&scope, &held, at(1)).await.unwrap());
            }),
        ];
        interleave(&dice, actors, 0);
        if !marks.into_inner().unwrap().needs_message() {
            silent += 1;
            assert_eq!(started.into_inner().unwrap().hinted, 2, "seed {seed}");
        }
    }
    assert!(silent > 0, "no seed has them beside each other");
}
