//! Items: changes that are written down, and what the business system may read back.

use serde_json::{Value, json};
use tidemark_engine::Base;
use tidemark_jscalendar::{
    Problem, ReadMode, WriteOptions, check_patch, read_event_patch, read_merge_patch, write_event,
};
use tidemark_model::{BusinessKey, CopyRole, Kind, LinkId};
use tidemark_store::records::{
    AcceptError, ChangeId, LinkRow, LinkState, MailboxScope, PendingChange, PendingOperation,
    PendingRow,
};

use super::access::FoundMailbox;
use crate::border::{
    Accepted, Caller, Guards, HistoryView, ItemChangeRequest, ItemView, Listing, Refusal,
};
use crate::content::decode_base;
use crate::service::{Service, collection_of};

/// Most changes of one item that may wait at once. A commit carries out so many together.
const WAITING_MAX: usize = 64;

/// A cursor that is none of ours.
pub(super) fn bad_cursor(parameter: &str) -> Refusal {
    Refusal::Invalid(vec![Problem {
        pointer: format!("?{parameter}"),
        rule: "it is no cursor that this listing gave".to_owned(),
        mend: "take `next` of the page before, or leave it out to begin".to_owned(),
    }])
}

/// An item that a caller named.
struct FoundItem {
    link: LinkId,
    /// None for an item that was born in Exchange.
    key: Option<BusinessKey>,
    row: Option<LinkRow>,
}

impl Service {
    /// Which item an id in a path means: one of ours, or the business system's own.
    async fn find_item(
        &self,
        found: &FoundMailbox,
        kind: Kind,
        id: &str,
    ) -> Result<FoundItem, Refusal> {
        let scope = &found.scope;
        if let Ok(link) = LinkId::parse(id) {
            let link = self.records.resolve_link(scope, link).await?;
            if let Some(row) = self.records.link(scope, link).await? {
                let key = row.business_key.clone();
                return Ok(FoundItem { link, key, row: Some(row) });
            }
        }
        let key = BusinessKey::parse(id).map_err(|error| {
            Refusal::Invalid(vec![Problem {
                pointer: "id".to_owned(),
                rule: error.to_string(),
                mend: "name the item by an id of that form".to_owned(),
            }])
        })?;
        let own = LinkId::of_business_key(&found.row.system, scope.mailbox, kind, &key);
        let link = self.records.resolve_link(scope, own).await?;
        let row = self.records.link(scope, link).await?;
        Ok(FoundItem { link, key: Some(key), row })
    }

    /// The same, with the changes that wait for it.
    async fn find_with_waiting(
        &self,
        found: &FoundMailbox,
        kind: Kind,
        id: &str,
    ) -> Result<(FoundItem, Vec<PendingRow>), Refusal> {
        let item = self.find_item(found, kind, id).await?;
        let waiting = self.records.pending_of_link(&found.scope, item.link).await?;
        if item.row.is_some() || !waiting.is_empty() {
            return Ok((item, waiting));
        }
        // A run may have brought it into being between the two reads: it moves what waits into the
        // link in one transaction, so that a second look finds it.
        Ok((self.find_item(found, kind, id).await?, waiting))
    }

    pub(super) async fn accept_change(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        change: ItemChangeRequest,
        guards: Guards,
    ) -> Result<Accepted, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        if !found.row.enabled {
            let text = "the mailbox is switched off: switch it on before you change its items";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        let (item, waiting) = self.find_with_waiting(&found, kind, id).await?;
        if waiting.len() >= WAITING_MAX {
            return Err(Refusal::TooMany(core::time::Duration::from_secs(30)));
        }
        if let (Some(wanted), true) = (guards.if_match, waiting.is_empty()) {
            let revision = item.row.as_ref().map_or(0, |row| row.revision);
            if wanted != revision {
                return Err(Refusal::PreconditionFailed);
            }
        }
        let ignored = check(&item, &waiting, &change)?;
        let (operation, body) = match &change {
            ItemChangeRequest::Put(value) => (PendingOperation::Put, to_bytes(value)?),
            ItemChangeRequest::Patch(value) => (PendingOperation::Patch, to_bytes(value)?),
            ItemChangeRequest::Delete => (PendingOperation::Delete, Vec::new()),
        };
        let pending = PendingChange {
            id: ChangeId::new(self.world.uuid()),
            link: item.link,
            business_key: item.key,
            operation,
            body,
            if_match: guards.if_match,
            idempotency_key: guards.idempotency_key,
            system: caller.system.clone(),
        };
        let now = self.world.now();
        let collection = collection_of(kind);
        let accepted = self.records.accept(&found.scope, &pending, &collection, now).await;
        let accepted = accepted.map_err(|error| match error {
            AcceptError::IdempotencyMismatch => Refusal::IdempotencyMismatch,
            AcceptError::Store(error) => error.into(),
        })?;
        // It is written down, and the mark with it: the minute schedule makes up for a message
        // that could not be sent.
        if let Err(error) = self.send_if_needed(&found.scope, &accepted.marks).await {
            tracing::warn!(error = %error, "a message is left to the minute schedule: {error}");
        }
        Ok(Accepted { number: accepted.number, id: id.to_owned(), ignored })
    }

    pub(super) async fn view_item(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
    ) -> Result<ItemView, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let (item, waiting) = self.find_with_waiting(&found, kind, id).await?;
        let pending = waiting.len();
        let revision = item.row.as_ref().map_or(0, |row| row.revision);
        if let Some(row) = &item.row {
            match row.state {
                LinkState::Linked => {
                    let item = item_of(row)?;
                    return Ok(ItemView { id: id.to_owned(), item, revision, pending });
                }
                LinkState::Private { .. } => {
                    let text = "the appointment is private in Exchange: its content is not kept";
                    return Err(Refusal::Conflict(text.to_owned()));
                }
                LinkState::New | LinkState::Deleted { .. } => {}
            }
        }
        match waiting_item(&waiting) {
            Some(item) => Ok(ItemView { id: id.to_owned(), item, revision, pending }),
            None => Err(Refusal::NotFound { what: kind.as_str() }),
        }
    }

    pub(super) async fn list_items(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ItemView>, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let after = after.map(LinkId::parse).transpose().map_err(|_| bad_cursor("after"))?;
        let page = self.records.links(&found.scope, after, limit).await?;
        let mut entries = Vec::new();
        for row in page.links {
            if row.kind != kind || row.state != LinkState::Linked || !is_announced(&row)? {
                continue;
            }
            let key = row.business_key.as_ref().map(|key| key.as_str().to_owned());
            entries.push(ItemView {
                id: key.unwrap_or_else(|| row.link.to_string()),
                item: item_of(&row)?,
                revision: row.revision,
                pending: 0,
            });
        }
        Ok(Listing { entries, next: page.next.map(|link| link.to_string()) })
    }

    pub(super) async fn list_history(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<HistoryView>, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let item = self.find_item(&found, kind, id).await?;
        let now = self.world.now();
        let page = self.records.history(&found.scope, item.link, after, limit, now).await?;
        if page.entries.is_empty() && after.is_none() && item.row.is_none() {
            return Err(Refusal::NotFound { what: kind.as_str() });
        }
        let entries = page
            .entries
            .into_iter()
            .map(|entry| HistoryView {
                at: entry.at.to_string(),
                actor: entry.actor,
                decision: entry.decision,
                reason: entry.reason,
                revision: entry.revision,
            })
            .collect();
        Ok(Listing { entries, next: page.next })
    }

    /// The id that the business system knows an item by.
    pub(super) async fn id_of(
        &self,
        scope: &MailboxScope,
        link: LinkId,
    ) -> Result<String, Refusal> {
        let row = self.records.link(scope, link).await?;
        let mut key = row.and_then(|row| row.business_key);
        if key.is_none() {
            let waiting = self.records.pending_of_link(scope, link).await?;
            key = waiting.into_iter().find_map(|row| row.business_key);
        }
        Ok(key.map_or_else(|| link.to_string(), |key| key.as_str().to_owned()))
    }
}

/// Says at once what can be said of a change. What depends on changes that still wait is said when
/// they are carried out.
fn check(
    item: &FoundItem,
    waiting: &[PendingRow],
    change: &ItemChangeRequest,
) -> Result<Vec<String>, Refusal> {
    let state = item.row.as_ref().map(|row| row.state);
    let gone = matches!(state, None | Some(LinkState::New | LinkState::Deleted { .. }));
    let (value, mode) = match change {
        ItemChangeRequest::Put(value) => (value, ReadMode::Put),
        ItemChangeRequest::Patch(value) => (value, ReadMode::Patch),
        ItemChangeRequest::Delete if gone && waiting.is_empty() => {
            return Err(Refusal::NotFound { what: "appointment" });
        }
        ItemChangeRequest::Delete => return Ok(Vec::new()),
    };
    check_patch(value, mode).map_err(Refusal::Invalid)?;
    if !waiting.is_empty() {
        return Ok(Vec::new());
    }
    let base = item.row.as_ref().map(base_of).transpose()?.flatten();
    let reading = match (&base, mode, gone) {
        (Some(base), ReadMode::Put, _) => read_event_patch(value, Some(&base.business)),
        (Some(base), ReadMode::Patch, _) => read_merge_patch(value, &base.business),
        (None, ReadMode::Put, true) => read_event_patch(value, None),
        (None, ReadMode::Patch, true) => return Err(Refusal::NotFound { what: "appointment" }),
        // A private item: what it is read against is known only when it is carried out.
        (None, _, false) => return Ok(Vec::new()),
    };
    Ok(reading.map_err(Refusal::Invalid)?.ignored)
}

fn to_bytes(value: &Value) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|_| Refusal::Internal)
}

fn base_of(row: &LinkRow) -> Result<Option<Base>, Refusal> {
    match (row.state, &row.base_exchange) {
        (LinkState::Linked, Some(bytes)) => {
            decode_base(bytes).map(Some).map_err(|_| Refusal::Internal)
        }
        _ => Ok(None),
    }
}

fn is_announced(row: &LinkRow) -> Result<bool, Refusal> {
    Ok(base_of(row)?.is_some_and(|base| base.announced))
}

fn item_of(row: &LinkRow) -> Result<Value, Refusal> {
    let base = base_of(row)?.ok_or(Refusal::Internal)?;
    let copy_role = match row.role.as_deref() {
        Some("organizer") => Some(CopyRole::Organizer),
        Some("attendee") => Some(CopyRole::Attendee),
        Some("appointment") => Some(CopyRole::Appointment),
        _ => None,
    };
    Ok(write_event(&base.business, &WriteOptions { copy_role, ..WriteOptions::default() }))
}

/// What a put asked for that is not carried out yet; none when a delete waits after it.
fn waiting_item(waiting: &[PendingRow]) -> Option<Value> {
    let decisive = waiting.iter().rev().find(|row| row.operation != PendingOperation::Patch)?;
    let put = Some(decisive).filter(|row| row.operation == PendingOperation::Put)?;
    let mut item: Value = serde_json::from_slice(&put.body).ok()?;
    item.as_object_mut()?.insert("tidemark:pending".to_owned(), json!(true));
    Some(item)
}
