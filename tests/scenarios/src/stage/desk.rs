//! The desk: what the business system and the administrator do on a stage, through the border.

use core::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidemark_model::Kind;
use tidemark_service::border::{
    Accepted, Caller, Guards, HistoryView, HoldChoice, HoldView, ItemChangeRequest, ItemView,
    Listing, Refusal, Role,
};
use tidemark_service::{Border as _, RunEnd, RunReport};
use tidemark_store::StoreError;
use tidemark_store::records::{
    Collection, IntentRow, MailboxRow, Marks, PendingRow, ProfileRow, Protocol,
};
use tidemark_transport::Clock as _;

use super::{PEOPLE, Stage, mailbox_id};
use crate::executor::Step;

/// How a run went that something could interrupt.
#[derive(Debug)]
pub enum Attempt {
    /// It came to an end of its own.
    Ended(RunReport),
    /// The store failed: the message comes again.
    Failed(StoreError),
    /// The worker was stopped in the middle.
    Stopped,
}

/// Runs after which a mailbox has to be quiet.
const RUNS_MAX: usize = 50;

impl Stage {
    /// The key of the business system.
    pub fn caller(&self) -> Caller {
        Caller {
            organisation: self.organisation.clone(),
            system: Some(self.system.clone()),
            role: Role::Administrator,
            key_id: "scenario".to_owned(),
        }
    }

    /// Asks for a change of an item.
    ///
    /// # Errors
    /// What the border refuses.
    pub fn ask(
        &mut self,
        person: &str,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        let caller = self.caller();
        self.ask_as(&caller, person, id, change, guards)
    }

    /// Asks for a change of an item with somebody's key.
    ///
    /// # Errors
    /// What the border refuses.
    pub fn ask_as(
        &mut self,
        caller: &Caller,
        person: &str,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        let (service, caller) = (self.service.clone(), caller.clone());
        let (person, id) = (person.to_owned(), id.to_owned());
        self.run(async move {
            service.change_item(&caller, &person, Kind::Appointment, &id, change, guards).await
        })
    }

    /// Puts an item.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn put(&mut self, person: &str, id: &str, item: Value) -> Accepted {
        let change = ItemChangeRequest::Put(item);
        self.ask(person, id, change, Guards::default()).expect("the item is accepted")
    }

    /// Patches an item.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn patch(&mut self, person: &str, id: &str, patch: Value) -> Accepted {
        let change = ItemChangeRequest::Patch(patch);
        self.ask(person, id, change, Guards::default()).expect("the patch is accepted")
    }

    /// Deletes an item.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn delete(&mut self, person: &str, id: &str) -> Accepted {
        let change = ItemChangeRequest::Delete;
        self.ask(person, id, change, Guards::default()).expect("the delete is accepted")
    }

    /// An item as the business system can read it.
    ///
    /// # Errors
    /// What the border refuses.
    pub fn item(&mut self, person: &str, id: &str) -> Result<ItemView, Refusal> {
        let (service, caller) = (self.service.clone(), self.caller());
        let (person, id) = (person.to_owned(), id.to_owned());
        self.run(async move { service.item(&caller, &person, Kind::Appointment, &id).await })
    }

    /// All items of a mailbox as the business system can read them.
    ///
    /// # Panics
    /// When they cannot be read.
    pub fn items(&mut self, person: &str) -> Vec<ItemView> {
        let (service, caller) = (self.service.clone(), self.caller());
        let person = person.to_owned();
        self.run(async move {
            let mut items = Vec::new();
            let mut after = None;
            loop {
                let kind = Kind::Appointment;
                let page: Listing<ItemView> = service
                    .items(&caller, &person, kind, after.as_deref(), 100)
                    .await
                    .expect("the items can be read");
                items.extend(page.entries);
                match page.next {
                    Some(next) => after = Some(next),
                    None => return items,
                }
            }
        })
    }

    /// The explained decisions about an item, oldest first.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn history(&mut self, person: &str, id: &str) -> Vec<HistoryView> {
        let (service, caller) = (self.service.clone(), self.caller());
        let (person, id) = (person.to_owned(), id.to_owned());
        let listing = self.run(async move {
            service.item_history(&caller, &person, Kind::Appointment, &id, None, 100).await
        });
        listing.expect("the item has a history").entries
    }

    /// What waits for a person.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn holds(&mut self) -> Vec<HoldView> {
        let (service, caller) = (self.service.clone(), self.caller());
        self.run(async move { service.holds(&caller).await }).expect("the holds can be read")
    }

    /// Decides about everything that waits.
    ///
    /// # Panics
    /// When nothing waits, or a decision is refused.
    pub fn decide(&mut self, choice: HoldChoice) {
        self.try_decide(choice).expect("the decision is taken");
    }

    /// The same where a decision may be refused.
    ///
    /// # Errors
    /// The first refusal.
    ///
    /// # Panics
    /// When nothing waits.
    pub fn try_decide(&mut self, choice: HoldChoice) -> Result<(), Refusal> {
        let holds = self.holds();
        assert!(!holds.is_empty(), "nothing waits for a decision");
        for hold in holds {
            let (service, caller) = (self.service.clone(), self.caller());
            self.run(async move { service.decide_hold(&caller, hold.id, choice).await })?;
        }
        Ok(())
    }

    /// A page of the feed as the border gives it.
    ///
    /// # Errors
    /// What the border refuses.
    pub fn changes(&mut self, after: Option<&str>) -> Result<(Vec<Value>, String), Refusal> {
        let (service, caller) = (self.service.clone(), self.caller());
        let after = after.map(str::to_owned);
        let page = self.run(async move {
            service.changes(&caller, after.as_deref(), 1000, Duration::ZERO).await
        })?;
        Ok((page.changes, page.cursor))
    }

    /// Changes what stands about a mailbox.
    ///
    /// # Panics
    /// When the store fails.
    pub fn set_mailbox(&mut self, person: &str, change: impl FnOnce(&mut MailboxRow) + 'static) {
        let (records, scope) = (self.service.records.clone(), self.scope(person));
        self.run(async move {
            let mut row = records.mailbox(&scope).await.expect("read").expect("it is there");
            change(&mut row.value);
            records
                .save_mailbox(&scope.organisation, &row.value, Some(row.revision))
                .await
                .expect("saved");
        });
    }

    /// A mailbox as the border shows it, in JSON.
    ///
    /// # Panics
    /// When the border refuses it.
    pub fn shown_mailbox(&mut self, person: &str) -> Value {
        let (service, caller, person) = (self.service.clone(), self.caller(), person.to_owned());
        let view = self.run(async move { service.mailbox(&caller, &person).await });
        let view = view.expect("the mailbox is shown");
        json!({
            "state": view.state,
            "dirty": view.dirty,
            "firstCopy": {
                "phase": view.first_copy.phase,
                "items": view.first_copy.items,
                "total": view.first_copy.total,
                "text": view.first_copy.text,
            },
            "lag": {
                "seconds": view.lag.seconds,
                "changes": view.lag.changes,
                "notices": view.lag.notices,
                "since": view.lag.since,
                "nextAttempt": view.lag.next_attempt,
                "lastHeard": view.lag.last_heard,
                "text": view.lag.text,
            },
        })
    }

    /// What stands about a mailbox.
    ///
    /// # Panics
    /// When the store fails.
    pub fn mailbox(&mut self, person: &str) -> MailboxRow {
        let (records, scope) = (self.service.records.clone(), self.scope(person));
        self.run(async move { records.mailbox(&scope).await })
            .expect("read")
            .expect("it is there")
            .value
    }

    /// Replaces the rules of everybody's profile.
    ///
    /// # Panics
    /// When the store fails.
    pub fn set_rules(&mut self, rules: Value) {
        let (records, organisation) = (self.service.records.clone(), self.organisation.clone());
        self.run(async move {
            let row = records.profile(&organisation, "test").await.expect("read").expect("there");
            let new = ProfileRow { rules, ..row.value };
            records.save_profile(&organisation, &new, Some(row.revision)).await.expect("saved");
        });
    }

    /// Lets the connection log on with another account.
    ///
    /// # Panics
    /// When the store fails.
    pub fn set_account(&mut self, account: &str) {
        let (records, organisation) = (self.service.records.clone(), self.organisation.clone());
        let account = account.to_owned();
        self.run(async move {
            let rows = records.connections(&organisation).await.expect("read");
            for row in rows {
                let mut new = row.value;
                if let Protocol::Ews(access) = &mut new.protocol {
                    access.account.clone_from(&account);
                }
                let saved = records.save_connection(&organisation, &new, Some(row.revision)).await;
                saved.expect("saved");
            }
        });
    }

    /// The changes of the business system that wait in a mailbox.
    ///
    /// # Panics
    /// When the store fails.
    pub fn pending(&mut self, person: &str) -> Vec<PendingRow> {
        let (records, scope) = (self.service.records.clone(), self.scope(person));
        self.run(async move { records.pending(&scope, 0, 100).await }).expect("read")
    }

    /// The writes to Exchange that were begun and not seen to end.
    ///
    /// # Panics
    /// When the store fails.
    pub fn intents(&mut self, person: &str) -> Vec<IntentRow> {
        let (records, scope) = (self.service.records.clone(), self.scope(person));
        self.run(async move { records.intents(&scope, 100).await }).expect("read")
    }

    /// The marks of a mailbox.
    ///
    /// # Panics
    /// When the store fails.
    pub fn marks(&mut self, person: &str) -> Marks {
        let (records, scope) = (self.service.records.clone(), self.scope(person));
        self.run(async move { records.marks(&scope).await }).expect("read")
    }

    /// Notes that a mailbox may have changed.
    ///
    /// # Panics
    /// When the store fails.
    pub fn raise(&mut self, person: &str) {
        let (service, scope) = (self.service.clone(), self.scope(person));
        self.run(async move { service.raise(&scope, &Collection::calendar()).await })
            .expect("raised");
    }

    /// One run over a mailbox, which something may interrupt.
    ///
    /// # Panics
    /// When everything waits for what never comes.
    pub fn attempt(&mut self, person: &str) -> Attempt {
        self.attempt_beside(person, |_| ())
    }

    /// The same, while something else is done: it is called before each step of the run.
    ///
    /// # Panics
    /// When everything waits for what never comes.
    pub fn attempt_beside(&mut self, person: &str, mut beside: impl FnMut(&mut Self)) -> Attempt {
        let result = std::rc::Rc::new(std::cell::RefCell::new(None));
        let slot = std::rc::Rc::clone(&result);
        let (service, scope) = (self.service.clone(), self.scope(person));
        let deadline = self.clock.now() + SignedDuration::from_secs(60);
        let task = self.executor.spawn(async move {
            let ended = service.sync(&scope, deadline).await;
            *slot.borrow_mut() = Some(ended);
        });
        while self.executor.is_alive(task) {
            beside(self);
            // Whatever is done beside lets the run go on too, maybe to its end.
            if !self.executor.is_alive(task) {
                break;
            }
            let step = self.executor.step();
            if self.effects.is_stopped() {
                self.executor.kill(task);
                return Attempt::Stopped;
            }
            if step == Step::Idle {
                let at = self.executor.next_moment().expect("everything waits for nothing");
                self.clock.advance_to(at);
            }
        }
        match result.borrow_mut().take().expect("the run ended with a result") {
            Ok(report) => Attempt::Ended(report),
            Err(error) => Attempt::Failed(error),
        }
    }

    /// Runs a mailbox until nothing is left to do, whatever went wrong before. Time passes as the
    /// runs ask for it.
    ///
    /// # Panics
    /// When it does not come to an end.
    pub fn recover(&mut self, person: &str) {
        self.raise(person);
        for _ in 0..RUNS_MAX {
            match self.attempt(person) {
                Attempt::Ended(report) => match report.end {
                    RunEnd::Synced | RunEnd::Off => return,
                    RunEnd::Continues => {}
                    RunEnd::Waits(at) | RunEnd::Held(at) => self.clock.advance_to(at),
                },
                Attempt::Failed(_) | Attempt::Stopped => {}
            }
        }
        panic!("{person} does not come to rest");
    }

    /// Everything that must not be left over once nothing is left to do.
    ///
    /// # Panics
    /// Names what is left.
    pub fn assert_at_rest(&mut self) {
        for person in PEOPLE {
            let pending = self.pending(person);
            assert!(pending.is_empty(), "{person}: changes wait: {pending:?}");
            let intents = self.intents(person);
            assert!(intents.is_empty(), "{person}: writes are open: {intents:?}");
            let marks = self.marks(person);
            let now = self.clock.now();
            let held = marks.lease_until.is_some_and(|until| until > now);
            assert!(!held, "{person}: the lease is still held: {marks:?}");
        }
    }

    /// The id of a person's mailbox, as text.
    pub fn mailbox_name(&self, person: &str) -> String {
        mailbox_id(person).to_string()
    }
}
