//! Notifications on their way: what happened, who hears it, when it is tried again
//! (exchange-graph.md 6.2 and 6.3).

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::event_read::Reader;
use super::request::Prefer;
use super::subscriptions::{GraphSubscriptions, Subscription, Watch};
use super::{Extras, directory, id, time};
use crate::callback::{Callback, CallbackKind};
use crate::entra::TENANT;
use crate::random::Random;
use crate::store::{Happening, ItemNumber, Mailbox, Store, StoreEvent, Target};

/// How long a notification is tried again; then it is lost.
const RETRY_FOR: SignedDuration = SignedDuration::from_hours(4);
/// First wait before it is tried again, doubled each time. The service's own is not documented.
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(10);
/// The server touches a new event once more soon after.
const COMPLETED_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// Over this span the answers of a host are judged.
const HEALTH_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// An answer later than this is a slow one (text of 2025-01).
const SLOW_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// How much later a slow host hears.
const SLOW_DELAY: SignedDuration = SignedDuration::from_secs(10);
/// Slow answers in a thousand above which a host is slow.
const SLOW_PER_MILLE: usize = 100;
/// Slow answers in a thousand above which its notifications are dropped.
const DROP_PER_MILLE: usize = 150;
/// After this time a grant has to be proved again. The service's own is not documented.
const REAUTHORIZE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// So long after that notifications pause.
const PAUSE_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Most notifications of one POST.
const POST_MAX: usize = 50;
/// Most notifications that wait.
const QUEUE_MAX: usize = 100_000;
/// Numbers of calls from here on are Graph's.
const FIRST_CALL: u64 = 1 << 62;

/// One notification that was not sent yet.
struct Note {
    subscription: String,
    url: String,
    /// What it says; the same again may be folded into one.
    value: Value,
    /// Whether it is about the subscription itself.
    lifecycle: bool,
    since: Timestamp,
    due: Timestamp,
}

/// A POST without a good answer.
struct Post {
    url: String,
    notes: Vec<Value>,
    /// The application whose notifications carry resources, if it is one.
    application: Option<String>,
    /// Subscriptions that it tells something.
    subscriptions: Vec<String>,
    first: Timestamp,
    sent: Timestamp,
    /// When it is sent next; none while it is on its way.
    next: Option<Timestamp>,
    wait: SignedDuration,
}

impl Post {
    /// What is sent. Its proof of who sends it is made anew each time.
    fn body(&self, call: u64, now: Timestamp) -> String {
        let application = self.application.as_deref();
        let token = application.and_then(|id| crate::entra::validation_token(id, call, now));
        let tokens = token.map(|token| vec![token]);
        json!({ "value": self.notes, "validationTokens": tokens }).to_string()
    }
}

/// How a host answered lately: when, and whether late.
type Health = VecDeque<(Timestamp, bool)>;

/// All that is on its way.
pub(super) struct Deliveries {
    queue: Vec<Note>,
    open: BTreeMap<u64, Post>,
    hosts: BTreeMap<String, Health>,
    next_call: u64,
    random: Random,
}

impl Deliveries {
    /// Nothing; `seed` is where ids start.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            queue: Vec::new(),
            open: BTreeMap::new(),
            hosts: BTreeMap::new(),
            next_call: FIRST_CALL,
            random: Random::new(seed ^ 0x0717_f100),
        }
    }

    /// A number for a call.
    pub(super) fn next_call(&mut self) -> u64 {
        self.next_call = self.next_call.saturating_add(1);
        self.next_call
    }

    /// How much waits, and how much is on its way.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.queue.len(), self.open.len())
    }

    fn push(&mut self, note: Note) {
        // Two times the same before the first was sent is told once, as it is now.
        let same = self.queue.iter().position(|known| {
            known.subscription == note.subscription
                && known.lifecycle == note.lifecycle
                && known.due == note.due
                && told(&known.value) == told(&note.value)
        });
        let room = self.queue.len() < QUEUE_MAX;
        if let Some(known) = same.and_then(|at| self.queue.get_mut(at)) {
            known.value = note.value;
        } else if room {
            self.queue.push(note);
        }
    }

    fn lifecycle(&mut self, one: &Subscription, event: &str, now: Timestamp) {
        let Some(url) = &one.lifecycle_url else {
            return;
        };
        let value = json!({
            "subscriptionId": one.id,
            "subscriptionExpirationDateTime": time::instant(one.expires),
            "tenantId": TENANT,
            "clientState": one.client_state,
            "lifecycleEvent": event,
        });
        self.push(Note {
            subscription: one.id.clone(),
            url: url.clone(),
            value,
            lifecycle: true,
            since: now,
            due: now,
        });
    }

    /// How many of a thousand answers of a host came late.
    fn slow_per_mille(&mut self, url: &str, now: Timestamp) -> usize {
        let Some(health) = self.hosts.get_mut(&host(url)) else {
            return 0;
        };
        let since = now.saturating_sub(HEALTH_WINDOW).unwrap_or(now);
        while health.front().is_some_and(|(at, _)| *at <= since) {
            health.pop_front();
        }
        let late = health.iter().filter(|(_, late)| *late).count();
        late.saturating_mul(1_000).checked_div(health.len()).unwrap_or(0)
    }
}

fn host(url: &str) -> String {
    url.parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.authority().map(|authority| authority.as_str().to_owned()))
        .unwrap_or_default()
}

/// What makes two notifications the same.
fn told(value: &Value) -> (&Value, &Value, &Value) {
    let part = |name: &str| value.get(name).unwrap_or(&Value::Null);
    (part("changeType"), part("resource"), part("lifecycleEvent"))
}

impl GraphSubscriptions {
    /// Tells every listener what happened.
    pub(super) fn tell(&mut self, store: &Store, extras: &Extras, events: &[StoreEvent]) {
        if self.list.is_empty() {
            return;
        }
        for event in events {
            let Ok(mailbox) = store.mailbox(event.mailbox) else {
                continue;
            };
            for (kind, item, late) in heard(event) {
                let listeners = self.list.values().filter(|one| {
                    one.mailbox == event.mailbox
                        && one.expires > event.at
                        && one.change_types.contains(kind.word)
                        && watches(one.watch, mailbox, kind.folder)
                });
                for one in listeners {
                    let due = event.at.saturating_add(late).unwrap_or(event.at);
                    let id = super::guid(self.deliveries.random.next());
                    let mut value = resource_note(one, mailbox, kind.word, item, &id);
                    if kind.word != "deleted" {
                        let random = &mut self.deliveries.random;
                        add_resource(&mut value, one, mailbox, extras, item, random);
                    }
                    self.deliveries.push(Note {
                        subscription: one.id.clone(),
                        url: one.url.clone(),
                        value,
                        lifecycle: false,
                        since: event.at,
                        due,
                    });
                }
            }
        }
    }

    /// Posts to make now.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Callback> {
        self.expire(now);
        self.ask_for_grants(now);
        self.drop_old(now);
        let mut calls = self.again(now);
        let mut by_url: BTreeMap<String, Vec<Note>> = BTreeMap::new();
        let mut kept = Vec::new();
        for note in std::mem::take(&mut self.deliveries.queue) {
            let paused = self.is_paused(&note, now);
            let delay = self.deliveries.slow_per_mille(&note.url, now) > SLOW_PER_MILLE;
            let due = if delay {
                note.due.saturating_add(SLOW_DELAY).unwrap_or(note.due)
            } else {
                note.due
            };
            if due <= now && !paused {
                by_url.entry(note.url.clone()).or_default().push(note);
            } else {
                kept.push(note);
            }
        }
        self.deliveries.queue = kept;
        for (url, notes) in by_url {
            if self.deliveries.slow_per_mille(&url, now) > DROP_PER_MILLE {
                self.lose(notes.iter().map(|note| note.subscription.clone()).collect(), now);
                continue;
            }
            let mut notes = notes.into_iter().peekable();
            while notes.peek().is_some() {
                let page: Vec<_> = notes.by_ref().take(POST_MAX).collect();
                calls.push(self.post(&url, page, now));
            }
        }
        calls
    }

    fn post(&mut self, url: &str, notes: Vec<Note>, now: Timestamp) -> Callback {
        let subscriptions = notes.iter().map(|note| note.subscription.clone()).collect();
        // There is one application and one tenant: one token proves all.
        let application = notes.iter().find_map(|note| {
            let one = self.list.get(&note.subscription)?;
            one.rich.as_ref().map(|_| one.application.clone())
        });
        let id = self.deliveries.next_call();
        let post = Post {
            url: url.to_owned(),
            notes: notes.into_iter().map(|note| note.value).collect(),
            application,
            subscriptions,
            first: now,
            sent: now,
            next: None,
            wait: RETRY_FIRST,
        };
        let body = post.body(id, now);
        self.deliveries.open.insert(id, post);
        Callback { id, url: url.to_owned(), body, kind: CallbackKind::GraphNotification }
    }

    /// Posts whose wait is over.
    fn again(&mut self, now: Timestamp) -> Vec<Callback> {
        let due = self.deliveries.open.iter_mut();
        due.filter(|(_, post)| post.next.is_some_and(|at| at <= now))
            .map(|(id, post)| {
                post.next = None;
                post.sent = now;
                Callback {
                    id: *id,
                    url: post.url.clone(),
                    body: post.body(*id, now),
                    kind: CallbackKind::GraphNotification,
                }
            })
            .collect()
    }

    /// Takes the answer to a call; says whether it was one of Graph's.
    pub(crate) fn answered(&mut self, call: u64, status: u16, body: &[u8], now: Timestamp) -> bool {
        if call < FIRST_CALL {
            return false;
        }
        if self.handshake_answered(call, status, body) {
            return true;
        }
        let Some(mut post) = self.deliveries.open.remove(&call) else {
            return true;
        };
        let late = post.sent.duration_until(now) >= SLOW_AFTER;
        self.deliveries.hosts.entry(host(&post.url)).or_default().push_back((now, late));
        if (200..300).contains(&status) {
            return true;
        }
        let next = now.saturating_add(post.wait).unwrap_or(now);
        if post.first.duration_until(next) > RETRY_FOR {
            self.lose(post.subscriptions, now);
            return true;
        }
        post.next = Some(next);
        post.wait = post.wait.saturating_mul(2);
        self.deliveries.open.insert(call, post);
        true
    }

    /// What is taken for delivered though it was not.
    pub(crate) fn forget_call(&mut self, call: u64) {
        self.deliveries.open.remove(&call);
    }

    /// Notifications are gone: who has a way to hear of that is told.
    fn lose(&mut self, mut subscriptions: Vec<String>, now: Timestamp) {
        subscriptions.sort_unstable();
        subscriptions.dedup();
        for id in subscriptions {
            if let Some(one) = self.list.get(&id).cloned() {
                // A host in the drop state hears of it when that is over.
                let at = now.saturating_add(HEALTH_WINDOW).unwrap_or(now);
                self.deliveries.lifecycle(&one, "missed", at);
            }
        }
    }

    /// Asks for the grant to be proved again when its time has come.
    fn ask_for_grants(&mut self, now: Timestamp) {
        let due: Vec<_> = self
            .list
            .values_mut()
            .filter(|one| !one.asked && one.authorized.duration_until(now) >= REAUTHORIZE_AFTER)
            .map(|one| {
                one.asked = true;
                one.clone()
            })
            .collect();
        for one in due {
            self.deliveries.lifecycle(&one, "reauthorizationRequired", now);
        }
    }

    fn is_paused(&self, note: &Note, now: Timestamp) -> bool {
        let limit = REAUTHORIZE_AFTER.saturating_add(PAUSE_AFTER);
        !note.lifecycle
            && self
                .list
                .get(&note.subscription)
                .is_some_and(|one| one.authorized.duration_until(now) >= limit)
    }

    /// What waited too long, or for nobody any more, is not sent.
    fn drop_old(&mut self, now: Timestamp) {
        let list = &self.list;
        self.deliveries.queue.retain(|note| {
            note.since.duration_until(now) <= RETRY_FOR
                && (note.lifecycle || list.contains_key(&note.subscription))
        });
    }

    /// When [`GraphSubscriptions::due`] has something next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.deliveries.queue.iter().map(|note| note.due);
        let again = self.deliveries.open.values().filter_map(|post| post.next);
        waiting.chain(again).min()
    }

    /// Says something about a subscription itself; `subscriptionRemoved` removes it too.
    pub(super) fn say(&mut self, id: &str, event: &str, now: Timestamp) -> bool {
        let Some(one) = self.list.get_mut(id) else {
            return false;
        };
        if event == "reauthorizationRequired" {
            one.asked = true;
        }
        let one = one.clone();
        if event == "subscriptionRemoved" {
            self.list.remove(id);
        }
        self.deliveries.lifecycle(&one, event, now);
        true
    }

    /// Forgets a subscription and says so, where there is a way to.
    pub(super) fn lose_one(&mut self, choice: u64, now: Timestamp) {
        let count = u64::try_from(self.list.len()).unwrap_or(0);
        let at = choice.checked_rem(count).and_then(|at| usize::try_from(at).ok());
        if let Some(id) = at.and_then(|at| self.list.keys().nth(at).cloned()) {
            self.say(&id, "subscriptionRemoved", now);
        }
    }
}

/// A kind of change in a folder.
struct Kind {
    word: &'static str,
    folder: crate::store::FolderNumber,
}

/// What a happening is to listeners, and how much later they hear it.
fn heard(event: &StoreEvent) -> Vec<(Kind, ItemNumber, SignedDuration)> {
    let kind = |word| Kind { word, folder: event.folder };
    let now = SignedDuration::ZERO;
    match event.what {
        Happening::Created(item) | Happening::Copied { item, .. } => {
            vec![(kind("created"), item, now), (kind("updated"), item, COMPLETED_AFTER)]
        }
        Happening::Modified(item) => vec![(kind("updated"), item, now)],
        Happening::Deleted(item) => vec![(kind("deleted"), item, now)],
        Happening::Moved { item, old_item, old_folder } => vec![
            (Kind { word: "deleted", folder: old_folder }, old_item, now),
            (kind("created"), item, now),
        ],
        Happening::NewMail(_) | Happening::FreeBusyChanged(_) | Happening::FolderModified => {
            Vec::new()
        }
    }
}

fn watches(watch: Watch, mailbox: &Mailbox, folder: crate::store::FolderNumber) -> bool {
    let is_mail = || mailbox.folder(folder).is_ok_and(|found| found.class == "IPF.Note");
    match watch {
        Watch::Events(calendar) => calendar == folder,
        Watch::Messages(None) => is_mail(),
        Watch::Messages(Some(wanted)) => wanted == folder,
        Watch::Contacts => false,
    }
}

/// Puts the resource itself into a notification whose listener asked for it.
fn add_resource(
    value: &mut Value,
    one: &Subscription,
    mailbox: &Mailbox,
    extras: &Extras,
    item: ItemNumber,
    random: &mut Random,
) {
    let (Some(rich), Ok(item)) = (&one.rich, mailbox.item(item)) else {
        return;
    };
    let prefer = Prefer::plain(one.immutable);
    let reader = Reader { mailbox, extras, prefer: &prefer, beta: false };
    let content = super::events::with_properties(&reader, item, None)
        .and_then(|event| rich.encrypt(event, random));
    if let (Some(content), Some(members)) = (content, value.as_object_mut()) {
        members.insert("encryptedContent".to_owned(), content);
    }
}

/// The body's casing is not that of the subscription's resource.
fn resource_note(
    one: &Subscription,
    mailbox: &Mailbox,
    word: &str,
    item: ItemNumber,
    note_id: &str,
) -> Value {
    let (collection, kind) = match one.watch {
        Watch::Events(_) => ("Events", "#Microsoft.Graph.Event"),
        Watch::Messages(_) => ("Messages", "#Microsoft.Graph.Message"),
        Watch::Contacts => ("Contacts", "#Microsoft.Graph.Contact"),
    };
    let item_id = id::item(mailbox, Target::Item(item), one.immutable);
    let resource = format!("Users/{}/{collection}/{item_id}", directory::user_id(one.mailbox));
    let mut data = json!({ "@odata.type": kind, "@odata.id": resource, "id": item_id });
    // Of what is deleted there is the id only.
    let present = mailbox.item(item).ok().filter(|_| word != "deleted");
    if let (Some(found), Some(members)) = (present, data.as_object_mut()) {
        members.insert("@odata.etag".to_owned(), id::etag(found).into());
    }
    json!({
        "id": note_id,
        "subscriptionId": one.id,
        "subscriptionExpirationDateTime": time::instant(one.expires),
        "changeType": word,
        "resource": resource,
        "resourceData": data,
        "clientState": one.client_state,
        "tenantId": TENANT,
    })
}
