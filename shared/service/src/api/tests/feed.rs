use super::*;
use core::time::Duration;

const NOW: Duration = Duration::ZERO;

fn numbers(view: &FeedView) -> Vec<&str> {
    view.changes.iter().map(|change| change["number"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_feed_is_read_on_from_its_cursor() {
    let stage = Stage::new().await;
    for number in 1..=3 {
        stage.tell(&scope(1), system(), number).await;
    }
    let read = async |after: Option<&str>, limit| {
        stage.service.changes(&ours(), after, limit, NOW).await.unwrap()
    };
    let first = read(None, 2).await;
    assert_eq!(numbers(&first), ["1", "2"]);
    let second = read(Some(&first.cursor), 2).await;
    assert_eq!(numbers(&second), ["3"]);
    let end = read(Some(&second.cursor), 2).await;
    assert_eq!((end.changes.len(), &end.cursor), (0, &second.cursor));
}

#[tokio::test]
async fn another_systems_changes_and_erased_ones_are_passed_over() {
    let stage = Stage::new().await;
    stage.tell(&scope(1), theirs().system.unwrap(), 1).await;
    stage.tell(&scope(1), system(), 2).await;
    stage.tell(&scope(1), system(), 3).await;
    let records = &stage.service.records;
    let page = records.read_feed(&organisation(), None, 10, stage.clock_now()).await.unwrap();
    let erased = &page.entries[1];
    records.erase_feed_entry(&organisation(), erased.shard, erased.number).await.unwrap();
    // One at a time, so that pages without anything for the caller lie in between.
    let view = stage.service.changes(&ours(), None, 1, NOW).await.unwrap();
    assert_eq!(numbers(&view), ["3"]);
    let view = stage.service.changes(&theirs(), None, 10, NOW).await.unwrap();
    assert_eq!(numbers(&view), ["1"]);
}

#[tokio::test]
async fn a_poll_waits_on_the_worlds_clock() {
    let stage = Stage::new().await;
    let before = stage.clock_now();
    let wait = Duration::from_secs(2);
    let view = stage.service.changes(&ours(), None, 10, wait).await.unwrap();
    assert!(view.changes.is_empty());
    assert_eq!(stage.clock_now().duration_since(before), SignedDuration::from_secs(2));
    stage.tell(&scope(1), system(), 1).await;
    let before = stage.clock_now();
    let view = stage.service.changes(&ours(), Some(&view.cursor), 10, wait).await.unwrap();
    assert_eq!((numbers(&view), stage.clock_now()), (vec!["1"], before));
}

#[tokio::test]
async fn cursors_that_cannot_be_read_on_from_are_refused() {
    let stage = Stage::new().await;
    let start = stage.service.changes(&ours(), None, 10, NOW).await.unwrap().cursor;
    let wrong = stage.service.changes(&ours(), Some("nonsense"), 10, NOW).await;
    assert_eq!(wrong, Err(Refusal::InvalidCursor { parameter: "after" }));
    stage.tell(&scope(1), system(), 1).await;
    stage.clock.advance(SignedDuration::from_hours(24 * 31));
    let old = stage.service.changes(&ours(), Some(&start), 10, NOW).await;
    assert_eq!(old, Err(Refusal::CursorExpired));
    // Without a cursor it begins with what is kept.
    stage.tell(&scope(1), system(), 2).await;
    let view = stage.service.changes(&ours(), None, 10, NOW).await.unwrap();
    assert_eq!(numbers(&view), ["2"]);
    let operator = stage.service.changes(&caller(Role::Operator), None, 10, NOW).await;
    assert_eq!(operator, Err(Refusal::Forbidden(Role::Integrator)));
}
