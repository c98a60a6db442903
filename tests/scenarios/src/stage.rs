//! A whole world in one thread: the simulator, the store, the product and a virtual clock.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidemark_model::{MailboxId, OrganisationId, SystemId};
use tidemark_service::{Engine, Exchange, Options, Planner, Reached, RunEnd, Service, World};
use tidemark_simulator::{Config, Simulator};
use tidemark_store::Table;
use tidemark_store::memory::{MemoryQueue, MemorySecrets, MemoryTable};
use tidemark_store::records::{
    Collection, ConnectionId, ConnectionRow, FeedCursor, FirstSync, Keyring, MailboxRow,
    MailboxScope, MailboxState, Notifications, OrganisationRow, ProfileRow, Records, SystemRow,
};
use tidemark_transport::Entropy as _;
use uuid::Uuid;

use crate::exchange::{SimulatedExchange, Wire};
use crate::executor::{Executor, VirtualClock};
use crate::ports::{Effects, PausingTable, Receiver, SimulatedHttp, SimulatorClock};
use crate::random::Random;
use crate::sabotage::MoveSabotage;

mod clockwork;
mod desk;
mod moves;
mod outlook;

pub use desk::Attempt;
pub use moves::{FIRST_CONNECTION, SECOND_CONNECTION};

/// The people whose mailboxes are synced.
pub const PEOPLE: [&str; 3] =
    ["alex@tidemark.example", "blake@tidemark.example", "casey@tidemark.example"];
/// How many people the simulator has at least.
const DEMO_PEOPLE: usize = 20;
/// When every scenario begins: a Monday morning well before the appointments in them.
pub const START: &str = "2027-03-01T07:00:00Z";
/// How long a taken message stays invisible.
pub const VISIBILITY: SignedDuration = SignedDuration::from_secs(120);

/// What a stage is built with.
pub struct Setting {
    /// Seed of everything that is random.
    pub seed: u64,
    /// Rules of the mailboxes' profile.
    pub rules: Value,
    /// Who decides.
    pub planner: Arc<dyn Planner>,
    /// Whether the simulation prints what happens.
    pub trace: bool,
    /// What the records stand on.
    pub table: Arc<dyn Table>,
    /// Which protocol the mailboxes are reached over.
    pub wire: Wire,
    /// Whether mailboxes go on over Graph in the middle of the simulation.
    pub moving: bool,
    /// How moves are broken on purpose.
    pub clumsy: Option<MoveSabotage>,
    /// Whose mailboxes are synced, out of those that the simulator has.
    pub people: Vec<String>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            seed: 1,
            rules: serde_json::json!({}),
            planner: Arc::new(Engine),
            trace: false,
            table: Arc::new(MemoryTable::new()),
            wire: Wire::default(),
            moving: false,
            clumsy: None,
            people: PEOPLE.map(str::to_owned).into(),
        }
    }
}

/// The world.
pub struct Stage {
    /// Virtual time.
    pub clock: VirtualClock,
    /// Everything random.
    pub random: Arc<Random>,
    /// Exchange.
    pub simulator: Arc<Simulator>,
    /// The work queue.
    pub queue: MemoryQueue,
    /// What the product does to the table and to Exchange.
    pub effects: Arc<Effects>,
    /// Where webhooks arrive.
    pub receiver: Arc<Receiver>,
    /// The product.
    pub service: Service,
    /// What runs.
    pub executor: Executor,
    /// The organisation.
    pub organisation: OrganisationId,
    /// The business system.
    pub system: SystemId,
    /// Whether the simulation prints what happens.
    pub trace: bool,
    wire: Wire,
}

/// The id of a person's mailbox on a stage.
pub fn mailbox_id(person: &str) -> MailboxId {
    MailboxId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, person.as_bytes()))
}

impl Stage {
    /// A world with the demo organisation, nothing synced yet.
    pub fn new(setting: Setting) -> Self {
        let start: Timestamp = START.parse().expect("a valid time");
        let clock = VirtualClock::new(start);
        let random = Arc::new(Random::new(setting.seed));
        let people_max = setting.people.len().max(DEMO_PEOPLE);
        let simulator = Arc::new(Simulator::new(
            Config { seed: setting.seed, ..Config::demo_with(people_max) },
            Arc::new(SimulatorClock(clock.clone())),
        ));
        let now = clock.clone();
        let queue =
            MemoryQueue::new(Arc::new(move || tidemark_transport::Clock::now(&now)), VISIBILITY);
        let world = World::new(Arc::new(clock.clone()), random.clone());
        let effects = Arc::new(Effects::default());
        let pausing: Arc<dyn Table> =
            Arc::new(PausingTable::new(setting.table, Arc::clone(&effects)));
        let fill = random.clone();
        let keyring = Keyring::new(&[7; 32], Arc::new(move |bytes: &mut [u8]| fill.fill(bytes)));
        let keyring = Arc::new(keyring.expect("a key of the right length"));
        let exchange = SimulatedExchange::new(
            Arc::new(SimulatedHttp::new(Arc::clone(&simulator), Arc::clone(&effects))),
            world.clock(),
            world.entropy(),
        );
        let exchange: Arc<dyn Exchange> = Arc::new(exchange);
        let exchange = match setting.clumsy {
            Some(sabotage) => sabotage.exchange(exchange),
            None => exchange,
        };
        let receiver = Arc::new(Receiver::default());
        let service = Service {
            records: Arc::new(Records::new(pausing, keyring)),
            queue: Arc::new(queue.clone()),
            secrets: Arc::new(MemorySecrets::default()),
            exchange,
            webhooks: receiver.clone(),
            planner: setting.planner,
            world,
            options: Options {
                callback_url: "http://127.0.0.1:9".to_owned(),
                ..Options::default()
            },
            reached: Reached::default(),
        };
        let mut stage = Self {
            executor: Executor::new(clock.clone(), random.clone()),
            clock,
            random,
            simulator,
            queue,
            effects,
            receiver,
            service,
            organisation: OrganisationId::parse("demo").expect("a valid id"),
            system: SystemId::parse("erp").expect("a valid id"),
            trace: setting.trace,
            wire: setting.wire,
        };
        stage.set_up(setting.rules, setting.people);
        stage
    }

    /// The scope of a person's mailbox.
    pub fn scope(&self, person: &str) -> MailboxScope {
        MailboxScope { organisation: self.organisation.clone(), mailbox: mailbox_id(person) }
    }

    /// Runs a future to its end, with everything that runs beside it.
    pub fn run<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> T {
        self.executor.block_on(future)
    }

    fn set_up(&mut self, rules: Value, people: Vec<String>) {
        let records = Arc::clone(&self.service.records);
        let (organisation, system) = (self.organisation.clone(), self.system.clone());
        let protocol = self.wire.protocol();
        let now = tidemark_transport::Clock::now(&self.clock);
        self.run(async move {
            let row = OrganisationRow {
                id: organisation.clone(),
                enabled: true,
                name: "Demo".to_owned(),
                allowed_networks: vec!["127.0.0.0/8".to_owned()],
                domains: vec!["tidemark.example".to_owned()],
                cap_cents_per_month: None,
                created_at: now,
            };
            records.save_organisation(&row, None).await.expect("saved");
            let row = SystemRow { id: system.clone(), name: "ERP".to_owned(), created_at: now };
            records.save_system(&organisation, &row, None).await.expect("saved");
            let row = ProfileRow { name: "test".to_owned(), rules, created_at: now };
            records.save_profile(&organisation, &row, None).await.expect("saved");
            let connection = ConnectionId::new(Uuid::from_u128(1));
            let row = ConnectionRow {
                id: connection,
                name: "Exchange".to_owned(),
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
                created_at: now,
            };
            records.save_connection(&organisation, &row, None).await.expect("saved");
            for person in people {
                let row = MailboxRow {
                    id: mailbox_id(&person),
                    address: person,
                    aliases: std::collections::BTreeSet::new(),
                    connection,
                    profile: Some("test".to_owned()),
                    system: system.clone(),
                    enabled: true,
                    state: MailboxState::New,
                    troubles: Vec::new(),
                    time_zone: Some("Europe/Berlin".to_owned()),
                    paused: None,
                    first_sync: FirstSync::default(),
                    last_synced: None,
                    sweep_doublings: 0,
                    created_at: now,
                };
                records.save_mailbox(&organisation, &row, None).await.expect("saved");
            }
        });
    }

    /// Syncs a mailbox until nothing is left to do, at the latest after 50 runs.
    ///
    /// # Panics
    /// When it does not come to an end, or the store fails.
    pub fn sync(&mut self, person: &str) {
        let scope = self.scope(person);
        for _ in 0..50 {
            let (service, scope, clock) = (self.service.clone(), scope.clone(), self.clock.clone());
            let report = self.run(async move {
                service.raise(&scope, &Collection::calendar()).await.expect("raised");
                let deadline =
                    tidemark_transport::Clock::now(&clock) + SignedDuration::from_secs(60);
                service.sync(&scope, deadline).await.expect("the store answers")
            });
            match report.end {
                RunEnd::Synced | RunEnd::Off => return,
                RunEnd::Continues => {}
                RunEnd::Waits(at) | RunEnd::Held(at) => self.clock.advance_to(at),
            }
        }
        panic!("the sync of {person} does not come to an end");
    }

    /// All events of the feed after a cursor, and the cursor after them.
    ///
    /// # Panics
    /// When the store fails.
    pub fn feed(&mut self, cursor: Option<FeedCursor>) -> (Vec<Value>, FeedCursor) {
        self.try_feed(cursor).expect("the feed can be read")
    }

    /// The same; none when the store fails.
    pub fn try_feed(&mut self, cursor: Option<FeedCursor>) -> Option<(Vec<Value>, FeedCursor)> {
        let (records, organisation) =
            (Arc::clone(&self.service.records), self.organisation.clone());
        let now = tidemark_transport::Clock::now(&self.clock);
        self.run(async move {
            let mut at = cursor;
            let mut events = Vec::new();
            loop {
                let page = records.read_feed(&organisation, at.as_ref(), 500, now).await.ok()?;
                events.extend(
                    page.entries
                        .into_iter()
                        .filter_map(|entry| serde_json::from_slice::<Value>(&entry.event?).ok()),
                );
                if !page.more {
                    return Some((events, page.cursor));
                }
                at = Some(page.cursor);
            }
        })
    }
}
