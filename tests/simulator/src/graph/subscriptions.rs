//! Subscriptions: create with handshake, renew, list, end (exchange-graph.md 5 and 6.1).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::notify::Deliveries;
use super::request::{Request, encoded};
use super::rich::Rich;
use super::routes::{Need, allow};
use super::{Answer, GraphError, Routed, directory, guid, id, time};
use crate::callback::{Callback, CallbackKind};
use crate::entra::Bearer;
use crate::random::Random;
use crate::simulator::State;
use crate::store::{FolderNumber, Mailbox, MailboxNumber};

/// Shortest life; what is asked below is raised to it.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(45);
/// Longest life of a basic subscription to an Outlook resource.
const LIFE_MAX: SignedDuration = SignedDuration::from_mins(10_080);
/// Longest life of one with resource data.
const LIFE_MAX_RICH: SignedDuration = SignedDuration::from_mins(1_440);
/// Active subscriptions of one mailbox, over all applications.
const PER_MAILBOX_MAX: usize = 1_000;
/// Longest `clientState` and `encryptionCertificateId`.
const STATE_CHARS_MAX: usize = 128;
/// Handshakes that may be open at the same time.
const HANDSHAKES_MAX: usize = 1_000;

/// What is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// Events of a calendar.
    Events(FolderNumber),
    /// Messages of a folder, or of all.
    Messages(Option<FolderNumber>),
    /// Contacts: the store has none, so nobody hears of any.
    Contacts,
}

/// A subscription.
#[derive(Clone)]
pub(super) struct Subscription {
    pub(super) id: String,
    /// As it was given.
    resource: String,
    pub(super) mailbox: MailboxNumber,
    pub(super) watch: Watch,
    /// `created`, `updated`, `deleted`.
    pub(super) change_types: BTreeSet<String>,
    pub(super) url: String,
    pub(super) lifecycle_url: Option<String>,
    pub(super) client_state: Option<String>,
    pub(super) expires: Timestamp,
    tls: String,
    /// Whether ids in notifications last: the preference of the request that created it.
    pub(super) immutable: bool,
    pub(super) application: String,
    /// When the grant behind it was last proved.
    pub(super) authorized: Timestamp,
    /// Whether the listener was asked to prove it again.
    pub(super) asked: bool,
    /// For whom resources come along.
    pub(super) rich: Option<Rich>,
}

enum Intent {
    Create(Box<Subscription>),
    /// Another listener, another end.
    Update {
        id: String,
        url: String,
        expires: Option<Timestamp>,
    },
}

/// A request that waits for its listeners.
struct Handshake {
    intent: Intent,
    /// Numbers of the calls with the tokens sent, and whether the right answer came.
    calls: Vec<(u64, String, bool)>,
    root: String,
}

/// All subscriptions of the Graph side.
pub(crate) struct GraphSubscriptions {
    pub(super) list: BTreeMap<String, Subscription>,
    pub(super) deliveries: Deliveries,
    handshakes: BTreeMap<u64, Handshake>,
    next_handshake: u64,
    random: Random,
}

impl GraphSubscriptions {
    /// None; `seed` is where ids start.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            list: BTreeMap::new(),
            deliveries: Deliveries::new(seed),
            handshakes: BTreeMap::new(),
            next_handshake: 1,
            random: Random::new(seed ^ 0x5ab5_c000),
        }
    }

    /// Ends those whose time is over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.list.retain(|_, one| one.expires > now);
    }

    /// Ends all subscriptions to a mailbox.
    pub(super) fn end_all_of(&mut self, mailbox: MailboxNumber) {
        self.list.retain(|_, one| one.mailbox != mailbox);
    }

    /// Gives up a request that waits.
    pub(super) fn abandon(&mut self, handshake: u64) {
        self.handshakes.remove(&handshake);
    }

    /// Takes the answer to a call of a handshake; says whether it was one.
    pub(crate) fn handshake_answered(&mut self, call: u64, status: u16, body: &[u8]) -> bool {
        let mut calls = self.handshakes.values_mut().flat_map(|one| &mut one.calls);
        let Some((_, token, good)) = calls.find(|(number, ..)| *number == call) else {
            return false;
        };
        *good = status == 200 && body == token.as_bytes();
        true
    }

    fn begin(&mut self, intent: Intent, urls: &[String], root: &str) -> (u64, Vec<Callback>) {
        let number = self.next_handshake;
        self.next_handshake = self.next_handshake.saturating_add(1);
        let mut calls = Vec::new();
        let mut callbacks = Vec::new();
        for url in urls {
            // With characters that have to survive one decoding, and only one.
            let token = format!(
                "Validation: Testing client application reachability for subscription \
                 Request-Id: {}+{:x}%2F",
                guid(self.random.next()),
                self.random.next()
            );
            let id = self.deliveries.next_call();
            let joint = if url.contains('?') { '&' } else { '?' };
            callbacks.push(Callback {
                id,
                url: format!("{url}{joint}validationToken={}", encoded(&token)),
                body: String::new(),
                kind: CallbackKind::Handshake,
            });
            calls.push((id, token, false));
        }
        if self.handshakes.len() >= HANDSHAKES_MAX {
            self.handshakes.pop_first();
        }
        self.handshakes.insert(number, Handshake { intent, calls, root: root.to_owned() });
        (number, callbacks)
    }
}

/// Everything below `/subscriptions`.
pub(super) fn route(
    state: &mut State,
    request: &Request<'_>,
    bearer: &Bearer,
    rest: &[&str],
    now: Timestamp,
) -> Result<Routed, GraphError> {
    state.graph.subscriptions.expire(now);
    let own = |state: &State, id: &str| {
        state
            .graph
            .subscriptions
            .list
            .get(&id.to_ascii_lowercase())
            .filter(|one| one.application == bearer.application)
            .cloned()
            .ok_or_else(|| GraphError::new(404, "ResourceNotFound", "The object was not found."))
    };
    match (request.method, rest) {
        ("POST", []) => create(state, request, bearer, now),
        ("GET", []) => {
            let all = state.graph.subscriptions.list.values();
            let value: Vec<_> = all
                .filter(|one| one.application == bearer.application)
                .map(|one| entity(one, false))
                .collect();
            let context = format!("{}/$metadata#subscriptions", request.root);
            Ok(Routed::Answer(Answer::json(
                200,
                json!({ "@odata.context": context, "value": value }),
            )))
        }
        ("GET", [id]) => {
            let one = own(state, id)?;
            Ok(Routed::Answer(Answer::json(200, entity(&one, false))))
        }
        ("DELETE", [id]) => {
            let one = own(state, id)?;
            state.graph.subscriptions.list.remove(&one.id);
            Ok(Routed::Answer(Answer::empty(204)))
        }
        ("PATCH", [id]) => {
            let one = own(state, id)?;
            patch(state, request, bearer, one, now)
        }
        ("POST", [id, "reauthorize"]) => {
            let one = own(state, id)?;
            allow(state, bearer, one.mailbox, read_need(one.watch))?;
            authorize(state, &one.id, now);
            Ok(Routed::Answer(Answer::empty(204)))
        }
        _ => Err(GraphError::query("Resource not found for the segment 'subscriptions'.")),
    }
}

const fn read_need(watch: Watch) -> Need {
    match watch {
        Watch::Events(_) => Need::CalendarsRead,
        Watch::Messages(_) => Need::MailRead,
        Watch::Contacts => Need::ContactsRead,
    }
}

fn authorize(state: &mut State, id: &str, now: Timestamp) {
    if let Some(one) = state.graph.subscriptions.list.get_mut(id) {
        one.authorized = now;
        one.asked = false;
    }
}

fn invalid(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "InvalidRequest", message)
}

fn create(
    state: &mut State,
    request: &Request<'_>,
    bearer: &Bearer,
    now: Timestamp,
) -> Result<Routed, GraphError> {
    let body = request.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let needed = |name: &str| {
        text(name).ok_or_else(|| invalid(format!("Property '{name}' is missing or null.")))
    };
    let resource = needed("resource")?.to_owned();
    let (mailbox, watch) = read_resource(state, &resource)?;
    allow(state, bearer, mailbox, read_need(watch))?;
    if state.graph.on_premises.contains(&mailbox) {
        return Err(GraphError::new(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        ));
    }
    let rich = Rich::read(&body, &resource)?;
    if rich.is_some() && !matches!(watch, Watch::Events(_)) {
        return Err(invalid("This simulator sends resource data of events only."));
    }
    let change_types = read_change_types(needed("changeType")?)?;
    let url = read_url(needed("notificationUrl")?)?;
    let lifecycle_url = text("lifecycleNotificationUrl").map(read_url).transpose()?;
    let client_state = text("clientState").map(str::to_owned);
    if client_state.as_ref().is_some_and(|state| state.chars().count() > STATE_CHARS_MAX) {
        return Err(invalid("clientState must have 128 characters or fewer."));
    }
    let tls = text("latestSupportedTlsVersion").unwrap_or("v1_2").to_owned();
    if !matches!(tls.as_str(), "v1_0" | "v1_1" | "v1_2" | "v1_3") {
        return Err(invalid("latestSupportedTlsVersion is not known."));
    }
    let expires = read_expiration(needed("expirationDateTime")?, now, life_max(rich.as_ref()))?;
    let new = Subscription {
        id: String::new(),
        resource,
        mailbox,
        watch,
        change_types,
        url,
        lifecycle_url,
        client_state,
        expires,
        tls,
        immutable: request.prefer.immutable,
        application: bearer.application.clone(),
        authorized: now,
        asked: false,
        rich,
    };
    check_quota(&state.graph.subscriptions, &new)?;
    let mut urls = vec![new.url.clone()];
    // The same URL twice is asked twice.
    urls.extend(new.lifecycle_url.clone());
    let intent = Intent::Create(Box::new(new));
    let (number, calls) = state.graph.subscriptions.begin(intent, &urls, &request.root);
    Ok(Routed::Handshake(number, calls))
}

const fn life_max(rich: Option<&Rich>) -> SignedDuration {
    if rich.is_some() { LIFE_MAX_RICH } else { LIFE_MAX }
}

fn check_quota(all: &GraphSubscriptions, new: &Subscription) -> Result<(), GraphError> {
    let same = all.list.values().find(|one| {
        one.application == new.application
            && one.change_types == new.change_types
            && one.mailbox == new.mailbox
            && one.watch == new.watch
    });
    if let Some(same) = same {
        return Err(GraphError::new(
            409,
            "Conflict",
            format!("Subscription Id {} already exists for the requested combination", same.id),
        ));
    }
    let here = all.list.values().filter(|one| one.mailbox == new.mailbox).count();
    if here >= PER_MAILBOX_MAX {
        return Err(GraphError::new(
            403,
            "Forbidden",
            format!("The mailbox has reached its limit of {PER_MAILBOX_MAX} subscriptions."),
        ));
    }
    Ok(())
}

/// `users/{id}/events`, of one calendar, messages, of one folder, contacts; without the base URL.
fn read_resource(state: &State, text: &str) -> Result<(MailboxNumber, Watch), GraphError> {
    let unknown =
        || GraphError::new(400, "InvalidRequest", format!("Resource '{text}' is not supported."));
    let path = text.split('?').next().unwrap_or_default().trim_matches('/');
    let raw = crate::simulator::SimRequest {
        method: "GET".to_owned(),
        path: format!("/graph/v1.0/{path}"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let request = Request::read(&raw).ok_or_else(unknown)??;
    let parts = request.parts();
    let ["users", user, rest @ ..] = parts.as_slice() else {
        return Err(unknown());
    };
    let number = directory::find(state, user).ok_or_else(|| {
        GraphError::new(404, "ResourceNotFound", "The mailbox of the resource was not found.")
    })?;
    let mailbox = state.store.mailbox(number)?;
    let calendar = mailbox.distinguished("calendar")?.number;
    let watch = match rest {
        ["events" | "calendarView"] | ["calendar", "events"] => Watch::Events(calendar),
        ["calendars", one, "events"] => Watch::Events(id::read_folder(mailbox, one)?),
        ["messages"] => Watch::Messages(None),
        ["mailFolders", one, "messages"] => Watch::Messages(Some(folder(mailbox, one)?)),
        ["contacts"] | ["contactFolders", _, "contacts"] => Watch::Contacts,
        _ => return Err(unknown()),
    };
    Ok((number, watch))
}

fn folder(mailbox: &Mailbox, name: &str) -> Result<FolderNumber, GraphError> {
    match mailbox.distinguished(&name.to_ascii_lowercase()) {
        Ok(folder) => Ok(folder.number),
        Err(_) => id::read_folder(mailbox, name),
    }
}

fn read_change_types(text: &str) -> Result<BTreeSet<String>, GraphError> {
    text.split(',')
        .map(|word| match word.trim().to_ascii_lowercase().as_str() {
            known @ ("created" | "updated" | "deleted") => Ok(known.to_owned()),
            _ => Err(invalid("changeType may name created, updated and deleted only.")),
        })
        .collect()
}

/// https everywhere; plain http to loopback literals, where tests listen.
fn read_url(text: &str) -> Result<String, GraphError> {
    let uri: http::Uri =
        text.parse().map_err(|_| invalid("The notification URL is not a valid URL."))?;
    match uri.scheme_str() {
        Some("https") => Ok(text.to_owned()),
        Some("http") if crate::entra::is_loopback(text) => Ok(text.to_owned()),
        _ => Err(invalid("The notification URL must begin with https.")),
    }
}

fn read_expiration(
    text: &str,
    now: Timestamp,
    max: SignedDuration,
) -> Result<Timestamp, GraphError> {
    let at: Timestamp =
        text.parse().map_err(|_| invalid("expirationDateTime is not a valid time."))?;
    if at <= now {
        return Err(invalid("Subscription expiration time must be in the future."));
    }
    let life = now.duration_until(at);
    if life > max {
        return Err(invalid(format!(
            "Subscription expiration can only be {} minutes in the future.",
            max.as_mins()
        )));
    }
    Ok(if life < LIFE_MIN { now.saturating_add(LIFE_MIN).unwrap_or(at) } else { at })
}

/// A renewal proves the grant too; another listener has to prove itself first.
fn patch(
    state: &mut State,
    request: &Request<'_>,
    bearer: &Bearer,
    one: Subscription,
    now: Timestamp,
) -> Result<Routed, GraphError> {
    let body: Map<String, Value> = request.json()?;
    if body.contains_key("lifecycleNotificationUrl") {
        return Err(invalid("lifecycleNotificationUrl cannot be changed."));
    }
    allow(state, bearer, one.mailbox, read_need(one.watch))?;
    let expires = body
        .get("expirationDateTime")
        .and_then(Value::as_str)
        .map(|text| read_expiration(text, now, life_max(one.rich.as_ref())))
        .transpose()?;
    rotate(state, &one, &body)?;
    let url = body.get("notificationUrl").and_then(Value::as_str).map(read_url).transpose()?;
    if let Some(url) = url.filter(|url| *url != one.url) {
        let intent = Intent::Update { id: one.id, url: url.clone(), expires };
        let (number, calls) = state.graph.subscriptions.begin(intent, &[url], &request.root);
        return Ok(Routed::Handshake(number, calls));
    }
    let renewed = renew(&mut state.graph.subscriptions, &one.id, None, expires, now)?;
    Ok(Routed::Answer(Answer::json(200, renewed)))
}

/// Certificate and id change together.
fn rotate(
    state: &mut State,
    one: &Subscription,
    body: &Map<String, Value>,
) -> Result<(), GraphError> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let wanted = (text("encryptionCertificate"), text("encryptionCertificateId"));
    let rich = match (wanted, &one.rich) {
        ((None, None), _) => return Ok(()),
        ((Some(certificate), Some(id)), Some(rich)) => rich.with_certificate(certificate, id)?,
        _ => return Err(invalid("encryptionCertificate and its id belong together.")),
    };
    if let Some(kept) = state.graph.subscriptions.list.get_mut(&one.id) {
        kept.rich = Some(rich);
    }
    Ok(())
}

fn renew(
    all: &mut GraphSubscriptions,
    id: &str,
    url: Option<String>,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<Value, GraphError> {
    let one = all
        .list
        .get_mut(id)
        .ok_or_else(|| GraphError::new(404, "ResourceNotFound", "The object was not found."))?;
    one.url = url.unwrap_or_else(|| one.url.clone());
    if let Some(expires) = expires {
        one.expires = expires;
        one.authorized = now;
        one.asked = false;
    }
    Ok(entity(one, false))
}

/// Ends the request of a handshake.
///
/// # Errors
/// When a listener gave no answer, or a wrong one.
pub(super) fn finish(state: &mut State, number: u64, now: Timestamp) -> Result<Answer, GraphError> {
    let all = &mut state.graph.subscriptions;
    let handshake = all
        .handshakes
        .remove(&number)
        .ok_or_else(|| GraphError::new(504, "GatewayTimeout", "The request was given up."))?;
    if handshake.calls.iter().any(|(.., good)| !good) {
        return Err(GraphError::new(
            400,
            "ValidationError",
            "Subscription validation request failed. Notification endpoint must respond with 200 OK \
             to validation request.",
        ));
    }
    match handshake.intent {
        Intent::Create(new) => {
            all.expire(now);
            // Somebody may have been faster while the listeners were asked.
            check_quota(all, &new)?;
            let id = guid(all.random.next());
            let new = Subscription { id: id.clone(), ..*new };
            let context = format!("{}/$metadata#subscriptions/$entity", handshake.root);
            let body = super::events::with_context(entity(&new, true), context);
            let place = format!("{}/subscriptions/{id}", handshake.root);
            all.list.insert(id, new);
            Ok(Answer::json(201, body).header("location", place))
        }
        Intent::Update { id, url, expires } => {
            renew(all, &id, Some(url), expires, now).map(|body| Answer::json(200, body))
        }
    }
}

/// The client state is told to who created it only.
pub(super) fn entity(of: &Subscription, created: bool) -> Value {
    json!({
        "id": of.id,
        "resource": of.resource,
        "applicationId": of.application,
        "changeType": of.change_types.iter().cloned().collect::<Vec<_>>().join(","),
        "clientState": of.client_state.as_ref().filter(|_| created),
        "notificationUrl": of.url,
        "notificationQueryOptions": null,
        "lifecycleNotificationUrl": of.lifecycle_url,
        "expirationDateTime": time::instant(of.expires),
        "creatorId": guid(2),
        "includeResourceData": of.rich.as_ref().map(|_| true),
        "latestSupportedTlsVersion": of.tls,
        "encryptionCertificate": of.rich.as_ref().map(|rich| &rich.certificate),
        "encryptionCertificateId": of.rich.as_ref().map(|rich| &rich.certificate_id),
        "notificationUrlAppId": null,
    })
}
