//! Intents: recorded before a write whose answer may get lost, so that it is looked up and not
//! repeated.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::LinkId;

use super::Records;
use super::content::{ChunkRef, chunks_of};
use super::ids::{IntentId, MailboxScope};
use super::lease::{Lease, LeaseLost, epoch_is};
use super::ledger::{Brake, brake_write};
use super::marks::ATTEMPTS_MAX;
use super::row::{Row, RowBuilder};
use super::{ids, keys};
use crate::table::{Item, StoreError, Write};

const TARGET: &str = "target";

/// What kind of write it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteKind {
    /// A new item.
    Create,
    /// A change of an item.
    Update,
    /// A delete or a cancellation.
    Delete,
    /// An answer to an invitation.
    Respond,
}

/// A write that was begun. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// Which attempt.
    pub intent: IntentId,
    /// Of which link.
    pub link: LinkId,
    /// What kind of write.
    pub kind: WriteKind,
    /// Lease epoch of the attempt.
    pub epoch: u64,
    /// What is to be in Exchange afterwards, in the caller's form.
    pub target: Option<Vec<u8>>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The item that is written to; none for a create.
    pub remote_id: Option<String>,
    /// A word of the caller's for whom the write mails.
    pub mail: Option<String>,
    /// Which waiting changes it carries out.
    pub pending: Vec<u64>,
    pub(crate) chunks: Vec<ChunkRef>,
}

#[derive(Serialize, Deserialize)]
struct IntentDocument {
    intent: IntentId,
    #[serde(with = "ids::link")]
    link: LinkId,
    kind: WriteKind,
    epoch: u64,
    recorded_at: Timestamp,
    remote_id: Option<String>,
    mail: Option<String>,
    pending: Vec<u64>,
}

impl IntentRow {
    /// An intent that is not recorded yet.
    pub fn new(
        intent: IntentId,
        link: LinkId,
        kind: WriteKind,
        lease: &Lease,
        now: Timestamp,
    ) -> Self {
        Self {
            intent,
            link,
            kind,
            epoch: lease.epoch(),
            target: None,
            recorded_at: now,
            remote_id: None,
            mail: None,
            pending: Vec::new(),
            chunks: Vec::new(),
        }
    }
}

impl fmt::Debug for IntentRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntentRow")
            .field("intent", &self.intent)
            .field("link", &self.link)
            .field("kind", &self.kind)
            .field("epoch", &self.epoch)
            .field("target_bytes", &self.target.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Records an intent and charges the brake, in one transaction that requires the lease.
    ///
    /// # Errors
    /// [`LeaseLost`]. After [`StoreError::Unavailable`] it may be recorded: the run ends, and the
    /// next one finds an intent whose write never happened.
    pub async fn record_intent(
        &self,
        scope: &MailboxScope,
        lease: &Lease,
        intent: &IntentRow,
        brake: Option<Brake>,
        now: Timestamp,
    ) -> Result<(), LeaseLost> {
        let document = IntentDocument {
            intent: intent.intent,
            link: intent.link,
            kind: intent.kind,
            epoch: intent.epoch,
            recorded_at: intent.recorded_at,
            remote_id: intent.remote_id.clone(),
            mail: intent.mail.clone(),
            pending: intent.pending.clone(),
        };
        let key = keys::intent(scope, intent.link, intent.intent);
        let context = context(scope, intent.link, intent.intent);
        let mut row = RowBuilder::new(key).document(&document)?;
        if let Some(target) = &intent.target {
            let data_key = self.data_key(scope).await?;
            let stored = self.store_content(scope, &data_key, target, &context, now, None).await?;
            row = stored.put(TARGET, row);
        }
        let mut writes = vec![
            Write::Check { key: keys::state(scope), condition: epoch_is(lease) },
            Write::Put { item: row.build(), condition: None },
        ];
        if let Some(brake) = brake.filter(Brake::is_spent) {
            writes.push(brake_write(scope, brake, now));
        }
        for _ in 0..ATTEMPTS_MAX {
            match self.table.transact(writes.clone()).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(StoreError::ConditionFailed { .. }) => return Err(LeaseLost::Lost),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Open intents of a mailbox, by link.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intents(
        &self,
        scope: &MailboxScope,
        limit: usize,
    ) -> Result<Vec<IntentRow>, StoreError> {
        self.intents_under(scope, keys::INTENTS, limit).await
    }

    /// Open intents of one link.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intents_of_link(
        &self,
        scope: &MailboxScope,
        link: LinkId,
    ) -> Result<Vec<IntentRow>, StoreError> {
        const AT_MOST: usize = 100;
        self.intents_under(scope, &keys::intents_of_link_prefix(link), AT_MOST).await
    }

    async fn intents_under(
        &self,
        scope: &MailboxScope,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<IntentRow>, StoreError> {
        let mut intents = Vec::new();
        let mut after: Option<String> = None;
        while intents.len() < limit {
            let left = limit.saturating_sub(intents.len());
            let page = self.page(scope, prefix, after.as_deref(), left).await?;
            for item in &page.items {
                intents.push(self.read_intent(scope, item).await?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(intents)
    }

    async fn read_intent(
        &self,
        scope: &MailboxScope,
        item: &Item,
    ) -> Result<IntentRow, StoreError> {
        let row = Row::new(item)?;
        let document: IntentDocument = row.document()?;
        let context = context(scope, document.link, document.intent);
        let key = self.existing_data_key(scope).await?;
        Ok(IntentRow {
            intent: document.intent,
            link: document.link,
            kind: document.kind,
            epoch: document.epoch,
            target: self.load_content(scope, key.as_ref(), row, TARGET, &context).await?,
            recorded_at: document.recorded_at,
            remote_id: document.remote_id,
            mail: document.mail,
            pending: document.pending,
            chunks: chunks_of(item)?,
        })
    }
}

fn context(scope: &MailboxScope, link: LinkId, intent: IntentId) -> String {
    let key = keys::intent(scope, link, intent);
    format!("{}#{}", key.partition, key.sort)
}
