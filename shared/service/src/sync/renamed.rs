//! A mailbox whose primary address is no longer valid, and that is found under another one (N19).
//!
//! Who renames a mailbox tells its administrators first and its connector last. Where one of the
//! addresses that the mailbox is known to have leads to it, that one becomes the primary. Its id stays,
//! and with it all links, and the old address goes on resolving to it.

use jiff::SignedDuration;
use serde_json::json;
use tidemark_mailbox::MailboxError;
use tidemark_store::StoreError;
use tidemark_store::records::{Collection, Document, MailboxRow, MailboxScope};

use crate::service::Service;

/// What servers answer for an address that nobody has: EWS (Responsecode page), Graph
/// (exchange-graph.md 14).
const NOBODY: [&str; 3] =
    ["ErrorNonExistentMailbox", "ErrorInvalidUser", "Request_ResourceNotFound"];
/// Most other addresses that are tried.
const TRIED_MAX: usize = 5;

impl Service {
    /// Goes on under another address of the mailbox, if the error says that nobody has the present one
    /// and another leads to it over the same connection. Says whether it does.
    pub(super) async fn follow_rename(
        &self,
        scope: &MailboxScope,
        row: &Document<MailboxRow>,
        error: &MailboxError,
    ) -> Result<bool, StoreError> {
        if !NOBODY.contains(&error.code.as_str()) {
            return Ok(false);
        }
        for address in row.value.aliases.iter().take(TRIED_MAX) {
            let renamed = renamed(&row.value, address);
            if self.is_reached(scope, &renamed).await? {
                return self.take_address(scope, row, renamed).await;
            }
        }
        Ok(false)
    }

    /// Whether a mailbox answers under its address: one look at its calendar.
    async fn is_reached(&self, scope: &MailboxScope, row: &MailboxRow) -> Result<bool, StoreError> {
        let organisation = &scope.organisation;
        let Some(connection) = self.records.connection(organisation, row.connection).await? else {
            return Ok(false);
        };
        let Ok(mailbox) = self.exchange.open(organisation, &connection.value, row).await else {
            return Ok(false);
        };
        let now = self.world.now();
        Ok(mailbox.first_look(now, now + SignedDuration::from_mins(1)).await.is_ok())
    }

    /// An administrator who saved the mailbox meanwhile is right: the next run sees what is to be done.
    async fn take_address(
        &self,
        scope: &MailboxScope,
        row: &Document<MailboxRow>,
        renamed: MailboxRow,
    ) -> Result<bool, StoreError> {
        let subject = format!("mailbox/{}", scope.mailbox);
        let before = Some(json!({ "address": row.value.address }));
        let after = Some(json!({ "address": renamed.address }));
        let note = self.note("tidemark", "mailbox-renamed", subject, before, after);
        let (organisation, revision) = (&scope.organisation, Some(row.revision));
        let saved =
            self.records.change_mailbox_settings(organisation, &renamed, revision, &note).await;
        if saved.is_ok() {
            tracing::info!(mailbox.id = %scope.mailbox, "the mailbox goes on under another address");
            self.raise(scope, &Collection::calendar()).await?;
        }
        super::ending::unless_overtaken(saved).map(|()| true)
    }
}

/// The mailbox under another of its addresses; the present one becomes one of the others.
fn renamed(row: &MailboxRow, address: &str) -> MailboxRow {
    let mut renamed = row.clone();
    renamed.aliases.remove(address);
    renamed.aliases.insert(core::mem::replace(&mut renamed.address, address.to_owned()));
    renamed
}
