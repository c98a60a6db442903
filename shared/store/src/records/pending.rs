//! Changes of the business system: accepted durably, numbered in order of acceptance.

mod idempotency;
mod waiting;

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{BusinessKey, LinkId, SystemId};

use super::Records;
use super::content::{ChunkRef, Stored, chunks_of};
use super::ids::{ChangeId, Collection, MailboxScope};
use super::marks::{ACCEPTED, ATTEMPTS_MAX, Marks, raising};
use super::row::{Row, RowBuilder, number};
use super::{ids, keys};
use crate::table::{Condition, Item, Order, Span, StoreError, UpdateAction, Value, Write};

pub use idempotency::{IDEMPOTENCY_HOURS, IdempotencyKey};
pub use waiting::Waiting;

/// Most changes of a page.
const PAGE_ITEMS_MAX: usize = 500;

const BODY: &str = "body";
const NUMBER: &str = "number";

/// Places of the writes in the transaction that accepts a change.
const STATE_WRITE: usize = 0;
const KEY_WRITE: usize = 1;
/// Stands in the marks once a change was accepted that found the data key. The key is deleted together
/// with the marks and with nothing less ([`Records::delete_mailbox`]), so that marks which say this
/// prove that it is there.
const KEYED: &str = "keyed";

/// What a change asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PendingOperation {
    /// The item is to exist with these properties.
    Put,
    /// A merge patch.
    Patch,
    /// The item is not to exist.
    Delete,
}

/// A change to accept. `Debug` shows no content.
#[derive(Clone)]
pub struct PendingChange {
    /// Made by the caller; tells the change apart after an unclear answer.
    pub id: ChangeId,
    /// Of which item.
    pub link: LinkId,
    /// The business system's own id; none for an item born in Exchange.
    pub business_key: Option<BusinessKey>,
    /// What is wanted.
    pub operation: PendingOperation,
    /// The request's body; empty for a delete.
    pub body: Vec<u8>,
    /// The revision that the caller demands.
    pub if_match: Option<u64>,
    /// The caller's key against doing it twice.
    pub idempotency: Option<IdempotencyKey>,
    /// What the caller is told beside the number, in its own form: kept with the idempotency key, so
    /// that a repeat is told the same.
    pub answer: Vec<u8>,
    /// Whose change it is.
    pub system: SystemId,
}

/// A change that waits. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingRow {
    /// Its number in the order of acceptance within the mailbox.
    pub number: u64,
    /// Which change.
    pub id: ChangeId,
    /// Of which item.
    pub link: LinkId,
    /// The business system's own id; none for an item born in Exchange.
    pub business_key: Option<BusinessKey>,
    /// What is wanted.
    pub operation: PendingOperation,
    /// The request's body; empty for a delete.
    pub body: Vec<u8>,
    /// The revision that the caller demands.
    pub if_match: Option<u64>,
    /// Whose change it is.
    pub system: SystemId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    chunks: Vec<ChunkRef>,
}

impl PendingRow {
    /// What a commit has to name to remove it.
    pub fn reference(&self) -> PendingRef {
        PendingRef { number: self.number, link: self.link, chunks: self.chunks.clone() }
    }
}

/// A waiting change that a commit carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRef {
    pub(crate) number: u64,
    pub(crate) link: LinkId,
    pub(crate) chunks: Vec<ChunkRef>,
}

/// A change was written down.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its number.
    pub number: u64,
    /// The marks, to see whether a message is needed.
    pub marks: Marks,
    /// Whether it was accepted before, under the same idempotency key.
    pub replayed: bool,
    /// [`PendingChange::answer`] of the change that was accepted.
    pub answer: Vec<u8>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("number", &self.number)
            .field("marks", &self.marks)
            .field("replayed", &self.replayed)
            .field("answer_bytes", &self.answer.len())
            .finish()
    }
}

/// Why a change was not accepted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcceptError {
    /// The same idempotency key came before with another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct PendingDocument {
    id: ChangeId,
    #[serde(with = "ids::link")]
    link: LinkId,
    #[serde(with = "ids::some_business_key")]
    business_key: Option<BusinessKey>,
    operation: PendingOperation,
    if_match: Option<u64>,
    #[serde(with = "ids::system")]
    system: SystemId,
    accepted_at: Timestamp,
}

impl fmt::Debug for PendingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingChange")
            .field("id", &self.id)
            .field("link", &self.link)
            .field("operation", &self.operation)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRow")
            .field("number", &self.number)
            .field("link", &self.link)
            .field("operation", &self.operation)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Writes a change down in one transaction: the change, numbered, the raised mark, and the
    /// answer for its idempotency key. If [`Marks::needs_message`], the caller sends one.
    ///
    /// # Errors
    /// [`AcceptError`]. After [`StoreError::Unavailable`] the change may have been accepted.
    pub async fn accept(
        &self,
        scope: &MailboxScope,
        change: &PendingChange,
        collection: &Collection,
        now: Timestamp,
    ) -> Result<Accepted, AcceptError> {
        if let Some(accepted) = self.answered(scope, change, now).await? {
            return Ok(accepted);
        }
        let data_key = self.data_key(scope).await?;
        let context = context(scope, change.id);
        let body = self.store_content(scope, &data_key, &change.body, &context, now, None).await?;
        let answer = match &change.idempotency {
            Some(key) => Some(self.store_answer(scope, &data_key, change, key, now).await?),
            None => None,
        };
        let content = Contents { body, answer };
        let mut last = Last::read(self.table.get(&keys::state(scope)).await?.as_ref())?;
        for _ in 0..ATTEMPTS_MAX {
            let next = last.number.saturating_add(1);
            let writes = accepting(scope, change, collection, &content, last, now)?;
            match self.table.transact(writes).await {
                Ok(()) => return self.accepted(scope, next, change).await,
                Err(StoreError::Conflict) => {}
                Err(StoreError::ConditionFailed { index: STATE_WRITE, existing }) => {
                    last = Last::read(existing.as_deref())?;
                }
                Err(StoreError::ConditionFailed { index: KEY_WRITE, .. }) if !last.is_keyed => {
                    self.forget_key(scope);
                    return Err(StoreError::Corrupt("the mailbox was erased").into());
                }
                Err(StoreError::ConditionFailed { .. }) => {
                    return match self.answered(scope, change, now).await? {
                        Some(accepted) => Ok(accepted),
                        None => Err(StoreError::Conflict.into()),
                    };
                }
                Err(StoreError::Unavailable(why)) => {
                    // The number tells, since nobody else can have put this change under it.
                    if self.holds_change(scope, next, change.id).await? {
                        return self.accepted(scope, next, change).await;
                    }
                    return Err(StoreError::Unavailable(why).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Waiting changes of a mailbox after a number, in order of acceptance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pending(
        &self,
        scope: &MailboxScope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PendingRow>, StoreError> {
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let first = keys::pending_sort(after.saturating_add(1));
        let span = Span::Between(first, keys::pending_sort(u64::MAX));
        let mut rows = Vec::new();
        let mut from: Option<String> = None;
        while rows.len() < limit {
            let left = limit.saturating_sub(rows.len());
            let partition = keys::mailbox_partition(scope);
            let page = self
                .table
                .query(&partition, &span, from.as_deref(), Order::Ascending, left)
                .await?;
            for item in &page.items {
                rows.push(self.read_pending(scope, item).await?);
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    /// Waiting changes of one item, in order of acceptance, at most 100.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pending_of_link(
        &self,
        scope: &MailboxScope,
        link: LinkId,
    ) -> Result<Vec<PendingRow>, StoreError> {
        const AT_MOST: usize = 100;
        let prefix = keys::pending_of_link_prefix(link);
        let page = self.page(scope, &prefix, None, AT_MOST).await?;
        let mut rows = Vec::new();
        for index in &page.items {
            let number = Row::new(index)?.count(NUMBER)?;
            if let Some(item) = self.table.get(&keys::pending(scope, number)).await? {
                rows.push(self.read_pending(scope, &item).await?);
            }
        }
        Ok(rows)
    }

    async fn read_pending(
        &self,
        scope: &MailboxScope,
        item: &Item,
    ) -> Result<PendingRow, StoreError> {
        let row = Row::new(item)?;
        let document: PendingDocument = row.document()?;
        let key = self.existing_data_key(scope).await?;
        let body =
            self.load_content(scope, key.as_ref(), row, BODY, &context(scope, document.id)).await?;
        Ok(PendingRow {
            number: row.count(NUMBER)?,
            id: document.id,
            link: document.link,
            business_key: document.business_key,
            operation: document.operation,
            body: body.ok_or(StoreError::Corrupt("a change has no body"))?,
            if_match: document.if_match,
            system: document.system,
            accepted_at: document.accepted_at,
            chunks: chunks_of(item)?,
        })
    }

    /// The answer that the change's idempotency key was given before.
    async fn answered(
        &self,
        scope: &MailboxScope,
        change: &PendingChange,
        now: Timestamp,
    ) -> Result<Option<Accepted>, AcceptError> {
        match &change.idempotency {
            Some(key) => self.answer_again(scope, &change.system, key, now).await,
            None => Ok(None),
        }
    }

    /// Marks that are read later than they were raised are as good: a message that is counted in
    /// them starts a run after the hint, and a run that is counted in them took the hint up.
    async fn accepted(
        &self,
        scope: &MailboxScope,
        number: u64,
        change: &PendingChange,
    ) -> Result<Accepted, AcceptError> {
        let answer = change.answer.clone();
        Ok(Accepted { number, marks: self.marks(scope).await?, replayed: false, answer })
    }

    async fn holds_change(
        &self,
        scope: &MailboxScope,
        number: u64,
        id: ChangeId,
    ) -> Result<bool, StoreError> {
        let Some(item) = self.table.get(&keys::pending(scope, number)).await? else {
            return Ok(false);
        };
        let document: PendingDocument = Row::new(&item)?.document()?;
        Ok(document.id == id)
    }
}

/// What of a change is kept encrypted.
struct Contents {
    body: Stored,
    /// Only where an idempotency key came along.
    answer: Option<Stored>,
}

/// What the next change that is accepted stands on.
#[derive(Clone, Copy)]
struct Last {
    /// The number of the one before it; 0 for none.
    number: u64,
    /// Whether the marks prove that the data key is there.
    is_keyed: bool,
}

impl Last {
    fn read(state: Option<&Item>) -> Result<Self, StoreError> {
        let is_keyed = state.is_some_and(|item| item.attributes.contains_key(KEYED));
        Ok(Self { number: Marks::read(state)?.accepted, is_keyed })
    }

    fn condition(self) -> Condition {
        let mut unmoved = vec![Condition::Equals(ACCEPTED.to_owned(), number(self.number))];
        if self.number == 0 {
            unmoved.push(Condition::Lacks(ACCEPTED.to_owned()));
        }
        let mut conditions = vec![Condition::Any(unmoved)];
        if self.is_keyed {
            conditions.push(Condition::Has(KEYED.to_owned()));
        }
        Condition::All(conditions)
    }
}

fn accepting(
    scope: &MailboxScope,
    change: &PendingChange,
    collection: &Collection,
    content: &Contents,
    last: Last,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    let next = last.number.saturating_add(1);
    let document = PendingDocument {
        id: change.id,
        link: change.link,
        business_key: change.business_key.clone(),
        operation: change.operation,
        if_match: change.if_match,
        system: change.system.clone(),
        accepted_at: now,
    };
    let mut actions = raising(scope, collection, now);
    actions.push(UpdateAction::Set(ACCEPTED.to_owned(), number(next)));
    if !last.is_keyed {
        actions.push(UpdateAction::Set(KEYED.to_owned(), Value::Flag(true)));
    }
    let pending =
        RowBuilder::new(keys::pending(scope, next)).document(&document)?.number(NUMBER, next);
    let waits =
        RowBuilder::new(keys::pending_of_link(scope, change.link, next)).number(NUMBER, next);
    let put = |row: RowBuilder, condition| Write::Put { item: row.build(), condition };
    let condition = Some(last.condition());
    let mut writes = vec![Write::Update { key: keys::state(scope), actions, condition }];
    // Nothing is accepted that nobody could read any more.
    if !last.is_keyed {
        writes.push(Write::Check { key: keys::data_key(scope), condition: Condition::Exists });
    }
    writes.push(put(content.body.clone().put(BODY, pending), None));
    writes.push(put(waits, None));
    if let (Some(key), Some(answer)) = (&change.idempotency, &content.answer) {
        writes.push(key.claim(scope, &change.system, next, answer, now));
    }
    Ok(writes)
}

/// The number is not known yet when the body is encrypted, so that the change's id stands for it.
fn context(scope: &MailboxScope, id: ChangeId) -> String {
    format!("{}#PENDING#{id}", keys::mailbox_partition(scope))
}
