//! What waits for a person's decision.

use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidemark_model::{LinkId, MailboxId, OrganisationId};

use super::activity::ActivityRow;
use super::content::chunks_of;
use super::crypto::DataKey;
use super::ids::{HoldId, MailboxScope};
use super::row::{REVISION, Row, RowBuilder};
use super::settings::SaveError;
use super::{Records, keys};
use crate::table::{Condition, Order, Span, StoreError, UpdateAction, Value, Write};

const WHAT: &str = "what";
const DECISION: &str = "decision";
pub(crate) const MAILBOX: &str = "mailbox";
/// Most holds of a page.
const PAGE_ITEMS_MAX: usize = 200;

/// Something that waits. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Which one.
    pub id: HoldId,
    /// Of which item; none where the mailbox as a whole waits.
    pub link: Option<LinkId>,
    /// A stable word for why.
    pub why: String,
    /// What waits and what to do, for people, without content.
    pub text: String,
    /// How many people would be mailed.
    pub people: u32,
    /// What would be done, in the caller's form.
    pub what: Option<Vec<u8>>,
    /// Numbers of the waiting changes that it is about.
    pub pending: Vec<u64>,
    /// Since when.
    pub since: Timestamp,
    /// What a person decided, in the caller's word; none while it waits.
    pub decision: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct HoldDocument {
    link: Option<String>,
    why: String,
    text: String,
    people: u32,
    pending: Vec<u64>,
    since: Timestamp,
}

/// A page of holds.
#[derive(Debug, Clone)]
pub struct HoldPage {
    /// The holds with their mailboxes, by id.
    pub holds: Vec<(MailboxId, HoldRow)>,
    /// After which to go on; none when nothing is left.
    pub next: Option<HoldId>,
}

impl fmt::Debug for HoldRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldRow")
            .field("id", &self.id)
            .field("link", &self.link)
            .field("why", &self.why)
            .field("people", &self.people)
            .field("what_bytes", &self.what.as_ref().map(Vec::len))
            .field("decided", &self.decision.is_some())
            .finish_non_exhaustive()
    }
}

impl Records {
    /// What waits in a mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holds(&self, scope: &MailboxScope) -> Result<Vec<HoldRow>, StoreError> {
        let items = self.list_items(&keys::mailbox_partition(scope), keys::HOLDS).await?;
        let mut holds = Vec::new();
        for item in &items {
            holds.push(self.read_hold(scope, item).await?);
        }
        Ok(holds)
    }

    /// One hold of an organisation, with its mailbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold(
        &self,
        organisation: &OrganisationId,
        id: HoldId,
    ) -> Result<Option<(MailboxId, HoldRow)>, StoreError> {
        let Some(listing) = self.table.get(&keys::hold_listing(organisation, id)).await? else {
            return Ok(None);
        };
        let scope = scope_of(organisation, Row::new(&listing)?)?;
        let Some(item) = self.table.get(&keys::hold(&scope, id)).await? else {
            return Ok(None);
        };
        Ok(Some((scope.mailbox, self.read_hold(&scope, &item).await?)))
    }

    /// What waits in an organisation, at most 200 at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holds_of_organisation(
        &self,
        organisation: &OrganisationId,
        after: Option<HoldId>,
        limit: usize,
    ) -> Result<HoldPage, StoreError> {
        let partition = keys::holds_partition(organisation);
        let after = after.map(|id| id.to_string());
        let span = Span::Prefix(String::new());
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let page =
            self.table.query(&partition, &span, after.as_deref(), Order::Ascending, limit).await?;
        let mut holds = Vec::new();
        for listing in &page.items {
            let id = read_hold_id(&listing.key.sort)?;
            holds.extend(self.hold(organisation, id).await?);
        }
        let next = page.next.as_deref().map(read_hold_id).transpose()?;
        Ok(HoldPage { holds, next })
    }

    /// Writes a person's decision down, and notes it; the caller then wakes the sync. The first decision counts.
    ///
    /// # Errors
    /// [`SaveError::RevisionMoved`] when it is gone or was decided already.
    pub async fn decide_hold(
        &self,
        scope: &MailboxScope,
        id: HoldId,
        decision: &str,
        note: &ActivityRow,
    ) -> Result<(), SaveError> {
        let actions =
            vec![UpdateAction::Set(DECISION.to_owned(), Value::Text(decision.to_owned()))];
        let undecided = Condition::All(vec![
            Condition::Exists,
            Condition::Any(vec![
                Condition::Lacks(DECISION.to_owned()),
                Condition::Equals(DECISION.to_owned(), Value::Text(decision.to_owned())),
            ]),
        ]);
        let key = keys::hold(scope, id);
        let decided = Write::Update { key, actions, condition: Some(undecided) };
        self.transact_noted(&scope.organisation, vec![decided], note).await
    }

    /// The writes that put a hold.
    pub(crate) async fn hold_writes(
        &self,
        scope: &MailboxScope,
        key: &DataKey,
        hold: &HoldRow,
        now: Timestamp,
    ) -> Result<[Write; 2], StoreError> {
        let document = HoldDocument {
            link: hold.link.map(|link| link.to_string()),
            why: hold.why.clone(),
            text: hold.text.clone(),
            people: hold.people,
            pending: hold.pending.clone(),
            since: hold.since,
        };
        let mut row =
            RowBuilder::new(keys::hold(scope, hold.id)).document(&document)?.number(REVISION, 1);
        if let Some(what) = &hold.what {
            let context = context(scope, hold.id);
            row = self.store_content(scope, key, what, &context, now, None).await?.put(WHAT, row);
        }
        if let Some(decision) = &hold.decision {
            row = row.text(DECISION, decision.clone());
        }
        let listing = RowBuilder::new(keys::hold_listing(&scope.organisation, hold.id))
            .text(MAILBOX, scope.mailbox.to_string());
        let put = |row: RowBuilder| Write::Put { item: row.build(), condition: None };
        Ok([put(row), put(listing)])
    }

    async fn read_hold(
        &self,
        scope: &MailboxScope,
        item: &crate::table::Item,
    ) -> Result<HoldRow, StoreError> {
        let id = read_hold_id(item.key.sort.strip_prefix(keys::HOLDS).unwrap_or_default())?;
        let row = Row::new(item)?;
        let document: HoldDocument = row.document()?;
        let has_content = row.optional_bytes(WHAT)?.is_some() || !chunks_of(item)?.is_empty();
        let what = if has_content {
            let key = self.existing_data_key(scope).await?;
            self.load_content(scope, key.as_ref(), row, WHAT, &context(scope, id)).await?
        } else {
            None
        };
        let link = document.link.as_deref().map(super::links::read_link_id).transpose()?;
        Ok(HoldRow {
            id,
            link,
            why: document.why,
            text: document.text,
            people: document.people,
            what,
            pending: document.pending,
            since: document.since,
            decision: row.optional_text(DECISION)?.map(str::to_owned),
        })
    }
}

fn read_hold_id(text: &str) -> Result<HoldId, StoreError> {
    HoldId::parse(text).ok_or(StoreError::Corrupt("a hold's id has no id's form"))
}

fn scope_of(organisation: &OrganisationId, row: Row<'_>) -> Result<MailboxScope, StoreError> {
    let mailbox = MailboxId::parse(row.text(MAILBOX)?)
        .map_err(|_| StoreError::Corrupt("a mailbox id has no id's form"))?;
    Ok(MailboxScope { organisation: organisation.clone(), mailbox })
}

fn context(scope: &MailboxScope, id: HoldId) -> String {
    let key = keys::hold(scope, id);
    format!("{}#{}", key.partition, key.sort)
}
