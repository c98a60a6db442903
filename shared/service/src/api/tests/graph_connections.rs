//! Connections over Graph: made, changed, and never showing what is secret.

use secrecy::{ExposeSecret as _, SecretString};
use tidemark_identity::{CertificateKey, make_application_certificate};
use tidemark_store::Secrets as _;
use tidemark_store::records::{Cloud, ConnectionId, ConnectionRow};

use super::*;
use crate::border::{CredentialSettings, GraphChange, GraphSettings};

const TENANT: &str = "00000000-0000-4000-8000-000000000001";
const CLIENT: &str = "00000000-0000-4000-8000-000000000002";
const OBJECT: &str = "00000000-0000-4000-8000-00000000000b";

fn admin() -> Caller {
    caller(Role::Administrator)
}

fn secret(text: &str) -> CredentialSettings {
    CredentialSettings { secret: Some(SecretString::from(text)), ..CredentialSettings::default() }
}

fn made() -> CredentialSettings {
    CredentialSettings { make_certificate: true, ..CredentialSettings::default() }
}

fn settings(credential: CredentialSettings) -> GraphSettings {
    GraphSettings {
        tenant: "Contoso.onmicrosoft.com ".to_owned(),
        client: CLIENT.to_uppercase(),
        cloud: Cloud::Global,
        credential,
        second_credential: None,
        application_object: None,
        renew_credentials: None,
        rich_notifications: true,
    }
}

fn new(settings: GraphSettings) -> NewConnection {
    NewConnection {
        name: "Exchange Online".to_owned(),
        access: NewAccess::Graph(Box::new(settings)),
        extra_ca: None,
        notifications: NotificationMode::Push,
    }
}

async fn make(stage: &Stage, credential: CredentialSettings) -> Uuid {
    stage.service.create_connection(&admin(), new(settings(credential))).await.unwrap().id
}

async fn change(stage: &Stage, id: Uuid, graph: GraphChange) -> Result<ConnectionView, Refusal> {
    let change = ConnectionChange { graph: Some(graph), ..ConnectionChange::default() };
    stage.service.change_connection(&admin(), id, change).await
}

async fn row(stage: &Stage, id: Uuid) -> ConnectionRow {
    let records = &stage.service.records;
    records.connection(&organisation(), ConnectionId::new(id)).await.unwrap().unwrap().value
}

/// The values of the credentials, in their order.
async fn values(stage: &Stage, id: Uuid) -> Vec<String> {
    let mut values = Vec::new();
    for credential in &row(stage, id).await.graph().unwrap().credentials {
        let value = stage.secrets.get(credential.secret_name().unwrap()).await.unwrap().unwrap();
        values.push(value.expose_secret().to_owned());
    }
    values
}

#[tokio::test]
async fn w12_a_made_certificate_shows_its_public_part_and_nothing_else() {
    let stage = Stage::new().await;
    let id = make(&stage, made()).await;
    let view = stage.service.connection(&admin(), id).await.unwrap();
    let graph = view.graph.unwrap();
    assert_eq!((view.protocol, graph.tenant.as_str()), ("graph", "contoso.onmicrosoft.com"));
    assert_eq!((graph.client.as_str(), graph.rich_notifications), (CLIENT, true));
    let [shown] = &stage.service.connection_credentials(&admin(), id).await.unwrap()[..] else {
        panic!("one credential")
    };
    let kept = values(&stage, id).await.remove(0);
    let key = CertificateKey::from_pem(&SecretString::from(kept.as_str())).unwrap();
    assert_eq!(shown.credential.ends, Some(key.not_after().to_string()));
    assert!(shown.credential.made);
    let pem = shown.pem.as_deref().unwrap();
    assert!(kept.replace('\r', "").contains(pem), "the certificate as it is kept");
    assert!(!pem.contains("PRIVATE"));
    assert!(shown.certificate.as_ref().unwrap().subject.contains("Tidemark"));
    let operator = stage.service.connection_credentials(&caller(Role::Operator), id).await;
    assert_eq!(operator, Err(Refusal::Forbidden(Role::Administrator)));
}

#[tokio::test]
async fn w12_bad_settings_name_the_field_and_the_mend() {
    let stage = Stage::new().await;
    let now = stage.service.world.now();
    let year = SignedDuration::from_hours(24 * 365);
    let pem = make_application_certificate("Test", now - year * 2, year).unwrap();
    let other = make_application_certificate("Test", now, year).unwrap();
    let cut = |text: &SecretString, what: &str| {
        let begin = format!("-----BEGIN {what}");
        let text = text.expose_secret();
        let from = &text[text.find(&begin).unwrap()..];
        let end = from.find("-----END ").unwrap() + from[from.find("-----END ").unwrap()..].len();
        let end =
            from[..end].match_indices("-----").nth(3).map_or(end, |(at, dashes)| at + dashes.len());
        SecretString::from(&from[..end])
    };
    let mismatched = CredentialSettings {
        certificate: Some(cut(&other, "CERTIFICATE")),
        key: Some(cut(&pem, "PRIVATE KEY")),
        ..CredentialSettings::default()
    };
    let expired = CredentialSettings { certificate: Some(pem), ..CredentialSettings::default() };
    let keyless = CredentialSettings {
        certificate: Some(cut(&other, "CERTIFICATE")),
        ..CredentialSettings::default()
    };
    let ended = CredentialSettings { secret_ends: Some(now), ..secret("s3cret~") };
    let federated = CredentialSettings { aws_federation: true, ..CredentialSettings::default() };
    let cases = [
        (mismatched, "key", "made for"),
        (expired, "certificate", "ended on"),
        (keyless, "certificate", "passphrase"),
        (ended, "secretEnds", "new secret"),
        (secret(OBJECT), "secret", "the secret's id"),
        (secret("abcdefghijklmnop"), "secret", "App passwords are refused"),
        (secret("with space"), "secret", "as Entra showed it"),
        (federated, "awsFederation", "does not"),
        (CredentialSettings { make_certificate: true, ..secret("x") }, "", "several"),
    ];
    for (credential, member, word) in cases {
        let answer = stage.service.create_connection(&admin(), new(settings(credential))).await;
        let Err(Refusal::Invalid(problems)) = answer else { panic!("{member}: {answer:?}") };
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        let pointer = format!("/graph/credential/{member}");
        assert_eq!(problem.pointer, pointer.trim_end_matches('/'));
        let said = format!("{}: {}", problem.rule, problem.mend);
        assert!(said.contains(word), "{said}");
    }
    let bad = GraphSettings {
        tenant: "contoso".to_owned(),
        client: "6f1c2d3e-0000-4000-8000-1a2b3c4d5e6".to_owned(),
        cloud: Cloud::Other { authority: "http://x.example".to_owned(), graph: String::new() },
        application_object: Some("mine".to_owned()),
        ..settings(secret("s3cret~"))
    };
    let answer = stage.service.create_connection(&admin(), new(bad)).await;
    assert_eq!(
        pointers(answer),
        ["/graph/tenant", "/graph/client", "/graph/cloud", "/graph/applicationObject"]
    );
    assert_eq!(stage.service.connections(&admin()).await.unwrap().len(), 1, "nothing was made");
}

#[tokio::test]
async fn w12_a_password_for_exchange_online_is_refused_with_the_reason() {
    let stage = Stage::new().await;
    let access = NewAccess::Ews {
        url: "https://outlook.office365.com/EWS/Exchange.asmx".to_owned(),
        account: "alex@contoso.example".to_owned(),
        password: SecretString::from("abcdefghijklmnop"),
        impersonate: false,
    };
    let new = NewConnection { access, ..new(settings(made())) };
    let answer = stage.service.create_connection(&admin(), new).await;
    let Err(Refusal::Invalid(problems)) = answer else { panic!("it is refused") };
    assert_eq!(problems[0].pointer, "/password");
    assert!(problems[0].rule.contains("no app passwords either"), "{}", problems[0].rule);
    assert!(problems[0].mend.contains("graph"), "{}", problems[0].mend);
}

#[tokio::test]
async fn w18_two_credentials_overlap_and_everything_else_stays() {
    let stage = Stage::new().await;
    let id = make(&stage, secret("first~")).await;
    let before = row(&stage, id).await;
    let entered = |credential| Some(Some(credential));
    let second =
        GraphChange { second_credential: entered(secret("second~")), ..GraphChange::default() };
    change(&stage, id, second).await.unwrap();
    assert_eq!(values(&stage, id).await, ["first~", "second~"]);
    // The first one in place: the second one is not touched.
    let first = GraphChange { credential: entered(secret("newer~")), ..GraphChange::default() };
    change(&stage, id, first).await.unwrap();
    assert_eq!(values(&stage, id).await, ["newer~", "second~"]);
    // Out with it: the second one steps up, and a next one gets a name of its own.
    let out = GraphChange { credential: Some(None), ..GraphChange::default() };
    change(&stage, id, out).await.unwrap();
    assert_eq!(values(&stage, id).await, ["second~"]);
    let third =
        GraphChange { second_credential: entered(secret("third~")), ..GraphChange::default() };
    change(&stage, id, third).await.unwrap();
    assert_eq!(values(&stage, id).await, ["second~", "third~"]);
    let none = GraphChange {
        credential: Some(None),
        second_credential: Some(None),
        ..GraphChange::default()
    };
    assert_eq!(pointers(change(&stage, id, none).await), ["/graph/credential"]);
    // From a secret to a certificate: the way in is another one, the rest is as it was.
    let certificate = GraphChange {
        credential: entered(made()),
        second_credential: Some(None),
        application_object: Some(Some(OBJECT.to_owned())),
        renew_credentials: Some(true),
        rich_notifications: Some(false),
        ..GraphChange::default()
    };
    change(&stage, id, certificate).await.unwrap();
    let mut after = row(&stage, id).await;
    let graph = after.graph().unwrap();
    assert!(graph.renews && !graph.rich_notifications && graph.credentials[0].made_at.is_some());
    after.protocol = before.protocol.clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_stored_client_secret_goes_to_no_other_cloud_tenant_or_application() {
    let stage = Stage::new().await;
    let id = make(&stage, secret("first~")).await;
    let changes = [
        GraphChange { tenant: Some(TENANT.to_owned()), ..GraphChange::default() },
        GraphChange { client: Some(OBJECT.to_owned()), ..GraphChange::default() },
        GraphChange { cloud: Some(Cloud::China), ..GraphChange::default() },
    ];
    for moved in changes {
        assert_eq!(pointers(change(&stage, id, moved.clone()).await), ["/graph/credential"]);
        let with = GraphChange { credential: Some(Some(secret("own~"))), ..moved };
        change(&stage, id, with).await.unwrap();
    }
    let of_ews = ConnectionChange {
        url: Some("https://mail.example/EWS/Exchange.asmx".to_owned()),
        ..ConnectionChange::default()
    };
    let answer = stage.service.change_connection(&admin(), id, of_ews).await;
    assert!(matches!(answer, Err(Refusal::Conflict(_))));
}
