//! The message that starts a run.

use serde_json::{Value, json};
use tidemark_model::{MailboxId, OrganisationId};
use tidemark_store::records::MailboxScope;

/// What a message on the queue asks for. Version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncTask<'a> {
    organisation: &'a str,
    mailbox: MailboxId,
}

impl<'a> SyncTask<'a> {
    /// A run of this mailbox.
    pub(crate) fn of(scope: &'a MailboxScope) -> Self {
        Self { organisation: scope.organisation.as_str(), mailbox: scope.mailbox }
    }

    /// Messages of one mailbox are handled one after the other.
    pub(crate) fn group(self) -> String {
        self.mailbox.to_string()
    }

    pub(crate) fn to_json(self) -> String {
        json!({
            "type": "sync",
            "v": 1,
            "organisation": self.organisation,
            "mailbox": self.mailbox.to_string(),
        })
        .to_string()
    }
}

impl SyncTask<'_> {
    /// Reads a message's body. None when it is not ours or of a version that is not known.
    pub fn read(body: &str) -> Option<MailboxScope> {
        let value: Value = serde_json::from_str(body).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        if text("type") != Some("sync") || value.get("v")?.as_u64() != Some(1) {
            return None;
        }
        Some(MailboxScope {
            organisation: OrganisationId::parse(text("organisation")?).ok()?,
            mailbox: MailboxId::parse(text("mailbox")?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_versions_are_not() {
        let scope = MailboxScope {
            organisation: OrganisationId::parse("acme").unwrap(),
            mailbox: MailboxId::parse("01890000-0000-7000-8000-000000000001").unwrap(),
        };
        let body = SyncTask::of(&scope).to_json();
        let read = SyncTask::read(&body).unwrap();
        assert_eq!((&read.organisation, read.mailbox), (&scope.organisation, scope.mailbox));
        for other in
            [body.replace("\"v\":1", "\"v\":2"), body.replace("sync", "sweep"), String::new()]
        {
            assert!(SyncTask::read(&other).is_none(), "{other}");
        }
    }
}
