//! The rows that people set: settings, mailboxes, keys, holds, subscriptions, endpoints.

use std::sync::Arc;

use tidemark_model::MailboxId;
use uuid::Uuid;

use tidemark_model::OrganisationId;

use super::stage::*;
use crate::memory::{MemoryTable, Operation};
use crate::records::*;
use crate::table::StoreError;

/// What is noted of an administrator's act.
fn note() -> ActivityRow {
    ActivityRow {
        at: at(0),
        by: "key".to_owned(),
        action: "tried".to_owned(),
        subject: "something/1".to_owned(),
        before: None,
        after: None,
    }
}

#[tokio::test]
async fn settings_are_saved_over_the_revision_that_was_read() {
    let (records, _, _) = stage().await;
    let mut row = OrganisationRow {
        id: organisation(),
        enabled: true,
        name: "Acme".to_owned(),
        allowed_networks: vec!["127.0.0.0/8".to_owned()],
        domains: vec!["tidemark.example".to_owned()],
        cap_cents_per_month: None,
        created_at: at(0),
    };
    assert_eq!(records.save_organisation(&row, None).await.unwrap(), 1);
    assert!(matches!(records.save_organisation(&row, None).await, Err(SaveError::RevisionMoved)));
    row.name = "Acme Ltd".to_owned();
    assert_eq!(records.save_organisation(&row, Some(1)).await.unwrap(), 2);
    assert!(records.save_organisation(&row, Some(1)).await.is_err());
    let read = records.organisation(&organisation()).await.unwrap().unwrap();
    assert_eq!((read.value, read.revision), (row, 2));
    assert_eq!(records.organisations().await.unwrap(), [organisation()]);

    let profile = ProfileRow {
        name: "A#B".to_owned(),
        rules: serde_json::json!({"mail": "hold"}),
        created_at: at(0),
    };
    records.save_profile(&organisation(), &profile, None).await.unwrap();
    let read = records.profile(&organisation(), "A#B").await.unwrap().unwrap();
    assert_eq!(read.value, profile);
    let other = OrganisationId::parse("acme-2").unwrap();
    assert!(records.profiles(&other).await.unwrap().is_empty());
    assert_eq!(records.profiles(&organisation()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_belongs_to_one_mailbox() {
    let (records, _, scope) = stage().await;
    let find = |address: &'static str| {
        let records = records.clone();
        async move { records.mailbox_of_address(&organisation(), address).await.unwrap() }
    };
    assert_eq!(find("M1@Tidemark.example").await, Some(scope.mailbox));
    let mut second = mailbox_row(2);
    second.aliases.insert("M1@tidemark.example".to_owned());
    let taken = records.save_mailbox(&organisation(), &second, None).await;
    assert!(matches!(taken, Err(AddressTaken::Taken { by: Some(by) }) if by == scope.mailbox));
    assert!(records.mailbox(&self::scope(2)).await.unwrap().is_none());
    assert_eq!(find("m2@tidemark.example").await, None);
    second.aliases = ["two@tidemark.example".to_owned()].into();
    records.save_mailbox(&organisation(), &second, None).await.unwrap();
    assert_eq!(find("two@tidemark.example").await, Some(second.id));
    // An address that is given up is free; one that stays stays.
    second.address = "new@tidemark.example".to_owned();
    second.aliases.clear();
    let stale = records.save_mailbox(&organisation(), &second, Some(9)).await;
    assert!(matches!(stale, Err(AddressTaken::Save(SaveError::RevisionMoved))));
    records.save_mailbox(&organisation(), &second, Some(1)).await.unwrap();
    assert_eq!(find("two@tidemark.example").await, None);
    assert_eq!(find("new@tidemark.example").await, Some(second.id));
    records.delete_mailbox(&scope).await.unwrap();
    assert_eq!(find("m1@tidemark.example").await, None);
}

#[tokio::test]
async fn mailboxes_are_listed_by_page() {
    let (records, _, _) = stage().await;
    for number in 2..=5 {
        add_mailbox(&records, number).await;
    }
    let mut seen = Vec::new();
    let mut after: Option<MailboxId> = None;
    loop {
        let page = records.mailboxes(&organisation(), after, 2).await.unwrap();
        seen.extend(page.mailboxes.into_iter().map(|mailbox| mailbox.value.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=5).map(|number| scope(number).mailbox).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_mailbox_is_changed_as_it_is_now() {
    let (records, _, scope) = stage().await;
    let changed = records.change_mailbox(&scope, |row| row.state = MailboxState::Synced).await;
    assert_eq!(changed.unwrap().unwrap().state, MailboxState::Synced);
    let row = records.mailbox(&scope).await.unwrap().unwrap();
    assert_eq!((row.revision, row.value.state), (2, MailboxState::Synced));
    records.change_mailbox(&scope, |_| {}).await.unwrap();
    assert_eq!(records.mailbox(&scope).await.unwrap().unwrap().revision, 2);
    assert!(records.change_mailbox(&self::scope(9), |_| {}).await.unwrap().is_none());
}

#[tokio::test]
async fn api_keys_are_found_by_their_hash_until_they_are_over() {
    const KEY: &str = "td_live_secret";
    let (records, table, _) = stage().await;
    let row = ApiKeyRow {
        id: ApiKeyId::new(Uuid::from_u128(1)),
        organisation: organisation(),
        label: "CRM".to_owned(),
        roles: vec![Role::Integrator],
        system: Some(system()),
        created_at: at(0),
        expires_at: Some(at(100)),
    };
    records.save_api_key(KEY, &row).await.unwrap();
    assert_eq!(records.api_key(KEY, at(99)).await.unwrap().as_ref(), Some(&row));
    assert_eq!(records.api_key(KEY, at(100)).await.unwrap(), None);
    assert_eq!(records.api_key("td_live_other", at(1)).await.unwrap(), None);
    assert_eq!(records.api_keys(&organisation()).await.unwrap(), std::slice::from_ref(&row));
    assert!(!format!("{:?}", table.items()).contains(KEY));
    assert!(records.revoke_api_key(&organisation(), row.id).await.unwrap());
    assert!(!records.revoke_api_key(&organisation(), row.id).await.unwrap());
    assert_eq!(records.api_key(KEY, at(1)).await.unwrap(), None);
}

#[tokio::test]
async fn the_first_decision_about_a_hold_counts() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    let id = HoldId::new(Uuid::from_u128(1));
    let hold = HoldRow {
        id,
        link: None,
        why: "brake-mails".to_owned(),
        text: "Release the brake.".to_owned(),
        people: 0,
        what: None,
        pending: Vec::new(),
        since: at(0),
        decision: None,
    };
    let commit = |item| Commit::new(scope.clone(), lease.clone()).item(item);
    let item = ItemCommit { holds: vec![hold.clone()], ..ItemCommit::default() };
    records.commit(&commit(item), at(0)).await.unwrap();
    let page = records.holds_of_organisation(&organisation(), None, 10).await.unwrap();
    assert_eq!(page.holds, [(scope.mailbox, hold)]);
    records.decide_hold(&scope, id, "send", &note()).await.unwrap();
    records.decide_hold(&scope, id, "send", &note()).await.unwrap();
    assert!(matches!(
        records.decide_hold(&scope, id, "discard", &note()).await,
        Err(SaveError::RevisionMoved)
    ));
    assert_eq!(records.holds(&scope).await.unwrap()[0].decision.as_deref(), Some("send"));
    let item = ItemCommit { released: vec![id], ..ItemCommit::default() };
    records.commit(&commit(item), at(1)).await.unwrap();
    assert!(records.hold(&organisation(), id).await.unwrap().is_none());
    assert!(matches!(
        records.decide_hold(&scope, id, "send", &note()).await,
        Err(SaveError::RevisionMoved)
    ));
}

#[tokio::test]
async fn the_brake_counts_by_hour_and_is_released() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    assert_eq!(records.brake(&scope).await.unwrap(), None);
    for (number, hour) in [(1, 7), (2, 8), (3, 8)] {
        let id = IntentId::new(Uuid::from_u128(number));
        let intent = IntentRow::new(id, link_id(1), WriteKind::Delete, &lease, at(0));
        let brake = Some(Brake { hour, deletes: 1, mails: 3 });
        records.record_intent(&scope, &lease, &intent, brake, at(0)).await.unwrap();
    }
    let spent = records.brake(&scope).await.unwrap();
    assert_eq!(spent, Some(Brake { hour: 8, deletes: 2, mails: 6 }));
    assert_eq!(records.intents_of_link(&scope, link_id(1)).await.unwrap().len(), 3);
    records.release_brake(&scope, 8).await.unwrap();
    assert_eq!(records.brake(&scope).await.unwrap().unwrap().hour, 7);
}

fn subscription(key: &str) -> SubscriptionRow {
    SubscriptionRow {
        key_digest: SubscriptionRow::digest(key),
        organisation: organisation(),
        mailbox: scope(1).mailbox,
        connection: ConnectionId::new(Uuid::from_u128(1)),
        subscription_id: None,
        watermark: None,
        expires_at: None,
        status_minutes: 5,
        certificate_id: None,
        created_at: at(0),
        last_heard: None,
        retired: false,
        renew_at: at(900),
    }
}

/// Calls that come at once: each is noted whoever else writes, and none lowers what people set.
#[tokio::test]
async fn n1_calls_at_once_are_all_noted_under_conflicts() {
    let table = MemoryTable::new();
    let records = records_on(Arc::new(table.clone()), 1);
    let row = subscription("the key");
    records.create_subscription(&row).await.unwrap();
    let digest = &row.key_digest;
    let rolls = Dice::new(5);
    // Two of three writes meet somebody else's transaction.
    table.set_faults(Some(Box::new(move |operation| {
        let is_write = matches!(operation, Operation::Write(_) | Operation::Transact(_));
        (is_write && !rolls.one_in(3)).then(|| StoreError::Conflict.into())
    })));
    for call in 0..50_i64 {
        let text = format!("w{call}");
        let noted = records.note_heard(digest, Some(at(call)), Some(&text)).await.unwrap().unwrap();
        assert_eq!(noted.value.watermark, Some(text));
        assert_eq!(noted.value.last_heard, Some(at(call)));
        // The revision is that of what people and renewal write: calls do not move it.
        assert_eq!(noted.revision, 1);
        records.raise(&row.scope(), &Collection::calendar(), at(call)).await.unwrap();
    }
    assert_eq!(records.marks(&row.scope()).await.unwrap().hinted, 50);
    records.retire_subscription(digest).await.unwrap();
    let retired = records.note_heard(digest, None, Some("late")).await.unwrap().unwrap();
    assert!(retired.value.retired);
    assert_eq!(retired.value.last_heard, Some(at(49)), "a save keeps what was noted");
    assert_eq!(records.note_heard("unknown", Some(at(1)), None).await.unwrap(), None);
}

#[tokio::test]
async fn a_call_that_was_faster_than_the_answer_keeps_its_watermark() {
    let records = records_on(Arc::new(MemoryTable::new()), 1);
    let row = SubscriptionRow { watermark: None, ..subscription("the key") };
    records.create_subscription(&row).await.unwrap();
    let digest = &row.key_digest;
    let marked = async || records.subscription_of_digest(digest).await.unwrap().unwrap().value;
    records.note_first_watermark(digest, "w0").await.unwrap();
    assert_eq!(marked().await.watermark.as_deref(), Some("w0"));
    records.note_heard(digest, None, Some("w5")).await.unwrap();
    records.note_first_watermark(digest, "w0").await.unwrap();
    assert_eq!(marked().await.watermark.as_deref(), Some("w5"));
}

#[tokio::test]
async fn a_subscription_belongs_to_the_first_id_that_comes() {
    const KEY: &str = "unguessable";
    let (records, table, scope) = stage().await;
    let row = subscription(KEY);
    records.create_subscription(&row).await.unwrap();
    assert!(records.create_subscription(&row).await.is_err());
    assert!(!format!("{:?}", table.items()).contains(KEY));
    let digest = &row.key_digest;
    let bound = records.bind_subscription(digest, "sub-1").await.unwrap();
    assert_eq!(bound.value.subscription_id.as_deref(), Some("sub-1"));
    assert_eq!(records.bind_subscription(digest, "sub-1").await.unwrap(), bound);
    assert!(matches!(
        records.bind_subscription(digest, "sub-2").await,
        Err(BindError::OtherSubscription)
    ));
    let unknown = SubscriptionRow::digest("other");
    assert!(matches!(records.bind_subscription(&unknown, "sub-1").await, Err(BindError::Unknown)));
    records.retire_subscription(digest).await.unwrap();
    records.retire_subscription(&unknown).await.unwrap();
    let read = records.subscription(KEY).await.unwrap().unwrap();
    assert!(read.value.retired);
    assert_eq!(records.subscriptions(&scope).await.unwrap(), std::slice::from_ref(&read));
    records.remove_subscription(&read.value).await.unwrap();
    assert!(records.subscription(KEY).await.unwrap().is_none());
    assert!(records.subscriptions(&scope).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_worker_at_a_time_moves_an_endpoint_on() {
    let (records, _, _) = stage().await;
    let id = EndpointId::new(Uuid::from_u128(1));
    let endpoint = EndpointRow {
        id,
        system: system(),
        url: "https://crm.example/hook".to_owned(),
        secret_name: "webhook-1".to_owned(),
        paused: None,
        created_at: at(0),
    };
    records.save_endpoint(&organisation(), &endpoint, None).await.unwrap();
    assert_eq!(records.endpoints(&organisation()).await.unwrap()[0].value, endpoint);
    assert!(records.delivery(&organisation(), id).await.unwrap().is_none());
    let retry = RetryRow {
        shard: 3,
        number: 7,
        link: link_id(1),
        attempts: 1,
        first_tried: at(0),
        next_at: at(5),
    };
    let state = DeliveryState {
        cursor: records.feed_heads(&organisation()).await.unwrap(),
        failures: 1,
        failing_since: Some(at(0)),
        due_at: Some(at(5)),
    };
    let save = |revision, retries: Vec<RetryRow>, done: Vec<(u8, u64)>, state: DeliveryState| {
        let records = records.clone();
        async move {
            records.save_delivery(&organisation(), id, &state, revision, &retries, &done).await
        }
    };
    assert_eq!(save(None, vec![retry.clone()], vec![], state.clone()).await.unwrap(), 1);
    assert!(matches!(
        save(None, vec![], vec![], state.clone()).await,
        Err(SaveError::RevisionMoved)
    ));
    let read = records.delivery(&organisation(), id).await.unwrap().unwrap();
    assert_eq!(read.value, state);
    assert_eq!(records.retries(&organisation(), id).await.unwrap(), [retry]);
    assert!(records.due_endpoints(at(4), 10).await.unwrap().is_empty());
    let due = records.due_endpoints(at(5), 10).await.unwrap();
    assert_eq!(due, [DueEndpoint { organisation: organisation(), endpoint: id }]);
    let calm = DeliveryState { due_at: None, failures: 0, failing_since: None, ..state };
    save(Some(1), vec![], vec![(3, 7)], calm).await.unwrap();
    assert!(records.retries(&organisation(), id).await.unwrap().is_empty());
    assert!(records.due_endpoints(at(9), 10).await.unwrap().is_empty());
    records.remove_endpoint(&organisation(), id, &note()).await.unwrap();
    assert!(records.endpoint(&organisation(), id).await.unwrap().is_none());
}

#[tokio::test]
async fn history_is_paged_with_the_newest_last_and_ends_some_day() {
    let (records, _, scope) = stage().await;
    let lease = lease(&records, &scope, 0).await;
    for number in 0..5 {
        let entry = HistoryEntry {
            link: link_id(1),
            at: at(number),
            actor: "business".to_owned(),
            decision: number.to_string(),
            reason: String::new(),
            revision: 1,
        };
        let item = ItemCommit { history: vec![entry], ..ItemCommit::default() };
        let commit = Commit::new(scope.clone(), lease.clone()).item(item);
        records.commit(&commit, at(number)).await.unwrap();
    }
    let words = |page: &HistoryPage| {
        page.entries.iter().map(|entry| entry.decision.clone()).collect::<Vec<_>>()
    };
    let first = records.history(&scope, link_id(1), None, 3, at(9)).await.unwrap();
    assert_eq!(words(&first), ["0", "1", "2"]);
    let next = first.next.unwrap();
    let rest = records.history(&scope, link_id(1), Some(&next), 3, at(9)).await.unwrap();
    assert_eq!(words(&rest), ["3", "4"]);
    // A place from elsewhere leads nowhere else.
    let strange = records.history(&scope, link_id(2), Some(&next), 3, at(9)).await.unwrap();
    assert!(strange.entries.is_empty());
    assert_eq!(HistoryCursor::parse(next.as_str()), Some(next.clone()));
    for wrong in ["", "~", "1#2#3#4", &next.as_str()[1..], &format!("{}#", next.as_str())] {
        assert_eq!(HistoryCursor::parse(wrong), None, "{wrong}");
    }
    let later = at(401 * 24 * 3600);
    let gone = records.history(&scope, link_id(1), None, 3, later).await.unwrap();
    assert!(gone.entries.is_empty());
}
