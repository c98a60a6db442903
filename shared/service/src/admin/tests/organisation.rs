use super::*;

#[tokio::test]
async fn an_organisation_is_switched_off_and_keeps_its_settings() {
    let stage = stage().await;
    let service = &stage.service;
    let lists = OrganisationChange {
        domains: Some(vec![" Tidemark.Example ".to_owned()]),
        allowed_networks: Some(vec!["10.1.0.0/16".to_owned()]),
        ..OrganisationChange::default()
    };
    service.change_organisation(&admin(), lists).await.unwrap();
    let off = OrganisationChange { enabled: Some(false), ..OrganisationChange::default() };
    let view = service.change_organisation(&admin(), off.clone()).await.unwrap();
    assert!(!view.enabled);
    assert_eq!(view.domains, ["tidemark.example"]);
    assert_eq!(view.allowed_networks, ["10.1.0.0/16"]);
    // The same again is no change.
    service.change_organisation(&admin(), off).await.unwrap();
    let actions: Vec<String> = noted(&stage).await.into_iter().map(|it| it.action).collect();
    assert_eq!(actions, ["organisation-switched-off", "organisation-changed"]);
}

#[tokio::test]
async fn w13_the_addresses_that_exchange_is_called_from_are_shown() {
    let mut stage = stage().await;
    assert!(stage.service.organisation(&admin()).await.unwrap().egress_addresses.is_empty());
    stage.service.options.egress_addresses = vec![[203, 0, 113, 7].into()];
    let view = stage.service.organisation(&admin()).await.unwrap();
    assert_eq!(view.egress_addresses, stage.service.options.egress_addresses);
}

#[tokio::test]
async fn while_it_is_off_nothing_is_subscribed_or_taken() {
    let stage = stage().await;
    let service = &stage.service;
    let switch = |on| OrganisationChange { enabled: Some(on), ..OrganisationChange::default() };
    service.change_organisation(&admin(), switch(false)).await.unwrap();
    service.minute().await;
    assert!(stage.exchange.urls().is_empty());
    let answer = service.sync_now(&admin(), "m1@tidemark.example").await;
    assert!(matches!(answer, Err(Refusal::Conflict(text)) if text.contains("/v1/organisation")));
    service.change_organisation(&admin(), switch(true)).await.unwrap();
    service.minute().await;
    assert_eq!(stage.exchange.urls().len(), 1);
    service.sync_now(&admin(), "m1@tidemark.example").await.unwrap();
}

#[tokio::test]
async fn every_wrong_place_is_named() {
    let stage = stage().await;
    let change = OrganisationChange {
        name: Some(" ".to_owned()),
        domains: Some(vec!["ok.example".to_owned(), "not a domain".to_owned()]),
        allowed_networks: Some(vec!["10.0.0.0/99".to_owned()]),
        enabled: None,
        cap_cents_per_month: Some(Some("2,5".to_owned())),
    };
    let answer = stage.service.change_organisation(&admin(), change).await;
    assert_eq!(
        pointers(answer),
        ["/name", "/domains/1", "/allowedNetworks/0", "/capCentsPerMonth"]
    );
    assert!(noted(&stage).await.is_empty());
}

#[tokio::test]
async fn a_cap_is_set_noted_kept_and_taken_away() {
    let stage = stage().await;
    let service = &stage.service;
    let cap = |cap: Option<&str>| OrganisationChange {
        cap_cents_per_month: Some(cap.map(str::to_owned)),
        ..OrganisationChange::default()
    };
    service.change_organisation(&admin(), cap(Some("2.5"))).await.unwrap();
    let name = Some("Another".to_owned());
    let renamed = OrganisationChange { name, ..OrganisationChange::default() };
    let view = service.change_organisation(&admin(), renamed).await.unwrap();
    assert_eq!(view.cap_cents_per_month.as_deref(), Some("2.5"));
    for wrong in ["0", "2,5", "2.12345", "100001", "a cent"] {
        let answer = service.change_organisation(&admin(), cap(Some(wrong))).await;
        let Err(Refusal::Invalid(problems)) = answer else { panic!("{wrong}: {answer:?}") };
        assert_eq!(problems[0].pointer, "/capCentsPerMonth");
        assert!(problems[0].mend.contains("\"2.5\""), "{}", problems[0].mend);
    }
    stage.clock.advance(jiff::SignedDuration::from_secs(1));
    let view = service.change_organisation(&admin(), cap(None)).await.unwrap();
    assert_eq!(view.cap_cents_per_month, None);
    let entry = noted(&stage).await.remove(0);
    assert_eq!((entry.by.as_str(), entry.action.as_str()), ("desk", "organisation-changed"));
    assert_eq!(entry.before.unwrap()["capCentsPerMonth"], "2.5");
    assert!(entry.after.unwrap()["capCentsPerMonth"].is_null());
}

#[tokio::test]
async fn systems_have_ids_of_their_own() {
    let stage = stage().await;
    let service = &stage.service;
    service.create_system(&admin(), "erp", "ERP").await.unwrap();
    let again = service.create_system(&admin(), "erp", "Another").await;
    assert!(matches!(again, Err(Refusal::Conflict(_))));
    assert_eq!(pointers(service.create_system(&admin(), "C R M", "").await), ["/name", "/id"]);
    let view = service.change_system(&admin(), "erp", "Customers").await.unwrap();
    assert_eq!(view.name, "Customers");
    let entry = noted(&stage).await.remove(0);
    assert_eq!((entry.by.as_str(), entry.action.as_str()), ("desk", "system-changed"));
    assert_eq!(entry.subject, "system/erp");
    assert_eq!(entry.before.unwrap()["name"], "ERP");
    assert_eq!(entry.after.unwrap()["name"], "Customers");
    let unknown = service.change_system(&admin(), "none", "x").await;
    assert_eq!(unknown, Err(Refusal::NotFound { what: "business system" }));
}

#[tokio::test]
async fn only_administrators_administer() {
    let stage = stage().await;
    let service = &stage.service;
    let no = Refusal::Forbidden(Role::Administrator);
    for caller in others() {
        assert_eq!(service.organisation(&caller).await, Err(no.clone()));
        assert_eq!(service.systems(&caller).await, Err(no.clone()));
        assert_eq!(service.keys(&caller).await, Err(no.clone()));
        assert_eq!(service.activity(&caller, None, 1).await, Err(no.clone()));
        assert_eq!(service.remove_mailbox(&caller, "m1@tidemark.example").await, Err(no.clone()));
        let change = OrganisationChange::default();
        assert_eq!(service.change_organisation(&caller, change).await, Err(no.clone()));
    }
}

#[tokio::test]
async fn activity_is_read_by_page() {
    let stage = stage().await;
    let service = &stage.service;
    for id in ["a", "b", "c"] {
        stage.clock.advance(jiff::SignedDuration::from_secs(1));
        service.create_system(&admin(), id, id).await.unwrap();
    }
    let first = service.activity(&admin(), None, 2).await.unwrap();
    let subjects = |page: &Listing<ActivityView>| -> Vec<String> {
        page.entries.iter().map(|entry| entry.subject.clone()).collect()
    };
    assert_eq!(subjects(&first), ["system/c", "system/b"]);
    let rest = service.activity(&admin(), first.next.as_deref(), 2).await.unwrap();
    assert_eq!(subjects(&rest), ["system/a"]);
    let bad = service.activity(&admin(), Some("E#1"), 2).await;
    assert_eq!(bad, Err(Refusal::InvalidCursor { parameter: "after" }));
}
