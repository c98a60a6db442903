//! Moving mailboxes to another connection: asked for here, carried out by the runs of each mailbox.

use tidemark_jscalendar::Problem;
use tidemark_model::{Kind, MailboxId};
use tidemark_store::records::{
    ConnectionId, ConnectionRow, Document, MailboxRow, MailboxScope, MovePhase, MoveRow, MoveTally,
    Protocol, SaveError,
};
use uuid::Uuid;

use super::access::may_administer;
use crate::border::{
    Caller, Listing, MOVED_AT_ONCE_MAX, MoveEntry, MoveRequest, MoveView, MovedItems, MovesAsked,
    Refusal,
};
use crate::service::{Service, collection_of};
use crate::sync::moving;

/// Mailboxes that are read at a time.
const PAGE_MAILBOXES: usize = 100;
/// Pages of mailboxes that are looked through for one page of moves.
const PAGES_LOOKED_MAX: usize = 10;

impl Service {
    /// Asks for the move of mailboxes of an EWS connection to a Graph connection. Asked again for a
    /// mailbox that is on its way there, nothing happens to it.
    pub(super) async fn ask_moves(
        &self,
        caller: &Caller,
        from: Uuid,
        request: MoveRequest,
    ) -> Result<MovesAsked, Refusal> {
        may_administer(caller)?;
        let from = self.connection_named(caller, from).await?;
        let from = from.ok_or(Refusal::NotFound { what: "connection" })?;
        let to = self.connection_named(caller, request.to).await?;
        let to = to.ok_or_else(|| wrong("/to", "names no connection", "the id of a connection"))?;
        check_ends(&from, &to)?;
        let mut asked = MovesAsked { moving: 0, more: false };
        match request.mailboxes {
            Some(names) if names.len() > MOVED_AT_ONCE_MAX => {
                let rule = "names more mailboxes than one request moves";
                let mend = format!("at most {MOVED_AT_ONCE_MAX} of them");
                return Err(wrong("/mailboxes", rule, &mend));
            }
            Some(names) => {
                let mut found = Vec::new();
                for (place, name) in names.iter().enumerate() {
                    found.push(self.movable(caller, place, name, &from, &to).await?);
                }
                for (scope, row) in found {
                    self.ask_move(caller, &scope, &row, &from, &to).await?;
                    asked.moving += 1;
                }
            }
            None => self.ask_all(caller, &from, &to, &mut asked).await?,
        }
        Ok(asked)
    }

    /// Asks for the move of whatever mailboxes the connection has.
    async fn ask_all(
        &self,
        caller: &Caller,
        from: &ConnectionRow,
        to: &ConnectionRow,
        asked: &mut MovesAsked,
    ) -> Result<(), Refusal> {
        let organisation = &caller.organisation;
        let mut after: Option<MailboxId> = None;
        loop {
            let page = self.records.mailboxes(organisation, after, PAGE_MAILBOXES).await?;
            for found in page.mailboxes.iter().filter(|it| it.value.connection == from.id) {
                let row = &found.value;
                let scope = MailboxScope { organisation: organisation.clone(), mailbox: row.id };
                if self.under_way(&scope, to.id).await? {
                    continue;
                }
                if asked.moving >= MOVED_AT_ONCE_MAX {
                    asked.more = true;
                    return Ok(());
                }
                self.ask_move(caller, &scope, row, from, to).await?;
                asked.moving += 1;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn under_way(&self, scope: &MailboxScope, to: ConnectionId) -> Result<bool, Refusal> {
        let known = self.records.mailbox_move(scope).await?;
        Ok(known.is_some_and(|known| known.is_under_way() && known.to == to))
    }

    /// A mailbox that is named in a request, if it can move.
    async fn movable(
        &self,
        caller: &Caller,
        place: usize,
        name: &str,
        from: &ConnectionRow,
        to: &ConnectionRow,
    ) -> Result<(MailboxScope, MailboxRow), Refusal> {
        let pointer = format!("/mailboxes/{place}");
        let found = match self.find_mailbox(caller, name).await {
            Err(Refusal::NotFound { .. }) => {
                let mend = "the address, an alias or the id of a mailbox";
                return Err(wrong(&pointer, "names no mailbox", mend));
            }
            found => found?,
        };
        let is_on_its_way = self.under_way(&found.scope, to.id).await?;
        if found.row.connection != from.id && !is_on_its_way {
            let rule = "is not reached over this connection";
            return Err(wrong(&pointer, rule, "a mailbox of the connection in the path"));
        }
        Ok((found.scope, found.row))
    }

    async fn ask_move(
        &self,
        caller: &Caller,
        scope: &MailboxScope,
        row: &MailboxRow,
        from: &ConnectionRow,
        to: &ConnectionRow,
    ) -> Result<(), Refusal> {
        let before = self.records.mailbox_move(scope).await?;
        if let Some(known) = before.as_ref().filter(|known| known.is_under_way()) {
            if known.to == to.id {
                return Ok(());
            }
            let text = format!(
                "the mailbox {} is on its way to another connection: wait until that is done \
                 (GET /v1/mailboxes/{{mailbox}}/move)",
                row.id
            );
            return Err(Refusal::Conflict(text));
        }
        let number = before.as_ref().map_or(0, MoveRow::moves_made).saturating_add(1);
        let movement = MoveRow {
            number,
            from: from.id,
            to: to.id,
            phase: MovePhase::Asked,
            asked_at: self.world.now(),
            switched_at: None,
            finished_at: None,
            waits_for: None,
            after: None,
            same_mailbox: false,
            untranslated: None,
            revision: before.map_or(0, |known| known.revision),
        };
        self.save_move(caller, scope, &movement, "move-asked").await?;
        Ok(self.raise(scope, &collection_of(Kind::Appointment)).await?)
    }

    async fn save_move(
        &self,
        caller: &Caller,
        scope: &MailboxScope,
        movement: &MoveRow,
        action: &str,
    ) -> Result<(), Refusal> {
        let ends = serde_json::json!({
            "from": movement.from.uuid(),
            "to": movement.to.uuid(),
        });
        let subject = format!("mailbox/{}", scope.mailbox);
        let note = self.note(&caller.key_id, action, subject, None, Some(ends));
        match self.records.ask_move(scope, movement, &note).await {
            Ok(()) => Ok(()),
            Err(SaveError::RevisionMoved) => {
                let text = "the move went on, or somebody else asked, in the same moment: look how it \
                            stands (GET /v1/mailboxes/{mailbox}/move) and try again";
                Err(Refusal::Conflict(text.to_owned()))
            }
            Err(SaveError::Store(error)) => Err(error.into()),
        }
    }

    /// Withdraws a move. Only one that has not taken the new connection into use can be: from then on
    /// items have the new server's ids. Withdrawn again, nothing happens.
    pub(super) async fn end_move(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        may_administer(caller)?;
        let found = self.find_mailbox(caller, name).await?;
        let known = self.records.mailbox_move(&found.scope).await?;
        let movement = known.ok_or(Refusal::NotFound { what: "move" })?;
        let text = match movement.phase {
            MovePhase::Withdrawn => return Ok(()),
            MovePhase::Asked => {
                let withdrawn = MoveRow {
                    phase: MovePhase::Withdrawn,
                    finished_at: Some(self.world.now()),
                    waits_for: None,
                    ..movement
                };
                self.save_move(caller, &found.scope, &withdrawn, "move-withdrawn").await?;
                // Whatever waited for the new connection is dealt with over the old one.
                return Ok(self.raise(&found.scope, &collection_of(Kind::Appointment)).await?);
            }
            MovePhase::Linking | MovePhase::Comparing => {
                "the mailbox goes on over the new connection already, and its items are given their ids \
                 there: the move can no longer be withdrawn"
            }
            MovePhase::Done => "the move is done: there is nothing left to withdraw",
        };
        Err(Refusal::Conflict(text.to_owned()))
    }

    /// The last move of each mailbox that ever moved, in the order of the mailboxes' ids.
    pub(super) async fn list_moves(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MoveEntry>, Refusal> {
        may_administer(caller)?;
        let after = after.map(MailboxId::parse).transpose();
        let mut after = after.map_err(|_| Refusal::InvalidCursor { parameter: "after" })?;
        let mut entries = Vec::new();
        // Most mailboxes never move: a page without any move is no page.
        for _ in 0..PAGES_LOOKED_MAX {
            let page = self.records.mailboxes(&caller.organisation, after, limit).await?;
            let scope = |found: &Document<MailboxRow>| MailboxScope {
                organisation: caller.organisation.clone(),
                mailbox: found.value.id,
            };
            let scopes: Vec<MailboxScope> = page.mailboxes.iter().map(scope).collect();
            let moves = self.records.mailbox_moves(&scopes).await?;
            let moved = page.mailboxes.into_iter().zip(moves);
            entries.extend(moved.filter_map(|(row, known)| Some(entry_of(row.value, &known?))));
            after = page.next;
            if after.is_none() || !entries.is_empty() {
                break;
            }
        }
        Ok(Listing { entries, next: after.map(|id| id.to_string()) })
    }

    /// How the last move of a mailbox stands.
    pub(super) async fn view_move(&self, caller: &Caller, name: &str) -> Result<MoveView, Refusal> {
        let found = self.find_mailbox(caller, name).await?;
        let known = self.records.mailbox_move(&found.scope).await?;
        let movement = known.ok_or(Refusal::NotFound { what: "move" })?;
        let tally = self.records.move_tally(&found.scope, movement.number).await?;
        Ok(MoveView {
            from: movement.from.uuid(),
            to: movement.to.uuid(),
            phase: word(movement.phase),
            text: text_of(&movement, Some(&tally)),
            asked: movement.asked_at.to_string(),
            switched: movement.switched_at.map(|at| at.to_string()),
            finished: movement.finished_at.map(|at| at.to_string()),
            untranslated: movement.untranslated,
            items: MovedItems {
                translated: tally.translated,
                by_stamp: tally.by_stamp,
                by_uid: tally.by_uid,
                by_content: tally.by_content,
                by_person: tally.by_person,
                ambiguous: tally.ambiguous,
                missing: tally.missing,
                left: tally.left,
            },
        })
    }

    async fn connection_named(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Option<ConnectionRow>, Refusal> {
        let found = self.records.connection(&caller.organisation, ConnectionId::new(id)).await?;
        Ok(found.map(|found| found.value))
    }
}

fn check_ends(from: &ConnectionRow, to: &ConnectionRow) -> Result<(), Refusal> {
    if matches!(from.protocol, Protocol::Graph(_)) {
        let text = "the connection speaks Graph already: its mailboxes need no move";
        return Err(Refusal::Conflict(text.to_owned()));
    }
    if matches!(to.protocol, Protocol::Ews(_)) {
        let rule = "is a connection over EWS";
        return Err(wrong("/to", rule, "the id of a connection over Graph"));
    }
    if !to.enabled || !to.appointments {
        let mend = "a connection that is in use; switch it on with PATCH /v1/connections/{id}";
        return Err(wrong("/to", "is a connection that is switched off", mend));
    }
    Ok(())
}

/// A move as a list shows it: the items of a mailbox are too many to count for that.
fn entry_of(row: MailboxRow, movement: &MoveRow) -> MoveEntry {
    MoveEntry {
        mailbox: row.id.to_string(),
        address: row.address,
        from: movement.from.uuid(),
        to: movement.to.uuid(),
        phase: word(movement.phase),
        text: text_of(movement, None),
        asked: movement.asked_at.to_string(),
        switched: movement.switched_at.map(|at| at.to_string()),
        finished: movement.finished_at.map(|at| at.to_string()),
    }
}

const fn word(phase: MovePhase) -> &'static str {
    match phase {
        MovePhase::Asked => "asked",
        MovePhase::Linking => "linking",
        MovePhase::Comparing => "comparing",
        MovePhase::Done => "done",
        MovePhase::Withdrawn => "withdrawn",
    }
}

/// How a move stands, in words. `tally` where its items were counted.
fn text_of(movement: &MoveRow, tally: Option<&MoveTally>) -> String {
    match (movement.phase, &movement.waits_for) {
        (MovePhase::Asked, Some(text)) => text.clone(),
        (MovePhase::Asked, None) => {
            "What was begun over the old connection is settled first; then the new one is tried."
                .to_owned()
        }
        (MovePhase::Linking, _) => {
            let left = tally.map_or_else(String::new, |tally| format!("; {} are left", tally.left));
            format!("Each item is found again over the new connection{left}.")
        }
        (MovePhase::Comparing, _) => {
            "All items were looked for; the calendar is compared from the beginning.".to_owned()
        }
        (MovePhase::Done, _) => tally.map_or_else(
            || "The mailbox goes on over its new connection.".to_owned(),
            moving::summary,
        ),
        (MovePhase::Withdrawn, _) => {
            "The move was withdrawn before anything of it was begun. The mailbox goes on over its old \
             connection."
                .to_owned()
        }
    }
}

fn wrong(pointer: &str, rule: &str, mend: &str) -> Refusal {
    Refusal::Invalid(vec![Problem {
        pointer: pointer.to_owned(),
        rule: rule.to_owned(),
        mend: mend.to_owned(),
    }])
}
