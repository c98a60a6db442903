//! Items that notifications named. A server may notify of more than its changes tell: over Graph they
//! tell of a window of time, notifications of the whole calendar. What was named and not told is asked
//! for by its id; where names are missing, a compare finds what they would have led to.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tidemark_engine::StampView;
use tidemark_mailbox::{Disposition, RemoteEvent, RemoteId};
use tidemark_store::records::{ItemCommit, Named};

use super::item::Seen;
use super::pages::COMMIT_ITEMS;
use super::run::Run;
use super::stop::Stop;

/// How often a compare is made at most because names are missing. It lists everything and reads what is
/// in another version, so that somebody who changes a great deal must not cause one after another.
const COMPARE_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What a run knows of names.
pub(super) struct Names {
    /// Items that were named and not met yet.
    left: BTreeSet<String>,
    /// Counts what was not named.
    unnamed: u64,
    compares: Compares,
}

/// What a cursor keeps of compares that missing names ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compares {
    /// Whether one is to be made.
    #[serde(default)]
    owed: bool,
    /// How many of the changes without a name the compare finds that is under way.
    #[serde(default)]
    covered: u64,
    /// When the last one was begun, for whatever reason.
    #[serde(default)]
    begun_at: Option<Timestamp>,
}

impl Compares {
    /// Whether a compare is to be made.
    pub(super) const fn is_owed(self) -> bool {
        self.owed
    }
}

impl Names {
    /// What a run takes up.
    pub(super) fn of(named: &Named) -> Self {
        Self {
            left: named.items().map(str::to_owned).collect(),
            unnamed: named.unnamed(),
            compares: Compares::default(),
        }
    }

    /// Takes in what the cursor kept.
    pub(super) fn go_on(&mut self, kept: Compares) {
        let owed = kept.owed || self.unnamed > kept.covered;
        self.compares = Compares { owed, ..kept };
    }

    /// Whether something was named that was not met yet.
    pub(super) fn are_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Notes that an item was met otherwise, in the version that it has now.
    pub(super) fn met(&mut self, id: &RemoteId) {
        self.left.remove(id.as_str());
    }

    /// Notes that everything is read from the beginning: that finds what was not named until now.
    pub(super) fn compare_begins(&mut self, now: Timestamp) {
        self.compares = Compares { owed: false, covered: self.unnamed, begun_at: Some(now) };
    }

    /// From when on a run makes a compare; none if none is owed. No run comes for it alone: the next
    /// hint or the sweep brings one.
    pub(super) fn compare_at(&self) -> Option<Timestamp> {
        let begun_at = self.compares.begun_at.unwrap_or(Timestamp::MIN);
        let at = begun_at.saturating_add(COMPARE_EVERY).unwrap_or(Timestamp::MAX);
        self.compares.owed.then_some(at)
    }

    /// What the cursor keeps while there are changes left to read.
    pub(super) fn kept(&self) -> Compares {
        self.compares
    }

    /// What the cursor keeps once everything was read.
    pub(super) fn kept_at_end(&self) -> Compares {
        Compares { covered: 0, ..self.compares }
    }
}

impl Run<'_> {
    /// Asks for what was named and not met in this run. A series is asked for once, however many of
    /// its occurrences were named.
    pub(super) async fn read_named(&mut self) -> Result<(), Stop> {
        let left: Vec<RemoteId> = self.names.left.iter().map(RemoteId::new).collect();
        let batch = self.mailbox.capabilities().read_items_max.max(1);
        let mut dealt_with = BTreeSet::new();
        for ids in left.chunks(batch) {
            self.check_time()?;
            let now = self.now();
            let stop = |error| Stop::of_mailbox(error, now);
            let read = self.mailbox.read_named(ids).await.map_err(stop)?;
            let (mut commits, mut gone) = (Vec::new(), Vec::new());
            for (id, item) in ids.iter().zip(read) {
                match item {
                    Ok(remote) if dealt_with.insert(remote.reference.id.clone()) => {
                        commits.extend(Box::pin(self.read_one_named(remote)).await?);
                    }
                    Ok(_) => {}
                    Err(error) => match error.disposition {
                        Disposition::Gone => gone.push(id),
                        Disposition::Quarantine | Disposition::Reject => {
                            self.leave_aside(id, &error.code);
                        }
                        _ => return Err(stop(error)),
                    },
                }
                if commits.len() >= COMMIT_ITEMS {
                    self.commit(core::mem::take(&mut commits)).await?;
                }
            }
            if !commits.is_empty() {
                self.commit(commits).await?;
            }
            for id in gone {
                self.named_is_gone(id).await?;
            }
            for id in ids {
                self.names.met(id);
            }
        }
        Ok(())
    }

    async fn read_one_named(&mut self, remote: RemoteEvent) -> Result<Option<ItemCommit>, Stop> {
        let id = remote.reference.id.as_str().to_owned();
        let link = self.service.records.link_of_remote(&self.scope, &id).await?;
        if link.is_none() {
            // The changes may tell of it only next time.
            self.created.entry(id).or_default().is_new = true;
        }
        self.read_present(remote, link).await
    }

    /// An item was just asked for by its id, which is the proof that it is gone.
    async fn named_is_gone(&mut self, id: &RemoteId) -> Result<(), Stop> {
        match self.service.records.link_of_remote(&self.scope, id.as_str()).await? {
            Some(link) => {
                let commit = self.deal_with_missing(link, Seen::Gone).await?;
                self.commit(commit.into_iter().collect()).await
            }
            None => self.candidate_left(id).await,
        }
    }

    /// Notes an item that was looked at by itself.
    pub(super) fn note_met(&mut self, id: Option<&str>, seen: &Seen) {
        match seen {
            Seen::Present(remote, StampView::Ours) => self.names.met(&remote.reference.id),
            Seen::Gone => {
                if let Some(id) = id {
                    self.names.met(&RemoteId::new(id));
                }
            }
            Seen::Present(..) | Seen::Hidden | Seen::NotLooked => {}
        }
    }
}
