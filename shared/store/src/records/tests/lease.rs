use jiff::SignedDuration;

use super::stage::*;
use crate::memory::Fault;
use crate::records::*;
use crate::table::StoreError;

const TTL: SignedDuration = SignedDuration::from_secs(60);

#[tokio::test]
async fn one_run_holds_a_mailbox_until_its_time_is_over() {
    let (records, _, scope) = stage().await;
    let first = records.take_lease(&scope, "one", at(0), TTL).await.unwrap();
    assert_eq!((first.epoch(), first.until()), (1, at(60)));
    let held = records.take_lease(&scope, "two", at(59), TTL).await;
    assert!(matches!(held, Err(LeaseHeld::Held { until }) if until == at(60)));
    let second = records.take_lease(&scope, "two", at(60), TTL).await.unwrap();
    assert_eq!(second.epoch(), 2);
}

#[tokio::test]
async fn who_lost_the_lease_writes_nothing() {
    let (records, table, scope) = stage().await;
    records.raise(&scope, &Collection::calendar(), at(0)).await.unwrap();
    let old = records.take_lease(&scope, "old", at(0), TTL).await.unwrap();
    let started = records.start(&scope, &old, at(0)).await.unwrap();
    let new = records.take_lease(&scope, "new", at(61), TTL).await.unwrap();
    let before = table.items();
    let lost = |result: Result<(), LeaseLost>| matches!(result, Err(LeaseLost::Lost));
    assert!(lost(records.start(&scope, &old, at(62)).await.map(drop)));
    assert!(lost(records.renew_lease(&scope, &old, at(62), TTL).await.map(drop)));
    assert!(lost(records.finish(&scope, &old, &started, None).await));
    assert!(lost(records.wait_until(&scope, &old, at(900)).await));
    let id = IntentId::new(uuid::Uuid::from_u128(1));
    let intent = IntentRow::new(id, link_id(1), WriteKind::Create, &old, at(62));
    assert!(lost(records.record_intent(&scope, &old, &intent, None, at(62)).await));
    let commit = Commit::new(scope.clone(), old.clone())
        .item(ItemCommit { feed: vec![event(1, "{}")], ..put(linked(1, b"x")) })
        .synced(started, None);
    assert!(matches!(records.commit(&commit, at(62)).await, Err(CommitError::LeaseLost)));
    records.release_lease(&scope, &old).await.unwrap();
    // The data key, which the commit made, is all that is new.
    let changed: Vec<_> = table.items().into_iter().filter(|item| !before.contains(item)).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0].key.sort, "KEY");
    records.renew_lease(&scope, &new, at(70), TTL).await.unwrap();
}

#[tokio::test]
async fn a_lease_is_given_back_and_made_longer() {
    let (records, _, scope) = stage().await;
    let first = records.take_lease(&scope, "one", at(0), TTL).await.unwrap();
    let longer = records.renew_lease(&scope, &first, at(30), TTL).await.unwrap();
    assert_eq!((longer.until(), longer.epoch()), (at(90), 1));
    assert!(records.take_lease(&scope, "two", at(61), TTL).await.is_err());
    records.release_lease(&scope, &longer).await.unwrap();
    let second = records.take_lease(&scope, "two", at(61), TTL).await.unwrap();
    assert_eq!(second.epoch(), 2);
}

#[tokio::test]
async fn a_lease_whose_answer_got_lost_is_ours() {
    let (records, table, scope) = stage().await;
    let mut answers = vec![StoreError::Unavailable("lost".to_owned())];
    table.set_faults(Some(Box::new(move |operation| match operation {
        crate::memory::Operation::Write(_) => answers.pop().map(Fault::After),
        _ => None,
    })));
    let lease = records.take_lease(&scope, "one", at(0), TTL).await.unwrap();
    assert_eq!(lease.epoch(), 1);
    table.set_faults(None);
    assert_eq!(records.start(&scope, &lease, at(1)).await.unwrap().hinted, 0);
}
