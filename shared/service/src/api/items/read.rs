//! What the business system may read back: items, and the decisions about them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidemark_engine::Base;
use tidemark_jscalendar::{WriteOptions, write_event};
use tidemark_model::{CopyRole, Kind, LinkId};
use tidemark_store::records::{
    HistoryCursor, HistoryEntry, LinkPage, LinkRow, MailboxScope, Waiting,
};
use tidemark_store::records::{PendingOperation, PendingRow};

use super::{Known, version_of};
use crate::border::{Caller, HistoryView, ItemView, Listing, Refusal};
use crate::service::Service;

impl Service {
    pub(in crate::api) async fn view_item(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
    ) -> Result<ItemView, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let (item, waiting) = self.find_with_waiting(&found, kind, id).await?;
        let known = Known::of(item.row.as_ref(), self.world.now())?;
        let revision = item.row.as_ref().map_or(0, |row| row.revision);
        let version = version_of(revision, waiting.last().map(|row| row.number));
        let view = |item| ItemView { id: id.to_owned(), item, version, pending: waiting.len() };
        match (known, waiting_item(&waiting)) {
            (Known::Shown { base, .. }, _) => Ok(view(write_item(&base, item.row.as_ref()))),
            (Known::Private, _) => {
                let text = "the appointment is private in Exchange: its content is not kept";
                Err(Refusal::Conflict(text.to_owned()))
            }
            (Known::Nothing | Known::Deleted { .. }, Some(put)) => Ok(view(put)),
            (Known::Deleted { in_exchange }, None) => {
                Err(Refusal::Deleted { what: kind.as_str(), in_exchange })
            }
            (Known::Nothing, None) => Err(Refusal::NotFound { what: kind.as_str() }),
        }
    }

    pub(in crate::api) async fn list_items(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ItemView>, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let after = after.map(LinkId::parse).transpose();
        let after = after.map_err(|_| Refusal::InvalidCursor { parameter: "after" })?;
        let page = self.records.links(&found.scope, after, limit).await?;
        let waiting = self.waiting_for(&found.scope, &page).await?;
        let now = self.world.now();
        let mut entries = Vec::new();
        for row in page.links.iter().filter(|row| row.kind == kind) {
            let Known::Shown { base, revision } = Known::of(Some(row), now)? else {
                continue;
            };
            let waiting = waiting.get(&row.link);
            let key = row.business_key.as_ref().map(|key| key.as_str().to_owned());
            entries.push(ItemView {
                id: key.unwrap_or_else(|| row.link.to_string()),
                item: write_item(&base, Some(row)),
                version: version_of(revision, waiting.map(|waiting| waiting.last)),
                pending: waiting.map_or(0, |waiting| waiting.changes),
            });
        }
        Ok(Listing { entries, next: page.next.map(|link| link.to_string()) })
    }

    /// What waits for the items of a page.
    async fn waiting_for(
        &self,
        scope: &MailboxScope,
        page: &LinkPage,
    ) -> Result<BTreeMap<LinkId, Waiting>, Refusal> {
        match (page.links.first(), page.links.last()) {
            (Some(first), Some(last)) => {
                Ok(self.records.waiting_of_links(scope, first.link, last.link).await?)
            }
            _ => Ok(BTreeMap::new()),
        }
    }

    pub(in crate::api) async fn list_history(
        &self,
        caller: &Caller,
        mailbox: &str,
        kind: Kind,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<HistoryView>, Refusal> {
        let found = self.find_items_of(caller, mailbox).await?;
        let after = after
            .map(|text| {
                HistoryCursor::parse(text).ok_or(Refusal::InvalidCursor { parameter: "after" })
            })
            .transpose()?;
        let item = self.find_item(&found, kind, id).await?;
        let now = self.world.now();
        let page =
            self.records.history(&found.scope, item.link, after.as_ref(), limit, now).await?;
        if page.entries.is_empty() && after.is_none() && item.row.is_none() {
            return Err(Refusal::NotFound { what: kind.as_str() });
        }
        let entries = page.entries.into_iter().map(view_of).collect();
        Ok(Listing { entries, next: page.next.map(|place| place.as_str().to_owned()) })
    }
}

fn view_of(entry: HistoryEntry) -> HistoryView {
    HistoryView {
        at: entry.at.to_string(),
        actor: entry.actor,
        decision: entry.decision,
        reason: entry.reason,
        revision: entry.revision,
    }
}

fn write_item(base: &Base, row: Option<&LinkRow>) -> Value {
    let copy_role = match row.and_then(|row| row.role.as_deref()) {
        Some("organizer") => Some(CopyRole::Organizer),
        Some("attendee") => Some(CopyRole::Attendee),
        Some("appointment") => Some(CopyRole::Appointment),
        _ => None,
    };
    write_event(&base.business, &WriteOptions { copy_role, ..WriteOptions::default() })
}

/// What a put asked for that is not carried out yet; none when a delete waits after it.
fn waiting_item(waiting: &[PendingRow]) -> Option<Value> {
    let decisive = waiting.iter().rev().find(|row| row.operation != PendingOperation::Patch)?;
    let put = Some(decisive).filter(|row| row.operation == PendingOperation::Put)?;
    let mut item: Value = serde_json::from_slice(&put.body).ok()?;
    item.as_object_mut()?.insert("tidemark:pending".to_owned(), json!(true));
    Some(item)
}
