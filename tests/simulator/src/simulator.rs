//! The whole server without sockets, clock or threads of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use roxmltree::Document;

use crate::callback::{Callback, CallbackKind};
use crate::clock::SimClock;
use crate::config::{Config, Role};
use crate::entra::{self, Entra};
use crate::ews::{self, Context, EwsError};
use crate::fault::{FaultKind, FaultPlan, FaultRun};
use crate::graph::{self, GraphState};
use crate::store::{Actor, MailboxNumber, Store};
use crate::subscription::{CallAnswer, Subscriptions};

/// Where EWS listens.
const EWS_PATH: &str = "/ews/exchange.asmx";

/// An HTTP request, as far as the simulator looks at it.
#[derive(Clone)]
pub struct SimRequest {
    /// Such as `POST`.
    pub method: String,
    /// Path, with the query behind a question mark where there is one.
    pub path: String,
    /// Names and values; names are compared without regard to case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl SimRequest {
    /// A POST to EWS with Basic credentials.
    pub fn ews(user: &str, password: &str, body: impl Into<Vec<u8>>) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        Self {
            method: "POST".to_owned(),
            path: "/EWS/Exchange.asmx".to_owned(),
            headers: vec![
                ("authorization".to_owned(), format!("Basic {credentials}")),
                ("content-type".to_owned(), "text/xml; charset=utf-8".to_owned()),
            ],
            body: body.into(),
        }
    }

    /// Path and query; the query is empty where there is none.
    pub fn path_and_query(&self) -> (&str, &str) {
        self.path.split_once('?').unwrap_or((&self.path, ""))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What becomes of a request.
#[derive(Clone)]
pub enum SimOutcome {
    /// An answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers of the answer.
        headers: Vec<(String, String)>,
        /// Body of the answer.
        body: Vec<u8>,
    },
    /// The connection ends; nothing was done.
    CutBefore,
    /// The connection ends; the request was carried out.
    CutAfter,
}

impl SimOutcome {
    pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    fn xml(status: u16, body: String) -> Self {
        // DavMail compares this header as a whole string.
        Self::answer(status, "text/xml; charset=utf-8", body)
    }
}

/// What becomes of a request at first.
pub enum SimStep {
    /// It is over.
    Done(SimOutcome),
    /// It waits for listeners: post the callbacks, give their answers to
    /// [`Simulator::callback_answered`], then call [`Simulator::finish`] with the number.
    Waiting(u64, Vec<Callback>),
}

/// A simulated Exchange. All methods may be called from any thread.
pub struct Simulator {
    clock: Arc<dyn SimClock>,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) faults: FaultRun,
    pub(crate) entra: Entra,
    pub(crate) graph: GraphState,
    /// Accounts that may impersonate beside the service accounts.
    pub(crate) impersonators: BTreeSet<MailboxNumber>,
    /// Mailboxes that EWS no longer finds: they moved into the cloud.
    pub(crate) moved_away: BTreeSet<MailboxNumber>,
    /// Mailboxes that EWS is switched off for.
    pub(crate) ews_off: BTreeSet<MailboxNumber>,
    /// How often each operation was asked for.
    pub(crate) requests: BTreeMap<String, u64>,
    /// Calls that wait for a later one to pass them.
    delayed: Vec<Callback>,
}

impl State {
    fn new(config: Config) -> Self {
        let mut store = Store::new(config.seed);
        for mailbox in &config.mailboxes {
            store.add_mailbox(mailbox);
        }
        Self {
            subscriptions: Subscriptions::new(config.seed),
            faults: FaultRun::new(FaultPlan::default()),
            entra: Entra::new(config.seed),
            graph: GraphState::new(config.seed),
            impersonators: BTreeSet::new(),
            moved_away: BTreeSet::new(),
            ews_off: BTreeSet::new(),
            requests: BTreeMap::new(),
            delayed: Vec::new(),
            config,
            store,
        }
    }

    /// Hands what happened in the mailboxes to those who listen.
    pub(crate) fn spread_events(&mut self) {
        let events = self.store.take_events();
        self.subscriptions.tell(&events);
        self.graph.tell(&self.store, &events);
    }

    /// Puts everything back to the start.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.config.clone());
    }
}

impl Simulator {
    /// A server with the mailboxes of `config`, reading the time from `clock`.
    pub fn new(config: Config, clock: Arc<dyn SimClock>) -> Self {
        Self { clock, state: Mutex::new(State::new(config)) }
    }

    /// Answers one request. Listeners that would have to prove themselves meanwhile are taken for
    /// silent: [`Simulator::begin`] asks them.
    pub fn handle(&self, request: &SimRequest) -> SimOutcome {
        match self.begin(request) {
            SimStep::Done(outcome) => outcome,
            SimStep::Waiting(number, _) => self.finish(number),
        }
    }

    /// Answers one request, or says whom to ask first.
    pub fn begin(&self, request: &SimRequest) -> SimStep {
        let now = self.clock.now();
        let mut state = self.state();
        let (path, _) = request.path_and_query();
        if path.starts_with("/_sim/") {
            let outcome = crate::control::handle(&mut state, request, now);
            state.spread_events();
            return SimStep::Done(outcome);
        }
        if path.eq_ignore_ascii_case(EWS_PATH) {
            return SimStep::Done(handle_ews(&mut state, request, now));
        }
        match graph::handle(&mut state, request, now) {
            Some(graph::Step::Done(outcome)) => return SimStep::Done(outcome),
            Some(graph::Step::Waiting(number, calls)) => return SimStep::Waiting(number, calls),
            None => {}
        }
        SimStep::Done(
            entra::handle(&mut state, request, now).unwrap_or_else(|| {
                SimOutcome::answer(404, "text/plain; charset=utf-8", "not found")
            }),
        )
    }

    /// Ends a request that waited; listeners that gave no answer meanwhile failed.
    pub fn finish(&self, number: u64) -> SimOutcome {
        let now = self.clock.now();
        graph::finish(&mut self.state(), number, now)
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.state().faults = FaultRun::new(plan);
    }

    /// Callbacks to be posted now. Each has to be answered by [`Simulator::callback_answered`].
    pub fn due_callbacks(&self, now: Timestamp) -> Vec<Callback> {
        let mut state = self.state();
        let state = &mut *state;
        let mut calls = Vec::new();
        for number in state.subscriptions.due(now) {
            let store = &state.store;
            let call = state.subscriptions.call(number, now, |one, events, more| {
                ews::notification_body(store, one, &events, more)
            });
            let Some((id, url, body)) = call else {
                continue;
            };
            let callback = Callback { id, url, body, kind: CallbackKind::EwsPush };
            send(state, &mut calls, callback, now);
        }
        for callback in state.graph.subscriptions.due(now) {
            send(state, &mut calls, callback, now);
        }
        if !calls.is_empty() {
            calls.append(&mut state.delayed);
        }
        calls
    }

    /// Takes the answer to a callback; status 0 stands for none.
    pub fn callback_answered(&self, id: u64, status: u16, body: &[u8]) {
        let now = self.clock.now();
        if self.state().graph.subscriptions.answered(id, status, body, now) {
            return;
        }
        let answer = ews::read_answer(status, body);
        self.state().subscriptions.answered(id, answer, now);
    }

    /// When [`Simulator::due_callbacks`] has something next; none while nobody listens.
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.state();
        let ews = state.subscriptions.next_due(self.clock.now());
        ews.into_iter().chain(state.graph.subscriptions.next_due()).min()
    }

    /// Now, as the simulator reads it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a callback, unless a fault has something else in mind.
fn send(state: &mut State, calls: &mut Vec<Callback>, callback: Callback, now: Timestamp) {
    if state.faults.fires(FaultKind::NotificationDropped) {
        deem_delivered(state, &callback, now);
    } else if state.faults.fires(FaultKind::NotificationDelayed) {
        deem_delivered(state, &callback, now);
        state.delayed.push(callback);
    } else {
        if state.faults.fires(FaultKind::NotificationDoubled) {
            calls.push(callback.clone());
        }
        calls.push(callback);
    }
}

/// The server takes a callback for delivered.
fn deem_delivered(state: &mut State, callback: &Callback, now: Timestamp) {
    match callback.kind {
        CallbackKind::EwsPush => state.subscriptions.answered(callback.id, CallAnswer::Ok, now),
        CallbackKind::Handshake | CallbackKind::GraphNotification => {
            state.graph.subscriptions.forget_call(callback.id);
        }
    }
}

fn handle_ews(state: &mut State, request: &SimRequest, now: Timestamp) -> SimOutcome {
    if request.body.len() > ews::REQUEST_BYTES_MAX {
        return SimOutcome::answer(413, "text/plain; charset=utf-8", "too large");
    }
    let Some(caller) = authenticate(state, request) else {
        let mut outcome = SimOutcome::answer(401, "text/plain; charset=utf-8", "");
        if let SimOutcome::Answer { headers, .. } = &mut outcome {
            headers.push((
                "www-authenticate".to_owned(),
                "Basic realm=\"simulator.tidemark.example\"".to_owned(),
            ));
        }
        return outcome;
    };
    if request.method != "POST" {
        return SimOutcome::answer(405, "text/plain; charset=utf-8", "");
    }
    let text = String::from_utf8_lossy(&request.body);
    let Ok(document) = Document::parse(&text) else {
        let error = EwsError::schema("the request is no XML document");
        return SimOutcome::xml(500, ews::fault(&error));
    };
    let header = match ews::read_header(&document) {
        Ok(header) => header,
        Err(error) => return SimOutcome::xml(500, ews::fault(&error)),
    };
    *state.requests.entry(header.operation.clone()).or_default() += 1;
    state.faults.begin(&header.operation);
    if let Some(outcome) = fail_early(state) {
        return outcome;
    }
    if is_switched_off(state, &header, caller) {
        return SimOutcome::answer(403, "text/plain; charset=utf-8", "");
    }
    let outcome = match act(state, &document, header, caller, now) {
        Ok(body) => SimOutcome::xml(200, body),
        Err(error) => SimOutcome::xml(500, ews::fault(&error)),
    };
    state.spread_events();
    if state.faults.fires(FaultKind::CutAfter) {
        return SimOutcome::CutAfter;
    }
    outcome
}

/// Faults that come before anything is done.
fn fail_early(state: &mut State) -> Option<SimOutcome> {
    if state.faults.fires(FaultKind::SubscriptionLost) {
        let choice = state.faults.choose();
        state.subscriptions.lose_one(choice);
    }
    if state.faults.fires(FaultKind::CutBefore) {
        return Some(SimOutcome::CutBefore);
    }
    if state.faults.fires(FaultKind::Unavailable) {
        return Some(SimOutcome::answer(503, "text/plain; charset=utf-8", "Service Unavailable"));
    }
    if state.faults.fires(FaultKind::ServerBusy) {
        let busy = ews::server_busy(state.faults.back_off_ms());
        return Some(SimOutcome::xml(500, ews::fault(&busy)));
    }
    if state.faults.fires(FaultKind::Transient) {
        let error = EwsError::new(
            "ErrorInternalServerTransientError",
            "An internal server error occurred. Try again later.",
        );
        return Some(SimOutcome::xml(500, ews::fault(&error)));
    }
    None
}

/// Whether EWS is switched off for the mailbox that a request is about (`Set-CASMailbox -EwsEnabled
/// $false`, and in Exchange Online whatever `EWSEnabled` of the organisation does not allow): the
/// request is not carried out, and answered with 403.
fn is_switched_off(state: &State, header: &ews::Header, caller: MailboxNumber) -> bool {
    let named = header.impersonate.as_deref().and_then(|address| state.store.find(address));
    state.ews_off.contains(&named.map_or(caller, |found| found.number))
}

fn act(
    state: &mut State,
    document: &Document<'_>,
    header: ews::Header,
    caller: MailboxNumber,
    now: Timestamp,
) -> Result<String, EwsError> {
    let mailbox = match &header.impersonate {
        None => caller,
        Some(address) => impersonated(state, caller, address)?,
    };
    if state.moved_away.contains(&mailbox) {
        return Err(no_mailbox());
    }
    let name = state.store.mailbox(mailbox)?.display_name.clone();
    state.subscriptions.expire(now);
    let mut context = Context {
        store: &mut state.store,
        subscriptions: &mut state.subscriptions,
        faults: &mut state.faults,
        caller,
        mailbox,
        actor: Actor { name, at: now },
        zone: header.zone,
    };
    ews::perform(&mut context, document, &header.operation)
}

fn impersonated(
    state: &State,
    caller: MailboxNumber,
    address: &str,
) -> Result<MailboxNumber, EwsError> {
    let denied = || {
        EwsError::new(
            "ErrorImpersonateUserDenied",
            "The account does not have permission to impersonate the requested user.",
        )
    };
    let role = state.store.mailbox(caller)?.role;
    if role != Role::ServiceAccount && !state.impersonators.contains(&caller) {
        return Err(denied());
    }
    let found = state.store.find(address).map(|found| found.number).ok_or_else(no_mailbox)?;
    // A role assignment has a CustomRecipientWriteScope; who is outside of it cannot be acted for.
    if state.graph.is_in_scope(found) { Ok(found) } else { Err(denied()) }
}

fn no_mailbox() -> EwsError {
    EwsError::new("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
}

/// The account that the Basic credentials of a request belong to.
fn authenticate(state: &State, request: &SimRequest) -> Option<MailboxNumber> {
    let (scheme, credentials) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    // Both DOMAIN\user and user@domain are names of an account.
    let user = user.rsplit_once('\\').map_or(user, |(_, user)| user);
    let found = state.store.find(user).or_else(|| {
        state.store.mailboxes().iter().find(|mailbox| {
            mailbox
                .address
                .split_once('@')
                .is_some_and(|(local, _)| local.eq_ignore_ascii_case(user))
        })
    })?;
    (password == state.config.password).then_some(found.number)
}

#[cfg(test)]
mod tests;
