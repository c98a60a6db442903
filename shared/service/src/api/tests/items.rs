use super::*;
use tidemark_store::records::{Collection, PendingRow};

fn put(title: &str) -> ItemChangeRequest {
    ItemChangeRequest::Put(visit(title))
}

fn retitle(title: &str) -> ItemChangeRequest {
    ItemChangeRequest::Patch(json!({ "title": title }))
}

fn keyed(key: &str) -> Guards {
    Guards { idempotency_key: Some(key.to_owned()), ..Guards::default() }
}

fn if_match(revision: u64) -> Guards {
    Guards { if_match: Some(ItemVersion::Settled(revision)), ..Guards::default() }
}

const GONE: Refusal = Refusal::NotFound { what: "appointment" };

#[tokio::test]
async fn n7_a_put_is_written_down_and_shown_until_it_stands() {
    let stage = Stage::new().await;
    let mut item = visit("Visit");
    item["color"] = json!("teal");
    let accepted = stage.change("crm-1", ItemChangeRequest::Put(item.clone())).await.unwrap();
    assert_eq!((accepted.number, accepted.id.as_str()), (1, "crm-1"));
    assert_eq!(accepted.ignored, ["/color"]);
    let view = stage.item("crm-1").await.unwrap();
    item["tidemark:pending"] = json!(true);
    let version = ItemVersion::Waiting { revision: 0, last: 1 };
    assert_eq!((view.item, view.version, view.pending), (item, version, 1));
    let marks = stage.service.records.marks(&scope(1)).await.unwrap();
    assert_eq!((marks.hinted, marks.enqueued), (1, 1));
    assert!(marks.dirty_collections().contains(&Collection::calendar()));

    stage.apply_pending(own_link("crm-1"), named(&stage, "crm-1", "Visit")).await;
    let view = stage.item("crm-1").await.unwrap();
    assert_eq!((view.item["title"].as_str(), view.pending), (Some("Visit"), 0));
    let settled = ItemVersion::Settled(1);
    assert_eq!((view.version, view.item.get("tidemark:pending")), (settled, None));
}

#[tokio::test]
async fn what_is_wrong_is_said_at_once() {
    let stage = Stage::new().await;
    let late = ItemChangeRequest::Put(json!({ "title": "Visit" }));
    assert_eq!(pointers(stage.change("crm-1", late.clone()).await), ["/start"]);
    let bad = ItemChangeRequest::Put(json!({ "start": 7 }));
    assert_eq!(pointers(stage.change("crm-1", bad.clone()).await), ["/start"]);
    assert_eq!(stage.change("crm-1", retitle("x")).await, Err(GONE));
    assert_eq!(stage.change("crm-1", ItemChangeRequest::Delete).await, Err(GONE));
    assert_eq!(stage.service.records.marks(&scope(1)).await.unwrap().accepted, 0);

    // Against the item as it is, a title alone is enough, and a rule that does not fit is not.
    stage.put_link(named(&stage, "crm-1", "Visit")).await;
    stage.change("crm-1", late).await.unwrap();
    stage.apply_pending(own_link("crm-1"), row(&stage, "crm-1").await).await;
    let hourly = json!({ "recurrenceRules": [{ "frequency": "hourly" }] });
    let answer = stage.change("crm-1", ItemChangeRequest::Patch(hourly)).await;
    assert_eq!(pointers(answer), ["/recurrenceRules/0/frequency"]);
    assert_eq!(pointers(stage.change("crm-1", bad).await), ["/start"]);
}

async fn row(stage: &Stage, key: &str) -> LinkRow {
    stage.service.records.link(&scope(1), own_link(key)).await.unwrap().unwrap()
}

#[tokio::test]
async fn ids_are_the_announced_ones_or_the_business_systems_own() {
    let stage = Stage::new().await;
    let born_there = linked(&stage, 77, "From Exchange");
    let announced = born_there.link.to_string();
    stage.put_link(born_there).await;
    assert_eq!(stage.item(&announced).await.unwrap().item["title"], "From Exchange");

    // An id that looks like one of ours and is none is the business system's own.
    let alike = Uuid::from_u128(78).to_string();
    assert_eq!(stage.item(&alike).await.err(), Some(GONE));
    stage.change(&alike, put("Own")).await.unwrap();
    let waiting = stage.service.records.pending(&scope(1), 0, 10).await.unwrap();
    assert_eq!(waiting[0].link, own_link(&alike));
    assert_eq!(waiting[0].business_key.as_ref().unwrap().as_str(), alike);
    stage.apply_pending(own_link(&alike), named(&stage, &alike, "Own")).await;
    let view = stage.item(&alike).await.unwrap();
    assert_eq!((view.id.as_str(), view.item["title"].as_str()), (alike.as_str(), Some("Own")));

    for wrong in ["", "a\nb", &"x".repeat(256)] {
        assert_eq!(pointers(stage.item(wrong).await.map(|_| ())).len(), 1, "{wrong:?}");
    }
}

#[tokio::test]
async fn an_item_that_was_joined_answers_to_both_ids() {
    let stage = Stage::new().await;
    let target = linked(&stage, 77, "Joined");
    let id = target.link;
    let item = ItemCommit {
        links: vec![LinkWrite::Put(Box::new(target))],
        redirects: vec![(own_link("crm-1"), id)],
        ..ItemCommit::default()
    };
    stage.commit(&scope(1), item).await;
    for name in ["crm-1", &id.to_string()] {
        assert_eq!(stage.item(name).await.unwrap().item["title"], "Joined", "{name}");
    }
}

#[tokio::test]
async fn n3_if_match_is_held_against_the_version() {
    let stage = Stage::new().await;
    stage.put_link(named(&stage, "crm-1", "Visit")).await;
    let answer = stage.guarded("crm-1", retitle("x"), if_match(2)).await;
    assert_eq!(answer, Err(Refusal::PreconditionFailed));
    let answer = stage.guarded("crm-9", put("x"), if_match(1)).await;
    assert_eq!(answer, Err(Refusal::PreconditionFailed));
    stage.guarded("crm-1", retitle("x"), if_match(1)).await.unwrap();
    let waiting = stage.service.records.pending(&scope(1), 0, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].if_match), (1, Some(1)));
}

#[tokio::test]
async fn n7_the_same_key_counts_once() {
    let stage = Stage::new().await;
    let first = stage.guarded("crm-1", put("Visit"), keyed("k1")).await.unwrap();
    assert_eq!(stage.guarded("crm-1", put("Visit"), keyed("k1")).await.unwrap(), first);
    let other = stage.guarded("crm-1", put("Other"), keyed("k1")).await;
    assert_eq!(other, Err(Refusal::IdempotencyMismatch));
    assert_eq!(stage.guarded("crm-1", put("Visit"), keyed("k2")).await.unwrap().number, 2);
    // The same body for another item is another request.
    let elsewhere = stage.guarded("crm-2", put("Visit"), keyed("k1")).await;
    assert_eq!(elsewhere, Err(Refusal::IdempotencyMismatch));
}

#[tokio::test]
async fn n7_a_repeat_is_answered_as_the_first_was_whatever_became_of_it() {
    let stage = Stage::new().await;
    let mut item = visit("Visit");
    item["color"] = json!("teal");
    let put = ItemChangeRequest::Put(item);
    let first = stage.guarded("crm-1", put.clone(), keyed("k1")).await.unwrap();
    assert_eq!(first.ignored, ["/color"]);
    stage.apply_pending(own_link("crm-1"), named(&stage, "crm-1", "Visit")).await;

    // With If-Match: the version that it named is gone by this very change.
    let both = Guards { if_match: Some(ItemVersion::Settled(1)), ..keyed("k2") };
    let second = stage.guarded("crm-1", retitle("Moved"), both.clone()).await.unwrap();
    stage.apply_pending(own_link("crm-1"), row(&stage, "crm-1").await).await;
    assert_eq!(stage.guarded("crm-1", retitle("Moved"), both.clone()).await, Ok(second));
    let unkeyed = Guards { idempotency_key: None, ..both };
    let answer = stage.guarded("crm-1", retitle("Moved"), unkeyed).await;
    assert_eq!(answer, Err(Refusal::PreconditionFailed));

    // A delete: the item is gone.
    let third = stage.guarded("crm-1", ItemChangeRequest::Delete, keyed("k3")).await.unwrap();
    stage.apply_pending(own_link("crm-1"), tombstone(&stage, "crm-1", false).await).await;
    let again = stage.guarded("crm-1", ItemChangeRequest::Delete, keyed("k3")).await;
    assert_eq!(again, Ok(third));
    let other = stage.guarded("crm-1", ItemChangeRequest::Delete, keyed("k4")).await;
    assert!(matches!(other, Err(Refusal::Deleted { .. })), "{other:?}");

    // The mailbox is switched off meanwhile.
    stage.service.records.change_mailbox(&scope(1), |row| row.enabled = false).await.unwrap();
    assert_eq!(stage.guarded("crm-1", put.clone(), keyed("k1")).await, Ok(first));
    // A day later the key is free.
    stage.clock.advance(SignedDuration::from_hours(IDEMPOTENCY_HOURS));
    let late = stage.guarded("crm-1", put, keyed("k1")).await;
    assert!(matches!(late, Err(Refusal::Conflict(_))), "{late:?}");
}

#[tokio::test]
async fn n7_a_repeat_after_the_item_was_joined_is_the_same_request() {
    let stage = Stage::new().await;
    let first = stage.guarded("crm-1", put("Visit"), keyed("k1")).await.unwrap();
    let waiting = stage.service.records.pending_of_link(&scope(1), own_link("crm-1")).await;
    let target = linked(&stage, 77, "Visit");
    let item = ItemCommit {
        redirects: vec![(own_link("crm-1"), target.link)],
        links: vec![LinkWrite::Put(Box::new(target))],
        pending: waiting.unwrap().iter().map(PendingRow::reference).collect(),
        ..ItemCommit::default()
    };
    stage.commit(&scope(1), item).await;
    assert_eq!(stage.guarded("crm-1", put("Visit"), keyed("k1")).await, Ok(first));
}

/// The mark of an item that was deleted.
async fn tombstone(stage: &Stage, key: &str, in_exchange: bool) -> LinkRow {
    let mut gone = row(stage, key).await;
    gone.purge();
    let at = stage.clock_now();
    let until = at + SignedDuration::from_hours(24 * 30);
    gone.state = LinkState::Deleted { in_exchange, at, until };
    gone
}

#[tokio::test]
async fn n3_if_match_never_holds_while_changes_wait() {
    let stage = Stage::new().await;
    stage.put_link(named(&stage, "crm-1", "Visit")).await;
    stage.change("crm-1", retitle("Moved")).await.unwrap();
    let seen = stage.item("crm-1").await.unwrap().version;
    assert_eq!(seen, ItemVersion::Waiting { revision: 1, last: 1 });
    for version in [seen, ItemVersion::Settled(1), ItemVersion::Settled(2)] {
        let guards = Guards { if_match: Some(version), ..Guards::default() };
        let answer = stage.guarded("crm-1", retitle("x"), guards).await;
        assert_eq!(answer, Err(Refusal::ChangesWait));
    }
    stage.apply_pending(own_link("crm-1"), row(&stage, "crm-1").await).await;
    assert_eq!(stage.item("crm-1").await.unwrap().version, ItemVersion::Settled(2));
    // A version that was never meant to last does not come back to life.
    let guards = Guards { if_match: Some(seen), ..Guards::default() };
    assert_eq!(
        stage.guarded("crm-1", retitle("x"), guards).await,
        Err(Refusal::PreconditionFailed)
    );
    stage.guarded("crm-1", retitle("x"), if_match(2)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_item_says_so_and_how_to_make_it_anew() {
    let stage = Stage::new().await;
    stage.put_link(named(&stage, "crm-1", "Visit")).await;
    let gone = tombstone(&stage, "crm-1", true).await;
    stage.put_link(gone).await;
    let deleted = Refusal::Deleted { what: "appointment", in_exchange: true };
    assert!(deleted.to_string().contains("deleted in Exchange: PUT it"), "{deleted}");
    assert_eq!(stage.change("crm-1", retitle("x")).await.as_ref(), Err(&deleted));
    assert_eq!(stage.change("crm-1", ItemChangeRequest::Delete).await.as_ref(), Err(&deleted));
    assert_eq!(stage.item("crm-1").await.err().as_ref(), Some(&deleted));
    let stale = stage.guarded("crm-1", put("Again"), if_match(2)).await;
    assert_eq!(stale, Err(Refusal::PreconditionFailed));
    stage.change("crm-1", put("Again")).await.unwrap();
    stage.change("crm-1", retitle("x")).await.unwrap();
}

#[tokio::test]
async fn what_was_never_announced_is_not_there() {
    let stage = Stage::new().await;
    let mut hidden = linked(&stage, 77, "Before the start");
    hidden.base_exchange = Some(base("Before the start", false));
    let mut private = linked(&stage, 78, "Secret");
    private.purge();
    private.state = LinkState::Private { born_in_exchange: true, announced: false };
    for row in [hidden, private] {
        let id = row.link.to_string();
        stage.put_link(row).await;
        assert_eq!(stage.item(&id).await.err(), Some(GONE));
        assert_eq!(stage.change(&id, retitle("x")).await, Err(GONE));
        assert_eq!(stage.change(&id, ItemChangeRequest::Delete).await, Err(GONE));
    }
}

#[tokio::test]
async fn a_listing_says_how_many_changes_wait() {
    let stage = Stage::new().await;
    for key in ["crm-1", "crm-2"] {
        stage.put_link(named(&stage, key, key)).await;
    }
    stage.change("crm-2", retitle("x")).await.unwrap();
    stage.change("crm-2", retitle("y")).await.unwrap();
    let page = stage.service.items(&ours(), M1, KIND, None, 10).await.unwrap();
    for view in page.entries {
        let alone = stage.item(&view.id).await.unwrap();
        assert_eq!((view.version, view.pending), (alone.version, alone.pending));
        assert_eq!(view.pending, if view.id == "crm-2" { 2 } else { 0 });
    }
}

#[tokio::test]
async fn w19_an_administrators_key_speaks_for_its_own_system_too() {
    let stage = Stage::new().await;
    stage.put_link(named(&stage, "crm-1", "Visit")).await;
    let (service, elsewhere) = (&stage.service, Caller { role: Role::Administrator, ..theirs() });
    let other = Err(Refusal::OtherSystem);
    assert_eq!(service.item(&elsewhere, M1, KIND, "crm-1").await.map(|_| ()), other);
    assert_eq!(service.items(&elsewhere, M1, KIND, None, 10).await.map(|_| ()), other);
    let history = service.item_history(&elsewhere, M1, KIND, "crm-1", None, 10).await;
    assert_eq!(history.map(|_| ()), other);
    let change = service.change_item(&elsewhere, M1, KIND, "x", put("x"), Guards::default());
    assert_eq!(change.await.map(|_| ()), other);
    // The mailbox itself is the organisation's, and says whose its items are.
    let view = service.mailbox(&elsewhere, M1).await.unwrap();
    assert_eq!(view.system, system().as_str());
    // For another system's integrator it is not there at all.
    let gone = Err(Refusal::NotFound { what: "mailbox" });
    assert_eq!(service.mailbox(&theirs(), M1).await.map(|_| ()), gone);
    assert_eq!(service.sync_now(&theirs(), M1).await, gone);
    assert!(service.mailboxes(&theirs(), None, 10).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn another_systems_items_are_not_there() {
    let stage = Stage::new().await;
    stage.put_link(named(&stage, "crm-1", "Visit")).await;
    let (service, them) = (&stage.service, theirs());
    let is_404 = |answer: Result<(), Refusal>| {
        assert!(matches!(answer, Err(Refusal::NotFound { .. })), "{answer:?}");
    };
    is_404(service.item(&them, M1, KIND, "crm-1").await.map(|_| ()));
    is_404(service.items(&them, M1, KIND, None, 10).await.map(|_| ()));
    is_404(service.item_history(&them, M1, KIND, "crm-1", None, 10).await.map(|_| ()));
    let change = service.change_item(&them, M1, KIND, "erp-1", put("x"), Guards::default());
    is_404(change.await.map(|_| ()));
    let operator = caller(Role::Operator);
    let answer = service.item(&operator, M1, KIND, "crm-1").await;
    assert_eq!(answer.map(|_| ()), Err(Refusal::Forbidden(Role::Integrator)));
    let change = service.change_item(&operator, M1, KIND, "x", put("x"), Guards::default());
    assert_eq!(change.await, Err(Refusal::Forbidden(Role::Integrator)));
}

#[tokio::test]
async fn a_mailbox_that_is_off_takes_no_changes() {
    let stage = Stage::new().await;
    stage.service.records.change_mailbox(&scope(1), |row| row.enabled = false).await.unwrap();
    let answer = stage.change("crm-1", put("Visit")).await;
    assert!(matches!(answer, Err(Refusal::Conflict(_))), "{answer:?}");
}

#[tokio::test]
async fn e3_a_private_item_takes_changes_and_shows_nothing() {
    let stage = Stage::new().await;
    let mut private = named(&stage, "crm-1", "Secret");
    private.purge();
    private.state = LinkState::Private { born_in_exchange: false, announced: true };
    stage.put_link(private).await;
    let answer = stage.item("crm-1").await.err().unwrap();
    assert!(matches!(&answer, Refusal::Conflict(text) if text.contains("private")), "{answer:?}");
    stage.change("crm-1", retitle("x")).await.unwrap();
    stage.change("crm-1", ItemChangeRequest::Delete).await.unwrap();
    let list = stage.service.items(&ours(), M1, KIND, None, 10).await.unwrap();
    assert!(list.entries.is_empty());
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_can_be_put_again() {
    let stage = Stage::new().await;
    let mut gone = named(&stage, "crm-1", "Visit");
    gone.purge();
    let at = stage.clock_now();
    gone.state = LinkState::Deleted { in_exchange: true, at, until: at };
    stage.put_link(gone).await;
    assert_eq!(stage.item("crm-1").await.err(), Some(GONE));
    stage.change("crm-1", put("Again")).await.unwrap();
    assert_eq!(stage.item("crm-1").await.unwrap().item["title"], "Again");
    // A delete that stands after the put ends it again.
    stage.change("crm-1", ItemChangeRequest::Delete).await.unwrap();
    assert_eq!(stage.item("crm-1").await.err(), Some(GONE));
}

#[tokio::test]
async fn a_listing_shows_what_was_announced() {
    let stage = Stage::new().await;
    for number in 1..=5 {
        stage.put_link(linked(&stage, number, &format!("Visit {number}"))).await;
    }
    let mut unannounced = linked(&stage, 6, "Before the start");
    unannounced.base_exchange = Some(base("Before the start", false));
    stage.put_link(unannounced).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = stage.service.items(&ours(), M1, KIND, after.as_deref(), 2).await.unwrap();
        assert!(page.entries.len() <= 2);
        seen.extend(page.entries.into_iter().map(|view| view.item["title"].clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["Visit 1", "Visit 2", "Visit 3", "Visit 4", "Visit 5"]);
    let wrong = stage.service.items(&ours(), M1, KIND, Some("nonsense"), 2).await;
    assert_eq!(wrong.map(|_| ()), Err(Refusal::InvalidCursor { parameter: "after" }));
}

#[tokio::test]
async fn n5_the_history_comes_oldest_first() {
    let stage = Stage::new().await;
    let link = named(&stage, "crm-1", "Visit");
    for reason in ["first", "second"] {
        let entry = HistoryEntry {
            link: link.link,
            at: stage.clock_now(),
            actor: "exchange".to_owned(),
            decision: "told".to_owned(),
            reason: reason.to_owned(),
            revision: 1,
        };
        stage.commit(&scope(1), ItemCommit { history: vec![entry], ..ItemCommit::default() }).await;
        stage.clock.advance(SignedDuration::from_secs(1));
    }
    stage.put_link(link).await;
    let history = async |after: Option<&str>| {
        stage.service.item_history(&ours(), M1, KIND, "crm-1", after, 1).await.unwrap()
    };
    let first = history(None).await;
    assert_eq!(first.entries[0].reason, "first");
    let second = history(first.next.as_deref()).await;
    assert_eq!(second.entries[0].reason, "second");
    let wrong = stage.service.item_history(&ours(), M1, KIND, "crm-1", Some("x"), 1).await;
    assert_eq!(wrong, Err(Refusal::InvalidCursor { parameter: "after" }));
    let unknown = stage.service.item_history(&ours(), M1, KIND, "crm-9", None, 1).await;
    assert_eq!(unknown.map(|_| ()), Err(GONE));
}
