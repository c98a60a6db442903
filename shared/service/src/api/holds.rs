//! What waits for a person, and what the person decides.

mod preview;

use tidemark_model::Kind;
use tidemark_store::records::{HoldId, HoldRow, MailboxRow, MailboxScope, SaveError};
use uuid::Uuid;

use super::access::{may_administer, may_see};
use crate::border::{Caller, HoldChoice, HoldDetails, HoldView, Refusal};
use crate::service::{Service, collection_of};
use crate::sync::CANNOT_BE_SILENT;
use crate::sync::decided::is_of_copy;
use crate::sync::moving::{GONE, MOVE_AMBIGUOUS, MOVE_MISSING, PAIR};

/// Holds that are read at once.
const PAGE_ITEMS: usize = 200;
/// Most holds that one listing shows.
const HOLDS_MAX: usize = 1000;

impl Service {
    pub(super) async fn list_holds(&self, caller: &Caller) -> Result<Vec<HoldView>, Refusal> {
        let mut views = Vec::new();
        let mut after = None;
        loop {
            let organisation = &caller.organisation;
            let page = self.records.holds_of_organisation(organisation, after, PAGE_ITEMS).await?;
            // What was decided is listed until a run has carried it out, and waits for nobody.
            let undecided = page.holds.into_iter().filter(|(_, hold)| hold.decision.is_none());
            for (mailbox, hold) in undecided {
                let scope = MailboxScope { organisation: organisation.clone(), mailbox };
                if let Some(row) = self.mailbox_of_hold(caller, &scope).await? {
                    views.push(self.view_hold(&scope, &row, hold).await?);
                }
            }
            match page.next {
                Some(next) if views.len() < HOLDS_MAX => after = Some(next),
                _ => return Ok(views),
            }
        }
    }

    /// The mailbox of a hold. None where the hold does not concern the caller: an integrator knows
    /// those of its own system only.
    async fn mailbox_of_hold(
        &self,
        caller: &Caller,
        scope: &MailboxScope,
    ) -> Result<Option<MailboxRow>, Refusal> {
        let row = self.records.mailbox(scope).await?.map(|found| found.value);
        Ok(row.filter(|row| may_see(caller, row)))
    }

    async fn view_hold(
        &self,
        scope: &MailboxScope,
        row: &MailboxRow,
        hold: HoldRow,
    ) -> Result<HoldView, Refusal> {
        let item = match hold.link {
            Some(link) => Some(self.id_of(scope, link).await?),
            None => None,
        };
        let all = [
            HoldChoice::Send,
            HoldChoice::WithoutAttendees,
            HoldChoice::Discard,
            HoldChoice::Pair,
            HoldChoice::Gone,
        ];
        let choices = all.into_iter().filter(|choice| obstacle(&hold, *choice).is_none()).collect();
        Ok(HoldView {
            id: hold.id.uuid(),
            mailbox: row.address.clone(),
            item,
            why: hold.why,
            text: hold.text,
            people: hold.people,
            choices,
            since: hold.since.to_string(),
        })
    }

    /// A hold with what a person has to know to decide about it.
    pub(super) async fn view_details(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<HoldDetails, Refusal> {
        let found = self.records.hold(&caller.organisation, HoldId::new(id)).await?;
        let (mailbox, hold) = found.ok_or(Refusal::NotFound { what: "hold" })?;
        let scope = MailboxScope { organisation: caller.organisation.clone(), mailbox };
        let row = self.mailbox_of_hold(caller, &scope).await?;
        let row = row.ok_or(Refusal::NotFound { what: "hold" })?;
        let preview = match hold.link {
            Some(_) => None,
            None => Some(self.preview_of(&scope, &row).await?),
        };
        Ok(HoldDetails { hold: self.view_hold(&scope, &row, hold).await?, preview })
    }

    pub(super) async fn settle_hold(
        &self,
        caller: &Caller,
        id: Uuid,
        choice: HoldChoice,
    ) -> Result<(), Refusal> {
        may_administer(caller)?;
        let id = HoldId::new(id);
        let found = self.records.hold(&caller.organisation, id).await?;
        let (mailbox, hold) = found.ok_or(Refusal::NotFound { what: "hold" })?;
        if let Some(text) = obstacle(&hold, choice) {
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let scope = MailboxScope { organisation: caller.organisation.clone(), mailbox };
        let word = word_of(choice);
        // Decided once more in the same way, it is noted once.
        if hold.decision.as_deref() != Some(word) {
            let what = serde_json::json!({
                "mailbox": mailbox.to_string(),
                "item": hold.link.map(|link| link.to_string()),
                "why": hold.why,
                "decision": word,
            });
            let subject = format!("hold/{id}");
            let note = self.note(&caller.key_id, "hold-decided", subject, None, Some(what));
            match self.records.decide_hold(&scope, id, word, &note).await {
                Ok(()) => {}
                Err(SaveError::RevisionMoved) => {
                    return Err(Refusal::Conflict("it was decided already".to_owned()));
                }
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        // The run carries it out: of a brake, too, which it releases once and for all.
        Ok(self.raise(&scope, &collection_of(Kind::Appointment)).await?)
    }
}

/// Why a hold cannot be decided in this way, and what to choose; none where it can.
fn obstacle(hold: &HoldRow, choice: HoldChoice) -> Option<&'static str> {
    match choice {
        HoldChoice::Pair if hold.why == MOVE_AMBIGUOUS => None,
        HoldChoice::Gone if hold.why == MOVE_MISSING => None,
        HoldChoice::Pair | HoldChoice::Gone => {
            Some("this is no item that a move of its mailbox could not find again")
        }
        _ if hold.why == MOVE_AMBIGUOUS => Some(
            "several copies of the item were found: delete what is too much in Outlook, or choose \
             `pair`",
        ),
        _ if hold.why == MOVE_MISSING => {
            Some("the item was not found after the move of its mailbox: choose `gone` if it is")
        }
        HoldChoice::Discard if hold.link.is_none() => {
            Some("a brake is released or left on: choose `send` to let the mailbox go on")
        }
        HoldChoice::WithoutAttendees if is_of_copy(hold) => Some(
            "a second copy is removed or kept: choose `send` to remove it, or `discard` to keep it as \
             an item of its own",
        ),
        HoldChoice::WithoutAttendees if hold.why == CANNOT_BE_SILENT => Some(
            "this Exchange cannot be kept from mailing for a meeting that exists: choose `send` to \
             mail the people on it, or `discard` to leave it as it is",
        ),
        HoldChoice::Send | HoldChoice::WithoutAttendees | HoldChoice::Discard => None,
    }
}

const fn word_of(choice: HoldChoice) -> &'static str {
    match choice {
        HoldChoice::Send => "send",
        HoldChoice::WithoutAttendees => "without-attendees",
        HoldChoice::Discard => "discard",
        HoldChoice::Pair => PAIR,
        HoldChoice::Gone => GONE,
    }
}
