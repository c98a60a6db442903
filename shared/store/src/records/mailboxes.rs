//! Mailboxes, and the index of their addresses.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{MailboxId, OrganisationId, SystemId};

use super::Records;
use super::ids::{ConnectionId, MailboxScope};
use super::row::{Document, REVISION, Row, RowBuilder};
use super::settings::{SaveError, read_document, unmoved};
use super::watch::watch_write;
use super::{ids, keys};
use crate::table::{Condition, Order, Span, StoreError, Write};

/// Most addresses of a mailbox, so that all of them are changed in one transaction.
pub const ADDRESSES_MAX: usize = 40;
/// Most mailboxes of a page: as many as are read together.
const PAGE_ITEMS_MAX: usize = 100;

const MAILBOX: &str = "mailbox";

/// How far a mailbox has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailboxState {
    /// Nothing happened yet.
    New,
    /// Changes in it are noticed.
    Subscribed,
    /// Its first copy is being made.
    FirstSync,
    /// Both sides are kept equal.
    Synced,
}

/// Something that is wrong with a mailbox now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// A stable word.
    pub code: String,
    /// What happened.
    pub cause: String,
    /// What somebody can do about it.
    pub mend: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a first copy is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstSyncPhase {
    /// It has not begun.
    #[default]
    Waiting,
    /// Today and the days after it, which come before everything else.
    ComingDays,
    /// Everything that is left.
    Everything,
}

/// Progress of the first copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FirstSync {
    /// Items that were dealt with.
    pub done: u64,
    /// About how many there are, where the server says it.
    pub total: Option<u64>,
    /// What it is at, while [`MailboxRow::state`] says that it is made.
    #[serde(default)]
    pub phase: FirstSyncPhase,
    /// Number of the last change of the business system that waited for a person when it was done; 0
    /// for none. Whatever was asked up to there belongs to the first copy.
    #[serde(default)]
    pub last_held: u64,
}

/// A mailbox. `Debug` shows no address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxRow {
    /// Which one; it outlives its address.
    #[serde(with = "ids::mailbox")]
    pub id: MailboxId,
    /// Primary SMTP address, lower case.
    pub address: String,
    /// Other addresses, lower case.
    pub aliases: BTreeSet<String>,
    /// How it is reached.
    pub connection: ConnectionId,
    /// Name of its profile; none for the default one.
    pub profile: Option<String>,
    /// The business system that its items are synced with.
    #[serde(with = "ids::system")]
    pub system: SystemId,
    /// Whether it is synced.
    pub enabled: bool,
    /// How far it has come.
    pub state: MailboxState,
    /// What is wrong now.
    pub troubles: Vec<Trouble>,
    /// IANA name of its time zone, where it is known.
    pub time_zone: Option<String>,
    /// Why it is paused; none when it is not.
    pub paused: Option<String>,
    /// Progress of the first copy.
    pub first_sync: FirstSync,
    /// When a run last came to its end that had something to say here; see
    /// [`super::Marks::synced_at`] for all of them.
    pub last_synced: Option<Timestamp>,
    /// How often the time between two sweeps of it is doubled, since it costs more than the
    /// organisation's cap (N9).
    #[serde(default, skip_serializing_if = "is_none_at_all")]
    pub sweep_doublings: u8,
    /// Since when.
    pub created_at: Timestamp,
}

impl MailboxRow {
    /// Whether it is to be synced now.
    pub fn is_on(&self) -> bool {
        self.enabled && self.paused.is_none()
    }

    /// Whether nothing is to be done about it soon: it was made ready, and nothing is wrong with it.
    pub fn is_calm(&self) -> bool {
        self.state != MailboxState::New && self.troubles.is_empty()
    }

    /// All of its addresses, lower case.
    pub fn addresses(&self) -> BTreeSet<String> {
        let own = core::iter::once(&self.address).chain(&self.aliases);
        own.map(|address| address.trim().to_lowercase()).collect()
    }
}

/// A count of nothing is left out of the row, so that a version that does not know it sees no
/// difference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_none_at_all(count: &u8) -> bool {
    *count == 0
}

impl fmt::Debug for MailboxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxRow")
            .field("id", &self.id)
            .field("aliases", &self.aliases.len())
            .field("enabled", &self.enabled)
            .field("state", &self.state)
            .field("troubles", &self.troubles.len())
            .finish_non_exhaustive()
    }
}

/// A page of mailboxes.
#[derive(Debug, Clone)]
pub struct MailboxPage {
    /// The mailboxes, by id.
    pub mailboxes: Vec<Document<MailboxRow>>,
    /// After which one to go on; none when nothing is left.
    pub next: Option<MailboxId>,
}

/// Why a mailbox was not saved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AddressTaken {
    /// Another mailbox has one of the addresses.
    #[error("another mailbox of the organisation has one of the addresses")]
    Taken {
        /// Which one has it.
        by: Option<MailboxId>,
    },
    /// More addresses than a mailbox may have.
    #[error("a mailbox has at most {ADDRESSES_MAX} addresses")]
    TooMany,
    /// It was not saved for another reason.
    #[error(transparent)]
    Save(#[from] SaveError),
}

impl From<StoreError> for AddressTaken {
    fn from(error: StoreError) -> Self {
        Self::Save(error.into())
    }
}

/// Mailboxes that are counted by one request: some 100 KB.
const COUNTED_AT_ONCE: usize = 1000;

impl Records {
    /// A mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mailbox(
        &self,
        scope: &MailboxScope,
    ) -> Result<Option<Document<MailboxRow>>, StoreError> {
        self.document(&keys::mailbox(scope)).await
    }

    /// Whose address or alias it is, in any case.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mailbox_of_address(
        &self,
        organisation: &OrganisationId,
        address: &str,
    ) -> Result<Option<MailboxId>, StoreError> {
        let item = self.table.get(&keys::address(organisation, address)).await?;
        item.map(|item| read_mailbox_id(Row::new(&item)?.text(MAILBOX)?)).transpose()
    }

    /// Saves a mailbox and its addresses in one transaction, over the revision that was read; none
    /// for a new one. Returns the new revision.
    ///
    /// # Errors
    /// [`AddressTaken`].
    pub async fn save_mailbox(
        &self,
        organisation: &OrganisationId,
        row: &MailboxRow,
        revision: Option<u64>,
    ) -> Result<u64, AddressTaken> {
        self.save_addresses(organisation, row, revision, Vec::new()).await
    }

    /// The same, with further writes in the transaction.
    pub(crate) async fn save_addresses(
        &self,
        organisation: &OrganisationId,
        row: &MailboxRow,
        revision: Option<u64>,
        further: Vec<Write>,
    ) -> Result<u64, AddressTaken> {
        let scope = MailboxScope { organisation: organisation.clone(), mailbox: row.id };
        let addresses = row.addresses();
        if addresses.len() > ADDRESSES_MAX {
            return Err(AddressTaken::TooMany);
        }
        let found = self.mailbox(&scope).await?.map(|document| document.value);
        let before = found.as_ref().map(MailboxRow::addresses).unwrap_or_default();
        if revision.is_some() && before == addresses && further.is_empty() {
            let key = keys::mailbox(&scope);
            let saved = self.save_document(key, row, revision).await?;
            if found.is_none_or(|found| is_news(&found, row)) {
                self.watch(&scope).await?;
            }
            return Ok(saved);
        }
        let mut writes = address_writes(&scope, row, revision, &before, &addresses)?;
        writes.push(watch_write(&scope));
        writes.extend(further);
        match self.transact(writes).await {
            Ok(()) => Ok(revision.unwrap_or(0).saturating_add(1)),
            Err(StoreError::ConditionFailed { index: 0, .. }) => {
                Err(SaveError::RevisionMoved.into())
            }
            Err(StoreError::ConditionFailed { existing, .. }) => {
                let by = existing.and_then(|item| {
                    read_mailbox_id(Row::new(&item).ok()?.text(MAILBOX).ok()?).ok()
                });
                Err(AddressTaken::Taken { by })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a mailbox as it is now, whoever else changes it: for what a run has to say of it.
    /// The addresses must stay. Returns the changed row; none when there is no such mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_mailbox(
        &self,
        scope: &MailboxScope,
        mut change: impl FnMut(&mut MailboxRow) + Send,
    ) -> Result<Option<MailboxRow>, StoreError> {
        for _ in 0..super::marks::ATTEMPTS_MAX {
            let Some(Document { value, revision }) = self.mailbox(scope).await? else {
                return Ok(None);
            };
            let mut changed = value.clone();
            change(&mut changed);
            if changed == value {
                return Ok(Some(value));
            }
            match self.save_document(keys::mailbox(scope), &changed, Some(revision)).await {
                Ok(_) => {
                    if is_news(&value, &changed) {
                        self.watch(scope).await?;
                    }
                    return Ok(Some(changed));
                }
                Err(SaveError::RevisionMoved | SaveError::Store(StoreError::Conflict)) => {}
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Deletes a mailbox, its addresses and its data key, so that no content of it can be read any
    /// more. A run that is under way loses its lease. The rows that are left hold no content.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_mailbox(&self, scope: &MailboxScope) -> Result<(), StoreError> {
        self.delete_with(scope, Vec::new()).await
    }

    /// The same, with further writes in the transaction.
    pub(crate) async fn delete_with(
        &self,
        scope: &MailboxScope,
        further: Vec<Write>,
    ) -> Result<(), StoreError> {
        let Some(document) = self.mailbox(scope).await? else {
            return Ok(());
        };
        let delete = |key| Write::Delete { key, condition: None };
        let owned = |key| Write::Delete {
            key,
            condition: Some(Condition::Any(vec![Condition::Absent, owned_by(scope)])),
        };
        let mut writes = vec![
            delete(keys::mailbox(scope)),
            delete(keys::mailbox_listing(scope)),
            delete(keys::watch(scope)),
            delete(keys::state(scope)),
            delete(keys::data_key(scope)),
        ];
        let addresses = document.value.addresses();
        writes.extend(
            addresses.iter().map(|address| owned(keys::address(&scope.organisation, address))),
        );
        writes.extend(further);
        self.forget_key(scope);
        self.transact(writes).await?;
        self.forget_key(scope);
        Ok(())
    }

    /// How many mailboxes an organisation has; nothing but their listing is read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_mailboxes(&self, organisation: &OrganisationId) -> Result<u64, StoreError> {
        let partition = keys::mailboxes_partition(organisation);
        let (mut count, mut after) = (0u64, None::<String>);
        loop {
            let (all, order) = (Span::Prefix(String::new()), Order::Ascending);
            let page = self
                .table
                .query(&partition, &all, after.as_deref(), order, COUNTED_AT_ONCE)
                .await?;
            count = count.saturating_add(u64::try_from(page.items.len()).unwrap_or(0));
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// An organisation's mailboxes by id, at most 100 of them at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mailboxes(
        &self,
        organisation: &OrganisationId,
        after: Option<MailboxId>,
        limit: usize,
    ) -> Result<MailboxPage, StoreError> {
        let after = after.map(|id| id.to_string());
        let page = self
            .table
            .query(
                &keys::mailboxes_partition(organisation),
                &Span::Prefix(String::new()),
                after.as_deref(),
                Order::Ascending,
                limit.clamp(1, PAGE_ITEMS_MAX),
            )
            .await?;
        let mut wanted = Vec::new();
        for item in &page.items {
            let mailbox = read_mailbox_id(&item.key.sort)?;
            wanted
                .push(keys::mailbox(&MailboxScope { organisation: organisation.clone(), mailbox }));
        }
        let mut mailboxes = Vec::new();
        if !wanted.is_empty() {
            for item in self.table.get_together(&wanted).await?.iter().flatten() {
                mailboxes.push(read_document(item)?);
            }
        }
        let next = page.next.as_deref().map(read_mailbox_id).transpose()?;
        Ok(MailboxPage { mailboxes, next })
    }
}

fn address_writes(
    scope: &MailboxScope,
    row: &MailboxRow,
    revision: Option<u64>,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Result<Vec<Write>, StoreError> {
    let next = revision.unwrap_or(0).saturating_add(1);
    let document =
        RowBuilder::new(keys::mailbox(scope)).document(row)?.number(REVISION, next).build();
    let mut writes = vec![
        Write::Put { item: document, condition: Some(unmoved(revision)) },
        Write::Put { item: RowBuilder::new(keys::mailbox_listing(scope)).build(), condition: None },
    ];
    // Addresses that differ in nothing that counts have one key, which may be written once.
    let mut changed = BTreeMap::new();
    for address in before {
        changed.insert(keys::address(&scope.organisation, address), false);
    }
    for address in after {
        changed.insert(keys::address(&scope.organisation, address), true);
    }
    for (key, keep) in changed {
        let condition = Some(Condition::Any(vec![Condition::Absent, owned_by(scope)]));
        writes.push(if keep {
            let item = RowBuilder::new(key).text(MAILBOX, scope.mailbox.to_string()).build();
            Write::Put { item, condition }
        } else {
            Write::Delete { key, condition }
        });
    }
    Ok(writes)
}

fn owned_by(scope: &MailboxScope) -> Condition {
    let id = crate::table::Value::Text(scope.mailbox.to_string());
    Condition::Equals(MAILBOX.to_owned(), id)
}

/// Whether the sweep has something to see in a change.
fn is_news(before: &MailboxRow, after: &MailboxRow) -> bool {
    let settings =
        |row: &MailboxRow| (row.enabled, row.paused.is_some(), row.connection, row.address.clone());
    settings(before) != settings(after) || (before.is_calm() && !after.is_calm())
}

pub(crate) fn read_mailbox_id(text: &str) -> Result<MailboxId, StoreError> {
    MailboxId::parse(text).map_err(|_| StoreError::Corrupt("a mailbox id has no id's form"))
}
