//! The end of an organisation: it is switched off, and Exchange stops calling.

use jiff::{SignedDuration, Timestamp};
use tidemark_model::MailboxId;
use tidemark_store::StoreError;
use tidemark_store::records::{MailboxScope, SubscriptionRow};

use crate::api::access::may_administer;
use crate::border::{Caller, OrganisationChange, Refusal, ShutdownView};
use crate::service::Service;

/// How long one call works: within what a gateway waits for.
const CALL_TIME: SignedDuration = SignedDuration::from_secs(15);
/// Mailboxes that are listed at a time.
const PAGE_MAILBOXES: usize = 20;
/// Heartbeats after which Exchange has been told to end, or has given up.
const HEARTBEATS: i64 = 4;

impl Service {
    /// Switches the organisation off and ends its subscriptions, as many as one call has time for.
    /// Done again without harm. A run that was under way ends by itself.
    pub(super) async fn end_organisation(
        &self,
        caller: &Caller,
        after: Option<&str>,
    ) -> Result<ShutdownView, Refusal> {
        may_administer(caller)?;
        let after = after.map(MailboxId::parse).transpose();
        let mut after = after.map_err(|_| Refusal::InvalidCursor { parameter: "after" })?;
        let off = OrganisationChange { enabled: Some(false), ..OrganisationChange::default() };
        self.set_organisation(caller, off).await?;
        let until = self.world.now().saturating_add(CALL_TIME).unwrap_or(Timestamp::MAX);
        let (mut view, mut over) = (ShutdownView::default(), None);
        loop {
            let organisation = &caller.organisation;
            let page = self.records.mailboxes(organisation, after, PAGE_MAILBOXES).await?;
            for found in &page.mailboxes {
                let scope =
                    MailboxScope { organisation: organisation.clone(), mailbox: found.value.id };
                over = over.max(self.end_subscriptions(&scope, &mut view).await?);
                after = Some(found.value.id);
                if self.world.now() >= until {
                    view.next = after.map(|id| id.to_string());
                    break;
                }
            }
            after = page.next;
            if view.next.is_some() || after.is_none() {
                break;
            }
        }
        view.over = over.map(|at| at.to_string());
        Ok(view)
    }

    /// Ends what subscriptions a mailbox has. Returns when the last one that is left is over.
    async fn end_subscriptions(
        &self,
        scope: &MailboxScope,
        view: &mut ShutdownView,
    ) -> Result<Option<Timestamp>, StoreError> {
        let before = self.records.subscriptions(scope).await?.len();
        // The first look retires what nobody wants any more, the second one ends what was retired.
        self.renew_mailbox(scope).await?;
        self.renew_mailbox(scope).await?;
        let left = self.records.subscriptions(scope).await?;
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        view.mailboxes = view.mailboxes.saturating_add(1);
        view.ended = view.ended.saturating_add(count(before.saturating_sub(left.len())));
        let (graph, ews): (Vec<_>, Vec<_>) =
            left.iter().map(|found| &found.value).partition(|row| row.expires_at.is_some());
        view.waiting = view.waiting.saturating_add(count(ews.len()));
        view.failed = view.failed.saturating_add(count(graph.len()));
        Ok(left.iter().map(|found| over_at(&found.value)).max())
    }
}

/// When Exchange calls no more, whatever becomes of us: Graph's subscription expires, that of EWS is
/// told to end, or is given up for want of an answer.
fn over_at(row: &SubscriptionRow) -> Timestamp {
    row.expires_at.unwrap_or_else(|| {
        let heard = row.last_heard.unwrap_or(row.created_at);
        let silence = SignedDuration::from_mins(i64::from(row.status_minutes) * HEARTBEATS);
        heard.saturating_add(silence).unwrap_or(Timestamp::MAX)
    })
}
