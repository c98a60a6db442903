//! Changes since a state: `calendarView/delta` and `events/delta` (exchange-graph.md 8).
//!
//! A state remembers what the client was told, entry by entry: what is no longer there is removed,
//! what has another change key is told again. States are kept on the server and may be forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

use super::view::{Entry, Window, entries};
use super::{Answer, Call, GraphError, id, time};
use crate::fault::FaultKind;
use crate::random::Random;
use crate::store::{
    Appointment, ChangeNumber, FolderNumber, ItemNumber, Mailbox, MailboxNumber, Target,
};

/// Entries of a page when nothing is said. The service's own number is not documented.
const PAGE_DEFAULT: usize = 50;
/// Most entries of a page.
const PAGE_MAX: usize = 1_000;
/// Most states that the server keeps; the oldest are forgotten.
const STATES_MAX: usize = 4_000;
/// 64-bit words of a token: over one kilobyte as text, as the service's own are.
const TOKEN_WORDS: usize = 72;

/// Which changes are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// A window of a calendar, fixed for the life of the state.
    View(Window),
    /// A whole calendar, or what starts at an instant and later.
    Events(Option<Timestamp>),
}

/// An item, by the number that it has in this calendar, or an occurrence of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    item: ItemNumber,
    occurrence: Option<DateTime>,
}

/// What a client was told: each entry with the change key that it had.
type Told = BTreeMap<Place, ChangeNumber>;

#[derive(Clone)]
enum Step {
    /// The changes of a round from `at` on.
    Page { left: Arc<Vec<(Place, bool)>>, at: usize, then: Arc<Told>, until: ChangeNumber },
    /// A round is over.
    Delta { told: Arc<Told>, since: ChangeNumber },
}

#[derive(Clone)]
struct State {
    mailbox: MailboxNumber,
    folder: FolderNumber,
    feed: Feed,
    step: Step,
}

/// All states that clients hold.
pub(crate) struct States {
    list: BTreeMap<String, State>,
    order: VecDeque<String>,
    random: Random,
}

impl States {
    /// None; `seed` is where tokens start.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            list: BTreeMap::new(),
            order: VecDeque::new(),
            random: Random::new(seed ^ 0xde17_a000),
        }
    }

    fn keep(&mut self, state: State) -> String {
        let words = std::iter::repeat_with(|| format!("{:016x}", self.random.next()));
        let token: String = words.take(TOKEN_WORDS).collect();
        if self.order.len() >= STATES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.list.remove(&oldest);
        }
        self.order.push_back(token.clone());
        self.list.insert(token.clone(), state);
        token
    }

    /// Forgets all states of a mailbox.
    pub(crate) fn forget(&mut self, mailbox: MailboxNumber) {
        self.list.retain(|_, state| state.mailbox != mailbox);
        let list = &self.list;
        self.order.retain(|token| list.contains_key(token));
    }
}

/// `GET …/calendarView/delta`.
pub(super) fn view(call: &mut Call<'_>, folder: FolderNumber) -> Result<Answer, GraphError> {
    refuse_options(call, "CalendarView")?;
    round(call, folder, |call| Ok(Feed::View(Window::read(call.request)?)))
}

/// `GET …/events/delta`.
pub(super) fn events(call: &mut Call<'_>, folder: FolderNumber) -> Result<Answer, GraphError> {
    refuse_options(call, "Events")?;
    if call.request.option("endDateTime").is_some() {
        return Err(GraphError::query(
            "The parameter endDateTime is not supported by this request.",
        ));
    }
    round(call, folder, |call| {
        let from = call.request.option("startDateTime");
        let from = from.map(|text| time::read_option(text, "StartDateTime")).transpose()?;
        Ok(Feed::Events(from))
    })
}

fn refuse_options(call: &Call<'_>, resource: &str) -> Result<(), GraphError> {
    let refused = ["$orderby", "$filter", "$select", "$expand", "$search"];
    if refused.iter().any(|name| call.request.option(name).is_some()) {
        return Err(GraphError::new(
            400,
            "ErrorInvalidUrlQuery",
            format!(
                "The following parameters are not supported with change tracking over the \
                 '{resource}' resource: '$orderby, $filter, $select, $expand, $search'."
            ),
        ));
    }
    Ok(())
}

fn round(
    call: &mut Call<'_>,
    folder: FolderNumber,
    feed: impl FnOnce(&Call<'_>) -> Result<Feed, GraphError>,
) -> Result<Answer, GraphError> {
    let token = call.request.option("$skiptoken").or_else(|| call.request.option("$deltatoken"));
    let Some(token) = token else {
        let feed = feed(call)?;
        let step = Step::Delta { told: Arc::default(), since: call.state.store.last_change() };
        let state = State { mailbox: call.mailbox, folder, feed, step };
        return answer(call, &state, true);
    };
    if call.state.faults.fires(FaultKind::SyncStateLost) {
        call.state.graph.deltas.forget(call.mailbox);
        return Err(lost(call));
    }
    let state = call.state.graph.deltas.list.get(token).cloned();
    match state.filter(|state| state.mailbox == call.mailbox && state.folder == folder) {
        Some(state) if matches!(state.step, Step::Delta { .. }) => {
            if call.state.faults.fires(FaultKind::ChangesDelayed) {
                return Ok(nothing_yet(call, &state));
            }
            answer(call, &state, false)
        }
        Some(state) => answer(call, &state, false),
        None => Err(lost(call)),
    }
}

/// The service says it in one of two ways.
fn lost(call: &mut Call<'_>) -> GraphError {
    if call.state.faults.choose().is_multiple_of(2) {
        let error = GraphError::sync_state(410);
        error.header("location", call.request.link(&[("$deltatoken", "")]))
    } else {
        GraphError::sync_state(400)
    }
}

/// The answer to a delta link before anything that happened since is tracked.
fn nothing_yet(call: &mut Call<'_>, state: &State) -> Answer {
    let token = call.state.graph.deltas.keep(state.clone());
    let link = call.request.link(&[("$deltatoken", &token)]);
    let context = format!("{}/$metadata#Collection(event)", call.request.root);
    let body = json!({ "@odata.context": context, "@odata.deltaLink": link, "value": [] });
    Answer::json(200, body)
}

/// One page.
fn answer(call: &mut Call<'_>, state: &State, first: bool) -> Result<Answer, GraphError> {
    let (left, at, then, until) = match state.step.clone() {
        Step::Page { left, at, then, until } => (left, at, then, until),
        Step::Delta { told, since } => {
            let now = present(call.mailbox()?, state.folder, state.feed);
            let left = changes(call.mailbox()?, state, &told, &now, since, first);
            (Arc::new(left), 0, Arc::new(now), call.state.store.last_change())
        }
    };
    let size = call.request.prefer.page_max.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
    let page: Vec<_> = left.iter().skip(at).take(size).copied().collect();
    let next = at.saturating_add(page.len());
    let value: Vec<_> = page.iter().filter_map(|one| show(call, state.feed, *one)).collect();
    let more = next < left.len();
    let (name, option, step) = if more {
        // The last entry of a page comes again with the next one: replays are documented.
        let again = if page.len() > 1 { next.saturating_sub(1) } else { next };
        ("@odata.nextLink", "$skiptoken", Step::Page { left, at: again, then, until })
    } else if page.len() == size {
        // A full page is followed by an empty one.
        ("@odata.nextLink", "$skiptoken", Step::Page { left, at: next, then, until })
    } else {
        ("@odata.deltaLink", "$deltatoken", Step::Delta { told: then, since: until })
    };
    let kept = State { step, ..state.clone() };
    let token = call.state.graph.deltas.keep(kept);
    let mut body = Map::new();
    let context = format!("{}/$metadata#Collection(event)", call.request.root);
    body.insert("@odata.context".to_owned(), context.into());
    body.insert(name.to_owned(), call.request.link(&[(option, &token)]).into());
    body.insert("value".to_owned(), value.into());
    Ok(Answer::json(200, Value::Object(body)))
}

/// What is there now.
fn present(mailbox: &Mailbox, folder: FolderNumber, feed: Feed) -> Told {
    let whole = |number| Place { item: number, occurrence: None };
    match feed {
        Feed::Events(from) => mailbox
            .items_in(folder)
            .filter(|item| item.appointment().is_some_and(|of| starts_by(of, from)))
            .map(|item| (whole(item.number), item.changed))
            .collect(),
        Feed::View(window) => {
            let mut told = Told::new();
            for entry in entries(mailbox, folder, window) {
                match entry {
                    Entry::Single(item) => {
                        told.insert(whole(item.number), item.changed);
                    }
                    Entry::Occurrence(item, seen) => {
                        let master = whole(item.number);
                        told.insert(master, item.changed);
                        let one = Place { occurrence: Some(seen.original), ..master };
                        told.insert(one, item.changed);
                    }
                }
            }
            told
        }
    }
}

/// A series counts by its last occurrence.
fn starts_by(of: &Appointment, from: Option<Timestamp>) -> bool {
    from.is_none_or(|from| {
        of.start >= from || of.originals().any(|original| of.regular_times(original).0 >= from)
    })
}

/// What changed since a client was told, with whether it is there. The order is not documented;
/// what is gone comes first, so that the last word on an item that came back is that it is there.
fn changes(
    mailbox: &Mailbox,
    state: &State,
    told: &Told,
    now: &Told,
    since: ChangeNumber,
    first: bool,
) -> Vec<(Place, bool)> {
    let mut found: Vec<_> =
        told.keys().filter(|one| !now.contains_key(one)).map(|one| (*one, false)).collect();
    if !first && matches!(state.feed, Feed::View(_)) {
        // What was added or changed outside of the window comes as removed too (event-delta).
        let outside = mailbox
            .items_in(state.folder)
            .filter(|item| item.changed > since && item.appointment().is_some())
            .map(|item| Place { item: item.number, occurrence: None })
            .filter(|one| !now.contains_key(one) && !told.contains_key(one));
        found.extend(outside.map(|one| (one, false)));
    }
    let here = now.iter().filter(|(one, change)| told.get(one) != Some(change));
    found.extend(here.map(|(one, _)| (*one, true)));
    found
}

fn show(call: &Call<'_>, feed: Feed, (one, here): (Place, bool)) -> Option<Value> {
    let mailbox = call.mailbox().ok()?;
    if here && let Some(shown) = show_present(call, feed, one) {
        return Some(shown);
    }
    // Gone, or gone since the round began.
    let target = match one.occurrence {
        Some(original) => Target::Occurrence(one.item, original),
        None => Target::Item(one.item),
    };
    Some(json!({
        "@odata.type": "#microsoft.graph.event",
        "id": id::item(mailbox, target, call.request.prefer.immutable),
        "@removed": { "reason": "deleted" },
    }))
}

fn show_present(call: &Call<'_>, feed: Feed, one: Place) -> Option<Value> {
    let mailbox = call.mailbox().ok()?;
    let item = mailbox.item(one.item).ok()?;
    let reader = call.reader(mailbox);
    let Some(original) = one.occurrence else {
        return match feed {
            Feed::Events(_) => reader.limited(item),
            Feed::View(_) => {
                let mut event = reader.event(item, None)?;
                let kind = "#microsoft.graph.event".into();
                event.as_object_mut()?.insert("@odata.type".to_owned(), kind);
                Some(event)
            }
        };
    };
    let seen = item.appointment()?.occurrence(original).ok()?;
    if seen.exception { reader.event(item, Some(&seen)) } else { reader.bare(item, &seen) }
}
