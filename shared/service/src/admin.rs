//! What administrators set: the organisation, its business systems, its keys, its mailboxes.
//!
//! Every change is written together with a row that says who made it, what was before and what is
//! after (W7). The HTTP API, the settings file of the local program and the founding of an
//! organisation on AWS come through the same use cases.

mod activity;
mod connections;
mod founding;
mod keys;
mod mailboxes;
mod organisation;
mod restored;
mod shutdown;
mod systems;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use secrecy::SecretString;
use tidemark_jscalendar::Problem;
use uuid::Uuid;

pub use founding::{FOUNDING_KEY_BYTES, Founded, Founding, FoundingError};

use crate::border::{
    ActivityView, AddedMailbox, Administration, Caller, KeyView, Listing, MailboxChange,
    MailboxView, NewKey, NewMailboxes, OrganisationChange, OrganisationView, Refusal, RestoreView,
    ShutdownView, SystemView,
};
use crate::service::Service;

/// Longest name that people give to something, in bytes.
const NAME_BYTES_MAX: usize = 200;

#[async_trait]
impl Administration for Service {
    async fn organisation(&self, caller: &Caller) -> Result<OrganisationView, Refusal> {
        self.view_organisation(caller).await
    }

    async fn change_organisation(
        &self,
        caller: &Caller,
        change: OrganisationChange,
    ) -> Result<OrganisationView, Refusal> {
        self.set_organisation(caller, change).await
    }

    async fn shut_down(
        &self,
        caller: &Caller,
        after: Option<&str>,
    ) -> Result<ShutdownView, Refusal> {
        self.end_organisation(caller, after).await
    }

    async fn restored(&self, caller: &Caller, after: Option<&str>) -> Result<RestoreView, Refusal> {
        self.start_restored(caller, after).await
    }

    async fn systems(&self, caller: &Caller) -> Result<Vec<SystemView>, Refusal> {
        self.list_systems(caller).await
    }

    async fn create_system(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<SystemView, Refusal> {
        self.make_system(caller, id, name).await
    }

    async fn change_system(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<SystemView, Refusal> {
        self.rename_system(caller, id, name).await
    }

    async fn keys(&self, caller: &Caller) -> Result<Vec<KeyView>, Refusal> {
        self.list_keys(caller).await
    }

    async fn issue_key(
        &self,
        caller: &Caller,
        new: NewKey,
    ) -> Result<(KeyView, SecretString), Refusal> {
        self.make_key(caller, new).await
    }

    async fn revoke_key(&self, caller: &Caller, id: Uuid) -> Result<(), Refusal> {
        self.end_key(caller, id).await
    }

    async fn add_mailboxes(
        &self,
        caller: &Caller,
        new: NewMailboxes,
    ) -> Result<Vec<AddedMailbox>, Refusal> {
        self.add_many(caller, new).await
    }

    async fn change_mailbox(
        &self,
        caller: &Caller,
        name: &str,
        change: MailboxChange,
    ) -> Result<MailboxView, Refusal> {
        self.set_mailbox(caller, name, change).await
    }

    async fn remove_mailbox(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        self.take_away(caller, name).await
    }

    async fn activity(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ActivityView>, Refusal> {
        self.list_activity(caller, after, limit).await
    }
}

/// What is wrong with a name that people give, if anything is.
fn check_name(name: &str, pointer: &str) -> Option<Problem> {
    let is_bad =
        name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control);
    is_bad.then(|| {
        let rule =
            format!("is empty, longer than {NAME_BYTES_MAX} bytes or has control characters");
        wrong(pointer, rule, "a short name")
    })
}

fn wrong(pointer: &str, rule: impl Into<String>, mend: &str) -> Problem {
    Problem { pointer: pointer.to_owned(), rule: rule.into(), mend: mend.to_owned() }
}

/// Refuses a request in which something is wrong, with all the places at once.
fn refuse_if_any(problems: Vec<Problem>) -> Result<(), Refusal> {
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems)) }
}
