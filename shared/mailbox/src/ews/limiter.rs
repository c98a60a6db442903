//! How many requests may be under way, and when none may.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tidemark_transport::Clock;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::Scope;

/// Requests in flight per mailbox. EWS allows 27 by default (EWSMaxConcurrency), which the user's
/// own Outlook and phone share with us.
pub const REQUESTS_PER_MAILBOX_MAX: usize = 3;

/// Longest wait that a server can impose. It may say more; then it is asked again after this.
pub const BACK_OFF_MAX: Duration = Duration::from_hours(1);

/// A moment before which nothing is sent.
#[derive(Debug, Default)]
struct BackOff(Mutex<Option<Timestamp>>);

impl BackOff {
    fn lock(&self) -> MutexGuard<'_, Option<Timestamp>> {
        // The value is replaced in one step, so a panic elsewhere cannot have left half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it still lasts.
    fn remaining(&self, now: Timestamp) -> Option<Duration> {
        let until = (*self.lock())?;
        Duration::try_from(until.duration_since(now)).ok().filter(|left| !left.is_zero())
    }

    /// Lasts at least `wait` from `now`; a longer one that stands is kept.
    fn extend(&self, now: Timestamp, wait: Duration) {
        let until = now.saturating_add(wait.min(BACK_OFF_MAX)).unwrap_or(now);
        let mut stands = self.lock();
        *stands = Some(stands.map_or(until, |earlier| earlier.max(until)));
    }
}

/// Nothing may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Whom the server told to wait.
    pub(crate) scope: Scope,
    /// How long that still lasts.
    pub(crate) remaining: Duration,
}

/// Limits of one server and account, and of all mailboxes behind it.
#[derive(Debug, Default)]
pub struct ConnectionLimiter {
    back_off: Arc<BackOff>,
    mailboxes: Mutex<Mailboxes>,
}

#[derive(Debug, Default)]
struct Mailboxes {
    by_key: HashMap<String, Arc<RequestLimiter>>,
    tidy_at: usize,
}

impl ConnectionLimiter {
    /// Limits without a memory.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The limits of a mailbox: the same ones for everybody who asks with the same key, so that a
    /// sync run, a preflight and a look-up of content together stay within them.
    pub fn mailbox(&self, key: &str, now: Timestamp) -> Arc<RequestLimiter> {
        /// Below this, forgetting is not worth the walk.
        const TIDY_MIN: usize = 64;
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if mailboxes.by_key.len() >= mailboxes.tidy_at.max(TIDY_MIN) {
            mailboxes.by_key.retain(|_, limiter| {
                Arc::strong_count(limiter) > 1 || limiter.back_off.remaining(now).is_some()
            });
            mailboxes.tidy_at = mailboxes.by_key.len().saturating_mul(2);
        }
        let limiter = mailboxes
            .by_key
            .entry(key.to_owned())
            .or_insert_with(|| Arc::new(RequestLimiter::new(Arc::clone(&self.back_off))));
        Arc::clone(limiter)
    }
}

/// Limits of one mailbox.
#[derive(Debug)]
pub struct RequestLimiter {
    slots: Semaphore,
    back_off: BackOff,
    connection: Arc<BackOff>,
}

impl RequestLimiter {
    fn new(connection: Arc<BackOff>) -> Self {
        Self {
            slots: Semaphore::new(REQUESTS_PER_MAILBOX_MAX),
            back_off: BackOff::default(),
            connection,
        }
    }

    /// Waits for a slot; refuses at once while the server wants to be left alone, since sending
    /// into a back-off prolongs it.
    pub(crate) async fn enter(&self, clock: &dyn Clock) -> Result<SemaphorePermit<'_>, Waiting> {
        self.check(clock.now())?;
        let Ok(slot) = self.slots.acquire().await else {
            // Nobody closes the semaphore; were it closed, waiting is the harmless answer.
            return Err(Waiting { scope: Scope::Mailbox, remaining: Duration::from_secs(1) });
        };
        // One of those that were under way may have been told to wait.
        self.check(clock.now())?;
        Ok(slot)
    }

    /// Refuses while the server wants to be left alone.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Waiting> {
        let of = |scope, back_off: &BackOff| {
            back_off.remaining(now).map(|remaining| Waiting { scope, remaining })
        };
        let connection = of(Scope::Connection, &self.connection);
        match connection.or_else(|| of(Scope::Mailbox, &self.back_off)) {
            Some(waiting) => Err(waiting),
            None => Ok(()),
        }
    }

    /// Remembers that the server asked to be left alone.
    pub(crate) fn back_off(&self, scope: Scope, now: Timestamp, wait: Duration) {
        match scope {
            Scope::Connection => self.connection.extend(now, wait),
            Scope::Mailbox | Scope::Item => self.back_off.extend(now, wait),
        }
    }
}

#[cfg(test)]
mod tests;
