use super::*;

/// The state of each step of the way when the server's greeting fails with this code.
async fn way(code: &str) -> (PreflightView, Vec<(&'static str, &'static str)>) {
    let failed = Err(error(code, "it does not work; mend it"));
    let script = Script { greeting: failed.clone(), ..Script::of_ews() };
    let failed = Err(error(code, "it does not work; mend it"));
    let world = World::new(script.look(M1, Part::Calendar, failed)).await;
    let view = world.run().await;
    let states = states(&view).into_iter().skip(1).take(5).collect();
    (view, states)
}

#[tokio::test]
async fn e7_each_step_of_the_way_fails_by_itself() {
    const NAMES: [&str; 5] = ["name", "connection", "tls", "http", "login"];
    for (code, at) in [
        ("name-not-found", 0),
        ("unreachable", 1),
        ("timed-out", 1),
        ("tls-failed", 2),
        ("certificate-untrusted", 2),
        ("certificate-changed", 2),
        ("answer-unreadable", 3),
    ] {
        let (view, states) = way(code).await;
        for (index, (name, state)) in states.into_iter().enumerate() {
            let expected = match index.cmp(&at) {
                core::cmp::Ordering::Less => "passed",
                core::cmp::Ordering::Equal => "failed",
                core::cmp::Ordering::Greater => "skipped",
            };
            assert_eq!((name, state), (NAMES[index], expected), "{code}");
        }
        let failed = step(&view, NAMES[at]);
        assert_eq!(failed.code.as_deref(), Some(code));
        assert_eq!(failed.mend.as_deref(), Some("It does not work; mend it."));
        assert!(!view.passed);
    }
}

#[tokio::test]
async fn e8_the_certificate_that_is_refused_is_shown() {
    let untrusted = Err(error("certificate-untrusted", "self-signed"));
    let script =
        Script { greeting: untrusted, certificate: Some(certificate(false)), ..Script::of_ews() };
    let view = World::new(script).await.run().await;
    let tls = step(&view, "tls");
    for part in ["CN=mail.tidemark.example", "CN=Example CA", "AB:AB:AB", "not trusted"] {
        assert!(tls.seen.contains(part), "{}", tls.seen);
    }
}

#[tokio::test]
async fn e7_an_answer_that_is_none_of_ews_fails_at_http() {
    for (status, state) in [(401, "passed"), (404, "failed"), (302, "failed"), (503, "failed")] {
        let greeting = Ok(Greeting { status, schemes: Vec::new() });
        let view = World::new(Script { greeting, ..Script::of_ews() }).await.run().await;
        assert_eq!(step(&view, "http").state.as_str(), state, "{status}");
    }
}

#[tokio::test]
async fn e7_a_refused_login_says_whether_basic_is_off() {
    let world = World::new(Script::of_ews().closed(M1, "http-401")).await;
    let view = world.run().await;
    let login = step(&view, "login");
    assert_eq!(login.state, StepState::Failed);
    assert!(login.mend.as_deref().unwrap().contains("app password"), "W12");
    assert!(login.commands.is_empty());
    assert_eq!(of_mailbox(&view, "impersonation").state, StepState::Skipped);
    let greeting = Ok(Greeting { status: 401, schemes: vec!["ntlm".to_owned()] });
    world.script(Script { greeting, ..Script::of_ews() }.closed(M1, "http-401"));
    let view = world.run().await;
    let login = step(&view, "login");
    assert!(login.seen.contains("offers ntlm"), "{}", login.seen);
    assert!(login.commands[0].contains("-BasicAuthentication $true"));
}

#[tokio::test]
async fn e7_impersonation_that_is_missing_names_the_exact_command() {
    let world = World::new(Script::of_ews().closed(M1, "ErrorImpersonateUserDenied")).await;
    world
        .change(|row| {
            let Protocol::Ews(access) = &mut row.protocol else { panic!("it speaks EWS") };
            access.account = "CORP\\svc-tidemark".to_owned();
        })
        .await;
    let view = world.run().await;
    assert_eq!(step(&view, "login").state, StepState::Passed, "it got past the login");
    let denied = of_mailbox(&view, "impersonation");
    assert_eq!(denied.code.as_deref(), Some("ErrorImpersonateUserDenied"));
    let command = denied.commands.last().unwrap();
    assert!(command.contains("ApplicationImpersonation -User 'CORP\\svc-tidemark'"), "{command}");
    assert_eq!(of_mailbox(&view, "calendar").state, StepState::Skipped);
}

#[tokio::test]
async fn a_mailbox_that_ews_is_off_for_and_one_that_is_not_there() {
    let view = World::new(Script::of_ews().closed(M1, "http-403")).await.run().await;
    let calendar = of_mailbox(&view, "calendar");
    assert!(calendar.commands[0].contains("Set-CASMailbox -Identity 'm1@tidemark.example'"));
    assert_eq!(of_mailbox(&view, "impersonation").state, StepState::Passed);
    let view = World::new(Script::of_ews().closed(M1, "ErrorNonExistentMailbox")).await.run().await;
    assert!(of_mailbox(&view, "impersonation").commands.is_empty(), "no right is missing");
}

#[tokio::test]
async fn throttling_that_is_met_names_the_policy() {
    let busy = MailboxError {
        disposition: Disposition::RetryAfter(Duration::from_secs(30)),
        ..error("ErrorServerBusy", "Exchange throttles us")
    };
    let world = World::new(Script::of_ews().look(M1, Part::Calendar, Err(busy))).await;
    let view = world.run().await;
    let step = step(&view, "throttling");
    assert_eq!(step.state, StepState::Failed);
    assert!(step.commands.iter().any(|line| line.contains("Set-ThrottlingPolicyAssociation")));
}

#[tokio::test]
async fn e22_the_version_is_shown_kept_and_refused_when_too_old() {
    let world = World::new(Script::of_ews()).await;
    let view = world.run().await;
    assert!(step(&view, "version").seen.contains("Subscription Edition"));
    assert_eq!(world.connection().await.server_version.as_deref(), Some("15.2.2562.17"));
    let old = ServerVersion { major: 14, minor: 3, build: 513, revision: 0 };
    let old = Ok(Seen { version: Some(old), ..Seen::default() });
    world.script(Script::of_ews().look(M1, Part::Calendar, old));
    assert_eq!(step(&world.run().await, "version").state, StepState::Failed);
}

#[tokio::test]
async fn w15_the_form_of_the_account_is_judged() {
    let world = World::new(Script::of_ews()).await;
    for (account, part) in
        [("CORP\\svc", "DOMAIN\\user"), ("svc@corp.example", "user@domain"), ("svc", "without")]
    {
        world
            .change(|row| {
                let Protocol::Ews(access) = &mut row.protocol else { panic!("it speaks EWS") };
                access.account = account.to_owned();
            })
            .await;
        let view = world.run().await;
        assert!(step(&view, "account").seen.contains(part), "{account}");
    }
}

#[tokio::test]
async fn exchange_reaches_us_when_it_has_called() {
    let world = World::new(Script::of_ews()).await;
    let ask = PreflightAsk { try_callback: true, ..PreflightAsk::default() };
    let view = world.ask(ask.clone()).await.unwrap();
    let silent = step(&view, "callback");
    assert_eq!(silent.state, StepState::Skipped);
    assert!(silent.seen.contains("Not proved yet"), "{}", silent.seen);
    let digest = world.stage.subscriptions(&scope(1)).await[0].key_digest.clone();
    let (records, now) = (&world.stage.service.records, world.stage.service.world.now());
    records.note_heard(&digest, Some(now), None).await.unwrap();
    let view = world.ask(ask).await.unwrap();
    assert_eq!(step(&view, "callback").state, StepState::Passed);
    assert_eq!(world.stage.exchange.urls().len(), 1, "one subscription is enough");
}

#[tokio::test]
async fn a_callback_is_not_tried_where_nobody_listens_or_nothing_is_to_call() {
    let mut world = World::new(Script::of_ews()).await;
    let view = world.run().await;
    assert!(step(&view, "callback").seen.contains("nobody listens"));
    assert!(world.stage.exchange.urls().is_empty());
    world.stage.service.options.callback_url = String::new();
    assert_eq!(step(&world.run().await, "callback").state, StepState::Failed);
    let poll = tidemark_store::records::Notifications::Poll;
    world.change(|row| row.notifications = poll).await;
    assert_eq!(step(&world.run().await, "callback").state, StepState::Skipped);
}
