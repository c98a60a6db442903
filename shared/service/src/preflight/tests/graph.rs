use super::*;

#[tokio::test]
async fn a_refused_token_names_the_cause_and_the_consent() {
    let refused = |code: &str| Err(error(code, "The application is not known in this tenant."));
    let script = Script { token: refused("AADSTS700016"), ..Script::of_graph(&[]) };
    let world = World::of_graph(script.closed(M1, "AADSTS700016")).await;
    let view = world.run().await;
    let token = step(&view, "token");
    assert_eq!(token.state, StepState::Failed);
    assert_eq!(
        token.commands,
        ["https://login.microsoftonline.com/contoso.example/adminconsent?client_id=\
          00000000-0000-4000-8000-000000000002"]
    );
    assert_eq!(step(&view, "roles").state, StepState::Skipped);
    world.script(Script { token: refused("AADSTS7000222"), ..Script::of_graph(&[]) });
    let view = world.run().await;
    assert!(step(&view, "token").commands.is_empty(), "a new secret mends it, no consent");
}

#[tokio::test]
async fn roles_of_all_mailboxes_are_too_broad_until_somebody_waives_or_the_fence_holds() {
    let roles = ["Calendars.ReadWrite", "Files.Read.All", "User.Read.All"];
    let world = World::of_graph(Script::of_graph(&roles)).await;
    let view = world.run().await;
    let found = step(&view, "roles");
    assert_eq!(found.code.as_deref(), Some("roles-too-broad"));
    assert!(found.seen.contains("Nothing here needs Files.Read.All"), "{}", found.seen);
    let has = |text: &str| found.commands.iter().any(|line| line.contains(text));
    assert!(has("New-ServicePrincipal -AppId"));
    assert!(has("-Role 'Application Calendars.ReadWrite'"));
    assert!(has("Remove-MgServicePrincipalAppRoleAssignment"));

    world.script(Script::of_graph(&roles).closed(BOARD, "ErrorAccessDenied"));
    let outside = Some(Some(BOARD.to_owned()));
    world.change_fence(FenceChange { outside, ..FenceChange::default() }).await.unwrap();
    let view = world.run().await;
    assert_eq!(step(&view, "roles").state, StepState::Passed);
    assert!(step(&view, "roles").seen.contains("application access policy"));

    let outside = Some(None);
    let waiver = Some(Some("every mailbox is ours".to_owned()));
    world.change_fence(FenceChange { outside, waiver, gate: None }).await.unwrap();
    assert_eq!(step(&world.run().await, "roles").state, StepState::Waived);
}

#[tokio::test]
async fn a_token_without_roles_is_what_a_scope_in_exchange_looks_like() {
    let world = World::of_graph(Script::of_graph(&["User.Read.All"])).await;
    assert_eq!(step(&world.run().await, "roles").state, StepState::Passed);
    let opaque = TokenFacts { token: token(), roles: None };
    world.script(Script { token: Ok(opaque), ..Script::of_graph(&[]) });
    assert_eq!(step(&world.run().await, "roles").state, StepState::Skipped);
}

#[tokio::test]
async fn mailboxes_fail_where_they_live_or_by_their_calendar() {
    for (code, at) in [
        ("MailboxNotEnabledForRESTAPI", "mailbox"),
        ("MailboxNotHostedInExchangeOnline", "mailbox"),
        ("ErrorInvalidUser", "mailbox"),
        ("ResourceNotFound", "mailbox"),
        ("ErrorAccessDenied", "calendar"),
        ("http-500", "calendar"),
    ] {
        let view = World::of_graph(Script::of_graph(&[]).closed(M1, code)).await.run().await;
        let failed = view.mailboxes[0].failed().unwrap();
        assert_eq!((failed.name, failed.code.as_deref()), (at, Some(code)));
        let tests = failed.commands.iter().any(|it| it.contains("Test-ServicePrincipalAuth"));
        assert_eq!(tests, code == "ErrorAccessDenied", "{code}");
    }
    let read_only = Ok(Seen { can_edit: Some(false), ..Seen::default() });
    let script = Script::of_graph(&[]).look(M1, Part::Calendar, read_only);
    let view = World::of_graph(script).await.run().await;
    assert_eq!(of_mailbox(&view, "calendar").code.as_deref(), Some("calendar-read-only"));
}

#[tokio::test]
async fn a_subscription_that_graph_took_proves_that_it_reaches_us() {
    let world = World::of_graph(Script::of_graph(&[])).await;
    let ask = PreflightAsk { try_callback: true, ..PreflightAsk::default() };
    let view = world.ask(ask.clone()).await.unwrap();
    assert_eq!(step(&view, "callback").state, StepState::Passed);
    let other = World::of_graph(Script::of_graph(&[])).await;
    other.stage.exchange.refuse(Some(error("ValidationError", "the address did not answer")));
    let view = other.ask(ask).await.unwrap();
    let failed = step(&view, "callback");
    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (StepState::Failed, Some("ValidationError"))
    );
}
