use std::collections::BTreeSet;

use tidemark_model::{MailboxId, SystemId};
use tidemark_store::memory::{MemorySecrets, MemoryTable};
use tidemark_store::records::{
    Cloud, CredentialKind, EwsAccess, FirstSync, GraphCredential, Keyring, MailboxState,
    Notifications,
};
use tidemark_transport::{SystemClock, SystemEntropy};
use uuid::Uuid;

use super::*;

fn exchange() -> EveryExchange {
    let world = World::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let keyring = Keyring::new(&[1; 32], Arc::new(|bytes: &mut [u8]| bytes.fill(3))).unwrap();
    let records = Arc::new(Records::new(Arc::new(MemoryTable::new()), Arc::new(keyring)));
    let secrets: Arc<dyn Secrets> = Arc::new(MemorySecrets::new());
    let tokens = open_tokens(records, Arc::clone(&secrets), world.clone(), None);
    EveryExchange::new(secrets, tokens, world)
}

fn organisation() -> OrganisationId {
    OrganisationId::parse("acme").unwrap()
}

fn access() -> GraphAccess {
    GraphAccess {
        tenant: "00000000-0000-4000-8000-000000000001".to_owned(),
        client: "00000000-0000-4000-8000-000000000002".to_owned(),
        cloud: Cloud::Global,
        credentials: vec![GraphCredential {
            kind: CredentialKind::Secret { secret_name: "s".to_owned() },
            expires_at: None,
            made_at: None,
        }],
        application_object: None,
        renews: false,
        rich_notifications: false,
    }
}

fn connection(protocol: Protocol) -> ConnectionRow {
    ConnectionRow {
        id: ConnectionId::new(Uuid::from_u128(1)),
        name: "c".to_owned(),
        protocol,
        extra_ca_pem: None,
        confirmed_fingerprint: None,
        enabled: true,
        appointments: true,
        notifications: Notifications::Push,
        server_version: None,
        wait_until: None,
        troubles: Vec::new(),
        fence: tidemark_store::records::Fence::default(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn mailbox(address: &str) -> MailboxRow {
    MailboxRow {
        id: MailboxId::new(Uuid::from_u128(2)),
        address: address.to_owned(),
        aliases: BTreeSet::new(),
        connection: ConnectionId::new(Uuid::from_u128(1)),
        profile: None,
        system: SystemId::parse("crm").unwrap(),
        enabled: true,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: None,
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

async fn code(exchange: &EveryExchange, row: &ConnectionRow, address: &str) -> Option<String> {
    let opened = exchange.open(&organisation(), row, &mailbox(address)).await;
    opened.err().map(|error| error.code)
}

#[tokio::test]
async fn a_connection_is_opened_by_what_it_speaks() {
    let exchange = exchange();
    let graph = connection(Protocol::Graph(access()));
    let silent = |row: ConnectionRow| {
        let exchange = &exchange;
        async move {
            let opened = exchange.open(&organisation(), &row, &mailbox("a@example.com")).await;
            opened.map(|mailbox| mailbox.capabilities().silent_writes)
        }
    };
    assert_eq!(silent(graph).await, Ok(false));
    let ews = EwsAccess {
        url: "https://mail.example.com/EWS/Exchange.asmx".to_owned(),
        account: "svc@example.com".to_owned(),
        secret_name: "p".to_owned(),
        impersonate: true,
        password: None,
    };
    // It got as far as asking for the password, which is EWS's.
    let error = silent(connection(Protocol::Ews(ews))).await.unwrap_err();
    assert_eq!(error.code, "password-missing");
}

#[tokio::test]
async fn only_a_server_of_ews_is_asked_for_its_certificate() {
    let exchange = exchange();
    let graph = connection(Protocol::Graph(access()));
    assert_eq!(exchange.server_certificate(&graph).await, Ok(None));
    // Nobody listens where a port was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/EWS/Exchange.asmx", listener.local_addr().unwrap());
    drop(listener);
    let ews = EwsAccess {
        url,
        account: "svc@example.com".to_owned(),
        secret_name: "p".to_owned(),
        impersonate: true,
        password: None,
    };
    let error = exchange.server_certificate(&connection(Protocol::Ews(ews))).await.unwrap_err();
    assert_eq!(error.code, "certificate-not-seen");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let exchange = exchange();
    let with = |change: fn(&mut GraphAccess)| {
        let mut access = access();
        change(&mut access);
        connection(Protocol::Graph(access))
    };
    let cases = [
        with(|access| access.tenant = "common".to_owned()),
        with(|access| access.client = "my app".to_owned()),
        with(|access| {
            access.cloud = Cloud::Other { authority: "x".to_owned(), graph: "y".to_owned() };
        }),
    ];
    for row in &cases {
        assert!(code(&exchange, row, "a@example.com").await.is_some());
    }
    let good = with(|_| {});
    assert_eq!(code(&exchange, &good, "a@example.com").await, None);
    assert_eq!(code(&exchange, &good, "").await.as_deref(), Some("connection-settings"));
}

#[tokio::test]
async fn what_a_connection_shares_outlives_a_new_credential_and_not_another_tenant() {
    let exchange = exchange();
    let open = |row: &ConnectionRow| exchange.graph.connection(&organisation(), row).unwrap();
    let first = open(&connection(Protocol::Graph(access())));
    let again = open(&connection(Protocol::Graph(access())));
    assert!(Arc::ptr_eq(&first.http, &again.http) && Arc::ptr_eq(&first.tokens, &again.tokens));
    let mut renewed = access();
    renewed.credentials[0].kind = CredentialKind::Secret { secret_name: "t".to_owned() };
    let renewed = open(&connection(Protocol::Graph(renewed)));
    assert!(Arc::ptr_eq(&first.limiter, &renewed.limiter));
    assert!(!Arc::ptr_eq(&first.tokens, &renewed.tokens));
    let mut moved = access();
    moved.tenant = "contoso.example".to_owned();
    let moved = open(&connection(Protocol::Graph(moved)));
    assert!(!Arc::ptr_eq(&first.limiter, &moved.limiter));
}
