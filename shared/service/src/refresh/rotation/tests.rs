use std::sync::Mutex;

use secrecy::ExposeSecret as _;
use tidemark_identity::ListedCredential;
use tidemark_store::records::{Cloud, GraphCredential};

use super::*;
use crate::testing::{Stage, connection_id, organisation};

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:1:secret:tidemark/graph-AbCdEf";
const NAME_OF_SECRET: &str = "graph";

/// Secrets Manager as far as a rotation sees it.
#[derive(Default)]
struct Vault {
    facts: Mutex<SecretFacts>,
    values: Mutex<BTreeMap<String, SecretString>>,
    /// Whether the next value is lost on the way.
    lose: Mutex<bool>,
}

impl Vault {
    /// What RotateSecret does before the first step: an empty version under the label.
    fn begin(&self, version: &str) {
        let mut facts = self.facts.lock().unwrap();
        for labels in facts.versions.values_mut() {
            labels.remove(PENDING);
        }
        facts.versions.entry(version.to_owned()).or_default().insert(PENDING.to_owned());
    }

    fn current(&self) -> String {
        self.facts.lock().unwrap().labelled(CURRENT).unwrap().to_owned()
    }

    fn text(&self, version: &str) -> Option<String> {
        let values = self.values.lock().unwrap();
        values.get(version).map(|value| value.expose_secret().to_owned())
    }
}

#[async_trait]
impl SecretVersions for Vault {
    async fn facts(&self, secret: &str) -> Result<Option<SecretFacts>, StoreError> {
        Ok((secret == SECRET).then(|| self.facts.lock().unwrap().clone()))
    }

    async fn value(&self, _: &str, version: &str) -> Result<Option<SecretString>, StoreError> {
        Ok(self.values.lock().unwrap().get(version).cloned())
    }

    async fn put_pending(
        &self,
        _: &str,
        version: &str,
        value: SecretString,
    ) -> Result<(), StoreError> {
        if core::mem::take(&mut *self.lose.lock().unwrap()) {
            return Err(StoreError::Throttled);
        }
        let before = self.values.lock().unwrap().insert(version.to_owned(), value);
        assert!(before.is_none(), "a version's value does not change");
        Ok(())
    }

    async fn make_current(
        &self,
        _: &str,
        version: &str,
        from: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut facts = self.facts.lock().unwrap();
        for labels in facts.versions.values_mut() {
            labels.remove(PREVIOUS);
        }
        if let Some(from) = from.and_then(|from| facts.versions.get_mut(from)) {
            assert!(from.remove(CURRENT));
            from.insert(PREVIOUS.to_owned());
        }
        let labels = facts.versions.get_mut(version).unwrap();
        labels.insert(CURRENT.to_owned());
        labels.remove(PENDING);
        Ok(())
    }
}

/// Entra: what the app registration knows is accepted.
#[derive(Default)]
struct FakeEntra {
    passwords: Mutex<Vec<(String, String)>>,
    keys: Mutex<Vec<(String, String)>>,
    made: Mutex<u32>,
    forbidden: Mutex<bool>,
}

impl FakeEntra {
    fn names(list: &Mutex<Vec<(String, String)>>) -> Vec<String> {
        list.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    fn list(list: &Mutex<Vec<(String, String)>>) -> Vec<ListedCredential> {
        let list = list.lock().unwrap();
        list.iter()
            .map(|(name, value)| ListedCredential { id: value.clone(), name: Some(name.clone()) })
            .collect()
    }

    fn is_permitted(&self) -> Result<(), CredentialsError> {
        if *self.forbidden.lock().unwrap() { Err(CredentialsError::NotPermitted) } else { Ok(()) }
    }
}

/// Handles of the same Entra.
#[derive(Clone, Default)]
struct Handle(Arc<FakeEntra>);

#[async_trait]
impl ApplicationCredentials for Handle {
    async fn add_password(
        &self,
        name: &str,
        _: Timestamp,
    ) -> Result<SecretString, CredentialsError> {
        self.0.is_permitted()?;
        let mut made = self.0.made.lock().unwrap();
        *made += 1;
        let text = format!("made-{made}");
        self.0.passwords.lock().unwrap().push((name.to_owned(), text.clone()));
        Ok(SecretString::from(text))
    }

    async fn passwords(&self) -> Result<Vec<ListedCredential>, CredentialsError> {
        self.0.is_permitted()?;
        Ok(FakeEntra::list(&self.0.passwords))
    }

    async fn remove_password(&self, id: &str) -> Result<(), CredentialsError> {
        self.0.passwords.lock().unwrap().retain(|(_, value)| value != id);
        Ok(())
    }

    async fn add_key(
        &self,
        name: &str,
        certificate: &CertificateKey,
        present: &CertificateKey,
    ) -> Result<(), CredentialsError> {
        let mut keys = self.0.keys.lock().unwrap();
        assert!(keys.iter().any(|(_, key)| key == present.thumbprint()), "a proof of a known key");
        keys.push((name.to_owned(), certificate.thumbprint().to_owned()));
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<ListedCredential>, CredentialsError> {
        self.0.is_permitted()?;
        Ok(FakeEntra::list(&self.0.keys))
    }

    async fn remove_key(&self, id: &str, _: &CertificateKey) -> Result<(), CredentialsError> {
        self.0.keys.lock().unwrap().retain(|(_, key)| key != id);
        Ok(())
    }
}

#[async_trait]
impl Authority for Handle {
    fn application(
        &self,
        _: &OrganisationId,
        _: &ConnectionRow,
    ) -> Result<Arc<dyn ApplicationCredentials>, TokenError> {
        Ok(Arc::new(self.clone()))
    }

    async fn try_credential(
        &self,
        _: &ConnectionRow,
        credential: ClientCredential,
    ) -> Result<(), TokenError> {
        let knows = |list: &Mutex<Vec<(String, String)>>, proof: &str| {
            list.lock().unwrap().iter().any(|(_, known)| known == proof)
        };
        let is_known = match &credential {
            ClientCredential::Secret(secret) => knows(&self.0.passwords, secret.expose_secret()),
            ClientCredential::Certificate(key) => knows(&self.0.keys, key.thumbprint()),
            ClientCredential::Federated(_) => false,
        };
        let refused = TokenError::Refused { code: "AADSTS7000215".to_owned(), text: String::new() };
        if is_known { Ok(()) } else { Err(refused) }
    }
}

struct Desk {
    vault: Arc<Vault>,
    entra: Handle,
    rotation: Rotation,
}

impl Desk {
    /// A desk whose connection has this credential, the value being known to Entra as entered by
    /// hand.
    async fn new(kind: CredentialKind, value: SecretString) -> Self {
        let stage = Stage::new().await;
        let records = Arc::clone(&stage.service.records);
        let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
        let access = GraphAccess {
            tenant: "contoso.example".to_owned(),
            client: "00000000-0000-4000-8000-000000000002".to_owned(),
            cloud: Cloud::Global,
            credentials: vec![GraphCredential {
                kind: kind.clone(),
                expires_at: None,
                made_at: None,
            }],
            application_object: Some("00000000-0000-4000-8000-0000000000aa".to_owned()),
            renews: false,
            rich_notifications: false,
        };
        let row = ConnectionRow { protocol: Protocol::Graph(access), ..found.value };
        records.save_connection(&organisation(), &row, Some(found.revision)).await.unwrap();

        let entra = Handle::default();
        let by_hand = "by hand".to_owned();
        if matches!(kind, CredentialKind::Secret { .. }) {
            let text = value.expose_secret().to_owned();
            entra.0.passwords.lock().unwrap().push((by_hand, text));
        } else {
            let key = CertificateKey::from_pem(&value).unwrap();
            entra.0.keys.lock().unwrap().push((by_hand, key.thumbprint().to_owned()));
        }
        let vault = Arc::new(Vault::default());
        *vault.facts.lock().unwrap() = SecretFacts {
            name: NAME_OF_SECRET.to_owned(),
            rotated: true,
            versions: BTreeMap::from([("v0".to_owned(), BTreeSet::from([CURRENT.to_owned()]))]),
        };
        vault.values.lock().unwrap().insert("v0".to_owned(), value);
        let versions: Arc<dyn SecretVersions> = vault.clone();
        let rotation = Rotation {
            records,
            versions,
            authority: Arc::new(entra.clone()),
            world: stage.service.world.clone(),
        };
        Self { vault, entra, rotation }
    }

    async fn of_secret() -> Self {
        let kind = CredentialKind::Secret { secret_name: NAME_OF_SECRET.to_owned() };
        Self::new(kind, SecretString::from("old")).await
    }

    async fn of_certificate() -> Self {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let pem = make_application_certificate("By hand", now, LIFE).unwrap();
        let kind = CredentialKind::Certificate { secret_name: NAME_OF_SECRET.to_owned() };
        Self::new(kind, pem).await
    }

    async fn step(&self, version: &str, step: Step) -> Result<(), RotationError> {
        self.rotation.step(SECRET, version, step).await
    }

    async fn rotate(&self, version: &str) {
        self.vault.begin(version);
        for step in STEPS {
            self.step(version, step).await.unwrap();
        }
        assert_eq!(self.vault.current(), version);
    }
}

const STEPS: [Step; 4] = [Step::Create, Step::Set, Step::Test, Step::Finish];

#[tokio::test]
async fn a_secret_is_replaced_and_two_overlap() {
    let desk = Desk::of_secret().await;
    desk.rotate("v1").await;
    assert_eq!(desk.vault.text("v1").as_deref(), Some("made-1"));
    assert_eq!(FakeEntra::names(&desk.entra.0.passwords), ["by hand", "Tidemark v1"]);
    desk.rotate("v2").await;
    let names = FakeEntra::names(&desk.entra.0.passwords);
    assert_eq!(names, ["by hand", "Tidemark v1", "Tidemark v2"]);
    desk.rotate("v3").await;
    // What people entered stays theirs; of ours the current and the previous one remain.
    let names = FakeEntra::names(&desk.entra.0.passwords);
    assert_eq!(names, ["by hand", "Tidemark v2", "Tidemark v3"]);
    let records = &desk.rotation.records;
    let row = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
    let ends = row.value.graph().unwrap().credentials[0].expires_at.unwrap();
    assert_eq!(ends.duration_since(desk.rotation.world.now()), LIFE);
}

#[tokio::test]
async fn a_certificate_is_replaced_with_a_proof_of_the_one_before() {
    let desk = Desk::of_certificate().await;
    for version in ["v1", "v2", "v3"] {
        desk.rotate(version).await;
    }
    let names = FakeEntra::names(&desk.entra.0.keys);
    assert_eq!(names, ["by hand", "Tidemark v2", "Tidemark v3"]);
}

#[tokio::test]
async fn every_step_may_come_twice() {
    for desk in [Desk::of_secret().await, Desk::of_certificate().await] {
        desk.vault.begin("v1");
        for step in STEPS {
            for _ in 0..2 {
                desk.step("v1", step).await.unwrap();
            }
        }
        // And again from the beginning, after the end.
        for step in STEPS {
            desk.step("v1", step).await.unwrap();
        }
        assert_eq!(desk.vault.current(), "v1");
        let known = FakeEntra::names(&desk.entra.0.passwords).len()
            + FakeEntra::names(&desk.entra.0.keys).len();
        assert_eq!(known, 2, "one by hand and one of ours");
    }
}

#[tokio::test]
async fn steps_out_of_order_change_nothing() {
    for desk in [Desk::of_secret().await, Desk::of_certificate().await] {
        desk.vault.begin("v1");
        for step in [Step::Set, Step::Test, Step::Finish] {
            let error = desk.step("v1", step).await.unwrap_err();
            assert!(matches!(error, RotationError::NotDue(_)), "{step:?}: {error}");
        }
        assert_eq!(desk.vault.current(), "v0");
    }
    // A certificate that Entra has not been told of does not become the current one.
    let desk = Desk::of_certificate().await;
    desk.vault.begin("v1");
    desk.step("v1", Step::Create).await.unwrap();
    for step in [Step::Test, Step::Finish] {
        let error = desk.step("v1", step).await.unwrap_err();
        assert!(matches!(error, RotationError::Token(_)), "{step:?}: {error}");
    }
    assert_eq!(desk.vault.current(), "v0");
}

#[tokio::test]
async fn a_secret_whose_text_was_lost_is_removed_and_made_again() {
    let desk = Desk::of_secret().await;
    desk.vault.begin("v1");
    *desk.vault.lose.lock().unwrap() = true;
    assert!(matches!(desk.step("v1", Step::Create).await, Err(RotationError::Store(_))));
    for step in STEPS {
        desk.step("v1", step).await.unwrap();
    }
    assert_eq!(desk.vault.text("v1").as_deref(), Some("made-2"));
    assert_eq!(FakeEntra::names(&desk.entra.0.passwords), ["by hand", "Tidemark v1"]);
}

#[tokio::test]
async fn what_an_administrator_has_to_grant_is_said() {
    let desk = Desk::of_secret().await;
    *desk.entra.0.forbidden.lock().unwrap() = true;
    desk.vault.begin("v1");
    let error = desk.step("v1", Step::Create).await.unwrap_err();
    assert!(error.to_string().contains("Application.ReadWrite.OwnedBy"), "{error}");
    // A certificate needs no such permission; only the tidying is left out.
    let desk = Desk::of_certificate().await;
    *desk.entra.0.forbidden.lock().unwrap() = true;
    desk.rotate("v1").await;
}

#[tokio::test]
async fn events_that_fit_nothing_are_refused() {
    let desk = Desk::of_secret().await;
    desk.vault.begin("v1");
    let refused = |result: Result<(), RotationError>| {
        assert!(matches!(result, Err(RotationError::NotDue(_))));
    };
    refused(desk.step("v9", Step::Create).await);
    refused(desk.rotation.step("another", "v1", Step::Create).await);
    desk.vault.begin("v2");
    refused(desk.step("v1", Step::Create).await);
    desk.vault.facts.lock().unwrap().name = "other".to_owned();
    assert!(matches!(desk.step("v2", Step::Create).await, Err(RotationError::Unused)));
    desk.vault.facts.lock().unwrap().rotated = false;
    refused(desk.step("v2", Step::Create).await);
}
