//! What waits for a person, and what the person decides.

use tidemark_model::Kind;
use tidemark_store::records::{HoldId, HoldRow, MailboxScope, SaveError};
use uuid::Uuid;

use crate::border::{Caller, HoldChoice, HoldView, Refusal, Role};
use crate::service::{Service, collection_of};

/// Holds that are read at once.
const PAGE_ITEMS: usize = 200;
/// Most holds that one listing shows.
const HOLDS_MAX: usize = 1000;
/// Seconds of the hour that the brake counts in.
const HOUR_SECONDS: i64 = 3600;

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
                views.push(self.view_hold(&scope, hold).await?);
            }
            match page.next {
                Some(next) if views.len() < HOLDS_MAX => after = Some(next),
                _ => return Ok(views),
            }
        }
    }

    async fn view_hold(&self, scope: &MailboxScope, hold: HoldRow) -> Result<HoldView, Refusal> {
        let row = self.records.mailbox(scope).await?;
        let item = match hold.link {
            Some(link) => Some(self.id_of(scope, link).await?),
            None => None,
        };
        Ok(HoldView {
            id: hold.id.uuid(),
            mailbox: row.map(|row| row.value.address).unwrap_or_default(),
            item,
            why: hold.why,
            text: hold.text,
            people: hold.people,
            since: hold.since.to_string(),
        })
    }

    pub(super) async fn settle_hold(
        &self,
        caller: &Caller,
        id: Uuid,
        choice: HoldChoice,
    ) -> Result<(), Refusal> {
        if caller.role < Role::Administrator {
            return Err(Refusal::Forbidden(Role::Administrator));
        }
        let id = HoldId::new(id);
        let found = self.records.hold(&caller.organisation, id).await?;
        let (mailbox, hold) = found.ok_or(Refusal::NotFound { what: "hold" })?;
        if hold.link.is_none() && choice == HoldChoice::Discard {
            let text = "a brake is released or left on: choose `send` to let the mailbox go on";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let scope = MailboxScope { organisation: caller.organisation.clone(), mailbox };
        let decided = self.records.decide_hold(&scope, id, word_of(choice)).await;
        match decided {
            Ok(()) => {}
            Err(SaveError::RevisionMoved) => {
                return Err(Refusal::Conflict("it was decided already".to_owned()));
            }
            Err(SaveError::Store(error)) => return Err(error.into()),
        }
        if hold.link.is_none() {
            // The brake of a whole mailbox: it goes on with a fresh budget.
            let hour = self.world.now().as_second().div_euclid(HOUR_SECONDS);
            self.records.release_brake(&scope, hour).await?;
            self.records.change_mailbox(&scope, |row| row.paused = None).await?;
        }
        Ok(self.raise(&scope, &collection_of(Kind::Appointment)).await?)
    }
}

const fn word_of(choice: HoldChoice) -> &'static str {
    match choice {
        HoldChoice::Send => "send",
        HoldChoice::WithoutAttendees => "without-attendees",
        HoldChoice::Discard => "discard",
    }
}
