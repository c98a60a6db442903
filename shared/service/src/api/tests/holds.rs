use super::*;
use tidemark_store::records::HoldId;

const GONE: Refusal = Refusal::NotFound { what: "hold" };

fn admin() -> Caller {
    caller(Role::Administrator)
}

/// A hold that a run would have put.
async fn hold(stage: &Stage, number: u128, link: Option<LinkId>, why: &str) -> Uuid {
    let row = HoldRow {
        id: HoldId::new(Uuid::from_u128(number)),
        link,
        why: why.to_owned(),
        text: "Somebody has to look.".to_owned(),
        people: 2,
        what: None,
        pending: Vec::new(),
        since: stage.clock_now(),
        decision: None,
    };
    stage.commit(&scope(1), ItemCommit { holds: vec![row], ..ItemCommit::default() }).await;
    Uuid::from_u128(number)
}

async fn decision(stage: &Stage, id: Uuid) -> Option<String> {
    let found = stage.service.records.hold(&organisation(), HoldId::new(id)).await.unwrap();
    found.unwrap().1.decision
}

#[tokio::test]
async fn n10_a_hold_names_the_item_as_the_business_system_knows_it() {
    let stage = Stage::new().await;
    stage.change("crm-1", ItemChangeRequest::Put(visit("Visit"))).await.unwrap();
    let id = hold(&stage, 5, Some(own_link("crm-1")), "would-mail").await;
    let views = stage.service.holds(&admin()).await.unwrap();
    let view = &views[0];
    assert_eq!((view.id, view.mailbox.as_str(), view.people), (id, M1, 2));
    assert_eq!((view.item.as_deref(), view.why.as_str()), (Some("crm-1"), "would-mail"));
}

#[tokio::test]
async fn n10_a_person_decides_once() {
    let stage = Stage::new().await;
    let id = hold(&stage, 5, Some(own_link("crm-1")), "would-mail").await;
    let decide = async |who: Caller, id, choice| stage.service.decide_hold(&who, id, choice).await;
    let forbidden = Err(Refusal::Forbidden(Role::Administrator));
    assert_eq!(decide(ours(), id, HoldChoice::Send).await, forbidden);
    assert_eq!(decide(admin(), Uuid::nil(), HoldChoice::Send).await, Err(GONE));
    assert_eq!((decision(&stage, id).await, stage.hinted(&scope(1)).await), (None, 0));

    decide(admin(), id, HoldChoice::Discard).await.unwrap();
    assert_eq!(decision(&stage, id).await.as_deref(), Some("discard"));
    assert_eq!(stage.hinted(&scope(1)).await, 1);
    decide(admin(), id, HoldChoice::Discard).await.unwrap();
    let other = decide(admin(), id, HoldChoice::Send).await;
    assert!(matches!(other, Err(Refusal::Conflict(_))), "{other:?}");
    assert_eq!(decision(&stage, id).await.as_deref(), Some("discard"));
}

#[tokio::test]
async fn what_is_decided_waits_for_nobody() {
    let stage = Stage::new().await;
    let id = hold(&stage, 5, Some(own_link("crm-1")), "would-mail").await;
    stage.service.decide_hold(&admin(), id, HoldChoice::Send).await.unwrap();
    assert_eq!(stage.service.holds(&admin()).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn n11_a_released_brake_lets_the_mailbox_go_on() {
    let stage = Stage::new().await;
    let id = hold(&stage, 5, None, "brake-deletes").await;
    let paused = Some("More than 50 deletes".to_owned());
    let pause = paused.clone();
    let records = &stage.service.records;
    records.change_mailbox(&scope(1), move |row| row.paused.clone_from(&pause)).await.unwrap();
    let discard = stage.service.decide_hold(&admin(), id, HoldChoice::Discard).await;
    assert!(matches!(discard, Err(Refusal::Conflict(_))), "{discard:?}");
    assert_eq!(stage.mailbox(&scope(1)).await.paused, paused);

    stage.service.decide_hold(&admin(), id, HoldChoice::Send).await.unwrap();
    assert_eq!(stage.mailbox(&scope(1)).await.paused, None);
    assert_eq!(decision(&stage, id).await.as_deref(), Some("send"));
    assert_eq!(stage.hinted(&scope(1)).await, 1);
}
