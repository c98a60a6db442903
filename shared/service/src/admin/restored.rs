//! The start from a table that was restored to an earlier moment.
//!
//! What the table says of Exchange and of the business system is old then, and some of it wrong. The
//! cursors of collections are old and right: Exchange tells from there what has changed since, or that
//! the cursor is too old, and the mailbox is compared. Leases end by themselves; what intents were about
//! is looked up. Three things have to be said: cursors of the feed mean nothing any more, subscriptions
//! may have been replaced since, and nobody else wakes the mailboxes.

use jiff::{SignedDuration, Timestamp};
use tidemark_model::MailboxId;
use tidemark_store::StoreError;
use tidemark_store::records::{Collection, MailboxScope};

use crate::api::access::may_administer;
use crate::border::{Caller, Refusal, RestoreView};
use crate::service::Service;

/// How long one call works: within what a gateway waits for.
const CALL_TIME: SignedDuration = SignedDuration::from_secs(15);
/// Mailboxes that are listed at a time.
const PAGE_MAILBOXES: usize = 20;

impl Service {
    /// Starts the organisation from a restored table. Without `after` the feed begins anew; with it,
    /// the call goes on with the mailboxes after that one. Done again without harm.
    pub(super) async fn start_restored(
        &self,
        caller: &Caller,
        after: Option<&str>,
    ) -> Result<RestoreView, Refusal> {
        may_administer(caller)?;
        let organisation = &caller.organisation;
        let mut after = if let Some(text) = after {
            let id = MailboxId::parse(text);
            Some(id.map_err(|_| Refusal::InvalidCursor { parameter: "after" })?)
        } else {
            self.records.leap_feed(organisation).await?;
            None
        };
        let until = self.world.now().saturating_add(CALL_TIME).unwrap_or(Timestamp::MAX);
        let mut view = RestoreView::default();
        loop {
            let page = self.records.mailboxes(organisation, after, PAGE_MAILBOXES).await?;
            for found in &page.mailboxes {
                let scope =
                    MailboxScope { organisation: organisation.clone(), mailbox: found.value.id };
                view.retired = view.retired.saturating_add(self.wake_restored(&scope).await?);
                view.mailboxes = view.mailboxes.saturating_add(1);
                if self.world.now() >= until {
                    view.next = Some(found.value.id.to_string());
                    return Ok(view);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(view);
            }
        }
    }

    /// Retires what subscriptions the backup knows, so that the next look makes one that Exchange knows
    /// too, and wakes the mailbox's sync. Returns how many were retired.
    async fn wake_restored(&self, scope: &MailboxScope) -> Result<u64, StoreError> {
        let mut retired = 0;
        for found in self.records.subscriptions(scope).await? {
            if !found.value.retired {
                self.records.retire_subscription(&found.value.key_digest).await?;
                retired += 1;
            }
        }
        let marks = self.records.raise(scope, &Collection::calendar(), self.world.now()).await?;
        // Whatever the restored marks say was sent: the queue may hold nothing of it.
        let id = format!("{}#{}", scope.mailbox, self.world.uuid());
        self.intake().send(scope, id).await?;
        self.records.record_enqueued(scope, marks.hinted, self.world.now()).await?;
        Ok(retired)
    }
}
