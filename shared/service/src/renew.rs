//! Renewal: each mailbox that Exchange is to push has exactly one subscription that is alive.
//!
//! Desired against actual, looked at again and again: nothing that was forgotten stays forgotten.
//! A successor is made before its predecessor is retired, so that for a moment both may hear the
//! mailbox and never none. What happened in between is bridged by a sync.
//!
//! EWS ends a subscription when it is told so in answer to its next call, and needs a new one each
//! time; Graph's expire, are prolonged and are ended by a request.

mod content;
mod expiring;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use tidemark_identity::NotificationKeys;
use tidemark_mailbox::{Mailbox, MailboxError, PushContent, PushRequest, PushSubscription};
use tidemark_store::StoreError;
use tidemark_store::records::{
    BindError, Collection, ConnectionRow, Document, MailboxRow, MailboxScope, MailboxState,
    Notifications, Protocol, SaveError, SubscriptionRow, Trouble,
};

use crate::Service;
use crate::preflight::fence;

/// First part of the codes of troubles that renewal reports and clears.
const TROUBLE_PREFIX: &str = "subscription-";
/// Longest life of a subscription of EWS. Exchange keeps one as long as it is answered; a daily
/// successor means that a key which got out is good for a day.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How much of a life is cut off at random, in tenths of a per cent, so that mailboxes which were
/// enabled together are not renewed together.
const JITTER_PER_MILLE: u32 = 200;
/// How long Exchange may take from being asked to the first call, or to its answer.
const BOUND_WITHIN: SignedDuration = SignedDuration::from_mins(1);
/// Heartbeats that may be missing until a subscription counts as dead. Source:
/// <https://learn.microsoft.com/exchange/client-developer/web-service-reference/statusfrequency>.
const HEARTBEATS_DEAD: i64 = 2;
/// Heartbeats after which a retired subscription has had its last call: it was told to end, or was
/// given up by Exchange.
const HEARTBEATS_FORGOTTEN: i64 = 4;

/// What renewal found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// One subscription is alive.
    Alive,
    /// A new one was made, or the one that there is prolonged.
    Renewed,
    /// The mailbox is not to be pushed; what there was is retired.
    NotWanted,
    /// Exchange asked to be left alone until this moment.
    Waits(Timestamp),
    /// Exchange did not subscribe; the mailbox shows this trouble.
    Failed(MailboxError),
}

impl Service {
    /// Sees to it that a mailbox has exactly one push subscription that is alive, or none if it is
    /// not to have one. Done again without harm.
    ///
    /// # Errors
    /// [`StoreError`]; what Exchange refuses is [`Renewal::Failed`].
    pub async fn renew_mailbox(&self, scope: &MailboxScope) -> Result<Renewal, StoreError> {
        let known = self.records.subscriptions(scope).await?;
        let known = self.without_ended(scope, known).await?;
        let Some((connection, mailbox)) = self.pushed(scope).await? else {
            self.retire(&known, None).await?;
            self.clear_trouble(scope).await?;
            return Ok(Renewal::NotWanted);
        };
        let now = self.world.now();
        let keys = self.content_keys(&connection, &known).await?;
        let alive = alive(&known, &connection, keys.as_deref(), now);
        let due = alive.filter(|found| found.value.renew_at <= now);
        if let (Some(alive), None) = (alive, due) {
            self.retire(&known, Some(&alive.value.key_digest)).await?;
            self.clear_trouble(scope).await?;
            return Ok(Renewal::Alive);
        }
        if let Some(until) = connection.wait_until.filter(|until| *until > now) {
            return Ok(Renewal::Waits(until));
        }
        if let Some(due) = due
            && let Some(renewal) = self.prolong(scope, &connection, &mailbox, due).await?
        {
            return Ok(renewal);
        }
        match self.subscribe(scope, &connection, &mailbox, keys.as_deref()).await? {
            Ok(digest) => {
                self.retire(&known, Some(&digest)).await?;
                self.raise(scope, &Collection::calendar()).await?;
                self.note_subscribed(scope).await?;
                Ok(Renewal::Renewed)
            }
            Err(error) => {
                self.note_unsubscribed(scope, &error).await?;
                Ok(Renewal::Failed(error))
            }
        }
    }

    /// As [`Self::renew_mailbox`], for a mailbox whose row and connection have just been read in an
    /// organisation that is switched on. While its one subscription is alive nothing else is read.
    ///
    /// # Errors
    /// As [`Self::renew_mailbox`].
    pub(crate) async fn renew_read(
        &self,
        scope: &MailboxScope,
        mailbox: &MailboxRow,
        connection: &ConnectionRow,
    ) -> Result<Renewal, StoreError> {
        if is_pushed(mailbox, connection) && !has_trouble(mailbox) {
            let known = self.records.subscriptions(scope).await?;
            let keys = self.content_keys(connection, &known).await?;
            let now = self.world.now();
            let alive = alive(&known, connection, keys.as_deref(), now);
            if known.len() == 1 && alive.is_some_and(|alive| alive.value.renew_at > now) {
                return Ok(Renewal::Alive);
            }
        }
        self.renew_mailbox(scope).await
    }

    /// The mailbox and its connection, if Exchange is to push it.
    async fn pushed(
        &self,
        scope: &MailboxScope,
    ) -> Result<Option<(ConnectionRow, MailboxRow)>, StoreError> {
        let Some(mailbox) = self.records.mailbox(scope).await? else {
            return Ok(None);
        };
        let mailbox = mailbox.value;
        if !self.is_switched_on(&scope.organisation).await? {
            return Ok(None);
        }
        let connection = self.records.connection(&scope.organisation, mailbox.connection).await?;
        Ok(connection
            .map(|found| found.value)
            .filter(|connection| is_pushed(&mailbox, connection))
            .map(|connection| (connection, mailbox)))
    }

    /// Asks Exchange for a subscription and binds it. The row stands before Exchange is asked, since
    /// the first call may come before the answer. Returns the digest of its key.
    async fn subscribe(
        &self,
        scope: &MailboxScope,
        connection: &ConnectionRow,
        mailbox: &MailboxRow,
        keys: Option<&NotificationKeys>,
    ) -> Result<Result<String, MailboxError>, StoreError> {
        let port = match self.exchange.open(&scope.organisation, connection, mailbox).await {
            Ok(port) => port,
            Err(error) => return Ok(Err(error)),
        };
        let key = URL_SAFE_NO_PAD.encode(self.world.random::<32>());
        let row = self.new_row(scope, connection, &key, keys);
        match self.records.create_subscription(&row).await {
            Ok(()) => {}
            Err(SaveError::Store(error)) => return Err(error),
            // The key is made of 32 random bytes.
            Err(SaveError::RevisionMoved) => return Err(StoreError::Conflict),
        }
        let subscribed = match self.ask(&*port, &row, &key, keys).await {
            Ok(subscribed) => subscribed,
            Err(error) => {
                // It may exist nevertheless; then its first call ends it.
                self.records.retire_subscription(&row.key_digest).await?;
                return Ok(Err(error));
            }
        };
        match self.bind(&row.key_digest, &subscribed).await {
            Ok(()) => Ok(Ok(row.key_digest)),
            Err(BindError::Store(error)) => Err(error),
            Err(BindError::Unknown | BindError::OtherSubscription) => {
                self.records.retire_subscription(&row.key_digest).await?;
                Ok(Err(taken_over()))
            }
        }
    }

    /// Asks for the subscription that a row stands for.
    async fn ask(
        &self,
        port: &dyn Mailbox,
        row: &SubscriptionRow,
        key: &str,
        keys: Option<&NotificationKeys>,
    ) -> Result<PushSubscription, MailboxError> {
        let callback = &self.options.callback_url;
        if row.expires_at.is_none() {
            let url = format!("{callback}/ews/{key}");
            return port.subscribe(&PushRequest::to(&url, row.status_minutes)).await;
        }
        let (url, lifecycle_url) =
            (format!("{callback}/graph/notify"), format!("{callback}/graph/lifecycle"));
        let certificate = keys.map(NotificationKeys::certificate);
        let content = match (keys, certificate.as_deref()) {
            (Some(keys), Some(certificate)) => {
                Some(PushContent { certificate, certificate_id: keys.certificate_id() })
            }
            _ => None,
        };
        let request = PushRequest {
            content,
            lifecycle_url: Some(&lifecycle_url),
            client_state: Some(key),
            expires_at: row.expires_at,
            ..PushRequest::to(&url, row.status_minutes)
        };
        port.subscribe(&request).await
    }

    fn new_row(
        &self,
        scope: &MailboxScope,
        connection: &ConnectionRow,
        key: &str,
        keys: Option<&NotificationKeys>,
    ) -> SubscriptionRow {
        let now = self.world.now();
        let (expires_at, renew_at) = if expires(connection) {
            let (expires_at, renew_at) = self.expiry(now, keys.is_some());
            (Some(expires_at), renew_at)
        } else {
            let per_mille = i64::from(u32::from_be_bytes(self.world.random()) % JITTER_PER_MILLE);
            let life = LIFE.as_secs() - LIFE.as_secs() * per_mille / 1000;
            let life = SignedDuration::from_secs(life);
            (None, now.saturating_add(life).unwrap_or(Timestamp::MAX))
        };
        SubscriptionRow {
            key_digest: SubscriptionRow::digest(key),
            organisation: scope.organisation.clone(),
            mailbox: scope.mailbox,
            connection: connection.id,
            subscription_id: None,
            watermark: None,
            status_minutes: self.options.push_status_minutes,
            expires_at,
            certificate_id: keys.map(|keys| keys.certificate_id().to_owned()),
            created_at: now,
            last_heard: None,
            retired: false,
            renew_at,
        }
    }

    /// Binds the id that Exchange answered, with the watermark unless a call brought one already, and
    /// with the end that it gave.
    async fn bind(&self, digest: &str, subscribed: &PushSubscription) -> Result<(), BindError> {
        let bound = self.records.bind_subscription(digest, &subscribed.id).await?;
        if let Some(watermark) = &subscribed.watermark
            && bound.value.watermark.is_none()
        {
            self.records.note_first_watermark(digest, watermark).await?;
        }
        let expires_at = subscribed.expires_at.filter(|_| bound.value.expires_at.is_some());
        match expires_at {
            Some(at) if bound.value.expires_at != Some(at) => {
                self.note_expiry(bound, at).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Removes what was retired and has ended: by a request, or so long ago that Exchange cannot
    /// call any more.
    async fn without_ended(
        &self,
        scope: &MailboxScope,
        known: Vec<Document<SubscriptionRow>>,
    ) -> Result<Vec<Document<SubscriptionRow>>, StoreError> {
        let now = self.world.now();
        let mut kept = Vec::with_capacity(known.len());
        for found in known {
            let row = &found.value;
            let ended = row.retired
                && match row.expires_at {
                    Some(at) => at <= now || self.end_subscription(scope, row).await?,
                    None => silence(row, now) > heartbeats(row, HEARTBEATS_FORGOTTEN),
                };
            if ended {
                self.records.remove_subscription(row).await?;
            } else {
                kept.push(found);
            }
        }
        Ok(kept)
    }

    /// Retires all but one.
    async fn retire(
        &self,
        known: &[Document<SubscriptionRow>],
        but: Option<&str>,
    ) -> Result<(), StoreError> {
        for found in known {
            let row = &found.value;
            if !row.retired && but != Some(row.key_digest.as_str()) {
                self.records.retire_subscription(&row.key_digest).await?;
            }
        }
        Ok(())
    }

    async fn note_subscribed(&self, scope: &MailboxScope) -> Result<(), StoreError> {
        self.records
            .change_mailbox(scope, |row| {
                row.troubles.retain(|trouble| !is_ours(trouble));
                if row.state == MailboxState::New {
                    row.state = MailboxState::Subscribed;
                }
            })
            .await
            .map(|_| ())
    }

    async fn clear_trouble(&self, scope: &MailboxScope) -> Result<(), StoreError> {
        self.records
            .change_mailbox(scope, |row| row.troubles.retain(|trouble| !is_ours(trouble)))
            .await
            .map(|_| ())
    }

    async fn note_unsubscribed(
        &self,
        scope: &MailboxScope,
        error: &MailboxError,
    ) -> Result<(), StoreError> {
        tracing::warn!(mailbox = %scope.mailbox, code = %error.code, "no push subscription");
        let now = self.world.now();
        self.records
            .change_mailbox(scope, |row| {
                let since = row
                    .troubles
                    .iter()
                    .filter(|trouble| is_ours(trouble))
                    .map(|trouble| trouble.since)
                    .min();
                row.troubles.retain(|trouble| !is_ours(trouble));
                row.troubles.push(Trouble {
                    code: format!("{TROUBLE_PREFIX}{}", error.code),
                    cause: format!(
                        "Exchange does not push changes of this mailbox: {}",
                        error.text
                    ),
                    mend: "Until Exchange pushes, changes are found when the mailbox is swept. \
                           Check that Exchange reaches the callback address and trusts its \
                           certificate, and that the account may open the mailbox; it is tried \
                           again every few minutes."
                        .to_owned(),
                    since: since.unwrap_or(now),
                });
            })
            .await
            .map(|_| ())
    }
}

/// Whether a mailbox shows that it could not be subscribed.
pub(crate) fn has_trouble(row: &MailboxRow) -> bool {
    row.troubles.iter().any(is_ours)
}

/// Whether Exchange is to push what this connection reaches.
pub(crate) fn is_pushing(connection: &ConnectionRow) -> bool {
    connection.enabled && connection.appointments && connection.notifications == Notifications::Push
}

/// Whether Exchange is to push a mailbox of a connection.
fn is_pushed(mailbox: &MailboxRow, connection: &ConnectionRow) -> bool {
    // A subscription opens the mailbox.
    mailbox.enabled && is_pushing(connection) && fence::check(connection, mailbox.state).is_ok()
}

/// The subscription among those that are known that is alive and as it is to be.
fn alive<'a>(
    known: &'a [Document<SubscriptionRow>],
    connection: &ConnectionRow,
    keys: Option<&NotificationKeys>,
    now: Timestamp,
) -> Option<&'a Document<SubscriptionRow>> {
    let wanted = keys.map(NotificationKeys::certificate_id);
    known
        .iter()
        .filter(|found| found.value.connection == connection.id)
        .filter(|found| found.value.certificate_id.as_deref() == wanted)
        .filter(|found| found.value.expires_at.is_some() == expires(connection))
        .filter(|found| is_alive(&found.value, now))
        .max_by_key(|found| (found.value.created_at, &found.value.key_digest))
}

fn is_ours(trouble: &Trouble) -> bool {
    trouble.code.starts_with(TROUBLE_PREFIX)
}

fn is_alive(row: &SubscriptionRow, now: Timestamp) -> bool {
    let quiet = silence(row, now);
    let is_bound = row.subscription_id.is_some() || quiet < BOUND_WITHIN;
    let goes_on = match row.expires_at {
        Some(at) => at > now,
        None => row.renew_at > now && quiet < heartbeats(row, HEARTBEATS_DEAD),
    };
    !row.retired && is_bound && goes_on
}

/// Whether the subscriptions of a connection end by themselves unless they are prolonged.
fn expires(connection: &ConnectionRow) -> bool {
    matches!(connection.protocol, Protocol::Graph(_))
}

/// How long nothing was heard of it.
fn silence(row: &SubscriptionRow, now: Timestamp) -> SignedDuration {
    now.duration_since(row.last_heard.unwrap_or(row.created_at))
}

fn heartbeats(row: &SubscriptionRow, count: i64) -> SignedDuration {
    SignedDuration::from_mins(i64::from(row.status_minutes).saturating_mul(count))
}

fn taken_over() -> MailboxError {
    MailboxError {
        disposition: tidemark_mailbox::Disposition::Reject,
        scope: tidemark_mailbox::Scope::Mailbox,
        code: "taken-over".to_owned(),
        text: "the address that was given to Exchange was called for another subscription"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
