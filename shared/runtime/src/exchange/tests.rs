mod certificate;

use std::collections::BTreeSet;

use tidemark_model::SystemId;
use tidemark_store::memory::MemorySecrets;
use tidemark_store::records::{
    Cloud, EwsAccess, FirstSync, GraphAccess, MailboxState, Notifications, Protocol,
};
use tidemark_transport::{Clock, Entropy, SystemEntropy};
use uuid::Uuid;

use super::*;

/// A clock that is moved by hand.
struct Hand(Mutex<Timestamp>);

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

struct Fixture {
    clock: Arc<Hand>,
    secrets: Arc<MemorySecrets>,
    exchange: EwsExchange,
}

impl Fixture {
    async fn new() -> Self {
        let clock = Arc::new(Hand(Mutex::new(Timestamp::UNIX_EPOCH)));
        let secrets = Arc::new(MemorySecrets::new());
        secrets.put("p", SecretString::from("one")).await.unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let world = World::new(clock.clone(), entropy);
        let exchange = EwsExchange::new(secrets.clone(), world);
        Self { clock, secrets, exchange }
    }

    fn pass(&self, time: SignedDuration) {
        *self.clock.0.lock().unwrap() += time;
    }
}

fn connection(url: &str) -> ConnectionRow {
    ConnectionRow {
        id: ConnectionId::new(Uuid::from_u128(1)),
        name: "c".to_owned(),
        protocol: Protocol::Ews(EwsAccess {
            url: url.to_owned(),
            account: "svc@example.com".to_owned(),
            secret_name: "p".to_owned(),
            impersonate: true,
            password: None,
        }),
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

fn ews_of(row: &mut ConnectionRow) -> &mut EwsAccess {
    match &mut row.protocol {
        Protocol::Ews(access) => access,
        Protocol::Graph(_) => panic!("the connection speaks EWS"),
    }
}

fn mailbox(zone: Option<&str>) -> MailboxRow {
    MailboxRow {
        id: MailboxId::new(Uuid::from_u128(2)),
        address: "alex@example.com".to_owned(),
        aliases: BTreeSet::new(),
        connection: ConnectionId::new(Uuid::from_u128(1)),
        profile: None,
        system: SystemId::parse("crm").unwrap(),
        enabled: true,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: zone.map(str::to_owned),
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

const URL: &str = "https://mail.example/EWS/Exchange.asmx";

#[tokio::test]
async fn an_adapter_is_kept_until_something_about_it_changes() {
    let fixture = Fixture::new().await;
    let open = async |connection: &ConnectionRow, mailbox: &MailboxRow| {
        let opened = fixture.exchange.open_ews(connection, mailbox).await;
        opened.unwrap()
    };
    let (row, berlin) = (connection(URL), mailbox(Some("Europe/Berlin")));
    let first = open(&row, &berlin).await;
    assert!(Arc::ptr_eq(&first, &open(&row, &berlin).await));
    fixture.pass(PASSWORD_AGE_MAX);
    assert!(Arc::ptr_eq(&first, &open(&row, &berlin).await));
    let moved = open(&row, &mailbox(Some("Europe/London"))).await;
    assert!(!Arc::ptr_eq(&first, &moved));
    let elsewhere = open(&connection("https://other.example/ews"), &berlin).await;
    assert!(!Arc::ptr_eq(&first, &elsewhere));
}

#[tokio::test]
async fn a_new_password_is_taken_up_within_a_minute() {
    let fixture = Fixture::new().await;
    let (row, alex) = (connection(URL), mailbox(None));
    let first = fixture.exchange.open_ews(&row, &alex).await.unwrap();
    let two = SecretString::from("two");
    fixture.secrets.put("p", two).await.unwrap();
    let same = fixture.exchange.open_ews(&row, &alex).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    fixture.pass(PASSWORD_AGE_MAX);
    let renewed = fixture.exchange.open_ews(&row, &alex).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &renewed));
}

#[tokio::test]
async fn settings_that_cannot_work_say_what_to_mend() {
    let fixture = Fixture::new().await;
    let alex = mailbox(None);
    let refused = async |row: &ConnectionRow| {
        let opened = fixture.exchange.open_ews(row, &alex).await;
        opened.err().unwrap()
    };
    let error = refused(&connection("http://mail.example/ews")).await;
    assert_eq!(error.code, "connection-settings");
    assert!(error.text.contains("https"), "{}", error.text);

    let mut slash = connection(URL);
    ews_of(&mut slash).account = "CORP/svc".to_owned();
    let error = refused(&slash).await;
    assert!(error.text.contains("backslash"), "{}", error.text);

    let mut nameless = connection(URL);
    ews_of(&mut nameless).secret_name = "other".to_owned();
    let error = refused(&nameless).await;
    assert_eq!(error.code, "password-missing");
    assert_eq!(error.disposition, Disposition::Authorize);

    let mut cloud = connection(URL);
    cloud.protocol = Protocol::Graph(GraphAccess {
        tenant: "t".to_owned(),
        client: "c".to_owned(),
        cloud: Cloud::Global,
        credentials: Vec::new(),
        application_object: None,
        renews: false,
        rich_notifications: false,
    });
    assert_eq!(refused(&cloud).await.code, "protocol-unsupported");

    let mut broken = connection(URL);
    broken.extra_ca_pem = Some("no certificate".to_owned());
    assert_eq!(refused(&broken).await.code, "certificates-unusable");
}

#[test]
fn an_unknown_zone_reads_as_utc() {
    assert_eq!(zone_of(&mailbox(Some("Middle/Earth"))), Zone::utc());
    assert_eq!(zone_of(&mailbox(None)), Zone::utc());
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    assert_eq!(zone_of(&mailbox(Some("Europe/Berlin"))), berlin);
}
