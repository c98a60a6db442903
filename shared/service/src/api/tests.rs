//! The border over the memory table: what runs would have left there is written by hand.

mod connections;
mod feed;
mod graph_connections;
mod holds;
mod items;
mod webhooks;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_engine::{Base, Side};
use tidemark_jscalendar::read_event_patch;
use tidemark_model::{BusinessKey, Event, Kind, LinkId, Property, PropertyValue, SystemId};
use tidemark_store::records::{
    ApiKeyId, ApiKeyRow, Commit, FeedEntry, HistoryEntry, HoldRow, ItemCommit, LinkRow, LinkState,
    LinkWrite, MailboxRow, MailboxScope, Role as StoredRole, SystemRow, Trouble,
};
use uuid::Uuid;

use crate::border::*;
use crate::content::encode_base;
use crate::testing::{Stage, connection_id, organisation, scope, system};

const M1: &str = "m1@tidemark.example";
const KIND: Kind = Kind::Appointment;

fn caller(role: Role) -> Caller {
    Caller { organisation: organisation(), system: Some(system()), role, key_id: "k".to_owned() }
}

fn ours() -> Caller {
    caller(Role::Integrator)
}

fn theirs() -> Caller {
    Caller { system: SystemId::parse("erp").ok(), ..ours() }
}

fn visit(title: &str) -> Value {
    json!({
        "title": title,
        "start": "2027-03-02T09:00:00",
        "timeZone": "Europe/Berlin",
        "duration": "PT1H",
    })
}

fn event(title: &str) -> Event {
    let patch = read_event_patch(&visit(title), None).unwrap().patch;
    let Some(PropertyValue::Schedule(schedule, _)) = patch.get(Property::Schedule) else {
        panic!("a visit takes place");
    };
    let mut event = Event::new(schedule.clone());
    event.apply_patch(&patch);
    event
}

/// What both sides agree on.
fn base(title: &str, announced: bool) -> Vec<u8> {
    let event = event(title);
    let base = Base { exchange: event.clone(), business: event, born: Side::Exchange, announced };
    encode_base(&base).unwrap()
}

/// A link that a run would have made.
fn linked(stage: &Stage, number: u128, title: &str) -> LinkRow {
    let mut row = LinkRow::new(LinkId::new(Uuid::from_u128(number)), KIND, stage.clock_now());
    row.state = LinkState::Linked;
    row.base_exchange = Some(base(title, true));
    row
}

/// One of an item that the business system named itself.
fn named(stage: &Stage, key: &str, title: &str) -> LinkRow {
    let mut row = linked(stage, 0, title);
    row.link = own_link(key);
    row.business_key = Some(BusinessKey::parse(key).unwrap());
    row
}

fn own_link(key: &str) -> LinkId {
    let key = BusinessKey::parse(key).unwrap();
    LinkId::of_business_key(&system(), scope(1).mailbox, KIND, &key)
}

impl Stage {
    fn clock_now(&self) -> jiff::Timestamp {
        self.service.world.now()
    }

    /// Commits as a run does.
    async fn commit(&self, scope: &MailboxScope, item: ItemCommit) {
        let records = &self.service.records;
        let now = self.clock_now();
        let ttl = SignedDuration::from_mins(1);
        let lease = records.take_lease(scope, "test", now, ttl).await.unwrap();
        let commit = Commit::new(scope.clone(), lease.clone()).item(item);
        records.commit(&commit, now).await.unwrap();
        records.release_lease(scope, &lease).await.unwrap();
    }

    async fn put_link(&self, row: LinkRow) {
        let links = vec![LinkWrite::Put(Box::new(row))];
        self.commit(&scope(1), ItemCommit { links, ..ItemCommit::default() }).await;
    }

    /// Carries out what waits for an item, without a trace.
    async fn apply_pending(&self, link: LinkId, row: LinkRow) {
        let waiting = self.service.records.pending_of_link(&scope(1), link).await.unwrap();
        let item = ItemCommit {
            links: vec![LinkWrite::Put(Box::new(row))],
            pending: waiting.iter().map(tidemark_store::records::PendingRow::reference).collect(),
            ..ItemCommit::default()
        };
        self.commit(&scope(1), item).await;
    }

    async fn tell(&self, scope: &MailboxScope, system: SystemId, number: u128) {
        let id = Uuid::from_u128(number);
        let event = serde_json::to_vec(&json!({ "number": number.to_string() })).unwrap();
        let entry = FeedEntry { id, link: LinkId::new(id), system, event };
        self.commit(scope, ItemCommit { feed: vec![entry], ..ItemCommit::default() }).await;
    }

    async fn change(&self, id: &str, change: ItemChangeRequest) -> Result<Accepted, Refusal> {
        self.guarded(id, change, Guards::default()).await
    }

    async fn guarded(
        &self,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        self.service.change_item(&ours(), M1, KIND, id, change, guards).await
    }

    async fn item(&self, id: &str) -> Result<ItemView, Refusal> {
        self.service.item(&ours(), M1, KIND, id).await
    }
}

/// Where a refusal says that something is wrong.
fn pointers<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> Vec<String> {
    match answer {
        Err(Refusal::Invalid(problems)) => problems.into_iter().map(|it| it.pointer).collect(),
        other => panic!("not invalid: {other:?}"),
    }
}

async fn key(stage: &Stage, key: &str, roles: &[StoredRole], system: Option<SystemId>) {
    let row = ApiKeyRow {
        id: ApiKeyId::new(stage.service.world.uuid()),
        organisation: organisation(),
        label: key.to_owned(),
        roles: roles.to_vec(),
        system,
        created_at: stage.clock_now(),
        expires_at: Some(stage.clock_now() + SignedDuration::from_hours(1)),
    };
    stage.service.records.save_api_key(key, &row).await.unwrap();
}

async fn save_system(stage: &Stage, id: SystemId) {
    let row = SystemRow { id, name: "a system".to_owned(), created_at: stage.clock_now() };
    stage.service.records.save_system(&organisation(), &row, None).await.unwrap();
}

#[tokio::test]
async fn a_key_gives_the_most_that_it_allows_until_it_ends() {
    let stage = Stage::new().await;
    let both = [StoredRole::Operator, StoredRole::Integrator];
    key(&stage, "good-key", &both, Some(system())).await;
    key(&stage, "idle-key", &[], Some(system())).await;
    let found = stage.service.authenticate("good-key").await.unwrap();
    assert_eq!((found.system, found.role), (Some(system()), Role::Integrator));
    for wrong in ["", "idle-key", "good-kez", &"x".repeat(10_000)] {
        assert_eq!(stage.service.authenticate(wrong).await, Err(Refusal::Unauthenticated));
    }
    stage.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(stage.service.authenticate("good-key").await, Err(Refusal::Unauthenticated));
}

#[tokio::test]
async fn a_key_without_a_system_means_the_only_one() {
    let stage = Stage::new().await;
    key(&stage, "admin-key", &[StoredRole::Administrator], None).await;
    let spoken_for = async || stage.service.authenticate("admin-key").await.unwrap().system;
    assert_eq!(spoken_for().await, None);
    save_system(&stage, system()).await;
    assert_eq!(spoken_for().await, Some(system()));
    save_system(&stage, SystemId::parse("erp").unwrap()).await;
    assert_eq!(spoken_for().await, None);
}

#[tokio::test]
async fn a_mailbox_is_found_by_address_alias_and_id() {
    let stage = Stage::new().await;
    let mut found = stage.service.records.mailbox(&scope(1)).await.unwrap().unwrap();
    found.value.aliases.insert("first@tidemark.example".to_owned());
    let records = &stage.service.records;
    records.save_mailbox(&organisation(), &found.value, Some(found.revision)).await.unwrap();
    let id = scope(1).mailbox.to_string();
    for name in [M1, "M1@Tidemark.Example", "First@tidemark.example", &id] {
        let view = stage.service.mailbox(&caller(Role::Operator), name).await.unwrap();
        assert_eq!((view.id.as_str(), view.address.as_str()), (id.as_str(), M1), "{name}");
    }
    for name in ["m9@tidemark.example", "nonsense", &scope(9).mailbox.to_string()] {
        let answer = stage.service.mailbox(&ours(), name).await;
        assert_eq!(answer, Err(Refusal::NotFound { what: "mailbox" }), "{name}");
    }
    let stranger = Caller {
        organisation: tidemark_model::OrganisationId::parse("globex").unwrap(),
        ..caller(Role::Administrator)
    };
    for name in [M1, &id] {
        let answer = stage.service.mailbox(&stranger, name).await;
        assert_eq!(answer, Err(Refusal::NotFound { what: "mailbox" }));
    }
}

#[tokio::test]
async fn the_state_of_a_mailbox_is_one_word_and_its_errors_name_the_mend() {
    let stage = Stage::new().await;
    let view = async || stage.service.mailbox(&ours(), M1).await.unwrap();
    assert_eq!((view().await.state, view().await.dirty), ("new", false));
    assert_eq!(view().await.connection, "Exchange");
    stage.service.sync_now(&ours(), M1).await.unwrap();
    assert!(view().await.dirty);
    assert_eq!(stage.hinted(&scope(1)).await, 1);
    let since = stage.clock_now();
    let change = async |change: fn(&mut MailboxRow)| {
        stage.service.records.change_mailbox(&scope(1), change).await.unwrap();
    };
    change(|row| row.state = tidemark_store::records::MailboxState::FirstSync).await;
    assert_eq!(view().await.state, "copying");
    change(|row| row.state = tidemark_store::records::MailboxState::Synced).await;
    assert_eq!(view().await.state, "synced");
    change(|row| {
        row.troubles.push(Trouble {
            code: "access-denied".to_owned(),
            cause: "It may not.".to_owned(),
            mend: "Let it.".to_owned(),
            since: row.created_at,
        });
    })
    .await;
    let failing = view().await;
    assert_eq!(
        (failing.state, failing.errors[0].text.as_str()),
        ("failing", "It may not. Let it.")
    );
    assert_eq!(failing.errors[0].since, since.to_string());
    change(|row| row.paused = Some("brake".to_owned())).await;
    assert_eq!(view().await.state, "paused");
    change(|row| row.enabled = false).await;
    assert_eq!(view().await.state, "disabled");
}

#[tokio::test]
async fn a_mailbox_that_no_run_would_take_up_says_how_to_go_on() {
    let stage = Stage::new().await;
    let (service, admin) = (&stage.service, caller(Role::Administrator));
    let refused = async || match service.sync_now(&ours(), M1).await {
        Err(Refusal::Conflict(text)) => text,
        other => panic!("{other:?}"),
    };
    let forbidden = Err(Refusal::Forbidden(Role::Administrator));
    let switch = |on| MailboxChange { enabled: Some(on), ..MailboxChange::default() };
    assert_eq!(service.change_mailbox(&ours(), M1, switch(false)).await.map(|_| ()), forbidden);
    assert_eq!(service.change_mailbox(&admin, M1, switch(false)).await.unwrap().state, "disabled");
    assert!(refused().await.contains("PATCH /v1/mailboxes/"));
    assert_eq!(stage.hinted(&scope(1)).await, 0);
    // Switched on, it is looked at by itself.
    assert_eq!(service.change_mailbox(&admin, M1, switch(true)).await.unwrap().state, "new");
    assert_eq!(stage.hinted(&scope(1)).await, 1);
    service.sync_now(&ours(), M1).await.unwrap();

    let pause = |row: &mut MailboxRow| row.paused = Some("More than 50 deletes.".to_owned());
    service.records.change_mailbox(&scope(1), pause).await.unwrap();
    let text = refused().await;
    assert!(text.contains("More than 50 deletes.") && text.contains("/v1/holds"), "{text}");
    service.records.change_mailbox(&scope(1), |row| row.paused = None).await.unwrap();

    let connection = service.records.connection(&organisation(), connection_id()).await;
    let mut connection = connection.unwrap().unwrap();
    connection.value.enabled = false;
    let (row, revision) = (&connection.value, Some(connection.revision));
    service.records.save_connection(&organisation(), row, revision).await.unwrap();
    assert!(refused().await.contains("connection is switched off"));
}

#[tokio::test]
async fn mailboxes_come_by_page() {
    let stage = Stage::new().await;
    stage.add_mailbox(2).await;
    let page = stage.service.mailboxes(&ours(), None, 1).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    let next = page.next.unwrap();
    let rest = stage.service.mailboxes(&ours(), Some(&next), 100).await.unwrap();
    assert_eq!((rest.entries.len(), rest.next), (1, None));
    let wrong = stage.service.mailboxes(&ours(), Some("nonsense"), 1).await;
    assert_eq!(wrong, Err(Refusal::InvalidCursor { parameter: "after" }));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_as_such() {
    let stage = Stage::new().await;
    assert_eq!(stage.service.health().await, Ok(()));
    stage.fail(|_| true);
    assert_eq!(stage.service.health().await, Err("the store does not answer".to_owned()));
    assert_eq!(stage.service.authenticate("good-key").await, Err(Refusal::Unavailable));
    assert_eq!(stage.service.mailbox(&ours(), M1).await, Err(Refusal::Unavailable));
    stage.mend();
    assert_eq!(stage.service.health().await, Ok(()));
}
