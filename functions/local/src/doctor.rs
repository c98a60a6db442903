//! `tidemark doctor`: the preflight of every connection of a file.
//!
//! It runs the very use case that the API offers, over a store in memory: the data directory belongs
//! to the process that serves, which may be running.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::SignedDuration;
use tidemark_runtime::master_key::{draw_master_key, read_master_key};
use tidemark_runtime::{Environment, EveryExchange, open_tokens};
use tidemark_service::border::{
    Caller, MailboxSteps, PreflightAsk, PreflightStep, PreflightView, Role, StepState,
};
use tidemark_service::{Border as _, Engine, Options, Reached, Service, World};
use tidemark_store::memory::{MemoryQueue, MemorySecrets, MemoryTable};
use tidemark_store::records::{Keyring, Records};
use tidemark_store::{Secrets, Table};
use tidemark_transport::{Clock, Entropy, HttpOptions, ReqwestHttp, SystemClock, SystemEntropy};

use crate::console::say;
use crate::settings::Settings;
use crate::setup::{self, AccessSetup, ConnectionSetup, Setup};

/// Pages of mailboxes of one connection that are looked at.
const PAGES_MAX: usize = 1000;

/// Checks every connection with its mailboxes. Exit code 1 when a step fails.
///
/// # Errors
/// When the file itself cannot be used.
pub(crate) async fn run(environment: &Environment, file: &Path) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(file)?;
    let setup = settings.to_setup(environment, SystemClock.now())?;
    let service = in_memory(settings.callback_url())?;
    setup::apply(&service, &setup).await?;
    let caller = administrator(&setup)?;
    let mut is_well = true;
    for connection in &setup.connections {
        say(&format!("connection {}", connection.name));
        if makes_its_certificate(connection) {
            is_well = false;
            say("  WRONG token: its certificate is made when it is first served, and lies in the");
            say("        data directory. Start it, upload the public part that");
            say(
                "        GET /v1/connections/{id}/credentials shows, then ask the running process:",
            );
            say("        POST /v1/connections/{id}/preflight");
            continue;
        }
        is_well &= check(&service, &caller, connection).await?;
    }
    say(if is_well { "all is well" } else { "something has to be mended" });
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells what a preflight finds; false when a step failed.
async fn check(
    service: &Service,
    caller: &Caller,
    connection: &ConnectionSetup,
) -> anyhow::Result<bool> {
    let all = service.connections(caller).await?;
    let id = all.iter().find(|it| it.name == connection.name).map(|it| it.id);
    let id = id.context("the connection was not taken up")?;
    // Nobody listens here, so that Exchange is not asked to call.
    let ask = PreflightAsk { mailboxes: Vec::new(), try_callback: false };
    let view = service.preflight(caller, id, ask).await?;
    tell_preflight(&view, connection.mailboxes.len());
    let rest = if view.more { tell_unreachable(service, caller, &view).await? } else { true };
    Ok(view.passed && rest)
}

fn tell_preflight(view: &PreflightView, all: usize) {
    for step in &view.steps {
        tell_step("  ", step);
    }
    for (index, mailbox) in view.mailboxes.iter().enumerate() {
        // The terminal is the operator's own, but its lines end up in tickets.
        say(&format!("  mailbox {} of {all}", index + 1));
        for step in &mailbox.steps {
            tell_step("    ", step);
        }
    }
}

/// Goes through all mailboxes and tells of those that cannot be reached; true when there are none.
async fn tell_unreachable(
    service: &Service,
    caller: &Caller,
    view: &PreflightView,
) -> anyhow::Result<bool> {
    let (mut after, mut checked, mut lost) = (None, 0, 0);
    for _ in 0..PAGES_MAX {
        let page = service.check_assignment(caller, view.connection, after.as_deref()).await?;
        checked += page.checked;
        lost += page.unreachable.len();
        for MailboxSteps { address, steps, .. } in &page.unreachable {
            say(&format!("  mailbox {address}"));
            steps
                .iter()
                .filter(|it| it.state == StepState::Failed)
                .for_each(|it| tell_step("    ", it));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    say(&format!("  {checked} mailboxes looked at, {lost} cannot be reached"));
    Ok(lost == 0 && after.is_none())
}

fn tell_step(margin: &str, step: &PreflightStep) {
    let mark = match step.state {
        StepState::Passed => "ok    ",
        StepState::Failed => "WRONG ",
        StepState::Skipped => "-     ",
        StepState::Waived => "waived",
    };
    say(&format!("{margin}{mark} {}: {}", step.name, step.seen));
    if let Some(mend) = &step.mend {
        say(&format!("{margin}       {mend}"));
    }
    if let Some(code) = &step.code {
        say(&format!("{margin}       ({code})"));
    }
    for command in &step.commands {
        say(&format!("{margin}         {command}"));
    }
}

fn makes_its_certificate(connection: &ConnectionSetup) -> bool {
    match &connection.access {
        AccessSetup::Graph(settings) => settings.credential.make_certificate,
        AccessSetup::Ews(_) => false,
    }
}

fn administrator(setup: &Setup) -> anyhow::Result<Caller> {
    let system = setup.systems.first().context("systems: name at least one")?;
    Ok(Caller {
        organisation: setup.organisation.clone(),
        system: system.id.clone().into(),
        role: Role::Administrator,
        key_id: "doctor".to_owned(),
    })
}

/// The product on a store that is gone with this process.
pub(crate) fn in_memory(callback_url: Option<&str>) -> anyhow::Result<Service> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let world = World::new(Arc::clone(&clock), Arc::clone(&entropy));
    let master = read_master_key(&draw_master_key(&*entropy))?;
    let keyring = Keyring::new(&master, Arc::new(move |buffer: &mut [u8]| entropy.fill(buffer)))?;
    let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
    let records = Arc::new(Records::new(table, Arc::new(keyring)));
    let secrets: Arc<dyn Secrets> = Arc::new(MemorySecrets::new());
    let tokens = open_tokens(Arc::clone(&records), Arc::clone(&secrets), world.clone(), None);
    let exchange = EveryExchange::new(Arc::clone(&secrets), tokens, world.clone());
    let visibility = SignedDuration::from_mins(2);
    Ok(Service {
        records,
        queue: Arc::new(MemoryQueue::new(Arc::new(move || clock.now()), visibility)),
        secrets,
        exchange: Arc::new(exchange),
        webhooks: Arc::new(ReqwestHttp::new(HttpOptions::default())?),
        planner: Arc::new(Engine),
        world,
        options: Options {
            callback_url: callback_url.unwrap_or("http://127.0.0.1").to_owned(),
            ..Options::default()
        },
        reached: Reached::default(),
    })
}
