use secrecy::ExposeSecret as _;

use super::*;

fn new_key(roles: &[Role], system: Option<&str>) -> NewKey {
    NewKey {
        label: "a key".to_owned(),
        roles: roles.iter().copied().collect(),
        system: system.map(str::to_owned),
        expires: None,
    }
}

#[tokio::test]
async fn a_key_is_valid_until_it_is_ended_and_its_secret_is_kept_nowhere() {
    let stage = stage().await;
    let service = &stage.service;
    let (view, secret) =
        service.issue_key(&admin(), new_key(&[Role::Integrator], Some("crm"))).await.unwrap();
    let caller = service.authenticate(secret.expose_secret()).await.unwrap();
    assert_eq!((caller.role, caller.system), (Role::Integrator, Some(system())));
    assert_eq!(caller.key_id, view.id.to_string());
    let kept = format!("{:?}{:?}", noted(&stage).await, service.keys(&admin()).await);
    assert!(!kept.contains(secret.expose_secret()));
    let entry = noted(&stage).await.remove(0);
    assert!(!entry.after.unwrap().to_string().contains(secret.expose_secret()));
    service.revoke_key(&admin(), view.id).await.unwrap();
    let ended = service.authenticate(secret.expose_secret()).await;
    assert_eq!(ended, Err(Refusal::Unauthenticated));
    let again = service.revoke_key(&admin(), view.id).await;
    assert_eq!(again, Err(Refusal::NotFound { what: "key" }));
}

#[tokio::test]
async fn the_last_key_of_an_administrator_stays() {
    let stage = stage().await;
    let service = &stage.service;
    let new = || new_key(&[Role::Administrator], None);
    let (first, _) = service.issue_key(&admin(), new()).await.unwrap();
    let last = service.revoke_key(&admin(), first.id).await;
    assert!(matches!(last, Err(Refusal::Conflict(_))));
    // One that ends in a minute is a key until then, and none afterwards.
    let soon = service.world.now() + jiff::SignedDuration::from_mins(1);
    let timed = NewKey { expires: Some(soon), ..new() };
    service.issue_key(&admin(), timed).await.unwrap();
    stage.clock.advance(jiff::SignedDuration::from_mins(1));
    let last = service.revoke_key(&admin(), first.id).await;
    assert!(matches!(last, Err(Refusal::Conflict(_))));
    service.issue_key(&admin(), new()).await.unwrap();
    service.revoke_key(&admin(), first.id).await.unwrap();
}

#[tokio::test]
async fn a_key_for_items_needs_a_system() {
    let stage = stage().await;
    put_system(&stage, "erp").await;
    let service = &stage.service;
    let nobody = Caller { system: None, ..admin() };
    let answer = service.issue_key(&nobody, new_key(&[Role::Integrator], None)).await;
    assert_eq!(pointers(answer.map(|_| ())), ["/system"]);
    let answer = service.issue_key(&nobody, new_key(&[Role::Integrator], Some("none"))).await;
    assert_eq!(pointers(answer.map(|_| ())), ["/system"]);
    let answer = service.issue_key(&nobody, new_key(&[], None)).await;
    assert_eq!(pointers(answer.map(|_| ())), ["/roles"]);
}

#[tokio::test]
async fn an_administrators_key_without_a_system_administers_and_is_told_which_key_reads_items() {
    let stage = stage().await;
    put_system(&stage, "erp").await;
    let service = &stage.service;
    let (_, secret) =
        service.issue_key(&admin(), new_key(&[Role::Administrator], None)).await.unwrap();
    let caller = service.authenticate(secret.expose_secret()).await.unwrap();
    assert_eq!(caller.system, None);
    assert_eq!(service.systems(&caller).await.unwrap().len(), 2);
    assert_eq!(service.mailboxes(&caller, None, 10).await.unwrap().entries.len(), 1);
    let kind = tidemark_model::Kind::Appointment;
    let items = service.items(&caller, "m1@tidemark.example", kind, None, 10).await;
    assert_eq!(items.err(), Some(Refusal::NoSystem));
    let feed = service.changes(&caller, None, 10, core::time::Duration::ZERO).await;
    assert_eq!(feed.err(), Some(Refusal::NoSystem));
    assert_eq!(service.webhooks(&caller).await.err(), Some(Refusal::NoSystem));
    assert!(Refusal::NoSystem.to_string().contains("POST /v1/keys"));
}
