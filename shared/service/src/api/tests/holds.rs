use super::*;
use tidemark_store::records::{Brake, Cloud, GraphAccess, HoldId, MailboxState, Protocol};

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
    assert_eq!(decision(&stage, id).await.as_deref(), Some("send"));
    assert_eq!(stage.hinted(&scope(1)).await, 1);

    // The run gives the fresh budget, once: what is spent after it stays spent.
    let spend = async |deletes| {
        let brake = Some(Brake { hour: 1, deletes, mails: 0 });
        stage.commit(&scope(1), ItemCommit { brake, ..ItemCommit::default() }).await;
    };
    let spent = async || {
        let brake = stage.service.records.brake(&scope(1)).await.unwrap();
        brake.map_or(0, |brake| brake.deletes)
    };
    spend(50).await;
    decide_again(&stage, id).await;
    assert_eq!(spent().await, 50);
    let run = async || {
        let deadline = stage.clock_now() + SignedDuration::from_mins(1);
        stage.service.sync(&scope(1), deadline).await.unwrap();
    };
    run().await;
    assert_eq!((spent().await, stage.mailbox(&scope(1)).await.paused), (0, None));
    let found = stage.service.records.hold(&organisation(), HoldId::new(id)).await.unwrap();
    assert!(found.is_none());
    spend(7).await;
    run().await;
    assert_eq!(spent().await, 7);
}

/// A person who clicks twice.
async fn decide_again(stage: &Stage, id: Uuid) {
    stage.service.decide_hold(&admin(), id, HoldChoice::Send).await.unwrap();
}

#[tokio::test]
async fn n11_a_brake_shows_what_waits_behind_it() {
    let stage = Stage::new().await;
    let synced = |row: &mut MailboxRow| row.state = MailboxState::Synced;
    stage.service.records.change_mailbox(&scope(1), synced).await.unwrap();
    for number in 0..60 {
        let key = format!("crm-{number:02}");
        stage.put_link(named(&stage, &key, "Visit")).await;
        stage.change(&key, ItemChangeRequest::Delete).await.unwrap();
    }
    stage.change("new-1", ItemChangeRequest::Put(visit("New"))).await.unwrap();
    let brake = hold(&stage, 5, None, "brake-deletes").await;
    let details = stage.service.hold(&admin(), brake).await.unwrap();
    let preview = details.preview.unwrap();
    assert_eq!((preview.changes, preview.more), (61, false));
    assert_eq!((preview.deletes, preview.mails, preview.items.len()), (60, 0, 50));
    let first = PreviewItem { id: "crm-00".to_owned(), action: "delete", people: 0 };
    assert_eq!(preview.items[0], first);
    // It only looks: everything waits on.
    assert_eq!(stage.service.records.backlog(&scope(1), 500).await.unwrap().changes, 61);
    let item = hold(&stage, 6, Some(own_link("crm-00")), "would-mail").await;
    assert_eq!(stage.service.hold(&admin(), item).await.unwrap().preview, None);
}

#[tokio::test]
async fn w19_an_integrator_knows_the_holds_of_its_own_system() {
    let stage = Stage::new().await;
    let id = hold(&stage, 5, None, "brake-deletes").await;
    let seen = async |who: &Caller| {
        let listed = stage.service.holds(who).await.unwrap().len();
        let one = stage.service.hold(who, id).await.map(|details| details.hold.id);
        (listed, one)
    };
    assert_eq!(seen(&ours()).await, (1, Ok(id)));
    assert_eq!(seen(&theirs()).await, (0, Err(GONE)));
    // Who answers for the organisation sees those of every system.
    let elsewhere = Caller { role: Role::Administrator, ..theirs() };
    assert_eq!(seen(&elsewhere).await, (1, Ok(id)));
    assert_eq!(seen(&caller(Role::Operator)).await, (1, Ok(id)));
}

#[tokio::test]
async fn n10_what_cannot_be_silent_is_sent_or_discarded() {
    let stage = Stage::new().await;
    stage.change("crm-1", ItemChangeRequest::Put(visit("Visit"))).await.unwrap();
    let id = hold(&stage, 5, Some(own_link("crm-1")), "cannot-be-silent").await;
    let decide = async |choice| stage.service.decide_hold(&admin(), id, choice).await;
    let shown = stage.service.hold(&admin(), id).await.unwrap().hold;
    assert_eq!(shown.choices, [HoldChoice::Send, HoldChoice::Discard]);
    let Err(Refusal::Conflict(text)) = decide(HoldChoice::WithoutAttendees).await else {
        panic!("it was accepted");
    };
    assert!(text.contains("cannot be kept from mailing") && text.contains("`send`"), "{text}");
    assert_eq!(decision(&stage, id).await, None);
    decide(HoldChoice::Send).await.unwrap();
    assert_eq!(decision(&stage, id).await.as_deref(), Some("send"));
    // Everything else can be decided in every way.
    let other = hold(&stage, 6, Some(own_link("crm-1")), "would-mail").await;
    assert_eq!(stage.service.hold(&admin(), other).await.unwrap().hold.choices.len(), 3);
}

#[tokio::test]
async fn a_second_copy_is_removed_or_kept() {
    let stage = Stage::new().await;
    stage.change("crm-1", ItemChangeRequest::Put(visit("Visit"))).await.unwrap();
    for (number, why) in [(5, "late-copy-changed"), (6, "late-copy-mails")] {
        let id = hold(&stage, number, Some(own_link("crm-1")), why).await;
        let shown = stage.service.hold(&admin(), id).await.unwrap().hold;
        assert_eq!(shown.choices, [HoldChoice::Send, HoldChoice::Discard], "{why}");
        let silent = stage.service.decide_hold(&admin(), id, HoldChoice::WithoutAttendees).await;
        let Err(Refusal::Conflict(text)) = silent else { panic!("it was accepted") };
        assert!(text.contains("`send`") && text.contains("`discard`"), "{text}");
        assert_eq!(decision(&stage, id).await, None);
    }
}

#[tokio::test]
async fn n10_a_preview_knows_what_graph_would_mail() {
    let stage = Stage::new().await;
    let records = &stage.service.records;
    let synced = |row: &mut MailboxRow| row.state = MailboxState::Synced;
    records.change_mailbox(&scope(1), synced).await.unwrap();
    // What is over is written silently over EWS. Graph cannot do that.
    let guest = "guest@elsewhere.example";
    let past = json!({
        "title": "Past", "start": "2020-03-02T09:00:00", "timeZone": "UTC", "duration": "PT1H",
        "participants": {(guest): {
            "@type": "Participant", "roles": {"attendee": true},
            "sendTo": {"imip": format!("mailto:{guest}")},
        }},
    });
    stage.change("crm-1", ItemChangeRequest::Put(past)).await.unwrap();
    let brake = hold(&stage, 5, None, "brake-deletes").await;
    let shown = async || stage.service.hold(&admin(), brake).await.unwrap().preview.unwrap();
    let item = |action, people| vec![PreviewItem { id: "crm-1".to_owned(), action, people }];
    assert_eq!(shown().await.items, item("create", 0));
    let mut found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    found.value.protocol = Protocol::Graph(GraphAccess {
        tenant: "tidemark.example".to_owned(),
        client: "client".to_owned(),
        cloud: Cloud::Global,
        credentials: Vec::new(),
        application_object: None,
        renews: false,
        rich_notifications: false,
    });
    let revision = Some(found.revision);
    records.save_connection(&organisation(), &found.value, revision).await.unwrap();
    let preview = shown().await;
    assert_eq!((preview.items, preview.mails), (item("hold", 1), 0));
}
