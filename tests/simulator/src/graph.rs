//! The Graph face of the mailbox store (reference: exchange-graph.md).
//!
//! It shares nothing with the connector's crates but the neutral terms of the model.

mod batch;
mod body;
mod control;
mod delta;
mod directory;
mod error;
mod event_read;
mod event_write;
mod events;
mod extended;
mod filter;
mod id;
mod notify;
mod query;
mod recurrence;
mod request;
mod rich;
mod routes;
mod schedule;
mod subscriptions;
mod time;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::callback::Callback;
use crate::entra::{Bearer, TokenRefused};
use crate::fault::FaultKind;
use crate::random::Random;
use crate::simulator::{SimOutcome, SimRequest, State};
use crate::store::{Actor, ItemNumber, Mailbox, MailboxNumber, Store, StoreEvent};

pub(crate) use control::control;
pub(crate) use error::GraphError;
pub(crate) use request::{decoded, origin};
pub(crate) use subscriptions::GraphSubscriptions;

use event_read::Reader;
use request::Request;

/// The window over which requests are counted (exchange-graph.md 9.1).
const THROTTLE_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Requests to one mailbox in that window.
const REQUESTS_MAX: usize = 10_000;

/// What Graph keeps of an event beside the store.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    transaction: Option<String>,
    /// Where the online meeting is; none ends it.
    join_url: Option<String>,
    hide_attendees: bool,
}

/// By mailbox and by the number that the item had first.
type Extras = BTreeMap<(MailboxNumber, ItemNumber), Extra>;

/// A create that was carried out.
struct Transaction {
    item: ItemNumber,
    body: Value,
}

/// What tests may set.
pub(crate) struct Settings {
    /// Requests to one mailbox in ten minutes.
    requests_max: usize,
    /// Status of a transaction id that came with other content before.
    duplicate_status: u16,
    /// Whether an event in the Deleted Items is found by its id.
    deleted_readable: bool,
    /// Roles that RBAC for Applications gives for the mailboxes in its scope.
    rbac_roles: BTreeSet<String>,
}

/// All that the Graph side keeps.
pub(crate) struct GraphState {
    pub(crate) subscriptions: GraphSubscriptions,
    pub(crate) deltas: delta::States,
    extras: Extras,
    transactions: BTreeMap<(MailboxNumber, String), Transaction>,
    calls: BTreeMap<MailboxNumber, VecDeque<Timestamp>>,
    /// Mailboxes outside of the scope of RBAC for Applications.
    out_of_scope: BTreeSet<MailboxNumber>,
    /// Mailboxes that live on a server of their own.
    on_premises: BTreeSet<MailboxNumber>,
    settings: Settings,
    random: Random,
}

impl GraphState {
    /// The state at the start; `seed` is where ids and tokens start.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            subscriptions: GraphSubscriptions::new(seed),
            deltas: delta::States::new(seed),
            extras: Extras::new(),
            transactions: BTreeMap::new(),
            calls: BTreeMap::new(),
            out_of_scope: BTreeSet::new(),
            on_premises: BTreeSet::new(),
            settings: Settings {
                requests_max: REQUESTS_MAX,
                duplicate_status: 400,
                deleted_readable: false,
                rbac_roles: [
                    "Calendars.ReadWrite",
                    "Contacts.ReadWrite",
                    "Mail.Read",
                    "MailboxSettings.Read",
                ]
                .map(str::to_owned)
                .into(),
            },
            random: Random::new(seed ^ 0x6ea9_4000),
        }
    }

    /// Tells every listener what happened.
    pub(crate) fn tell(&mut self, store: &Store, events: &[StoreEvent]) {
        self.subscriptions.tell(store, &self.extras, events);
    }

    fn join_url(&mut self) -> String {
        format!(
            "https://teams.microsoft.com/l/meetup-join/19%3ameeting_{:016x}%40thread.v2/0",
            self.random.next()
        )
    }

    /// Counts a request to a mailbox; says how many seconds to wait if it is one too many.
    fn throttle(&mut self, mailbox: MailboxNumber, now: Timestamp) -> Option<u64> {
        let calls = self.calls.entry(mailbox).or_default();
        let since = now.saturating_sub(THROTTLE_WINDOW).unwrap_or(now);
        while calls.front().is_some_and(|at| *at <= since) {
            calls.pop_front();
        }
        let oldest = calls.front().copied();
        // Calls made during the wait extend it: they count too.
        calls.push_back(now);
        if calls.len() > self.settings.requests_max.saturating_mul(2) {
            calls.pop_front();
        }
        let free = oldest.filter(|_| calls.len() > self.settings.requests_max)?;
        let wait = THROTTLE_WINDOW.as_secs().saturating_sub(free.duration_until(now).as_secs());
        Some(u64::try_from(wait).unwrap_or(1).max(1))
    }
}

/// An id in the form of a GUID, made from a number.
pub(crate) fn guid(number: u64) -> String {
    let low = number & 0xffff_ffff_ffff;
    format!("8a7c3f3e-{:04x}-4000-8000-{low:012x}", number >> 48)
}

/// An answer before it is written.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

impl Answer {
    fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    fn header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }
}

/// What becomes of a request at first.
pub(crate) enum Step {
    /// It is answered.
    Done(SimOutcome),
    /// Listeners have to prove themselves first; the number is for [`finish`].
    Waiting(u64, Vec<Callback>),
}

/// What a handler works with.
struct Call<'a> {
    state: &'a mut State,
    request: &'a Request<'a>,
    /// Whose mailbox the path names.
    mailbox: MailboxNumber,
    /// How the path names its owner.
    user: String,
    actor: Actor,
}

impl Call<'_> {
    fn mailbox(&self) -> Result<&Mailbox, GraphError> {
        Ok(self.state.store.mailbox(self.mailbox)?)
    }

    fn reader<'b>(&'b self, mailbox: &'b Mailbox) -> Reader<'b> {
        Reader {
            mailbox,
            extras: &self.state.graph.extras,
            prefer: &self.request.prefer,
            beta: self.request.beta,
        }
    }
}

/// What a route did: an answer, or a handshake to wait for.
enum Routed {
    Answer(Answer),
    Handshake(u64, Vec<Callback>),
}

/// Answers a request below `/graph/`; none if the path is not Graph's.
pub(crate) fn handle(state: &mut State, raw: &SimRequest, now: Timestamp) -> Option<Step> {
    let ids = RequestIds::new(state, raw);
    let request = match Request::read(raw)? {
        Ok(request) => request,
        Err(error) => return Some(Step::Done(ids.refused(&error, now))),
    };
    let operation = routes::operation(&request);
    *state.requests.entry(operation.clone()).or_default() += 1;
    state.faults.begin(&operation);
    if let Some(outcome) = fail_early(state, &ids, now) {
        return Some(Step::Done(outcome));
    }
    let outcome = match perform(state, &request, now) {
        Ok(Routed::Answer(answer)) => ids.answered(answer, &request),
        Ok(Routed::Handshake(number, calls)) => return Some(Step::Waiting(number, calls)),
        Err(error) => ids.refused(&error, now),
    };
    state.spread_events();
    if state.faults.fires(FaultKind::CutAfter) {
        return Some(Step::Done(SimOutcome::CutAfter));
    }
    Some(Step::Done(outcome))
}

/// Ends a request that waited for handshakes: those without a good answer failed.
pub(crate) fn finish(state: &mut State, number: u64, now: Timestamp) -> SimOutcome {
    let raw = SimRequest {
        method: String::new(),
        path: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let ids = RequestIds::new(state, &raw);
    let outcome = match subscriptions::finish(state, number, now) {
        Ok(answer) => ids.written(answer),
        Err(error) => ids.refused(&error, now),
    };
    if state.faults.fires(FaultKind::CutAfter) {
        return SimOutcome::CutAfter;
    }
    outcome
}

/// Checks who asks, then does what is asked.
fn perform(state: &mut State, request: &Request<'_>, now: Timestamp) -> Result<Routed, GraphError> {
    let bearer = authenticate(state, request, now)?;
    if matches!(request.parts().as_slice(), ["$batch"]) {
        return batch::perform(state, request, now).map(Routed::Answer);
    }
    routes::route(state, request, &bearer, now)
}

fn authenticate(
    state: &State,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Bearer, GraphError> {
    let refused = |why: TokenRefused| {
        let rest = why.claims.map_or_else(String::new, |claims| {
            format!(", error=\"insufficient_claims\", claims=\"{claims}\"")
        });
        GraphError::new(401, "InvalidAuthenticationToken", why.text).header(
            "www-authenticate",
            format!(
                "Bearer realm=\"\", authorization_uri=\
                 \"https://login.microsoftonline.com/common/oauth2/authorize\", \
                 client_id=\"00000003-0000-0000-c000-000000000000\"{rest}"
            ),
        )
    };
    let (scheme, token) = request
        .raw
        .header("authorization")
        .and_then(|header| header.split_once(' '))
        .ok_or_else(|| refused("Access token is empty.".into()))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused("Access token is empty.".into()));
    }
    state.entra.check(token.trim(), &crate::entra::opens_graph, now).map_err(refused)
}

/// Faults that come before anything is done.
fn fail_early(state: &mut State, ids: &RequestIds, now: Timestamp) -> Option<SimOutcome> {
    if state.faults.fires(FaultKind::SubscriptionLost) {
        let choice = state.faults.choose();
        state.graph.subscriptions.lose_one(choice, now);
    }
    if state.faults.fires(FaultKind::CutBefore) {
        return Some(SimOutcome::CutBefore);
    }
    early_error(state).map(|error| ids.refused(&error, now))
}

/// Refusals that the requests inside of a batch can get one by one.
fn early_error(state: &mut State) -> Option<GraphError> {
    let wait = state.faults.back_off_ms().div_ceil(1_000);
    if state.faults.fires(FaultKind::Unavailable) {
        return Some(
            GraphError::new(503, "ServiceUnavailable", "The service is unavailable.")
                .header("retry-after", wait.max(1).to_string()),
        );
    }
    if state.faults.fires(FaultKind::ServerBusy) {
        return Some(GraphError::throttled("ApplicationThrottled", wait));
    }
    if state.faults.fires(FaultKind::Transient) {
        return Some(GraphError::new(
            500,
            "ErrorInternalServerTransientError",
            "An internal server error occurred. Try again later.",
        ));
    }
    None
}

/// The ids that every answer carries.
struct RequestIds {
    own: String,
    client: Option<String>,
    /// Whether the client wants its own id back.
    echo: bool,
}

impl RequestIds {
    fn new(state: &mut State, raw: &SimRequest) -> Self {
        Self {
            own: guid(state.graph.random.next()),
            client: raw.header("client-request-id").map(str::to_owned),
            echo: raw
                .header("return-client-request-id")
                .is_some_and(|wanted| wanted.eq_ignore_ascii_case("true")),
        }
    }

    fn headers(&self) -> Vec<(String, String)> {
        let client = self.client.as_ref().filter(|_| self.echo).unwrap_or(&self.own);
        vec![
            ("request-id".to_owned(), self.own.clone()),
            ("client-request-id".to_owned(), client.clone()),
        ]
    }

    fn answered(&self, answer: Answer, request: &Request<'_>) -> SimOutcome {
        let applied = request.prefer.applied.join(", ");
        let answer =
            if applied.is_empty() { answer } else { answer.header("preference-applied", applied) };
        self.written(answer)
    }

    fn written(&self, answer: Answer) -> SimOutcome {
        let mut headers = self.headers();
        headers.extend(answer.headers);
        let body = answer.body.map(|body| {
            let kind = "application/json;odata.metadata=minimal;odata.streaming=true;\
                        IEEE754Compatible=false;charset=utf-8";
            headers.push(("content-type".to_owned(), kind.to_owned()));
            body.to_string().into_bytes()
        });
        SimOutcome::Answer { status: answer.status, headers, body: body.unwrap_or_default() }
    }

    fn refused(&self, error: &GraphError, now: Timestamp) -> SimOutcome {
        let client = self.client.as_deref().unwrap_or(&self.own);
        let body = error.body_json(now, &self.own, client).to_string();
        let mut outcome = SimOutcome::answer(error.status, "application/json", body);
        if let SimOutcome::Answer { headers, .. } = &mut outcome {
            headers.extend(self.headers());
            headers.extend(error.headers.iter().cloned());
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
