use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tidemark_model::OrganisationId;
use tidemark_platform::{Called, Environment};
use tidemark_service::refresh::rotation::{EntraAuthority, SecretFacts, SecretVersions};
use tidemark_service::rehearsal::{service_on, shared_by};
use tidemark_service::{Service, Tokens};
use tidemark_store::StoreError;
use tidemark_store::memory::MemoryTable;
use tidemark_store::records::{
    Cloud, ConnectionId, ConnectionRow, CredentialKind, Fence, GraphAccess, GraphCredential,
    Notifications, OrganisationRow, Payer, Protocol, Records,
};
use tidemark_world::SystemClock;
use uuid::Uuid;

use super::*;

const SCHEDULED: &str = include_str!("../../tests/fixtures/scheduled.json");

fn read(json: &str) -> Result<Asked, Failure> {
    serde_json::from_str::<Event>(json).unwrap().read()
}

#[test]
fn a_schedule_asks_for_the_refresh() {
    for json in [SCHEDULED, "{}"] {
        assert_eq!(read(json).unwrap(), Asked::Refresh);
    }
}

#[test]
fn secrets_manager_asks_for_a_step() {
    let steps = [
        ("createSecret", Step::Create),
        ("setSecret", Step::Set),
        ("testSecret", Step::Test),
        ("finishSecret", Step::Finish),
    ];
    for (name, step) in steps {
        let json = format!(
            r#"{{"Step":"{name}","SecretId":"arn:s","ClientRequestToken":"v","RotationToken":"r"}}"#
        );
        let (secret, token) = ("arn:s".to_owned(), "v".to_owned());
        assert_eq!(read(&json).unwrap(), Asked::Rotation { secret, token, step });
    }
}

#[test]
fn half_an_event_is_none() {
    for json in [
        r#"{"Step":"createSecret"}"#,
        r#"{"SecretId":"s","ClientRequestToken":"v"}"#,
        r#"{"Step":"burn","SecretId":"s","ClientRequestToken":"v"}"#,
    ] {
        assert!(matches!(read(json), Err(Failure::Unreadable)), "{json}");
    }
}

/// A Secrets Manager without a secret.
struct NoSecrets;

#[async_trait]
impl SecretVersions for NoSecrets {
    async fn facts(&self, _: &str) -> Result<Option<SecretFacts>, StoreError> {
        Ok(None)
    }

    async fn value(&self, _: &str, _: &str) -> Result<Option<SecretString>, StoreError> {
        Ok(None)
    }

    async fn put_pending(&self, _: &str, _: &str, _: SecretString) -> Result<(), StoreError> {
        panic!("there is no secret");
    }

    async fn make_current(&self, _: &str, _: &str, _: Option<&str>) -> Result<(), StoreError> {
        panic!("there is no secret");
    }
}

fn compose(service: &Service) -> (Refresher, Rotation) {
    let (records, world) = (Arc::clone(&service.records), service.world.clone());
    let http = Arc::clone(&service.webhooks);
    let tokens = Arc::new(Tokens::new(
        Arc::clone(&records),
        Arc::clone(&service.secrets),
        Arc::new(move |_: Option<&str>| Ok(Arc::clone(&http))),
        world.clone(),
    ));
    let http = Arc::clone(&service.webhooks);
    let authority = Arc::new(EntraAuthority {
        tokens: Arc::clone(&tokens),
        connect: Arc::new(move |_: Option<&str>| Ok(Arc::clone(&http))),
        world: world.clone(),
    });
    let refresher = Refresher {
        records: Arc::clone(&records),
        tokens,
        authority: authority.clone(),
        versions: None,
        exchange: None,
        world: world.clone(),
    };
    (refresher, Rotation { records, versions: Arc::new(NoSecrets), authority, world })
}

/// An organisation with a connection over Graph whose secret is not there, which its row is to say.
async fn connect(records: &Records) {
    let organisation = OrganisationRow {
        id: OrganisationId::parse("contoso").unwrap(),
        enabled: true,
        name: "Contoso".to_owned(),
        allowed_networks: Vec::new(),
        cap_cents_per_month: None,
        domains: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    records.save_organisation(&organisation, None).await.unwrap();
    let access = GraphAccess {
        tenant: "contoso.example".to_owned(),
        client: "00000000-0000-4000-8000-000000000002".to_owned(),
        cloud: Cloud::Global,
        credentials: vec![GraphCredential {
            kind: CredentialKind::Secret { secret_name: "application".to_owned() },
            expires_at: None,
            made_at: None,
        }],
        application_object: None,
        renews: false,
        rich_notifications: false,
    };
    let row = ConnectionRow {
        id: ConnectionId::new(Uuid::from_u128(1)),
        name: "Exchange Online".to_owned(),
        protocol: Protocol::Graph(access),
        extra_ca_pem: None,
        confirmed_fingerprint: None,
        enabled: true,
        appointments: true,
        notifications: Notifications::Push,
        server_version: None,
        wait_until: None,
        troubles: Vec::new(),
        fence: Fence::default(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    records.save_connection(&organisation.id, &row, None).await.unwrap();
}

/// A call that no mailbox pays for.
fn unit() -> Called<'static> {
    Called {
        request_id: "r1",
        trace: None,
        ends_at: Timestamp::MAX,
        payer: Payer::Everybody,
        queue_requests: 0,
    }
}

#[tokio::test]
async fn n9_tokens_are_metered_on_all_mailboxes_together() {
    let variables = [
        ("AWS_LAMBDA_FUNCTION_NAME", "acme-token-refresh"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ];
    let variables: Environment =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let frame = Frame::writing(&variables, Arc::new(SystemClock), Box::new(|_| {}));
    let service = service_on(MemoryTable::new());
    let records = &service.records;
    connect(records).await;
    let (refresher, rotation) = compose(&service);
    frame.meter(records);
    // What was used before the first unit goes to it, so it is the second one that tells what none takes.
    shared_by(records, 1, frame.run(unit(), async {})).await.0.unwrap();
    let (_, idle) = shared_by(records, 2, frame.run(unit(), async {})).await;

    let event: Event = serde_json::from_str(SCHEDULED).unwrap();
    let work = handle(&refresher, &rotation, event, &frame);
    let (summary, shared) = Box::pin(shared_by(records, 3, frame.run(unit(), work))).await;
    let Summary::Refreshed { connections, failed, .. } = summary.unwrap().unwrap() else {
        panic!("a schedule asks for the refresh")
    };
    assert_eq!((connections, failed), (1, 1));
    assert_eq!((shared.invocations, shared.queue_requests), (1, 0));
    assert!(shared.read_halves > idle.read_halves, "connections are read: {shared:?}");
    assert!(shared.write_halves > idle.write_halves, "the row says what is missing: {shared:?}");
    assert!(shared.compute_mb_ms >= 256, "{shared:?}");

    // A step of a rotation that fails is paid for too.
    let step = r#"{"Step":"createSecret","SecretId":"s","ClientRequestToken":"v"}"#;
    let work = handle(&refresher, &rotation, serde_json::from_str(step).unwrap(), &frame);
    let (refused, shared) = Box::pin(shared_by(records, 4, frame.run(unit(), work))).await;
    assert!(matches!(refused.unwrap(), Err(Failure::Rotation(_))));
    assert_eq!(shared.invocations, 1);
}
