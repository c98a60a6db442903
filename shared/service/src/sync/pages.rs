//! Reading what changed in Exchange, page by page, and comparing where the cursor is lost.

use std::collections::BTreeSet;

use tidemark_engine::StampView;
use tidemark_mailbox::{Change, ChangePage, Cursor, Disposition, RemoteEvent, RemoteId, RemoteRef};
use tidemark_store::records::{
    Commit, CursorRow, FirstSyncPhase, ItemCommit, Kept, LinkRow, LinkState,
};

use super::aside;
use super::item::{Seen, Work};
use super::run::{PENDING_PER_ITEM_MAX, Run};
use super::stop::Stop;

/// Changes that are asked for at once. Each is read whole, so that a page bounds the memory.
pub(crate) const PAGE_ITEMS: usize = 100;
/// Items that are committed together.
pub(super) const COMMIT_ITEMS: usize = 10;
/// Links that are looked at in one go when a compare ends.
const COMPARE_ITEMS: usize = 100;

impl Run<'_> {
    /// Reads changes from the cursor until there are no more.
    pub(super) async fn read_changes(&mut self, mut cursor: CursorRow) -> Result<(), Stop> {
        let from_the_beginning = cursor.cursor.is_none();
        let is_due = self.names.compare_at().is_some_and(|at| at <= self.now());
        if is_due && !from_the_beginning && !cursor.comparing {
            return self.forget_cursor(cursor).await;
        }
        if from_the_beginning {
            // From the beginning: whatever is linked and not seen on the way may be gone. The new
            // generation stands in the store first, since a run that is cut off before its first
            // cursor begins anew, and what it saw may be gone by then.
            cursor.comparing = true;
            cursor.generation += 1;
            self.names.compare_begins(self.now());
            cursor.progress = self.progress(Vec::new());
            let commit = Commit::new(self.scope.clone(), self.lease.clone());
            self.carry(commit.cursor(self.collection.clone(), cursor)).await?;
            cursor = self.service.records.cursor(&self.scope, &self.collection).await?;
        }
        self.generation = cursor.generation;
        if from_the_beginning {
            self.copy_coming_days().await?;
        }
        Box::pin(self.read_aside()).await?;
        loop {
            self.check_time()?;
            let page = match self.next_page(&cursor).await {
                Err(Stop::CursorLost) => return self.forget_cursor(cursor).await,
                page => page?,
            };
            self.noted = self.new_to_us(&cursor, &page).await?;
            let before = self.report.items;
            let read = self.read_page(&page, cursor.comparing).await;
            self.show_copied(FirstSyncPhase::Everything, before, None).await?;
            let mut left = read?;
            let reads_links = cursor.comparing
                || self.names.are_left()
                || self.created.values().any(|it| !it.seen);
            if !page.more && reads_links {
                // What follows reads links.
                self.commit(core::mem::take(&mut left)).await?;
            }
            if !page.more {
                Box::pin(self.read_named()).await?;
            }
            if self.is_noted {
                // The cursor was written meanwhile.
                cursor = self.service.records.cursor(&self.scope, &self.collection).await?;
                self.is_noted = false;
            }
            let state = page.cursor.as_str().as_bytes().to_vec();
            let mut next = cursor.at(Some(state));
            if !page.more && next.comparing {
                self.find_vanished().await?;
                next.comparing = false;
            }
            next.progress = self.progress(Vec::new());
            let mut commit = self.commit_of(left);
            if !page.more {
                let untold = self.find_lost_creates().await?;
                next.progress = self.progress_at_end(untold);
                // Each item's for itself: all of them may be more than one transaction takes.
                for created in core::mem::take(&mut self.created).into_values() {
                    let intents = created.intents;
                    if !intents.is_empty() {
                        commit = commit.item(ItemCommit { intents, ..ItemCommit::default() });
                    }
                }
            }
            commit = commit.cursor(self.collection.clone(), next);
            if let Some(noted) = self.noted.take() {
                commit = commit.noting(self.collection.clone(), noted);
            }
            if !page.more {
                self.closing = Some(commit);
                return Ok(());
            }
            self.carry(commit).await?;
            cursor = self.service.records.cursor(&self.scope, &self.collection).await?;
        }
    }

    /// What the cursor is to say of a page before items of it are committed apart from the cursor:
    /// which of them are new to us. None where none is. A compare needs no notes: it asks for whatever
    /// it did not see.
    async fn new_to_us(
        &self,
        cursor: &CursorRow,
        page: &ChangePage,
    ) -> Result<Option<CursorRow>, Stop> {
        if cursor.comparing {
            return Ok(None);
        }
        let mut told = Vec::new();
        for change in &page.changes {
            let Change::Touched(reference) = change else { continue };
            let id = reference.id.as_str();
            let link = self.service.records.link_of_remote(&self.scope, id).await?;
            if link.is_none() && !self.created.contains_key(id) {
                told.push(id.to_owned());
            }
        }
        if told.is_empty() {
            return Ok(None);
        }
        let mut noted = cursor.clone();
        noted.progress = self.progress(told);
        Ok(Some(noted))
    }

    /// Writes what a page has of new items, unless that was done.
    pub(super) async fn write_note(&mut self) -> Result<(), Stop> {
        let Some(noted) = self.noted.take() else { return Ok(()) };
        self.is_noted = true;
        let commit = Commit::new(self.scope.clone(), self.lease.clone());
        self.carry(commit.cursor(self.collection.clone(), noted)).await
    }

    /// What the cursor keeps while there are changes left to read.
    fn progress(&self, mut told: Vec<String>) -> Option<Kept> {
        // What has open intents is found again by those.
        let unseen = self.created.iter().filter(|(_, it)| !it.seen && it.intents.is_empty());
        told.extend(unseen.map(|(id, _)| id.clone()));
        let compares = self.names.kept();
        aside::encode(&aside::Progress { aside: self.aside.clone(), told, compares })
    }

    /// What the cursor keeps once everything was read: `untold` is what [`Self::find_lost_creates`]
    /// says. What was kept by the reading before has had its reading and is not kept again.
    fn progress_at_end(&self, untold: Vec<String>) -> Option<Kept> {
        let compares = self.names.kept_at_end();
        aside::encode(&aside::Progress { aside: self.aside.clone(), told: untold, compares })
    }

    async fn next_page(&self, cursor: &CursorRow) -> Result<ChangePage, Stop> {
        let at = cursor.cursor.as_ref().map(|bytes| Cursor::new(String::from_utf8_lossy(bytes)));
        let max = PAGE_ITEMS.min(self.mailbox.capabilities().page_items_max);
        let now = self.now();
        self.mailbox.changes(at.as_ref(), max).await.map_err(|error| Stop::of_mailbox(error, now))
    }

    /// The cursor is lost: begin from the start in a compare run. Nothing is wiped.
    async fn forget_cursor(&self, cursor: CursorRow) -> Result<(), Stop> {
        let mut next = cursor.at(None);
        next.comparing = false;
        let commit = Commit::new(self.scope.clone(), self.lease.clone());
        self.carry(commit.cursor(self.collection.clone(), next)).await?;
        Err(Stop::OutOfTime)
    }

    /// Deals with a page. Returns what is left to be committed with the cursor.
    async fn read_page(
        &mut self,
        page: &ChangePage,
        comparing: bool,
    ) -> Result<Vec<ItemCommit>, Stop> {
        for part in &page.parts {
            self.names.met(part);
        }
        let mut seen = BTreeSet::new();
        let (mut touched, mut removed) = (Vec::new(), Vec::new());
        // The last word on an item counts; earlier ones on the same page are overtaken.
        for change in page.changes.iter().rev() {
            let id = match change {
                Change::Touched(reference) => &reference.id,
                Change::Removed(id) => id,
            };
            if seen.insert(id.clone()) {
                match change {
                    Change::Touched(reference) => {
                        self.names.met(id);
                        touched.push(reference.clone());
                    }
                    Change::Removed(id) => removed.push(id.clone()),
                }
            }
        }
        touched.reverse();
        removed.reverse();
        let mut left = Box::pin(self.read_touched(touched, comparing)).await?;
        for id in removed {
            // Where an item came back under another id, its old one means nothing by now.
            self.commit(core::mem::take(&mut left)).await?;
            self.check_time()?;
            left.extend(self.read_removed(&id).await?);
        }
        Ok(left)
    }

    /// Reads the items of a page that are new to us or in another version than the one we know.
    /// Returns what is left to be committed.
    pub(super) async fn read_touched(
        &mut self,
        touched: Vec<RemoteRef>,
        comparing: bool,
    ) -> Result<Vec<ItemCommit>, Stop> {
        let mut wanted = Vec::new();
        let mut links = Vec::new();
        for reference in touched {
            if let Some(created) = self.created.get_mut(reference.id.as_str()) {
                created.seen = true;
            }
            let link =
                self.service.records.link_of_remote(&self.scope, reference.id.as_str()).await?;
            let known = link.as_ref().and_then(|link| link.change_key.as_deref());
            if known == Some(reference.change_key.as_str()) {
                // The version that we wrote or read last: an echo. A compare has to note it.
                if let (true, Some(link)) = (comparing, link) {
                    self.note_seen(link).await?;
                }
                continue;
            }
            wanted.push(reference.id);
            links.push(link);
        }
        let batch = self.mailbox.capabilities().read_items_max.max(1);
        let mut commits = Vec::new();
        let mut links = links.into_iter();
        for ids in wanted.chunks(batch) {
            self.check_time()?;
            let now = self.now();
            let read =
                self.mailbox.read(ids).await.map_err(|error| Stop::of_mailbox(error, now))?;
            for ((id, link), item) in ids.iter().zip(links.by_ref()).zip(read) {
                let commit = match item {
                    Ok(remote) => self.read_present(remote, link).await?,
                    Err(error) => match error.disposition {
                        // Gone since the page was made: its own change says so later.
                        Disposition::Gone => None,
                        Disposition::Quarantine | Disposition::Reject => {
                            self.leave_aside(id, &error.code);
                            None
                        }
                        _ => return Err(Stop::of_mailbox(error, now)),
                    },
                };
                commits.extend(commit);
                if commits.len() >= COMMIT_ITEMS {
                    self.commit(core::mem::take(&mut commits)).await?;
                }
            }
        }
        Ok(commits)
    }

    pub(super) async fn read_present(
        &mut self,
        remote: RemoteEvent,
        link: Option<LinkRow>,
    ) -> Result<Option<ItemCommit>, Stop> {
        let (link, seen) = match link {
            Some(link) => (link, Seen::Present(Box::new(remote), StampView::Ours)),
            None => match self.claim(remote).await? {
                Some(remote) => self.recognise(remote).await?,
                None => return Ok(None),
            },
        };
        // Changes that were accepted since the run began are merged, not overwritten.
        let mut pending = self.pending.remove(&link.link).unwrap_or_default();
        let known = link.revision > 0 || matches!(seen, Seen::Present(_, StampView::Ours));
        if pending.is_empty() && known {
            pending = self.service.records.pending_of_link(&self.scope, link.link).await?;
            pending.truncate(PENDING_PER_ITEM_MAX);
        }
        let intents = self.unseen.remove(&link.link).unwrap_or_default();
        let commit = self.deal_with(Work { link, seen, pending, intents }).await?;
        Ok(matters(&commit).then_some(commit))
    }

    /// An item that was left aside can be read now.
    pub(super) async fn read_again(&mut self, remote: RemoteEvent) -> Result<(), Stop> {
        let link = self.service.records.link_of_remote(&self.scope, remote.reference.id.as_str());
        let link = link.await?;
        match self.read_present(remote, link).await? {
            Some(commit) => self.commit(vec![commit]).await,
            None => Ok(()),
        }
    }

    /// An item left the collection. That is no proof: it is asked for by its id. Returns what is left
    /// to be committed.
    pub(super) async fn read_removed(&mut self, id: &RemoteId) -> Result<Option<ItemCommit>, Stop> {
        let link = self.service.records.link_of_remote(&self.scope, id.as_str()).await?;
        // One that we do not know may be there all the same, where changes are not followed: its name,
        // if it has one, leads to it.
        let Some(link) = link else {
            self.candidate_left(id).await?;
            return Ok(None);
        };
        self.names.met(id);
        let now = self.now();
        let seen =
            self.look(id, StampView::Ours).await.map_err(|error| Stop::of_mailbox(error, now))?;
        if matches!(seen, Seen::Hidden) {
            // Whether it is gone is not known: nobody would ask again once the cursor has moved on.
            self.leave_aside(id, "removed-and-unreadable");
            return Ok(None);
        }
        self.deal_with_missing(link, seen).await
    }

    /// Deals with an item whose id is gone, unless the item came back under another id. Returns what
    /// is to be committed.
    pub(super) async fn deal_with_missing(
        &mut self,
        link: LinkRow,
        seen: Seen,
    ) -> Result<Option<ItemCommit>, Stop> {
        let seen = match seen {
            Seen::Gone => self.under_another_id(&link).await?.unwrap_or(Seen::Gone),
            seen => seen,
        };
        let pending = self.pending.remove(&link.link).unwrap_or_default();
        let intents = self.unseen.remove(&link.link).unwrap_or_default();
        let commit = self.deal_with(Work { link, seen, pending, intents }).await?;
        Ok(matters(&commit).then_some(commit))
    }

    /// A move gives an item a new id. Ours carry a stamp, and all have a UID.
    async fn under_another_id(&self, link: &LinkRow) -> Result<Option<Seen>, Stop> {
        let now = self.now();
        let stop = |error| Stop::of_mailbox(error, now);
        let mut found = self.mailbox.find_by_stamp(link.link).await.map_err(stop)?;
        if let Some(uid) = &link.uid {
            found.extend(self.mailbox.find_by_uid(uid).await.map_err(stop)?);
        }
        for reference in found {
            if link.remote_id.as_deref() == Some(reference.id.as_str()) {
                continue;
            }
            let other =
                self.service.records.link_of_remote(&self.scope, reference.id.as_str()).await?;
            if other.is_none() {
                let seen = self.look(&reference.id, StampView::Ours).await.map_err(stop)?;
                if matches!(seen, Seen::Present(..)) {
                    return Ok(Some(seen));
                }
            }
        }
        Ok(None)
    }

    /// At the end of a compare: whatever is linked and was not seen is asked for by its id.
    async fn find_vanished(&mut self) -> Result<(), Stop> {
        let mut after = None;
        loop {
            let page = self.service.records.links(&self.scope, after, COMPARE_ITEMS).await?;
            for link in page.links {
                let Some(id) = link.remote_id.as_deref().map(RemoteId::new) else { continue };
                let dead = matches!(link.state, LinkState::Deleted { .. } | LinkState::New);
                if dead || link.generation >= self.generation {
                    continue;
                }
                self.check_time()?;
                let now = self.now();
                let seen = self
                    .look(&id, StampView::Ours)
                    .await
                    .map_err(|error| Stop::of_mailbox(error, now))?;
                if matches!(seen, Seen::Hidden) {
                    self.leave_aside(&id, "unseen-and-unreadable");
                    continue;
                }
                let missing = self.deal_with_missing(link, seen).await?;
                self.commit(missing.into_iter().collect()).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What we created and what is not among the changes was deleted in between: the server tells
    /// nobody of an item that came and went between two readings. Or it was created behind the place
    /// that the reading had come to: then the next reading tells of it, unless it is deleted before.
    ///
    /// Returns those of the second kind, which the next reading has to look for again. One reading is
    /// enough: it begins after they were created, so that what it does not tell is gone, or lies where
    /// changes are not followed.
    async fn find_lost_creates(&mut self) -> Result<Vec<String>, Stop> {
        let unseen: Vec<String> = self
            .created
            .iter()
            .filter(|(_, created)| !created.seen)
            .map(|(id, _)| id.clone())
            .collect();
        for id in unseen {
            self.check_time()?;
            let link = self.service.records.link_of_remote(&self.scope, &id).await?;
            if link.is_some() {
                let removed = self.read_removed(&RemoteId::new(id)).await?;
                self.commit(removed.into_iter().collect()).await?;
            }
        }
        let mut untold = Vec::new();
        // A look can create an item anew, so that there may be more of them by now.
        for (id, created) in &self.created {
            if created.seen || !created.is_new {
                continue;
            }
            let link = self.service.records.link_of_remote(&self.scope, id).await?;
            if link.is_some_and(|link| !matches!(link.state, LinkState::Deleted { .. })) {
                untold.push(id.clone());
            }
        }
        Ok(untold)
    }

    async fn note_seen(&mut self, mut link: LinkRow) -> Result<(), Stop> {
        if link.generation >= self.generation {
            return Ok(());
        }
        link.generation = self.generation;
        let write = tidemark_store::records::LinkWrite::Put(Box::new(link));
        self.commit(vec![ItemCommit { links: vec![write], ..ItemCommit::default() }]).await
    }
}

/// Whether a commit says more than that an item was looked at.
fn matters(commit: &ItemCommit) -> bool {
    !commit.links.is_empty()
        || !commit.pending.is_empty()
        || !commit.intents.is_empty()
        || !commit.feed.is_empty()
        || !commit.history.is_empty()
        || !commit.holds.is_empty()
        || !commit.released.is_empty()
        || commit.brake.is_some()
}
