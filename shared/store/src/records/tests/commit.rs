use std::sync::{Arc, Mutex};

use uuid::Uuid;

use super::stage::*;
use crate::memory::{Fault, Operation};
use crate::records::*;
use crate::table::{StoreError, TRANSACTION_WRITES_MAX, Table};

async fn feed_numbers(records: &Records) -> Vec<u128> {
    let page = records.read_feed(&organisation(), None, 500, at(0)).await.unwrap();
    page.entries.iter().map(|entry| entry.id.as_u128()).collect()
}

fn history(number: u128, decision: &str) -> HistoryEntry {
    HistoryEntry {
        link: link_id(number),
        at: at(5),
        actor: "exchange".to_owned(),
        decision: decision.to_owned(),
        reason: "because".to_owned(),
        revision: 1,
    }
}

/// An item with one of everything.
async fn full_item(records: &Records, scope: &MailboxScope, lease: &Lease) -> ItemCommit {
    let calendar = Collection::calendar();
    records.accept(scope, &change(1, "{}"), &calendar, at(1)).await.unwrap();
    let pending = records.pending(scope, 0, 10).await.unwrap();
    let intent_id = IntentId::new(Uuid::from_u128(5));
    let intent = IntentRow::new(intent_id, link_id(1), WriteKind::Create, lease, at(1));
    records.record_intent(scope, lease, &intent, None, at(1)).await.unwrap();
    let mut statistics = Statistics::default();
    statistics.add(Counter::CreatedInExchange, 1);
    ItemCommit {
        pending: pending.iter().map(PendingRow::reference).collect(),
        intents: vec![intent.reference()],
        redirects: vec![(link_id(77), link_id(1))],
        feed: vec![event(1, "{\"a\":1}"), event(2, "{\"b\":2}")],
        history: vec![history(1, "create"), history(1, "tell")],
        statistics,
        mails: vec![MailEntry {
            link: link_id(1),
            intent: Some(intent_id),
            recipients: vec!["blake@tidemark.example".to_owned()],
            what: "all".to_owned(),
            at: at(5),
        }],
        brake: Some(Brake { hour: 500_000, deletes: 1, mails: 2 }),
        holds: vec![hold(3)],
        ..put(linked(1, b"content"))
    }
}

fn hold(number: u128) -> HoldRow {
    HoldRow {
        id: HoldId::new(Uuid::from_u128(number)),
        link: Some(link_id(1)),
        why: "would-mail".to_owned(),
        text: "Choose a mail rule.".to_owned(),
        people: 2,
        what: Some(b"what".to_vec()),
        pending: vec![1],
        since: at(5),
        decision: None,
    }
}

#[tokio::test]
async fn all_of_an_item_is_one_transaction() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let item = full_item(&records, &scope, &lease).await;
    let started = records.start(&scope, &lease, at(2)).await.unwrap();
    let transactions = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&transactions);
    table.set_faults(Some(Box::new(move |operation| {
        if matches!(operation, Operation::Transact(_)) {
            *seen.lock().unwrap() += 1;
        }
        None
    })));
    let cursor = CursorRow::default().at(Some(b"sync state".to_vec()));
    let commit = Commit::new(scope.clone(), lease)
        .item(item)
        .cursor(Collection::calendar(), cursor)
        .synced(started, None);
    assert_eq!(records.commit(&commit, at(5)).await.unwrap(), 1);
    assert_eq!(*transactions.lock().unwrap(), 1);
    table.set_faults(None);

    let row = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    assert_eq!((row.revision, row.state), (1, LinkState::Linked));
    assert_eq!(row.base_exchange.as_deref(), Some(&b"content"[..]));
    assert_eq!(row.base_business, None);
    assert!(records.link_of_remote(&scope, "remote 1").await.unwrap().is_some());
    assert_eq!(records.links_of_uid(&scope, "uid 1").await.unwrap().len(), 1);
    assert_eq!(records.resolve_link(&scope, link_id(77)).await.unwrap(), link_id(1));
    assert!(records.pending(&scope, 0, 10).await.unwrap().is_empty());
    assert!(records.pending_of_link(&scope, link_id(1)).await.unwrap().is_empty());
    assert!(records.intents(&scope, 10).await.unwrap().is_empty());
    assert_eq!(feed_numbers(&records).await, [1, 2]);
    let told = records.history(&scope, link_id(1), None, 10, at(6)).await.unwrap();
    let words: Vec<_> = told.entries.iter().map(|entry| entry.decision.as_str()).collect();
    assert_eq!(words, ["create", "tell"]);
    let day = at(5).to_zoned(jiff::tz::TimeZone::UTC).date();
    let counted = records.statistics(&scope, day).await.unwrap();
    assert_eq!(counted.get(Counter::CreatedInExchange), 1);
    let mails = records.mails(&scope, 10, at(6)).await.unwrap();
    assert_eq!(mails[0].recipients, ["blake@tidemark.example"]);
    let brake = records.brake(&scope).await.unwrap().unwrap();
    assert_eq!((brake.deletes, brake.mails), (1, 2));
    assert_eq!(records.holds(&scope).await.unwrap(), [hold(3)]);
    let read = records.cursor(&scope, &Collection::calendar()).await.unwrap();
    assert_eq!(read.cursor.as_deref(), Some(&b"sync state"[..]));
    let marks = records.marks(&scope).await.unwrap();
    assert_eq!((marks.synced, marks.due_at), (1, None));
}

#[tokio::test]
async fn what_an_item_leaves_behind_is_cleared_away() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let commit = |item| Commit::new(scope.clone(), lease.clone()).item(item);
    records.commit(&commit(put(linked(1, b"one"))), at(1)).await.unwrap();
    let mut row = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    row.remote_id = Some("moved".to_owned());
    row.uid = None;
    row.purge();
    records.commit(&commit(put(row)), at(2)).await.unwrap();
    assert!(records.link_of_remote(&scope, "remote 1").await.unwrap().is_none());
    assert!(records.links_of_uid(&scope, "uid 1").await.unwrap().is_empty());
    let row = records.link_of_remote(&scope, "moved").await.unwrap().unwrap();
    assert_eq!((row.revision, row.base_exchange.as_deref()), (2, None));
    let gone =
        ItemCommit { links: vec![LinkWrite::Delete(Box::new(row))], ..ItemCommit::default() };
    records.commit(&commit(gone), at(3)).await.unwrap();
    assert!(records.link(&scope, link_id(1)).await.unwrap().is_none());
    assert!(records.link_of_remote(&scope, "moved").await.unwrap().is_none());
}

#[tokio::test]
async fn a_remote_id_that_another_link_took_over_stays_its_own() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let empty = || Commit::new(scope.clone(), lease.clone());
    records.commit(&empty().item(put(linked(1, b"one"))), at(1)).await.unwrap();
    let mut taker = linked(2, b"two");
    taker.remote_id = Some("remote 1".to_owned());
    let mut loser = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    loser.remote_id = None;
    // In either order, apart and together.
    records.commit(&empty().item(put(taker)), at(2)).await.unwrap();
    records.commit(&empty().item(put(loser)), at(3)).await.unwrap();
    let found = records.link_of_remote(&scope, "remote 1").await.unwrap().unwrap();
    assert_eq!(found.link, link_id(2));
    let mut back = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    back.remote_id = Some("remote 1".to_owned());
    let mut left = found;
    left.remote_id = None;
    let links = [left, back].map(|row| LinkWrite::Put(Box::new(row)));
    let item = ItemCommit { links: links.into(), ..ItemCommit::default() };
    records.commit(&empty().item(item), at(4)).await.unwrap();
    let found = records.link_of_remote(&scope, "remote 1").await.unwrap().unwrap();
    assert_eq!(found.link, link_id(1));
}

#[tokio::test]
async fn a_link_that_moved_is_not_overwritten() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let commit = |item| Commit::new(scope.clone(), lease.clone()).item(item);
    records.commit(&commit(put(linked(1, b"one"))), at(1)).await.unwrap();
    let stale = records.link(&scope, link_id(1)).await.unwrap().unwrap();
    records.commit(&commit(put(stale.clone())), at(2)).await.unwrap();
    let with_news = |row| ItemCommit { feed: vec![event(9, "{}")], ..put(row) };
    for row in [stale, linked(1, b"new")] {
        let refused = records.commit(&commit(with_news(row)), at(3)).await;
        assert!(matches!(refused, Err(CommitError::RevisionMoved { link }) if link == link_id(1)));
    }
    assert!(feed_numbers(&records).await.is_empty());
}

#[tokio::test]
async fn a_commit_is_split_between_items_and_never_inside_one() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
    let started = records.start(&scope, &lease, at(0)).await.unwrap();
    let mut commit = Commit::new(scope.clone(), lease);
    // Four writes and an entry each.
    for number in 1..=100 {
        let item = ItemCommit {
            feed: vec![event(number, "{}")],
            history: vec![history(number, "x")],
            ..put(linked(number, b"content"))
        };
        commit = commit.item(item);
    }
    let cursor = CursorRow::default().at(Some(b"state".to_vec()));
    commit = commit.cursor(Collection::calendar(), cursor).synced(started, None);
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    table.set_faults(Some(Box::new(move |operation| {
        if let Operation::Transact(writes) = operation
            && crate::limits::write_key(&writes[0]).sort == "STATE"
        {
            let links = writes
                .iter()
                .filter(|write| crate::limits::write_key(write).sort.starts_with("LINK#"));
            let entries = writes
                .iter()
                .filter(|write| crate::limits::write_key(write).sort.starts_with("E#"));
            seen.lock().unwrap().push((writes.len(), links.count(), entries.count()));
        }
        None
    })));
    let count = records.commit(&commit, at(1)).await.unwrap();
    let sizes = sizes.lock().unwrap().clone();
    assert_eq!(sizes.len(), count);
    assert!(count >= 5);
    for (writes, links, entries) in &sizes {
        assert!(*writes <= TRANSACTION_WRITES_MAX);
        assert_eq!(links, entries, "an item was torn apart");
    }
    assert_eq!(feed_numbers(&records).await, (1..=100).collect::<Vec<u128>>());
}

#[tokio::test]
async fn a_commit_is_split_by_bytes_too() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let mut commit = Commit::new(scope.clone(), lease);
    for number in 0..60 {
        let content = noise(100_000, u64::try_from(number).unwrap());
        commit = commit.item(put(linked(number, &content)));
    }
    assert!(records.commit(&commit, at(1)).await.unwrap() >= 2);
    // A page of a query ends at 1 MB, and says where to go on.
    let (mut count, mut after) = (0, None);
    loop {
        let page = records.links(&scope, after, 200).await.unwrap();
        count += page.links.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(count, 60);
}

#[tokio::test]
async fn an_item_that_no_transaction_takes_is_refused_whole() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let item = ItemCommit {
        feed: (0..101).map(|number| event(number, "{}")).collect(),
        ..put(linked(1, b"x"))
    };
    let refused = records.commit(&Commit::new(scope.clone(), lease).item(item), at(1)).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::TooLarge(_)))));
    assert!(records.link(&scope, link_id(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_transaction_that_failed_may_leave_those_before_it() {
    let (records, _, scope) = stage().await;
    let old = lease(&records, &scope, 0).await;
    let stored = Commit::new(scope.clone(), old.clone()).item(put(linked(50, b"x")));
    records.commit(&stored, at(0)).await.unwrap();
    let mut commit = Commit::new(scope.clone(), old.clone());
    for number in 0..60 {
        commit = commit
            .item(ItemCommit { feed: vec![event(number, "{}")], ..put(linked(number, b"y")) });
    }
    let cursor = CursorRow::default().at(Some(b"state".to_vec()));
    commit = commit.cursor(Collection::calendar(), cursor);
    let failed = records.commit(&commit, at(1)).await;
    assert!(matches!(failed, Err(CommitError::RevisionMoved { link }) if link == link_id(50)));
    let told = feed_numbers(&records).await;
    assert!(!told.is_empty() && told.len() < 50);
    for number in told {
        assert!(records.link(&scope, link_id(number)).await.unwrap().is_some());
    }
    // The cursor comes last: what was not committed is read again.
    let cursor = records.cursor(&scope, &Collection::calendar()).await.unwrap();
    assert_eq!(cursor.cursor, None);
}

#[tokio::test]
async fn a_hint_between_start_and_commit_survives_it() {
    let (records, _, scope) = stage().await;
    records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
    let lease = lease(&records, &scope, 0).await;
    let started = records.start(&scope, &lease, at(0)).await.unwrap();
    records.raise(&scope, &Collection::calendar(), at(1)).await.unwrap();
    let commit = Commit::new(scope.clone(), lease).item(put(linked(1, b"x"))).synced(started, None);
    records.commit(&commit, at(2)).await.unwrap();
    let marks = records.marks(&scope).await.unwrap();
    assert_eq!((marks.hinted, marks.synced), (2, 1));
    assert!(marks.due_at.is_some());
    assert!(records.link(&scope, link_id(1)).await.unwrap().is_some());
}

/// Whatever the store answers, a commit happens once or is reported as failed.
#[tokio::test]
async fn a_commit_whose_answers_get_lost_happens_once() {
    for seed in 0..300 {
        let (records, table, scope) = stage().await;
        let lease = lease(&records, &scope, 0).await;
        records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
        let started = records.start(&scope, &lease, at(0)).await.unwrap();
        let mut commit = Commit::new(scope.clone(), lease.clone());
        for number in 0..40 {
            commit = commit.item(ItemCommit {
                feed: vec![event(number, "{}")],
                brake: Some(Brake { hour: 9, deletes: 1, mails: 0 }),
                ..put(linked(number, b"y"))
            });
        }
        let commit = commit.synced(started, None);
        let dice = Dice::new(seed);
        table.set_faults(Some(Box::new(move |operation| {
            if !matches!(operation, Operation::Transact(_)) || dice.below(2) == 0 {
                return None;
            }
            let lost = StoreError::Unavailable("lost".to_owned());
            Some(match dice.below(3) {
                0 => Fault::Before(StoreError::Conflict),
                1 => Fault::Before(lost),
                _ => Fault::After(lost),
            })
        })));
        let done = records.commit(&commit, at(1)).await;
        table.set_faults(None);
        let told = feed_numbers(&records).await;
        let deletes = records.brake(&scope).await.unwrap().map_or(0, |brake| brake.deletes);
        assert_eq!(told.len(), usize::try_from(deletes).unwrap(), "seed {seed}");
        assert_eq!(told, (0..u128::from(deletes)).collect::<Vec<_>>(), "seed {seed}");
        let marks = records.marks(&scope).await.unwrap();
        match done {
            Ok(_) => assert_eq!((told.len(), marks.synced), (40, 1), "seed {seed}"),
            Err(CommitError::Store(StoreError::Unavailable(_))) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}

/// A transaction that arrives after its commit gave it up and did it again finds the token moved.
#[tokio::test]
async fn a_transaction_that_arrives_late_does_nothing() {
    let (records, table, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let late = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&late);
    table.set_faults(Some(Box::new(move |operation| match operation {
        Operation::Transact(writes)
            if kept.lock().unwrap().is_none()
                && crate::limits::write_key(&writes[0]).sort == "STATE" =>
        {
            *kept.lock().unwrap() = Some(writes.to_vec());
            Some(Fault::Before(StoreError::Unavailable("on its way".to_owned())))
        }
        _ => None,
    })));
    let item = ItemCommit { feed: vec![event(1, "{}")], ..ItemCommit::default() };
    let commit = Commit::new(scope.clone(), lease).item(item);
    records.commit(&commit, at(1)).await.unwrap();
    table.set_faults(None);
    let late = late.lock().unwrap().take().unwrap();
    let refused = Table::transact(&table, late).await;
    assert!(matches!(refused, Err(StoreError::ConditionFailed { index: 0, .. })));
    assert_eq!(feed_numbers(&records).await, [1]);
}

#[tokio::test]
async fn a_commit_without_anything_is_none() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let commit = Commit::new(scope, lease);
    assert!(commit.is_empty());
    assert_eq!(records.commit(&commit, at(1)).await.unwrap(), 0);
}
