use super::*;

const M1: &str = "m1@tidemark.example";

fn new(addresses: &[&str]) -> NewMailboxes {
    NewMailboxes {
        connection: connection_id().uuid(),
        system: None,
        profile: None,
        mailboxes: addresses.iter().map(|address| one(address, &[])).collect(),
    }
}

fn one(address: &str, aliases: &[&str]) -> NewMailbox {
    NewMailbox {
        address: address.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        time_zone: None,
    }
}

/// Words for what became of each.
fn words(added: &[AddedMailbox]) -> Vec<&'static str> {
    added
        .iter()
        .map(|it| match &it.outcome {
            Addition::Added { .. } => "added",
            Addition::Exists { .. } => "exists",
            Addition::Refused { code, .. } => code,
        })
        .collect()
}

#[tokio::test]
async fn each_of_many_mailboxes_is_answered_by_itself() {
    let stage = stage().await;
    stage.add_mailbox(2).await;
    let mut many = new(&["new@tidemark.example", M1, "nobody", "NEW@tidemark.example"]);
    many.mailboxes.push(one("b@tidemark.example", &["m2@tidemark.example"]));
    many.mailboxes.push(NewMailbox {
        time_zone: Some("Mars/Olympus".to_owned()),
        ..one("c@tidemark.example", &[])
    });
    many.mailboxes.push(one("d@tidemark.example", &["d.d@tidemark.example"]));
    let added = stage.service.add_mailboxes(&admin(), many.clone()).await.unwrap();
    let first = ["added", "exists", "address", "twice", "taken", "time-zone", "added"];
    assert_eq!(words(&added), first);
    let again = stage.service.add_mailboxes(&admin(), many).await.unwrap();
    let second = ["exists", "exists", "address", "twice", "taken", "time-zone", "exists"];
    assert_eq!(words(&again), second);
    for refused in &added {
        if let Addition::Refused { cause, mend, .. } = &refused.outcome {
            assert!(!cause.is_empty() && !mend.is_empty(), "{refused:?}");
        }
    }
    // What was added is synced.
    let view = stage.service.mailbox(&admin(), "d.d@tidemark.example").await.unwrap();
    assert!(view.dirty);
    let actions = noted(&stage).await.into_iter().map(|it| it.action).collect::<Vec<_>>();
    assert_eq!(actions, ["mailbox-added", "mailbox-added"]);
}

#[tokio::test]
async fn a_mailbox_of_another_connection_system_or_organisation_is_refused() {
    let stage = stage().await;
    put_system(&stage, "erp").await;
    let service = &stage.service;
    let other = NewMailboxes { system: Some("erp".to_owned()), ..new(&[M1]) };
    let added = service.add_mailboxes(&admin(), other).await.unwrap();
    assert_eq!(words(&added), ["other-system"]);
    let records = &service.records;
    let connection = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    let id = tidemark_store::records::ConnectionId::new(uuid::Uuid::from_u128(77));
    let second = tidemark_store::records::ConnectionRow {
        id,
        name: "Second".to_owned(),
        ..connection.value
    };
    records.save_connection(&organisation(), &second, None).await.unwrap();
    let there = NewMailboxes { connection: id.uuid(), ..new(&[M1]) };
    let added = service.add_mailboxes(&admin(), there).await.unwrap();
    assert_eq!(words(&added), ["other-connection"]);
    // Another organisation of the installation, with settings of the same names.
    let globex = tidemark_model::OrganisationId::parse("globex").unwrap();
    let found = records.organisation(&organisation()).await.unwrap().unwrap().value;
    let row = tidemark_store::records::OrganisationRow { id: globex.clone(), ..found };
    records.save_organisation(&row, None).await.unwrap();
    records.save_connection(&globex, &second, None).await.unwrap();
    let stranger = Caller { organisation: globex, ..admin() };
    let there = NewMailboxes { connection: id.uuid(), ..new(&[M1, "own@globex.example"]) };
    let added = service.add_mailboxes(&stranger, there).await.unwrap();
    assert_eq!(words(&added), ["other-organisation", "added"]);
    // Nor is it reached by a change of the address.
    let change = MailboxChange { address: Some(M1.to_owned()), ..MailboxChange::default() };
    let answer = service.change_mailbox(&stranger, "own@globex.example", change).await;
    assert!(
        matches!(answer, Err(Refusal::Conflict(text)) if text.contains("another organisation"))
    );
}

#[tokio::test]
async fn what_names_nothing_is_refused_as_a_whole() {
    let stage = stage().await;
    let nothing = NewMailboxes {
        connection: uuid::Uuid::from_u128(4711),
        profile: Some("none".to_owned()),
        ..new(&[])
    };
    let answer = stage.service.add_mailboxes(&admin(), nothing).await;
    assert_eq!(pointers(answer), ["/connection", "/mailboxes", "/profile"]);
}

#[tokio::test]
async fn a_mailbox_keeps_its_identity_when_its_address_changes() {
    let stage = stage().await;
    let service = &stage.service;
    let id = service.mailbox(&admin(), M1).await.unwrap().id;
    let change = MailboxChange {
        address: Some("Married@tidemark.example".to_owned()),
        aliases: Some(vec![M1.to_owned()]),
        ..MailboxChange::default()
    };
    let view = service.change_mailbox(&admin(), M1, change).await.unwrap();
    assert_eq!((&view.id, view.address.as_str()), (&id, "married@tidemark.example"));
    for name in ["married@tidemark.example", M1, &id] {
        assert_eq!(service.mailbox(&admin(), name).await.unwrap().id, id);
    }
    let entry = noted(&stage).await.remove(0);
    assert_eq!(entry.action, "mailbox-changed");
    assert_eq!(entry.before.unwrap()["address"], M1);
    assert_eq!(entry.after.unwrap()["address"], "married@tidemark.example");
    // The old address is free once it is no alias either.
    let change = MailboxChange { aliases: Some(Vec::new()), ..MailboxChange::default() };
    service.change_mailbox(&admin(), &id, change).await.unwrap();
    let gone = service.mailbox(&admin(), M1).await;
    assert_eq!(gone, Err(Refusal::NotFound { what: "mailbox" }));
}

#[tokio::test]
async fn an_address_is_taken_once() {
    let stage = stage().await;
    stage.add_mailbox(2).await;
    let change = MailboxChange { address: Some(M1.to_owned()), ..MailboxChange::default() };
    let answer = stage.service.change_mailbox(&admin(), "m2@tidemark.example", change).await;
    assert!(
        matches!(answer, Err(Refusal::Conflict(text)) if text.contains(&scope(1).mailbox.to_string()))
    );
    let wrong = MailboxChange {
        address: Some("nobody".to_owned()),
        aliases: Some(vec!["a@b.example".to_owned(), "x".to_owned()]),
        time_zone: Some(Some("Mars/Olympus".to_owned())),
        profile: Some(Some("none".to_owned())),
        enabled: None,
    };
    let answer = stage.service.change_mailbox(&admin(), M1, wrong).await;
    assert_eq!(pointers(answer), ["/address", "/aliases/1", "/timeZone", "/profile"]);
}

#[tokio::test]
async fn a_removed_mailbox_is_gone_with_its_subscription() {
    let stage = stage().await;
    let service = &stage.service;
    service.renew_mailbox(&scope(1)).await.unwrap();
    let key = stage.exchange.last_key();
    service.remove_mailbox(&admin(), M1).await.unwrap();
    assert_eq!(service.mailbox(&admin(), M1).await, Err(Refusal::NotFound { what: "mailbox" }));
    assert!(service.records.subscription(&key).await.unwrap().unwrap().value.retired);
    let entry = noted(&stage).await.remove(0);
    assert_eq!((entry.action.as_str(), entry.after), ("mailbox-removed", None));
    // Its address is free, and what is added is another mailbox.
    let added = service.add_mailboxes(&admin(), new(&[M1])).await.unwrap();
    assert_eq!(words(&added), ["added"]);
    assert_ne!(service.mailbox(&admin(), M1).await.unwrap().id, scope(1).mailbox.to_string());
}

#[tokio::test]
async fn nothing_is_changed_that_is_not_noted() {
    let stage = stage().await;
    stage.fail(|operation| format!("{operation:?}").contains("V#"));
    let change = MailboxChange { enabled: Some(false), ..MailboxChange::default() };
    let answer = stage.service.change_mailbox(&admin(), M1, change).await;
    assert_eq!(answer, Err(Refusal::Unavailable));
    stage.mend();
    assert!(stage.mailbox(&scope(1)).await.enabled);
}
