//! The course of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_engine::{BrakeState, MailboxFacts, Profile};
use tidemark_mailbox::{Mailbox, MailboxError};
use tidemark_model::{Kind, LinkId};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, Commit, IntentRow, Lease, LeaseHeld, LeaseLost, MailboxRow, MailboxScope,
    PendingRow, StartedAt,
};

use super::lease::{LeasePermit, REQUEST_TIMEOUT};
use super::stop::Stop;
use crate::service::Service;

/// How much longer a lease lasts than a run may take: the slowest request that the run can have
/// begun, and the margin that writes keep.
const LEASE_OVER: SignedDuration = SignedDuration::from_secs(REQUEST_TIMEOUT.as_secs() + 20);
/// Waiting changes that one run takes up. More of them continue in the next run.
const PENDING_MAX: usize = 500;
/// Intents that can be open at once; a run settles them before it records new ones.
const INTENTS_MAX: usize = 100;
/// How long a broken connection rests before it is tried again.
const BROKEN_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything up to the run's start is dealt with.
    Synced,
    /// There is more to do: a message for the next run was sent.
    Continues,
    /// The next run comes at this time.
    Waits(Timestamp),
    /// Somebody else is at this mailbox.
    Held(Timestamp),
    /// The mailbox is switched off, paused or unknown: there is nothing to run.
    Off,
}

/// What a run did, for logs and metrics. Holds no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunReport {
    /// How it ended.
    pub end: RunEnd,
    /// Items that were looked at.
    pub items: u64,
    /// Writes to Exchange.
    pub writes: u64,
    /// Events told to the business system.
    pub events: u64,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) service: &'a Service,
    pub(super) scope: MailboxScope,
    pub(super) row: MailboxRow,
    pub(super) profile: Profile,
    pub(super) facts: MailboxFacts,
    pub(super) mailbox: Arc<dyn Mailbox>,
    pub(super) lease: Lease,
    pub(super) started: StartedAt,
    pub(super) permit: LeasePermit,
    pub(super) deadline: Timestamp,
    pub(super) brake: BrakeState,
    /// Waiting changes of the business system, by item; what was dealt with is taken out.
    pub(super) pending: BTreeMap<LinkId, Vec<PendingRow>>,
    /// Writes that a predecessor did not see end, by item.
    pub(super) intents: BTreeMap<LinkId, IntentRow>,
    /// Whether more changes wait than this run took up.
    pub(super) more_pending: bool,
    pub(super) report: RunReport,
}

impl Service {
    /// Syncs a mailbox once. `deadline` is when the process that runs this ends; none of its own
    /// limits reach beyond it.
    ///
    /// # Errors
    /// [`StoreError`] when our own store does not answer: the message has to come again.
    pub async fn sync(
        &self,
        scope: &MailboxScope,
        deadline: Timestamp,
    ) -> Result<RunReport, StoreError> {
        let off = RunReport { end: RunEnd::Off, items: 0, writes: 0, events: 0 };
        let now = self.world.now();
        let Some(row) = self.records.mailbox(scope).await? else { return Ok(off) };
        let stop_at = deadline.min(now + self.options.run_budget);
        let owner = self.world.uuid().to_string();
        let ttl = stop_at.duration_since(now) + LEASE_OVER;
        let lease = match self.records.take_lease(scope, &owner, now, ttl).await {
            Ok(lease) => lease,
            Err(LeaseHeld::Held { until }) => {
                return Ok(RunReport { end: RunEnd::Held(until), ..off });
            }
            Err(LeaseHeld::Store(error)) => return Err(error),
        };
        let started = match self.records.start(scope, &lease, now).await {
            Ok(started) => started,
            Err(LeaseLost::Lost) => return Ok(RunReport { end: RunEnd::Held(now), ..off }),
            Err(LeaseLost::Store(error)) => return Err(error),
        };
        if !row.is_on() {
            self.rest(scope, &lease, &started).await?;
            return Ok(off);
        }
        match self.open(scope, row, lease.clone(), started.clone(), stop_at).await? {
            Ok(run) => run.conduct().await,
            Err(error) => {
                self.note_trouble(scope, &error).await?;
                let at = self.world.now() + BROKEN_WAIT;
                self.end_waiting(scope, &lease, at).await?;
                Ok(RunReport { end: RunEnd::Waits(at), ..off })
            }
        }
    }
}
