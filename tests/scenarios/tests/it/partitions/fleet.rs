//! Many mailboxes, of which those are real that something happens to while it is measured.
//!
//! A real mailbox is one of the simulated Exchange's, copied and subscribed. The others are the rows
//! that real ones leave behind, under ids of their own: they are there, and nothing happens to them.

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_scenarios::bill::Bill;
use tidemark_scenarios::exchange::Wire;
use tidemark_scenarios::stage::{FIRST_CONNECTION, Setting, Stage};
use tidemark_service::RunEnd;
use tidemark_service::cost::Usage;
use tidemark_simulator::NewAppointment;
use tidemark_store::memory::{MemoryTable, Partition};
use tidemark_store::records::{
    Collection, ConnectionId, DeliveryState, EndpointId, EndpointRow, FirstSync, MailboxRow,
    MailboxScope, MailboxState, OrganisationRow,
};
use tidemark_store::{Consumption, Item, Key, Order, Span, Table as _, Write};
use tidemark_transport::Clock as _;
use uuid::Uuid;

/// Minutes until an organisation that is new is swept as any other.
const FIRST_MINUTES: u32 = 62;
/// Minutes within which mailboxes that are ready have to be off the list of those to look at.
const CALM_MINUTES: u32 = 15;
/// Runs within which a first copy of two appointments has to be made.
const FIRST_COPY_RUNS_MAX: usize = 10;
const HOUR_MINUTES: i64 = 60;

/// How many mailboxes there are, and when something happens to them.
pub(super) struct Plan {
    /// How many organisations share the mailboxes.
    pub(super) organisations: usize,
    /// How many mailboxes there are in all.
    pub(super) mailboxes: usize,
    /// Minutes of an hour in which people and business systems work. Those mailboxes are real whose
    /// turn is in one of them; each has one change as well, half a window after its turn. The first
    /// minute only leaves behind what the second begins with, and is not measured.
    pub(super) window: Range<i64>,
}

/// What was measured.
pub(super) struct Measured {
    /// By partition key, in halves of units.
    pub(super) partitions: BTreeMap<Partition, Consumption>,
    /// What the mailboxes' meters show together.
    pub(super) usage: Usage,
    /// How many changes people and business systems made.
    pub(super) changes: u64,
    /// How many seconds it took.
    pub(super) seconds: u64,
}

struct Live {
    scope: MailboxScope,
    address: String,
    changes_at: i64,
    by_person: bool,
}

/// Many mailboxes.
pub(super) struct Fleet {
    bill: Bill,
    table: MemoryTable,
    organisations: Vec<OrganisationId>,
    live: Vec<Live>,
    window: Range<i64>,
}

impl Fleet {
    /// Mailboxes as `plan` says, a minute before something happens.
    pub(super) fn new(plan: &Plan) -> Self {
        let table = MemoryTable::new();
        let setting = Setting {
            wire: Wire::Graph,
            people: Vec::new(),
            table: Arc::new(table.clone()),
            ..Setting::default()
        };
        let mut stage = Stage::new(setting);
        let organisations = found(&mut stage, plan.organisations);
        let (live, window) = (Vec::new(), plan.window.clone());
        let mut fleet =
            Self { bill: Bill::of(stage, Wire::Graph), table, organisations, live, window };
        fleet.bill.pass(FIRST_MINUTES, |_, _| {});
        let is_live = |number: &usize| plan.window.contains(&place_of(*number));
        let (live, copies): (Vec<_>, Vec<_>) = (0..plan.mailboxes).partition(is_live);
        for number in live {
            fleet.add_live(number);
        }
        fleet.calm_down();
        while (place(fleet.bill.stage.clock.now()) + 1) % HOUR_MINUTES != fleet.window.start {
            fleet.bill.pass(1, |_, _| {});
        }
        fleet.add_copies(copies);
        fleet.forget_copies_are_new();
        fleet
    }

    /// Lets the window pass.
    pub(super) fn measure(mut self) -> Measured {
        self.work_for(1);
        let unread = self.table.consumed();
        let before = self.meters();
        // Whoever is next pays for what was read here, which is no part of the traffic.
        let reading = self.table.consumed().since(unread);
        let told = self.told();
        self.table.tally_partitions();
        let minutes = u32::try_from(self.window.end - self.window.start - 1).unwrap();
        let changes = self.work_for(minutes);
        let partitions = self.table.partitions();
        let mut usage = self.meters().since(before);
        usage.read_halves -= reading.read_halves;
        assert!(self.told() - told >= changes, "not every change was delivered");
        self.assert_copies_untouched(&partitions);
        Measured { partitions, usage, changes, seconds: u64::from(minutes) * 60 }
    }

    /// Lets minutes pass in which mailboxes change, and every business system reads its feed. Says
    /// how many changes were made.
    fn work_for(&mut self, minutes: u32) -> u64 {
        let (live, organisations) = (&self.live, &self.organisations);
        let mut changes = 0;
        self.bill.pass(minutes, |bill, _| {
            let now = place(bill.stage.clock.now());
            for one in live.iter().filter(|one| one.changes_at == now) {
                bill.stage.organisation = one.scope.organisation.clone();
                change(bill, one);
                changes += 1;
            }
            for organisation in organisations {
                bill.stage.organisation = organisation.clone();
                bill.pull();
            }
        });
        changes
    }

    fn row(&self, number: usize) -> (MailboxScope, MailboxRow) {
        let organisation = self.organisations[number % self.organisations.len()].clone();
        let id = mailbox_id(number);
        let row = MailboxRow {
            id,
            address: format!("person{number}@tidemark.example"),
            aliases: std::collections::BTreeSet::new(),
            connection: ConnectionId::new(FIRST_CONNECTION),
            profile: Some("test".to_owned()),
            system: self.bill.stage.system.clone(),
            enabled: true,
            state: MailboxState::New,
            troubles: Vec::new(),
            time_zone: Some("Europe/Berlin".to_owned()),
            paused: None,
            first_sync: FirstSync::default(),
            last_synced: None,
            sweep_doublings: 0,
            created_at: self.bill.stage.clock.now(),
        };
        (MailboxScope { organisation, mailbox: id }, row)
    }

    /// A mailbox with two appointments, copied and subscribed.
    fn add_live(&mut self, number: usize) {
        let (scope, row) = self.row(number);
        let changes_at = {
            let Range { start, end } = self.window;
            start + (place_of(number) - start + (end - start) / 2) % (end - start)
        };
        let address = row.address.clone();
        let stage = &mut self.bill.stage;
        let wanted = json!({ "address": address, "inScope": true });
        stage.control("POST", "mailboxes", &wanted.to_string());
        for hours in [30, 80] {
            appoint(stage, &address, hours);
        }
        let (service, of) = (stage.service.clone(), scope.clone());
        let now = stage.clock.now();
        stage.run(async move {
            service.records.save_mailbox(&of.organisation, &row, None).await.expect("saved");
            service.renew_mailbox(&of).await.expect("the store answers");
            service.raise(&of, &Collection::calendar()).await.expect("raised");
            for _ in 0..FIRST_COPY_RUNS_MAX {
                let deadline = now + SignedDuration::from_secs(60);
                match service.sync(&of, deadline).await.expect("the store answers").end {
                    RunEnd::Synced => return,
                    RunEnd::Continues => {}
                    end => panic!("a first copy ends with {end:?}"),
                }
            }
            panic!("a first copy does not come to its end");
        });
        let by_person = (number / 60).is_multiple_of(2);
        self.live.push(Live { scope, address, changes_at, by_person });
    }

    /// Lets minutes pass until the sweep has taken every mailbox off the list.
    fn calm_down(&mut self) {
        for _ in 0..CALM_MINUTES {
            self.bill.pass(1, |_, _| {});
            let listed = self.table.items().into_iter();
            let mut listed = listed.filter(|it| it.key.partition.starts_with("W#"));
            if listed.all(|it| it.key.sort == "!") {
                return;
            }
        }
        panic!("mailboxes stay on the list of those to look at");
    }

    /// Mailboxes with the rows that real ones have left.
    fn add_copies(&mut self, numbers: Vec<usize>) {
        let rows: Vec<_> = numbers.into_iter().map(|number| self.row(number)).collect();
        let patterns: Vec<_> = self.live.iter().map(|it| it.scope.clone()).collect();
        let (table, records) = (self.table.clone(), Arc::clone(&self.bill.stage.service.records));
        self.bill.stage.run(async move {
            let mut left = Vec::new();
            for pattern in &patterns {
                let found = records.mailbox(pattern).await.expect("the store answers");
                let (of, span) = (partition_of(pattern), Span::Prefix(String::new()));
                let page = table.query(&of, &span, None, Order::Ascending, 1000).await;
                let mut rows = page.expect("the store answers").items;
                rows.retain(|item| item.key.sort != "MAILBOX");
                left.push((found.expect("a mailbox that is real").value, rows));
            }
            for ((scope, row), (found, rows)) in rows.into_iter().zip(left.iter().cycle()) {
                let row = MailboxRow { id: row.id, address: row.address, ..found.clone() };
                records.save_mailbox(&scope.organisation, &row, None).await.expect("saved");
                let to = partition_of(&scope);
                let put = |item: &Item| {
                    let key = Key { partition: to.clone(), sort: item.key.sort.clone() };
                    let item = Item { key, attributes: item.attributes.clone() };
                    Write::Put { item, condition: None }
                };
                table.transact(rows.iter().map(put).collect()).await.expect("written");
            }
        });
    }

    /// Takes the copies off the list of mailboxes to look at, which every new one stands on: what they
    /// are copied from was looked at.
    fn forget_copies_are_new(&mut self) {
        for organisation in self.organisations.clone() {
            let records = Arc::clone(&self.bill.stage.service.records);
            self.bill.stage.run(async move {
                loop {
                    let watch = records.watch_list(&organisation).await.expect("read");
                    if watch.mailboxes.is_empty() {
                        return;
                    }
                    for watched in watch.mailboxes {
                        records.unwatch(&organisation, watched).await.expect("unlisted");
                    }
                }
            });
        }
    }

    /// What the meters of the real mailboxes show together.
    fn meters(&mut self) -> Usage {
        let records = Arc::clone(&self.bill.stage.service.records);
        let scopes: Vec<_> = self.live.iter().map(|it| it.scope.clone()).collect();
        self.bill.stage.run(async move {
            let mut total = Usage::default();
            for scope in scopes {
                total = total.plus(records.usage(&scope).await.expect("the store answers"));
            }
            total
        })
    }

    /// How many events webhook endpoints got.
    fn told(&self) -> u64 {
        u64::try_from(self.bill.stage.receiver.deliveries.lock().unwrap().len()).unwrap()
    }

    /// Nothing happened to the mailboxes that are only rows.
    fn assert_copies_untouched(&self, partitions: &BTreeMap<Partition, Consumption>) {
        let real: Vec<_> = self.live.iter().map(|it| partition_of(&it.scope)).collect();
        for partition in partitions.keys() {
            if let Partition::Table(key) = partition
                && key.starts_with("M#")
            {
                assert!(real.contains(key), "a mailbox that is only rows was used");
            }
        }
    }
}

/// The minute of the hour that is a mailbox's own.
fn place_of(number: usize) -> i64 {
    i64::try_from(number).unwrap() % HOUR_MINUTES
}

/// The end of an id says which minute of an hour, and of a day, is a mailbox's own.
fn mailbox_id(number: usize) -> MailboxId {
    let number = u128::try_from(number).unwrap();
    let minute_of_day = number % 60 + 60 * (number / 60 % 24);
    MailboxId::new(Uuid::from_u128(((number + 1) << 64) | minute_of_day))
}

fn partition_of(scope: &MailboxScope) -> String {
    format!("M#{}#{}", scope.organisation, scope.mailbox)
}

fn place(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60).rem_euclid(HOUR_MINUTES)
}

/// Organisations with the settings of the stage's own, each with a webhook endpoint.
fn found(stage: &mut Stage, count: usize) -> Vec<OrganisationId> {
    let first = stage.organisation.clone();
    let others = (1..count).map(|it| format!("demo-{it}"));
    let others = others.map(|it| OrganisationId::parse(&it).expect("a valid id"));
    let all: Vec<_> = core::iter::once(first.clone()).chain(others).collect();
    let (service, found) = (stage.service.clone(), all.clone());
    let (system, now) = (stage.system.clone(), stage.clock.now());
    stage.run(async move {
        let records = &service.records;
        let key = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        service.secrets.put("hook", key).await.expect("kept");
        let organisation = records.organisation(&first).await.expect("read").expect("there").value;
        let connection = ConnectionId::new(FIRST_CONNECTION);
        let connection = records.connection(&first, connection).await.expect("read");
        let connection = connection.expect("there").value;
        let systems = records.systems(&first).await.expect("read");
        let profile = records.profile(&first, "test").await.expect("read").expect("there").value;
        for id in found {
            if id != first {
                let row = OrganisationRow { id: id.clone(), ..organisation.clone() };
                records.save_organisation(&row, None).await.expect("saved");
                records.save_connection(&id, &connection, None).await.expect("saved");
                records.save_profile(&id, &profile, None).await.expect("saved");
                for system in &systems {
                    records.save_system(&id, &system.value, None).await.expect("saved");
                }
            }
            let endpoint = EndpointRow {
                id: EndpointId::new(Uuid::from_u128(9)),
                system: system.clone(),
                url: "https://erp.example.com/hook".to_owned(),
                secret_name: "hook".to_owned(),
                paused: None,
                created_at: now,
            };
            let state = DeliveryState::default();
            let saved = records.save_delivery(&id, endpoint.id, &state, None, &[], &[]).await;
            saved.expect("saved");
            records.save_endpoint(&id, &endpoint, None).await.expect("saved");
        }
    });
    all
}

/// A change as most are: a new item, by a person or by the business system.
fn change(bill: &mut Bill, one: &Live) {
    if one.by_person {
        appoint(&bill.stage, &one.address, 48);
        return;
    }
    let start = bill.stage.clock.now() + SignedDuration::from_hours(48);
    let item = json!({
        "title": "Boiler",
        "description": "The customer waits at the gate.",
        "start": start.strftime("%Y-%m-%dT%H:%M:00").to_string(),
        "timeZone": "Europe/Berlin",
        "duration": "PT45M",
    });
    bill.put(&one.address, "erp-1", item);
}

fn appoint(stage: &Stage, person: &str, hours: i64) {
    let start = stage.clock.now() + SignedDuration::from_hours(hours);
    let new = NewAppointment {
        subject: "Visit".to_owned(),
        start: start.strftime("%Y-%m-%dT%H:%M:00").to_string().parse().expect("a time"),
        duration: SignedDuration::from_hours(1),
        body: Some("Bring the drawings, please.".to_owned()),
        location: Some("Muster".to_owned()),
        recurrence: None,
        attendees: Vec::new(),
    };
    stage.simulator.user(person).create(&new).expect("a mailbox of the simulator");
}
