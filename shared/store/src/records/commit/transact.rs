//! Carrying one batch out: retries, conflicts, unclear answers.

use jiff::Timestamp;

use super::prepare::{Batch, Purpose, Tagged};
use super::{Commit, CommitError};
use crate::records::feed::{head_write, read_head};
use crate::records::ids::MailboxScope;
use crate::records::lease::{TOKEN, epoch_is, releasing};
use crate::records::ledger::{Standing, Tally, brake_write};
use crate::records::marks::{
    ATTEMPTS_MAX, Finishing, Marks, STARTS, SYNCED_AT, later_than, moment,
};
use crate::records::usage::Usage;
use crate::records::{Records, keys};
use crate::table::{Condition, Item, StoreError, UpdateAction, Value, Write};

const TOKEN_BYTES: usize = 16;
/// How often a transaction is tried again after the store did not answer.
const UNCLEAR_MAX: usize = 3;

/// What a transaction stands on; what turned out otherwise is corrected for the next attempt.
struct Ground {
    before: Standing,
    head: u64,
    /// The marks as they stand, where a hint came in since the start.
    later: Option<Marks>,
    /// What the mailbox's meter is to rise by.
    usage: Usage,
}

/// What an attempt that failed leads to.
enum Next {
    Again,
    /// It stands there, and so do these counts.
    Done(Tally),
}

impl Records {
    /// Carries a batch out, and with the one that gives the lease back what the meter is to rise by.
    pub(super) async fn carry_batch(
        &self,
        commit: &Commit,
        batch: Batch,
        now: Timestamp,
    ) -> Result<Standing, CommitError> {
        if !(commit.releases && batch.synced) {
            return self.transact_batch(commit, batch, Usage::default(), now).await;
        }
        let usage = self.take_usage();
        let carried = self.transact_batch(commit, batch, usage, now).await;
        match &carried {
            // It may stand there: nothing is counted twice.
            Ok(_) | Err(CommitError::Store(StoreError::Unavailable(_))) => {}
            // Whoever is next at a meter writes this down.
            Err(_) => self.meter(usage),
        }
        carried
    }

    /// Carries a batch out after the last commit that the lease knows of. Returns what it left.
    async fn transact_batch(
        &self,
        commit: &Commit,
        mut batch: Batch,
        usage: Usage,
        now: Timestamp,
    ) -> Result<Standing, CommitError> {
        let scope = &commit.scope;
        let mut random = [0; TOKEN_BYTES];
        self.keyring.fill(&mut random);
        let token = keys::hex(&random);
        let head = if batch.feed.is_empty() { 0 } else { self.head(scope).await? };
        let before = commit.lease.standing();
        let mut ground = Ground { before, head, later: None, usage };
        let mut unclear = 0;
        for _ in 0..ATTEMPTS_MAX {
            let tagged = build(commit, &batch, &ground, &token, now);
            let writes = tagged.iter().map(|tagged| tagged.write.clone()).collect();
            let next = match self.carry_out(writes).await {
                Ok(()) => Next::Done(ground.before.tally.with(&batch.statistics, now)),
                Err(StoreError::Conflict) => Next::Again,
                Err(StoreError::ConditionFailed { index, existing }) => {
                    let failed = tagged.get(index).ok_or(StoreError::Corrupt(
                        "a write failed that the transaction does not have",
                    ))?;
                    learn(commit, &mut batch, &mut ground, &token, failed, existing.as_deref())?
                }
                Err(StoreError::Unavailable(why)) => {
                    unclear += 1;
                    if unclear > UNCLEAR_MAX {
                        return Err(StoreError::Unavailable(why).into());
                    }
                    self.look_up(commit, &mut ground, &token).await?
                }
                Err(error) => return Err(error.into()),
            };
            if let Next::Done(tally) = next {
                self.delete_chunks(scope, &batch.garbage).await;
                return Ok(Standing { token: Some(token), tally });
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// A single row needs no transaction, which takes twice the units.
    async fn carry_out(&self, mut writes: Vec<Write>) -> Result<(), StoreError> {
        match writes.pop() {
            Some(only) if writes.is_empty() => self.table.write(only).await.map(|_| ()),
            Some(last) => {
                writes.push(last);
                self.table.transact(writes).await
            }
            None => Ok(()),
        }
    }

    /// Whether a transaction happened whose answer got lost.
    async fn look_up(
        &self,
        commit: &Commit,
        ground: &mut Ground,
        token: &str,
    ) -> Result<Next, CommitError> {
        let item = self.table.get(&keys::state(&commit.scope)).await?;
        stand_on_state(commit, ground, token, item.as_ref())
    }

    async fn head(&self, scope: &MailboxScope) -> Result<u64, StoreError> {
        let key = keys::feed_head(&scope.organisation, keys::shard_of(scope.mailbox));
        read_head(self.table.get(&key).await?.as_ref())
    }
}

/// What a failed condition says about the ground.
fn learn(
    commit: &Commit,
    batch: &mut Batch,
    ground: &mut Ground,
    token: &str,
    failed: &Tagged,
    existing: Option<&Item>,
) -> Result<Next, CommitError> {
    match failed.purpose {
        Purpose::State => stand_on_state(commit, ground, token, existing),
        Purpose::Head => {
            ground.head = read_head(existing)?;
            Ok(Next::Again)
        }
        Purpose::Link(link) => Err(CommitError::RevisionMoved { link }),
        Purpose::Movement => Err(CommitError::MoveChanged),
        Purpose::Index => {
            batch.writes.remove(crate::limits::write_key(&failed.write));
            Ok(Next::Again)
        }
        Purpose::Other => {
            Err(StoreError::Corrupt("an entry of a feed stands above its head").into())
        }
    }
}

fn stand_on_state(
    commit: &Commit,
    ground: &mut Ground,
    token: &str,
    state: Option<&Item>,
) -> Result<Next, CommitError> {
    let found = Standing::read(state)?;
    // Our own token first: a successor may have taken the mailbox over after the transaction.
    if found.token.as_deref() == Some(token) {
        return Ok(Next::Done(found.tally));
    }
    let marks = Marks::read(state)?;
    if marks.epoch != commit.lease.epoch() {
        return Err(CommitError::LeaseLost);
    }
    ground.before = found;
    if let Some((started, _)) = &commit.synced {
        ground.later = later_than(started, marks)?;
    }
    Ok(Next::Again)
}

/// The writes of a transaction, the state first: who lost the lease learns of that and nothing else.
fn build(
    commit: &Commit,
    batch: &Batch,
    ground: &Ground,
    token: &str,
    now: Timestamp,
) -> Vec<Tagged> {
    let scope = &commit.scope;
    let mut tagged = vec![state_write(commit, batch, ground, token, now)];
    if !batch.feed.is_empty() {
        let write = head_write(scope, ground.head, batch.feed.len());
        tagged.push(Tagged { purpose: Purpose::Head, write });
    }
    tagged.extend(batch.writes.values().cloned());
    let mut number = ground.head;
    let other = |write| Tagged { purpose: Purpose::Other, write };
    for entry in &batch.feed {
        number = number.saturating_add(1);
        tagged.push(other(entry.write(scope, number)));
    }
    tagged.extend(ground.before.tally.moving(scope, &batch.statistics, now).map(other));
    for brake in batch.brakes.values() {
        tagged.push(other(brake_write(scope, *brake, now)));
    }
    tagged
}

fn state_write(
    commit: &Commit,
    batch: &Batch,
    ground: &Ground,
    token: &str,
    now: Timestamp,
) -> Tagged {
    let unmoved = match &ground.before.token {
        None => Condition::Lacks(TOKEN.to_owned()),
        Some(before) => Condition::Equals(TOKEN.to_owned(), Value::Text(before.clone())),
    };
    let mut conditions = vec![epoch_is(&commit.lease), unmoved];
    let mut actions = match &commit.synced {
        Some((started, wait)) if batch.synced => {
            let finishing = Finishing { started, wait: *wait, later: ground.later.as_ref() };
            conditions.push(finishing.condition());
            let mut actions = finishing.actions(&commit.scope);
            actions.push(UpdateAction::Set(SYNCED_AT.to_owned(), moment(now)));
            actions
        }
        // Progress was made: the next start is looked after as soon as the first.
        _ => vec![UpdateAction::Set(STARTS.to_owned(), Value::Number(0))],
    };
    if commit.releases && batch.synced {
        actions.extend(releasing());
    }
    actions.extend(ground.usage.adding());
    actions.extend(ground.before.tally.counting(&batch.statistics, now));
    actions.push(UpdateAction::Set(TOKEN.to_owned(), Value::Text(token.to_owned())));
    let write = Write::Update {
        key: keys::state(&commit.scope),
        actions,
        condition: Some(Condition::All(conditions)),
    };
    Tagged { purpose: Purpose::State, write }
}
