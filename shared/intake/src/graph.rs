//! Intake of Graph's change and lifecycle notifications.
//!
//! Whoever calls is anonymous, and one call may hold entries of many subscriptions. An entry counts
//! when its client state is one that we gave out, which is looked up by its digest and compared in
//! constant time, and when its subscription is the one that this state belongs to. A change of a
//! subscription with content counts only if the call proves besides that Microsoft made it, and if its
//! content opens. Everything else is refused in silence: it is counted, and answered like what counts.
//! The same call once more is refused too; [`replay`] has what that means for each kind of entry.
//!
//! Whoever has no client state of ours learns nothing from the time that an answer takes: whatever else
//! is wrong with his entries, each of his states costs one look that finds nothing.
//!
//! What counts is written down before the answer: a change raises the mailbox's mark unless it is known
//! already (`graph/echo.rs`), a lifecycle event has renewal look at the subscription. Content is a hint
//! like the rest: the run reads the item and would find our own write equal to its base anyway.
//! Source: learn.microsoft.com/graph, "change-notifications-delivery-webhooks",
//! "change-notifications-lifecycle-events" and "change-notifications-with-resource-data".

mod echo;
mod replay;
mod rich;

use std::collections::BTreeMap;

use async_trait::async_trait;
use tidemark_graph::notification::{
    ItemNews, LifecycleEvent, News, Notification, read_notifications,
};
use tidemark_store::StoreError;
use tidemark_store::records::{Collection, Document, Hint, SubscriptionRow};

use self::replay::{Call, Life};
use crate::subscriptions::Declined;
use crate::{GraphAnswer, GraphIntake, GraphReceipt, Intake, KEY_CHARACTERS};

/// Which client state with which subscription. The state is a secret: it is not shown.
type Sender = (String, String);

/// What the entries of one sender in one call say.
#[derive(Default)]
struct Said {
    changes: Vec<Change>,
    events: Vec<Life>,
}

/// A change, with the tenant that it is said to be of.
struct Change {
    tenant: Option<String>,
    news: ItemNews,
}

/// A sender that we know.
struct Known {
    row: Document<SubscriptionRow>,
    subscription: String,
    said: Said,
}

/// What all that counts of a sender comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Told {
    /// Something changed, or may have.
    changed: bool,
    /// Renewal is to look at the subscription.
    look: bool,
    /// The subscription is no more.
    gone: bool,
    /// Notifications did not come, or may not have.
    lost: bool,
}

impl Said {
    fn len(&self) -> usize {
        self.changes.len().saturating_add(self.events.len())
    }

    /// Which items that is about. What a change names is all that leads to an item whose changes the
    /// run is not told of; where notifications were lost, so were names.
    fn hint(&self) -> Hint {
        let items = self.changes.iter().filter_map(|change| change.news.item.clone()).collect();
        let is_nameless = self.changes.iter().any(|change| change.news.item.is_none());
        Hint { items, incomplete: is_nameless || self.told().lost }
    }

    fn told(&self) -> Told {
        use LifecycleEvent::{Missed, SubscriptionRemoved};
        let any =
            |wanted: &[LifecycleEvent]| self.events.iter().any(|it| wanted.contains(&it.event));
        Told {
            changed: !self.changes.is_empty() || any(&[Missed, SubscriptionRemoved]),
            look: self.events.iter().any(|it| it.event != Missed),
            gone: any(&[SubscriptionRemoved]),
            lost: any(&[Missed, SubscriptionRemoved]),
        }
    }
}

#[async_trait]
impl GraphIntake for Intake {
    async fn graph_push(&self, body: &[u8]) -> GraphReceipt {
        let Ok(post) = read_notifications(body) else {
            return GraphReceipt { answer: GraphAnswer::Refused, entries: 0, taken: 0, refused: 1 };
        };
        if post.overflows {
            tracing::warn!("a Graph notification has too many entries: the sweep finds the rest");
        }
        let entries = post.entries.len();
        let call = Call::of(&post.entries);
        let tokens: Vec<String> =
            post.validation_tokens.iter().map(|token| token.as_str().to_owned()).collect();
        let senders = by_sender(post.entries.into_iter().flatten());
        match self.take_call(senders, &tokens, call).await {
            Ok(taken) => {
                let refused = entries.saturating_sub(taken);
                GraphReceipt { answer: GraphAnswer::Taken, entries, taken, refused }
            }
            Err(error) => {
                tracing::warn!(%error, "a Graph notification could not be written down");
                GraphReceipt { answer: GraphAnswer::Failed, entries, taken: 0, refused: 0 }
            }
        }
    }
}

/// How many entries there are of all of them.
fn count(known: &[Known]) -> usize {
    known.iter().map(|sender| sender.said.len()).sum()
}

/// What was said, by who said it. Entries without a client state of our own form are nobody's.
fn by_sender(entries: impl Iterator<Item = Notification>) -> BTreeMap<Sender, Said> {
    let mut senders = BTreeMap::<Sender, Said>::new();
    for entry in entries {
        let Some(client_state) = &entry.client_state else { continue };
        if client_state.as_str().len() != KEY_CHARACTERS {
            continue;
        }
        let sender = (client_state.as_str().to_owned(), entry.subscription_id);
        let said = senders.entry(sender).or_default();
        match entry.news {
            News::Change(news) => said.changes.push(Change { tenant: entry.tenant_id, news }),
            News::Lifecycle(event) => said.events.push(Life { event, ends: entry.expires_at }),
        }
    }
    senders
}

impl Intake {
    /// Writes down what counts of a call; how many entries that were.
    async fn take_call(
        &self,
        senders: BTreeMap<Sender, Said>,
        tokens: &[String],
        call: Option<Call>,
    ) -> Result<usize, StoreError> {
        let mut known = Vec::new();
        for ((client_state, subscription), said) in senders {
            match self.subscription_of_key(&client_state).await {
                Ok(row) if !row.value.retired => known.push(Known { row, subscription, said }),
                Err(Declined::Failed(error)) => return Err(error),
                Ok(_) | Err(Declined::Unknown | Declined::Refused | Declined::Retired) => {}
            }
        }
        let now = self.world.now();
        if known.is_empty() {
            return Ok(0);
        }
        if let Some(call) = &call
            && self.records.is_known_call(call.digested(), now).await?
        {
            return Ok(0);
        }
        let said = count(&known);
        for sender in &mut known {
            let row = &sender.row.value;
            sender.said.events.retain(|event| !event.is_over(row, now));
        }
        self.keep_proven(&mut known, tokens).await?;
        let (mut taken, mut is_news, mut failed) = (0_usize, false, None);
        for sender in known.iter().filter(|sender| sender.said.len() > 0) {
            match self.take_told(sender).await {
                Ok(noted) => {
                    taken = taken.saturating_add(sender.said.len());
                    is_news |= noted;
                }
                // Others of the same call are written down all the same; repeated, they do no harm.
                Err(Declined::Failed(error)) => failed = Some(error),
                Err(Declined::Unknown | Declined::Refused | Declined::Retired) => {}
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // What was known already will be known again. With a part that was refused it may be somebody
        // else's twin of a call that is still to come.
        if let Some(call) = call.filter(|_| is_news && taken == said) {
            self.records.remember_call(call.digested(), call.known_until(now)).await?;
        }
        Ok(taken)
    }

    /// Writes down what a sender says; whether any of it was news.
    async fn take_told(&self, sender: &Known) -> Result<bool, Declined> {
        let told = sender.said.told();
        let digest = &sender.row.value.key_digest;
        // The first notification may be faster than the answer that names the subscription.
        let bound = self.records.bind_subscription(digest, &sender.subscription).await?;
        let is_news = told.changed && !self.is_known(&bound.value.scope(), &sender.said).await?;
        if is_news {
            let hint = sender.said.hint();
            self.raise_about(&bound.value.scope(), &Collection::calendar(), &hint).await?;
        }
        let now = self.world.now();
        self.note_heard(&bound.value, None, now).await?;
        if !told.look {
            return Ok(is_news);
        }
        self.change_subscription(digest, |row| {
            row.renew_at = row.renew_at.min(now);
            if told.gone {
                row.expires_at = row.expires_at.map(|at| at.min(now));
            }
        })
        .await?;
        self.records.watch(&bound.value.scope()).await?;
        Ok(true)
    }
}
