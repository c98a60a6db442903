//! The move of a mailbox from one connection to another, as its runs carry it on (N2).
//!
//! A run over the old connection deals with everything as always. Once it has come to its end, or the
//! old connection leads nowhere any more, the new one is tried; if it answers, it is in use from the
//! next run on. That gives each link the id that its item has there ([`linking`]), compares the calendar
//! from the beginning, and tells what became of it. Each step is committed for itself, and none is done
//! twice: whatever stops a run, the next one goes on from there.

mod crossing;
mod gathered;
mod held;
mod linking;
mod place;
mod route;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tidemark_business::{CloudEvent, StateChange};
use tidemark_mailbox::{Disposition, Mailbox, MailboxError, Scope};
use tidemark_model::LinkId;
use tidemark_store::StoreError;
use tidemark_store::records::{
    Commit, ConnectionRow, Document, FeedEntry, ItemCommit, MailboxRow, MailboxScope, MailboxState,
    MovePhase, MoveRow, MoveTally,
};

use super::run::Run;
use super::stop::Stop;
use crate::preflight::fence;
use crate::service::Service;

pub(crate) use held::{GONE, MOVE_AMBIGUOUS, MOVE_MISSING, PAIR};

/// How long what was begun over the old connection is waited for while that asks to wait or does not
/// answer. After that it is looked up over the new one.
const SETTLE_MAX: SignedDuration = SignedDuration::from_mins(15);
/// How long until somebody looks again whether the new connection answers.
pub(super) const TARGET_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// How a run reaches its mailbox.
pub(super) struct Way {
    /// The mailbox.
    pub(super) mailbox: Arc<dyn Mailbox>,
    /// How: `ews` or `graph`.
    pub(super) protocol: Option<&'static str>,
    /// Why the old connection cannot be used, where it is to be left anyway: `mailbox` is reached over
    /// the new one then, and nothing may be done in it but to try it.
    pub(super) lost: Option<MailboxError>,
}

impl Service {
    /// Brings a mailbox's row into line with its move: from the switch on it names the new connection.
    /// The move's row is what counts, since it is written under the lease.
    pub(super) async fn follow_switch(
        &self,
        scope: &MailboxScope,
        row: Document<MailboxRow>,
        movement: Option<&MoveRow>,
    ) -> Result<Document<MailboxRow>, StoreError> {
        let Some(movement) = movement.filter(|it| it.is_under_way()) else { return Ok(row) };
        if movement.phase == MovePhase::Asked || row.value.connection == movement.to {
            return Ok(row);
        }
        let to = movement.to;
        let change = |row: &mut MailboxRow| {
            row.connection = to;
            // They are troubles of the old connection.
            row.troubles.clear();
        };
        self.records.change_mailbox(scope, change).await?;
        Ok(self.records.mailbox(scope).await?.unwrap_or(row))
    }

    /// Opens a mailbox over its connection. None where the connection is switched off.
    pub(super) async fn way_to(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
        movement: Option<&MoveRow>,
    ) -> Result<Option<Way>, Stop> {
        let organisation = &scope.organisation;
        let connection = self.records.connection(organisation, row.connection).await?;
        let connection = connection.map(|found| found.value).filter(is_used);
        let protocol = connection.as_ref().map(ConnectionRow::protocol_word);
        let opened = match &connection {
            Some(connection) => {
                fence::check(connection, row.state).map_err(Stop::Broken)?;
                Some(self.exchange.open(organisation, connection, row).await)
            }
            None => None,
        };
        let movement = movement.filter(|it| it.phase == MovePhase::Asked);
        match (opened, movement) {
            (Some(Ok(mailbox)), _) => Ok(Some(Way { mailbox, protocol, lost: None })),
            (Some(Err(error)), None) => Err(Stop::Broken(error)),
            (None, None) => Ok(None),
            (opened, Some(movement)) => {
                let lost = opened.and_then(Result::err).unwrap_or_else(switched_off);
                match self.open_target(scope, row, movement).await? {
                    Ok(mailbox) => Ok(Some(Way { mailbox, protocol, lost: Some(lost) })),
                    Err(_) => Err(Stop::Broken(lost)),
                }
            }
        }
    }

    /// Opens a mailbox over the connection that it moves to.
    async fn open_target(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
        movement: &MoveRow,
    ) -> Result<Result<Arc<dyn Mailbox>, MailboxError>, StoreError> {
        let organisation = &scope.organisation;
        let connection = self.records.connection(organisation, movement.to).await?;
        match connection.map(|found| found.value).filter(is_used) {
            // It was not opened over this connection before, whatever its state.
            Some(connection) => match fence::check(&connection, MailboxState::New) {
                Ok(()) => Ok(self.exchange.open(organisation, &connection, row).await),
                Err(error) => Ok(Err(error)),
            },
            None => Ok(Err(switched_off())),
        }
    }
}

impl Run<'_> {
    /// How many moves an id has come through that the present server says.
    pub(super) fn moves(&self) -> u32 {
        self.movement.as_ref().map_or(0, MoveRow::moves_made)
    }

    /// When somebody has to look again whether a move can go on.
    pub(super) fn look_after_move_at(&self) -> Option<Timestamp> {
        let movement = self.movement.as_ref();
        movement.filter(|it| it.phase == MovePhase::Asked).map(|_| self.now() + TARGET_WAIT)
    }

    /// Leaves the old connection, if that was asked for and everything is ready. `worked` is how the
    /// run went over it.
    pub(super) async fn leave(&mut self, worked: Result<(), Stop>) -> Result<(), Stop> {
        let Some(movement) = self.movement.clone().filter(|it| it.phase == MovePhase::Asked) else {
            return worked;
        };
        let waited = self.now().duration_since(movement.asked_at) >= SETTLE_MAX;
        let is_settled = match &worked {
            Ok(()) | Err(Stop::Broken(_)) => true,
            Err(Stop::WaitUntil(..)) => waited,
            // The next run goes on with it.
            Err(
                Stop::OutOfTime
                | Stop::LeaseLost
                | Stop::Unclear
                | Stop::Braked(_)
                | Stop::CursorLost
                | Stop::Store(_),
            ) => false,
        };
        if !is_settled {
            return worked;
        }
        if let Err(error) = self.try_target(&movement).await? {
            let text = format!(
                "The new connection does not lead to the mailbox yet ({}): {}. It is tried again \
                 every few minutes; until then the old one is used.",
                error.code, error.text
            );
            self.note_waiting(movement, text).await?;
            return worked;
        }
        self.switch(movement).await?;
        Err(Stop::OutOfTime)
    }

    /// Asks the new connection for the mailbox: one look at its calendar.
    async fn try_target(&self, movement: &MoveRow) -> Result<Result<(), MailboxError>, Stop> {
        let target = self.service.open_target(&self.scope, &self.row.value, movement).await?;
        let target = match target {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        let now = self.now();
        let look = target.first_look(now, now + SignedDuration::from_mins(1)).await;
        Ok(look.map(|_| ()))
    }

    async fn note_waiting(&mut self, mut movement: MoveRow, text: String) -> Result<(), Stop> {
        if movement.waits_for.as_ref() == Some(&text) {
            return Ok(());
        }
        tracing::warn!(mailbox.id = %self.scope.mailbox, "a move waits for its new connection");
        movement.waits_for = Some(text);
        self.note_movement(movement, ItemCommit::default()).await
    }

    /// Takes the new connection into use. The cursor goes with the old one, since it means nothing to
    /// the new one.
    async fn switch(&mut self, mut movement: MoveRow) -> Result<(), Stop> {
        movement.phase = MovePhase::Linking;
        movement.switched_at = Some(self.now());
        movement.waits_for = None;
        movement.after = None;
        let cursor = self.service.records.cursor(&self.scope, &self.collection).await?;
        let mut beginning = cursor.at(None);
        beginning.comparing = false;
        beginning.progress = None;
        let item = ItemCommit { movement: Some(movement.clone()), ..ItemCommit::default() };
        let commit = Commit::new(self.scope.clone(), self.lease.clone()).item(item);
        self.carry(commit.cursor(self.collection.clone(), beginning)).await?;
        movement.revision += 1;
        tracing::info!(mailbox.id = %self.scope.mailbox, "the mailbox goes on over its new connection");
        self.row =
            self.service.follow_switch(&self.scope, self.row.clone(), Some(&movement)).await?;
        self.movement = Some(movement);
        // The old subscription is told to end when it next calls. What cannot be done here the minute
        // schedule does.
        match self.service.renew_mailbox(&self.scope).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Stop::Store(error)),
        }
    }

    /// The calendar was compared to its end: the move is done, and is told.
    pub(super) async fn finish_move(&mut self) -> Result<(), Stop> {
        let Some(mut movement) = self.movement.clone() else { return Ok(()) };
        if movement.phase != MovePhase::Comparing {
            return Ok(());
        }
        movement.phase = MovePhase::Done;
        movement.finished_at = Some(self.now());
        let tally = self.service.records.move_tally(&self.scope, movement.number).await?;
        let id = self.service.world.uuid();
        let change = StateChange {
            name: "mailbox.moved",
            mailbox_address: self.row.value.address.clone(),
            mailbox_id: self.scope.mailbox.to_string(),
            reason: summary(&tally),
            details: details(&movement, &tally),
        };
        let event = CloudEvent::of_state(&self.scope.organisation, id, self.now(), &change);
        let entry = FeedEntry {
            id,
            link: LinkId::new(id),
            system: self.row.value.system.clone(),
            event: event.to_json(),
        };
        let item = ItemCommit { feed: vec![entry], ..ItemCommit::default() };
        self.note_movement(movement, item).await
    }

    /// Commits how far the move has come, with what belongs to it.
    async fn note_movement(
        &mut self,
        mut movement: MoveRow,
        mut item: ItemCommit,
    ) -> Result<(), Stop> {
        item.movement = Some(movement.clone());
        self.commit(vec![item]).await?;
        movement.revision += 1;
        self.movement = Some(movement);
        Ok(())
    }
}

/// What became of the items, in words.
pub(crate) fn summary(tally: &MoveTally) -> String {
    let MoveTally {
        translated, by_stamp, by_uid, by_content, by_person, ambiguous, missing, ..
    } = tally;
    let mut text = format!(
        "The mailbox goes on over its new connection. Items found again: {translated} by a translated \
         id, {by_stamp} by stamp, {by_uid} by UID, {by_content} by content, {by_person} by a person."
    );
    let held = ambiguous.saturating_add(*missing);
    if held > 0 {
        let more = format!(
            " {held} wait for a person: of {ambiguous} several copies were found, of {missing} none. \
             GET /v1/holds lists them."
        );
        text.push_str(&more);
    }
    text
}

fn details(movement: &MoveRow, tally: &MoveTally) -> serde_json::Value {
    serde_json::json!({
        "from": movement.from.uuid(),
        "to": movement.to.uuid(),
        "translated": tally.translated,
        "byStamp": tally.by_stamp,
        "byUid": tally.by_uid,
        "byContent": tally.by_content,
        "byPerson": tally.by_person,
        "ambiguous": tally.ambiguous,
        "missing": tally.missing,
    })
}

fn is_used(connection: &ConnectionRow) -> bool {
    connection.enabled && connection.appointments
}

fn switched_off() -> MailboxError {
    MailboxError {
        disposition: Disposition::Reject,
        scope: Scope::Connection,
        code: "connection-off".to_owned(),
        text: "the connection is switched off or there is none".to_owned(),
    }
}
