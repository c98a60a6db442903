//! Intake of Graph's change and lifecycle notifications.
//!
//! Whoever calls is anonymous, and one call may hold entries of many subscriptions. An entry counts
//! when its client state is one that we gave out, which is looked up by its digest and compared in
//! constant time, and when its subscription is the one that this state belongs to. Everything else is
//! passed over in silence. What counts is written down before the answer: a change raises the
//! mailbox's mark, a lifecycle event has renewal look at the subscription.
//! Source: learn.microsoft.com/graph, "change-notifications-delivery-webhooks" and
//! "change-notifications-lifecycle-events".

use std::collections::BTreeMap;

use async_trait::async_trait;
use tidemark_graph::notification::{LifecycleEvent, News, Notification, read_notifications};
use tidemark_store::records::Collection;

use crate::subscriptions::Declined;
use crate::{GraphAnswer, GraphIntake, Intake, KEY_CHARACTERS};

/// Which client state with which subscription. The state is a secret: it is not shown.
type Sender = (String, String);

/// What all entries of one sender in one call come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Told {
    /// Something changed, or may have.
    changed: bool,
    /// Renewal is to look at the subscription.
    look: bool,
    /// The subscription is no more.
    gone: bool,
}

impl Told {
    fn add(&mut self, news: &News) {
        match news {
            News::Change(_) => self.changed = true,
            News::Lifecycle(event) => {
                self.changed |=
                    matches!(event, LifecycleEvent::Missed | LifecycleEvent::SubscriptionRemoved);
                self.look |= *event != LifecycleEvent::Missed;
                self.gone |= *event == LifecycleEvent::SubscriptionRemoved;
            }
        }
    }
}

#[async_trait]
impl GraphIntake for Intake {
    async fn graph_push(&self, body: &[u8]) -> GraphAnswer {
        let Ok(post) = read_notifications(body) else {
            return GraphAnswer::Refused;
        };
        if post.overflows {
            tracing::warn!("a Graph notification has too many entries: the sweep finds the rest");
        }
        let count = post.entries.len();
        let senders = by_sender(post.entries.into_iter().flatten());
        let (mut taken, mut failed) = (0_usize, None);
        for ((client_state, subscription), told) in &senders {
            match self.take_told(client_state, subscription, *told).await {
                Ok(()) => taken += 1,
                // Others of the same call are written down all the same; repeated, they do no harm.
                Err(Declined::Failed(error)) => failed = Some(error),
                Err(Declined::Unknown | Declined::Refused | Declined::Retired) => {}
            }
        }
        tracing::info!(entries = count, senders = senders.len(), taken, "Graph notification read");
        match failed {
            Some(error) => {
                tracing::warn!(%error, "a Graph notification could not be written down");
                GraphAnswer::Failed
            }
            None => GraphAnswer::Taken,
        }
    }
}

/// What was told, by who told it. Entries without a client state of our own form are nobody's.
fn by_sender(entries: impl Iterator<Item = Notification>) -> BTreeMap<Sender, Told> {
    let mut senders = BTreeMap::<Sender, Told>::new();
    for entry in entries {
        let Some(client_state) = &entry.client_state else { continue };
        if client_state.as_str().len() == KEY_CHARACTERS {
            let sender = (client_state.as_str().to_owned(), entry.subscription_id);
            senders.entry(sender).or_default().add(&entry.news);
        }
    }
    senders
}

impl Intake {
    async fn take_told(
        &self,
        client_state: &str,
        subscription: &str,
        told: Told,
    ) -> Result<(), Declined> {
        let found = self.subscription_of_key(client_state).await?;
        if found.value.retired {
            return Err(Declined::Retired);
        }
        // The first notification may be faster than the answer that names the subscription.
        let bound = self.records.bind_subscription(&found.value.key_digest, subscription).await?;
        if told.changed {
            self.raise(&bound.value.scope(), &Collection::calendar()).await?;
        }
        let now = self.world.now();
        self.note_heard(&bound.value, None, now).await?;
        if !told.look {
            return Ok(());
        }
        let digest = &bound.value.key_digest;
        self.change_subscription(digest, |row| {
            row.renew_at = row.renew_at.min(now);
            if told.gone {
                row.expires_at = row.expires_at.map(|at| at.min(now));
            }
        })
        .await
    }
}
