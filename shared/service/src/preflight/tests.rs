//! The preflight with a network by script: each step with what makes it fail.

mod ews;
mod fence;
mod graph;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use tidemark_identity::AccessToken;
use tidemark_mailbox::ews::ServerVersion;
use tidemark_mailbox::{Disposition, Greeting, Mailbox, MailboxError, Scope};
use tidemark_model::OrganisationId;
use tidemark_store::records::{ConnectionRow, Fence, Gate, MailboxRow, MailboxState, Protocol};
use tidemark_transport::{CertificateFacts, ShownCertificate};

use crate::border::*;
use crate::ports::{Exchange, Part, Probe, Seen, TokenFacts};
use crate::testing::{FakeExchange, Stage, connection_id, organisation, scope, system};

const M1: &str = "m1@tidemark.example";
const BOARD: &str = "board@tidemark.example";

type Answer<T> = Result<T, MailboxError>;

/// A network by script. What it does not name opens.
#[derive(Clone)]
struct Script {
    greeting: Answer<Greeting>,
    certificate: Option<ShownCertificate>,
    token: Answer<TokenFacts>,
    looks: BTreeMap<(String, &'static str), Answer<Seen>>,
    /// Looks that never end.
    is_stuck: bool,
}

impl Script {
    fn of_ews() -> Self {
        let schemes = ["negotiate", "ntlm", "basic"].map(str::to_owned).to_vec();
        Self {
            greeting: Ok(Greeting { status: 401, schemes }),
            certificate: Some(certificate(true)),
            token: Err(error("not-asked-here", "")),
            looks: BTreeMap::new(),
            is_stuck: false,
        }
    }

    fn of_graph(roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Self {
            greeting: Ok(Greeting { status: 401, schemes: vec!["bearer".to_owned()] }),
            certificate: None,
            token: Ok(TokenFacts { token: token(), roles: Some(roles) }),
            ..Self::of_ews()
        }
    }

    fn look(mut self, address: &str, part: Part, answer: Answer<Seen>) -> Self {
        self.looks.insert((address.to_owned(), word(part)), answer);
        self
    }

    /// Nothing of this mailbox opens, for this reason.
    fn closed(self, address: &str, code: &str) -> Self {
        [Part::Calendar, Part::Contacts, Part::Mail]
            .into_iter()
            .fold(self, |script, part| script.look(address, part, Err(error(code, "no right"))))
    }
}

fn token() -> AccessToken {
    let until = "2027-03-02T10:00:00Z".parse().unwrap();
    AccessToken::new(secrecy::SecretString::from("t0ken"), until)
}

fn word(part: Part) -> &'static str {
    match part {
        Part::Calendar => "calendar",
        Part::Contacts => "contacts",
        Part::Mail => "mail",
    }
}

fn error(code: &str, text: &str) -> MailboxError {
    MailboxError {
        disposition: Disposition::Reject,
        scope: Scope::Mailbox,
        code: code.to_owned(),
        text: text.to_owned(),
    }
}

fn certificate(is_trusted: bool) -> ShownCertificate {
    ShownCertificate {
        facts: CertificateFacts {
            subject: "CN=mail.tidemark.example".to_owned(),
            issuer: "CN=Example CA".to_owned(),
            fingerprint: "ab".repeat(32).parse().unwrap(),
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2028-01-01T00:00:00Z".parse().unwrap(),
            self_issued: false,
        },
        is_trusted,
    }
}

/// Subscriptions as the tests of renewal have them, and the script for the rest.
struct Scripted {
    subscriptions: FakeExchange,
    script: Mutex<Script>,
}

#[async_trait]
impl Exchange for Scripted {
    async fn open(
        &self,
        organisation: &OrganisationId,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
    ) -> Answer<Arc<dyn Mailbox>> {
        self.subscriptions.open(organisation, connection, mailbox).await
    }

    async fn server_certificate(&self, _: &ConnectionRow) -> Answer<Option<ShownCertificate>> {
        Ok(self.script.lock().unwrap().certificate.clone())
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }
}

#[async_trait]
impl Probe for Scripted {
    async fn greet(&self, _: &ConnectionRow) -> Answer<Greeting> {
        self.script.lock().unwrap().greeting.clone()
    }

    async fn token(&self, _: &ConnectionRow) -> Answer<TokenFacts> {
        self.script.lock().unwrap().token.clone()
    }

    async fn look(
        &self,
        _: &OrganisationId,
        _: &ConnectionRow,
        mailbox: &MailboxRow,
        part: Part,
        _: Option<&AccessToken>,
    ) -> Answer<Seen> {
        let (stuck, answer) = {
            let script = self.script.lock().unwrap();
            let key = (mailbox.address.clone(), word(part));
            (script.is_stuck, script.looks.get(&key).cloned())
        };
        if stuck {
            core::future::pending::<()>().await;
        }
        let version = ServerVersion { major: 15, minor: 2, build: 2562, revision: 17 };
        answer.unwrap_or(Ok(Seen { version: Some(version), items: Some(7), can_edit: Some(true) }))
    }
}

/// A stage whose network follows a script.
struct World {
    stage: Stage,
    exchange: Arc<Scripted>,
}

impl World {
    async fn new(script: Script) -> Self {
        let mut stage = Stage::new().await;
        let subscriptions = stage.exchange.clone();
        let exchange = Arc::new(Scripted { subscriptions, script: Mutex::new(script) });
        stage.service.exchange = exchange.clone();
        Self { stage, exchange }
    }

    /// One whose connection speaks Graph.
    async fn of_graph(script: Script) -> Self {
        let world = Self::new(script).await;
        world
            .change(|row| {
                let access = serde_json::json!({
                    "tenant": "contoso.example",
                    "client": "00000000-0000-4000-8000-000000000002",
                    "cloud": "global",
                    "credentials": [{"credential": "secret", "secret_name": "graph"}],
                });
                row.protocol = Protocol::Graph(serde_json::from_value(access).unwrap());
            })
            .await;
        world
    }

    async fn change(&self, change: impl FnOnce(&mut ConnectionRow)) {
        let records = &self.stage.service.records;
        let found = records.connection(&organisation(), connection_id()).await.unwrap().unwrap();
        let mut row = found.value;
        change(&mut row);
        records.save_connection(&organisation(), &row, Some(found.revision)).await.unwrap();
    }

    async fn connection(&self) -> ConnectionRow {
        let records = &self.stage.service.records;
        records.connection(&organisation(), connection_id()).await.unwrap().unwrap().value
    }

    fn script(&self, script: Script) {
        *self.exchange.script.lock().unwrap() = script;
    }

    async fn run(&self) -> PreflightView {
        self.ask(PreflightAsk::default()).await.unwrap()
    }

    async fn ask(&self, ask: PreflightAsk) -> Result<PreflightView, Refusal> {
        self.stage.service.preflight(&admin(), connection_id().uuid(), ask).await
    }

    async fn change_fence(&self, change: FenceChange) -> Result<FenceView, Refusal> {
        self.stage.service.change_fence(&admin(), connection_id().uuid(), change).await
    }
}

fn admin() -> Caller {
    Caller {
        organisation: organisation(),
        system: system().into(),
        role: Role::Administrator,
        key_id: "key-7".to_owned(),
    }
}

#[track_caller]
fn step<'a>(view: &'a PreflightView, name: &str) -> &'a PreflightStep {
    let found = view.steps.iter().find(|step| step.name == name);
    found.unwrap_or_else(|| panic!("no step {name} in {:?}", view.steps))
}

#[track_caller]
fn of_mailbox<'a>(view: &'a PreflightView, name: &str) -> &'a PreflightStep {
    let steps = &view.mailboxes[0].steps;
    steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("no {name}: {steps:?}"))
}

/// States of the connection's steps by name.
fn states(view: &PreflightView) -> Vec<(&'static str, &'static str)> {
    view.steps.iter().map(|step| (step.name, step.state.as_str())).collect()
}

#[tokio::test]
async fn a_look_that_never_ends_is_given_up() {
    let world = World::new(Script { is_stuck: true, ..Script::of_ews() }).await;
    world.stage.add_mailbox(2).await;
    let before = world.stage.service.world.now();
    let view = world.run().await;
    let step = view.mailboxes[0].failed().unwrap();
    assert_eq!(step.code.as_deref(), Some("timed-out"));
    let took: SignedDuration = world.stage.service.world.now().duration_since(before);
    assert!(took <= SignedDuration::from_secs(40), "{took}");
    assert!(took >= SignedDuration::try_from(Duration::from_secs(8)).unwrap(), "{took}");
}

#[tokio::test]
async fn only_administrators_ask_and_only_about_what_is_there() {
    let world = World::new(Script::of_ews()).await;
    let operator = Caller { role: Role::Integrator, ..admin() };
    let service = &world.stage.service;
    let asked = service.preflight(&operator, connection_id().uuid(), PreflightAsk::default()).await;
    assert_eq!(asked, Err(Refusal::Forbidden(Role::Administrator)));
    let asked = service.preflight(&admin(), uuid::Uuid::nil(), PreflightAsk::default()).await;
    assert_eq!(asked, Err(Refusal::NotFound { what: "connection" }));
    let many = (0..51).map(|number| format!("n{number}@tidemark.example")).collect();
    let asked = world.ask(PreflightAsk { mailboxes: many, try_callback: false }).await;
    let Err(Refusal::Invalid(problems)) = asked else { panic!("{asked:?}") };
    assert_eq!(problems[0].pointer, "/mailboxes");
    let wrong = vec![M1.to_owned(), "nobody".to_owned()];
    let asked = world.ask(PreflightAsk { mailboxes: wrong, try_callback: false }).await;
    let Err(Refusal::Invalid(problems)) = asked else { panic!("{asked:?}") };
    assert_eq!(problems[0].pointer, "/mailboxes/1");
}

#[tokio::test]
async fn assignment_names_those_that_cannot_be_reached_page_by_page() {
    let script = Script::of_ews().look(
        "m3@tidemark.example",
        Part::Calendar,
        Err(error("ErrorNonExistentMailbox", "there is no such mailbox")),
    );
    let world = World::new(script).await;
    for number in 2..=130 {
        world.stage.add_mailbox(number).await;
    }
    let service = &world.stage.service;
    let id = connection_id().uuid();
    let first = service.check_assignment(&admin(), id, None).await.unwrap();
    assert_eq!(first.checked, 100);
    let [unreachable] = &first.unreachable[..] else { panic!("{:?}", first.unreachable) };
    assert_eq!(unreachable.address, "m3@tidemark.example");
    assert_eq!(unreachable.failed().unwrap().name, "impersonation");
    let last = service.check_assignment(&admin(), id, first.next.as_deref()).await.unwrap();
    assert_eq!((last.checked, last.unreachable.len(), last.next), (30, 0, None));
    let wrong = service.check_assignment(&admin(), id, Some("x")).await;
    assert_eq!(wrong, Err(Refusal::InvalidCursor { parameter: "after" }));
}

#[tokio::test]
async fn nothing_that_is_shown_for_logs_names_people_or_accounts() {
    let world = World::new(Script::of_ews().closed(M1, "ErrorImpersonateUserDenied")).await;
    world
        .change_fence(FenceChange {
            outside: Some(Some(BOARD.to_owned())),
            waiver: Some(Some("because of Robin".to_owned())),
            gate: None,
        })
        .await
        .unwrap();
    let view = world.run().await;
    let shown = format!("{view:?} {:?}", world.connection().await);
    for secret in ["@", "svc", "Robin"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
