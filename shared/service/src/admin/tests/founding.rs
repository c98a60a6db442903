use tidemark_model::OrganisationId;

use super::*;
use crate::admin::{Founded, Founding, FoundingError};

const NAME: &str = "founding-key";
const FIRST: &str = "first-key-of-at-least-32-characters";
const SECOND: &str = "second-key-of-at-least-32-characters";

fn main_organisation() -> OrganisationId {
    OrganisationId::parse("main").unwrap()
}

async fn found(stage: &Stage) -> Result<Founded, FoundingError> {
    let organisation = main_organisation();
    let secrets = &stage.secrets;
    stage.service.found(Founding { organisation: &organisation, secrets, secret_name: NAME }).await
}

#[tokio::test]
async fn an_organisation_is_founded_once_and_its_key_administers() {
    let stage = stage().await;
    assert!(matches!(found(&stage).await, Err(FoundingError::NoSecret)));
    stage.put_secret(NAME, FIRST).await;
    assert_eq!(found(&stage).await.unwrap(), Founded::Now);
    assert_eq!(found(&stage).await.unwrap(), Founded::Before);
    let caller = stage.service.authenticate(FIRST).await.unwrap();
    assert_eq!(caller.organisation, main_organisation());
    assert_eq!((caller.role, &caller.system), (Role::Administrator, &None));
    assert_eq!(stage.service.organisation(&caller).await.unwrap().name, "main");
    let noted = stage.service.activity(&caller, None, 10).await.unwrap().entries;
    assert_eq!(noted.len(), 2);
    assert!(noted.iter().all(|entry| entry.by == "founding"));
}

#[tokio::test]
async fn another_secret_is_another_key_and_ends_the_one_before() {
    let stage = stage().await;
    stage.put_secret(NAME, FIRST).await;
    found(&stage).await.unwrap();
    stage.put_secret(NAME, SECOND).await;
    assert_eq!(found(&stage).await.unwrap(), Founded::Now);
    assert_eq!(stage.service.authenticate(FIRST).await, Err(Refusal::Unauthenticated));
    let caller = stage.service.authenticate(SECOND).await.unwrap();
    let keys = stage.service.keys(&caller).await.unwrap();
    assert_eq!(keys.len(), 1);
    let answer = stage.service.revoke_key(&caller, keys[0].id).await;
    assert!(matches!(answer, Err(Refusal::Conflict(text)) if text.contains("secret")));
}

#[tokio::test]
async fn several_processes_found_at_once() {
    let stage = stage().await;
    stage.put_secret(NAME, FIRST).await;
    let (one, two, three) = tokio::join!(found(&stage), found(&stage), found(&stage));
    for founded in [one, two, three] {
        founded.unwrap();
    }
    let caller = stage.service.authenticate(FIRST).await.unwrap();
    assert_eq!(stage.service.keys(&caller).await.unwrap().len(), 1);
    assert_eq!(stage.service.activity(&caller, None, 10).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let stage = stage().await;
    for bad in ["short", "a key with spaces that is long enough", ""] {
        stage.put_secret(NAME, bad).await;
        assert!(matches!(found(&stage).await, Err(FoundingError::Form)), "{bad}");
    }
    assert_eq!(stage.service.records.organisation(&main_organisation()).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_of_somebody_else_founds_nothing() {
    let stage = stage().await;
    let (_, secret) = stage
        .service
        .issue_key(
            &admin(),
            NewKey {
                label: "x".to_owned(),
                roles: [Role::Operator].into(),
                system: None,
                expires: None,
            },
        )
        .await
        .unwrap();
    stage.put_secret(NAME, secrecy::ExposeSecret::expose_secret(&secret)).await;
    assert!(matches!(found(&stage).await, Err(FoundingError::InUse)));
}
