use super::*;
use crate::RunEnd;

fn outside(address: &str) -> FenceChange {
    FenceChange { outside: Some(Some(address.to_owned())), ..FenceChange::default() }
}

fn required() -> FenceChange {
    FenceChange { gate: Some(GateChoice::Require), ..FenceChange::default() }
}

fn waived(reason: &str) -> FenceChange {
    FenceChange { waiver: Some(Some(reason.to_owned())), ..FenceChange::default() }
}

/// Whether a run of mailbox 1 was kept from beginning, by its visible trouble.
async fn trouble(world: &World) -> Option<String> {
    world.stage.clock.advance(SignedDuration::from_mins(10));
    let (service, scope) = (&world.stage.service, scope(1));
    let deadline = service.world.now() + SignedDuration::from_mins(1);
    let report = service.sync(&scope, deadline).await.unwrap();
    assert!(matches!(report.end, RunEnd::Waits(_)), "{:?}", report.end);
    let row = world.stage.mailbox(&scope).await;
    row.troubles.iter().find(|it| it.code.starts_with("fence")).map(|it| it.code.clone())
}

#[tokio::test]
async fn n14_nothing_begins_before_a_mailbox_outside_was_refused() {
    let world = World::of_graph(Script::of_graph(&[]).closed(BOARD, "ErrorAccessDenied")).await;
    let view = world.change_fence(required()).await.unwrap();
    assert_eq!((view.state, view.admits), ("unproved", false));
    assert_eq!(trouble(&world).await.as_deref(), Some("fence-unproved"));
    world.stage.service.renew_mailbox(&scope(1)).await.unwrap();
    assert!(world.stage.exchange.urls().is_empty(), "a subscription opens a mailbox");
    let errors = world.stage.service.connection(&admin(), connection_id().uuid()).await.unwrap();
    assert_eq!(errors.errors[0].code, "fence-unproved");

    world.change_fence(outside(BOARD)).await.unwrap();
    let view = world.run().await;
    assert_eq!(step(&view, "fence").state, StepState::Passed);
    assert!(step(&view, "fence").seen.contains("calendar, contacts, mail"));
    assert_eq!((view.fence.state, view.fence.admits), ("proved", true));
    let errors = world.stage.service.connection(&admin(), connection_id().uuid()).await.unwrap();
    assert!(errors.errors.is_empty(), "{:?}", errors.errors);
    world.stage.service.renew_mailbox(&scope(1)).await.unwrap();
    assert_eq!(world.stage.exchange.urls().len(), 1);
}

#[tokio::test]
async fn n14_each_part_that_opens_outside_breaks_the_fence() {
    for part in [Part::Calendar, Part::Contacts, Part::Mail] {
        let script = Script::of_graph(&[]).closed(BOARD, "ErrorAccessDenied");
        let script = script.look(BOARD, part, Ok(Seen::default()));
        let world = World::of_graph(script).await;
        world.change_fence(outside(BOARD)).await.unwrap();
        world.change_fence(required()).await.unwrap();
        let view = world.run().await;
        let failed = step(&view, "fence");
        assert_eq!(failed.code.as_deref(), Some("fence-open"));
        assert!(failed.seen.ends_with(&format!("{}.", word(part))), "{}", failed.seen);
        assert_eq!((view.fence.state, view.fence.admits), ("open", false));
        assert_eq!(trouble(&world).await.as_deref(), Some("fence-open"));
    }
}

#[tokio::test]
async fn a_refusal_proves_nothing_where_nothing_opens_or_for_another_reason() {
    let nowhere = Script::of_graph(&[]).closed(BOARD, "ErrorAccessDenied");
    let world = World::of_graph(nowhere.closed(M1, "ErrorAccessDenied")).await;
    world.change_fence(outside(BOARD)).await.unwrap();
    let view = world.run().await;
    assert_eq!(step(&view, "fence").state, StepState::Skipped);
    assert_eq!(view.fence.state, "unproved");
    for code in ["ErrorInvalidUser", "MailboxNotEnabledForRESTAPI", "timed-out", "http-503"] {
        world.script(Script::of_graph(&[]).closed(BOARD, code));
        let view = world.run().await;
        assert_eq!(step(&view, "fence").code.as_deref(), Some(code));
        assert_eq!(view.fence.state, "unproved", "{code}");
    }
}

#[tokio::test]
async fn over_ews_the_service_account_must_not_act_for_the_mailbox_outside() {
    let world = World::new(Script::of_ews().closed(BOARD, "ErrorImpersonateUserDenied")).await;
    world.change_fence(outside(BOARD)).await.unwrap();
    assert_eq!(world.run().await.fence.state, "proved");
    world.script(Script::of_ews());
    let view = world.run().await;
    assert_eq!(view.fence.state, "open");
    let commands = &step(&view, "fence").commands;
    assert!(commands[0].starts_with("Get-ManagementRoleAssignment -Role ApplicationImpersonation"));
    // An account that opens its own mailbox only has nothing to be kept out of.
    world
        .change(|row| {
            let Protocol::Ews(access) = &mut row.protocol else { panic!("it speaks EWS") };
            access.impersonate = false;
            row.fence = Fence { gate: Gate::Require, ..Fence::default() };
        })
        .await;
    assert_eq!(world.run().await.fence.state, "not-needed");
}

#[tokio::test]
async fn proof_and_waiver_are_of_who_logs_on() {
    let world = World::of_graph(Script::of_graph(&[]).closed(BOARD, "ErrorAccessDenied")).await;
    world.change_fence(outside(BOARD)).await.unwrap();
    world.run().await;
    let another = |row: &mut ConnectionRow| {
        let Protocol::Graph(access) = &mut row.protocol else { panic!("it speaks Graph") };
        access.client = "00000000-0000-4000-8000-000000000009".to_owned();
    };
    let row = world.connection().await;
    assert_eq!(crate::preflight::fence::view(&row).state, "proved");
    world.change(another).await;
    let row = world.connection().await;
    assert_eq!(crate::preflight::fence::view(&row).state, "unproved");
    let view = world.change_fence(waived("a test tenant")).await.unwrap();
    assert_eq!(view.state, "waived");
    let waiver = view.waiver.unwrap();
    assert_eq!((waiver.reason.as_str(), waiver.by.as_str()), ("a test tenant", "key-7"));
    world
        .change(|row| {
            let Protocol::Graph(access) = &mut row.protocol else { panic!("it speaks Graph") };
            access.tenant = "fabrikam.example".to_owned();
        })
        .await;
    assert_eq!(crate::preflight::fence::view(&world.connection().await).state, "unproved");
}

#[tokio::test]
async fn what_is_seen_to_be_open_after_a_waiver_is_not_waived() {
    let world = World::of_graph(Script::of_graph(&[])).await;
    world.change_fence(required()).await.unwrap();
    world.change_fence(waived("there is no mailbox outside")).await.unwrap();
    assert_eq!(step(&world.run().await, "fence").state, StepState::Waived);
    world.stage.clock.advance(SignedDuration::from_mins(1));
    world.change_fence(outside(BOARD)).await.unwrap();
    assert_eq!(world.run().await.fence.state, "open");
    // Knowing it, an administrator may say so again.
    let view = world.change_fence(waived("all of them are ours")).await.unwrap();
    assert_eq!((view.state, view.admits), ("waived", true));
    let view = world.change_fence(FenceChange { waiver: Some(None), ..FenceChange::default() });
    assert_eq!(view.await.unwrap().state, "open");
}

#[tokio::test]
async fn what_is_synced_goes_on_when_the_fence_turns_out_open() {
    let row = {
        let world = World::of_graph(Script::of_graph(&[])).await;
        world.change_fence(required()).await.unwrap();
        world.connection().await
    };
    let check = crate::preflight::fence::check;
    for (state, is_let) in [
        (MailboxState::New, false),
        (MailboxState::Subscribed, false),
        (MailboxState::FirstSync, true),
        (MailboxState::Synced, true),
    ] {
        assert_eq!(check(&row, state).is_ok(), is_let, "{state:?}");
    }
    let warned = ConnectionRow { fence: Fence::default(), ..row };
    assert!(check(&warned, MailboxState::New).is_ok(), "a connection from before");
}

#[tokio::test]
async fn the_mailbox_outside_is_none_that_is_synced_and_a_reason_is_words() {
    let world = World::new(Script::of_ews()).await;
    let refused = world.change_fence(outside(M1)).await;
    assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
    for (change, pointer) in [
        (outside("nobody"), "/outside"),
        (waived("  "), "/waiver/reason"),
        (waived(&"x".repeat(1001)), "/waiver/reason"),
    ] {
        let refused = world.change_fence(change).await;
        let Err(Refusal::Invalid(problems)) = refused else { panic!("{refused:?}") };
        assert_eq!(problems[0].pointer, pointer);
    }
    world.change_fence(outside("m2@tidemark.example")).await.unwrap();
    world.stage.add_mailbox(2).await;
    let view = world.run().await;
    assert_eq!(step(&view, "fence").code.as_deref(), Some("fence-outside-chosen"));
}
