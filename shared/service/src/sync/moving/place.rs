//! Where the item of a link is in the mailbox, when its id says nothing: by our stamp, then by its
//! iCalendar UID and start, then by what it says. Whatever more than one item may be is nobody's.

use jiff::SignedDuration;
use tidemark_mailbox::{Disposition, ItemRead, RemoteEvent, RemoteId, RemoteRef, Search};
use tidemark_model::{Event, Property};
use tidemark_store::records::{FoundBy, IntentId, LinkRow, LinkState};

use super::gathered::Gathered;
use crate::sync::item::base_of;
use crate::sync::run::Run;
use crate::sync::stop::Stop;

/// Most items that are read to find one by what it says. More of them at one time are no match.
const READ_MAX: usize = 100;
/// How far after its start a series is looked for: its first occurrence may be one that was taken out.
const SERIES_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How wide the look at a single appointment is at least.
const WINDOW_MIN: SignedDuration = SignedDuration::from_mins(1);

/// What became of the item of a link.
#[derive(Debug)]
pub(super) enum Placement {
    /// It is this one.
    Found(Box<RemoteEvent>, FoundBy),
    /// It is the one with this id, which cannot be read now.
    Unread(RemoteId, FoundBy),
    /// It may be any of these.
    Ambiguous(Vec<RemoteId>),
    /// Nothing may be it.
    Missing,
}

/// An item that may be the one.
struct Candidate {
    id: RemoteId,
    /// What it says; none if it cannot be read now.
    remote: Option<Box<RemoteEvent>>,
}

impl Candidate {
    /// Whether something holds of it. Of one that cannot be read, nothing does.
    fn is(&self, holds: impl FnOnce(&RemoteEvent) -> bool) -> bool {
        self.remote.as_deref().is_some_and(holds)
    }
}

impl Run<'_> {
    /// Looks for the item of a link, beginning with what was gathered.
    pub(super) async fn place(
        &self,
        link: &LinkRow,
        gathered: &Gathered,
    ) -> Result<Placement, Stop> {
        let base = base_of(link)?.map(|base| base.exchange);
        // What we did not make carries no stamp of ours.
        let found = match link.attempt {
            Some(_) => self.search(Search::Stamp(link.link), gathered).await?,
            None => Vec::new(),
        };
        let stamped = self.candidates(link, found, gathered).await?;
        if !stamped.is_empty() {
            return Ok(settle(narrowed(stamped, link, base.as_ref()), FoundBy::Stamp));
        }
        if let Some(uid) = &link.uid {
            let found = self.search(Search::Uid(uid.clone()), gathered).await?;
            let same = self.candidates(link, found, gathered).await?;
            let same = self.without_others(link, same).await?;
            if !same.is_empty() {
                let left = narrowed(same, link, base.as_ref());
                return match left.as_slice() {
                    [one] if self.is_wanted_elsewhere(link, uid, one).await? => {
                        Ok(Placement::Ambiguous(vec![one.id.clone()]))
                    }
                    _ => Ok(settle(left, FoundBy::Uid)),
                };
            }
        }
        match base {
            Some(base) => self.place_by_content(link, &base).await,
            None => Ok(Placement::Missing),
        }
    }

    async fn search(&self, search: Search, gathered: &Gathered) -> Result<Vec<RemoteRef>, Stop> {
        if let Some(found) = gathered.found(&search) {
            return Ok(found.clone());
        }
        let now = self.now();
        let found = match search {
            Search::Stamp(link) => self.mailbox.find_by_stamp(link).await,
            Search::Uid(uid) => self.mailbox.find_by_uid(&uid).await,
        };
        found.map_err(|error| Stop::of_mailbox(error, now))
    }

    /// The items among these that belong to no other link, as they are now.
    async fn candidates(
        &self,
        link: &LinkRow,
        found: Vec<RemoteRef>,
        gathered: &Gathered,
    ) -> Result<Vec<Candidate>, Stop> {
        let mut ids: Vec<RemoteId> = Vec::new();
        for reference in found {
            let id = reference.id;
            let linked = self.service.records.link_of_remote(&self.scope, id.as_str()).await?;
            let is_free = linked.is_none_or(|other| other.link == link.link);
            if is_free && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.truncate(READ_MAX);
        let (known, unknown): (Vec<_>, Vec<_>) =
            ids.into_iter().partition(|id| gathered.item(id).is_some());
        let now = self.now();
        let mut read: Vec<(RemoteId, ItemRead)> = known
            .into_iter()
            .filter_map(|id| Some((id.clone(), gathered.item(&id)?.clone())))
            .collect();
        if !unknown.is_empty() {
            let items = self.mailbox.read(&unknown).await;
            let items = items.map_err(|error| Stop::of_mailbox(error, now))?;
            read.extend(unknown.into_iter().zip(items));
        }
        let mut candidates = Vec::new();
        for (id, item) in read {
            match item {
                Ok(remote) => candidates.push(Candidate { id, remote: Some(Box::new(remote)) }),
                Err(error) => match error.disposition {
                    // Deleted since it was found.
                    Disposition::Gone => {}
                    Disposition::Quarantine | Disposition::Reject => {
                        candidates.push(Candidate { id, remote: None });
                    }
                    _ => return Err(Stop::of_mailbox(error, now)),
                },
            }
        }
        Ok(candidates)
    }

    /// Without those that carry the stamp of another link that is known: they are that one's.
    async fn without_others(
        &self,
        link: &LinkRow,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Candidate>, Stop> {
        let mut own = Vec::new();
        for candidate in candidates {
            let stamp = candidate.remote.as_ref().and_then(|remote| remote.stamp);
            let other = match stamp.filter(|stamp| stamp.link != link.link) {
                Some(stamp) => self.service.records.link(&self.scope, stamp.link).await?,
                None => None,
            };
            if other.is_none() {
                own.push(candidate);
            }
        }
        Ok(own)
    }

    /// Whether the only item with a UID may as well be that of another link which has none.
    async fn is_wanted_elsewhere(
        &self,
        link: &LinkRow,
        uid: &str,
        candidate: &Candidate,
    ) -> Result<bool, Stop> {
        let starts_with = |row: &LinkRow| -> Result<bool, Stop> {
            let base = base_of(row)?;
            Ok(base.is_none_or(|base| {
                candidate.is(|remote| self.same_start(&base.exchange, &remote.event))
            }))
        };
        for other in self.service.records.links_of_uid(&self.scope, uid).await? {
            if other.link != link.link
                && self.waits_for_place(&other)
                && (starts_with(&other)? || !starts_with(link)?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a link has no id that the present server says.
    fn waits_for_place(&self, link: &LinkRow) -> bool {
        let living = matches!(link.state, LinkState::Linked | LinkState::Private { .. });
        living && (link.remote_id.is_none() || link.moves < self.moves())
    }

    fn same_start(&self, a: &Event, b: &Event) -> bool {
        let zone = &self.facts.zone;
        a.schedule.instants(zone).0 == b.schedule.instants(zone).0
    }

    /// The one item at the time of this one that says the same.
    async fn place_by_content(&self, link: &LinkRow, base: &Event) -> Result<Placement, Stop> {
        let now = self.now();
        let (start, end) = base.schedule.instants(&self.facts.zone);
        let length = if base.recurrence.is_some() { SERIES_WINDOW } else { WINDOW_MIN };
        let end = end.max(start.saturating_add(length).unwrap_or(end));
        let look = self.mailbox.first_look(start, end).await;
        let look = look.map_err(|error| Stop::of_mailbox(error, now))?;
        let candidates = self.candidates(link, look.soon, &Gathered::default()).await?;
        let mut same = self.without_others(link, candidates).await?;
        same.retain(|candidate| candidate.is(|remote| same_content(base, &remote.event)));
        match same.as_slice() {
            [one] if self.is_said_elsewhere(link, base).await? => {
                Ok(Placement::Ambiguous(vec![one.id.clone()]))
            }
            _ => Ok(settle(same, FoundBy::Content)),
        }
    }

    /// Whether another link that has no item says the same.
    async fn is_said_elsewhere(&self, link: &LinkRow, base: &Event) -> Result<bool, Stop> {
        let mut after = None;
        loop {
            let page = self.service.records.links(&self.scope, after, READ_MAX).await?;
            for other in &page.links {
                if other.link == link.link || !self.waits_for_place(other) {
                    continue;
                }
                if base_of(other)?.is_some_and(|other| same_content(base, &other.exchange)) {
                    return Ok(true);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(false),
            }
        }
    }
}

/// Those that agree most with what is known of the item: its UID, since a person's copy has our stamp
/// too; the attempt that made it; its start.
fn narrowed(candidates: Vec<Candidate>, link: &LinkRow, base: Option<&Event>) -> Vec<Candidate> {
    let candidates =
        prefer(candidates, |remote| link.uid.is_some() && remote.event.uid == link.uid);
    let candidates = prefer(candidates, |remote| {
        let attempt = remote.stamp.map(|stamp| IntentId::new(stamp.intent));
        attempt.is_some() && attempt == link.attempt
    });
    let schedule = base.map(|base| base.value(Property::Schedule));
    prefer(candidates, |remote| {
        schedule.as_ref().is_some_and(|known| remote.event.value(Property::Schedule).same(known))
    })
}

/// Those of which something holds; all of them where it holds of none.
fn prefer(candidates: Vec<Candidate>, holds: impl Fn(&RemoteEvent) -> bool) -> Vec<Candidate> {
    let (better, rest): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.is(&holds));
    if better.is_empty() { rest } else { better }
}

fn settle(mut candidates: Vec<Candidate>, how: FoundBy) -> Placement {
    if candidates.len() > 1 {
        return Placement::Ambiguous(candidates.into_iter().map(|one| one.id).collect());
    }
    match candidates.pop() {
        Some(Candidate { remote: Some(remote), .. }) => Placement::Found(remote, how),
        Some(Candidate { id, remote: None }) => Placement::Unread(id, how),
        None => Placement::Missing,
    }
}

/// Whether two events say the same where people look: what, when and where.
fn same_content(a: &Event, b: &Event) -> bool {
    [Property::Title, Property::Schedule, Property::Location]
        .into_iter()
        .all(|property| a.value(property).same(&b.value(property)))
}
