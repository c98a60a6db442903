//! Changes: rounds of a delta, the listing of what lies outside its window, and the moving of it.

use std::collections::HashMap;

use jiff::Timestamp;
use tidemark_graph::calendar::EventKind;
use tidemark_graph::events::{
    build_calendar_view, build_calendar_view_delta, build_events_delta, build_list,
};
use tidemark_graph::{Entry, ErrorClass, EventHead, GraphRequest, Next, Page};

use super::GraphMailbox;
use super::cursor::{ChangeFeed, Feed, Place, Step};
use super::fault::{self, Effect};
use super::session::Failed;
use crate::error::MailboxError;
use crate::port::{Change, ChangeKey, ChangePage, Cursor, RemoteId, RemoteRef};

/// Largest page of changes that is asked for. It is a hint: Graph's pages may be smaller or empty.
pub const PAGE_ITEMS_MAX: usize = 500;

/// Most pages of a listing that are followed in one call.
const VIEW_PAGES_MAX: usize = 100;

impl GraphMailbox {
    pub(super) async fn fetch_changes(
        &self,
        cursor: Option<&Cursor>,
        items_max: usize,
    ) -> Result<ChangePage, MailboxError> {
        let size = items_max.clamp(1, PAGE_ITEMS_MAX);
        let now = self.session.endpoint.clock.now();
        let Some(cursor) = cursor else {
            return self.begin(now, size).await;
        };
        let place = Place::read(cursor).ok_or_else(fault::cursor_unknown)?;
        let place = place.moved(now).unwrap_or(place);
        let request = self.request_at(&place, size)?;
        match self.session.exchange(&request, Effect::Read, None).await {
            Ok(body) => self.page_of(&place, &body),
            // Links name the user as it was called when they were made. Whether it is only called
            // otherwise by now (N19), the first request of a comparison says.
            Err(failed) if place.follows_link() && is_unknown_user(&failed) => {
                Err(fault::cursor_unknown())
            }
            Err(failed) => Err(self.session.error_of(&failed)),
        }
    }

    /// The first page of all, of whatever feed the server offers.
    async fn begin(&self, now: Timestamp, size: usize) -> Result<ChangePage, MailboxError> {
        if self.session.endpoint.feed == ChangeFeed::AllIfOffered {
            let place = Place::first(Feed::All);
            let request = self.request_at(&place, size)?;
            match self.session.exchange(&request, Effect::Read, None).await {
                Ok(body) => return self.page_of(&place, &body),
                Err(failed) if is_not_offered(&failed) => {}
                Err(failed) => return Err(self.session.error_of(&failed)),
            }
        }
        let place = Place::first(Feed::window(now));
        let body = self.session.read(&self.request_at(&place, size)?).await?;
        self.page_of(&place, &body)
    }

    /// The request for the page that a place waits for.
    fn request_at(&self, place: &Place, size: usize) -> Result<GraphRequest, MailboxError> {
        let end = &self.session.endpoint;
        let follow = |link: &str| {
            // A cursor is checked like an answer: what it holds is sent our token.
            let link = end.root.link(link).map_err(|_| fault::cursor_unknown())?;
            Ok(GraphRequest::follow(&link).page_of(size))
        };
        match &place.step {
            Step::First { page: Some(page), .. }
            | Step::List { page: Some(page), .. }
            | Step::Before { page, .. }
            | Step::Round { page, .. } => follow(page),
            Step::First { page: None, .. } => Ok(match place.feed {
                Feed::All => build_events_delta(&end.user).page_of(size),
                Feed::Window { from, until, .. } => {
                    build_calendar_view_delta(&end.user, from, until).page_of(size)
                }
            }),
            Step::List { page: None, .. } => Ok(build_list(&end.user, size)),
        }
    }

    fn page_of(&self, place: &Place, body: &[u8]) -> Result<ChangePage, MailboxError> {
        let failed = |what| self.session.remember(fault::of_unreadable(what, Effect::Read));
        let page = Page::read(body, &self.session.endpoint.root).map_err(failed)?;
        let (step, more) = next_step(place, page.next)
            .ok_or_else(|| self.session.remember(fault::unreadable(Effect::Read)))?;
        let entries: Result<Vec<Entry>, _> = page.entries.into_iter().collect();
        // One that cannot be told fails the page: left out, it would never come again.
        let entries = entries.map_err(failed)?;
        let first = matches!(place.step, Step::First { .. });
        let beside = matches!(place.step, Step::List { .. } | Step::Before { .. });
        let mut changes = Changes::default();
        for entry in entries {
            let is_early = |head: &EventHead| beside && place.feed.will_tell(head);
            if !matches!(&entry, Entry::Event(head) if is_early(head)) {
                changes.add(entry, first);
            }
        }
        let parts = core::mem::take(&mut changes.parts);
        let cursor = place.at(step).to_cursor();
        Ok(ChangePage { changes: changes.in_order(), parts, cursor, more })
    }

    /// What takes place between two moments: single events and series, each once, in the order in
    /// which they begin. The version of a series is not known from its occurrences.
    ///
    /// # Errors
    /// [`MailboxError`].
    pub(super) async fn view(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RemoteRef>, MailboxError> {
        let user = &self.session.endpoint.user;
        let request = build_calendar_view(user, from, until, PAGE_ITEMS_MAX);
        self.view_on(&self.session.read(&request).await?).await
    }

    /// The rest of such a listing, of which this is the first page, and what that page lists.
    pub(super) async fn view_on(&self, first: &[u8]) -> Result<Vec<RemoteRef>, MailboxError> {
        let mut changes = Changes::default();
        let mut next = self.view_page(first, &mut changes)?;
        for _ in 1..VIEW_PAGES_MAX {
            let Some(request) = next else { return Ok(changes.references()) };
            let body = self.session.read(&request).await?;
            next = self.view_page(&body, &mut changes)?;
        }
        match next {
            None => Ok(changes.references()),
            // Cut short, it would look as if the rest were not there.
            Some(_) => Err(fault::unreadable(Effect::Read)),
        }
    }

    /// Takes what a page of a listing has; says what to ask for the rest.
    fn view_page(
        &self,
        body: &[u8],
        changes: &mut Changes,
    ) -> Result<Option<GraphRequest>, MailboxError> {
        let unreadable = |what| fault::of_unreadable(what, Effect::Read);
        let page = Page::read(body, &self.session.endpoint.root).map_err(unreadable)?;
        let next = match &page.next {
            Next::More(link) => Some(GraphRequest::follow(link)),
            Next::Delta(_) | Next::End => None,
        };
        for head in page.heads().map_err(unreadable)? {
            changes.add_once(&head);
        }
        Ok(next)
    }
}

fn is_unknown_user(failed: &Failed) -> bool {
    matches!(failed, Failed::Theirs { error, .. } if error.class() == ErrorClass::NoSuchMailbox)
}

/// Whether a server does not know `events/delta`: it is documented for beta only.
fn is_not_offered(failed: &Failed) -> bool {
    let Failed::Theirs { error, .. } = failed else { return false };
    match error.class() {
        ErrorClass::NotOffered | ErrorClass::Refused | ErrorClass::Gone => true,
        ErrorClass::BackOff
        | ErrorClass::Interrupted
        | ErrorClass::Authorize
        | ErrorClass::Denied
        | ErrorClass::NoCloudMailbox
        | ErrorClass::MailboxFull
        | ErrorClass::NoSuchMailbox
        | ErrorClass::Conflict
        | ErrorClass::Duplicate
        | ErrorClass::Exists
        | ErrorClass::Resync
        | ErrorClass::Dependency
        | ErrorClass::TooLarge => false,
    }
}

/// Where a page leads, and whether more is waiting now. None if it leads nowhere that it could.
fn next_step(place: &Place, next: Next) -> Option<(Step, bool)> {
    let text = |link: &tidemark_graph::Link| link.as_str().to_owned();
    Some(match (&place.step, next) {
        (Step::First { before, .. }, Next::More(link)) => {
            (Step::First { page: Some(text(&link)), before: before.clone() }, true)
        }
        (Step::First { before: Some(before), .. }, Next::Delta(link)) => {
            (Step::Before { page: before.clone(), delta: text(&link) }, true)
        }
        (Step::First { before: None, .. }, Next::Delta(link)) => match place.feed {
            Feed::Window { .. } => (Step::List { page: None, delta: text(&link) }, true),
            Feed::All => (Step::Round { page: text(&link), at_rest: true }, false),
        },
        (Step::List { delta, .. }, Next::More(link)) => {
            (Step::List { page: Some(text(&link)), delta: delta.clone() }, true)
        }
        (Step::List { delta, .. }, Next::End) | (Step::Before { delta, .. }, Next::Delta(_)) => {
            (Step::Round { page: delta.clone(), at_rest: true }, false)
        }
        (Step::Before { delta, .. }, Next::More(link)) => {
            (Step::Before { page: text(&link), delta: delta.clone() }, true)
        }
        (Step::Round { .. }, Next::More(link)) => {
            (Step::Round { page: text(&link), at_rest: false }, true)
        }
        (Step::Round { .. }, Next::Delta(link)) => {
            (Step::Round { page: text(&link), at_rest: true }, false)
        }
        // A round without an end would have to be begun again and again.
        (Step::First { .. } | Step::Before { .. } | Step::Round { .. }, Next::End)
        | (Step::List { .. }, Next::Delta(_)) => return None,
    })
}

/// The changes of a page, one for each item: the last word on it counts.
#[derive(Default)]
struct Changes {
    listed: Vec<Option<Change>>,
    /// Ids are compared exactly: two that differ in case are two items.
    places: HashMap<RemoteId, usize>,
    /// Occurrences that stand for their series.
    parts: Vec<RemoteId>,
}

impl Changes {
    /// Adds an entry. `first` is whether it stands in the first round of a feed.
    fn add(&mut self, entry: Entry, first: bool) {
        match entry {
            Entry::Removed { id, .. } => {
                let id = RemoteId::new(id.as_str());
                self.put(id.clone(), Change::Removed(id));
            }
            // A first round lists every series by itself, with all its data.
            Entry::Event(head) if first && head.kind == EventKind::Occurrence => {}
            Entry::Event(head) => self.touch(&head),
        }
    }

    fn touch(&mut self, head: &EventHead) {
        let (id, key) = touched(head);
        if id.as_str() != head.id.as_str() {
            self.parts.push(RemoteId::new(head.id.as_str()));
        }
        // Once something of it is not known in its version, the item has to be read.
        let unknown = self.places.get(&id).and_then(|place| self.listed.get(*place)).is_some_and(
            |change| matches!(change, Some(Change::Touched(earlier)) if earlier.change_key.as_str().is_empty()),
        );
        let key = if unknown { ChangeKey::new("") } else { key };
        self.put(id.clone(), Change::Touched(RemoteRef { id, change_key: key }));
    }

    /// Adds an item where it is met first.
    fn add_once(&mut self, head: &EventHead) {
        let (id, change_key) = touched(head);
        if !self.places.contains_key(&id) {
            self.put(id.clone(), Change::Touched(RemoteRef { id, change_key }));
        }
    }

    fn put(&mut self, id: RemoteId, change: Change) {
        let place = self.listed.len();
        if let Some(earlier) = self.places.insert(id, place)
            && let Some(slot) = self.listed.get_mut(earlier)
        {
            *slot = None;
        }
        self.listed.push(Some(change));
    }

    fn references(self) -> Vec<RemoteRef> {
        let touched = self.in_order().into_iter().filter_map(|change| match change {
            Change::Touched(reference) => Some(reference),
            Change::Removed(_) => None,
        });
        touched.collect()
    }

    fn in_order(self) -> Vec<Change> {
        self.listed.into_iter().flatten().collect()
    }
}

/// The item that an entry is about: itself, or the series that it belongs to, in a version that is
/// not known then.
fn touched(head: &EventHead) -> (RemoteId, ChangeKey) {
    let of_series = matches!(head.kind, EventKind::Occurrence | EventKind::Exception);
    match &head.series_master {
        Some(master) if of_series => (RemoteId::new(master.as_str()), ChangeKey::new("")),
        Some(_) | None => (
            RemoteId::new(head.id.as_str()),
            ChangeKey::new(head.change_key.as_deref().unwrap_or_default()),
        ),
    }
}
