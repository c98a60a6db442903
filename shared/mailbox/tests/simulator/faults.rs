//! What goes wrong on the way, and what becomes of it.

use core::time::Duration;

use jiff::SignedDuration;
use tidemark_mailbox::{Disposition, Mailbox};
use tidemark_model::MailMode;
use tidemark_simulator::{FaultKind, FaultPlan, FaultRule};

use crate::bench::{ALEX, Always, Bench, at, create, event, hour, read, stamp};

fn once(kind: FaultKind, operation: &str) -> FaultPlan {
    let rule =
        FaultRule { kind, per_mille: 1000, times: Some(1), operation: Some(operation.to_owned()) };
    FaultPlan::new(1, vec![rule])
}

#[tokio::test]
async fn a_lost_sync_state_asks_for_a_comparison() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let page = mailbox.changes(None, 10).await.expect("a page");
    bench.simulator.set_faults(once(FaultKind::SyncStateLost, "SyncFolderItems"));
    let lost = mailbox.changes(Some(&page.cursor), 10).await;
    assert_eq!(lost.expect_err("lost").disposition, Disposition::Resync);
    assert!(mailbox.changes(None, 10).await.is_ok());
}

#[tokio::test]
async fn a_create_without_an_answer_is_found_by_its_stamp() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    bench.simulator.set_faults(once(FaultKind::CutAfter, "CreateItem"));
    let visit = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
    let cut = mailbox.create(&visit, &stamp(1), MailMode::Silent, &Always).await;
    assert_eq!(cut.expect_err("cut").disposition, Disposition::Unclear);
    bench.clock.advance(SignedDuration::from_mins(10));
    let found = mailbox.find_by_stamp(stamp(1).link).await.expect("found");
    assert_eq!(found.len(), 1);
    assert_eq!(read(&mailbox, &found[0]).await.stamp, Some(stamp(1)));
}

#[tokio::test]
async fn somebody_who_edits_at_the_same_moment_is_a_conflict() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let visit = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
    let made = create(&mailbox, &visit, 1).await;
    let current = read(&mailbox, &made).await;
    bench.simulator.set_faults(once(FaultKind::StaleChangeKey, "UpdateItem"));
    let mut target = current.event.clone();
    target.title = Some("Other".to_owned());
    let refused = mailbox.update(&current, &target, MailMode::Silent, &Always).await;
    assert_eq!(refused.expect_err("stale").disposition, Disposition::Conflict);
}

#[tokio::test]
async fn a_broken_item_does_not_concern_its_neighbours() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut ids = Vec::new();
    for number in 1..=3 {
        let visit = event("Visit", hour(at(3, 2, 9), "Europe/Berlin"));
        ids.push(create(&mailbox, &visit, number).await.id);
    }
    bench.simulator.set_faults(once(FaultKind::BrokenItem, "GetItem"));
    let items = mailbox.read(&ids).await.expect("an answer");
    let broken: Vec<_> = items.iter().filter_map(|item| item.as_ref().err()).collect();
    assert_eq!(items.len(), 3);
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].disposition, Disposition::Quarantine);
}

#[tokio::test]
async fn a_busy_server_is_left_alone_until_its_time_is_over() {
    let bench = Bench::new();
    let mailbox = bench.mailbox(ALEX);
    let mut plan = once(FaultKind::ServerBusy, "SyncFolderItems");
    plan.back_off_ms = 90_000;
    bench.simulator.set_faults(plan);
    let busy = mailbox.changes(None, 10).await.expect_err("busy");
    let wait = Duration::from_secs(90);
    assert_eq!(busy.disposition, Disposition::RetryAfter(wait));
    assert!(mailbox.changes(None, 10).await.is_err());
    bench.clock.advance(SignedDuration::from_secs(90));
    assert!(mailbox.changes(None, 10).await.is_ok());
}
