//! Subscriptions: made, prolonged, ended.

use jiff::{Timestamp, ToSpan};
use tidemark_graph::bounds::{RICH_SUBSCRIPTION_MINUTES_MAX, SUBSCRIPTION_MINUTES_MAX};
use tidemark_graph::subscription::{
    NewSubscription, RichContent, Subscription, build_list_subscriptions, build_renew,
    build_subscribe, build_unsubscribe, read_subscription, read_subscriptions,
};
use tidemark_graph::{ErrorClass, GraphRequest, Next};

use super::GraphMailbox;
use super::fault::{self, Effect};
use super::session::Failed;
use crate::error::{Disposition, MailboxError, Scope};
use crate::port::{PushRequest, PushSubscription};

/// Minutes by which a subscription stays below the longest life, so that a clock that differs from
/// Graph's does not cost it: what is longer is refused (subscription resource page).
const MARGIN_MINUTES: i64 = 60;

/// What the content of notifications consists of: which item, in which version. Nothing of it is
/// personal, and the item itself is read anyway.
const CONTENT: &str = "id,changeKey";

/// Most pages of subscriptions that are looked through.
const LIST_PAGES_MAX: usize = 100;

impl GraphMailbox {
    /// Makes a subscription. One that stands already for the same resource is ended: Graph allows an
    /// application only one of a kind, and the client state that it was made with cannot be replaced
    /// (subscription-update page), so that what it posts would not be believed.
    pub(super) async fn push_subscribe(
        &self,
        request: &PushRequest<'_>,
    ) -> Result<PushSubscription, MailboxError> {
        let end = &self.session.endpoint;
        let rich = request.content.map(|content| RichContent {
            certificate: content.certificate,
            certificate_id: content.certificate_id,
            select: CONTENT,
        });
        let minutes = match rich {
            Some(_) => RICH_SUBSCRIPTION_MINUTES_MAX,
            None => SUBSCRIPTION_MINUTES_MAX,
        };
        let expires_at = self.expiry(request.expires_at, minutes);
        let wanted = NewSubscription {
            user: &end.user,
            notification_url: request.url,
            lifecycle_url: request.lifecycle_url,
            client_state: request.client_state.unwrap_or_default(),
            expires_at,
            rich,
        };
        let wanted = build_subscribe(&wanted).map_err(|_| fault::unfit_client_state())?;
        let failed = match self.session.exchange(&wanted, Effect::Write, None).await {
            Ok(body) => return subscription_in(&body),
            Err(failed) => failed,
        };
        let found = match &failed {
            Failed::Theirs { error, .. } if error.class() == ErrorClass::Exists => {
                match &error.existing {
                    Some(id) => Some(id.clone()),
                    None => self.find_subscription().await?.map(|found| found.id),
                }
            }
            Failed::Theirs { .. } | Failed::Ours(_) => return Err(self.subscribe_error(&failed)),
        };
        if let Some(other) = found {
            self.push_unsubscribe(&other).await?;
        }
        let body = self.session.exchange(&wanted, Effect::Write, None).await;
        subscription_in(&body.map_err(|failed| self.subscribe_error(&failed))?)
    }

    pub(super) async fn push_renew(
        &self,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<PushSubscription, MailboxError> {
        let request = build_renew(id, self.expiry(Some(expires_at), SUBSCRIPTION_MINUTES_MAX));
        let sent = self.session.exchange(&request, Effect::Write, None).await;
        subscription_in(&sent.map_err(|failed| self.gone_or(&failed))?)
    }

    pub(super) async fn push_unsubscribe(&self, id: &str) -> Result<(), MailboxError> {
        let sent = self.session.exchange(&build_unsubscribe(id), Effect::Write, None).await;
        match sent.map_err(|failed| self.gone_or(&failed)) {
            Err(error) if error.disposition == Disposition::Gone => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// Looks for the subscription to this mailbox among all of the application.
    async fn find_subscription(&self) -> Result<Option<Subscription>, MailboxError> {
        let end = &self.session.endpoint;
        let resource = end.user.events_resource();
        let mut request = build_list_subscriptions();
        for _ in 0..LIST_PAGES_MAX {
            let body = self.session.read(&request).await?;
            let (page, next) = read_subscriptions(&body, &end.root)
                .map_err(|what| fault::of_unreadable(what, Effect::Read))?;
            if let Some(found) = page.into_iter().find(|found| found.is_to(&resource)) {
                return Ok(Some(found));
            }
            match next {
                Next::More(link) => request = GraphRequest::follow(&link),
                Next::Delta(_) | Next::End => break,
            }
        }
        Ok(None)
    }

    /// A moment that Graph takes: not later than the longest life allows.
    fn expiry(&self, wanted: Option<Timestamp>, minutes_max: u32) -> Timestamp {
        let now = self.session.endpoint.clock.now();
        let longest = i64::from(minutes_max).saturating_sub(MARGIN_MINUTES);
        let latest = now.saturating_add(longest.minutes()).unwrap_or(now);
        wanted.map_or(latest, |wanted| wanted.min(latest))
    }

    /// A 404 is about the subscription here, whatever its code says.
    fn gone_or(&self, failed: &Failed) -> MailboxError {
        match failed {
            Failed::Theirs { error, .. } if error.status == 404 => fault::error(
                Disposition::Gone,
                Scope::Mailbox,
                "subscription-gone",
                "the subscription is not there any more; a new one is made",
            ),
            _ => self.session.error_of(failed),
        }
    }

    /// What is refused of a subscription is no item's.
    fn subscribe_error(&self, failed: &Failed) -> MailboxError {
        let mut error = self.session.error_of(failed);
        let Failed::Theirs { error: server, .. } = failed else { return error };
        match server.class() {
            ErrorClass::Denied => {
                "Exchange Online makes no subscription for this mailbox: the application may not \
                 read its calendar, or the mailbox has the 1,000 subscriptions that it may have"
                    .clone_into(&mut error.text);
            }
            ErrorClass::Refused => {
                error.scope = Scope::Mailbox;
                "Exchange Online makes no subscription: it has to reach the callback address over \
                 https with a publicly trusted certificate, and to be answered within ten seconds"
                    .clone_into(&mut error.text);
            }
            ErrorClass::Gone | ErrorClass::Exists => error.scope = Scope::Mailbox,
            ErrorClass::BackOff
            | ErrorClass::Interrupted
            | ErrorClass::Authorize
            | ErrorClass::NoCloudMailbox
            | ErrorClass::MailboxFull
            | ErrorClass::NoSuchMailbox
            | ErrorClass::Conflict
            | ErrorClass::Duplicate
            | ErrorClass::Resync
            | ErrorClass::Dependency
            | ErrorClass::TooLarge
            | ErrorClass::NotOffered => {}
        }
        error
    }
}

fn subscription_in(body: &[u8]) -> Result<PushSubscription, MailboxError> {
    let found =
        read_subscription(body).map_err(|what| fault::of_unreadable(what, Effect::Write))?;
    Ok(PushSubscription { id: found.id, watermark: None, expires_at: Some(found.expires_at) })
}
