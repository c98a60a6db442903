//! The same call, or the same event, once more.
//!
//! Graph delivers at least once: what it did not see answered in time it posts again for up to four
//! hours, and a post with content then carries new validation tokens. So two calls are the same when
//! their entries say the same, whatever else they carry and in which order. Of all of Graph's entries
//! only those of changes have an id or a version that comes once. What follows from the pages:
//!
//! - A change: the same call again within a day is refused. An entry that comes again in other company
//!   costs a raised mark; while a run is on its way that makes no further one.
//! - `reauthorizationRequired`: refused when the subscription was prolonged since, which shows in
//!   the end that the event names. Before, it is one look of renewal's, however often it comes.
//! - `subscriptionRemoved`: refused when the subscription counts as gone already. That its successor is
//!   another one, with another client state, ends it for good.
//! - `missed`: nothing in it tells two apart, and a second loss may follow the first at once. It is
//!   never refused: repeated, it costs a run at most.
//! - A validation token: the pages do not say that it comes once, and one proves every call for its
//!   application and tenant while it lives, an hour or a day. It is therefore not refused for being
//!   known. It adds to the client state and takes its place nowhere.
//!
//! Source: learn.microsoft.com/graph, "change-notifications-delivery-webhooks",
//! "change-notifications-lifecycle-events" and "change-notifications-with-resource-data".

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidemark_graph::Unreadable;
use tidemark_graph::notification::{ItemNews, LifecycleEvent, News, Notification, Token};
use tidemark_store::records::SubscriptionRow;

/// How long a call that brings changes alone is remembered. Graph tries again for four hours, and the
/// tokens that prove a call hold for a day at most.
const CHANGES_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long a call with events is remembered: while Graph is likely to repeat it. After that the state
/// of the subscription tells whether it is over.
const EVENTS_KEPT: SignedDuration = SignedDuration::from_mins(10);
/// By how much the end that an event names and the one that we were told may differ.
const END_SLACK: SignedDuration = SignedDuration::from_mins(1);

/// An event in the life of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) event: LifecycleEvent,
    /// When the subscription was to end as the event was told.
    pub(super) ends: Option<Timestamp>,
}

impl Life {
    /// Whether what it asks for was done before.
    pub(super) fn is_over(self, row: &SubscriptionRow, now: Timestamp) -> bool {
        match (self.event, row.expires_at) {
            (LifecycleEvent::SubscriptionRemoved, Some(known)) => known <= now,
            (
                LifecycleEvent::ReauthorizationRequired | LifecycleEvent::Unrecognised,
                Some(known),
            ) => self.ends.is_some_and(|told| known.duration_since(told) > END_SLACK),
            (LifecycleEvent::Missed, _) | (_, None) => false,
        }
    }
}

/// What a call says, in a form that is the same for the same call. It holds secrets: it is digested
/// and never shown.
pub(super) struct Call {
    said: String,
    has_events: bool,
}

impl Call {
    /// None where an entry has nothing that comes once.
    pub(super) fn of(entries: &[Result<Notification, Unreadable>]) -> Option<Self> {
        let mut said = Vec::new();
        let mut has_events = false;
        for entry in entries.iter().flatten() {
            has_events |= matches!(entry.news, News::Lifecycle(_));
            said.push(said_by(entry)?.to_string());
        }
        said.sort_unstable();
        said.dedup();
        Some(Self { said: said.join("\n"), has_events })
    }

    pub(super) fn digested(&self) -> &[u8] {
        self.said.as_bytes()
    }

    /// Until when the same again is refused.
    pub(super) fn known_until(&self, now: Timestamp) -> Timestamp {
        let kept = if self.has_events { EVENTS_KEPT } else { CHANGES_KEPT };
        now.saturating_add(kept).unwrap_or(Timestamp::MAX)
    }
}

fn said_by(entry: &Notification) -> Option<Value> {
    let state = entry.client_state.as_ref().map(Token::as_str);
    let what = match &entry.news {
        News::Change(news) => said_of_item(entry.id.as_deref(), news)?,
        News::Lifecycle(LifecycleEvent::Missed) => return None,
        News::Lifecycle(event) => {
            json!([format!("{event:?}"), entry.expires_at.map(|at| at.to_string())])
        }
    };
    Some(json!([entry.subscription_id, state, entry.tenant_id, what]))
}

/// Its id, its version and its content come once each, as far as an entry has them.
fn said_of_item(id: Option<&str>, news: &ItemNews) -> Option<Value> {
    let content = news.content.as_ref().map(|content| &content.data_signature);
    let tells_itself_apart = id.is_some() || news.etag.is_some() || content.is_some();
    tells_itself_apart
        .then(|| json!([id, format!("{:?}", news.change), news.item, news.etag, content]))
}

#[cfg(test)]
mod tests;
