//! What waits for a person, and what people decided that no waiting change brings up again.

use tidemark_engine::StampView;
use tidemark_model::{Kind, LinkId};
use tidemark_store::records::{HoldRow, IntentId, ItemCommit, LinkRow};

use super::item::{Seen, Work};
use super::run::Run;
use super::stop::Stop;

/// The stable word of a hold of a second copy that somebody has changed.
pub(crate) const LATE_COPY_CHANGED: &str = "late-copy-changed";
/// The stable word of a hold of a second copy that cannot be removed without mail.
pub(crate) const LATE_COPY_MAILS: &str = "late-copy-mails";

/// Whether a hold is about a second copy of its item, not about the item.
pub(crate) fn is_of_copy(hold: &HoldRow) -> bool {
    matches!(hold.why.as_str(), LATE_COPY_CHANGED | LATE_COPY_MAILS)
}

/// Whether a person decided that it is to be done.
pub(super) fn is_released(hold: &HoldRow) -> bool {
    matches!(hold.decision.as_deref(), Some("send" | "without-attendees"))
}

/// Whether a person decided that it is not to be done.
pub(super) fn is_discarded(hold: &HoldRow) -> bool {
    hold.decision.as_deref() == Some("discard")
}

impl Run<'_> {
    /// What waits for a person about what was seen: the item or a second copy of it.
    pub(super) fn hold_on(&self, work: &Work) -> Option<&HoldRow> {
        let is_copy = matches!(work.seen, Seen::Present(_, StampView::Late));
        if is_copy { &self.copies } else { &self.holds }.get(&work.link.link)
    }

    /// Notes a hold that was put.
    pub(super) fn note_hold(&mut self, hold: &HoldRow) {
        if let Some(link) = hold.link {
            let holds = if is_of_copy(hold) { &mut self.copies } else { &mut self.holds };
            holds.insert(link, hold.clone());
        }
    }

    /// Forgets a hold that has done its work: what comes after it was decided by nobody.
    pub(super) fn drop_hold(&mut self, hold: &HoldRow) {
        if let Some(link) = hold.link {
            let holds = if is_of_copy(hold) { &mut self.copies } else { &mut self.holds };
            holds.remove(&link);
        }
    }

    /// Removes a hold that has done its work.
    pub(super) fn release(&mut self, hold: Option<HoldRow>, commit: &mut ItemCommit) {
        if let Some(hold) = hold {
            self.drop_hold(&hold);
            commit.released.push(hold.id);
        }
    }

    /// Carries out what people decided where neither a waiting change nor an open write has brought
    /// it up in this run: a write that answers Exchange (one direction, say) waits for no change, and
    /// second copies have none.
    pub(super) async fn carry_decisions(&mut self) -> Result<(), Stop> {
        let is_decided = |hold: &&HoldRow| hold.decision.is_some();
        let items: Vec<LinkId> =
            self.holds.values().filter(is_decided).filter_map(|hold| hold.link).collect();
        for link in items {
            self.check_time()?;
            self.take_up(link, Vec::new()).await?;
        }
        let copies: Vec<HoldRow> = self.copies.values().filter(is_decided).cloned().collect();
        for hold in copies {
            self.check_time()?;
            self.settle_copies(hold).await?;
        }
        Ok(())
    }

    /// Removes the second copies of an item, or makes them items of their own, as was decided. Where
    /// none is left, somebody was faster, and the hold is over.
    async fn settle_copies(&mut self, hold: HoldRow) -> Result<(), Stop> {
        let Some(link) = hold.link else { return Ok(()) };
        let mut commits = Vec::new();
        if let Some(row) = self.service.records.link(&self.scope, link).await? {
            for seen in self.copies_of(&row).await? {
                if matches!(seen, Seen::Hidden) {
                    // What cannot be read now waits with its decision.
                    self.waits_on = true;
                    return Ok(());
                }
                commits.push(self.settle_copy(&row, &hold, seen).await?);
            }
        }
        for commit in &mut commits {
            commit.released.clear();
        }
        let released = vec![hold.id];
        commits.push(ItemCommit { released, ..ItemCommit::default() });
        self.drop_hold(&hold);
        self.commit(commits).await
    }

    async fn settle_copy(
        &mut self,
        row: &LinkRow,
        hold: &HoldRow,
        seen: Seen,
    ) -> Result<ItemCommit, Stop> {
        let (link, seen) = match seen {
            Seen::Present(remote, _) if is_discarded(hold) => {
                let id = LinkId::new(self.service.world.uuid());
                let own = LinkRow::new(id, Kind::Appointment, self.now());
                (own, Seen::Present(remote, StampView::None))
            }
            seen => {
                // One decision holds for every copy of the item.
                self.note_hold(hold);
                (row.clone(), seen)
            }
        };
        self.deal_with(Work { link, seen, pending: Vec::new(), intents: Vec::new() }).await
    }

    /// The items that carry the stamp of a link from another attempt than its own, and belong to no
    /// link themselves.
    async fn copies_of(&self, row: &LinkRow) -> Result<Vec<Seen>, Stop> {
        let now = self.now();
        let stop = |error| Stop::of_mailbox(error, now);
        let mut copies = Vec::new();
        for reference in self.mailbox.find_by_stamp(row.link).await.map_err(stop)? {
            let records = &self.service.records;
            if records.link_of_remote(&self.scope, reference.id.as_str()).await?.is_some() {
                continue;
            }
            match self.look(&reference.id, StampView::Late).await.map_err(stop)? {
                // The same attempt twice is a person's copy, which is read as an item of its own.
                Seen::Present(remote, _)
                    if remote.stamp.map(|stamp| IntentId::new(stamp.intent)) == row.attempt => {}
                Seen::Gone | Seen::NotLooked => {}
                seen => copies.push(seen),
            }
        }
        Ok(copies)
    }
}
