//! The lease: one run per mailbox, fenced by an epoch that every transaction requires.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Records;
use super::ids::MailboxScope;
use super::keys;
use super::ledger::Standing;
use super::marks::{ATTEMPTS_MAX, Marks, StartedAt, ignore_condition, starting, unmoved};
use super::row::{Row, number};
use crate::table::{Condition, Item, StoreError, UpdateAction, Value};

pub(crate) const EPOCH: &str = "epoch";
pub(crate) const LEASE_UNTIL: &str = "lease_until";
const LEASE_OWNER: &str = "lease_owner";
/// Written by every commit, on the condition that it is the one before.
pub(crate) const TOKEN: &str = "commit";

/// Leave to sync a mailbox. Clones are the same lease.
#[derive(Debug, Clone)]
pub struct Lease {
    epoch: u64,
    until: Timestamp,
    owner: String,
    standing: Arc<Mutex<Standing>>,
}

impl PartialEq for Lease {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, self.until, &self.owner) == (other.epoch, other.until, &other.owner)
    }
}

impl Eq for Lease {}

impl Lease {
    /// Which lease of the mailbox it is; a later one has a higher number.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When it ends.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// What the last commit left that is known under it.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stand_on(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

/// Why a lease was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeaseHeld {
    /// Somebody else has it.
    #[error("another run holds the mailbox until {until}")]
    Held {
        /// When it ends.
        until: Timestamp,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why something under a lease did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeaseLost {
    /// Somebody else has the mailbox now.
    #[error("another run took the mailbox over")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Requires that nobody took the mailbox over.
pub(crate) fn epoch_is(lease: &Lease) -> Condition {
    Condition::Equals(EPOCH.to_owned(), number(lease.epoch))
}

impl Records {
    /// Takes the lease of a mailbox unless somebody holds it. `owner` names this run and no other.
    ///
    /// # Errors
    /// [`LeaseHeld`].
    pub async fn take_lease(
        &self,
        scope: &MailboxScope,
        owner: &str,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<Lease, LeaseHeld> {
        let until = ends(now, ttl);
        let free = Condition::Any(vec![
            Condition::Lacks(LEASE_UNTIL.to_owned()),
            Condition::AtMost(LEASE_UNTIL.to_owned(), Value::Number(now.as_millisecond())),
        ]);
        let actions = vec![
            UpdateAction::Add(EPOCH.to_owned(), 1),
            UpdateAction::Set(LEASE_OWNER.to_owned(), Value::Text(owner.to_owned())),
            UpdateAction::Set(LEASE_UNTIL.to_owned(), Value::Number(until.as_millisecond())),
        ];
        match self.update(keys::state(scope), actions, Some(free)).await {
            Ok(item) => match read_lease(item.as_ref(), owner)? {
                Some(lease) => Ok(lease),
                None => Err(StoreError::Corrupt("a lease that was taken is not there").into()),
            },
            Err(StoreError::ConditionFailed { existing, .. }) => {
                held_or_ours(existing.as_deref(), owner, now)
            }
            // It may have happened: what stands there tells.
            Err(StoreError::Unavailable(why)) => {
                let item = self.table.get(&keys::state(scope)).await?;
                read_lease(item.as_ref(), owner)?.ok_or_else(|| StoreError::Unavailable(why).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the lease of a mailbox unless somebody holds it, and takes up all hints so far
    /// ([`Records::start`]), both in one update. `owner` names this run and no other.
    ///
    /// # Errors
    /// [`LeaseHeld`].
    pub async fn begin_run(
        &self,
        scope: &MailboxScope,
        owner: &str,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<(Lease, StartedAt), LeaseHeld> {
        let until = ends(now, ttl);
        let key = keys::state(scope);
        let mut seen = self.table.get(&key).await?;
        for _ in 0..ATTEMPTS_MAX {
            let marks = Marks::read(seen.as_ref())?;
            if let Some(until) = marks.lease_until.filter(|until| *until > now) {
                return Err(LeaseHeld::Held { until });
            }
            let epoch = marks.epoch.saturating_add(1);
            let mut actions = starting(scope, &marks, now);
            actions.extend([
                UpdateAction::Set(EPOCH.to_owned(), number(epoch)),
                UpdateAction::Set(LEASE_OWNER.to_owned(), Value::Text(owner.to_owned())),
                UpdateAction::Set(LEASE_UNTIL.to_owned(), Value::Number(until.as_millisecond())),
            ]);
            let condition = Condition::All(vec![
                Condition::Any(vec![
                    Condition::Lacks(LEASE_UNTIL.to_owned()),
                    Condition::AtMost(LEASE_UNTIL.to_owned(), Value::Number(now.as_millisecond())),
                ]),
                same_epoch(marks.epoch),
                unmoved(&marks),
            ]);
            let found = match self.update(key.clone(), actions, Some(condition)).await {
                Ok(item) => item,
                Err(StoreError::ConditionFailed { existing, .. }) => existing.map(|item| *item),
                // It may have happened: what stands there tells.
                Err(StoreError::Unavailable(why)) => {
                    let item = self.table.get(&key).await?;
                    if read_lease(item.as_ref(), owner)?.is_none() {
                        return Err(StoreError::Unavailable(why).into());
                    }
                    item
                }
                Err(error) => return Err(error.into()),
            };
            // A condition can fail on our own first attempt, whose answer got lost.
            if let Some(lease) = read_lease(found.as_ref(), owner)? {
                let after = Marks::read(found.as_ref())?;
                let started = self.started(scope, &marks, after, now).await?;
                return Ok((lease, started));
            }
            seen = found;
        }
        Err(StoreError::Conflict.into())
    }

    /// Makes a lease end later.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub async fn renew_lease(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<Lease, LeaseLost> {
        let until = ends(now, ttl);
        let actions =
            vec![UpdateAction::Set(LEASE_UNTIL.to_owned(), Value::Number(until.as_millisecond()))];
        let condition = Condition::All(vec![epoch_is(lease), owner_is(lease)]);
        match ignore_condition(self.update(keys::state(scope), actions, Some(condition)).await)? {
            Some(_) => Ok(Lease { until, ..lease.clone() }),
            None => Err(LeaseLost::Lost),
        }
    }

    /// Gives a lease back. One that somebody else holds by now is left alone. A run that does not
    /// know what became of a write must not call this: its successor has to wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_lease(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        let mut actions = releasing().to_vec();
        let usage = self.take_usage();
        actions.extend(usage.adding());
        let condition = Condition::All(vec![epoch_is(lease), owner_is(lease)]);
        if ignore_condition(self.update(keys::state(scope), actions, Some(condition)).await)?
            .is_none()
        {
            // Whoever holds it now writes this down as well.
            self.meter(usage);
        }
        Ok(())
    }
}

/// Requires that no lease was taken since that epoch.
fn same_epoch(epoch: u64) -> Condition {
    let equal = Condition::Equals(EPOCH.to_owned(), number(epoch));
    if epoch > 0 {
        return equal;
    }
    Condition::Any(vec![Condition::Lacks(EPOCH.to_owned()), equal])
}

/// What gives a lease back.
pub(crate) fn releasing() -> [UpdateAction; 2] {
    [LEASE_UNTIL, LEASE_OWNER].map(|name| UpdateAction::Remove(name.to_owned()))
}

fn owner_is(lease: &Lease) -> Condition {
    Condition::Equals(LEASE_OWNER.to_owned(), Value::Text(lease.owner.clone()))
}

fn ends(now: Timestamp, ttl: SignedDuration) -> Timestamp {
    let until = now.saturating_add(ttl).unwrap_or(Timestamp::MAX);
    // The table holds milliseconds: what the lease says must not outlive what is stored.
    Timestamp::from_millisecond(until.as_millisecond()).unwrap_or(until)
}

/// A condition can fail on our own first attempt, whose answer got lost.
fn held_or_ours(existing: Option<&Item>, owner: &str, now: Timestamp) -> Result<Lease, LeaseHeld> {
    if let Some(lease) = read_lease(existing, owner)? {
        return Ok(lease);
    }
    let until = Marks::read(existing)?.lease_until.unwrap_or(now);
    Err(LeaseHeld::Held { until })
}

fn read_lease(item: Option<&Item>, owner: &str) -> Result<Option<Lease>, StoreError> {
    let Some(item) = item else {
        return Ok(None);
    };
    let row = Row::new(item)?;
    let holder = row.optional_text(LEASE_OWNER)?;
    match (holder, row.moment(LEASE_UNTIL)?) {
        (Some(holder), Some(until)) if holder == owner => {
            let standing = Arc::new(Mutex::new(Standing::read(Some(item))?));
            Ok(Some(Lease { epoch: row.count(EPOCH)?, until, owner: owner.to_owned(), standing }))
        }
        _ => Ok(None),
    }
}
