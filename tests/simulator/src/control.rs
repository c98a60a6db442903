//! `/_sim/`: what tests steer and look at. JSON in, JSON out; README.md lists it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{MailboxConfig, Role};
use crate::fault::{FaultPlan, FaultRun};
use crate::simulator::{SimOutcome, SimRequest, State};
use crate::store::{Actor, MailboxNumber};
use crate::subscription::Channel;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewMailbox {
    address: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    may_impersonate: bool,
    /// Whether it is in the scope of RBAC for Applications, and of the role ApplicationImpersonation.
    in_scope: Option<bool>,
    /// Whether it lives on a server of its own, out of Graph's reach.
    on_premises: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MailboxPlace {
    in_scope: Option<bool>,
    on_premises: Option<bool>,
    ews_enabled: Option<bool>,
    address: Option<String>,
    aliases: Option<Vec<String>>,
    /// When the password of its owner ends.
    password_ends: Option<Timestamp>,
}

/// Why a request cannot be served.
pub(crate) type Refusal = (u16, &'static str);

/// Changes what is said of a mailbox, and leaves the rest.
fn change_mailbox(
    state: &mut State,
    number: MailboxNumber,
    change: MailboxPlace,
) -> Result<Value, Refusal> {
    let MailboxPlace { in_scope, on_premises, ews_enabled, address, aliases, password_ends } =
        change;
    if let Some(end) = password_ends {
        state.store.password_ends.insert(number, end);
    }
    place_mailbox(state, number, in_scope, on_premises);
    rename_mailbox(state, number, address, aliases)?;
    match ews_enabled {
        Some(true) => drop(state.ews_off.remove(&number)),
        Some(false) => drop(state.ews_off.insert(number)),
        None => {}
    }
    Ok(json!({}))
}

/// Answers a request below `/_sim/`.
pub(crate) fn handle(state: &mut State, request: &SimRequest, now: Timestamp) -> SimOutcome {
    let (path, _) = request.path_and_query();
    let parts: Vec<_> = path.trim_start_matches("/_sim/").split('/').collect();
    let answer = route(state, request, &parts, now);
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err((status, text)) => (status, json!({ "error": text })),
    };
    SimOutcome::answer(status, "application/json", body.to_string())
}

fn route(
    state: &mut State,
    request: &SimRequest,
    parts: &[&str],
    now: Timestamp,
) -> Result<Value, Refusal> {
    match (request.method.as_str(), parts) {
        ("GET", ["health"]) => Ok(json!({ "now": now.to_string() })),
        ("POST", ["reset"]) => {
            state.reset();
            Ok(json!({}))
        }
        ("GET", ["mailboxes"]) => Ok(list_mailboxes(state)),
        ("POST", ["mailboxes"]) => create_mailbox(state, read(&request.body)?),
        ("PATCH", ["mailboxes", address]) => {
            let found = state.store.find(&decoded(address)).ok_or((404, "no such mailbox"))?;
            let number = found.number;
            change_mailbox(state, number, read(&request.body)?)
        }
        (method, ["entra", rest @ ..]) => {
            crate::entra::control(&mut state.entra, method, rest, &request.body, now)
        }
        (method, ["graph", rest @ ..]) => {
            crate::graph::control(&mut state.graph, method, rest, &request.body, now)
        }
        ("POST", ["mailboxes", address, "migrate"]) => {
            let found = state.store.find(&decoded(address)).ok_or((404, "no such mailbox"))?;
            let number = found.number;
            state.store.migrate(number).map_err(|_| (409, "the mailbox refuses this"))?;
            state.graph.take_in(number);
            state.subscriptions.end_all_of(number);
            state.moved_away.insert(number);
            Ok(json!({}))
        }
        ("POST", ["mailboxes", address, "forget-states"]) => {
            let found = state.store.find(&decoded(address)).ok_or((404, "no such mailbox"))?;
            let number = found.number;
            state.graph.deltas.forget(number);
            Ok(json!({}))
        }
        ("GET", ["ledger"]) => Ok(ledger(state)),
        ("GET", ["requests"]) => Ok(json!(state.requests)),
        ("GET", ["faults"]) => Ok(json!({ "fired": state.faults.fired() })),
        ("PUT" | "POST", ["faults"]) => {
            let plan: FaultPlan = read(&request.body)?;
            state.faults = FaultRun::new(plan);
            Ok(json!({}))
        }
        ("GET", ["subscriptions"]) => Ok(subscriptions(state)),
        ("GET", ["mailboxes", address, "items"]) => items(state, &decoded(address)),
        (_, ["mailboxes", address, "appointments", rest @ ..]) => {
            let name = format!("{} (user)", decoded(address));
            let actor = Actor { name, at: now };
            crate::user::control(
                state,
                &decoded(address),
                &request.method,
                rest,
                &request.body,
                &actor,
            )
        }
        _ => Err((404, "no such control")),
    }
}

pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| (400, "the body does not have the expected form"))
}

fn decoded(address: &str) -> String {
    address.replace("%40", "@")
}

fn list_mailboxes(state: &State) -> Value {
    let list: Vec<_> = state
        .store
        .mailboxes()
        .iter()
        .map(|mailbox| {
            json!({
                "address": mailbox.address,
                "displayName": mailbox.display_name,
                "aliases": mailbox.aliases,
                "timeZone": mailbox.time_zone,
                "serviceAccount": mailbox.role == Role::ServiceAccount,
            })
        })
        .collect();
    json!({ "mailboxes": list })
}

fn create_mailbox(state: &mut State, new: NewMailbox) -> Result<Value, Refusal> {
    if !new.address.contains('@') {
        return Err((400, "an address has an @"));
    }
    let zone = new.time_zone.unwrap_or_else(|| "W. Europe Standard Time".to_owned());
    if crate::windows_zone::iana(&zone).is_none() {
        return Err((400, "the time zone is no Windows id"));
    }
    let local = new.address.split('@').next().unwrap_or_default().to_owned();
    let number = state.store.add_mailbox(&MailboxConfig {
        display_name: new.display_name.unwrap_or(local),
        address: new.address,
        aliases: new.aliases,
        time_zone: zone,
        role: Role::User,
    });
    if new.may_impersonate {
        state.impersonators.insert(number);
    }
    place_mailbox(state, number, new.in_scope, new.on_premises);
    Ok(json!({}))
}

fn place_mailbox(
    state: &mut State,
    number: MailboxNumber,
    in_scope: Option<bool>,
    on_premises: Option<bool>,
) {
    if let Some(inside) = in_scope {
        state.graph.set_scope(number, inside);
    }
    if let Some(on_premises) = on_premises {
        state.graph.set_on_premises(number, on_premises);
    }
}

/// Gives a mailbox another primary address, and other aliases. The old address is nobody's then, unless
/// it is among the aliases.
fn rename_mailbox(
    state: &mut State,
    number: MailboxNumber,
    address: Option<String>,
    aliases: Option<Vec<String>>,
) -> Result<(), Refusal> {
    let is_taken =
        |address: &String| state.store.find(address).is_some_and(|found| found.number != number);
    if address.iter().chain(aliases.iter().flatten()).any(is_taken) {
        return Err((409, "another mailbox has the address"));
    }
    let mailbox = state.store.mailbox_mut(number).map_err(|_| (404, "no such mailbox"))?;
    mailbox.address = address.unwrap_or_else(|| mailbox.address.clone());
    mailbox.aliases = aliases.unwrap_or_else(|| mailbox.aliases.clone());
    Ok(())
}

fn ledger(state: &State) -> Value {
    let list: Vec<_> = state
        .store
        .ledger()
        .iter()
        .map(|entry| {
            json!({
                "at": entry.at.to_string(),
                "from": entry.from,
                "to": entry.to,
                "kind": entry.kind.as_str(),
                "uid": entry.uid,
                "occurrence": entry.occurrence.map(|at| at.to_string()),
            })
        })
        .collect();
    json!({ "mails": list })
}

fn subscriptions(state: &State) -> Value {
    let list: Vec<_> = state
        .subscriptions
        .iter()
        .map(|one| {
            let address = state.store.mailbox(one.mailbox).map(|mailbox| mailbox.address.as_str());
            let (kind, url) = match &one.channel {
                Channel::Push { url, .. } => ("push", Some(url)),
                Channel::Pull { .. } => ("pull", None),
                Channel::Streaming => ("streaming", None),
            };
            json!({
                "id": one.id,
                "mailbox": address.unwrap_or_default(),
                "kind": kind,
                "url": url,
                "pending": one.pending.len(),
            })
        })
        .collect();
    json!({ "subscriptions": list })
}

fn items(state: &State, address: &str) -> Result<Value, Refusal> {
    let mailbox = state.store.find(address).ok_or((404, "no such mailbox"))?;
    let list: Vec<_> = mailbox
        .items
        .values()
        .map(|item| {
            let folder = mailbox.folders.get(&item.folder);
            let appointment = item.appointment();
            json!({
                "number": item.number,
                "folder": folder.map(|folder| folder.distinguished.unwrap_or(&folder.name)),
                "subject": item.subject(),
                "uid": appointment.map(|found| found.uid.as_str()),
                "start": appointment.map(|found| found.start.to_string()),
                "end": appointment.map(|found| found.end.to_string()),
                "allDay": appointment.map(|found| found.all_day),
                "recurring": appointment.map(|found| found.recurrence.is_some()),
                "cancelled": appointment.map(|found| found.cancelled),
            })
        })
        .collect();
    Ok(json!({ "items": list }))
}
