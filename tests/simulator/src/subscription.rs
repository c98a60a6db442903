//! Who listens to which folders, and what each has not heard yet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::random::Random;
use crate::store::{ChangeNumber, FolderNumber, Happening, MailboxNumber, StoreEvent};

/// First wait before a callback is sent again (exchange-ews.md 4.2).
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(30);
/// Most events of one notification (exchange-ews.md 4.3).
pub(crate) const EVENTS_MAX: usize = 50;
/// Most events that are kept for one listener.
const PENDING_MAX: usize = 10_000;

/// How a listener hears.
#[derive(Clone)]
pub(crate) enum Channel {
    /// The server calls.
    Push {
        /// Where.
        url: String,
        /// Heartbeat period and budget of retries.
        status_every: SignedDuration,
        /// State of the calls.
        calls: Calls,
    },
    /// The client asks.
    Pull {
        /// How long the subscription lives without being asked.
        timeout: SignedDuration,
        /// When it was last asked.
        asked: Timestamp,
    },
    /// A connection stays open. Accepted, not served yet.
    Streaming,
}

/// The calls of a push subscription.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    /// When the next heartbeat is due; none before the first call.
    pub(crate) next_status: Option<Timestamp>,
    /// The call that has no good answer yet.
    pub(crate) open: Option<OpenCall>,
}

/// A call without a good answer.
#[derive(Clone)]
pub(crate) struct OpenCall {
    /// Number of this attempt.
    pub(crate) id: u64,
    /// What is sent, the same in each attempt.
    pub(crate) body: String,
    /// Whether it is on its way now.
    pub(crate) on_its_way: bool,
    /// When it is sent next.
    pub(crate) next: Timestamp,
    /// The wait after the next failure.
    pub(crate) wait: SignedDuration,
}

/// One listener.
pub(crate) struct Subscription {
    /// Its id on the wire.
    pub(crate) id: String,
    /// Who subscribed; only that account may ask or end it.
    pub(crate) owner: MailboxNumber,
    /// To whose mailbox.
    pub(crate) mailbox: MailboxNumber,
    /// To which folders; none means all.
    pub(crate) folders: Option<BTreeSet<FolderNumber>>,
    /// Exchange's words of the events.
    pub(crate) types: BTreeSet<String>,
    /// How.
    pub(crate) channel: Channel,
    /// What it has not heard.
    pub(crate) pending: Vec<StoreEvent>,
    /// The last watermark that was given.
    pub(crate) watermark: (ChangeNumber, u64),
}

impl Subscription {
    /// The next watermark, after one more event.
    pub(crate) fn step(&mut self, change: ChangeNumber) -> (ChangeNumber, u64) {
        self.watermark = (change, self.watermark.1.saturating_add(1));
        self.watermark
    }

    fn hears(&self, event: &StoreEvent) -> bool {
        let here = |folder| self.folders.as_ref().is_none_or(|folders| folders.contains(&folder));
        let word = match event.what {
            Happening::Created(_) => "CreatedEvent",
            Happening::Modified(_) | Happening::FolderModified => "ModifiedEvent",
            Happening::Deleted(_) => "DeletedEvent",
            Happening::Moved { .. } => "MovedEvent",
            Happening::Copied { .. } => "CopiedEvent",
            Happening::NewMail(_) => "NewMailEvent",
            Happening::FreeBusyChanged(_) => "FreeBusyChangedEvent",
        };
        let place = match event.what {
            Happening::Moved { old_folder, .. } => here(event.folder) || here(old_folder),
            _ => here(event.folder),
        };
        self.mailbox == event.mailbox && place && self.types.contains(word)
    }

    /// Adds an event; a change of something that is pending already replaces it.
    fn push(&mut self, event: StoreEvent) {
        if matches!(event.what, Happening::Modified(_) | Happening::FolderModified) {
            self.pending.retain(|old| (old.what, old.folder) != (event.what, event.folder));
        }
        if self.pending.len() < PENDING_MAX {
            self.pending.push(event);
        }
    }
}

/// All listeners.
pub(crate) struct Subscriptions {
    list: BTreeMap<u64, Subscription>,
    next: u64,
    next_call: u64,
    random: Random,
}

impl Subscriptions {
    /// Nobody; `seed` is where ids start.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            list: BTreeMap::new(),
            next: 1,
            next_call: 1,
            random: Random::new(seed ^ 0x5ca1_ab1e),
        }
    }

    /// Adds a listener; gives its id.
    pub(crate) fn add(
        &mut self,
        owner: MailboxNumber,
        mailbox: MailboxNumber,
        folders: Option<BTreeSet<FolderNumber>>,
        types: BTreeSet<String>,
        channel: Channel,
        since: ChangeNumber,
    ) -> String {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let id = crate::ews::subscription_id(number, self.random.next());
        self.list.insert(
            number,
            Subscription {
                id: id.clone(),
                owner,
                mailbox,
                folders,
                types,
                channel,
                pending: Vec::new(),
                watermark: (since, 0),
            },
        );
        id
    }

    /// All listeners, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.list.values()
    }

    /// A listener by its id.
    pub(crate) fn find(&mut self, id: &str) -> Option<&mut Subscription> {
        self.list.values_mut().find(|one| one.id == id)
    }

    /// Ends a subscription; says whether there was one.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|_, one| one.id != id);
        before != self.list.len()
    }

    /// Forgets the oldest push subscription, as a server does that restarts.
    pub(crate) fn lose_one(&mut self, choice: u64) {
        let count = u64::try_from(self.list.len()).unwrap_or(0);
        let at = choice.checked_rem(count).and_then(|at| usize::try_from(at).ok());
        let number = at.and_then(|at| self.list.keys().nth(at).copied());
        if let Some(number) = number {
            self.list.remove(&number);
        }
    }

    /// Ends all subscriptions to a mailbox.
    pub(crate) fn end_all_of(&mut self, mailbox: MailboxNumber) {
        self.list.retain(|_, one| one.mailbox != mailbox);
    }

    /// Tells every listener what happened.
    pub(crate) fn tell(&mut self, events: &[StoreEvent]) {
        for one in self.list.values_mut() {
            for event in events {
                if one.hears(event) {
                    one.push(*event);
                }
            }
        }
    }

    /// Drops pull subscriptions that nobody asked for too long.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.list.retain(|_, one| match &one.channel {
            Channel::Pull { timeout, asked } => asked.duration_until(now) <= *timeout,
            Channel::Push { .. } | Channel::Streaming => true,
        });
    }

    /// When a call is due next.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.list.values().filter_map(|one| due(one, now)).min()
    }

    /// Numbers of the push subscriptions whose call is due, for [`Subscriptions::call`].
    pub(crate) fn due(&self, now: Timestamp) -> Vec<u64> {
        self.list
            .iter()
            .filter(|(_, one)| due(one, now).is_some_and(|at| at <= now))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Opens the call of a push subscription, with a body made from what it has not heard; gives
    /// its id, URL and body.
    pub(crate) fn call(
        &mut self,
        number: u64,
        now: Timestamp,
        body: impl FnOnce(&mut Subscription, Vec<StoreEvent>, bool) -> String,
    ) -> Option<(u64, String, String)> {
        let id = self.next_call;
        let one = self.list.get_mut(&number)?;
        let reopened = match &one.channel {
            Channel::Push { calls, .. } => calls.open.is_some(),
            Channel::Pull { .. } | Channel::Streaming => return None,
        };
        let fresh = if reopened {
            None
        } else {
            let rest = one.pending.split_off(one.pending.len().min(EVENTS_MAX));
            let events = std::mem::replace(&mut one.pending, rest);
            let more = !one.pending.is_empty();
            Some(body(one, events, more))
        };
        let Channel::Push { url, calls, .. } = &mut one.channel else {
            return None;
        };
        if let Some(body) = fresh {
            calls.open =
                Some(OpenCall { id, body, on_its_way: false, next: now, wait: RETRY_FIRST });
        }
        let open = calls.open.as_mut()?;
        open.id = id;
        open.on_its_way = true;
        self.next_call = self.next_call.saturating_add(1);
        Some((id, url.clone(), open.body.clone()))
    }

    /// Takes the answer to a call: good, asking to end, or none.
    pub(crate) fn answered(&mut self, call: u64, answer: CallAnswer, now: Timestamp) {
        let Some((number, one)) =
            self.list.iter_mut().find(|(_, one)| open_call(one) == Some(call))
        else {
            return;
        };
        let number = *number;
        let Channel::Push { status_every, calls, .. } = &mut one.channel else {
            return;
        };
        let gone = match answer {
            CallAnswer::Ok => {
                calls.open = None;
                calls.next_status = now.checked_add(*status_every).ok();
                false
            }
            CallAnswer::Unsubscribe => true,
            CallAnswer::Failed => match &mut calls.open {
                // A wait as long as the heartbeat period is no longer within it.
                Some(open) if open.wait < *status_every => {
                    open.on_its_way = false;
                    open.next = now.saturating_add(open.wait).unwrap_or(now);
                    open.wait = open.wait.saturating_mul(2);
                    false
                }
                Some(_) | None => true,
            },
        };
        if gone {
            self.list.remove(&number);
        }
    }
}

/// What a listener's server said to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallAnswer {
    /// It took the notification.
    Ok,
    /// It wants no more.
    Unsubscribe,
    /// It failed, or said something else.
    Failed,
}

fn open_call(one: &Subscription) -> Option<u64> {
    match &one.channel {
        Channel::Push { calls, .. } => calls.open.as_ref().map(|open| open.id),
        Channel::Pull { .. } | Channel::Streaming => None,
    }
}

fn due(one: &Subscription, now: Timestamp) -> Option<Timestamp> {
    let Channel::Push { calls, .. } = &one.channel else {
        return None;
    };
    match (&calls.open, calls.next_status) {
        (Some(open), _) if open.on_its_way => None,
        (Some(open), _) => Some(open.next),
        (None, None) => Some(now),
        (None, Some(_)) if !one.pending.is_empty() => Some(now),
        (None, Some(status)) => Some(status),
    }
}
