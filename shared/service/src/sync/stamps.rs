//! Who is who: moves, copies, late creates, and items that both sides had already.

use tidemark_engine::StampView;
use tidemark_mailbox::{RemoteEvent, RemoteId};
use tidemark_model::{Kind, LinkId};
use tidemark_store::records::{IntentId, LinkRow, LinkState, PendingOperation, PendingRow};

use super::item::Seen;
use super::run::{Joined, Run};
use super::stop::Stop;

impl Run<'_> {
    /// Which link an item in Exchange belongs to that is not linked by its id.
    pub(super) async fn recognise(&mut self, remote: RemoteEvent) -> Result<(LinkRow, Seen), Stop> {
        let linked = match remote.stamp {
            Some(stamp) => self.service.records.link(&self.scope, stamp.link).await?,
            None => None,
        };
        // A copy of an item that a move has not found is a copy, whatever stamp it carries.
        let is_copy = linked.as_ref().is_some_and(LinkRow::is_unplaced);
        if let (Some(stamp), Some(link)) = (remote.stamp, linked.filter(|_| !is_copy)) {
            let same_attempt = link.attempt == Some(IntentId::new(stamp.intent));
            let view = match &link.remote_id {
                // Our own create, whose answer got lost, or an item that came back.
                None => Some(StampView::Ours),
                Some(id) if self.is_gone(id).await? => Some(StampView::Ours),
                // Another attempt at the same item arrived late; the same attempt twice is a
                // person's copy, which Exchange gives our stamp along with everything else.
                Some(_) => (!same_attempt).then_some(StampView::Late),
            };
            if let Some(view) = view {
                return Ok((link, Seen::Present(Box::new(remote), view)));
            }
        }
        if let Some(link) = self.moved(&remote).await? {
            return Ok((link, Seen::Present(Box::new(remote), StampView::Ours)));
        }
        let (link, view) = match remote.stamp {
            // A create of ours that was begun before anything was remembered of the item.
            Some(stamp) if !is_copy && self.waits_for(stamp.link).await? => {
                (stamp.link, StampView::Ours)
            }
            Some(_) => {
                self.foreign |= !is_copy;
                (LinkId::new(self.service.world.uuid()), StampView::None)
            }
            None => (LinkId::new(self.service.world.uuid()), StampView::None),
        };
        let link = LinkRow::new(link, Kind::Appointment, self.now());
        Ok((link, Seen::Present(Box::new(remote), view)))
    }

    /// Whether a change or a begun write waits for an item that nothing is remembered of.
    async fn waits_for(&self, link: LinkId) -> Result<bool, Stop> {
        if self.pending.contains_key(&link) || self.unseen.contains_key(&link) {
            return Ok(true);
        }
        Ok(!self.service.records.pending_of_link(&self.scope, link).await?.is_empty())
    }

    /// The link of an item that was moved away and back: the same UID, and its old id is gone.
    async fn moved(&self, remote: &RemoteEvent) -> Result<Option<LinkRow>, Stop> {
        let Some(uid) = &remote.event.uid else {
            return Ok(None);
        };
        let links = self.service.records.links_of_uid(&self.scope, uid).await?;
        // What was deleted and came back is the same item, unless a living one has the UID.
        let (deleted, living): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|link| matches!(link.state, LinkState::Deleted { .. }));
        for link in living {
            match &link.remote_id {
                None if link.is_unplaced() => {}
                None => return Ok(Some(link)),
                Some(id) if *id == *remote.reference.id.as_str() => return Ok(Some(link)),
                Some(id) if self.is_gone(id).await? => return Ok(Some(link)),
                Some(_) => {}
            }
        }
        Ok(deleted.into_iter().next())
    }

    async fn is_gone(&self, id: &str) -> Result<bool, Stop> {
        let now = self.now();
        let seen = self
            .look(&RemoteId::new(id), StampView::Ours)
            .await
            .map_err(|error| Stop::of_mailbox(error, now))?;
        Ok(matches!(seen, Seen::Gone))
    }

    /// Whether a new item of the business system is one that the mailbox has already: the same UID
    /// (A6, N15). It is adopted then, not created again.
    pub(super) async fn joined(
        &self,
        link: &LinkRow,
        seen: Seen,
        pending: &[PendingRow],
    ) -> Result<Joined, Stop> {
        if !matches!(seen, Seen::NotLooked) || link.state != LinkState::New {
            return Ok(Joined::Here(seen));
        }
        if let Some(joined) = self.stamped_before(link).await? {
            return Ok(joined);
        }
        let Some(uid) = pending.iter().find_map(uid_of) else {
            return Ok(Joined::Here(seen));
        };
        let now = self.now();
        let stop = |error| Stop::of_mailbox(error, now);
        for other in self.service.records.links_of_uid(&self.scope, &uid).await? {
            if let (LinkState::Linked, Some(id), None) =
                (other.state, &other.remote_id, &other.business_key)
            {
                let seen = self.look(&RemoteId::new(id.as_str()), StampView::Ours).await;
                return Ok(Joined::Other(Box::new(other), seen.map_err(stop)?));
            }
        }
        let found = self.mailbox.find_by_uid(&uid).await.map_err(stop)?;
        for reference in found {
            let linked = self.service.records.link_of_remote(&self.scope, reference.id.as_str());
            if linked.await?.is_none() {
                let seen = self.look(&reference.id, StampView::None).await.map_err(stop)?;
                return Ok(Joined::Here(seen));
            }
        }
        Ok(Joined::Here(seen))
    }
}

impl Run<'_> {
    /// The item that carries the stamp of a link that nothing is remembered of: our data was set back to
    /// a moment before it was made. Looked for only where items carry stamps that we do not know.
    async fn stamped_before(&self, link: &LinkRow) -> Result<Option<Joined>, Stop> {
        if !self.row.value.troubles.iter().any(|trouble| trouble.code == UNKNOWN_STAMPS) {
            return Ok(None);
        }
        let now = self.now();
        let stop = |error| Stop::of_mailbox(error, now);
        for reference in self.mailbox.find_by_stamp(link.link).await.map_err(stop)? {
            let records = &self.service.records;
            let linked = records.link_of_remote(&self.scope, reference.id.as_str()).await?;
            // One that was told of as an item of Exchange belongs to no other one of theirs.
            if linked.as_ref().is_some_and(|other| other.business_key.is_some()) {
                continue;
            }
            let seen = self.look(&reference.id, StampView::Ours).await.map_err(stop)?;
            return Ok(Some(match linked {
                Some(other) => Joined::Other(Box::new(other), seen),
                None => Joined::Here(seen),
            }));
        }
        Ok(None)
    }
}

/// The trouble of a mailbox whose items carry stamps that we do not know (E21), as runs report it.
const UNKNOWN_STAMPS: &str = "second-connector";

/// The UID that a change of the business system names.
fn uid_of(row: &PendingRow) -> Option<String> {
    if row.operation != PendingOperation::Put {
        return None;
    }
    let value: serde_json::Value = serde_json::from_slice(&row.body).ok()?;
    Some(value.get("uid")?.as_str()?.to_owned())
}
