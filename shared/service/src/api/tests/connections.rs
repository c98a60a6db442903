use super::*;
use secrecy::{ExposeSecret as _, SecretString};
use tidemark_store::Secrets as _;
use tidemark_store::records::ConnectionId;
use tidemark_transport::{CertificateFacts, Fingerprint, ShownCertificate};

const URL: &str = "https://mail.example/EWS/Exchange.asmx";

fn admin() -> Caller {
    caller(Role::Administrator)
}

fn new(name: &str) -> NewConnection {
    NewConnection {
        name: name.to_owned(),
        access: ews(URL, "CORP\\svc", "Passw0rd!"),
        extra_ca: None,
        notifications: NotificationMode::Poll,
    }
}

fn ews(url: &str, account: &str, password: &str) -> NewAccess {
    NewAccess::Ews {
        url: url.to_owned(),
        account: account.to_owned(),
        password: SecretString::from(password),
        impersonate: true,
    }
}

async fn make(stage: &Stage) -> Uuid {
    stage.service.create_connection(&admin(), new("Head office")).await.unwrap().id
}

async fn change(
    stage: &Stage,
    id: Uuid,
    change: ConnectionChange,
) -> Result<ConnectionView, Refusal> {
    stage.service.change_connection(&admin(), id, change).await
}

async fn password(stage: &Stage, id: Uuid) -> String {
    let row = stage.service.records.connection(&organisation(), ConnectionId::new(id)).await;
    let name = row.unwrap().unwrap().value.ews().unwrap().secret_name.clone();
    stage.secrets.get(&name).await.unwrap().unwrap().expose_secret().to_owned()
}

/// What a server shows whose certificate has this byte all over its fingerprint.
fn shown(byte: &str, until: jiff::Timestamp) -> ShownCertificate {
    let fingerprint: Fingerprint = byte.repeat(32).parse().unwrap();
    let facts = CertificateFacts {
        subject: "CN=mail.example".to_owned(),
        issuer: "CN=mail.example".to_owned(),
        fingerprint,
        not_before: jiff::Timestamp::UNIX_EPOCH,
        not_after: until,
        self_issued: true,
    };
    ShownCertificate { facts, is_trusted: false }
}

#[tokio::test]
async fn a_connection_is_made_with_its_password_in_the_secret_store() {
    let stage = Stage::new().await;
    let id = make(&stage).await;
    let view = stage.service.connection(&admin(), id).await.unwrap();
    assert_eq!(
        (view.protocol, view.url.as_deref(), view.notifications),
        ("ews", Some(URL), "poll")
    );
    assert_eq!(password(&stage, id).await, "Passw0rd!");
    let all = stage.service.connections(&admin()).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.contains(&view));
    let unknown = stage.service.connection(&admin(), Uuid::nil()).await;
    assert_eq!(unknown, Err(Refusal::NotFound { what: "connection" }));
}

#[tokio::test]
async fn connections_are_for_administrators() {
    let stage = Stage::new().await;
    let id = make(&stage).await;
    let service = &stage.service;
    let forbidden = Refusal::Forbidden(Role::Administrator);
    for who in [ours(), caller(Role::Operator)] {
        let answers = [
            service.connections(&who).await.err(),
            service.connection(&who, id).await.err(),
            service.create_connection(&who, new("x")).await.err(),
            service.change_connection(&who, id, ConnectionChange::default()).await.err(),
            service.server_certificate(&who, id).await.err(),
            service.confirm_certificate(&who, id, "").await.err(),
            service.forget_certificate(&who, id).await.err(),
        ];
        assert!(answers.iter().all(|it| it.as_ref() == Some(&forbidden)), "{answers:?}");
    }
}

#[tokio::test]
async fn bad_settings_name_every_field() {
    let stage = Stage::new().await;
    let bad = NewConnection {
        name: " ".to_owned(),
        // W15: a forward slash.
        access: ews("http://mail.example/EWS/Exchange.asmx", "CORP/svc", ""),
        extra_ca: Some("no certificate".to_owned()),
        ..new("x")
    };
    let answer = stage.service.create_connection(&admin(), bad).await;
    let Err(Refusal::Invalid(problems)) = &answer else { panic!("{answer:?}") };
    let account = problems.iter().find(|problem| problem.pointer == "/account").unwrap();
    assert!(format!("{} {}", account.rule, account.mend).contains("backslash"));
    assert_eq!(pointers(answer), ["/name", "/url", "/account", "/password", "/extraCa"]);
    make(&stage).await;
    let twice = stage.service.create_connection(&admin(), new("Head office")).await;
    assert_eq!(pointers(twice), ["/name"]);
    assert_eq!(stage.service.connections(&admin()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_stored_password_goes_to_no_other_server_or_account() {
    let stage = Stage::new().await;
    let id = make(&stage).await;
    let elsewhere = || ConnectionChange {
        url: Some("https://evil.example/ews".to_owned()),
        ..ConnectionChange::default()
    };
    assert_eq!(pointers(change(&stage, id, elsewhere()).await), ["/password"]);
    let somebody =
        ConnectionChange { account: Some("admin@corp".to_owned()), ..ConnectionChange::default() };
    assert_eq!(pointers(change(&stage, id, somebody).await), ["/password"]);
    let view = stage.service.connection(&admin(), id).await.unwrap();
    assert_eq!(view.url.as_deref(), Some(URL));
    let both = ConnectionChange { password: Some(SecretString::from("new")), ..elsewhere() };
    let view = change(&stage, id, both).await.unwrap();
    assert_eq!(view.url.as_deref(), Some("https://evil.example/ews"));
    assert_eq!(password(&stage, id).await, "new");
    // What is the same as before is no change.
    let same = change(&stage, id, elsewhere()).await.unwrap();
    assert_eq!(same, view);
    let off = ConnectionChange { enabled: Some(false), ..ConnectionChange::default() };
    assert!(!change(&stage, id, off).await.unwrap().enabled);
}

#[tokio::test]
async fn e8_exactly_the_certificate_that_is_shown_is_confirmed() {
    let stage = Stage::new().await;
    let id = make(&stage).await;
    let service = &stage.service;
    let confirm = async |text: &str| service.confirm_certificate(&admin(), id, text).await;
    let nothing = confirm(&"ab".repeat(32)).await;
    assert!(matches!(nothing, Err(Refusal::Conflict(_))), "{nothing:?}");

    let until = stage.clock_now() + SignedDuration::from_hours(1);
    stage.exchange.show(Some(shown("ab", until)));
    let seen = service.server_certificate(&admin(), id).await.unwrap();
    assert_eq!((seen.trusted, seen.confirmed.clone()), (false, None));
    assert!(seen.text.contains("confirm exactly that"), "{}", seen.text);
    assert_eq!(pointers(confirm("nonsense").await), ["/sha256"]);
    let other = confirm(&"cd".repeat(32)).await;
    let names_it = |text: &String| text.contains(&seen.certificate.sha256);
    assert!(matches!(&other, Err(Refusal::Conflict(text)) if names_it(text)), "{other:?}");

    let view = confirm(&"ab".repeat(32)).await.unwrap();
    assert_eq!(view.confirmed_certificate.as_ref(), Some(&seen.certificate.sha256));
    assert!(service.server_certificate(&admin(), id).await.unwrap().trusted);
    // The server has a new one: it is not trusted, and said so.
    stage.exchange.show(Some(shown("ef", until)));
    let changed = service.server_certificate(&admin(), id).await.unwrap();
    assert!(!changed.trusted && changed.text.contains("not the one that was confirmed"));
    assert_eq!(changed.confirmed, view.confirmed_certificate);
    let view = service.forget_certificate(&admin(), id).await.unwrap();
    assert_eq!(view.confirmed_certificate, None);
}

#[tokio::test]
async fn e8_a_confirmation_ends_with_the_certificate_and_the_server() {
    let stage = Stage::new().await;
    let id = make(&stage).await;
    let confirm = async || stage.service.confirm_certificate(&admin(), id, &"ab".repeat(32)).await;
    stage.exchange.show(Some(shown("ab", stage.clock_now())));
    let over = confirm().await;
    assert!(matches!(&over, Err(Refusal::Conflict(text)) if text.contains("expired")), "{over:?}");
    let until = stage.clock_now() + SignedDuration::from_hours(1);
    stage.exchange.show(Some(shown("ab", until)));
    assert!(confirm().await.unwrap().confirmed_certificate.is_some());
    let elsewhere = ConnectionChange {
        url: Some("https://other.example/ews".to_owned()),
        password: Some(SecretString::from("Passw0rd!")),
        ..ConnectionChange::default()
    };
    let view = change(&stage, id, elsewhere).await.unwrap();
    assert_eq!(view.confirmed_certificate, None);
}
