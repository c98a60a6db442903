//! Where the tests play: records on a memory table, a seeded randomness, a scheduler.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tidemark_model::{Kind, LinkId, MailboxId, OrganisationId, SystemId};
use uuid::Uuid;

use crate::Consumption;
use crate::memory::MemoryTable;
use crate::records::*;
use crate::table::*;

/// A small generator (splitmix64): the tests need variety, not secrecy.
#[derive(Clone)]
pub(super) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub(super) fn roll(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&self, limit: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(limit).unwrap()).unwrap()
    }

    pub(super) fn one_in(&self, count: u64) -> bool {
        self.roll().is_multiple_of(count)
    }

    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.roll().to_le_bytes()[0];
        }
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn organisation() -> OrganisationId {
    OrganisationId::parse("acme").unwrap()
}

pub(super) fn system() -> SystemId {
    SystemId::parse("crm").unwrap()
}

pub(super) fn scope(number: u128) -> MailboxScope {
    MailboxScope { organisation: organisation(), mailbox: MailboxId::new(Uuid::from_u128(number)) }
}

pub(super) fn link_id(number: u128) -> LinkId {
    LinkId::new(Uuid::from_u128(number))
}

pub(super) fn records_on(table: Arc<dyn Table>, seed: u64) -> Records {
    let dice = Dice::new(seed);
    let random: FillRandom = Arc::new(move |buffer: &mut [u8]| dice.fill(buffer));
    Records::new(table, Arc::new(Keyring::new(&[3; 32], random).unwrap()))
}

/// Records on a fresh memory table with mailbox 1.
pub(super) async fn stage() -> (Records, MemoryTable, MailboxScope) {
    let table = MemoryTable::new();
    let records = records_on(Arc::new(table.clone()), 1);
    let scope = add_mailbox(&records, 1).await;
    (records, table, scope)
}

pub(super) fn mailbox_row(number: u128) -> MailboxRow {
    MailboxRow {
        id: MailboxId::new(Uuid::from_u128(number)),
        address: format!("m{number}@tidemark.example"),
        aliases: BTreeSet::new(),
        connection: ConnectionId::new(Uuid::from_u128(1)),
        profile: None,
        system: system(),
        enabled: true,
        state: MailboxState::New,
        troubles: Vec::new(),
        time_zone: None,
        paused: None,
        first_sync: FirstSync::default(),
        last_synced: None,
        sweep_doublings: 0,
        created_at: at(0),
    }
}

pub(super) async fn add_mailbox(records: &Records, number: u128) -> MailboxScope {
    records.save_mailbox(&organisation(), &mailbox_row(number), None).await.unwrap();
    scope(number)
}

pub(super) async fn lease(records: &Records, scope: &MailboxScope, second: i64) -> Lease {
    let owner = format!("run at {second}");
    let ttl = SignedDuration::from_secs(60);
    records.take_lease(scope, &owner, at(second), ttl).await.unwrap()
}

pub(super) fn linked(number: u128, content: &[u8]) -> LinkRow {
    let mut row = LinkRow::new(link_id(number), Kind::Appointment, at(0));
    row.state = LinkState::Linked;
    row.remote_id = Some(format!("remote {number}"));
    row.uid = Some(format!("uid {number}"));
    row.base_exchange = Some(content.to_vec());
    row
}

pub(super) fn event(number: u128, text: &str) -> FeedEntry {
    FeedEntry {
        id: Uuid::from_u128(number),
        link: link_id(number),
        system: system(),
        event: text.as_bytes().to_vec(),
    }
}

pub(super) fn put(row: LinkRow) -> ItemCommit {
    ItemCommit { links: vec![LinkWrite::Put(Box::new(row))], ..ItemCommit::default() }
}

pub(super) fn change(number: u128, body: &str) -> PendingChange {
    PendingChange {
        id: ChangeId::new(Uuid::from_u128(number)),
        link: link_id(number),
        business_key: None,
        operation: PendingOperation::Put,
        body: body.as_bytes().to_vec(),
        if_match: None,
        idempotency: None,
        answer: Vec::new(),
        system: system(),
    }
}

/// Bytes that do not compress.
pub(super) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut content = vec![0; bytes];
    Dice::new(seed).fill(&mut content);
    content
}

/// A table that gives way before every operation, so that a scheduler can put others in between.
pub(super) struct GivingWay(pub(super) MemoryTable);

struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

pub(super) async fn pause() {
    Pause(false).await;
}

#[async_trait]
impl Table for GivingWay {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        pause().await;
        self.0.get(key).await
    }

    async fn get_together(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        pause().await;
        self.0.get_together(keys).await
    }

    async fn glance(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        pause().await;
        self.0.glance(keys).await
    }

    async fn query(
        &self,
        partition: &str,
        span: &Span,
        after: Option<&str>,
        order: Order,
        limit: usize,
    ) -> Result<Page, StoreError> {
        pause().await;
        self.0.query(partition, span, after, order, limit).await
    }

    async fn due(
        &self,
        shard: &str,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        pause().await;
        self.0.due(shard, until_ms, limit).await
    }

    async fn write(&self, write: Write) -> Result<Option<Item>, StoreError> {
        pause().await;
        self.0.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        pause().await;
        self.0.transact(writes).await
    }

    fn consumed(&self) -> Consumption {
        self.0.consumed()
    }
}

pub(super) type Actor<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Lets actors act in an order that the dice decide. One step in `dies` ends the actor for good; 0
/// spares all.
pub(super) fn interleave(dice: &Dice, mut actors: Vec<Actor<'_>>, dies: u64) {
    const STEPS_MAX: usize = 1_000_000;
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..STEPS_MAX {
        if actors.is_empty() {
            return;
        }
        let index = dice.below(actors.len());
        if actors[index].as_mut().poll(&mut context).is_ready() || (dies > 0 && dice.one_in(dies)) {
            drop(actors.swap_remove(index));
        }
    }
    panic!("the actors do not come to an end");
}
