//! How a run ends: what is shown on the mailbox, and who comes next.

use jiff::{SignedDuration, Timestamp};
use tidemark_business::{CloudEvent, StateChange};
use tidemark_engine::{BrakeState, Braked, BrakedWhat};
use tidemark_mailbox::{Disposition, MailboxError};
use tidemark_model::LinkId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    AddressTaken, Commit, CommitError, ConnectionId, Document, FeedEntry, HoldId, HoldRow,
    ItemCommit, Lease, LeaseLost, MailboxRow, MailboxScope, MailboxState, SaveError, StartedAt,
    Trouble,
};

use super::run::{Run, RunEnd, RunReport};
use super::stop::Stop;
use crate::api::join;
use crate::service::Service;

/// How long a broken connection rests before it is tried again.
pub(super) const BROKEN_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// How long a mailbox rests whose brake is on, before somebody looks whether it was released.
const BRAKE_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// How long a change waits for an item that could not be seen.
const UNSEEN_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// The trouble of a mailbox that another connector works on as well (E21).
const SECOND_CONNECTOR: &str = "second-connector";

impl Service {
    pub(super) async fn end(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        started: &StartedAt,
    ) -> Result<(), StoreError> {
        match self.records.finish(scope, lease, started, None).await {
            Ok(()) | Err(LeaseLost::Lost) => self.records.release_lease(scope, lease).await,
            Err(LeaseLost::Store(error)) => Err(error),
        }
    }

    pub(super) async fn wait(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        match self.records.wait_until(scope, lease, at).await {
            Ok(()) | Err(LeaseLost::Lost) => self.records.release_lease(scope, lease).await,
            Err(LeaseLost::Store(error)) => Err(error),
        }
    }

    /// Shows on the mailbox what is wrong with it, and tells the business system (N20). A trouble
    /// that stands there already stays, and nobody is told twice; only what to do about it is shown
    /// once that is known.
    pub(super) async fn report_trouble(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        error: &MailboxError,
    ) -> Result<(), StoreError> {
        let Some(mut row) = self.records.mailbox(scope).await? else {
            return Ok(());
        };
        if self.follow_rename(scope, &row, error).await? {
            return Ok(());
        }
        let way = self.way_out(scope, &row.value, error).await?;
        let standing = row.value.troubles.iter_mut().find(|trouble| trouble.code == error.code);
        if let Some(trouble) = standing {
            if way.to.is_none() || trouble.mend == way.text {
                return Ok(());
            }
            trouble.mend = way.text;
            return self.save_trouble(scope, row, way.to, error).await;
        }
        let now = self.world.now();
        let mend = way.text;
        if !matches!(error.disposition, Disposition::RetryAfter(_)) {
            let change = StateChange {
                name: "mailbox.failed",
                mailbox_address: row.value.address.clone(),
                mailbox_id: scope.mailbox.to_string(),
                reason: join(&error.text, &mend),
                details: serde_json::json!({ "code": error.code }),
            };
            let id = self.world.uuid();
            let event = CloudEvent::of_state(&scope.organisation, id, now, &change);
            let entry = FeedEntry {
                id,
                link: LinkId::new(id),
                system: row.value.system.clone(),
                event: event.to_json(),
            };
            let item = ItemCommit { feed: vec![entry], ..ItemCommit::default() };
            let commit = Commit::new(scope.clone(), lease.clone()).item(item);
            match self.records.commit(&commit, now).await {
                Ok(_) => {}
                Err(CommitError::Store(error)) => return Err(error),
                // Whoever has the mailbox now meets the same trouble and tells it.
                Err(
                    CommitError::LeaseLost
                    | CommitError::RevisionMoved { .. }
                    | CommitError::MoveChanged,
                ) => return Ok(()),
            }
        }
        row.value.troubles.push(Trouble {
            code: error.code.clone(),
            cause: error.text.clone(),
            mend,
            since: now,
        });
        self.save_trouble(scope, row, way.to, error).await
    }

    /// Saves a mailbox with its trouble. Where another connection leads to it, that stands in the
    /// activity: an administrator has to move it.
    async fn save_trouble(
        &self,
        scope: &MailboxScope,
        row: Document<MailboxRow>,
        to: Option<ConnectionId>,
        error: &MailboxError,
    ) -> Result<(), StoreError> {
        let Some(to) = to else { return self.save_row(scope, row).await };
        let proposal = serde_json::json!({
            "from": row.value.connection.uuid(),
            "to": to.uuid(),
            "code": error.code,
        });
        let subject = format!("mailbox/{}", scope.mailbox);
        let note = self.note("tidemark", "move-proposed", subject, None, Some(proposal));
        let (organisation, revision) = (&scope.organisation, Some(row.revision));
        let records = &self.records;
        let saved =
            records.change_mailbox_settings(organisation, &row.value, revision, &note).await;
        unless_overtaken(saved)
    }

    pub(super) async fn save_row(
        &self,
        scope: &MailboxScope,
        row: Document<MailboxRow>,
    ) -> Result<(), StoreError> {
        let saved =
            self.records.save_mailbox(&scope.organisation, &row.value, Some(row.revision)).await;
        unless_overtaken(saved)
    }
}

/// An administrator saved the mailbox meanwhile: what is visible is written by the next run.
pub(super) fn unless_overtaken<T>(saved: Result<T, AddressTaken>) -> Result<(), StoreError> {
    match saved {
        Err(AddressTaken::Save(SaveError::Store(error))) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether a trouble outlives a run that went well: those of the subscription are cleared by whoever
/// renews it, and a second connector stays reported until an administrator has looked into it.
fn stays(trouble: &Trouble) -> bool {
    trouble.code.starts_with("subscription") || trouble.code == SECOND_CONNECTOR
}

impl Run<'_> {
    /// Commits the last page, notes that everything up to the start is dealt with, and gives the lease
    /// back, all in one transaction if it takes it.
    pub(super) async fn finish(&mut self) -> Result<(), Stop> {
        let first = self.row.value.state != MailboxState::Synced;
        let empty = || Commit::new(self.scope.clone(), self.lease.clone());
        let mut commit = self.closing.take().unwrap_or_else(empty);
        if first {
            let mut item = ItemCommit::default();
            let text = "Everything that was in the mailbox has been copied.";
            self.tell_state("firstsync.done", text, None, &mut item);
            commit = commit.item(item);
        }
        let wait = self.look_again_at();
        let commit = commit.synced(self.started.clone(), wait);
        if !first && !self.has_to_show() {
            // Nothing of the run has to be kept from others any more.
            return self.carry(commit.release()).await;
        }
        self.carry(commit).await?;
        self.show_success(first).await?;
        Ok(self.service.records.release_lease(&self.scope, &self.lease).await?)
    }

    /// When somebody has to look again although nothing happens: items that could not be read wait.
    fn look_again_at(&self) -> Option<Timestamp> {
        let changes = self.waits_on.then(|| self.now() + UNSEEN_WAIT);
        let aside = self.aside.iter().map(|aside| self.now() + aside.wait()).min();
        [changes, aside, self.look_after_move_at()].into_iter().flatten().min()
    }

    /// Whether the mailbox shows something that is over, or does not show something that is not.
    fn has_to_show(&self) -> bool {
        let troubles = &self.row.value.troubles;
        (self.foreign && !troubles.iter().any(|it| it.code == SECOND_CONNECTOR))
            || troubles.iter().any(|it| !stays(it))
    }

    /// Shows on the mailbox that it is synced.
    async fn show_success(&mut self, first: bool) -> Result<(), Stop> {
        let now = self.now();
        let Some(mut row) = self.service.records.mailbox(&self.scope).await? else {
            return Ok(());
        };
        row.value.state = MailboxState::Synced;
        row.value.troubles.retain(stays);
        if self.foreign && !row.value.troubles.iter().any(|it| it.code == SECOND_CONNECTOR) {
            row.value.troubles.push(Trouble {
                code: SECOND_CONNECTOR.to_owned(),
                cause: "Items carry the stamp of another Tidemark: a second one works on this \
                        mailbox, or this one lost its data."
                    .to_owned(),
                mend: "Switch the other one off for this mailbox. Its items are synced as if a \
                       person had made them."
                    .to_owned(),
                since: now,
            });
        }
        row.value.last_synced = Some(now);
        if first {
            row.value.first_sync.total = Some(row.value.first_sync.done);
            let held = self.holds.values().flat_map(|hold| hold.pending.iter().copied());
            row.value.first_sync.last_held = held.max().unwrap_or_default();
        }
        Ok(self.service.save_row(&self.scope, row).await?)
    }

    /// Sees to the next run after this one had to stop.
    pub(super) async fn stop(mut self, stop: Stop) -> Result<RunReport, StoreError> {
        let (service, scope, lease) = (self.service, self.scope.clone(), self.lease.clone());
        tracing::debug!(mailbox.id = %scope.mailbox, stop = ?stop, "the run stops early");
        match stop {
            Stop::Store(error) => return Err(error),
            Stop::LeaseLost => self.report.end = RunEnd::Held(lease.until()),
            Stop::OutOfTime | Stop::CursorLost => {
                service.records.release_lease(&scope, &lease).await?;
                // A continuation is a hint of our own, under the rule of all hints.
                service.raise(&scope, &self.collection).await?;
                self.report.end = RunEnd::Continues;
            }
            Stop::Unclear => {
                // The lease runs out by itself: until then the write may still arrive.
                match service.records.wait_until(&scope, &lease, lease.until()).await {
                    Ok(()) | Err(LeaseLost::Lost) => {}
                    Err(LeaseLost::Store(error)) => return Err(error),
                }
                self.report.end = RunEnd::Waits(lease.until());
            }
            Stop::WaitUntil(at, error) => {
                service.report_trouble(&scope, &lease, &error).await?;
                service.wait(&scope, &lease, at).await?;
                self.report.end = RunEnd::Waits(at);
            }
            Stop::Broken(error) => {
                self.report.failing = true;
                let at = self.now() + BROKEN_WAIT;
                service.report_trouble(&scope, &lease, &error).await?;
                service.wait(&scope, &lease, at).await?;
                self.report.end = RunEnd::Waits(at);
            }
            Stop::Braked(braked) => {
                let at = self.now() + BRAKE_WAIT;
                self.brake_on(braked).await?;
                service.wait(&scope, &lease, at).await?;
                self.report.end = RunEnd::Waits(at);
            }
        }
        Ok(self.report)
    }

    /// A person released the brake: the hour gets a fresh budget, and the hold has done its work.
    pub(super) async fn release_brake(&mut self) -> Result<(), Stop> {
        if self.released.is_empty() {
            return Ok(());
        }
        self.service.records.release_brake(&self.scope, self.brake.hour).await?;
        self.brake = BrakeState::default();
        // The hold goes last: while it stands, a successor of a run that died here does this again.
        self.service.records.change_mailbox(&self.scope, |row| row.paused = None).await?;
        let released = core::mem::take(&mut self.released);
        self.commit(vec![ItemCommit { released, ..ItemCommit::default() }]).await
    }

    /// Pauses the mailbox, with a hold that a person releases.
    async fn brake_on(&mut self, braked: Braked) -> Result<(), StoreError> {
        let why = match braked.what {
            BrakedWhat::Deletes => "brake-deletes",
            BrakedWhat::Mails => "brake-mails",
        };
        let holds = self.service.records.holds(&self.scope).await?;
        if holds
            .iter()
            .any(|hold| hold.link.is_none() && hold.decision.is_none() && hold.why == why)
        {
            return Ok(());
        }
        let text = format!(
            "More than {} in one hour: the mailbox pauses. Release it if this is meant.",
            match braked.what {
                BrakedWhat::Deletes => format!("{} deletes", braked.budget),
                BrakedWhat::Mails => format!("{} people mailed", braked.budget),
            }
        );
        let mut item = ItemCommit::default();
        self.tell_state("hold.created", &text, None, &mut item);
        item.holds.push(HoldRow {
            id: HoldId::new(self.service.world.uuid()),
            link: None,
            why: why.to_owned(),
            text: text.clone(),
            people: 0,
            what: None,
            pending: Vec::new(),
            since: self.now(),
            decision: None,
        });
        match self.commit(vec![item]).await {
            Ok(()) => {}
            Err(Stop::Store(error)) => return Err(error),
            Err(_) => return Ok(()),
        }
        let Some(mut row) = self.service.records.mailbox(&self.scope).await? else {
            return Ok(());
        };
        row.value.paused = Some(text);
        self.service.save_row(&self.scope, row).await
    }
}
