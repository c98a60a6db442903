use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use tidemark_model::{LinkId, MailboxId};
use tidemark_store::Table as _;
use tidemark_store::memory::Operation;
use tidemark_store::records::{
    Cloud, Commit, DeliveryState, EndpointId, EndpointRow, FeedEntry, GraphAccess, ItemCommit,
    Protocol, Trouble,
};
use uuid::Uuid;

use super::whom::FIRST_WIDE_MINUTES;
use super::*;
use crate::testing::{Stage, connection_id, organisation, scope, system};
use tidemark_intake::SyncTask;

/// The mailboxes whose messages are taken and finished now.
fn receive(stage: &Stage) -> Vec<MailboxScope> {
    let received = stage.queue.receive(stage.service.world.now(), 1000);
    received
        .into_iter()
        .map(|message| {
            assert!(stage.queue.finish(&message.receipt));
            SyncTask::read(&message.body).unwrap()
        })
        .collect()
}

/// What a run does to the marks, and to what people see.
async fn sync(stage: &Stage, scope: &MailboxScope) {
    let records = &stage.service.records;
    let now = stage.service.world.now();
    let ttl = SignedDuration::from_secs(60);
    let lease = records.take_lease(scope, "test", now, ttl).await.unwrap();
    let started = records.start(scope, &lease, now).await.unwrap();
    records.finish(scope, &lease, &started, None).await.unwrap();
    records.release_lease(scope, &lease).await.unwrap();
    records.change_mailbox(scope, |row| row.last_synced = Some(now)).await.unwrap();
}

#[tokio::test]
async fn a_lost_message_is_sent_again_whatever_the_marks_say() {
    let stage = Stage::new().await;
    stage.service.raise(&scope(1), &Collection::calendar()).await.unwrap();
    assert_eq!(receive(&stage).len(), 1);
    // Its run never came. Before it is due nothing happens, and then it is sent under a new id.
    stage.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(stage.service.minute().await.sent, 0);
    stage.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(stage.service.minute().await.sent, 1);
    assert_eq!(receive(&stage), [scope(1)]);
    // And again, ten minutes later.
    stage.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(stage.service.minute().await.sent, 0);
    stage.clock.advance(SignedDuration::from_mins(9));
    assert_eq!(stage.service.minute().await.sent, 1);
    assert_eq!(receive(&stage), [scope(1)]);
}

#[tokio::test]
async fn a_silent_mailbox_is_raised_once_an_hour() {
    let stage = Stage::new().await;
    let mut raised = 0;
    for _ in 0..3 * 60 {
        stage.service.minute().await;
        for scope in receive(&stage) {
            raised += 1;
            sync(&stage, &scope).await;
        }
        // Exchange is heard all the time.
        for row in stage.subscriptions(&scope(1)).await {
            let records = &stage.service.records;
            let found = records.subscription_of_digest(&row.key_digest).await.unwrap().unwrap();
            let mut heard = found.value;
            heard.last_heard = Some(stage.service.world.now());
            records.save_subscription(&heard, found.revision).await.unwrap();
        }
        stage.clock.advance(SignedDuration::from_mins(1));
    }
    // One for the first subscription or the first look, and then one in each hour.
    assert!((3..=4).contains(&raised), "{raised}");
    assert_eq!(stage.exchange.urls().len(), 1);
}

#[tokio::test]
async fn a_polled_mailbox_is_raised_every_minute() {
    let stage = Stage::new().await;
    let records = &stage.service.records;
    let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    let mut row = found.value;
    row.notifications = Notifications::Poll;
    records.save_connection(&organisation(), &row, Some(found.revision)).await.unwrap();
    for _ in 0..5 {
        assert_eq!(stage.service.minute().await.raised, 1);
        assert_eq!(receive(&stage), [scope(1)]);
        sync(&stage, &scope(1)).await;
        stage.clock.advance(SignedDuration::from_mins(1));
    }
    assert_eq!(stage.exchange.urls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_off_is_left_alone() {
    let stage = Stage::new().await;
    let records = &stage.service.records;
    records.change_mailbox(&scope(1), |row| row.enabled = false).await.unwrap();
    for _ in 0..61 {
        let report = stage.service.minute().await;
        assert_eq!(report, SweepReport::default());
        stage.clock.advance(SignedDuration::from_mins(1));
    }
    assert!(stage.queue.is_empty());
    assert_eq!(stage.exchange.urls(), Vec::<String>::new());
}

#[tokio::test]
async fn start_up_sweeps_every_mailbox_once_whatever_was_sent() {
    let stage = Stage::new().await;
    for number in 2..=150 {
        stage.add_mailbox(number).await;
    }
    stage.service.raise(&scope(1), &Collection::calendar()).await.unwrap();
    assert_eq!(receive(&stage).len(), 1);
    let report = stage.service.start_up().await;
    assert_eq!((report.raised, report.renewed, report.errors), (150, 150, 0));
    let mut received: Vec<_> = receive(&stage);
    received.sort();
    received.dedup();
    assert_eq!(received.len(), 150);
}

#[tokio::test]
async fn what_does_not_work_keeps_nothing_else_waiting() {
    let stage = Stage::new().await;
    stage.add_mailbox(2).await;
    stage.fail(|operation| match operation {
        Operation::Query { partition, .. } => partition.ends_with(&scope(1).mailbox.to_string()),
        _ => false,
    });
    let report = stage.service.minute().await;
    assert!(report.errors > 0);
    assert_eq!(report.renewed, 1);
    stage.mend();
    assert_eq!(stage.service.minute().await.renewed, 1);
}

#[tokio::test]
async fn subscriptions_are_asked_for_in_bounds() {
    let stage = Stage::new().await;
    for number in 2..=120 {
        stage.add_mailbox(number).await;
    }
    assert_eq!(stage.service.minute().await.renewed, RENEWALS_MAX);
    assert_eq!(stage.service.minute().await.renewed, 20);
}

#[tokio::test]
async fn each_minute_compares_endpoints_with_the_heads() {
    let mut stage = Stage::new().await;
    let records = &stage.service.records;
    let now = stage.service.world.now();
    stage.put_secret("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await;
    let id = EndpointId::new(Uuid::from_u128(9));
    let start = DeliveryState::default();
    records.save_delivery(&organisation(), id, &start, None, &[], &[]).await.unwrap();
    let endpoint = EndpointRow {
        id,
        system: system(),
        url: "https://erp.example.com/hook".to_owned(),
        secret_name: "hook".to_owned(),
        paused: None,
        created_at: now,
    };
    records.save_endpoint(&organisation(), &endpoint, None).await.unwrap();
    let ttl = SignedDuration::from_secs(60);
    let lease = records.take_lease(&scope(1), "test", now, ttl).await.unwrap();
    let entry = FeedEntry {
        id: Uuid::from_u128(1),
        link: LinkId::new(Uuid::from_u128(1)),
        system: system(),
        event: b"news".to_vec(),
    };
    let item = ItemCommit { feed: vec![entry], ..ItemCommit::default() };
    records.commit(&Commit::new(scope(1), lease).item(item), now).await.unwrap();
    // Nobody was woken after the commit.
    stage.service.options.delivering = Delivering::Elsewhere;
    assert_eq!(stage.service.minute().await.delivered, 0);
    stage.service.options.delivering = Delivering::InTheMinute;
    assert_eq!(stage.service.minute().await.delivered, 1);
    assert_eq!(stage.webhooks.take_bodies(), ["news"]);
    assert_eq!(stage.service.minute().await.delivered, 0);
}

#[test]
fn mailboxes_spread_over_their_period() {
    let now: Timestamp = "2027-03-02T09:00:30Z".parse().unwrap();
    let mut turns: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for number in 0..6000_u128 {
        let mailbox = MailboxId::new(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let turn = last_turn(mailbox, now, 60);
        assert!(turn <= now && now.duration_since(turn) < SignedDuration::from_hours(1));
        *turns.entry(turn).or_default() += 1;
    }
    assert_eq!(turns.len(), 60);
    assert!(turns.values().all(|count| (50..=150).contains(count)), "{turns:?}");
}

/// The connection speaks Graph from now on, and the mailboxes have been subscribed and synced.
async fn over_graph(stage: &Stage) {
    let records = &stage.service.records;
    let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    let mut row = found.value;
    row.protocol = Protocol::Graph(GraphAccess {
        tenant: "tidemark.example".to_owned(),
        client: "client".to_owned(),
        cloud: Cloud::Global,
        credentials: Vec::new(),
        application_object: None,
        renews: false,
        rich_notifications: false,
    });
    records.save_connection(&organisation(), &row, Some(found.revision)).await.unwrap();
    // The first hour looks at all of them.
    for _ in 0..=FIRST_WIDE_MINUTES {
        a_minute(stage).await;
    }
}

/// A minute's sweep, and the runs that it led to.
async fn a_minute(stage: &Stage) -> (SweepReport, Vec<MailboxScope>) {
    let report = stage.service.minute().await;
    let raised = receive(stage);
    for scope in &raised {
        sync(stage, scope).await;
    }
    stage.clock.advance(SignedDuration::from_mins(1));
    (report, raised)
}

#[tokio::test]
async fn over_graph_each_minute_reads_only_those_whose_turn_it_is() {
    let stage = Stage::new().await;
    for number in 2..=60 {
        stage.add_mailbox(number).await;
    }
    over_graph(&stage).await;
    let mut before = stage.table.consumed();
    let mut raised = Vec::new();
    for _ in 0..60 {
        // Without the runs: only what the sweep itself reads.
        stage.service.minute().await;
        let used = stage.table.consumed().since(before);
        let turns = receive(&stage);
        // The lists, the settings and the due, and some reads for each that has its turn.
        let most = 30 + 30 * u64::try_from(turns.len()).unwrap();
        assert!(used.read_halves <= most, "{} halves for {} turns", used.read_halves, turns.len());
        for scope in &turns {
            sync(&stage, scope).await;
        }
        raised.extend(turns);
        stage.clock.advance(SignedDuration::from_mins(1));
        before = stage.table.consumed();
    }
    raised.sort();
    raised.dedup();
    assert_eq!(raised.len(), 60, "each has its turn once in an hour");
}

#[tokio::test]
async fn over_graph_who_is_listed_is_looked_at_in_the_next_minute() {
    let stage = Stage::new().await;
    over_graph(&stage).await;
    // A new one is subscribed at once, and then taken off the list.
    let new = stage.add_mailbox(2).await;
    let (report, _) = a_minute(&stage).await;
    assert_eq!(report.renewed, 1);
    assert!(stage.service.records.watch_list(&organisation()).await.unwrap().mailboxes.len() <= 1);
    sync(&stage, &new).await;
    a_minute(&stage).await;
    let listed = stage.service.records.watch_list(&organisation()).await.unwrap().mailboxes;
    assert_eq!(listed, []);
    // What goes wrong is seen each minute until it is over.
    let wrong = Trouble {
        code: "broken".to_owned(),
        cause: String::new(),
        mend: String::new(),
        since: stage.service.world.now(),
    };
    let records = &stage.service.records;
    records.change_mailbox(&new, |row| row.troubles.push(wrong.clone())).await.unwrap();
    for _ in 0..3 {
        assert_eq!(a_minute(&stage).await.0.failing, 1);
    }
    records.change_mailbox(&new, |row| row.troubles.clear()).await.unwrap();
    assert_eq!(a_minute(&stage).await.0.failing, 0);
    assert_eq!(records.watch_list(&organisation()).await.unwrap().mailboxes, []);
    // Settings that change have all of them looked at.
    let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    records.save_connection(&organisation(), &found.value, Some(found.revision)).await.unwrap();
    a_minute(&stage).await;
    let watch = records.watch_list(&organisation()).await.unwrap();
    assert!(watch.wide_until.is_some_and(|until| until > stage.service.world.now()));
}

#[tokio::test]
async fn a_mailbox_that_is_listed_anew_meanwhile_stays_listed() {
    let stage = Stage::new().await;
    let records = &stage.service.records;
    let listed = records.watch_list(&organisation()).await.unwrap().mailboxes;
    records.watch(&scope(1)).await.unwrap();
    records.unwatch(&organisation(), listed[0]).await.unwrap();
    let again = records.watch_list(&organisation()).await.unwrap().mailboxes;
    assert_eq!(again.len(), 1);
    records.unwatch(&organisation(), again[0]).await.unwrap();
    assert_eq!(records.watch_list(&organisation()).await.unwrap().mailboxes, []);
}

/// Minutes pass until all mailboxes are no longer looked at because the organisation is new.
async fn narrow(stage: &Stage) {
    for _ in 0..=FIRST_WIDE_MINUTES {
        a_minute(stage).await;
    }
}

/// Exchange has ended a mailbox's subscriptions, and said so.
async fn end_subscriptions(stage: &Stage, scope: &MailboxScope) {
    let records = &stage.service.records;
    for row in stage.subscriptions(scope).await {
        records.retire_subscription(&row.key_digest).await.unwrap();
    }
    records.watch(scope).await.unwrap();
}

#[tokio::test]
async fn who_is_listed_is_looked_at_where_all_are() {
    let stage = Stage::new().await;
    for _ in 0..20 {
        // Not one of the minutes in which its subscription is looked at anyway.
        while minute_of(last_turn(scope(1).mailbox, stage.service.world.now(), 5))
            == minute_of(stage.service.world.now())
        {
            a_minute(&stage).await;
        }
        end_subscriptions(&stage, &scope(1)).await;
        let (report, _) = a_minute(&stage).await;
        assert_eq!(report.renewed, 1);
        let watch = stage.service.records.watch_list(&organisation()).await.unwrap();
        assert!(watch.wide_until.is_some_and(|until| until > stage.service.world.now()));
        // Its new subscription has it listed once more at most; nothing stays.
        a_minute(&stage).await;
        let watch = stage.service.records.watch_list(&organisation()).await.unwrap();
        assert_eq!(watch.mailboxes, []);
    }
}

#[tokio::test]
async fn who_is_listed_and_is_no_more_is_taken_off_where_all_are_looked_at() {
    let stage = Stage::new().await;
    a_minute(&stage).await;
    stage.service.records.watch(&scope(77)).await.unwrap();
    a_minute(&stage).await;
    let watch = stage.service.records.watch_list(&organisation()).await.unwrap();
    assert_eq!(watch.mailboxes, []);
}

#[tokio::test]
async fn over_ews_each_mailbox_is_looked_at_every_five_minutes() {
    let stage = Stage::new().await;
    for number in 2..=60 {
        stage.add_mailbox(number).await;
    }
    narrow(&stage).await;
    let rows: BTreeSet<_> = (1..=60).map(|number| scope(number).mailbox.to_string()).collect();
    let read = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&read);
    stage.fail(move |operation| {
        if let Operation::Get(key) = operation
            && key.sort == "MAILBOX"
            && let Some((_, mailbox)) = key.partition.rsplit_once('#')
        {
            noted.lock().unwrap().insert(mailbox.to_owned());
        }
        false
    });
    for _ in 0..2 {
        let mut seen = BTreeSet::new();
        for _ in 0..RENEWAL_EVERY_MINUTES {
            stage.service.minute().await;
            receive(&stage);
            stage.clock.advance(SignedDuration::from_mins(1));
            let now = core::mem::take(&mut *read.lock().unwrap());
            assert_eq!(now.len(), rows.len() / 5);
            seen.extend(now);
        }
        assert_eq!(seen, rows);
    }
}

#[tokio::test]
async fn turns_that_a_sweep_did_not_reach_are_taken_up_by_the_next_one() {
    let stage = Stage::new().await;
    for number in 2..=60 {
        stage.add_mailbox(number).await;
    }
    over_graph(&stage).await;
    // For ten minutes nobody reaches the organisation's mailboxes.
    stage.fail(|operation| match operation {
        Operation::Query { partition, .. } => partition.starts_with("W#"),
        _ => false,
    });
    for _ in 0..10 {
        assert!(stage.service.minute().await.errors > 0);
        assert_eq!(receive(&stage), []);
        stage.clock.advance(SignedDuration::from_mins(1));
    }
    stage.mend();
    let mut raised = BTreeSet::new();
    for _ in 10..60 {
        raised.extend(a_minute(&stage).await.1);
    }
    assert_eq!(raised.len(), 60, "each was swept within its hour");
}

#[tokio::test]
async fn a_sweep_that_is_out_of_time_goes_on_where_it_was() {
    let mut stage = Stage::new().await;
    for number in 2..=60 {
        stage.add_mailbox(number).await;
    }
    over_graph(&stage).await;
    // An hour without a sweep, and then some that have time for three mailboxes each.
    stage.clock.advance(SignedDuration::from_mins(60));
    stage.service.options.run_budget = SignedDuration::from_secs(3);
    let clock = stage.clock.clone();
    stage.fail(move |operation| {
        if matches!(operation, Operation::Get(key) if key.sort == "STATE") {
            clock.advance(SignedDuration::from_secs(1));
        }
        false
    });
    let mut raised = Vec::new();
    for _ in 0..30 {
        let (report, turns) = a_minute(&stage).await;
        assert!(turns.len() <= 3, "{} at once", turns.len());
        raised.extend(turns);
        if !report.out_of_time {
            break;
        }
    }
    // Those whose turn came again meanwhile are among them twice.
    let distinct: BTreeSet<_> = raised.iter().collect();
    assert_eq!(distinct.len(), 60);
}
