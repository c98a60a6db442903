//! Marks: the counters that say whether a mailbox is dirty, and when somebody has to look.
//!
//! All of a mailbox's marks stand in one item. `hinted` counts hints, `enqueued` is the highest hint
//! for which a message was sent, `started` the highest that a run has taken up, `synced` the highest
//! that a run has dealt with. Dirty means `hinted > synced`, and a dirty mailbox always stands in
//! the sparse index by `due`. A collection has a counter of its own, and one of what was dealt with.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Records;
use super::ids::{Collection, MailboxScope};
use super::keys;
use super::lease::{EPOCH, Lease, LeaseLost, epoch_is};
use super::named::{Hint, Named};
use super::row::{Row, later, number};
use super::usage::{READ_ON, Usage, day_number};
use crate::table::{Condition, DUE_AT, DUE_SHARD, Item, StoreError, UpdateAction, Value, Write};

pub(crate) const HINTED: &str = "hinted";
const ENQUEUED: &str = "enqueued";
const STARTED: &str = "started";
pub(crate) const SYNCED: &str = "synced";
pub(crate) const STARTS: &str = "starts";
pub(crate) const ACCEPTED: &str = "accepted";
const DIRTY_PREFIX: &str = "dirty_";
/// Since when something waits; there only while the mailbox is dirty.
const WAITING_SINCE: &str = "waiting_since";
/// When the last run started.
const STARTED_AT: &str = "started_at";
/// When a run last dealt with everything.
pub(crate) const SYNCED_AT: &str = "synced_at";
const DONE_PREFIX: &str = "done_";

/// Seconds after a hint until somebody looks whether it was sent.
const HINT_DUE_SECONDS: i64 = 60;
/// Seconds after sending until somebody looks whether a run started.
const SENT_DUE_SECONDS: i64 = 10 * 60;
/// Seconds after a start until somebody looks whether it came to an end; doubled for each start
/// since the last commit.
const START_DUE_SECONDS: i64 = 3 * 60;
/// A first start leaves a due time alone that is at least so many seconds away: nearly all runs are
/// over by then, and a moved time is two writes to the index. One that is not over is sent once more,
/// and that message waits behind it.
const START_KEEPS_SECONDS: i64 = 45;
/// The longest of these times.
const START_DUE_SECONDS_MAX: i64 = 3600;
/// How often a write is tried again when other writes are at the same item.
pub(crate) const ATTEMPTS_MAX: usize = 24;

/// The marks of a mailbox as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Hints so far.
    pub hinted: u64,
    /// The highest hint that a message was sent for.
    pub enqueued: u64,
    /// The highest hint that a run has taken up.
    pub started: u64,
    /// The highest hint that was dealt with.
    pub synced: u64,
    /// When somebody has to look; none while nothing waits.
    pub due_at: Option<Timestamp>,
    /// Starts since the last commit.
    pub starts_since_commit: u64,
    /// Number of the last business change that was accepted.
    pub accepted: u64,
    /// Since when the oldest hint waits that was not dealt with; none while nothing waits. Of hints
    /// that came in during a run it is the run's start, which is earlier than any of them.
    pub waiting_since: Option<Timestamp>,
    /// When the last run started.
    pub started_at: Option<Timestamp>,
    /// When a run last dealt with everything up to its start, or somebody saw that there was nothing to
    /// deal with.
    pub synced_at: Option<Timestamp>,
    /// Counts the leases.
    pub epoch: u64,
    /// What the mailbox has used so far.
    pub usage: Usage,
    /// The day of the last reading of its meter, counted from 1970; 0 before the first.
    read_on: u64,
    /// What hints named that was not dealt with yet.
    pub named: Named,
    /// When the present lease ends; none when nobody holds it.
    pub lease_until: Option<Timestamp>,
    dirty: BTreeMap<String, u64>,
    done: BTreeMap<String, u64>,
}

impl Marks {
    /// Whether a hint was not dealt with yet.
    pub const fn is_dirty(&self) -> bool {
        self.hinted > self.synced
    }

    /// Whether somebody works on the mailbox at `now`, or may.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.lease_until.is_some_and(|until| until > now)
    }

    /// Whether whoever raised a hint has to send a message: the last one sent was taken up before.
    pub const fn needs_message(&self) -> bool {
        self.enqueued <= self.started
    }

    /// The collections that hints were about which were not dealt with yet.
    pub fn dirty_collections(&self) -> BTreeSet<Collection> {
        self.dirty
            .iter()
            .filter(|(name, count)| **count > self.done.get(*name).copied().unwrap_or(0))
            .filter_map(|(name, _)| Collection::parse(name))
            .collect()
    }

    pub(crate) fn read(item: Option<&Item>) -> Result<Self, StoreError> {
        let Some(item) = item else {
            return Ok(Self::default());
        };
        let row = Row::new(item)?;
        Ok(Self {
            hinted: row.count(HINTED)?,
            enqueued: row.count(ENQUEUED)?,
            started: row.count(STARTED)?,
            synced: row.count(SYNCED)?,
            due_at: row.moment(DUE_AT)?,
            starts_since_commit: row.count(STARTS)?,
            accepted: row.count(ACCEPTED)?,
            waiting_since: row.moment(WAITING_SINCE)?,
            started_at: row.moment(STARTED_AT)?,
            synced_at: row.moment(SYNCED_AT)?,
            epoch: row.count(EPOCH)?,
            lease_until: row.moment(super::lease::LEASE_UNTIL)?,
            usage: Usage::read(row)?,
            read_on: row.count(READ_ON)?,
            named: Named::read(row)?,
            dirty: row.counters(DIRTY_PREFIX)?,
            done: row.counters(DONE_PREFIX)?,
        })
    }
}

/// What a run has taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedAt {
    /// The hint up to which the run deals with everything.
    pub hinted: u64,
    /// The marks after the start; the dirty collections among them.
    pub marks: Marks,
    /// Whether it was the first start of its day, which noted what the meter shows.
    pub is_first_of_day: bool,
}

/// A mailbox that somebody has to look after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMailbox {
    /// Which one.
    pub scope: MailboxScope,
    /// Its marks.
    pub marks: Marks,
}

/// The deduplication id of the message for a hint.
pub fn message_id(scope: &MailboxScope, hinted: u64) -> String {
    format!("{}#{hinted}", scope.mailbox)
}

impl Records {
    /// The marks of a mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn marks(&self, scope: &MailboxScope) -> Result<Marks, StoreError> {
        Marks::read(self.table.get(&keys::state(scope)).await?.as_ref())
    }

    /// Notes that a collection is dirty, in one update that returns all marks. If
    /// [`Marks::needs_message`], the caller sends one and records it with
    /// [`Records::record_enqueued`].
    ///
    /// # Errors
    /// [`StoreError`]; the hint may have been raised then, and raising it again does no harm.
    pub async fn raise(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
        now: Timestamp,
    ) -> Result<Marks, StoreError> {
        self.raise_about(scope, collection, &Hint::default(), now).await
    }

    /// As [`Records::raise`], and keeps which items the hint is about, in the same update. Where they
    /// are too many to keep, all names are dropped in a second update, which is a hint of its own.
    ///
    /// # Errors
    /// As [`Records::raise`].
    pub async fn raise_about(
        &self,
        scope: &MailboxScope,
        collection: &Collection,
        hint: &Hint,
        now: Timestamp,
    ) -> Result<Marks, StoreError> {
        let mut actions = raising(scope, collection, now);
        actions.extend(hint.actions());
        actions.extend(self.take_usage().adding());
        let item = self.update(keys::state(scope), actions, None).await?;
        let marks = Marks::read(item.as_ref())?;
        if !marks.named.overflows() {
            return Ok(marks);
        }
        let mut actions = raising(scope, collection, now);
        actions.extend(marks.named.dropping());
        let item = self.update(keys::state(scope), actions, None).await?;
        Marks::read(item.as_ref())
    }

    /// Notes that the first message was sent for `hinted`: raises `enqueued`, never lowers it. The due
    /// time of the hint stands: a minute after it somebody looks whether a run has dealt with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_sent(&self, scope: &MailboxScope, hinted: u64) -> Result<(), StoreError> {
        let mut raise = vec![UpdateAction::Set(ENQUEUED.to_owned(), number(hinted))];
        let usage = self.take_usage();
        raise.extend(usage.adding());
        let behind = Some(is_behind(ENQUEUED, hinted));
        if ignore_condition(self.update(keys::state(scope), raise, behind).await)?.is_none() {
            // Whoever is next at a meter writes this down as well.
            self.meter(usage);
        }
        Ok(())
    }

    /// Notes that a message was sent once more for `hinted`: raises `enqueued`, never lowers it, and
    /// looks again in ten minutes, unless the hint was dealt with in the meantime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_enqueued(
        &self,
        scope: &MailboxScope,
        hinted: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let looks_again = set_due(scope, later(now, SENT_DUE_SECONDS));
        let waits = Some(is_behind(SYNCED, hinted));
        let key = keys::state(scope);
        if ignore_condition(self.update(key, looks_again, waits).await)?.is_none() {
            tracing::debug!("the hint was dealt with before its message was recorded");
        }
        self.record_sent(scope, hinted).await
    }

    /// Forgets the marks of a mailbox that there is no more, so that nobody looks after it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_marks(&self, scope: &MailboxScope) -> Result<(), StoreError> {
        let writes = vec![
            Write::Check { key: keys::mailbox(scope), condition: Condition::Absent },
            Write::Delete { key: keys::state(scope), condition: None },
        ];
        match self.transact(writes).await {
            Err(StoreError::ConditionFailed { .. }) => Ok(()),
            settled => settled,
        }
    }

    /// Takes up all hints so far: sets `started` to `hinted`, and looks again in three minutes,
    /// doubled for each start since the last commit, at most an hour.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub async fn start(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<StartedAt, LeaseLost> {
        let key = keys::state(scope);
        let mut seen = self.table.get(&key).await?;
        for _ in 0..ATTEMPTS_MAX {
            let marks = Marks::read(seen.as_ref())?;
            if marks.epoch != lease.epoch() {
                return Err(LeaseLost::Lost);
            }
            let condition = Condition::All(vec![epoch_is(lease), unmoved(&marks)]);
            let actions = starting(scope, &marks, now);
            match self.update(key.clone(), actions, Some(condition)).await {
                Ok(item) => {
                    let marks_after = Marks::read(item.as_ref())?;
                    return Ok(self.started(scope, &marks, marks_after, now).await?);
                }
                Err(StoreError::ConditionFailed { existing, .. }) => {
                    seen = existing.map(|item| *item);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What a run has taken up. The first of a day notes what the meter shows.
    pub(super) async fn started(
        &self,
        scope: &MailboxScope,
        before: &Marks,
        marks: Marks,
        now: Timestamp,
    ) -> Result<StartedAt, StoreError> {
        let is_first_of_day = before.read_on < marks.read_on;
        if is_first_of_day {
            self.note_reading(scope, marks.usage, now).await?;
        }
        Ok(StartedAt { hinted: before.hinted, marks, is_first_of_day })
    }

    /// Notes that all hints of this start were dealt with, apart from any commit. Clean mailboxes
    /// leave the index; one that was hinted at in the meantime stays. `wait` is when somebody has
    /// to look even if nothing happens.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub async fn finish(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        started: &StartedAt,
        wait: Option<Timestamp>,
    ) -> Result<(), LeaseLost> {
        let mut later = None;
        for _ in 0..ATTEMPTS_MAX {
            let finishing = Finishing { started, wait, later: later.as_ref() };
            let condition = Condition::All(vec![epoch_is(lease), finishing.condition()]);
            let written =
                self.update(keys::state(scope), finishing.actions(scope), Some(condition)).await;
            match written {
                Ok(_) => return Ok(()),
                Err(StoreError::ConditionFailed { existing, .. }) => {
                    let marks = Marks::read(existing.as_deref())?;
                    if marks.epoch != lease.epoch() {
                        return Err(LeaseLost::Lost);
                    }
                    later = later_than(started, marks)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Notes that at `at` nothing was there to be dealt with, as a run does that finds nothing: only if
    /// nobody has hinted or worked since `seen` was read, in which nothing waits and nobody works.
    /// Returns whether that was so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_silent(
        &self,
        scope: &MailboxScope,
        seen: &Marks,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        if seen.is_dirty() || seen.is_held(at) || seen.epoch == 0 {
            return Ok(false);
        }
        // Whoever works here takes a lease first, and leases are counted.
        let idle = Condition::Equals(EPOCH.to_owned(), number(seen.epoch));
        let condition = Condition::All(vec![idle, unmoved(seen)]);
        let actions = vec![UpdateAction::Set(SYNCED_AT.to_owned(), moment(at))];
        let written = self.update(keys::state(scope), actions, Some(condition)).await;
        Ok(ignore_condition(written)?.is_some())
    }

    /// Looks again at this moment: a wait to its own time.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub async fn wait_until(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        at: Timestamp,
    ) -> Result<(), LeaseLost> {
        let written = self.update(keys::state(scope), set_due(scope, at), Some(epoch_is(lease)));
        match ignore_condition(written.await)? {
            Some(_) => Ok(()),
            None => Err(LeaseLost::Lost),
        }
    }

    /// Mailboxes of an index shard (0 to 3; older ones up to 15) that are due, the earliest first. Each was read again,
    /// since the index may lag behind; each is to be sent whatever `enqueued` says.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dirty_due(
        &self,
        shard: u8,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueMailbox>, StoreError> {
        let entries = self.table.due(&keys::due_shard(shard), now.as_millisecond(), limit).await?;
        let mut due = Vec::new();
        for entry in entries {
            let scope = keys::read_mailbox_partition(&entry.key.partition)
                .ok_or(StoreError::Corrupt("an entry of the index is no mailbox"))?;
            let marks = Marks::read(self.table.get(&entry.key).await?.as_ref())?;
            if marks.due_at.is_some_and(|at| at <= now) {
                due.push(DueMailbox { scope, marks });
            }
        }
        Ok(due)
    }

    /// One update, tried again while others are at the same item. Whoever calls it must bear that
    /// an update happened whose answer got lost.
    pub(crate) async fn update(
        &self,
        key: crate::table::Key,
        actions: Vec<UpdateAction>,
        condition: Option<Condition>,
    ) -> Result<Option<Item>, StoreError> {
        let write = Write::Update { key, actions, condition };
        for _ in 0..ATTEMPTS_MAX {
            match self.table.write(write.clone()).await {
                Err(StoreError::Conflict) => {}
                settled => return settled,
            }
        }
        Err(StoreError::Conflict)
    }
}

/// How a run ends in the marks.
pub(crate) struct Finishing<'a> {
    pub(crate) started: &'a StartedAt,
    pub(crate) wait: Option<Timestamp>,
    /// The marks as they stand, where a hint came in since the start: the mailbox stays dirty and
    /// keeps its due time, which is that of the hint's message or of the start.
    pub(crate) later: Option<&'a Marks>,
}

/// The marks as they stand, if a hint came in since the start.
pub(crate) fn later_than(started: &StartedAt, marks: Marks) -> Result<Option<Marks>, StoreError> {
    if marks.hinted < started.hinted {
        return Err(StoreError::Corrupt("the hints of a mailbox went back"));
    }
    Ok((marks.hinted > started.hinted).then_some(marks))
}

impl Finishing<'_> {
    /// Which of the two ends it is depends on `hinted`, and so does what was named since, so each
    /// requires what it stands on.
    pub(crate) fn condition(&self) -> Condition {
        let hinted = number(self.started.hinted);
        if let Some(later) = self.later {
            Condition::Equals(HINTED.to_owned(), number(later.hinted))
        } else if self.started.hinted == 0 {
            Condition::Any(vec![
                Condition::Lacks(HINTED.to_owned()),
                Condition::Equals(HINTED.to_owned(), hinted),
            ])
        } else {
            Condition::Equals(HINTED.to_owned(), hinted)
        }
    }

    pub(crate) fn actions(&self, scope: &MailboxScope) -> Vec<UpdateAction> {
        let mut actions = vec![
            UpdateAction::Set(SYNCED.to_owned(), number(self.started.hinted)),
            UpdateAction::Set(STARTS.to_owned(), Value::Number(0)),
        ];
        for (name, count) in &self.started.marks.dirty {
            actions.push(UpdateAction::Set(format!("{DONE_PREFIX}{name}"), number(*count)));
        }
        actions.extend(self.started.marks.named.removing(self.later.map(|marks| &marks.named)));
        match self.started.marks.started_at {
            Some(at) if self.later.is_some() => {
                actions.push(UpdateAction::Set(WAITING_SINCE.to_owned(), moment(at)));
            }
            _ => actions.push(UpdateAction::Remove(WAITING_SINCE.to_owned())),
        }
        if self.later.is_none() {
            match self.wait {
                Some(at) => actions.extend(set_due(scope, at)),
                None => actions.extend([
                    UpdateAction::Remove(DUE_AT.to_owned()),
                    UpdateAction::Remove(DUE_SHARD.to_owned()),
                ]),
            }
        }
        actions
    }
}

/// Requires that a counter is behind a hint. A mailbox that was deleted must not come back.
fn is_behind(name: &str, hinted: u64) -> Condition {
    let less = Condition::Any(vec![
        Condition::Lacks(name.to_owned()),
        Condition::Less(name.to_owned(), number(hinted)),
    ]);
    Condition::All(vec![Condition::Has(HINTED.to_owned()), less])
}

/// Requires that no hint came in since these marks were read.
pub(super) fn unmoved(marks: &Marks) -> Condition {
    let equal = Condition::Equals(HINTED.to_owned(), number(marks.hinted));
    if marks.hinted > 0 {
        return equal;
    }
    Condition::Any(vec![Condition::Lacks(HINTED.to_owned()), equal])
}

/// The update that takes up all hints that these marks know.
pub(super) fn starting(scope: &MailboxScope, marks: &Marks, now: Timestamp) -> Vec<UpdateAction> {
    let set = |name: &str, value| UpdateAction::Set(name.to_owned(), value);
    let mut actions = vec![
        set(STARTED, number(marks.hinted)),
        set(STARTED_AT, moment(now)),
        set(STARTS, number(marks.starts_since_commit.saturating_add(1))),
    ];
    let keeps = later(now, START_KEEPS_SECONDS);
    let is_first = marks.starts_since_commit == 0;
    let due = later(now, start_due_seconds(marks.starts_since_commit));
    if !(is_first && marks.due_at.is_some_and(|at| at >= keeps && at <= due)) {
        actions.extend(set_due(scope, due));
    }
    let today = u64::try_from(day_number(now)).unwrap_or(0);
    if marks.read_on < today {
        actions.push(set(READ_ON, number(today)));
    }
    actions
}

/// The update that raises a hint.
pub(crate) fn raising(
    scope: &MailboxScope,
    collection: &Collection,
    now: Timestamp,
) -> Vec<UpdateAction> {
    let shard = Value::Text(keys::due_shard(keys::due_shard_of(scope.mailbox)));
    let due = Value::Number(later(now, HINT_DUE_SECONDS).as_millisecond());
    vec![
        UpdateAction::Add(HINTED.to_owned(), 1),
        UpdateAction::Add(format!("{DIRTY_PREFIX}{}", collection.as_str()), 1),
        UpdateAction::SetIfAbsent(DUE_AT.to_owned(), due),
        UpdateAction::SetIfAbsent(DUE_SHARD.to_owned(), shard),
        UpdateAction::SetIfAbsent(WAITING_SINCE.to_owned(), moment(now)),
    ]
}

fn set_due(scope: &MailboxScope, at: Timestamp) -> Vec<UpdateAction> {
    let shard = Value::Text(keys::due_shard(keys::due_shard_of(scope.mailbox)));
    vec![
        UpdateAction::Set(DUE_AT.to_owned(), Value::Number(at.as_millisecond())),
        UpdateAction::Set(DUE_SHARD.to_owned(), shard),
    ]
}

pub(crate) fn moment(at: Timestamp) -> Value {
    Value::Number(at.as_millisecond())
}

fn start_due_seconds(starts: u64) -> i64 {
    let doublings = u32::try_from(starts).unwrap_or(u32::MAX).min(16);
    START_DUE_SECONDS.saturating_mul(2_i64.saturating_pow(doublings)).min(START_DUE_SECONDS_MAX)
}

/// None when the condition did not hold.
pub(crate) fn ignore_condition(
    result: Result<Option<Item>, StoreError>,
) -> Result<Option<Item>, StoreError> {
    match result {
        Err(StoreError::ConditionFailed { .. }) => Ok(None),
        other => other,
    }
}
